// Tiles of typed operands have all four block scales of their keys and heads, and are packed as whole ops are.
// REQUIRES: plugin
// RUN: mlir-opt %s --load-dialect-plugin=%plugin --transform-interpreter --canonicalize -o %t.mlir
// RUN: FileCheck %s < %t.mlir
// RUN: mlir-opt %t.mlir --load-dialect-plugin=%plugin --load-pass-plugin=%plugin --pass-pipeline='builtin.module(mqa-pack-mx-types)' | FileCheck %s --check-prefix=PACKED

module attributes {transform.with_named_sequence} {
  transform.named_sequence @__transform_main(%root: !transform.any_op {transform.readonly}) {
    %logits = transform.structured.match ops{["mqa.logits", "mqa.paged_logits"]} in %root : (!transform.any_op) -> !transform.any_op
    %tiled, %loop = transform.structured.tile_using_forall %logits tile_sizes [4, 64] : (!transform.any_op) -> (!transform.any_op, !transform.any_op)
    transform.yield
  }
  // CHECK-LABEL: func @keys
  // CHECK-SAME: %[[Q:[a-z0-9]+]]: tensor<8x4x64xf4E2M1FN>, %[[K:[a-z0-9]+]]: tensor<256x64xf4E2M1FN>, %[[S:[a-z0-9]+]]: tensor<256x4xf8E8M0FNU>, %{{.*}}: tensor<8xi32>, %[[QS:[a-z0-9]+]]: tensor<8x4x4xf8E8M0FNU>
  // CHECK: scf.forall
  // CHECK-DAG: %[[QT:.*]] = tensor.extract_slice %[[Q]][%[[M:.*]], 0, 0] [4, 4, 64] [1, 1, 1]
  // CHECK-DAG: %[[KT:.*]] = tensor.extract_slice %[[K]][%[[N:.*]], 0] [64, 64] [1, 1]
  // CHECK-DAG: %[[ST:.*]] = tensor.extract_slice %[[S]][%[[N]], 0] [64, 4] [1, 1]
  // CHECK-DAG: %[[QST:.*]] = tensor.extract_slice %[[QS]][%[[M]], 0, 0] [4, 4, 4] [1, 1, 1]
  // CHECK: mqa.logits ins(%[[QT]], %[[KT]], %[[ST]], none, none, {{.*}}) key_offset(%[[N]]) q_scale(%[[QST]] : tensor<4x4x4xf8E8M0FNU>)
  // PACKED-LABEL: func @keys
  // PACKED: mqa.logits ins({{.*}} : tensor<4x4x32xi8>, tensor<64x32xi8>, tensor<64xi32>, tensor<4xi32>) key_offset({{.*}}) q_scale({{.*}} : tensor<4x4xi32>)
  func.func @keys(%q: tensor<8x4x64xf4E2M1FN>, %k: tensor<256x64xf4E2M1FN>, %k_scale: tensor<256x4xf8E8M0FNU>, %ke: tensor<8xi32>, %q_scale: tensor<8x4x4xf8E8M0FNU>, %out: tensor<8x256xf32>) -> tensor<8x256xf32> {
    %0 = mqa.logits ins(%q, %k, %k_scale, none, none, %ke : tensor<8x4x64xf4E2M1FN>, tensor<256x64xf4E2M1FN>, tensor<256x4xf8E8M0FNU>, tensor<8xi32>)
         q_scale(%q_scale : tensor<8x4x4xf8E8M0FNU>) outs(%out : tensor<8x256xf32>) -> tensor<8x256xf32>
    return %0 : tensor<8x256xf32>
  }

  // CHECK-LABEL: func @key_blocks
  // CHECK: scf.forall
  // CHECK: tensor.extract_slice %{{.*}}[%{{.*}}, 0, 0] [4, 4, 4] [1, 1, 1] : tensor<8x4x4xf8E8M0FNU>
  // PACKED-LABEL: func @key_blocks
  // PACKED: mqa.logits ins({{.*}} : tensor<4x4x32xi8>, tensor<256x32xi8>, tensor<256xi32>, tensor<4xi32>) {{.*}} q_scale({{.*}} : tensor<4x4xi32>)
  func.func @key_blocks(%q: tensor<8x4x64xf4E2M1FN>, %k: tensor<256x64xf4E2M1FN>, %k_scale: tensor<256x4xf8E8M0FNU>, %ke: tensor<8xi32>, %blocks: tensor<8x16xi32>, %counts: tensor<8xi32>,
                        %q_scale: tensor<8x4x4xf8E8M0FNU>, %out: tensor<8x128xf32>) -> tensor<8x128xf32> {
    %0 = mqa.logits ins(%q, %k, %k_scale, none, none, %ke : tensor<8x4x64xf4E2M1FN>, tensor<256x64xf4E2M1FN>, tensor<256x4xf8E8M0FNU>, tensor<8xi32>)
         blocks(%blocks, %counts : tensor<8x16xi32>, tensor<8xi32>) of 8
         q_scale(%q_scale : tensor<8x4x4xf8E8M0FNU>) outs(%out : tensor<8x128xf32>) -> tensor<8x128xf32>
    return %0 : tensor<8x128xf32>
  }

  // CHECK-LABEL: func @paged
  // CHECK: scf.forall
  // CHECK: tensor.extract_slice %{{.*}}[%{{.*}}, 0, 0] [8, 4, 4] [1, 1, 1] : tensor<16x4x4xf8E8M0FNU>
  // PACKED-LABEL: func @paged
  // PACKED: mqa.paged_logits ins({{.*}} : tensor<4x2x4x32xi8>, tensor<?x16x32xi8>, tensor<?x16xi32>, {{.*}}) {{.*}} q_scale({{.*}} : tensor<8x4xi32>)
  func.func @paged(%q: tensor<8x2x4x64xf4E2M1FN>, %k: tensor<?x16x64xf4E2M1FN>, %k_scale: tensor<?x16x4xf8E8M0FNU>, %lens: tensor<8xi32>, %table: tensor<8x?xi32>,
                   %q_scale: tensor<16x4x4xf8E8M0FNU>, %out: tensor<16x256xf32>) -> tensor<16x256xf32> {
    %0 = mqa.paged_logits ins(%q, %k, %k_scale, none, %lens, %table : tensor<8x2x4x64xf4E2M1FN>, tensor<?x16x64xf4E2M1FN>, tensor<?x16x4xf8E8M0FNU>, tensor<8xi32>, tensor<8x?xi32>)
         q_scale(%q_scale : tensor<16x4x4xf8E8M0FNU>) outs(%out : tensor<16x256xf32>) -> tensor<16x256xf32>
    return %0 : tensor<16x256xf32>
  }
}
