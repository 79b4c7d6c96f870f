// RUN: mqa-opt %s --pass-pipeline='builtin.module(mqa-attach-target,gpu.module(gpu.func(mqa-specialize-warps)))' | FileCheck %s

#at_1x4x4x16x1x128 = #mqa.staged<shape = [1, 4, 4, 16, 1, 128], dims = [0, 1, 0, 1, 0, 2], swizzle = 16>
#at_32x128 = #mqa.staged<shape = [32, 128], dims = [0, 1], swizzle = 16>
#smem = #gpu.address_space<workgroup>
!ring = !mqa.ring<4, memref<32x128xf8E4M3FN, #at_32x128, #smem>>
!k = memref<32x128xf8E4M3FN, #at_32x128, #smem>
!q = memref<4x64x128xf8E4M3FN, #at_1x4x4x16x1x128, #smem>
!word = memref<1xi32, #smem>
gpu.module @kernels {
  // Two consumer groups of 128 threads take tiles in turn, and meet as 256 threads; of their rows, a
  // group has a view.
  // CHECK-LABEL: gpu.func @meets
  // CHECK: nvvm.setmaxregister increase
  // CHECK: scf.for
  // CHECK-NEXT: mqa.meet {
  // CHECK-NEXT: memref.store
  // CHECK-NEXT: } {num_threads = 256 : i64, tile_kv = 32 : i64, turns = 2 : i64}
  // CHECK: %[[ROWS:.*]] = mqa.filtered_rows
  // CHECK: %[[OWN:.*]] = memref.subview %[[ROWS]]
  // CHECK: %[[LO:.*]], %[[HI:.*]] = mqa.key_range
  // CHECK: scf.for %[[N:.*]] = %
  // CHECK-NEXT: mqa.meet meeting(%{{.*}} : {{.*}}) key(%[[N]]) until(%[[HI]]) {
  // CHECK-NEXT: mqa.cut_lists
  // CHECK-NEXT: gpu.barrier
  // CHECK-NEXT: } {num_threads = 256 : i64, tile_kv = 32 : i64, turns = 2 : i64}
  // CHECK: mqa.ring_get
  // CHECK: mqa.store_logits {{.*}} outs(%[[OWN]] :
  // CHECK: mqa.meet {
  // CHECK-NEXT: gpu.barrier
  // CHECK-NEXT: } {num_threads = 256 : i64, tile_kv = 32 : i64, turns = 2 : i64}
  // Who loads neither meets nor has rows.
  // CHECK: nvvm.setmaxregister decrease
  // CHECK-NOT: mqa.meet
  // CHECK-NOT: mqa.filtered_rows
  // CHECK-NOT: gpu.barrier
  // CHECK: mqa.ring_put
  // CHECK-NOT: mqa.meet
  // CHECK-NOT: gpu.barrier
  // CHECK: gpu.return
  gpu.func @meets(%q: !q, %k: memref<?x128xf8E4M3FN>, %ks: memref<?xi32>, %ke: memref<?xi32>, %n: index, %memory: memref<?xi32>, %counts: memref<4xi32, #smem>, %least: memref<4xf32, #smem>, %word: !word) kernel attributes {known_block_size = array<i32: 384, 1, 1>} {
    %ranges = mqa.make_ranges %ks, %ke keys(%n) : memref<?xi32>, memref<?xi32>
    %ring = mqa.ring_create : !ring
    %c4 = arith.constant 4 : index
    %c0_i32 = arith.constant 0 : i32
    %c0 = arith.constant 0 : index
    %block = gpu.block_id x
    %grid = gpu.grid_dim x
    scf.for %i = %block to %n step %grid {
      mqa.meet {
        memref.store %c0_i32, %word[%c0] : !word
      } {tile_kv = 32}
      %rows = mqa.filtered_rows %memory[%i] counts(%counts) thresholds(%least) meeting(%word) sizes(%c4, %n) {places = 1024, limit = 512, margin = 256} : memref<?xi32>, memref<4xi32, #smem>, memref<4xf32, #smem>, !word -> memref<?x?xf32, strided<[?, 1]>>
      %lo, %hi = mqa.key_range %ranges {max_rows = 4 : i64}
      scf.for %j = %lo to %hi step %grid {
        mqa.meet meeting(%word : !word) key(%j) until(%hi) {
          mqa.cut_lists %memory[%i] counts(%counts) thresholds(%least) ranges(%ranges) rows(%c4) {places = 1024, keep = 256, above = 300, ties = #mqa.ties<smallest>} : memref<?xi32>, memref<4xi32, #smem>, memref<4xf32, #smem>
          gpu.barrier
        } {tile_kv = 32}
        %past = arith.subi %j, %lo : index
        %step = arith.divui %past, %grid : index
        %at = arith.index_cast %step : index to i32
        mqa.ring_put %ring[%at], %k : !ring, memref<?x128xf8E4M3FN>
        %0 = mqa.ring_get %ring[%at] : !ring -> !k
        %l = mqa.tile_logits ins(%q, %0, none, none : !q, !k) : vector<4x32xf32>
        mqa.store_logits %l, %ranges first_key(%j) outs(%rows : memref<?x?xf32, strided<[?, 1]>>) : vector<4x32xf32>
        mqa.ring_release %ring[%at] : !ring
      }
      mqa.meet {
        gpu.barrier
      } {tile_kv = 32}
    }
    gpu.return
  }

  // One group has no turns, and comes to each meeting of its loop.
  // CHECK-LABEL: gpu.func @one_group
  // CHECK: scf.for
  // CHECK: scf.for
  // CHECK-NEXT: mqa.meet {
  // CHECK-NEXT: gpu.barrier
  // CHECK-NEXT: } {num_threads = 128 : i64}
  // CHECK-NOT: mqa.meet
  // CHECK: gpu.return
  gpu.func @one_group(%q: !q, %k: memref<?x128xf8E4M3FN>, %ks: memref<?xi32>, %ke: memref<?xi32>, %n: index, %out: memref<?x?xf32>) kernel attributes {known_block_size = array<i32: 256, 1, 1>} {
    %ranges = mqa.make_ranges %ks, %ke keys(%n) : memref<?xi32>, memref<?xi32>
    %ring = mqa.ring_create : !ring
    %block = gpu.block_id x
    %grid = gpu.grid_dim x
    scf.for %i = %block to %n step %grid {
      %lo, %hi = mqa.key_range %ranges {max_rows = 4 : i64}
      scf.for %j = %lo to %hi step %grid {
        mqa.meet {
          gpu.barrier
        }
        %past = arith.subi %j, %lo : index
        %step = arith.divui %past, %grid : index
        %at = arith.index_cast %step : index to i32
        mqa.ring_put %ring[%at], %k : !ring, memref<?x128xf8E4M3FN>
        %0 = mqa.ring_get %ring[%at] : !ring -> !k
        %l = mqa.tile_logits ins(%q, %0, none, none : !q, !k) : vector<4x32xf32>
        mqa.store_logits %l, %ranges first_key(%j) outs(%out : memref<?x?xf32>) : vector<4x32xf32>
        mqa.ring_release %ring[%at] : !ring
      }
    }
    gpu.return
  }
}
