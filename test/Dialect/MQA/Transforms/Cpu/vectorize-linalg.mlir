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
