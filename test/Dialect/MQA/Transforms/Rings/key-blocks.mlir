// How keys of chosen blocks of a matrix come to a ring.
// RUN: mqa-opt %s --allow-unregistered-dialect --pass-pipeline='builtin.module(mqa-attach-target,gpu.module(gpu.func(mqa-prefetch-block-ids{distance=0},canonicalize,cse)))' | FileCheck %s
// RUN: mqa-opt %s --allow-unregistered-dialect --pass-pipeline='builtin.module(mqa-attach-target,gpu.module(gpu.func(mqa-prefetch-block-ids{distance=0},mqa-expand-puts)))' | FileCheck %s --check-prefix=PUTS
// RUN: sed 's/block_size = 8/block_size = 32/' %s | mqa-opt --allow-unregistered-dialect --pass-pipeline='builtin.module(mqa-attach-target,gpu.module(gpu.func(mqa-prefetch-block-ids{distance=0},mqa-expand-puts)),mqa-lower-rings,canonicalize,cse)' | FileCheck %s --check-prefix=BOXES
// RUN: mqa-opt %s --allow-unregistered-dialect --pass-pipeline='builtin.module(mqa-attach-target{chip=sm_80},gpu.module(gpu.func(mqa-prefetch-block-ids{distance=0},mqa-expand-puts)))' | FileCheck %s --check-prefix=PUTS
// RUN: mqa-opt %s --allow-unregistered-dialect --pass-pipeline='builtin.module(mqa-attach-target,gpu.module(gpu.func(mqa-prefetch-block-ids{distance=0},mqa-expand-puts)),mqa-lower-rings,canonicalize,cse)' | FileCheck %s --check-prefix=LOWER

#smem = #gpu.address_space<workgroup>
!keys = !mqa.ring<4, memref<32x128xf8E4M3FN, #mqa.staged<shape = [32, 128], dims = [0, 1], swizzle = 16>, #smem>>
!scales = !mqa.ring<4, memref<32xf32, #smem>>
gpu.module @kernels {
  // Lane i has the block of key first + 8 i.
  // CHECK-LABEL: gpu.func @tile
  // CHECK: %[[BLOCK:.*]] = arith.divui %{{.*}}, %c8
  // CHECK: %[[AHEAD:.*]] = arith.muli %{{.*}}, %c8
  // CHECK: %[[IDS:.*]] = arith.select %{{.*}}, %{{.*}}, %c-1_i32
  // CHECK: mqa.gather_blocks %{{.*}}[%[[IDS]]] from %{{.*}} {block_size = 8 : i64} : memref<?x128xf8E4M3FN> -> memref<?x128xf8E4M3FN>
  // CHECK: mqa.gather_blocks %{{.*}}[%[[IDS]]] from %{{.*}} {block_size = 8 : i64} : memref<?xf32> -> memref<?xf32>

  // Lanes copy blocks of 8 rows. Those of 32 become boxes.
  // PUTS: mqa.fill_tile {{.*}} by async_chunks : memref<?x128xf8E4M3FN>
  // PUTS: mqa.fill_tile {{.*}} by async_chunks : memref<?xf32>

  // A lane has one block, and goes from row to row of it; a block need not be there, or
  // not all of it. WGMMA reads the keys by another proxy than lanes write them by: who gets them
  // has the fence; who gets the scales has none.
  // LOWER-LABEL: gpu.func @tile
  // LOWER-SAME: %[[K:[a-z0-9]+]]: memref<?x128xf8E4M3FN>
  // LOWER-NOT: nvgpu.tma.async.load
  // LOWER: gpu.shuffle idx
  // LOWER: %[[ID:.*]] = arith.index_cast %{{.*}} : i32 to index
  // LOWER: %[[ROW:.*]] = arith.muli %[[ID]], %c8
  // LOWER: %[[EXISTS:.*]] = arith.cmpi ult, %[[ROW]], %[[N:.*]] : index
  // LOWER: %[[REST:.*]] = arith.subi %[[N]], %[[ROW]]
  // LOWER: %[[BEHIND:.*]] = arith.select %[[EXISTS]], %[[REST]], %c0
  // LOWER: %[[BLOCK:.*]] = mqa.row_block %[[K]][%[[ROW]]]
  // LOWER: %[[SOURCE:.*]] = mqa.row_block %[[BLOCK]][%c0]
  // LOWER: arith.cmpi sgt, %[[BEHIND]], %c0
  // LOWER: mqa.async_copy %[[SOURCE]]
  // LOWER: mqa.row_block %[[SOURCE]][%c1]
  // LOWER-COUNT-7: mqa.async_copy
  // LOWER-NEXT: mqa.async_arrive %[[FULL:[a-z0-9_]+]]
  // LOWER-NOT: nvvm.fence.proxy
  // LOWER: mqa.async_copy
  // LOWER: mqa.async_arrive
  // LOWER-NOT: nvvm.fence.proxy
  // LOWER: nvgpu.mbarrier.try_wait.parity %[[FULL]]
  // LOWER-NEXT: nvvm.fence.proxy {kind = #nvvm.proxy_kind<async.shared>
  // LOWER: nvgpu.mbarrier.try_wait.parity
  // LOWER-NOT: nvvm.fence.proxy
  // LOWER: "test.use"

  // BOXES-LABEL: gpu.func @tile
  // BOXES-SAME: !nvgpu.tensormap.descriptor<tensor = memref<32x128xf8E4M3FN
  // BOXES: %[[SHUFFLED:[a-z0-9A-Z_]+]], %{{.*}} = gpu.shuffle idx
  // BOXES: %[[ID:.*]] = arith.index_cast %[[SHUFFLED]] : i32 to index
  // BOXES: %[[ROW:.*]] = arith.muli %[[ID]], %c32
  // BOXES: nvgpu.tma.async.load %{{.*}}[%c0, %[[ROW]]]
  // BOXES: nvgpu.tma.async.load %{{.*}}[%{{.*}}]
  // BOXES-NOT: nvgpu.tma.async.load
  // BOXES-NOT: nvvm.fence.proxy
  // BOXES: gpu.return
  gpu.func @tile(%k: memref<?x128xf8E4M3FN>, %s: memref<?xf32>, %table: memref<1x?xi32>, %n: index, %count: index, %p: i32) kernel attributes {known_block_size = array<i32: 256, 1, 1>} {
    %keys = mqa.ring_create : !keys
    %scales = mqa.ring_create : !scales
    %tile = mqa.gather_pages %k[%table] from %n keys %count {block_size = 8} : memref<?x128xf8E4M3FN>, memref<1x?xi32> -> memref<?x128xf8E4M3FN>
    %own = mqa.gather_pages %s[%table] from %n keys %count {block_size = 8} : memref<?xf32>, memref<1x?xi32> -> memref<?xf32>
    mqa.ring_put %keys[%p], %tile : !keys, memref<?x128xf8E4M3FN>
    mqa.ring_put %scales[%p], %own : !scales, memref<?xf32>
    %k_tile = mqa.ring_get %keys[%p] : !keys -> memref<32x128xf8E4M3FN, #mqa.staged<shape = [32, 128], dims = [0, 1], swizzle = 16>, #smem>
    %s_tile = mqa.ring_get %scales[%p] : !scales -> memref<32xf32, strided<[1], offset: ?>, #smem>
    "test.use"(%k_tile, %s_tile) : (memref<32x128xf8E4M3FN, #mqa.staged<shape = [32, 128], dims = [0, 1], swizzle = 16>, #smem>, memref<32xf32, strided<[1], offset: ?>, #smem>) -> ()
    gpu.return
  }
}
