// RUN: mqa-opt %s --pass-pipeline='builtin.module(mqa-attach-target,gpu.module(gpu.func(mqa-lower-rings)))' --split-input-file --verify-diagnostics --allow-unregistered-dialect

!ring = !mqa.ring<4, memref<64xf32, #gpu.address_space<workgroup>>>
gpu.module @kernels {
  gpu.func @f(%s: memref<?xf32>, %p: i32) kernel {
    %ring = mqa.ring_create : !ring
    // expected-error@+1 {{source 0 must be a unit-stride memref.subview of a kernel argument}}
    mqa.ring_put %ring[%p], %s : !ring, memref<?xf32>
    gpu.return
  }
}

// -----

!ring = !mqa.ring<4, memref<64xf32, #gpu.address_space<workgroup>>>
gpu.module @kernels {
  gpu.func @f(%s: memref<?xf32>, %p: i32, %n: index) kernel {
    %ring = mqa.ring_create : !ring
    %t = memref.subview %s[%n] [%n] [2] : memref<?xf32> to memref<?xf32, strided<[2], offset: ?>>
    // expected-error@+1 {{source 0 must be a unit-stride memref.subview of a kernel argument}}
    mqa.ring_put %ring[%p], %t : !ring, memref<?xf32, strided<[2], offset: ?>>
    gpu.return
  }
}

// -----

!ring = !mqa.ring<4, memref<64xf32, #gpu.address_space<workgroup>>>
gpu.module @kernels {
  gpu.func @f(%s: memref<?xf32>, %p: i32, %n: index) kernel {
    %ring = mqa.ring_create : !ring
    %t = memref.subview %s[%n] [%n] [1] : memref<?xf32> to memref<?xf32, strided<[1], offset: ?>>
    // expected-error@+1 {{uses argument 0, which becomes a tensor map}}
    "test.use"(%s) : (memref<?xf32>) -> ()
    mqa.ring_put %ring[%p], %t : !ring, memref<?xf32, strided<[1], offset: ?>>
    gpu.return
  }
}

// -----

!ring = !mqa.ring<4, memref<64xf32, #gpu.address_space<workgroup>>>
!small = !mqa.ring<4, memref<32xf32, #gpu.address_space<workgroup>>>
gpu.module @kernels {
  gpu.func @f(%s: memref<?xf32>, %p: i32, %n: index) kernel {
    %ring = mqa.ring_create : !ring
    %small = mqa.ring_create : !small
    %t = memref.subview %s[%n] [%n] [1] : memref<?xf32> to memref<?xf32, strided<[1], offset: ?>>
    mqa.ring_put %ring[%p], %t : !ring, memref<?xf32, strided<[1], offset: ?>>
    // expected-error@+1 {{loads argument 0 with tiles of different shapes}}
    mqa.ring_put %small[%p], %t : !small, memref<?xf32, strided<[1], offset: ?>>
    gpu.return
  }
}

// -----

!ring = !mqa.ring<4, memref<64xf32, #gpu.address_space<workgroup>>>
gpu.module @kernels {
  gpu.func @f(%b: i1) kernel {
    scf.if %b {
      // expected-error@+1 {{must be at the top of the kernel}}
      %ring = mqa.ring_create : !ring
    }
    gpu.return
  }
}

// -----

#smem = #gpu.address_space<workgroup>
gpu.module @kernels {
  gpu.func @f(%p: i32) kernel {
    // expected-error@+1 {{needs more shared memory than the 232448 bytes of a block}}
    %ring = mqa.ring_create : !mqa.ring<2147483647, memref<128xf32, #smem>>
    mqa.ring_release %ring[%p] : !mqa.ring<2147483647, memref<128xf32, #smem>>
    gpu.return
  }
}

// -----

#smem = #gpu.address_space<workgroup>
gpu.module @kernels {
  // expected-error@+1 {{argument 0 is loaded in boxes of other dims than its own, and needs 'mqa.operand' to say which}}
  gpu.func @f(%qarg: memref<?x8x64xf8E4M3FN>, %p: i32, %m: index, %rows: index) kernel {
    %ring = mqa.ring_create : !mqa.ring<2, memref<4x8x2x64xf8E4M3FN, #smem>>
    %q = memref.subview %qarg[%m, 0, 0] [%rows, 8, 64] [1, 1, 1] : memref<?x8x64xf8E4M3FN> to memref<?x8x64xf8E4M3FN, strided<[512, 64, 1], offset: ?>>
    mqa.ring_put %ring[%p], %q {tile_maps = [affine_map<(w, h, q, d) -> (2 * w + q, h, d)>]} : !mqa.ring<2, memref<4x8x2x64xf8E4M3FN, #smem>>, memref<?x8x64xf8E4M3FN, strided<[512, 64, 1], offset: ?>>
    gpu.return
  }
}
