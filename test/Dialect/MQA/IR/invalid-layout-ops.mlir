// RUN: mqa-opt %s --split-input-file --verify-diagnostics

#head_tiles = #mqa.staged<shape = [4, 4, 16, 128], dims = [1, 0, 1, 2], swizzle = 16>
!tiles = memref<4x64x128xf8E4M3FN, #head_tiles, #gpu.address_space<workgroup>>
#part = #mqa.staged<shape = [4, 16, 128], dims = [0, 1, 2], swizzle = 16>
func.func @f(%q: !tiles, %i: index) {
  // expected-error@+1 {{needs an index for each of the 3 dimensions of its tile, found 2}}
  %t = mqa.subtile %q[%i, %i] : !tiles to memref<4x16x128xf8E4M3FN, #part, #gpu.address_space<workgroup>>
  return
}

// -----

func.func @f(%q: memref<4x64xf32>, %i: index) {
  // expected-error@+1 {{needs a tile with the layout #mqa.staged, found 'memref<4x64xf32>'}}
  %t = mqa.subtile %q[%i, %i] : memref<4x64xf32> to memref<2x64xf32>
  return
}

// -----

// Half of the heads of a head tile are a part of each query of it.
#head_tiles = #mqa.staged<shape = [4, 4, 16, 128], dims = [1, 0, 1, 2], swizzle = 16>
!tiles = memref<4x64x128xf8E4M3FN, #head_tiles, #gpu.address_space<workgroup>>
#part = #mqa.staged<shape = [4, 8, 128], dims = [0, 1, 2], swizzle = 16>
func.func @f(%q: !tiles, %i: index) {
  // expected-error@+1 {{has no equal parts of this shape that lie behind each other}}
  %t = mqa.subtile %q[%i, %i, %i] : !tiles to memref<4x8x128xf8E4M3FN, #part, #gpu.address_space<workgroup>>
  return
}

// -----

// A part of two rows would begin inside of what the swizzle repeats after.
#rows = #mqa.staged<shape = [4, 2, 128], dims = [0, 0, 1], swizzle = 16>
!rows = memref<8x128xf8E4M3FN, #rows, #gpu.address_space<workgroup>>
#part = #mqa.staged<shape = [2, 128], dims = [0, 1], swizzle = 16>
func.func @f(%k: !rows, %i: index) {
  // expected-error@+1 {{has no equal parts of this shape that lie behind each other}}
  %t = mqa.subtile %k[%i, %i] : !rows to memref<2x128xf8E4M3FN, #part, #gpu.address_space<workgroup>>
  return
}

// -----

#head_tiles = #mqa.staged<shape = [4, 4, 16, 128], dims = [1, 0, 1, 2], swizzle = 16>
!tiles = memref<4x64x128xf8E4M3FN, #head_tiles, #gpu.address_space<workgroup>>
#part = #mqa.staged<shape = [4, 16, 128], dims = [0, 1, 2]>
func.func @f(%q: !tiles, %i: index) {
  // expected-error@+1 {{result must be 'memref<4x16x128xf8E4M3FN, #mqa.staged<shape = [4, 16, 128], dims = [0, 1, 2], swizzle = 16>, #gpu.address_space<workgroup>>'}}
  %t = mqa.subtile %q[%i, %i, %i] : !tiles to memref<4x16x128xf8E4M3FN, #part, #gpu.address_space<workgroup>>
  return
}

// -----

func.func @f(%k: memref<8x128xf8E4M3FN>) {
  // expected-error@+1 {{needs one type with the layout #mqa.staged}}
  %t = mqa.layout_cast %k : memref<8x128xf8E4M3FN> to memref<8x128xf8E4M3FN>
  return
}

// -----

#chunks = #mqa.staged<shape = [2, 8, 64], dims = [1, 0, 1], swizzle = 16>
func.func @f(%k: memref<8x128xf8E4M3FN>) {
  // expected-error@+1 {{is 'memref<2x8x64xf8E4M3FN, strided<[512, 64, 1], offset: ?>>', found 'memref<8x128xf8E4M3FN>'}}
  %t = mqa.layout_cast %k : memref<8x128xf8E4M3FN> to memref<8x128xf8E4M3FN, #chunks>
  return
}

// -----

// Upstream's views are of strided memrefs.
#rows = #mqa.staged<shape = [8, 128], dims = [0, 1], swizzle = 16>
func.func @f(%k: memref<8x128xf8E4M3FN, #rows>) {
  // expected-error@+1 {{is not strided}}
  %t = memref.subview %k[0, 0] [4, 128] [1, 1] : memref<8x128xf8E4M3FN, #rows> to memref<4x128xf8E4M3FN, strided<[128, 1]>>
  return
}
