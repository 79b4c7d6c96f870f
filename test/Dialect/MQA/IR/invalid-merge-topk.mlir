// RUN: mqa-opt %s --split-input-file --verify-diagnostics

func.func @f(%li: tensor<?x16xi32>, %lv: tensor<?x?x16xf32>, %ke: tensor<?xi32>, %i: tensor<?x16xi32>) {
  // expected-error@+1 {{operand 'list_indices' must have shape RxMxK (rank 3), found rank 2}}
  %0 = mqa.merge_topk ins(%li, %lv, none, %ke : tensor<?x16xi32>, tensor<?x?x16xf32>, tensor<?xi32>) outs(%i : tensor<?x16xi32>) -> tensor<?x16xi32>
  return
}

// -----

func.func @f(%li: tensor<?x?x16xi32>, %lv: tensor<?x?x16xbf16>, %ke: tensor<?xi32>, %i: tensor<?x16xi32>) {
  // expected-error@+1 {{operand 'list_values' must have element type 'f32', found 'bf16'}}
  %0 = mqa.merge_topk ins(%li, %lv, none, %ke : tensor<?x?x16xi32>, tensor<?x?x16xbf16>, tensor<?xi32>) outs(%i : tensor<?x16xi32>) -> tensor<?x16xi32>
  return
}

// -----

func.func @f(%li: tensor<2x?x16xi32>, %lv: tensor<3x?x16xf32>, %ke: tensor<?xi32>, %i: tensor<?x16xi32>) {
  // expected-error@+1 {{dimension R of 'list_values' is 3, but 'list_indices' has 2}}
  %0 = mqa.merge_topk ins(%li, %lv, none, %ke : tensor<2x?x16xi32>, tensor<3x?x16xf32>, tensor<?xi32>) outs(%i : tensor<?x16xi32>) -> tensor<?x16xi32>
  return
}

// -----

func.func @f(%li: tensor<?x?x8xi32>, %lv: tensor<?x?x8xf32>, %ke: tensor<?xi32>, %i: tensor<?x16xi32>) {
  // expected-error@+1 {{dimension K of 'indices' is 16, but 'list_indices' has 8}}
  %0 = mqa.merge_topk ins(%li, %lv, none, %ke : tensor<?x?x8xi32>, tensor<?x?x8xf32>, tensor<?xi32>) outs(%i : tensor<?x16xi32>) -> tensor<?x16xi32>
  return
}

// -----

func.func @f(%li: tensor<?x4x16xi32>, %lv: tensor<?x?x16xf32>, %ks: tensor<5xi32>, %ke: tensor<?xi32>, %i: tensor<?x16xi32>) {
  // expected-error@+1 {{dimension M of 'ks' is 5, but 'list_indices' has 4}}
  %0 = mqa.merge_topk ins(%li, %lv, %ks, %ke : tensor<?x4x16xi32>, tensor<?x?x16xf32>, tensor<5xi32>, tensor<?xi32>) outs(%i : tensor<?x16xi32>) -> tensor<?x16xi32>
  return
}

// -----

func.func @f(%li: tensor<?x?x16xi32>, %lv: tensor<?x?x16xf32>, %ke: tensor<?xi64>, %i: tensor<?x16xi32>) {
  // expected-error@+1 {{operand 'ke' must have element type 'i32', found 'i64'}}
  %0 = mqa.merge_topk ins(%li, %lv, none, %ke : tensor<?x?x16xi32>, tensor<?x?x16xf32>, tensor<?xi64>) outs(%i : tensor<?x16xi32>) -> tensor<?x16xi32>
  return
}

// -----

func.func @f(%li: tensor<?x?x16xi32>, %lv: tensor<?x?x16xf32>, %ke: tensor<?xi32>, %i: tensor<?x16xi32>, %v: tensor<?x16xf16>) {
  // expected-error@+1 {{operand 'values' must have element type 'f32', found 'f16'}}
  %0:2 = mqa.merge_topk ins(%li, %lv, none, %ke : tensor<?x?x16xi32>, tensor<?x?x16xf32>, tensor<?xi32>) outs(%i, %v : tensor<?x16xi32>, tensor<?x16xf16>) -> tensor<?x16xi32>, tensor<?x16xf16>
  return
}

// -----

func.func @f(%li: tensor<?x?x5000xi32>, %lv: tensor<?x?x5000xf32>, %ke: tensor<?xi32>, %i: tensor<?x5000xi32>) {
  // expected-error@+1 {{number of selected keys k (dimension 1 of 'indices') must be from 1 to 4096, found 5000}}
  %0 = mqa.merge_topk ins(%li, %lv, none, %ke : tensor<?x?x5000xi32>, tensor<?x?x5000xf32>, tensor<?xi32>) outs(%i : tensor<?x5000xi32>) -> tensor<?x5000xi32>
  return
}

// -----

func.func @f(%li: tensor<?x?x?xi32>, %lv: tensor<?x?x?xf32>, %ke: tensor<?xi32>, %i: tensor<?x?xi32>) {
  // expected-error@+1 {{number of selected keys k (dimension 1 of 'indices') must be from 1 to 4096, found a dynamic one}}
  %0 = mqa.merge_topk ins(%li, %lv, none, %ke : tensor<?x?x?xi32>, tensor<?x?x?xf32>, tensor<?xi32>) outs(%i : tensor<?x?xi32>) -> tensor<?x?xi32>
  return
}

// -----

func.func @f(%li: tensor<?x?x16xi32>, %lv: tensor<?x?x16xf32>, %ke: tensor<?xi32>, %i: tensor<?x16xi32>) {
  // expected-error@+1 {{attribute 'base' must be relative or absolute, found slot}}
  %0 = mqa.merge_topk ins(%li, %lv, none, %ke : tensor<?x?x16xi32>, tensor<?x?x16xf32>, tensor<?xi32>) outs(%i : tensor<?x16xi32>) {base = #mqa.base<slot>} -> tensor<?x16xi32>
  return
}

// -----

func.func @f(%li: tensor<?x?x16xi32>, %lv: tensor<?x?x16xf32>, %ke: tensor<?xi32>, %i: memref<?x16xi32>) {
  // expected-error@+1 {{operands must be all tensors or all memrefs: 'indices' is 'memref<?x16xi32>' and 'list_indices' is 'tensor<?x?x16xi32>'}}
  mqa.merge_topk ins(%li, %lv, none, %ke : tensor<?x?x16xi32>, tensor<?x?x16xf32>, tensor<?xi32>) outs(%i : memref<?x16xi32>)
  return
}

// -----

func.func @f(%li: memref<?x?x16xi32>, %lv: memref<?x?x16xf32, strided<[?, ?, 2]>>, %ke: memref<?xi32>, %i: memref<?x16xi32>) {
  // expected-error@+1 {{operand 'list_values' must be contiguous inside a row: stride of dimension 2 must be 1, found 2}}
  mqa.merge_topk ins(%li, %lv, none, %ke : memref<?x?x16xi32>, memref<?x?x16xf32, strided<[?, ?, 2]>>, memref<?xi32>) outs(%i : memref<?x16xi32>)
  return
}

// -----

func.func @f(%li: memref<?x?x16xi32>, %lv: memref<?x?x16xf32>, %ke: memref<?xi32>, %i: memref<?x16xi32, 5 : i32>) {
  // expected-error@+1 {{operand 'indices' must lie in global memory (the default memory space or #gpu.address_space<global>), found 5 : i32}}
  mqa.merge_topk ins(%li, %lv, none, %ke : memref<?x?x16xi32>, memref<?x?x16xf32>, memref<?xi32>) outs(%i : memref<?x16xi32, 5 : i32>)
  return
}
