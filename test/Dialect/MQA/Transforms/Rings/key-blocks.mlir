// How keys of chosen blocks of a matrix come to a ring.
// RUN: mqa-opt %s --pass-pipeline='builtin.module(mqa-attach-target,gpu.module(gpu.func(mqa-prefetch-block-ids{distance=0},canonicalize,cse)))' | FileCheck %s
// RUN: mqa-opt %s --pass-pipeline='builtin.module(mqa-attach-target,gpu.module(gpu.func(mqa-prefetch-block-ids{distance=0},mqa-expand-puts)))' | FileCheck %s --check-prefix=PUTS
// RUN: mqa-opt %s --pass-pipeline='builtin.module(mqa-attach-target{chip=sm_80},gpu.module(gpu.func(mqa-prefetch-block-ids{distance=0},mqa-expand-puts)))' | FileCheck %s --check-prefix=ASYNC
// RUN: mqa-opt %s --pass-pipeline='builtin.module(mqa-attach-target,gpu.module(gpu.func(mqa-prefetch-block-ids{distance=0},mqa-expand-puts)),mqa-lower-rings,canonicalize,cse)' | FileCheck %s --check-prefix=LOWER

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

  // No tensor map fills a part of a tile with 32 bytes.
  // PUTS: mqa.fill_tile {{.*}} by tensor_map
  // PUTS: mqa.fill_tile {{.*}} by async_chunks
  // ASYNC: mqa.fill_tile {{.*}} by async_chunks
  // ASYNC: mqa.fill_tile {{.*}} by async_chunks

  // A box for each block, at row 8 * id of the matrix.
  // LOWER-LABEL: gpu.func @tile
  // LOWER-SAME: !nvgpu.tensormap.descriptor<tensor = memref<8x128xf8E4M3FN, #gpu.address_space<workgroup>>, swizzle = swizzle_128b
  // LOWER: %[[ID:.*]] = arith.index_cast %{{.*}} : i32 to index
  // LOWER: %[[ROW:.*]] = arith.muli %[[ID]], %c8
  // LOWER: nvgpu.tma.async.load %{{.*}}[%c0, %[[ROW]]]
  // LOWER-COUNT-3: nvgpu.tma.async.load
  // LOWER-NOT: nvgpu.tma.async.load
  // LOWER: mqa.async_copy
  gpu.func @tile(%k: memref<?x128xf8E4M3FN>, %s: memref<?xf32>, %table: memref<1x?xi32>, %n: index, %count: index, %p: i32) kernel attributes {known_block_size = array<i32: 256, 1, 1>} {
    %keys = mqa.ring_create : !keys
    %scales = mqa.ring_create : !scales
    %tile = mqa.gather_pages %k[%table] from %n keys %count {block_size = 8} : memref<?x128xf8E4M3FN>, memref<1x?xi32> -> memref<?x128xf8E4M3FN>
    %own = mqa.gather_pages %s[%table] from %n keys %count {block_size = 8} : memref<?xf32>, memref<1x?xi32> -> memref<?xf32>
    mqa.ring_put %keys[%p], %tile : !keys, memref<?x128xf8E4M3FN>
    mqa.ring_put %scales[%p], %own : !scales, memref<?xf32>
    gpu.return
  }
}
