// The maximum over the heads on the CPU: it begins with -inf, and columns that are no head are left out of it.
// RUN: mqa-opt %s --convert-mqa-to-linalg --canonicalize | FileCheck %s
// RUN: mqa-opt %s --mqa-attach-target='chip=cpu features=avx512bf16' --convert-mqa-to-linalg --canonicalize | FileCheck %s --check-prefix=PAIRS

// CHECK-LABEL: func.func @logits
// CHECK: %[[LEAST:.*]] = arith.constant 0xFF800000 : f32
// CHECK: linalg.matmul
// CHECK: linalg.fill ins(%[[LEAST]] : f32) outs(%[[SUMS:.*]] :
// CHECK: linalg.generic {{.*}} outs(%[[SUMS]] :
// CHECK: ^bb0(%[[SCORE:.*]]: f32, %[[WEIGHT:.*]]: f32, %[[OTHERS:.*]]: f32):
// CHECK: %[[RELU:.*]] = arith.select
// CHECK: %[[TERM:.*]] = arith.mulf %[[RELU]], %[[WEIGHT]] : f32
// CHECK: %[[MAX:.*]] = arith.maximumf %[[OTHERS]], %[[TERM]] fastmath<nsz> : f32
// CHECK: linalg.yield %[[MAX]]
// The scale multiplies behind it.
// CHECK: arith.mulf

// PAIRS-LABEL: func.func @logits
// PAIRS: %[[LEAST:.*]] = arith.constant 0xFF800000 : f32
// PAIRS: linalg.fill ins(%[[LEAST]] : f32)
// PAIRS: linalg.generic
// PAIRS: %[[TERM:.*]] = arith.mulf %{{.*}}, %{{.*}} : f32
// PAIRS: %[[HEAD:.*]] = linalg.index 1
// PAIRS: %[[IS_HEAD:.*]] = arith.cmpi slt, %[[HEAD]], %c5
// PAIRS: %[[OWN:.*]] = arith.select %[[IS_HEAD]], %[[TERM]], %[[LEAST]]
// PAIRS: arith.maximumf %{{.*}}, %[[OWN]] fastmath<nsz> : f32
func.func @logits(%q: memref<2x5x32xbf16>, %k: memref<64x32xbf16>, %s: memref<64xf32>, %w: memref<2x5xf32>, %ke: memref<2xi32>, %out: memref<2x64xf32>) {
  mqa.logits ins(%q, %k, %s, %w, none, %ke : memref<2x5x32xbf16>, memref<64x32xbf16>, memref<64xf32>, memref<2x5xf32>, memref<2xi32>)
      outs(%out : memref<2x64xf32>) {head_reduction = #mqa.head_reduction<max>}
  return
}
