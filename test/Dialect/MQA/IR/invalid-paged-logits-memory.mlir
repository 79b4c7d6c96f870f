// No operand is a tensor with an encoding, which would say that it is not dense, and
// none lies in another memory than the global one.
// RUN: mqa-opt %s --split-input-file --verify-diagnostics

func.func @f(%q: tensor<?x2x64x128xf8E4M3FN, 1 : i32>, %k: tensor<?x64x128xf8E4M3FN>, %k_scale: tensor<?x64xf32>, %weights: tensor<?x64xf32>, %context_lens: tensor<?xi32>, %block_table: tensor<?x?xi32>, %out: tensor<?x?xf32>) {
  // expected-error@+1 {{operand 'q' must be a tensor without an encoding, found 1 : i32}}
  %0 = mqa.paged_logits ins(%q, %k, %k_scale, %weights, %context_lens, %block_table : tensor<?x2x64x128xf8E4M3FN, 1 : i32>, tensor<?x64x128xf8E4M3FN>, tensor<?x64xf32>, tensor<?x64xf32>, tensor<?xi32>, tensor<?x?xi32>) outs(%out : tensor<?x?xf32>) -> tensor<?x?xf32>
  return
}

// -----

func.func @f(%q: memref<?x2x64x128xf8E4M3FN, #gpu.address_space<workgroup>>, %k: memref<?x64x128xf8E4M3FN>, %k_scale: memref<?x64xf32>, %weights: memref<?x64xf32>, %context_lens: memref<?xi32>, %block_table: memref<?x?xi32>, %out: memref<?x?xf32>) {
  // expected-error@+1 {{operand 'q' must lie in global memory (the default memory space or #gpu.address_space<global>), found #gpu.address_space<workgroup>}}
  mqa.paged_logits ins(%q, %k, %k_scale, %weights, %context_lens, %block_table : memref<?x2x64x128xf8E4M3FN, #gpu.address_space<workgroup>>, memref<?x64x128xf8E4M3FN>, memref<?x64xf32>, memref<?x64xf32>, memref<?xi32>, memref<?x?xi32>) outs(%out : memref<?x?xf32>)
  return
}

// -----

func.func @f(%q: tensor<?x2x64x128xf8E4M3FN>, %k: tensor<?x64x128xf8E4M3FN, 1 : i32>, %k_scale: tensor<?x64xf32>, %weights: tensor<?x64xf32>, %context_lens: tensor<?xi32>, %block_table: tensor<?x?xi32>, %out: tensor<?x?xf32>) {
  // expected-error@+1 {{operand 'k' must be a tensor without an encoding, found 1 : i32}}
  %0 = mqa.paged_logits ins(%q, %k, %k_scale, %weights, %context_lens, %block_table : tensor<?x2x64x128xf8E4M3FN>, tensor<?x64x128xf8E4M3FN, 1 : i32>, tensor<?x64xf32>, tensor<?x64xf32>, tensor<?xi32>, tensor<?x?xi32>) outs(%out : tensor<?x?xf32>) -> tensor<?x?xf32>
  return
}

// -----

func.func @f(%q: memref<?x2x64x128xf8E4M3FN>, %k: memref<?x64x128xf8E4M3FN, #gpu.address_space<workgroup>>, %k_scale: memref<?x64xf32>, %weights: memref<?x64xf32>, %context_lens: memref<?xi32>, %block_table: memref<?x?xi32>, %out: memref<?x?xf32>) {
  // expected-error@+1 {{operand 'k' must lie in global memory (the default memory space or #gpu.address_space<global>), found #gpu.address_space<workgroup>}}
  mqa.paged_logits ins(%q, %k, %k_scale, %weights, %context_lens, %block_table : memref<?x2x64x128xf8E4M3FN>, memref<?x64x128xf8E4M3FN, #gpu.address_space<workgroup>>, memref<?x64xf32>, memref<?x64xf32>, memref<?xi32>, memref<?x?xi32>) outs(%out : memref<?x?xf32>)
  return
}

// -----

func.func @f(%q: tensor<?x2x64x128xf8E4M3FN>, %k: tensor<?x64x128xf8E4M3FN>, %k_scale: tensor<?x64xf32, 1 : i32>, %weights: tensor<?x64xf32>, %context_lens: tensor<?xi32>, %block_table: tensor<?x?xi32>, %out: tensor<?x?xf32>) {
  // expected-error@+1 {{operand 'k_scale' must be a tensor without an encoding, found 1 : i32}}
  %0 = mqa.paged_logits ins(%q, %k, %k_scale, %weights, %context_lens, %block_table : tensor<?x2x64x128xf8E4M3FN>, tensor<?x64x128xf8E4M3FN>, tensor<?x64xf32, 1 : i32>, tensor<?x64xf32>, tensor<?xi32>, tensor<?x?xi32>) outs(%out : tensor<?x?xf32>) -> tensor<?x?xf32>
  return
}

// -----

func.func @f(%q: memref<?x2x64x128xf8E4M3FN>, %k: memref<?x64x128xf8E4M3FN>, %k_scale: memref<?x64xf32, #gpu.address_space<workgroup>>, %weights: memref<?x64xf32>, %context_lens: memref<?xi32>, %block_table: memref<?x?xi32>, %out: memref<?x?xf32>) {
  // expected-error@+1 {{operand 'k_scale' must lie in global memory (the default memory space or #gpu.address_space<global>), found #gpu.address_space<workgroup>}}
  mqa.paged_logits ins(%q, %k, %k_scale, %weights, %context_lens, %block_table : memref<?x2x64x128xf8E4M3FN>, memref<?x64x128xf8E4M3FN>, memref<?x64xf32, #gpu.address_space<workgroup>>, memref<?x64xf32>, memref<?xi32>, memref<?x?xi32>) outs(%out : memref<?x?xf32>)
  return
}

// -----

func.func @f(%q: tensor<?x2x64x128xf8E4M3FN>, %k: tensor<?x64x128xf8E4M3FN>, %k_scale: tensor<?x64xf32>, %weights: tensor<?x64xf32, 1 : i32>, %context_lens: tensor<?xi32>, %block_table: tensor<?x?xi32>, %out: tensor<?x?xf32>) {
  // expected-error@+1 {{operand 'weights' must be a tensor without an encoding, found 1 : i32}}
  %0 = mqa.paged_logits ins(%q, %k, %k_scale, %weights, %context_lens, %block_table : tensor<?x2x64x128xf8E4M3FN>, tensor<?x64x128xf8E4M3FN>, tensor<?x64xf32>, tensor<?x64xf32, 1 : i32>, tensor<?xi32>, tensor<?x?xi32>) outs(%out : tensor<?x?xf32>) -> tensor<?x?xf32>
  return
}

// -----

func.func @f(%q: memref<?x2x64x128xf8E4M3FN>, %k: memref<?x64x128xf8E4M3FN>, %k_scale: memref<?x64xf32>, %weights: memref<?x64xf32, #gpu.address_space<workgroup>>, %context_lens: memref<?xi32>, %block_table: memref<?x?xi32>, %out: memref<?x?xf32>) {
  // expected-error@+1 {{operand 'weights' must lie in global memory (the default memory space or #gpu.address_space<global>), found #gpu.address_space<workgroup>}}
  mqa.paged_logits ins(%q, %k, %k_scale, %weights, %context_lens, %block_table : memref<?x2x64x128xf8E4M3FN>, memref<?x64x128xf8E4M3FN>, memref<?x64xf32>, memref<?x64xf32, #gpu.address_space<workgroup>>, memref<?xi32>, memref<?x?xi32>) outs(%out : memref<?x?xf32>)
  return
}

// -----

func.func @f(%q: tensor<?x2x64x128xf8E4M3FN>, %k: tensor<?x64x128xf8E4M3FN>, %k_scale: tensor<?x64xf32>, %weights: tensor<?x64xf32>, %context_lens: tensor<?xi32, 1 : i32>, %block_table: tensor<?x?xi32>, %out: tensor<?x?xf32>) {
  // expected-error@+1 {{operand 'context_lens' must be a tensor without an encoding, found 1 : i32}}
  %0 = mqa.paged_logits ins(%q, %k, %k_scale, %weights, %context_lens, %block_table : tensor<?x2x64x128xf8E4M3FN>, tensor<?x64x128xf8E4M3FN>, tensor<?x64xf32>, tensor<?x64xf32>, tensor<?xi32, 1 : i32>, tensor<?x?xi32>) outs(%out : tensor<?x?xf32>) -> tensor<?x?xf32>
  return
}

// -----

func.func @f(%q: memref<?x2x64x128xf8E4M3FN>, %k: memref<?x64x128xf8E4M3FN>, %k_scale: memref<?x64xf32>, %weights: memref<?x64xf32>, %context_lens: memref<?xi32, #gpu.address_space<workgroup>>, %block_table: memref<?x?xi32>, %out: memref<?x?xf32>) {
  // expected-error@+1 {{operand 'context_lens' must lie in global memory (the default memory space or #gpu.address_space<global>), found #gpu.address_space<workgroup>}}
  mqa.paged_logits ins(%q, %k, %k_scale, %weights, %context_lens, %block_table : memref<?x2x64x128xf8E4M3FN>, memref<?x64x128xf8E4M3FN>, memref<?x64xf32>, memref<?x64xf32>, memref<?xi32, #gpu.address_space<workgroup>>, memref<?x?xi32>) outs(%out : memref<?x?xf32>)
  return
}

// -----

func.func @f(%q: tensor<?x2x64x128xf8E4M3FN>, %k: tensor<?x64x128xf8E4M3FN>, %k_scale: tensor<?x64xf32>, %weights: tensor<?x64xf32>, %context_lens: tensor<?xi32>, %block_table: tensor<?x?xi32, 1 : i32>, %out: tensor<?x?xf32>) {
  // expected-error@+1 {{operand 'block_table' must be a tensor without an encoding, found 1 : i32}}
  %0 = mqa.paged_logits ins(%q, %k, %k_scale, %weights, %context_lens, %block_table : tensor<?x2x64x128xf8E4M3FN>, tensor<?x64x128xf8E4M3FN>, tensor<?x64xf32>, tensor<?x64xf32>, tensor<?xi32>, tensor<?x?xi32, 1 : i32>) outs(%out : tensor<?x?xf32>) -> tensor<?x?xf32>
  return
}

// -----

func.func @f(%q: memref<?x2x64x128xf8E4M3FN>, %k: memref<?x64x128xf8E4M3FN>, %k_scale: memref<?x64xf32>, %weights: memref<?x64xf32>, %context_lens: memref<?xi32>, %block_table: memref<?x?xi32, #gpu.address_space<workgroup>>, %out: memref<?x?xf32>) {
  // expected-error@+1 {{operand 'block_table' must lie in global memory (the default memory space or #gpu.address_space<global>), found #gpu.address_space<workgroup>}}
  mqa.paged_logits ins(%q, %k, %k_scale, %weights, %context_lens, %block_table : memref<?x2x64x128xf8E4M3FN>, memref<?x64x128xf8E4M3FN>, memref<?x64xf32>, memref<?x64xf32>, memref<?xi32>, memref<?x?xi32, #gpu.address_space<workgroup>>) outs(%out : memref<?x?xf32>)
  return
}

// -----

func.func @f(%q: tensor<?x2x64x128xf8E4M3FN>, %k: tensor<?x64x128xf8E4M3FN>, %k_scale: tensor<?x64xf32>, %weights: tensor<?x64xf32>, %context_lens: tensor<?xi32>, %block_table: tensor<?x?xi32>, %out: tensor<?x?xf32, 1 : i32>) {
  // expected-error@+1 {{operand 'out' must be a tensor without an encoding, found 1 : i32}}
  %0 = mqa.paged_logits ins(%q, %k, %k_scale, %weights, %context_lens, %block_table : tensor<?x2x64x128xf8E4M3FN>, tensor<?x64x128xf8E4M3FN>, tensor<?x64xf32>, tensor<?x64xf32>, tensor<?xi32>, tensor<?x?xi32>) outs(%out : tensor<?x?xf32, 1 : i32>) -> tensor<?x?xf32, 1 : i32>
  return
}

// -----

func.func @f(%q: memref<?x2x64x128xf8E4M3FN>, %k: memref<?x64x128xf8E4M3FN>, %k_scale: memref<?x64xf32>, %weights: memref<?x64xf32>, %context_lens: memref<?xi32>, %block_table: memref<?x?xi32>, %out: memref<?x?xf32, #gpu.address_space<workgroup>>) {
  // expected-error@+1 {{operand 'out' must lie in global memory (the default memory space or #gpu.address_space<global>), found #gpu.address_space<workgroup>}}
  mqa.paged_logits ins(%q, %k, %k_scale, %weights, %context_lens, %block_table : memref<?x2x64x128xf8E4M3FN>, memref<?x64x128xf8E4M3FN>, memref<?x64xf32>, memref<?x64xf32>, memref<?xi32>, memref<?x?xi32>) outs(%out : memref<?x?xf32, #gpu.address_space<workgroup>>)
  return
}
