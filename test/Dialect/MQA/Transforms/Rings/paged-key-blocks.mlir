// How keys of chosen blocks of a paged cache come to a ring: `ids` count blocks of 8, of which a cache block has 8.
// RUN: mqa-opt %s --allow-unregistered-dialect --pass-pipeline='builtin.module(mqa-attach-target,gpu.module(gpu.func(mqa-expand-puts)),mqa-lower-rings,canonicalize,cse)' | FileCheck %s
// RUN: sed 's/block_size = 8/block_size = 32/' %s | mqa-opt --allow-unregistered-dialect --pass-pipeline='builtin.module(mqa-attach-target,gpu.module(gpu.func(mqa-expand-puts)),mqa-lower-rings,canonicalize,cse)' | FileCheck %s --check-prefix=BOXES
// RUN: sed 's/block_size = 8/block_size = 16/' %s | mqa-opt --allow-unregistered-dialect --pass-pipeline='builtin.module(mqa-attach-target{chip=sm_80},gpu.module(gpu.func(mqa-expand-puts)),mqa-lower-rings,canonicalize,cse)' | FileCheck %s --check-prefix=CHUNKS

#smem = #gpu.address_space<workgroup>
!keys = !mqa.ring<4, memref<32x128xf8E4M3FN, #mqa.staged<shape = [32, 128], dims = [0, 1], swizzle = 16>, #smem>>
!scales = !mqa.ring<4, memref<32xf32, #smem>>
gpu.module @kernels {
  // A lane has one block, and goes from row to row of its page.
  // CHECK-LABEL: gpu.func @tile
  // CHECK-SAME: %[[K:[a-z0-9]+]]: memref<?x64x128xf8E4M3FN>, %[[S:[a-z0-9]+]]: memref<?x64xf32>
  // CHECK-NOT: nvgpu.tma.async.load
  // CHECK: %[[SHUFFLED:[a-z0-9A-Z_]+]], %{{.*}} = gpu.shuffle idx
  // CHECK: %[[ID:.*]] = arith.index_cast %[[SHUFFLED]] : i32 to index
  // CHECK: %[[PAGE:.*]] = arith.shrsi %[[ID]], %c3
  // CHECK: %[[IN_PAGE:.*]] = arith.andi %[[ID]], %c7
  // CHECK: %[[FIRST:.*]] = arith.muli %[[IN_PAGE]], %c8
  // CHECK: %[[EXISTS:.*]] = arith.cmpi ult, %[[PAGE]], %{{.*}} : index
  // CHECK: arith.select %[[EXISTS]], %c8, %c0
  // CHECK: %[[OWN:.*]] = mqa.row_block %[[K]][%[[PAGE]]] rows %c1
  // CHECK: mqa.async_copy %[[OWN]][%c0, %[[FIRST]], %{{.*}}]
  // CHECK: %[[NEXT:.*]] = arith.addi %[[FIRST]], %c1
  // CHECK: mqa.async_copy %[[OWN]][%c0, %[[NEXT]], %{{.*}}]
  // CHECK-COUNT-6: mqa.async_copy %[[OWN]]
  // CHECK-NEXT: mqa.async_arrive
  // CHECK: %[[SCALES:.*]] = mqa.row_block %[[S]]
  // CHECK: mqa.async_copy %[[SCALES]]

  // Blocks of 32 are boxes of a page.
  // BOXES-LABEL: gpu.func @tile
  // BOXES-SAME: !nvgpu.tensormap.descriptor<tensor = memref<1x32x128xf8E4M3FN
  // BOXES: %[[SHUFFLED:[a-z0-9A-Z_]+]], %{{.*}} = gpu.shuffle idx
  // BOXES: %[[ID:.*]] = arith.index_cast %[[SHUFFLED]] : i32 to index
  // BOXES: %[[PAGE:.*]] = arith.shrsi %[[ID]], %c1
  // BOXES: %[[IN_PAGE:.*]] = arith.andi %[[ID]], %c1
  // BOXES: %[[FIRST:.*]] = arith.muli %[[IN_PAGE]], %c32
  // BOXES: nvgpu.tma.async.load %{{.*}}[%c0, %[[FIRST]], %[[PAGE]]]
  // BOXES: nvgpu.tma.async.load
  // BOXES-NOT: nvgpu.tma.async.load
  // BOXES: gpu.return

  // CHUNKS-LABEL: gpu.func @tile
  // CHUNKS: arith.shrsi %{{.*}}, %c2
  // CHUNKS: mqa.async_copy
  gpu.func @tile(%k: memref<?x64x128xf8E4M3FN>, %s: memref<?x64xf32>, %ids: i32, %n: index, %p: i32) kernel attributes {known_block_size = array<i32: 256, 1, 1>} {
    %keys = mqa.ring_create : !keys
    %scales = mqa.ring_create : !scales
    %tile = mqa.gather_blocks %k[%ids] from %n {block_size = 8} : memref<?x64x128xf8E4M3FN> -> memref<?x128xf8E4M3FN>
    %own = mqa.gather_blocks %s[%ids] from %n {block_size = 8} : memref<?x64xf32> -> memref<?xf32>
    mqa.ring_put %keys[%p], %tile : !keys, memref<?x128xf8E4M3FN>
    mqa.ring_put %scales[%p], %own : !scales, memref<?xf32>
    %k_tile = mqa.ring_get %keys[%p] : !keys -> memref<32x128xf8E4M3FN, #mqa.staged<shape = [32, 128], dims = [0, 1], swizzle = 16>, #smem>
    %s_tile = mqa.ring_get %scales[%p] : !scales -> memref<32xf32, strided<[1], offset: ?>, #smem>
    "test.use"(%k_tile, %s_tile) : (memref<32x128xf8E4M3FN, #mqa.staged<shape = [32, 128], dims = [0, 1], swizzle = 16>, #smem>, memref<32xf32, strided<[1], offset: ?>, #smem>) -> ()
    gpu.return
  }
}
