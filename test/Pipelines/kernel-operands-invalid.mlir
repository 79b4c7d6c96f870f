// Sizes and memory of the operands of kernels: every target refuses the same functions with
// the same words. A new pipeline gets a line here.
// RUN: mqa-opt %s --mqa-verify-kernel-functions --split-input-file --verify-diagnostics
// RUN: mqa-opt %s --mqa-to-nvvm --split-input-file --verify-diagnostics
// RUN: mqa-opt %s --mqa-to-cpu --split-input-file --verify-diagnostics

// The runtime counts with 32 bits.
func.func @f(%q: tensor<?x4x32xbf16>, %k: tensor<2147482624x32xbf16>, %ke: tensor<?xi32>, %out: tensor<?x?xf32>) -> tensor<?x?xf32> {
  // expected-error@+1 {{dimension 0 of 'k' must be at most 2147482623 in a kernel, found 2147482624}}
  %0 = mqa.logits ins(%q, %k, none, none, none, %ke : tensor<?x4x32xbf16>, tensor<2147482624x32xbf16>, tensor<?xi32>) outs(%out : tensor<?x?xf32>) -> tensor<?x?xf32>
  return %0 : tensor<?x?xf32>
}

// -----

func.func @f(%q: tensor<?x4x32xbf16>, %k: tensor<?x32xbf16>, %ke: tensor<?xi32>, %out: tensor<?x4294967296xf32>) -> tensor<?x4294967296xf32> {
  // expected-error@+1 {{dimension 1 of 'out' must be at most 2147482623 in a kernel, found 4294967296}}
  %0 = mqa.logits ins(%q, %k, none, none, none, %ke : tensor<?x4x32xbf16>, tensor<?x32xbf16>, tensor<?xi32>) outs(%out : tensor<?x4294967296xf32>) {compressed} -> tensor<?x4294967296xf32>
  return %0 : tensor<?x4294967296xf32>
}

// -----

func.func @f(%q: tensor<?x1x4x64xbf16>, %k: tensor<3000000000x16x64xbf16>, %l: tensor<?xi32>, %t: tensor<?x?xi32>, %out: tensor<?x?xf32>) -> tensor<?x?xf32> {
  // expected-error@+1 {{dimension 0 of 'k' must be at most 2147482623 in a kernel, found 3000000000}}
  %0 = mqa.paged_logits ins(%q, %k, none, none, %l, %t : tensor<?x1x4x64xbf16>, tensor<3000000000x16x64xbf16>, tensor<?xi32>, tensor<?x?xi32>) outs(%out : tensor<?x?xf32>) -> tensor<?x?xf32>
  return %0 : tensor<?x?xf32>
}

// -----

// A launch has strides of its own.
func.func @f(%q: memref<?x4x32xbf16>, %k: memref<?x32xbf16, strided<[64, 1]>>, %ke: memref<?xi32>, %out: memref<?x?xf32>) {
  // expected-error@+1 {{operand 'k' of a kernel must be contiguous or have a dynamic stride ('?') in dimension 0, found 64 where 32 is contiguous}}
  mqa.logits ins(%q, %k, none, none, none, %ke : memref<?x4x32xbf16>, memref<?x32xbf16, strided<[64, 1]>>, memref<?xi32>) outs(%out : memref<?x?xf32>)
  return
}

// -----

func.func @f(%q: memref<?x4x32xbf16>, %k: memref<?x32xbf16, strided<[0, 1]>>, %ke: memref<?xi32>, %out: memref<?x?xf32>) {
  // expected-error@+1 {{operand 'k' of a kernel must be contiguous or have a dynamic stride ('?') in dimension 0, found 0 where 32 is contiguous}}
  mqa.logits ins(%q, %k, none, none, none, %ke : memref<?x4x32xbf16>, memref<?x32xbf16, strided<[0, 1]>>, memref<?xi32>) outs(%out : memref<?x?xf32>)
  return
}

// -----

func.func @f(%q: memref<?x4x32xbf16>, %k: memref<?x32xbf16, strided<[-128, 1]>>, %ke: memref<?xi32>, %out: memref<?x?xf32>) {
  // expected-error@+1 {{operand 'k' of a kernel must be contiguous or have a dynamic stride ('?') in dimension 0, found -128 where 32 is contiguous}}
  mqa.logits ins(%q, %k, none, none, none, %ke : memref<?x4x32xbf16>, memref<?x32xbf16, strided<[-128, 1]>>, memref<?xi32>) outs(%out : memref<?x?xf32>)
  return
}

// -----

func.func @f(%q: memref<?x4x32xbf16>, %k: memref<?x32xbf16, strided<[?, 1], offset: 3>>, %ke: memref<?xi32>, %out: memref<?x?xf32>) {
  // expected-error@+1 {{operand 'k' of a kernel must have the offset 0 or a dynamic one ('?'), found 3}}
  mqa.logits ins(%q, %k, none, none, none, %ke : memref<?x4x32xbf16>, memref<?x32xbf16, strided<[?, 1], offset: 3>>, memref<?xi32>) outs(%out : memref<?x?xf32>)
  return
}

// -----

func.func @f(%q: memref<?x4x32xbf16>, %k: memref<?x32xbf16>, %ke: memref<?xi32>, %out: memref<?x?xf32>, %s: memref<?xf32, strided<[2]>>) {
  // expected-error@+1 {{operand 'k_scale' of a kernel must be contiguous or have a dynamic stride ('?') in dimension 0, found 2 where 1 is contiguous}}
  mqa.logits ins(%q, %k, %s, none, none, %ke : memref<?x4x32xbf16>, memref<?x32xbf16>, memref<?xf32, strided<[2]>>, memref<?xi32>) outs(%out : memref<?x?xf32>)
  return
}

// -----

func.func @f(%q: memref<?x4x32xbf16>, %k: memref<?x32xbf16>, %ke: memref<?xi32>, %out: memref<?x?xf32, strided<[100, 1]>>) {
  // expected-error@+1 {{operand 'out' of a kernel must be contiguous or have a dynamic stride ('?') in dimension 0, found 100}}
  mqa.logits ins(%q, %k, none, none, none, %ke : memref<?x4x32xbf16>, memref<?x32xbf16>, memref<?xi32>) outs(%out : memref<?x?xf32, strided<[100, 1]>>)
  return
}

// -----

func.func @f(%q: memref<?x4x32xbf16>, %k: memref<?x32xbf16, #gpu.address_space<global>>, %ke: memref<?xi32>, %out: memref<?x?xf32>) {
  // expected-error@+1 {{operand 'k' of a kernel must lie in the default memory space, found #gpu.address_space<global>}}
  mqa.logits ins(%q, %k, none, none, none, %ke : memref<?x4x32xbf16>, memref<?x32xbf16, #gpu.address_space<global>>, memref<?xi32>) outs(%out : memref<?x?xf32>)
  return
}

// -----

// A paged cache with the scales behind their keys: the strides are the launch's too.
func.func @f(%q: memref<?x1x4x64xbf16>, %k: memref<?x16x64xbf16, strided<[1056, 64, 1]>>, %l: memref<?xi32>, %t: memref<?x?xi32>, %out: memref<?x?xf32>) {
  // expected-error@+1 {{operand 'k' of a kernel must be contiguous or have a dynamic stride ('?') in dimension 0, found 1056 where 1024 is contiguous}}
  mqa.paged_logits ins(%q, %k, none, none, %l, %t : memref<?x1x4x64xbf16>, memref<?x16x64xbf16, strided<[1056, 64, 1]>>, memref<?xi32>, memref<?x?xi32>) outs(%out : memref<?x?xf32>)
  return
}

// -----

// Kernels of mqa.topk step further past the last column.
func.func @f(%logits: tensor<?x2147467265xf32>, %ke: tensor<?xi32>, %indices: tensor<?x16xi32>) -> tensor<?x16xi32> {
  // expected-error@+1 {{dimension 1 of 'logits' must be at most 2147467264 in a kernel, found 2147467265}}
  %0 = mqa.topk ins(%logits, none, %ke : tensor<?x2147467265xf32>, tensor<?xi32>) outs(%indices : tensor<?x16xi32>) -> tensor<?x16xi32>
  return %0 : tensor<?x16xi32>
}

// -----

// Of key blocks, the runtime counts columns by the blocks.
func.func @f(%q: tensor<?x4x64xbf16>, %k: tensor<?x64xbf16>, %ke: tensor<?xi32>, %blocks: tensor<?x16xi32>, %counts: tensor<?xi32>, %out: tensor<?x100xf32>) -> tensor<?x100xf32> {
  // expected-error@+1 {{dimension 1 of 'out' of a kernel must be 8 columns for each of a row's blocks, found 100}}
  %0 = mqa.logits ins(%q, %k, none, none, none, %ke : tensor<?x4x64xbf16>, tensor<?x64xbf16>, tensor<?xi32>) blocks(%blocks, %counts : tensor<?x16xi32>, tensor<?xi32>) of 8 outs(%out : tensor<?x100xf32>) -> tensor<?x100xf32>
  return %0 : tensor<?x100xf32>
}

// -----

func.func @f(%logits: tensor<?x100xf32>, %ke: tensor<?xi32>, %n: index, %blocks: tensor<?x?xi32>, %counts: tensor<?xi32>, %indices: tensor<?x16xi32>) -> tensor<?x16xi32> {
  // expected-error@+1 {{dimension 1 of 'logits' of a kernel must be 8 columns for each of a row's blocks, found 100}}
  %0 = mqa.topk ins(%logits, none, %ke : tensor<?x100xf32>, tensor<?xi32>) num_keys(%n) blocks(%blocks, %counts : tensor<?x?xi32>, tensor<?xi32>) of 8 outs(%indices : tensor<?x16xi32>) -> tensor<?x16xi32>
  return %0 : tensor<?x16xi32>
}

// -----

func.func @f(%logits: tensor<?x?xf32>, %ke: tensor<?xi32>, %n: index, %blocks: tensor<?x268435456xi32>, %counts: tensor<?xi32>, %indices: tensor<?x16xi32>) -> tensor<?x16xi32> {
  // expected-error@+1 {{dimension 1 of 'key_blocks' must be at most 268435327 in a kernel, found 268435456}}
  %0 = mqa.topk ins(%logits, none, %ke : tensor<?x?xf32>, tensor<?xi32>) num_keys(%n) blocks(%blocks, %counts : tensor<?x268435456xi32>, tensor<?xi32>) of 8 outs(%indices : tensor<?x16xi32>) -> tensor<?x16xi32>
  return %0 : tensor<?x16xi32>
}
