// RUN: mqa-opt %s --pass-pipeline='builtin.module(gpu.module(gpu.func(mqa-distribute-vectors)))' --split-input-file --verify-diagnostics

// Products whose rows are keys, as no pass makes them; and one of a type that the unit has not.

// All products of a kernel have the same columns.

#k = affine_map<(p, h, n, d) -> (n, d)>
#q = affine_map<(p, h, n, d) -> (p, h, d)>
#s = affine_map<(p, h, n, d) -> (n, p, h)>
#at_64x128 = #mqa.staged<shape = [64, 128], dims = [0, 1], swizzle = 16>
#at_1x2x64x128 = #mqa.staged<shape = [1, 2, 64, 128], dims = [1, 0, 1, 2], swizzle = 16>
#smem = #gpu.address_space<workgroup>
!q = memref<2x64x128xf8E4M3FN, #at_1x2x64x128, #smem>
!k = memref<64x128xf8E4M3FN, #at_64x128, #smem>
#at_1x2x32x128 = #mqa.staged<shape = [1, 2, 32, 128], dims = [1, 0, 1, 2], swizzle = 16>
!q32 = memref<2x32x128xf8E4M3FN, #at_1x2x32x128, #smem>
module attributes {mqa.target = #mqa.target<chip = "sm_90a">} {
gpu.module @kernels {
  gpu.func @f(%q: !q, %q32: !q32, %k: !k, %out: memref<2x?xf32>) kernel {
    %c0 = arith.constant 0 : index
    %f8 = arith.constant 0.0 : f8E4M3FN
    %none = arith.constant dense<0.0> : vector<64x2x64xf32>
    %zero = arith.constant dense<0.0> : vector<64x2xf32>
    %keys = vector.transfer_read %k[%c0, %c0], %f8 {in_bounds = [true, true]} : !k, vector<64x128xf8E4M3FN>
    %queries = vector.transfer_read %q[%c0, %c0, %c0], %f8 {in_bounds = [true, true, true]} : !q, vector<2x64x128xf8E4M3FN>
    %qf = arith.constant dense<0.0> : vector<64x2x32xf32>
    %few = vector.transfer_read %q32[%c0, %c0, %c0], %f8 {in_bounds = [true, true, true]} : !q32, vector<2x32x128xf8E4M3FN>
    %scores = vector.contract {indexing_maps = [#k, #q, #s], iterator_types = ["parallel", "parallel", "parallel", "reduction"], kind = #vector.kind<add>} %keys, %queries, %none : vector<64x128xf8E4M3FN>, vector<2x64x128xf8E4M3FN> into vector<64x2x64xf32>
    %sum = vector.multi_reduction <add>, %scores, %zero [2] : vector<64x2x64xf32> to vector<64x2xf32>
    // expected-error@+1 {{has other rows or columns than the kernel's others}}
    %others = vector.contract {indexing_maps = [#k, #q, #s], iterator_types = ["parallel", "parallel", "parallel", "reduction"], kind = #vector.kind<add>} %keys, %few, %qf : vector<64x128xf8E4M3FN>, vector<2x32x128xf8E4M3FN> into vector<64x2x32xf32>
    %again = vector.multi_reduction <add>, %others, %sum [2] : vector<64x2x32xf32> to vector<64x2xf32>
    %logits = vector.transpose %again, [1, 0] : vector<64x2xf32> to vector<2x64xf32>
    vector.transfer_write %logits, %out[%c0, %c0] {in_bounds = [true, true]} : vector<2x64xf32>, memref<2x?xf32>
    gpu.return
  }
}
}

// -----

// A sum over queries.

#k = affine_map<(p, h, n, d) -> (n, d)>
#q = affine_map<(p, h, n, d) -> (p, h, d)>
#s = affine_map<(p, h, n, d) -> (n, p, h)>
#at_64x128 = #mqa.staged<shape = [64, 128], dims = [0, 1], swizzle = 16>
#at_1x2x64x128 = #mqa.staged<shape = [1, 2, 64, 128], dims = [1, 0, 1, 2], swizzle = 16>
#smem = #gpu.address_space<workgroup>
!q = memref<2x64x128xf8E4M3FN, #at_1x2x64x128, #smem>
!k = memref<64x128xf8E4M3FN, #at_64x128, #smem>
module attributes {mqa.target = #mqa.target<chip = "sm_90a">} {
gpu.module @kernels {
  gpu.func @f(%q: !q, %k: !k, %out: memref<64x?xf32>) kernel {
    %c0 = arith.constant 0 : index
    %f8 = arith.constant 0.0 : f8E4M3FN
    %none = arith.constant dense<0.0> : vector<64x2x64xf32>
    %zero = arith.constant dense<0.0> : vector<64x2xf32>
    %keys = vector.transfer_read %k[%c0, %c0], %f8 {in_bounds = [true, true]} : !k, vector<64x128xf8E4M3FN>
    %queries = vector.transfer_read %q[%c0, %c0, %c0], %f8 {in_bounds = [true, true, true]} : !q, vector<2x64x128xf8E4M3FN>
    %scores = vector.contract {indexing_maps = [#k, #q, #s], iterator_types = ["parallel", "parallel", "parallel", "reduction"], kind = #vector.kind<add>} %keys, %queries, %none : vector<64x128xf8E4M3FN>, vector<2x64x128xf8E4M3FN> into vector<64x2x64xf32>
    %wrong = arith.constant dense<0.0> : vector<64x64xf32>
    // expected-error@+1 {{must reduce the last of three dims}}
    %sum = vector.multi_reduction <add>, %scores, %wrong [1] : vector<64x2x64xf32> to vector<64x64xf32>
    vector.transfer_write %sum, %out[%c0, %c0] {in_bounds = [true, true]} : vector<64x64xf32>, memref<64x?xf32>
    gpu.return
  }
}
}

// -----

// A sum onto what is no sum.

#k = affine_map<(p, h, n, d) -> (n, d)>
#q = affine_map<(p, h, n, d) -> (p, h, d)>
#s = affine_map<(p, h, n, d) -> (n, p, h)>
#at_64x128 = #mqa.staged<shape = [64, 128], dims = [0, 1], swizzle = 16>
#at_1x2x64x128 = #mqa.staged<shape = [1, 2, 64, 128], dims = [1, 0, 1, 2], swizzle = 16>
#smem = #gpu.address_space<workgroup>
!q = memref<2x64x128xf8E4M3FN, #at_1x2x64x128, #smem>
!k = memref<64x128xf8E4M3FN, #at_64x128, #smem>
module attributes {mqa.target = #mqa.target<chip = "sm_90a">} {
gpu.module @kernels {
  gpu.func @f(%q: !q, %k: !k, %out: memref<2x?xf32>, %other: vector<64x2xf32>) kernel {
    %c0 = arith.constant 0 : index
    %f8 = arith.constant 0.0 : f8E4M3FN
    %none = arith.constant dense<0.0> : vector<64x2x64xf32>
    %zero = arith.constant dense<0.0> : vector<64x2xf32>
    %keys = vector.transfer_read %k[%c0, %c0], %f8 {in_bounds = [true, true]} : !k, vector<64x128xf8E4M3FN>
    %queries = vector.transfer_read %q[%c0, %c0, %c0], %f8 {in_bounds = [true, true, true]} : !q, vector<2x64x128xf8E4M3FN>
    %scores = vector.contract {indexing_maps = [#k, #q, #s], iterator_types = ["parallel", "parallel", "parallel", "reduction"], kind = #vector.kind<add>} %keys, %queries, %none : vector<64x128xf8E4M3FN>, vector<2x64x128xf8E4M3FN> into vector<64x2x64xf32>
    // expected-error@+1 {{must add to zero or to another sum}}
    %sum = vector.multi_reduction <add>, %scores, %other [2] : vector<64x2x64xf32> to vector<64x2xf32>
    %logits = vector.transpose %sum, [1, 0] : vector<64x2xf32> to vector<2x64xf32>
    vector.transfer_write %logits, %out[%c0, %c0] {in_bounds = [true, true]} : vector<2x64xf32>, memref<2x?xf32>
    gpu.return
  }
}
}

// -----

// A product onto something.

#k = affine_map<(p, h, n, d) -> (n, d)>
#q = affine_map<(p, h, n, d) -> (p, h, d)>
#s = affine_map<(p, h, n, d) -> (n, p, h)>
#at_64x128 = #mqa.staged<shape = [64, 128], dims = [0, 1], swizzle = 16>
#at_1x2x64x128 = #mqa.staged<shape = [1, 2, 64, 128], dims = [1, 0, 1, 2], swizzle = 16>
#smem = #gpu.address_space<workgroup>
!q = memref<2x64x128xf8E4M3FN, #at_1x2x64x128, #smem>
!k = memref<64x128xf8E4M3FN, #at_64x128, #smem>
module attributes {mqa.target = #mqa.target<chip = "sm_90a">} {
gpu.module @kernels {
  gpu.func @f(%q: !q, %k: !k, %out: memref<2x?xf32>, %some: vector<64x2x64xf32>) kernel {
    %c0 = arith.constant 0 : index
    %f8 = arith.constant 0.0 : f8E4M3FN
    %none = arith.constant dense<0.0> : vector<64x2x64xf32>
    %zero = arith.constant dense<0.0> : vector<64x2xf32>
    %keys = vector.transfer_read %k[%c0, %c0], %f8 {in_bounds = [true, true]} : !k, vector<64x128xf8E4M3FN>
    %queries = vector.transfer_read %q[%c0, %c0, %c0], %f8 {in_bounds = [true, true, true]} : !q, vector<2x64x128xf8E4M3FN>
    // expected-error@+1 {{must add up (n, d) x (p, h, d) -> (n, p, h) in f32 onto zero}}
    %scores = vector.contract {indexing_maps = [#k, #q, #s], iterator_types = ["parallel", "parallel", "parallel", "reduction"], kind = #vector.kind<add>} %keys, %queries, %some : vector<64x128xf8E4M3FN>, vector<2x64x128xf8E4M3FN> into vector<64x2x64xf32>
    %sum = vector.multi_reduction <add>, %scores, %zero [2] : vector<64x2x64xf32> to vector<64x2xf32>
    %logits = vector.transpose %sum, [1, 0] : vector<64x2xf32> to vector<2x64xf32>
    vector.transfer_write %logits, %out[%c0, %c0] {in_bounds = [true, true]} : vector<2x64xf32>, memref<2x?xf32>
    gpu.return
  }
}
}

// -----

// Keys of half a product.

#k = affine_map<(p, h, n, d) -> (n, d)>
#q = affine_map<(p, h, n, d) -> (p, h, d)>
#s = affine_map<(p, h, n, d) -> (n, p, h)>
#at_64x128 = #mqa.staged<shape = [64, 128], dims = [0, 1], swizzle = 16>
#at_1x2x64x128 = #mqa.staged<shape = [1, 2, 64, 128], dims = [1, 0, 1, 2], swizzle = 16>
#smem = #gpu.address_space<workgroup>
!q = memref<2x64x128xf8E4M3FN, #at_1x2x64x128, #smem>
!k = memref<64x128xf8E4M3FN, #at_64x128, #smem>
#at_32x128 = #mqa.staged<shape = [32, 128], dims = [0, 1], swizzle = 16>
!k32 = memref<32x128xf8E4M3FN, #at_32x128, #smem>
module attributes {mqa.target = #mqa.target<chip = "sm_90a">} {
gpu.module @kernels {
  gpu.func @f(%q: !q, %k: !k32, %out: memref<2x?xf32>) kernel {
    %c0 = arith.constant 0 : index
    %f8 = arith.constant 0.0 : f8E4M3FN
    %none = arith.constant dense<0.0> : vector<32x2x64xf32>
    %zero = arith.constant dense<0.0> : vector<32x2xf32>
    %keys = vector.transfer_read %k[%c0, %c0], %f8 {in_bounds = [true, true]} : !k32, vector<32x128xf8E4M3FN>
    %queries = vector.transfer_read %q[%c0, %c0, %c0], %f8 {in_bounds = [true, true, true]} : !q, vector<2x64x128xf8E4M3FN>
    // expected-error@+1 {{one WGMMA has 64 keys as rows, and 2 x 64 columns, a multiple of 8 heads and up to 256 in all, found 32 and 2 x 64}}
    %scores = vector.contract {indexing_maps = [#k, #q, #s], iterator_types = ["parallel", "parallel", "parallel", "reduction"], kind = #vector.kind<add>} %keys, %queries, %none : vector<32x128xf8E4M3FN>, vector<2x64x128xf8E4M3FN> into vector<32x2x64xf32>
    %sum = vector.multi_reduction <add>, %scores, %zero [2] : vector<32x2x64xf32> to vector<32x2xf32>
    %logits = vector.transpose %sum, [1, 0] : vector<32x2xf32> to vector<2x32xf32>
    vector.transfer_write %logits, %out[%c0, %c0] {in_bounds = [true, true]} : vector<2x32xf32>, memref<2x?xf32>
    gpu.return
  }
}
}

// -----

// Another unit.

#k = affine_map<(p, h, n, d) -> (n, d)>
#q = affine_map<(p, h, n, d) -> (p, h, d)>
#s = affine_map<(p, h, n, d) -> (n, p, h)>
#at_64x128 = #mqa.staged<shape = [64, 128], dims = [0, 1], swizzle = 16>
#at_1x2x64x128 = #mqa.staged<shape = [1, 2, 64, 128], dims = [1, 0, 1, 2], swizzle = 16>
#smem = #gpu.address_space<workgroup>
!q = memref<2x64x128xbf16, #at_1x2x64x128, #smem>
!k = memref<64x128xbf16, #at_64x128, #smem>
module attributes {mqa.target = #mqa.target<chip = "sm_80">} {
gpu.module @kernels {
  gpu.func @f(%q: !q, %k: !k, %out: memref<2x?xf32>) kernel {
    %c0 = arith.constant 0 : index
    %f0 = arith.constant 0.0 : bf16
    %none = arith.constant dense<0.0> : vector<64x2x64xf32>
    %zero = arith.constant dense<0.0> : vector<64x2xf32>
    %keys = vector.transfer_read %k[%c0, %c0], %f0 {in_bounds = [true, true]} : !k, vector<64x128xbf16>
    %queries = vector.transfer_read %q[%c0, %c0, %c0], %f0 {in_bounds = [true, true, true]} : !q, vector<2x64x128xbf16>
    // expected-error@+1 {{rows of keys are for WGMMA, found mma.sync}}
    %scores = vector.contract {indexing_maps = [#k, #q, #s], iterator_types = ["parallel", "parallel", "parallel", "reduction"], kind = #vector.kind<add>} %keys, %queries, %none : vector<64x128xbf16>, vector<2x64x128xbf16> into vector<64x2x64xf32>
    %sum = vector.multi_reduction <add>, %scores, %zero [2] : vector<64x2x64xf32> to vector<64x2xf32>
    %logits = vector.transpose %sum, [1, 0] : vector<64x2xf32> to vector<2x64xf32>
    vector.transfer_write %logits, %out[%c0, %c0] {in_bounds = [true, true]} : vector<2x64xf32>, memref<2x?xf32>
    gpu.return
  }
}
}

// -----

// Maxima of blocks.

#k = affine_map<(p, h, n, d) -> (n, d)>
#q = affine_map<(p, h, n, d) -> (p, h, d)>
#s = affine_map<(p, h, n, d) -> (n, p, h)>
#at_64x128 = #mqa.staged<shape = [64, 128], dims = [0, 1], swizzle = 16>
#at_1x2x64x128 = #mqa.staged<shape = [1, 2, 64, 128], dims = [1, 0, 1, 2], swizzle = 16>
#smem = #gpu.address_space<workgroup>
!q = memref<2x64x128xf8E4M3FN, #at_1x2x64x128, #smem>
!k = memref<64x128xf8E4M3FN, #at_64x128, #smem>
module attributes {mqa.target = #mqa.target<chip = "sm_90a">} {
gpu.module @kernels {
  gpu.func @f(%q: !q, %k: !k, %out: memref<2x?xf32>) kernel {
    %c0 = arith.constant 0 : index
    %f8 = arith.constant 0.0 : f8E4M3FN
    %none = arith.constant dense<0.0> : vector<64x2x64xf32>
    %zero = arith.constant dense<0.0> : vector<64x2xf32>
    %keys = vector.transfer_read %k[%c0, %c0], %f8 {in_bounds = [true, true]} : !k, vector<64x128xf8E4M3FN>
    %queries = vector.transfer_read %q[%c0, %c0, %c0], %f8 {in_bounds = [true, true, true]} : !q, vector<2x64x128xf8E4M3FN>
    %scores = vector.contract {indexing_maps = [#k, #q, #s], iterator_types = ["parallel", "parallel", "parallel", "reduction"], kind = #vector.kind<add>} %keys, %queries, %none : vector<64x128xf8E4M3FN>, vector<2x64x128xf8E4M3FN> into vector<64x2x64xf32>
    %sum = vector.multi_reduction <add>, %scores, %zero [2] : vector<64x2x64xf32> to vector<64x2xf32>
    %logits = vector.transpose %sum, [1, 0] : vector<64x2xf32> to vector<2x64xf32>
    %maxima = vector.shape_cast %logits : vector<2x64xf32> to vector<2x8x8xf32>
    %least = arith.constant dense<0xFF800000> : vector<2x8xf32>
    %blocks = vector.multi_reduction <maximumf>, %maxima, %least [2] : vector<2x8x8xf32> to vector<2x8xf32>
    // expected-error@+1 {{needs products whose rows are heads}}
    vector.transfer_write %blocks, %out[%c0, %c0] {in_bounds = [true, true]} : vector<2x8xf32>, memref<2x?xf32>
    gpu.return
  }
}
}

// -----

// A sum in half precision.

#k = affine_map<(p, h, n, d) -> (n, d)>
#q = affine_map<(p, h, n, d) -> (p, h, d)>
#s = affine_map<(p, h, n, d) -> (n, p, h)>
#at_64x128 = #mqa.staged<shape = [64, 128], dims = [0, 1], swizzle = 16>
#at_1x2x64x128 = #mqa.staged<shape = [1, 2, 64, 128], dims = [1, 0, 1, 2], swizzle = 16>
#smem = #gpu.address_space<workgroup>
!q = memref<2x64x128xf8E4M3FN, #at_1x2x64x128, #smem>
!k = memref<64x128xf8E4M3FN, #at_64x128, #smem>
module attributes {mqa.target = #mqa.target<chip = "sm_90a">} {
gpu.module @kernels {
  gpu.func @f(%q: !q, %k: !k, %out: memref<2x?xf16>) kernel {
    %c0 = arith.constant 0 : index
    %f8 = arith.constant 0.0 : f8E4M3FN
    %none = arith.constant dense<0.0> : vector<64x2x64xf32>
    %zero = arith.constant dense<0.0> : vector<64x2xf32>
    %keys = vector.transfer_read %k[%c0, %c0], %f8 {in_bounds = [true, true]} : !k, vector<64x128xf8E4M3FN>
    %queries = vector.transfer_read %q[%c0, %c0, %c0], %f8 {in_bounds = [true, true, true]} : !q, vector<2x64x128xf8E4M3FN>
    %scores = vector.contract {indexing_maps = [#k, #q, #s], iterator_types = ["parallel", "parallel", "parallel", "reduction"], kind = #vector.kind<add>} %keys, %queries, %none : vector<64x128xf8E4M3FN>, vector<2x64x128xf8E4M3FN> into vector<64x2x64xf32>
    %halves = arith.truncf %scores : vector<64x2x64xf32> to vector<64x2x64xf16>
    %zeros = arith.constant dense<0.0> : vector<64x2xf16>
    // expected-error@+1 {{must be of f32 and of a product's 64 keys, 2 queries and 64 heads, found 'vector<64x2x64xf16>'}}
    %sum = vector.multi_reduction <add>, %halves, %zeros [2] : vector<64x2x64xf16> to vector<64x2xf16>
    %logits = vector.transpose %sum, [1, 0] : vector<64x2xf16> to vector<2x64xf16>
    vector.transfer_write %logits, %out[%c0, %c0] {in_bounds = [true, true]} : vector<2x64xf16>, memref<2x?xf16>
    gpu.return
  }
}
}

// -----

// A type that the unit does not multiply.

#at_32x32 = #mqa.staged<shape = [32, 32], dims = [0, 1], swizzle = 16>
#at_4x16x1x32 = #mqa.staged<shape = [4, 16, 1, 32], dims = [0, 1, 0, 2], swizzle = 16>
#smem = #gpu.address_space<workgroup>
#q = affine_map<(p, h, n, d) -> (p, h, d)>
#k = affine_map<(p, h, n, d) -> (n, d)>
#s = affine_map<(p, h, n, d) -> (p, h, n)>
module attributes {mqa.target = #mqa.target<chip = "sm_80">} {
gpu.module @kernels {
  gpu.func @f(%q: memref<4x16x32xf8E4M3FN, #at_4x16x1x32, #smem>, %k: memref<32x32xf8E4M3FN, #at_32x32, #smem>, %out: memref<4x32xf32>) kernel {
    %c0 = arith.constant 0 : index
    %f8 = arith.constant 0.0 : f8E4M3FN
    %none = arith.constant dense<0.0> : vector<4x16x32xf32>
    %zero = arith.constant dense<0.0> : vector<4x32xf32>
    %keys = vector.transfer_read %k[%c0, %c0], %f8 {in_bounds = [true, true]} : memref<32x32xf8E4M3FN, #at_32x32, #smem>, vector<32x32xf8E4M3FN>
    %queries = vector.transfer_read %q[%c0, %c0, %c0], %f8 {in_bounds = [true, true, true]} : memref<4x16x32xf8E4M3FN, #at_4x16x1x32, #smem>, vector<4x16x32xf8E4M3FN>
    // expected-error@+1 {{the mma.sync of sm_80 does not multiply 'f8E4M3FN'}}
    %scores = vector.contract {indexing_maps = [#q, #k, #s], iterator_types = ["parallel", "parallel", "parallel", "reduction"], kind = #vector.kind<add>} %queries, %keys, %none : vector<4x16x32xf8E4M3FN>, vector<32x32xf8E4M3FN> into vector<4x16x32xf32>
    %sum = vector.multi_reduction <add>, %scores, %zero [1] : vector<4x16x32xf32> to vector<4x32xf32>
    vector.transfer_write %sum, %out[%c0, %c0] {in_bounds = [true, true]} : vector<4x32xf32>, memref<4x32xf32>
    gpu.return
  }
}
}
