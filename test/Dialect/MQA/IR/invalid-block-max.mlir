// RUN: mqa-opt %s -split-input-file -verify-diagnostics

func.func @size(%q: tensor<?x4x32xbf16>, %k: tensor<?x32xbf16>, %ke: tensor<?xi32>, %out: tensor<?x?xf32>) -> tensor<?x?xf32> {
  // expected-error @+1 {{'block_max' must be 8, 64 or 128, found 16}}
  %0 = mqa.logits ins(%q, %k, none, none, none, %ke : tensor<?x4x32xbf16>, tensor<?x32xbf16>, tensor<?xi32>)
       outs(%out : tensor<?x?xf32>) {block_max = 16} -> tensor<?x?xf32>
  return %0 : tensor<?x?xf32>
}

// -----

func.func @compressed(%q: tensor<?x4x32xbf16>, %k: tensor<?x32xbf16>, %ke: tensor<?xi32>, %out: tensor<?x?xf32>) -> tensor<?x?xf32> {
  // expected-error @+1 {{has 'block_max', whose blocks are counted from key 0, and 'compressed', where a row begins with its range}}
  %0 = mqa.logits ins(%q, %k, none, none, none, %ke : tensor<?x4x32xbf16>, tensor<?x32xbf16>, tensor<?xi32>)
       outs(%out : tensor<?x?xf32>) {block_max = 8, compressed} -> tensor<?x?xf32>
  return %0 : tensor<?x?xf32>
}

// -----

func.func @columns(%q: tensor<?x4x32xbf16>, %k: tensor<100x32xbf16>, %ke: tensor<?xi32>, %out: tensor<?x1xf32>) -> tensor<?x1xf32> {
  // expected-error @+1 {{number of blocks J (dimension 1 of 'out') must be ceil(N / 64) = 2, found 1}}
  %0 = mqa.logits ins(%q, %k, none, none, none, %ke : tensor<?x4x32xbf16>, tensor<100x32xbf16>, tensor<?xi32>)
       outs(%out : tensor<?x1xf32>) {block_max = 64} -> tensor<?x1xf32>
  return %0 : tensor<?x1xf32>
}

// -----

func.func @offset(%q: tensor<?x4x32xbf16>, %k: tensor<?x32xbf16>, %ke: tensor<?xi32>, %out: tensor<?x?xf32>) -> tensor<?x?xf32> {
  %n = arith.constant 96 : index
  // expected-error @+1 {{'key_offset' must be a multiple of 'block_max' = 64, found 96}}
  %0 = mqa.logits ins(%q, %k, none, none, none, %ke : tensor<?x4x32xbf16>, tensor<?x32xbf16>, tensor<?xi32>) key_offset(%n)
       outs(%out : tensor<?x?xf32>) {block_max = 64} -> tensor<?x?xf32>
  return %0 : tensor<?x?xf32>
}

// -----

func.func @tile(%q: memref<8x4x32xbf16>, %k: memref<?x32xbf16>, %ke: memref<8xi32>, %n: index, %out: memref<8x?xf32>) {
  %ranges = mqa.make_ranges none, %ke keys(%n) {block_max = 8} : memref<8xi32>
  // expected-error @+1 {{with 'ranges' has no 'ks', 'ke', 'compressed' or 'block_max', which the ranges say}}
  mqa.logits ins(%q, %k, none, none : memref<8x4x32xbf16>, memref<?x32xbf16>) ranges(%ranges) key_offset(%n)
      outs(%out : memref<8x?xf32>) {block_max = 8}
  return
}

// -----

func.func @tile_columns(%q: memref<8x4x32xbf16>, %k: memref<64x32xbf16>, %ke: memref<8xi32>, %n: index, %out: memref<8x9xf32>) {
  %ranges = mqa.make_ranges none, %ke keys(%n) {block_max = 8} : memref<8xi32>
  // expected-error @+1 {{number of blocks J (dimension 1 of 'out') must be ceil(N / 8) = 8, found 9}}
  mqa.logits ins(%q, %k, none, none : memref<8x4x32xbf16>, memref<64x32xbf16>) ranges(%ranges) key_offset(%n)
      outs(%out : memref<8x9xf32>)
  return
}

// -----

func.func @paged(%q: memref<?x2x8x32xf16>, %k: memref<?x64x32xf16>, %lens: memref<?x2xi32>, %table: memref<?x?xi32>, %out: memref<?x?xf16>) {
  // expected-error @+1 {{'block_max' must be 8, 64 or 128, found 0}}
  mqa.paged_logits ins(%q, %k, none, none, %lens, %table : memref<?x2x8x32xf16>, memref<?x64x32xf16>, memref<?x2xi32>, memref<?x?xi32>)
      outs(%out : memref<?x?xf16>) {block_max = 0}
  return
}

// -----

func.func @ranges(%ke: memref<?xi32>, %n: index) {
  // expected-error @+1 {{'block_max' must be 8, 64 or 128, found 12}}
  %ranges = mqa.make_ranges none, %ke keys(%n) {block_max = 12} : memref<?xi32>
  return
}

// -----

func.func @compressed_ranges(%ke: memref<?xi32>, %n: index) {
  // expected-error @+1 {{has 'block_max', whose blocks are counted from key 0, and 'compressed', where a row begins with its range}}
  %ranges = mqa.make_ranges none, %ke keys(%n) {block_max = 8, compressed} : memref<?xi32>
  return
}

// -----

gpu.module @kernels {
  gpu.func @store(%logits: vector<4x96xf32>, %ke: memref<?xi32>, %n: index, %out: memref<?x?xf32>) {
    %ranges = mqa.make_ranges none, %ke keys(%n) {block_max = 64} : memref<?xi32>
    // expected-error @+1 {{takes the maximum of each block of 64 keys, but has 96 keys}}
    mqa.store_logits %logits, %ranges first_key(%n) outs(%out : memref<?x?xf32>) : vector<4x96xf32>
    gpu.return
  }
}

// -----

// expected-error @+1 {{'block_max' is 8, 64 or 128, of a kernel that stores logits of rows that are not 'compressed', found 8}}
func.func private @kernel() attributes {mqa.kernel = #mqa.kernel<op = "mqa.logits", compressed = true, task_sizes = [16, 128], block_max = 8>}
