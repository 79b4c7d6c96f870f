// Two sequences with computed bounds and factors: what mqa-raise makes computes what the linalg computed.
// REQUIRES: plugin
// DEFINE: %{bufferize} = one-shot-bufferize{bufferize-function-boundaries function-boundary-type-conversion=identity-layout-map}
// DEFINE: %{lower} = func.func(convert-linalg-to-loops,convert-scf-to-cf),expand-strided-metadata,lower-affine,finalize-memref-to-llvm,convert-arith-to-llvm,convert-math-to-llvm,convert-cf-to-llvm,convert-func-to-llvm,reconcile-unrealized-casts
// DEFINE: %{run} = mlir-runner -e main --entry-point-result=void --shared-libs=%mlir_lib_dir/libmlir_runner_utils.so
// RUN: mlir-opt %s --pass-pipeline='builtin.module(%{bufferize},%{lower})' | %{run} | FileCheck %s
// RUN: mlir-opt %s --load-dialect-plugin=%plugin --load-pass-plugin=%plugin --pass-pipeline='builtin.module(func.func(mqa-raise,canonicalize))' | FileCheck %s --check-prefix=RAISED
// RUN: mlir-opt %s --load-dialect-plugin=%plugin --load-pass-plugin=%plugin --pass-pipeline='builtin.module(func.func(mqa-raise),func.func(empty-tensor-to-alloc-tensor),%{bufferize},func.func(convert-mqa-to-linalg),canonicalize,%{lower})' | %{run} | FileCheck %s

// RAISED-LABEL: func @logits
// RAISED-NOT: "reduction"
// RAISED: mqa.logits {{.*}} {clean, compressed}
// RAISED: return
// CHECK: sizes = [2, 3, 4]
// CHECK-NEXT: {{\[\[\[}}-82.5, 57, -inf, -inf],
// CHECK-NEXT: [54, -3, 0, -inf],
// CHECK-NEXT: [-5.5, 28.5, -44, 0]],
// CHECK-NEXT: {{\[\[}}0, -33, -inf, -inf],
// CHECK-NEXT: [1.5, 0, 29, -inf],
// CHECK-NEXT: [8, -49.5, 75, -inf]]]

#q = affine_map<(b, m, n, h, d) -> (b, m, h, d)>
#k = affine_map<(b, m, n, h, d) -> (b, n, d)>
#s = affine_map<(b, m, n, h, d) -> (b, m, n, h)>
#in = affine_map<(b, m, n, h) -> (b, m, n, h)>
#w = affine_map<(b, m, n, h) -> (h, b, m)>
#out = affine_map<(b, m, n, h) -> (b, m, n)>
#id = affine_map<(b, m, n) -> (b, m, n)>
#b = affine_map<(b, m, n) -> (b)>

func.func private @printMemrefF32(tensor<*xf32>)

// Weights with the heads first; n <= m + 1, and n < length, which may be negative or no i32.
func.func @logits(%q: tensor<2x3x2x16xbf16>, %k: tensor<2x4x16xbf16>, %w: tensor<2x2x3xf32>, %lengths: tensor<2xi64>) -> tensor<2x3x4xf32> attributes {no_inline} {
  %zero = arith.constant 0.0 : f32
  %half = arith.constant 0.5 : f32
  %ninf = arith.constant 0xFF800000 : f32
  %c1 = arith.constant 1 : i64
  %es = tensor.empty() : tensor<2x3x4x2xf32>
  %zs = linalg.fill ins(%zero : f32) outs(%es : tensor<2x3x4x2xf32>) -> tensor<2x3x4x2xf32>
  %scores = linalg.generic {indexing_maps = [#q, #k, #s], iterator_types = ["parallel", "parallel", "parallel", "parallel", "reduction"]}
      ins(%q, %k : tensor<2x3x2x16xbf16>, tensor<2x4x16xbf16>) outs(%zs : tensor<2x3x4x2xf32>) {
  ^bb0(%a: bf16, %b: bf16, %acc: f32):
    %x = arith.extf %a : bf16 to f32
    %y = arith.extf %b : bf16 to f32
    %p = arith.mulf %x, %y : f32
    %r = arith.addf %acc, %p : f32
    linalg.yield %r : f32
  } -> tensor<2x3x4x2xf32>
  %e = tensor.empty() : tensor<2x3x4xf32>
  %z = linalg.fill ins(%zero : f32) outs(%e : tensor<2x3x4xf32>) -> tensor<2x3x4xf32>
  %sum = linalg.generic {indexing_maps = [#in, #w, #out], iterator_types = ["parallel", "parallel", "parallel", "reduction"]}
      ins(%scores, %w : tensor<2x3x4x2xf32>, tensor<2x2x3xf32>) outs(%z : tensor<2x3x4xf32>) {
  ^bb0(%s: f32, %f: f32, %acc: f32):
    %scaled = arith.mulf %s, %half : f32
    %relu = arith.maximumf %scaled, %zero : f32
    %p = arith.mulf %relu, %f : f32
    %r = arith.addf %acc, %p : f32
    linalg.yield %r : f32
  } -> tensor<2x3x4xf32>
  %logits = linalg.generic {indexing_maps = [#id, #b, #id], iterator_types = ["parallel", "parallel", "parallel"]}
      ins(%sum, %lengths : tensor<2x3x4xf32>, tensor<2xi64>) outs(%e : tensor<2x3x4xf32>) {
  ^bb0(%s: f32, %length: i64, %o: f32):
    %mi = linalg.index 1 : index
    %ni = linalg.index 2 : index
    %m = arith.index_cast %mi : index to i64
    %n = arith.index_cast %ni : index to i64
    %last = arith.addi %m, %c1 : i64
    %causal = arith.cmpi sle, %n, %last : i64
    %within = arith.cmpi slt, %n, %length : i64
    %in = arith.andi %causal, %within : i1
    %r = arith.select %in, %s, %ninf : f32
    linalg.yield %r : f32
  } -> tensor<2x3x4xf32>
  return %logits : tensor<2x3x4xf32>
}

// (5 i + 3 j + l l) mod 7, less 3.
func.func @number(%i: index, %j: index, %l: index) -> f32 {
  %c5 = arith.constant 5 : index
  %c3 = arith.constant 3 : index
  %c7 = arith.constant 7 : index
  %three = arith.constant 3.0 : f32
  %a = arith.muli %i, %c5 : index
  %b = arith.muli %j, %c3 : index
  %ab = arith.addi %a, %b : index
  %ll = arith.muli %l, %l : index
  %abl = arith.addi %ab, %ll : index
  %r = arith.remui %abl, %c7 : index
  %x = arith.index_cast %r : index to i32
  %f = arith.sitofp %x : i32 to f32
  %n = arith.subf %f, %three : f32
  return %n : f32
}

func.func @main() {
  %q = tensor.generate {
  ^bb0(%b: index, %m: index, %h: index, %d: index):
    %i = arith.addi %b, %m : index
    %x = func.call @number(%i, %h, %d) : (index, index, index) -> f32
    %y = arith.truncf %x : f32 to bf16
    tensor.yield %y : bf16
  } : tensor<2x3x2x16xbf16>
  %k = tensor.generate {
  ^bb0(%b: index, %n: index, %d: index):
    %x = func.call @number(%b, %n, %d) : (index, index, index) -> f32
    %y = arith.truncf %x : f32 to bf16
    tensor.yield %y : bf16
  } : tensor<2x4x16xbf16>
  %w = tensor.generate {
  ^bb0(%h: index, %b: index, %m: index):
    %x = func.call @number(%h, %b, %m) : (index, index, index) -> f32
    tensor.yield %x : f32
  } : tensor<2x2x3xf32>
  // All keys as a number that no i32 is, and three.
  %lengths = arith.constant dense<[8589934592, 3]> : tensor<2xi64>
  %logits = call @logits(%q, %k, %w, %lengths) : (tensor<2x3x2x16xbf16>, tensor<2x4x16xbf16>, tensor<2x2x3xf32>, tensor<2xi64>) -> tensor<2x3x4xf32>
  %any = tensor.cast %logits : tensor<2x3x4xf32> to tensor<*xf32>
  call @printMemrefF32(%any) : (tensor<*xf32>) -> ()
  return
}
