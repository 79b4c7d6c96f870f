// What mqa-raise makes computes what the linalg computed: both are run, and both
// give the numbers below, which are exact in f32 in any order.
// REQUIRES: plugin
// DEFINE: %{bufferize} = one-shot-bufferize{bufferize-function-boundaries function-boundary-type-conversion=identity-layout-map}
// DEFINE: %{lower} = func.func(convert-linalg-to-loops,convert-scf-to-cf),expand-strided-metadata,lower-affine,finalize-memref-to-llvm,convert-arith-to-llvm,convert-math-to-llvm,convert-cf-to-llvm,convert-func-to-llvm,reconcile-unrealized-casts
// DEFINE: %{run} = mlir-runner -e main --entry-point-result=void --shared-libs=%mlir_lib_dir/libmlir_runner_utils.so
// RUN: mlir-opt %s --pass-pipeline='builtin.module(%{bufferize},%{lower})' | %{run} | FileCheck %s
// RUN: mlir-opt %s --load-dialect-plugin=%plugin --load-pass-plugin=%plugin --pass-pipeline='builtin.module(func.func(mqa-raise))' | FileCheck %s --check-prefix=RAISED
// RUN: mlir-opt %s --load-dialect-plugin=%plugin --load-pass-plugin=%plugin --pass-pipeline='builtin.module(func.func(mqa-raise),%{bufferize},func.func(convert-mqa-to-linalg),canonicalize,%{lower})' | %{run} | FileCheck %s

// RAISED-LABEL: func @logits
// RAISED: mqa.logits
// RAISED-NOT: linalg.generic
// RAISED: return
// RAISED-LABEL: func @flattened
// RAISED: mqa.logits
// RAISED-NOT: linalg.generic
// RAISED: return
// CHECK-COUNT-2: sizes = [4, 6]{{.*[[:space:]]*}}{{\[\[}}{{-?}}0, 0, 84, 17, 66, 0],{{[[:space:]]*}}[-inf, -inf, -630, 10, -396, -inf],{{[[:space:]]*}}[-441, -102, 756, -inf, -inf, -inf],{{[[:space:]]*}}[-inf, -inf, -inf, -inf, -inf, -inf]]

func.func private @printMemrefF32(tensor<*xf32>)

func.func @logits(%q: tensor<?x3x16xbf16>, %k: tensor<?x16xbf16>, %scale: tensor<?xf32>,
                  %weights: tensor<?x3xf32>, %ks: tensor<?xi32>, %ke: tensor<?xi32>) -> tensor<?x?xf32> attributes {no_inline} {
  %c0 = arith.constant 0 : index
  %zero = arith.constant 0.0 : f32
  %ninf = arith.constant 0xFF800000 : f32
  %M = tensor.dim %q, %c0 : tensor<?x3x16xbf16>
  %N = tensor.dim %k, %c0 : tensor<?x16xbf16>
  %e3 = tensor.empty(%M, %N) : tensor<?x3x?xf32>
  %z3 = linalg.fill ins(%zero : f32) outs(%e3 : tensor<?x3x?xf32>) -> tensor<?x3x?xf32>
  %scores = linalg.generic {
      indexing_maps = [affine_map<(m, h, n, d) -> (m, h, d)>, affine_map<(m, h, n, d) -> (n, d)>, affine_map<(m, h, n, d) -> (m, h, n)>],
      iterator_types = ["parallel", "parallel", "parallel", "reduction"]}
      ins(%q, %k : tensor<?x3x16xbf16>, tensor<?x16xbf16>) outs(%z3 : tensor<?x3x?xf32>) {
  ^bb0(%a: bf16, %b: bf16, %acc: f32):
    %x = arith.extf %a : bf16 to f32
    %y = arith.extf %b : bf16 to f32
    %p = arith.mulf %x, %y : f32
    %r = arith.addf %acc, %p : f32
    linalg.yield %r : f32
  } -> tensor<?x3x?xf32>
  %e2 = tensor.empty(%M, %N) : tensor<?x?xf32>
  %z2 = linalg.fill ins(%zero : f32) outs(%e2 : tensor<?x?xf32>) -> tensor<?x?xf32>
  %sum = linalg.generic {
      indexing_maps = [affine_map<(m, h, n) -> (m, h, n)>, affine_map<(m, h, n) -> (m, h)>, affine_map<(m, h, n) -> (m, n)>],
      iterator_types = ["parallel", "reduction", "parallel"]}
      ins(%scores, %weights : tensor<?x3x?xf32>, tensor<?x3xf32>) outs(%z2 : tensor<?x?xf32>) {
  ^bb0(%s: f32, %w: f32, %acc: f32):
    %relu = arith.maximumf %s, %zero : f32
    %p = arith.mulf %relu, %w : f32
    %r = arith.addf %acc, %p : f32
    linalg.yield %r : f32
  } -> tensor<?x?xf32>
  %logits = linalg.generic {
      indexing_maps = [affine_map<(m, n) -> (m, n)>, affine_map<(m, n) -> (n)>, affine_map<(m, n) -> (m)>, affine_map<(m, n) -> (m)>, affine_map<(m, n) -> (m, n)>],
      iterator_types = ["parallel", "parallel"]}
      ins(%sum, %scale, %ks, %ke : tensor<?x?xf32>, tensor<?xf32>, tensor<?xi32>, tensor<?xi32>) outs(%e2 : tensor<?x?xf32>) {
  ^bb0(%s: f32, %f: f32, %lo: i32, %hi: i32, %o: f32):
    %j = linalg.index 1 : index
    %n = arith.index_cast %j : index to i32
    %from = arith.cmpi sge, %n, %lo : i32
    %to = arith.cmpi slt, %n, %hi : i32
    %in = arith.andi %from, %to : i1
    %p = arith.mulf %s, %f : f32
    %r = arith.select %in, %p, %ninf : f32
    linalg.yield %r : f32
  } -> tensor<?x?xf32>
  return %logits : tensor<?x?xf32>
}

// The same as PyTorch's has it: a matrix product of all heads' queries, relu by
// a comparison, -inf where not in the range.
func.func @flattened(%q: tensor<?x3x16xbf16>, %k: tensor<?x16xbf16>, %scale: tensor<?xf32>,
                     %weights: tensor<?x3xf32>, %ks: tensor<?xi32>, %ke: tensor<?xi32>) -> tensor<?x?xf32> attributes {no_inline} {
  %c0 = arith.constant 0 : index
  %c3 = arith.constant 3 : index
  %three = arith.constant 3 : i64
  %true = arith.constant true
  %zero = arith.constant 0.0 : f32
  %ninf = arith.constant 0xFF800000 : f32
  %M = tensor.dim %q, %c0 : tensor<?x3x16xbf16>
  %N = tensor.dim %k, %c0 : tensor<?x16xbf16>
  %M64 = arith.index_cast %M : index to i64
  %N64 = arith.index_cast %N : index to i64
  %rows = arith.muli %M, %c3 : index
  %eq = tensor.empty(%M) : tensor<3x?x16xbf16>
  %qt = linalg.generic {indexing_maps = [affine_map<(a, b, c) -> (a, b, c)>, affine_map<(a, b, c) -> (b, a, c)>], iterator_types = ["parallel", "parallel", "parallel"]} ins(%q : tensor<?x3x16xbf16>) outs(%eq : tensor<3x?x16xbf16>) {
  ^bb0(%i: bf16, %o: bf16):
    linalg.yield %i : bf16
  } -> tensor<3x?x16xbf16>
  %flat = tensor.collapse_shape %qt [[0, 1], [2]] : tensor<3x?x16xbf16> into tensor<?x16xbf16>
  %ek = tensor.empty(%N) : tensor<16x?xbf16>
  %kt = linalg.generic {indexing_maps = [affine_map<(a, b) -> (a, b)>, affine_map<(a, b) -> (b, a)>], iterator_types = ["parallel", "parallel"]} ins(%k : tensor<?x16xbf16>) outs(%ek : tensor<16x?xbf16>) {
  ^bb0(%i: bf16, %o: bf16):
    linalg.yield %i : bf16
  } -> tensor<16x?xbf16>
  %e = tensor.empty(%rows, %N) : tensor<?x?xf32>
  %z = linalg.fill ins(%zero : f32) outs(%e : tensor<?x?xf32>) -> tensor<?x?xf32>
  %product = linalg.matmul ins(%flat, %kt : tensor<?x16xbf16>, tensor<16x?xbf16>) outs(%z : tensor<?x?xf32>) -> tensor<?x?xf32>
  %shape = tensor.from_elements %three, %M64, %N64 : tensor<3xi64>
  %scores = tensor.reshape %product(%shape) : (tensor<?x?xf32>, tensor<3xi64>) -> tensor<3x?x?xf32>
  %e2 = tensor.empty(%M, %N) : tensor<?x?xf32>
  %z2 = linalg.fill ins(%zero : f32) outs(%e2 : tensor<?x?xf32>) -> tensor<?x?xf32>
  %sum = linalg.generic {
      indexing_maps = [affine_map<(h, m, n) -> (h, m, n)>, affine_map<(h, m, n) -> (m, h)>, affine_map<(h, m, n) -> (m, n)>],
      iterator_types = ["reduction", "parallel", "parallel"]}
      ins(%scores, %weights : tensor<3x?x?xf32>, tensor<?x3xf32>) outs(%z2 : tensor<?x?xf32>) {
  ^bb0(%s: f32, %w: f32, %acc: f32):
    %above = arith.cmpf ugt, %s, %zero : f32
    %relu = arith.select %above, %s, %zero : f32
    %p = arith.mulf %relu, %w : f32
    %r = arith.addf %acc, %p : f32
    linalg.yield %r : f32
  } -> tensor<?x?xf32>
  %logits = linalg.generic {
      indexing_maps = [affine_map<(m, n) -> (m, n)>, affine_map<(m, n) -> (n)>, affine_map<(m, n) -> (m)>, affine_map<(m, n) -> (m)>, affine_map<(m, n) -> (m, n)>],
      iterator_types = ["parallel", "parallel"]}
      ins(%sum, %scale, %ks, %ke : tensor<?x?xf32>, tensor<?xf32>, tensor<?xi32>, tensor<?xi32>) outs(%e2 : tensor<?x?xf32>) {
  ^bb0(%s: f32, %f: f32, %lo: i32, %hi: i32, %o: f32):
    %j = linalg.index 1 : index
    %n = arith.index_cast %j : index to i32
    %from = arith.cmpi sge, %n, %lo : i32
    %to = arith.cmpi slt, %n, %hi : i32
    %in = arith.andi %from, %to : i1
    %out = arith.xori %in, %true : i1
    %p = arith.mulf %s, %f : f32
    %r = arith.select %out, %ninf, %p : f32
    linalg.yield %r : f32
  } -> tensor<?x?xf32>
  return %logits : tensor<?x?xf32>
}

// (5 i + 3 j + l l) mod p, less a half.
func.func @number(%i: index, %j: index, %l: index, %p: index, %half: f32) -> f32 {
  %c5 = arith.constant 5 : index
  %c3 = arith.constant 3 : index
  %a = arith.muli %i, %c5 : index
  %b = arith.muli %j, %c3 : index
  %ab = arith.addi %a, %b : index
  %ll = arith.muli %l, %l : index
  %abl = arith.addi %ab, %ll : index
  %r = arith.remui %abl, %p : index
  %x = arith.index_cast %r : index to i32
  %f = arith.sitofp %x : i32 to f32
  %n = arith.subf %f, %half : f32
  return %n : f32
}

func.func @main() {
  %M = arith.constant 4 : index
  %N = arith.constant 6 : index
  %c0 = arith.constant 0 : index
  %c7 = arith.constant 7 : index
  %c11 = arith.constant 11 : index
  %three = arith.constant 3.0 : f32
  %four = arith.constant 4.0 : f32
  %q = tensor.generate %M {
  ^bb0(%m: index, %h: index, %d: index):
    %x = func.call @number(%m, %h, %d, %c7, %three) : (index, index, index, index, f32) -> f32
    %y = arith.truncf %x : f32 to bf16
    tensor.yield %y : bf16
  } : tensor<?x3x16xbf16>
  %k = tensor.generate %N {
  ^bb0(%n: index, %d: index):
    %x = func.call @number(%n, %d, %d, %c11, %four) : (index, index, index, index, f32) -> f32
    %y = arith.truncf %x : f32 to bf16
    tensor.yield %y : bf16
  } : tensor<?x16xbf16>
  %scale = tensor.generate %N {
  ^bb0(%n: index):
    %x = func.call @number(%n, %c0, %c0, %c11, %three) : (index, index, index, index, f32) -> f32
    tensor.yield %x : f32
  } : tensor<?xf32>
  %weights = tensor.generate %M {
  ^bb0(%m: index, %h: index):
    %x = func.call @number(%m, %h, %h, %c7, %three) : (index, index, index, index, f32) -> f32
    tensor.yield %x : f32
  } : tensor<?x3xf32>
  // All keys, some, from before the first, none.
  %ks = arith.constant dense<[0, 2, -3, 4]> : tensor<4xi32>
  %ke = arith.constant dense<[6, 5, 3, 4]> : tensor<4xi32>
  %ksd = tensor.cast %ks : tensor<4xi32> to tensor<?xi32>
  %ked = tensor.cast %ke : tensor<4xi32> to tensor<?xi32>
  %logits = call @logits(%q, %k, %scale, %weights, %ksd, %ked)
      : (tensor<?x3x16xbf16>, tensor<?x16xbf16>, tensor<?xf32>, tensor<?x3xf32>, tensor<?xi32>, tensor<?xi32>) -> tensor<?x?xf32>
  %any = tensor.cast %logits : tensor<?x?xf32> to tensor<*xf32>
  call @printMemrefF32(%any) : (tensor<*xf32>) -> ()
  %again = call @flattened(%q, %k, %scale, %weights, %ksd, %ked)
      : (tensor<?x3x16xbf16>, tensor<?x16xbf16>, tensor<?xf32>, tensor<?x3xf32>, tensor<?xi32>, tensor<?xi32>) -> tensor<?x?xf32>
  %other = tensor.cast %again : tensor<?x?xf32> to tensor<*xf32>
  call @printMemrefF32(%other) : (tensor<*xf32>) -> ()
  return
}
