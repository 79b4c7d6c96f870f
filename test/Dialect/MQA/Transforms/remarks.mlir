// RUN: mqa-opt %s --pass-pipeline='builtin.module(mqa-attach-target,gpu.module(gpu.func(mqa-tighten-slots)),mqa-lower-rings)' --remarks-filter='mqa-.*' --remark-format=emitRemark --allow-unregistered-dialect --verify-diagnostics

// What passes decided, and why they left something as it was.

#smem = #gpu.address_space<workgroup>
!ring = !mqa.ring<2, memref<64xf32, #smem>>
!slot = memref<64xf32, strided<[1], offset: ?>, #smem>
gpu.module @kernels {
  // expected-remark@+2 {{no barrier of the block is ahead of the first use of a ring: one more is needed}}
  // expected-remark@+1 {{SharedMemoryBytes}}
  gpu.func @f(%p: i32, %other: i32, %to: memref<64xf32>) kernel {
    %ring = mqa.ring_create : !ring
    %t = mqa.ring_get %ring[%p] : !ring -> !slot
    memref.copy %t, %to : !slot to memref<64xf32>
    "test.other"() : () -> ()
    // expected-remark@+1 {{no get of this position is ahead of the release}}
    mqa.ring_release %ring[%other] : !ring
    // expected-remark@+1 {{released behind 'memref.copy'}}
    mqa.ring_release %ring[%p] : !ring
    gpu.return
  }
}
