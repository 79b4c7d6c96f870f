// RUN: mqa-opt %s --pass-pipeline='builtin.module(func.func(convert-mqa-topk-to-loops))' --split-input-file --verify-diagnostics

func.func @f(%logits: tensor<?x?xf32>, %ke: tensor<?xi32>, %indices: tensor<?x16xi32>) -> tensor<?x16xi32> {
  // expected-error@+1 {{must be bufferized before it is converted to loops}}
  %0 = mqa.topk ins(%logits, none, %ke : tensor<?x?xf32>, tensor<?xi32>) outs(%indices : tensor<?x16xi32>) -> tensor<?x16xi32>
  return %0 : tensor<?x16xi32>
}

// -----

func.func @f(%lists: tensor<?x?x16xi32>, %scores: tensor<?x?x16xf32>, %ke: tensor<?xi32>, %indices: tensor<?x16xi32>) -> tensor<?x16xi32> {
  // expected-error@+1 {{must be bufferized before it is converted to loops}}
  %0 = mqa.merge_topk ins(%lists, %scores, none, %ke : tensor<?x?x16xi32>, tensor<?x?x16xf32>, tensor<?xi32>) outs(%indices : tensor<?x16xi32>) -> tensor<?x16xi32>
  return %0 : tensor<?x16xi32>
}

// -----

func.func @f(%q: memref<?x4x32xbf16>, %k: memref<0x32xbf16>, %ke: memref<?xi32>, %m: index, %indices: memref<?x16xi32>) {
  %init = mqa.unstored_logits(%m) : memref<?x0xf32>
  mqa.logits ins(%q, %k, none, none, none, %ke : memref<?x4x32xbf16>, memref<0x32xbf16>, memref<?xi32>) outs(%init : memref<?x0xf32>)
  // expected-error@+1 {{fused with logits must have no operand that is known to have no element}}
  mqa.topk ins(%init, none, %ke : memref<?x0xf32>, memref<?xi32>) outs(%indices : memref<?x16xi32>)
  return
}
