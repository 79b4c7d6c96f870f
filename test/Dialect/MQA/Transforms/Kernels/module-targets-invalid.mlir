// RUN: mqa-opt %s --pass-pipeline='builtin.module(mqa-attach-target,gpu.module(gpu.func(mqa-specialize-warps,mqa-distribute-vectors,mqa-expand-fit-queries)),mqa-lower-rings,gpu.module(gpu.func(mqa-overlap-launches)))' --split-input-file --verify-diagnostics

// A module that has a target already, which lacks what a pass would use of it.

gpu.module @kernels [#nvvm.target<chip = "sm_80">] {
  // expected-error@+1 {{needs instructions of sm_90a, but its module is for sm_80}}
  gpu.func @overlap() kernel {
    gpu.return
  }
}

// -----

gpu.module @kernels [#nvvm.target<chip = "sm_80">] {
  gpu.func @overlaps_already() kernel {
    nvvm.griddepcontrol wait
    gpu.return
  }
}

// -----

gpu.module @kernels [#nvvm.target<chip = "sm_90a">, #nvvm.target<chip = "sm_90">] {
  // expected-error@+1 {{needs instructions of sm_90a, but its module is for sm_90}}
  gpu.func @rings(%p: i32) kernel {
    %ring = mqa.ring_create : !mqa.ring<2, memref<64xf32, #gpu.address_space<workgroup>>>
    mqa.ring_release %ring[%p] : !mqa.ring<2, memref<64xf32, #gpu.address_space<workgroup>>>
    gpu.return
  }
}

// -----

#at_1x1x4x16x1x32 = #mqa.staged<shape = [1, 1, 4, 16, 1, 32], dims = [0, 1, 0, 1, 0, 2], swizzle = 16>
#smem = #gpu.address_space<workgroup>
gpu.module @kernels [#nvvm.target<chip = "sm_50">] {
  // expected-error@+1 {{needs instructions of sm_90a, but its module is for sm_50}}
  gpu.func @fit(%q: memref<4x16x32xf8E4M3FN, #at_1x1x4x16x1x32, #smem>, %w: memref<4x16xf32, #smem>) kernel {
    %f = mqa.fit_queries %q, %w : memref<4x16x32xf8E4M3FN, #at_1x1x4x16x1x32, #smem>, memref<4x16xf32, #smem> -> memref<2x4xf32, #smem>
    gpu.return
  }
}

// -----

gpu.module @kernels [#nvvm.target<chip = "sm_100a">] {
  // expected-error@+1 {{needs instructions of sm_90a, but its module is for sm_100a}}
  gpu.func @vectors(%v: vector<4x32xf32>, %out: memref<4x32xf32>, %i: index) kernel {
    vector.transfer_write %v, %out[%i, %i] : vector<4x32xf32>, memref<4x32xf32>
    gpu.return
  }
}

// -----

gpu.module @kernels [#nvvm.target<chip = "sm_89">] {
  // expected-error@+1 {{needs instructions of sm_90a, but its module is for sm_89}}
  gpu.func @roles(%s: memref<?xf32>, %n: index, %p: i32) kernel attributes {known_block_size = array<i32: 256, 1, 1>} {
    %ring = mqa.ring_create : !mqa.ring<2, memref<64xf32, #gpu.address_space<workgroup>>>
    scf.for %i = %n to %n step %n {
      mqa.ring_put %ring[%p], %s : !mqa.ring<2, memref<64xf32, #gpu.address_space<workgroup>>>, memref<?xf32>
    }
    gpu.return
  }
}
