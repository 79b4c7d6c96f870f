// RUN: mqa-opt %s --pass-pipeline='builtin.module(gpu.module(gpu.func(mqa-specialize-warps)))' --split-input-file --verify-diagnostics

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
  // expected-error@+1 {{has more than one loop over rings}}
  gpu.func @f(%s: memref<?xf32>, %n: index, %p: i32) kernel attributes {mqa.schedule = #mqa.schedule<block_q = 2, block_kv = 128, warpgroups = 2, stages = 4>} {
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
  gpu.func @f(%s: memref<?xf32>, %n: index, %p: i32) kernel attributes {mqa.schedule = #mqa.schedule<block_q = 2, block_kv = 128, warpgroups = 2, stages = 4>} {
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
  gpu.func @f(%q: memref<2x64x128xf8E4M3FN, #smem>, %k: memref<64x128xf8E4M3FN, #smem>, %t: memref<64xf32, #smem>, %w: memref<2x64xf32, #smem>, %ks: memref<?xi32>, %out: memref<?x?xf32>, %s: memref<?xf32>, %n: index, %p: i32) kernel attributes {mqa.schedule = #mqa.schedule<block_q = 2, block_kv = 128, warpgroups = 2, stages = 4>} {
    %ring = mqa.ring_create : !ring
    scf.for %i = %n to %n step %n {
      mqa.ring_put %ring[%p], %s : !ring, memref<?xf32>
      // expected-error@+1 {{has a stage of 64 keys, but 2 warpgroups take 128}}
      mqa.tile_logits ins(%q, %k, %t, %w, %ks, %ks : memref<2x64x128xf8E4M3FN, #smem>, memref<64x128xf8E4M3FN, #smem>, memref<64xf32, #smem>, memref<2x64xf32, #smem>, memref<?xi32>, memref<?xi32>) first_key(%n) outs(%out : memref<?x?xf32>)
    }
    gpu.return
  }
}
