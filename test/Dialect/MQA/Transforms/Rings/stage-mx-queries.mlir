// Queries with block scales: consumers decode them into tiles of the slot that no source fills.
// RUN: mqa-opt %s --pass-pipeline='builtin.module(mqa-attach-target,gpu.module(gpu.func(mqa-stage-tiles)))' | FileCheck %s
// RUN: mqa-opt %s --pass-pipeline='builtin.module(mqa-attach-target,gpu.module(gpu.func(mqa-stage-tiles,mqa-specialize-warps,mqa-expand-puts)))' | FileCheck %s --check-prefix=ROLES

gpu.module @kernels {
  // CHECK-LABEL: gpu.func @mxfp4
  // CHECK: %[[RING:.*]] = mqa.ring_create : <2, memref<8x64x16xi8, #gpu.address_space<workgroup>>, memref<8x64xi32, #gpu.address_space<workgroup>>, memref<8x64xf32, #gpu.address_space<workgroup>>, memref<8x64x32xf8E4M3FN, #{{.*}}, #gpu.address_space<workgroup>>, memref<8x64xf32, #gpu.address_space<workgroup>>, memref<2x8xf32, #gpu.address_space<workgroup>>>
  // CHECK: mqa.ring_put %[[RING]][%{{.*}}], %{{.*}}, %{{.*}}, %{{.*}} : {{.*}}, memref<2x64x16xi8, {{.*}}>, memref<2x64xi32, {{.*}}>, memref<2x64xf32, {{.*}}>
  // CHECK: %[[TILES:.*]]:6 = mqa.ring_get %[[RING]]
  // CHECK: mqa.decode_queries %[[TILES]]#0, %[[TILES]]#1, %[[TILES]]#2 into %[[TILES]]#3, %[[TILES]]#4, %[[TILES]]#5 :
  // CHECK: mqa.tile_logits ins(%[[TILES]]#3, %{{.*}}, %{{.*}}, %[[TILES]]#4 : {{.*}}) factors(%[[TILES]]#5 :
  // All consumers decode, and the producer fills what there are sources for.
  // ROLES-LABEL: gpu.func @mxfp4
  // ROLES: mqa.decode_queries {{.*}} threads %{{.*}} of %{{.*}} :
  // ROLES: %[[SLOT:.*]]:6 = mqa.ring_acquire
  // ROLES: mqa.fill_tile %{{.*}} into %[[SLOT]]#0
  // ROLES: mqa.fill_tile %{{.*}} into %[[SLOT]]#1
  // ROLES: mqa.fill_tile %{{.*}} into %[[SLOT]]#2
  // ROLES-NOT: %[[SLOT]]#3
  // ROLES: mqa.ring_commit
  gpu.func @mxfp4(%q: memref<?x64x16xi8>, %qs: memref<?x64xi32>, %w: memref<?x64xf32>, %k: memref<?x32xf8E4M3FN>, %s: memref<?xf32>, %ks: memref<?xi32>, %ke: memref<?xi32>, %out: memref<?x?xf32>, %m: index, %n: index) kernel attributes {known_block_size = array<i32: 384, 1, 1>} {
    %c0 = arith.constant 0 : index
    %c2 = arith.constant 2 : index
    %c128 = arith.constant 128 : index
    scf.for %b = %c0 to %m step %c2 {
      %qt = memref.subview %q[%b, 0, 0] [2, 64, 16] [1, 1, 1] : memref<?x64x16xi8> to memref<2x64x16xi8, strided<[1024, 16, 1], offset: ?>>
      %qst = memref.subview %qs[%b, 0] [2, 64] [1, 1] : memref<?x64xi32> to memref<2x64xi32, strided<[64, 1], offset: ?>>
      %wt = memref.subview %w[%b, 0] [2, 64] [1, 1] : memref<?x64xf32> to memref<2x64xf32, strided<[64, 1], offset: ?>>
      %kst = memref.subview %ks[%b] [2] [1] : memref<?xi32> to memref<2xi32, strided<[1], offset: ?>>
      %ket = memref.subview %ke[%b] [2] [1] : memref<?xi32> to memref<2xi32, strided<[1], offset: ?>>
      %rows = mqa.row_block %out[%b] rows %c2 : memref<?x?xf32> -> memref<?x?xf32, strided<[?, 1]>>
      scf.for %i = %c0 to %n step %c128 {
        %kt = memref.subview %k[%i, 0] [128, 32] [1, 1] : memref<?x32xf8E4M3FN> to memref<128x32xf8E4M3FN, strided<[32, 1], offset: ?>>
        %st = memref.subview %s[%i] [128] [1] : memref<?xf32> to memref<128xf32, strided<[1], offset: ?>>
        %ot = memref.subview %rows[0, %i] [2, 128] [1, 1] : memref<?x?xf32, strided<[?, 1]>> to memref<2x128xf32, strided<[?, 1], offset: ?>>
        mqa.logits ins(%qt, %kt, %st, %wt, %kst, %ket : memref<2x64x16xi8, strided<[1024, 16, 1], offset: ?>>, memref<128x32xf8E4M3FN, strided<[32, 1], offset: ?>>, memref<128xf32, strided<[1], offset: ?>>, memref<2x64xf32, strided<[64, 1], offset: ?>>, memref<2xi32, strided<[1], offset: ?>>, memref<2xi32, strided<[1], offset: ?>>) key_offset(%i) q_scale(%qst : memref<2x64xi32, strided<[64, 1], offset: ?>>) outs(%ot : memref<2x128xf32, strided<[?, 1], offset: ?>>) {schedule = #mqa.schedule<block_q = 8, block_kv = 128, tile_kv = 128, stages = 2>}
      }
    }
    gpu.return
  }
}
