// RUN: mqa-opt %s --pass-pipeline='builtin.module(gpu.module(gpu.func(mqa-distribute-vectors,canonicalize,cse)))' --split-input-file | FileCheck %s

// The smallest tile: 64 keys, one query of eight heads. A thread holds four
// elements: rows r and r + 8, columns c and c + 1.

#smem = #gpu.address_space<workgroup>
#k = affine_map<(n, m, h, d) -> (n, d)>
#q = affine_map<(n, m, h, d) -> (m, h, d)>
#s = affine_map<(n, m, h, d) -> (m, n, h)>
gpu.module @kernels {
  // CHECK-LABEL: gpu.func @one_query
  // CHECK-SAME: %[[K:[a-z0-9]+]]: memref<64x32xf8E4M3FN
  // CHECK-SAME: %[[Q:[a-z0-9]+]]: memref<1x8x32xf8E4M3FN
  // CHECK-SAME: %[[W:[a-z0-9]+]]: memref<1x8xf32
  // CHECK-SAME: %[[OUT:[a-z0-9]+]]: memref<1x64xf32>
  // CHECK: %[[TID:.*]] = gpu.thread_id x
  // CHECK-DAG: %[[W0:.*]] = memref.load %[[W]]
  // CHECK-DAG: %[[W1:.*]] = memref.load %[[W]]
  // CHECK: nvvm.wgmma.fence.aligned
  // CHECK: %[[D:.*]] = mqa.wgmma %[[K]], %[[Q]] : {{.*}} -> <vector<64x8xf32>>
  // CHECK: nvvm.wgmma.commit.group.sync.aligned
  // CHECK: %[[E:.*]] = mqa.wgmma_wait %[[D]] {pending = 0 : i64}
  // CHECK: %[[R:.*]]:4 = mqa.unpack_fragment %[[E]]
  // Row r: registers 0 and 1. Row r + 8: registers 2 and 3.
  // CHECK-DAG: %[[A0:.*]] = arith.maximumf %[[R]]#0
  // CHECK-DAG: %[[A1:.*]] = arith.maximumf %[[R]]#1
  // CHECK-DAG: %[[A2:.*]] = arith.maximumf %[[R]]#2
  // CHECK-DAG: %[[A3:.*]] = arith.maximumf %[[R]]#3
  // CHECK-DAG: %[[P0:.*]] = arith.mulf %[[A0]]
  // CHECK-DAG: %[[P1:.*]] = arith.mulf %[[A1]]
  // CHECK-DAG: %[[P2:.*]] = arith.mulf %[[A2]]
  // CHECK-DAG: %[[P3:.*]] = arith.mulf %[[A3]]
  // CHECK-DAG: %[[LOW:.*]] = arith.addf %[[P0]], %[[P1]]
  // CHECK-DAG: %[[HIGH:.*]] = arith.addf %[[P2]], %[[P3]]
  // Lanes of a pair keep one row each; then both pairs add up and hold copies.
  // CHECK: %[[KEEP:.*]] = arith.select %[[BIT:.*]], %[[HIGH]], %[[LOW]]
  // CHECK: %[[SEND:.*]] = arith.select %[[BIT]], %[[LOW]], %[[HIGH]]
  // CHECK: gpu.shuffle xor %[[SEND]], %c1_i32, %c32_i32
  // CHECK: gpu.shuffle xor %{{.*}}, %c2_i32, %c32_i32
  // CHECK: %[[SUM:.*]] = arith.addf
  // Only one of the copies is stored.
  // CHECK: scf.if
  // CHECK-NEXT: memref.store %[[SUM]], %[[OUT]]
  // CHECK-NOT: vector.
  gpu.func @one_query(%kt: memref<64x32xf8E4M3FN, #smem>, %qt: memref<1x8x32xf8E4M3FN, #smem>, %wt: memref<1x8xf32, #smem>, %out: memref<1x64xf32>) kernel {
    %c0 = arith.constant 0 : index
    %f8 = arith.constant 0.0 : f8E4M3FN
    %f0 = arith.constant 0.0 : f32
    %zero = arith.constant dense<0.0> : vector<1x64x8xf32>
    %zeros = arith.constant dense<0.0> : vector<1x64xf32>
    %w = vector.transfer_read %wt[%c0, %c0], %f0 {in_bounds = [true, true]} : memref<1x8xf32, #smem>, vector<1x8xf32>
    %k = vector.transfer_read %kt[%c0, %c0], %f8 {in_bounds = [true, true]} : memref<64x32xf8E4M3FN, #smem>, vector<64x32xf8E4M3FN>
    %q = vector.transfer_read %qt[%c0, %c0, %c0], %f8 {in_bounds = [true, true, true]} : memref<1x8x32xf8E4M3FN, #smem>, vector<1x8x32xf8E4M3FN>
    %s = vector.contract {indexing_maps = [#k, #q, #s], iterator_types = ["parallel", "parallel", "parallel", "reduction"], kind = #vector.kind<add>} %k, %q, %zero : vector<64x32xf8E4M3FN>, vector<1x8x32xf8E4M3FN> into vector<1x64x8xf32>
    %r = arith.maximumf %s, %zero : vector<1x64x8xf32>
    %w3 = vector.shape_cast %w : vector<1x8xf32> to vector<1x1x8xf32>
    %wb = vector.broadcast %w3 : vector<1x1x8xf32> to vector<1x64x8xf32>
    %p = arith.mulf %r, %wb : vector<1x64x8xf32>
    %sum = vector.multi_reduction <add>, %p, %zeros [2] : vector<1x64x8xf32> to vector<1x64xf32>
    vector.transfer_write %sum, %out[%c0, %c0] {in_bounds = [true, true]} : vector<1x64xf32>, memref<1x64xf32>
    gpu.return
  }
}

// -----

// Two queries: the first shuffles pair the queries, the last one the rows, and
// every lane ends with an element of its own: three shuffles, no copies.

#smem = #gpu.address_space<workgroup>
#k = affine_map<(n, m, h, d) -> (n, d)>
#q = affine_map<(n, m, h, d) -> (m, h, d)>
#s = affine_map<(n, m, h, d) -> (m, n, h)>
gpu.module @kernels {
  // CHECK-LABEL: gpu.func @two_queries
  // CHECK-COUNT-2: gpu.shuffle xor %{{.*}}, %c1_i32
  // CHECK: gpu.shuffle xor %{{.*}}, %c2_i32
  // CHECK-NOT: gpu.shuffle
  // CHECK: memref.store
  // CHECK-NOT: memref.store
  gpu.func @two_queries(%kt: memref<64x32xf8E4M3FN, #smem>, %qt: memref<2x8x32xf8E4M3FN, #smem>, %out: memref<2x64xf32>) kernel {
    %c0 = arith.constant 0 : index
    %f8 = arith.constant 0.0 : f8E4M3FN
    %zero = arith.constant dense<0.0> : vector<2x64x8xf32>
    %zeros = arith.constant dense<0.0> : vector<2x64xf32>
    %k = vector.transfer_read %kt[%c0, %c0], %f8 {in_bounds = [true, true]} : memref<64x32xf8E4M3FN, #smem>, vector<64x32xf8E4M3FN>
    %q = vector.transfer_read %qt[%c0, %c0, %c0], %f8 {in_bounds = [true, true, true]} : memref<2x8x32xf8E4M3FN, #smem>, vector<2x8x32xf8E4M3FN>
    %s = vector.contract {indexing_maps = [#k, #q, #s], iterator_types = ["parallel", "parallel", "parallel", "reduction"], kind = #vector.kind<add>} %k, %q, %zero : vector<64x32xf8E4M3FN>, vector<2x8x32xf8E4M3FN> into vector<2x64x8xf32>
    %sum = vector.multi_reduction <add>, %s, %zeros [2] : vector<2x64x8xf32> to vector<2x64xf32>
    vector.transfer_write %sum, %out[%c0, %c0] {in_bounds = [true, true]} : vector<2x64xf32>, memref<2x64xf32>
    gpu.return
  }
}
