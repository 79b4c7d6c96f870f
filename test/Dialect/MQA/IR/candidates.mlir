// RUN: mqa-opt %s | mqa-opt | FileCheck %s
// RUN: mqa-opt %s --mlir-print-op-generic | mqa-opt | FileCheck %s
// What waits for other threads stays where it is, whether its results have uses or not.
// RUN: mqa-opt %s --canonicalize --cse --loop-invariant-code-motion | FileCheck %s --check-prefix=STAYS

!list = memref<64xi32, #gpu.address_space<workgroup>>

// CHECK-LABEL: func.func @append
// STAYS-LABEL: func.func @append
func.func @append(%logits: vector<4xf32>, %key: index, %least: f32, %forced: vector<4xi1>, %codes: !list, %keys: !list, %n: index) -> (index, i1) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  // CHECK: %[[N:.*]], %{{.*}} = mqa.append_candidates %{{.*}} from %{{.*}} threshold(%{{.*}}) turn(%{{.*}}) outs(%{{.*}}, %{{.*}} count %{{.*}} : memref<64xi32, #gpu.address_space<workgroup>>) : vector<4xf32>
  // STAYS: mqa.append_candidates
  %n1, %fits1 = mqa.append_candidates %logits from %key threshold(%least) turn(%c0) outs(%codes, %keys count %n : !list) : vector<4xf32>
  // CHECK: mqa.append_candidates %{{.*}} from %{{.*}} threshold(%{{.*}}) forced(%{{.*}} : vector<4xi1>) turn(%{{.*}}) outs(%{{.*}}, %{{.*}} count %[[N]] : memref<64xi32, #gpu.address_space<workgroup>>) {descending} : vector<4xf32>
  // STAYS: mqa.append_candidates
  %n2, %fits2 = mqa.append_candidates %logits from %key threshold(%least) forced(%forced : vector<4xi1>) turn(%c1) outs(%codes, %keys count %n1 : !list) {descending} : vector<4xf32>
  return %n2, %fits2 : index, i1
}

// CHECK-LABEL: func.func @own_keys
// STAYS-LABEL: func.func @own_keys
func.func @own_keys(%logits: vector<4xf32>, %own: vector<4xi32>, %least: f32, %whole: i1, %codes: !list, %keys: !list, %n: index) {
  // CHECK: mqa.append_candidates %{{.*}} of %{{.*}} : vector<4xi32> threshold(%{{.*}}) takes_nan(%{{.*}}) turn(%{{.*}}) outs(%{{.*}}, %{{.*}} count %{{.*}} : memref<64xi32, #gpu.address_space<workgroup>>) : vector<4xf32>
  // STAYS: mqa.append_candidates
  %n1, %fits = mqa.append_candidates %logits of %own : vector<4xi32> threshold(%least) takes_nan(%whole) turn(%n) outs(%codes, %keys count %n : !list) : vector<4xf32>
  // CHECK: mqa.cut_candidates %{{.*}} keep 16 {ties = #mqa.ties<smallest>}
  // STAYS: mqa.cut_candidates
  %t = mqa.cut_candidates %codes, %keys count %n1 keep 16 {ties = #mqa.ties<smallest>} : !list
  // CHECK: mqa.cut_candidates %{{.*}} keep 8 {ties = #mqa.ties<greatest>}
  %u = mqa.cut_candidates %codes, %keys count %n1 keep 8 {ties = #mqa.ties<greatest>} : !list
  // CHECK: mqa.estimate_threshold %{{.*}} count %{{.*}} rank %{{.*}} : vector<4xf32>
  // STAYS: mqa.estimate_threshold
  %v = mqa.estimate_threshold %logits count %n rank %n1 : vector<4xf32>
  // CHECK: mqa.sort_candidates %{{.*}} most 16 {by = #mqa.sort_by<key>}
  // STAYS: mqa.sort_candidates
  mqa.sort_candidates %codes, %keys count %n most 16 {by = #mqa.sort_by<key>} : !list
  // CHECK: mqa.sort_candidates %{{.*}} most 16 {by = #mqa.sort_by<key>, doubled, keys_only}
  mqa.sort_candidates %codes, %keys count %n most 16 {by = #mqa.sort_by<key>, doubled, keys_only} : !list
  return
}

// CHECK-LABEL: func.func @cut_and_sort
// STAYS-LABEL: func.func @cut_and_sort
func.func @cut_and_sort(%codes: !list, %keys: !list, %n: index, %times: index) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  // STAYS: scf.for
  scf.for %i = %c0 to %times step %c1 {
    // CHECK: mqa.cut_candidates %{{.*}}, %{{.*}} count %{{.*}} keep 16 : memref<64xi32, #gpu.address_space<workgroup>>
    // STAYS: mqa.cut_candidates
    // STAYS: mqa.cut_candidates
    %t = mqa.cut_candidates %codes, %keys count %n keep 16 : !list
    %u = mqa.cut_candidates %codes, %keys count %n keep 16 : !list
  }
  // CHECK: mqa.sort_candidates %{{.*}}, %{{.*}} count %{{.*}} most 16 {tie_break = #mqa.tie_break<greatest>} : memref<64xi32, #gpu.address_space<workgroup>>
  mqa.sort_candidates %codes, %keys count %n most 16 {tie_break = #mqa.tie_break<greatest>} : !list
  return
}

// CHECK-LABEL: func.func private @kernel
// CHECK-SAME: #mqa.kernel<op = "mqa.topk", compressed = true, task_sizes = [2], selection = <k = 512, tie_break = greatest, order = score, base = slot, force_first = 1, force_last = 2, block_kv = 64, next_n = 2>>
func.func private @kernel() attributes {mqa.kernel = #mqa.kernel<op = "mqa.topk", compressed = true, task_sizes = [2], selection = <k = 512, tie_break = greatest, order = score, base = slot, force_first = 1, force_last = 2, block_kv = 64, next_n = 2>>}

// CHECK-LABEL: func.func private @merge
// CHECK-SAME: #mqa.operand<"list_indices", tensor<?x?x8xi32>>
// CHECK-SAME: #mqa.kernel<op = "mqa.merge_topk", task_sizes = [1], selection = <k = 8, order = any, base = absolute>>
func.func private @merge(memref<?x?x8xi32> {mqa.operand = #mqa.operand<"list_indices", tensor<?x?x8xi32>>}) attributes {mqa.kernel = #mqa.kernel<op = "mqa.merge_topk", task_sizes = [1], selection = <k = 8, order = any, base = absolute>>}
