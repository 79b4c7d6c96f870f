// Tiles of mqa.merge_topk are whole rows of all lists.
// REQUIRES: plugin
// RUN: mlir-opt %s --load-dialect-plugin=%plugin --transform-interpreter --canonicalize | FileCheck %s

module attributes {transform.with_named_sequence} {
  transform.named_sequence @__transform_main(%root: !transform.any_op {transform.readonly}) {
    %merge = transform.structured.match ops{["mqa.merge_topk"]} in %root : (!transform.any_op) -> !transform.any_op
    %tiled, %loop = transform.structured.tile_using_forall %merge tile_sizes [4] : (!transform.any_op) -> (!transform.any_op, !transform.any_op)
    transform.yield
  }
  // CHECK-LABEL: func @rows
  // CHECK-SAME: %[[LISTS:[a-z0-9]+]]: tensor<?x?x16xi32>, %[[SCORES:[a-z0-9]+]]: tensor<?x?x16xf32>, %[[KS:[a-z0-9]+]]: tensor<?xi32>, %[[KE:[a-z0-9]+]]: tensor<?xi32>, %[[NUM:[a-z0-9]+]]: index, %[[INDICES:[a-z0-9]+]]: tensor<?x16xi32>, %[[VALUES:[a-z0-9]+]]: tensor<?x16xf32>
  // CHECK: %[[R:.*]]:2 = scf.forall (%[[I:.*]]) in {{.*}} shared_outs(%[[A:.*]] = %[[INDICES]], %[[B:.*]] = %[[VALUES]])
  // CHECK: %[[M:.*]] = affine.apply
  // CHECK-DAG: %[[L:.*]] = tensor.extract_slice %[[LISTS]][0, %[[M]], 0] [%{{.*}}, %[[SIZE:.*]], 16] [1, 1, 1]
  // CHECK-DAG: %[[C:.*]] = tensor.extract_slice %[[SCORES]][0, %[[M]], 0] [%{{.*}}, %[[SIZE]], 16] [1, 1, 1]
  // CHECK-DAG: %[[S:.*]] = tensor.extract_slice %[[KS]][%[[M]]] [%[[SIZE]]] [1]
  // CHECK-DAG: %[[E:.*]] = tensor.extract_slice %[[KE]][%[[M]]] [%[[SIZE]]] [1]
  // CHECK-DAG: %[[X:.*]] = tensor.extract_slice %[[A]][%[[M]], 0] [%[[SIZE]], 16] [1, 1]
  // CHECK-DAG: %[[Y:.*]] = tensor.extract_slice %[[B]][%[[M]], 0] [%[[SIZE]], 16] [1, 1]
  // CHECK: %[[T:.*]]:2 = mqa.merge_topk ins(%[[L]], %[[C]], %[[S]], %[[E]] : {{.*}}) num_keys(%[[NUM]]) outs(%[[X]], %[[Y]] : {{.*}}) {base = #mqa.base<absolute>, order = #mqa.order<score>, tie_break = #mqa.tie_break<greatest>}
  // CHECK-DAG: tensor.parallel_insert_slice %[[T]]#0 into %[[A]][%[[M]], 0] [%[[SIZE]], 16] [1, 1]
  // CHECK-DAG: tensor.parallel_insert_slice %[[T]]#1 into %[[B]][%[[M]], 0] [%[[SIZE]], 16] [1, 1]
  func.func @rows(%lists: tensor<?x?x16xi32>, %scores: tensor<?x?x16xf32>, %ks: tensor<?xi32>, %ke: tensor<?xi32>, %n: index, %indices: tensor<?x16xi32>, %values: tensor<?x16xf32>) -> (tensor<?x16xi32>, tensor<?x16xf32>) {
    %0:2 = mqa.merge_topk ins(%lists, %scores, %ks, %ke : tensor<?x?x16xi32>, tensor<?x?x16xf32>, tensor<?xi32>, tensor<?xi32>) num_keys(%n) outs(%indices, %values : tensor<?x16xi32>, tensor<?x16xf32>) {base = #mqa.base<absolute>, order = #mqa.order<score>, tie_break = #mqa.tie_break<greatest>} -> tensor<?x16xi32>, tensor<?x16xf32>
    return %0#0, %0#1 : tensor<?x16xi32>, tensor<?x16xf32>
  }
}
