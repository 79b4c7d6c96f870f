// RUN: mqa-opt %s --pass-pipeline='builtin.module(func.func(mqa-tile-tasks))' --split-input-file | FileCheck %s
// RUN: mqa-opt %s --pass-pipeline='builtin.module(func.func(mqa-tile-tasks{tile-sizes=3,32}))' --split-input-file | FileCheck %s --check-prefix=SIZES
// RUN: not mqa-opt %s --pass-pipeline='builtin.module(func.func(mqa-tile-tasks{tile-sizes=3}))' --split-input-file 2>&1 | FileCheck %s --check-prefix=BAD
// RUN: mqa-opt %s --pass-pipeline='builtin.module(mqa-attach-target{chip=cpu features=amx-bf16},func.func(mqa-tile-tasks))' --split-input-file | FileCheck %s --check-prefix=AMX
// RUN: mqa-opt %s --pass-pipeline='builtin.module(mqa-attach-target{chip=cpu features=avx512bf16},func.func(mqa-tile-tasks))' --split-input-file | FileCheck %s --check-prefix=DOT
// BAD: 'tile-sizes' needs two positive sizes: queries and keys

// CHECK-LABEL: func @memrefs
// CHECK: scf.forall (%[[M:.*]], %[[N:.*]]) = (0, 0) to (%{{.*}}, %{{.*}}) step (16, 128)
// CHECK: memref.subview %{{.*}}[%[[M]], 0, 0]
// CHECK: memref.subview %{{.*}}[%[[N]], 0]
// The tile counts keys from its first one; ranges count from the sequence's, all of
// whose keys they know.
// CHECK: %[[ALL:.*]] = mqa.make_ranges %{{.*}}, %{{.*}} keys(%{{.*}}) :
// CHECK: %[[OWN:.*]] = mqa.narrow_ranges %[[ALL]][%[[M]]] rows
// CHECK: mqa.logits {{.*}} ranges(%[[OWN]]) key_offset(%[[N]]) outs
// AMX-LABEL: func @memrefs
// AMX: step (16, 1024)
// DOT-LABEL: func @memrefs
// DOT: step (16, 256)
// SIZES-LABEL: func @memrefs
// SIZES: step (3, 32)
func.func @memrefs(%q: memref<?x64x128xf8E4M3FN>, %k: memref<?x128xf8E4M3FN>, %s: memref<?xf32>, %w: memref<?x64xf32>, %ks: memref<?xi32>, %ke: memref<?xi32>, %out: memref<?x?xf32>) {
  mqa.logits ins(%q, %k, %s, %w, %ks, %ke : memref<?x64x128xf8E4M3FN>, memref<?x128xf8E4M3FN>, memref<?xf32>, memref<?x64xf32>, memref<?xi32>, memref<?xi32>) outs(%out : memref<?x?xf32>)
  return
}

// -----

// An offset that the op has is added to.
// CHECK-LABEL: func @offset
// CHECK-SAME: %[[START:[a-z0-9]+]]: index
// CHECK: scf.forall (%[[M:.*]], %[[N:.*]]) =
// The sequence ends with the op's last key.
// CHECK: %[[END:.*]] = affine.apply #{{.*}}()[%[[START]], %{{.*}}]
// CHECK: mqa.make_ranges {{.*}} keys(%[[END]]) :
// CHECK: %[[SUM:.*]] = affine.apply #{{.*}}(%{{.*}})[%{{.*}}]
// CHECK: mqa.logits {{.*}} key_offset(%[[SUM]]) outs
func.func @offset(%q: memref<?x64x128xf8E4M3FN>, %k: memref<?x128xf8E4M3FN>, %s: memref<?xf32>, %w: memref<?x64xf32>, %ks: memref<?xi32>, %ke: memref<?xi32>, %out: memref<?x?xf32>, %start: index) {
  mqa.logits ins(%q, %k, %s, %w, %ks, %ke : memref<?x64x128xf8E4M3FN>, memref<?x128xf8E4M3FN>, memref<?xf32>, memref<?x64xf32>, memref<?xi32>, memref<?xi32>) key_offset(%start) outs(%out : memref<?x?xf32>)
  return
}

// -----

// A producer may be fused into slices of tensors; they have no ranges.
// CHECK-LABEL: func @tensors
// CHECK-NOT: mqa.make_ranges
// CHECK: %[[R:.*]] = scf.forall {{.*}} shared_outs(%[[O:.*]] = %{{.*}}) -> (tensor<?x?xf32>)
// CHECK: %[[T:.*]] = mqa.logits {{.*}} {clean} -> tensor<?x?xf32>
// CHECK: tensor.parallel_insert_slice %[[T]] into %[[O]]
// CHECK: return %[[R]]
func.func @tensors(%q: tensor<?x64x128xf8E4M3FN>, %k: tensor<?x128xf8E4M3FN>, %s: tensor<?xf32>, %w: tensor<?x64xf32>, %ks: tensor<?xi32>, %ke: tensor<?xi32>, %out: tensor<?x?xf32>) -> tensor<?x?xf32> {
  %0 = mqa.logits ins(%q, %k, %s, %w, %ks, %ke : tensor<?x64x128xf8E4M3FN>, tensor<?x128xf8E4M3FN>, tensor<?xf32>, tensor<?x64xf32>, tensor<?xi32>, tensor<?xi32>) outs(%out : tensor<?x?xf32>) {clean} -> tensor<?x?xf32>
  return %0 : tensor<?x?xf32>
}

// -----

// Tiles of compressed rows have all columns. The tile
// at key 0, which cleans, is there without a key too, and then has none.
// CHECK-LABEL: func @compressed
// CHECK-SAME: %[[K:[a-z0-9]+]]: memref<?x128xf8E4M3FN>
// CHECK-SAME: %[[OUT:[a-z0-9]+]]: memref<?x?xf32>
// CHECK: %[[NUM_KEYS:.*]] = memref.dim %[[K]], %c0
// CHECK: %[[ONE:.*]] = affine.max #{{.*}}()[%[[NUM_KEYS]]]
// CHECK: scf.forall (%[[M:.*]], %[[N:.*]]) = (0, 0) to (%{{.*}}, %[[ONE]]) step (16, 128)
// CHECK: %[[SIZE:.*]] = affine.min #{{.*}}(%[[N]])[%[[ONE]]{{.*}}]
// CHECK: memref.subview %[[K]][%[[N]], 0] [%{{.*}}, 128]
// CHECK: %[[ALL:.*]] = mqa.make_ranges %{{.*}}, %{{.*}} keys(%{{.*}}) {compressed} :
// CHECK: %[[OWN:.*]] = mqa.narrow_ranges %[[ALL]][%[[M]]]
// CHECK: memref.subview %[[OUT]][%[[M]], 0] [%{{.*}}, %{{.*}}]
// CHECK: mqa.logits {{.*}} ranges(%[[OWN]]) key_offset(%[[N]]) outs(%{{.*}}) {clean}
func.func @compressed(%q: memref<?x64x128xf8E4M3FN>, %k: memref<?x128xf8E4M3FN>, %ks: memref<?xi32>, %ke: memref<?xi32>, %out: memref<?x?xf32>) {
  mqa.logits ins(%q, %k, none, none, %ks, %ke : memref<?x64x128xf8E4M3FN>, memref<?x128xf8E4M3FN>, memref<?xi32>, memref<?xi32>) outs(%out : memref<?x?xf32>) {clean, compressed}
  return
}

// -----

// CHECK-LABEL: func @groups
// CHECK: memref.subview %{{.*}}[%{{.*}}, 0, 0] [%{{.*}}, 8, 128] {{.*}} : memref<?x8x128xf8E4M3FN>
// CHECK: memref.subview %{{.*}}[%{{.*}}, 0] [%{{.*}}, 8] {{.*}} : memref<?x8xf32>
func.func @groups(%q: memref<?x64x128xf8E4M3FN>, %k: memref<?x8x128xf8E4M3FN>, %s: memref<?x8xf32>, %w: memref<?x64xf32>, %ks: memref<?xi32>, %ke: memref<?xi32>, %out: memref<?x?xf32>) {
  mqa.logits ins(%q, %k, %s, %w, %ks, %ke : memref<?x64x128xf8E4M3FN>, memref<?x8x128xf8E4M3FN>, memref<?x8xf32>, memref<?x64xf32>, memref<?xi32>, memref<?xi32>) outs(%out : memref<?x?xf32>)
  return
}

// -----

// There are no slices of an operand without elements, and next to no work.
// CHECK-LABEL: func @no_table
// CHECK-NOT: scf.forall
// CHECK: mqa.paged_logits
func.func @no_table(%q: memref<2x1x4x32xbf16>, %k: memref<4x16x32xbf16>, %l: memref<2xi32>, %t: memref<2x0xi32>, %out: memref<2x10xf32>) {
  mqa.paged_logits ins(%q, %k, none, none, %l, %t : memref<2x1x4x32xbf16>, memref<4x16x32xbf16>, memref<2xi32>, memref<2x0xi32>) outs(%out : memref<2x10xf32>) {clean}
  return
}

// -----

// CHECK-LABEL: func @no_column
// CHECK-NOT: scf.forall
// CHECK: mqa.logits
func.func @no_column(%q: memref<5x4x32xbf16>, %k: memref<9x32xbf16>, %ke: memref<5xi32>, %out: memref<5x0xf32>) {
  mqa.logits ins(%q, %k, none, none, none, %ke : memref<5x4x32xbf16>, memref<9x32xbf16>, memref<5xi32>) outs(%out : memref<5x0xf32>) {clean, compressed}
  return
}

// -----

// A fused pair is tiled by rows, over all keys that there are; its tiles are fused too.
// CHECK-LABEL: func @fused
// CHECK-SAME: %[[Q:[a-z0-9]+]]: memref<?x4x32xbf16>, %[[K:[a-z0-9]+]]: memref<?x32xbf16>
// CHECK: scf.forall (%[[M:.*]]) = (0) to (%{{.*}}) step (16)
// CHECK: %[[N:.*]] = memref.dim %[[K]], %c0
// CHECK-NOT: memref.subview %{{.*}} memref<?x?xf32>
// CHECK: %[[ROWS:.*]] = mqa.narrow_ranges %{{.*}}[%[[M]]] rows %[[COUNT:.*]]
// CHECK: %[[INIT:.*]] = mqa.unstored_logits(%[[COUNT]], %[[N]]) : memref<?x?xf32>
// CHECK: mqa.logits {{.*}} ranges(%[[ROWS]]) {{.*}} outs(%[[INIT]] :
// CHECK: mqa.topk ins(%[[INIT]], none, %{{.*}})
// CHECK-NOT: mqa.topk
// SIZES-LABEL: func @fused
// SIZES: step (16)
func.func @fused(%q: memref<?x4x32xbf16>, %k: memref<?x32xbf16>, %ke: memref<?xi32>, %indices: memref<?x16xi32>, %m: index, %n: index) {
  %init = mqa.unstored_logits(%m, %n) : memref<?x?xf32>
  mqa.logits ins(%q, %k, none, none, none, %ke : memref<?x4x32xbf16>, memref<?x32xbf16>, memref<?xi32>) outs(%init : memref<?x?xf32>)
  mqa.topk ins(%init, none, %ke : memref<?x?xf32>, memref<?xi32>) outs(%indices : memref<?x16xi32>)
  return
}

// -----

// Whole sequences where rows belong to them by where they stand: five of three.
// CHECK-LABEL: func @fused_of_sequences
// CHECK: scf.forall (%[[B:.*]]) = (0) to (%{{.*}}) step (5)
// CHECK: mqa.unstored_logits(%{{.*}}) : memref<?x64xbf16>
// CHECK: mqa.logits
// CHECK: mqa.topk
func.func @fused_of_sequences(%q: memref<?x4x32xbf16>, %k: memref<64x32xbf16>, %ke: memref<?xi32>, %table: memref<?x?xi32>, %indices: memref<?x16xi32>, %m: index) {
  %init = mqa.unstored_logits(%m) : memref<?x64xbf16>
  mqa.logits ins(%q, %k, none, none, none, %ke : memref<?x4x32xbf16>, memref<64x32xbf16>, memref<?xi32>) outs(%init : memref<?x64xbf16>)
  mqa.topk ins(%init, none, %ke : memref<?x64xbf16>, memref<?xi32>) block_table(%table : memref<?x?xi32>) outs(%indices : memref<?x16xi32>) {base = #mqa.base<slot>, block_kv = 16, next_n = 3}
  return
}

// -----

// CHECK-LABEL: func @fused_paged
// CHECK-SAME: %{{[a-z0-9]+}}: index, %[[N:[a-z0-9]+]]: index
// CHECK: scf.forall (%[[B:.*]]) in (%{{.*}})
// CHECK: %[[INIT:.*]] = mqa.unstored_logits(%[[N]]) : memref<2x?xf32>
// CHECK: mqa.paged_logits {{.*}} outs(%[[INIT]] : memref<2x?xf32>)
// CHECK: mqa.topk ins(%[[INIT]], none, none : memref<2x?xf32>)
func.func @fused_paged(%q: memref<?x2x4x32xbf16>, %k: memref<?x16x32xbf16>, %lens: memref<?xi32>, %table: memref<?x?xi32>, %indices: memref<?x16xi32>, %m: index, %n: index) {
  %init = mqa.unstored_logits(%m, %n) : memref<?x?xf32>
  mqa.paged_logits ins(%q, %k, none, none, %lens, %table : memref<?x2x4x32xbf16>, memref<?x16x32xbf16>, memref<?xi32>, memref<?x?xi32>) outs(%init : memref<?x?xf32>)
  mqa.topk ins(%init, none, none : memref<?x?xf32>) context_lens(%lens : memref<?xi32>) outs(%indices : memref<?x16xi32>) {next_n = 2}
  return
}

// -----

// Without an element there is nothing to tile.
// CHECK-LABEL: func @fused_empty
// CHECK-NOT: scf.forall
// CHECK: return
func.func @fused_empty(%q: memref<?x4x32xbf16>, %k: memref<0x32xbf16>, %ke: memref<?xi32>, %indices: memref<?x16xi32>, %m: index) {
  %init = mqa.unstored_logits(%m) : memref<?x0xf32>
  mqa.logits ins(%q, %k, none, none, none, %ke : memref<?x4x32xbf16>, memref<0x32xbf16>, memref<?xi32>) outs(%init : memref<?x0xf32>)
  mqa.topk ins(%init, none, %ke : memref<?x0xf32>, memref<?xi32>) outs(%indices : memref<?x16xi32>)
  return
}

// -----

// Tasks of maxima have whole blocks: 128 keys are two of 64. The last one may have fewer keys.
// CHECK: #[[FIRST:.*]] = affine_map<(d0) -> (d0 * 64)>
// CHECK-LABEL: func.func @blocks
// CHECK: scf.forall (%[[M:.*]], %[[J:.*]]) = (0, 0) to (%{{.*}}, %{{.*}}) step (16, 2)
// CHECK: %[[N:.*]] = affine.apply #[[FIRST]](%[[J]])
// CHECK: memref.subview %{{.*}}[%[[N]], 0] [%{{.*}}, 32]
// CHECK: mqa.logits {{.*}} key_offset(%[[N]])
func.func @blocks(%q: memref<?x4x32xbf16>, %k: memref<?x32xbf16>, %ke: memref<?xi32>, %out: memref<?x?xf32>) {
  mqa.logits ins(%q, %k, none, none, none, %ke : memref<?x4x32xbf16>, memref<?x32xbf16>, memref<?xi32>) outs(%out : memref<?x?xf32>) {block_max = 64}
  return
}

// A tile of one block of keys: what is inserted has the type of the tile, whose size the last block cuts.
// CHECK-LABEL: func @one_block(
// CHECK: %[[TILE:.*]] = mqa.logits {{.*}}block_max = 128 {{.*}}-> tensor<?x?xf32>
// CHECK: tensor.parallel_insert_slice %[[TILE]] into {{.*}} : tensor<?x?xf32> into tensor<?x?xf32>
func.func @one_block(%q: tensor<?x4x128xf8E4M3FN>, %k: tensor<?x128xf8E4M3FN>, %ke: tensor<?xi32>, %out: tensor<?x?xf32>) -> tensor<?x?xf32> {
  %0 = mqa.logits ins(%q, %k, none, none, none, %ke : tensor<?x4x128xf8E4M3FN>, tensor<?x128xf8E4M3FN>, tensor<?xi32>) outs(%out : tensor<?x?xf32>) {block_max = 128} -> tensor<?x?xf32>
  return %0 : tensor<?x?xf32>
}
