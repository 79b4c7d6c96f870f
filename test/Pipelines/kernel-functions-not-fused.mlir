// The pipelines begin with mqa-fuse-topk; without it, nobody stores logits that are read.
// RUN: not mqa-opt %s --mqa-verify-kernel-functions 2>&1 | FileCheck %s
// CHECK: 'mqa.topk' op in a kernel function must be fused with the mqa.logits that it reads: mqa-fuse-topk has not come by
func.func @f(%q: tensor<?x4x32xbf16>, %k: tensor<?x32xbf16>, %ke: tensor<?xi32>, %indices: tensor<?x16xi32>) -> (tensor<?x16xi32>) {
  %c0 = arith.constant 0 : index
  %m = tensor.dim %q, %c0 : tensor<?x4x32xbf16>
  %n = tensor.dim %k, %c0 : tensor<?x32xbf16>
  %init = tensor.empty(%m, %n) : tensor<?x?xf32>
  %logits = mqa.logits ins(%q, %k, none, none, none, %ke : tensor<?x4x32xbf16>, tensor<?x32xbf16>, tensor<?xi32>) outs(%init : tensor<?x?xf32>) -> tensor<?x?xf32>
  %best = mqa.topk ins(%logits, none, %ke : tensor<?x?xf32>, tensor<?xi32>) outs(%indices : tensor<?x16xi32>) -> tensor<?x16xi32>
  return %best : tensor<?x16xi32>
}
