// RUN: mqa-opt %s --pass-pipeline='builtin.module(func.func(convert-mqa-to-linalg))' --split-input-file | FileCheck %s
// RUN: mqa-opt %s --pass-pipeline='builtin.module(func.func(mqa-tile-tasks),mqa-outline-tasks,func.func(convert-mqa-to-linalg))' --split-input-file | FileCheck %s --check-prefix=TILE

// Without a bound on the keys, scratch is on the heap.
// CHECK-LABEL: func @logits
// CHECK-DAG: %[[QUERY:.*]] = memref.alloca() {alignment = 64 : i64} : memref<64x128xf32>
// CHECK: scf.for {{.*}} iter_args
// CHECK: scf.if
// CHECK-DAG: %[[KEYS:.*]] = memref.alloc(%{{.*}}) {alignment = 64 : i64} : memref<128x?xf32>
// CHECK-DAG: %[[SCORES:.*]] = memref.alloc(%{{.*}}) {alignment = 64 : i64} : memref<64x?xf32>
// CHECK-DAG: %[[SUMS:.*]] = memref.alloc(%{{.*}}) {alignment = 64 : i64} : memref<?xf32>
// If a query sees a key, keys are decoded once, each to a column.
// CHECK: scf.for
// CHECK: memref.subview %[[KEYS]][0, %{{.*}}] [128, 1] [1, 1] : memref<128x?xf32> to memref<128xf32, strided<[?], offset: ?>>
// CHECK: linalg.generic
// CHECK: arith.extf
// Then every query that sees a key.
// CHECK: scf.for
// CHECK: scf.if
// CHECK: arith.extf
// CHECK: linalg.matmul ins(%[[QUERY]], %[[KEYS]] : {{.*}}) outs(%[[SCORES]] :
// CHECK: linalg.generic
// NaN is not less than 0.
// CHECK: %[[LESS:.*]] = arith.cmpf ogt, %[[ZERO:.*]], %[[SCORE:.*]] : f32
// CHECK-NEXT: arith.select %[[LESS]], %[[ZERO]], %[[SCORE]]
// CHECK: arith.mulf
// CHECK: arith.addf
// CHECK: linalg.generic
// CHECK: arith.mulf
// CHECK-NOT: linalg.fill
// CHECK: memref.dealloc %[[KEYS]]
// CHECK-NOT: mqa.logits

// A task has at most 128 keys: everything has a static shape.
// TILE-LABEL: func @logits
// TILE-DAG: memref.alloca() {alignment = 64 : i64} : memref<128x128xf32>
// TILE-DAG: memref.alloca() {alignment = 64 : i64} : memref<64x128xf32>
// TILE-NOT: memref.alloc(
// TILE: linalg.matmul ins(%{{.*}} : memref<64x128xf32>, memref<128x128xf32>) outs(%{{.*}} : memref<64x128xf32>)
func.func @logits(%q: memref<?x64x128xf8E4M3FN>, %k: memref<?x128xf8E4M3FN>, %s: memref<?xf32>, %w: memref<?x64xf32>, %ks: memref<?xi32>, %ke: memref<?xi32>, %out: memref<?x?xf32>) {
  mqa.logits ins(%q, %k, %s, %w, %ks, %ke : memref<?x64x128xf8E4M3FN>, memref<?x128xf8E4M3FN>, memref<?xf32>, memref<?x64xf32>, memref<?xi32>, memref<?xi32>) outs(%out : memref<?x?xf32>)
  return
}

// -----

// What lies outside of the range on both sides is -inf.
// CHECK-LABEL: func @clean
// CHECK: linalg.generic
// CHECK: }
// CHECK: arith.constant 0xFF800000
// CHECK: linalg.fill
// CHECK: arith.constant 0xFF800000
// CHECK: linalg.fill
func.func @clean(%q: memref<?x64x128xf8E4M3FN>, %k: memref<?x128xf8E4M3FN>, %s: memref<?xf32>, %w: memref<?x64xf32>, %ks: memref<?xi32>, %ke: memref<?xi32>, %out: memref<?x?xf32>) {
  mqa.logits ins(%q, %k, %s, %w, %ks, %ke : memref<?x64x128xf8E4M3FN>, memref<?x128xf8E4M3FN>, memref<?xf32>, memref<?x64xf32>, memref<?xi32>, memref<?xi32>) outs(%out : memref<?x?xf32>) {clean}
  return
}

// Without relu, and with logits that are rounded at the end.
// CHECK-LABEL: func @linear_bf16
// CHECK: linalg.matmul
// CHECK-NOT: arith.cmpf
// CHECK: arith.addf
// CHECK: %[[LOGIT:.*]] = arith.mulf
// CHECK-NEXT: %[[ROUNDED:.*]] = arith.truncf %[[LOGIT]] : f32 to bf16
// CHECK-NEXT: linalg.yield %[[ROUNDED]]
func.func @linear_bf16(%q: memref<?x5x48xf16>, %k: memref<?x48xf16>, %s: memref<?xf32>, %w: memref<?x5xf32>, %ks: memref<?xi32>, %ke: memref<?xi32>, %out: memref<?x?xbf16>) {
  mqa.logits ins(%q, %k, %s, %w, %ks, %ke : memref<?x5x48xf16>, memref<?x48xf16>, memref<?xf32>, memref<?x5xf32>, memref<?xi32>, memref<?xi32>) outs(%out : memref<?x?xbf16>) {activation = #mqa.activation<none>}
  return
}

// -----

// A score of NaN counts as 0: the comparison is false for it.
// CHECK-LABEL: func @nan_as_zero
// CHECK: linalg.matmul
// CHECK: %[[POSITIVE:.*]] = arith.cmpf ogt, %[[SCORE:.*]], %[[ZERO:.*]] : f32
// CHECK-NEXT: arith.select %[[POSITIVE]], %[[SCORE]], %[[ZERO]] : f32
func.func @nan_as_zero(%q: memref<?x5x48xf16>, %k: memref<?x48xf16>, %s: memref<?xf32>, %w: memref<?x5xf32>, %ks: memref<?xi32>, %ke: memref<?xi32>, %out: memref<?x?xf32>) {
  mqa.logits ins(%q, %k, %s, %w, %ks, %ke : memref<?x5x48xf16>, memref<?x48xf16>, memref<?xf32>, memref<?x5xf32>, memref<?xi32>, memref<?xi32>) outs(%out : memref<?x?xf32>) {activation = #mqa.activation<relu_nan_as_zero>}
  return
}

// -----

// Key groups one after another, each scaled before it is added.
// CHECK-LABEL: func @groups
// CHECK-DAG: %[[KEYS:.*]] = memref.alloca() {alignment = 64 : i64} : memref<2x32x100xf32>
// CHECK-DAG: %[[SCORES:.*]] = memref.alloca() {alignment = 64 : i64} : memref<3x100xf32>
// CHECK: linalg.fill {{.*}} outs(%[[TOTALS:.*]] : memref<100xf32>)
// CHECK: scf.for %[[G:.*]] = %{{.*}} to %c2
// CHECK: %[[FIRST:.*]] = affine.apply #{{.*}}(%[[G]])
// CHECK-DAG: %[[HEADS:.*]] = memref.subview %{{.*}}[%[[FIRST]], 0] [3, 32]
// CHECK-DAG: %[[GROUP:.*]] = memref.subview %[[KEYS]][%[[G]], 0, 0] [1, 32, 100]
// CHECK: linalg.matmul ins(%[[HEADS]], %[[GROUP]] : {{.*}}) outs(%[[SCORES]] :
// CHECK: memref.subview %{{.*}}[0, %[[G]]] [100, 1] {{.*}} : memref<100x2xf32>
// CHECK: linalg.generic
// CHECK: arith.mulf
// CHECK: arith.addf
// CHECK: linalg.generic
// CHECK-NOT: arith.mulf
// CHECK: return
func.func @groups(%q: memref<5x6x32xf8E4M3FN>, %k: memref<100x2x32xf8E4M3FN>, %s: memref<100x2xf32>, %ks: memref<5xi32>, %ke: memref<5xi32>, %out: memref<5x100xf32>) {
  mqa.logits ins(%q, %k, %s, none, %ks, %ke : memref<5x6x32xf8E4M3FN>, memref<100x2x32xf8E4M3FN>, memref<100x2xf32>, memref<5xi32>, memref<5xi32>) outs(%out : memref<5x100xf32>)
  return
}

// -----

// A compressed row begins with its range; what its columns do not hold is cut.
// The tile at key 0 cleans the rest.
// CHECK-LABEL: func @compressed
// CHECK-SAME: %[[OFFSET:[a-z0-9]+]]: index, %[[NUM_KEYS:[a-z0-9]+]]: index
// CHECK: linalg.matmul
// CHECK: %[[START:.*]] = arith.subi %{{.*}}, %[[OFFSET]]
// CHECK: %[[COLUMN:.*]] = arith.subi %[[FROM:.*]], %[[START]]
// CHECK: %[[LAST:.*]] = arith.addi %[[START]], %{{.*}}
// CHECK: %[[CUT:.*]] = arith.minsi %{{.*}}, %[[LAST]]
// CHECK: %[[TO:.*]] = arith.maxsi %[[FROM]], %[[CUT]]
// CHECK: %[[COUNT:.*]] = arith.subi %[[TO]], %[[FROM]]
// CHECK: memref.subview %{{.*}}[%[[COLUMN]]] [%[[COUNT]]]
// CHECK: %[[IS_FIRST:.*]] = arith.cmpi eq, %[[OFFSET]], %c0
// CHECK: scf.if %[[IS_FIRST]]
// CHECK: arith.minsi %{{.*}}, %[[NUM_KEYS]]
// CHECK: linalg.fill
func.func @compressed(%q: memref<?x64x128xf8E4M3FN>, %k: memref<?x128xf8E4M3FN>, %ks: memref<?xi32>, %ke: memref<?xi32>, %out: memref<?x?xf32>, %offset: index, %num_keys: index) {
  %ranges = mqa.make_ranges %ks, %ke keys(%num_keys) {compressed} : memref<?xi32>, memref<?xi32>
  mqa.logits ins(%q, %k, none, none : memref<?x64x128xf8E4M3FN>, memref<?x128xf8E4M3FN>) ranges(%ranges) key_offset(%offset) outs(%out : memref<?x?xf32>) {clean}
  return
}

// -----

// Where there is no logit, there is nothing to do.
// CHECK-LABEL: func @no_column
// CHECK-NEXT: return
func.func @no_column(%q: memref<5x4x32xbf16>, %k: memref<9x32xbf16>, %ke: memref<5xi32>, %out: memref<5x0xf32>) {
  mqa.logits ins(%q, %k, none, none, none, %ke : memref<5x4x32xbf16>, memref<9x32xbf16>, memref<5xi32>) outs(%out : memref<5x0xf32>) {clean, compressed}
  return
}
