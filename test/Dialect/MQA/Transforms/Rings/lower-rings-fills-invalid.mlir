// RUN: mqa-opt %s --pass-pipeline='builtin.module(mqa-attach-target,mqa-lower-rings)' --split-input-file --verify-diagnostics

!ring = !mqa.ring<4, memref<64xf32, #gpu.address_space<workgroup>>>
!t = memref<64xf32, strided<[1], offset: ?>, #gpu.address_space<workgroup>>
!s = memref<?xf32, strided<[1], offset: ?>>
gpu.module @kernels {
  gpu.func @f(%arg: memref<?xf32>, %p: i32, %q: i32, %n: index, %x: f32) kernel {
    %ring = mqa.ring_create : !ring
    // expected-error@+1 {{commits a slot that no mqa.ring_acquire ahead of it in its block acquires}}
    mqa.ring_commit %ring[%p] : !ring
    gpu.return
  }
}

// -----

// Committed twice.
!ring = !mqa.ring<4, memref<64xf32, #gpu.address_space<workgroup>>>
!t = memref<64xf32, strided<[1], offset: ?>, #gpu.address_space<workgroup>>
!s = memref<?xf32, strided<[1], offset: ?>>
gpu.module @kernels {
  gpu.func @f(%arg: memref<?xf32>, %p: i32, %q: i32, %n: index, %x: f32) kernel {
    %ring = mqa.ring_create : !ring
    %t = mqa.ring_acquire %ring[%p] : !ring -> !t
    mqa.ring_commit %ring[%p] : !ring
    // expected-error@+1 {{commits a slot that no mqa.ring_acquire ahead of it in its block acquires}}
    mqa.ring_commit %ring[%p] : !ring
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
    // expected-note@+1 {{which is acquired here}}
    %t = mqa.ring_acquire %ring[%p] : !ring -> !t
    // expected-error@+1 {{is between the acquire and the commit of another slot of its ring}}
    %u = mqa.ring_acquire %ring[%q] : !ring -> !t
    mqa.ring_commit %ring[%p] : !ring
    mqa.ring_commit %ring[%q] : !ring
    gpu.return
  }
}

// -----

// In a region, another op of the ring may come any number of times.
!ring = !mqa.ring<4, memref<64xf32, #gpu.address_space<workgroup>>>
!t = memref<64xf32, strided<[1], offset: ?>, #gpu.address_space<workgroup>>
!s = memref<?xf32, strided<[1], offset: ?>>
gpu.module @kernels {
  gpu.func @f(%arg: memref<?xf32>, %p: i32, %q: i32, %n: index, %x: f32) kernel {
    %ring = mqa.ring_create : !ring
    // expected-note@+1 {{which is acquired here}}
    %t = mqa.ring_acquire %ring[%p] : !ring -> !t
    scf.for %i = %n to %n step %n {
      // expected-error@+1 {{is between the acquire and the commit of another slot of its ring}}
      mqa.ring_commit %ring[%p] : !ring
    }
    mqa.ring_commit %ring[%p] : !ring
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
    // expected-note@+1 {{here}}
    %t = mqa.ring_acquire %ring[%p] : !ring -> !t
    // expected-error@+1 {{must be of the position that was acquired last in its ring}}
    mqa.ring_commit %ring[%q] : !ring
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
    // expected-error@+1 {{is not followed by an mqa.ring_commit of its position in its block}}
    %t = mqa.ring_acquire %ring[%p] : !ring -> !t
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
    // expected-note@+1 {{here}}
    mqa.ring_commit %ring[%p] : !ring
    // expected-error@+1 {{uses a slot that has been committed}}
    memref.store %x, %t[%n] : !t
    gpu.return
  }
}

// -----

// By a view that was made in time.
!ring = !mqa.ring<4, memref<64xf32, #gpu.address_space<workgroup>>>
!t = memref<64xf32, strided<[1], offset: ?>, #gpu.address_space<workgroup>>
!s = memref<?xf32, strided<[1], offset: ?>>
gpu.module @kernels {
  gpu.func @f(%arg: memref<?xf32>, %p: i32, %q: i32, %n: index, %x: f32) kernel {
    %ring = mqa.ring_create : !ring
    %t = mqa.ring_acquire %ring[%p] : !ring -> !t
    %v = memref.subview %t[0] [8] [1] : !t to memref<8xf32, strided<[1], offset: ?>, #gpu.address_space<workgroup>>
    // expected-note@+1 {{here}}
    mqa.ring_commit %ring[%p] : !ring
    // expected-error@+1 {{uses a slot that has been committed}}
    memref.store %x, %v[%n] : memref<8xf32, strided<[1], offset: ?>, #gpu.address_space<workgroup>>
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
    %c = arith.cmpi ult, %n, %n : index
    %t = mqa.ring_acquire %ring[%p] : !ring -> !t
    %u = scf.if %c -> (!t) {
      scf.yield %t : !t
    } else {
      // expected-error@+1 {{passes on a tile of a slot that is not full}}
      scf.yield %t : !t
    }
    memref.store %x, %u[%n] : !t
    mqa.ring_commit %ring[%p] : !ring
    gpu.return
  }
}

// -----

// How many bytes to expect would not be known.
!ring = !mqa.ring<4, memref<64xf32, #gpu.address_space<workgroup>>>
!t = memref<64xf32, strided<[1], offset: ?>, #gpu.address_space<workgroup>>
!s = memref<?xf32, strided<[1], offset: ?>>
gpu.module @kernels {
  gpu.func @f(%arg: memref<?xf32>, %p: i32, %q: i32, %n: index, %x: f32) kernel {
    %ring = mqa.ring_create : !ring
    %s = memref.subview %arg[%n] [%n] [1] : memref<?xf32> to !s
    %t = mqa.ring_acquire %ring[%p] : !ring -> !t
    scf.for %i = %n to %n step %n {
      // expected-error@+1 {{by tensor_map must be in the block of its mqa.ring_acquire}}
      mqa.fill_tile %s into %t by tensor_map : !s into !t
    }
    mqa.ring_commit %ring[%p] : !ring
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
    // expected-error@+1 {{by tensor_map is not all that fills its tile: the writes of one have no order with the others'}}
    mqa.fill_tile %s into %t by tensor_map : !s into !t
    %v = memref.subview %t[0] [8] [1] : !t to memref<8xf32, strided<[1], offset: ?>, #gpu.address_space<workgroup>>
    // expected-note@+1 {{as this does}}
    memref.store %x, %v[%n] : memref<8xf32, strided<[1], offset: ?>, #gpu.address_space<workgroup>>
    mqa.ring_commit %ring[%p] : !ring
    gpu.return
  }
}

// -----

#rows = #mqa.staged<shape = [32, 64], dims = [0, 1], swizzle = 8>
!ring = !mqa.ring<4, memref<32x64xf16, #rows, #gpu.address_space<workgroup>>>
!t = memref<32x64xf16, #rows, #gpu.address_space<workgroup>>
!s = memref<?x64xf16, strided<[64, 1], offset: ?>>
gpu.module @kernels {
  gpu.func @f(%arg: memref<?x64xf16>, %p: i32, %n: index, %x: f16) kernel {
    %ring = mqa.ring_create : !ring
    %s = memref.subview %arg[%n, 0] [%n, 64] [1, 1] : memref<?x64xf16> to !s
    %t = mqa.ring_acquire %ring[%p] : !ring -> !t
    // expected-error@+1 {{by elements fills matrices and vectors that have no #mqa.staged layout}}
    mqa.fill_tile %s into %t by elements : !s into !t
    mqa.ring_commit %ring[%p] : !ring
    gpu.return
  }
}

// -----

!ring = !mqa.ring<4, memref<32x64xf16, #gpu.address_space<workgroup>>>
!t = memref<32x64xf16, strided<[64, 1], offset: ?>, #gpu.address_space<workgroup>>
!s = memref<?x64xf16, strided<[64, 1], offset: ?>>
gpu.module @kernels {
  gpu.func @f(%arg: memref<?x64xf16>, %p: i32, %n: index, %x: f16) kernel {
    %ring = mqa.ring_create : !ring
    %s = memref.subview %arg[%n, 0] [%n, %n] [1, 1] : memref<?x64xf16> to memref<?x?xf16, strided<[64, 1], offset: ?>>
    %t = mqa.ring_acquire %ring[%p] : !ring -> !t
    // expected-error@+1 {{source must have rows of a multiple of 8 elements to be loaded by chunks, found 'memref<?x?xf16}}
    mqa.fill_tile %s into %t by chunks : memref<?x?xf16, strided<[64, 1], offset: ?>> into !t
    mqa.ring_commit %ring[%p] : !ring
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
    // expected-error@+1 {{must be expanded (mqa-expand-puts) before rings are lowered}}
    mqa.ring_put %ring[%p], %arg : !ring, memref<?xf32>
    gpu.return
  }
}

// -----

!ring = !mqa.ring<4, memref<64xf32, #gpu.address_space<workgroup>>>
!t = memref<64xf32, strided<[1], offset: ?>, #gpu.address_space<workgroup>>
!s = memref<?xf32, strided<[1], offset: ?>>
gpu.module @kernels {
  gpu.func @f(%arg: memref<?xf32>, %p: i32, %q: i32, %n: index, %x: f32) kernel {
    // expected-error@+1 {{is filled by tensor maps, whose copies one warp starts, but has 2 'producers'}}
    %ring = mqa.ring_create {producers = 2 : i64} : !ring
    %s = memref.subview %arg[%n] [%n] [1] : memref<?xf32> to !s
    %t = mqa.ring_acquire %ring[%p] : !ring -> !t
    mqa.fill_tile %s into %t by tensor_map : !s into !t
    mqa.ring_commit %ring[%p] : !ring
    gpu.return
  }
}

// -----

// One has the layout of an operand, and one has none.
#rows = #mqa.staged<shape = [32, 64], dims = [0, 1], swizzle = 8>
!ring = !mqa.ring<4, memref<32x64xf16, #rows, #gpu.address_space<workgroup>>>
!raw = !mqa.ring<4, memref<32x64xf16, #gpu.address_space<workgroup>>>
!u = memref<32x64xf16, strided<[64, 1], offset: ?>, #gpu.address_space<workgroup>>
!t = memref<32x64xf16, #rows, #gpu.address_space<workgroup>>
!s = memref<?x64xf16, strided<[64, 1], offset: ?>>
gpu.module @kernels {
  gpu.func @f(%arg: memref<?x64xf16>, %p: i32, %n: index, %x: f16) kernel {
    %ring = mqa.ring_create : !ring
    %raw = mqa.ring_create {reader = #mqa.role<converter>} : !raw
    %s = memref.subview %arg[%n, 0] [%n, 64] [1, 1] : memref<?x64xf16> to !s
    %t = mqa.ring_acquire %ring[%p] : !ring -> !t
    mqa.fill_tile %s into %t by tensor_map : !s into !t
    mqa.ring_commit %ring[%p] : !ring
    %u = mqa.ring_acquire %raw[%p] : !raw -> !u
    // expected-error@+1 {{loads argument 0 with tiles of different shapes}}
    mqa.fill_tile %s into %u by tensor_map : !s into !u
    mqa.ring_commit %raw[%p] : !raw
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
    // expected-error@+1 {{result 0 must be 'memref<64xf32, strided<[1], offset: ?>, #gpu.address_space<workgroup>>', found 'memref<64xf32, #gpu.address_space<workgroup>>'}}
    %t = mqa.ring_acquire %ring[%p] : !ring -> memref<64xf32, #gpu.address_space<workgroup>>
    mqa.ring_commit %ring[%p] : !ring
    gpu.return
  }
}
