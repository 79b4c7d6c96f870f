// RUN: mqa-opt %s --pass-pipeline='builtin.module(mqa-attach-target,gpu.module(gpu.func(mqa-expand-puts)),mqa-lower-rings,gpu.module(gpu.func(canonicalize,cse)))' | FileCheck %s

#smem = #gpu.address_space<workgroup>
#rows = #mqa.staged<shape = [128, 128], dims = [0, 1], swizzle = 16>
!ring = !mqa.ring<4, memref<128x128xf8E4M3FN, #rows, #smem>, memref<128xf32, #smem>>
gpu.module @kernels {
  // Two blocks of 64 keys fill a tile: the numbers come from the lanes that read
  // them, and one lane starts the loads.
  // CHECK-LABEL: gpu.func @blocks
  // CHECK-SAME: %[[K:[a-z0-9]+]]: !nvgpu.tensormap.descriptor<tensor = memref<1x64x128xf8E4M3FN, {{.*}}>, swizzle = swizzle_128b
  // CHECK-SAME: %[[S:[a-z0-9]+]]: !nvgpu.tensormap.descriptor<tensor = memref<1x64xf32, {{.*}}>, swizzle = none
  // CHECK-SAME: %[[IDS:[a-z0-9]+]]: i32
  // CHECK: %[[LANE0:.*]], %{{.*}} = gpu.shuffle idx %[[IDS]], %c0_i32
  // CHECK: %[[ID0:.*]] = arith.index_cast %[[LANE0]]
  // CHECK: %[[LANE1:.*]], %{{.*}} = gpu.shuffle idx %[[IDS]], %c1_i32
  // CHECK: %[[ID1:.*]] = arith.index_cast %[[LANE1]]
  // CHECK: %[[ELECTED:.*]] = nvvm.elect.sync
  // CHECK-NEXT: scf.if %[[ELECTED]]
  // CHECK: nvgpu.mbarrier.arrive.expect_tx %{{.*}}, %c16896
  // CHECK: %[[AT0:.*]] = memref.subview %{{.*}}[%{{.*}}, 0, 0] [1, 64, 128]
  // CHECK: nvgpu.tma.async.load %[[K]][%c0, %c0, %[[ID0]]], %{{.*}} to %[[AT0]]
  // CHECK: %[[AT1:.*]] = memref.subview %{{.*}}[%{{.*}}, 64, 0] [1, 64, 128]
  // CHECK: nvgpu.tma.async.load %[[K]][%c0, %c0, %[[ID1]]], %{{.*}} to %[[AT1]]
  // CHECK: nvgpu.tma.async.load %[[S]][%c0, %[[ID0]]]
  // CHECK: nvgpu.tma.async.load %[[S]][%c0, %[[ID1]]]
  gpu.func @blocks(%cache: memref<?x64x128xf8E4M3FN>, %scales: memref<?x64xf32>, %ids: i32, %n: index, %p: i32) kernel {
    %ring = mqa.ring_create : !ring
    %k = mqa.gather_blocks %cache[%ids] from %n : memref<?x64x128xf8E4M3FN> -> memref<?x128xf8E4M3FN>
    %s = mqa.gather_blocks %scales[%ids] from %n : memref<?x64xf32> -> memref<?xf32>
    mqa.ring_put %ring[%p], %k, %s : !ring, memref<?x128xf8E4M3FN>, memref<?xf32>
    gpu.return
  }

  // A tile that is half of a block begins somewhere in it.
  // CHECK-LABEL: gpu.func @part
  // CHECK-SAME: %[[K:[a-z0-9]+]]: !nvgpu.tensormap.descriptor<tensor = memref<1x128x128xf8E4M3FN
  // CHECK-SAME: %[[N:[a-z0-9]+]]: index
  // CHECK: %[[SLOT:.*]] = arith.remui %[[N]], %c256
  // CHECK: nvgpu.tma.async.load %[[K]][%c0, %[[SLOT]], %{{.*}}]
  // CHECK: nvgpu.tma.async.load %{{.*}}[%[[SLOT]], %{{.*}}]
  gpu.func @part(%cache: memref<?x256x128xf8E4M3FN>, %scales: memref<?x256xf32>, %n: index, %ids: i32, %p: i32) kernel {
    %ring = mqa.ring_create : !ring
    %k = mqa.gather_blocks %cache[%ids] from %n : memref<?x256x128xf8E4M3FN> -> memref<?x128xf8E4M3FN>
    %s = mqa.gather_blocks %scales[%ids] from %n : memref<?x256xf32> -> memref<?xf32>
    mqa.ring_put %ring[%p], %k, %s : !ring, memref<?x128xf8E4M3FN>, memref<?xf32>
    gpu.return
  }

  // 16 scales are 64 bytes, which TMA cannot put behind each other: lanes copy
  // them, where there is such a block, and arrive for themselves.
  // CHECK-LABEL: gpu.func @short_scales
  // CHECK-SAME: %[[S:[a-z0-9]+]]: memref<?x16xf32>
  // CHECK: nvgpu.mbarrier.arrive.expect_tx %{{.*}}, %c16384
  // CHECK-COUNT-8: nvgpu.tma.async.load
  // CHECK-NOT: nvgpu.tma.async.load
  // CHECK: %[[BLOCK:.*]] = arith.divui %{{.*}}, %c16
  // CHECK: gpu.shuffle idx
  // CHECK: %[[EXISTS:.*]] = arith.cmpi ult
  // CHECK: scf.if %[[EXISTS]]
  // CHECK-NEXT: %[[ROW:.*]] = mqa.row_block %[[S]]
  // CHECK-NEXT: memref.load %[[ROW]][%c0, %{{.*}}]
  // CHECK: nvgpu.mbarrier.arrive %
  gpu.func @short_scales(%cache: memref<?x16x128xf8E4M3FN>, %scales: memref<?x16xf32>, %n: index, %ids: i32, %p: i32) kernel {
    %ring = mqa.ring_create : !ring
    %k = mqa.gather_blocks %cache[%ids] from %n : memref<?x16x128xf8E4M3FN> -> memref<?x128xf8E4M3FN>
    %s = mqa.gather_blocks %scales[%ids] from %n : memref<?x16xf32> -> memref<?xf32>
    mqa.ring_put %ring[%p], %k, %s : !ring, memref<?x128xf8E4M3FN>, memref<?xf32>
    gpu.return
  }
}
