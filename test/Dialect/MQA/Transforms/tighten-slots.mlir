// RUN: mqa-opt %s --pass-pipeline='builtin.module(gpu.module(gpu.func(mqa-tighten-slots)))' --allow-unregistered-dialect | FileCheck %s

#smem = #gpu.address_space<workgroup>
!ring = !mqa.ring<2, memref<64x32xf8E4M3FN, #smem>>
!slot = memref<64x32xf8E4M3FN, strided<[32, 1], offset: ?>, #smem>
gpu.module @kernels {
  // A tile that a WGMMA reads is in use until the wait.
  // CHECK-LABEL: gpu.func @after_wait
  // CHECK: mqa.wgmma_wait
  // CHECK-NEXT: mqa.ring_release
  // CHECK-NEXT: "test.reduce"
  gpu.func @after_wait(%p: i32, %b: memref<8x32xf8E4M3FN, #smem>) kernel {
    %ring = mqa.ring_create : !ring
    %k = mqa.ring_get %ring[%p] : !ring -> !slot
    %d = mqa.wgmma %k, %b : !slot, memref<8x32xf8E4M3FN, #smem> -> !mqa.fragment<vector<64x8xf32>>
    %e = mqa.wgmma_wait %d {pending = 0 : i64} : !mqa.fragment<vector<64x8xf32>>
    "test.reduce"(%e) : (!mqa.fragment<vector<64x8xf32>>) -> ()
    mqa.ring_release %ring[%p] : !ring
    gpu.return
  }

  // A use inside a loop, through a view, keeps the slot until the loop ends.
  // CHECK-LABEL: gpu.func @after_loop
  // CHECK: scf.for
  // CHECK: "test.use"
  // CHECK: }
  // CHECK-NEXT: mqa.ring_release
  // CHECK-NEXT: "test.other"
  gpu.func @after_loop(%p: i32, %n: index) kernel {
    %ring = mqa.ring_create : !ring
    %k = mqa.ring_get %ring[%p] : !ring -> !slot
    scf.for %i = %n to %n step %n {
      %v = memref.subview %k[0, 0] [8, 32] [1, 1] : !slot to memref<8x32xf8E4M3FN, strided<[32, 1], offset: ?>, #smem>
      "test.use"(%v) : (memref<8x32xf8E4M3FN, strided<[32, 1], offset: ?>, #smem>) -> ()
    }
    "test.other"() : () -> ()
    mqa.ring_release %ring[%p] : !ring
    gpu.return
  }

  // Another position's slot is another slot.
  // CHECK-LABEL: gpu.func @no_get
  // CHECK: "test.other"
  // CHECK-NEXT: mqa.ring_release
  gpu.func @no_get(%p: i32, %q: i32) kernel {
    %ring = mqa.ring_create : !ring
    %k = mqa.ring_get %ring[%p] : !ring -> !slot
    "test.other"() : () -> ()
    mqa.ring_release %ring[%q] : !ring
    gpu.return
  }

  // What was loaded is in use until it is stored: the release waits for that. The
  // wait for the slot moves down to the load.
  // CHECK-LABEL: gpu.func @after_store
  // CHECK: "test.other"
  // CHECK-NEXT: %[[S:.*]] = mqa.ring_get
  // CHECK-NEXT: %[[V:.*]] = memref.load %[[S]]
  // CHECK-NEXT: %[[P:.*]] = arith.mulf %[[V]], %[[V]]
  // CHECK-NEXT: "test.other"
  // CHECK-NEXT: scf.if
  // CHECK-NEXT: memref.store %[[P]]
  // CHECK-NEXT: }
  // CHECK-NEXT: mqa.ring_release
  // CHECK-NEXT: "test.other"
  gpu.func @after_store(%p: i32, %i: index, %c: i1, %out: memref<?xf32>) kernel {
    %ring = mqa.ring_create : !mqa.ring<2, memref<64xf32, #smem>>
    %s = mqa.ring_get %ring[%p] : !mqa.ring<2, memref<64xf32, #smem>> -> memref<64xf32, strided<[1], offset: ?>, #smem>
    "test.other"() : () -> ()
    %v = memref.load %s[%i] : memref<64xf32, strided<[1], offset: ?>, #smem>
    %m = arith.mulf %v, %v : f32
    "test.other"() : () -> ()
    scf.if %c {
      memref.store %m, %out[%i] : memref<?xf32>
    }
    "test.other"() : () -> ()
    mqa.ring_release %ring[%p] : !mqa.ring<2, memref<64xf32, #smem>>
    gpu.return
  }
}
