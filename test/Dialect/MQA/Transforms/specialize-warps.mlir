// RUN: mqa-opt %s --pass-pipeline='builtin.module(gpu.module(gpu.func(mqa-specialize-warps)))' | FileCheck %s

#smem = #gpu.address_space<workgroup>
!ring = !mqa.ring<4, memref<128x128xf8E4M3FN, #smem>, memref<128xf32, #smem>>
!k = memref<128x128xf8E4M3FN, strided<[128, 1], offset: ?>, #smem>
!s = memref<128xf32, strided<[1], offset: ?>, #smem>
!q = memref<2x64x128xf8E4M3FN, #smem>
!w = memref<2x64xf32, #smem>

gpu.module @kernels {
  // CHECK-LABEL: gpu.func @specialize
  // CHECK: mqa.ring_create {consumers = 8 : i64}
  // CHECK: %[[TID:.*]] = gpu.thread_id x
  // CHECK: %[[C256:.*]] = arith.constant 256 : index
  // CHECK: %[[IS_CONSUMER:.*]] = arith.cmpi ult, %[[TID]], %[[C256]]
  // CHECK: scf.if %[[IS_CONSUMER]] {
  // CHECK: nvvm.setmaxregister increase 232
  // CHECK: %[[WG:.*]] = arith.index_cast %{{.*}} : i32 to index
  // CHECK: gpu.block_id x
  // CHECK: scf.for
  // CHECK-NOT: mqa.ring_put
  // CHECK-NOT: mqa.clean_rows
  // CHECK: %[[SLOT:.*]]:2 = mqa.ring_get
  // CHECK: %[[FIRST:.*]] = arith.muli %[[WG]], %{{.*}}
  // CHECK: %[[K:.*]] = memref.subview %[[SLOT]]#0[%[[FIRST]], 0] [64, 128] [1, 1]
  // CHECK: %[[S:.*]] = memref.subview %[[SLOT]]#1[%[[FIRST]]] [64] [1]
  // CHECK: %[[KEY:.*]] = arith.addi %{{.*}}, %[[FIRST]]
  // CHECK: mqa.tile_logits ins(%{{.*}}, %[[K]], %[[S]], {{.*}}) first_key(%[[KEY]])
  // CHECK: mqa.ring_release
  // CHECK: } else {
  // CHECK: nvvm.setmaxregister decrease 32
  // CHECK: arith.cmpi eq, %[[TID]]
  // CHECK: scf.if
  // CHECK: scf.for
  // CHECK-NOT: mqa.tile_logits
  // CHECK: mqa.ring_put
  // CHECK-NOT: mqa.ring_get
  // CHECK: arith.cmpi uge, %[[TID]]
  // CHECK: scf.if
  // CHECK: scf.for
  // CHECK: mqa.clean_rows {{.*}} threads %{{.*}} of %{{.*}}
  gpu.func @specialize(%q: !q, %w: !w, %k: memref<?x128xf8E4M3FN>, %s: memref<?xf32>, %ks: memref<?xi32>, %out: memref<?x?xf32>, %n: index) kernel attributes {mqa.schedule = #mqa.schedule<block_q = 2, block_kv = 128, warpgroups = 2, stages = 4>} {
    %ring = mqa.ring_create : !ring
    %c0 = arith.constant 0 : i32
    %c1 = arith.constant 1 : i32
    %block = gpu.block_id x
    %grid = gpu.grid_dim x
    %r = scf.for %i = %block to %n step %grid iter_args(%p = %c0) -> (i32) {
      mqa.clean_rows %out, %ks, %ks : memref<?x?xf32>, memref<?xi32>, memref<?xi32>
      mqa.ring_put %ring[%p], %k, %s : !ring, memref<?x128xf8E4M3FN>, memref<?xf32>
      %0:2 = mqa.ring_get %ring[%p] : !ring -> !k, !s
      mqa.tile_logits ins(%q, %0#0, %0#1, %w, %ks, %ks : !q, !k, !s, !w, memref<?xi32>, memref<?xi32>) first_key(%i) outs(%out : memref<?x?xf32>)
      mqa.ring_release %ring[%p] : !ring
      %next = arith.addi %p, %c1 : i32
      scf.yield %next : i32
    }
    gpu.return
  }

  // Nothing to specialise.
  // CHECK-LABEL: gpu.func @plain
  // CHECK-NEXT: gpu.return
  gpu.func @plain() kernel {
    gpu.return
  }
}
