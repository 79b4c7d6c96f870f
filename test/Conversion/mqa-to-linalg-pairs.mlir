// With a matrix unit, and operands that are exact in bf16, scratch is of pairs of bf16.
// RUN: mqa-opt %s --pass-pipeline='builtin.module(mqa-attach-target{chip=cpu features=amx-bf16},func.func(convert-mqa-to-linalg))' --split-input-file | FileCheck %s
// RUN: mqa-opt %s --pass-pipeline='builtin.module(mqa-attach-target{chip=cpu features=avx512bf16},func.func(convert-mqa-to-linalg))' --split-input-file | FileCheck %s

// The matrix unit of a GPU is none of a CPU.
// RUN: mqa-opt %s --pass-pipeline='builtin.module(mqa-attach-target{chip=sm_90a},func.func(convert-mqa-to-linalg))' --split-input-file | FileCheck %s --check-prefix=GPU
// GPU: linalg.matmul
// GPU-NOT: linalg.transpose

// CHECK-DAG: #[[ROWS:.*]] = affine_map<(d0, d1, d2, d3) -> (d0, d2, d3)>
// CHECK-DAG: #[[COLUMNS:.*]] = affine_map<(d0, d1, d2, d3) -> (d2, d1, d3)>
// CHECK-DAG: #[[OUT:.*]] = affine_map<(d0, d1, d2, d3) -> (d0, d1)>
// CHECK-LABEL: func @logits
// CHECK-DAG: %[[KEYS:.*]] = memref.view %{{.*}} : memref<16384xi8> to memref<1x64x128xbf16>
// CHECK-DAG: %[[KEY_PAIRS:.*]] = memref.view %{{.*}} : memref<16384xi8> to memref<1x64x64x2xbf16>
// CHECK-DAG: %[[HEADS:.*]] = memref.view %{{.*}} : memref<16384xi8> to memref<64x128xbf16>
// CHECK-DAG: %[[HEAD_PAIRS:.*]] = memref.view %{{.*}} : memref<16384xi8> to memref<64x64xi32>
// CHECK-DAG: %[[PACKED:.*]] = memref.view %{{.*}} : memref<262144xi8> to memref<16x64x64xi32>
// CHECK-DAG: %[[QUERIES:.*]] = memref.view %{{.*}} : memref<262144xi8> to memref<16x64x64x2xbf16>
// 16 queries at a time: each that sees a key is decoded and transposed.
// CHECK: scf.for %{{.*}} step %c16
// CHECK: scf.for
// CHECK: scf.if
// CHECK: linalg.generic {{.*}} outs(%{{.*}} : memref<64x128xbf16
// CHECK: arith.extf %{{.*}} : f8E4M3FN to bf16
// CHECK: linalg.transpose ins(%[[HEAD_PAIRS]] : memref<64x64xi32>) outs(%{{.*}} : memref<64x64xi32, {{.*}}>) permutation = [1, 0]
// Then 64 keys at a time are decoded.
// CHECK: scf.for %{{.*}} step %c64
// CHECK: scf.for
// CHECK: arith.extf %{{.*}} : f8E4M3FN to bf16
// For each query, blocks of 32 keys from the first one that it sees on.
// CHECK: scf.for
// CHECK: scf.if
// CHECK: arith.remui %{{.*}}, %c32
// CHECK: scf.for %{{.*}} step %c32
// CHECK: linalg.fill
// CHECK: linalg.generic {indexing_maps = [#[[ROWS]], #[[COLUMNS]], #[[OUT]]], {{.*}}} ins(%{{.*}}, %{{.*}} : memref<32x64x2xbf16, {{.*}}>, memref<64x64x2xbf16, {{.*}}>) outs(%{{.*}} : memref<32x64xf32>)
// CHECK: linalg.generic {{.*}} outs(%{{.*}} : memref<32xf32, {{.*}}>)
// NaN is not less than 0.
// CHECK: %[[LESS:.*]] = arith.cmpf ogt, %[[ZERO:.*]], %[[SCORE:.*]] : f32
// CHECK-NEXT: arith.select %[[LESS]], %[[ZERO]], %[[SCORE]]
// CHECK-NOT: linalg.index
// CHECK: arith.mulf
// CHECK: arith.addf
// CHECK-NOT: mqa.logits
func.func @logits(%q: memref<?x64x128xf8E4M3FN>, %k: memref<?x128xf8E4M3FN>, %s: memref<?xf32>, %w: memref<?x64xf32>, %ks: memref<?xi32>, %ke: memref<?xi32>, %out: memref<?x?xf32>) {
  mqa.logits ins(%q, %k, %s, %w, %ks, %ke : memref<?x64x128xf8E4M3FN>, memref<?x128xf8E4M3FN>, memref<?xf32>, memref<?x64xf32>, memref<?xi32>, memref<?xi32>) outs(%out : memref<?x?xf32>)
  return
}

// -----

// Four heads are the first four of 16 columns; the others are not added up. bf16 keys
// of two groups; a tile of three queries, without a loop over blocks of queries.
// CHECK-LABEL: func @few_heads
// CHECK-DAG: memref.view %{{.*}} : memref<{{.*}}xi8> to memref<2x64x32xbf16>
// CHECK-DAG: memref.view %{{.*}} : memref<{{.*}}xi8> to memref<3x16x32xi32>
// CHECK-NOT: step %c16
// CHECK: linalg.transpose ins(%{{.*}} : memref<32x16xi32>) outs(%{{.*}} : memref<16x32xi32, {{.*}}>)
// Both groups of a key.
// CHECK-COUNT-2: linalg.generic
// CHECK: scf.for %{{.*}} = %{{.*}} to %c2
// CHECK: linalg.generic {{.*}} ins(%{{.*}} : memref<32x16x2xbf16, {{.*}}>, memref<16x16x2xbf16, {{.*}}>) outs(%{{.*}} : memref<32x16xf32>)
// CHECK: %[[COLUMN:.*]] = linalg.index 1
// CHECK: %[[IS_HEAD:.*]] = arith.cmpi slt, %[[COLUMN]], %c4
// CHECK: arith.select %[[IS_HEAD]]
func.func @few_heads(%q: memref<3x8x32xbf16>, %k: memref<50x2x32xbf16>, %s: memref<50x2xf32>, %ks: memref<3xi32>, %ke: memref<3xi32>, %out: memref<3x50xf32>) {
  mqa.logits ins(%q, %k, %s, none, %ks, %ke : memref<3x8x32xbf16>, memref<50x2x32xbf16>, memref<50x2xf32>, memref<3xi32>, memref<3xi32>) outs(%out : memref<3x50xf32>)
  return
}

// -----

// f16 is not exact in bf16.
// CHECK-LABEL: func @f16
// CHECK: linalg.matmul ins(%{{.*}}, %{{.*}} : memref<8x32xf32>, memref<32x50xf32>)
// CHECK-NOT: bf16
func.func @f16(%q: memref<3x8x32xf16>, %k: memref<50x32xf16>, %ks: memref<3xi32>, %ke: memref<3xi32>, %out: memref<3x50xf32>) {
  mqa.logits ins(%q, %k, none, none, %ks, %ke : memref<3x8x32xf16>, memref<50x32xf16>, memref<3xi32>, memref<3xi32>) outs(%out : memref<3x50xf32>)
  return
}
