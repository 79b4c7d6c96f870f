// No operand is a tensor with an encoding, which would say that it is not dense, and
// none lies in another memory than the global one.
// RUN: mqa-opt %s --split-input-file --verify-diagnostics

func.func @f(%q: tensor<?x64x128xf8E4M3FN, 1 : i32>, %k: tensor<?x128xf8E4M3FN>, %k_scale: tensor<?xf32>, %weights: tensor<?x64xf32>, %ks: tensor<?xi32>, %ke: tensor<?xi32>, %out: tensor<?x?xf32>) {
  // expected-error@+1 {{operand 'q' must be a tensor without an encoding, found 1 : i32}}
  %0 = mqa.logits ins(%q, %k, %k_scale, %weights, %ks, %ke : tensor<?x64x128xf8E4M3FN, 1 : i32>, tensor<?x128xf8E4M3FN>, tensor<?xf32>, tensor<?x64xf32>, tensor<?xi32>, tensor<?xi32>) outs(%out : tensor<?x?xf32>) -> tensor<?x?xf32>
  return
}

// -----

func.func @f(%q: memref<?x64x128xf8E4M3FN, #gpu.address_space<workgroup>>, %k: memref<?x128xf8E4M3FN>, %k_scale: memref<?xf32>, %weights: memref<?x64xf32>, %ks: memref<?xi32>, %ke: memref<?xi32>, %out: memref<?x?xf32>) {
  // expected-error@+1 {{operand 'q' must lie in global memory (the default memory space or #gpu.address_space<global>), found #gpu.address_space<workgroup>}}
  mqa.logits ins(%q, %k, %k_scale, %weights, %ks, %ke : memref<?x64x128xf8E4M3FN, #gpu.address_space<workgroup>>, memref<?x128xf8E4M3FN>, memref<?xf32>, memref<?x64xf32>, memref<?xi32>, memref<?xi32>) outs(%out : memref<?x?xf32>)
  return
}

// -----

func.func @f(%q: tensor<?x64x128xf8E4M3FN>, %k: tensor<?x128xf8E4M3FN, 1 : i32>, %k_scale: tensor<?xf32>, %weights: tensor<?x64xf32>, %ks: tensor<?xi32>, %ke: tensor<?xi32>, %out: tensor<?x?xf32>) {
  // expected-error@+1 {{operand 'k' must be a tensor without an encoding, found 1 : i32}}
  %0 = mqa.logits ins(%q, %k, %k_scale, %weights, %ks, %ke : tensor<?x64x128xf8E4M3FN>, tensor<?x128xf8E4M3FN, 1 : i32>, tensor<?xf32>, tensor<?x64xf32>, tensor<?xi32>, tensor<?xi32>) outs(%out : tensor<?x?xf32>) -> tensor<?x?xf32>
  return
}

// -----

func.func @f(%q: memref<?x64x128xf8E4M3FN>, %k: memref<?x128xf8E4M3FN, #gpu.address_space<workgroup>>, %k_scale: memref<?xf32>, %weights: memref<?x64xf32>, %ks: memref<?xi32>, %ke: memref<?xi32>, %out: memref<?x?xf32>) {
  // expected-error@+1 {{operand 'k' must lie in global memory (the default memory space or #gpu.address_space<global>), found #gpu.address_space<workgroup>}}
  mqa.logits ins(%q, %k, %k_scale, %weights, %ks, %ke : memref<?x64x128xf8E4M3FN>, memref<?x128xf8E4M3FN, #gpu.address_space<workgroup>>, memref<?xf32>, memref<?x64xf32>, memref<?xi32>, memref<?xi32>) outs(%out : memref<?x?xf32>)
  return
}

// -----

func.func @f(%q: tensor<?x64x128xf8E4M3FN>, %k: tensor<?x128xf8E4M3FN>, %k_scale: tensor<?xf32, 1 : i32>, %weights: tensor<?x64xf32>, %ks: tensor<?xi32>, %ke: tensor<?xi32>, %out: tensor<?x?xf32>) {
  // expected-error@+1 {{operand 'k_scale' must be a tensor without an encoding, found 1 : i32}}
  %0 = mqa.logits ins(%q, %k, %k_scale, %weights, %ks, %ke : tensor<?x64x128xf8E4M3FN>, tensor<?x128xf8E4M3FN>, tensor<?xf32, 1 : i32>, tensor<?x64xf32>, tensor<?xi32>, tensor<?xi32>) outs(%out : tensor<?x?xf32>) -> tensor<?x?xf32>
  return
}

// -----

func.func @f(%q: memref<?x64x128xf8E4M3FN>, %k: memref<?x128xf8E4M3FN>, %k_scale: memref<?xf32, #gpu.address_space<workgroup>>, %weights: memref<?x64xf32>, %ks: memref<?xi32>, %ke: memref<?xi32>, %out: memref<?x?xf32>) {
  // expected-error@+1 {{operand 'k_scale' must lie in global memory (the default memory space or #gpu.address_space<global>), found #gpu.address_space<workgroup>}}
  mqa.logits ins(%q, %k, %k_scale, %weights, %ks, %ke : memref<?x64x128xf8E4M3FN>, memref<?x128xf8E4M3FN>, memref<?xf32, #gpu.address_space<workgroup>>, memref<?x64xf32>, memref<?xi32>, memref<?xi32>) outs(%out : memref<?x?xf32>)
  return
}

// -----

func.func @f(%q: tensor<?x64x128xf8E4M3FN>, %k: tensor<?x128xf8E4M3FN>, %k_scale: tensor<?xf32>, %weights: tensor<?x64xf32, 1 : i32>, %ks: tensor<?xi32>, %ke: tensor<?xi32>, %out: tensor<?x?xf32>) {
  // expected-error@+1 {{operand 'weights' must be a tensor without an encoding, found 1 : i32}}
  %0 = mqa.logits ins(%q, %k, %k_scale, %weights, %ks, %ke : tensor<?x64x128xf8E4M3FN>, tensor<?x128xf8E4M3FN>, tensor<?xf32>, tensor<?x64xf32, 1 : i32>, tensor<?xi32>, tensor<?xi32>) outs(%out : tensor<?x?xf32>) -> tensor<?x?xf32>
  return
}

// -----

func.func @f(%q: memref<?x64x128xf8E4M3FN>, %k: memref<?x128xf8E4M3FN>, %k_scale: memref<?xf32>, %weights: memref<?x64xf32, #gpu.address_space<workgroup>>, %ks: memref<?xi32>, %ke: memref<?xi32>, %out: memref<?x?xf32>) {
  // expected-error@+1 {{operand 'weights' must lie in global memory (the default memory space or #gpu.address_space<global>), found #gpu.address_space<workgroup>}}
  mqa.logits ins(%q, %k, %k_scale, %weights, %ks, %ke : memref<?x64x128xf8E4M3FN>, memref<?x128xf8E4M3FN>, memref<?xf32>, memref<?x64xf32, #gpu.address_space<workgroup>>, memref<?xi32>, memref<?xi32>) outs(%out : memref<?x?xf32>)
  return
}

// -----

func.func @f(%q: tensor<?x64x128xf8E4M3FN>, %k: tensor<?x128xf8E4M3FN>, %k_scale: tensor<?xf32>, %weights: tensor<?x64xf32>, %ks: tensor<?xi32, 1 : i32>, %ke: tensor<?xi32>, %out: tensor<?x?xf32>) {
  // expected-error@+1 {{operand 'ks' must be a tensor without an encoding, found 1 : i32}}
  %0 = mqa.logits ins(%q, %k, %k_scale, %weights, %ks, %ke : tensor<?x64x128xf8E4M3FN>, tensor<?x128xf8E4M3FN>, tensor<?xf32>, tensor<?x64xf32>, tensor<?xi32, 1 : i32>, tensor<?xi32>) outs(%out : tensor<?x?xf32>) -> tensor<?x?xf32>
  return
}

// -----

func.func @f(%q: memref<?x64x128xf8E4M3FN>, %k: memref<?x128xf8E4M3FN>, %k_scale: memref<?xf32>, %weights: memref<?x64xf32>, %ks: memref<?xi32, #gpu.address_space<workgroup>>, %ke: memref<?xi32>, %out: memref<?x?xf32>) {
  // expected-error@+1 {{operand 'ks' must lie in global memory (the default memory space or #gpu.address_space<global>), found #gpu.address_space<workgroup>}}
  mqa.logits ins(%q, %k, %k_scale, %weights, %ks, %ke : memref<?x64x128xf8E4M3FN>, memref<?x128xf8E4M3FN>, memref<?xf32>, memref<?x64xf32>, memref<?xi32, #gpu.address_space<workgroup>>, memref<?xi32>) outs(%out : memref<?x?xf32>)
  return
}

// -----

func.func @f(%q: tensor<?x64x128xf8E4M3FN>, %k: tensor<?x128xf8E4M3FN>, %k_scale: tensor<?xf32>, %weights: tensor<?x64xf32>, %ks: tensor<?xi32>, %ke: tensor<?xi32, 1 : i32>, %out: tensor<?x?xf32>) {
  // expected-error@+1 {{operand 'ke' must be a tensor without an encoding, found 1 : i32}}
  %0 = mqa.logits ins(%q, %k, %k_scale, %weights, %ks, %ke : tensor<?x64x128xf8E4M3FN>, tensor<?x128xf8E4M3FN>, tensor<?xf32>, tensor<?x64xf32>, tensor<?xi32>, tensor<?xi32, 1 : i32>) outs(%out : tensor<?x?xf32>) -> tensor<?x?xf32>
  return
}

// -----

func.func @f(%q: memref<?x64x128xf8E4M3FN>, %k: memref<?x128xf8E4M3FN>, %k_scale: memref<?xf32>, %weights: memref<?x64xf32>, %ks: memref<?xi32>, %ke: memref<?xi32, #gpu.address_space<workgroup>>, %out: memref<?x?xf32>) {
  // expected-error@+1 {{operand 'ke' must lie in global memory (the default memory space or #gpu.address_space<global>), found #gpu.address_space<workgroup>}}
  mqa.logits ins(%q, %k, %k_scale, %weights, %ks, %ke : memref<?x64x128xf8E4M3FN>, memref<?x128xf8E4M3FN>, memref<?xf32>, memref<?x64xf32>, memref<?xi32>, memref<?xi32, #gpu.address_space<workgroup>>) outs(%out : memref<?x?xf32>)
  return
}

// -----

func.func @f(%q: tensor<?x64x128xf8E4M3FN>, %k: tensor<?x128xf8E4M3FN>, %k_scale: tensor<?xf32>, %weights: tensor<?x64xf32>, %ks: tensor<?xi32>, %ke: tensor<?xi32>, %out: tensor<?x?xf32, 1 : i32>) {
  // expected-error@+1 {{operand 'out' must be a tensor without an encoding, found 1 : i32}}
  %0 = mqa.logits ins(%q, %k, %k_scale, %weights, %ks, %ke : tensor<?x64x128xf8E4M3FN>, tensor<?x128xf8E4M3FN>, tensor<?xf32>, tensor<?x64xf32>, tensor<?xi32>, tensor<?xi32>) outs(%out : tensor<?x?xf32, 1 : i32>) -> tensor<?x?xf32, 1 : i32>
  return
}

// -----

func.func @f(%q: memref<?x64x128xf8E4M3FN>, %k: memref<?x128xf8E4M3FN>, %k_scale: memref<?xf32>, %weights: memref<?x64xf32>, %ks: memref<?xi32>, %ke: memref<?xi32>, %out: memref<?x?xf32, #gpu.address_space<workgroup>>) {
  // expected-error@+1 {{operand 'out' must lie in global memory (the default memory space or #gpu.address_space<global>), found #gpu.address_space<workgroup>}}
  mqa.logits ins(%q, %k, %k_scale, %weights, %ks, %ke : memref<?x64x128xf8E4M3FN>, memref<?x128xf8E4M3FN>, memref<?xf32>, memref<?x64xf32>, memref<?xi32>, memref<?xi32>) outs(%out : memref<?x?xf32, #gpu.address_space<workgroup>>)
  return
}

// -----

// Numbers mean another thing to each target.
func.func @f(%q: memref<?x64x128xf8E4M3FN, 1>, %k: memref<?x128xf8E4M3FN>, %ke: memref<?xi32>, %out: memref<?x?xf32>) {
  // expected-error@+1 {{operand 'q' must lie in global memory (the default memory space or #gpu.address_space<global>), found 1 : i64}}
  mqa.logits ins(%q, %k, none, none, none, %ke : memref<?x64x128xf8E4M3FN, 1>, memref<?x128xf8E4M3FN>, memref<?xi32>) outs(%out : memref<?x?xf32>)
  return
}
