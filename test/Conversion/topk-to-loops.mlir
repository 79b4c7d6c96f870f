// RUN: mqa-opt %s --pass-pipeline='builtin.module(func.func(convert-mqa-topk-to-loops,canonicalize))' --split-input-file | FileCheck %s
// What becomes of it, executed: topk-executed.mlir and the others beside it.

// Static scratch: 2k candidates, a block of 256 and one more.
// CHECK-LABEL: func @topk
// CHECK-SAME: %[[LOGITS:[a-z0-9]+]]: memref<?x?xbf16>
// CHECK-SAME: %[[INDICES:[a-z0-9]+]]: memref<?x2048xi32>
// CHECK-DAG: %[[CANDIDATES:.*]] = memref.alloca() {alignment = 64 : i64} : memref<4353xi64>
// CHECK-DAG: memref.alloca() {alignment = 64 : i64} : memref<256xindex>
// CHECK-NOT: memref.alloc
// Each row, block by block of its keys.
// CHECK: scf.for %[[M:.*]] =
// CHECK: scf.for {{.*}} step %c256
// CHECK: %[[END:.*]] = scf.for
// CHECK: %[[X:.*]] = memref.load %[[LOGITS]][%[[M]], %{{.*}}]
// CHECK: arith.extf %[[X]] : bf16 to f32
// CHECK: memref.store %{{.*}}, %[[CANDIDATES]]
// What is too much is cut.
// CHECK: scf.if
// CHECK: math.ctlz
// CHECK: scf.while
// Then the keys, and padding.
// CHECK: scf.for
// CHECK: memref.store %{{.*}}, %[[INDICES]][%[[M]], %{{.*}}]
// CHECK: scf.for
// CHECK: memref.store %c-1_i32, %[[INDICES]][%[[M]], %{{.*}}]
// CHECK-NOT: mqa.topk
func.func @topk(%logits: memref<?x?xbf16>, %ke: memref<?xi32>, %indices: memref<?x2048xi32>) {
  mqa.topk ins(%logits, none, %ke : memref<?x?xbf16>, memref<?xi32>) outs(%indices : memref<?x2048xi32>)
  return
}

// -----

// The scratch of an op inside of a loop is there once.
// CHECK-LABEL: func @in_loop
// CHECK: memref.alloca() {{.*}} : memref<289xi64>
// CHECK: scf.for
// CHECK-NOT: memref.alloca
func.func @in_loop(%logits: memref<4x?xf32>, %ke: memref<4xi32>, %indices: memref<4x16xi32>, %n: index) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  scf.for %i = %c0 to %n step %c1 {
    mqa.topk ins(%logits, none, %ke : memref<4x?xf32>, memref<4xi32>) outs(%indices : memref<4x16xi32>)
  }
  return
}

// -----

// Steps that are taken at the same time have scratch each.
// CHECK-LABEL: func @in_forall
// CHECK-NOT: memref.alloca
// CHECK: scf.forall
// CHECK: memref.alloca() {{.*}} : memref<289xi64>
func.func @in_forall(%logits: memref<?x4x?xf32>, %ke: memref<4xi32>, %indices: memref<?x4x16xi32>, %n: index, %keys: index) {
  scf.forall (%i) in (%n) {
    %0 = memref.subview %logits[%i, 0, 0] [1, 4, %keys] [1, 1, 1] : memref<?x4x?xf32> to memref<4x?xf32, strided<[?, 1], offset: ?>>
    %1 = memref.subview %indices[%i, 0, 0] [1, 4, 16] [1, 1, 1] : memref<?x4x16xi32> to memref<4x16xi32, strided<[16, 1], offset: ?>>
    mqa.topk ins(%0, none, %ke : memref<4x?xf32, strided<[?, 1], offset: ?>>, memref<4xi32>) outs(%1 : memref<4x16xi32, strided<[16, 1], offset: ?>>)
  }
  return
}

// -----

// Lists: a block is a list; the logits as they are lie beside the candidates where
// values are wanted.
// CHECK-LABEL: func @merge
// CHECK-DAG: memref.alloca() {{.*}} : memref<49xi64>
// CHECK-DAG: memref.alloca() {{.*}} : memref<49xf32>
// CHECK-LABEL: func @merge_indices
// CHECK: memref.alloca() {{.*}} : memref<49xi64>
// CHECK-NOT: memref<49xf32>
func.func @merge(%lists: memref<?x?x16xi32>, %scores: memref<?x?x16xf32>, %ke: memref<?xi32>, %indices: memref<?x16xi32>, %values: memref<?x16xf32>) {
  mqa.merge_topk ins(%lists, %scores, none, %ke : memref<?x?x16xi32>, memref<?x?x16xf32>, memref<?xi32>) outs(%indices, %values : memref<?x16xi32>, memref<?x16xf32>)
  return
}
func.func @merge_indices(%lists: memref<?x?x16xi32>, %scores: memref<?x?x16xf32>, %ke: memref<?xi32>, %indices: memref<?x16xi32>) {
  mqa.merge_topk ins(%lists, %scores, none, %ke : memref<?x?x16xi32>, memref<?x?x16xf32>, memref<?xi32>) outs(%indices : memref<?x16xi32>)
  return
}
