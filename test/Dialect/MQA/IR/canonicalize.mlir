// RUN: mqa-opt %s --canonicalize --split-input-file | FileCheck %s

// Static sizes that a cast forgot are remembered.
// CHECK-LABEL: func @tensor_cast
// CHECK-SAME: %[[K:[a-z0-9]+]]: tensor<256x128xf8E4M3FN>
// CHECK-SAME: %[[OUT:[a-z0-9]+]]: tensor<4x256xf32>
// CHECK: %[[R:.*]] = mqa.logits ins(%{{.*}}, %[[K]], {{.*}}) outs(%[[OUT]] : tensor<4x256xf32>) -> tensor<4x256xf32>
// CHECK: tensor.cast %[[R]] : tensor<4x256xf32> to tensor<?x?xf32>
func.func @tensor_cast(%q: tensor<?x64x128xf8E4M3FN>, %k: tensor<256x128xf8E4M3FN>, %s: tensor<?xf32>, %w: tensor<?x64xf32>, %ks: tensor<?xi32>, %ke: tensor<?xi32>, %out: tensor<4x256xf32>) -> tensor<?x?xf32> {
  %0 = tensor.cast %k : tensor<256x128xf8E4M3FN> to tensor<?x128xf8E4M3FN>
  %1 = tensor.cast %out : tensor<4x256xf32> to tensor<?x?xf32>
  %2 = mqa.logits ins(%q, %0, %s, %w, %ks, %ke : tensor<?x64x128xf8E4M3FN>, tensor<?x128xf8E4M3FN>, tensor<?xf32>, tensor<?x64xf32>, tensor<?xi32>, tensor<?xi32>) outs(%1 : tensor<?x?xf32>) -> tensor<?x?xf32>
  return %2 : tensor<?x?xf32>
}

// -----

// CHECK-LABEL: func @memref_cast
// CHECK-SAME: %[[S:[a-z0-9]+]]: memref<256xf32>
// CHECK-NOT: memref.cast
// CHECK: mqa.logits ins(%{{.*}}, %{{.*}}, %[[S]], {{.*}}memref<256xf32>
func.func @memref_cast(%q: memref<?x64x128xf8E4M3FN>, %k: memref<?x128xf8E4M3FN>, %s: memref<256xf32>, %w: memref<?x64xf32>, %ks: memref<?xi32>, %ke: memref<?xi32>, %out: memref<?x?xf32>) {
  %0 = memref.cast %s : memref<256xf32> to memref<?xf32>
  mqa.logits ins(%q, %k, %0, %w, %ks, %ke : memref<?x64x128xf8E4M3FN>, memref<?x128xf8E4M3FN>, memref<?xf32>, memref<?x64xf32>, memref<?xi32>, memref<?xi32>) outs(%out : memref<?x?xf32>)
  return
}

// -----

// An op on no query or no key stays: its function becomes a kernel, which does nothing.
// CHECK-LABEL: func @no_query
// CHECK: %[[R:.*]] = mqa.logits
// CHECK: return %[[R]]
func.func @no_query(%q: tensor<0x64x128xf8E4M3FN>, %k: tensor<?x128xf8E4M3FN>, %s: tensor<?xf32>, %w: tensor<0x64xf32>, %ks: tensor<0xi32>, %ke: tensor<0xi32>, %out: tensor<0x?xf32>) -> tensor<0x?xf32> {
  %0 = mqa.logits ins(%q, %k, %s, %w, %ks, %ke : tensor<0x64x128xf8E4M3FN>, tensor<?x128xf8E4M3FN>, tensor<?xf32>, tensor<0x64xf32>, tensor<0xi32>, tensor<0xi32>) outs(%out : tensor<0x?xf32>) -> tensor<0x?xf32>
  return %0 : tensor<0x?xf32>
}

// -----

// CHECK-LABEL: func @no_key
// CHECK: mqa.logits
func.func @no_key(%q: memref<?x64x128xf8E4M3FN>, %k: memref<0x128xf8E4M3FN>, %s: memref<0xf32>, %w: memref<?x64xf32>, %ks: memref<?xi32>, %ke: memref<?xi32>, %out: memref<?x0xf32>) {
  mqa.logits ins(%q, %k, %s, %w, %ks, %ke : memref<?x64x128xf8E4M3FN>, memref<0x128xf8E4M3FN>, memref<0xf32>, memref<?x64xf32>, memref<?xi32>, memref<?xi32>) outs(%out : memref<?x0xf32>)
  return
}

// -----

// CHECK-LABEL: func @zero_offset
// CHECK-NOT: key_offset
// CHECK: return
func.func @zero_offset(%q: memref<?x64x128xf8E4M3FN>, %k: memref<?x128xf8E4M3FN>, %s: memref<?xf32>, %w: memref<?x64xf32>, %ks: memref<?xi32>, %ke: memref<?xi32>, %out: memref<?x?xf32>) {
  %c0 = arith.constant 0 : index
  mqa.logits ins(%q, %k, %s, %w, %ks, %ke : memref<?x64x128xf8E4M3FN>, memref<?x128xf8E4M3FN>, memref<?xf32>, memref<?x64xf32>, memref<?xi32>, memref<?xi32>) key_offset(%c0) outs(%out : memref<?x?xf32>)
  return
}

// -----

// The size of the result is that of `out`.
// CHECK-LABEL: func @result_dim
// CHECK-SAME: %[[OUT:[a-z0-9]+]]: tensor<?x?xf32>
// CHECK: tensor.dim %[[OUT]]
func.func @result_dim(%q: tensor<?x64x128xf8E4M3FN>, %k: tensor<?x128xf8E4M3FN>, %s: tensor<?xf32>, %w: tensor<?x64xf32>, %ks: tensor<?xi32>, %ke: tensor<?xi32>, %out: tensor<?x?xf32>) -> index {
  %c1 = arith.constant 1 : index
  %0 = mqa.logits ins(%q, %k, %s, %w, %ks, %ke : tensor<?x64x128xf8E4M3FN>, tensor<?x128xf8E4M3FN>, tensor<?xf32>, tensor<?x64xf32>, tensor<?xi32>, tensor<?xi32>) outs(%out : tensor<?x?xf32>) -> tensor<?x?xf32>
  %1 = tensor.dim %0, %c1 : tensor<?x?xf32>
  return %1 : index
}
