// RUN: mqa-opt %s --pass-pipeline='builtin.module(mqa-attach-target,mqa-tile-logits,gpu.module(gpu.func(cse,mqa-stage-tiles)))' | FileCheck %s

// A sequence's queries are a view without the sequence's dimension: half of its heads
// are a view of the argument, of its third dimension.
// CHECK-LABEL: gpu.func @parts
// CHECK-SAME: %[[Q:[a-z0-9]+]]: memref<?x2x128x128xf8E4M3FN
// CHECK: scf.for %[[B:.*]] = %first_block to %end_block
// CHECK: scf.for %[[N:.*]] =
// CHECK: %[[KEYS:.*]] = mqa.gather_pages
// CHECK: scf.for
// CHECK: %[[HEAD:.*]] = affine.apply
// CHECK: %[[OWN:.*]] = memref.subview %[[Q]][%[[B]], 0, %[[HEAD]], 0] [1, 2, 64, 128] [1, 1, 1, 1] : {{.*}} to memref<2x64x128xf8E4M3FN
// CHECK: mqa.ring_put %{{.*}}, %[[OWN]]
// CHECK: mqa.ring_put %{{.*}}, %[[KEYS]]
func.func @parts(%q: memref<?x2x128x128xf8E4M3FN>, %k: memref<?x64x128xf8E4M3FN>, %lens: memref<?x2xi32>, %table: memref<?x?xi32>, %out: memref<?x?xf32>) {
  mqa.paged_logits ins(%q, %k, none, none, %lens, %table : memref<?x2x128x128xf8E4M3FN>, memref<?x64x128xf8E4M3FN>, memref<?x2xi32>, memref<?x?xi32>) outs(%out : memref<?x?xf32>) {schedule = #mqa.schedule<block_q = 2, block_kv = 128, tile_q = 2, tile_kv = 128, stages = 3, block_heads = 64>}
  return
}
