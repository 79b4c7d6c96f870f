// RUN: mqa-opt %s --pass-pipeline='builtin.module(mqa-attach-target,gpu.module(gpu.func(mqa-specialize-warps)))' --split-input-file --verify-diagnostics

#smem = #gpu.address_space<workgroup>
#queries = #mqa.staged<shape = [1, 4, 4, 16, 1, 64], dims = [0, 1, 0, 1, 0, 2], swizzle = 8>
#rows = #mqa.staged<shape = [32, 64], dims = [0, 1], swizzle = 8>
!raw = !mqa.ring<4, memref<32x64xbf16, #smem>>
!from = memref<32x64xbf16, strided<[64, 1], offset: ?>, #smem>
!keys = !mqa.ring<4, memref<32x64xf16, #rows, #smem>>
!into = memref<32x64xf16, #rows, #smem>
!q = memref<4x64x64xf16, #queries, #smem>
gpu.module @kernels {
  gpu.func @f(%q: !q, %k: memref<?x64xbf16>, %ke: memref<?xi32>, %out: memref<?x?xf32>, %n: index, %p: i32) kernel attributes {known_block_size = array<i32: 384, 1, 1>} {
    %ranges = mqa.make_ranges none, %ke keys(%n) : memref<?xi32>
    %zero = arith.constant 0.0 : f32
    %c0 = arith.constant 0 : index
    %c1 = arith.constant 1 : index
    %c32 = arith.constant 32 : index
    %c64 = arith.constant 64 : index
    %raw = mqa.ring_create {reader = #mqa.role<converter>} : !raw
    %keys = mqa.ring_create {filler = #mqa.role<converter>} : !keys
    %block = gpu.block_id x
    %grid = gpu.grid_dim x
    scf.for %i = %block to %n step %grid {
      scf.for %j = %c0 to %n step %c1 {
        %at = arith.index_cast %j : index to i32
        // expected-error@+1 {{waits for a slot that is only filled behind it}}
        %from = mqa.ring_get %raw[%at] : !raw -> !from
        // expected-note@+1 {{here}}
        mqa.ring_put %raw[%at], %k : !raw, memref<?x64xbf16>
        %into = mqa.ring_acquire %keys[%at] : !keys -> !into
        scf.forall (%r, %c) in (32, 64) {
          %v = memref.load %from[%r, %c] : !from
          %f = arith.extf %v : bf16 to f32
          %h = arith.truncf %f : f32 to f16
          memref.store %h, %into[%r, %c] : !into
        }
        mqa.ring_release %raw[%at] : !raw
        mqa.ring_commit %keys[%at] : !keys
        %t = mqa.ring_get %keys[%at] : !keys -> !into
        %l = mqa.tile_logits ins(%q, %t, none, none : !q, !into) : vector<4x32xf32>
        mqa.store_logits %l, %ranges first_key(%j) outs(%out : memref<?x?xf32>) : vector<4x32xf32>
        mqa.ring_release %keys[%at] : !keys
      }
    }
    gpu.return
  }
}

// -----

#smem = #gpu.address_space<workgroup>
#queries = #mqa.staged<shape = [1, 4, 4, 16, 1, 64], dims = [0, 1, 0, 1, 0, 2], swizzle = 8>
#rows = #mqa.staged<shape = [32, 64], dims = [0, 1], swizzle = 8>
!raw = !mqa.ring<4, memref<32x64xbf16, #smem>>
!from = memref<32x64xbf16, strided<[64, 1], offset: ?>, #smem>
!keys = !mqa.ring<4, memref<32x64xf16, #rows, #smem>>
!into = memref<32x64xf16, #rows, #smem>
!q = memref<4x64x64xf16, #queries, #smem>
gpu.module @kernels {
  gpu.func @f(%q: !q, %k: memref<?x64xbf16>, %ke: memref<?xi32>, %out: memref<?x?xf32>, %n: index, %p: i32) kernel attributes {known_block_size = array<i32: 384, 1, 1>} {
    %ranges = mqa.make_ranges none, %ke keys(%n) : memref<?xi32>
    %zero = arith.constant 0.0 : f32
    %c0 = arith.constant 0 : index
    %c1 = arith.constant 1 : index
    %c32 = arith.constant 32 : index
    %c64 = arith.constant 64 : index
    %raw = mqa.ring_create {reader = #mqa.role<converter>} : !raw
    %keys = mqa.ring_create {filler = #mqa.role<converter>} : !keys
    %block = gpu.block_id x
    %grid = gpu.grid_dim x
    scf.for %i = %block to %n step %grid {
      scf.for %j = %c0 to %n step %c1 {
        %at = arith.index_cast %j : index to i32
        mqa.ring_put %raw[%at], %k : !raw, memref<?x64xbf16>
        %from = mqa.ring_get %raw[%at] : !raw -> !from
        %into = mqa.ring_acquire %keys[%at] : !keys -> !into
        scf.forall (%r, %c) in (32, 64) {
          %v = memref.load %from[%r, %c] : !from
          %f = arith.extf %v : bf16 to f32
          %h = arith.truncf %f : f32 to f16
          memref.store %h, %into[%r, %c] : !into
        }
        mqa.ring_release %raw[%at] : !raw
        // expected-error@+1 {{waits for a slot that is only filled behind it}}
        %early = mqa.ring_get %keys[%at] : !keys -> !into
        // expected-note@+1 {{here}}
        mqa.ring_commit %keys[%at] : !keys
        %t = mqa.ring_get %keys[%at] : !keys -> !into
        %l = mqa.tile_logits ins(%q, %t, none, none : !q, !into) : vector<4x32xf32>
        mqa.store_logits %l, %ranges first_key(%j) outs(%out : memref<?x?xf32>) : vector<4x32xf32>
        mqa.ring_release %keys[%at] : !keys
      }
    }
    gpu.return
  }
}

// -----

#smem = #gpu.address_space<workgroup>
#queries = #mqa.staged<shape = [1, 4, 4, 16, 1, 64], dims = [0, 1, 0, 1, 0, 2], swizzle = 8>
#rows = #mqa.staged<shape = [32, 64], dims = [0, 1], swizzle = 8>
!raw = !mqa.ring<4, memref<32x64xbf16, #rows, #smem>>
!from = memref<32x64xbf16, #rows, #smem>
!keys = !mqa.ring<4, memref<32x64xf16, #rows, #smem>>
!into = memref<32x64xf16, #rows, #smem>
!q = memref<4x64x64xf16, #queries, #smem>
gpu.module @kernels {
  // A slot that the converter reads is not one for consumers.
  gpu.func @f(%q: !q, %k: memref<?x64xbf16>, %ke: memref<?xi32>, %out: memref<?x?xf32>, %n: index, %p: i32, %b: memref<4x64x64xbf16, #queries, #smem>) kernel attributes {known_block_size = array<i32: 384, 1, 1>} {
    %ranges = mqa.make_ranges none, %ke keys(%n) : memref<?xi32>
    %zero = arith.constant 0.0 : f32
    %c0 = arith.constant 0 : index
    %c1 = arith.constant 1 : index
    %c32 = arith.constant 32 : index
    %c64 = arith.constant 64 : index
    %raw = mqa.ring_create {reader = #mqa.role<converter>} : !raw
    %keys = mqa.ring_create {filler = #mqa.role<converter>} : !keys
    %block = gpu.block_id x
    %grid = gpu.grid_dim x
    scf.for %i = %block to %n step %grid {
      scf.for %j = %c0 to %n step %c1 {
        %at = arith.index_cast %j : index to i32
        mqa.ring_put %raw[%at], %k : !raw, memref<?x64xbf16>
        // expected-note@+1 {{which is this one's}}
        %from = mqa.ring_get %raw[%at] : !raw -> !from
        %into = mqa.ring_acquire %keys[%at] : !keys -> !into
        scf.forall (%r, %c) in (32, 64) {
          %v = memref.load %from[%r, %c] : !from
          %f = arith.extf %v : bf16 to f32
          %h = arith.truncf %f : f32 to f16
          memref.store %h, %into[%r, %c] : !into
        }
        mqa.ring_release %raw[%at] : !raw
        mqa.ring_commit %keys[%at] : !keys
        %t = mqa.ring_get %keys[%at] : !keys -> !into
        // expected-error@+1 {{is of role consumer, but uses a slot of role converter}}
        %l = mqa.tile_logits ins(%b, %from, none, none : memref<4x64x64xbf16, #queries, #smem>, !from) : vector<4x32xf32>
        mqa.store_logits %l, %ranges first_key(%j) outs(%out : memref<?x?xf32>) : vector<4x32xf32>
      }
    }
    gpu.return
  }
}

// -----

#smem = #gpu.address_space<workgroup>
#queries = #mqa.staged<shape = [1, 4, 4, 16, 1, 64], dims = [0, 1, 0, 1, 0, 2], swizzle = 8>
#rows = #mqa.staged<shape = [32, 64], dims = [0, 1], swizzle = 8>
!raw = !mqa.ring<4, memref<32x64xbf16, #smem>>
!from = memref<32x64xbf16, strided<[64, 1], offset: ?>, #smem>
!keys = !mqa.ring<4, memref<32x64xf16, #rows, #smem>>
!into = memref<32x64xf16, #rows, #smem>
!q = memref<4x64x64xf16, #queries, #smem>
gpu.module @kernels {
  gpu.func @f(%q: !q, %k: memref<?x64xbf16>, %ke: memref<?xi32>, %out: memref<?x?xf32>, %n: index, %p: i32) kernel attributes {known_block_size = array<i32: 384, 1, 1>} {
    %ranges = mqa.make_ranges none, %ke keys(%n) : memref<?xi32>
    %zero = arith.constant 0.0 : f32
    %c0 = arith.constant 0 : index
    %c1 = arith.constant 1 : index
    %c32 = arith.constant 32 : index
    %c64 = arith.constant 64 : index
    %raw = mqa.ring_create {reader = #mqa.role<converter>} : !raw
    %keys = mqa.ring_create {filler = #mqa.role<converter>} : !keys
    %block = gpu.block_id x
    %grid = gpu.grid_dim x
    %own = mqa.ring_create : !keys
    scf.for %i = %block to %n step %grid {
      scf.for %j = %c0 to %n step %c1 {
        %at = arith.index_cast %j : index to i32
        mqa.ring_put %raw[%at], %k : !raw, memref<?x64xbf16>
        %from = mqa.ring_get %raw[%at] : !raw -> !from
        %into = mqa.ring_acquire %keys[%at] : !keys -> !into
        scf.forall (%r, %c) in (32, 64) {
          %v = memref.load %from[%r, %c] : !from
          %f = arith.extf %v : bf16 to f32
          %h = arith.truncf %f : f32 to f16
          memref.store %h, %into[%r, %c] : !into
        }
        // expected-note@+1 {{which is this one's}}
        %o = mqa.ring_acquire %own[%at] : !keys -> !into
        %v = memref.load %from[%c0, %c0] : !from
        %f = arith.extf %v : bf16 to f32
        %h = arith.truncf %f : f32 to f16
        // expected-error@+1 {{is of role converter, but uses a slot of role producer}}
        memref.store %h, %o[%c0, %c0] : !into
        mqa.ring_commit %own[%at] : !keys
        mqa.ring_release %raw[%at] : !raw
        mqa.ring_commit %keys[%at] : !keys
        %t = mqa.ring_get %keys[%at] : !keys -> !into
        %l = mqa.tile_logits ins(%q, %t, none, none : !q, !into) : vector<4x32xf32>
        mqa.store_logits %l, %ranges first_key(%j) outs(%out : memref<?x?xf32>) : vector<4x32xf32>
        mqa.ring_release %keys[%at] : !keys
      }
    }
    gpu.return
  }
}

// -----

#smem = #gpu.address_space<workgroup>
#queries = #mqa.staged<shape = [1, 4, 4, 16, 1, 64], dims = [0, 1, 0, 1, 0, 2], swizzle = 8>
#rows = #mqa.staged<shape = [32, 64], dims = [0, 1], swizzle = 8>
!raw = !mqa.ring<4, memref<32x64xbf16, #smem>>
!from = memref<32x64xbf16, strided<[64, 1], offset: ?>, #smem>
!keys = !mqa.ring<4, memref<32x64xf16, #rows, #smem>>
!into = memref<32x64xf16, #rows, #smem>
!q = memref<4x64x64xf16, #queries, #smem>
gpu.module @kernels {
  gpu.func @f(%q: !q, %k: memref<?x64xbf16>, %ke: memref<?xi32>, %out: memref<?x?xf32>, %n: index, %p: i32) kernel attributes {known_block_size = array<i32: 384, 1, 1>} {
    %ranges = mqa.make_ranges none, %ke keys(%n) : memref<?xi32>
    %zero = arith.constant 0.0 : f32
    %c0 = arith.constant 0 : index
    %c1 = arith.constant 1 : index
    %c32 = arith.constant 32 : index
    %c64 = arith.constant 64 : index
    %raw = mqa.ring_create {reader = #mqa.role<converter>} : !raw
    %keys = mqa.ring_create {filler = #mqa.role<converter>} : !keys
    %block = gpu.block_id x
    %grid = gpu.grid_dim x
    scf.for %i = %block to %n step %grid {
      scf.for %j = %c0 to %n step %c1 {
        %at = arith.index_cast %j : index to i32
        mqa.ring_put %raw[%at], %k : !raw, memref<?x64xbf16>
        %from = mqa.ring_get %raw[%at] : !raw -> !from
        %into = mqa.ring_acquire %keys[%at] : !keys -> !into
        // expected-error@+1 {{that threads share must have no op of a role, and no other scf.forall, in it}}
        scf.forall (%r) in (32) {
          // expected-note@+1 {{this one}}
          mqa.ring_release %raw[%at] : !raw
        }
        mqa.ring_commit %keys[%at] : !keys
        %t = mqa.ring_get %keys[%at] : !keys -> !into
        %l = mqa.tile_logits ins(%q, %t, none, none : !q, !into) : vector<4x32xf32>
        mqa.store_logits %l, %ranges first_key(%j) outs(%out : memref<?x?xf32>) : vector<4x32xf32>
        mqa.ring_release %keys[%at] : !keys
      }
    }
    gpu.return
  }
}

// -----

#smem = #gpu.address_space<workgroup>
#queries = #mqa.staged<shape = [1, 4, 4, 16, 1, 64], dims = [0, 1, 0, 1, 0, 2], swizzle = 8>
#rows = #mqa.staged<shape = [32, 64], dims = [0, 1], swizzle = 8>
!raw = !mqa.ring<4, memref<32x64xbf16, #smem>>
!from = memref<32x64xbf16, strided<[64, 1], offset: ?>, #smem>
!keys = !mqa.ring<4, memref<32x64xf16, #rows, #smem>>
!into = memref<32x64xf16, #rows, #smem>
!q = memref<4x64x64xf16, #queries, #smem>
gpu.module @kernels {
  gpu.func @f(%q: !q, %k: memref<?x64xbf16>, %ke: memref<?xi32>, %out: memref<?x?xf32>, %n: index, %p: i32) kernel attributes {known_block_size = array<i32: 384, 1, 1>} {
    %ranges = mqa.make_ranges none, %ke keys(%n) : memref<?xi32>
    %zero = arith.constant 0.0 : f32
    %c0 = arith.constant 0 : index
    %c1 = arith.constant 1 : index
    %c32 = arith.constant 32 : index
    %c64 = arith.constant 64 : index
    %raw = mqa.ring_create {reader = #mqa.role<converter>} : !raw
    %keys = mqa.ring_create {filler = #mqa.role<converter>} : !keys
    %block = gpu.block_id x
    %grid = gpu.grid_dim x
    scf.for %i = %block to %n step %grid {
      scf.for %j = %c0 to %n step %c1 {
        %at = arith.index_cast %j : index to i32
        mqa.ring_put %raw[%at], %k : !raw, memref<?x64xbf16>
        %from = mqa.ring_get %raw[%at] : !raw -> !from
        %into = mqa.ring_acquire %keys[%at] : !keys -> !into
        // expected-error@+1 {{that threads share must have no op of a role, and no other scf.forall, in it}}
        scf.forall (%r) in (32) {
          // expected-note@+1 {{this one}}
          scf.forall (%c) in (64) {
            %v = memref.load %from[%r, %c] : !from
            %f = arith.extf %v : bf16 to f32
            %h = arith.truncf %f : f32 to f16
            memref.store %h, %into[%r, %c] : !into
          }
        }
        mqa.ring_release %raw[%at] : !raw
        mqa.ring_commit %keys[%at] : !keys
        %t = mqa.ring_get %keys[%at] : !keys -> !into
        %l = mqa.tile_logits ins(%q, %t, none, none : !q, !into) : vector<4x32xf32>
        mqa.store_logits %l, %ranges first_key(%j) outs(%out : memref<?x?xf32>) : vector<4x32xf32>
        mqa.ring_release %keys[%at] : !keys
      }
    }
    gpu.return
  }
}

// -----

#smem = #gpu.address_space<workgroup>
#queries = #mqa.staged<shape = [1, 4, 4, 16, 1, 64], dims = [0, 1, 0, 1, 0, 2], swizzle = 8>
#rows = #mqa.staged<shape = [32, 64], dims = [0, 1], swizzle = 8>
!raw = !mqa.ring<4, memref<32x64xbf16, #smem>>
!from = memref<32x64xbf16, strided<[64, 1], offset: ?>, #smem>
!keys = !mqa.ring<4, memref<32x64xf16, #rows, #smem>>
!into = memref<32x64xf16, #rows, #smem>
!q = memref<4x64x64xf16, #queries, #smem>
gpu.module @kernels {
  gpu.func @f(%q: !q, %k: memref<?x64xbf16>, %ke: memref<?xi32>, %out: memref<?x?xf32>, %n: index, %p: i32, %global: memref<?xbf16>) kernel attributes {known_block_size = array<i32: 384, 1, 1>} {
    %ranges = mqa.make_ranges none, %ke keys(%n) : memref<?xi32>
    %zero = arith.constant 0.0 : f32
    %c0 = arith.constant 0 : index
    %c1 = arith.constant 1 : index
    %c32 = arith.constant 32 : index
    %c64 = arith.constant 64 : index
    %raw = mqa.ring_create {reader = #mqa.role<converter>} : !raw
    %keys = mqa.ring_create {filler = #mqa.role<converter>} : !keys
    %block = gpu.block_id x
    %grid = gpu.grid_dim x
    scf.for %i = %block to %n step %grid {
      scf.for %j = %c0 to %n step %c1 {
        %at = arith.index_cast %j : index to i32
        mqa.ring_put %raw[%at], %k : !raw, memref<?x64xbf16>
        %from = mqa.ring_get %raw[%at] : !raw -> !from
        %into = mqa.ring_acquire %keys[%at] : !keys -> !into
        scf.forall (%r, %c) in (32, 64) {
          %v = memref.load %from[%r, %c] : !from
          %f = arith.extf %v : bf16 to f32
          %h = arith.truncf %f : f32 to f16
          memref.store %h, %into[%r, %c] : !into
        }
        %v = memref.load %from[%c0, %c0] : !from
        // expected-error@+1 {{is of no role, and may do more than compute and read}}
        memref.store %v, %global[%c0] : memref<?xbf16>
        mqa.ring_release %raw[%at] : !raw
        mqa.ring_commit %keys[%at] : !keys
        %t = mqa.ring_get %keys[%at] : !keys -> !into
        %l = mqa.tile_logits ins(%q, %t, none, none : !q, !into) : vector<4x32xf32>
        mqa.store_logits %l, %ranges first_key(%j) outs(%out : memref<?x?xf32>) : vector<4x32xf32>
        mqa.ring_release %keys[%at] : !keys
      }
    }
    gpu.return
  }
}

// -----

#smem = #gpu.address_space<workgroup>
#queries = #mqa.staged<shape = [1, 4, 4, 16, 1, 64], dims = [0, 1, 0, 1, 0, 2], swizzle = 8>
#rows = #mqa.staged<shape = [32, 64], dims = [0, 1], swizzle = 8>
!raw = !mqa.ring<4, memref<32x64xbf16, #smem>>
!from = memref<32x64xbf16, strided<[64, 1], offset: ?>, #smem>
!keys = !mqa.ring<4, memref<32x64xf16, #rows, #smem>>
!into = memref<32x64xf16, #rows, #smem>
!q = memref<4x64x64xf16, #queries, #smem>
gpu.module @kernels {
  gpu.func @f(%q: !q, %k: memref<?x64xbf16>, %ke: memref<?xi32>, %out: memref<?x?xf32>, %n: index, %p: i32) kernel attributes {known_block_size = array<i32: 384, 1, 1>} {
    %ranges = mqa.make_ranges none, %ke keys(%n) : memref<?xi32>
    %zero = arith.constant 0.0 : f32
    %c0 = arith.constant 0 : index
    %c1 = arith.constant 1 : index
    %c32 = arith.constant 32 : index
    %c64 = arith.constant 64 : index
    %raw = mqa.ring_create {reader = #mqa.role<converter>} : !raw
    %keys = mqa.ring_create {filler = #mqa.role<converter>} : !keys
    %block = gpu.block_id x
    %grid = gpu.grid_dim x
    scf.for %i = %block to %n step %grid {
      scf.for %j = %c0 to %n step %c1 {
        %at = arith.index_cast %j : index to i32
        mqa.ring_put %raw[%at], %k : !raw, memref<?x64xbf16>
        %from = mqa.ring_get %raw[%at] : !raw -> !from
        // expected-error@+1 {{is not followed by an mqa.ring_commit of its position in its block}}
        %into = mqa.ring_acquire %keys[%at] : !keys -> !into
        scf.forall (%r, %c) in (32, 64) {
          %v = memref.load %from[%r, %c] : !from
          %f = arith.extf %v : bf16 to f32
          %h = arith.truncf %f : f32 to f16
          memref.store %h, %into[%r, %c] : !into
        }
        mqa.ring_release %raw[%at] : !raw
        %t = mqa.ring_get %keys[%at] : !keys -> !into
        %l = mqa.tile_logits ins(%q, %t, none, none : !q, !into) : vector<4x32xf32>
        mqa.store_logits %l, %ranges first_key(%j) outs(%out : memref<?x?xf32>) : vector<4x32xf32>
        mqa.ring_release %keys[%at] : !keys
      }
    }
    gpu.return
  }
}

// -----

#smem = #gpu.address_space<workgroup>
#queries = #mqa.staged<shape = [1, 4, 4, 16, 1, 64], dims = [0, 1, 0, 1, 0, 2], swizzle = 8>
#rows = #mqa.staged<shape = [32, 64], dims = [0, 1], swizzle = 8>
!raw = !mqa.ring<4, memref<32x64xbf16, #smem>>
!from = memref<32x64xbf16, strided<[64, 1], offset: ?>, #smem>
!keys = !mqa.ring<4, memref<32x64xf16, #rows, #smem>>
!into = memref<32x64xf16, #rows, #smem>
!q = memref<4x64x64xf16, #queries, #smem>
gpu.module @kernels {
  gpu.func @f(%q: !q, %k: memref<?x64xbf16>, %n: index) kernel attributes {known_block_size = array<i32: 384, 1, 1>} {
    %raw = mqa.ring_create {reader = #mqa.role<converter>} : !raw
    %zero = arith.constant 0.0 : bf16
    %block = gpu.block_id x
    scf.for %i = %block to %n step %n {
      %at = arith.index_cast %i : index to i32
      %last = scf.for %j = %block to %n step %n iter_args(%before = %zero) -> (bf16) {
        mqa.ring_put %raw[%at], %k : !raw, memref<?x64xbf16>
        // expected-error@+1 {{leads to a result of what is around it, which is of no one role}}
        %from = mqa.ring_get %raw[%at] : !raw -> !from
        %v = memref.load %from[%j, %j] : !from
        mqa.ring_release %raw[%at] : !raw
        scf.yield %v : bf16
      }
    }
    gpu.return
  }
}
