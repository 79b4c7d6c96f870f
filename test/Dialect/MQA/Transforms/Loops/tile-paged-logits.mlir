// RUN: mqa-opt %s --mqa-attach-target --mqa-tile-logits --cse --split-input-file | FileCheck %s

// A query block is a sequence; its ranges begin at 0, and a tile of keys is a
// gather of as many as the sequence still has.
// CHECK-LABEL: gpu.func @paged
// CHECK-SAME: %[[Q:[a-z0-9]+]]: memref<?x2x64x128xf8E4M3FN, #gpu.address_space<global>> {mqa.operand = #mqa.operand<"q", tensor<?x2x64x128xf8E4M3FN>>}
// CHECK-SAME: %[[K:[a-z0-9]+]]: memref<{{[^>]*>, #gpu.address_space<global>>}} {mqa.operand = #mqa.operand<"k", tensor<?x64x128xf8E4M3FN>>}
// CHECK-SAME: %[[S:[a-z0-9]+]]: memref<{{[^>]*>, #gpu.address_space<global>>}} {mqa.operand = #mqa.operand<"k_scale", tensor<?x64xf32>>}
// CHECK-SAME: %[[LENS:[a-z0-9]+]]: memref<?x2xi32, #gpu.address_space<global>> {mqa.operand = #mqa.operand<"context_lens", tensor<?x2xi32>>}
// CHECK-SAME: %[[TABLE:[a-z0-9]+]]: memref<?x?xi32, #gpu.address_space<global>> {mqa.operand = #mqa.operand<"block_table", tensor<?x?xi32>>}
// CHECK-SAME: %[[OUT:[a-z0-9]+]]: memref<?x?xf32, #gpu.address_space<global>> {mqa.operand = #mqa.operand<"out", tensor<?x?xf32>>}
// CHECK-SAME: mqa.kernel = #mqa.kernel<op = "mqa.paged_logits", schedule =
// There is room for as many keys as `out` and the table have.
// CHECK: %[[BLOCKS:.*]] = affine.min #{{.*}}()[%[[COLUMNS:.*]], %{{.*}}]
// CHECK: %[[ROOM:.*]] = affine.min #{{.*}}()[%[[COLUMNS]], %[[BLOCKS]]]
// CHECK-NOT: mqa.clean_rows
// CHECK: %[[RANGES:.*]] = mqa.make_ranges none, %[[LENS]] keys(%[[ROOM]]) : memref<?x2xi32
// CHECK: mqa.tile_share %[[RANGES]] share {{.*}} {align = 32 : i64, block_cost = 1 : i64, block_q = 2 : i64, tile_kv = 128 : i64}
// CHECK: scf.for %[[B:.*]] = %first_block to %end_block
// CHECK: %[[OWN:.*]] = memref.subview %[[Q]][%[[B]], 0, 0, 0] [1, 2, 64, 128]
// CHECK: %[[OWN_RANGES:.*]] = mqa.narrow_ranges %[[RANGES]][%{{.*}}] rows %c2
// CHECK: %[[ROW:.*]] = mqa.row_block %[[TABLE]][%[[B]]] rows %c1
// CHECK: %lo, %[[HI:.*]] = mqa.key_range %[[OWN_RANGES]] {align = 32 : i64, max_rows = 2 : i64}
// CHECK: scf.for %[[N:.*]] =
// CHECK: %[[COUNT:.*]] = affine.min #{{.*}}(%[[N]])[%[[HI]]]
// CHECK-DAG: %[[KEYS:.*]] = mqa.gather_pages %[[K]][%[[ROW]]] from %[[N]] keys %[[COUNT]]
// CHECK-DAG: %[[SCALES:.*]] = mqa.gather_pages %[[S]][%[[ROW]]] from %[[N]] keys %[[COUNT]]
// CHECK: mqa.logits ins(%[[OWN]], %[[KEYS]], %[[SCALES]], %{{.*}} : {{.*}}) ranges(%[[OWN_RANGES]]) key_offset(%[[N]]) outs({{.*}}) {schedule =
func.func @paged(%q: memref<?x2x64x128xf8E4M3FN>, %k: memref<?x64x128xf8E4M3FN, strided<[?, 128, 1]>>, %s: memref<?x64xf32, strided<[?, 1]>>, %w: memref<?x64xf32>, %lens: memref<?x2xi32>, %table: memref<?x?xi32>, %out: memref<?x?xf32>) {
  mqa.paged_logits ins(%q, %k, %s, %w, %lens, %table : memref<?x2x64x128xf8E4M3FN>, memref<?x64x128xf8E4M3FN, strided<[?, 128, 1]>>, memref<?x64xf32, strided<[?, 1]>>, memref<?x64xf32>, memref<?x2xi32>, memref<?x?xi32>) outs(%out : memref<?x?xf32>) {schedule = #mqa.schedule<block_q = 2, block_kv = 256, tile_q = 2, tile_kv = 128, stages = 4>}
  return
}

// -----

// One length per sequence, whose queries are the last.
// CHECK-LABEL: gpu.func @one_length
// CHECK: %[[RANGES:.*]] = mqa.make_ranges none, %{{.*}} keys(%{{.*}}) {next_n = 2 : i64} : memref<?xi32
// CHECK: scf.for
// CHECK: %[[OWN:.*]] = mqa.narrow_ranges %[[RANGES]]
// CHECK: mqa.clean_rows %{{.*}}, %[[OWN]] : memref<?x?xf32, strided<[?, 1]>, {{.*}}>
// CHECK: mqa.tile_share %[[RANGES]] share {{.*}} {align = 32 : i64, block_cost = 1 : i64, block_q = 2 : i64, tile_kv = 128 : i64}
// CHECK: mqa.key_range %{{.*}} {align = 32 : i64, max_rows = 2 : i64}
// CHECK: mqa.logits {{.*}} {schedule =
func.func @one_length(%q: memref<?x2x64x128xf8E4M3FN>, %k: memref<?x64x128xf8E4M3FN, strided<[?, 128, 1]>>, %s: memref<?x64xf32, strided<[?, 1]>>, %w: memref<?x64xf32>, %lens: memref<?xi32>, %table: memref<?x?xi32>, %out: memref<?x?xf32>) {
  mqa.paged_logits ins(%q, %k, %s, %w, %lens, %table : memref<?x2x64x128xf8E4M3FN>, memref<?x64x128xf8E4M3FN, strided<[?, 128, 1]>>, memref<?x64xf32, strided<[?, 1]>>, memref<?x64xf32>, memref<?xi32>, memref<?x?xi32>) outs(%out : memref<?x?xf32>) {clean, schedule = #mqa.schedule<block_q = 2, block_kv = 256, tile_q = 2, tile_kv = 128, stages = 4>}
  return
}

// -----

// Rows that name their sequences: a query block is a run of them, and the loop
// goes from run to run. Where a run begins, the loop over runs carries.
// CHECK-LABEL: gpu.func @rows
// CHECK-SAME: %[[Q:[a-z0-9]+]]: memref<?x64x128xf8E4M3FN, #gpu.address_space<global>>
// CHECK: %[[RANGES:.*]] = mqa.make_ranges none, %[[LENS:.*]] keys(%{{.*}}) : memref<?xi32
// CHECK: %[[ROWS:.*]] = mqa.name_sequences %[[RANGES]], %{{.*}} of %{{.*}} : memref<?xi32
// CHECK: scf.for %[[M:.*]] =
// CHECK: %[[ONE:.*]] = mqa.narrow_ranges %[[ROWS]][%[[M]]] rows %c1
// CHECK: mqa.clean_rows %{{.*}}, %[[ONE]]
// CHECK: %[[FIRST:.*]], %[[COUNT:.*]], %{{.*}}, %{{.*}} = mqa.run_share %[[ROWS]] share {{.*}} {block_cost = 1 : i64, max_rows = 8 : i64, tile_kv = 128 : i64}
// CHECK: scf.for %{{.*}} = %c0 to %[[COUNT]] step %c1 iter_args(%[[ROW:.*]] = %[[FIRST]])
// CHECK: %[[N:.*]], %[[LINE:.*]], %[[END:.*]] = mqa.row_run %[[ROWS]][%[[ROW]]] {max_rows = 8 : i64}
// CHECK: %[[OWN:.*]] = memref.subview %[[Q]][%[[ROW]], 0, 0] [%[[N]], 64, 128]
// CHECK: %[[OWN_RANGES:.*]] = mqa.narrow_ranges %[[RANGES]][%[[ROW]]] rows %[[N]]
// CHECK: %[[TABLE:.*]] = mqa.row_block %{{.*}}[%[[LINE]]] rows %c1
// CHECK: scf.for %[[KEY:.*]] =
// CHECK: %[[KEYS:.*]] = mqa.gather_pages %{{.*}}[%[[TABLE]]] from %[[KEY]]
// CHECK: mqa.logits ins(%[[OWN]], %[[KEYS]], %{{.*}}) ranges(%[[OWN_RANGES]]) key_offset(%[[KEY]])
// CHECK: %[[NEXT:.*]] = arith.addi %[[ROW]], %[[N]]
// CHECK: scf.yield %[[NEXT]]
func.func @rows(%q: memref<?x64x128xf8E4M3FN>, %k: memref<?x64x128xf8E4M3FN, strided<[?, 128, 1]>>, %s: memref<?x64xf32, strided<[?, 1]>>, %w: memref<?x64xf32>, %lens: memref<?xi32>, %table: memref<?x?xi32>, %sequence: memref<?xi32>, %out: memref<?x?xf32>) {
  mqa.paged_logits ins(%q, %k, %s, %w, %lens, %table : memref<?x64x128xf8E4M3FN>, memref<?x64x128xf8E4M3FN, strided<[?, 128, 1]>>, memref<?x64xf32, strided<[?, 1]>>, memref<?x64xf32>, memref<?xi32>, memref<?x?xi32>) sequence(%sequence : memref<?xi32>) outs(%out : memref<?x?xf32>) {clean, schedule = #mqa.schedule<block_q = 8, block_kv = 512, tile_q = 8, tile_kv = 128, stages = 4>}
  return
}
