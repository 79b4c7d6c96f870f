// RUN: mqa-opt %s --mqa-bufferize --split-input-file | FileCheck %s

// CHECK-LABEL: func @in_place
// CHECK-SAME: %[[LOGITS:[a-z0-9]+]]: memref<?x?xf32, strided<[?, 1], offset: ?>>
// CHECK-SAME: %[[KE:[a-z0-9]+]]: memref<?xi32, strided<[1], offset: ?>>
// CHECK-SAME: %[[N:[a-z0-9]+]]: index
// CHECK-SAME: %[[INDICES:[a-z0-9]+]]: memref<?x16xi32, strided<[?, 1], offset: ?>>
// CHECK-SAME: %[[VALUES:[a-z0-9]+]]: memref<?x16xf32, strided<[?, 1], offset: ?>>
// CHECK-NOT: memref.copy
// CHECK: mqa.topk ins(%[[LOGITS]], none, %[[KE]] : {{.*}}) num_keys(%[[N]]) outs(%[[INDICES]], %[[VALUES]] : {{.*}}) {compressed, order = #mqa.order<score>}
// CHECK: return %[[INDICES]], %[[VALUES]]
func.func @in_place(%logits: tensor<?x?xf32>, %ke: tensor<?xi32>, %n: index, %indices: tensor<?x16xi32>, %values: tensor<?x16xf32>) -> (tensor<?x16xi32>, tensor<?x16xf32>) {
  %0:2 = mqa.topk ins(%logits, none, %ke : tensor<?x?xf32>, tensor<?xi32>) num_keys(%n) outs(%indices, %values : tensor<?x16xi32>, tensor<?x16xf32>) {compressed, order = #mqa.order<score>} -> tensor<?x16xi32>, tensor<?x16xf32>
  return %0#0, %0#1 : tensor<?x16xi32>, tensor<?x16xf32>
}

// -----

// Every element is written: what was there is not copied.
// CHECK-LABEL: func @writes_all
// CHECK-NOT: memref.copy
// CHECK: mqa.topk
// CHECK: mqa.merge_topk
func.func @writes_all(%logits: tensor<4x8xf32>, %ke: tensor<4xi32>, %lists: tensor<2x4x16xi32>, %scores: tensor<2x4x16xf32>, %indices: tensor<4x16xi32> {bufferization.writable = false}) -> (tensor<4x16xi32>, tensor<4x16xi32>) {
  %0 = mqa.topk ins(%logits, none, %ke : tensor<4x8xf32>, tensor<4xi32>) outs(%indices : tensor<4x16xi32>) -> tensor<4x16xi32>
  %1 = mqa.merge_topk ins(%lists, %scores, none, %ke : tensor<2x4x16xi32>, tensor<2x4x16xf32>, tensor<4xi32>) outs(%indices : tensor<4x16xi32>) -> tensor<4x16xi32>
  return %0, %1 : tensor<4x16xi32>, tensor<4x16xi32>
}

// -----

// The logits of an op go to the next one where they were written.
// CHECK-LABEL: func @behind_logits
// CHECK: %[[LOGITS:.*]] = memref.alloc
// CHECK-NOT: memref.alloc
// CHECK: mqa.logits {{.*}} outs(%[[LOGITS]] :
// CHECK-NOT: memref.copy
// CHECK: mqa.topk ins(%[[LOGITS]], none, %{{.*}})
func.func @behind_logits(%q: tensor<4x4x32xbf16>, %k: tensor<8x32xbf16>, %ke: tensor<4xi32>, %indices: tensor<4x16xi32>) -> tensor<4x16xi32> {
  %empty = tensor.empty() : tensor<4x8xf32>
  %0 = mqa.logits ins(%q, %k, none, none, none, %ke : tensor<4x4x32xbf16>, tensor<8x32xbf16>, tensor<4xi32>) outs(%empty : tensor<4x8xf32>) -> tensor<4x8xf32>
  %1 = mqa.topk ins(%0, none, %ke : tensor<4x8xf32>, tensor<4xi32>) outs(%indices : tensor<4x16xi32>) -> tensor<4x16xi32>
  return %1 : tensor<4x16xi32>
}

// -----

// A launch says how far rows are apart, whatever the types say.
// CHECK-LABEL: func @on_memrefs
// CHECK-SAME: memref<4x8xf32, strided<[?, 1], offset: ?>>
// CHECK-SAME: memref<4xi32, strided<[1], offset: ?>>
// CHECK-SAME: memref<4x16xi32, strided<[?, 1], offset: ?>>
func.func @on_memrefs(%logits: memref<4x8xf32>, %ke: memref<4xi32>, %indices: memref<4x16xi32>) {
  mqa.topk ins(%logits, none, %ke : memref<4x8xf32>, memref<4xi32>) outs(%indices : memref<4x16xi32>)
  return
}

// -----

// Rows of lists to merge are strided too; those of the results are as above.
// CHECK-LABEL: func @merge
// CHECK-SAME: memref<3x?x16xi32, strided<[?, ?, 1], offset: ?>>
// CHECK-SAME: memref<3x?x16xf32, strided<[?, ?, 1], offset: ?>>
// CHECK-SAME: memref<?xi32, strided<[1], offset: ?>>
// CHECK-SAME: memref<?x16xi32, strided<[?, 1], offset: ?>>
func.func @merge(%lists: tensor<3x?x16xi32>, %scores: tensor<3x?x16xf32>, %ke: tensor<?xi32>, %indices: tensor<?x16xi32>) -> tensor<?x16xi32> {
  %0 = mqa.merge_topk ins(%lists, %scores, none, %ke : tensor<3x?x16xi32>, tensor<3x?x16xf32>, tensor<?xi32>) outs(%indices : tensor<?x16xi32>) -> tensor<?x16xi32>
  return %0 : tensor<?x16xi32>
}

// -----

// CHECK-LABEL: func @merge_memrefs
// CHECK-SAME: memref<?x4x16xi32, strided<[?, ?, 1], offset: ?>>
// CHECK-SAME: memref<3x4x16xf32, strided<[?, ?, 1], offset: ?>>
// CHECK-SAME: memref<4x16xi32, strided<[?, 1], offset: ?>>
func.func @merge_memrefs(%lists: memref<?x4x16xi32>, %scores: memref<3x4x16xf32>, %ke: memref<4xi32>, %indices: memref<4x16xi32>) {
  mqa.merge_topk ins(%lists, %scores, none, %ke : memref<?x4x16xi32>, memref<3x4x16xf32>, memref<4xi32>) outs(%indices : memref<4x16xi32>)
  return
}

// -----

// Logits that are not stored are bufferized in place; sizes of arguments may be asked for, and
// a size of zero becomes a dynamic one.
// CHECK-LABEL: func @fused
// CHECK-SAME: memref<4x4x32xbf16, strided<[?, 32, 1], offset: ?>>
// CHECK-SAME: memref<?x32xbf16, strided<[?, 1], offset: ?>>
// CHECK: %[[INIT:.*]] = mqa.unstored_logits(%{{.*}}) : memref<4x?xf32>
// CHECK-NOT: memref.alloc
// CHECK: mqa.logits {{.*}} outs(%[[INIT]] : memref<4x?xf32>)
// CHECK-NOT: memref.copy
// CHECK: mqa.topk ins(%[[INIT]],
func.func @fused(%q: tensor<4x4x32xbf16>, %k: tensor<0x32xbf16>, %ke: tensor<4xi32>, %indices: tensor<4x16xi32>) -> tensor<4x16xi32> {
  %init = mqa.unstored_logits() : tensor<4x0xf32>
  %0 = mqa.logits ins(%q, %k, none, none, none, %ke : tensor<4x4x32xbf16>, tensor<0x32xbf16>, tensor<4xi32>) outs(%init : tensor<4x0xf32>) -> tensor<4x0xf32>
  %1 = mqa.topk ins(%0, none, %ke : tensor<4x0xf32>, tensor<4xi32>) outs(%indices : tensor<4x16xi32>) -> tensor<4x16xi32>
  return %1 : tensor<4x16xi32>
}
