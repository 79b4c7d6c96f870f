// RUN: mqa-opt %s --pass-pipeline='builtin.module(gpu.module(gpu.func(mqa-expand-fit-queries)))' --split-input-file --verify-diagnostics

#smem = #gpu.address_space<workgroup>
gpu.module @kernels {
  gpu.func @f(%q: memref<1x1x4x16x1x48xf8E4M3FN, #smem>, %w: memref<4x16xf32, #smem>) kernel {
    // expected-error@+1 {{has rows of 48 bytes; those of one swizzle are 32, 64 or 128}}
    %f = mqa.fit_queries %q, %w : memref<1x1x4x16x1x48xf8E4M3FN, #smem>, memref<4x16xf32, #smem> -> memref<2x4xf32, #smem>
    gpu.return
  }
}

// -----

#smem = #gpu.address_space<workgroup>
gpu.module @kernels {
  gpu.func @f(%q: memref<1x1x4x16x1x32xf8E4M3FN, #smem>, %w: memref<4x16xf32, #smem>, %id: i32) kernel {
    nvvm.barrier id = %id number_of_threads = %id
    // expected-error@+1 {{needs 1 named barriers that nothing else uses; the 16 of a block are taken}}
    %f = mqa.fit_queries %q, %w : memref<1x1x4x16x1x32xf8E4M3FN, #smem>, memref<4x16xf32, #smem> -> memref<2x4xf32, #smem>
    gpu.return
  }
}

// -----

#smem = #gpu.address_space<workgroup>
!q = memref<1x1x4x16x1x32xf8E4M3FN, strided<[4096, 4096, 1024, 64, 64, 1]>, #smem>
gpu.module @kernels {
  gpu.func @f(%q: !q, %w: memref<4x16xf32, #smem>) kernel {
    // expected-error@+1 {{'q' must be contiguous and of a multiple of 512 bytes, which a warp takes at a time}}
    %f = mqa.fit_queries %q, %w : !q, memref<4x16xf32, #smem> -> memref<2x4xf32, #smem>
    gpu.return
  }
}

// -----

#smem = #gpu.address_space<workgroup>
!q = memref<1x1x1x1x1x32xf8E4M3FN, #smem>
gpu.module @kernels {
  gpu.func @f(%q: !q, %w: memref<1x16xf32, #smem>) kernel {
    // expected-error@+1 {{'q' must be contiguous and of a multiple of 512 bytes, which a warp takes at a time}}
    %f = mqa.fit_queries %q, %w : !q, memref<1x16xf32, #smem> -> memref<2x1xf32, #smem>
    gpu.return
  }
}
