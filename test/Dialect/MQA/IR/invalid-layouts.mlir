// RUN: mqa-opt %s --split-input-file --verify-diagnostics

// expected-error@+1 {{a staged layout needs one of 'dims' for each of 'shape', one or more, found 1 and 2}}
#layout = #mqa.staged<shape = [8, 128], dims = [0]>

// -----

// expected-error@+1 {{a staged layout has sizes of at least 1, found 0}}
#layout = #mqa.staged<shape = [0, 128], dims = [0, 1]>

// -----

// expected-error@+1 {{a staged layout has sizes of at least 1, found -8}}
#layout = #mqa.staged<shape = [-8, 128], dims = [0, 1]>

// -----

// expected-error@+1 {{a staged layout has at most 1073741824 elements, found 18446744073709551615}}
#layout = #mqa.staged<shape = [4611686018427387904, 4611686018427387904], dims = [0, 1]>

// -----

// expected-error@+1 {{'dims' of a staged layout count from 0, found -1}}
#layout = #mqa.staged<shape = [8, 128], dims = [-1, 0]>

// -----

// expected-error@+1 {{'dims' of a staged layout must have all dims up to 2, found none that is 1}}
#layout = #mqa.staged<shape = [8, 128], dims = [0, 2]>

// -----

// expected-error@+1 {{'swizzle' of a staged layout must not be negative, found -16}}
#layout = #mqa.staged<shape = [8, 128], dims = [0, 1], swizzle = -16>

// -----

// expected-error@+1 {{a swizzled row has 2, 4 or 8 times 'swizzle' = 16 elements, found 48}}
#layout = #mqa.staged<shape = [8, 48], dims = [0, 1], swizzle = 16>

// -----

// expected-error@+1 {{a swizzled row has 2, 4 or 8 times 'swizzle' = 16 elements, found 256}}
#layout = #mqa.staged<shape = [8, 256], dims = [0, 1], swizzle = 16>

// -----

// expected-error@+1 {{is of a tile of 8x128, found 8x64}}
func.func private @f(memref<8x64xf8E4M3FN, #mqa.staged<shape = [8, 128], dims = [0, 1], swizzle = 16>>)

// -----

// expected-error@+1 {{is of a tile of 8x128, found ?x128}}
func.func private @f(memref<?x128xf8E4M3FN, #mqa.staged<shape = [8, 128], dims = [0, 1], swizzle = 16>>)

// -----

// expected-error@+1 {{is of a tile of 8x128, found 8x64x2}}
func.func private @f(memref<8x64x2xf8E4M3FN, #mqa.staged<shape = [2, 8, 64], dims = [1, 0, 1], swizzle = 16>>)

// -----

// expected-error@+1 {{a ring tile must have as many elements in 16 bytes as its swizzle says}}
func.func private @f(!mqa.ring<2, memref<8x128xbf16, #mqa.staged<shape = [8, 128], dims = [0, 1], swizzle = 16>, #gpu.address_space<workgroup>>>)

// -----

// expected-error@+1 {{a ring tile has at least one dimension}}
func.func private @f(!mqa.ring<2, memref<f32, #gpu.address_space<workgroup>>>)
