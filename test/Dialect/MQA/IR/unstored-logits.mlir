// RUN: mqa-opt %s | mqa-opt | FileCheck %s
// RUN: mqa-opt %s --mlir-print-op-generic | mqa-opt | FileCheck %s

// CHECK-LABEL: func @forms
// CHECK-SAME: %[[M:[a-z0-9]+]]: index, %[[N:[a-z0-9]+]]: index
// CHECK: mqa.unstored_logits(%[[M]], %[[N]]) : tensor<?x?xf32>
// CHECK: mqa.unstored_logits(%[[N]]) : tensor<4x?xbf16>
// CHECK: mqa.unstored_logits(%[[M]]) : memref<?x64xf16>
// CHECK: mqa.unstored_logits() : memref<4x64xf32>
func.func @forms(%m: index, %n: index) -> (tensor<?x?xf32>, tensor<4x?xbf16>, memref<?x64xf16>, memref<4x64xf32>) {
  %0 = mqa.unstored_logits(%m, %n) : tensor<?x?xf32>
  %1 = mqa.unstored_logits(%n) : tensor<4x?xbf16>
  %2 = mqa.unstored_logits(%m) : memref<?x64xf16>
  %3 = mqa.unstored_logits() : memref<4x64xf32>
  return %0, %1, %2, %3 : tensor<?x?xf32>, tensor<4x?xbf16>, memref<?x64xf16>, memref<4x64xf32>
}
