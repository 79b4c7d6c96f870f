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
