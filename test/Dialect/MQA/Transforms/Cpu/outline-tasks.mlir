// RUN: mqa-opt %s --pass-pipeline='builtin.module(func.func(mqa-tile-tasks),mqa-outline-tasks)' | FileCheck %s

// CHECK: #[[M:.*]] = affine_map<()[s0] -> (s0 * 16)>
// CHECK: #[[N:.*]] = affine_map<()[s0] -> (s0 * 128)>
// CHECK-LABEL: func @tasks
// CHECK-SAME: {mqa.operand = #mqa.operand<"q", tensor<?x64x128xf8E4M3FN>>}
// CHECK-SAME: {mqa.operand = #mqa.operand<"out", tensor<?x?xf32>>}
// CHECK-SAME: %[[I:[a-z0-9]+]]: index, %[[J:[a-z0-9]+]]: index) attributes
// CHECK-SAME: llvm.emit_c_interface
// CHECK-SAME: mqa.kernel = #mqa.kernel<op = "mqa.logits", clean = true, task_sizes = [16, 128]>
// CHECK-DAG: affine.apply #[[M]]()[%[[I]]]
// CHECK-DAG: affine.apply #[[N]]()[%[[J]]]
// CHECK-NOT: scf.forall
// CHECK: mqa.logits
// CHECK: return{{$}}
func.func @tasks(%q: memref<?x64x128xf8E4M3FN>, %k: memref<?x128xf8E4M3FN>, %s: memref<?xf32>, %w: memref<?x64xf32>, %ks: memref<?xi32>, %ke: memref<?xi32>, %out: memref<?x?xf32>) -> memref<?x?xf32> {
  mqa.logits ins(%q, %k, %s, %w, %ks, %ke : memref<?x64x128xf8E4M3FN>, memref<?x128xf8E4M3FN>, memref<?xf32>, memref<?x64xf32>, memref<?xi32>, memref<?xi32>) outs(%out : memref<?x?xf32>) {clean}
  return %out : memref<?x?xf32>
}

// Steps over sequences are counted in rows, as a launch counts them.
// CHECK-LABEL: func @topk_of_sequences
// CHECK-SAME: task_sizes = [3]
func.func @topk_of_sequences(%logits: memref<?x?xf32>, %lens: memref<?xi32>, %indices: memref<?x2048xi32>) {
  mqa.topk ins(%logits, none, none : memref<?x?xf32>) context_lens(%lens : memref<?xi32>) outs(%indices : memref<?x2048xi32>) {next_n = 3}
  return
}

// CHECK-LABEL: func @topk_of_compressed
// CHECK-SAME: index {mqa.operand = #mqa.operand<"num_keys", index>}
func.func @topk_of_compressed(%logits: memref<?x?xf32>, %ke: memref<?xi32>, %num_keys: index, %indices: memref<?x2048xi32>) {
  mqa.topk ins(%logits, none, %ke : memref<?x?xf32>, memref<?xi32>) num_keys(%num_keys) outs(%indices : memref<?x2048xi32>) {compressed}
  return
}
