// RUN: mqa-opt %s --pass-pipeline='builtin.module(mqa-attach-target,gpu.module(gpu.func(mqa-expand-puts)),mqa-lower-rings,gpu.module(gpu.func(canonicalize)))' --allow-unregistered-dialect | FileCheck %s

#smem = #gpu.address_space<workgroup>
#rows = #mqa.staged<shape = [64, 64], dims = [0, 1], swizzle = 16>
#boxes = #mqa.staged<shape = [4, 8, 2, 64], dims = [0, 1, 0, 2], swizzle = 16>
!ring = !mqa.ring<4, memref<64x64xf8E4M3FN, #rows, #smem>, memref<64xf32, #smem>>
!k = memref<64x64xf8E4M3FN, #rows, #smem>
!s = memref<64xf32, strided<[1], offset: ?>, #smem>
gpu.module @kernels {
  // The arguments become tensor maps; their types are the recipe.
  // CHECK-LABEL: gpu.func @ring
  // CHECK-SAME: %[[KMAP:[a-z0-9]+]]: !nvgpu.tensormap.descriptor<tensor = memref<64x64xf8E4M3FN, #gpu.address_space<workgroup>>, swizzle = swizzle_64b
  // CHECK-SAME: %[[SMAP:[a-z0-9]+]]: !nvgpu.tensormap.descriptor<tensor = memref<64xf32, #gpu.address_space<workgroup>>, swizzle = none
  // CHECK-SAME: dynamic_shared_memory = 17408>
  // CHECK: %[[SMEM:.*]] = gpu.dynamic_shared_memory
  // CHECK: %[[K:.*]] = memref.view %[[SMEM]][%c0][] : {{.*}} to memref<4x64x64xf8E4M3FN
  // CHECK: %[[S:.*]] = memref.view %[[SMEM]][%c16384][] : {{.*}} to memref<4x64xf32
  // CHECK: %[[FULL:.*]] = nvgpu.mbarrier.create
  // CHECK: %[[EMPTY:.*]] = nvgpu.mbarrier.create
  // CHECK: scf.if
  // CHECK: nvgpu.mbarrier.init %[[FULL]][%c0], %c1
  // CHECK: nvgpu.mbarrier.init %[[EMPTY]][%c0], %c8
  // CHECK: nvvm.fence.mbarrier.init
  // CHECK: gpu.barrier
  gpu.func @ring(%karg: memref<?x64xf8E4M3FN>, %sarg: memref<?xf32>, %p: i32, %n: index, %rows: index) kernel attributes {mqa.kernel = #mqa.kernel<op = "mqa.logits", schedule = <block_q = 4, block_kv = 64, tile_kv = 64, stages = 2>>} {
    %ring = mqa.ring_create {consumers = 8 : i64} : !ring
    %kt = memref.subview %karg[%n, 0] [%rows, 64] [1, 1] : memref<?x64xf8E4M3FN> to memref<?x64xf8E4M3FN, strided<[64, 1], offset: ?>>
    %st = memref.subview %sarg[%n] [%rows] [1] : memref<?xf32> to memref<?xf32, strided<[1], offset: ?>>
    // CHECK: %[[SLOT:.*]] = arith.remui %{{.*}}, %c4_i32
    // CHECK: %[[ROUND:.*]] = arith.divui %{{.*}}, %c4_i32
    // CHECK: %[[I:.*]] = arith.index_castui %[[SLOT]]
    // CHECK: %[[PARITY:.*]] = arith.trunci %[[ROUND]] : i32 to i1
    // The first round does not wait.
    // CHECK: %[[NOT:.*]] = arith.xori %[[PARITY]], %true
    // CHECK: nvgpu.mbarrier.try_wait.parity %[[EMPTY]][%[[I]]], %[[NOT]]
    // Two copies for a slot: the first lane starts them, and none is elected.
    // CHECK-NOT: nvvm.elect.sync
    // CHECK: nvgpu.mbarrier.arrive.expect_tx %[[FULL]][%[[I]]], %c4352
    // CHECK: nvgpu.tma.async.load %[[KMAP]][%c0, %[[N:.*]]], %[[FULL]][%[[I]]] to
    // CHECK: nvgpu.tma.async.load %[[SMAP]][%[[N]]], %[[FULL]][%[[I]]] to
    // CHECK-NEXT: }
    // CHECK: nvvm.bar.warp.sync
    mqa.ring_put %ring[%p], %kt, %st : !ring, memref<?x64xf8E4M3FN, strided<[64, 1], offset: ?>>, memref<?xf32, strided<[1], offset: ?>>
    // CHECK: nvgpu.mbarrier.try_wait.parity %[[FULL]][%{{.*}}], %{{.*}}
    // CHECK: %[[MEMORY:.*]] = memref.subview %[[K]][%{{.*}}, 0, 0] [1, 64, 64] [1, 1, 1]
    // CHECK: %[[TILE:.*]] = mqa.layout_cast %[[MEMORY]]
    // CHECK: "test.use"(%[[TILE]])
    %0:2 = mqa.ring_get %ring[%p] : !ring -> !k, !s
    "test.use"(%0#0) : (!k) -> ()
    // One lane arrives for its warp.
    // CHECK: nvvm.bar.warp.sync
    // CHECK: scf.if
    // CHECK-NEXT: nvgpu.mbarrier.arrive %[[EMPTY]]
    mqa.ring_release %ring[%p] : !ring
    gpu.return
  }

  // Threads that meet anyway before they touch the ring need no other barrier; the
  // last warp initialises while the others go there.
  // CHECK-LABEL: gpu.func @meets
  // CHECK: %[[TID:.*]] = gpu.thread_id x
  // CHECK: %[[OWN:.*]] = arith.cmpi eq, %[[TID]], %c96
  // CHECK: scf.if %[[OWN]]
  // CHECK: nvvm.fence.mbarrier.init
  // CHECK-NOT: gpu.barrier
  // CHECK: "test.count"
  // CHECK-NEXT: gpu.barrier
  // CHECK: nvgpu.tma.async.load
  gpu.func @meets(%karg: memref<?x64xf8E4M3FN>, %p: i32, %n: index, %rows: index) kernel attributes {known_block_size = array<i32: 128, 1, 1>} {
    %ring = mqa.ring_create : !mqa.ring<4, memref<64x64xf8E4M3FN, #smem>>
    "test.count"() : () -> ()
    gpu.barrier
    %kt = memref.subview %karg[%n, 0] [%rows, 64] [1, 1] : memref<?x64xf8E4M3FN> to memref<?x64xf8E4M3FN, strided<[64, 1], offset: ?>>
    mqa.ring_put %ring[%p], %kt : !mqa.ring<4, memref<64x64xf8E4M3FN, #smem>>, memref<?x64xf8E4M3FN, strided<[64, 1], offset: ?>>
    gpu.return
  }

  // Boxes with heads and queries in another order than the argument's: one for each
  // of 4 warps, at queries 0, 2, 4 and 6 of the block.
  // CHECK-LABEL: gpu.func @boxes
  // CHECK-SAME: %[[MAP:[a-z0-9]+]]: !nvgpu.tensormap.descriptor<tensor = memref<8x2x64xf8E4M3FN, #gpu.address_space<workgroup>>, swizzle = swizzle_64b{{.*}}> {mqa.operand = #mqa.operand<"q", tensor<?x8x64xf8E4M3FN>, box_dims = [1, 0, 2]>}
  // CHECK: nvgpu.tma.prefetch.descriptor %[[MAP]]
  // CHECK: nvgpu.tma.async.load %[[MAP]][%c0, %[[M:[a-z0-9]+]], %c0]
  // CHECK: %[[M2:.*]] = arith.addi %[[M]], %c2
  // CHECK: nvgpu.tma.async.load %[[MAP]][%c0, %[[M2]], %c0]
  // CHECK-COUNT-2: nvgpu.tma.async.load
  // CHECK-NOT: nvgpu.tma.async.load
  gpu.func @boxes(%qarg: memref<?x8x64xf8E4M3FN> {mqa.operand = #mqa.operand<"q", tensor<?x8x64xf8E4M3FN>>}, %p: i32, %m: index, %rows: index) kernel attributes {mqa.kernel = #mqa.kernel<op = "mqa.logits", schedule = <block_q = 4, block_kv = 64, tile_kv = 64, stages = 2>>} {
    %ring = mqa.ring_create : !mqa.ring<2, memref<8x8x64xf8E4M3FN, #boxes, #smem>>
    %q = memref.subview %qarg[%m, 0, 0] [%rows, 8, 64] [1, 1, 1] : memref<?x8x64xf8E4M3FN> to memref<?x8x64xf8E4M3FN, strided<[512, 64, 1], offset: ?>>
    mqa.ring_put %ring[%p], %q : !mqa.ring<2, memref<8x8x64xf8E4M3FN, #boxes, #smem>>, memref<?x8x64xf8E4M3FN, strided<[512, 64, 1], offset: ?>>
    gpu.return
  }

  // Two groups get slots in turn. With three stages, who gets a slot has not got it
  // in the round before, and first waits until that is over.
  // CHECK-LABEL: gpu.func @turns
  // CHECK: %[[FULL:.*]] = nvgpu.mbarrier.create
  // CHECK: %[[EMPTY:.*]] = nvgpu.mbarrier.create
  // CHECK: %[[PARITY:.*]] = arith.trunci
  // CHECK: %[[BEFORE:.*]] = arith.xori %[[PARITY]], %true
  // CHECK: nvgpu.mbarrier.try_wait.parity %[[EMPTY]][%{{.*}}], %[[BEFORE]]
  // CHECK: nvgpu.mbarrier.try_wait.parity %[[FULL]][%{{.*}}], %[[PARITY]]
  gpu.func @turns(%p: i32) kernel {
    %ring = mqa.ring_create {turns = 2 : i64} : !mqa.ring<3, memref<64xf32, #smem>>
    %0 = mqa.ring_get %ring[%p] : !mqa.ring<3, memref<64xf32, #smem>> -> memref<64xf32, strided<[1], offset: ?>, #smem>
    "test.use"(%0) : (memref<64xf32, strided<[1], offset: ?>, #smem>) -> ()
    gpu.return
  }

  // Rows that TMA cannot load: lanes copy them, zeros behind their end, and each
  // arrives for itself, beside the lane that starts the loads of the other tile.
  // CHECK-LABEL: gpu.func @lanes
  // CHECK-SAME: %[[W:[a-z0-9]+]]: memref<?x5xf32>
  // CHECK: %[[FULL:.*]] = nvgpu.mbarrier.create
  // CHECK: %[[EMPTY:.*]] = nvgpu.mbarrier.create
  // CHECK: nvgpu.mbarrier.init %[[FULL]][%c0], %c33
  // CHECK: nvgpu.mbarrier.init %[[EMPTY]][%c0], %c32
  // CHECK: %[[ROWS:.*]] = mqa.row_block %[[W]]
  // CHECK: nvgpu.mbarrier.arrive.expect_tx %[[FULL]][%[[I:.*]]], %c1024
  // CHECK: nvvm.bar.warp.sync
  // Eight loads first, then what is stored of them.
  // CHECK: scf.for %[[AT:.*]] = %{{.*}} to %c64 step %c256
  // CHECK: %[[ROW:.*]] = arith.divui %[[AT]], %c8
  // CHECK: %[[COLUMN:.*]] = arith.remui %[[AT]], %c8
  // CHECK: %[[VALUE:.*]] = scf.if
  // CHECK: memref.load %[[ROWS]][%[[ROW]], %[[COLUMN]]]
  // CHECK: } else {
  // CHECK: scf.yield %cst
  // CHECK-COUNT-7: memref.load %[[ROWS]]
  // CHECK: arith.cmpi slt, %[[AT]], %c64
  // CHECK-NEXT: scf.if
  // CHECK-NEXT: memref.store %[[VALUE]], %{{.*}}[%[[ROW]], %[[COLUMN]]]
  // CHECK-COUNT-7: memref.store
  // CHECK: nvgpu.mbarrier.arrive %[[FULL]][%[[I]]]
  // Each lane of a reader releases for itself too.
  // CHECK-NOT: scf.if
  // CHECK: nvgpu.mbarrier.arrive %[[EMPTY]]
  gpu.func @lanes(%qarg: memref<?x64xf16>, %warg: memref<?x5xf32>, %p: i32, %m: index, %rows: index) kernel {
    %ring = mqa.ring_create : !mqa.ring<2, memref<8x64xf16, #smem>, memref<8x8xf32, #smem>>
    %q = memref.subview %qarg[%m, 0] [%rows, 64] [1, 1] : memref<?x64xf16> to memref<?x64xf16, strided<[64, 1], offset: ?>>
    %w = mqa.row_block %warg[%m] rows %rows : memref<?x5xf32> -> memref<?x5xf32, strided<[5, 1]>>
    mqa.ring_put %ring[%p], %q, %w : !mqa.ring<2, memref<8x64xf16, #smem>, memref<8x8xf32, #smem>>, memref<?x64xf16, strided<[64, 1], offset: ?>>, memref<?x5xf32, strided<[5, 1]>>
    mqa.ring_release %ring[%p] : !mqa.ring<2, memref<8x64xf16, #smem>, memref<8x8xf32, #smem>>
    gpu.return
  }

  // A vector is copied element by element, as is a view of a block of rows.
  // CHECK-LABEL: gpu.func @lanes_vector
  // CHECK: %[[BLOCK:.*]] = mqa.row_block
  // CHECK: %[[COLUMN:.*]] = memref.subview %[[BLOCK]]
  // CHECK: scf.for %[[AT:.*]] = %{{.*}} to %c64 step %c256
  // CHECK: arith.cmpi slt, %[[AT]], %{{.*}} : index
  // CHECK: memref.load %[[COLUMN]][%[[AT]]]
  gpu.func @lanes_vector(%sarg: memref<?x4xf32>, %p: i32, %n: index, %g: index) kernel {
    %ring = mqa.ring_create : !mqa.ring<2, memref<64xf32, #smem>>
    %s = mqa.row_block %sarg[%n] rows %n : memref<?x4xf32> -> memref<?x4xf32, strided<[4, 1]>>
    %sg = memref.subview %s[0, %g] [%n, 1] [1, 1] : memref<?x4xf32, strided<[4, 1]>> to memref<?xf32, strided<[4], offset: ?>>
    mqa.ring_put %ring[%p], %sg : !mqa.ring<2, memref<64xf32, #smem>>, memref<?xf32, strided<[4], offset: ?>>
    gpu.return
  }

  // The layout alone says the swizzle, not the size of the rows.
  // CHECK-LABEL: gpu.func @in_order
  // CHECK-SAME: !nvgpu.tensormap.descriptor<tensor = memref<64x128xf8E4M3FN, {{.*}}>, swizzle = none
  gpu.func @in_order(%karg: memref<?x128xf8E4M3FN>, %p: i32, %n: index) kernel {
    %ring = mqa.ring_create : !mqa.ring<2, memref<64x128xf8E4M3FN, #smem>>
    %k = memref.subview %karg[%n, 0] [64, 128] [1, 1] : memref<?x128xf8E4M3FN> to memref<64x128xf8E4M3FN, strided<[128, 1], offset: ?>>
    mqa.ring_put %ring[%p], %k : !mqa.ring<2, memref<64x128xf8E4M3FN, #smem>>, memref<64x128xf8E4M3FN, strided<[128, 1], offset: ?>>
    gpu.return
  }

  // One key group: a box of one in that dimension, which comes first.
  // CHECK-LABEL: gpu.func @group
  // CHECK-SAME: %[[MAP:[a-z0-9]+]]: !nvgpu.tensormap.descriptor<tensor = memref<1x64x128xf8E4M3FN, {{.*}}> {mqa.operand = #mqa.operand<"k", tensor<?x4x128xf8E4M3FN>, box_dims = [1, 0, 2]>}
  // CHECK-SAME: %[[N:[a-z0-9]+]]: index, %[[G:[a-z0-9]+]]: index
  // CHECK: nvgpu.tma.async.load %[[MAP]][%{{.*}}, %[[N]], %[[G]]], {{.*}} -> memref<1x64x128xf8E4M3FN
  gpu.func @group(%karg: memref<?x4x128xf8E4M3FN> {mqa.operand = #mqa.operand<"k", tensor<?x4x128xf8E4M3FN>>}, %p: i32, %n: index, %g: index) kernel attributes {mqa.kernel = #mqa.kernel<op = "mqa.logits", schedule = <block_q = 4, block_kv = 64, tile_kv = 64, stages = 2>>} {
    %ring = mqa.ring_create : !mqa.ring<2, memref<64x128xf8E4M3FN, #smem>>
    %k = memref.subview %karg[%n, %g, 0] [%n, 1, 128] [1, 1, 1] : memref<?x4x128xf8E4M3FN> to memref<?x128xf8E4M3FN, strided<[512, 1], offset: ?>>
    mqa.ring_put %ring[%p], %k : !mqa.ring<2, memref<64x128xf8E4M3FN, #smem>>, memref<?x128xf8E4M3FN, strided<[512, 1], offset: ?>>
    gpu.return
  }
}
