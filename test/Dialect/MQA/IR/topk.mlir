// RUN: mqa-opt %s | mqa-opt | FileCheck %s
// RUN: mqa-opt %s --mlir-print-op-generic | mqa-opt | FileCheck %s
// RUN: mqa-opt %s --emit-bytecode | mqa-opt | FileCheck %s

// The examples of the reference.
// CHECK-LABEL: func @examples
// CHECK: mqa.topk ins(%{{.*}}, %{{.*}}, %{{.*}} : tensor<?x?xf32>, tensor<?xi32>, tensor<?xi32>) outs(%{{.*}} : tensor<?x2048xi32>) -> tensor<?x2048xi32>
// CHECK: %{{.*}}:2 = mqa.topk ins(%{{.*}}, none, %{{.*}} : tensor<?x?xf32>, tensor<?xi32>) outs(%{{.*}}, %{{.*}} : tensor<?x2048xi32>, tensor<?x2048xf32>) {order = #mqa.order<score>, tie_break = #mqa.tie_break<greatest>} -> tensor<?x2048xi32>, tensor<?x2048xf32>
// CHECK: mqa.topk ins(%{{.*}}, none, none : tensor<?x?xf32>) context_lens(%{{.*}} : tensor<?x2xi32>) block_table(%{{.*}} : tensor<?x?xi32>) outs(%{{.*}} : tensor<?x2048xi32>) {base = #mqa.base<slot>, block_kv = 64 : i64} -> tensor<?x2048xi32>
// CHECK: mqa.merge_topk ins(%{{.*}}, %{{.*}}, none, %{{.*}} : tensor<8x?x2048xi32>, tensor<8x?x2048xf32>, tensor<?xi32>) outs(%{{.*}}, %{{.*}} : tensor<?x2048xi32>, tensor<?x2048xf32>) {base = #mqa.base<absolute>} -> tensor<?x2048xi32>, tensor<?x2048xf32>
func.func @examples(%logits: tensor<?x?xf32>, %ks: tensor<?xi32>, %ke: tensor<?xi32>, %lens: tensor<?x2xi32>, %table: tensor<?x?xi32>, %indices: tensor<?x2048xi32>, %values: tensor<?x2048xf32>, %list_indices: tensor<8x?x2048xi32>, %list_values: tensor<8x?x2048xf32>) {
  %0 = mqa.topk ins(%logits, %ks, %ke : tensor<?x?xf32>, tensor<?xi32>, tensor<?xi32>)
       outs(%indices : tensor<?x2048xi32>) -> tensor<?x2048xi32>
  %1:2 = mqa.topk ins(%logits, none, %ke : tensor<?x?xf32>, tensor<?xi32>)
       outs(%indices, %values : tensor<?x2048xi32>, tensor<?x2048xf32>)
       {order = #mqa.order<score>, tie_break = #mqa.tie_break<greatest>}
       -> tensor<?x2048xi32>, tensor<?x2048xf32>
  %2 = mqa.topk ins(%logits, none, none : tensor<?x?xf32>)
       context_lens(%lens : tensor<?x2xi32>) block_table(%table : tensor<?x?xi32>)
       outs(%indices : tensor<?x2048xi32>)
       {base = #mqa.base<slot>, block_kv = 64} -> tensor<?x2048xi32>
  %3:2 = mqa.merge_topk ins(%list_indices, %list_values, none, %ke :
           tensor<8x?x2048xi32>, tensor<8x?x2048xf32>, tensor<?xi32>)
       outs(%indices, %values : tensor<?x2048xi32>, tensor<?x2048xf32>)
       {base = #mqa.base<absolute>} -> tensor<?x2048xi32>, tensor<?x2048xf32>
  return
}

// Everything that there is, strided.
// CHECK-LABEL: func @on_memrefs
// CHECK: mqa.topk ins(%{{.*}}, %{{.*}}, %{{.*}} : memref<6x?xbf16, strided<[?, 1], offset: ?>>, memref<6xi32>, memref<6xi32>) block_table(%{{.*}} : memref<3x?xi32, strided<[?, 1]>>) sequence(%{{.*}} : memref<6xi32>) offset(%{{.*}} : memref<6xi32>) num_keys(%{{.*}}) outs(%{{.*}}, %{{.*}} : memref<6x4096xi32, strided<[8192, 1]>>, memref<6x4096xf32>) {base = #mqa.base<slot>, block_kv = 1 : i64, compressed, force_first = 4095 : i64, force_last = 1 : i64, order = #mqa.order<any>}
// A length per sequence, whose rows are three.
// CHECK: mqa.topk ins(%{{.*}}, none, none : memref<6x?xf16>) context_lens(%{{.*}} : memref<2xi32>) outs(%{{.*}} : memref<6x1xi32>) {base = #mqa.base<absolute>, next_n = 3 : i64}
// CHECK: mqa.topk ins(%{{.*}}, none, %{{.*}} : memref<6x?xf16>, memref<6xi32>) block_table(%{{.*}} : memref<2x0xi32>) outs(%{{.*}} : memref<6x1xi32>) {base = #mqa.base<slot>, block_kv = 65536 : i64, next_n = 3 : i64}
// CHECK: mqa.merge_topk ins(%{{.*}}, %{{.*}}, %{{.*}}, %{{.*}} : memref<2x6x1xi32, strided<[?, ?, 1], offset: ?>>, memref<2x6x1xf32>, memref<6xi32>, memref<6xi32>) num_keys(%{{.*}}) outs(%{{.*}} : memref<6x1xi32>) {order = #mqa.order<score>, tie_break = #mqa.tie_break<greatest>}
func.func @on_memrefs(%bf16: memref<6x?xbf16, strided<[?, 1], offset: ?>>, %f16: memref<6x?xf16>, %ks: memref<6xi32>, %ke: memref<6xi32>, %lens: memref<2xi32>, %table: memref<3x?xi32, strided<[?, 1]>>, %empty: memref<2x0xi32>, %sequence: memref<6xi32>, %offset: memref<6xi32>, %n: index, %indices: memref<6x4096xi32, strided<[8192, 1]>>, %values: memref<6x4096xf32>, %best: memref<6x1xi32>, %list_indices: memref<2x6x1xi32, strided<[?, ?, 1], offset: ?>>, %list_values: memref<2x6x1xf32>) {
  mqa.topk ins(%bf16, %ks, %ke : memref<6x?xbf16, strided<[?, 1], offset: ?>>, memref<6xi32>, memref<6xi32>) block_table(%table : memref<3x?xi32, strided<[?, 1]>>) sequence(%sequence : memref<6xi32>) offset(%offset : memref<6xi32>) num_keys(%n) outs(%indices, %values : memref<6x4096xi32, strided<[8192, 1]>>, memref<6x4096xf32>) {base = #mqa.base<slot>, block_kv = 1, compressed, force_first = 4095, force_last = 1, order = #mqa.order<any>}
  mqa.topk ins(%f16, none, none : memref<6x?xf16>) context_lens(%lens : memref<2xi32>) outs(%best : memref<6x1xi32>) {base = #mqa.base<absolute>, next_n = 3}
  mqa.topk ins(%f16, none, %ke : memref<6x?xf16>, memref<6xi32>) block_table(%empty : memref<2x0xi32>) outs(%best : memref<6x1xi32>) {base = #mqa.base<slot>, block_kv = 65536, next_n = 3}
  mqa.merge_topk ins(%list_indices, %list_values, %ks, %ke : memref<2x6x1xi32, strided<[?, ?, 1], offset: ?>>, memref<2x6x1xf32>, memref<6xi32>, memref<6xi32>) num_keys(%n) outs(%best : memref<6x1xi32>) {order = #mqa.order<score>, tie_break = #mqa.tie_break<greatest>}
  return
}

// No row, no key, no list; more keys selected than there are.
// CHECK-LABEL: func @empty
// CHECK: mqa.topk ins(%{{.*}}, none, %{{.*}} : tensor<0x0xf32>, tensor<0xi32>) outs(%{{.*}} : tensor<0x7xi32>) -> tensor<0x7xi32>
// CHECK: mqa.merge_topk {{.*}} : tensor<0x0x7xi32>
func.func @empty(%logits: tensor<0x0xf32>, %ke: tensor<0xi32>, %indices: tensor<0x7xi32>, %list_indices: tensor<0x0x7xi32>, %list_values: tensor<0x0x7xf32>) {
  %0 = mqa.topk ins(%logits, none, %ke : tensor<0x0xf32>, tensor<0xi32>) outs(%indices : tensor<0x7xi32>) -> tensor<0x7xi32>
  %1 = mqa.merge_topk ins(%list_indices, %list_values, none, %ke : tensor<0x0x7xi32>, tensor<0x0x7xf32>, tensor<0xi32>) outs(%indices : tensor<0x7xi32>) -> tensor<0x7xi32>
  return
}

// Columns of key blocks: with the number of keys, and with the table of a cache whatever an index counts. Rows that name their
// sequences have a length each.
// CHECK-LABEL: func @of_blocks
// CHECK: mqa.topk ins(%{{.*}}, none, %{{.*}} : tensor<?x160xf32>, tensor<?xi32>) num_keys(%{{.*}}) blocks(%{{.*}}, %{{.*}} : tensor<?x20xi32>, tensor<?xi32>) of 8 outs(%{{.*}} : tensor<?x16xi32>) {base = #mqa.base<absolute>} -> tensor<?x16xi32>
// CHECK: mqa.topk ins(%{{.*}}, none, none : tensor<?x160xf32>) context_lens(%{{.*}} : tensor<?xi32>) block_table(%{{.*}} : tensor<?x?xi32>) sequence(%{{.*}} : tensor<?xi32>) blocks(%{{.*}}, %{{.*}} : tensor<?x10xi32>, tensor<?xi32>) of 16 outs(%{{.*}} : tensor<?x16xi32>) {block_kv = 64 : i64} -> tensor<?x16xi32>
func.func @of_blocks(%columns: tensor<?x160xf32>, %ke: tensor<?xi32>, %n: index, %blocks: tensor<?x20xi32>, %blocks16: tensor<?x10xi32>, %counts: tensor<?xi32>, %table: tensor<?x?xi32>, %sequence: tensor<?xi32>, %indices: tensor<?x16xi32>) {
  %0 = mqa.topk ins(%columns, none, %ke : tensor<?x160xf32>, tensor<?xi32>) num_keys(%n) blocks(%blocks, %counts : tensor<?x20xi32>, tensor<?xi32>) of 8 outs(%indices : tensor<?x16xi32>) {base = #mqa.base<absolute>} -> tensor<?x16xi32>
  %1 = mqa.topk ins(%columns, none, none : tensor<?x160xf32>) context_lens(%ke : tensor<?xi32>) block_table(%table : tensor<?x?xi32>) sequence(%sequence : tensor<?xi32>) blocks(%blocks16, %counts : tensor<?x10xi32>, tensor<?xi32>) of 16 outs(%indices : tensor<?x16xi32>) {block_kv = 64} -> tensor<?x16xi32>
  return
}
