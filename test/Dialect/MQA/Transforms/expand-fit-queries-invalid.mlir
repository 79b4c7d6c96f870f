// RUN: mqa-opt %s --pass-pipeline='builtin.module(gpu.module(gpu.func(mqa-expand-fit-queries)))' --verify-diagnostics

#smem = #gpu.address_space<workgroup>
gpu.module @kernels {
  gpu.func @f(%q: memref<1x1x4x16x1x48xf8E4M3FN, #smem>, %w: memref<4x16xf32, #smem>) kernel {
    // expected-error@+1 {{has rows of 48 bytes; those of one swizzle are 32, 64 or 128}}
    %f = mqa.fit_queries %q, %w : memref<1x1x4x16x1x48xf8E4M3FN, #smem>, memref<4x16xf32, #smem> -> memref<2x4xf32, #smem>
    gpu.return
  }
}
