// Upstream's inliner and loop-invariant code motion in Debian's own mlir-opt.
// REQUIRES: plugin
// RUN: mlir-opt %s --load-dialect-plugin=%plugin --inline | FileCheck %s --check-prefix=INLINE
// RUN: mqa-opt %s --inline | FileCheck %s --check-prefix=INLINE
// RUN: mlir-opt %s --load-dialect-plugin=%plugin --loop-invariant-code-motion | FileCheck %s --check-prefix=HOIST

// INLINE-LABEL: func.func @caller
// INLINE-NOT: call
// INLINE: mqa.logits
// INLINE: mqa.topk
func.func private @callee(%q: tensor<4x64x128xbf16>, %k: tensor<?x128xbf16>, %ks: tensor<4xi32>, %ke: tensor<4xi32>, %out: tensor<4x?xf32>, %indices: tensor<4x16xi32>) -> tensor<4x16xi32> {
  %0 = mqa.logits ins(%q, %k, none, none, %ks, %ke : tensor<4x64x128xbf16>, tensor<?x128xbf16>, tensor<4xi32>, tensor<4xi32>) outs(%out : tensor<4x?xf32>) -> tensor<4x?xf32>
  %1 = mqa.topk ins(%0, %ks, %ke : tensor<4x?xf32>, tensor<4xi32>, tensor<4xi32>) outs(%indices : tensor<4x16xi32>) -> tensor<4x16xi32>
  return %1 : tensor<4x16xi32>
}
func.func @caller(%q: tensor<4x64x128xbf16>, %k: tensor<?x128xbf16>, %ks: tensor<4xi32>, %ke: tensor<4xi32>, %out: tensor<4x?xf32>, %indices: tensor<4x16xi32>) -> tensor<4x16xi32> {
  %0 = call @callee(%q, %k, %ks, %ke, %out, %indices) : (tensor<4x64x128xbf16>, tensor<?x128xbf16>, tensor<4xi32>, tensor<4xi32>, tensor<4x?xf32>, tensor<4x16xi32>) -> tensor<4x16xi32>
  return %0 : tensor<4x16xi32>
}

// On tensors, all four ops leave the loop.
// HOIST-LABEL: func.func @tensors
// HOIST: mqa.logits
// HOIST: mqa.paged_logits
// HOIST: mqa.topk
// HOIST: mqa.merge_topk
// HOIST: scf.for
func.func @tensors(%q: tensor<4x64x128xbf16>, %k: tensor<8x128xbf16>, %ke: tensor<4xi32>, %out: tensor<4x8xf32>, %q4: tensor<4x1x64x128xbf16>, %cache: tensor<9x16x128xbf16>, %table: tensor<4x2xi32>, %li: tensor<3x4x2xi32>, %lv: tensor<3x4x2xf32>, %indices: tensor<4x2xi32>, %n: index) -> (tensor<4x8xf32>, tensor<4x2xi32>) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %r:2 = scf.for %i = %c0 to %n step %c1 iter_args(%acc = %out, %best = %indices) -> (tensor<4x8xf32>, tensor<4x2xi32>) {
    %0 = mqa.logits ins(%q, %k, none, none, none, %ke : tensor<4x64x128xbf16>, tensor<8x128xbf16>, tensor<4xi32>) outs(%out : tensor<4x8xf32>) {clean} -> tensor<4x8xf32>
    %1 = mqa.paged_logits ins(%q4, %cache, none, none, %ke, %table : tensor<4x1x64x128xbf16>, tensor<9x16x128xbf16>, tensor<4xi32>, tensor<4x2xi32>) outs(%0 : tensor<4x8xf32>) -> tensor<4x8xf32>
    %2 = mqa.topk ins(%1, none, %ke : tensor<4x8xf32>, tensor<4xi32>) outs(%indices : tensor<4x2xi32>) -> tensor<4x2xi32>
    %3 = mqa.merge_topk ins(%li, %lv, none, %ke : tensor<3x4x2xi32>, tensor<3x4x2xf32>, tensor<4xi32>) outs(%2 : tensor<4x2xi32>) -> tensor<4x2xi32>
    %4 = linalg.add ins(%1, %acc : tensor<4x8xf32>, tensor<4x8xf32>) outs(%acc : tensor<4x8xf32>) -> tensor<4x8xf32>
    scf.yield %4, %3 : tensor<4x8xf32>, tensor<4x2xi32>
  }
  return %r#0, %r#1 : tensor<4x8xf32>, tensor<4x2xi32>
}

// On memrefs, it writes.
// HOIST-LABEL: func.func @memrefs
// HOIST: scf.for
// HOIST: mqa.logits
func.func @memrefs(%q: memref<4x64x128xbf16>, %k: memref<8x128xbf16>, %ke: memref<4xi32>, %out: memref<4x8xf32>, %n: index) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  scf.for %i = %c0 to %n step %c1 {
    mqa.logits ins(%q, %k, none, none, none, %ke : memref<4x64x128xbf16>, memref<8x128xbf16>, memref<4xi32>) outs(%out : memref<4x8xf32>)
  }
  return
}
