// A score of NaN counts as 0: a maximum that gives its other operand for NaN, on
// every unit and in half precision. By itself, none of the kernels has one.

// RUN: sed -e 's/outs(.out : tensor<?x?xf32>) /&{activation = #mqa.activation<relu_nan_as_zero>} /; s/} {clean}/, clean}/' %examples/logits.mlir > %t.mlir
// RUN: mqa-compile %t.mlir --emit=ptx -o - | FileCheck %s
// RUN: mqa-compile %t.mlir --mqa-schedule=fast --emit=ptx -o - | FileCheck %s --check-prefix=FAST
// RUN: mqa-compile %t.mlir --target=sm_80 --emit=ptx -o - | FileCheck %s
// RUN: mqa-compile %examples/logits.mlir --emit=ptx -o - | FileCheck %s --check-prefix=OTHER
// RUN: mqa-compile %examples/logits.mlir --mqa-schedule=fast --emit=ptx -o - | FileCheck %s --check-prefix=OTHER

// CHECK: .visible .entry logits(
// CHECK-NOT: max.NaN.f32
// CHECK: max.f32
// CHECK-NOT: max.NaN.f32
// CHECK: .visible .entry logits_clean(
// CHECK: max.f32

// FAST: .visible .entry logits(
// FAST-NOT: cvt.rn.relu
// FAST: cvt.rn.f16x2.f32
// FAST: max.f16x2
// FAST-NOT: cvt.rn.relu
// FAST: fma.rn.f16x2

// OTHER-NOT: {{max[.]f(32|16x2)}}
