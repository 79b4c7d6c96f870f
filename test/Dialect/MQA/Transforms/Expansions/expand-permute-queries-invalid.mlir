// RUN: mqa-opt %s --pass-pipeline='builtin.module(gpu.module(gpu.func(mqa-expand-permute-queries)))' --split-input-file --verify-diagnostics

#smem = #gpu.address_space<workgroup>
!q = memref<1x8x32xf8E4M3FN, #mqa.staged<shape = [1, 8, 32], dims = [0, 1, 2], swizzle = 16>, #smem>
gpu.module @kernels {
  gpu.func @f(%q: !q, %id: i32) kernel {
    nvvm.barrier id = %id number_of_threads = %id
    // expected-error@+1 {{needs 1 named barriers that nothing else uses; the 16 of a block are taken}}
    mqa.permute_queries %q : !q
    gpu.return
  }
}

// -----

#smem = #gpu.address_space<workgroup>
!q = memref<1x8x32xf8E4M3FN, #mqa.staged<shape = [1, 8, 32], dims = [0, 1, 2], swizzle = 16>, #smem>
gpu.module @kernels {
  gpu.func @f(%q: !q, %t: index) kernel {
    %n = arith.constant 48 : index
    // expected-error@+1 {{must have whole warps, found 48 threads}}
    mqa.permute_queries %q threads %t of %n : !q
    gpu.return
  }
}
