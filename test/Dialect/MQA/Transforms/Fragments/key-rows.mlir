// RUN: mqa-opt %s --pass-pipeline='builtin.module(mqa-attach-target,gpu.module(gpu.func(mqa-vectorize-tiles,cse)))' | FileCheck %s --check-prefix=VECTOR
// RUN: mqa-opt %s --pass-pipeline='builtin.module(mqa-attach-target,gpu.module(gpu.func(mqa-vectorize-tiles,mqa-distribute-vectors,canonicalize,cse)))' | FileCheck %s

// Keys are the rows of products: a contraction has them first, sums are over its
// last dim, and are transposed before they are scaled and stored.

#at_128x128 = #mqa.staged<shape = [128, 128], dims = [0, 1], swizzle = 16>
#at_64x128 = #mqa.staged<shape = [64, 128], dims = [0, 1], swizzle = 16>
#at_1x1x1x64x128 = #mqa.staged<shape = [1, 1, 1, 64, 128], dims = [0, 1, 0, 1, 2], swizzle = 16>
#at_1x1x2x64x128 = #mqa.staged<shape = [1, 1, 2, 64, 128], dims = [0, 1, 0, 1, 2], swizzle = 16>
#at_1x2x4x32x128 = #mqa.staged<shape = [1, 2, 4, 32, 128], dims = [0, 1, 0, 1, 2], swizzle = 16>
#smem = #gpu.address_space<workgroup>
!k = memref<64x128xf8E4M3FN, #at_64x128, #smem>
!q1 = memref<1x64x128xf8E4M3FN, #at_1x1x1x64x128, #smem>
!q2 = memref<2x64x128xf8E4M3FN, #at_1x1x2x64x128, #smem>
!q4 = memref<4x64x128xf8E4M3FN, #at_1x2x4x32x128, #smem>

// VECTOR-DAG: #[[K:.*]] = affine_map<(d0, d1, d2, d3) -> (d2, d3)>
// VECTOR-DAG: #[[Q:.*]] = affine_map<(d0, d1, d2, d3) -> (d0, d1, d3)>
// VECTOR-DAG: #[[S:.*]] = affine_map<(d0, d1, d2, d3) -> (d2, d0, d1)>

gpu.module @kernels {
  // VECTOR-LABEL: gpu.func @two_queries
  // VECTOR: vector.contract {indexing_maps = [#[[K]], #[[Q]], #[[S]]]{{.*}} : vector<64x128xf8E4M3FN>, vector<2x64x128xf8E4M3FN> into vector<64x2x64xf32>
  // VECTOR: vector.multi_reduction <add>, %{{.*}}, %{{.*}} [2] : vector<64x2x64xf32> to vector<64x2xf32>
  // VECTOR: vector.transpose %{{.*}}, [1, 0] : vector<64x2xf32> to vector<2x64xf32>
  // A thread adds up 16 heads of each of two queries for each of two keys, by even
  // and odd heads; then two shuffles take the keys apart and one the queries.
  // CHECK-LABEL: gpu.func @two_queries
  // CHECK-NOT: workgroup(
  // CHECK: %[[ACC:.*]] = mqa.wgmma %{{.*}}, %{{.*}} : memref<64x128xf8E4M3FN, {{.*}}>, memref<2x64x128xf8E4M3FN, {{.*}}> -> <vector<64x128xf32>>
  // CHECK: %{{.*}}:64 = mqa.unpack_fragment
  // CHECK-COUNT-56: math.fma
  // CHECK-NOT: math.fma
  // CHECK-COUNT-2: gpu.shuffle xor %{{.*}}, %c1_i32
  // CHECK: gpu.shuffle xor %{{.*}}, %c2_i32
  // CHECK-NOT: gpu.shuffle
  // CHECK: memref.store
  // CHECK-NOT: memref.store
  // CHECK: gpu.return
  gpu.func @two_queries(%q: !q2, %k: !k, %s: memref<64xf32, #smem>, %w: memref<2x64xf32, #smem>, %ke: memref<2xi32>, %n: index, %out: memref<2x?xf32>) kernel {
    %num_keys = arith.constant 4096 : index
    %ranges = mqa.make_ranges none, %ke keys(%num_keys) : memref<2xi32>
    %logits = mqa.tile_logits ins(%q, %k, %s, %w : !q2, !k, memref<64xf32, #smem>, memref<2x64xf32, #smem>) {rows = #mqa.rows<keys>} : vector<2x64xf32>
    mqa.store_logits %logits, %ranges first_key(%n) outs(%out : memref<2x?xf32>) : vector<2x64xf32>
    gpu.return
  }

  // Two lanes end with the sum of the one query: one of them stores it.
  // CHECK-LABEL: gpu.func @one_query
  // CHECK: %[[ABOVE:.*]] = arith.divui %{{.*}}, %c2 : index
  // CHECK: %[[BIT:.*]] = arith.remui %[[ABOVE]], %c2 : index
  // CHECK: %[[FIRST:.*]] = arith.cmpi eq, %[[BIT]], %c0 : index
  // CHECK: gpu.shuffle xor %{{.*}}, %c1_i32
  // CHECK: gpu.shuffle xor %[[SUM:.*]], %c2_i32
  // CHECK-NOT: gpu.shuffle
  // CHECK: %[[STORES:.*]] = arith.andi %[[FIRST]], %{{.*}}
  // CHECK: scf.if %[[STORES]]
  // CHECK-NEXT: memref.store
  // CHECK-NOT: memref.store
  // CHECK: gpu.return
  gpu.func @one_query(%q: !q1, %k: !k, %w: memref<1x64xf32, #smem>, %ke: memref<1xi32>, %n: index, %out: memref<1x?xf32>) kernel {
    %num_keys = arith.constant 4096 : index
    %ranges = mqa.make_ranges none, %ke keys(%num_keys) : memref<1xi32>
    %logits = mqa.tile_logits ins(%q, %k, none, %w : !q1, !k, memref<1x64xf32, #smem>) {rows = #mqa.rows<keys>} : vector<1x64xf32>
    mqa.store_logits %logits, %ranges first_key(%n) outs(%out : memref<1x?xf32>) : vector<1x64xf32>
    gpu.return
  }

  // Four queries have two head tiles of 32 heads, of which the second adds to the
  // first. Each lane ends with two of them.
  // CHECK-LABEL: gpu.func @head_tiles
  // CHECK-COUNT-2: mqa.wgmma %
  // CHECK: gpu.shuffle
  // CHECK-COUNT-2: memref.store
  // CHECK-NOT: memref.store
  // CHECK: gpu.return
  gpu.func @head_tiles(%q: !q4, %k: !k, %ke: memref<4xi32>, %n: index, %out: memref<4x?xf32>) kernel {
    %num_keys = arith.constant 4096 : index
    %ranges = mqa.make_ranges none, %ke keys(%num_keys) : memref<4xi32>
    %logits = mqa.tile_logits ins(%q, %k, none, none : !q4, !k) {rows = #mqa.rows<keys>} : vector<4x64xf32>
    mqa.store_logits %logits, %ranges first_key(%n) outs(%out : memref<4x?xf32>) : vector<4x64xf32>
    gpu.return
  }

  // 128 keys are two products: the sums of the first are stored before the second
  // one starts.
  // CHECK-LABEL: gpu.func @two_products
  // CHECK: %[[FIRST:.*]] = mqa.subtile %{{.*}}[%c0, %c0] : {{.*}} to memref<64x128xf8E4M3FN,
  // CHECK: mqa.wgmma %[[FIRST]]
  // CHECK: memref.store
  // CHECK: %[[SECOND:.*]] = mqa.subtile %{{.*}}[%c1, %c0] : {{.*}} to memref<64x128xf8E4M3FN,
  // CHECK: mqa.wgmma %[[SECOND]]
  // CHECK: memref.load %{{.*}} : memref<64xf32, strided<[1], offset: 64>, #gpu.address_space<workgroup>>
  // CHECK: memref.store
  // CHECK: gpu.return
  gpu.func @two_products(%q: !q2, %k: memref<128x128xf8E4M3FN, #at_128x128, #smem>, %s: memref<128xf32, #smem>, %ke: memref<2xi32>, %n: index, %out: memref<2x?xf32>) kernel {
    %num_keys = arith.constant 4096 : index
    %ranges = mqa.make_ranges none, %ke keys(%num_keys) : memref<2xi32>
    %logits = mqa.tile_logits ins(%q, %k, %s, none : !q2, memref<128x128xf8E4M3FN, #at_128x128, #smem>, memref<128xf32, #smem>) {rows = #mqa.rows<keys>} : vector<2x128xf32>
    mqa.store_logits %logits, %ranges first_key(%n) outs(%out : memref<2x?xf32>) : vector<2x128xf32>
    gpu.return
  }

  // What may use the tile ahead of its store, or give its slot back, keeps its
  // place: both products are started ahead of that.
  // CHECK-LABEL: gpu.func @released_ahead
  // CHECK-COUNT-2: mqa.wgmma %
  // CHECK: mqa.ring_release
  // CHECK: memref.store
  // CHECK: gpu.return
  gpu.func @released_ahead(%q: !q2, %ke: memref<2xi32>, %p: i32, %n: index, %out: memref<2x?xf32>) kernel {
    %num_keys = arith.constant 4096 : index
    %ranges = mqa.make_ranges none, %ke keys(%num_keys) : memref<2xi32>
    %ring = mqa.ring_create {consumers = 4 : i64} : !mqa.ring<4, memref<128x128xf8E4M3FN, #at_128x128, #smem>>
    %k = mqa.ring_get %ring[%p] : !mqa.ring<4, memref<128x128xf8E4M3FN, #at_128x128, #smem>> -> memref<128x128xf8E4M3FN, #at_128x128, #smem>
    %logits = mqa.tile_logits ins(%q, %k, none, none : !q2, memref<128x128xf8E4M3FN, #at_128x128, #smem>) {rows = #mqa.rows<keys>} : vector<2x128xf32>
    mqa.ring_release %ring[%p] : !mqa.ring<4, memref<128x128xf8E4M3FN, #at_128x128, #smem>>
    mqa.store_logits %logits, %ranges first_key(%n) outs(%out : memref<2x?xf32>) : vector<2x128xf32>
    gpu.return
  }

  // With two accumulators, both products are started before one is reduced, and
  // stored at once: each lane ends with one query's sums of both.
  // CHECK-LABEL: gpu.func @two_accumulators
  // CHECK: %[[FIRST:.*]] = mqa.subtile %{{.*}}[%c0, %c0] : {{.*}} to memref<64x128xf8E4M3FN,
  // CHECK: mqa.wgmma %[[FIRST]]
  // CHECK: %[[SECOND:.*]] = mqa.subtile %{{.*}}[%c1, %c0] : {{.*}} to memref<64x128xf8E4M3FN,
  // CHECK: mqa.wgmma %[[SECOND]]
  // CHECK: mqa.wgmma_wait {{.*}} {pending = 1 : i64}
  // CHECK-COUNT-4: gpu.shuffle xor %{{.*}}, %c1_i32
  // CHECK-COUNT-2: gpu.shuffle xor %{{.*}}, %c2_i32
  // CHECK-COUNT-2: memref.store
  // CHECK-NOT: memref.store
  // CHECK: gpu.return
  gpu.func @two_accumulators(%q: !q2, %k: memref<128x128xf8E4M3FN, #at_128x128, #smem>, %ke: memref<2xi32>, %n: index, %out: memref<2x?xf32>) kernel {
    %num_keys = arith.constant 4096 : index
    %ranges = mqa.make_ranges none, %ke keys(%num_keys) : memref<2xi32>
    %logits = mqa.tile_logits ins(%q, %k, none, none : !q2, memref<128x128xf8E4M3FN, #at_128x128, #smem>) {accumulators = 2 : i64, rows = #mqa.rows<keys>} : vector<2x128xf32>
    mqa.store_logits %logits, %ranges first_key(%n) outs(%out : memref<2x?xf32>) : vector<2x128xf32>
    gpu.return
  }
}
