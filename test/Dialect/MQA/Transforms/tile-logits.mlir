// RUN: mqa-opt %s --mqa-tile-logits --cse --split-input-file | FileCheck %s

// CHECK-DAG: #[[BLOCKS:.*]] = affine_map<()[s0] -> (s0 ceildiv 2)>
// CHECK-DAG: #[[ROWS:.*]] = affine_map<(d0)[s0] -> ({{.*}}2{{.*}})>
// CHECK: gpu.module @kernels
// CHECK: gpu.func @logits(
// CHECK-SAME: memref<?x64x128xf8E4M3FN, #gpu.address_space<global>> {mqa.operand = "q"}
// CHECK-SAME: %[[KS:[a-z0-9]+]]: memref<?xi32, #gpu.address_space<global>> {mqa.operand = "ks"}
// CHECK-SAME: %[[OUT:[a-z0-9]+]]: memref<?x?xf32, #gpu.address_space<global>> {mqa.operand = "out"}
// CHECK-SAME: kernel attributes {known_block_size = array<i32: 640, 1, 1>, mqa.schedule = #mqa.schedule<{{.*}}>}
// CHECK: %[[BLOCK:.*]] = gpu.block_id x
// CHECK: %[[GRID:.*]] = gpu.grid_dim x
// CHECK: scf.for %[[B:.*]] = %[[BLOCK]] to %{{.*}} step %[[GRID]]
// CHECK: %[[KSB:.*]] = memref.subview %[[KS]]
// CHECK: %[[BLOCK_ROWS:.*]] = mqa.row_block %[[OUT]]
// CHECK: %[[LO:.*]], %[[HI:.*]] = mqa.key_range %[[KSB]], %{{.*}}, %{{.*}} {max_rows = 2 : i64}
// CHECK-NOT: mqa.clean_rows
// Of the tiles, this block's share.
// CHECK: %[[TILES:.*]] = affine.apply #{{.*}}(%[[HI]], %{{.*}})
// CHECK: %[[SHARE:.*]] = gpu.block_id y
// CHECK: %[[SHARES:.*]] = gpu.grid_dim y
// CHECK: arith.addi %[[TILES]], %[[SHARES]]
// CHECK: %[[SIZE:.*]] = arith.divui %{{.*}}, %[[SHARES]]
// CHECK: arith.muli %[[SHARE]], %[[SIZE]]
// CHECK: %[[FIRST:.*]] = arith.minsi %{{.*}}, %[[TILES]]
// CHECK: arith.addi %[[FIRST]], %[[SIZE]]
// CHECK: %[[LAST:.*]] = arith.minsi %{{.*}}, %[[TILES]]
// CHECK: arith.muli %[[FIRST]], %{{.*}}
// CHECK: %[[BEGIN:.*]] = arith.addi
// CHECK: arith.muli %[[LAST]], %{{.*}}
// CHECK: %[[END:.*]] = arith.minsi %{{.*}}, %[[HI]]
// The queries do not change over the keys: their view is made outside.
// CHECK: %[[Q:.*]] = memref.subview %{{.*}} : memref<?x64x128xf8E4M3FN
// CHECK: scf.for %[[N:.*]] = %[[BEGIN]] to %[[END]] step %{{.*}}
// CHECK: %[[K:.*]] = memref.subview %{{.*}}[%[[N]], 0]
// CHECK: %[[O:.*]] = memref.subview %[[BLOCK_ROWS]][0, %[[N]]]
// CHECK: mqa.logits ins(%[[Q]], %[[K]], {{.*}}) key_offset(%[[N]]) outs(%[[O]] : {{.*}}) {schedule =
// CHECK: gpu.return
// CHECK-NOT: func.func
func.func @logits(%q: memref<?x64x128xf8E4M3FN>, %k: memref<?x128xf8E4M3FN>, %s: memref<?xf32>, %w: memref<?x64xf32>, %ks: memref<?xi32>, %ke: memref<?xi32>, %out: memref<?x?xf32>) {
  mqa.logits ins(%q, %k, %s, %w, %ks, %ke : memref<?x64x128xf8E4M3FN>, memref<?x128xf8E4M3FN>, memref<?xf32>, memref<?x64xf32>, memref<?xi32>, memref<?xi32>) outs(%out : memref<?x?xf32>) {schedule = #mqa.schedule<block_q = 2, block_kv = 256, warpgroups = 4, stages = 4>}
  return
}

// -----

// A function may return its out argument; cleaning covers whole rows.
// CHECK: gpu.func @clean(
// CHECK-SAME: mqa.clean
// CHECK: %[[ROWS:.*]] = mqa.row_block
// CHECK: mqa.logits {{.*}} {schedule =
// CHECK: scf.if
// CHECK-NEXT: mqa.clean_rows %[[ROWS]], %{{.*}}, %{{.*}} :
// CHECK: gpu.return
func.func @clean(%q: memref<?x64x128xf8E4M3FN>, %k: memref<?x128xf8E4M3FN>, %s: memref<?xf32>, %w: memref<?x64xf32>, %ks: memref<?xi32>, %ke: memref<?xi32>, %out: memref<?x?xf32>) -> memref<?x?xf32> {
  mqa.logits ins(%q, %k, %s, %w, %ks, %ke : memref<?x64x128xf8E4M3FN>, memref<?x128xf8E4M3FN>, memref<?xf32>, memref<?x64xf32>, memref<?xi32>, memref<?xi32>) outs(%out : memref<?x?xf32>) {clean, schedule = #mqa.schedule<block_q = 2, block_kv = 256, warpgroups = 4, stages = 4>}
  return %out : memref<?x?xf32>
}

// -----

// Other functions are left alone.
// CHECK-NOT: gpu.module
// CHECK: func.func @other
func.func @other() {
  return
}
