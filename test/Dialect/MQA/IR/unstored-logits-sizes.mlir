// REQUIRES: plugin
// RUN: mlir-opt %s --load-dialect-plugin=%plugin --resolve-ranked-shaped-type-result-dims | FileCheck %s

// Sizes of logits are those of the operands.
// CHECK-LABEL: func @sizes
// CHECK-SAME: %[[N:[a-z0-9]+]]: index
// CHECK: return %[[N]]
func.func @sizes(%n: index) -> index {
  %c1 = arith.constant 1 : index
  %0 = mqa.unstored_logits(%n) : tensor<4x?xf32>
  %1 = tensor.dim %0, %c1 : tensor<4x?xf32>
  return %1 : index
}
