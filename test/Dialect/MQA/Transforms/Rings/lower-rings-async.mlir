// RUN: mqa-opt %s --pass-pipeline='builtin.module(mqa-attach-target{chip=sm_80},gpu.module(gpu.func(mqa-expand-puts)),mqa-lower-rings,gpu.module(gpu.func(canonicalize,cse)))' --split-input-file --allow-unregistered-dialect | FileCheck %s

#smem = #gpu.address_space<workgroup>
#rows = #mqa.staged<shape = [64, 64], dims = [0, 1], swizzle = 16>
!ring = !mqa.ring<4, memref<64x64xf8E4M3FN, #rows, #smem>, memref<64xf32, #smem>>
!k = memref<64x64xf8E4M3FN, #rows, #smem>
!s = memref<64xf32, strided<[1], offset: ?>, #smem>
gpu.module @kernels {
  // Without tensor maps the arguments stay what they are, and must be aligned. All
  // lanes arrive: each for its own copies.
  // CHECK-LABEL: gpu.func @ring
  // CHECK-SAME: %[[K:[a-z0-9]+]]: memref<?x64xf8E4M3FN> {mqa.operand = #mqa.operand<"k", tensor<?x64xf8E4M3FN>, alignment = 16>}
  // CHECK-SAME: %[[S:[a-z0-9]+]]: memref<?xf32> {mqa.operand = #mqa.operand<"k_scale", tensor<?xf32>, alignment = 16>}
  // CHECK: %[[KEYS:.*]] = memref.view %{{.*}}[%c0][] : {{.*}} to memref<4x64x64xf8E4M3FN
  // CHECK: %[[FULL:.*]] = nvgpu.mbarrier.create
  // CHECK: nvgpu.mbarrier.init %[[FULL]][%c0], %c32
  // CHECK-NOT: nvvm.fence.mbarrier.init
  // CHECK: gpu.barrier
  gpu.func @ring(%karg: memref<?x64xf8E4M3FN> {mqa.operand = #mqa.operand<"k", tensor<?x64xf8E4M3FN>>},
                 %sarg: memref<?xf32> {mqa.operand = #mqa.operand<"k_scale", tensor<?xf32>>}, %p: i32, %n: index, %rows: index)
      kernel attributes {mqa.kernel = #mqa.kernel<op = "mqa.logits", schedule = <block_q = 4, block_kv = 64, tile_kv = 64, stages = 2>>} {
    %ring = mqa.ring_create {consumers = 8 : i64} : !ring
    %kt = memref.subview %karg[%n, 0] [%rows, 64] [1, 1] : memref<?x64xf8E4M3FN> to memref<?x64xf8E4M3FN, strided<[64, 1], offset: ?>>
    %st = memref.subview %sarg[%n] [%rows] [1] : memref<?xf32> to memref<?xf32, strided<[1], offset: ?>>
    // CHECK: nvgpu.mbarrier.try_wait.parity
    // CHECK-NOT: expect_tx
    // 256 chunks of 16 bytes, four of them a row: eight for each lane.
    // CHECK: llvm.inline_asm
    // CHECK: %[[THREAD:.*]] = arith.index_cast %{{.*}} : i32 to index
    // CHECK: %[[LANE:.*]] = arith.remui %[[THREAD]], %c32
    // CHECK: %[[FLAT:.*]] = memref.collapse_shape %[[KEYS]]
    // What lies behind the source's rows becomes zero.
    // CHECK: arith.cmpi ult
    // CHECK: %[[COUNT:.*]] = arith.select
    // CHECK: %[[FROM:.*]] = mqa.row_block %[[K]][%{{.*}}] rows %c1
    // Rows of 64 bytes: two lie in a line of 128, and the column is exclusive-or'ed
    // with the line's number.
    // CHECK: arith.divui %[[LANE]], %c8
    // CHECK: arith.xori %[[LANE]]
    // CHECK: mqa.async_copy %[[FROM]][%c0, %{{.*}}], %[[FLAT]][%{{.*}}], %[[COUNT]]
    // CHECK-COUNT-7: mqa.async_copy
    // Sixteen chunks of scales: not all lanes have one.
    // CHECK: scf.if
    // CHECK-NEXT: mqa.async_copy
    // CHECK: mqa.async_arrive %[[FULL]]
    // CHECK-NOT: nvgpu.mbarrier.arrive
    mqa.ring_put %ring[%p], %kt, %st : !ring, memref<?x64xf8E4M3FN, strided<[64, 1], offset: ?>>, memref<?xf32, strided<[1], offset: ?>>
    // CHECK: nvgpu.mbarrier.try_wait.parity %[[FULL]]
    %0:2 = mqa.ring_get %ring[%p] : !ring -> !k, !s
    "test.use"(%0#0) : (!k) -> ()
    // Each lane says itself that it has read.
    // CHECK: "test.use"
    // CHECK-NOT: nvvm.bar.warp.sync
    // CHECK: nvgpu.mbarrier.arrive
    mqa.ring_release %ring[%p] : !ring
    gpu.return
  }
}

// -----

#smem = #gpu.address_space<workgroup>
#rows = #mqa.staged<shape = [32, 64], dims = [0, 1], swizzle = 8>
!ring = !mqa.ring<2, memref<32x64xf16, #rows, #smem>>
!k = memref<32x64xf16, #rows, #smem>
gpu.module @kernels {
  // Four warps fill a slot together: 256 chunks of 8 elements, two for each of 128
  // threads, all of which arrive when they have written theirs. fp8 becomes f16
  // in between: all loads are under way before the first is decoded.
  // CHECK-LABEL: gpu.func @converts
  // CHECK: nvgpu.mbarrier.init %{{.*}}[%c0], %c128
  // CHECK: arith.remui %{{.*}}, %c128
  // CHECK-NOT: mqa.async_copy
  // CHECK: scf.if
  // CHECK: vector.load %{{.*}} {alignment = 8 : i64} : {{.*}}, vector<8xf8E4M3FN>
  // CHECK: vector.load
  // CHECK: nvvm.prmt
  // CHECK: arith.mulf %{{.*}} : vector<8xf16>
  // CHECK: vector.store %{{.*}} {alignment = 16 : i64} : memref<4096xf16
  // CHECK: nvvm.prmt
  // CHECK: vector.store
  // CHECK-NOT: mqa.async_arrive
  // CHECK: nvgpu.mbarrier.arrive
  gpu.func @converts(%karg: memref<?x64xf8E4M3FN> {mqa.operand = #mqa.operand<"k", tensor<?x64xf8E4M3FN>>}, %p: i32, %n: index, %rows: index)
      kernel attributes {mqa.kernel = #mqa.kernel<op = "mqa.logits", schedule = <block_q = 4, block_kv = 32, tile_kv = 32, stages = 2>>} {
    %ring = mqa.ring_create {consumers = 4 : i64, producers = 4 : i64} : !ring
    %kt = memref.subview %karg[%n, 0] [%rows, 64] [1, 1] : memref<?x64xf8E4M3FN> to memref<?x64xf8E4M3FN, strided<[64, 1], offset: ?>>
    mqa.ring_put %ring[%p], %kt : !ring, memref<?x64xf8E4M3FN, strided<[64, 1], offset: ?>>
    %0 = mqa.ring_get %ring[%p] : !ring -> !k
    "test.use"(%0) : (!k) -> ()
    mqa.ring_release %ring[%p] : !ring
    gpu.return
  }
}
