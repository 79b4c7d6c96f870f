// RUN: mqa-opt %s --pass-pipeline='builtin.module(mqa-attach-target,gpu.module(gpu.func(mqa-specialize-warps)))' | FileCheck %s

#at_1x4x4x16x1x128 = #mqa.staged<shape = [1, 4, 4, 16, 1, 128], dims = [0, 1, 0, 1, 0, 2], swizzle = 16>
#at_2x4x4x16x1x128 = #mqa.staged<shape = [2, 4, 4, 16, 1, 128], dims = [0, 1, 0, 1, 0, 2], swizzle = 16>
#at_32x128 = #mqa.staged<shape = [32, 128], dims = [0, 1], swizzle = 16>
#smem = #gpu.address_space<workgroup>
!ring = !mqa.ring<4, memref<32x128xf8E4M3FN, #at_32x128, #smem>, memref<32xf32, #smem>>
!k = memref<32x128xf8E4M3FN, #at_32x128, #smem>
!s = memref<32xf32, strided<[1], offset: ?>, #smem>
!q = memref<4x64x128xf8E4M3FN, #at_1x4x4x16x1x128, #smem>
!w = memref<4x64xf32, #smem>
!f = memref<2x4xf32, #smem>

gpu.module @kernels {
  // CHECK-LABEL: gpu.func @specialize
  // Two consumer groups take key tiles in turn: one of them reads a slot.
  // CHECK: mqa.ring_create {consumers = 4 : i64, turns = 2 : i64}
  // CHECK: %[[TID:.*]] = gpu.thread_id x
  // CHECK: %[[C256:.*]] = arith.constant 256 : index
  // CHECK: %[[IS_CONSUMER:.*]] = arith.cmpi ult, %[[TID]], %[[C256]]
  // CHECK: scf.if %[[IS_CONSUMER]] {
  // CHECK: nvvm.setmaxregister increase 232
  // CHECK: %[[WG:.*]] = arith.index_cast %{{.*}} : i32 to index
  // CHECK: %[[QUERY_GROUP:.*]] = arith.divui %[[WG]], %{{.*}}
  // CHECK: %[[KEY_GROUP:.*]] = arith.remui %[[WG]], %{{.*}}
  // CHECK: gpu.block_id x
  // What a consumer group takes of the queries is the same in all loops here.
  // CHECK: mqa.narrow_ranges
  // CHECK: mqa.subtile %{{.*}}[%[[QUERY_GROUP]], %c0{{.*}}, %c0{{.*}}] : {{.*}} to memref<4x64x128xf8E4M3FN, {{.*}}>
  // CHECK: scf.for {{.*}} iter_args(%[[P:.*]] = %{{.*}})
  // CHECK: %[[LO:.*]], %[[HI:.*]] = mqa.key_range
  // CHECK: mqa.fit_queries %{{.*}}, %{{.*}} threads %[[TID]] of
  // The loop starts at the first tile whose position is this group's turn.
  // CHECK: %[[FIRST:.*]] = arith.addi %[[P]], %{{.*}} : i32
  // CHECK: %[[TURN:.*]] = arith.remui %[[FIRST]], %c2_i32
  // CHECK: %[[BEHIND:.*]] = arith.subi %{{.*}}, %[[TURN]] : i32
  // CHECK: %[[AHEAD:.*]] = arith.remui %[[BEHIND]], %c2_i32
  // CHECK: %[[BEGIN:.*]] = arith.addi %[[LO]], %{{.*}} : index
  // CHECK: scf.for %[[N:.*]] = %[[BEGIN]] to %[[HI]] step
  // CHECK-NOT: mqa.ring_put
  // CHECK: %[[SLOT:.*]]:2 = mqa.ring_get
  // CHECK-NEXT: %[[TILE:.*]] = mqa.tile_logits ins(%{{.*}}, %[[SLOT]]#0, %[[SLOT]]#1, {{.*}})
  // CHECK-NEXT: mqa.store_logits %[[TILE]], {{.*}} first_key(%[[N]])
  // CHECK-NEXT: mqa.ring_release
  // CHECK: } else {
  // CHECK: nvvm.setmaxregister decrease 32
  // CHECK: %[[PRODUCER:.*]] = arith.subi %[[TID]], %c256
  // CHECK: %[[IS_PRODUCER:.*]] = arith.cmpi ult, %[[PRODUCER]], %c32
  // CHECK: scf.if %[[IS_PRODUCER]]
  // CHECK: scf.for
  // CHECK-NOT: mqa.tile_logits
  // CHECK-NOT: mqa.store_logits
  // CHECK-NOT: mqa.fit_queries
  // CHECK: mqa.ring_put
  // CHECK-NOT: mqa.ring_get
  // CHECK: %[[CLEANER:.*]] = arith.subi %[[TID]], %c288
  // CHECK: %[[IS_CLEANER:.*]] = arith.cmpi ult, %[[CLEANER]], %c96
  // CHECK: scf.if %[[IS_CLEANER]]
  // CHECK: scf.for
  // CHECK: mqa.clean_rows {{.*}} threads %{{.*}} of %{{.*}}
  gpu.func @specialize(%q: !q, %w: !w, %k: memref<?x128xf8E4M3FN>, %s: memref<?xf32>, %ks: memref<?xi32>, %out: memref<?x?xf32>, %n: index) kernel attributes {known_block_size = array<i32: 384, 1, 1>} {
    %ranges2 = mqa.make_ranges %ks, %ks keys(%n) : memref<?xi32>, memref<?xi32>
    %num_keys = arith.constant 4096 : index
    %ranges = mqa.make_ranges %ks, %ks keys(%num_keys) : memref<?xi32>, memref<?xi32>
    %ring = mqa.ring_create : !ring
    %c0 = arith.constant 0 : i32
    %c1 = arith.constant 1 : i32
    %block = gpu.block_id x
    %grid = gpu.grid_dim x
    scf.for %i = %block to %n step %grid {
      mqa.clean_rows %out, %ranges : memref<?x?xf32>
    }
    %r = scf.for %i = %block to %n step %grid iter_args(%p = %c0) -> (i32) {
      %lo, %hi = mqa.key_range %ranges2 {max_rows = 4 : i64}
      %f = mqa.fit_queries %q, %w : !q, !w -> !f
      scf.for %j = %lo to %hi step %grid {
        %past = arith.subi %j, %lo : index
        %tile = arith.divui %past, %grid : index
        %tile32 = arith.index_cast %tile : index to i32
        %p2 = arith.addi %p, %tile32 : i32
        mqa.ring_put %ring[%p2], %k, %s : !ring, memref<?x128xf8E4M3FN>, memref<?xf32>
        %0:2 = mqa.ring_get %ring[%p2] : !ring -> !k, !s
        %logits = mqa.tile_logits ins(%q, %0#0, %0#1, %w : !q, !k, !s, !w) factors(%f : !f) : vector<4x32xf32>
        mqa.store_logits %logits, %ranges first_key(%j) outs(%out : memref<?x?xf32>) : vector<4x32xf32>
        mqa.ring_release %ring[%p2] : !ring
      }
      %next = arith.addi %p, %c1 : i32
      scf.yield %next : i32
    }
    gpu.return
  }

  // A consumer group without queries only releases its keys; a slot has readers for
  // both groups of queries.
  // CHECK-LABEL: gpu.func @query_groups
  // CHECK: mqa.ring_create {consumers = 8 : i64}
  // CHECK: %[[ROWS:.*]] = arith.minsi
  // CHECK: %[[SOME:.*]] = arith.cmpi sgt, %{{.*}}, %{{.*}} : index
  // CHECK: scf.if %[[SOME]] {
  // CHECK-NEXT: mqa.tile_logits {{.*}} : vector<4x32xf32>
  // CHECK-NEXT: mqa.store_logits
  // CHECK-NEXT: mqa.ring_release
  // CHECK-NEXT: } else {
  // CHECK-NEXT: mqa.ring_release
  gpu.func @query_groups(%q: memref<8x64x128xf8E4M3FN, #at_2x4x4x16x1x128, #smem>, %w: memref<8x64xf32, #smem>, %k: memref<?x128xf8E4M3FN>, %s: memref<?xf32>, %ks: memref<?xi32>, %out: memref<?x?xf32>, %n: index) kernel attributes {known_block_size = array<i32: 384, 1, 1>} {
    %num_keys = arith.constant 4096 : index
    %ranges = mqa.make_ranges %ks, %ks keys(%num_keys) : memref<?xi32>, memref<?xi32>
    %ring = mqa.ring_create : !ring
    %c0 = arith.constant 0 : i32
    %c1 = arith.constant 1 : i32
    %block = gpu.block_id x
    scf.for %i = %block to %n step %n {
      scf.for %j = %i to %n step %n iter_args(%p = %c0) -> (i32) {
        mqa.ring_put %ring[%p], %k, %s : !ring, memref<?x128xf8E4M3FN>, memref<?xf32>
        %0:2 = mqa.ring_get %ring[%p] : !ring -> !k, !s
        %logits1 = mqa.tile_logits ins(%q, %0#0, %0#1, %w : memref<8x64x128xf8E4M3FN, #at_2x4x4x16x1x128, #smem>, !k, !s, memref<8x64xf32, #smem>) : vector<8x32xf32>
        mqa.store_logits %logits1, %ranges first_key(%j) outs(%out : memref<?x?xf32>) : vector<8x32xf32>
        mqa.ring_release %ring[%p] : !ring
        %next = arith.addi %p, %c1 : i32
        scf.yield %next : i32
      }
    }
    gpu.return
  }

  // Tiles that a loop over key groups carries become as narrow as a consumer group's;
  // the producer's loop computes none.
  // CHECK-LABEL: gpu.func @carried
  // CHECK: nvvm.setmaxregister increase
  // CHECK: %[[NONE:.*]] = arith.constant dense<0.000000e+00> : vector<4x32xf32>
  // CHECK: %[[SUM:.*]] = scf.for {{.*}} iter_args(%[[BEFORE:.*]] = %[[NONE]]) -> (vector<4x32xf32>)
  // CHECK: %[[AFTER:.*]] = mqa.tile_logits {{.*}} onto(%[[BEFORE]] : vector<4x32xf32>) : vector<4x32xf32>
  // CHECK: mqa.ring_release
  // CHECK: scf.yield %[[AFTER]]
  // CHECK: mqa.store_logits %[[SUM]], {{.*}} : vector<4x32xf32>
  // CHECK: nvvm.setmaxregister decrease
  // CHECK: scf.for {{.*}} iter_args(%[[CARRIED:.*]] = %{{.*}}) -> (vector<8x32xf32>)
  // CHECK: mqa.ring_put
  // CHECK: scf.yield %[[CARRIED]]
  // CHECK-NOT: mqa.store_logits
  gpu.func @carried(%q: memref<8x64x128xf8E4M3FN, #at_2x4x4x16x1x128, #smem>, %w: memref<8x64xf32, #smem>, %k: memref<?x128xf8E4M3FN>, %s: memref<?xf32>, %ks: memref<?xi32>, %out: memref<?x?xf32>, %n: index, %p: i32) kernel attributes {known_block_size = array<i32: 384, 1, 1>} {
    %num_keys = arith.constant 4096 : index
    %ranges = mqa.make_ranges %ks, %ks keys(%num_keys) : memref<?xi32>, memref<?xi32>
    %ring = mqa.ring_create : !ring
    %block = gpu.block_id x
    %none = arith.constant dense<0.0> : vector<8x32xf32>
    scf.for %i = %block to %n step %n {
      scf.for %j = %i to %n step %n {
        %sum = scf.for %g = %block to %n step %n iter_args(%before = %none) -> (vector<8x32xf32>) {
          mqa.ring_put %ring[%p], %k, %s : !ring, memref<?x128xf8E4M3FN>, memref<?xf32>
          %0:2 = mqa.ring_get %ring[%p] : !ring -> !k, !s
          %logits = mqa.tile_logits ins(%q, %0#0, %0#1, %w : memref<8x64x128xf8E4M3FN, #at_2x4x4x16x1x128, #smem>, !k, !s, memref<8x64xf32, #smem>) onto(%before : vector<8x32xf32>) : vector<8x32xf32>
          mqa.ring_release %ring[%p] : !ring
          scf.yield %logits : vector<8x32xf32>
        }
        mqa.store_logits %sum, %ranges first_key(%j) outs(%out : memref<?x?xf32>) : vector<8x32xf32>
      }
    }
    gpu.return
  }

  // The warp that loads queries waits for those of the first block before it asks
  // for more; those that load keys do not.
  // CHECK-LABEL: gpu.func @query_ring
  // CHECK: %[[QUERIES:.*]] = mqa.ring_create
  // CHECK: %[[KEYS:.*]] = mqa.ring_create
  // CHECK: nvvm.setmaxregister decrease
  // CHECK: scf.for %[[BLOCK:.*]] = %[[FIRST:.*]] to
  // CHECK: mqa.ring_put %[[QUERIES]][%[[POSITION:.*]]],
  // CHECK-NEXT: %[[IS_FIRST:.*]] = arith.cmpi eq, %[[BLOCK]], %[[FIRST]]
  // CHECK-NEXT: scf.if %[[IS_FIRST]] {
  // CHECK-NEXT: mqa.ring_get %[[QUERIES]][%[[POSITION]]]
  // CHECK: mqa.ring_put %[[KEYS]]
  // CHECK-NOT: mqa.ring_get
  // CHECK: gpu.return
  gpu.func @query_ring(%q: memref<4x64x128xf8E4M3FN, #at_1x4x4x16x1x128, #smem>, %w: memref<?x64xf32>, %k: memref<?x128xf8E4M3FN>, %ks: memref<?xi32>, %out: memref<?x?xf32>, %n: index) kernel attributes {known_block_size = array<i32: 256, 1, 1>} {
    %num_keys = arith.constant 4096 : index
    %ranges = mqa.make_ranges %ks, %ks keys(%num_keys) : memref<?xi32>, memref<?xi32>
    %queries = mqa.ring_create : !mqa.ring<2, memref<4x64xf32, #smem>>
    %keys = mqa.ring_create : !mqa.ring<4, memref<32x128xf8E4M3FN, #at_32x128, #smem>>
    %c0 = arith.constant 0 : i32
    %c1 = arith.constant 1 : i32
    %block = gpu.block_id x
    scf.for %i = %block to %n step %n iter_args(%b = %c0) -> (i32) {
      mqa.ring_put %queries[%b], %w : !mqa.ring<2, memref<4x64xf32, #smem>>, memref<?x64xf32>
      %0 = mqa.ring_get %queries[%b] : !mqa.ring<2, memref<4x64xf32, #smem>> -> memref<4x64xf32, strided<[64, 1], offset: ?>, #smem>
      scf.for %j = %i to %n step %n iter_args(%p = %c0) -> (i32) {
        mqa.ring_put %keys[%p], %k : !mqa.ring<4, memref<32x128xf8E4M3FN, #at_32x128, #smem>>, memref<?x128xf8E4M3FN>
        %1 = mqa.ring_get %keys[%p] : !mqa.ring<4, memref<32x128xf8E4M3FN, #at_32x128, #smem>> -> !k
        %logits = mqa.tile_logits ins(%q, %1, none, %0 : memref<4x64x128xf8E4M3FN, #at_1x4x4x16x1x128, #smem>, !k, memref<4x64xf32, strided<[64, 1], offset: ?>, #smem>) : vector<4x32xf32>
        mqa.store_logits %logits, %ranges first_key(%j) outs(%out : memref<?x?xf32>) : vector<4x32xf32>
        mqa.ring_release %keys[%p] : !mqa.ring<4, memref<32x128xf8E4M3FN, #at_32x128, #smem>>
        %next = arith.addi %p, %c1 : i32
        scf.yield %next : i32
      }
      mqa.ring_release %queries[%b] : !mqa.ring<2, memref<4x64xf32, #smem>>
      %next = arith.addi %b, %c1 : i32
      scf.yield %next : i32
    }
    gpu.return
  }

  // A producer warp for each ring, where no warp has to clean.
  // CHECK-LABEL: gpu.func @two_rings
  // CHECK: %[[KEYS:.*]] = mqa.ring_create
  // CHECK: %[[SCALES:.*]] = mqa.ring_create
  // CHECK: %[[TID:.*]] = gpu.thread_id x
  // CHECK: nvvm.setmaxregister decrease
  // CHECK: arith.subi %[[TID]], %c128
  // CHECK: scf.if
  // CHECK: mqa.ring_put %[[KEYS]]
  // CHECK-NOT: mqa.ring_put
  // CHECK: arith.subi %[[TID]], %c160
  // CHECK: scf.if
  // CHECK-NOT: mqa.ring_put %[[KEYS]]
  // CHECK: mqa.ring_put %[[SCALES]]
  // CHECK: gpu.return
  gpu.func @two_rings(%q: memref<4x64x128xf8E4M3FN, #at_1x4x4x16x1x128, #smem>, %w: memref<4x64xf32, #smem>, %k: memref<?x128xf8E4M3FN>, %s: memref<?xf32>, %ks: memref<?xi32>, %out: memref<?x?xf32>, %n: index, %p: i32) kernel attributes {known_block_size = array<i32: 256, 1, 1>} {
    %num_keys = arith.constant 4096 : index
    %ranges = mqa.make_ranges %ks, %ks keys(%num_keys) : memref<?xi32>, memref<?xi32>
    %keys = mqa.ring_create : !mqa.ring<4, memref<32x128xf8E4M3FN, #at_32x128, #smem>>
    %scales = mqa.ring_create : !mqa.ring<8, memref<32xf32, #smem>>
    %block = gpu.block_id x
    scf.for %i = %block to %n step %n {
      scf.for %j = %i to %n step %n {
        mqa.ring_put %keys[%p], %k : !mqa.ring<4, memref<32x128xf8E4M3FN, #at_32x128, #smem>>, memref<?x128xf8E4M3FN>
        mqa.ring_put %scales[%p], %s : !mqa.ring<8, memref<32xf32, #smem>>, memref<?xf32>
        %0 = mqa.ring_get %keys[%p] : !mqa.ring<4, memref<32x128xf8E4M3FN, #at_32x128, #smem>> -> !k
        %1 = mqa.ring_get %scales[%p] : !mqa.ring<8, memref<32xf32, #smem>> -> !s
        %logits = mqa.tile_logits ins(%q, %0, %1, %w : memref<4x64x128xf8E4M3FN, #at_1x4x4x16x1x128, #smem>, !k, !s, memref<4x64xf32, #smem>) : vector<4x32xf32>
        mqa.store_logits %logits, %ranges first_key(%j) outs(%out : memref<?x?xf32>) : vector<4x32xf32>
        mqa.ring_release %keys[%p] : !mqa.ring<4, memref<32x128xf8E4M3FN, #at_32x128, #smem>>
        mqa.ring_release %scales[%p] : !mqa.ring<8, memref<32xf32, #smem>>
      }
    }
    gpu.return
  }

  // Nothing to specialise.
  // CHECK-LABEL: gpu.func @plain
  // CHECK-NEXT: gpu.return
  gpu.func @plain() kernel {
    gpu.return
  }
}
