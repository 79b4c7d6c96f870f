// Pairs behind One-Shot Bufferize with its default options, which copies for each of the two ops what may not be contiguous.
// RUN: mqa-opt %s --mqa-fuse-topk --one-shot-bufferize=bufferize-function-boundaries --canonicalize --mqa-outline-kernels | FileCheck %s
// RUN: mqa-opt %s --mqa-split-program | FileCheck %s --check-prefix=SPLIT

// CHECK: operands = ["q", "k", "ks", "ke", "indices", "values"]
// CHECK-LABEL: func.func @pair(
// CHECK: scf.if
// CHECK: call @pair_logits_topk(
// CHECK-NOT: memref<?x?xf32
// SPLIT-LABEL: func.func @pair(
// SPLIT-NOT: scf.if
// SPLIT: call @pair_logits_topk(
func.func @pair(%q: tensor<?x4x32xbf16>, %k: tensor<?x32xbf16>, %ks: tensor<?xi32>, %ke: tensor<?xi32>, %i: tensor<?x8xi32>, %v: tensor<?x8xf32>, %m: index, %n: index) -> (tensor<?x8xi32>, tensor<?x8xf32>) {
  %e = tensor.empty(%m, %n) : tensor<?x?xf32>
  %l = mqa.logits ins(%q, %k, none, none, %ks, %ke : tensor<?x4x32xbf16>, tensor<?x32xbf16>, tensor<?xi32>, tensor<?xi32>) outs(%e : tensor<?x?xf32>) -> tensor<?x?xf32>
  %0:2 = mqa.topk ins(%l, %ks, %ke : tensor<?x?xf32>, tensor<?xi32>, tensor<?xi32>) outs(%i, %v : tensor<?x8xi32>, tensor<?x8xf32>) -> tensor<?x8xi32>, tensor<?x8xf32>
  return %0#0, %0#1 : tensor<?x8xi32>, tensor<?x8xf32>
}

// Bounds that are a slice with gaps are copied in any case.
// CHECK-LABEL: func.func @gaps(
// CHECK: call @{{gaps|pair}}_logits_topk{{.*}}(
// CHECK-NOT: memref<?x?xf32
// CHECK: module @mqa_kernels
// SPLIT-LABEL: func.func @gaps(
// SPLIT: memref.copy
// SPLIT: call @{{gaps|pair}}_logits_topk{{.*}}(
func.func @gaps(%q: tensor<?x4x32xbf16>, %k: tensor<?x32xbf16>, %bounds: tensor<?xi32>, %i: tensor<?x8xi32>, %m: index, %n: index) -> tensor<?x8xi32> {
  %ke = tensor.extract_slice %bounds[1] [%m] [2] : tensor<?xi32> to tensor<?xi32>
  %e = tensor.empty(%m, %n) : tensor<?x?xf32>
  %l = mqa.logits ins(%q, %k, none, none, none, %ke : tensor<?x4x32xbf16>, tensor<?x32xbf16>, tensor<?xi32>) outs(%e : tensor<?x?xf32>) -> tensor<?x?xf32>
  %0 = mqa.topk ins(%l, none, %ke : tensor<?x?xf32>, tensor<?xi32>) outs(%i : tensor<?x8xi32>) -> tensor<?x8xi32>
  return %0 : tensor<?x8xi32>
}
