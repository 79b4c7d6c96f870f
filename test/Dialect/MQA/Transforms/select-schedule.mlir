// RUN: mqa-opt %s --mqa-select-schedule | FileCheck %s --check-prefixes=CHECK,DEFAULT
// RUN: mqa-opt %s --mqa-select-schedule="schedule='block_q = 1, block_kv = 128, warpgroups = 2, stages = 6'" | FileCheck %s --check-prefixes=CHECK,GIVEN
// RUN: not mqa-opt %s --mqa-select-schedule="schedule='block_q = 1'" 2>&1 | FileCheck %s --check-prefix=UNPARSABLE
// UNPARSABLE: cannot parse '#mqa.schedule<block_q = 1>', expected for instance

// CHECK-LABEL: func @h64
// DEFAULT: schedule = #mqa.schedule<block_q = 2, block_kv = 256, warpgroups = 4, stages = 4>
// GIVEN: schedule = #mqa.schedule<block_q = 1, block_kv = 128, warpgroups = 2, stages = 6>
func.func @h64(%q: memref<?x64x128xf8E4M3FN>, %k: memref<?x128xf8E4M3FN>, %s: memref<?xf32>, %w: memref<?x64xf32>, %ks: memref<?xi32>, %ke: memref<?xi32>, %out: memref<?x?xf32>) {
  mqa.logits ins(%q, %k, %s, %w, %ks, %ke : memref<?x64x128xf8E4M3FN>, memref<?x128xf8E4M3FN>, memref<?xf32>, memref<?x64xf32>, memref<?xi32>, memref<?xi32>) outs(%out : memref<?x?xf32>)
  return
}

// CHECK-LABEL: func @h32
// DEFAULT: schedule = #mqa.schedule<block_q = 4, block_kv = 192, warpgroups = 3, stages = 4>
func.func @h32(%q: memref<?x32x64xf8E4M3FN>, %k: memref<?x64xf8E4M3FN>, %s: memref<?xf32>, %w: memref<?x32xf32>, %ks: memref<?xi32>, %ke: memref<?xi32>, %out: memref<?x?xf32>) {
  mqa.logits ins(%q, %k, %s, %w, %ks, %ke : memref<?x32x64xf8E4M3FN>, memref<?x64xf8E4M3FN>, memref<?xf32>, memref<?x32xf32>, memref<?xi32>, memref<?xi32>) outs(%out : memref<?x?xf32>)
  return
}

// A schedule that the op has is kept.
// CHECK-LABEL: func @kept
// CHECK: schedule = #mqa.schedule<block_q = 2, block_kv = 192, warpgroups = 3, stages = 5>
func.func @kept(%q: memref<?x64x128xf8E4M3FN>, %k: memref<?x128xf8E4M3FN>, %s: memref<?xf32>, %w: memref<?x64xf32>, %ks: memref<?xi32>, %ke: memref<?xi32>, %out: memref<?x?xf32>) {
  mqa.logits ins(%q, %k, %s, %w, %ks, %ke : memref<?x64x128xf8E4M3FN>, memref<?x128xf8E4M3FN>, memref<?xf32>, memref<?x64xf32>, memref<?xi32>, memref<?xi32>) outs(%out : memref<?x?xf32>) {schedule = #mqa.schedule<block_q = 2, block_kv = 192, warpgroups = 3, stages = 5>}
  return
}
