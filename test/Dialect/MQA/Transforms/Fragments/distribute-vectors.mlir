// RUN: mqa-opt %s --pass-pipeline='builtin.module(mqa-attach-target,gpu.module(gpu.func(mqa-distribute-vectors,canonicalize,cse)))' --split-input-file | FileCheck %s

// The smallest tile: 32 keys, 16 heads of each of 4 queries. A thread holds 16
// elements: heads r and r + 8, keys 8j + c and 8j + c + 1.

#at_32x32 = #mqa.staged<shape = [32, 32], dims = [0, 1], swizzle = 16>
#at_4x16x1x32 = #mqa.staged<shape = [4, 16, 1, 32], dims = [0, 1, 0, 2], swizzle = 16>
#smem = #gpu.address_space<workgroup>
#q = affine_map<(p, h, n, d) -> (p, h, d)>
#k = affine_map<(p, h, n, d) -> (n, d)>
#s = affine_map<(p, h, n, d) -> (p, h, n)>
gpu.module @kernels {
  // CHECK-LABEL: gpu.func @one_head_tile
  // CHECK-SAME: %[[Q:[a-z0-9]+]]: memref<4x16x32xf8E4M3FN
  // CHECK-SAME: %[[K:[a-z0-9]+]]: memref<32x32xf8E4M3FN
  // CHECK-SAME: %[[OUT:[a-z0-9]+]]: memref<4x32xf32>
  // CHECK-SAME: %[[W:[a-z0-9]+]]: memref<4x16xf32
  // CHECK: %[[TID:.*]] = gpu.thread_id x
  // Two weights in a thread: those of its two heads.
  // CHECK-DAG: %[[W0:.*]] = memref.load %[[W]]
  // CHECK-DAG: %[[W1:.*]] = memref.load %[[W]]
  // CHECK: nvvm.wgmma.fence.aligned
  // CHECK: %[[D:.*]] = mqa.wgmma %[[Q]], %[[K]] : {{.*}} -> <vector<64x32xf32>>
  // CHECK: nvvm.wgmma.commit.group.sync.aligned
  // CHECK: %[[E:.*]] = mqa.wgmma_wait %[[D]] {pending = 0 : i64}
  // CHECK: %[[R:.*]]:16 = mqa.unpack_fragment %[[E]]
  // Head r of key c: register 0. Head r + 8: register 2.
  // CHECK-DAG: %[[A0:.*]] = arith.maximumf %[[R]]#0
  // CHECK-DAG: %[[A2:.*]] = arith.maximumf %[[R]]#2
  // CHECK: %[[P0:.*]] = arith.mulf %[[A0]], %[[W0]]
  // CHECK: math.fma %[[A2]], %[[W1]], %[[P0]]
  // The lanes that hold the same keys add up; each ends with one key.
  // CHECK-COUNT-4: gpu.shuffle xor %{{.*}}, %c16_i32, %c32_i32
  // CHECK-COUNT-2: gpu.shuffle xor %{{.*}}, %c8_i32, %c32_i32
  // CHECK: %[[KEEP:.*]] = arith.select %[[BIT:.*]], %[[HIGH:.*]], %[[LOW:.*]] : f32
  // CHECK: %[[SEND:.*]] = arith.select %[[BIT]], %[[LOW]], %[[HIGH]] : f32
  // CHECK: gpu.shuffle xor %[[SEND]], %c4_i32, %c32_i32
  // CHECK: %[[SUM:.*]] = arith.addf %[[KEEP]]
  // CHECK: memref.store %[[SUM]], %[[OUT]]
  // CHECK-NOT: memref.store
  // CHECK-NOT: vector.
  gpu.func @one_head_tile(%qt: memref<4x16x32xf8E4M3FN, #at_4x16x1x32, #smem>, %kt: memref<32x32xf8E4M3FN, #at_32x32, #smem>, %out: memref<4x32xf32>, %wt: memref<4x16xf32, #smem>) kernel {
    %c0 = arith.constant 0 : index
    %f8 = arith.constant 0.0 : f8E4M3FN
    %f0 = arith.constant 0.0 : f32
    %zero = arith.constant dense<0.0> : vector<4x16x32xf32>
    %one = arith.constant dense<1.0> : vector<4x16x32xf32>
    %zeros = arith.constant dense<0.0> : vector<4x32xf32>
    %k = vector.transfer_read %kt[%c0, %c0], %f8 {in_bounds = [true, true]} : memref<32x32xf8E4M3FN, #at_32x32, #smem>, vector<32x32xf8E4M3FN>
    %q = vector.transfer_read %qt[%c0, %c0, %c0], %f8 {in_bounds = [true, true, true]} : memref<4x16x32xf8E4M3FN, #at_4x16x1x32, #smem>, vector<4x16x32xf8E4M3FN>
    %w = vector.transfer_read %wt[%c0, %c0], %f0 {in_bounds = [true, true]} : memref<4x16xf32, #smem>, vector<4x16xf32>
    %s = vector.contract {indexing_maps = [#q, #k, #s], iterator_types = ["parallel", "parallel", "parallel", "reduction"], kind = #vector.kind<add>} %q, %k, %zero : vector<4x16x32xf8E4M3FN>, vector<32x32xf8E4M3FN> into vector<4x16x32xf32>
    %r = arith.maximumf %s, %zero : vector<4x16x32xf32>
    %w3 = vector.shape_cast %w : vector<4x16xf32> to vector<4x16x1xf32>
    %wb = vector.broadcast %w3 : vector<4x16x1xf32> to vector<4x16x32xf32>
    %p = arith.mulf %r, %wb : vector<4x16x32xf32>
    %sum = vector.multi_reduction <add>, %p, %zeros [1] : vector<4x16x32xf32> to vector<4x32xf32>
    vector.transfer_write %sum, %out[%c0, %c0] {in_bounds = [true, true]} : vector<4x32xf32>, memref<4x32xf32>
    gpu.return
  }
}

// -----

// Two head tiles in flight: the first is waited for where it is used, with the
// other pending. Their sums go on in the thread, and over the lanes only once.

#at_32x32 = #mqa.staged<shape = [32, 32], dims = [0, 1], swizzle = 16>
#at_4x16x1x32 = #mqa.staged<shape = [4, 16, 1, 32], dims = [0, 1, 0, 2], swizzle = 16>
#smem = #gpu.address_space<workgroup>
#q = affine_map<(p, h, n, d) -> (p, h, d)>
#k = affine_map<(p, h, n, d) -> (n, d)>
#s = affine_map<(p, h, n, d) -> (p, h, n)>
gpu.module @kernels {
  // CHECK-LABEL: gpu.func @two_head_tiles
  // CHECK: %[[D0:.*]] = mqa.wgmma
  // CHECK: %[[D1:.*]] = mqa.wgmma
  // CHECK: mqa.wgmma_wait %[[D0]] {pending = 1 : i64}
  // CHECK: mqa.wgmma_wait %[[D1]] {pending = 0 : i64}
  // CHECK-COUNT-7: gpu.shuffle xor
  // CHECK-NOT: gpu.shuffle
  gpu.func @two_head_tiles(%qt: memref<4x16x32xf8E4M3FN, #at_4x16x1x32, #smem>, %kt: memref<32x32xf8E4M3FN, #at_32x32, #smem>, %out: memref<4x32xf32>, %qt2: memref<4x16x32xf8E4M3FN, #at_4x16x1x32, #smem>) kernel {
    %c0 = arith.constant 0 : index
    %f8 = arith.constant 0.0 : f8E4M3FN
    %f0 = arith.constant 0.0 : f32
    %zero = arith.constant dense<0.0> : vector<4x16x32xf32>
    %one = arith.constant dense<1.0> : vector<4x16x32xf32>
    %zeros = arith.constant dense<0.0> : vector<4x32xf32>
    %k = vector.transfer_read %kt[%c0, %c0], %f8 {in_bounds = [true, true]} : memref<32x32xf8E4M3FN, #at_32x32, #smem>, vector<32x32xf8E4M3FN>
    %q = vector.transfer_read %qt[%c0, %c0, %c0], %f8 {in_bounds = [true, true, true]} : memref<4x16x32xf8E4M3FN, #at_4x16x1x32, #smem>, vector<4x16x32xf8E4M3FN>
    %q2 = vector.transfer_read %qt2[%c0, %c0, %c0], %f8 {in_bounds = [true, true, true]} : memref<4x16x32xf8E4M3FN, #at_4x16x1x32, #smem>, vector<4x16x32xf8E4M3FN>
    %s0 = vector.contract {indexing_maps = [#q, #k, #s], iterator_types = ["parallel", "parallel", "parallel", "reduction"], kind = #vector.kind<add>} %q, %k, %zero : vector<4x16x32xf8E4M3FN>, vector<32x32xf8E4M3FN> into vector<4x16x32xf32>
    %s1 = vector.contract {indexing_maps = [#q, #k, #s], iterator_types = ["parallel", "parallel", "parallel", "reduction"], kind = #vector.kind<add>} %q2, %k, %zero : vector<4x16x32xf8E4M3FN>, vector<32x32xf8E4M3FN> into vector<4x16x32xf32>
    %sum0 = vector.multi_reduction <add>, %s0, %zeros [1] : vector<4x16x32xf32> to vector<4x32xf32>
    %sum = vector.multi_reduction <add>, %s1, %sum0 [1] : vector<4x16x32xf32> to vector<4x32xf32>
    vector.transfer_write %sum, %out[%c0, %c0] {in_bounds = [true, true]} : vector<4x32xf32>, memref<4x32xf32>
    gpu.return
  }
}

// -----

// In half precision, two keys share a register: relu and conversion are one
// instruction, and so are two multiplications.

#at_32x32 = #mqa.staged<shape = [32, 32], dims = [0, 1], swizzle = 16>
#at_4x16x1x32 = #mqa.staged<shape = [4, 16, 1, 32], dims = [0, 1, 0, 2], swizzle = 16>
#smem = #gpu.address_space<workgroup>
#q = affine_map<(p, h, n, d) -> (p, h, d)>
#k = affine_map<(p, h, n, d) -> (n, d)>
#s = affine_map<(p, h, n, d) -> (p, h, n)>
gpu.module @kernels {
  // CHECK-LABEL: gpu.func @half
  // CHECK: %[[R:.*]]:16 = mqa.unpack_fragment
  // CHECK: %[[X:.*]] = nvvm.convert.f32x2.to.f16x2 %[[R]]#1, %[[R]]#0 {relu = true, rnd = #nvvm.fp_rnd_mode<rn>} : vector<2xf16>
  // CHECK: arith.mulf %[[X]], %{{.*}} : vector<2xf16>
  // CHECK: math.fma %{{.*}} : vector<2xf16>
  // Two sums travel as one word; the last step is one of single sums.
  // CHECK: vector.bitcast %{{.*}} : vector<2xf16> to vector<1xi32>
  // CHECK-COUNT-2: gpu.shuffle xor %{{.*}}, %c16_i32
  // CHECK: gpu.shuffle xor %{{.*}}, %c8_i32
  // CHECK: gpu.shuffle xor %{{.*}}, %c4_i32
  // CHECK-NOT: gpu.shuffle
  // CHECK: arith.extf %{{.*}} : f16 to f32
  // CHECK: memref.store
  gpu.func @half(%qt: memref<4x16x32xf8E4M3FN, #at_4x16x1x32, #smem>, %kt: memref<32x32xf8E4M3FN, #at_32x32, #smem>, %out: memref<4x32xf32>, %wt: memref<4x16xf32, #smem>) kernel {
    %c0 = arith.constant 0 : index
    %f8 = arith.constant 0.0 : f8E4M3FN
    %f0 = arith.constant 0.0 : f32
    %zero = arith.constant dense<0.0> : vector<4x16x32xf32>
    %one = arith.constant dense<1.0> : vector<4x16x32xf32>
    %zeros = arith.constant dense<0.0> : vector<4x32xf32>
    %k = vector.transfer_read %kt[%c0, %c0], %f8 {in_bounds = [true, true]} : memref<32x32xf8E4M3FN, #at_32x32, #smem>, vector<32x32xf8E4M3FN>
    %q = vector.transfer_read %qt[%c0, %c0, %c0], %f8 {in_bounds = [true, true, true]} : memref<4x16x32xf8E4M3FN, #at_4x16x1x32, #smem>, vector<4x16x32xf8E4M3FN>
    %halves = arith.constant dense<0.0> : vector<4x32xf16>
    %w = vector.transfer_read %wt[%c0, %c0], %f0 {in_bounds = [true, true]} : memref<4x16xf32, #smem>, vector<4x16xf32>
    %wh = arith.truncf %w : vector<4x16xf32> to vector<4x16xf16>
    %s = vector.contract {indexing_maps = [#q, #k, #s], iterator_types = ["parallel", "parallel", "parallel", "reduction"], kind = #vector.kind<add>} %q, %k, %zero : vector<4x16x32xf8E4M3FN>, vector<32x32xf8E4M3FN> into vector<4x16x32xf32>
    %r = arith.maximumf %s, %zero : vector<4x16x32xf32>
    %rh = arith.truncf %r : vector<4x16x32xf32> to vector<4x16x32xf16>
    %w3 = vector.shape_cast %wh : vector<4x16xf16> to vector<4x16x1xf16>
    %wb = vector.broadcast %w3 : vector<4x16x1xf16> to vector<4x16x32xf16>
    %p = arith.mulf %rh, %wb : vector<4x16x32xf16>
    %sum = vector.multi_reduction <add>, %p, %halves [1] : vector<4x16x32xf16> to vector<4x32xf16>
    %e = arith.extf %sum : vector<4x32xf16> to vector<4x32xf32>
    vector.transfer_write %e, %out[%c0, %c0] {in_bounds = [true, true]} : vector<4x32xf32>, memref<4x32xf32>
    gpu.return
  }
}

// -----

// 32 queries of 2 heads: a thread has both heads of a query, and the sum needs no
// other lane. A pair of keys is stored as it is.

#at_32x32 = #mqa.staged<shape = [32, 32], dims = [0, 1], swizzle = 16>
#at_4x2x8x32 = #mqa.staged<shape = [4, 2, 8, 32], dims = [0, 1, 0, 2], swizzle = 16>
#smem = #gpu.address_space<workgroup>
#q = affine_map<(p, h, n, d) -> (p, h, d)>
#k = affine_map<(p, h, n, d) -> (n, d)>
#s = affine_map<(p, h, n, d) -> (p, h, n)>
gpu.module @kernels {
  // CHECK-LABEL: gpu.func @many_queries
  // CHECK-SAME: %[[OUT:[a-z0-9]+]]: memref<32x32xf32>
  // CHECK: %[[LANE:.*]] = arith.remui %{{.*}}, %c32
  // CHECK: %[[ROW:.*]] = arith.divui %[[LANE]], %c4
  // CHECK: %[[FIRST:.*]] = arith.muli %{{.*}}, %c8
  // CHECK: %[[IN_WARP:.*]] = arith.remui %[[ROW]], %c8
  // CHECK: %[[QUERY:.*]] = arith.addi %[[FIRST]], %[[IN_WARP]]
  // CHECK: %[[R:.*]]:16 = mqa.unpack_fragment
  // CHECK: arith.addf %[[R]]#0, %[[R]]#2
  // CHECK-NOT: gpu.shuffle
  // CHECK-COUNT-8: memref.store %{{.*}}, %[[OUT]][%[[QUERY]], %{{.*}}]
  gpu.func @many_queries(%qt: memref<32x2x32xf8E4M3FN, #at_4x2x8x32, #smem>, %kt: memref<32x32xf8E4M3FN, #at_32x32, #smem>, %out: memref<32x32xf32>) kernel {
    %c0 = arith.constant 0 : index
    %f8 = arith.constant 0.0 : f8E4M3FN
    %zero = arith.constant dense<0.0> : vector<32x2x32xf32>
    %zeros = arith.constant dense<0.0> : vector<32x32xf32>
    %k = vector.transfer_read %kt[%c0, %c0], %f8 {in_bounds = [true, true]} : memref<32x32xf8E4M3FN, #at_32x32, #smem>, vector<32x32xf8E4M3FN>
    %q = vector.transfer_read %qt[%c0, %c0, %c0], %f8 {in_bounds = [true, true, true]} : memref<32x2x32xf8E4M3FN, #at_4x2x8x32, #smem>, vector<32x2x32xf8E4M3FN>
    %s = vector.contract {indexing_maps = [#q, #k, #s], iterator_types = ["parallel", "parallel", "parallel", "reduction"], kind = #vector.kind<add>} %q, %k, %zero : vector<32x2x32xf8E4M3FN>, vector<32x32xf8E4M3FN> into vector<32x2x32xf32>
    %sum = vector.multi_reduction <add>, %s, %zeros [1] : vector<32x2x32xf32> to vector<32x32xf32>
    vector.transfer_write %sum, %out[%c0, %c0] {in_bounds = [true, true]} : vector<32x32xf32>, memref<32x32xf32>
    gpu.return
  }
}

// -----

// 16 queries of 4 heads: one lane bit is a head, and becomes the lowest bit of
// the key.

#at_32x32 = #mqa.staged<shape = [32, 32], dims = [0, 1], swizzle = 16>
#at_4x4x4x32 = #mqa.staged<shape = [4, 4, 4, 32], dims = [0, 1, 0, 2], swizzle = 16>
#smem = #gpu.address_space<workgroup>
#q = affine_map<(p, h, n, d) -> (p, h, d)>
#k = affine_map<(p, h, n, d) -> (n, d)>
#s = affine_map<(p, h, n, d) -> (p, h, n)>
gpu.module @kernels {
  // CHECK-LABEL: gpu.func @some_queries
  // CHECK-COUNT-4: gpu.shuffle xor %{{.*}}, %c16_i32
  // CHECK-NOT: gpu.shuffle
  gpu.func @some_queries(%qt: memref<16x4x32xf8E4M3FN, #at_4x4x4x32, #smem>, %kt: memref<32x32xf8E4M3FN, #at_32x32, #smem>, %out: memref<16x32xf32>) kernel {
    %c0 = arith.constant 0 : index
    %f8 = arith.constant 0.0 : f8E4M3FN
    %zero = arith.constant dense<0.0> : vector<16x4x32xf32>
    %zeros = arith.constant dense<0.0> : vector<16x32xf32>
    %k = vector.transfer_read %kt[%c0, %c0], %f8 {in_bounds = [true, true]} : memref<32x32xf8E4M3FN, #at_32x32, #smem>, vector<32x32xf8E4M3FN>
    %q = vector.transfer_read %qt[%c0, %c0, %c0], %f8 {in_bounds = [true, true, true]} : memref<16x4x32xf8E4M3FN, #at_4x4x4x32, #smem>, vector<16x4x32xf8E4M3FN>
    %s = vector.contract {indexing_maps = [#q, #k, #s], iterator_types = ["parallel", "parallel", "parallel", "reduction"], kind = #vector.kind<add>} %q, %k, %zero : vector<16x4x32xf8E4M3FN>, vector<32x32xf8E4M3FN> into vector<16x4x32xf32>
    %sum = vector.multi_reduction <add>, %s, %zeros [1] : vector<16x4x32xf32> to vector<16x32xf32>
    vector.transfer_write %sum, %out[%c0, %c0] {in_bounds = [true, true]} : vector<16x32xf32>, memref<16x32xf32>
    gpu.return
  }
}

// -----

#at_32x32 = #mqa.staged<shape = [32, 32], dims = [0, 1], swizzle = 16>
#at_4x16x1x32 = #mqa.staged<shape = [4, 16, 1, 32], dims = [0, 1, 0, 2], swizzle = 16>
// A loop that adds up vectors carries what the thread owns of them: here one
// element, since 4 x 32 are shared by 128 threads. It then goes to the column
// that `columns` names.
#smem = #gpu.address_space<workgroup>
#q = affine_map<(p, h, n, d) -> (p, h, d)>
#k = affine_map<(p, h, n, d) -> (n, d)>
#s = affine_map<(p, h, n, d) -> (p, h, n)>
gpu.module @kernels {
  // CHECK-LABEL: gpu.func @carried
  // CHECK-SAME: %[[OUT:[a-z0-9]+]]: memref<4x64xf32>
  // CHECK-SAME: %[[SHIFT:[a-z0-9]+]]: index
  // CHECK: %[[SUM:.*]] = scf.for {{.*}} iter_args(%[[BEFORE:.*]] = %cst) -> (f32)
  // CHECK: mqa.wgmma_wait
  // CHECK: %[[SHUFFLED:.*]] = arith.addf
  // CHECK: %[[AFTER:.*]] = arith.addf %[[BEFORE]], %{{.*}} : f32
  // CHECK: scf.yield %[[AFTER]] : f32
  // CHECK: %[[COLUMN:.*]] = arith.addi %{{.*}}, %[[SHIFT]] : index
  // CHECK: %[[FITS:.*]] = arith.cmpi slt, %[[COLUMN]], %c40
  // CHECK: scf.if %[[FITS]] {
  // CHECK: memref.store %[[SUM]], %[[OUT]][%{{.*}}, %[[COLUMN]]]
  // CHECK-NOT: vector
  gpu.func @carried(%qt: memref<4x16x32xf8E4M3FN, #at_4x16x1x32, #smem>, %kt: memref<32x32xf8E4M3FN, #at_32x32, #smem>, %out: memref<4x64xf32>, %shift: index, %n: index) kernel {
    %c0 = arith.constant 0 : index
    %c1 = arith.constant 1 : index
    %f8 = arith.constant 0.0 : f8E4M3FN
    %zero = arith.constant dense<0.0> : vector<4x16x32xf32>
    %zeros = arith.constant dense<0.0> : vector<4x32xf32>
    %total = scf.for %i = %c0 to %n step %c1 iter_args(%before = %zeros) -> (vector<4x32xf32>) {
      %k = vector.transfer_read %kt[%c0, %c0], %f8 {in_bounds = [true, true]} : memref<32x32xf8E4M3FN, #at_32x32, #smem>, vector<32x32xf8E4M3FN>
      %q = vector.transfer_read %qt[%c0, %c0, %c0], %f8 {in_bounds = [true, true, true]} : memref<4x16x32xf8E4M3FN, #at_4x16x1x32, #smem>, vector<4x16x32xf8E4M3FN>
      %s = vector.contract {indexing_maps = [#q, #k, #s], iterator_types = ["parallel", "parallel", "parallel", "reduction"], kind = #vector.kind<add>} %q, %k, %zero : vector<4x16x32xf8E4M3FN>, vector<32x32xf8E4M3FN> into vector<4x16x32xf32>
      %sum = vector.multi_reduction <add>, %s, %zeros [1] : vector<4x16x32xf32> to vector<4x32xf32>
      %after = arith.addf %before, %sum : vector<4x32xf32>
      scf.yield %after : vector<4x32xf32>
    }
    %step = vector.step : vector<32xindex>
    %keys = vector.broadcast %step : vector<32xindex> to vector<4x32xindex>
    %shifts = vector.broadcast %shift : index to vector<4x32xindex>
    %columns = arith.addi %keys, %shifts : vector<4x32xindex>
    %end = arith.constant dense<40> : vector<4x32xindex>
    %mask = arith.cmpi slt, %columns, %end : vector<4x32xindex>
    mqa.scatter_columns %total, %out[%columns] mask %mask : vector<4x32xf32>, memref<4x64xf32>, vector<4x32xindex>, vector<4x32xi1>
    gpu.return
  }
}
