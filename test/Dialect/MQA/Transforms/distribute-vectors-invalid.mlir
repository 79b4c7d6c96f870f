// RUN: mqa-opt %s --pass-pipeline='builtin.module(gpu.module(gpu.func(mqa-distribute-vectors)))' --split-input-file --verify-diagnostics

#smem = #gpu.address_space<workgroup>
#k = affine_map<(n, m, h, d) -> (n, d)>
#q = affine_map<(n, m, h, d) -> (m, h, d)>
#s = affine_map<(n, m, h, d) -> (m, n, h)>
gpu.module @kernels {
  gpu.func @f(%kt: memref<64x32xf8E4M3FN, #smem>, %qt: memref<1x8x32xf8E4M3FN, #smem>, %out: memref<1x64xf32>, %g: memref<64x32xf8E4M3FN>, %v: vector<1x64x8xf32>, %small: vector<1x64x4xf32>) kernel {
    %c0 = arith.constant 0 : index
    %f8 = arith.constant 0.0 : f8E4M3FN
    %zero = arith.constant dense<0.0> : vector<1x64x8xf32>
    %one = arith.constant dense<1.0> : vector<1x64x8xf32>
    %zeros = arith.constant dense<0.0> : vector<1x64xf32>
    %k = vector.transfer_read %kt[%c0, %c0], %f8 {in_bounds = [true, true]} : memref<64x32xf8E4M3FN, #smem>, vector<64x32xf8E4M3FN>
    %q = vector.transfer_read %qt[%c0, %c0, %c0], %f8 {in_bounds = [true, true, true]} : memref<1x8x32xf8E4M3FN, #smem>, vector<1x8x32xf8E4M3FN>
    // expected-error@+1 {{must come from a reduction of a contraction}}
    vector.transfer_write %zeros, %out[%c0, %c0] {in_bounds = [true, true]} : vector<1x64xf32>, memref<1x64xf32>
    gpu.return
  }
}

// -----

#smem = #gpu.address_space<workgroup>
#k = affine_map<(n, m, h, d) -> (n, d)>
#q = affine_map<(n, m, h, d) -> (m, h, d)>
#s = affine_map<(n, m, h, d) -> (m, n, h)>
gpu.module @kernels {
  gpu.func @f(%kt: memref<64x32xf8E4M3FN, #smem>, %qt: memref<1x8x32xf8E4M3FN, #smem>, %out: memref<1x64xf32>, %g: memref<64x32xf8E4M3FN>, %v: vector<1x64x8xf32>, %small: vector<1x64x4xf32>) kernel {
    %c0 = arith.constant 0 : index
    %f8 = arith.constant 0.0 : f8E4M3FN
    %zero = arith.constant dense<0.0> : vector<1x64x8xf32>
    %one = arith.constant dense<1.0> : vector<1x64x8xf32>
    %zeros = arith.constant dense<0.0> : vector<1x64xf32>
    %k = vector.transfer_read %kt[%c0, %c0], %f8 {in_bounds = [true, true]} : memref<64x32xf8E4M3FN, #smem>, vector<64x32xf8E4M3FN>
    %q = vector.transfer_read %qt[%c0, %c0, %c0], %f8 {in_bounds = [true, true, true]} : memref<1x8x32xf8E4M3FN, #smem>, vector<1x8x32xf8E4M3FN>
    // expected-error@+1 {{must be (n, d) x (m, h, d) -> (m, n, h) onto zero}}
    %s = vector.contract {indexing_maps = [#k, #q, #s], iterator_types = ["parallel", "parallel", "parallel", "reduction"], kind = #vector.kind<add>} %k, %q, %one : vector<64x32xf8E4M3FN>, vector<1x8x32xf8E4M3FN> into vector<1x64x8xf32>
    %sum = vector.multi_reduction <add>, %s, %zeros [2] : vector<1x64x8xf32> to vector<1x64xf32>
    vector.transfer_write %sum, %out[%c0, %c0] {in_bounds = [true, true]} : vector<1x64xf32>, memref<1x64xf32>
    gpu.return
  }
}

// -----

#smem = #gpu.address_space<workgroup>
#k = affine_map<(n, m, h, d) -> (n, d)>
#q = affine_map<(n, m, h, d) -> (m, h, d)>
#s = affine_map<(n, m, h, d) -> (m, n, h)>
gpu.module @kernels {
  gpu.func @f(%kt: memref<64x32xf8E4M3FN, #smem>, %qt: memref<1x8x32xf8E4M3FN, #smem>, %out: memref<1x64xf32>, %g: memref<64x32xf8E4M3FN>, %v: vector<1x64x8xf32>, %small: vector<1x64x4xf32>) kernel {
    %c0 = arith.constant 0 : index
    %f8 = arith.constant 0.0 : f8E4M3FN
    %zero = arith.constant dense<0.0> : vector<1x64x8xf32>
    %one = arith.constant dense<1.0> : vector<1x64x8xf32>
    %zeros = arith.constant dense<0.0> : vector<1x64xf32>
    %k = vector.transfer_read %kt[%c0, %c0], %f8 {in_bounds = [true, true]} : memref<64x32xf8E4M3FN, #smem>, vector<64x32xf8E4M3FN>
    %q = vector.transfer_read %qt[%c0, %c0, %c0], %f8 {in_bounds = [true, true, true]} : memref<1x8x32xf8E4M3FN, #smem>, vector<1x8x32xf8E4M3FN>
    %kg = vector.transfer_read %g[%c0, %c0], %f8 {in_bounds = [true, true]} : memref<64x32xf8E4M3FN>, vector<64x32xf8E4M3FN>
    // expected-error@+1 {{operands must be whole tiles in workgroup memory}}
    %s = vector.contract {indexing_maps = [#k, #q, #s], iterator_types = ["parallel", "parallel", "parallel", "reduction"], kind = #vector.kind<add>} %kg, %q, %zero : vector<64x32xf8E4M3FN>, vector<1x8x32xf8E4M3FN> into vector<1x64x8xf32>
    %sum = vector.multi_reduction <add>, %s, %zeros [2] : vector<1x64x8xf32> to vector<1x64xf32>
    vector.transfer_write %sum, %out[%c0, %c0] {in_bounds = [true, true]} : vector<1x64xf32>, memref<1x64xf32>
    gpu.return
  }
}

// -----

#smem = #gpu.address_space<workgroup>
#k = affine_map<(n, m, h, d) -> (n, d)>
#q = affine_map<(n, m, h, d) -> (m, h, d)>
#s = affine_map<(n, m, h, d) -> (m, n, h)>
gpu.module @kernels {
  gpu.func @f(%kt: memref<64x32xf8E4M3FN, #smem>, %qt: memref<1x8x32xf8E4M3FN, #smem>, %out: memref<1x64xf32>, %g: memref<64x32xf8E4M3FN>, %v: vector<1x64x8xf32>, %small: vector<1x64x4xf32>) kernel {
    %c0 = arith.constant 0 : index
    %f8 = arith.constant 0.0 : f8E4M3FN
    %zero = arith.constant dense<0.0> : vector<1x64x8xf32>
    %one = arith.constant dense<1.0> : vector<1x64x8xf32>
    %zeros = arith.constant dense<0.0> : vector<1x64xf32>
    %k = vector.transfer_read %kt[%c0, %c0], %f8 {in_bounds = [true, true]} : memref<64x32xf8E4M3FN, #smem>, vector<64x32xf8E4M3FN>
    %q = vector.transfer_read %qt[%c0, %c0, %c0], %f8 {in_bounds = [true, true, true]} : memref<1x8x32xf8E4M3FN, #smem>, vector<1x8x32xf8E4M3FN>
    %s = vector.contract {indexing_maps = [#k, #q, #s], iterator_types = ["parallel", "parallel", "parallel", "reduction"], kind = #vector.kind<add>} %k, %q, %zero : vector<64x32xf8E4M3FN>, vector<1x8x32xf8E4M3FN> into vector<1x64x8xf32>
    // expected-error@+1 {{must add up the last of three dims onto zero}}
    %sum = vector.multi_reduction <maximumf>, %s, %zeros [2] : vector<1x64x8xf32> to vector<1x64xf32>
    vector.transfer_write %sum, %out[%c0, %c0] {in_bounds = [true, true]} : vector<1x64xf32>, memref<1x64xf32>
    gpu.return
  }
}

// -----

#smem = #gpu.address_space<workgroup>
#k = affine_map<(n, m, h, d) -> (n, d)>
#q = affine_map<(n, m, h, d) -> (m, h, d)>
#s = affine_map<(n, m, h, d) -> (m, n, h)>
gpu.module @kernels {
  gpu.func @f(%kt: memref<64x32xf8E4M3FN, #smem>, %qt: memref<1x8x32xf8E4M3FN, #smem>, %out: memref<1x64xf32>, %g: memref<64x32xf8E4M3FN>, %v: vector<1x64x8xf32>, %small: vector<1x64x4xf32>) kernel {
    %c0 = arith.constant 0 : index
    %f8 = arith.constant 0.0 : f8E4M3FN
    %zero = arith.constant dense<0.0> : vector<1x64x8xf32>
    %one = arith.constant dense<1.0> : vector<1x64x8xf32>
    %zeros = arith.constant dense<0.0> : vector<1x64xf32>
    %k = vector.transfer_read %kt[%c0, %c0], %f8 {in_bounds = [true, true]} : memref<64x32xf8E4M3FN, #smem>, vector<64x32xf8E4M3FN>
    %q = vector.transfer_read %qt[%c0, %c0, %c0], %f8 {in_bounds = [true, true, true]} : memref<1x8x32xf8E4M3FN, #smem>, vector<1x8x32xf8E4M3FN>
    %s = vector.contract {indexing_maps = [#k, #q, #s], iterator_types = ["parallel", "parallel", "parallel", "reduction"], kind = #vector.kind<add>} %k, %q, %zero : vector<64x32xf8E4M3FN>, vector<1x8x32xf8E4M3FN> into vector<1x64x8xf32>
    %sum = vector.multi_reduction <add>, %s, %zeros [2] : vector<1x64x8xf32> to vector<1x64xf32>
    %sum2 = vector.multi_reduction <add>, %s, %zeros [2] : vector<1x64x8xf32> to vector<1x64xf32>
    %both = arith.addf %sum, %sum2 : vector<1x64xf32>
    // expected-error@+1 {{comes from more than one reduction}}
    vector.transfer_write %both, %out[%c0, %c0] {in_bounds = [true, true]} : vector<1x64xf32>, memref<1x64xf32>
    gpu.return
  }
}

// -----

#smem = #gpu.address_space<workgroup>
#k = affine_map<(n, m, h, d) -> (n, d)>
#q = affine_map<(n, m, h, d) -> (m, h, d)>
#s = affine_map<(n, m, h, d) -> (m, n, h)>
gpu.module @kernels {
  gpu.func @f(%kt: memref<64x32xf8E4M3FN, #smem>, %qt: memref<1x8x32xf8E4M3FN, #smem>, %out: memref<1x64xf32>, %g: memref<64x32xf8E4M3FN>, %v: vector<1x64x8xf32>, %small: vector<1x64x4xf32>) kernel {
    %c0 = arith.constant 0 : index
    %f8 = arith.constant 0.0 : f8E4M3FN
    %zero = arith.constant dense<0.0> : vector<1x64x8xf32>
    %one = arith.constant dense<1.0> : vector<1x64x8xf32>
    %zeros = arith.constant dense<0.0> : vector<1x64xf32>
    %k = vector.transfer_read %kt[%c0, %c0], %f8 {in_bounds = [true, true]} : memref<64x32xf8E4M3FN, #smem>, vector<64x32xf8E4M3FN>
    %q = vector.transfer_read %qt[%c0, %c0, %c0], %f8 {in_bounds = [true, true, true]} : memref<1x8x32xf8E4M3FN, #smem>, vector<1x8x32xf8E4M3FN>
    %s = vector.contract {indexing_maps = [#k, #q, #s], iterator_types = ["parallel", "parallel", "parallel", "reduction"], kind = #vector.kind<add>} %k, %q, %zero : vector<64x32xf8E4M3FN>, vector<1x8x32xf8E4M3FN> into vector<1x64x8xf32>
    // expected-error@+1 {{'vector.interleave' cannot be distributed}}
    %half = vector.interleave %small, %small : vector<1x64x4xf32> -> vector<1x64x8xf32>
    %t = arith.addf %s, %half : vector<1x64x8xf32>
    %sum = vector.multi_reduction <add>, %t, %zeros [2] : vector<1x64x8xf32> to vector<1x64xf32>
    vector.transfer_write %sum, %out[%c0, %c0] {in_bounds = [true, true]} : vector<1x64xf32>, memref<1x64xf32>
    gpu.return
  }
}

// -----

#smem = #gpu.address_space<workgroup>
#k = affine_map<(n, m, h, d) -> (n, d)>
#q = affine_map<(n, m, h, d) -> (m, h, d)>
#s = affine_map<(n, m, h, d) -> (m, n, h)>
gpu.module @kernels {
  // expected-error@+1 {{a vector that is a block argument cannot be distributed}}
  gpu.func @f(%kt: memref<64x32xf8E4M3FN, #smem>, %qt: memref<1x8x32xf8E4M3FN, #smem>, %out: memref<1x64xf32>, %g: memref<64x32xf8E4M3FN>, %v: vector<1x64x8xf32>, %small: vector<1x64x4xf32>) kernel {
    %c0 = arith.constant 0 : index
    %f8 = arith.constant 0.0 : f8E4M3FN
    %zero = arith.constant dense<0.0> : vector<1x64x8xf32>
    %one = arith.constant dense<1.0> : vector<1x64x8xf32>
    %zeros = arith.constant dense<0.0> : vector<1x64xf32>
    %k = vector.transfer_read %kt[%c0, %c0], %f8 {in_bounds = [true, true]} : memref<64x32xf8E4M3FN, #smem>, vector<64x32xf8E4M3FN>
    %q = vector.transfer_read %qt[%c0, %c0, %c0], %f8 {in_bounds = [true, true, true]} : memref<1x8x32xf8E4M3FN, #smem>, vector<1x8x32xf8E4M3FN>
    %s = vector.contract {indexing_maps = [#k, #q, #s], iterator_types = ["parallel", "parallel", "parallel", "reduction"], kind = #vector.kind<add>} %k, %q, %zero : vector<64x32xf8E4M3FN>, vector<1x8x32xf8E4M3FN> into vector<1x64x8xf32>
    %t = arith.addf %s, %v : vector<1x64x8xf32>
    %sum = vector.multi_reduction <add>, %t, %zeros [2] : vector<1x64x8xf32> to vector<1x64xf32>
    vector.transfer_write %sum, %out[%c0, %c0] {in_bounds = [true, true]} : vector<1x64xf32>, memref<1x64xf32>
    gpu.return
  }
}
