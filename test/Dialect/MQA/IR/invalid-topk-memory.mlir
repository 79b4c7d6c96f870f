// Tensors or memrefs, where memrefs lie, and how far apart their elements are.
// RUN: mqa-opt %s --split-input-file --verify-diagnostics

func.func @f(%l: tensor<?x?xf32>, %ke: memref<?xi32>, %i: memref<?x16xi32>) {
  // expected-error@+1 {{operands must be all tensors or all memrefs: 'indices' is 'memref<?x16xi32>' and 'logits' is 'tensor<?x?xf32>'}}
  mqa.topk ins(%l, none, %ke : tensor<?x?xf32>, memref<?xi32>) outs(%i : memref<?x16xi32>)
  return
}

// -----

func.func @f(%l: tensor<?x?xf32>, %ke: tensor<?xi32>, %i: memref<?x16xi32>, %v: tensor<?x16xf32>) {
  // expected-error@+1 {{operands must be all tensors or all memrefs: 'values' is 'tensor<?x16xf32>' and 'indices' is 'memref<?x16xi32>'}}
  %0 = mqa.topk ins(%l, none, %ke : tensor<?x?xf32>, tensor<?xi32>) outs(%i, %v : memref<?x16xi32>, tensor<?x16xf32>) -> tensor<?x16xf32>
  return
}

// -----

func.func @f(%l: tensor<?x?xf32>, %ke: tensor<?xi32>, %table: tensor<?x?xi32, 1 : i32>, %i: tensor<?x16xi32>) {
  // expected-error@+1 {{operand 'block_table' must be a tensor without an encoding, found 1 : i32}}
  %0 = mqa.topk ins(%l, none, %ke : tensor<?x?xf32>, tensor<?xi32>) block_table(%table : tensor<?x?xi32, 1 : i32>) outs(%i : tensor<?x16xi32>) {base = #mqa.base<slot>, block_kv = 64} -> tensor<?x16xi32>
  return
}

// -----

func.func @f(%l: memref<?x?xf32, #gpu.address_space<workgroup>>, %ke: memref<?xi32>, %i: memref<?x16xi32>) {
  // expected-error@+1 {{operand 'logits' must lie in global memory (the default memory space or #gpu.address_space<global>), found #gpu.address_space<workgroup>}}
  mqa.topk ins(%l, none, %ke : memref<?x?xf32, #gpu.address_space<workgroup>>, memref<?xi32>) outs(%i : memref<?x16xi32>)
  return
}

// -----

func.func @f(%l: memref<?x?xf32, strided<[?, 2]>>, %ke: memref<?xi32>, %i: memref<?x16xi32>) {
  // expected-error@+1 {{operand 'logits' must be contiguous inside a row: stride of dimension 1 must be 1, found 2}}
  mqa.topk ins(%l, none, %ke : memref<?x?xf32, strided<[?, 2]>>, memref<?xi32>) outs(%i : memref<?x16xi32>)
  return
}

// -----

func.func @f(%l: memref<?x?xf32>, %ke: memref<?xi32>, %off: memref<?xi32, strided<[?]>>, %i: memref<?x16xi32>) {
  // expected-error@+1 {{operand 'offset' must be contiguous inside a row: stride of dimension 0 must be 1, found a dynamic one}}
  mqa.topk ins(%l, none, %ke : memref<?x?xf32>, memref<?xi32>) offset(%off : memref<?xi32, strided<[?]>>) outs(%i : memref<?x16xi32>)
  return
}

// -----

func.func @f(%l: memref<?x?xf32>, %ke: memref<?xi32>, %i: memref<?x16xi32, strided<[?, 3]>>) {
  // expected-error@+1 {{operand 'indices' must be contiguous inside a row: stride of dimension 1 must be 1, found 3}}
  mqa.topk ins(%l, none, %ke : memref<?x?xf32>, memref<?xi32>) outs(%i : memref<?x16xi32, strided<[?, 3]>>)
  return
}
