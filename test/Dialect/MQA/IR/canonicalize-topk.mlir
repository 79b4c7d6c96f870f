// RUN: mqa-opt %s --canonicalize --split-input-file | FileCheck %s

// Static sizes that a cast forgot are remembered.
// CHECK-LABEL: func @tensor_cast
// CHECK-SAME: %[[LOGITS:[a-z0-9]+]]: tensor<4x256xf32>
// CHECK-SAME: %[[INDICES:[a-z0-9]+]]: tensor<4x16xi32>
// CHECK: %[[R:.*]]:2 = mqa.topk ins(%[[LOGITS]], none, {{.*}}) outs(%[[INDICES]], %{{.*}} : tensor<4x16xi32>, tensor<?x16xf32>) -> tensor<4x16xi32>, tensor<?x16xf32>
// CHECK: %[[C:.*]] = tensor.cast %[[R]]#0 : tensor<4x16xi32> to tensor<?x16xi32>
// CHECK: return %[[C]], %[[R]]#1
func.func @tensor_cast(%logits: tensor<4x256xf32>, %ke: tensor<?xi32>, %indices: tensor<4x16xi32>, %values: tensor<?x16xf32>) -> (tensor<?x16xi32>, tensor<?x16xf32>) {
  %0 = tensor.cast %logits : tensor<4x256xf32> to tensor<?x?xf32>
  %1 = tensor.cast %indices : tensor<4x16xi32> to tensor<?x16xi32>
  %2:2 = mqa.topk ins(%0, none, %ke : tensor<?x?xf32>, tensor<?xi32>) outs(%1, %values : tensor<?x16xi32>, tensor<?x16xf32>) -> tensor<?x16xi32>, tensor<?x16xf32>
  return %2#0, %2#1 : tensor<?x16xi32>, tensor<?x16xf32>
}

// -----

// CHECK-LABEL: func @merge_tensor_cast
// CHECK-SAME: %[[LISTS:[a-z0-9]+]]: tensor<3x4x16xi32>
// CHECK: mqa.merge_topk ins(%[[LISTS]], {{.*}} : tensor<3x4x16xi32>, tensor<?x?x16xf32>
func.func @merge_tensor_cast(%lists: tensor<3x4x16xi32>, %values: tensor<?x?x16xf32>, %ke: tensor<?xi32>, %indices: tensor<?x16xi32>) -> tensor<?x16xi32> {
  %0 = tensor.cast %lists : tensor<3x4x16xi32> to tensor<?x?x16xi32>
  %1 = mqa.merge_topk ins(%0, %values, none, %ke : tensor<?x?x16xi32>, tensor<?x?x16xf32>, tensor<?xi32>) outs(%indices : tensor<?x16xi32>) -> tensor<?x16xi32>
  return %1 : tensor<?x16xi32>
}

// -----

// CHECK-LABEL: func @memref_cast
// CHECK-SAME: %[[LOGITS:[a-z0-9]+]]: memref<4x256xf32>
// CHECK-SAME: %[[LISTS:[a-z0-9]+]]: memref<3x4x16xf32>
// CHECK-NOT: memref.cast
// CHECK: mqa.topk ins(%[[LOGITS]], none, {{.*}}memref<4x256xf32>
// CHECK: mqa.merge_topk ins(%{{.*}}, %[[LISTS]], {{.*}}memref<3x4x16xf32>
func.func @memref_cast(%logits: memref<4x256xf32>, %values: memref<3x4x16xf32>, %lists: memref<?x?x16xi32>, %ke: memref<?xi32>, %indices: memref<?x16xi32>) {
  %0 = memref.cast %logits : memref<4x256xf32> to memref<?x?xf32>
  %1 = memref.cast %values : memref<3x4x16xf32> to memref<?x?x16xf32>
  mqa.topk ins(%0, none, %ke : memref<?x?xf32>, memref<?xi32>) outs(%indices : memref<?x16xi32>)
  mqa.merge_topk ins(%lists, %1, none, %ke : memref<?x?x16xi32>, memref<?x?x16xf32>, memref<?xi32>) outs(%indices : memref<?x16xi32>)
  return
}

// -----

// The sizes of the results are those of `indices` and `values`.
// CHECK-LABEL: func @result_dim
// CHECK-SAME: %[[INDICES:[a-z0-9]+]]: tensor<?x16xi32>, %[[VALUES:[a-z0-9]+]]: tensor<?x16xf32>
// CHECK: %[[A:.*]] = tensor.dim %[[INDICES]]
// CHECK: %[[B:.*]] = tensor.dim %[[VALUES]]
// CHECK: %[[C:.*]] = tensor.dim %[[VALUES]]
// CHECK: return %[[A]], %[[B]], %[[C]]
func.func @result_dim(%indices: tensor<?x16xi32>, %values: tensor<?x16xf32>, %logits: tensor<?x?xf32>, %ke: tensor<?xi32>, %lists: tensor<?x?x16xi32>, %scores: tensor<?x?x16xf32>) -> (index, index, index) {
  %c0 = arith.constant 0 : index
  %0:2 = mqa.topk ins(%logits, none, %ke : tensor<?x?xf32>, tensor<?xi32>) outs(%indices, %values : tensor<?x16xi32>, tensor<?x16xf32>) -> tensor<?x16xi32>, tensor<?x16xf32>
  %1 = tensor.dim %0#0, %c0 : tensor<?x16xi32>
  %2 = tensor.dim %0#1, %c0 : tensor<?x16xf32>
  %3:2 = mqa.merge_topk ins(%lists, %scores, none, %ke : tensor<?x?x16xi32>, tensor<?x?x16xf32>, tensor<?xi32>) outs(%indices, %values : tensor<?x16xi32>, tensor<?x16xf32>) -> tensor<?x16xi32>, tensor<?x16xf32>
  %4 = tensor.dim %3#1, %c0 : tensor<?x16xf32>
  return %1, %2, %4 : index, index, index
}

// -----

// On tensors a result that nobody uses is not computed.
// CHECK-LABEL: func @unused
// CHECK-NEXT: return
func.func @unused(%logits: tensor<?x?xf32>, %ke: tensor<?xi32>, %indices: tensor<?x16xi32>) {
  %0 = mqa.topk ins(%logits, none, %ke : tensor<?x?xf32>, tensor<?xi32>) outs(%indices : tensor<?x16xi32>) -> tensor<?x16xi32>
  return
}
