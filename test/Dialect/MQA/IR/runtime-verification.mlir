// RUN: mqa-opt %s --generate-runtime-verification --split-input-file | FileCheck %s

// Each size is compared with the first of its letter; static ones are the verifier's.
// CHECK-LABEL: func.func @logits(
// CHECK-SAME: %[[Q:[a-z0-9]*]]: tensor<?x4x32xbf16>, %[[K:[a-z0-9]*]]: tensor<?x32xbf16>
// CHECK-DAG: %[[M:.*]] = tensor.dim %[[Q]], %{{.*}}
// CHECK-DAG: arith.cmpi eq, %{{.*}}, %[[M]]
// CHECK: cf.assert %{{.*}}, "{{.*}}dimension 0 of 'weights' does not go with dimension 0 of 'q'
// CHECK: cf.assert %{{.*}}, "{{.*}}dimension 0 of 'ke' does not go with dimension 0 of 'q'
// CHECK: cf.assert %{{.*}}, "{{.*}}dimension 0 of 'out' does not go with dimension 0 of 'q'
// CHECK: cf.assert %{{.*}}, "{{.*}}dimension 1 of 'out' does not go with dimension 0 of 'k'
// CHECK-NOT: cf.assert
// CHECK: mqa.logits
func.func @logits(%q: tensor<?x4x32xbf16>, %k: tensor<?x32xbf16>, %w: tensor<?x4xf32>, %ke: tensor<?xi32>, %out: tensor<?x?xf32>) -> tensor<?x?xf32> {
  %0 = mqa.logits ins(%q, %k, none, %w, none, %ke : tensor<?x4x32xbf16>, tensor<?x32xbf16>, tensor<?x4xf32>, tensor<?xi32>) outs(%out : tensor<?x?xf32>) -> tensor<?x?xf32>
  return %0 : tensor<?x?xf32>
}

// -----

// Rows of a paged op are those of its sequences.
// CHECK-LABEL: func.func @paged(
// CHECK: %[[TWO:.*]] = arith.constant 2 : index
// CHECK: arith.muli %{{.*}}, %[[TWO]]
// CHECK: cf.assert %{{.*}}, "{{.*}}dimension 0 of 'out' does not go with dimension 0 of 'q'
// CHECK: mqa.paged_logits
func.func @paged(%q: memref<?x2x4x32xbf16>, %k: memref<?x16x32xbf16>, %lens: memref<?xi32>, %table: memref<?x?xi32>, %out: memref<?x?xf32>) {
  mqa.paged_logits ins(%q, %k, none, none, %lens, %table : memref<?x2x4x32xbf16>, memref<?x16x32xbf16>, memref<?xi32>, memref<?x?xi32>) outs(%out : memref<?x?xf32>)
  return
}

// -----

// CHECK-LABEL: func.func @topk(
// CHECK: cf.assert %{{.*}}, "{{.*}}dimension 0 of 'context_lens' does not go with dimension 0 of 'logits'
// CHECK: cf.assert %{{.*}}, "{{.*}}dimension 0 of 'indices' does not go with dimension 0 of 'logits'
// CHECK: mqa.topk
// CHECK: cf.assert %{{.*}}, "{{.*}}dimension 0 of 'list_values' does not go with dimension 0 of 'list_indices'
// CHECK: mqa.merge_topk
func.func @topk(%logits: memref<?x?xf32>, %lens: memref<?x2xi32>, %i: memref<?x8xi32>, %li: memref<?x?x8xi32>, %lv: memref<?x?x8xf32>, %ke: memref<?xi32>) {
  mqa.topk ins(%logits, none, none : memref<?x?xf32>) context_lens(%lens : memref<?x2xi32>) outs(%i : memref<?x8xi32>)
  mqa.merge_topk ins(%li, %lv, none, %ke : memref<?x?x8xi32>, memref<?x?x8xf32>, memref<?xi32>) outs(%i : memref<?x8xi32>)
  return
}

// -----

// Columns of maxima are compared with the blocks of the keys.
// CHECK-LABEL: func.func @blocks(
// CHECK: %[[BLOCKS:.*]] = arith.ceildivui %{{.*}}, %c64
// CHECK: arith.cmpi eq, %[[BLOCKS]]
// CHECK: cf.assert %{{.*}}, "{{.*}}dimension 1 of 'out' is not the number of blocks of dimension 0 of 'k'
// CHECK: mqa.logits
func.func @blocks(%q: memref<?x4x32xbf16>, %k: memref<?x32xbf16>, %ke: memref<?xi32>, %out: memref<?x?xf32>) {
  mqa.logits ins(%q, %k, none, none, none, %ke : memref<?x4x32xbf16>, memref<?x32xbf16>, memref<?xi32>) outs(%out : memref<?x?xf32>) {block_max = 64}
  return
}

// -----

// Columns of key blocks are compared with the lists: so many for each block.
// CHECK-LABEL: func.func @key_blocks(
// CHECK: %[[LISTED:.*]] = arith.muli %{{.*}}, %c8
// CHECK: arith.cmpi eq, %[[LISTED]]
// CHECK: cf.assert %{{.*}}, "{{.*}}dimension 1 of 'key_blocks' does not go with dimension 1 of 'out'
// CHECK: mqa.logits
// CHECK: arith.muli %{{.*}}, %c16
// CHECK: cf.assert %{{.*}}, "{{.*}}dimension 1 of 'key_blocks' does not go with dimension 1 of 'out'
// CHECK: mqa.paged_logits
// CHECK: arith.muli %{{.*}}, %c8
// CHECK: cf.assert %{{.*}}, "{{.*}}dimension 1 of 'key_blocks' does not go with dimension 1 of 'logits'
// CHECK: mqa.topk
func.func @key_blocks(%q: memref<?x4x32xbf16>, %k: memref<?x32xbf16>, %ke: memref<?xi32>, %qs: memref<?x2x4x32xbf16>, %ks: memref<?x16x32xbf16>, %t: memref<?x?xi32>, %b: memref<?x?xi32>, %n: memref<?xi32>, %out: memref<?x?xf32>, %i: memref<?x8xi32>) {
  mqa.logits ins(%q, %k, none, none, none, %ke : memref<?x4x32xbf16>, memref<?x32xbf16>, memref<?xi32>) blocks(%b, %n : memref<?x?xi32>, memref<?xi32>) of 8 outs(%out : memref<?x?xf32>)
  mqa.paged_logits ins(%qs, %ks, none, none, %ke, %t : memref<?x2x4x32xbf16>, memref<?x16x32xbf16>, memref<?xi32>, memref<?x?xi32>) blocks(%b, %n : memref<?x?xi32>, memref<?xi32>) of 16 outs(%out : memref<?x?xf32>)
  mqa.topk ins(%out, none, %ke : memref<?x?xf32>, memref<?xi32>) blocks(%b, %n : memref<?x?xi32>, memref<?xi32>) of 8 outs(%i : memref<?x8xi32>)
  return
}
