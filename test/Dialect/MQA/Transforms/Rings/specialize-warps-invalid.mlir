// RUN: mqa-opt %s --pass-pipeline='builtin.module(mqa-attach-target,gpu.module(gpu.func(mqa-specialize-warps)))' --split-input-file --verify-diagnostics

!ring = !mqa.ring<4, memref<128xf32, #gpu.address_space<workgroup>>>
gpu.module @kernels {
  // expected-error@+1 {{needs a 'known_block_size' of groups of 128 threads: one or more for consumers, one for producers}}
  gpu.func @f(%s: memref<?xf32>, %n: index, %p: i32) kernel {
    %ring = mqa.ring_create : !ring
    scf.for %i = %n to %n step %n {
      mqa.ring_put %ring[%p], %s : !ring, memref<?xf32>
    }
    gpu.return
  }
}

// -----

!ring = !mqa.ring<4, memref<128xf32, #gpu.address_space<workgroup>>>
gpu.module @kernels {
  // expected-error@+1 {{has more than one loop over rings, or that cleans}}
  gpu.func @f(%s: memref<?xf32>, %n: index, %p: i32) kernel attributes {known_block_size = array<i32: 384, 1, 1>} {
    %ring = mqa.ring_create : !ring
    scf.for %i = %n to %n step %n {
      mqa.ring_put %ring[%p], %s : !ring, memref<?xf32>
    }
    scf.for %i = %n to %n step %n {
      mqa.ring_put %ring[%p], %s : !ring, memref<?xf32>
    }
    gpu.return
  }
}

// -----

!ring = !mqa.ring<4, memref<128xf32, #gpu.address_space<workgroup>>>
gpu.module @kernels {
  // expected-error@+1 {{reads a result of the loop over rings}}
  gpu.func @f(%s: memref<?xf32>, %n: index, %p: i32) kernel attributes {known_block_size = array<i32: 384, 1, 1>} {
    %ring = mqa.ring_create : !ring
    %r = scf.for %i = %n to %n step %n iter_args(%q = %p) -> (i32) {
      mqa.ring_put %ring[%q], %s : !ring, memref<?xf32>
      scf.yield %q : i32
    }
    mqa.ring_release %ring[%r] : !ring
    gpu.return
  }
}

// -----

#at_2x4x4x16x1x128 = #mqa.staged<shape = [2, 4, 4, 16, 1, 128], dims = [0, 1, 0, 1, 0, 2], swizzle = 16>
#at_32x128 = #mqa.staged<shape = [32, 128], dims = [0, 1], swizzle = 16>
#smem = #gpu.address_space<workgroup>
!ring = !mqa.ring<4, memref<128xf32, #smem>>
gpu.module @kernels {
  gpu.func @f(%q: memref<8x64x128xf8E4M3FN, #at_2x4x4x16x1x128, #smem>, %k: memref<32x128xf8E4M3FN, #at_32x128, #smem>, %s: memref<?xf32>, %n: index, %p: i32) kernel attributes {known_block_size = array<i32: 512, 1, 1>} {
    %ring = mqa.ring_create : !ring
    scf.for %i = %n to %n step %n {
      mqa.ring_put %ring[%p], %s : !ring, memref<?xf32>
      // expected-error@+1 {{has 2 groups of queries, but 3 consumer groups cannot share them evenly}}
      %logits = mqa.tile_logits ins(%q, %k, none, none : memref<8x64x128xf8E4M3FN, #at_2x4x4x16x1x128, #smem>, memref<32x128xf8E4M3FN, #at_32x128, #smem>) : vector<8x32xf32>
    }
    gpu.return
  }
}

// -----

#at_1x4x4x16x1x128 = #mqa.staged<shape = [1, 4, 4, 16, 1, 128], dims = [0, 1, 0, 1, 0, 2], swizzle = 16>
#at_1x8x4x8x2x128 = #mqa.staged<shape = [1, 8, 4, 8, 2, 128], dims = [0, 1, 0, 1, 0, 2], swizzle = 16>
#at_32x128 = #mqa.staged<shape = [32, 128], dims = [0, 1], swizzle = 16>
#smem = #gpu.address_space<workgroup>
!ring = !mqa.ring<4, memref<128xf32, #smem>>
gpu.module @kernels {
  gpu.func @f(%q: memref<4x64x128xf8E4M3FN, #at_1x4x4x16x1x128, #smem>, %q8: memref<8x64x128xf8E4M3FN, #at_1x8x4x8x2x128, #smem>, %k: memref<32x128xf8E4M3FN, #at_32x128, #smem>, %s: memref<?xf32>, %n: index, %p: i32) kernel attributes {known_block_size = array<i32: 256, 1, 1>} {
    %ring = mqa.ring_create : !ring
    scf.for %i = %n to %n step %n {
      mqa.ring_put %ring[%p], %s : !ring, memref<?xf32>
      %l = mqa.tile_logits ins(%q, %k, none, none : memref<4x64x128xf8E4M3FN, #at_1x4x4x16x1x128, #smem>, memref<32x128xf8E4M3FN, #at_32x128, #smem>) : vector<4x32xf32>
      // expected-error@+1 {{has 1 x 8 queries, but another tile of the kernel 1 x 4}}
      %l8 = mqa.tile_logits ins(%q8, %k, none, none : memref<8x64x128xf8E4M3FN, #at_1x8x4x8x2x128, #smem>, memref<32x128xf8E4M3FN, #at_32x128, #smem>) : vector<8x32xf32>
    }
    gpu.return
  }
}

// -----

!ring = !mqa.ring<4, memref<32xf32, #gpu.address_space<workgroup>>>
gpu.module @kernels {
  gpu.func @f(%s: memref<?xf32>, %n: index, %p: i32) kernel attributes {known_block_size = array<i32: 384, 1, 1>} {
    %ring = mqa.ring_create : !ring
    scf.for %i = %n to %n step %n {
      scf.for %j = %n to %n step %n iter_args(%q = %p) -> (i32) {
        mqa.ring_put %ring[%q], %s : !ring, memref<?xf32>
        // expected-error@+1 {{position must follow from the loop's key, so that consumer groups can take turns}}
        %t = mqa.ring_get %ring[%q] : !ring -> memref<32xf32, #gpu.address_space<workgroup>>
        scf.yield %q : i32
      }
    }
    gpu.return
  }
}

// -----

!ring = !mqa.ring<4, memref<128xf32, #gpu.address_space<workgroup>>>
gpu.module @kernels {
  gpu.func @f(%s: memref<?xf32>, %out: memref<?xf32>, %v: f32, %n: index, %p: i32) kernel attributes {known_block_size = array<i32: 256, 1, 1>} {
    %ring = mqa.ring_create : !ring
    scf.for %i = %n to %n step %n {
      mqa.ring_put %ring[%p], %s : !ring, memref<?xf32>
      // expected-error@+1 {{'memref.store' op is of no role, and may do more than compute and read: not every role may execute it}}
      memref.store %v, %out[%i] : memref<?xf32>
    }
    gpu.return
  }
}

// -----

// Groups that take turns come to it in different iterations.
#at_1x4x4x16x1x128 = #mqa.staged<shape = [1, 4, 4, 16, 1, 128], dims = [0, 1, 0, 1, 0, 2], swizzle = 16>
#at_32x128 = #mqa.staged<shape = [32, 128], dims = [0, 1], swizzle = 16>
#smem = #gpu.address_space<workgroup>
!ring = !mqa.ring<4, memref<32x128xf8E4M3FN, #at_32x128, #smem>>
!k = memref<32x128xf8E4M3FN, #at_32x128, #smem>
!q = memref<4x64x128xf8E4M3FN, #at_1x4x4x16x1x128, #smem>
gpu.module @kernels {
  gpu.func @f(%q: !q, %k: memref<?x128xf8E4M3FN>, %ks: memref<?xi32>, %ke: memref<?xi32>, %n: index, %out: memref<?x?xf32>) kernel attributes {known_block_size = array<i32: 384, 1, 1>} {
    %ranges = mqa.make_ranges %ks, %ke keys(%n) : memref<?xi32>, memref<?xi32>
    %ring = mqa.ring_create : !ring
    %block = gpu.block_id x
    %grid = gpu.grid_dim x
    scf.for %i = %block to %n step %grid {
      %lo, %hi = mqa.key_range %ranges {max_rows = 4 : i64}
      scf.for %j = %lo to %hi step %grid {
        // expected-error@+1 {{is of all consumer groups, and needs 'meeting' in a loop that they take turns at}}
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
