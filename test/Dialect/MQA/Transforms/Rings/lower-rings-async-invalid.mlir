// RUN: mqa-opt %s --pass-pipeline='builtin.module(mqa-attach-target{chip=sm_80},gpu.module(gpu.func(mqa-expand-puts)),mqa-lower-rings)' --split-input-file --verify-diagnostics

#smem = #gpu.address_space<workgroup>
!ring = !mqa.ring<2, memref<32x64xbf16, #smem>>
gpu.module @kernels {
  gpu.func @f(%k: memref<?x64x8xbf16>, %p: i32, %n: index) kernel {
    %ring = mqa.ring_create : !ring
    %s = memref.subview %k[%n, 0, 3] [32, 64, 1] [1, 1, 1] : memref<?x64x8xbf16> to memref<32x64xbf16, strided<[512, 8], offset: ?>>
    // expected-error@+1 {{source must begin in a row of its argument at a multiple of 8 elements}}
    mqa.ring_put %ring[%p], %s : !ring, memref<32x64xbf16, strided<[512, 8], offset: ?>>
    gpu.return
  }
}

// -----

#smem = #gpu.address_space<workgroup>
#columns = #mqa.staged<shape = [32, 64], dims = [1, 0], swizzle = 8>
!ring = !mqa.ring<2, memref<64x32xbf16, #columns, #smem>>
gpu.module @kernels {
  gpu.func @f(%k: memref<64x32xbf16>, %p: i32, %n: index) kernel {
    %ring = mqa.ring_create : !ring
    %s = memref.subview %k[0, 0] [64, 32] [1, 1] : memref<64x32xbf16> to memref<64x32xbf16, strided<[32, 1]>>
    // expected-error@+1 {{rows of the tile must be rows of its source, found #mqa.staged<shape = [32, 64], dims = [1, 0], swizzle = 8>}}
    mqa.ring_put %ring[%p], %s : !ring, memref<64x32xbf16, strided<[32, 1]>>
    gpu.return
  }
}

// -----

#smem = #gpu.address_space<workgroup>
!ring = !mqa.ring<2, memref<32x64xbf16, #smem>>
gpu.module @kernels {
  gpu.func @f(%k: memref<?x128xbf16>, %p: i32, %n: index) kernel {
    %ring = mqa.ring_create : !ring
    %s = memref.subview %k[%n, 4] [32, 64] [1, 1] : memref<?x128xbf16> to memref<32x64xbf16, strided<[128, 1], offset: ?>>
    // expected-error@+1 {{source must begin in a row of its argument at a multiple of 8 elements}}
    mqa.ring_put %ring[%p], %s : !ring, memref<32x64xbf16, strided<[128, 1], offset: ?>>
    gpu.return
  }
}

// -----

#smem = #gpu.address_space<workgroup>
!ring = !mqa.ring<2, memref<32x64xbf16, #smem>>
gpu.module @kernels {
  gpu.func @f(%k: memref<?x100xbf16>, %p: i32, %n: index) kernel {
    %ring = mqa.ring_create : !ring
    %s = memref.subview %k[%n, 0] [32, 64] [1, 1] : memref<?x100xbf16> to memref<32x64xbf16, strided<[100, 1], offset: ?>>
    // expected-error@+1 {{source must be of an argument with contiguous rows at multiples of 16 bytes}}
    mqa.ring_put %ring[%p], %s : !ring, memref<32x64xbf16, strided<[100, 1], offset: ?>>
    gpu.return
  }
}

// -----

#smem = #gpu.address_space<workgroup>
!ring = !mqa.ring<2, memref<16x16xi256, #smem>>
gpu.module @kernels {
  gpu.func @f(%k: memref<?x16xi256>, %p: i32, %n: index) kernel {
    %ring = mqa.ring_create : !ring
    %s = memref.subview %k[%n, 0] [16, 16] [1, 1] : memref<?x16xi256> to memref<16x16xi256, strided<[16, 1], offset: ?>>
    // expected-error@+1 {{tile must be of fp8, bf16, f16, f32, i8 or i32}}
    mqa.ring_put %ring[%p], %s : !ring, memref<16x16xi256, strided<[16, 1], offset: ?>>
    gpu.return
  }
}

// -----

#smem = #gpu.address_space<workgroup>
!ring = !mqa.ring<2, memref<16x64xf16, #smem>>
gpu.module @kernels {
  gpu.func @f(%k: memref<?x64xf8E4M3FNUZ>, %p: i32, %n: index) kernel {
    %ring = mqa.ring_create : !ring
    %s = memref.subview %k[%n, 0] [16, 64] [1, 1] : memref<?x64xf8E4M3FNUZ> to memref<16x64xf8E4M3FNUZ, strided<[64, 1], offset: ?>>
    // expected-error@+1 {{only fp8 becomes f16}}
    mqa.ring_put %ring[%p], %s : !ring, memref<16x64xf8E4M3FNUZ, strided<[64, 1], offset: ?>>
    gpu.return
  }
}

// -----

#smem = #gpu.address_space<workgroup>
!ring = !mqa.ring<2, memref<64xf32, #smem>>
gpu.module @kernels {
  gpu.func @f(%p: i32) kernel attributes {known_block_size = array<i32: 128, 1, 1>} {
    // expected-error@+1 {{has 8 'producers', but a block has 4 warps}}
    %ring = mqa.ring_create {producers = 8 : i64} : !ring
    mqa.ring_release %ring[%p] : !ring
    gpu.return
  }
}

// -----

!ring = !mqa.ring<4, memref<64xf32, #gpu.address_space<workgroup>>>
!t = memref<64xf32, strided<[1], offset: ?>, #gpu.address_space<workgroup>>
!s = memref<?xf32, strided<[1], offset: ?>>
gpu.module @kernels {
  gpu.func @f(%arg: memref<?xf32>, %p: i32, %q: i32, %n: index, %x: f32) kernel {
    %ring = mqa.ring_create : !ring
    %s = memref.subview %arg[%n] [%n] [1] : memref<?xf32> to !s
    %t = mqa.ring_acquire %ring[%p] : !ring -> !t
    // expected-error@+1 {{by tensor_map needs tensor maps, but the copy engine of sm_80 is cp.async}}
    mqa.fill_tile %s into %t by tensor_map : !s into !t
    mqa.ring_commit %ring[%p] : !ring
    gpu.return
  }
}
