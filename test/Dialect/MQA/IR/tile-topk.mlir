// Tiles of mqa.topk are whole rows, or the rows of whole sequences.
// REQUIRES: plugin
// RUN: mlir-opt %s --load-dialect-plugin=%plugin --transform-interpreter --canonicalize --split-input-file | FileCheck %s

module attributes {transform.with_named_sequence} {
  transform.named_sequence @__transform_main(%root: !transform.any_op {transform.readonly}) {
    %topk = transform.structured.match ops{["mqa.topk"]} in %root : (!transform.any_op) -> !transform.any_op
    %tiled, %loop = transform.structured.tile_using_forall %topk tile_sizes [4] : (!transform.any_op) -> (!transform.any_op, !transform.any_op)
    transform.yield
  }
  // CHECK-LABEL: func @rows
  // CHECK-SAME: %[[LOGITS:[a-z0-9]+]]: tensor<?x?xf32>, %[[KS:[a-z0-9]+]]: tensor<?xi32>, %[[KE:[a-z0-9]+]]: tensor<?xi32>, %[[OFFSET:[a-z0-9]+]]: tensor<?xi32>, %[[INDICES:[a-z0-9]+]]: tensor<?x16xi32>, %[[VALUES:[a-z0-9]+]]: tensor<?x16xf32>
  // CHECK: %[[R:.*]]:2 = scf.forall (%[[I:.*]]) in {{.*}} shared_outs(%[[A:.*]] = %[[INDICES]], %[[B:.*]] = %[[VALUES]])
  // CHECK: %[[M:.*]] = affine.apply
  // CHECK-DAG: %[[L:.*]] = tensor.extract_slice %[[LOGITS]][%[[M]], 0] [%[[SIZE:.*]], %{{.*}}] [1, 1]
  // CHECK-DAG: %[[S:.*]] = tensor.extract_slice %[[KS]][%[[M]]] [%[[SIZE]]] [1]
  // CHECK-DAG: %[[E:.*]] = tensor.extract_slice %[[KE]][%[[M]]] [%[[SIZE]]] [1]
  // CHECK-DAG: %[[O:.*]] = tensor.extract_slice %[[OFFSET]][%[[M]]] [%[[SIZE]]] [1]
  // CHECK-DAG: %[[X:.*]] = tensor.extract_slice %[[A]][%[[M]], 0] [%[[SIZE]], 16] [1, 1]
  // CHECK-DAG: %[[Y:.*]] = tensor.extract_slice %[[B]][%[[M]], 0] [%[[SIZE]], 16] [1, 1]
  // CHECK: %[[T:.*]]:2 = mqa.topk ins(%[[L]], %[[S]], %[[E]] : {{.*}}) offset(%[[O]] : {{.*}}) outs(%[[X]], %[[Y]] : {{.*}}) {force_first = 2 : i64, force_last = 3 : i64, order = #mqa.order<score>, tie_break = #mqa.tie_break<greatest>}
  // CHECK-DAG: tensor.parallel_insert_slice %[[T]]#0 into %[[A]][%[[M]], 0] [%[[SIZE]], 16] [1, 1]
  // CHECK-DAG: tensor.parallel_insert_slice %[[T]]#1 into %[[B]][%[[M]], 0] [%[[SIZE]], 16] [1, 1]
  // CHECK: return %[[R]]#0, %[[R]]#1
  func.func @rows(%logits: tensor<?x?xf32>, %ks: tensor<?xi32>, %ke: tensor<?xi32>, %offset: tensor<?xi32>, %indices: tensor<?x16xi32>, %values: tensor<?x16xf32>) -> (tensor<?x16xi32>, tensor<?x16xf32>) {
    %0:2 = mqa.topk ins(%logits, %ks, %ke : tensor<?x?xf32>, tensor<?xi32>, tensor<?xi32>) offset(%offset : tensor<?xi32>) outs(%indices, %values : tensor<?x16xi32>, tensor<?x16xf32>) {force_first = 2, force_last = 3, order = #mqa.order<score>, tie_break = #mqa.tie_break<greatest>} -> tensor<?x16xi32>, tensor<?x16xf32>
    return %0#0, %0#1 : tensor<?x16xi32>, tensor<?x16xf32>
  }

  // A tile of 4 sequences has 12 rows.
  // CHECK-LABEL: func @sequences
  // CHECK-SAME: %[[LOGITS:[a-z0-9]+]]: memref<24x?xbf16>, %[[LENS:[a-z0-9]+]]: memref<8xi32>, %[[TABLE:[a-z0-9]+]]: memref<8x?xi32>, %[[INDICES:[a-z0-9]+]]: memref<24x16xi32>
  // CHECK: scf.forall (%{{.*}}) in (2)
  // CHECK-DAG: memref.subview %[[LENS]][%[[S:.*]]] [4] [1]
  // CHECK-DAG: memref.subview %[[TABLE]][%[[S]], 0] [4, %{{.*}}] [1, 1]
  // CHECK-DAG: memref.subview %[[LOGITS]][%[[M:.*]], 0] [12, %{{.*}}] [1, 1]
  // CHECK-DAG: memref.subview %[[INDICES]][%[[M]], 0] [12, 16] [1, 1]
  // CHECK: mqa.topk ins(%{{.*}}, none, none : {{.*}}) context_lens({{.*}}) block_table({{.*}}) outs({{.*}}) {base = #mqa.base<slot>, block_kv = 64 : i64, next_n = 3 : i64}
  func.func @sequences(%logits: memref<24x?xbf16>, %lens: memref<8xi32>, %table: memref<8x?xi32>, %indices: memref<24x16xi32>) {
    mqa.topk ins(%logits, none, none : memref<24x?xbf16>) context_lens(%lens : memref<8xi32>) block_table(%table : memref<8x?xi32>) outs(%indices : memref<24x16xi32>) {base = #mqa.base<slot>, block_kv = 64, next_n = 3}
    return
  }

  // Rows of any sequence need the whole table, and as many keys as there are.
  // CHECK-LABEL: func @table
  // CHECK-SAME: %[[TABLE:[a-z0-9]+]]: memref<8x?xi32>, %[[SEQUENCE:[a-z0-9]+]]: memref<?xi32>
  // CHECK-SAME: %[[N:[a-z0-9]+]]: index
  // CHECK: %[[S:.*]] = memref.subview %[[SEQUENCE]]
  // CHECK: mqa.topk {{.*}} block_table(%[[TABLE]] : memref<8x?xi32>) sequence(%[[S]] : {{.*}}) num_keys(%[[N]]) outs({{.*}}) {base = #mqa.base<slot>, block_kv = 64 : i64, compressed}
  func.func @table(%logits: memref<?x?xf16>, %ke: memref<?xi32>, %table: memref<8x?xi32>, %sequence: memref<?xi32>, %n: index, %indices: memref<?x16xi32>) {
    mqa.topk ins(%logits, none, %ke : memref<?x?xf16>, memref<?xi32>) block_table(%table : memref<8x?xi32>) sequence(%sequence : memref<?xi32>) num_keys(%n) outs(%indices : memref<?x16xi32>) {base = #mqa.base<slot>, block_kv = 64, compressed}
    return
  }
}

// -----

// The producer of rows is fused into a loop over them.
module attributes {transform.with_named_sequence} {
  transform.named_sequence @__transform_main(%root: !transform.any_op {transform.readonly}) {
    %add = transform.structured.match ops{["linalg.generic"]} in %root : (!transform.any_op) -> !transform.any_op
    %topk = transform.structured.match ops{["mqa.topk"]} in %root : (!transform.any_op) -> !transform.any_op
    %tiled, %loop = transform.structured.tile_using_forall %add tile_sizes [4] : (!transform.any_op) -> (!transform.any_op, !transform.any_op)
    %fused, %new = transform.structured.fuse_into_containing_op %topk into %loop : (!transform.any_op, !transform.any_op) -> (!transform.any_op, !transform.any_op)
    transform.yield
  }
  // CHECK-LABEL: func @fused
  // CHECK: scf.forall
  // CHECK: %[[T:.*]]:2 = mqa.topk {{.*}} -> tensor<4x16xi32>, tensor<4x16xf32>
  // CHECK: linalg.generic {{.*}} ins(%[[T]]#1 : tensor<4x16xf32>)
  func.func @fused(%logits: tensor<8x?xf32>, %ke: tensor<8xi32>, %indices: tensor<8x16xi32>, %values: tensor<8x16xf32>, %out: tensor<8x16xf32>) -> tensor<8x16xf32> {
    %0:2 = mqa.topk ins(%logits, none, %ke : tensor<8x?xf32>, tensor<8xi32>) outs(%indices, %values : tensor<8x16xi32>, tensor<8x16xf32>) -> tensor<8x16xi32>, tensor<8x16xf32>
    %1 = linalg.generic {indexing_maps = [affine_map<(m, j) -> (m, j)>, affine_map<(m, j) -> (m, j)>], iterator_types = ["parallel", "parallel"]} ins(%0#1 : tensor<8x16xf32>) outs(%out : tensor<8x16xf32>) {
    ^bb0(%x: f32, %y: f32):
      %z = arith.negf %x : f32
      linalg.yield %z : f32
    } -> tensor<8x16xf32>
    return %1 : tensor<8x16xf32>
  }
}
