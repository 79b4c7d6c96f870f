// Keys of which there are 2000 (in bytecode 82 3e), and then -2001, which only
// MLIR's reader of bytecode lets through.
// RUN: mqa-opt %s --pass-pipeline='builtin.module(func.func(mqa-raise))' | FileCheck %s
// RUN: mqa-opt %s --emit-bytecode -o %t.mlirbc
// RUN: env LC_ALL=C sed 's/\x82\x3e/\x86\x3e/' %t.mlirbc > %t.negative.mlirbc
// RUN: mqa-opt %t.negative.mlirbc --pass-pipeline='builtin.module(func.func(mqa-raise))' | FileCheck %s --check-prefix=NEGATIVE

// CHECK: mqa.logits
// NEGATIVE: tensor<-2001x128xf8E4M3FN>
// NEGATIVE-NOT: mqa.logits
#mhnd_q = affine_map<(m, h, n, d) -> (m, h, d)>
#mhnd_k = affine_map<(m, h, n, d) -> (n, d)>
#mhnd_s = affine_map<(m, h, n, d) -> (m, h, n)>
#mhn = affine_map<(m, h, n) -> (m, h, n)>
#mhn_mh = affine_map<(m, h, n) -> (m, h)>
#mhn_mn = affine_map<(m, h, n) -> (m, n)>
#mn = affine_map<(m, n) -> (m, n)>
#mn_n = affine_map<(m, n) -> (n)>

func.func @canonical(%q: tensor<?x64x128xf8E4M3FN>, %k: tensor<2000x128xf8E4M3FN>, %s: tensor<?xf32>, %w: tensor<?x64xf32>, %ks: tensor<?xi32>, %ke: tensor<?xi32>, %e3: tensor<?x64x?xf32>, %e2: tensor<?x?xf32>) -> tensor<?x?xf32> {
  %f0 = arith.constant 0.0 : f32
  %z3 = linalg.fill ins(%f0 : f32) outs(%e3 : tensor<?x64x?xf32>) -> tensor<?x64x?xf32>
  %sc = linalg.generic {indexing_maps = [#mhnd_q, #mhnd_k, #mhnd_s], iterator_types = ["parallel", "parallel", "parallel", "reduction"]} ins(%q, %k : tensor<?x64x128xf8E4M3FN>, tensor<2000x128xf8E4M3FN>) outs(%z3 : tensor<?x64x?xf32>) {
  ^bb0(%a: f8E4M3FN, %b: f8E4M3FN, %acc: f32):
    %x = arith.extf %a : f8E4M3FN to f32
    %y = arith.extf %b : f8E4M3FN to f32
    %p = arith.mulf %x, %y : f32
    %r = arith.addf %acc, %p : f32
    linalg.yield %r : f32
  } -> tensor<?x64x?xf32>
  %rl = linalg.generic {indexing_maps = [#mhn, #mhn], iterator_types = ["parallel", "parallel", "parallel"]} ins(%sc : tensor<?x64x?xf32>) outs(%e3 : tensor<?x64x?xf32>) {
  ^bb0(%a: f32, %o: f32):
    %m = arith.maximumf %a, %f0 : f32
    linalg.yield %m : f32
  } -> tensor<?x64x?xf32>
  %z2 = linalg.fill ins(%f0 : f32) outs(%e2 : tensor<?x?xf32>) -> tensor<?x?xf32>
  %sum = linalg.generic {indexing_maps = [#mhn, #mhn_mh, #mhn_mn], iterator_types = ["parallel", "reduction", "parallel"]} ins(%rl, %w : tensor<?x64x?xf32>, tensor<?x64xf32>) outs(%z2 : tensor<?x?xf32>) {
  ^bb0(%a: f32, %b: f32, %acc: f32):
    %p = arith.mulf %a, %b : f32
    %r = arith.addf %acc, %p : f32
    linalg.yield %r : f32
  } -> tensor<?x?xf32>
  %lg = linalg.generic {indexing_maps = [#mn, #mn_n, #mn], iterator_types = ["parallel", "parallel"]} ins(%sum, %s : tensor<?x?xf32>, tensor<?xf32>) outs(%e2 : tensor<?x?xf32>) {
  ^bb0(%a: f32, %b: f32, %o: f32):
    %p = arith.mulf %a, %b : f32
    linalg.yield %p : f32
  } -> tensor<?x?xf32>
  return %lg : tensor<?x?xf32>
}
