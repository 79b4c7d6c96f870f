// RUN: mqa-opt %s --mqa-attach-target --mqa-tile-logits --cse --split-input-file | FileCheck %s

// CHECK-DAG: #[[ROWS:.*]] = affine_map<(d0)[s0] -> ({{.*}}8{{.*}})>
// CHECK: gpu.module @kernels
// CHECK: gpu.func @logits(
// CHECK-SAME: memref<?x64x128xf8E4M3FN, #gpu.address_space<global>> {mqa.operand = #mqa.operand<"q", tensor<?x64x128xf8E4M3FN>>}
// CHECK-SAME: %[[KS:[a-z0-9]+]]: memref<?xi32, #gpu.address_space<global>> {mqa.operand = #mqa.operand<"ks", tensor<?xi32>>}
// CHECK-SAME: %[[OUT:[a-z0-9]+]]: memref<?x?xf32, #gpu.address_space<global>> {mqa.operand = #mqa.operand<"out", tensor<?x?xf32>>}
// CHECK-SAME: kernel attributes {known_block_size = array<i32: 640, 1, 1>, mqa.kernel = #mqa.kernel<op = "mqa.logits", schedule = <block_q = 8, {{.*}}>>}
// CHECK: %[[NUM_KEYS:.*]] = memref.dim %[[OUT]], %c1
// The ranges are made once.
// CHECK: %[[RANGES:.*]] = mqa.make_ranges %[[KS]], %{{.*}} keys(%[[NUM_KEYS]]) : memref<?xi32, #gpu.address_space<global>>, memref<?xi32, #gpu.address_space<global>>
// CHECK-NOT: mqa.make_ranges
// CHECK: %[[BLOCK:.*]] = gpu.block_id x
// CHECK: %[[GRID:.*]] = gpu.grid_dim x
// Equal shares of the tiles of all query blocks.
// CHECK: %[[FIRST:.*]], %[[TILE:.*]], %[[END:.*]], %[[LAST_TILE:.*]] = mqa.tile_share %[[RANGES]] share %[[BLOCK]] of %[[GRID]] {align = 32 : i64, block_cost = 1 : i64, block_q = 8 : i64, tile_kv = 128 : i64}
// CHECK: scf.for %[[B:.*]] = %[[FIRST]] to %[[END]] step
// CHECK: %[[OWN:.*]] = mqa.narrow_ranges %[[RANGES]][%{{.*}}] rows %{{.*}}
// CHECK: %[[BLOCK_ROWS:.*]] = mqa.row_block %[[OUT]]
// CHECK: %[[LO:.*]], %[[HI:.*]] = mqa.key_range %[[OWN]] {align = 32 : i64, max_rows = 8 : i64}
// CHECK-NOT: mqa.clean_rows
// Of the first and the last block, the tiles of this share.
// CHECK: %[[IS_FIRST:.*]] = arith.cmpi eq, %[[B]], %[[FIRST]]
// CHECK: %[[BEGIN:.*]] = arith.select %[[IS_FIRST]], %{{.*}}, %[[LO]]
// CHECK: %[[IS_LAST:.*]] = arith.cmpi eq, %{{.*}}, %[[END]]
// CHECK: %[[STOP:.*]] = arith.select %[[IS_LAST]], %{{.*}}, %[[HI]]
// The queries do not change over the keys: their view is made outside.
// CHECK: %[[Q:.*]] = memref.subview %{{.*}} : memref<?x64x128xf8E4M3FN
// CHECK: scf.for %[[N:.*]] = %[[BEGIN]] to %[[STOP]] step %{{.*}}
// CHECK: %[[K:.*]] = memref.subview %{{.*}}[%[[N]], 0]
// CHECK: %[[O:.*]] = memref.subview %[[BLOCK_ROWS]][0, %[[N]]]
// CHECK: mqa.logits ins(%[[Q]], %[[K]], {{.*}}) ranges(%[[OWN]]) key_offset(%[[N]]) outs(%[[O]] : {{.*}}) {schedule =
// CHECK: gpu.return
// CHECK-NOT: func.func
func.func @logits(%q: memref<?x64x128xf8E4M3FN>, %k: memref<?x128xf8E4M3FN>, %s: memref<?xf32>, %w: memref<?x64xf32>, %ks: memref<?xi32>, %ke: memref<?xi32>, %out: memref<?x?xf32>) {
  mqa.logits ins(%q, %k, %s, %w, %ks, %ke : memref<?x64x128xf8E4M3FN>, memref<?x128xf8E4M3FN>, memref<?xf32>, memref<?x64xf32>, memref<?xi32>, memref<?xi32>) outs(%out : memref<?x?xf32>) {schedule = #mqa.schedule<block_q = 8, block_kv = 256, tile_kv = 128, stages = 2>}
  return
}

// -----

// A function may return its out argument; cleaning covers whole rows, each of
// them by one block of the grid.
// CHECK: gpu.func @clean(
// CHECK-SAME: #mqa.kernel<op = "mqa.logits", clean = true, schedule =
// CHECK: scf.for %[[M:.*]] = %{{.*}} to %{{.*}} step
// CHECK: %[[ROW:.*]] = mqa.row_block %{{.*}}[%[[M]]]
// CHECK: %[[OWN:.*]] = mqa.narrow_ranges %{{.*}}[%[[M]]] rows %c1
// CHECK: mqa.clean_rows %[[ROW]], %[[OWN]] :
// CHECK: mqa.tile_share
// CHECK: mqa.logits {{.*}} {schedule =
// CHECK: gpu.return
func.func @clean(%q: memref<?x64x128xf8E4M3FN>, %k: memref<?x128xf8E4M3FN>, %s: memref<?xf32>, %w: memref<?x64xf32>, %ks: memref<?xi32>, %ke: memref<?xi32>, %out: memref<?x?xf32>) -> memref<?x?xf32> {
  mqa.logits ins(%q, %k, %s, %w, %ks, %ke : memref<?x64x128xf8E4M3FN>, memref<?x128xf8E4M3FN>, memref<?xf32>, memref<?x64xf32>, memref<?xi32>, memref<?xi32>) outs(%out : memref<?x?xf32>) {clean, schedule = #mqa.schedule<block_q = 8, block_kv = 256, tile_kv = 128, stages = 2>}
  return %out : memref<?x?xf32>
}

// -----

// Whole query blocks in turn.
// CHECK: gpu.func @blocks(
// CHECK: %[[BLOCK:.*]] = gpu.block_id x
// CHECK: %[[GRID:.*]] = gpu.grid_dim x
// CHECK-NOT: mqa.tile_share
// CHECK: scf.for %{{.*}} = %[[BLOCK]] to %{{.*}} step %[[GRID]]
// CHECK: %[[LO:.*]], %[[HI:.*]] = mqa.key_range
// CHECK: scf.for %{{.*}} = %[[LO]] to %[[HI]] step
func.func @blocks(%q: memref<?x64x128xf8E4M3FN>, %k: memref<?x128xf8E4M3FN>, %s: memref<?xf32>, %w: memref<?x64xf32>, %ks: memref<?xi32>, %ke: memref<?xi32>, %out: memref<?x?xf32>) {
  mqa.logits ins(%q, %k, %s, %w, %ks, %ke : memref<?x64x128xf8E4M3FN>, memref<?x128xf8E4M3FN>, memref<?xf32>, memref<?x64xf32>, memref<?xi32>, memref<?xi32>) outs(%out : memref<?x?xf32>) {schedule = #mqa.schedule<block_q = 8, block_kv = 256, tile_kv = 128, stages = 2, split = blocks>}
  return
}

// -----

// Rows of compressed logits do not say how many keys there are: the kernel takes
// that as an argument of its own.
// CHECK: gpu.func @compressed(
// CHECK-SAME: %[[OUT:[a-z0-9]+]]: memref<?x?xf32, #gpu.address_space<global>> {mqa.operand = #mqa.operand<"out", tensor<?x?xf32>>}
// CHECK-SAME: %[[NUM_KEYS:[a-z0-9]+]]: index {mqa.operand = #mqa.operand<"num_keys", index>}
// CHECK-SAME: #mqa.kernel<op = "mqa.logits", {{.*}}compressed = true, schedule =
// CHECK: %[[RANGES:.*]] = mqa.make_ranges {{.*}} keys(%[[NUM_KEYS]]) {compressed} :
// CHECK: mqa.clean_rows
// CHECK: mqa.tile_share %[[RANGES]] share
// CHECK: %[[OWN:.*]] = mqa.narrow_ranges %[[RANGES]]
// CHECK: %[[ROWS:.*]] = mqa.row_block %[[OUT]]
// CHECK: mqa.key_range %[[OWN]]
// CHECK: mqa.logits {{.*}} ranges(%[[OWN]]) key_offset(%{{.*}}) outs(%[[ROWS]] : {{.*}}) {schedule =
func.func @compressed(%q: memref<?x64x128xf8E4M3FN>, %k: memref<?x128xf8E4M3FN>, %s: memref<?xf32>, %w: memref<?x64xf32>, %ks: memref<?xi32>, %ke: memref<?xi32>, %out: memref<?x?xf32>) {
  mqa.logits ins(%q, %k, %s, %w, %ks, %ke : memref<?x64x128xf8E4M3FN>, memref<?x128xf8E4M3FN>, memref<?xf32>, memref<?x64xf32>, memref<?xi32>, memref<?xi32>) outs(%out : memref<?x?xf32>) {clean, compressed, schedule = #mqa.schedule<block_q = 8, block_kv = 256, tile_kv = 128, stages = 2>}
  return
}

// -----

// A static number of keys is a constant.
// CHECK: gpu.func @compressed_static(
// CHECK-SAME: {mqa.operand = #mqa.operand<"k", tensor<700x128xf8E4M3FN>>}
// CHECK-SAME: {mqa.operand = #mqa.operand<"out", tensor<?x?xf32>>}) kernel
// CHECK: mqa.make_ranges %{{.*}}, %{{.*}} keys(%c700{{.*}}) {compressed} :
func.func @compressed_static(%q: memref<?x64x128xf8E4M3FN>, %k: memref<700x128xf8E4M3FN>, %ks: memref<?xi32>, %ke: memref<?xi32>, %out: memref<?x?xf32>) {
  mqa.logits ins(%q, %k, none, none, %ks, %ke : memref<?x64x128xf8E4M3FN>, memref<700x128xf8E4M3FN>, memref<?xi32>, memref<?xi32>) outs(%out : memref<?x?xf32>) {compressed, schedule = #mqa.schedule<block_q = 8, block_kv = 256, tile_kv = 128, stages = 2>}
  return
}

// -----

// TMA cannot load strided scales; nor those of key groups, or their weights.
// CHECK: gpu.func @strided_scales(
// CHECK: scf.for %[[N:.*]] = %{{.*}} to %{{.*}} step %c128
// CHECK: mqa.row_block %{{.*}}[%[[N]]] rows %{{.*}} : memref<?xf32, strided<[?], offset: ?>, {{.*}}> -> memref<?xf32, strided<[?]>, {{.*}}>
func.func @strided_scales(%q: memref<?x64x128xf8E4M3FN>, %k: memref<?x128xf8E4M3FN>, %s: memref<?xf32, strided<[?], offset: ?>>, %w: memref<?x64xf32>, %ks: memref<?xi32>, %ke: memref<?xi32>, %out: memref<?x?xf32>) {
  mqa.logits ins(%q, %k, %s, %w, %ks, %ke : memref<?x64x128xf8E4M3FN>, memref<?x128xf8E4M3FN>, memref<?xf32, strided<[?], offset: ?>>, memref<?x64xf32>, memref<?xi32>, memref<?xi32>) outs(%out : memref<?x?xf32>) {schedule = #mqa.schedule<block_q = 8, block_kv = 256, tile_kv = 128, stages = 2>}
  return
}

// -----

// CHECK: gpu.func @groups(
// CHECK-SAME: {mqa.operand = #mqa.operand<"k", tensor<?x4x128xf8E4M3FN>>}
// CHECK-DAG: mqa.row_block {{.*}} -> memref<?x64xf32
// CHECK-DAG: mqa.row_block {{.*}} -> memref<?x4xf32
// CHECK: mqa.logits
func.func @groups(%q: memref<?x64x128xf8E4M3FN>, %k: memref<?x4x128xf8E4M3FN>, %s: memref<?x4xf32>, %w: memref<?x64xf32>, %ks: memref<?xi32>, %ke: memref<?xi32>, %out: memref<?x?xf32>) {
  mqa.logits ins(%q, %k, %s, %w, %ks, %ke : memref<?x64x128xf8E4M3FN>, memref<?x4x128xf8E4M3FN>, memref<?x4xf32>, memref<?x64xf32>, memref<?xi32>, memref<?xi32>) outs(%out : memref<?x?xf32>) {schedule = #mqa.schedule<block_q = 8, block_kv = 128, tile_kv = 128, stages = 2>}
  return
}

// -----

// Other functions are left alone.
// CHECK-NOT: gpu.module
// CHECK: func.func @other
func.func @other() {
  return
}

// -----

// A kernel for no element is the one for any number of them.
// CHECK-LABEL: gpu.func @no_key
// CHECK-SAME: %{{.*}}: memref<5x4x32xbf16, #gpu.address_space<global>>
// CHECK-SAME: %{{.*}}: memref<?x32xbf16, #gpu.address_space<global>>
// CHECK-SAME: %{{.*}}: memref<5x?xf32, #gpu.address_space<global>>
// CHECK: mqa.logits
func.func @no_key(%q: memref<5x4x32xbf16>, %k: memref<0x32xbf16>, %ke: memref<5xi32>, %out: memref<5x0xf32>) {
  mqa.logits ins(%q, %k, none, none, none, %ke : memref<5x4x32xbf16>, memref<0x32xbf16>, memref<5xi32>) outs(%out : memref<5x0xf32>) {schedule = #mqa.schedule<block_q = 8, block_kv = 256, tile_kv = 128, stages = 2>}
  return
}
