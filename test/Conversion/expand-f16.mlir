// f16 to f32 and back, where x86 has no instruction for it: exact, and rounded to
// nearest with ties to even. Executed on numbers of every kind.
// RUN: mqa-opt %s --pass-pipeline='builtin.module(mqa-attach-target{chip=cpu features=sse2,f16c},mqa-expand-f16)' | FileCheck %s --check-prefix=HAS
// RUN: mqa-opt %s --mqa-expand-f16 | FileCheck %s --check-prefix=HAS
// RUN: mqa-opt %s --pass-pipeline='builtin.module(mqa-attach-target{chip=cpu features=sse2},mqa-expand-f16)' | FileCheck %s --check-prefix=LACKS
// DEFINE: %{lower} = convert-vector-to-scf,convert-scf-to-cf,convert-vector-to-llvm,finalize-memref-to-llvm,convert-arith-to-llvm,convert-cf-to-llvm,convert-func-to-llvm,reconcile-unrealized-casts
// RUN: mqa-opt %s --pass-pipeline='builtin.module(mqa-attach-target{chip=cpu features=sse2},mqa-expand-f16)' | sed 's/attributes {mqa.target[^{]*>}/attributes {}/' | mlir-opt --pass-pipeline='builtin.module(%{lower})' | mlir-runner -e main --entry-point-result=void --shared-libs=%mlir_lib_dir/libmlir_c_runner_utils.so | FileCheck %s

// HAS: arith.extf
// HAS: arith.truncf
// LACKS-LABEL: func.func @extend
// LACKS-NOT: arith.extf
// LACKS-LABEL: func.func @round
// LACKS-NOT: arith.truncf
// LACKS: return
func.func @extend(%x: vector<8xf16>) -> vector<8xf32> {
  %0 = arith.extf %x : vector<8xf16> to vector<8xf32>
  return %0 : vector<8xf32>
}
func.func @round(%x: vector<8xf32>) -> vector<8xf16> {
  %0 = arith.truncf %x : vector<8xf32> to vector<8xf16>
  return %0 : vector<8xf16>
}

// Another rounding stays.
// LACKS-LABEL: func.func private @toward_zero
// LACKS: arith.truncf %{{.*}} toward_zero
func.func private @toward_zero(%x: f32) -> f16 {
  %0 = arith.truncf %x toward_zero : f32 to f16
  return %0 : f16
}

func.func @main() {
  // 1, -2, 65504, the least normal, the greatest and the least subnormal, -inf, NaN.
  %halves = arith.constant dense<[0x3c00, 0xc000, 0x7bff, 0x0400, 0x03ff, 0x8001, 0xfc00, 0x7e01]> : vector<8xi16>
  %x = arith.bitcast %halves : vector<8xi16> to vector<8xf16>
  %y = call @extend(%x) : (vector<8xf16>) -> vector<8xf32>
  // CHECK: ( 1, -2, 65504, 6.10352e-05, 6.09756e-05, -5.96046e-08, -inf, nan )
  vector.print %y : vector<8xf32>
  // Ties: 2049 and 2051 are between neighbours. 65519.996 is finite, 65520 is not; half of
  // the least subnormal is 0, and a little more is not; 0.99999 becomes 1.
  %f = arith.constant dense<[2049.0, 2051.0, 65519.996, -65520.0, 2.98023223876953125e-8, -2.9802325e-8, 0.99999, 0x7F800001]> : vector<8xf32>
  %z = call @round(%f) : (vector<8xf32>) -> vector<8xf16>
  %w = call @extend(%z) : (vector<8xf16>) -> vector<8xf32>
  // CHECK: ( 2048, 2052, 65504, -inf, 0, -5.96046e-08, 1, nan )
  vector.print %w : vector<8xf32>
  return
}
