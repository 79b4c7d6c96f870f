// RUN: mqa-opt %s --pass-pipeline='builtin.module(mqa-attach-target,gpu.module(gpu.func(mqa-specialize-warps)))' --split-input-file --verify-diagnostics

!ring = !mqa.ring<4, memref<128xf32, #gpu.address_space<workgroup>>>
gpu.module @kernels {
  // expected-error@+1 {{needs the attribute 'mqa.schedule'}}
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
  gpu.func @f(%s: memref<?xf32>, %n: index, %p: i32) kernel attributes {mqa.schedule = #mqa.schedule<block_q = 4, block_kv = 64, tile_kv = 32, stages = 4>} {
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
  gpu.func @f(%s: memref<?xf32>, %n: index, %p: i32) kernel attributes {mqa.schedule = #mqa.schedule<block_q = 4, block_kv = 64, tile_kv = 32, stages = 4>} {
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

#smem = #gpu.address_space<workgroup>
!ring = !mqa.ring<4, memref<128xf32, #smem>>
gpu.module @kernels {
  gpu.func @f(%q: memref<1x4x4x16x1x128xf8E4M3FN, #smem>, %k: memref<32x128xf8E4M3FN, #smem>, %t: memref<32xf32, #smem>, %w: memref<4x64xf32, #smem>, %ks: memref<?xi32>, %out: memref<?x?xf32>, %s: memref<?xf32>, %n: index, %p: i32) kernel attributes {mqa.schedule = #mqa.schedule<block_q = 4, block_kv = 64, tile_kv = 64, stages = 4>} {
    %ring = mqa.ring_create : !ring
    scf.for %i = %n to %n step %n {
      mqa.ring_put %ring[%p], %s : !ring, memref<?xf32>
      // expected-error@+1 {{has 1 x 4 queries and 32 keys, which is not the block of #mqa.schedule<block_q = 4, block_kv = 64, tile_kv = 64, stages = 4>}}
      %logits = mqa.tile_logits ins(%q, %k, %t, %w : memref<1x4x4x16x1x128xf8E4M3FN, #smem>, memref<32x128xf8E4M3FN, #smem>, memref<32xf32, #smem>, memref<4x64xf32, #smem>) : vector<4x32xf32>
      mqa.store_logits %logits, %ks, %ks first_key(%n) outs(%out : memref<?x?xf32>) : vector<4x32xf32>, memref<?xi32>, memref<?xi32>
    }
    gpu.return
  }
}

// -----

!ring = !mqa.ring<4, memref<32xf32, #gpu.address_space<workgroup>>>
gpu.module @kernels {
  gpu.func @f(%s: memref<?xf32>, %n: index, %p: i32) kernel attributes {mqa.schedule = #mqa.schedule<block_q = 4, block_kv = 64, tile_kv = 32, stages = 4>} {
    %ring = mqa.ring_create : !ring
    scf.for %i = %n to %n step %n {
      scf.for %j = %n to %n step %n iter_args(%q = %p) -> (i32) {
        mqa.ring_put %ring[%q], %s : !ring, memref<?xf32>
        // expected-error@+1 {{position must follow from the loop's key, so that warpgroups can take turns}}
        %t = mqa.ring_get %ring[%q] : !ring -> memref<32xf32, #gpu.address_space<workgroup>>
        scf.yield %q : i32
      }
    }
    gpu.return
  }
}
