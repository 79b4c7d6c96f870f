// RUN: mqa-opt %s --pass-pipeline='builtin.module(func.func(mqa-tile-tasks,canonicalize))' | FileCheck %s --check-prefix=TILE
// RUN: mqa-opt %s --pass-pipeline='builtin.module(func.func(mqa-tile-tasks,convert-mqa-to-linalg,canonicalize,cse))' | FileCheck %s

// A task is for one sequence, and for as many keys as 16 queries of another op.
// TILE-LABEL: func @paged
// TILE: scf.forall (%[[B:.*]], %[[N:.*]]) = (0, 0) to (%{{.*}}, %{{.*}}) step (1, 2048)
// TILE: %[[ROW:.*]] = affine.apply #{{.*}}(%[[B]])
// TILE: memref.subview %{{.*}}[%[[B]], 0, 0, 0] [1, 2, 64, 128]
// TILE: memref.subview %{{.*}}[%[[ROW]], %[[N]]] [2, %{{.*}}]
// TILE: mqa.paged_logits {{.*}} key_offset(%[[N]]) outs

// Tile by tile, up to the longest length of the sequence, or the room in `out` and
// in the table; what is behind is filled. Each key is looked up in the table, and kept
// inside of the cache. Scratch has a block's size.
// CHECK-LABEL: func @paged
// CHECK-DAG: memref.alloca() {alignment = 64 : i64} : memref<128x64xf32>
// CHECK: scf.forall
// CHECK: %[[END:.*]] = arith.maxsi %{{.*}}, %{{.*}} : index
// CHECK: linalg.fill
// CHECK: scf.for %[[N:.*]] = %{{.*}} to %{{.*}} step %c64
// CHECK: scf.for {{.*}} iter_args
// CHECK: scf.for %[[I:.*]] = %c0 to %{{.*}} step %c1 {
// CHECK: %[[KEY:.*]] = arith.addi %[[N]], %[[I]]
// CHECK: %[[BLOCK:.*]] = arith.divui %[[KEY]], %c64
// CHECK: %[[ENTRY:.*]] = memref.load %{{.*}}[%c0, %[[BLOCK]]]
// CHECK: %[[ID:.*]] = arith.index_cast %[[ENTRY]]
// CHECK: %[[SLOT:.*]] = arith.remui %[[KEY]], %c64
// CHECK: %[[LOW:.*]] = arith.maxsi %[[ID]], %c0
// CHECK: %[[INSIDE:.*]] = arith.minsi %[[LOW]]
// CHECK: memref.subview %{{.*}}[%[[INSIDE]], 0, 0] [1, 64, 128]
// CHECK: memref.load %{{.*}}[%{{.*}}, %[[SLOT]]] : memref<?x64xf32
// CHECK: linalg.matmul
// CHECK-NOT: mqa.
// CHECK: return
func.func @paged(%q: memref<?x2x64x128xf8E4M3FN>, %k: memref<?x64x128xf8E4M3FN, strided<[?, 128, 1]>>, %s: memref<?x64xf32, strided<[?, 1]>>, %w: memref<?x64xf32>, %lens: memref<?x2xi32>, %table: memref<?x?xi32>, %out: memref<?x?xf32>) {
  mqa.paged_logits ins(%q, %k, %s, %w, %lens, %table : memref<?x2x64x128xf8E4M3FN>, memref<?x64x128xf8E4M3FN, strided<[?, 128, 1]>>, memref<?x64xf32, strided<[?, 1]>>, memref<?x64xf32>, memref<?x2xi32>, memref<?x?xi32>) outs(%out : memref<?x?xf32>) {clean}
  return
}

// There are no slices of a table without columns: no query sees a key.
// CHECK-LABEL: func @no_columns
// CHECK-SAME: %[[OUT:[a-z0-9]+]]: memref<2x10xf32>
// CHECK-NOT: memref.subview
// CHECK: linalg.fill {{.*}} outs(%[[OUT]] : memref<2x10xf32>)
// CHECK-NEXT: return
func.func @no_columns(%q: memref<2x1x4x32xbf16>, %k: memref<4x16x32xbf16>, %l: memref<2xi32>, %t: memref<2x0xi32>, %out: memref<2x10xf32>) {
  mqa.paged_logits ins(%q, %k, none, none, %l, %t : memref<2x1x4x32xbf16>, memref<4x16x32xbf16>, memref<2xi32>, memref<2x0xi32>) outs(%out : memref<2x10xf32>) {clean}
  return
}

// Rows that name their sequences: a task has some rows and the whole table.
// TILE-LABEL: func @rows
// TILE: scf.forall (%[[R:.*]], %[[N:.*]]) = (0, 0) to (%{{.*}}, %{{.*}}) step (16, 2048)
// TILE: memref.subview %{{.*}}[%[[R]], 0, 0]
// TILE: mqa.paged_logits {{.*}} sequence(%{{.*}}) key_offset(%[[N]]) outs

// A run begins at each row of another sequence than that of the row ahead. A row
// without a key does not read its sequence; one that names none sees no key. The
// run goes on to the next row of another sequence.
// CHECK-LABEL: func @rows
// CHECK-SAME: %[[LENS:[a-z0-9]+]]: memref<?xi32>, %{{.*}}: memref<?x?xi32>, %{{.*}}: memref<?xi32>
// CHECK: scf.forall
// CHECK: scf.for {{.*}} iter_args(%[[AHEAD:.*]] = %c-2)
// CHECK: arith.cmpi sgt
// CHECK: scf.if
// CHECK: %[[OWN:.*]] = arith.select %{{.*}}, %{{.*}}, %c-1
// CHECK: %[[BEGINS:.*]] = arith.cmpi ne, %[[OWN]], %[[AHEAD]]
// CHECK: scf.if %[[BEGINS]]
// CHECK: scf.for {{.*}} iter_args
// CHECK: %[[LINE:.*]] = arith.maxsi %[[OWN]], %c0
// CHECK: memref.subview %{{.*}}[%[[LINE]], 0] [1,
// CHECK: linalg.fill
// CHECK: scf.for %{{.*}} = %{{.*}} to %{{.*}} step %c64
// CHECK: linalg.matmul
// CHECK-NOT: mqa.
// CHECK: return
func.func @rows(%q: memref<?x64x128xf8E4M3FN>, %k: memref<?x64x128xf8E4M3FN, strided<[?, 128, 1]>>, %s: memref<?x64xf32, strided<[?, 1]>>, %w: memref<?x64xf32>, %lens: memref<?xi32>, %table: memref<?x?xi32>, %sequence: memref<?xi32>, %out: memref<?x?xf32>) {
  mqa.paged_logits ins(%q, %k, %s, %w, %lens, %table : memref<?x64x128xf8E4M3FN>, memref<?x64x128xf8E4M3FN, strided<[?, 128, 1]>>, memref<?x64xf32, strided<[?, 1]>>, memref<?x64xf32>, memref<?xi32>, memref<?x?xi32>) sequence(%sequence : memref<?xi32>) outs(%out : memref<?x?xf32>) {clean}
  return
}
