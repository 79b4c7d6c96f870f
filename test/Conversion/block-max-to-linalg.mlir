// RUN: mqa-opt %s --convert-mqa-to-linalg --canonicalize --split-input-file | FileCheck %s

// The logits of a whole block are scaled and compared as a vector; those of a block at the end of a range one by one.
// CHECK-LABEL: func.func @blocks
// CHECK: scf.for %[[BLOCK:.*]] = %{{.*}} to %{{.*}} step %c8
// CHECK: %[[WHOLE:.*]] = arith.cmpi eq, %{{.*}}, %c8
// CHECK: %[[MAX:.*]] = scf.if %[[WHOLE]] -> (f32)
// CHECK: vector.reduction <maximumf>, %{{.*}} fastmath<nsz> : vector<8xf32> into f32
// CHECK: scf.for %{{.*}} iter_args
// CHECK: arith.maximumf %{{.*}} fastmath<nsz> : f32
// CHECK: %[[ROUNDED:.*]] = arith.truncf %[[MAX]] : f32 to bf16
// CHECK: %[[COLUMN:.*]] = arith.divui %[[BLOCK]], %c8
// CHECK: memref.store %[[ROUNDED]], %{{.*}}[%{{.*}}, %[[COLUMN]]]
// Blocks without a key of the range are cleaned.
// CHECK: linalg.fill
// CHECK: linalg.fill
func.func @blocks(%q: memref<?x4x32xbf16>, %k: memref<100x32xbf16>, %s: memref<100xf32>, %ks: memref<?xi32>, %ke: memref<?xi32>, %out: memref<?x13xbf16>) {
  mqa.logits ins(%q, %k, %s, none, %ks, %ke : memref<?x4x32xbf16>, memref<100x32xbf16>, memref<100xf32>, memref<?xi32>, memref<?xi32>) outs(%out : memref<?x13xbf16>) {block_max = 8, clean}
  return
}
