// RUN: mqa-opt %s --pass-pipeline='builtin.module(func.func(mqa-vectorize-linalg{register-tile=4,16},canonicalize))' --split-input-file | FileCheck %s
// RUN: not mqa-opt %s --pass-pipeline='builtin.module(func.func(mqa-vectorize-linalg{register-tile=0,16}))' --split-input-file 2>&1 | FileCheck %s --check-prefix=BAD
// BAD: 'register-tile' needs two positive sizes: rows and columns

// The accumulator of a 4x16 tile is in registers over the whole reduction.
// CHECK-LABEL: func @matmul
// CHECK: scf.for
// CHECK: scf.for
// CHECK: vector.transfer_read %{{.*}} : memref<8x32xf32>
// CHECK: scf.for {{.*}} iter_args(%{{.*}} = %{{.*}}) -> (vector<4x16xf32>)
// CHECK-COUNT-4: vector.fma
// CHECK-NOT: vector.transfer_write
// CHECK: scf.yield
// CHECK: }
// CHECK: vector.transfer_write
// CHECK-NOT: linalg
func.func @matmul(%a: memref<8x64xf32>, %b: memref<64x32xf32>, %c: memref<8x32xf32>) {
  linalg.matmul ins(%a, %b : memref<8x64xf32>, memref<64x32xf32>) outs(%c : memref<8x32xf32>)
  return
}

// -----

// A tile divides the range: 24 columns are two times 12.
// CHECK-LABEL: func @fill
// CHECK: %c12 = arith.constant 12
// CHECK: vector.transfer_write %{{.*}} : vector<12xf32>
func.func @fill(%c: memref<24xf32>, %v: f32) {
  linalg.fill ins(%v : f32) outs(%c : memref<24xf32>)
  return
}

// -----

// Dynamic shapes are left to loops.
// CHECK-LABEL: func @dynamic
// CHECK: linalg.fill
func.func @dynamic(%c: memref<?xf32>, %v: f32) {
  linalg.fill ins(%v : f32) outs(%c : memref<?xf32>)
  return
}

// -----

// An op over nothing writes nothing.
// CHECK-LABEL: func @no_columns
// CHECK-NEXT: return
func.func @no_columns(%a: memref<8x16xf32>, %b: memref<16x0xf32>, %c: memref<8x0xf32>) {
  linalg.matmul ins(%a, %b : memref<8x16xf32>, memref<16x0xf32>) outs(%c : memref<8x0xf32>)
  return
}

// -----

// A matrix is transposed by 16 x 16 elements, in registers.
// CHECK-LABEL: func @transpose
// CHECK: scf.for %{{.*}} = %c0 to %c32 step %c16
// CHECK: vector.transfer_read %{{.*}} : memref<32x16xi32>, vector<16x16xi32>
// CHECK-COUNT-64: vector.shuffle
// CHECK-NOT: vector.shuffle
// CHECK: vector.transfer_write
func.func @transpose(%a: memref<32x16xi32>, %b: memref<16x32xi32>) {
  linalg.transpose ins(%a : memref<32x16xi32>) outs(%b : memref<16x32xi32>) permutation = [1, 0]
  return
}

// -----

#block = affine_map<(i, j) -> (i, j)>
#row = affine_map<(i, j) -> (j)>
#sums = affine_map<(i, j) -> (i)>

// Sums along rows: the vectors of each row first, then the lanes of 16 rows together.
// CHECK-LABEL: func @row_sums
// CHECK: scf.for %{{.*}} = %c0 to %c32 step %c16
// CHECK: vector.transfer_read %{{.*}} : memref<32x32xf32>, vector<16x32xf32>
// CHECK-COUNT-16: vector.fma
// CHECK-COUNT-30: vector.shuffle
// CHECK-NOT: vector.shuffle
// CHECK-NOT: vector.reduction
// CHECK: vector.transfer_write %{{.*}} : vector<16xf32>
func.func @row_sums(%block: memref<32x32xf32>, %row: memref<32xf32>, %sums: memref<32xf32>) {
  linalg.generic {indexing_maps = [#block, #row, #sums], iterator_types = ["parallel", "reduction"]}
      ins(%block, %row : memref<32x32xf32>, memref<32xf32>) outs(%sums : memref<32xf32>) {
  ^bb0(%a: f32, %b: f32, %c: f32):
    %0 = arith.mulf %a, %b : f32
    %1 = arith.addf %c, %0 : f32
    linalg.yield %1 : f32
  }
  return
}

// -----

#block = affine_map<(i, j) -> (i, j)>
#row = affine_map<(i, j) -> (j)>
#sums = affine_map<(i, j) -> (i)>

// Rows that are no whole vectors are added up one by one.
// CHECK-LABEL: func @short_rows
// CHECK: vector.reduction <add>
func.func @short_rows(%block: memref<16x12xf32>, %row: memref<12xf32>, %sums: memref<16xf32>) {
  linalg.generic {indexing_maps = [#block, #row, #sums], iterator_types = ["parallel", "reduction"]}
      ins(%block, %row : memref<16x12xf32>, memref<12xf32>) outs(%sums : memref<16xf32>) {
  ^bb0(%a: f32, %b: f32, %c: f32):
    %0 = arith.mulf %a, %b : f32
    %1 = arith.addf %c, %0 : f32
    linalg.yield %1 : f32
  }
  return
}

// -----

// 64 bytes at a time become bf16.
// CHECK-LABEL: func @decode
// CHECK: vector.transfer_read %{{.*}} : memref<128xf8E4M3FN>, vector<64xf8E4M3FN>
func.func @decode(%a: memref<128xf8E4M3FN>, %b: memref<128xbf16>) {
  linalg.generic {indexing_maps = [affine_map<(i) -> (i)>, affine_map<(i) -> (i)>], iterator_types = ["parallel"]}
      ins(%a : memref<128xf8E4M3FN>) outs(%b : memref<128xbf16>) {
  ^bb0(%x: f8E4M3FN, %y: bf16):
    %0 = arith.extf %x : f8E4M3FN to bf16
    linalg.yield %0 : bf16
  }
  return
}

// -----

// Contractions that are masked, or of a size that is not known.
// CHECK-LABEL: func @not_row_sums
// CHECK-NOT: vector.shuffle
// CHECK: vector.mask %{{.*}} { vector.reduction
// CHECK-NOT: vector.shuffle
func.func @not_row_sums(%m: vector<16x32xi1>, %a: vector<16x32xf32>, %c: vector<16xf32>, %s: vector<[16]x32xf32>, %t: vector<[16]xf32>, %out: memref<4xf32>, %v: f32) -> (vector<16xf32>, vector<[16]xf32>) {
  linalg.fill ins(%v : f32) outs(%out : memref<4xf32>)
  %0 = vector.mask %m { vector.contract {indexing_maps = [affine_map<(i, j) -> (i, j)>, affine_map<(i, j) -> (i, j)>, affine_map<(i, j) -> (i)>], iterator_types = ["parallel", "reduction"], kind = #vector.kind<add>} %a, %a, %c : vector<16x32xf32>, vector<16x32xf32> into vector<16xf32> } : vector<16x32xi1> -> vector<16xf32>
  %1 = vector.contract {indexing_maps = [affine_map<(i, j) -> (i, j)>, affine_map<(i, j) -> (i, j)>, affine_map<(i, j) -> (i)>], iterator_types = ["parallel", "reduction"], kind = #vector.kind<add>} %s, %s, %t : vector<[16]x32xf32>, vector<[16]x32xf32> into vector<[16]xf32>
  return %0, %1 : vector<16xf32>, vector<[16]xf32>
}
