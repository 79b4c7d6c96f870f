// Which memory the operands of the ops inside kernels lie in.
// RUN: mqa-opt %s --split-input-file --verify-diagnostics

// expected-error@+1 {{a ring tile must lie in workgroup memory, found 'memref<4xf32>'}}
func.func private @f(!mqa.ring<2, memref<4xf32>>)

// -----

func.func @f(%ks: memref<?xi32>, %ke: memref<?xi32, #gpu.address_space<workgroup>>, %n: index) {
  // expected-error@+1 {{operand 'ke' must lie in global memory (the default memory space or #gpu.address_space<global>), found #gpu.address_space<workgroup>}}
  %ranges = mqa.make_ranges %ks, %ke keys(%n) : memref<?xi32>, memref<?xi32, #gpu.address_space<workgroup>>
  return
}

// -----

func.func @f(%ks: memref<?xi32, 3>, %ke: memref<?xi32>, %n: index) {
  // expected-error@+1 {{operand 'ks' must lie in global memory (the default memory space or #gpu.address_space<global>), found 3}}
  %ranges = mqa.make_ranges %ks, %ke keys(%n) : memref<?xi32, 3>, memref<?xi32>
  return
}

// -----

func.func @f(%out: memref<?x?xf32, strided<[?, 1]>, #gpu.address_space<workgroup>>, %n: index) {
  // expected-error@+1 {{operand 'source' must lie in global memory (the default memory space or #gpu.address_space<global>), found #gpu.address_space<workgroup>}}
  %rows = mqa.row_block %out[%n] rows %n : memref<?x?xf32, strided<[?, 1]>, #gpu.address_space<workgroup>> -> memref<?x?xf32, strided<[?, 1]>, #gpu.address_space<workgroup>>
  return
}

// -----

func.func @f(%cache: memref<?x64x128xf8E4M3FN>, %table: memref<1x?xi32, #gpu.address_space<workgroup>>, %n: index) {
  // expected-error@+1 {{operand 'table' must lie in global memory (the default memory space or #gpu.address_space<global>), found #gpu.address_space<workgroup>}}
  %k = mqa.gather_pages %cache[%table] from %n keys %n : memref<?x64x128xf8E4M3FN>, memref<1x?xi32, #gpu.address_space<workgroup>> -> memref<?x128xf8E4M3FN>
  return
}

// -----

func.func @f(%cache: memref<?x64x128xf8E4M3FN, #gpu.address_space<workgroup>>, %ids: i32, %n: index) {
  // expected-error@+1 {{operand 'cache' must lie in global memory (the default memory space or #gpu.address_space<global>), found #gpu.address_space<workgroup>}}
  %k = mqa.gather_blocks %cache[%ids] from %n : memref<?x64x128xf8E4M3FN, #gpu.address_space<workgroup>> -> memref<?x128xf8E4M3FN, #gpu.address_space<workgroup>>
  return
}

// -----

func.func @f(%cache: memref<?x64x128xf8E4M3FN>, %ids: i32, %n: index) {
  // expected-error@+1 {{gives keys of the same memory space, found 'memref<?x128xf8E4M3FN, #gpu.address_space<workgroup>>'}}
  %k = mqa.gather_blocks %cache[%ids] from %n : memref<?x64x128xf8E4M3FN> -> memref<?x128xf8E4M3FN, #gpu.address_space<workgroup>>
  return
}

// -----

func.func @f(%out: memref<?x?xf32, #gpu.address_space<workgroup>>, %ke: memref<?xi32>) {
  %num_keys = arith.constant 4096 : index
  %ranges = mqa.make_ranges none, %ke keys(%num_keys) : memref<?xi32>
  // expected-error@+1 {{operand 'out' must lie in global memory (the default memory space or #gpu.address_space<global>), found #gpu.address_space<workgroup>}}
  mqa.clean_rows %out, %ranges : memref<?x?xf32, #gpu.address_space<workgroup>>
  return
}

// -----

func.func @f(%logits: vector<4x64xf32>, %out: memref<?x?xf32, #gpu.address_space<workgroup>>, %ke: memref<?xi32>, %n: index) {
  %num_keys = arith.constant 4096 : index
  %ranges = mqa.make_ranges none, %ke keys(%num_keys) : memref<?xi32>
  // expected-error@+1 {{operand 'out' must lie in global memory (the default memory space or #gpu.address_space<global>), found #gpu.address_space<workgroup>}}
  mqa.store_logits %logits, %ranges first_key(%n) outs(%out : memref<?x?xf32, #gpu.address_space<workgroup>>) : vector<4x64xf32>
  return
}

// -----

func.func @f(%v: vector<4x32xf32>, %out: memref<?x?xf32, #gpu.address_space<workgroup>>, %columns: vector<4x32xindex>, %mask: vector<4x32xi1>) {
  // expected-error@+1 {{operand 'base' must lie in global memory (the default memory space or #gpu.address_space<global>), found #gpu.address_space<workgroup>}}
  mqa.scatter_columns %v, %out[%columns] mask %mask : vector<4x32xf32>, memref<?x?xf32, #gpu.address_space<workgroup>>, vector<4x32xindex>, vector<4x32xi1>
  return
}

// -----

func.func @f(%r: !mqa.ring<2, memref<4xf32, #gpu.address_space<workgroup>>>, %i: i32, %a: memref<4xf32, #gpu.address_space<workgroup>>) {
  // expected-error@+1 {{operand 'source 0' must lie in global memory (the default memory space or #gpu.address_space<global>), found #gpu.address_space<workgroup>}}
  mqa.ring_put %r[%i], %a : !mqa.ring<2, memref<4xf32, #gpu.address_space<workgroup>>>, memref<4xf32, #gpu.address_space<workgroup>>
  return
}

// -----

func.func @f(%q: memref<1x4x4x16x1x128xf8E4M3FN, #gpu.address_space<workgroup>>, %k: memref<64x128xf8E4M3FN, #gpu.address_space<workgroup>>, %f: memref<2x4xf32>) {
  // expected-error@+1 {{operand 'factors' must lie in workgroup memory, found 'memref<2x4xf32>'}}
  %l = mqa.tile_logits ins(%q, %k, none, none : memref<1x4x4x16x1x128xf8E4M3FN, #gpu.address_space<workgroup>>, memref<64x128xf8E4M3FN, #gpu.address_space<workgroup>>) factors(%f : memref<2x4xf32>) : vector<4x64xf32>
  return
}
