// RUN: mqa-opt %s --mqa-fuse-topk --split-input-file | FileCheck %s
// RUN: mqa-opt %s --mqa-fuse-topk --mqa-verify-kernel-functions --split-input-file -o /dev/null
// RUN: mqa-opt %s --mqa-fuse-topk --mqa-bufferize --canonicalize --mqa-verify-kernel-functions --split-input-file | FileCheck %s --check-prefix=BUFFERS

// The sizes are those of the destination; `clean` is dropped.
// CHECK-LABEL: func @contiguous
// CHECK-SAME: %[[Q:[a-z0-9]+]]: tensor<?x4x32xbf16>, %[[K:[a-z0-9]+]]: tensor<?x32xbf16>
// CHECK-DAG: %[[M:.*]] = tensor.dim %[[Q]], %c0
// CHECK-DAG: %[[N:.*]] = tensor.dim %[[K]], %c0
// CHECK-NOT: tensor.empty
// CHECK: %[[INIT:.*]] = mqa.unstored_logits(%[[M]], %[[N]]) : tensor<?x?xf32>
// CHECK: %[[LOGITS:.*]] = mqa.logits {{.*}} outs(%[[INIT]] : tensor<?x?xf32>) -> tensor<?x?xf32>
// CHECK: mqa.topk ins(%[[LOGITS]], %{{.*}}, %{{.*}} :
// BUFFERS-LABEL: func @contiguous
// BUFFERS: %[[INIT:.*]] = mqa.unstored_logits(%{{.*}}, %{{.*}}) : memref<?x?xf32>
// BUFFERS-NOT: memref.copy
// BUFFERS: mqa.logits {{.*}} outs(%[[INIT]] : memref<?x?xf32>)
// BUFFERS-NOT: memref.copy
// BUFFERS: mqa.topk ins(%[[INIT]],
func.func @contiguous(%q: tensor<?x4x32xbf16>, %k: tensor<?x32xbf16>, %ks: tensor<?xi32>, %ke: tensor<?xi32>, %indices: tensor<?x16xi32>) -> tensor<?x16xi32> {
  %c0 = arith.constant 0 : index
  %m = tensor.dim %q, %c0 : tensor<?x4x32xbf16>
  %n = tensor.dim %k, %c0 : tensor<?x32xbf16>
  %init = tensor.empty(%m, %n) : tensor<?x?xf32>
  %logits = mqa.logits ins(%q, %k, none, none, %ks, %ke : tensor<?x4x32xbf16>, tensor<?x32xbf16>, tensor<?xi32>, tensor<?xi32>) outs(%init : tensor<?x?xf32>) {clean} -> tensor<?x?xf32>
  %best = mqa.topk ins(%logits, %ks, %ke : tensor<?x?xf32>, tensor<?xi32>, tensor<?xi32>) outs(%indices : tensor<?x16xi32>) -> tensor<?x16xi32>
  return %best : tensor<?x16xi32>
}

// -----

// 16-bit logits, values, a table and an offset that only mqa.topk has.
// CHECK-LABEL: func @more
// CHECK: mqa.unstored_logits() : tensor<4x64xbf16>
// CHECK: mqa.logits
// CHECK: mqa.topk
// BUFFERS-LABEL: func @more
// BUFFERS: mqa.unstored_logits() : memref<4x64xbf16>
func.func @more(%q: tensor<4x4x32xbf16>, %k: tensor<64x32xbf16>, %ke: tensor<4xi32>, %table: tensor<2x?xi32>, %sequence: tensor<4xi32>, %offset: tensor<4xi32>, %indices: tensor<4x16xi32>, %values: tensor<4x16xf32>) -> (tensor<4x16xi32>, tensor<4x16xf32>) {
  %init = bufferization.alloc_tensor() : tensor<4x64xbf16>
  %logits = mqa.logits ins(%q, %k, none, none, none, %ke : tensor<4x4x32xbf16>, tensor<64x32xbf16>, tensor<4xi32>) outs(%init : tensor<4x64xbf16>) -> tensor<4x64xbf16>
  %best:2 = mqa.topk ins(%logits, none, %ke : tensor<4x64xbf16>, tensor<4xi32>) block_table(%table : tensor<2x?xi32>) sequence(%sequence : tensor<4xi32>) offset(%offset : tensor<4xi32>) outs(%indices, %values : tensor<4x16xi32>, tensor<4x16xf32>) {base = #mqa.base<slot>, block_kv = 16} -> tensor<4x16xi32>, tensor<4x16xf32>
  return %best#0, %best#1 : tensor<4x16xi32>, tensor<4x16xf32>
}

// -----

// The number of columns is an argument, and of a sequence as many rows as next_n says.
// CHECK-LABEL: func @paged
// CHECK-SAME: %[[N:[a-z0-9]+]]: index
// CHECK: %[[M:.*]] = arith.muli
// CHECK: %[[INIT:.*]] = mqa.unstored_logits(%[[M]], %[[N]]) : tensor<?x?xf16>
// CHECK: mqa.paged_logits {{.*}} outs(%[[INIT]] : tensor<?x?xf16>) -> tensor<?x?xf16>
// CHECK: mqa.topk
// BUFFERS-LABEL: func @paged
// BUFFERS-SAME: %[[N:[a-z0-9]+]]: index
// BUFFERS: mqa.unstored_logits(%{{.*}}, %[[N]]) : memref<?x?xf16>
func.func @paged(%q: tensor<?x2x4x32xbf16>, %k: tensor<?x16x32xbf16>, %lens: tensor<?xi32>, %table: tensor<?x?xi32>, %n: index, %indices: tensor<?x16xi32>) -> tensor<?x16xi32> {
  %c0 = arith.constant 0 : index
  %c2 = arith.constant 2 : index
  %b = tensor.dim %q, %c0 : tensor<?x2x4x32xbf16>
  %m = arith.muli %b, %c2 : index
  %init = tensor.empty(%m, %n) : tensor<?x?xf16>
  %logits = mqa.paged_logits ins(%q, %k, none, none, %lens, %table : tensor<?x2x4x32xbf16>, tensor<?x16x32xbf16>, tensor<?xi32>, tensor<?x?xi32>) outs(%init : tensor<?x?xf16>) {clean} -> tensor<?x?xf16>
  %best = mqa.topk ins(%logits, none, none : tensor<?x?xf16>) context_lens(%lens : tensor<?xi32>) block_table(%table : tensor<?x?xi32>) outs(%indices : tensor<?x16xi32>) {base = #mqa.base<slot>, block_kv = 16, next_n = 2} -> tensor<?x16xi32>
  return %best : tensor<?x16xi32>
}

// -----

// Memrefs: the memory is gone, and with it its end.
// CHECK-LABEL: func @memrefs
// CHECK-NOT: memref.alloc
// CHECK: %[[INIT:.*]] = mqa.unstored_logits(%{{.*}}) : memref<?x64xf32>
// CHECK: mqa.logits {{.*}} outs(%[[INIT]] : memref<?x64xf32>){{$}}
// CHECK: mqa.topk ins(%[[INIT]],
// CHECK-NOT: memref.dealloc
// CHECK: return
func.func @memrefs(%q: memref<?x4x32xbf16>, %k: memref<64x32xbf16>, %ke: memref<?xi32>, %indices: memref<?x16xi32>) {
  %c0 = arith.constant 0 : index
  %m = memref.dim %q, %c0 : memref<?x4x32xbf16>
  %init = memref.alloc(%m) : memref<?x64xf32>
  mqa.logits ins(%q, %k, none, none, none, %ke : memref<?x4x32xbf16>, memref<64x32xbf16>, memref<?xi32>) outs(%init : memref<?x64xf32>) {clean}
  mqa.topk ins(%init, none, %ke : memref<?x64xf32>, memref<?xi32>) outs(%indices : memref<?x16xi32>)
  memref.dealloc %init : memref<?x64xf32>
  return
}

// -----

// Types that say more or less in between.
// CHECK-LABEL: func @casts
// CHECK-NEXT: %[[INIT:.*]] = mqa.unstored_logits() : tensor<4x64xf32>
// CHECK-NEXT: %[[LOGITS:.*]] = mqa.logits {{.*}} outs(%[[INIT]] : tensor<4x64xf32>)
// CHECK-NEXT: mqa.topk ins(%[[LOGITS]],
func.func @casts(%q: tensor<4x4x32xbf16>, %k: tensor<64x32xbf16>, %ke: tensor<4xi32>, %indices: tensor<4x16xi32>) -> tensor<4x16xi32> {
  %empty = tensor.empty() : tensor<4x64xf32>
  %open = tensor.cast %empty : tensor<4x64xf32> to tensor<?x?xf32>
  %init = tensor.cast %open : tensor<?x?xf32> to tensor<4x64xf32>
  %logits = mqa.logits ins(%q, %k, none, none, none, %ke : tensor<4x4x32xbf16>, tensor<64x32xbf16>, tensor<4xi32>) outs(%init : tensor<4x64xf32>) -> tensor<4x64xf32>
  %some = tensor.cast %logits : tensor<4x64xf32> to tensor<?x?xf32>
  %best = mqa.topk ins(%some, none, %ke : tensor<?x?xf32>, tensor<4xi32>) outs(%indices : tensor<4x16xi32>) -> tensor<4x16xi32>
  return %best : tensor<4x16xi32>
}

// What is fused already loses `clean` too.
// CHECK-LABEL: func @fused_before(
// CHECK: mqa.logits
// CHECK-NOT: clean
// CHECK: mqa.topk
func.func @fused_before(%q: tensor<4x4x32xbf16>, %k: tensor<64x32xbf16>, %ke: tensor<4xi32>, %indices: tensor<4x16xi32>) -> tensor<4x16xi32> {
  %unstored = mqa.unstored_logits() : tensor<4x64xf32>
  %logits = mqa.logits ins(%q, %k, none, none, none, %ke : tensor<4x4x32xbf16>, tensor<64x32xbf16>, tensor<4xi32>) outs(%unstored : tensor<4x64xf32>) {clean} -> tensor<4x64xf32>
  %0 = mqa.topk ins(%logits, none, %ke : tensor<4x64xf32>, tensor<4xi32>) outs(%indices : tensor<4x16xi32>) -> tensor<4x16xi32>
  return %0 : tensor<4x16xi32>
}

// -----

// Rows that name their sequences, with the same table.
// CHECK-LABEL: func @rows
// CHECK: %[[INIT:.*]] = mqa.unstored_logits(%{{.*}}, %{{.*}}) : tensor<?x?xf32>
// CHECK: %[[LOGITS:.*]] = mqa.paged_logits {{.*}} outs(%[[INIT]] : tensor<?x?xf32>)
// CHECK: mqa.topk ins(%[[LOGITS]], none, none {{.*}} sequence(
func.func @rows(%q: tensor<?x4x32xbf16>, %k: tensor<?x64x32xbf16>, %lens: tensor<?xi32>, %table: tensor<?x?xi32>, %sequence: tensor<?xi32>, %columns: index, %indices: tensor<?x16xi32>) -> tensor<?x16xi32> {
  %c0 = arith.constant 0 : index
  %m = tensor.dim %q, %c0 : tensor<?x4x32xbf16>
  %init = tensor.empty(%m, %columns) : tensor<?x?xf32>
  %logits = mqa.paged_logits ins(%q, %k, none, none, %lens, %table : tensor<?x4x32xbf16>, tensor<?x64x32xbf16>, tensor<?xi32>, tensor<?x?xi32>) sequence(%sequence : tensor<?xi32>) outs(%init : tensor<?x?xf32>) -> tensor<?x?xf32>
  %best = mqa.topk ins(%logits, none, none : tensor<?x?xf32>) context_lens(%lens : tensor<?xi32>) block_table(%table : tensor<?x?xi32>) sequence(%sequence : tensor<?xi32>) outs(%indices : tensor<?x16xi32>) {base = #mqa.base<slot>, block_kv = 64} -> tensor<?x16xi32>
  return %best : tensor<?x16xi32>
}

// -----

// The same blocks, and as many keys as `k` has.
// CHECK-LABEL: func @blocks
// CHECK: %[[INIT:.*]] = mqa.unstored_logits(%{{.*}}) : tensor<?x160xf32>
// CHECK: %[[LOGITS:.*]] = mqa.logits {{.*}} blocks({{.*}}) of 8 outs(%[[INIT]] : tensor<?x160xf32>)
// CHECK: mqa.topk ins(%[[LOGITS]], {{.*}} num_keys(%{{.*}}) blocks({{.*}}) of 8
// BUFFERS-LABEL: func @blocks
// BUFFERS: mqa.logits {{.*}} blocks({{.*}} : memref<?x20xi32
// BUFFERS: mqa.topk {{.*}} blocks({{.*}} : memref<?x20xi32
func.func @blocks(%q: tensor<?x4x32xbf16>, %k: tensor<?x32xbf16>, %ke: tensor<?xi32>, %blocks: tensor<?x20xi32>, %counts: tensor<?xi32>, %indices: tensor<?x16xi32>) -> tensor<?x16xi32> {
  %c0 = arith.constant 0 : index
  %m = tensor.dim %q, %c0 : tensor<?x4x32xbf16>
  %n = tensor.dim %k, %c0 : tensor<?x32xbf16>
  %init = tensor.empty(%m) : tensor<?x160xf32>
  %logits = mqa.logits ins(%q, %k, none, none, none, %ke : tensor<?x4x32xbf16>, tensor<?x32xbf16>, tensor<?xi32>) blocks(%blocks, %counts : tensor<?x20xi32>, tensor<?xi32>) of 8 outs(%init : tensor<?x160xf32>) {clean} -> tensor<?x160xf32>
  %best = mqa.topk ins(%logits, none, %ke : tensor<?x160xf32>, tensor<?xi32>) num_keys(%n) blocks(%blocks, %counts : tensor<?x20xi32>, tensor<?xi32>) of 8 outs(%indices : tensor<?x16xi32>) {base = #mqa.base<absolute>} -> tensor<?x16xi32>
  return %best : tensor<?x16xi32>
}
