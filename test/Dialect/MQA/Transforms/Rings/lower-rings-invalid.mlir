// RUN: mqa-opt %s --pass-pipeline='builtin.module(mqa-attach-target,gpu.module(gpu.func(mqa-expand-puts)),mqa-lower-rings)' --split-input-file --verify-diagnostics --allow-unregistered-dialect

!ring = !mqa.ring<4, memref<64xf32, #gpu.address_space<workgroup>>>
gpu.module @kernels {
  gpu.func @f(%s: memref<?xf32>, %p: i32) kernel {
    %ring = mqa.ring_create : !ring
    // expected-error@+1 {{source must be a unit-stride memref.subview of a kernel argument}}
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
    // expected-error@+1 {{source must be a unit-stride memref.subview of a kernel argument}}
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
#boxes = #mqa.staged<shape = [4, 8, 2, 64], dims = [0, 1, 0, 2], swizzle = 16>
gpu.module @kernels {
  // expected-error@+1 {{argument 0 is loaded in boxes of other dims than its own, and needs 'mqa.operand' to say which}}
  gpu.func @f(%qarg: memref<?x8x64xf8E4M3FN>, %p: i32, %m: index, %rows: index) kernel {
    %ring = mqa.ring_create : !mqa.ring<2, memref<8x8x64xf8E4M3FN, #boxes, #smem>>
    %q = memref.subview %qarg[%m, 0, 0] [%rows, 8, 64] [1, 1, 1] : memref<?x8x64xf8E4M3FN> to memref<?x8x64xf8E4M3FN, strided<[512, 64, 1], offset: ?>>
    mqa.ring_put %ring[%p], %q : !mqa.ring<2, memref<8x8x64xf8E4M3FN, #boxes, #smem>>, memref<?x8x64xf8E4M3FN, strided<[512, 64, 1], offset: ?>>
    gpu.return
  }
}

// -----

!ring = !mqa.ring<4, memref<64xf32, #gpu.address_space<workgroup>>>
gpu.module @kernels {
  // The argument is read beside the loads: by a view that another one is made of.
  gpu.func @f(%s: memref<?xf32>, %p: i32, %n: index) kernel {
    %ring = mqa.ring_create : !ring
    %t = memref.subview %s[%n] [%n] [1] : memref<?xf32> to memref<?xf32, strided<[1], offset: ?>>
    mqa.ring_put %ring[%p], %t : !ring, memref<?xf32, strided<[1], offset: ?>>
    // expected-error@+1 {{uses argument 0, which becomes a tensor map}}
    %v = memref.load %t[%n] : memref<?xf32, strided<[1], offset: ?>>
    "test.use"(%v) : (f32) -> ()
    gpu.return
  }
}

// -----

!ring = !mqa.ring<4, memref<64xf32, #gpu.address_space<workgroup>>>
gpu.module @kernels {
  // One cache by TMA and by lanes.
  gpu.func @f(%cache: memref<?x16xf32>, %ids: i32, %p: i32, %n: index) kernel {
    %ring = mqa.ring_create : !ring
    %t = memref.subview %cache[%n, 0] [1, 16] [1, 1] : memref<?x16xf32> to memref<16xf32, strided<[1], offset: ?>>
    mqa.ring_put %ring[%p], %t : !ring, memref<16xf32, strided<[1], offset: ?>>
    // expected-error@+1 {{uses argument 0, which becomes a tensor map}}
    %k = mqa.gather_blocks %cache[%ids] from %n : memref<?x16xf32> -> memref<?xf32>
    mqa.ring_put %ring[%p], %k : !ring, memref<?xf32>
    gpu.return
  }
}

// -----

!ring = !mqa.ring<4, memref<64xf32, #gpu.address_space<workgroup>>>
gpu.module @kernels {
  gpu.func @f(%p: i32) kernel {
    // expected-error@+1 {{is used by 'test.use', which is no op on rings}}
    %ring = mqa.ring_create : !ring
    "test.use"(%ring) : (!ring) -> ()
    gpu.return
  }
}

// -----

!ring = !mqa.ring<4, memref<64xf32, #gpu.address_space<workgroup>>>
gpu.module @kernels {
  gpu.func @f(%p: i32, %n: index) kernel {
    %ring = mqa.ring_create : !ring
    scf.for %i = %n to %n step %n {
      %own = "test.choose"() : () -> !ring
      // expected-error@+1 {{must be of a ring that an mqa.ring_create makes}}
      mqa.ring_release %own[%p] : !ring
    }
    gpu.return
  }
}

// -----

!ring = !mqa.ring<4, memref<64xf32, #gpu.address_space<workgroup>>>
gpu.module @kernels {
  gpu.func @f(%p: i32) kernel {
    %ring = mqa.ring_create : !ring
    // expected-error@+1 {{result 0 must be 'memref<64xf32, strided<[1], offset: ?>, #gpu.address_space<workgroup>>', found 'memref<64xf32, #gpu.address_space<workgroup>>'}}
    %t = mqa.ring_get %ring[%p] : !ring -> memref<64xf32, #gpu.address_space<workgroup>>
    "test.use"(%t) : (memref<64xf32, #gpu.address_space<workgroup>>) -> ()
    gpu.return
  }
}

// -----

!ring = !mqa.ring<4, memref<64xf32, #gpu.address_space<workgroup>>>
gpu.module @kernels {
  gpu.func @f(%p: i32) kernel {
    %ring = mqa.ring_create : !ring
    // expected-error@+1 {{is beside rings, which take all dynamic shared memory}}
    %other = gpu.dynamic_shared_memory : memref<?xi8, #gpu.address_space<workgroup>>
    mqa.ring_release %ring[%p] : !ring
    gpu.return
  }
}

// -----

!ring = !mqa.ring<4, memref<64xf32, #gpu.address_space<workgroup>>>
gpu.module @kernels {
  gpu.func @f(%p: i32) kernel {
    // expected-error@+1 {{a ring tile must lie in workgroup memory, found 'memref<64xf32>'}}
    %ring = mqa.ring_create : !mqa.ring<4, memref<64xf32>>
    mqa.ring_release %ring[%p] : !mqa.ring<4, memref<64xf32>>
    gpu.return
  }
}

// -----

!ring = !mqa.ring<4, memref<64xf32, #gpu.address_space<workgroup>>>
gpu.module @kernels {
  gpu.func @f(%cache: memref<?x0x128xbf16>, %ids: i32, %p: i32, %n: index) kernel {
    %ring = mqa.ring_create : !mqa.ring<4, memref<64x128xbf16, #gpu.address_space<workgroup>>>
    %k = mqa.gather_blocks %cache[%ids] from %n : memref<?x0x128xbf16> -> memref<?x128xbf16>
    // expected-error@+1 {{source is of blocks without keys}}
    mqa.ring_put %ring[%p], %k : !mqa.ring<4, memref<64x128xbf16, #gpu.address_space<workgroup>>>, memref<?x128xbf16>
    gpu.return
  }
}

// -----

// What another block gets is passed by no launch.

!ring = !mqa.ring<4, memref<64xf32, #gpu.address_space<workgroup>>>
!t = memref<?xf32, strided<[1], offset: ?>>
gpu.module @kernels {
  gpu.func @f(%s: memref<?xf32>, %p: i32, %n: index) kernel {
    %ring = mqa.ring_create : !ring
    cf.br ^next(%s : memref<?xf32>)
  ^next(%b: memref<?xf32>):
    %t = memref.subview %b[%n] [%n] [1] : memref<?xf32> to !t
    // expected-error@+1 {{source must be a unit-stride memref.subview of a kernel argument}}
    mqa.ring_put %ring[%p], %t : !ring, !t
    gpu.return
  }
}

// -----

!ring = !mqa.ring<4, memref<64xf32, #gpu.address_space<workgroup>>>
!t = memref<?xf32, strided<[?], offset: ?>>
gpu.module @kernels {
  gpu.func @f(%s: memref<?xf32, strided<[?]>>, %p: i32, %n: index) kernel {
    %ring = mqa.ring_create : !ring
    %t = memref.subview %s[%n] [%n] [1] : memref<?xf32, strided<[?]>> to !t
    // expected-error@+1 {{source must be of an argument with contiguous rows, found 'memref<?xf32, strided<[?]>>'}}
    mqa.ring_put %ring[%p], %t : !ring, !t
    gpu.return
  }
}

// -----

// Another function launches the kernel, with what it knows it by.

!ring = !mqa.ring<4, memref<64xf32, #gpu.address_space<workgroup>>>
!t = memref<?xf32, strided<[1], offset: ?>>
module attributes {gpu.container_module} {
  gpu.module @kernels {
    // expected-note@+1 {{of this kernel}}
    gpu.func @f(%s: memref<?xf32>, %p: i32, %n: index) kernel {
      %ring = mqa.ring_create : !ring
      %t = memref.subview %s[%n] [%n] [1] : memref<?xf32> to !t
      mqa.ring_put %ring[%p], %t : !ring, !t
      gpu.return
    }
  }
  func.func @host(%a: memref<?xf32>, %n: index, %p: i32) {
    // expected-error@+1 {{passes 'memref<?xf32>' as argument 0, which would become a tensor map}}
    gpu.launch_func @kernels::@f blocks in (%n, %n, %n) threads in (%n, %n, %n) args(%a: memref<?xf32>, %p: i32, %n: index)
    return
  }
}

// -----

!ring = !mqa.ring<4, memref<64xf32, #gpu.address_space<workgroup>>>
gpu.module @kernels {
  // expected-error@+1 {{must have its threads in x alone}}
  gpu.func @f(%p: i32) kernel attributes {known_block_size = array<i32: 32, 4, 1>} {
    %ring = mqa.ring_create : !ring
    mqa.ring_release %ring[%p] : !ring
    gpu.return
  }
}

// -----

!ring = !mqa.ring<4, memref<64xf32, #gpu.address_space<workgroup>>>
gpu.module @kernels {
  gpu.func @f(%p: i32) workgroup(%own: memref<58000xf32, #gpu.address_space<workgroup>>) kernel {
    // expected-error@+1 {{needs more shared memory than the 232448 bytes of a block}}
    %ring = mqa.ring_create : !ring
    mqa.ring_release %ring[%p] : !ring
    gpu.return
  }
}

// -----

!ring = !mqa.ring<4, memref<31xf32, #gpu.address_space<workgroup>>>
gpu.module @kernels {
  gpu.func @f(%arg: memref<?xf32>, %p: i32, %n: index, %rows: index) kernel {
    %ring = mqa.ring_create : !ring
    %s = memref.subview %arg[%n] [%rows] [1] : memref<?xf32> to memref<?xf32, strided<[1], offset: ?>>
    // expected-error@+1 {{source is loaded in boxes of 'memref<31xf32, #gpu.address_space<workgroup>>', but the rows of a TMA box have a multiple of 16 bytes}}
    mqa.ring_put %ring[%p], %s : !ring, memref<?xf32, strided<[1], offset: ?>>
    gpu.return
  }
}

// -----

// One element is no row.
!ring = !mqa.ring<4, memref<1xf16, #gpu.address_space<workgroup>>>
gpu.module @kernels {
  gpu.func @f(%arg: memref<?xf16>, %p: i32, %n: index) kernel {
    %ring = mqa.ring_create : !ring
    %s = memref.subview %arg[%n] [1] [1] : memref<?xf16> to memref<1xf16, strided<[1], offset: ?>>
    // expected-error@+1 {{but the rows of a TMA box have a multiple of 16 bytes}}
    mqa.ring_put %ring[%p], %s : !ring, memref<1xf16, strided<[1], offset: ?>>
    gpu.return
  }
}
