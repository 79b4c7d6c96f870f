// What the loops of mqa.topk and mqa.merge_topk compute, on planted logits.
// REQUIRES: plugin
// DEFINE: %{lower} = func.func(convert-mqa-topk-to-loops,canonicalize,arith-expand,convert-scf-to-cf),expand-strided-metadata,lower-affine,finalize-memref-to-llvm,convert-math-to-llvm,convert-arith-to-llvm,convert-cf-to-llvm,convert-func-to-llvm,reconcile-unrealized-casts
// RUN: mlir-opt %s --load-dialect-plugin=%plugin --load-pass-plugin=%plugin --pass-pipeline='builtin.module(%{lower})' | mlir-runner -e main --entry-point-result=void --shared-libs=%mlir_lib_dir/libmlir_runner_utils.so | FileCheck %s

func.func private @printMemrefI32(memref<*xi32>)
func.func private @printMemrefF32(memref<*xf32>)

func.func @print(%indices: memref<8x3xi32>, %values: memref<8x3xf32>) {
  %i = memref.cast %indices : memref<8x3xi32> to memref<*xi32>
  call @printMemrefI32(%i) : (memref<*xi32>) -> ()
  %v = memref.cast %values : memref<8x3xf32> to memref<*xf32>
  call @printMemrefF32(%v) : (memref<*xf32>) -> ()
  return
}

// Ties; all equal; -0 among +0, NaN and infinities; fewer numbers than k; a negative
// length; NaN in a range of k keys; a range past N; one that begins below 0.
memref.global "private" constant @logits : memref<8x8xf32> = dense<[
  [1.0, 5.0, 3.0, 5.0, 2.0, 0.0, -1.0, 4.0],
  [2.0, 2.0, 2.0, 2.0, 2.0, 2.0, 2.0, 2.0],
  [0x7FC00000, 0x7F800000, 0xFF800000, 0xFFC00000, -0.0, 0.0, -0.0, -5.0],
  [0x7FC00000, 0x7FC00000, 1.0, 0x7FC00000, 0xFFC00000, 0xFF800000, 0x7FC00000, 0x7FC00000],
  [9.0, 9.0, 9.0, 9.0, 9.0, 9.0, 9.0, 9.0],
  [9.0, 9.0, 0x7FC00000, -7.0, 6.0, 9.0, 9.0, 9.0],
  [9.0, 9.0, 9.0, 9.0, 9.0, 9.0, 1.0, 3.0],
  [4.0, 8.0, 9.0, 9.0, 9.0, 9.0, 9.0, 9.0]]>
memref.global "private" constant @ks : memref<8xi32> = dense<[0, 0, 0, 0, 0, 2, 6, -3]>
memref.global "private" constant @ke : memref<8xi32> = dense<[8, 8, 8, 8, -1, 5, 100, 2]>
memref.global "private" constant @offset : memref<8xi32> = dense<[10, 20, 30, 40, 50, 60, 70, 80]>

func.func @topk() {
  %logits = memref.get_global @logits : memref<8x8xf32>
  %ks = memref.get_global @ks : memref<8xi32>
  %ke = memref.get_global @ke : memref<8xi32>
  %offset = memref.get_global @offset : memref<8xi32>
  %n = arith.constant 7 : index
  %i = memref.alloc() : memref<8x3xi32>
  %v = memref.alloc() : memref<8x3xf32>
  // CHECK: data =
  // CHECK-NEXT: {{\[\[}}1,   3,   7],
  // CHECK-NEXT: [0,   1,   2],
  // CHECK-NEXT: [1,   4,   5],
  // CHECK-NEXT: [2,   5,   -1],
  // CHECK-NEXT: [-1,   -1,   -1],
  // CHECK-NEXT: [0,   1,   2],
  // CHECK-NEXT: [0,   1,   -1],
  // CHECK-NEXT: [0,   1,   -1]]
  // CHECK: data =
  // CHECK-NEXT: {{\[\[}}5,    5,    4],
  // CHECK-NEXT: [2,    2,    2],
  // CHECK-NEXT: [inf,    -0,    0],
  // CHECK-NEXT: [1,    -inf,    -inf],
  // CHECK-NEXT: [-inf,    -inf,    -inf],
  // CHECK-NEXT: [nan,    -7,    6],
  // CHECK-NEXT: [1,    3,    -inf],
  // CHECK-NEXT: [4,    8,    -inf]]
  mqa.topk ins(%logits, %ks, %ke : memref<8x8xf32>, memref<8xi32>, memref<8xi32>) outs(%i, %v : memref<8x3xi32>, memref<8x3xf32>)
  call @print(%i, %v) : (memref<8x3xi32>, memref<8x3xf32>) -> ()
  // The greatest of equal keys, the greatest logit first; keys, and an offset.
  // CHECK: data =
  // CHECK-NEXT: {{\[\[}}13,   11,   17],
  // CHECK-NEXT: [27,   26,   25],
  // CHECK-NEXT: [31,   36,   35],
  // CHECK-NEXT: [42,   45,   -1],
  // CHECK-NEXT: [-1,   -1,   -1],
  // CHECK-NEXT: [64,   63,   62],
  // CHECK-NEXT: [77,   76,   -1],
  // CHECK-NEXT: [81,   80,   -1]]
  // CHECK: data =
  // CHECK-NEXT: {{\[\[}}5,    5,    4],
  // CHECK-NEXT: [2,    2,    2],
  // CHECK-NEXT: [inf,    -0,    0],
  // CHECK-NEXT: [1,    -inf,    -inf],
  // CHECK-NEXT: [-inf,    -inf,    -inf],
  // CHECK-NEXT: [6,    -7,    nan],
  // CHECK-NEXT: [3,    1,    -inf],
  // CHECK-NEXT: [8,    4,    -inf]]
  mqa.topk ins(%logits, %ks, %ke : memref<8x8xf32>, memref<8xi32>, memref<8xi32>) offset(%offset : memref<8xi32>) outs(%i, %v : memref<8x3xi32>, memref<8x3xf32>) {base = #mqa.base<absolute>, order = #mqa.order<score>, tie_break = #mqa.tie_break<greatest>}
  call @print(%i, %v) : (memref<8x3xi32>, memref<8x3xf32>) -> ()
  // The first and the last key of a longer range, whatever their logits are.
  // CHECK: data =
  // CHECK-NEXT: {{\[\[}}0,   1,   7],
  // CHECK-NEXT: [0,   1,   7],
  // CHECK-NEXT: [0,   1,   7],
  // CHECK-NEXT: [0,   2,   7],
  // CHECK-NEXT: [-1,   -1,   -1],
  // CHECK-NEXT: [0,   1,   2],
  // CHECK-NEXT: [0,   1,   -1],
  // CHECK-NEXT: [0,   1,   -1]]
  // CHECK: data =
  // CHECK-NEXT: {{\[\[}}1,    5,    4],
  // CHECK-NEXT: [2,    2,    2],
  // CHECK-NEXT: [nan,    inf,    -5],
  // CHECK-NEXT: [nan,    1,    nan],
  mqa.topk ins(%logits, %ks, %ke : memref<8x8xf32>, memref<8xi32>, memref<8xi32>) outs(%i, %v : memref<8x3xi32>, memref<8x3xf32>) {force_first = 1, force_last = 1}
  call @print(%i, %v) : (memref<8x3xi32>, memref<8x3xf32>) -> ()
  // No key but the forced ones, where their logits put them; NaN are last.
  // CHECK: data =
  // CHECK-NEXT: {{\[\[}}7,   0,   6],
  // CHECK-NEXT: [0,   6,   7],
  // CHECK-NEXT: [6,   7,   0],
  // CHECK-NEXT: [0,   6,   7],
  // CHECK-NEXT: [-1,   -1,   -1],
  // CHECK-NEXT: [2,   1,   0],
  // CHECK-NEXT: [1,   0,   -1],
  // CHECK-NEXT: [1,   0,   -1]]
  // CHECK: data =
  mqa.topk ins(%logits, %ks, %ke : memref<8x8xf32>, memref<8xi32>, memref<8xi32>) outs(%i, %v : memref<8x3xi32>, memref<8x3xf32>) {force_first = 1, force_last = 2, order = #mqa.order<score>}
  call @print(%i, %v) : (memref<8x3xi32>, memref<8x3xf32>) -> ()
  // Columns count from the range's first key, and the sequence has 7 keys.
  // CHECK: data =
  // CHECK-NEXT: {{\[\[}}1,   2,   3],
  // CHECK-NEXT: [0,   1,   2],
  // CHECK-NEXT: [1,   4,   5],
  // CHECK-NEXT: [2,   5,   -1],
  // CHECK-NEXT: [-1,   -1,   -1],
  // CHECK-NEXT: [2,   3,   4],
  // CHECK-NEXT: [6,   -1,   -1],
  // CHECK-NEXT: [0,   1,   -1]]
  // CHECK: data =
  // CHECK: [inf,    -0,    0],
  // CHECK: [9,    9,    nan],
  // CHECK-NEXT: [9,    -inf,    -inf],
  // CHECK-NEXT: [4,    8,    -inf]]
  mqa.topk ins(%logits, %ks, %ke : memref<8x8xf32>, memref<8xi32>, memref<8xi32>) num_keys(%n) outs(%i, %v : memref<8x3xi32>, memref<8x3xf32>) {base = #mqa.base<absolute>, compressed}
  call @print(%i, %v) : (memref<8x3xi32>, memref<8x3xf32>) -> ()
  return
}

// Two tokens of each of four sequences, whose lengths are for the last of them; and
// blocks of two keys. The first sequence has blocks 5, 0, 0 and others block 7 twice;
// the table has three for each, so 6 keys.
memref.global "private" constant @lens : memref<4xi32> = dense<[8, 1, 0, 4]>
memref.global "private" constant @table : memref<4x3xi32> = dense<[[5, 0, 0], [7, 7, -1], [-1, -1, -1], [7, 7, 9]]>
memref.global "private" constant @sequence : memref<8xi32> = dense<[0, 1, 3, 0, 99, -4, 8, 3]>

func.func @slots() {
  %logits = memref.get_global @logits : memref<8x8xf32>
  %lens = memref.get_global @lens : memref<4xi32>
  %table = memref.get_global @table : memref<4x3xi32>
  %sequence = memref.get_global @sequence : memref<8xi32>
  %ks = memref.get_global @ks : memref<8xi32>
  %ke = memref.get_global @ke : memref<8xi32>
  %i = memref.alloc() : memref<8x3xi32>
  %v = memref.alloc() : memref<8x3xf32>
  // CHECK: data =
  // CHECK-NEXT: {{\[\[}}11,   0,   1],
  // CHECK-NEXT: [10,   11,   0],
  // CHECK-NEXT: [-1,   -1,   -1],
  // CHECK-NEXT: [14,   -1,   -1],
  // CHECK-NEXT: [-1,   -1,   -1],
  // CHECK-NEXT: [-1,   -1,   -1],
  // CHECK-NEXT: [14,   15,   14],
  // CHECK-NEXT: [15,   14,   15]]
  // CHECK: data =
  // CHECK-NEXT: {{\[\[}}5,    3,    5],
  // CHECK: [9,    9,    9],
  // CHECK-NEXT: [8,    9,    9]]
  mqa.topk ins(%logits, none, none : memref<8x8xf32>) context_lens(%lens : memref<4xi32>) block_table(%table : memref<4x3xi32>) outs(%i, %v : memref<8x3xi32>, memref<8x3xf32>) {base = #mqa.base<slot>, block_kv = 2, next_n = 2}
  call @print(%i, %v) : (memref<8x3xi32>, memref<8x3xf32>) -> ()
  // Rows of any sequence; 6 and 7 keys are cut to those of the table.
  // CHECK: data =
  // CHECK-NEXT: {{\[\[}}11,   0,   1],
  // CHECK-NEXT: [14,   15,   14],
  // CHECK-NEXT: [15,   18,   19],
  // CHECK-NEXT: [0,   1,   -1],
  // CHECK-NEXT: [-1,   -1,   -1],
  // CHECK-NEXT: [0,   1,   0],
  // CHECK-NEXT: [-1,   -1,   -1],
  // CHECK-NEXT: [14,   15,   -1]]
  mqa.topk ins(%logits, %ks, %ke : memref<8x8xf32>, memref<8xi32>, memref<8xi32>) block_table(%table : memref<4x3xi32>) sequence(%sequence : memref<8xi32>) outs(%i, %v : memref<8x3xi32>, memref<8x3xf32>) {base = #mqa.base<slot>, block_kv = 2}
  call @print(%i, %v) : (memref<8x3xi32>, memref<8x3xf32>) -> ()
  return
}

func.func @main() {
  call @topk() : () -> ()
  call @slots() : () -> ()
  return
}
