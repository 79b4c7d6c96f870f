// The types say that rows are contiguous; a launch may say otherwise, and the
// kernel believes the launch.
// RUN: mqa-compile %s --target=cpu -o %t.mqa
// RUN: mqa-bench edges %t.mqa --reruns=1 | FileCheck %s
// CHECK: 0 wrong

func.func @f(%q: memref<?x4x32xbf16>, %k: memref<?x32xbf16>, %s: memref<?xf32>, %w: memref<?x4xf32>, %ks: memref<?xi32>, %ke: memref<?xi32>, %out: memref<?x?xf32>) {
  mqa.logits ins(%q, %k, %s, %w, %ks, %ke : memref<?x4x32xbf16>, memref<?x32xbf16>, memref<?xf32>, memref<?x4xf32>, memref<?xi32>, memref<?xi32>) outs(%out : memref<?x?xf32>)
  return
}
