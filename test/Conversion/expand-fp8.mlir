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
