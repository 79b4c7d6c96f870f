// RUN: mqa-opt %s --pass-pipeline='builtin.module(gpu.module(gpu.func(mqa-prefetch-block-ids,canonicalize,cse)))' | FileCheck %s
// RUN: mqa-opt %s --pass-pipeline='builtin.module(gpu.module(gpu.func(mqa-prefetch-block-ids{distance=0},canonicalize,cse)))' | FileCheck %s --check-prefix=ZERO

#smem = #gpu.address_space<workgroup>
!ring = !mqa.ring<4, memref<128x128xf8E4M3FN, #smem>, memref<128xf32, #smem>>
gpu.module @kernels {
  // Two iterations ahead: those of the first two are read before the loop.
  // CHECK-LABEL: gpu.func @loop
  // CHECK-SAME: %[[CACHE:[a-z0-9]+]]: memref<?x64x128xf8E4M3FN>, %[[SCALES:[a-z0-9]+]]: memref<?x64xf32>, %[[TABLE:[a-z0-9]+]]: memref<1x?xi32>, %[[LO:[a-z0-9]+]]: index, %[[HI:[a-z0-9]+]]: index
  // CHECK: %[[LANE:.*]] = arith.remui %{{.*}}, %c32
  // CHECK: %[[AHEAD:.*]] = arith.muli %[[LANE]], %c64
  // CHECK: %[[FIRST:.*]] = scf.if
  // CHECK-NEXT: memref.load %[[TABLE]][%c0
  // CHECK: else
  // CHECK-NEXT: scf.yield %c-1_i32
  // CHECK: %[[SECOND:.*]] = scf.if
  // CHECK-NEXT: memref.load %[[TABLE]]
  // CHECK: scf.for %[[N:.*]] = %[[LO]] to %[[HI]] step %c128 iter_args(%[[IDS:.*]] = %[[FIRST]], %[[NEXT:.*]] = %[[SECOND]]) -> (i32, i32)
  // CHECK: %[[LATER:.*]] = scf.if
  // CHECK-NEXT: memref.load %[[TABLE]]
  // CHECK: %[[K:.*]] = mqa.gather_blocks %[[CACHE]][%[[IDS]]] from %[[N]]
  // CHECK: %[[S:.*]] = mqa.gather_blocks %[[SCALES]][%[[IDS]]] from %[[N]]
  // CHECK: mqa.ring_put %{{.*}}, %[[K]], %[[S]]
  // CHECK: scf.yield %[[NEXT]], %[[LATER]] : i32, i32
  // ZERO-LABEL: gpu.func @loop
  // ZERO: scf.for %[[N:.*]] = %{{.*}} step %c128 {
  // ZERO: %[[IDS:.*]] = scf.if
  // ZERO: mqa.gather_blocks %{{.*}}[%[[IDS]]] from %[[N]]
  gpu.func @loop(%cache: memref<?x64x128xf8E4M3FN>, %scales: memref<?x64xf32>, %table: memref<1x?xi32>, %lo: index, %hi: index, %p: i32) kernel {
    %ring = mqa.ring_create : !ring
    %c128 = arith.constant 128 : index
    scf.for %n = %lo to %hi step %c128 {
      %rest = arith.subi %hi, %n : index
      %count = arith.minsi %rest, %c128 : index
      %k = mqa.gather_pages %cache[%table] from %n keys %count : memref<?x64x128xf8E4M3FN>, memref<1x?xi32> -> memref<?x128xf8E4M3FN>
      %s = mqa.gather_pages %scales[%table] from %n keys %count : memref<?x64xf32>, memref<1x?xi32> -> memref<?xf32>
      mqa.ring_put %ring[%p], %k, %s : !ring, memref<?x128xf8E4M3FN>, memref<?xf32>
    }
    gpu.return
  }

  // Keys that follow no loop: read where they are needed.
  // CHECK-LABEL: gpu.func @alone
  // CHECK: %[[IDS:.*]] = scf.if
  // CHECK: mqa.gather_blocks %{{.*}}[%[[IDS]]]
  gpu.func @alone(%cache: memref<?x64x128xf8E4M3FN>, %scales: memref<?x64xf32>, %table: memref<1x?xi32>, %n: index, %p: i32) kernel {
    %ring = mqa.ring_create : !ring
    %c128 = arith.constant 128 : index
    %k = mqa.gather_pages %cache[%table] from %n keys %c128 : memref<?x64x128xf8E4M3FN>, memref<1x?xi32> -> memref<?x128xf8E4M3FN>
    %s = mqa.gather_pages %scales[%table] from %n keys %c128 : memref<?x64xf32>, memref<1x?xi32> -> memref<?xf32>
    mqa.ring_put %ring[%p], %k, %s : !ring, memref<?x128xf8E4M3FN>, memref<?xf32>
    gpu.return
  }
}
