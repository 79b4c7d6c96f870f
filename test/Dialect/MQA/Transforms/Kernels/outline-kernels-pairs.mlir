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

// Rows that name their sequences: mqa.topk is not told which, as it asks for no table.
// SPLIT-LABEL: func.func @rows(
// SPLIT: call @rows_paged_logits_topk(
func.func @rows(%q: tensor<?x4x32xbf16>, %k: tensor<?x16x32xbf16>, %lens: tensor<?xi32>, %table: tensor<?x?xi32>, %sequence: tensor<?xi32>, %n: index, %i: tensor<?x16xi32>, %other: tensor<?x16xi32>) -> tensor<?x16xi32> {
  %c0 = arith.constant 0 : index
  %m = tensor.dim %q, %c0 : tensor<?x4x32xbf16>
  %e = tensor.empty(%m, %n) : tensor<?x?xf32>
  %l = mqa.paged_logits ins(%q, %k, none, none, %lens, %table : tensor<?x4x32xbf16>, tensor<?x16x32xbf16>, tensor<?xi32>, tensor<?x?xi32>) sequence(%sequence : tensor<?xi32>) outs(%e : tensor<?x?xf32>) -> tensor<?x?xf32>
  %0 = mqa.topk ins(%l, none, none : tensor<?x?xf32>) context_lens(%lens : tensor<?xi32>) outs(%i : tensor<?x16xi32>) -> tensor<?x16xi32>
  %1 = linalg.add ins(%0, %other : tensor<?x16xi32>, tensor<?x16xi32>) outs(%i : tensor<?x16xi32>) -> tensor<?x16xi32>
  return %1 : tensor<?x16xi32>
}

// Key blocks, contiguous and of a cache.
// SPLIT-LABEL: func.func @blocks(
// SPLIT: call @blocks_logits_topk(
// SPLIT: call @blocks_paged_logits_topk(
func.func @blocks(%q: tensor<?x4x32xbf16>, %k: tensor<?x32xbf16>, %q1: tensor<?x1x4x32xbf16>, %cache: tensor<?x16x32xbf16>, %ke: tensor<?xi32>, %lens: tensor<?x1xi32>, %table: tensor<?x?xi32>, %list: tensor<?x8xi32>, %counts: tensor<?xi32>, %i: tensor<?x16xi32>, %j: tensor<?x16xi32>) -> (tensor<?x16xi32>, tensor<?x16xi32>) {
  %c0 = arith.constant 0 : index
  %m = tensor.dim %q, %c0 : tensor<?x4x32xbf16>
  %n = tensor.dim %k, %c0 : tensor<?x32xbf16>
  %e = tensor.empty(%m) : tensor<?x64xf32>
  %l = mqa.logits ins(%q, %k, none, none, none, %ke : tensor<?x4x32xbf16>, tensor<?x32xbf16>, tensor<?xi32>) blocks(%list, %counts : tensor<?x8xi32>, tensor<?xi32>) of 8 outs(%e : tensor<?x64xf32>) -> tensor<?x64xf32>
  %0 = mqa.topk ins(%l, none, %ke : tensor<?x64xf32>, tensor<?xi32>) num_keys(%n) blocks(%list, %counts : tensor<?x8xi32>, tensor<?xi32>) of 8 outs(%i : tensor<?x16xi32>) -> tensor<?x16xi32>
  %p = mqa.paged_logits ins(%q1, %cache, none, none, %lens, %table : tensor<?x1x4x32xbf16>, tensor<?x16x32xbf16>, tensor<?x1xi32>, tensor<?x?xi32>) blocks(%list, %counts : tensor<?x8xi32>, tensor<?xi32>) of 8 outs(%e : tensor<?x64xf32>) -> tensor<?x64xf32>
  %1 = mqa.topk ins(%p, none, none : tensor<?x64xf32>) context_lens(%lens : tensor<?x1xi32>) block_table(%table : tensor<?x?xi32>) blocks(%list, %counts : tensor<?x8xi32>, tensor<?xi32>) of 8 outs(%j : tensor<?x16xi32>) {base = #mqa.base<slot>, block_kv = 16} -> tensor<?x16xi32>
  return %0, %1 : tensor<?x16xi32>, tensor<?x16xi32>
}
