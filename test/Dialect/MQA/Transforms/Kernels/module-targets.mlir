// RUN: mqa-opt %s --pass-pipeline='builtin.module(mqa-attach-target{chip=sm_80},mqa-lower-rings)' | FileCheck %s

// A target of LLVM that runs the code of the module's own.

// CHECK: gpu.module @kernels [#nvvm.target<chip = "sm_80">, #nvvm.target<chip = "sm_89">]
gpu.module @kernels [#nvvm.target<chip = "sm_80">, #nvvm.target<chip = "sm_89">] {
  // CHECK: gpu.func @rings
  // CHECK-NOT: mqa.ring
  gpu.func @rings(%p: i32) kernel {
    %ring = mqa.ring_create : !mqa.ring<2, memref<64xf32, #gpu.address_space<workgroup>>>
    mqa.ring_release %ring[%p] : !mqa.ring<2, memref<64xf32, #gpu.address_space<workgroup>>>
    gpu.return
  }
}
