// RUN: mqa-opt %s --pass-pipeline='builtin.module(gpu.module(gpu.func(mqa-vectorize-tiles,cse)))' | FileCheck %s

#smem = #gpu.address_space<workgroup>
!q = memref<2x64x128xf8E4M3FN, #smem>
!k = memref<64x128xf8E4M3FN, #smem>
!s = memref<64xf32, #smem>
!w = memref<2x64xf32, #smem>

// CHECK-DAG: #[[K:.*]] = affine_map<(d0, d1, d2, d3) -> (d0, d3)>
// CHECK-DAG: #[[Q:.*]] = affine_map<(d0, d1, d2, d3) -> (d1, d2, d3)>
// CHECK-DAG: #[[S:.*]] = affine_map<(d0, d1, d2, d3) -> (d1, d0, d2)>

gpu.module @kernels {
  // CHECK-LABEL: gpu.func @tile
  // What does not depend on the tile is read outside the loop.
  // CHECK-DAG: %[[KSV:.*]] = vector.transfer_read %{{.*}} : memref<?xi32>, vector<2xi32>
  // CHECK-DAG: %[[W:.*]] = vector.transfer_read %{{.*}} {in_bounds = [true, true]} : memref<2x64xf32, #gpu.address_space<workgroup>>, vector<2x64xf32>
  // CHECK: scf.for %[[N:.*]] =
  // CHECK: %[[SCALE:.*]] = vector.transfer_read %{{.*}} : memref<64xf32, #gpu.address_space<workgroup>>, vector<64xf32>
  // CHECK: %[[SCORES:.*]] = vector.contract {indexing_maps = [#[[K]], #[[Q]], #[[S]]], iterator_types = ["parallel", "parallel", "parallel", "reduction"], kind = #vector.kind<add>} {{.*}} : vector<64x128xf8E4M3FN>, vector<2x64x128xf8E4M3FN> into vector<2x64x64xf32>
  // CHECK: %[[RELU:.*]] = arith.maximumf %[[SCORES]], %{{.*}} : vector<2x64x64xf32>
  // CHECK: %[[WEIGHTED:.*]] = arith.mulf %[[RELU]], %{{.*}} : vector<2x64x64xf32>
  // CHECK: %[[SUM:.*]] = vector.multi_reduction <add>, %[[WEIGHTED]], %{{.*}} [2] : vector<2x64x64xf32> to vector<2x64xf32>
  // CHECK: %[[LOGITS:.*]] = arith.mulf %[[SUM]], %{{.*}} : vector<2x64xf32>
  // CHECK: arith.cmpi sge
  // CHECK: arith.cmpi slt
  // CHECK: %[[MASK:.*]] = arith.andi
  // CHECK: vector.transfer_write %[[LOGITS]], %{{.*}}[%c0{{.*}}, %[[N]]], %[[MASK]] {in_bounds = [true, false]} : vector<2x64xf32>, memref<?x?xf32>
  gpu.func @tile(%q: !q, %k: !k, %s: !s, %w: !w, %ks: memref<?xi32>, %ke: memref<?xi32>, %n: index, %out: memref<?x?xf32>) kernel {
    %c0 = arith.constant 0 : index
    %c64 = arith.constant 64 : index
    scf.for %i = %c0 to %n step %c64 {
      mqa.tile_logits ins(%q, %k, %s, %w, %ks, %ke : !q, !k, !s, !w, memref<?xi32>, memref<?xi32>) first_key(%i) outs(%out : memref<?x?xf32>)
    }
    gpu.return
  }
}
