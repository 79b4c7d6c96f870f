// RUN: mqa-opt %s --pass-pipeline='builtin.module(mqa-attach-target{chip=sm_89},gpu.module(convert-mqa-to-nvvm,canonicalize,cse))' | FileCheck %s
// RUN: not mqa-opt %s --pass-pipeline='builtin.module(mqa-attach-target{chip=sm_80},gpu.module(convert-mqa-to-nvvm))' 2>&1 | FileCheck %s --check-prefix=SM80
// SM80: error: 'mqa.mma_sync' op multiplies 'f8E5M2', which mma.sync of sm_80 does not

#at_16x32 = #mqa.staged<shape = [16, 32], dims = [0, 1], swizzle = 16>
#at_64x32 = #mqa.staged<shape = [64, 32], dims = [0, 1], swizzle = 16>
#smem = #gpu.address_space<workgroup>
gpu.module @kernels {
  // CHECK-LABEL: llvm.func @fp8
  // CHECK-COUNT-2: llvm.inline_asm has_side_effects {{.*}} "mma.sync.aligned.m16n8k32.row.col.f32.e5m2.e5m2.f32
  // CHECK-NOT: mma.sync
  // CHECK: llvm.return
  gpu.func @fp8(%a_memory: memref<64x32xf8E5M2, #smem>, %b_memory: memref<16x32xf8E5M2, #smem>) kernel {
    %a = mqa.layout_cast %a_memory : memref<64x32xf8E5M2, #smem> to memref<64x32xf8E5M2, #at_64x32, #smem>
    %b = mqa.layout_cast %b_memory : memref<16x32xf8E5M2, #smem> to memref<16x32xf8E5M2, #at_16x32, #smem>
    %d = mqa.mma_sync %a by %b : memref<64x32xf8E5M2, #at_64x32, #smem> by memref<16x32xf8E5M2, #at_16x32, #smem> -> !mqa.fragment<vector<64x16xf32>>
    gpu.return
  }
}
