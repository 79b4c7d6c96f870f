// RUN: mqa-opt %s --pass-pipeline='builtin.module(mqa-attach-target,gpu.module(gpu.func(mqa-specialize-warps)))' --allow-unregistered-dialect --split-input-file --verify-diagnostics | FileCheck %s

// What changes places, or is counted, when warps get roles and take turns.

#at_1x4x4x16x1x128 = #mqa.staged<shape = [1, 4, 4, 16, 1, 128], dims = [0, 1, 0, 1, 0, 2], swizzle = 16>
#at_32x128 = #mqa.staged<shape = [32, 128], dims = [0, 1], swizzle = 16>
#smem = #gpu.address_space<workgroup>
!ring = !mqa.ring<4, memref<32x128xf8E4M3FN, #at_32x128, #smem>>
!k = memref<32x128xf8E4M3FN, #at_32x128, #smem>
!q = memref<4x64x128xf8E4M3FN, #at_1x4x4x16x1x128, #smem>
!w = memref<4x64xf32, #smem>
!qring = !mqa.ring<2, memref<4x64x128xf8E4M3FN, #at_1x4x4x16x1x128, #smem>, memref<4x64xf32, #smem>>
!qs = memref<4x64x128xf8E4M3FN, #at_1x4x4x16x1x128, #smem>
!ws = memref<4x64xf32, strided<[64, 1], offset: ?>, #smem>
gpu.module @kernels {
  gpu.func @written_between(%q: !q, %k: memref<?x128xf8E4M3FN>, %ks: memref<?xi32>, %ke: memref<?xi32>, %out: memref<?x?xf32>, %n: index, %p: i32) kernel attributes {known_block_size = array<i32: 256, 1, 1>} {
    %num_keys = arith.constant 4096 : index
    %ranges2 = mqa.make_ranges %ks, %ks keys(%num_keys) : memref<?xi32>, memref<?xi32>
    %ranges = mqa.make_ranges %ks, %ke keys(%n) : memref<?xi32>, memref<?xi32>
    %c0_i32 = arith.constant 0 : i32
    %c1_i32 = arith.constant 1 : i32
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
    // expected-note@+1 {{this}}
    memref.store %p, %ke[%n] : memref<?xi32>
    // expected-error@+1 {{that cleans would change places with what may do more than compute and read}}
    scf.for %i = %block to %n step %grid {
      mqa.clean_rows %out, %ranges2 : memref<?x?xf32>
    }
    gpu.return
  }
}

// -----

#at_1x4x4x16x1x128 = #mqa.staged<shape = [1, 4, 4, 16, 1, 128], dims = [0, 1, 0, 1, 0, 2], swizzle = 16>
#at_32x128 = #mqa.staged<shape = [32, 128], dims = [0, 1], swizzle = 16>
#smem = #gpu.address_space<workgroup>
!ring = !mqa.ring<4, memref<32x128xf8E4M3FN, #at_32x128, #smem>>
!k = memref<32x128xf8E4M3FN, #at_32x128, #smem>
!q = memref<4x64x128xf8E4M3FN, #at_1x4x4x16x1x128, #smem>
!w = memref<4x64xf32, #smem>
!qring = !mqa.ring<2, memref<4x64x128xf8E4M3FN, #at_1x4x4x16x1x128, #smem>, memref<4x64xf32, #smem>>
!qs = memref<4x64x128xf8E4M3FN, #at_1x4x4x16x1x128, #smem>
!ws = memref<4x64xf32, strided<[64, 1], offset: ?>, #smem>
gpu.module @kernels {
  gpu.func @barrier_between(%q: !q, %k: memref<?x128xf8E4M3FN>, %ks: memref<?xi32>, %ke: memref<?xi32>, %out: memref<?x?xf32>, %n: index, %p: i32, %c: i1) kernel attributes {known_block_size = array<i32: 256, 1, 1>} {
    %ranges2 = mqa.make_ranges %ks, %ke keys(%n) : memref<?xi32>, memref<?xi32>
    %num_keys = arith.constant 4096 : index
    %ranges = mqa.make_ranges %ks, %ks keys(%num_keys) : memref<?xi32>, memref<?xi32>
    %c0_i32 = arith.constant 0 : i32
    %c1_i32 = arith.constant 1 : i32
    %ring = mqa.ring_create : !ring
    %block = gpu.block_id x
    %grid = gpu.grid_dim x
    // expected-error@+1 {{that cleans would change places with what may do more than compute and read}}
    scf.for %i = %block to %n step %grid {
      mqa.clean_rows %out, %ranges : memref<?x?xf32>
    }
    scf.if %c {
      gpu.barrier
    // expected-note@-2 {{this}}
    }
    scf.for %i = %block to %n step %grid {
      %lo, %hi = mqa.key_range %ranges2 {max_rows = 4 : i64}
      scf.for %j = %lo to %hi step %grid {
        %past = arith.subi %j, %lo : index
        %step = arith.divui %past, %grid : index
        %at = arith.index_cast %step : index to i32
        mqa.ring_put %ring[%at], %k : !ring, memref<?x128xf8E4M3FN>
        %0 = mqa.ring_get %ring[%at] : !ring -> !k
        %l = mqa.tile_logits ins(%q, %0, none, none : !q, !k) : vector<4x32xf32>
        mqa.store_logits %l, %ranges2 first_key(%j) outs(%out : memref<?x?xf32>) : vector<4x32xf32>
        mqa.ring_release %ring[%at] : !ring
      }
    }
    gpu.return
  }
}

// -----

#at_1x4x4x16x1x128 = #mqa.staged<shape = [1, 4, 4, 16, 1, 128], dims = [0, 1, 0, 1, 0, 2], swizzle = 16>
#at_32x128 = #mqa.staged<shape = [32, 128], dims = [0, 1], swizzle = 16>
#smem = #gpu.address_space<workgroup>
!ring = !mqa.ring<4, memref<32x128xf8E4M3FN, #at_32x128, #smem>>
!k = memref<32x128xf8E4M3FN, #at_32x128, #smem>
!q = memref<4x64x128xf8E4M3FN, #at_1x4x4x16x1x128, #smem>
!w = memref<4x64xf32, #smem>
!qring = !mqa.ring<2, memref<4x64x128xf8E4M3FN, #at_1x4x4x16x1x128, #smem>, memref<4x64xf32, #smem>>
!qs = memref<4x64x128xf8E4M3FN, #at_1x4x4x16x1x128, #smem>
!ws = memref<4x64xf32, strided<[64, 1], offset: ?>, #smem>
gpu.module @kernels {
  // Without anything to clean, what comes behind the loop is done by all as before.
  // CHECK-LABEL: gpu.func @read_between
  // CHECK: mqa.ring_put
  // CHECK: memref.load
  // CHECK: memref.store
  gpu.func @read_between(%q: !q, %k: memref<?x128xf8E4M3FN>, %ks: memref<?xi32>, %ke: memref<?xi32>, %out: memref<?x?xf32>, %n: index, %p: i32) kernel attributes {known_block_size = array<i32: 256, 1, 1>} {
    %ranges = mqa.make_ranges %ks, %ke keys(%n) : memref<?xi32>, memref<?xi32>
    %c0_i32 = arith.constant 0 : i32
    %c1_i32 = arith.constant 1 : i32
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
    memref.store %length, %ke[%n] : memref<?xi32>
    gpu.return
  }
}

// -----

#at_1x4x4x16x1x128 = #mqa.staged<shape = [1, 4, 4, 16, 1, 128], dims = [0, 1, 0, 1, 0, 2], swizzle = 16>
#at_32x128 = #mqa.staged<shape = [32, 128], dims = [0, 1], swizzle = 16>
#smem = #gpu.address_space<workgroup>
!ring = !mqa.ring<4, memref<32x128xf8E4M3FN, #at_32x128, #smem>>
!k = memref<32x128xf8E4M3FN, #at_32x128, #smem>
!q = memref<4x64x128xf8E4M3FN, #at_1x4x4x16x1x128, #smem>
!w = memref<4x64xf32, #smem>
!qring = !mqa.ring<2, memref<4x64x128xf8E4M3FN, #at_1x4x4x16x1x128, #smem>, memref<4x64xf32, #smem>>
!qs = memref<4x64x128xf8E4M3FN, #at_1x4x4x16x1x128, #smem>
!ws = memref<4x64xf32, strided<[64, 1], offset: ?>, #smem>
gpu.module @kernels {
  gpu.func @released_outside(%q: !q, %k: memref<?x128xf8E4M3FN>, %ks: memref<?xi32>, %ke: memref<?xi32>, %out: memref<?x?xf32>, %n: index, %p: i32) kernel attributes {known_block_size = array<i32: 384, 1, 1>} {
    %ranges = mqa.make_ranges %ks, %ke keys(%n) : memref<?xi32>, memref<?xi32>
    %c0_i32 = arith.constant 0 : i32
    %c1_i32 = arith.constant 1 : i32
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
        // expected-note@+1 {{one is got here}}
        %0 = mqa.ring_get %ring[%at] : !ring -> !k
        %l = mqa.tile_logits ins(%q, %0, none, none : !q, !k) : vector<4x32xf32>
        mqa.store_logits %l, %ranges first_key(%j) outs(%out : memref<?x?xf32>) : vector<4x32xf32>
      }
      // expected-error@+1 {{must be in the loop that gets the slots of its ring, so that consumer groups can take turns}}
      mqa.ring_release %ring[%p] : !ring
    }
    gpu.return
  }
}

// -----

#at_1x4x4x16x1x128 = #mqa.staged<shape = [1, 4, 4, 16, 1, 128], dims = [0, 1, 0, 1, 0, 2], swizzle = 16>
#at_32x128 = #mqa.staged<shape = [32, 128], dims = [0, 1], swizzle = 16>
#smem = #gpu.address_space<workgroup>
!ring = !mqa.ring<4, memref<32x128xf8E4M3FN, #at_32x128, #smem>>
!k = memref<32x128xf8E4M3FN, #at_32x128, #smem>
!q = memref<4x64x128xf8E4M3FN, #at_1x4x4x16x1x128, #smem>
!w = memref<4x64xf32, #smem>
!qring = !mqa.ring<2, memref<4x64x128xf8E4M3FN, #at_1x4x4x16x1x128, #smem>, memref<4x64xf32, #smem>>
!qs = memref<4x64x128xf8E4M3FN, #at_1x4x4x16x1x128, #smem>
!ws = memref<4x64xf32, strided<[64, 1], offset: ?>, #smem>
gpu.module @kernels {
  gpu.func @fit_in_turns(%q: !q, %k: memref<?x128xf8E4M3FN>, %ks: memref<?xi32>, %ke: memref<?xi32>, %out: memref<?x?xf32>, %n: index, %p: i32, %qg: memref<?x64x128xf8E4M3FN>, %wg: memref<?x64xf32>) kernel attributes {known_block_size = array<i32: 384, 1, 1>} {
    %ranges = mqa.make_ranges %ks, %ke keys(%n) : memref<?xi32>, memref<?xi32>
    %c0_i32 = arith.constant 0 : i32
    %c1_i32 = arith.constant 1 : i32
    %ring = mqa.ring_create : !ring
    %block = gpu.block_id x
    %grid = gpu.grid_dim x
    %queries = mqa.ring_create : !qring
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
        mqa.ring_put %queries[%at], %qg, %wg : !qring, memref<?x64x128xf8E4M3FN>, memref<?x64xf32>
        %qs, %ws = mqa.ring_get %queries[%at] : !qring -> !qs, !ws
        // expected-error@+1 {{is of all consumer groups, and must not be in a loop that they take turns at}}
        %f = mqa.fit_queries %qs, %ws : !qs, !ws -> memref<2x4xf32, #smem>
        %l2 = mqa.tile_logits ins(%qs, %0, none, %ws : !qs, !k, !ws) factors(%f : memref<2x4xf32, #smem>) {reduction = #mqa.reduction<f16>} : vector<4x32xf32>
        mqa.store_logits %l2, %ranges first_key(%j) outs(%out : memref<?x?xf32>) : vector<4x32xf32>
        mqa.ring_release %queries[%at] : !qring
      }
    }
    gpu.return
  }
}

// -----

// The rings' slots would go to other groups than the loop's iterations.

#at_1x4x4x16x1x128 = #mqa.staged<shape = [1, 4, 4, 16, 1, 128], dims = [0, 1, 0, 1, 0, 2], swizzle = 16>
#at_32x128 = #mqa.staged<shape = [32, 128], dims = [0, 1], swizzle = 16>
#smem = #gpu.address_space<workgroup>
!ring = !mqa.ring<4, memref<32x128xf8E4M3FN, #at_32x128, #smem>>
!k = memref<32x128xf8E4M3FN, #at_32x128, #smem>
!q = memref<4x64x128xf8E4M3FN, #at_1x4x4x16x1x128, #smem>
!w = memref<4x64xf32, #smem>
!qring = !mqa.ring<2, memref<4x64x128xf8E4M3FN, #at_1x4x4x16x1x128, #smem>, memref<4x64xf32, #smem>>
!qs = memref<4x64x128xf8E4M3FN, #at_1x4x4x16x1x128, #smem>
!ws = memref<4x64xf32, strided<[64, 1], offset: ?>, #smem>
gpu.module @kernels {
  gpu.func @other_position(%q: !q, %k: memref<?x128xf8E4M3FN>, %ks: memref<?xi32>, %ke: memref<?xi32>, %out: memref<?x?xf32>, %n: index, %p: i32, %other: i32) kernel attributes {known_block_size = array<i32: 384, 1, 1>} {
    %ranges = mqa.make_ranges %ks, %ke keys(%n) : memref<?xi32>, memref<?xi32>
    %c0_i32 = arith.constant 0 : i32
    %c1_i32 = arith.constant 1 : i32
    %ring = mqa.ring_create : !ring
    %block = gpu.block_id x
    %grid = gpu.grid_dim x
    %second = mqa.ring_create : !ring
    scf.for %i = %block to %n step %grid {
      %lo, %hi = mqa.key_range %ranges {max_rows = 4 : i64}
      scf.for %j = %lo to %hi step %grid {
        %past = arith.subi %j, %lo : index
        %step = arith.divui %past, %grid : index
        %at = arith.index_cast %step : index to i32
        mqa.ring_put %ring[%at], %k : !ring, memref<?x128xf8E4M3FN>
        // expected-error@+1 {{position must be that of the loop's other rings, so that consumer groups can take turns}}
        %0 = mqa.ring_get %ring[%at] : !ring -> !k
        %l = mqa.tile_logits ins(%q, %0, none, none : !q, !k) : vector<4x32xf32>
        mqa.store_logits %l, %ranges first_key(%j) outs(%out : memref<?x?xf32>) : vector<4x32xf32>
        mqa.ring_release %ring[%at] : !ring
        %at2 = arith.addi %at, %other : i32
        mqa.ring_put %second[%at2], %k : !ring, memref<?x128xf8E4M3FN>
        %1 = mqa.ring_get %second[%at2] : !ring -> !k
        %l2 = mqa.tile_logits ins(%q, %1, none, none : !q, !k) : vector<4x32xf32>
        mqa.store_logits %l2, %ranges first_key(%j) outs(%out : memref<?x?xf32>) : vector<4x32xf32>
        mqa.ring_release %second[%at2] : !ring
      }
    }
    gpu.return
  }
}

// -----

#at_1x4x4x16x1x128 = #mqa.staged<shape = [1, 4, 4, 16, 1, 128], dims = [0, 1, 0, 1, 0, 2], swizzle = 16>
#at_32x128 = #mqa.staged<shape = [32, 128], dims = [0, 1], swizzle = 16>
#smem = #gpu.address_space<workgroup>
!ring = !mqa.ring<4, memref<32x128xf8E4M3FN, #at_32x128, #smem>>
!k = memref<32x128xf8E4M3FN, #at_32x128, #smem>
!q = memref<4x64x128xf8E4M3FN, #at_1x4x4x16x1x128, #smem>
!w = memref<4x64xf32, #smem>
!qring = !mqa.ring<2, memref<4x64x128xf8E4M3FN, #at_1x4x4x16x1x128, #smem>, memref<4x64xf32, #smem>>
!qs = memref<4x64x128xf8E4M3FN, #at_1x4x4x16x1x128, #smem>
!ws = memref<4x64xf32, strided<[64, 1], offset: ?>, #smem>
gpu.module @kernels {
  // Two rings whose positions are counted apart, but alike.
  // CHECK-LABEL: gpu.func @same_positions
  // CHECK: mqa.ring_create {consumers = 4 : i64, turns = 2 : i64}
  // CHECK: mqa.ring_create {consumers = 4 : i64, turns = 2 : i64}
  gpu.func @same_positions(%q: !q, %k: memref<?x128xf8E4M3FN>, %ks: memref<?xi32>, %ke: memref<?xi32>, %out: memref<?x?xf32>, %n: index, %p: i32) kernel attributes {known_block_size = array<i32: 384, 1, 1>} {
    %ranges = mqa.make_ranges %ks, %ke keys(%n) : memref<?xi32>, memref<?xi32>
    %c0_i32 = arith.constant 0 : i32
    %zero = arith.constant 0 : i32
    %c1_i32 = arith.constant 1 : i32
    %ring = mqa.ring_create : !ring
    %second = mqa.ring_create : !ring
    %block = gpu.block_id x
    %grid = gpu.grid_dim x
    %last:2 = scf.for %i = %block to %n step %grid iter_args(%a = %c0_i32, %b = %zero) -> (i32, i32) {
      %lo, %hi = mqa.key_range %ranges {max_rows = 4 : i64}
      scf.for %j = %lo to %hi step %grid {
        %past = arith.subi %j, %lo : index
        %step = arith.divui %past, %grid : index
        %done = arith.index_cast %step : index to i32
        %at = arith.addi %a, %done : i32
        %at2 = arith.addi %b, %done : i32
        mqa.ring_put %ring[%at], %k : !ring, memref<?x128xf8E4M3FN>
        mqa.ring_put %second[%at2], %k : !ring, memref<?x128xf8E4M3FN>
        %0 = mqa.ring_get %ring[%at] : !ring -> !k
        %1 = mqa.ring_get %second[%at2] : !ring -> !k
        %l = mqa.tile_logits ins(%q, %0, none, none : !q, !k) : vector<4x32xf32>
        %l2 = mqa.tile_logits ins(%q, %1, none, none : !q, !k) onto(%l : vector<4x32xf32>) : vector<4x32xf32>
        mqa.store_logits %l2, %ranges first_key(%j) outs(%out : memref<?x?xf32>) : vector<4x32xf32>
        mqa.ring_release %ring[%at] : !ring
        mqa.ring_release %second[%at2] : !ring
      }
      %size = arith.subi %hi, %lo : index
      %size2 = arith.subi %hi, %lo : index
      %count = arith.index_cast %size : index to i32
      %count2 = arith.index_cast %size2 : index to i32
      %next = arith.addi %a, %count : i32
      %next2 = arith.addi %b, %count2 : i32
      scf.yield %next, %next2 : i32, i32
    }
    gpu.return
  }
}

// -----

// A loop that is found is one at the top.

#at_1x4x4x16x1x128 = #mqa.staged<shape = [1, 4, 4, 16, 1, 128], dims = [0, 1, 0, 1, 0, 2], swizzle = 16>
#at_32x128 = #mqa.staged<shape = [32, 128], dims = [0, 1], swizzle = 16>
#smem = #gpu.address_space<workgroup>
!ring = !mqa.ring<4, memref<32x128xf8E4M3FN, #at_32x128, #smem>>
!k = memref<32x128xf8E4M3FN, #at_32x128, #smem>
!q = memref<4x64x128xf8E4M3FN, #at_1x4x4x16x1x128, #smem>
!w = memref<4x64xf32, #smem>
!qring = !mqa.ring<2, memref<4x64x128xf8E4M3FN, #at_1x4x4x16x1x128, #smem>, memref<4x64xf32, #smem>>
!qs = memref<4x64x128xf8E4M3FN, #at_1x4x4x16x1x128, #smem>
!ws = memref<4x64xf32, strided<[64, 1], offset: ?>, #smem>
gpu.module @kernels {
  gpu.func @nested_loop(%q: !q, %k: memref<?x128xf8E4M3FN>, %ks: memref<?xi32>, %ke: memref<?xi32>, %out: memref<?x?xf32>, %n: index, %p: i32, %c: i1) kernel attributes {known_block_size = array<i32: 256, 1, 1>} {
    %ranges = mqa.make_ranges %ks, %ke keys(%n) : memref<?xi32>, memref<?xi32>
    %ring = mqa.ring_create : !ring
    %block = gpu.block_id x
    %grid = gpu.grid_dim x
    scf.if %c {
    // expected-error@+3 {{over rings must be at the top of the kernel, so that warps can get roles}}
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
    }
    gpu.return
  }
}
