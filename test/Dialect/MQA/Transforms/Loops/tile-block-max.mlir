// RUN: mqa-opt %s --mqa-attach-target --mqa-tile-logits --cse --split-input-file | FileCheck %s

// Columns do not say how many keys there are: that is an argument. Tiles begin with a block.
// CHECK-DAG: #[[TO_BLOCK:.*]] = affine_map<(d0) -> (d0 floordiv 64)>
// CHECK-DAG: #[[COUNT:.*]] = affine_map<(d0) -> (d0 ceildiv 64)>
// CHECK-LABEL: gpu.func @blocks
// CHECK-SAME: %[[NUM_KEYS:[a-z0-9]+]]: index {mqa.operand = #mqa.operand<"num_keys", index>}
// CHECK-SAME: mqa.kernel = #mqa.kernel<op = "mqa.logits", {{.*}}block_max = 64>
// CHECK: %[[RANGES:.*]] = mqa.make_ranges %{{.*}} keys(%[[NUM_KEYS]]) {block_max = 64 : i64}
// CHECK: mqa.clean_rows
// CHECK: mqa.tile_share %[[RANGES]] share {{.*}} {align = 64 : i64, block_cost = 1 : i64, block_q = 8 : i64, tile_kv = 128 : i64}
// CHECK: %[[OUT:.*]] = mqa.row_block
// CHECK: mqa.key_range %{{.*}} {align = 64 : i64, max_rows = 8 : i64}
// CHECK: scf.for %[[N:.*]] =
// CHECK: %[[KEYS:.*]] = affine.min
// CHECK: %[[J:.*]] = affine.apply #[[TO_BLOCK]](%[[N]])
// CHECK: %[[BLOCKS:.*]] = affine.apply #[[COUNT]](%[[KEYS]])
// CHECK: %[[TILE:.*]] = memref.subview %[[OUT]][0, %[[J]]] [%{{.*}}, %[[BLOCKS]]]
// CHECK: mqa.logits {{.*}} key_offset(%[[N]]) outs(%[[TILE]]
// CHECK-NOT: block_max
// CHECK: gpu.return
func.func @blocks(%q: memref<?x64x128xf8E4M3FN>, %k: memref<?x128xf8E4M3FN>, %s: memref<?xf32>, %w: memref<?x64xf32>, %ks: memref<?xi32>, %ke: memref<?xi32>, %out: memref<?x?xf32>) {
  mqa.logits ins(%q, %k, %s, %w, %ks, %ke : memref<?x64x128xf8E4M3FN>, memref<?x128xf8E4M3FN>, memref<?xf32>, memref<?x64xf32>, memref<?xi32>, memref<?xi32>) outs(%out : memref<?x?xf32>) {block_max = 64, clean, schedule = #mqa.schedule<block_q = 8, block_kv = 512, tile_q = 8, tile_kv = 128, stages = 5>}
  return
}

// -----

// Of a paged cache, the keys that there are columns for are whole blocks.
// CHECK-DAG: affine_map<()[s0, s1] -> (s0 * 128, s1 * 64)>
// CHECK-LABEL: gpu.func @paged
// CHECK-SAME: mqa.kernel = #mqa.kernel<op = "mqa.paged_logits", {{.*}}block_max = 128>
// CHECK: mqa.make_ranges none, %{{.*}} keys(%{{.*}}) {block_max = 128 : i64}
// CHECK: mqa.tile_share {{.*}} {align = 128 : i64,
// CHECK: mqa.key_range {{.*}} {align = 128 : i64,
// CHECK: mqa.logits
func.func @paged(%q: memref<?x2x64x128xf8E4M3FN>, %k: memref<?x64x128xf8E4M3FN>, %lens: memref<?x2xi32>, %table: memref<?x?xi32>, %out: memref<?x?xf32>) {
  mqa.paged_logits ins(%q, %k, none, none, %lens, %table : memref<?x2x64x128xf8E4M3FN>, memref<?x64x128xf8E4M3FN>, memref<?x2xi32>, memref<?x?xi32>) outs(%out : memref<?x?xf32>) {block_max = 128, schedule = #mqa.schedule<block_q = 2, block_kv = 256, tile_q = 2, tile_kv = 128, stages = 4>}
  return
}
