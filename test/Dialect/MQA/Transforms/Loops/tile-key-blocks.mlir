// RUN: mqa-opt %s --mqa-attach-target --mqa-tile-logits --cse | FileCheck %s

// A query block is one query. Its ranges count columns, from 0 on; a tile of columns is a gather of the keys of its blocks.
// CHECK-LABEL: gpu.func @logits
// CHECK-SAME: %[[K:[a-z0-9]+]]: memref<?x128xf8E4M3FN, {{.*}}mqa.operand = #mqa.operand<"k",
// CHECK-SAME: %[[S:[a-z0-9]+]]: memref<?xf32, {{.*}}mqa.operand = #mqa.operand<"k_scale",
// CHECK-SAME: %[[BLOCKS:[a-z0-9]+]]: memref<?x?xi32, {{.*}}mqa.operand = #mqa.operand<"key_blocks",
// CHECK-SAME: %[[COUNTS:[a-z0-9]+]]: memref<?xi32, {{.*}}mqa.operand = #mqa.operand<"num_key_blocks",
// CHECK-SAME: %[[N:[a-z0-9]+]]: index {mqa.operand = #mqa.operand<"num_keys", index>}
// CHECK-SAME: key_block_size = 8
// CHECK: %[[KEYS:.*]] = mqa.make_ranges %{{.*}}, %{{.*}} keys(%[[N]])
// CHECK: %[[COLUMNS:.*]] = mqa.block_ranges %[[KEYS]] blocks(%[[BLOCKS]], %[[COUNTS]]) columns(%[[ROOM:.*]]) {block_size = 8 : i64}
// Behind the last block, cleaners clean; before, stores do.
// CHECK: mqa.clean_rows
// CHECK: mqa.tile_share %[[COLUMNS]] share {{.*}} {align = 32 : i64, block_cost = 1 : i64, block_q = 1 : i64, tile_kv = 128 : i64}
// CHECK: scf.for %[[M:.*]] = %first_block to %end_block
// CHECK: %[[OWN_KEYS:.*]] = mqa.narrow_ranges %[[KEYS]][%[[M]]] rows %c1
// CHECK: %[[ROW:.*]] = mqa.row_block %[[BLOCKS]][%[[M]]] rows %c1
// CHECK: %[[COUNT:.*]] = memref.subview %[[COUNTS]][%[[M]]] [1] [1]
// CHECK: %[[OWN:.*]] = mqa.block_ranges %[[OWN_KEYS]] blocks(%[[ROW]], %[[COUNT]]) columns(%[[ROOM]])
// CHECK: mqa.key_range %[[OWN]] {align = 32 : i64, max_rows = 1 : i64}
// CHECK: scf.for %[[C:.*]] =
// CHECK-DAG: %[[TILE:.*]] = mqa.gather_pages %[[K]][%[[ROW]]] from %[[C]] keys %[[REST:.*]] {block_size = 8 : i64}
// CHECK-DAG: %[[SCALES:.*]] = mqa.gather_pages %[[S]][%[[ROW]]] from %[[C]] keys %[[REST]] {block_size = 8 : i64}
// CHECK: mqa.logits ins(%{{.*}}, %[[TILE]], %[[SCALES]], %{{.*}}) ranges(%[[OWN]]) key_offset(%[[C]]) outs({{.*}}) {clean, schedule =
func.func @logits(%q: memref<?x64x128xf8E4M3FN>, %k: memref<?x128xf8E4M3FN>, %s: memref<?xf32>, %w: memref<?x64xf32>, %ks: memref<?xi32>, %ke: memref<?xi32>, %b: memref<?x?xi32>, %n: memref<?xi32>, %out: memref<?x?xf32>) {
  mqa.logits ins(%q, %k, %s, %w, %ks, %ke : memref<?x64x128xf8E4M3FN>, memref<?x128xf8E4M3FN>, memref<?xf32>, memref<?x64xf32>, memref<?xi32>, memref<?xi32>) blocks(%b, %n : memref<?x?xi32>, memref<?xi32>) of 8 outs(%out : memref<?x?xf32>) {clean, schedule = #mqa.schedule<block_q = 1, block_kv = 512, tile_q = 1, tile_kv = 128, stages = 5>}
  return
}

// Of a paged cache with two queries for each sequence, a query block is one of them; the table says how many keys there may be.
// CHECK-LABEL: gpu.func @paged
// CHECK-SAME: %[[Q:[a-z0-9]+]]: memref<?x2x64x128xf8E4M3FN, {{.*}}mqa.operand = #mqa.operand<"q",
// CHECK-SAME: %[[K:[a-z0-9]+]]: memref<?x64x128xf8E4M3FN, {{.*}}mqa.operand = #mqa.operand<"k",
// CHECK-SAME: %[[LENS:[a-z0-9]+]]: memref<?xi32, {{.*}}mqa.operand = #mqa.operand<"context_lens",
// CHECK-SAME: %[[TABLE:[a-z0-9]+]]: memref<?x?xi32, {{.*}}mqa.operand = #mqa.operand<"block_table",
// CHECK-SAME: %[[BLOCKS:[a-z0-9]+]]: memref<?x?xi32, {{.*}}mqa.operand = #mqa.operand<"key_blocks",
// CHECK-NOT: num_keys
// CHECK: %[[KEYS:.*]] = mqa.make_ranges none, %[[LENS]] keys(%{{.*}}) {next_n = 2 : i64}
// CHECK: %[[COLUMNS:.*]] = mqa.block_ranges %[[KEYS]] blocks(%[[BLOCKS]], %{{.*}}) columns(%{{.*}}) {block_size = 8 : i64}
// CHECK: mqa.tile_share %[[COLUMNS]] share {{.*}} block_q = 1 : i64
// CHECK: scf.for %[[M:.*]] = %first_block to %end_block
// CHECK: %[[S:.*]] = affine.apply #[[DIV:.*]](%[[M]])
// CHECK: %[[T:.*]] = affine.apply #[[MOD:.*]](%[[M]])
// CHECK: memref.subview %[[Q]][%[[S]], %[[T]], 0, 0] [1, 1, 64, 128] [1, 1, 1, 1] : {{.*}} to memref<1x64x128xf8E4M3FN,
// CHECK: mqa.narrow_ranges %[[KEYS]][%[[M]]] rows %c1
// CHECK: %[[LIST:.*]] = mqa.row_block %[[BLOCKS]][%[[M]]] rows %c1
// CHECK: %[[LINE:.*]] = mqa.row_block %[[TABLE]][%[[S]]] rows %c1
// CHECK: mqa.gather_pages %[[K]][%[[LIST]]] pages(%[[LINE]] : {{.*}}) from %{{.*}} keys %{{.*}} {block_size = 8 : i64}
func.func @paged(%q: memref<?x2x64x128xf8E4M3FN>, %k: memref<?x64x128xf8E4M3FN>, %lens: memref<?xi32>, %t: memref<?x?xi32>, %b: memref<?x?xi32>, %n: memref<?xi32>, %out: memref<?x?xf32>) {
  mqa.paged_logits ins(%q, %k, none, none, %lens, %t : memref<?x2x64x128xf8E4M3FN>, memref<?x64x128xf8E4M3FN>, memref<?xi32>, memref<?x?xi32>) blocks(%b, %n : memref<?x?xi32>, memref<?xi32>) of 8 outs(%out : memref<?x?xf32>) {schedule = #mqa.schedule<block_q = 1, block_kv = 512, tile_q = 1, tile_kv = 128, stages = 5>}
  return
}

// A row that names its sequence is a run of one row, which says the line; there may be none.
// CHECK-LABEL: gpu.func @rows
// CHECK-SAME: %[[TABLE:[a-z0-9]+]]: memref<?x?xi32, {{.*}}mqa.operand = #mqa.operand<"block_table",
// CHECK-SAME: %[[SEQUENCE:[a-z0-9]+]]: memref<?xi32, {{.*}}mqa.operand = #mqa.operand<"sequence",
// CHECK: %[[KEYS:.*]] = mqa.make_ranges none, %{{.*}} keys(%{{.*}}) :
// CHECK: %[[NAMED:.*]] = mqa.name_sequences %[[KEYS]], %[[SEQUENCE]] of %[[LINES:.*]] :
// CHECK: mqa.block_ranges %[[NAMED]] blocks(
// CHECK: scf.for %[[M:.*]] = %first_block to %end_block
// CHECK: %{{.*}}, %[[OWN:.*]], %{{.*}} = mqa.row_run %[[NAMED]][%[[M]]] {max_rows = 1 : i64}
// CHECK: %[[COUNT:.*]] = affine.min #{{.*}}()[%[[LINES]]]
// CHECK: %[[LINE:.*]] = mqa.row_block %[[TABLE]][%[[OWN]]] rows %[[COUNT]]
// CHECK: mqa.gather_pages %{{.*}}[%{{.*}}] pages(%[[LINE]] :
func.func @rows(%q: memref<?x64x128xf8E4M3FN>, %k: memref<?x64x128xf8E4M3FN>, %lens: memref<?xi32>, %t: memref<?x?xi32>, %s: memref<?xi32>, %b: memref<?x?xi32>, %n: memref<?xi32>, %out: memref<?x?xf32>) {
  mqa.paged_logits ins(%q, %k, none, none, %lens, %t : memref<?x64x128xf8E4M3FN>, memref<?x64x128xf8E4M3FN>, memref<?xi32>, memref<?x?xi32>) sequence(%s : memref<?xi32>) blocks(%b, %n : memref<?x?xi32>, memref<?xi32>) of 8 outs(%out : memref<?x?xf32>) {schedule = #mqa.schedule<block_q = 1, block_kv = 512, tile_q = 1, tile_kv = 128, stages = 5>}
  return
}
