// RUN: mqa-opt %s --pass-pipeline='builtin.module(gpu.module(gpu.func(mqa-vectorize-tiles)))' --split-input-file --verify-diagnostics

#at_2x1x4x16x1x32 = #mqa.staged<shape = [2, 1, 4, 16, 1, 32], dims = [0, 1, 0, 1, 0, 2], swizzle = 16>
#at_32x32 = #mqa.staged<shape = [32, 32], dims = [0, 1], swizzle = 16>
#smem = #gpu.address_space<workgroup>
gpu.module @kernels {
  gpu.func @f(%q: memref<8x16x32xf8E4M3FN, #at_2x1x4x16x1x32, #smem>, %k: memref<32x32xf8E4M3FN, #at_32x32, #smem>, %s: memref<32xf32, #smem>, %w: memref<8x16xf32, #smem>, %ks: memref<?xi32>, %n: index, %out: memref<?x?xf32>) kernel {
    %num_keys = arith.constant 4096 : index
    %ranges = mqa.make_ranges %ks, %ks keys(%num_keys) : memref<?xi32>, memref<?xi32>
    // expected-error@+1 {{must be narrowed to the queries of one consumer group before it is vectorized}}
    %logits1 = mqa.tile_logits ins(%q, %k, %s, %w : memref<8x16x32xf8E4M3FN, #at_2x1x4x16x1x32, #smem>, memref<32x32xf8E4M3FN, #at_32x32, #smem>, memref<32xf32, #smem>, memref<8x16xf32, #smem>) : vector<8x32xf32>
    mqa.store_logits %logits1, %ranges first_key(%n) outs(%out : memref<?x?xf32>) : vector<8x32xf32>
    gpu.return
  }
}

// -----

// A view of every second row.
gpu.module @kernels {
  gpu.func @rows(%logits: vector<8x32xf32>, %ks: memref<?xi32>, %n: index, %out: memref<?x?xf32>) kernel {
    %ranges = mqa.make_ranges %ks, %ks keys(%n) : memref<?xi32>, memref<?xi32>
    %rows = memref.subview %out[0, 0] [8, %n] [2, 1] : memref<?x?xf32> to memref<8x?xf32, strided<[?, 1]>>
    // expected-error@+1 {{needs views of rows behind each other}}
    mqa.store_logits %logits, %ranges first_key(%n) outs(%rows : memref<8x?xf32, strided<[?, 1]>>) : vector<8x32xf32>
    gpu.return
  }
}

// -----

// With rows = keys, 128 keys are two products and two stores.
#at_1x1x2x64x128 = #mqa.staged<shape = [1, 1, 2, 64, 128], dims = [0, 1, 0, 1, 2], swizzle = 16>
#at_128x128 = #mqa.staged<shape = [128, 128], dims = [0, 1], swizzle = 16>
#smem = #gpu.address_space<workgroup>
gpu.module @kernels {
  gpu.func @f(%q: memref<2x64x128xf8E4M3FN, #at_1x1x2x64x128, #smem>, %k: memref<128x128xf8E4M3FN, #at_128x128, #smem>, %ke: memref<2xi32>, %n: index, %out: memref<2x?xf32>) kernel {
    %ranges = mqa.make_ranges none, %ke keys(%n) {block_max = 128} : memref<2xi32>
    // expected-error@+1 {{with 'rows' keys is stored 64 keys at a time, which are no blocks of 128}}
    %logits = mqa.tile_logits ins(%q, %k, none, none : memref<2x64x128xf8E4M3FN, #at_1x1x2x64x128, #smem>, memref<128x128xf8E4M3FN, #at_128x128, #smem>) {rows = #mqa.rows<keys>} : vector<2x128xf32>
    mqa.store_logits %logits, %ranges first_key(%n) outs(%out : memref<2x?xf32>) : vector<2x128xf32>
    gpu.return
  }
}

// -----

#at_1x1x2x64x128 = #mqa.staged<shape = [1, 1, 2, 64, 128], dims = [0, 1, 0, 1, 2], swizzle = 16>
#at_128x128 = #mqa.staged<shape = [128, 128], dims = [0, 1], swizzle = 16>
#smem = #gpu.address_space<workgroup>
gpu.module @kernels {
  gpu.func @f(%q: memref<2x64x128xf8E4M3FN, #at_1x1x2x64x128, #smem>, %k: memref<128x128xf8E4M3FN, #at_128x128, #smem>, %ke: memref<2xi32>, %n: index, %out: memref<2x?xf32>) kernel {
    %ranges = mqa.make_ranges none, %ke keys(%n) : memref<2xi32>
    // expected-error@+1 {{with 'rows' keys of more than 64 keys must be stored in its block, and by nothing else used}}
    %logits = mqa.tile_logits ins(%q, %k, none, none : memref<2x64x128xf8E4M3FN, #at_1x1x2x64x128, #smem>, memref<128x128xf8E4M3FN, #at_128x128, #smem>) {rows = #mqa.rows<keys>} : vector<2x128xf32>
    mqa.store_logits %logits, %ranges first_key(%n) outs(%out : memref<2x?xf32>) : vector<2x128xf32>
    mqa.store_logits %logits, %ranges first_key(%n) outs(%out : memref<2x?xf32>) : vector<2x128xf32>
    gpu.return
  }
}

// -----

// Rows of 256 bytes lie in two parts of 128 bytes each, so that 64 of 128 keys are no tile.
#at_2x128x64 = #mqa.staged<shape = [2, 128, 64], dims = [1, 0, 1], swizzle = 8>
#at_1x1x2x1x64x64 = #mqa.staged<shape = [1, 1, 2, 1, 64, 64], dims = [0, 1, 2, 0, 1, 2], swizzle = 8>
#smem = #gpu.address_space<workgroup>
gpu.module @kernels {
  gpu.func @f(%q: memref<1x64x128xbf16, #at_1x1x2x1x64x64, #smem>, %k: memref<128x128xbf16, #at_2x128x64, #smem>, %ke: memref<1xi32>, %n: index, %out: memref<1x?xf32>) kernel {
    %num_keys = arith.constant 4096 : index
    %ranges = mqa.make_ranges none, %ke keys(%num_keys) : memref<1xi32>
    // expected-error@+1 {{must have parts of 64 keys behind each other in memory, found}}
    %logits = mqa.tile_logits ins(%q, %k, none, none : memref<1x64x128xbf16, #at_1x1x2x1x64x64, #smem>, memref<128x128xbf16, #at_2x128x64, #smem>) {rows = #mqa.rows<keys>} : vector<1x128xf32>
    mqa.store_logits %logits, %ranges first_key(%n) outs(%out : memref<1x?xf32>) : vector<1x128xf32>
    gpu.return
  }
}
