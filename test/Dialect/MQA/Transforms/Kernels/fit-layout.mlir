// One-Shot Bufferize with its default options, and operands that are slices.
// RUN: mqa-opt %s --one-shot-bufferize=bufferize-function-boundaries --split-input-file | FileCheck %s
// RUN: mqa-opt %s --mqa-bufferize --split-input-file | FileCheck %s --check-prefix=ROWS

// The program looks at the strides, and copies only if it must.
// CHECK-LABEL: func.func @unknown(
// CHECK-SAME: %[[Q:[a-z0-9]*]]: memref<?x4x32xbf16, strided<[?, ?, ?], offset: ?>>
// CHECK: %[[BASE:.*]], %[[OFFSET:.*]], %[[SIZES:.*]]:3, %[[STRIDES:.*]]:3 = memref.extract_strided_metadata %[[Q]]
// CHECK-DAG: %[[C32:.*]] = arith.constant 32 : index
// CHECK-DAG: %[[H:.*]] = arith.cmpi ne, %[[STRIDES]]#1, %[[C32]]
// CHECK-DAG: %[[D:.*]] = arith.cmpi ne, %[[STRIDES]]#2, %{{.*}}
// CHECK: %[[COPIES:.*]] = arith.ori %[[H]], %[[D]]
// CHECK: scf.if %[[COPIES]] -> (memref<?x4x32xbf16, strided<[?, 32, 1], offset: ?>>) {
// CHECK: %[[COPY:.*]] = memref.alloc(%{{.*}}) {{.*}} : memref<?x4x32xbf16>
// CHECK: memref.copy %[[Q]], %[[COPY]]
// CHECK: } else {
// CHECK: memref.reinterpret_cast %[[Q]] to offset: [%{{.*}}], sizes: [%{{.*}}, 4, 32], strides: [%{{.*}}, 32, 1]
// What is clean is not read, so that nothing is copied to it.
// CHECK: scf.if %[[OUT_COPIES:.*]] -> (memref<?x?xf32, strided<[?, 1], offset: ?>>) {
// CHECK-NOT: memref.copy
// CHECK: } else {
// CHECK: mqa.logits
// CHECK: scf.if %[[OUT_COPIES]] {
// CHECK: memref.copy %{{.*}}, %[[OUT:.*]] : memref<?x?xf32, strided<[?, 1], offset: ?>> to memref<?x?xf32, strided<[?, ?], offset: ?>>

// Of arguments of mqa-bufferize, rows are contiguous.
// ROWS-LABEL: func.func @unknown(
// ROWS-NOT: scf.if
// ROWS-NOT: memref.copy
func.func @unknown(%q: tensor<?x4x32xbf16>, %k: tensor<?x32xbf16>, %ke: tensor<?xi32>, %out: tensor<?x?xf32>) -> tensor<?x?xf32> {
  %0 = mqa.logits ins(%q, %k, none, none, none, %ke : tensor<?x4x32xbf16>, tensor<?x32xbf16>, tensor<?xi32>) outs(%out : tensor<?x?xf32>) {clean} -> tensor<?x?xf32>
  return %0 : tensor<?x?xf32>
}

// -----

// Half of each head: a copy in any case. Some of the rows: none.
// ROWS-LABEL: func.func @slices(
// ROWS-DAG: %[[HALVES:.*]] = memref.subview %{{.*}}[0, 0, 32] [8, 4, 32] [1, 1, 1]
// ROWS-DAG: %[[KEYS:.*]] = memref.subview %{{.*}}[0, 0] [128, 32] [2, 1]
// ROWS: %[[COPY:.*]] = memref.alloc() {{.*}} : memref<8x4x32xbf16>
// ROWS: memref.copy %[[HALVES]], %[[COPY]]
// ROWS-NOT: memref.copy
// ROWS: mqa.logits ins(%[[COPY]], %[[KEYS]],
// ROWS-NOT: memref.copy
func.func @slices(%qkv: tensor<8x4x64xbf16>, %all: tensor<256x32xbf16>, %ke: tensor<8xi32>, %out: tensor<8x128xf32>) -> tensor<8x128xf32> {
  %q = tensor.extract_slice %qkv[0, 0, 32] [8, 4, 32] [1, 1, 1] : tensor<8x4x64xbf16> to tensor<8x4x32xbf16>
  %k = tensor.extract_slice %all[0, 0] [128, 32] [2, 1] : tensor<256x32xbf16> to tensor<128x32xbf16>
  %0 = mqa.logits ins(%q, %k, none, none, none, %ke : tensor<8x4x32xbf16>, tensor<128x32xbf16>, tensor<8xi32>) outs(%out : tensor<8x128xf32>) {clean} -> tensor<8x128xf32>
  return %0 : tensor<8x128xf32>
}

// -----

// Every second element of a destination: a copy, with what is there, and back.
// ROWS-LABEL: func.func @destination(
// ROWS: %[[OUT:.*]] = memref.subview %{{.*}}[0, 0] [8, 128] [1, 2]
// ROWS: %[[COPY:.*]] = memref.alloc() {{.*}} : memref<8x128xf32>
// ROWS: memref.copy %[[OUT]], %[[COPY]]
// ROWS: mqa.logits {{.*}} outs(%[[COPY]] :
// ROWS: memref.copy %[[COPY]], %[[OUT]]
func.func @destination(%q: tensor<8x4x32xbf16>, %k: tensor<128x32xbf16>, %ke: tensor<8xi32>, %wide: tensor<8x256xf32>) -> tensor<8x256xf32> {
  %out = tensor.extract_slice %wide[0, 0] [8, 128] [1, 2] : tensor<8x256xf32> to tensor<8x128xf32>
  %0 = mqa.logits ins(%q, %k, none, none, none, %ke : tensor<8x4x32xbf16>, tensor<128x32xbf16>, tensor<8xi32>) outs(%out : tensor<8x128xf32>) -> tensor<8x128xf32>
  %1 = tensor.insert_slice %0 into %wide[0, 0] [8, 128] [1, 2] : tensor<8x128xf32> into tensor<8x256xf32>
  return %1 : tensor<8x256xf32>
}

// -----

// The stride of a dimension of one element is nothing that anybody steps by.
// ROWS-LABEL: func.func @one_head(
// ROWS: %[[HEAD:.*]] = memref.subview %{{.*}}[0, 1, 0] [8, 1, 32] [1, 1, 1]
// ROWS-NOT: memref.copy
// ROWS: memref.reinterpret_cast
// ROWS-NOT: memref.copy
// ROWS: mqa.logits
func.func @one_head(%heads: tensor<8x4x64xbf16>, %k: tensor<128x32xbf16>, %ke: tensor<8xi32>, %out: tensor<8x128xf32>) -> tensor<8x128xf32> {
  %q = tensor.extract_slice %heads[0, 1, 0] [8, 1, 32] [1, 1, 1] : tensor<8x4x64xbf16> to tensor<8x1x32xbf16>
  %0 = mqa.logits ins(%q, %k, none, none, none, %ke : tensor<8x1x32xbf16>, tensor<128x32xbf16>, tensor<8xi32>) outs(%out : tensor<8x128xf32>) {clean} -> tensor<8x128xf32>
  return %0 : tensor<8x128xf32>
}

// -----

// Lists may be strided by rows too; selections are written whole.
// ROWS-LABEL: func.func @merge(
// ROWS-NOT: memref.copy
// ROWS: mqa.merge_topk {{.*}} outs(%[[COPY:.*]] :
// ROWS: memref.copy %[[COPY]],
func.func @merge(%lists: tensor<4x?x16xi32>, %lv: tensor<4x?x8xf32>, %ke: tensor<?xi32>, %wide: tensor<?x16xi32>, %m: index) -> tensor<?x16xi32> {
  %li = tensor.extract_slice %lists[0, 0, 0] [4, %m, 8] [1, 1, 1] : tensor<4x?x16xi32> to tensor<4x?x8xi32>
  %out = tensor.extract_slice %wide[0, 0] [%m, 8] [1, 2] : tensor<?x16xi32> to tensor<?x8xi32>
  %0 = mqa.merge_topk ins(%li, %lv, none, %ke : tensor<4x?x8xi32>, tensor<4x?x8xf32>, tensor<?xi32>) outs(%out : tensor<?x8xi32>) -> tensor<?x8xi32>
  %1 = tensor.insert_slice %0 into %wide[0, 0] [%m, 8] [1, 2] : tensor<?x8xi32> into tensor<?x16xi32>
  return %1 : tensor<?x16xi32>
}
