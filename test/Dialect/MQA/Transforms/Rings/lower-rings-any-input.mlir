// RUN: mqa-opt %s --pass-pipeline='builtin.module(mqa-attach-target,gpu.module(gpu.func(mqa-expand-puts)),mqa-lower-rings)' --allow-unregistered-dialect | FileCheck %s

// What the passes before do not make.

#smem = #gpu.address_space<workgroup>
!ring = !mqa.ring<4, memref<64xf32, #smem>>
!pair = !mqa.ring<4, memref<64xf32, #smem>, memref<64xf32, #smem>>
!t = memref<?xf32, strided<[1], offset: ?>>
module attributes {gpu.container_module} {
gpu.module @kernels {
  // A view that nothing uses is no use of the argument.
  // CHECK-LABEL: gpu.func @unused_view
  // CHECK-SAME: !nvgpu.tensormap.descriptor
  // CHECK: nvgpu.tma.async.load
  // CHECK-NOT: memref.subview %arg0
  gpu.func @unused_view(%s: memref<?xf32>, %p: i32, %n: index) kernel {
    %ring = mqa.ring_create : !ring
    %t = memref.subview %s[%n] [%n] [1] : memref<?xf32> to !t
    %u = memref.subview %s[0] [%n] [1] : memref<?xf32> to memref<?xf32, strided<[1]>>
    mqa.ring_put %ring[%p], %t : !ring, !t
    gpu.return
  }

  // One view fills both tiles of a slot, and a slot of another ring.
  // CHECK-LABEL: gpu.func @view_twice
  // CHECK-COUNT-3: nvgpu.tma.async.load %arg0
  // CHECK-NOT: nvgpu.tma.async.load
  gpu.func @view_twice(%s: memref<?xf32>, %p: i32, %n: index) kernel {
    %pair = mqa.ring_create : !pair
    %ring = mqa.ring_create : !ring
    %t = memref.subview %s[%n] [%n] [1] : memref<?xf32> to !t
    mqa.ring_put %pair[%p], %t, %t : !pair, !t, !t
    mqa.ring_put %ring[%p], %t : !ring, !t
    gpu.return
  }

  // A ring that is made behind the first use of another, with ops between that
  // are not ours: all barriers are there before the first use.
  // CHECK-LABEL: gpu.func @late_ring
  // CHECK-COUNT-16: nvgpu.mbarrier.init
  // CHECK: gpu.barrier
  // CHECK-NOT: nvgpu.mbarrier.init
  // CHECK: "test.other"
  // CHECK: nvgpu.mbarrier.try_wait.parity
  // CHECK: "test.other"
  // CHECK: nvgpu.mbarrier.try_wait.parity
  gpu.func @late_ring(%p: i32) kernel {
    %ring = mqa.ring_create : !ring
    "test.other"() : () -> ()
    %t = mqa.ring_get %ring[%p] : !ring -> memref<64xf32, strided<[1], offset: ?>, #smem>
    "test.other"() : () -> ()
    %late = mqa.ring_create : !ring
    %u = mqa.ring_get %late[%p] : !ring -> memref<64xf32, strided<[1], offset: ?>, #smem>
    "test.use"(%t, %u) : (memref<64xf32, strided<[1], offset: ?>, #smem>, memref<64xf32, strided<[1], offset: ?>, #smem>) -> ()
    gpu.return
  }

  // Host code launches a kernel none of whose arguments becomes a tensor map.
  // CHECK-LABEL: gpu.func @launched
  // CHECK-SAME: %arg0: memref<?xf32>
  gpu.func @launched(%s: memref<?xf32>, %p: i32, %n: index) kernel {
    %ring = mqa.ring_create : !ring
    %rows = mqa.row_block %s[%n] rows %n : memref<?xf32> -> memref<?xf32, strided<[1]>>
    mqa.ring_put %ring[%p], %rows : !ring, memref<?xf32, strided<[1]>>
    gpu.return
  }
}

// CHECK: gpu.launch_func @kernels::@launched
func.func @host(%a: memref<?xf32>, %n: index, %p: i32) {
  gpu.launch_func @kernels::@launched blocks in (%n, %n, %n) threads in (%n, %n, %n) args(%a: memref<?xf32>, %p: i32, %n: index)
  return
}
}
