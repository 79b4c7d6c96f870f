// With a matrix unit, and operands that are exact in bf16, scratch is of pairs of bf16.
// RUN: mqa-opt %s --pass-pipeline='builtin.module(mqa-attach-target{chip=cpu features=amx-bf16},func.func(convert-mqa-to-linalg))' --split-input-file | FileCheck %s --check-prefixes=CHECK,AMX,PLAIN
// RUN: mqa-opt %s --pass-pipeline='builtin.module(mqa-attach-target{chip=cpu features=avx512bf16},func.func(convert-mqa-to-linalg))' --split-input-file | FileCheck %s --check-prefixes=CHECK,DOT,PLAIN
// RUN: mqa-opt %s --pass-pipeline='builtin.module(mqa-attach-target{chip=cpu features=avx512f,avx512vbmi,avx512bf16},func.func(convert-mqa-to-linalg))' --split-input-file | FileCheck %s --check-prefixes=TABLE

// The matrix unit of a GPU is none of a CPU.
// RUN: mqa-opt %s --pass-pipeline='builtin.module(mqa-attach-target{chip=sm_90a},func.func(convert-mqa-to-linalg))' --split-input-file | FileCheck %s --check-prefix=GPU
// GPU: linalg.matmul
// GPU-NOT: linalg.transpose

// DOT-DAG: #[[ROWS:.*]] = affine_map<(d0, d1, d2, d3) -> (d0, d2, d3)>
// DOT-DAG: #[[COLUMNS:.*]] = affine_map<(d0, d1, d2, d3) -> (d2, d1, d3)>
// DOT-DAG: #[[OUT:.*]] = affine_map<(d0, d1, d2, d3) -> (d0, d1)>
// In tiles, heads are loops 1 and 4, and pairs loops 2 and 5.
// AMX-DAG: #[[ROWS:.*]] = affine_map<(d0, d1, d2, d3, d4, d5) -> (d0, d2, d5, d3)>
// AMX-DAG: #[[COLUMNS:.*]] = affine_map<(d0, d1, d2, d3, d4, d5) -> (d2, d1, d5, d4, d3)>
// AMX-DAG: #[[OUT:.*]] = affine_map<(d0, d1, d2, d3, d4, d5) -> (d0, d1, d4)>
// CHECK-LABEL: func @logits
// TABLE-LABEL: func @logits
// CHECK-DAG: %[[KEYS:.*]] = memref.view %{{.*}} : memref<16384xi8> to memref<1x64x128xbf16>
// CHECK-DAG: %[[KEY_PAIRS:.*]] = memref.view %{{.*}} : memref<16384xi8> to memref<1x64x64x2xbf16>
// CHECK-DAG: %[[HEADS:.*]] = memref.view %{{.*}} : memref<16384xi8> to memref<64x128xbf16>
// CHECK-DAG: %[[HEAD_PAIRS:.*]] = memref.view %{{.*}} : memref<16384xi8> to memref<64x64xi32>
// DOT-DAG: %[[PACKED:.*]] = memref.view %{{.*}} : memref<262144xi8> to memref<16x64x64xi32>
// DOT-DAG: %[[QUERIES:.*]] = memref.view %{{.*}} : memref<262144xi8> to memref<16x64x64x2xbf16>
// AMX-DAG: %[[PACKED:.*]] = memref.view %{{.*}} : memref<262144xi8> to memref<16x4x4x16x16xi32>
// AMX-DAG: %[[QUERIES:.*]] = memref.view %{{.*}} : memref<262144xi8> to memref<16x4x4x16x16x2xbf16>
// 16 queries at a time: each that sees a key is decoded and transposed.
// CHECK: scf.for %{{.*}} step %c16
// CHECK: scf.for
// CHECK: scf.if
// CHECK: linalg.generic {{.*}} outs(%{{.*}} : memref<64x128xbf16
// CHECK: arith.extf %{{.*}} : f8E4M3FN to bf16
// DOT: linalg.transpose ins(%[[HEAD_PAIRS]] : memref<64x64xi32>) outs(%{{.*}} : memref<64x64xi32, {{.*}}>) permutation = [1, 0]
// Tile by tile: of pairs, and of heads.
// AMX: scf.for %[[PAIRS:.*]] = %{{.*}} to %c4
// AMX: scf.for %[[TILE:.*]] = %{{.*}} to %c4
// AMX-DAG: memref.subview %[[HEAD_PAIRS]]{{.*}} [16, 16] [1, 1]
// AMX: linalg.transpose ins(%{{.*}} : memref<16x16xi32, strided<[64, 1], offset: ?>>) outs(%{{.*}} : memref<16x16xi32, strided<[16, 1], offset: ?>>) permutation = [1, 0]
// Then 64 keys at a time are decoded. Those of the next 64 are asked for, as far as
// there are any.
// CHECK: %[[LAST:.*]] = arith.subi %{{.*}}, %c1
// CHECK: scf.for %[[KEY:.*]] = {{.*}} step %c1
// CHECK: %[[AHEAD:.*]] = arith.addi %[[KEY]], %c64
// CHECK: %[[NEXT:.*]] = arith.minsi %[[AHEAD]], %[[LAST]]
// CHECK: memref.prefetch %{{.*}}[%[[NEXT]], %c0{{.*}}], read, locality<2>, data : memref<?x128xf8E4M3FN>
// CHECK: memref.prefetch %{{.*}}[%[[NEXT]], %c64{{.*}}], read, locality<2>, data : memref<?x128xf8E4M3FN>
// PLAIN: arith.extf %{{.*}} : f8E4M3FN to bf16
// For each query, blocks of 32 keys from the first one that it sees on.
// CHECK: scf.for
// CHECK: scf.if
// CHECK: arith.remui %{{.*}}, %c32
// CHECK: scf.for %{{.*}} step %c32
// CHECK: linalg.fill
// DOT: linalg.generic {indexing_maps = [#[[ROWS]], #[[COLUMNS]], #[[OUT]]], {{.*}}} ins(%{{.*}}, %{{.*}} : memref<32x64x2xbf16, {{.*}}>, memref<64x64x2xbf16, {{.*}}>) outs(%{{.*}} : memref<32x64xf32>)
// AMX: linalg.generic {indexing_maps = [#[[ROWS]], #[[COLUMNS]], #[[OUT]]], {{.*}}} ins(%{{.*}}, %{{.*}} : memref<32x4x16x2xbf16, {{.*}}>, memref<4x4x16x16x2xbf16, {{.*}}>) outs(%{{.*}} : memref<32x4x16xf32>)
// CHECK: linalg.generic {{.*}} outs(%{{.*}} : memref<32xf32, {{.*}}>)
// NaN is not less than 0.
// CHECK: %[[LESS:.*]] = arith.cmpf ogt, %[[ZERO:.*]], %[[SCORE:.*]] : f32
// CHECK-NEXT: arith.select %[[LESS]], %[[ZERO]], %[[SCORE]]
// CHECK-NOT: linalg.index
// CHECK: arith.mulf
// CHECK: arith.addf
// CHECK-NOT: mqa.logits
// Where tables decode 64 elements at a time, those at even places lie ahead of the
// others, in queries as in keys.
// TABLE-COUNT-2: vector.deinterleave %{{.*}} : vector<64xf8E4M3FN> -> vector<32xf8E4M3FN>
// TABLE-NOT: vector.deinterleave
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

// Rows of 96 are not whole tables.
// TABLE-LABEL: func @no_tables
// TABLE-NOT: vector.deinterleave
func.func @no_tables(%q: memref<3x8x96xf8E4M3FN>, %k: memref<50x96xf8E4M3FN>, %ks: memref<3xi32>, %ke: memref<3xi32>, %out: memref<3x50xf32>) {
  mqa.logits ins(%q, %k, none, none, %ks, %ke : memref<3x8x96xf8E4M3FN>, memref<50x96xf8E4M3FN>, memref<3xi32>, memref<3xi32>) outs(%out : memref<3x50xf32>)
  return
}

// -----

// Groups of whole tiles: the second group's heads begin with the second tile.
// AMX-LABEL: func @group_tiles
// AMX: memref.subview %{{.*}}[0, %{{.*}}, 0, 0, 0] [1, 1, 16, 16, 2] {{.*}} : memref<1x2x16x16x2xbf16, {{.*}}>
// Groups of other sizes begin within a tile.
// AMX-LABEL: func @other_groups
// AMX-NOT: x16x16x2xbf16
func.func @group_tiles(%q: memref<3x32x32xf8E4M3FN>, %k: memref<50x2x32xf8E4M3FN>, %ks: memref<3xi32>, %ke: memref<3xi32>, %out: memref<3x50xf32>) {
  mqa.logits ins(%q, %k, none, none, %ks, %ke : memref<3x32x32xf8E4M3FN>, memref<50x2x32xf8E4M3FN>, memref<3xi32>, memref<3xi32>) outs(%out : memref<3x50xf32>)
  return
}

func.func @other_groups(%q: memref<3x48x32xf8E4M3FN>, %k: memref<50x2x32xf8E4M3FN>, %ks: memref<3xi32>, %ke: memref<3xi32>, %out: memref<3x50xf32>) {
  mqa.logits ins(%q, %k, none, none, %ks, %ke : memref<3x48x32xf8E4M3FN>, memref<50x2x32xf8E4M3FN>, memref<3xi32>, memref<3xi32>) outs(%out : memref<3x50xf32>)
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
