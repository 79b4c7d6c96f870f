// RUN: mqa-opt %s --pass-pipeline='builtin.module(mqa-attach-target,gpu.module(gpu.func(mqa-distribute-vectors)))' --split-input-file --verify-diagnostics

#at_32x32 = #mqa.staged<shape = [32, 32], dims = [0, 1], swizzle = 16>
#at_4x16x1x32 = #mqa.staged<shape = [4, 16, 1, 32], dims = [0, 1, 0, 2], swizzle = 16>
#at_8x32 = #mqa.staged<shape = [8, 32], dims = [0, 1], swizzle = 16>
#smem = #gpu.address_space<workgroup>
#q = affine_map<(p, h, n, d) -> (p, h, d)>
#k = affine_map<(p, h, n, d) -> (n, d)>
#s = affine_map<(p, h, n, d) -> (p, h, n)>
gpu.module @kernels {
  gpu.func @f(%qt: memref<4x16x32xf8E4M3FN, #at_4x16x1x32, #smem>, %kt: memref<32x32xf8E4M3FN, #at_32x32, #smem>, %out: memref<4x32xf32>, %g: memref<32x32xf8E4M3FN>, %v: vector<4x16x32xf32>, %kt8: memref<8x32xf8E4M3FN, #at_8x32, #smem>) kernel {
    %c0 = arith.constant 0 : index
    %f8 = arith.constant 0.0 : f8E4M3FN
    %f0 = arith.constant 0.0 : f32
    %zero = arith.constant dense<0.0> : vector<4x16x32xf32>
    %one = arith.constant dense<1.0> : vector<4x16x32xf32>
    %zeros = arith.constant dense<0.0> : vector<4x32xf32>
    %k = vector.transfer_read %kt[%c0, %c0], %f8 {in_bounds = [true, true]} : memref<32x32xf8E4M3FN, #at_32x32, #smem>, vector<32x32xf8E4M3FN>
    %q = vector.transfer_read %qt[%c0, %c0, %c0], %f8 {in_bounds = [true, true, true]} : memref<4x16x32xf8E4M3FN, #at_4x16x1x32, #smem>, vector<4x16x32xf8E4M3FN>
    // expected-error@+1 {{must come from a reduction of a contraction}}
    vector.transfer_write %zeros, %out[%c0, %c0] {in_bounds = [true, true]} : vector<4x32xf32>, memref<4x32xf32>
    gpu.return
  }
}

// -----

#at_32x32 = #mqa.staged<shape = [32, 32], dims = [0, 1], swizzle = 16>
#at_4x16x1x32 = #mqa.staged<shape = [4, 16, 1, 32], dims = [0, 1, 0, 2], swizzle = 16>
#at_8x32 = #mqa.staged<shape = [8, 32], dims = [0, 1], swizzle = 16>
#smem = #gpu.address_space<workgroup>
#q = affine_map<(p, h, n, d) -> (p, h, d)>
#k = affine_map<(p, h, n, d) -> (n, d)>
#s = affine_map<(p, h, n, d) -> (p, h, n)>
gpu.module @kernels {
  gpu.func @f(%qt: memref<4x16x32xf8E4M3FN, #at_4x16x1x32, #smem>, %kt: memref<32x32xf8E4M3FN, #at_32x32, #smem>, %out: memref<4x32xf32>, %g: memref<32x32xf8E4M3FN>, %v: vector<4x16x32xf32>, %kt8: memref<8x32xf8E4M3FN, #at_8x32, #smem>) kernel {
    %c0 = arith.constant 0 : index
    %f8 = arith.constant 0.0 : f8E4M3FN
    %f0 = arith.constant 0.0 : f32
    %zero = arith.constant dense<0.0> : vector<4x16x32xf32>
    %one = arith.constant dense<1.0> : vector<4x16x32xf32>
    %zeros = arith.constant dense<0.0> : vector<4x32xf32>
    %k = vector.transfer_read %kt[%c0, %c0], %f8 {in_bounds = [true, true]} : memref<32x32xf8E4M3FN, #at_32x32, #smem>, vector<32x32xf8E4M3FN>
    %q = vector.transfer_read %qt[%c0, %c0, %c0], %f8 {in_bounds = [true, true, true]} : memref<4x16x32xf8E4M3FN, #at_4x16x1x32, #smem>, vector<4x16x32xf8E4M3FN>
    // expected-error@+1 {{must add up (p, h, d) x (n, d) -> (p, h, n) in f32 onto zero}}
    %s = vector.contract {indexing_maps = [#q, #k, #s], iterator_types = ["parallel", "parallel", "parallel", "reduction"], kind = #vector.kind<add>} %q, %k, %one : vector<4x16x32xf8E4M3FN>, vector<32x32xf8E4M3FN> into vector<4x16x32xf32>
    %sum = vector.multi_reduction <add>, %s, %zeros [1] : vector<4x16x32xf32> to vector<4x32xf32>
    vector.transfer_write %sum, %out[%c0, %c0] {in_bounds = [true, true]} : vector<4x32xf32>, memref<4x32xf32>
    gpu.return
  }
}

// -----

#at_32x32 = #mqa.staged<shape = [32, 32], dims = [0, 1], swizzle = 16>
#at_4x16x1x32 = #mqa.staged<shape = [4, 16, 1, 32], dims = [0, 1, 0, 2], swizzle = 16>
#at_8x32 = #mqa.staged<shape = [8, 32], dims = [0, 1], swizzle = 16>
#smem = #gpu.address_space<workgroup>
#q = affine_map<(p, h, n, d) -> (p, h, d)>
#k = affine_map<(p, h, n, d) -> (n, d)>
#s = affine_map<(p, h, n, d) -> (p, h, n)>
gpu.module @kernels {
  gpu.func @f(%qt: memref<4x16x32xf8E4M3FN, #at_4x16x1x32, #smem>, %kt: memref<32x32xf8E4M3FN, #at_32x32, #smem>, %out: memref<4x32xf32>, %g: memref<32x32xf8E4M3FN>, %v: vector<4x16x32xf32>, %kt8: memref<8x32xf8E4M3FN, #at_8x32, #smem>) kernel {
    %c0 = arith.constant 0 : index
    %f8 = arith.constant 0.0 : f8E4M3FN
    %f0 = arith.constant 0.0 : f32
    %zero = arith.constant dense<0.0> : vector<4x16x32xf32>
    %one = arith.constant dense<1.0> : vector<4x16x32xf32>
    %zeros = arith.constant dense<0.0> : vector<4x32xf32>
    %k = vector.transfer_read %kt[%c0, %c0], %f8 {in_bounds = [true, true]} : memref<32x32xf8E4M3FN, #at_32x32, #smem>, vector<32x32xf8E4M3FN>
    %q = vector.transfer_read %qt[%c0, %c0, %c0], %f8 {in_bounds = [true, true, true]} : memref<4x16x32xf8E4M3FN, #at_4x16x1x32, #smem>, vector<4x16x32xf8E4M3FN>
    %kg = vector.transfer_read %g[%c0, %c0], %f8 {in_bounds = [true, true]} : memref<32x32xf8E4M3FN>, vector<32x32xf8E4M3FN>
    // expected-error@+1 {{operands must be whole tiles in workgroup memory}}
    %s = vector.contract {indexing_maps = [#q, #k, #s], iterator_types = ["parallel", "parallel", "parallel", "reduction"], kind = #vector.kind<add>} %q, %kg, %zero : vector<4x16x32xf8E4M3FN>, vector<32x32xf8E4M3FN> into vector<4x16x32xf32>
    %sum = vector.multi_reduction <add>, %s, %zeros [1] : vector<4x16x32xf32> to vector<4x32xf32>
    vector.transfer_write %sum, %out[%c0, %c0] {in_bounds = [true, true]} : vector<4x32xf32>, memref<4x32xf32>
    gpu.return
  }
}

// -----

#at_32x32 = #mqa.staged<shape = [32, 32], dims = [0, 1], swizzle = 16>
#at_4x16x1x32 = #mqa.staged<shape = [4, 16, 1, 32], dims = [0, 1, 0, 2], swizzle = 16>
#at_8x32 = #mqa.staged<shape = [8, 32], dims = [0, 1], swizzle = 16>
#smem = #gpu.address_space<workgroup>
#q = affine_map<(p, h, n, d) -> (p, h, d)>
#k = affine_map<(p, h, n, d) -> (n, d)>
#s = affine_map<(p, h, n, d) -> (p, h, n)>
gpu.module @kernels {
  gpu.func @f(%qt: memref<4x16x32xf8E4M3FN, #at_4x16x1x32, #smem>, %kt: memref<32x32xf8E4M3FN, #at_32x32, #smem>, %out: memref<4x32xf32>, %g: memref<32x32xf8E4M3FN>, %v: vector<4x16x32xf32>, %kt8: memref<8x32xf8E4M3FN, #at_8x32, #smem>) kernel {
    %c0 = arith.constant 0 : index
    %f8 = arith.constant 0.0 : f8E4M3FN
    %f0 = arith.constant 0.0 : f32
    %zero = arith.constant dense<0.0> : vector<4x16x32xf32>
    %one = arith.constant dense<1.0> : vector<4x16x32xf32>
    %zeros = arith.constant dense<0.0> : vector<4x32xf32>
    %k = vector.transfer_read %kt[%c0, %c0], %f8 {in_bounds = [true, true]} : memref<32x32xf8E4M3FN, #at_32x32, #smem>, vector<32x32xf8E4M3FN>
    %q = vector.transfer_read %qt[%c0, %c0, %c0], %f8 {in_bounds = [true, true, true]} : memref<4x16x32xf8E4M3FN, #at_4x16x1x32, #smem>, vector<4x16x32xf8E4M3FN>
    %s = vector.contract {indexing_maps = [#q, #k, #s], iterator_types = ["parallel", "parallel", "parallel", "reduction"], kind = #vector.kind<add>} %q, %k, %zero : vector<4x16x32xf8E4M3FN>, vector<32x32xf8E4M3FN> into vector<4x16x32xf32>
    // expected-error@+1 {{must begin with -inf or with another maximum}}
    %sum = vector.multi_reduction <maximumf>, %s, %zeros [1] : vector<4x16x32xf32> to vector<4x32xf32>
    vector.transfer_write %sum, %out[%c0, %c0] {in_bounds = [true, true]} : vector<4x32xf32>, memref<4x32xf32>
    gpu.return
  }
}

// -----

#at_32x32 = #mqa.staged<shape = [32, 32], dims = [0, 1], swizzle = 16>
#at_4x16x1x32 = #mqa.staged<shape = [4, 16, 1, 32], dims = [0, 1, 0, 2], swizzle = 16>
#at_8x32 = #mqa.staged<shape = [8, 32], dims = [0, 1], swizzle = 16>
#smem = #gpu.address_space<workgroup>
#q = affine_map<(p, h, n, d) -> (p, h, d)>
#k = affine_map<(p, h, n, d) -> (n, d)>
#s = affine_map<(p, h, n, d) -> (p, h, n)>
gpu.module @kernels {
  gpu.func @f(%qt: memref<4x16x32xf8E4M3FN, #at_4x16x1x32, #smem>, %kt: memref<32x32xf8E4M3FN, #at_32x32, #smem>, %out: memref<4x32xf32>, %g: memref<32x32xf8E4M3FN>, %v: vector<4x16x32xf32>, %kt8: memref<8x32xf8E4M3FN, #at_8x32, #smem>) kernel {
    %c0 = arith.constant 0 : index
    %f8 = arith.constant 0.0 : f8E4M3FN
    %f0 = arith.constant 0.0 : f32
    %zero = arith.constant dense<0.0> : vector<4x16x32xf32>
    %one = arith.constant dense<1.0> : vector<4x16x32xf32>
    %zeros = arith.constant dense<0.0> : vector<4x32xf32>
    %k = vector.transfer_read %kt[%c0, %c0], %f8 {in_bounds = [true, true]} : memref<32x32xf8E4M3FN, #at_32x32, #smem>, vector<32x32xf8E4M3FN>
    %q = vector.transfer_read %qt[%c0, %c0, %c0], %f8 {in_bounds = [true, true, true]} : memref<4x16x32xf8E4M3FN, #at_4x16x1x32, #smem>, vector<4x16x32xf8E4M3FN>
    %s = vector.contract {indexing_maps = [#q, #k, #s], iterator_types = ["parallel", "parallel", "parallel", "reduction"], kind = #vector.kind<add>} %q, %k, %zero : vector<4x16x32xf8E4M3FN>, vector<32x32xf8E4M3FN> into vector<4x16x32xf32>
    %wrong = arith.constant dense<0.0> : vector<4x16xf32>
    // expected-error@+1 {{must reduce the second of three dims}}
    %sum = vector.multi_reduction <add>, %s, %wrong [2] : vector<4x16x32xf32> to vector<4x16xf32>
    vector.transfer_write %sum, %out[%c0, %c0] {in_bounds = [true, true]} : vector<4x16xf32>, memref<4x32xf32>
    gpu.return
  }
}

// -----

#at_32x32 = #mqa.staged<shape = [32, 32], dims = [0, 1], swizzle = 16>
#at_4x16x1x32 = #mqa.staged<shape = [4, 16, 1, 32], dims = [0, 1, 0, 2], swizzle = 16>
#at_8x32 = #mqa.staged<shape = [8, 32], dims = [0, 1], swizzle = 16>
#smem = #gpu.address_space<workgroup>
#q = affine_map<(p, h, n, d) -> (p, h, d)>
#k = affine_map<(p, h, n, d) -> (n, d)>
#s = affine_map<(p, h, n, d) -> (p, h, n)>
gpu.module @kernels {
  gpu.func @f(%qt: memref<4x16x32xf8E4M3FN, #at_4x16x1x32, #smem>, %kt: memref<32x32xf8E4M3FN, #at_32x32, #smem>, %out: memref<4x32xf32>, %g: memref<32x32xf8E4M3FN>, %v: vector<4x16x32xf32>, %kt8: memref<8x32xf8E4M3FN, #at_8x32, #smem>) kernel {
    %c0 = arith.constant 0 : index
    %f8 = arith.constant 0.0 : f8E4M3FN
    %f0 = arith.constant 0.0 : f32
    %zero = arith.constant dense<0.0> : vector<4x16x32xf32>
    %one = arith.constant dense<1.0> : vector<4x16x32xf32>
    %zeros = arith.constant dense<0.0> : vector<4x32xf32>
    %k = vector.transfer_read %kt[%c0, %c0], %f8 {in_bounds = [true, true]} : memref<32x32xf8E4M3FN, #at_32x32, #smem>, vector<32x32xf8E4M3FN>
    %q = vector.transfer_read %qt[%c0, %c0, %c0], %f8 {in_bounds = [true, true, true]} : memref<4x16x32xf8E4M3FN, #at_4x16x1x32, #smem>, vector<4x16x32xf8E4M3FN>
    %s = vector.contract {indexing_maps = [#q, #k, #s], iterator_types = ["parallel", "parallel", "parallel", "reduction"], kind = #vector.kind<add>} %q, %k, %zero : vector<4x16x32xf8E4M3FN>, vector<32x32xf8E4M3FN> into vector<4x16x32xf32>
    // expected-error@+1 {{must add up, or take the maximum, found minimumf}}
    %sum = vector.multi_reduction <minimumf>, %s, %zeros [1] : vector<4x16x32xf32> to vector<4x32xf32>
    vector.transfer_write %sum, %out[%c0, %c0] {in_bounds = [true, true]} : vector<4x32xf32>, memref<4x32xf32>
    gpu.return
  }
}

// -----

#at_32x32 = #mqa.staged<shape = [32, 32], dims = [0, 1], swizzle = 16>
#at_4x16x1x32 = #mqa.staged<shape = [4, 16, 1, 32], dims = [0, 1, 0, 2], swizzle = 16>
#at_8x32 = #mqa.staged<shape = [8, 32], dims = [0, 1], swizzle = 16>
#smem = #gpu.address_space<workgroup>
#q = affine_map<(p, h, n, d) -> (p, h, d)>
#k = affine_map<(p, h, n, d) -> (n, d)>
#s = affine_map<(p, h, n, d) -> (p, h, n)>
gpu.module @kernels {
  gpu.func @f(%qt: memref<4x16x32xf8E4M3FN, #at_4x16x1x32, #smem>, %kt: memref<32x32xf8E4M3FN, #at_32x32, #smem>, %out: memref<4x32xf32>, %g: memref<32x32xf8E4M3FN>, %v: vector<4x16x32xf32>, %kt8: memref<8x32xf8E4M3FN, #at_8x32, #smem>) kernel {
    %c0 = arith.constant 0 : index
    %f8 = arith.constant 0.0 : f8E4M3FN
    %f0 = arith.constant 0.0 : f32
    %zero = arith.constant dense<0.0> : vector<4x16x32xf32>
    %one = arith.constant dense<1.0> : vector<4x16x32xf32>
    %zeros = arith.constant dense<0.0> : vector<4x32xf32>
    %k = vector.transfer_read %kt[%c0, %c0], %f8 {in_bounds = [true, true]} : memref<32x32xf8E4M3FN, #at_32x32, #smem>, vector<32x32xf8E4M3FN>
    %q = vector.transfer_read %qt[%c0, %c0, %c0], %f8 {in_bounds = [true, true, true]} : memref<4x16x32xf8E4M3FN, #at_4x16x1x32, #smem>, vector<4x16x32xf8E4M3FN>
    %s = vector.contract {indexing_maps = [#q, #k, #s], iterator_types = ["parallel", "parallel", "parallel", "reduction"], kind = #vector.kind<add>} %q, %k, %zero : vector<4x16x32xf8E4M3FN>, vector<32x32xf8E4M3FN> into vector<4x16x32xf32>
    %first = vector.multi_reduction <add>, %s, %zeros [1] : vector<4x16x32xf32> to vector<4x32xf32>
    // expected-error@+1 {{must begin with -inf or with another maximum}}
    %sum = vector.multi_reduction <maximumf>, %s, %first [1] : vector<4x16x32xf32> to vector<4x32xf32>
    vector.transfer_write %sum, %out[%c0, %c0] {in_bounds = [true, true]} : vector<4x32xf32>, memref<4x32xf32>
    gpu.return
  }
}

// -----

#at_32x32 = #mqa.staged<shape = [32, 32], dims = [0, 1], swizzle = 16>
#at_4x16x1x32 = #mqa.staged<shape = [4, 16, 1, 32], dims = [0, 1, 0, 2], swizzle = 16>
#at_8x32 = #mqa.staged<shape = [8, 32], dims = [0, 1], swizzle = 16>
#smem = #gpu.address_space<workgroup>
#q = affine_map<(p, h, n, d) -> (p, h, d)>
#k = affine_map<(p, h, n, d) -> (n, d)>
#s = affine_map<(p, h, n, d) -> (p, h, n)>
gpu.module @kernels {
  gpu.func @f(%qt: memref<4x16x32xf8E4M3FN, #at_4x16x1x32, #smem>, %kt: memref<32x32xf8E4M3FN, #at_32x32, #smem>, %out: memref<4x32xf32>, %g: memref<32x32xf8E4M3FN>, %v: vector<4x16x32xf32>, %kt8: memref<8x32xf8E4M3FN, #at_8x32, #smem>) kernel {
    %c0 = arith.constant 0 : index
    %f8 = arith.constant 0.0 : f8E4M3FN
    %f0 = arith.constant 0.0 : f32
    %zero = arith.constant dense<0.0> : vector<4x16x32xf32>
    %one = arith.constant dense<1.0> : vector<4x16x32xf32>
    %zeros = arith.constant dense<0.0> : vector<4x32xf32>
    %k = vector.transfer_read %kt[%c0, %c0], %f8 {in_bounds = [true, true]} : memref<32x32xf8E4M3FN, #at_32x32, #smem>, vector<32x32xf8E4M3FN>
    %q = vector.transfer_read %qt[%c0, %c0, %c0], %f8 {in_bounds = [true, true, true]} : memref<4x16x32xf8E4M3FN, #at_4x16x1x32, #smem>, vector<4x16x32xf8E4M3FN>
    %s = vector.contract {indexing_maps = [#q, #k, #s], iterator_types = ["parallel", "parallel", "parallel", "reduction"], kind = #vector.kind<add>} %q, %k, %zero : vector<4x16x32xf8E4M3FN>, vector<32x32xf8E4M3FN> into vector<4x16x32xf32>
    %sum = vector.multi_reduction <add>, %s, %zeros [1] : vector<4x16x32xf32> to vector<4x32xf32>
    %sum2 = vector.multi_reduction <add>, %s, %zeros [1] : vector<4x16x32xf32> to vector<4x32xf32>
    %both = arith.addf %sum, %sum2 : vector<4x32xf32>
    // expected-error@+1 {{comes from more than one reduction}}
    vector.transfer_write %both, %out[%c0, %c0] {in_bounds = [true, true]} : vector<4x32xf32>, memref<4x32xf32>
    gpu.return
  }
}

// -----

#at_32x32 = #mqa.staged<shape = [32, 32], dims = [0, 1], swizzle = 16>
#at_4x16x1x32 = #mqa.staged<shape = [4, 16, 1, 32], dims = [0, 1, 0, 2], swizzle = 16>
#at_8x32 = #mqa.staged<shape = [8, 32], dims = [0, 1], swizzle = 16>
#smem = #gpu.address_space<workgroup>
#q = affine_map<(p, h, n, d) -> (p, h, d)>
#k = affine_map<(p, h, n, d) -> (n, d)>
#s = affine_map<(p, h, n, d) -> (p, h, n)>
gpu.module @kernels {
  gpu.func @f(%qt: memref<4x16x32xf8E4M3FN, #at_4x16x1x32, #smem>, %kt: memref<32x32xf8E4M3FN, #at_32x32, #smem>, %out: memref<4x32xf32>, %g: memref<32x32xf8E4M3FN>, %v: vector<4x16x32xf32>, %kt8: memref<8x32xf8E4M3FN, #at_8x32, #smem>, %small: vector<4x16x16xf32>) kernel {
    %c0 = arith.constant 0 : index
    %f8 = arith.constant 0.0 : f8E4M3FN
    %f0 = arith.constant 0.0 : f32
    %zero = arith.constant dense<0.0> : vector<4x16x32xf32>
    %one = arith.constant dense<1.0> : vector<4x16x32xf32>
    %zeros = arith.constant dense<0.0> : vector<4x32xf32>
    %k = vector.transfer_read %kt[%c0, %c0], %f8 {in_bounds = [true, true]} : memref<32x32xf8E4M3FN, #at_32x32, #smem>, vector<32x32xf8E4M3FN>
    %q = vector.transfer_read %qt[%c0, %c0, %c0], %f8 {in_bounds = [true, true, true]} : memref<4x16x32xf8E4M3FN, #at_4x16x1x32, #smem>, vector<4x16x32xf8E4M3FN>
    %s = vector.contract {indexing_maps = [#q, #k, #s], iterator_types = ["parallel", "parallel", "parallel", "reduction"], kind = #vector.kind<add>} %q, %k, %zero : vector<4x16x32xf8E4M3FN>, vector<32x32xf8E4M3FN> into vector<4x16x32xf32>
    // expected-error@+1 {{'vector.interleave' cannot be distributed}}
    %half = vector.interleave %small, %small : vector<4x16x16xf32> -> vector<4x16x32xf32>
    %t = arith.addf %s, %half : vector<4x16x32xf32>
    %sum = vector.multi_reduction <add>, %t, %zeros [1] : vector<4x16x32xf32> to vector<4x32xf32>
    vector.transfer_write %sum, %out[%c0, %c0] {in_bounds = [true, true]} : vector<4x32xf32>, memref<4x32xf32>
    gpu.return
  }
}

// -----

#at_32x32 = #mqa.staged<shape = [32, 32], dims = [0, 1], swizzle = 16>
#at_4x16x1x32 = #mqa.staged<shape = [4, 16, 1, 32], dims = [0, 1, 0, 2], swizzle = 16>
#at_8x32 = #mqa.staged<shape = [8, 32], dims = [0, 1], swizzle = 16>
#smem = #gpu.address_space<workgroup>
#q = affine_map<(p, h, n, d) -> (p, h, d)>
#k = affine_map<(p, h, n, d) -> (n, d)>
#s = affine_map<(p, h, n, d) -> (p, h, n)>
gpu.module @kernels {
  // expected-error@+1 {{a vector that is a block argument cannot be distributed}}
  gpu.func @f(%qt: memref<4x16x32xf8E4M3FN, #at_4x16x1x32, #smem>, %kt: memref<32x32xf8E4M3FN, #at_32x32, #smem>, %out: memref<4x32xf32>, %g: memref<32x32xf8E4M3FN>, %v: vector<4x16x32xf32>, %kt8: memref<8x32xf8E4M3FN, #at_8x32, #smem>) kernel {
    %c0 = arith.constant 0 : index
    %f8 = arith.constant 0.0 : f8E4M3FN
    %f0 = arith.constant 0.0 : f32
    %zero = arith.constant dense<0.0> : vector<4x16x32xf32>
    %one = arith.constant dense<1.0> : vector<4x16x32xf32>
    %zeros = arith.constant dense<0.0> : vector<4x32xf32>
    %k = vector.transfer_read %kt[%c0, %c0], %f8 {in_bounds = [true, true]} : memref<32x32xf8E4M3FN, #at_32x32, #smem>, vector<32x32xf8E4M3FN>
    %q = vector.transfer_read %qt[%c0, %c0, %c0], %f8 {in_bounds = [true, true, true]} : memref<4x16x32xf8E4M3FN, #at_4x16x1x32, #smem>, vector<4x16x32xf8E4M3FN>
    %s = vector.contract {indexing_maps = [#q, #k, #s], iterator_types = ["parallel", "parallel", "parallel", "reduction"], kind = #vector.kind<add>} %q, %k, %zero : vector<4x16x32xf8E4M3FN>, vector<32x32xf8E4M3FN> into vector<4x16x32xf32>
    %t = arith.addf %s, %v : vector<4x16x32xf32>
    %sum = vector.multi_reduction <add>, %t, %zeros [1] : vector<4x16x32xf32> to vector<4x32xf32>
    vector.transfer_write %sum, %out[%c0, %c0] {in_bounds = [true, true]} : vector<4x32xf32>, memref<4x32xf32>
    gpu.return
  }
}

// -----

#at_4x16x1x32 = #mqa.staged<shape = [4, 16, 1, 32], dims = [0, 1, 0, 2], swizzle = 16>
#at_8x32 = #mqa.staged<shape = [8, 32], dims = [0, 1], swizzle = 16>
#smem = #gpu.address_space<workgroup>
#q = affine_map<(p, h, n, d) -> (p, h, d)>
#k = affine_map<(p, h, n, d) -> (n, d)>
#s = affine_map<(p, h, n, d) -> (p, h, n)>
gpu.module @kernels {
  gpu.func @f(%qt: memref<4x16x32xf8E4M3FN, #at_4x16x1x32, #smem>, %kt: memref<8x32xf8E4M3FN, #at_8x32, #smem>, %out: memref<4x8xf32>) kernel {
    %c0 = arith.constant 0 : index
    %f8 = arith.constant 0.0 : f8E4M3FN
    %zero = arith.constant dense<0.0> : vector<4x16x8xf32>
    %zeros = arith.constant dense<0.0> : vector<4x8xf32>
    %k = vector.transfer_read %kt[%c0, %c0], %f8 {in_bounds = [true, true]} : memref<8x32xf8E4M3FN, #at_8x32, #smem>, vector<8x32xf8E4M3FN>
    %q = vector.transfer_read %qt[%c0, %c0, %c0], %f8 {in_bounds = [true, true, true]} : memref<4x16x32xf8E4M3FN, #at_4x16x1x32, #smem>, vector<4x16x32xf8E4M3FN>
    %s = vector.contract {indexing_maps = [#q, #k, #s], iterator_types = ["parallel", "parallel", "parallel", "reduction"], kind = #vector.kind<add>} %q, %k, %zero : vector<4x16x32xf8E4M3FN>, vector<8x32xf8E4M3FN> into vector<4x16x8xf32>
    // expected-error@+1 {{keys must be a multiple of 32, found 8}}
    %sum = vector.multi_reduction <add>, %s, %zeros [1] : vector<4x16x8xf32> to vector<4x8xf32>
    vector.transfer_write %sum, %out[%c0, %c0] {in_bounds = [true, true]} : vector<4x8xf32>, memref<4x8xf32>
    gpu.return
  }
}

// -----

#at_32x32 = #mqa.staged<shape = [32, 32], dims = [0, 1], swizzle = 16>
#smem = #gpu.address_space<workgroup>
#q = affine_map<(p, h, n, d) -> (p, h, d)>
#k = affine_map<(p, h, n, d) -> (n, d)>
#s = affine_map<(p, h, n, d) -> (p, h, n)>
#at_64x1x32 = #mqa.staged<shape = [64, 1, 32], dims = [0, 1, 2], swizzle = 16>
gpu.module @kernels {
  gpu.func @f(%qt: memref<64x1x32xf8E4M3FN, #at_64x1x32, #smem>, %kt: memref<32x32xf8E4M3FN, #at_32x32, #smem>, %out: memref<64x32xf32>) kernel {
    %c0 = arith.constant 0 : index
    %f8 = arith.constant 0.0 : f8E4M3FN
    %zero = arith.constant dense<0.0> : vector<64x1x32xf32>
    %zeros = arith.constant dense<0.0> : vector<64x32xf32>
    %k = vector.transfer_read %kt[%c0, %c0], %f8 {in_bounds = [true, true]} : memref<32x32xf8E4M3FN, #at_32x32, #smem>, vector<32x32xf8E4M3FN>
    %q = vector.transfer_read %qt[%c0, %c0, %c0], %f8 {in_bounds = [true, true, true]} : memref<64x1x32xf8E4M3FN, #at_64x1x32, #smem>, vector<64x1x32xf8E4M3FN>
    // expected-error@+1 {{must have 1, 2, 4, 8, 16 or 32 queries, found 64}}
    %s = vector.contract {indexing_maps = [#q, #k, #s], iterator_types = ["parallel", "parallel", "parallel", "reduction"], kind = #vector.kind<add>} %q, %k, %zero : vector<64x1x32xf8E4M3FN>, vector<32x32xf8E4M3FN> into vector<64x1x32xf32>
    %sum = vector.multi_reduction <add>, %s, %zeros [1] : vector<64x1x32xf32> to vector<64x32xf32>
    vector.transfer_write %sum, %out[%c0, %c0] {in_bounds = [true, true]} : vector<64x32xf32>, memref<64x32xf32>
    gpu.return
  }
}

// -----

#at_32x32 = #mqa.staged<shape = [32, 32], dims = [0, 1], swizzle = 16>
#at_4x16x1x32 = #mqa.staged<shape = [4, 16, 1, 32], dims = [0, 1, 0, 2], swizzle = 16>
#at_8x32 = #mqa.staged<shape = [8, 32], dims = [0, 1], swizzle = 16>
#smem = #gpu.address_space<workgroup>
#q = affine_map<(p, h, n, d) -> (p, h, d)>
#k = affine_map<(p, h, n, d) -> (n, d)>
#s = affine_map<(p, h, n, d) -> (p, h, n)>
gpu.module @kernels {
  gpu.func @f(%qt: memref<4x16x32xf8E4M3FN, #at_4x16x1x32, #smem>, %kt: memref<32x32xf8E4M3FN, #at_32x32, #smem>, %out: memref<4x32xf32>, %g: memref<32x32xf8E4M3FN>, %v: vector<4x16x32xf32>, %kt8: memref<8x32xf8E4M3FN, #at_8x32, #smem>) kernel {
    %c0 = arith.constant 0 : index
    %f8 = arith.constant 0.0 : f8E4M3FN
    %f0 = arith.constant 0.0 : f32
    %zero = arith.constant dense<0.0> : vector<4x16x32xf32>
    %one = arith.constant dense<1.0> : vector<4x16x32xf32>
    %zeros = arith.constant dense<0.0> : vector<4x32xf32>
    %k = vector.transfer_read %kt[%c0, %c0], %f8 {in_bounds = [true, true]} : memref<32x32xf8E4M3FN, #at_32x32, #smem>, vector<32x32xf8E4M3FN>
    %q = vector.transfer_read %qt[%c0, %c0, %c0], %f8 {in_bounds = [true, true, true]} : memref<4x16x32xf8E4M3FN, #at_4x16x1x32, #smem>, vector<4x16x32xf8E4M3FN>
    %ones = arith.constant dense<1.0> : vector<4x32xf32>
    %s = vector.contract {indexing_maps = [#q, #k, #s], iterator_types = ["parallel", "parallel", "parallel", "reduction"], kind = #vector.kind<add>} %q, %k, %zero : vector<4x16x32xf8E4M3FN>, vector<32x32xf8E4M3FN> into vector<4x16x32xf32>
    // expected-error@+1 {{must add to zero or to another sum}}
    %sum = vector.multi_reduction <add>, %s, %ones [1] : vector<4x16x32xf32> to vector<4x32xf32>
    vector.transfer_write %sum, %out[%c0, %c0] {in_bounds = [true, true]} : vector<4x32xf32>, memref<4x32xf32>
    gpu.return
  }
}

// -----

#at_32x32 = #mqa.staged<shape = [32, 32], dims = [0, 1], swizzle = 16>
#at_4x8x1x32 = #mqa.staged<shape = [4, 8, 1, 32], dims = [0, 1, 0, 2], swizzle = 16>
#smem = #gpu.address_space<workgroup>
#q = affine_map<(p, h, n, d) -> (p, h, d)>
#k = affine_map<(p, h, n, d) -> (n, d)>
#s = affine_map<(p, h, n, d) -> (p, h, n)>
gpu.module @kernels {
  gpu.func @f(%qt: memref<4x8x32xf8E4M3FN, #at_4x8x1x32, #smem>, %kt: memref<32x32xf8E4M3FN, #at_32x32, #smem>, %out: memref<4x32xf32>) kernel {
    %c0 = arith.constant 0 : index
    %f8 = arith.constant 0.0 : f8E4M3FN
    %zero = arith.constant dense<0.0> : vector<4x8x32xf32>
    %zeros = arith.constant dense<0.0> : vector<4x32xf32>
    %k = vector.transfer_read %kt[%c0, %c0], %f8 {in_bounds = [true, true]} : memref<32x32xf8E4M3FN, #at_32x32, #smem>, vector<32x32xf8E4M3FN>
    %q = vector.transfer_read %qt[%c0, %c0, %c0], %f8 {in_bounds = [true, true, true]} : memref<4x8x32xf8E4M3FN, #at_4x8x1x32, #smem>, vector<4x8x32xf8E4M3FN>
    // expected-error@+1 {{one WGMMA has 4 x 16 rows and a multiple of 8 up to 256 columns, found 4 x 8 and 32}}
    %s = vector.contract {indexing_maps = [#q, #k, #s], iterator_types = ["parallel", "parallel", "parallel", "reduction"], kind = #vector.kind<add>} %q, %k, %zero : vector<4x8x32xf8E4M3FN>, vector<32x32xf8E4M3FN> into vector<4x8x32xf32>
    %sum = vector.multi_reduction <add>, %s, %zeros [1] : vector<4x8x32xf32> to vector<4x32xf32>
    vector.transfer_write %sum, %out[%c0, %c0] {in_bounds = [true, true]} : vector<4x32xf32>, memref<4x32xf32>
    gpu.return
  }
}

// -----

#q = affine_map<(p, h, n, d) -> (p, h, d)>
#k = affine_map<(p, h, n, d) -> (n, d)>
#s = affine_map<(p, h, n, d) -> (p, h, n)>
gpu.module @kernels {
  gpu.func @f(%q4: vector<4x16x32xf8E4M3FN>, %q8: vector<8x8x32xf8E4M3FN>, %k: vector<32x32xf8E4M3FN>, %zero4: vector<4x16x32xf32>, %zero8: vector<8x8x32xf32>, %zeros: vector<4x32xf32>, %out: memref<4x32xf32>) kernel {
    %c0 = arith.constant 0 : index
    %s4 = vector.contract {indexing_maps = [#q, #k, #s], iterator_types = ["parallel", "parallel", "parallel", "reduction"], kind = #vector.kind<add>} %q4, %k, %zero4 : vector<4x16x32xf8E4M3FN>, vector<32x32xf8E4M3FN> into vector<4x16x32xf32>
    // expected-error@+1 {{has not as many queries as the kernel's others}}
    %s8 = vector.contract {indexing_maps = [#q, #k, #s], iterator_types = ["parallel", "parallel", "parallel", "reduction"], kind = #vector.kind<add>} %q8, %k, %zero8 : vector<8x8x32xf8E4M3FN>, vector<32x32xf8E4M3FN> into vector<8x8x32xf32>
    vector.transfer_write %zeros, %out[%c0, %c0] {in_bounds = [true, true]} : vector<4x32xf32>, memref<4x32xf32>
    gpu.return
  }
}

// -----

#at_32x32 = #mqa.staged<shape = [32, 32], dims = [0, 1], swizzle = 16>
#at_4x16x1x32 = #mqa.staged<shape = [4, 16, 1, 32], dims = [0, 1, 0, 2], swizzle = 16>
#smem = #gpu.address_space<workgroup>
#q = affine_map<(p, h, n, d) -> (p, h, d)>
#k = affine_map<(p, h, n, d) -> (n, d)>
#s = affine_map<(p, h, n, d) -> (p, h, n)>
!qt = memref<4x16x32xf8E4M3FN, #at_4x16x1x32, #smem>
!kt = memref<32x32xf8E4M3FN, #at_32x32, #smem>
gpu.module @kernels {
  gpu.func @other_kind(%qt: !qt, %kt: !kt, %out: memref<4x32xf32>) kernel {
    %c0 = arith.constant 0 : index
    %f8 = arith.constant 0.0 : f8E4M3FN
    %zero = arith.constant dense<0.0> : vector<4x16x32xf32>
    %zeros = arith.constant dense<0.0> : vector<4x32xf32>
    %q = vector.transfer_read %qt[%c0, %c0, %c0], %f8 {in_bounds = [true, true, true]} : !qt, vector<4x16x32xf8E4M3FN>
    %k = vector.transfer_read %kt[%c0, %c0], %f8 {in_bounds = [true, true]} : !kt, vector<32x32xf8E4M3FN>
    // expected-error@+1 {{must add up (p, h, d) x (n, d) -> (p, h, n) in f32 onto zero}}
    %s0 = vector.contract {indexing_maps = [#q, #k, #s], iterator_types = ["parallel", "parallel", "parallel", "reduction"], kind = #vector.kind<maximumf>} %q, %k, %zero : vector<4x16x32xf8E4M3FN>, vector<32x32xf8E4M3FN> into vector<4x16x32xf32>
    %r0 = vector.multi_reduction <add>, %s0, %zeros [1] : vector<4x16x32xf32> to vector<4x32xf32>
    vector.transfer_write %r0, %out[%c0, %c0] {in_bounds = [true, true]} : vector<4x32xf32>, memref<4x32xf32>
    gpu.return
  }
}

// -----

#at_32x32 = #mqa.staged<shape = [32, 32], dims = [0, 1], swizzle = 16>
#at_4x16x1x32 = #mqa.staged<shape = [4, 16, 1, 32], dims = [0, 1, 0, 2], swizzle = 16>
#smem = #gpu.address_space<workgroup>
#q = affine_map<(p, h, n, d) -> (p, h, d)>
#k = affine_map<(p, h, n, d) -> (n, d)>
#s = affine_map<(p, h, n, d) -> (p, h, n)>
!qt = memref<4x16x32xf8E4M3FN, #at_4x16x1x32, #smem>
!kt = memref<32x32xf8E4M3FN, #at_32x32, #smem>
gpu.module @kernels {
  gpu.func @sums_in_f16(%qt: !qt, %kt: !kt, %out: memref<4x32xf16>) kernel {
    %c0 = arith.constant 0 : index
    %f8 = arith.constant 0.0 : f8E4M3FN
    %zero = arith.constant dense<0.0> : vector<4x16x32xf32>
    %zeros = arith.constant dense<0.0> : vector<4x32xf32>
    %zero16 = arith.constant dense<0.0> : vector<4x16x32xf16>
    %zeros16 = arith.constant dense<0.0> : vector<4x32xf16>
    %q = vector.transfer_read %qt[%c0, %c0, %c0], %f8 {in_bounds = [true, true, true]} : !qt, vector<4x16x32xf8E4M3FN>
    %k = vector.transfer_read %kt[%c0, %c0], %f8 {in_bounds = [true, true]} : !kt, vector<32x32xf8E4M3FN>
    // expected-error@+1 {{must add up (p, h, d) x (n, d) -> (p, h, n) in f32 onto zero}}
    %s0 = vector.contract {indexing_maps = [#q, #k, #s], iterator_types = ["parallel", "parallel", "parallel", "reduction"], kind = #vector.kind<add>} %q, %k, %zero16 : vector<4x16x32xf8E4M3FN>, vector<32x32xf8E4M3FN> into vector<4x16x32xf16>
    %r0 = vector.multi_reduction <add>, %s0, %zeros16 [1] : vector<4x16x32xf16> to vector<4x32xf16>
    vector.transfer_write %r0, %out[%c0, %c0] {in_bounds = [true, true]} : vector<4x32xf16>, memref<4x32xf16>
    gpu.return
  }
}

// -----

#at_32x32 = #mqa.staged<shape = [32, 32], dims = [0, 1], swizzle = 16>
#at_4x16x1x32 = #mqa.staged<shape = [4, 16, 1, 32], dims = [0, 1, 0, 2], swizzle = 16>
#smem = #gpu.address_space<workgroup>
#q = affine_map<(p, h, n, d) -> (p, h, d)>
#k = affine_map<(p, h, n, d) -> (n, d)>
#s = affine_map<(p, h, n, d) -> (p, h, n)>
!qt = memref<4x16x32xf8E4M3FN, #at_4x16x1x32, #smem>
!kt = memref<32x32xf8E4M3FN, #at_32x32, #smem>
gpu.module @kernels {
  gpu.func @wide_elements(%qt: memref<4x16x32xf32, #smem>, %kt: memref<32x32xf32, #smem>, %out: memref<4x32xf32>) kernel {
    %c0 = arith.constant 0 : index
    %f8 = arith.constant 0.0 : f32
    %zero = arith.constant dense<0.0> : vector<4x16x32xf32>
    %zeros = arith.constant dense<0.0> : vector<4x32xf32>
    %q = vector.transfer_read %qt[%c0, %c0, %c0], %f8 {in_bounds = [true, true, true]} : memref<4x16x32xf32, #smem>, vector<4x16x32xf32>
    %k = vector.transfer_read %kt[%c0, %c0], %f8 {in_bounds = [true, true]} : memref<32x32xf32, #smem>, vector<32x32xf32>
    // expected-error@+1 {{operands must be of the same 8-bit or 16-bit floats, found 'f32' and 'f32'}}
    %s0 = vector.contract {indexing_maps = [#q, #k, #s], iterator_types = ["parallel", "parallel", "parallel", "reduction"], kind = #vector.kind<add>} %q, %k, %zero : vector<4x16x32xf32>, vector<32x32xf32> into vector<4x16x32xf32>
    %r0 = vector.multi_reduction <add>, %s0, %zeros [1] : vector<4x16x32xf32> to vector<4x32xf32>
    vector.transfer_write %r0, %out[%c0, %c0] {in_bounds = [true, true]} : vector<4x32xf32>, memref<4x32xf32>
    gpu.return
  }
}

// -----

#at_32x32 = #mqa.staged<shape = [32, 32], dims = [0, 1], swizzle = 16>
#at_4x16x1x32 = #mqa.staged<shape = [4, 16, 1, 32], dims = [0, 1, 0, 2], swizzle = 16>
#smem = #gpu.address_space<workgroup>
#q = affine_map<(p, h, n, d) -> (p, h, d)>
#k = affine_map<(p, h, n, d) -> (n, d)>
#s = affine_map<(p, h, n, d) -> (p, h, n)>
!qt = memref<4x16x32xf8E4M3FN, #at_4x16x1x32, #smem>
!kt = memref<32x32xf8E4M3FN, #at_32x32, #smem>
gpu.module @kernels {
  // A store of the whole vector would be by each thread.
  gpu.func @stored_whole(%qt: !qt, %kt: !kt, %out: memref<4x32xf32>, %all: memref<4x16x32xf32>) kernel {
    %c0 = arith.constant 0 : index
    %f8 = arith.constant 0.0 : f8E4M3FN
    %zero = arith.constant dense<0.0> : vector<4x16x32xf32>
    %zeros = arith.constant dense<0.0> : vector<4x32xf32>
    %q = vector.transfer_read %qt[%c0, %c0, %c0], %f8 {in_bounds = [true, true, true]} : !qt, vector<4x16x32xf8E4M3FN>
    %k = vector.transfer_read %kt[%c0, %c0], %f8 {in_bounds = [true, true]} : !kt, vector<32x32xf8E4M3FN>
    // expected-error@+1 {{is needed by more than the vectors that are written, and cannot be distributed}}
    %s0 = vector.contract {indexing_maps = [#q, #k, #s], iterator_types = ["parallel", "parallel", "parallel", "reduction"], kind = #vector.kind<add>} %q, %k, %zero : vector<4x16x32xf8E4M3FN>, vector<32x32xf8E4M3FN> into vector<4x16x32xf32>
    %r0 = vector.multi_reduction <add>, %s0, %zeros [1] : vector<4x16x32xf32> to vector<4x32xf32>
    vector.transfer_write %r0, %out[%c0, %c0] {in_bounds = [true, true]} : vector<4x32xf32>, memref<4x32xf32>
    // expected-note@+1 {{used by this}}
    vector.store %s0, %all[%c0, %c0, %c0] : memref<4x16x32xf32>, vector<4x16x32xf32>
    gpu.return
  }
}

// -----

#at_128x32 = #mqa.staged<shape = [128, 32], dims = [0, 1], swizzle = 16>
#shared = #mqa.staged<shape = [1, 4, 16, 1, 32], dims = [0, 1, 1, 0, 2], swizzle = 16>
#smem = #gpu.address_space<workgroup>
#q = affine_map<(p, h, n, d) -> (p, h, d)>
#k = affine_map<(p, h, n, d) -> (n, d)>
#s = affine_map<(p, h, n, d) -> (p, h, n)>
!qt = memref<1x64x32xf8E4M3FN, #shared, #smem>
!kt = memref<128x32xf8E4M3FN, #at_128x32, #smem>
gpu.module @kernels {
  gpu.func @one_consumer_warp(%qt: !qt, %kt: !kt, %out: memref<1x128xf32>) kernel attributes {known_block_size = array<i32: 32, 1, 1>} {
    %c0 = arith.constant 0 : index
    %f8 = arith.constant 0.0 : f8E4M3FN
    %zero = arith.constant dense<0.0> : vector<1x64x128xf32>
    %zeros = arith.constant dense<0.0> : vector<1x128xf32>
    %q = vector.transfer_read %qt[%c0, %c0, %c0], %f8 {in_bounds = [true, true, true]} : !qt, vector<1x64x32xf8E4M3FN>
    %k = vector.transfer_read %kt[%c0, %c0], %f8 {in_bounds = [true, true]} : !kt, vector<128x32xf8E4M3FN>
    %s0 = vector.contract {indexing_maps = [#q, #k, #s], iterator_types = ["parallel", "parallel", "parallel", "reduction"], kind = #vector.kind<add>} %q, %k, %zero : vector<1x64x32xf8E4M3FN>, vector<128x32xf8E4M3FN> into vector<1x64x128xf32>
    // expected-error@+1 {{over 4 warps must be in a kernel whose consumers are whole consumer groups, found 1 warps}}
    %r0 = vector.multi_reduction <add>, %s0, %zeros [1] : vector<1x64x128xf32> to vector<1x128xf32>
    vector.transfer_write %r0, %out[%c0, %c0] {in_bounds = [true, true]} : vector<1x128xf32>, memref<1x128xf32>
    gpu.return
  }
}

// -----

// Queries outside of heads: the rows of a warp would be another query's.
#queries = #mqa.staged<shape = [8, 8, 32], dims = [0, 1, 2], swizzle = 16>
#keys = #mqa.staged<shape = [32, 32], dims = [0, 1], swizzle = 16>
#smem = #gpu.address_space<workgroup>
#q = affine_map<(p, h, n, d) -> (p, h, d)>
#k = affine_map<(p, h, n, d) -> (n, d)>
#s = affine_map<(p, h, n, d) -> (p, h, n)>
!qt = memref<8x8x32xf8E4M3FN, #queries, #smem>
!kt = memref<32x32xf8E4M3FN, #keys, #smem>
gpu.module @kernels {
  gpu.func @other_order(%qt: !qt, %kt: !kt, %out: memref<8x32xf32>) kernel {
    %c0 = arith.constant 0 : index
    %f8 = arith.constant 0.0 : f8E4M3FN
    %zero = arith.constant dense<0.0> : vector<8x8x32xf32>
    %zeros = arith.constant dense<0.0> : vector<8x32xf32>
    %q = vector.transfer_read %qt[%c0, %c0, %c0], %f8 {in_bounds = [true, true, true]} : !qt, vector<8x8x32xf8E4M3FN>
    %k = vector.transfer_read %kt[%c0, %c0], %f8 {in_bounds = [true, true]} : !kt, vector<32x32xf8E4M3FN>
    // expected-error@+1 {{operand 'lhs' must lie in shared memory as WGMMA reads it, #mqa.staged<shape = [4, 8, 2, 32], dims = [0, 1, 0, 2], swizzle = 16>, found 'memref<8x8x32xf8E4M3FN, #mqa.staged<shape = [8, 8, 32], dims = [0, 1, 2], swizzle = 16>}}
    %s0 = vector.contract {indexing_maps = [#q, #k, #s], iterator_types = ["parallel", "parallel", "parallel", "reduction"], kind = #vector.kind<add>} %q, %k, %zero : vector<8x8x32xf8E4M3FN>, vector<32x32xf8E4M3FN> into vector<8x8x32xf32>
    %r0 = vector.multi_reduction <add>, %s0, %zeros [1] : vector<8x8x32xf32> to vector<8x32xf32>
    vector.transfer_write %r0, %out[%c0, %c0] {in_bounds = [true, true]} : vector<8x32xf32>, memref<8x32xf32>
    gpu.return
  }
}

// -----

#queries = #mqa.staged<shape = [4, 8, 2, 32], dims = [0, 1, 0, 2], swizzle = 16>
#keys = #mqa.staged<shape = [32, 32], dims = [0, 1]>
#smem = #gpu.address_space<workgroup>
#q = affine_map<(p, h, n, d) -> (p, h, d)>
#k = affine_map<(p, h, n, d) -> (n, d)>
#s = affine_map<(p, h, n, d) -> (p, h, n)>
!qt = memref<8x8x32xf8E4M3FN, #queries, #smem>
!kt = memref<32x32xf8E4M3FN, #keys, #smem>
gpu.module @kernels {
  gpu.func @in_order(%qt: !qt, %kt: !kt, %out: memref<8x32xf32>) kernel {
    %c0 = arith.constant 0 : index
    %f8 = arith.constant 0.0 : f8E4M3FN
    %zero = arith.constant dense<0.0> : vector<8x8x32xf32>
    %zeros = arith.constant dense<0.0> : vector<8x32xf32>
    %q = vector.transfer_read %qt[%c0, %c0, %c0], %f8 {in_bounds = [true, true, true]} : !qt, vector<8x8x32xf8E4M3FN>
    %k = vector.transfer_read %kt[%c0, %c0], %f8 {in_bounds = [true, true]} : !kt, vector<32x32xf8E4M3FN>
    // expected-error@+1 {{operand 'rhs' must lie in shared memory as WGMMA reads it, #mqa.staged<shape = [32, 32], dims = [0, 1], swizzle = 16>, found 'memref<32x32xf8E4M3FN, #mqa.staged<shape = [32, 32], dims = [0, 1]>}}
    %s0 = vector.contract {indexing_maps = [#q, #k, #s], iterator_types = ["parallel", "parallel", "parallel", "reduction"], kind = #vector.kind<add>} %q, %k, %zero : vector<8x8x32xf8E4M3FN>, vector<32x32xf8E4M3FN> into vector<8x8x32xf32>
    %r0 = vector.multi_reduction <add>, %s0, %zeros [1] : vector<8x8x32xf32> to vector<8x32xf32>
    vector.transfer_write %r0, %out[%c0, %c0] {in_bounds = [true, true]} : vector<8x32xf32>, memref<8x32xf32>
    gpu.return
  }
}

// -----

#queries = #mqa.staged<shape = [4, 8, 2, 32], dims = [0, 1, 0, 2], swizzle = 16>
#keys = #mqa.staged<shape = [2, 32, 16], dims = [1, 0, 1]>
#smem = #gpu.address_space<workgroup>
#q = affine_map<(p, h, n, d) -> (p, h, d)>
#k = affine_map<(p, h, n, d) -> (n, d)>
#s = affine_map<(p, h, n, d) -> (p, h, n)>
!qt = memref<8x8x32xf8E4M3FN, #queries, #smem>
!kt = memref<32x32xf8E4M3FN, #keys, #smem>
gpu.module @kernels {
  gpu.func @narrow_chunks(%qt: !qt, %kt: !kt, %out: memref<8x32xf32>) kernel {
    %c0 = arith.constant 0 : index
    %f8 = arith.constant 0.0 : f8E4M3FN
    %zero = arith.constant dense<0.0> : vector<8x8x32xf32>
    %zeros = arith.constant dense<0.0> : vector<8x32xf32>
    %q = vector.transfer_read %qt[%c0, %c0, %c0], %f8 {in_bounds = [true, true, true]} : !qt, vector<8x8x32xf8E4M3FN>
    %k = vector.transfer_read %kt[%c0, %c0], %f8 {in_bounds = [true, true]} : !kt, vector<32x32xf8E4M3FN>
    // expected-error@+1 {{operand 'rhs' must lie in shared memory as WGMMA reads it}}
    %s0 = vector.contract {indexing_maps = [#q, #k, #s], iterator_types = ["parallel", "parallel", "parallel", "reduction"], kind = #vector.kind<add>} %q, %k, %zero : vector<8x8x32xf8E4M3FN>, vector<32x32xf8E4M3FN> into vector<8x8x32xf32>
    %r0 = vector.multi_reduction <add>, %s0, %zeros [1] : vector<8x8x32xf32> to vector<8x32xf32>
    vector.transfer_write %r0, %out[%c0, %c0] {in_bounds = [true, true]} : vector<8x32xf32>, memref<8x32xf32>
    gpu.return
  }
}

// -----

#queries = #mqa.staged<shape = [4, 8, 2, 32], dims = [0, 1, 0, 2], swizzle = 16>
#keys = #mqa.staged<shape = [32, 32], dims = [1, 0], swizzle = 16>
#smem = #gpu.address_space<workgroup>
#q = affine_map<(p, h, n, d) -> (p, h, d)>
#k = affine_map<(p, h, n, d) -> (n, d)>
#s = affine_map<(p, h, n, d) -> (p, h, n)>
!qt = memref<8x8x32xf8E4M3FN, #queries, #smem>
!kt = memref<32x32xf8E4M3FN, #keys, #smem>
gpu.module @kernels {
  gpu.func @columns(%qt: !qt, %kt: !kt, %out: memref<8x32xf32>) kernel {
    %c0 = arith.constant 0 : index
    %f8 = arith.constant 0.0 : f8E4M3FN
    %zero = arith.constant dense<0.0> : vector<8x8x32xf32>
    %zeros = arith.constant dense<0.0> : vector<8x32xf32>
    %q = vector.transfer_read %qt[%c0, %c0, %c0], %f8 {in_bounds = [true, true, true]} : !qt, vector<8x8x32xf8E4M3FN>
    %k = vector.transfer_read %kt[%c0, %c0], %f8 {in_bounds = [true, true]} : !kt, vector<32x32xf8E4M3FN>
    // expected-error@+1 {{operand 'rhs' must lie in shared memory as WGMMA reads it}}
    %s0 = vector.contract {indexing_maps = [#q, #k, #s], iterator_types = ["parallel", "parallel", "parallel", "reduction"], kind = #vector.kind<add>} %q, %k, %zero : vector<8x8x32xf8E4M3FN>, vector<32x32xf8E4M3FN> into vector<8x8x32xf32>
    %r0 = vector.multi_reduction <add>, %s0, %zeros [1] : vector<8x8x32xf32> to vector<8x32xf32>
    vector.transfer_write %r0, %out[%c0, %c0] {in_bounds = [true, true]} : vector<8x32xf32>, memref<8x32xf32>
    gpu.return
  }
}

// -----

#queries = #mqa.staged<shape = [4, 8, 2, 32], dims = [0, 1, 0, 2], swizzle = 16>
#smem = #gpu.address_space<workgroup>
#q = affine_map<(p, h, n, d) -> (p, h, d)>
#k = affine_map<(p, h, n, d) -> (n, d)>
#s = affine_map<(p, h, n, d) -> (p, h, n)>
!qt = memref<8x8x32xf8E4M3FN, #queries, #smem>
!kt = memref<32x32xf8E4M3FN, #smem>
gpu.module @kernels {
  gpu.func @no_layout(%qt: !qt, %kt: !kt, %out: memref<8x32xf32>) kernel {
    %c0 = arith.constant 0 : index
    %f8 = arith.constant 0.0 : f8E4M3FN
    %zero = arith.constant dense<0.0> : vector<8x8x32xf32>
    %zeros = arith.constant dense<0.0> : vector<8x32xf32>
    %q = vector.transfer_read %qt[%c0, %c0, %c0], %f8 {in_bounds = [true, true, true]} : !qt, vector<8x8x32xf8E4M3FN>
    %k = vector.transfer_read %kt[%c0, %c0], %f8 {in_bounds = [true, true]} : !kt, vector<32x32xf8E4M3FN>
    // expected-error@+1 {{operand 'rhs' must lie in shared memory as WGMMA reads it, #mqa.staged<shape = [32, 32], dims = [0, 1], swizzle = 16>, found 'memref<32x32xf8E4M3FN, #gpu.address_space<workgroup>>'}}
    %s0 = vector.contract {indexing_maps = [#q, #k, #s], iterator_types = ["parallel", "parallel", "parallel", "reduction"], kind = #vector.kind<add>} %q, %k, %zero : vector<8x8x32xf8E4M3FN>, vector<32x32xf8E4M3FN> into vector<8x8x32xf32>
    %r0 = vector.multi_reduction <add>, %s0, %zeros [1] : vector<8x8x32xf32> to vector<8x32xf32>
    vector.transfer_write %r0, %out[%c0, %c0] {in_bounds = [true, true]} : vector<8x32xf32>, memref<8x32xf32>
    gpu.return
  }
}
