// RUN: mqa-opt %s --mqa-fuse-topk | FileCheck %s

// On tensors the two come to stand together: no op between them can be bufferized to a write of what the first one reads.
// CHECK-LABEL: func.func @together(
// CHECK: linalg.fill
// CHECK-NEXT: tensor.empty
// CHECK-NEXT: mqa.logits
// CHECK-NEXT: mqa.topk
func.func @together(%q: tensor<?x4x32xbf16>, %k: tensor<?x32xbf16>, %ke: tensor<?xi32>, %m: index, %n: index, %zero: bf16) -> (tensor<?x8xi32>, tensor<?x4x32xbf16>) {
  %init = tensor.empty(%m, %n) : tensor<?x?xf32>
  %logits = mqa.logits ins(%q, %k, none, none, none, %ke : tensor<?x4x32xbf16>, tensor<?x32xbf16>, tensor<?xi32>) outs(%init : tensor<?x?xf32>) -> tensor<?x?xf32>
  %zeros = linalg.fill ins(%zero : bf16) outs(%q : tensor<?x4x32xbf16>) -> tensor<?x4x32xbf16>
  %indices = tensor.empty(%m) : tensor<?x8xi32>
  %best = mqa.topk ins(%logits, none, %ke : tensor<?x?xf32>, tensor<?xi32>) outs(%indices : tensor<?x8xi32>) -> tensor<?x8xi32>
  return %best, %zeros : tensor<?x8xi32>, tensor<?x4x32xbf16>
}
