// Typed elements and block scales: what they are in each op, and that tiles and bounds are made of them as of bytes.
// RUN: mqa-opt %s | mqa-opt | FileCheck %s
// RUN: mqa-opt %s --emit-bytecode | mqa-opt | FileCheck %s
// RUN: mqa-opt %s --generate-runtime-verification | FileCheck %s --check-prefix=VERIFY
// RUN: mqa-opt %s --mqa-bufferize | FileCheck %s --check-prefix=BUFFERS

// CHECK-LABEL: func @keys
// CHECK: mqa.logits ins({{.*}} : tensor<?x4x64xbf16>, tensor<?x64xf4E2M1FN>, tensor<?x4xf8E8M0FNU>, tensor<?xi32>)
// VERIFY-LABEL: func.func @keys(
// VERIFY: cf.assert %{{.*}}, "{{.*}}dimension 0 of 'k_scale' does not go with dimension 0 of 'k'
// VERIFY-NOT: 'k_scale'{{.*}}cf.assert
// VERIFY: mqa.logits
// BUFFERS-LABEL: func.func @keys(
// BUFFERS-SAME: memref<?x64xf4E2M1FN, strided<[?, 1], offset: ?>>, %{{.*}}: memref<?x4xf8E8M0FNU, strided<[?, 1], offset: ?>>
func.func @keys(%q: tensor<?x4x64xbf16>, %k: tensor<?x64xf4E2M1FN>, %k_scale: tensor<?x4xf8E8M0FNU>, %ke: tensor<?xi32>, %out: tensor<?x?xf32>) -> tensor<?x?xf32> {
  %0 = mqa.logits ins(%q, %k, %k_scale, none, none, %ke : tensor<?x4x64xbf16>, tensor<?x64xf4E2M1FN>, tensor<?x4xf8E8M0FNU>, tensor<?xi32>)
       outs(%out : tensor<?x?xf32>) -> tensor<?x?xf32>
  return %0 : tensor<?x?xf32>
}

// Each operand by itself: bytes beside typed scales, and typed elements beside words.
// CHECK-LABEL: func @each
// CHECK: mqa.logits ins({{.*}} : tensor<?x4x64xf4E2M1FN>, tensor<?x32xi8>, tensor<?x4xf8E8M0FNU>, tensor<?xi32>) q_scale({{.*}} : tensor<?x4xi32>)
func.func @each(%q: tensor<?x4x64xf4E2M1FN>, %k: tensor<?x32xi8>, %k_scale: tensor<?x4xf8E8M0FNU>, %ke: tensor<?xi32>, %q_scale: tensor<?x4xi32>, %out: tensor<?x?xf32>) -> tensor<?x?xf32> {
  %0 = mqa.logits ins(%q, %k, %k_scale, none, none, %ke : tensor<?x4x64xf4E2M1FN>, tensor<?x32xi8>, tensor<?x4xf8E8M0FNU>, tensor<?xi32>)
       q_scale(%q_scale : tensor<?x4xi32>) outs(%out : tensor<?x?xf32>) -> tensor<?x?xf32>
  return %0 : tensor<?x?xf32>
}

// CHECK-LABEL: func @mxfp8
// CHECK: mqa.logits ins({{.*}} : tensor<?x4x96xf8E4M3FN>, tensor<?x96xf8E4M3FN>, tensor<?x4xf8E8M0FNU>, tensor<?xi32>) q_scale({{.*}} : tensor<?x4x4xf8E8M0FNU>)
func.func @mxfp8(%q: tensor<?x4x96xf8E4M3FN>, %k: tensor<?x96xf8E4M3FN>, %k_scale: tensor<?x4xf8E8M0FNU>, %ke: tensor<?xi32>, %q_scale: tensor<?x4x4xf8E8M0FNU>, %out: tensor<?x?xf32>) -> tensor<?x?xf32> {
  %0 = mqa.logits ins(%q, %k, %k_scale, none, none, %ke : tensor<?x4x96xf8E4M3FN>, tensor<?x96xf8E4M3FN>, tensor<?x4xf8E8M0FNU>, tensor<?xi32>)
       q_scale(%q_scale : tensor<?x4x4xf8E8M0FNU>) outs(%out : tensor<?x?xf32>) -> tensor<?x?xf32>
  return %0 : tensor<?x?xf32>
}

// CHECK-LABEL: func @paged
// CHECK: mqa.paged_logits ins({{.*}} : memref<?x2x4x128xf4E2M1FN>, memref<?x16x128xf4E2M1FN, strided<[?, 128, 1]>>, memref<?x16x4xf8E8M0FNU, strided<[?, 4, 1], offset: 8>>, memref<?xi32>, memref<?x?xi32>) blocks({{.*}}) of 8 q_scale({{.*}} : memref<?x4x4xf8E8M0FNU>)
func.func @paged(%q: memref<?x2x4x128xf4E2M1FN>, %k: memref<?x16x128xf4E2M1FN, strided<[?, 128, 1]>>, %k_scale: memref<?x16x4xf8E8M0FNU, strided<[?, 4, 1], offset: 8>>, %lens: memref<?xi32>,
                 %table: memref<?x?xi32>, %blocks: memref<?x?xi32>, %counts: memref<?xi32>, %q_scale: memref<?x4x4xf8E8M0FNU>, %out: memref<?x?xf32>) {
  mqa.paged_logits ins(%q, %k, %k_scale, none, %lens, %table : memref<?x2x4x128xf4E2M1FN>, memref<?x16x128xf4E2M1FN, strided<[?, 128, 1]>>, memref<?x16x4xf8E8M0FNU, strided<[?, 4, 1], offset: 8>>, memref<?xi32>, memref<?x?xi32>)
       blocks(%blocks, %counts : memref<?x?xi32>, memref<?xi32>) of 8 q_scale(%q_scale : memref<?x4x4xf8E8M0FNU>) outs(%out : memref<?x?xf32>)
  return
}
