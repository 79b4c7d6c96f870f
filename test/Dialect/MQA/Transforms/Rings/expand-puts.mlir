// RUN: mqa-opt %s --pass-pipeline='builtin.module(mqa-attach-target,gpu.module(gpu.func(mqa-expand-puts)))' | FileCheck %s --check-prefixes=CHECK,TMA
// RUN: mqa-opt %s --pass-pipeline='builtin.module(mqa-attach-target{chip=sm_80},gpu.module(gpu.func(mqa-expand-puts)))' | FileCheck %s --check-prefixes=CHECK,ASYNC

#smem = #gpu.address_space<workgroup>
#queries = #mqa.staged<shape = [4, 8, 2, 64], dims = [0, 1, 0, 2], swizzle = 16>
!ring = !mqa.ring<2, memref<8x64xf32, #smem>, memref<8x8x64xf8E4M3FN, #queries, #smem>, memref<32xf32, #smem>>
!s = memref<32xf32, strided<[1], offset: ?>, #smem>
// CHECK: #[[QUERIES:.*]] = #mqa.staged<
gpu.module @kernels {
  // Each tile has the kind that its source and the target say. What lanes copy by
  // elements, which they wait for, comes behind the copies that go on by themselves.
  // CHECK-LABEL: gpu.func @kinds
  // CHECK: %[[ROWS:.*]] = mqa.row_block
  // CHECK: %[[VIEW:.*]] = memref.subview %[[ROWS]]
  // CHECK: %[[T:.*]]:3 = mqa.ring_acquire %[[RING:[a-z0-9]+]][%[[P:[a-z0-9]+]]] :
  // TMA-NEXT: mqa.fill_tile %{{.*}} into %[[T]]#1 by tensor_map : memref<?x8x64xf8E4M3FN> into memref<8x8x64xf8E4M3FN, #[[QUERIES]],
  // TMA-NEXT: mqa.fill_tile %{{.*}} into %[[T]]#2 by tensor_map :
  // ASYNC-NEXT: mqa.fill_tile %{{.*}} into %[[T]]#1 by async_chunks : memref<?x8x64xf8E4M3FN> into memref<8x8x64xf8E4M3FN, #[[QUERIES]],
  // ASYNC-NEXT: mqa.fill_tile %{{.*}} into %[[T]]#2 by async_chunks :
  // CHECK-NEXT: mqa.fill_tile %[[VIEW]] into %[[T]]#0 by elements : memref<?x?xbf16
  // CHECK-NEXT: mqa.ring_commit %[[RING]][%[[P]]]
  // CHECK-NOT: mqa.ring_put
  gpu.func @kinds(%warg: memref<?x64xbf16>, %q: memref<?x8x64xf8E4M3FN>, %s: memref<?xf32>, %p: i32, %m: index) kernel {
    %ring = mqa.ring_create : !ring
    %rows = mqa.row_block %warg[%m] rows %m : memref<?x64xbf16> -> memref<?x64xbf16, strided<[64, 1]>>
    %w = memref.subview %rows[0, 0] [%m, %m] [1, 1] : memref<?x64xbf16, strided<[64, 1]>> to memref<?x?xbf16, strided<[64, 1]>>
    mqa.ring_put %ring[%p], %w, %q, %s
        : !ring, memref<?x?xbf16, strided<[64, 1]>>, memref<?x8x64xf8E4M3FN>, memref<?xf32>
    gpu.return
  }

  // What is converted is copied by chunks on each target. Scales of cache blocks of 16
  // keys begin anywhere, those of 32 do not.
  // CHECK-LABEL: gpu.func @converts
  // CHECK: by chunks : memref<?x64xf8E5M2> into memref<32x64xf16
  // CHECK: by elements : memref<?xf32> into memref<32xf32
  // TMA: by tensor_map : memref<?xf32> into memref<32xf32
  // ASYNC: by async_chunks : memref<?xf32> into memref<32xf32
  gpu.func @converts(%k: memref<?x64xf8E5M2>, %c16: memref<?x16xf32>, %c32: memref<?x32xf32>, %ids: i32, %n: index, %p: i32) kernel {
    %keys = mqa.ring_create : !mqa.ring<2, memref<32x64xf16, #smem>>
    %scales = mqa.ring_create : !mqa.ring<2, memref<32xf32, #smem>>
    mqa.ring_put %keys[%p], %k : !mqa.ring<2, memref<32x64xf16, #smem>>, memref<?x64xf8E5M2>
    %s16 = mqa.gather_blocks %c16[%ids] from %n : memref<?x16xf32> -> memref<?xf32>
    mqa.ring_put %scales[%p], %s16 : !mqa.ring<2, memref<32xf32, #smem>>, memref<?xf32>
    %s32 = mqa.gather_blocks %c32[%ids] from %n : memref<?x32xf32> -> memref<?xf32>
    mqa.ring_put %scales[%p], %s32 : !mqa.ring<2, memref<32xf32, #smem>>, memref<?xf32>
    gpu.return
  }

  // A put in a loop, beside a slot that was acquired before.
  // CHECK-LABEL: gpu.func @beside
  // CHECK: %[[OWN:.*]] = mqa.ring_acquire %[[A:[a-z0-9]+]][%[[P:[a-z0-9]+]]]
  // CHECK: scf.for
  // CHECK: %[[T:.*]] = mqa.ring_acquire %[[B:[a-z0-9]+]][%[[P]]]
  // CHECK: mqa.fill_tile %{{.*}} into %[[T]]
  // CHECK: mqa.ring_commit %[[B]][%[[P]]]
  // CHECK: }
  // CHECK: mqa.fill_tile %{{.*}} into %[[OWN]] by elements
  // CHECK: mqa.ring_commit %[[A]][%[[P]]]
  gpu.func @beside(%s: memref<?xf32>, %n: index, %p: i32) kernel {
    %a = mqa.ring_create : !mqa.ring<2, memref<32xf32, #smem>>
    %b = mqa.ring_create : !mqa.ring<2, memref<32xf32, #smem>>
    %t = mqa.ring_acquire %a[%p] : !mqa.ring<2, memref<32xf32, #smem>> -> !s
    scf.for %i = %n to %n step %n {
      mqa.ring_put %b[%p], %s : !mqa.ring<2, memref<32xf32, #smem>>, memref<?xf32>
    }
    mqa.fill_tile %s into %t by elements : memref<?xf32> into !s
    mqa.ring_commit %a[%p] : !mqa.ring<2, memref<32xf32, #smem>>
    gpu.return
  }
}
