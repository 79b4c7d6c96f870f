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

// A task of a fused kernel has rows alone; the second size is that of its tiles of keys. Operands
// of both ops are arguments once, and what both have is named once.
// CHECK-LABEL: func @fused
// CHECK-SAME: {mqa.operand = #mqa.operand<"q",
// CHECK-SAME: {mqa.operand = #mqa.operand<"ke",
// CHECK-SAME: {mqa.operand = #mqa.operand<"indices",
// CHECK-SAME: %{{[a-z0-9]+}}: index) attributes
// CHECK-SAME: mqa.kernel = #mqa.kernel<op = "mqa.logits", task_sizes = [16, 128], selection = <k = 16>, logits_type = tensor<?x64xf16>>
func.func @fused(%q: memref<?x4x32xbf16>, %k: memref<64x32xbf16>, %ke: memref<?xi32>, %indices: memref<?x16xi32>) {
  %c0 = arith.constant 0 : index
  %m = memref.dim %q, %c0 : memref<?x4x32xbf16>
  %init = mqa.unstored_logits(%m) : memref<?x64xf16>
  mqa.logits ins(%q, %k, none, none, none, %ke : memref<?x4x32xbf16>, memref<64x32xbf16>, memref<?xi32>) outs(%init : memref<?x64xf16>)
  mqa.topk ins(%init, none, %ke : memref<?x64xf16>, memref<?xi32>) outs(%indices : memref<?x16xi32>)
  return
}

// Steps over sequences are counted in rows.
// CHECK-LABEL: func @fused_of_sequences
// CHECK-SAME: task_sizes = [15, 128], selection = <k = 16, base = slot, block_kv = 16, next_n = 3>, logits_type = tensor<?x64xf32>
func.func @fused_of_sequences(%q: memref<?x4x32xbf16>, %k: memref<64x32xbf16>, %ke: memref<?xi32>, %table: memref<?x?xi32>, %indices: memref<?x16xi32>) {
  %c0 = arith.constant 0 : index
  %m = memref.dim %q, %c0 : memref<?x4x32xbf16>
  %init = mqa.unstored_logits(%m) : memref<?x64xf32>
  mqa.logits ins(%q, %k, none, none, none, %ke : memref<?x4x32xbf16>, memref<64x32xbf16>, memref<?xi32>) outs(%init : memref<?x64xf32>)
  mqa.topk ins(%init, none, %ke : memref<?x64xf32>, memref<?xi32>) block_table(%table : memref<?x?xi32>) outs(%indices : memref<?x16xi32>) {base = #mqa.base<slot>, block_kv = 16, next_n = 3}
  return
}

// Of a paged one in sequences, as those of mqa.paged_logits are; tiles are blocks of the cache.
// CHECK-LABEL: func @fused_paged
// CHECK-SAME: index {mqa.operand = #mqa.operand<"num_keys", index>}
// CHECK-SAME: task_sizes = [1, 32], selection = <k = 16, next_n = 2>, logits_type = tensor<?x?xf32>
func.func @fused_paged(%q: memref<?x2x4x32xbf16>, %k: memref<?x32x32xbf16>, %lens: memref<?xi32>, %table: memref<?x?xi32>, %n: index, %indices: memref<?x16xi32>) {
  %c0 = arith.constant 0 : index
  %m = memref.dim %indices, %c0 : memref<?x16xi32>
  %init = mqa.unstored_logits(%m, %n) : memref<?x?xf32>
  mqa.paged_logits ins(%q, %k, none, none, %lens, %table : memref<?x2x4x32xbf16>, memref<?x32x32xbf16>, memref<?xi32>, memref<?x?xi32>) outs(%init : memref<?x?xf32>)
  mqa.topk ins(%init, none, none : memref<?x?xf32>) context_lens(%lens : memref<?xi32>) outs(%indices : memref<?x16xi32>) {next_n = 2}
  return
}
