// RUN: mqa-opt %s --pass-pipeline='builtin.module(mqa-tile-topk,gpu.module(gpu.func(canonicalize,cse)))' | FileCheck %s

// A row's list of blocks is searched for the columns that the row sees. The selection counts columns; a column becomes a key where
// an index is written, and the key its place in the cache, if the table has one.
module attributes {mqa.target = #mqa.target<chip = "sm_90a">} {
  // CHECK-LABEL: gpu.func @best
  // CHECK-SAME: %[[BLOCKS:[a-z0-9]+]]: memref<?x20xi32{{[^{]*}} {mqa.operand = #mqa.operand<"key_blocks", tensor<?x20xi32>>}
  // CHECK-SAME: %[[COUNTS:[a-z0-9]+]]: memref<?xi32{{[^{]*}} {mqa.operand = #mqa.operand<"num_key_blocks", tensor<?xi32>>}
  // CHECK-SAME: mqa.kernel = #mqa.kernel<op = "mqa.topk", {{.*}}key_block_size = 8
  // CHECK: scf.for %[[ROW:.*]] = %{{.*}} to %{{.*}} step %{{.*}} {
  // CHECK: %[[LIST:.*]] = mqa.row_block %[[BLOCKS]][%[[ROW]]]
  // CHECK: memref.load %[[COUNTS]][%[[ROW]]]
  // The first and the last block of the list, and else a search.
  // CHECK: memref.load %[[LIST]]
  // CHECK: memref.load %[[LIST]]
  // CHECK: scf.while
  // CHECK: memref.load %[[LIST]]
  // A key of a column, ahead of its place by the table.
  // CHECK: memref.load %[[LIST]]
  // CHECK: %[[BLOCK:.*]] = arith.divui %{{.*}}, %c64
  // CHECK: memref.load %{{.*}}[%{{.*}}, %[[BLOCK]]] : memref<?x?xi32
  func.func @best(%logits: memref<?x160xf32>, %lens: memref<?x1xi32>, %table: memref<?x?xi32>, %blocks: memref<?x20xi32>, %counts: memref<?xi32>, %indices: memref<?x16xi32>) {
    mqa.topk ins(%logits, none, none : memref<?x160xf32>) context_lens(%lens : memref<?x1xi32>) block_table(%table : memref<?x?xi32>) blocks(%blocks, %counts : memref<?x20xi32>, memref<?xi32>) of 8 outs(%indices : memref<?x16xi32>) {base = #mqa.base<slot>, block_kv = 64}
    return
  }
}
