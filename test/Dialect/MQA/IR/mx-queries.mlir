// RUN: mqa-opt %s | mqa-opt | FileCheck %s

// CHECK-LABEL: func @fp4
// CHECK: mqa.logits ins(%{{.*}}, %{{.*}}, %{{.*}}, %{{.*}}, none, %{{.*}} : tensor<?x4x16xi8>, tensor<?x32xbf16>, tensor<?xf32>, tensor<?x4xf32>, tensor<?xi32>) q_scale(%{{.*}} : tensor<?x4xi32>) outs
func.func @fp4(%q: tensor<?x4x16xi8>, %k: tensor<?x32xbf16>, %k_scale: tensor<?xf32>, %weights: tensor<?x4xf32>, %ke: tensor<?xi32>,
               %q_scale: tensor<?x4xi32>, %out: tensor<?x?xf32>) -> tensor<?x?xf32> {
  %0 = mqa.logits ins(%q, %k, %k_scale, %weights, none, %ke : tensor<?x4x16xi8>, tensor<?x32xbf16>, tensor<?xf32>, tensor<?x4xf32>, tensor<?xi32>)
       q_scale(%q_scale : tensor<?x4xi32>) outs(%out : tensor<?x?xf32>) -> tensor<?x?xf32>
  return %0 : tensor<?x?xf32>
}

// CHECK-LABEL: func @paged_fp8
// CHECK: mqa.paged_logits ins({{.*}}) sequence(%{{.*}} : tensor<?xi32>) q_scale(%{{.*}} : tensor<?x4xi32>) outs
func.func @paged_fp8(%q: tensor<?x4x96xf8E4M3FN>, %k: tensor<?x16x48xi8>, %k_scale: tensor<?x16xi32>, %lens: tensor<?xi32>,
                     %table: tensor<?x?xi32>, %sequence: tensor<?xi32>, %q_scale: tensor<?x4xi32>, %out: tensor<?x?xf32>) -> tensor<?x?xf32> {
  %0 = mqa.paged_logits ins(%q, %k, %k_scale, none, %lens, %table : tensor<?x4x96xf8E4M3FN>, tensor<?x16x48xi8>, tensor<?x16xi32>, tensor<?xi32>, tensor<?x?xi32>)
       sequence(%sequence : tensor<?xi32>) q_scale(%q_scale : tensor<?x4xi32>) outs(%out : tensor<?x?xf32>) -> tensor<?x?xf32>
  return %0 : tensor<?x?xf32>
}

#smem = #gpu.address_space<workgroup>
!packed = memref<2x64x16xi8, #smem>
!words = memref<2x64xi32, #smem>
!weights = memref<2x64xf32, #smem>
!factors = memref<2x2xf32, #smem>
!q = memref<2x64x32xbf16, #mqa.staged<shape = [2, 64, 32], dims = [0, 1, 2], swizzle = 8>, #smem>
// CHECK-LABEL: func @decode
// CHECK: mqa.decode_queries %{{.*}}, %{{.*}}, %{{.*}} into %{{.*}}, %{{.*}}, %{{.*}} threads %{{.*}} of %{{.*}} {drops_nan} : memref<2x64x16xi8
// CHECK: mqa.decode_queries %{{.*}}, %{{.*}} into %{{.*}}, %{{.*}}, %{{.*}} : memref<2x64x16xi8
func.func @decode(%packed: !packed, %words: !words, %weights: !weights, %q: !q, %folded: !weights, %factors: !factors, %i: index, %n: index) {
  mqa.decode_queries %packed, %words, %weights into %q, %folded, %factors threads %i of %n {drops_nan} : !packed, !words, !weights into !q, !weights, !factors
  mqa.decode_queries %packed, %words into %q, %folded, %factors : !packed, !words into !q, !weights, !factors
  return
}
