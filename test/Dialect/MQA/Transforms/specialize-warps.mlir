// RUN: mqa-opt %s --pass-pipeline='builtin.module(gpu.module(gpu.func(mqa-specialize-warps)))' | FileCheck %s

#smem = #gpu.address_space<workgroup>
!ring = !mqa.ring<4, memref<2x32x128xf8E4M3FN, #smem>, memref<2x32xf32, #smem>>
!k = memref<2x32x128xf8E4M3FN, strided<[4096, 128, 1], offset: ?>, #smem>
!s = memref<2x32xf32, strided<[32, 1], offset: ?>, #smem>
!q = memref<1x4x4x16x128xf8E4M3FN, #smem>
!w = memref<4x64xf32, #smem>
!f = memref<2x4xf32, #smem>

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
  // What a warpgroup takes of the queries is the same in all loops here.
  // CHECK: %[[QUERY_GROUP:.*]] = arith.divui %[[WG]], %{{.*}}
  // CHECK: %[[KEY_GROUP:.*]] = arith.remui %[[WG]], %{{.*}}
  // CHECK: %[[KS:.*]] = memref.subview %{{.*}} : memref<?xi32> to
  // CHECK: memref.subview %{{.*}}[%[[QUERY_GROUP]], 0, 0, 0, 0] [1, 4, 4, 16, 128]
  // CHECK: scf.for
  // CHECK: mqa.key_range
  // CHECK: mqa.fit_queries %{{.*}}, %{{.*}} threads %[[TID]] of
  // CHECK: scf.for %[[N:.*]] = %{{.*}} to %[[END:.*]] step
  // CHECK-NOT: mqa.ring_put
  // CHECK: %[[SLOT:.*]]:2 = mqa.ring_get
  // CHECK: %[[KEY:.*]] = arith.addi %[[N]]
  // CHECK-DAG: %[[K:.*]] = memref.subview %[[SLOT]]#0[%[[KEY_GROUP]], 0, 0] [1, 32, 128] [1, 1, 1]
  // CHECK-DAG: %[[S:.*]] = memref.subview %[[SLOT]]#1[%[[KEY_GROUP]], 0] [1, 32] [1, 1]
  // Keys past the end are released unread.
  // CHECK: %[[SOME_KEYS:.*]] = arith.cmpi slt, %[[KEY]], %[[END]]
  // CHECK: scf.if
  // CHECK-NEXT: mqa.tile_logits ins(%{{.*}}, %[[K]], %[[S]], {{.*}}) first_key(%[[KEY]])
  // CHECK-NEXT: mqa.ring_release
  // CHECK-NEXT: } else {
  // CHECK-NEXT: mqa.ring_release
  // CHECK: } else {
  // CHECK: nvvm.setmaxregister decrease 32
  // CHECK: arith.cmpi ult, %[[TID]]
  // CHECK: scf.if
  // CHECK: scf.for
  // CHECK-NOT: mqa.tile_logits
  // CHECK-NOT: mqa.fit_queries
  // CHECK: mqa.ring_put
  // CHECK-NOT: mqa.ring_get
  // CHECK: arith.cmpi uge, %[[TID]]
  // CHECK: scf.if
  // CHECK: scf.for
  // CHECK: mqa.clean_rows {{.*}} threads %{{.*}} of %{{.*}}
  gpu.func @specialize(%q: !q, %w: !w, %k: memref<?x128xf8E4M3FN>, %s: memref<?xf32>, %ks: memref<?xi32>, %out: memref<?x?xf32>, %n: index) kernel attributes {mqa.schedule = #mqa.schedule<block_q = 4, block_kv = 64, tile_kv = 32, stages = 4, reduction = f16>} {
    %ring = mqa.ring_create : !ring
    %c0 = arith.constant 0 : i32
    %c1 = arith.constant 1 : i32
    %block = gpu.block_id x
    %grid = gpu.grid_dim x
    scf.for %i = %block to %n step %grid {
      mqa.clean_rows %out, %ks, %ks : memref<?x?xf32>, memref<?xi32>, memref<?xi32>
    }
    %r = scf.for %i = %block to %n step %grid iter_args(%p = %c0) -> (i32) {
      %lo, %hi = mqa.key_range %ks, %ks, %n {max_rows = 4 : i64} : memref<?xi32>, memref<?xi32>
      %f = mqa.fit_queries %q, %w : !q, !w -> !f
      %last = scf.for %j = %lo to %hi step %grid iter_args(%p2 = %p) -> (i32) {
        mqa.ring_put %ring[%p2], %k, %s : !ring, memref<?x128xf8E4M3FN>, memref<?xf32>
        %0:2 = mqa.ring_get %ring[%p2] : !ring -> !k, !s
        mqa.tile_logits ins(%q, %0#0, %0#1, %w, %ks, %ks : !q, !k, !s, !w, memref<?xi32>, memref<?xi32>) first_key(%j) outs(%out : memref<?x?xf32>) factors(%f : !f)
        mqa.ring_release %ring[%p2] : !ring
        %next = arith.addi %p2, %c1 : i32
        scf.yield %next : i32
      }
      scf.yield %last : i32
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
