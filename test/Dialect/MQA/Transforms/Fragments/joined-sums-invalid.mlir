// RUN: mqa-opt %s --pass-pipeline='builtin.module(mqa-attach-target,gpu.module(gpu.func(mqa-distribute-vectors)))' --split-input-file --verify-diagnostics

// Sums are joined if they lie behind each other.
#smem = #gpu.address_space<workgroup>
!q = memref<1x64x128xf8E4M3FN, #mqa.staged<shape = [1, 1, 64, 128], dims = [0, 1, 1, 2], swizzle = 16>, #smem>
!k = memref<64x128xf8E4M3FN, #mqa.staged<shape = [64, 128], dims = [0, 1], swizzle = 16>, #smem>
#k = affine_map<(p, h, n, d) -> (n, d)>
#q = affine_map<(p, h, n, d) -> (p, h, d)>
#s = affine_map<(p, h, n, d) -> (n, p, h)>
gpu.module @kernels {
  gpu.func @f(%qt: !q, %kt: !k, %scales: vector<1xf32>, %out: memref<1x128xf32>) kernel {
    %c0 = arith.constant 0 : index
    %f8 = arith.constant 0.0 : f8E4M3FN
    %zero = arith.constant dense<0.0> : vector<64x1x64xf32>
    %zeros = arith.constant dense<0.0> : vector<64x1xf32>
    %none = arith.constant dense<0.0> : vector<128x1xf32>
    %k = vector.transfer_read %kt[%c0, %c0], %f8 {in_bounds = [true, true]} : !k, vector<64x128xf8E4M3FN>
    %q = vector.transfer_read %qt[%c0, %c0, %c0], %f8 {in_bounds = [true, true, true]} : !q, vector<1x64x128xf8E4M3FN>
    %s = vector.contract {indexing_maps = [#k, #q, #s], iterator_types = ["parallel", "parallel", "parallel", "reduction"], kind = #vector.kind<add>} %k, %q, %zero : vector<64x128xf8E4M3FN>, vector<1x64x128xf8E4M3FN> into vector<64x1x64xf32>
    %sum = vector.multi_reduction <add>, %s, %zeros [2] : vector<64x1x64xf32> to vector<64x1xf32>
    %next = vector.multi_reduction <add>, %s, %zeros [2] : vector<64x1x64xf32> to vector<64x1xf32>
    %first = vector.insert_strided_slice %sum, %none {offsets = [0, 0], strides = [1, 1]} : vector<64x1xf32> into vector<128x1xf32>
    %both = vector.insert_strided_slice %next, %first {offsets = [0, 0], strides = [1, 1]} : vector<64x1xf32> into vector<128x1xf32>
    %logits = vector.transpose %both, [1, 0] : vector<128x1xf32> to vector<1x128xf32>
    // expected-error@+1 {{comes from more than one reduction}}
    vector.transfer_write %logits, %out[%c0, %c0] {in_bounds = [true, true]} : vector<1x128xf32>, memref<1x128xf32>
    gpu.return
  }
}

// -----

// What else is joined are vectors of one dimension.
#smem = #gpu.address_space<workgroup>
!q = memref<1x64x128xf8E4M3FN, #mqa.staged<shape = [1, 1, 64, 128], dims = [0, 1, 1, 2], swizzle = 16>, #smem>
!k = memref<64x128xf8E4M3FN, #mqa.staged<shape = [64, 128], dims = [0, 1], swizzle = 16>, #smem>
#k = affine_map<(p, h, n, d) -> (n, d)>
#q = affine_map<(p, h, n, d) -> (p, h, d)>
#s = affine_map<(p, h, n, d) -> (n, p, h)>
gpu.module @kernels {
  gpu.func @f(%qt: !q, %kt: !k, %scales: vector<64x1xf32>, %out: memref<1x128xf32>) kernel {
    %c0 = arith.constant 0 : index
    %f8 = arith.constant 0.0 : f8E4M3FN
    %zero = arith.constant dense<0.0> : vector<64x1x64xf32>
    %zeros = arith.constant dense<0.0> : vector<64x1xf32>
    %none = arith.constant dense<0.0> : vector<128x1xf32>
    %k = vector.transfer_read %kt[%c0, %c0], %f8 {in_bounds = [true, true]} : !k, vector<64x128xf8E4M3FN>
    %q = vector.transfer_read %qt[%c0, %c0, %c0], %f8 {in_bounds = [true, true, true]} : !q, vector<1x64x128xf8E4M3FN>
    %s = vector.contract {indexing_maps = [#k, #q, #s], iterator_types = ["parallel", "parallel", "parallel", "reduction"], kind = #vector.kind<add>} %k, %q, %zero : vector<64x128xf8E4M3FN>, vector<1x64x128xf8E4M3FN> into vector<64x1x64xf32>
    %sum = vector.multi_reduction <add>, %s, %zeros [2] : vector<64x1x64xf32> to vector<64x1xf32>
    %next = vector.multi_reduction <add>, %s, %zeros [2] : vector<64x1x64xf32> to vector<64x1xf32>
    %first = vector.insert_strided_slice %sum, %none {offsets = [0, 0], strides = [1, 1]} : vector<64x1xf32> into vector<128x1xf32>
    %both = vector.insert_strided_slice %next, %first {offsets = [64, 0], strides = [1, 1]} : vector<64x1xf32> into vector<128x1xf32>
    // expected-error@+1 {{only an insertion of 1-D vectors can be distributed}}
    %scale = vector.insert_strided_slice %scales, %none {offsets = [0, 0], strides = [1, 1]} : vector<64x1xf32> into vector<128x1xf32>
    %scaled = arith.mulf %both, %scale : vector<128x1xf32>
    %logits = vector.transpose %scaled, [1, 0] : vector<128x1xf32> to vector<1x128xf32>
    vector.transfer_write %logits, %out[%c0, %c0] {in_bounds = [true, true]} : vector<1x128xf32>, memref<1x128xf32>
    gpu.return
  }
}

// -----

// A thread has keys of both products, and of each half of one.
#smem = #gpu.address_space<workgroup>
!q = memref<1x64x128xf8E4M3FN, #mqa.staged<shape = [1, 1, 64, 128], dims = [0, 1, 1, 2], swizzle = 16>, #smem>
!k = memref<64x128xf8E4M3FN, #mqa.staged<shape = [64, 128], dims = [0, 1], swizzle = 16>, #smem>
#k = affine_map<(p, h, n, d) -> (n, d)>
#q = affine_map<(p, h, n, d) -> (p, h, d)>
#s = affine_map<(p, h, n, d) -> (n, p, h)>
gpu.module @kernels {
  gpu.func @f(%qt: !q, %kt: !k, %scales: vector<32xf32>, %out: memref<1x128xf32>) kernel {
    %c0 = arith.constant 0 : index
    %f8 = arith.constant 0.0 : f8E4M3FN
    %zero = arith.constant dense<0.0> : vector<64x1x64xf32>
    %zeros = arith.constant dense<0.0> : vector<64x1xf32>
    %none = arith.constant dense<0.0> : vector<128x1xf32>
    %k = vector.transfer_read %kt[%c0, %c0], %f8 {in_bounds = [true, true]} : !k, vector<64x128xf8E4M3FN>
    %q = vector.transfer_read %qt[%c0, %c0, %c0], %f8 {in_bounds = [true, true, true]} : !q, vector<1x64x128xf8E4M3FN>
    %s = vector.contract {indexing_maps = [#k, #q, #s], iterator_types = ["parallel", "parallel", "parallel", "reduction"], kind = #vector.kind<add>} %k, %q, %zero : vector<64x128xf8E4M3FN>, vector<1x64x128xf8E4M3FN> into vector<64x1x64xf32>
    %sum = vector.multi_reduction <add>, %s, %zeros [2] : vector<64x1x64xf32> to vector<64x1xf32>
    %next = vector.multi_reduction <add>, %s, %zeros [2] : vector<64x1x64xf32> to vector<64x1xf32>
    %first = vector.insert_strided_slice %sum, %none {offsets = [0, 0], strides = [1, 1]} : vector<64x1xf32> into vector<128x1xf32>
    %both = vector.insert_strided_slice %next, %first {offsets = [64, 0], strides = [1, 1]} : vector<64x1xf32> into vector<128x1xf32>
    %ones = arith.constant dense<1.0> : vector<128xf32>
    // expected-error@+1 {{threads need elements of both vectors, and no bit of a lane's number says which}}
    %scale = vector.insert_strided_slice %scales, %ones {offsets = [0], strides = [1]} : vector<32xf32> into vector<128xf32>
    %of_row = vector.broadcast %scale : vector<128xf32> to vector<1x128xf32>
    %logits = vector.transpose %both, [1, 0] : vector<128x1xf32> to vector<1x128xf32>
    %scaled = arith.mulf %logits, %of_row : vector<1x128xf32>
    vector.transfer_write %scaled, %out[%c0, %c0] {in_bounds = [true, true]} : vector<1x128xf32>, memref<1x128xf32>
    gpu.return
  }
}

// -----

// Of heads as rows, only one sum is written at a time.
#at_32x32 = #mqa.staged<shape = [32, 32], dims = [0, 1], swizzle = 16>
#at_4x16x1x32 = #mqa.staged<shape = [4, 16, 1, 32], dims = [0, 1, 0, 2], swizzle = 16>
#smem = #gpu.address_space<workgroup>
#q = affine_map<(p, h, n, d) -> (p, h, d)>
#k = affine_map<(p, h, n, d) -> (n, d)>
#s = affine_map<(p, h, n, d) -> (p, h, n)>
gpu.module @kernels {
  gpu.func @f(%qt: memref<4x16x32xf8E4M3FN, #at_4x16x1x32, #smem>, %kt: memref<32x32xf8E4M3FN, #at_32x32, #smem>, %out: memref<8x32xf32>) kernel {
    %c0 = arith.constant 0 : index
    %f8 = arith.constant 0.0 : f8E4M3FN
    %zero = arith.constant dense<0.0> : vector<4x16x32xf32>
    %zeros = arith.constant dense<0.0> : vector<4x32xf32>
    %none = arith.constant dense<0.0> : vector<8x32xf32>
    %k = vector.transfer_read %kt[%c0, %c0], %f8 {in_bounds = [true, true]} : memref<32x32xf8E4M3FN, #at_32x32, #smem>, vector<32x32xf8E4M3FN>
    %q = vector.transfer_read %qt[%c0, %c0, %c0], %f8 {in_bounds = [true, true, true]} : memref<4x16x32xf8E4M3FN, #at_4x16x1x32, #smem>, vector<4x16x32xf8E4M3FN>
    %s = vector.contract {indexing_maps = [#q, #k, #s], iterator_types = ["parallel", "parallel", "parallel", "reduction"], kind = #vector.kind<add>} %q, %k, %zero : vector<4x16x32xf8E4M3FN>, vector<32x32xf8E4M3FN> into vector<4x16x32xf32>
    %sum = vector.multi_reduction <add>, %s, %zeros [1] : vector<4x16x32xf32> to vector<4x32xf32>
    %next = vector.multi_reduction <add>, %s, %zeros [1] : vector<4x16x32xf32> to vector<4x32xf32>
    %first = vector.insert_strided_slice %sum, %none {offsets = [0, 0], strides = [1, 1]} : vector<4x32xf32> into vector<8x32xf32>
    %both = vector.insert_strided_slice %next, %first {offsets = [4, 0], strides = [1, 1]} : vector<4x32xf32> into vector<8x32xf32>
    // expected-error@+1 {{writes joined sums, which needs products whose rows are keys}}
    vector.transfer_write %both, %out[%c0, %c0] {in_bounds = [true, true]} : vector<8x32xf32>, memref<8x32xf32>
    gpu.return
  }
}

// -----

// Each of the sums is one of a whole product.
#smem = #gpu.address_space<workgroup>
!q = memref<1x64x128xf8E4M3FN, #mqa.staged<shape = [1, 1, 64, 128], dims = [0, 1, 1, 2], swizzle = 16>, #smem>
!k = memref<64x128xf8E4M3FN, #mqa.staged<shape = [64, 128], dims = [0, 1], swizzle = 16>, #smem>
#k = affine_map<(p, h, n, d) -> (n, d)>
#q = affine_map<(p, h, n, d) -> (p, h, d)>
#s = affine_map<(p, h, n, d) -> (n, p, h)>
gpu.module @kernels {
  gpu.func @f(%qt: !q, %kt: !k, %part: vector<32x1x64xf32>, %out: memref<1x96xf32>) kernel {
    %c0 = arith.constant 0 : index
    %f8 = arith.constant 0.0 : f8E4M3FN
    %zero = arith.constant dense<0.0> : vector<64x1x64xf32>
    %zeros = arith.constant dense<0.0> : vector<64x1xf32>
    %none = arith.constant dense<0.0> : vector<128x1xf32>
    %k = vector.transfer_read %kt[%c0, %c0], %f8 {in_bounds = [true, true]} : !k, vector<64x128xf8E4M3FN>
    %q = vector.transfer_read %qt[%c0, %c0, %c0], %f8 {in_bounds = [true, true, true]} : !q, vector<1x64x128xf8E4M3FN>
    %s = vector.contract {indexing_maps = [#k, #q, #s], iterator_types = ["parallel", "parallel", "parallel", "reduction"], kind = #vector.kind<add>} %k, %q, %zero : vector<64x128xf8E4M3FN>, vector<1x64x128xf8E4M3FN> into vector<64x1x64xf32>
    %sum = vector.multi_reduction <add>, %s, %zeros [2] : vector<64x1x64xf32> to vector<64x1xf32>
    %zero_part = arith.constant dense<0.0> : vector<32x1xf32>
    %all = arith.constant dense<0.0> : vector<96x1xf32>
    // expected-error@+1 {{must be of f32 and of a product's 64 keys, 1 queries and 64 heads, found 'vector<32x1x64xf32>'}}
    %next = vector.multi_reduction <add>, %part, %zero_part [2] : vector<32x1x64xf32> to vector<32x1xf32>
    %first = vector.insert_strided_slice %sum, %all {offsets = [0, 0], strides = [1, 1]} : vector<64x1xf32> into vector<96x1xf32>
    %both = vector.insert_strided_slice %next, %first {offsets = [64, 0], strides = [1, 1]} : vector<32x1xf32> into vector<96x1xf32>
    %logits = vector.transpose %both, [1, 0] : vector<96x1xf32> to vector<1x96xf32>
    vector.transfer_write %logits, %out[%c0, %c0] {in_bounds = [true, true]} : vector<1x96xf32>, memref<1x96xf32>
    gpu.return
  }
}

// -----

// Sums are not joined with maxima.
#smem = #gpu.address_space<workgroup>
!q = memref<1x64x128xf8E4M3FN, #mqa.staged<shape = [1, 1, 64, 128], dims = [0, 1, 1, 2], swizzle = 16>, #smem>
!k = memref<64x128xf8E4M3FN, #mqa.staged<shape = [64, 128], dims = [0, 1], swizzle = 16>, #smem>
#k = affine_map<(p, h, n, d) -> (n, d)>
#q = affine_map<(p, h, n, d) -> (p, h, d)>
#s = affine_map<(p, h, n, d) -> (n, p, h)>
gpu.module @kernels {
  gpu.func @f(%qt: !q, %kt: !k, %scales: vector<1xf32>, %out: memref<1x128xf32>) kernel {
    %c0 = arith.constant 0 : index
    %f8 = arith.constant 0.0 : f8E4M3FN
    %zero = arith.constant dense<0.0> : vector<64x1x64xf32>
    %zeros = arith.constant dense<0.0> : vector<64x1xf32>
    %least = arith.constant dense<0xFF800000> : vector<64x1xf32>
    %none = arith.constant dense<0.0> : vector<128x1xf32>
    %k = vector.transfer_read %kt[%c0, %c0], %f8 {in_bounds = [true, true]} : !k, vector<64x128xf8E4M3FN>
    %q = vector.transfer_read %qt[%c0, %c0, %c0], %f8 {in_bounds = [true, true, true]} : !q, vector<1x64x128xf8E4M3FN>
    %s = vector.contract {indexing_maps = [#k, #q, #s], iterator_types = ["parallel", "parallel", "parallel", "reduction"], kind = #vector.kind<add>} %k, %q, %zero : vector<64x128xf8E4M3FN>, vector<1x64x128xf8E4M3FN> into vector<64x1x64xf32>
    %sum = vector.multi_reduction <add>, %s, %zeros [2] : vector<64x1x64xf32> to vector<64x1xf32>
    // expected-error@+1 {{must be of the kind of those that it is joined with}}
    %next = vector.multi_reduction <maximumf>, %s, %least [2] : vector<64x1x64xf32> to vector<64x1xf32>
    %first = vector.insert_strided_slice %sum, %none {offsets = [0, 0], strides = [1, 1]} : vector<64x1xf32> into vector<128x1xf32>
    %both = vector.insert_strided_slice %next, %first {offsets = [64, 0], strides = [1, 1]} : vector<64x1xf32> into vector<128x1xf32>
    %logits = vector.transpose %both, [1, 0] : vector<128x1xf32> to vector<1x128xf32>
    vector.transfer_write %logits, %out[%c0, %c0] {in_bounds = [true, true]} : vector<1x128xf32>, memref<1x128xf32>
    gpu.return
  }
}
