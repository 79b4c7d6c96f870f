// RUN: mqa-opt %s --mqa-expand-fp8 | FileCheck %s

// CHECK-LABEL: func @scalar
// CHECK-SAME: %[[X:.*]]: f8E4M3FN
// CHECK-DAG: %[[NAN:.*]] = arith.constant 2143289344 : i32
// CHECK-DAG: %[[BIAS:.*]] = arith.constant 1006632960 : i32
// CHECK-DAG: %[[SUB:.*]] = arith.constant 0.001953125 : f32
// CHECK: %[[B:.*]] = arith.bitcast %[[X]] : f8E4M3FN to i8
// CHECK: arith.extui %[[B]] : i8 to i32
// CHECK: arith.addi %{{.*}}, %[[BIAS]]
// CHECK: arith.mulf %{{.*}}, %[[SUB]]
// CHECK: arith.select %{{.*}}, %[[NAN]]
// CHECK: %[[R:.*]] = arith.bitcast %{{.*}} : i32 to f32
// CHECK: return %[[R]]
func.func @scalar(%x: f8E4M3FN) -> f32 {
  %0 = arith.extf %x : f8E4M3FN to f32
  return %0 : f32
}

// CHECK-LABEL: func @vector
// CHECK-NOT: arith.extf
// CHECK: arith.bitcast %{{.*}} : vector<16xi32> to vector<16xf32>
func.func @vector(%x: vector<16xf8E4M3FN>) -> vector<16xf32> {
  %0 = arith.extf %x : vector<16xf8E4M3FN> to vector<16xf32>
  return %0 : vector<16xf32>
}

// Other extensions are not ours.
// CHECK-LABEL: func @other
// CHECK: arith.extf %{{.*}} : f16 to f32
// CHECK: arith.extf %{{.*}} : f8E4M3FNUZ to f32
func.func @other(%x: f16, %y: f8E4M3FNUZ) -> (f32, f32) {
  %0 = arith.extf %x : f16 to f32
  %1 = arith.extf %y : f8E4M3FNUZ to f32
  return %0, %1 : f32, f32
}

// The upper half of an f16.
// CHECK-LABEL: func @e5m2
// CHECK-SAME: %[[X:.*]]: f8E5M2
// CHECK: %[[EIGHT:.*]] = arith.constant 8 : i16
// CHECK: %[[B:.*]] = arith.bitcast %[[X]] : f8E5M2 to i8
// CHECK: %[[W:.*]] = arith.extui %[[B]] : i8 to i16
// CHECK: %[[H:.*]] = arith.shli %[[W]], %[[EIGHT]]
// CHECK: %[[F:.*]] = arith.bitcast %[[H]] : i16 to f16
// CHECK: arith.extf %[[F]] : f16 to f32
func.func @e5m2(%x: f8E5M2) -> f32 {
  %0 = arith.extf %x : f8E5M2 to f32
  return %0 : f32
}

// The body of a named op is what its name says: it becomes a generic one first.
// CHECK-LABEL: func @named
// CHECK-NOT: linalg.matmul
// CHECK: linalg.generic
// CHECK-NOT: arith.extf
// CHECK: linalg.yield
func.func @named(%a: memref<4x8xf8E4M3FN>, %b: memref<8x4xf8E4M3FN>, %c: memref<4x4xf32>) {
  linalg.matmul ins(%a, %b : memref<4x8xf8E4M3FN>, memref<8x4xf8E4M3FN>) outs(%c : memref<4x4xf32>)
  return
}

// One that extends nothing of ours stays what it is.
// CHECK-LABEL: func @named_f16
// CHECK: linalg.matmul
func.func @named_f16(%a: memref<4x8xf16>, %b: memref<8x4xf16>, %c: memref<4x4xf32>) {
  linalg.matmul ins(%a, %b : memref<4x8xf16>, memref<8x4xf16>) outs(%c : memref<4x4xf32>)
  return
}

// CHECK-LABEL: func @tensor
// CHECK-NOT: arith.extf
// CHECK: arith.bitcast %{{.*}} : tensor<16xi32> to tensor<16xf32>
func.func @tensor(%x: tensor<16xf8E4M3FN>) -> tensor<16xf32> {
  %0 = arith.extf %x : tensor<16xf8E4M3FN> to tensor<16xf32>
  return %0 : tensor<16xf32>
}

// Of how many elements is not known: not expanded.
// CHECK-LABEL: func @dynamic
// CHECK: arith.extf
func.func @dynamic(%x: tensor<?xf8E5M2>) -> tensor<?xf32> {
  %0 = arith.extf %x : tensor<?xf8E5M2> to tensor<?xf32>
  return %0 : tensor<?xf32>
}
