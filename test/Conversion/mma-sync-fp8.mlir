// RUN: mqa-opt %s --pass-pipeline='builtin.module(mqa-attach-target{chip=sm_89},gpu.module(convert-mqa-to-nvvm,canonicalize,cse))' | FileCheck %s
// RUN: not mqa-opt %s --pass-pipeline='builtin.module(mqa-attach-target{chip=sm_80},gpu.module(convert-mqa-to-nvvm))' 2>&1 | FileCheck %s --check-prefix=SM80
// SM80: error: 'mqa.mma_sync' op multiplies 'f8E5M2', which mma.sync of sm_80 does not

#smem = #gpu.address_space<workgroup>
gpu.module @kernels {
  // CHECK-LABEL: llvm.func @fp8
  // CHECK-COUNT-2: llvm.inline_asm has_side_effects {{.*}} "mma.sync.aligned.m16n8k32.row.col.f32.e5m2.e5m2.f32
  // CHECK-NOT: mma.sync
  // CHECK: llvm.return
  gpu.func @fp8(%a: memref<64x32xf8E5M2, #smem>, %b: memref<16x32xf8E5M2, #smem>) kernel {
    %d = mqa.mma_sync %a by %b : memref<64x32xf8E5M2, #smem> by memref<16x32xf8E5M2, #smem> -> !mqa.fragment<vector<64x16xf32>>
    gpu.return
  }
}
