// RUN: mqa-opt %s --pass-pipeline='builtin.module(func.func(convert-mqa-topk-to-loops,canonicalize,cse))' --split-input-file | FileCheck %s
// What becomes of it, executed: fused-topk-executed.mlir.

// A tile of logits for 16 rows, each of which has candidates of its own.
// CHECK-LABEL: func @fused
// CHECK-SAME: %[[Q:[a-z0-9]+]]: memref<?x4x32xbf16>
// CHECK-SAME: %[[INDICES:[a-z0-9]+]]: memref<?x2048xi32>
// CHECK-DAG: %[[TILE:.*]] = memref.alloca() {{.*}} : memref<16x128xbf16>
// CHECK-DAG: memref.alloca() {{.*}} : memref<16x4225xi64>
// CHECK-NOT: memref.alloc
// CHECK-NOT: mqa.unstored_logits
// The keys that the rows need logits of; then tile by tile of these.
// CHECK: scf.for %[[M:.*]] = {{.*}} step %c16
// CHECK: %[[KEYS:.*]]:2 = scf.for {{.*}} iter_args
// CHECK: scf.for %[[N:.*]] = %{{.*}} to %[[KEYS]]#1 step %c128
// CHECK: %[[OUT:.*]] = memref.subview %[[TILE]][0, 0] [%{{.*}}, %{{.*}}]
// CHECK: mqa.logits {{.*}} key_offset(%[[N]]) outs(%[[OUT]] : memref<?x?xbf16
// A row takes its logits from the tile.
// CHECK: scf.for %[[ROW:.*]] =
// CHECK: %[[COUNT:.*]] = scf.for {{.*}} iter_args
// CHECK: %[[X:.*]] = memref.load %[[TILE]][%[[ROW]], %{{.*}}]
// CHECK: arith.extf %[[X]] : bf16 to f32
// What is too much is cut.
// CHECK: scf.if
// CHECK: scf.while
// Then rows are written.
// CHECK: scf.for
// CHECK: memref.store %{{.*}}, %[[INDICES]]
// CHECK-NOT: mqa.topk
func.func @fused(%q: memref<?x4x32xbf16>, %k: memref<?x32xbf16>, %ke: memref<?xi32>, %m: index, %n: index, %indices: memref<?x2048xi32>) {
  %init = mqa.unstored_logits(%m, %n) : memref<?x?xbf16>
  mqa.logits ins(%q, %k, none, none, none, %ke : memref<?x4x32xbf16>, memref<?x32xbf16>, memref<?xi32>) outs(%init : memref<?x?xbf16>)
  mqa.topk ins(%init, none, %ke : memref<?x?xbf16>, memref<?xi32>) outs(%indices : memref<?x2048xi32>)
  return
}

// -----

// Tiles of a cache block's keys for the rows of a sequence. Values: candidates keep their logits,
// and so do the two keys that are forced.
// CHECK-LABEL: func @fused_paged
// CHECK-DAG: %[[TILE:.*]] = memref.alloca() {{.*}} : memref<3x64xf32>
// CHECK-DAG: memref.alloca() {{.*}} : memref<3x97xi64>
// CHECK-DAG: memref.alloca() {{.*}} : memref<3x97xf32>
// CHECK-DAG: memref.alloca() {{.*}} : memref<3x2xf32>
// CHECK: scf.for
// CHECK: scf.for {{.*}} step %c64
// CHECK: %[[PAGES:.*]] = mqa.gather_pages
// CHECK: mqa.logits ins(%{{.*}}, %[[PAGES]]
// CHECK: memref.load %[[TILE]]
func.func @fused_paged(%q: memref<?x3x4x32xbf16>, %k: memref<?x64x32xbf16>, %lens: memref<?x3xi32>, %table: memref<?x?xi32>, %m: index, %n: index, %indices: memref<?x16xi32>, %values: memref<?x16xf32>) {
  %init = mqa.unstored_logits(%m, %n) : memref<?x?xf32>
  mqa.paged_logits ins(%q, %k, none, none, %lens, %table : memref<?x3x4x32xbf16>, memref<?x64x32xbf16>, memref<?x3xi32>, memref<?x?xi32>) outs(%init : memref<?x?xf32>)
  mqa.topk ins(%init, none, none : memref<?x?xf32>) context_lens(%lens : memref<?x3xi32>) outs(%indices, %values : memref<?x16xi32>, memref<?x16xf32>) {force_first = 1, force_last = 1}
  return
}
