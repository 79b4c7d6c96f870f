// RUN: mqa-opt %s --pass-pipeline='builtin.module(gpu.module(gpu.func(mqa-lower-layouts)))' --split-input-file --verify-diagnostics

#smem = #gpu.address_space<workgroup>
!k = memref<64x128xf8E4M3FN, #mqa.staged<shape = [64, 128], dims = [0, 1], swizzle = 16>, #smem>
gpu.module @kernels {
  gpu.func @masked(%k: !k, %i: index, %m: vector<16xi1>) kernel {
    %zero = arith.constant 0.0 : f8E4M3FN
    // expected-error@+1 {{of a staged tile must have no mask}}
    %v = vector.transfer_read %k[%i, %i], %zero, %m {in_bounds = [true]} : !k, vector<16xf8E4M3FN>
    gpu.return
  }
}

// -----

#smem = #gpu.address_space<workgroup>
!k = memref<64x128xf8E4M3FN, #mqa.staged<shape = [64, 128], dims = [0, 1], swizzle = 16>, #smem>
gpu.module @kernels {
  gpu.func @out_of_bounds(%k: !k, %i: index, %v: vector<16xf8E4M3FN>) kernel {
    // expected-error@+1 {{of a staged tile must be in bounds}}
    vector.transfer_write %v, %k[%i, %i] : vector<16xf8E4M3FN>, !k
    gpu.return
  }
}

// -----

#smem = #gpu.address_space<workgroup>
!k = memref<64x128xf8E4M3FN, #mqa.staged<shape = [64, 128], dims = [0, 1], swizzle = 16>, #smem>
gpu.module @kernels {
  gpu.func @permuted(%k: !k, %i: index) kernel {
    %zero = arith.constant 0.0 : f8E4M3FN
    // expected-error@+1 {{of a staged tile must have the tile's last dims in their order}}
    %v = vector.transfer_read %k[%i, %i], %zero {in_bounds = [true, true], permutation_map = affine_map<(n, d) -> (d, n)>} : !k, vector<16x8xf8E4M3FN>
    gpu.return
  }
}
