// RUN: mqa-opt %s --pass-pipeline='builtin.module(mqa-attach-target,gpu.module(gpu.func(mqa-specialize-warps)))' --allow-unregistered-dialect --split-input-file --verify-diagnostics | FileCheck %s

// What mqa-stage-tiles does not make.

#at_1x4x4x16x1x128 = #mqa.staged<shape = [1, 4, 4, 16, 1, 128], dims = [0, 1, 0, 1, 0, 2], swizzle = 16>
#at_2x4x4x16x1x128 = #mqa.staged<shape = [2, 4, 4, 16, 1, 128], dims = [0, 1, 0, 1, 0, 2], swizzle = 16>
#at_32x128 = #mqa.staged<shape = [32, 128], dims = [0, 1], swizzle = 16>
#smem = #gpu.address_space<workgroup>
!ring = !mqa.ring<4, memref<32x128xf8E4M3FN, #at_32x128, #smem>>
!k = memref<32x128xf8E4M3FN, #at_32x128, #smem>
!q = memref<4x64x128xf8E4M3FN, #at_1x4x4x16x1x128, #smem>
!q2 = memref<8x64x128xf8E4M3FN, #at_2x4x4x16x1x128, #smem>
gpu.module @kernels {
  // The rows and their bounds come behind the range that is computed of others: so
  // do a consumer group's.
  // CHECK-LABEL: gpu.func @rows_behind_range
  // CHECK: nvvm.setmaxregister increase
  // CHECK: mqa.key_range
  // CHECK: %[[ROWS:.*]] = mqa.row_block
  // CHECK: memref.load
  // CHECK: %[[DIM:.*]] = memref.dim %[[ROWS]]
  // CHECK: memref.subview %[[ROWS]]
  // CHECK: scf.for
  // CHECK: mqa.store_logits
  // CHECK: nvvm.setmaxregister decrease
  gpu.func @rows_behind_range(%q: !q, %q2: !q2, %k: memref<?x128xf8E4M3FN>, %ks: memref<?xi32>, %ke: memref<?xi32>, %out: memref<?x?xf32>, %n: index, %p: i32) kernel attributes {known_block_size = array<i32: 384, 1, 1>} {
    %ranges = mqa.make_ranges %ks, %ke keys(%n) : memref<?xi32>, memref<?xi32>
    %ring = mqa.ring_create : !ring
    %block = gpu.block_id x
    %grid = gpu.grid_dim x
    scf.for %i = %block to %n step %grid {
      %lo, %hi = mqa.key_range %ranges {max_rows = 4 : i64}
      %c8 = arith.constant 8 : index
      %rows = mqa.row_block %out[%i] rows %c8 : memref<?x?xf32> -> memref<?x?xf32, strided<[?, 1]>>
      %own = memref.load %ke[%i] : memref<?xi32>
      %own_index = arith.index_cast %own : i32 to index
      %own_ks = memref.subview %ks[%own_index] [8] [1] : memref<?xi32> to memref<8xi32, strided<[1], offset: ?>>
      %num_keys = arith.constant 4096 : index
      %ranges2 = mqa.make_ranges %own_ks, %own_ks keys(%num_keys) : memref<8xi32, strided<[1], offset: ?>>, memref<8xi32, strided<[1], offset: ?>>
      scf.for %j = %lo to %hi step %grid {
        %past = arith.subi %j, %lo : index
        %step = arith.divui %past, %grid : index
        %at = arith.index_cast %step : index to i32
        mqa.ring_put %ring[%at], %k : !ring, memref<?x128xf8E4M3FN>
        %0 = mqa.ring_get %ring[%at] : !ring -> !k
        %l = mqa.tile_logits ins(%q2, %0, none, none : !q2, !k) : vector<8x32xf32>
        mqa.store_logits %l, %ranges2 first_key(%j) outs(%rows : memref<?x?xf32, strided<[?, 1]>>) : vector<8x32xf32>
        mqa.ring_release %ring[%at] : !ring
      }
    }
    gpu.return
  }
}

// -----

#at_1x4x4x16x1x128 = #mqa.staged<shape = [1, 4, 4, 16, 1, 128], dims = [0, 1, 0, 1, 0, 2], swizzle = 16>
#at_2x4x4x16x1x128 = #mqa.staged<shape = [2, 4, 4, 16, 1, 128], dims = [0, 1, 0, 1, 0, 2], swizzle = 16>
#at_32x128 = #mqa.staged<shape = [32, 128], dims = [0, 1], swizzle = 16>
#smem = #gpu.address_space<workgroup>
!ring = !mqa.ring<4, memref<32x128xf8E4M3FN, #at_32x128, #smem>>
!k = memref<32x128xf8E4M3FN, #at_32x128, #smem>
!q = memref<4x64x128xf8E4M3FN, #at_1x4x4x16x1x128, #smem>
!q2 = memref<8x64x128xf8E4M3FN, #at_2x4x4x16x1x128, #smem>
gpu.module @kernels {
  // Two tiles of a slot: consumer groups take turns at the loop once, not once for each.
  // CHECK-LABEL: gpu.func @two_stores
  // CHECK: nvvm.setmaxregister increase
  // CHECK: %[[GRID:.*]] = gpu.grid_dim x
  // CHECK: %[[STEP:.*]] = arith.muli %[[GRID]], %{{.*}} : index
  // CHECK: scf.for %{{.*}} step %[[STEP]] {
  // CHECK-COUNT-2: mqa.store_logits
  // CHECK: mqa.ring_release
  gpu.func @two_stores(%q: !q, %q2: !q2, %k: memref<?x128xf8E4M3FN>, %ks: memref<?xi32>, %ke: memref<?xi32>, %out: memref<?x?xf32>, %n: index, %p: i32) kernel attributes {known_block_size = array<i32: 384, 1, 1>} {
    %ranges = mqa.make_ranges %ks, %ke keys(%n) : memref<?xi32>, memref<?xi32>
    %ring = mqa.ring_create : !ring
    %block = gpu.block_id x
    %grid = gpu.grid_dim x
    scf.for %i = %block to %n step %grid {
      %lo, %hi = mqa.key_range %ranges {max_rows = 4 : i64}
      scf.for %j = %lo to %hi step %grid {
        %past = arith.subi %j, %lo : index
        %step = arith.divui %past, %grid : index
        %at = arith.index_cast %step : index to i32
        mqa.ring_put %ring[%at], %k : !ring, memref<?x128xf8E4M3FN>
        %0 = mqa.ring_get %ring[%at] : !ring -> !k
        %l = mqa.tile_logits ins(%q, %0, none, none : !q, !k) : vector<4x32xf32>
        mqa.store_logits %l, %ranges first_key(%j) outs(%out : memref<?x?xf32>) : vector<4x32xf32>
        %l2 = mqa.tile_logits ins(%q, %0, none, none : !q, !k) onto(%l : vector<4x32xf32>) : vector<4x32xf32>
        mqa.store_logits %l2, %ranges first_key(%j) outs(%out : memref<?x?xf32>) : vector<4x32xf32>
        mqa.ring_release %ring[%at] : !ring
      }
    }
    gpu.return
  }
}

// -----

#at_1x4x4x16x1x128 = #mqa.staged<shape = [1, 4, 4, 16, 1, 128], dims = [0, 1, 0, 1, 0, 2], swizzle = 16>
#at_2x4x4x16x1x128 = #mqa.staged<shape = [2, 4, 4, 16, 1, 128], dims = [0, 1, 0, 1, 0, 2], swizzle = 16>
#at_32x128 = #mqa.staged<shape = [32, 128], dims = [0, 1], swizzle = 16>
#smem = #gpu.address_space<workgroup>
!ring = !mqa.ring<4, memref<32x128xf8E4M3FN, #at_32x128, #smem>>
!k = memref<32x128xf8E4M3FN, #at_32x128, #smem>
!q = memref<4x64x128xf8E4M3FN, #at_1x4x4x16x1x128, #smem>
!q2 = memref<8x64x128xf8E4M3FN, #at_2x4x4x16x1x128, #smem>
gpu.module @kernels {
  // A tile whose slot is released ahead of its store stays where it is, and so
  // does one that another tile needs.
  // CHECK-LABEL: gpu.func @no_skip
  // CHECK: nvvm.setmaxregister increase
  // CHECK: mqa.tile_logits
  // CHECK-NEXT: mqa.ring_release
  // CHECK-NOT: scf.if
  // CHECK: mqa.store_logits
  // CHECK: mqa.ring_release
  // CHECK: nvvm.setmaxregister decrease
  gpu.func @no_skip(%q: !q, %q2: !q2, %k: memref<?x128xf8E4M3FN>, %ks: memref<?xi32>, %ke: memref<?xi32>, %out: memref<?x?xf32>, %n: index, %p: i32) kernel attributes {known_block_size = array<i32: 384, 1, 1>} {
    %ranges = mqa.make_ranges %ks, %ke keys(%n) : memref<?xi32>, memref<?xi32>
    %other = mqa.ring_create : !ring
    %ring = mqa.ring_create : !ring
    %block = gpu.block_id x
    %grid = gpu.grid_dim x
    scf.for %i = %block to %n step %grid {
      %lo, %hi = mqa.key_range %ranges {max_rows = 4 : i64}
      scf.for %j = %lo to %hi step %grid {
        %past = arith.subi %j, %lo : index
        %step = arith.divui %past, %grid : index
        %at = arith.index_cast %step : index to i32
        mqa.ring_put %ring[%at], %k : !ring, memref<?x128xf8E4M3FN>
        %0 = mqa.ring_get %ring[%at] : !ring -> !k
        %l = mqa.tile_logits ins(%q2, %0, none, none : !q2, !k) : vector<8x32xf32>
        mqa.ring_release %ring[%at] : !ring
        mqa.store_logits %l, %ranges first_key(%j) outs(%out : memref<?x?xf32>) : vector<8x32xf32>
        mqa.ring_release %other[%at] : !ring
      }
    }
    gpu.return
  }
}

// -----

#at_1x4x4x16x1x128 = #mqa.staged<shape = [1, 4, 4, 16, 1, 128], dims = [0, 1, 0, 1, 0, 2], swizzle = 16>
#at_2x4x4x16x1x128 = #mqa.staged<shape = [2, 4, 4, 16, 1, 128], dims = [0, 1, 0, 1, 0, 2], swizzle = 16>
#at_32x128 = #mqa.staged<shape = [32, 128], dims = [0, 1], swizzle = 16>
#smem = #gpu.address_space<workgroup>
!ring = !mqa.ring<4, memref<32x128xf8E4M3FN, #at_32x128, #smem>>
!k = memref<32x128xf8E4M3FN, #at_32x128, #smem>
!q = memref<4x64x128xf8E4M3FN, #at_1x4x4x16x1x128, #smem>
!q2 = memref<8x64x128xf8E4M3FN, #at_2x4x4x16x1x128, #smem>
gpu.module @kernels {
  // Reads and arithmetic that are nobody's are done by each role that needs them.
  // Logits that a loop carries may begin anew in each iteration.
  // CHECK-LABEL: gpu.func @ops_between
  // CHECK: nvvm.setmaxregister increase
  // CHECK: memref.load
  // CHECK: mqa.store_logits
  // CHECK: nvvm.setmaxregister decrease
  // CHECK: mqa.ring_put
  // CHECK-NOT: mqa.tile_logits
  // CHECK: gpu.return
  gpu.func @ops_between(%q: !q, %q2: !q2, %k: memref<?x128xf8E4M3FN>, %ks: memref<?xi32>, %ke: memref<?xi32>, %out: memref<?x?xf32>, %n: index, %p: i32) kernel attributes {known_block_size = array<i32: 384, 1, 1>} {
    %ranges = mqa.make_ranges %ks, %ke keys(%n) : memref<?xi32>, memref<?xi32>
    %zero = arith.constant dense<0.0> : vector<8x32xf32>
    %ring = mqa.ring_create : !ring
    %block = gpu.block_id x
    %grid = gpu.grid_dim x
    scf.for %i = %block to %n step %grid {
      %lo, %hi = mqa.key_range %ranges {max_rows = 4 : i64}
      scf.for %j = %lo to %hi step %grid {
        %length = memref.load %ke[%j] : memref<?xi32>
        %key = arith.index_cast %length : i32 to index
        %last = scf.for %g = %lo to %hi step %grid iter_args(%before = %zero) -> (vector<8x32xf32>) {
          mqa.ring_put %ring[%p], %k : !ring, memref<?x128xf8E4M3FN>
          %0 = mqa.ring_get %ring[%p] : !ring -> !k
          %l = mqa.tile_logits ins(%q2, %0, none, none : !q2, !k) : vector<8x32xf32>
          mqa.ring_release %ring[%p] : !ring
          scf.yield %l : vector<8x32xf32>
        }
        mqa.store_logits %last, %ranges first_key(%key) outs(%out : memref<?x?xf32>) : vector<8x32xf32>
      }
    }
    gpu.return
  }
}

// -----

#smem = #gpu.address_space<workgroup>
!ring = !mqa.ring<4, memref<32x128xf8E4M3FN, #smem>>
!k = memref<32x128xf8E4M3FN, strided<[128, 1], offset: ?>, #smem>
!q = memref<4x64x128xf8E4M3FN, #smem>
!q2 = memref<8x64x128xf8E4M3FN, #smem>
gpu.module @kernels {
  gpu.func @vectorized(%q: !q, %q2: !q2, %k: memref<?x128xf8E4M3FN>, %ks: memref<?xi32>, %ke: memref<?xi32>, %out: memref<?x?xf32>, %n: index, %p: i32) kernel attributes {known_block_size = array<i32: 256, 1, 1>} {
    %ranges = mqa.make_ranges %ks, %ke keys(%n) : memref<?xi32>, memref<?xi32>
    %ring = mqa.ring_create : !ring
    %block = gpu.block_id x
    %grid = gpu.grid_dim x
    scf.for %i = %block to %n step %grid {
      %lo, %hi = mqa.key_range %ranges {max_rows = 4 : i64}
      scf.for %j = %lo to %hi step %grid {
        %past = arith.subi %j, %lo : index
        %step = arith.divui %past, %grid : index
        %at = arith.index_cast %step : index to i32
        mqa.ring_put %ring[%at], %k : !ring, memref<?x128xf8E4M3FN>
        // expected-error@+1 {{is used by 'vector.transfer_read', which is no part of a consumer's role before mqa-vectorize-tiles}}
        %0 = mqa.ring_get %ring[%at] : !ring -> !k
        %c0 = arith.constant 0 : index
        %f8 = arith.constant 0.0 : f8E4M3FN
        %v = vector.transfer_read %0[%c0, %c0], %f8 {in_bounds = [true, true]} : !k, vector<32x128xf8E4M3FN>
        "test.use"(%v) : (vector<32x128xf8E4M3FN>) -> ()
        mqa.ring_release %ring[%at] : !ring
      }
    }
    gpu.return
  }
}

// -----

#at_1x4x4x16x1x128 = #mqa.staged<shape = [1, 4, 4, 16, 1, 128], dims = [0, 1, 0, 1, 0, 2], swizzle = 16>
#at_2x4x4x16x1x128 = #mqa.staged<shape = [2, 4, 4, 16, 1, 128], dims = [0, 1, 0, 1, 0, 2], swizzle = 16>
#at_32x128 = #mqa.staged<shape = [32, 128], dims = [0, 1], swizzle = 16>
#smem = #gpu.address_space<workgroup>
!ring = !mqa.ring<4, memref<32x128xf8E4M3FN, #at_32x128, #smem>>
!k = memref<32x128xf8E4M3FN, #at_32x128, #smem>
!q = memref<4x64x128xf8E4M3FN, #at_1x4x4x16x1x128, #smem>
!q2 = memref<8x64x128xf8E4M3FN, #at_2x4x4x16x1x128, #smem>
gpu.module @kernels {
  gpu.func @barrier(%q: !q, %q2: !q2, %k: memref<?x128xf8E4M3FN>, %ks: memref<?xi32>, %ke: memref<?xi32>, %out: memref<?x?xf32>, %n: index, %p: i32) kernel attributes {known_block_size = array<i32: 256, 1, 1>} {
    %ranges = mqa.make_ranges %ks, %ke keys(%n) : memref<?xi32>, memref<?xi32>
    %ring = mqa.ring_create : !ring
    %block = gpu.block_id x
    %grid = gpu.grid_dim x
    scf.for %i = %block to %n step %grid {
      %lo, %hi = mqa.key_range %ranges {max_rows = 4 : i64}
      scf.for %j = %lo to %hi step %grid {
        %past = arith.subi %j, %lo : index
        %step = arith.divui %past, %grid : index
        %at = arith.index_cast %step : index to i32
        mqa.ring_put %ring[%at], %k : !ring, memref<?x128xf8E4M3FN>
        // expected-error@+1 {{is of no role, and may do more than compute and read: not every role may execute it}}
        gpu.barrier
        %0 = mqa.ring_get %ring[%at] : !ring -> !k
        %l = mqa.tile_logits ins(%q, %0, none, none : !q, !k) : vector<4x32xf32>
        mqa.store_logits %l, %ranges first_key(%j) outs(%out : memref<?x?xf32>) : vector<4x32xf32>
        mqa.ring_release %ring[%at] : !ring
      }
    }
    gpu.return
  }
}

// -----

#at_1x4x4x16x1x128 = #mqa.staged<shape = [1, 4, 4, 16, 1, 128], dims = [0, 1, 0, 1, 0, 2], swizzle = 16>
#at_2x4x4x16x1x128 = #mqa.staged<shape = [2, 4, 4, 16, 1, 128], dims = [0, 1, 0, 1, 0, 2], swizzle = 16>
#at_32x128 = #mqa.staged<shape = [32, 128], dims = [0, 1], swizzle = 16>
#smem = #gpu.address_space<workgroup>
!ring = !mqa.ring<4, memref<32x128xf8E4M3FN, #at_32x128, #smem>>
!k = memref<32x128xf8E4M3FN, #at_32x128, #smem>
!q = memref<4x64x128xf8E4M3FN, #at_1x4x4x16x1x128, #smem>
!q2 = memref<8x64x128xf8E4M3FN, #at_2x4x4x16x1x128, #smem>
gpu.module @kernels {
  gpu.func @store(%q: !q, %q2: !q2, %k: memref<?x128xf8E4M3FN>, %ks: memref<?xi32>, %ke: memref<?xi32>, %out: memref<?x?xf32>, %n: index, %p: i32) kernel attributes {known_block_size = array<i32: 256, 1, 1>} {
    %ranges = mqa.make_ranges %ks, %ke keys(%n) : memref<?xi32>, memref<?xi32>
    %ring = mqa.ring_create : !ring
    %block = gpu.block_id x
    %grid = gpu.grid_dim x
    scf.for %i = %block to %n step %grid {
      %lo, %hi = mqa.key_range %ranges {max_rows = 4 : i64}
      scf.for %j = %lo to %hi step %grid {
        %past = arith.subi %j, %lo : index
        %step = arith.divui %past, %grid : index
        %at = arith.index_cast %step : index to i32
        mqa.ring_put %ring[%at], %k : !ring, memref<?x128xf8E4M3FN>
        %0 = mqa.ring_get %ring[%at] : !ring -> !k
        %l = mqa.tile_logits ins(%q, %0, none, none : !q, !k) : vector<4x32xf32>
        mqa.store_logits %l, %ranges first_key(%j) outs(%out : memref<?x?xf32>) : vector<4x32xf32>
        mqa.ring_release %ring[%at] : !ring
        // expected-error@+1 {{is of no role, and may do more than compute and read}}
        memref.store %at, %ke[%j] : memref<?xi32>
      }
    }
    gpu.return
  }
}

// -----

#at_1x4x4x16x1x128 = #mqa.staged<shape = [1, 4, 4, 16, 1, 128], dims = [0, 1, 0, 1, 0, 2], swizzle = 16>
#at_2x4x4x16x1x128 = #mqa.staged<shape = [2, 4, 4, 16, 1, 128], dims = [0, 1, 0, 1, 0, 2], swizzle = 16>
#at_32x128 = #mqa.staged<shape = [32, 128], dims = [0, 1], swizzle = 16>
#smem = #gpu.address_space<workgroup>
!ring = !mqa.ring<4, memref<32x128xf8E4M3FN, #at_32x128, #smem>>
!k = memref<32x128xf8E4M3FN, #at_32x128, #smem>
!q = memref<4x64x128xf8E4M3FN, #at_1x4x4x16x1x128, #smem>
!q2 = memref<8x64x128xf8E4M3FN, #at_2x4x4x16x1x128, #smem>
gpu.module @kernels {
  gpu.func @changed(%q: !q, %q2: !q2, %k: memref<?x128xf8E4M3FN>, %ks: memref<?xi32>, %ke: memref<?xi32>, %out: memref<?x?xf32>, %n: index, %p: i32) kernel attributes {known_block_size = array<i32: 256, 1, 1>} {
    %ranges = mqa.make_ranges %ks, %ke keys(%n) : memref<?xi32>, memref<?xi32>
    %ring = mqa.ring_create : !ring
    %block = gpu.block_id x
    %grid = gpu.grid_dim x
    scf.for %i = %block to %n step %grid {
      %lo, %hi = mqa.key_range %ranges {max_rows = 4 : i64}
      scf.for %j = %lo to %hi step %grid {
        %past = arith.subi %j, %lo : index
        %step = arith.divui %past, %grid : index
        %at = arith.index_cast %step : index to i32
        mqa.ring_put %ring[%at], %k : !ring, memref<?x128xf8E4M3FN>
        %0 = mqa.ring_get %ring[%at] : !ring -> !k
        // expected-error@+1 {{logits of a tile are used by 'arith.addf'; they may be stored, added to, or carried by a loop inside of that over rings}}
        %l = mqa.tile_logits ins(%q, %0, none, none : !q, !k) : vector<4x32xf32>
        %sum = arith.addf %l, %l : vector<4x32xf32>
        mqa.store_logits %sum, %ranges first_key(%j) outs(%out : memref<?x?xf32>) : vector<4x32xf32>
        mqa.ring_release %ring[%at] : !ring
      }
    }
    gpu.return
  }
}

// -----

#at_1x4x4x16x1x128 = #mqa.staged<shape = [1, 4, 4, 16, 1, 128], dims = [0, 1, 0, 1, 0, 2], swizzle = 16>
#at_2x4x4x16x1x128 = #mqa.staged<shape = [2, 4, 4, 16, 1, 128], dims = [0, 1, 0, 1, 0, 2], swizzle = 16>
#at_32x128 = #mqa.staged<shape = [32, 128], dims = [0, 1], swizzle = 16>
#smem = #gpu.address_space<workgroup>
!ring = !mqa.ring<4, memref<32x128xf8E4M3FN, #at_32x128, #smem>>
!k = memref<32x128xf8E4M3FN, #at_32x128, #smem>
!q = memref<4x64x128xf8E4M3FN, #at_1x4x4x16x1x128, #smem>
!q2 = memref<8x64x128xf8E4M3FN, #at_2x4x4x16x1x128, #smem>
gpu.module @kernels {
  gpu.func @of_no_tile(%q: !q, %q2: !q2, %k: memref<?x128xf8E4M3FN>, %ks: memref<?xi32>, %ke: memref<?xi32>, %out: memref<?x?xf32>, %n: index, %p: i32) kernel attributes {known_block_size = array<i32: 256, 1, 1>} {
    %ranges = mqa.make_ranges %ks, %ke keys(%n) : memref<?xi32>, memref<?xi32>
    %zero = arith.constant dense<0.0> : vector<4x32xf32>
    %ring = mqa.ring_create : !ring
    %block = gpu.block_id x
    %grid = gpu.grid_dim x
    scf.for %i = %block to %n step %grid {
      %lo, %hi = mqa.key_range %ranges {max_rows = 4 : i64}
      scf.for %j = %lo to %hi step %grid {
        %past = arith.subi %j, %lo : index
        %step = arith.divui %past, %grid : index
        %at = arith.index_cast %step : index to i32
        mqa.ring_put %ring[%at], %k : !ring, memref<?x128xf8E4M3FN>
        %0 = mqa.ring_get %ring[%at] : !ring -> !k
        // expected-error@+1 {{must be of the logits of an mqa.tile_logits}}
        mqa.store_logits %zero, %ranges first_key(%j) outs(%out : memref<?x?xf32>) : vector<4x32xf32>
        mqa.ring_release %ring[%at] : !ring
      }
    }
    gpu.return
  }
}

// -----

#at_1x4x4x16x1x128 = #mqa.staged<shape = [1, 4, 4, 16, 1, 128], dims = [0, 1, 0, 1, 0, 2], swizzle = 16>
#at_2x4x4x16x1x128 = #mqa.staged<shape = [2, 4, 4, 16, 1, 128], dims = [0, 1, 0, 1, 0, 2], swizzle = 16>
#at_32x128 = #mqa.staged<shape = [32, 128], dims = [0, 1], swizzle = 16>
#smem = #gpu.address_space<workgroup>
!ring = !mqa.ring<4, memref<32x128xf8E4M3FN, #at_32x128, #smem>>
!k = memref<32x128xf8E4M3FN, #at_32x128, #smem>
!q = memref<4x64x128xf8E4M3FN, #at_1x4x4x16x1x128, #smem>
!q2 = memref<8x64x128xf8E4M3FN, #at_2x4x4x16x1x128, #smem>
gpu.module @kernels {
  gpu.func @not_from_a_constant(%q: !q, %q2: !q2, %k: memref<?x128xf8E4M3FN>, %ks: memref<?xi32>, %ke: memref<?xi32>, %out: memref<?x?xf32>, %n: index, %p: i32, %any: vector<8x32xf32>) kernel attributes {known_block_size = array<i32: 384, 1, 1>} {
    %ranges = mqa.make_ranges %ks, %ke keys(%n) : memref<?xi32>, memref<?xi32>
    %ring = mqa.ring_create : !ring
    %block = gpu.block_id x
    %grid = gpu.grid_dim x
    scf.for %i = %block to %n step %grid {
      %lo, %hi = mqa.key_range %ranges {max_rows = 4 : i64}
      scf.for %j = %lo to %hi step %grid {
        // expected-error@+1 {{that carries tiles must begin with a constant that is the same for each key}}
        %last = scf.for %g = %lo to %hi step %grid iter_args(%before = %any) -> (vector<8x32xf32>) {
          mqa.ring_put %ring[%p], %k : !ring, memref<?x128xf8E4M3FN>
          %0 = mqa.ring_get %ring[%p] : !ring -> !k
          %l = mqa.tile_logits ins(%q2, %0, none, none : !q2, !k) onto(%before : vector<8x32xf32>) : vector<8x32xf32>
          mqa.ring_release %ring[%p] : !ring
          scf.yield %l : vector<8x32xf32>
        }
        mqa.store_logits %last, %ranges first_key(%j) outs(%out : memref<?x?xf32>) : vector<8x32xf32>
      }
    }
    gpu.return
  }
}

// -----

#at_1x4x4x16x1x128 = #mqa.staged<shape = [1, 4, 4, 16, 1, 128], dims = [0, 1, 0, 1, 0, 2], swizzle = 16>
#at_2x4x4x16x1x128 = #mqa.staged<shape = [2, 4, 4, 16, 1, 128], dims = [0, 1, 0, 1, 0, 2], swizzle = 16>
#at_32x128 = #mqa.staged<shape = [32, 128], dims = [0, 1], swizzle = 16>
#smem = #gpu.address_space<workgroup>
!ring = !mqa.ring<4, memref<32x128xf8E4M3FN, #at_32x128, #smem>>
!k = memref<32x128xf8E4M3FN, #at_32x128, #smem>
!q = memref<4x64x128xf8E4M3FN, #at_1x4x4x16x1x128, #smem>
!q2 = memref<8x64x128xf8E4M3FN, #at_2x4x4x16x1x128, #smem>
gpu.module @kernels {
  gpu.func @two_gets(%q: !q, %q2: !q2, %k: memref<?x128xf8E4M3FN>, %ks: memref<?xi32>, %ke: memref<?xi32>, %out: memref<?x?xf32>, %n: index, %p: i32) kernel attributes {known_block_size = array<i32: 384, 1, 1>} {
    %ranges = mqa.make_ranges %ks, %ke keys(%n) : memref<?xi32>, memref<?xi32>
    %ring = mqa.ring_create : !ring
    %block = gpu.block_id x
    %grid = gpu.grid_dim x
    scf.for %i = %block to %n step %grid {
      %lo, %hi = mqa.key_range %ranges {max_rows = 4 : i64}
      scf.for %j = %lo to %hi step %grid {
        %past = arith.subi %j, %lo : index
        %step = arith.divui %past, %grid : index
        %at = arith.index_cast %step : index to i32
        mqa.ring_put %ring[%at], %k : !ring, memref<?x128xf8E4M3FN>
        // expected-error@+1 {{is not the only one of its ring in an iteration, so that consumer groups cannot take turns}}
        %0 = mqa.ring_get %ring[%at] : !ring -> !k
        %l = mqa.tile_logits ins(%q, %0, none, none : !q, !k) : vector<4x32xf32>
        mqa.store_logits %l, %ranges first_key(%j) outs(%out : memref<?x?xf32>) : vector<4x32xf32>
        %1 = mqa.ring_get %ring[%at] : !ring -> !k
        %l2 = mqa.tile_logits ins(%q, %1, none, none : !q, !k) : vector<4x32xf32>
        mqa.store_logits %l2, %ranges first_key(%j) outs(%out : memref<?x?xf32>) : vector<4x32xf32>
        mqa.ring_release %ring[%at] : !ring
      }
    }
    gpu.return
  }
}

// -----

#at_1x4x4x16x1x128 = #mqa.staged<shape = [1, 4, 4, 16, 1, 128], dims = [0, 1, 0, 1, 0, 2], swizzle = 16>
#at_2x4x4x16x1x128 = #mqa.staged<shape = [2, 4, 4, 16, 1, 128], dims = [0, 1, 0, 1, 0, 2], swizzle = 16>
#at_32x128 = #mqa.staged<shape = [32, 128], dims = [0, 1], swizzle = 16>
#smem = #gpu.address_space<workgroup>
!ring = !mqa.ring<4, memref<32x128xf8E4M3FN, #at_32x128, #smem>>
!k = memref<32x128xf8E4M3FN, #at_32x128, #smem>
!q = memref<4x64x128xf8E4M3FN, #at_1x4x4x16x1x128, #smem>
!q2 = memref<8x64x128xf8E4M3FN, #at_2x4x4x16x1x128, #smem>
gpu.module @kernels {
  gpu.func @every_second(%q: !q, %q2: !q2, %k: memref<?x128xf8E4M3FN>, %ks: memref<?xi32>, %ke: memref<?xi32>, %out: memref<?x?xf32>, %n: index, %p: i32) kernel attributes {known_block_size = array<i32: 384, 1, 1>} {
    %ranges = mqa.make_ranges %ks, %ke keys(%n) : memref<?xi32>, memref<?xi32>
    %ring = mqa.ring_create : !ring
    %block = gpu.block_id x
    %grid = gpu.grid_dim x
    scf.for %i = %block to %n step %grid {
      %lo, %hi = mqa.key_range %ranges {max_rows = 4 : i64}
      scf.for %j = %lo to %hi step %grid {
        %past = arith.subi %j, %lo : index
        %step = arith.divui %past, %grid : index
        %at1 = arith.index_cast %step : index to i32
        %at = arith.addi %at1, %at1 : i32
        mqa.ring_put %ring[%at], %k : !ring, memref<?x128xf8E4M3FN>
        // expected-error@+1 {{position must follow from the loop's key, so that consumer groups can take turns}}
        %0 = mqa.ring_get %ring[%at] : !ring -> !k
        %l = mqa.tile_logits ins(%q, %0, none, none : !q, !k) : vector<4x32xf32>
        mqa.store_logits %l, %ranges first_key(%j) outs(%out : memref<?x?xf32>) : vector<4x32xf32>
        mqa.ring_release %ring[%at] : !ring
      }
    }
    gpu.return
  }
}

// -----

#at_1x4x4x16x1x128 = #mqa.staged<shape = [1, 4, 4, 16, 1, 128], dims = [0, 1, 0, 1, 0, 2], swizzle = 16>
#at_2x4x4x16x1x128 = #mqa.staged<shape = [2, 4, 4, 16, 1, 128], dims = [0, 1, 0, 1, 0, 2], swizzle = 16>
#at_32x128 = #mqa.staged<shape = [32, 128], dims = [0, 1], swizzle = 16>
#smem = #gpu.address_space<workgroup>
!ring = !mqa.ring<4, memref<32x128xf8E4M3FN, #at_32x128, #smem>>
!k = memref<32x128xf8E4M3FN, #at_32x128, #smem>
!q = memref<4x64x128xf8E4M3FN, #at_1x4x4x16x1x128, #smem>
!q2 = memref<8x64x128xf8E4M3FN, #at_2x4x4x16x1x128, #smem>
gpu.module @kernels {
  gpu.func @outside(%q: !q, %q2: !q2, %k: memref<?x128xf8E4M3FN>, %ks: memref<?xi32>, %ke: memref<?xi32>, %out: memref<?x?xf32>, %n: index, %p: i32) kernel attributes {known_block_size = array<i32: 256, 1, 1>} {
    %ranges = mqa.make_ranges %ks, %ke keys(%n) : memref<?xi32>, memref<?xi32>
    %ring = mqa.ring_create : !ring
    %block = gpu.block_id x
    %grid = gpu.grid_dim x
    // expected-error@+1 {{must be in the loop over rings to have a role}}
    mqa.ring_put %ring[%p], %k : !ring, memref<?x128xf8E4M3FN>
    scf.for %i = %block to %n step %grid {
      %lo, %hi = mqa.key_range %ranges {max_rows = 4 : i64}
      scf.for %j = %lo to %hi step %grid {
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

// -----

#at_1x4x4x16x1x128 = #mqa.staged<shape = [1, 4, 4, 16, 1, 128], dims = [0, 1, 0, 1, 0, 2], swizzle = 16>
#at_2x4x4x16x1x128 = #mqa.staged<shape = [2, 4, 4, 16, 1, 128], dims = [0, 1, 0, 1, 0, 2], swizzle = 16>
#at_32x128 = #mqa.staged<shape = [32, 128], dims = [0, 1], swizzle = 16>
#smem = #gpu.address_space<workgroup>
!ring = !mqa.ring<4, memref<32x128xf8E4M3FN, #at_32x128, #smem>>
!k = memref<32x128xf8E4M3FN, #at_32x128, #smem>
!q = memref<4x64x128xf8E4M3FN, #at_1x4x4x16x1x128, #smem>
!q2 = memref<8x64x128xf8E4M3FN, #at_2x4x4x16x1x128, #smem>
gpu.module @kernels {
  gpu.func @cleans_behind(%q: !q, %q2: !q2, %k: memref<?x128xf8E4M3FN>, %ks: memref<?xi32>, %ke: memref<?xi32>, %out: memref<?x?xf32>, %n: index, %p: i32) kernel attributes {known_block_size = array<i32: 256, 1, 1>} {
    %num_keys = arith.constant 4096 : index
    %ranges2 = mqa.make_ranges %ks, %ks keys(%num_keys) : memref<?xi32>, memref<?xi32>
    %ranges = mqa.make_ranges %ks, %ke keys(%n) : memref<?xi32>, memref<?xi32>
    %ring = mqa.ring_create : !ring
    %block = gpu.block_id x
    %grid = gpu.grid_dim x
    scf.for %i = %block to %n step %grid {
      %lo, %hi = mqa.key_range %ranges {max_rows = 4 : i64}
      scf.for %j = %lo to %hi step %grid {
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
    %length = memref.load %ke[%n] : memref<?xi32>
    %end = arith.index_cast %length : i32 to index
    // expected-error@+1 {{that cleans uses what is only computed behind the loop over rings}}
    scf.for %i = %block to %end step %grid {
      mqa.clean_rows %out, %ranges2 : memref<?x?xf32>
    }
    gpu.return
  }
}

// -----

#smem = #gpu.address_space<workgroup>
#keys = #mqa.staged<shape = [32, 128], dims = [0, 1], swizzle = 16>
#queries = #mqa.staged<shape = [2, 4, 4, 16, 1, 128], dims = [0, 1, 0, 1, 0, 2], swizzle = 16>
!k = memref<32x128xf8E4M3FN, #keys, #smem>
!ring = !mqa.ring<4, !k>
!q2 = memref<8x64x128xf8E4M3FN, #queries, #smem>
gpu.module @kernels {
  // Two groups of the queries of causal sequences: each has its rows of the ranges, and
  // another store has ranges of its own.
  // CHECK-LABEL: gpu.func @causal_groups
  // CHECK-DAG: %[[A:.*]] = mqa.make_ranges {{.*}} {next_n = 8 : i64}
  // CHECK-DAG: %[[B:.*]] = mqa.make_ranges {{.*}} : memref<8xi32>
  // CHECK: nvvm.setmaxregister increase
  // CHECK-DAG: %[[OWN_A:.*]] = mqa.narrow_ranges %[[A]][%{{.*}}] rows
  // CHECK-DAG: %[[OWN_B:.*]] = mqa.narrow_ranges %[[B]][%{{.*}}] rows
  // CHECK: mqa.store_logits %{{.*}}, %[[OWN_A]] first_key
  // CHECK: mqa.store_logits %{{.*}}, %[[OWN_B]] first_key
  // CHECK: nvvm.setmaxregister decrease
  gpu.func @causal_groups(%q2: !q2, %k: memref<?x128xf8E4M3FN>, %lens: memref<?xi32>, %ke: memref<8xi32>, %out: memref<?x?xf32>, %n: index) kernel attributes {known_block_size = array<i32: 384, 1, 1>} {
    %a = mqa.make_ranges none, %lens keys(%n) {next_n = 8} : memref<?xi32>
    %b = mqa.make_ranges none, %ke keys(%n) : memref<8xi32>
    %ring = mqa.ring_create : !ring
    %block = gpu.block_id x
    %grid = gpu.grid_dim x
    scf.for %i = %block to %n step %grid {
      %lo, %hi = mqa.key_range %a {max_rows = 8}
      scf.for %j = %lo to %hi step %grid {
        %past = arith.subi %j, %lo : index
        %step = arith.divui %past, %grid : index
        %at = arith.index_cast %step : index to i32
        mqa.ring_put %ring[%at], %k : !ring, memref<?x128xf8E4M3FN>
        %0 = mqa.ring_get %ring[%at] : !ring -> !k
        %l = mqa.tile_logits ins(%q2, %0, none, none : !q2, !k) : vector<8x32xf32>
        mqa.store_logits %l, %a first_key(%j) outs(%out : memref<?x?xf32>) : vector<8x32xf32>
        mqa.store_logits %l, %b first_key(%j) outs(%out : memref<?x?xf32>) : vector<8x32xf32>
        mqa.ring_release %ring[%at] : !ring
      }
    }
    gpu.return
  }
}
