// RUN: mqa-opt %s --mqa-fuse-topk --mqa-split-topk --split-input-file | FileCheck %s
// RUN: mqa-opt %s --mqa-fuse-topk --mqa-split-topk --mqa-verify-kernel-functions --split-input-file -o /dev/null

// Two functions in the place of one. Each has its own operands, and the logits are the last one.
// CHECK: module attributes {mqa.steps = {select = ["select$logits", "select$topk"]}, mqa.target
module attributes {mqa.target = #mqa.target<chip = "sm_90a">} {
  // CHECK: func @select$logits(%[[Q:.*]]: tensor<?x4x32xbf16>, %[[K:.*]]: tensor<?x32xbf16>, %[[KS:.*]]: tensor<?xi32>, %[[KE:.*]]: tensor<?xi32>, %[[OUT:.*]]: tensor<?x?xbf16>) -> tensor<?x?xbf16> {
  // CHECK-NEXT: %[[L:.*]] = mqa.logits ins(%[[Q]], %[[K]], none, none, %[[KS]], %[[KE]] : {{.*}}) outs(%[[OUT]] : tensor<?x?xbf16>)
  // CHECK-NEXT: return %[[L]]
  // CHECK: func @select$topk(%[[KS:.*]]: tensor<?xi32>, %[[KE:.*]]: tensor<?xi32>, %[[OFFSET:.*]]: tensor<?xi32>, %[[I:.*]]: tensor<?x16xi32>, %[[V:.*]]: tensor<?x16xf32>, %[[LOGITS:.*]]: tensor<?x?xbf16>) -> (tensor<?x16xi32>, tensor<?x16xf32>) {
  // CHECK-NEXT: %[[B:.*]]:2 = mqa.topk ins(%[[LOGITS]], %[[KS]], %[[KE]] : {{.*}}) offset(%[[OFFSET]] : tensor<?xi32>) outs(%[[I]], %[[V]] : {{.*}})
  // CHECK-NEXT: return %[[B]]#0, %[[B]]#1
  // CHECK-NOT: func
  func.func @select(%q: tensor<?x4x32xbf16>, %k: tensor<?x32xbf16>, %ks: tensor<?xi32>, %ke: tensor<?xi32>, %offset: tensor<?xi32>, %indices: tensor<?x16xi32>, %values: tensor<?x16xf32>) -> (tensor<?x16xi32>, tensor<?x16xf32>) {
    %c0 = arith.constant 0 : index
    %m = tensor.dim %q, %c0 : tensor<?x4x32xbf16>
    %n = tensor.dim %k, %c0 : tensor<?x32xbf16>
    %init = tensor.empty(%m, %n) : tensor<?x?xbf16>
    %logits = mqa.logits ins(%q, %k, none, none, %ks, %ke : tensor<?x4x32xbf16>, tensor<?x32xbf16>, tensor<?xi32>, tensor<?xi32>) outs(%init : tensor<?x?xbf16>) -> tensor<?x?xbf16>
    %best:2 = mqa.topk ins(%logits, %ks, %ke : tensor<?x?xbf16>, tensor<?xi32>, tensor<?xi32>) offset(%offset : tensor<?xi32>) outs(%indices, %values : tensor<?x16xi32>, tensor<?x16xf32>) -> tensor<?x16xi32>, tensor<?x16xf32>
    return %best#0, %best#1 : tensor<?x16xi32>, tensor<?x16xf32>
  }
}

// -----

// On memrefs, rows of logits may be any distance apart. Functions of one op stay.
// CHECK: module attributes {mqa.steps = {select = ["select$logits", "select$topk"]}
module attributes {mqa.target = #mqa.target<chip = "sm_90a">} {
  // CHECK: func @select$logits({{.*}}: memref<4x4x32xbf16>, {{.*}}: memref<300x32xbf16>, {{.*}}: memref<4xi32>, %[[OUT:.*]]: memref<4x300xf32, strided<[?, 1], offset: ?>>) {
  // CHECK-NEXT: mqa.logits {{.*}} outs(%[[OUT]]
  // CHECK-NEXT: return
  // CHECK: func @select$topk(%{{.*}}: memref<4xi32>, %{{.*}}: memref<4x16xi32>, %[[LOGITS:.*]]: memref<4x300xf32, strided<[?, 1], offset: ?>>) {
  // CHECK-NEXT: mqa.topk ins(%[[LOGITS]]
  // CHECK-NEXT: return
  func.func @select(%q: memref<4x4x32xbf16>, %k: memref<300x32xbf16>, %ke: memref<4xi32>, %indices: memref<4x16xi32>) {
    %init = memref.alloc() : memref<4x300xf32>
    mqa.logits ins(%q, %k, none, none, none, %ke : memref<4x4x32xbf16>, memref<300x32xbf16>, memref<4xi32>) outs(%init : memref<4x300xf32>)
    mqa.topk ins(%init, none, %ke : memref<4x300xf32>, memref<4xi32>) outs(%indices : memref<4x16xi32>)
    return
  }
  // CHECK: func @logits(
  func.func @logits(%q: tensor<4x4x32xbf16>, %k: tensor<300x32xbf16>, %ke: tensor<4xi32>, %out: tensor<4x300xf32>) -> tensor<4x300xf32> {
    %0 = mqa.logits ins(%q, %k, none, none, none, %ke : tensor<4x4x32xbf16>, tensor<300x32xbf16>, tensor<4xi32>) outs(%out : tensor<4x300xf32>) -> tensor<4x300xf32>
    return %0 : tensor<4x300xf32>
  }
}

// -----

// Without WGMMA, one kernel.
// CHECK-NOT: mqa.steps
module attributes {mqa.target = #mqa.target<chip = "sm_89">} {
  // CHECK: func @select(
  // CHECK: mqa.unstored_logits
  func.func @select(%q: tensor<4x4x32xbf16>, %k: tensor<300x32xbf16>, %ke: tensor<4xi32>, %indices: tensor<4x16xi32>) -> tensor<4x16xi32> {
    %init = tensor.empty() : tensor<4x300xf32>
    %logits = mqa.logits ins(%q, %k, none, none, none, %ke : tensor<4x4x32xbf16>, tensor<300x32xbf16>, tensor<4xi32>) outs(%init : tensor<4x300xf32>) -> tensor<4x300xf32>
    %best = mqa.topk ins(%logits, none, %ke : tensor<4x300xf32>, tensor<4xi32>) outs(%indices : tensor<4x16xi32>) -> tensor<4x16xi32>
    return %best : tensor<4x16xi32>
  }
}

// -----

// Of a paged cache, each part has the operands that it reads.
// CHECK: module attributes {mqa.steps = {paged = ["paged$logits", "paged$topk"]}
module attributes {mqa.target = #mqa.target<chip = "sm_90a">} {
  // CHECK: func @paged$logits(%{{.*}}: tensor<?x1x4x32xbf16>, %{{.*}}: tensor<?x64x32xbf16>, %{{.*}}: tensor<?xi32>, %{{.*}}: tensor<?x?xi32>, %{{.*}}: tensor<?x?xf32>)
  // CHECK: mqa.paged_logits
  // CHECK: func @paged$topk(%{{.*}}: tensor<?xi32>, %{{.*}}: tensor<?x16xi32>, %{{.*}}: tensor<?x?xf32>)
  // CHECK: mqa.topk
  func.func @paged(%q: tensor<?x1x4x32xbf16>, %k: tensor<?x64x32xbf16>, %lens: tensor<?xi32>, %table: tensor<?x?xi32>, %n: index, %indices: tensor<?x16xi32>) -> tensor<?x16xi32> {
    %c0 = arith.constant 0 : index
    %m = tensor.dim %q, %c0 : tensor<?x1x4x32xbf16>
    %init = tensor.empty(%m, %n) : tensor<?x?xf32>
    %logits = mqa.paged_logits ins(%q, %k, none, none, %lens, %table : tensor<?x1x4x32xbf16>, tensor<?x64x32xbf16>, tensor<?xi32>, tensor<?x?xi32>) outs(%init : tensor<?x?xf32>) -> tensor<?x?xf32>
    %best = mqa.topk ins(%logits, none, none : tensor<?x?xf32>) context_lens(%lens : tensor<?xi32>) outs(%indices : tensor<?x16xi32>) -> tensor<?x16xi32>
    return %best : tensor<?x16xi32>
  }
}

// -----

// A number of columns that is known, which may be more than the keys of a line of the table; a name that is taken.
// CHECK-NOT: mqa.steps
module attributes {mqa.target = #mqa.target<chip = "sm_90a">} {
  // CHECK: func @columns(
  // CHECK: mqa.unstored_logits
  func.func @columns(%q: tensor<?x1x4x32xbf16>, %k: tensor<?x64x32xbf16>, %lens: tensor<?xi32>, %table: tensor<?x?xi32>, %indices: tensor<?x16xi32>) -> tensor<?x16xi32> {
    %c0 = arith.constant 0 : index
    %m = tensor.dim %q, %c0 : tensor<?x1x4x32xbf16>
    %init = tensor.empty(%m) : tensor<?x4096xf32>
    %logits = mqa.paged_logits ins(%q, %k, none, none, %lens, %table : tensor<?x1x4x32xbf16>, tensor<?x64x32xbf16>, tensor<?xi32>, tensor<?x?xi32>) outs(%init : tensor<?x4096xf32>) -> tensor<?x4096xf32>
    %best = mqa.topk ins(%logits, none, none : tensor<?x4096xf32>) context_lens(%lens : tensor<?xi32>) outs(%indices : tensor<?x16xi32>) -> tensor<?x16xi32>
    return %best : tensor<?x16xi32>
  }
  // The table says how many sequences there are, so the runtime could not cut their rows in pieces.
  // CHECK: func @lines(
  // CHECK: mqa.unstored_logits
  func.func @lines(%q: tensor<?x1x4x32xbf16>, %k: tensor<?x64x32xbf16>, %lens: tensor<?xi32>, %table: tensor<256x?xi32>, %n: index, %indices: tensor<?x16xi32>) -> tensor<?x16xi32> {
    %c0 = arith.constant 0 : index
    %m = tensor.dim %q, %c0 : tensor<?x1x4x32xbf16>
    %init = tensor.empty(%m, %n) : tensor<?x?xf32>
    %logits = mqa.paged_logits ins(%q, %k, none, none, %lens, %table : tensor<?x1x4x32xbf16>, tensor<?x64x32xbf16>, tensor<?xi32>, tensor<256x?xi32>) outs(%init : tensor<?x?xf32>) -> tensor<?x?xf32>
    %best = mqa.topk ins(%logits, none, none : tensor<?x?xf32>) context_lens(%lens : tensor<?xi32>) outs(%indices : tensor<?x16xi32>) -> tensor<?x16xi32>
    return %best : tensor<?x16xi32>
  }
  // CHECK: func @a(
  // CHECK: mqa.unstored_logits
  func.func @a(%q: tensor<4x4x32xbf16>, %k: tensor<300x32xbf16>, %ke: tensor<4xi32>, %indices: tensor<4x16xi32>) -> tensor<4x16xi32> {
    %init = tensor.empty() : tensor<4x300xf32>
    %logits = mqa.logits ins(%q, %k, none, none, none, %ke : tensor<4x4x32xbf16>, tensor<300x32xbf16>, tensor<4xi32>) outs(%init : tensor<4x300xf32>) -> tensor<4x300xf32>
    %best = mqa.topk ins(%logits, none, %ke : tensor<4x300xf32>, tensor<4xi32>) outs(%indices : tensor<4x16xi32>) -> tensor<4x16xi32>
    return %best : tensor<4x16xi32>
  }
  // CHECK: func @a$topk(
  func.func @a$topk(%logits: tensor<4x300xf32>, %ke: tensor<4xi32>, %indices: tensor<4x16xi32>) -> tensor<4x16xi32> {
    %0 = mqa.topk ins(%logits, none, %ke : tensor<4x300xf32>, tensor<4xi32>) outs(%indices : tensor<4x16xi32>) -> tensor<4x16xi32>
    return %0 : tensor<4x16xi32>
  }
  // Of a number of queries that is known, all logits are there at once, so they must fit.
  // CHECK: func @many(
  // CHECK: mqa.unstored_logits
  func.func @many(%q: tensor<64x4x32xbf16>, %k: tensor<?x32xbf16>, %ke: tensor<64xi32>, %indices: tensor<64x16xi32>) -> tensor<64x16xi32> {
    %c0 = arith.constant 0 : index
    %n = tensor.dim %k, %c0 : tensor<?x32xbf16>
    %init = tensor.empty(%n) : tensor<64x?xf32>
    %logits = mqa.logits ins(%q, %k, none, none, none, %ke : tensor<64x4x32xbf16>, tensor<?x32xbf16>, tensor<64xi32>) outs(%init : tensor<64x?xf32>) -> tensor<64x?xf32>
    %best = mqa.topk ins(%logits, none, %ke : tensor<64x?xf32>, tensor<64xi32>) outs(%indices : tensor<64x16xi32>) -> tensor<64x16xi32>
    return %best : tensor<64x16xi32>
  }
}

// -----

// What was split before stays named.
// CHECK: module attributes {mqa.steps = {before = ["before$logits", "before$topk"], select = ["select$logits", "select$topk"]}
module attributes {mqa.steps = {before = ["before$logits", "before$topk"]}, mqa.target = #mqa.target<chip = "sm_90a">} {
  func.func @before$logits(%q: tensor<4x4x32xbf16>, %k: tensor<300x32xbf16>, %ke: tensor<4xi32>, %out: tensor<4x300xf32>) -> tensor<4x300xf32> {
    %logits = mqa.logits ins(%q, %k, none, none, none, %ke : tensor<4x4x32xbf16>, tensor<300x32xbf16>, tensor<4xi32>) outs(%out : tensor<4x300xf32>) -> tensor<4x300xf32>
    return %logits : tensor<4x300xf32>
  }
  func.func @before$topk(%ke: tensor<4xi32>, %indices: tensor<4x16xi32>, %logits: tensor<4x300xf32>) -> tensor<4x16xi32> {
    %best = mqa.topk ins(%logits, none, %ke : tensor<4x300xf32>, tensor<4xi32>) outs(%indices : tensor<4x16xi32>) -> tensor<4x16xi32>
    return %best : tensor<4x16xi32>
  }
  func.func @select(%q: tensor<4x4x32xbf16>, %k: tensor<300x32xbf16>, %ke: tensor<4xi32>, %indices: tensor<4x16xi32>) -> tensor<4x16xi32> {
    %init = tensor.empty() : tensor<4x300xf32>
    %logits = mqa.logits ins(%q, %k, none, none, none, %ke : tensor<4x4x32xbf16>, tensor<300x32xbf16>, tensor<4xi32>) outs(%init : tensor<4x300xf32>) -> tensor<4x300xf32>
    %best = mqa.topk ins(%logits, none, %ke : tensor<4x300xf32>, tensor<4xi32>) outs(%indices : tensor<4x16xi32>) -> tensor<4x16xi32>
    return %best : tensor<4x16xi32>
  }
}

// -----

// Rows that name their sequences: two kernels for every GPU. Without slots, nothing asks for the sequences of the second.
// CHECK: module attributes {mqa.steps = {select = ["select$logits", "select$topk"]}
module attributes {mqa.target = #mqa.target<chip = "sm_80">} {
  // CHECK: func @select$logits({{.*}}, %[[LENS:.*]]: tensor<?xi32>, %[[TABLE:.*]]: tensor<?x?xi32>, %[[SEQUENCE:.*]]: tensor<?xi32>, %{{.*}}: tensor<?x?xf32>) -> tensor<?x?xf32> {
  // CHECK-NEXT: mqa.paged_logits ins({{.*}}, %[[LENS]], %[[TABLE]] : {{.*}}) sequence(%[[SEQUENCE]]
  // CHECK: func @select$topk(%[[LENS:.*]]: tensor<?xi32>, %{{.*}}: tensor<?x16xi32>, %[[LOGITS:.*]]: tensor<?x?xf32>) -> tensor<?x16xi32> {
  // CHECK-NEXT: mqa.topk ins(%[[LOGITS]], none, none : {{.*}}) context_lens(%[[LENS]] : tensor<?xi32>) outs(
  func.func @select(%q: tensor<?x4x32xbf16>, %k: tensor<?x16x32xbf16>, %lens: tensor<?xi32>, %table: tensor<?x?xi32>, %sequence: tensor<?xi32>, %n: index, %indices: tensor<?x16xi32>) -> tensor<?x16xi32> {
    %c0 = arith.constant 0 : index
    %m = tensor.dim %q, %c0 : tensor<?x4x32xbf16>
    %init = tensor.empty(%m, %n) : tensor<?x?xf32>
    %logits = mqa.paged_logits ins(%q, %k, none, none, %lens, %table : tensor<?x4x32xbf16>, tensor<?x16x32xbf16>, tensor<?xi32>, tensor<?x?xi32>) sequence(%sequence : tensor<?xi32>) outs(%init : tensor<?x?xf32>) -> tensor<?x?xf32>
    %best = mqa.topk ins(%logits, none, none : tensor<?x?xf32>) context_lens(%lens : tensor<?xi32>) outs(%indices : tensor<?x16xi32>) -> tensor<?x16xi32>
    return %best : tensor<?x16xi32>
  }
}

// -----

// Lines of the table are not as many as rows, so that a static number of them says nothing of the logits.
// CHECK: module attributes {mqa.steps = {select = ["select$logits", "select$topk"]}
module attributes {mqa.target = #mqa.target<chip = "sm_90a">} {
  // CHECK: func @select$topk(%[[LENS:.*]]: tensor<?xi32>, %[[TABLE:.*]]: tensor<3x4xi32>, %[[SEQUENCE:.*]]: tensor<?xi32>, %{{.*}}: tensor<?x16xi32>, %{{.*}}: tensor<?x?xf32>) -> tensor<?x16xi32> {
  // CHECK-NEXT: mqa.topk ins({{.*}}) context_lens(%[[LENS]] : tensor<?xi32>) block_table(%[[TABLE]] : tensor<3x4xi32>) sequence(%[[SEQUENCE]] : tensor<?xi32>)
  func.func @select(%q: tensor<?x4x32xbf16>, %k: tensor<?x16x32xbf16>, %lens: tensor<?xi32>, %table: tensor<3x4xi32>, %sequence: tensor<?xi32>, %n: index, %indices: tensor<?x16xi32>) -> tensor<?x16xi32> {
    %c0 = arith.constant 0 : index
    %m = tensor.dim %q, %c0 : tensor<?x4x32xbf16>
    %init = tensor.empty(%m, %n) : tensor<?x?xf32>
    %logits = mqa.paged_logits ins(%q, %k, none, none, %lens, %table : tensor<?x4x32xbf16>, tensor<?x16x32xbf16>, tensor<?xi32>, tensor<3x4xi32>) sequence(%sequence : tensor<?xi32>) outs(%init : tensor<?x?xf32>) -> tensor<?x?xf32>
    %best = mqa.topk ins(%logits, none, none : tensor<?x?xf32>) context_lens(%lens : tensor<?xi32>) block_table(%table : tensor<3x4xi32>) sequence(%sequence : tensor<?xi32>) outs(%indices : tensor<?x16xi32>) {base = #mqa.base<slot>, block_kv = 16} -> tensor<?x16xi32>
    return %best : tensor<?x16xi32>
  }
}

// -----

// The number of keys, which the columns of blocks do not say, is an argument of the second kernel.
// CHECK: module attributes {mqa.steps = {select = ["select$logits", "select$topk"]}
module attributes {mqa.target = #mqa.target<chip = "sm_80">} {
  // CHECK: func @select$topk(%[[KE:.*]]: tensor<?xi32>, %[[BLOCKS:.*]]: tensor<?x8xi32>, %[[COUNTS:.*]]: tensor<?xi32>, %{{.*}}: tensor<?x16xi32>, %[[N:.*]]: index, %[[LOGITS:.*]]: tensor<?x64xf32>) -> tensor<?x16xi32> {
  // CHECK-NEXT: mqa.topk ins(%[[LOGITS]], none, %[[KE]] : {{.*}}) num_keys(%[[N]]) blocks(%[[BLOCKS]], %[[COUNTS]] : {{.*}}) of 8
  func.func @select(%q: tensor<?x4x32xbf16>, %k: tensor<?x32xbf16>, %ke: tensor<?xi32>, %blocks: tensor<?x8xi32>, %counts: tensor<?xi32>, %indices: tensor<?x16xi32>) -> tensor<?x16xi32> {
    %c0 = arith.constant 0 : index
    %m = tensor.dim %q, %c0 : tensor<?x4x32xbf16>
    %n = tensor.dim %k, %c0 : tensor<?x32xbf16>
    %init = tensor.empty(%m) : tensor<?x64xf32>
    %logits = mqa.logits ins(%q, %k, none, none, none, %ke : tensor<?x4x32xbf16>, tensor<?x32xbf16>, tensor<?xi32>) blocks(%blocks, %counts : tensor<?x8xi32>, tensor<?xi32>) of 8 outs(%init : tensor<?x64xf32>) -> tensor<?x64xf32>
    %best = mqa.topk ins(%logits, none, %ke : tensor<?x64xf32>, tensor<?xi32>) num_keys(%n) blocks(%blocks, %counts : tensor<?x8xi32>, tensor<?xi32>) of 8 outs(%indices : tensor<?x16xi32>) -> tensor<?x16xi32>
    return %best : tensor<?x16xi32>
  }
}
