// RUN: mqa-opt %s --pass-pipeline='builtin.module(func.func(mqa-raise,canonicalize))' | FileCheck %s

// Slices of logits: those that are whole are seen through, also where sizes are dynamic.

#s = affine_map<(m, n, h, d) -> (m, n, h)>
#q = affine_map<(m, n, h, d) -> (m, h, d)>
#k = affine_map<(m, n, h, d) -> (n, d)>
#mnh = affine_map<(m, n, h) -> (m, n, h)>
#mn = affine_map<(m, n, h) -> (m, n)>
#id = affine_map<(m, n) -> (m, n)>
#ke = affine_map<(m, n) -> (m)>

// CHECK-LABEL: func @whole(
// CHECK-NOT: tensor.extract_slice
// CHECK: mqa.logits {{.*}} {clean}
// CHECK-NOT: linalg.generic
// CHECK: return
func.func @whole(%q: tensor<?x2x16xbf16>, %k: tensor<?x16xbf16>, %ends: tensor<?xi32>) -> tensor<?x?xf32> {
  %zero = arith.constant 0.0 : f32
  %ninf = arith.constant 0xFF800000 : f32
  %c0 = arith.constant 0 : index
  %M = tensor.dim %q, %c0 : tensor<?x2x16xbf16>
  %N = tensor.dim %k, %c0 : tensor<?x16xbf16>
  %e3 = tensor.empty(%M, %N) : tensor<?x?x2xf32>
  %e2 = tensor.empty(%M, %N) : tensor<?x?xf32>
  %z3 = linalg.fill ins(%zero : f32) outs(%e3 : tensor<?x?x2xf32>) -> tensor<?x?x2xf32>
  %z2 = linalg.fill ins(%zero : f32) outs(%e2 : tensor<?x?xf32>) -> tensor<?x?xf32>
  %scores = linalg.generic {indexing_maps = [#q, #k, #s], iterator_types = ["parallel", "parallel", "parallel", "reduction"]}
      ins(%q, %k : tensor<?x2x16xbf16>, tensor<?x16xbf16>) outs(%z3 : tensor<?x?x2xf32>) {
  ^bb0(%a: bf16, %b: bf16, %sum: f32):
    %x = arith.extf %a : bf16 to f32
    %y = arith.extf %b : bf16 to f32
    %p = arith.mulf %x, %y : f32
    %r = arith.addf %sum, %p : f32
    linalg.yield %r : f32
  } -> tensor<?x?x2xf32>
  %sums = linalg.generic {indexing_maps = [#mnh, #mn], iterator_types = ["parallel", "parallel", "reduction"]}
      ins(%scores : tensor<?x?x2xf32>) outs(%z2 : tensor<?x?xf32>) {
  ^bb0(%score: f32, %sum: f32):
    %relu = arith.maximumf %score, %zero : f32
    %r = arith.addf %sum, %relu : f32
    linalg.yield %r : f32
  } -> tensor<?x?xf32>
  %cut = tensor.extract_slice %sums[0, 0] [%M, %N] [1, 1] : tensor<?x?xf32> to tensor<?x?xf32>
  %logits = linalg.generic {indexing_maps = [#id, #ke, #id], iterator_types = ["parallel", "parallel"]}
      ins(%cut, %ends : tensor<?x?xf32>, tensor<?xi32>) outs(%e2 : tensor<?x?xf32>) {
  ^bb0(%a: f32, %end: i32, %o: f32):
    %j = linalg.index 1 : index
    %n = arith.index_cast %j : index to i32
    %seen = arith.cmpi slt, %n, %end : i32
    %r = arith.select %seen, %a, %ninf : f32
    linalg.yield %r : f32
  } -> tensor<?x?xf32>
  return %logits : tensor<?x?xf32>
}

// Some of the keys: their number is another one. What is computed of all of them is raised.
// CHECK-LABEL: func @part(
// CHECK: %[[ALL:.+]] = mqa.logits
// CHECK-NOT: clean
// CHECK: tensor.extract_slice %[[ALL]]
// CHECK: linalg.generic
// CHECK: return
func.func @part(%q: tensor<?x2x16xbf16>, %k: tensor<?x16xbf16>, %ends: tensor<?xi32>, %n: index) -> tensor<?x?xf32> {
  %zero = arith.constant 0.0 : f32
  %ninf = arith.constant 0xFF800000 : f32
  %c0 = arith.constant 0 : index
  %M = tensor.dim %q, %c0 : tensor<?x2x16xbf16>
  %N = tensor.dim %k, %c0 : tensor<?x16xbf16>
  %e3 = tensor.empty(%M, %N) : tensor<?x?x2xf32>
  %e2 = tensor.empty(%M, %N) : tensor<?x?xf32>
  %z3 = linalg.fill ins(%zero : f32) outs(%e3 : tensor<?x?x2xf32>) -> tensor<?x?x2xf32>
  %z2 = linalg.fill ins(%zero : f32) outs(%e2 : tensor<?x?xf32>) -> tensor<?x?xf32>
  %scores = linalg.generic {indexing_maps = [#q, #k, #s], iterator_types = ["parallel", "parallel", "parallel", "reduction"]}
      ins(%q, %k : tensor<?x2x16xbf16>, tensor<?x16xbf16>) outs(%z3 : tensor<?x?x2xf32>) {
  ^bb0(%a: bf16, %b: bf16, %sum: f32):
    %x = arith.extf %a : bf16 to f32
    %y = arith.extf %b : bf16 to f32
    %p = arith.mulf %x, %y : f32
    %r = arith.addf %sum, %p : f32
    linalg.yield %r : f32
  } -> tensor<?x?x2xf32>
  %sums = linalg.generic {indexing_maps = [#mnh, #mn], iterator_types = ["parallel", "parallel", "reduction"]}
      ins(%scores : tensor<?x?x2xf32>) outs(%z2 : tensor<?x?xf32>) {
  ^bb0(%score: f32, %sum: f32):
    %relu = arith.maximumf %score, %zero : f32
    %r = arith.addf %sum, %relu : f32
    linalg.yield %r : f32
  } -> tensor<?x?xf32>
  %cut = tensor.extract_slice %sums[0, 0] [%M, %n] [1, 1] : tensor<?x?xf32> to tensor<?x?xf32>
  %init = tensor.empty(%M, %n) : tensor<?x?xf32>
  %logits = linalg.generic {indexing_maps = [#id, #ke, #id], iterator_types = ["parallel", "parallel"]}
      ins(%cut, %ends : tensor<?x?xf32>, tensor<?xi32>) outs(%init : tensor<?x?xf32>) {
  ^bb0(%a: f32, %end: i32, %o: f32):
    %j = linalg.index 1 : index
    %key = arith.index_cast %j : index to i32
    %seen = arith.cmpi slt, %key, %end : i32
    %r = arith.select %seen, %a, %ninf : f32
    linalg.yield %r : f32
  } -> tensor<?x?xf32>
  return %logits : tensor<?x?xf32>
}
