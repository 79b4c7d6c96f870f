// RUN: mqa-opt %s --pass-pipeline='builtin.module(func.func(mqa-raise))' | FileCheck %s
// RUN: mqa-opt %s --pass-pipeline='builtin.module(func.func(mqa-raise{positive-scales=true}))' | FileCheck %s

// What is nearly the computation is left alone, or its parts are.

#mhnd_q = affine_map<(m, h, n, d) -> (m, h, d)>
#mhnd_k = affine_map<(m, h, n, d) -> (n, d)>
#mhnd_s = affine_map<(m, h, n, d) -> (m, h, n)>
#mhn = affine_map<(m, h, n) -> (m, h, n)>
#mhn_mh = affine_map<(m, h, n) -> (m, h)>
#mhn_mn = affine_map<(m, h, n) -> (m, n)>
#mn = affine_map<(m, n) -> (m, n)>
#mn_n = affine_map<(m, n) -> (n)>
#mn_m = affine_map<(m, n) -> (m)>

// Drops NaN, which mqa.logits does not.
// CHECK-LABEL: func @maxnumf
// CHECK-NOT: mqa.logits
// CHECK: return
func.func @maxnumf(%q: tensor<?x64x128xf8E4M3FN>, %k: tensor<?x128xf8E4M3FN>, %s: tensor<?xf32>, %w: tensor<?x64xf32>, %ks: tensor<?xi32>, %ke: tensor<?xi32>, %e3: tensor<?x64x?xf32>, %e2: tensor<?x?xf32>) -> tensor<?x?xf32> {
  %f0 = arith.constant 0.0 : f32
  %z3 = linalg.fill ins(%f0 : f32) outs(%e3 : tensor<?x64x?xf32>) -> tensor<?x64x?xf32>
  %sc = linalg.generic {indexing_maps = [#mhnd_q, #mhnd_k, #mhnd_s], iterator_types = ["parallel", "parallel", "parallel", "reduction"]} ins(%q, %k : tensor<?x64x128xf8E4M3FN>, tensor<?x128xf8E4M3FN>) outs(%z3 : tensor<?x64x?xf32>) {
  ^bb0(%a: f8E4M3FN, %b: f8E4M3FN, %acc: f32):
    %x = arith.extf %a : f8E4M3FN to f32
    %y = arith.extf %b : f8E4M3FN to f32
    %p = arith.mulf %x, %y : f32
    %r = arith.addf %acc, %p : f32
    linalg.yield %r : f32
  } -> tensor<?x64x?xf32>
  %rl = linalg.generic {indexing_maps = [#mhn, #mhn], iterator_types = ["parallel", "parallel", "parallel"]} ins(%sc : tensor<?x64x?xf32>) outs(%e3 : tensor<?x64x?xf32>) {
  ^bb0(%a: f32, %o: f32):
    %m = arith.maxnumf %a, %f0 : f32
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

// So does a select by an ordered comparison.
// CHECK-LABEL: func @ordered_select
// CHECK-NOT: mqa.logits
// CHECK: return
func.func @ordered_select(%q: tensor<?x64x128xf8E4M3FN>, %k: tensor<?x128xf8E4M3FN>, %s: tensor<?xf32>, %w: tensor<?x64xf32>, %ks: tensor<?xi32>, %ke: tensor<?xi32>, %e3: tensor<?x64x?xf32>, %e2: tensor<?x?xf32>) -> tensor<?x?xf32> {
  %f0 = arith.constant 0.0 : f32
  %z3 = linalg.fill ins(%f0 : f32) outs(%e3 : tensor<?x64x?xf32>) -> tensor<?x64x?xf32>
  %sc = linalg.generic {indexing_maps = [#mhnd_q, #mhnd_k, #mhnd_s], iterator_types = ["parallel", "parallel", "parallel", "reduction"]} ins(%q, %k : tensor<?x64x128xf8E4M3FN>, tensor<?x128xf8E4M3FN>) outs(%z3 : tensor<?x64x?xf32>) {
  ^bb0(%a: f8E4M3FN, %b: f8E4M3FN, %acc: f32):
    %x = arith.extf %a : f8E4M3FN to f32
    %y = arith.extf %b : f8E4M3FN to f32
    %p = arith.mulf %x, %y : f32
    %r = arith.addf %acc, %p : f32
    linalg.yield %r : f32
  } -> tensor<?x64x?xf32>
  %rl = linalg.generic {indexing_maps = [#mhn, #mhn], iterator_types = ["parallel", "parallel", "parallel"]} ins(%sc : tensor<?x64x?xf32>) outs(%e3 : tensor<?x64x?xf32>) {
  ^bb0(%a: f32, %o: f32):
    %t = arith.cmpf ogt, %a, %f0 : f32
    %m = arith.select %t, %a, %f0 : f32
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

// A maximum with something else than 0.
// CHECK-LABEL: func @relu_at_one
// CHECK-NOT: mqa.logits
// CHECK: return
func.func @relu_at_one(%q: tensor<?x64x128xf8E4M3FN>, %k: tensor<?x128xf8E4M3FN>, %s: tensor<?xf32>, %w: tensor<?x64xf32>, %ks: tensor<?xi32>, %ke: tensor<?xi32>, %e3: tensor<?x64x?xf32>, %e2: tensor<?x?xf32>) -> tensor<?x?xf32> {
  %f0 = arith.constant 0.0 : f32
  %z3 = linalg.fill ins(%f0 : f32) outs(%e3 : tensor<?x64x?xf32>) -> tensor<?x64x?xf32>
  %sc = linalg.generic {indexing_maps = [#mhnd_q, #mhnd_k, #mhnd_s], iterator_types = ["parallel", "parallel", "parallel", "reduction"]} ins(%q, %k : tensor<?x64x128xf8E4M3FN>, tensor<?x128xf8E4M3FN>) outs(%z3 : tensor<?x64x?xf32>) {
  ^bb0(%a: f8E4M3FN, %b: f8E4M3FN, %acc: f32):
    %x = arith.extf %a : f8E4M3FN to f32
    %y = arith.extf %b : f8E4M3FN to f32
    %p = arith.mulf %x, %y : f32
    %r = arith.addf %acc, %p : f32
    linalg.yield %r : f32
  } -> tensor<?x64x?xf32>
  %rl = linalg.generic {indexing_maps = [#mhn, #mhn], iterator_types = ["parallel", "parallel", "parallel"]} ins(%sc : tensor<?x64x?xf32>) outs(%e3 : tensor<?x64x?xf32>) {
  ^bb0(%a: f32, %o: f32):
    %c1 = arith.constant 1.0 : f32
    %m = arith.maximumf %a, %c1 : f32
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

// A maximum of the weighted score.
// CHECK-LABEL: func @relu_after_weights
// CHECK-NOT: mqa.logits
// CHECK: return
func.func @relu_after_weights(%q: tensor<?x64x128xf8E4M3FN>, %k: tensor<?x128xf8E4M3FN>, %s: tensor<?xf32>, %w: tensor<?x64xf32>, %ks: tensor<?xi32>, %ke: tensor<?xi32>, %e3: tensor<?x64x?xf32>, %e2: tensor<?x?xf32>) -> tensor<?x?xf32> {
  %f0 = arith.constant 0.0 : f32
  %z3 = linalg.fill ins(%f0 : f32) outs(%e3 : tensor<?x64x?xf32>) -> tensor<?x64x?xf32>
  %sc = linalg.generic {indexing_maps = [#mhnd_q, #mhnd_k, #mhnd_s], iterator_types = ["parallel", "parallel", "parallel", "reduction"]} ins(%q, %k : tensor<?x64x128xf8E4M3FN>, tensor<?x128xf8E4M3FN>) outs(%z3 : tensor<?x64x?xf32>) {
  ^bb0(%a: f8E4M3FN, %b: f8E4M3FN, %acc: f32):
    %x = arith.extf %a : f8E4M3FN to f32
    %y = arith.extf %b : f8E4M3FN to f32
    %p = arith.mulf %x, %y : f32
    %r = arith.addf %acc, %p : f32
    linalg.yield %r : f32
  } -> tensor<?x64x?xf32>
  %z2 = linalg.fill ins(%f0 : f32) outs(%e2 : tensor<?x?xf32>) -> tensor<?x?xf32>
  %sum = linalg.generic {indexing_maps = [#mhn, #mhn_mh, #mhn_mn], iterator_types = ["parallel", "reduction", "parallel"]} ins(%sc, %w : tensor<?x64x?xf32>, tensor<?x64xf32>) outs(%z2 : tensor<?x?xf32>) {
  ^bb0(%a: f32, %b: f32, %acc: f32):
    %p = arith.mulf %a, %b : f32
    %m = arith.maximumf %p, %f0 : f32
    %r = arith.addf %acc, %m : f32
    linalg.yield %r : f32
  } -> tensor<?x?xf32>
  %lg = linalg.generic {indexing_maps = [#mn, #mn_n, #mn], iterator_types = ["parallel", "parallel"]} ins(%sum, %s : tensor<?x?xf32>, tensor<?xf32>) outs(%e2 : tensor<?x?xf32>) {
  ^bb0(%a: f32, %b: f32, %o: f32):
    %p = arith.mulf %a, %b : f32
    linalg.yield %p : f32
  } -> tensor<?x?xf32>
  return %lg : tensor<?x?xf32>
}

// A maximum of the whole logit.
// CHECK-LABEL: func @relu_of_sum
// CHECK: mqa.logits
// CHECK-NOT: clean
// CHECK: linalg.generic
// CHECK: return
func.func @relu_of_sum(%q: tensor<?x64x128xf8E4M3FN>, %k: tensor<?x128xf8E4M3FN>, %s: tensor<?xf32>, %w: tensor<?x64xf32>, %ks: tensor<?xi32>, %ke: tensor<?xi32>, %e3: tensor<?x64x?xf32>, %e2: tensor<?x?xf32>) -> tensor<?x?xf32> {
  %f0 = arith.constant 0.0 : f32
  %z3 = linalg.fill ins(%f0 : f32) outs(%e3 : tensor<?x64x?xf32>) -> tensor<?x64x?xf32>
  %sc = linalg.generic {indexing_maps = [#mhnd_q, #mhnd_k, #mhnd_s], iterator_types = ["parallel", "parallel", "parallel", "reduction"]} ins(%q, %k : tensor<?x64x128xf8E4M3FN>, tensor<?x128xf8E4M3FN>) outs(%z3 : tensor<?x64x?xf32>) {
  ^bb0(%a: f8E4M3FN, %b: f8E4M3FN, %acc: f32):
    %x = arith.extf %a : f8E4M3FN to f32
    %y = arith.extf %b : f8E4M3FN to f32
    %p = arith.mulf %x, %y : f32
    %r = arith.addf %acc, %p : f32
    linalg.yield %r : f32
  } -> tensor<?x64x?xf32>
  %z2 = linalg.fill ins(%f0 : f32) outs(%e2 : tensor<?x?xf32>) -> tensor<?x?xf32>
  %sum = linalg.generic {indexing_maps = [#mhn, #mhn_mh, #mhn_mn], iterator_types = ["parallel", "reduction", "parallel"]} ins(%sc, %w : tensor<?x64x?xf32>, tensor<?x64xf32>) outs(%z2 : tensor<?x?xf32>) {
  ^bb0(%a: f32, %b: f32, %acc: f32):
    %p = arith.mulf %a, %b : f32
    %r = arith.addf %acc, %p : f32
    linalg.yield %r : f32
  } -> tensor<?x?xf32>
  %lx = linalg.generic {indexing_maps = [#mn, #mn], iterator_types = ["parallel", "parallel"]} ins(%sum : tensor<?x?xf32>) outs(%e2 : tensor<?x?xf32>) {
  ^bb0(%a: f32, %o: f32):
    %m = arith.maximumf %a, %f0 : f32
    linalg.yield %m : f32
  } -> tensor<?x?xf32>
  return %lx : tensor<?x?xf32>
}

// Weights that do not depend on the query.
// CHECK-LABEL: func @weights_per_head
// CHECK-NOT: mqa.logits
// CHECK: return
func.func @weights_per_head(%q: tensor<?x64x128xf8E4M3FN>, %k: tensor<?x128xf8E4M3FN>, %s: tensor<?xf32>, %w: tensor<64xf32>, %e3: tensor<?x64x?xf32>, %e2: tensor<?x?xf32>) -> tensor<?x?xf32> {
  %f0 = arith.constant 0.0 : f32
  %z3 = linalg.fill ins(%f0 : f32) outs(%e3 : tensor<?x64x?xf32>) -> tensor<?x64x?xf32>
  %sc = linalg.generic {indexing_maps = [#mhnd_q, #mhnd_k, #mhnd_s], iterator_types = ["parallel", "parallel", "parallel", "reduction"]} ins(%q, %k : tensor<?x64x128xf8E4M3FN>, tensor<?x128xf8E4M3FN>) outs(%z3 : tensor<?x64x?xf32>) {
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
  %sum = linalg.generic {indexing_maps = [#mhn, affine_map<(m, h, n) -> (h)>, #mhn_mn], iterator_types = ["parallel", "reduction", "parallel"]} ins(%rl, %w : tensor<?x64x?xf32>, tensor<64xf32>) outs(%z2 : tensor<?x?xf32>) {
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

// A scale that belongs to the query.
// CHECK-LABEL: func @scale_per_query
// CHECK: mqa.logits
// CHECK-NOT: clean
// CHECK: linalg.generic
// CHECK: return
func.func @scale_per_query(%q: tensor<?x64x128xf8E4M3FN>, %k: tensor<?x128xf8E4M3FN>, %s: tensor<?xf32>, %w: tensor<?x64xf32>, %ks: tensor<?xi32>, %ke: tensor<?xi32>, %e3: tensor<?x64x?xf32>, %e2: tensor<?x?xf32>) -> tensor<?x?xf32> {
  %f0 = arith.constant 0.0 : f32
  %z3 = linalg.fill ins(%f0 : f32) outs(%e3 : tensor<?x64x?xf32>) -> tensor<?x64x?xf32>
  %sc = linalg.generic {indexing_maps = [#mhnd_q, #mhnd_k, #mhnd_s], iterator_types = ["parallel", "parallel", "parallel", "reduction"]} ins(%q, %k : tensor<?x64x128xf8E4M3FN>, tensor<?x128xf8E4M3FN>) outs(%z3 : tensor<?x64x?xf32>) {
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
  %lg = linalg.generic {indexing_maps = [#mn, #mn_m, #mn], iterator_types = ["parallel", "parallel"]} ins(%sum, %s : tensor<?x?xf32>, tensor<?xf32>) outs(%e2 : tensor<?x?xf32>) {
  ^bb0(%a: f32, %b: f32, %o: f32):
    %p = arith.mulf %a, %b : f32
    linalg.yield %p : f32
  } -> tensor<?x?xf32>
  return %lg : tensor<?x?xf32>
}

// Two scales of a key.
// CHECK-LABEL: func @two_scales
// CHECK: mqa.logits
// CHECK-NOT: clean
// CHECK: linalg.generic
// CHECK: return
func.func @two_scales(%q: tensor<?x64x128xf8E4M3FN>, %k: tensor<?x128xf8E4M3FN>, %s: tensor<?xf32>, %w: tensor<?x64xf32>, %w2: tensor<?xf32>, %e3: tensor<?x64x?xf32>, %e2: tensor<?x?xf32>) -> tensor<?x?xf32> {
  %f0 = arith.constant 0.0 : f32
  %z3 = linalg.fill ins(%f0 : f32) outs(%e3 : tensor<?x64x?xf32>) -> tensor<?x64x?xf32>
  %sc = linalg.generic {indexing_maps = [#mhnd_q, #mhnd_k, #mhnd_s], iterator_types = ["parallel", "parallel", "parallel", "reduction"]} ins(%q, %k : tensor<?x64x128xf8E4M3FN>, tensor<?x128xf8E4M3FN>) outs(%z3 : tensor<?x64x?xf32>) {
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
  %l1 = linalg.generic {indexing_maps = [#mn, #mn_n, #mn], iterator_types = ["parallel", "parallel"]} ins(%sum, %s : tensor<?x?xf32>, tensor<?xf32>) outs(%e2 : tensor<?x?xf32>) {
  ^bb0(%a: f32, %b: f32, %o: f32):
    %p = arith.mulf %a, %b : f32
    linalg.yield %p : f32
  } -> tensor<?x?xf32>
  %lg = linalg.generic {indexing_maps = [#mn, #mn_n, #mn], iterator_types = ["parallel", "parallel"]} ins(%l1, %w2 : tensor<?x?xf32>, tensor<?xf32>) outs(%e2 : tensor<?x?xf32>) {
  ^bb0(%a: f32, %b: f32, %o: f32):
    %p = arith.mulf %a, %b : f32
    linalg.yield %p : f32
  } -> tensor<?x?xf32>
  return %lg : tensor<?x?xf32>
}

// n <= ke.
// CHECK-LABEL: func @inclusive_end
// CHECK: mqa.logits
// CHECK-NOT: clean
// CHECK: linalg.generic
// CHECK: return
func.func @inclusive_end(%q: tensor<?x64x128xf8E4M3FN>, %k: tensor<?x128xf8E4M3FN>, %s: tensor<?xf32>, %w: tensor<?x64xf32>, %ks: tensor<?xi32>, %ke: tensor<?xi32>, %e3: tensor<?x64x?xf32>, %e2: tensor<?x?xf32>) -> tensor<?x?xf32> {
  %f0 = arith.constant 0.0 : f32
  %z3 = linalg.fill ins(%f0 : f32) outs(%e3 : tensor<?x64x?xf32>) -> tensor<?x64x?xf32>
  %sc = linalg.generic {indexing_maps = [#mhnd_q, #mhnd_k, #mhnd_s], iterator_types = ["parallel", "parallel", "parallel", "reduction"]} ins(%q, %k : tensor<?x64x128xf8E4M3FN>, tensor<?x128xf8E4M3FN>) outs(%z3 : tensor<?x64x?xf32>) {
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
  %inf = arith.constant 0xFF800000 : f32
  %mk = linalg.generic {indexing_maps = [#mn, #mn_m, #mn_m, #mn], iterator_types = ["parallel", "parallel"]} ins(%sum, %ks, %ke : tensor<?x?xf32>, tensor<?xi32>, tensor<?xi32>) outs(%e2 : tensor<?x?xf32>) {
  ^bb0(%a: f32, %b: i32, %c: i32, %o: f32):
    %n = linalg.index 1 : index
    %n32 = arith.index_cast %n : index to i32
    %c0 = arith.cmpi sge, %n32, %b : i32
    %c1 = arith.cmpi sle, %n32, %c : i32
    %c2 = arith.andi %c0, %c1 : i1
    %r = arith.select %c2, %a, %inf : f32
    linalg.yield %r : f32
  } -> tensor<?x?xf32>
  return %mk : tensor<?x?xf32>
}

// 0 outside of the range.
// CHECK-LABEL: func @masked_by_zero
// CHECK: mqa.logits
// CHECK-NOT: clean
// CHECK: linalg.generic
// CHECK: return
func.func @masked_by_zero(%q: tensor<?x64x128xf8E4M3FN>, %k: tensor<?x128xf8E4M3FN>, %s: tensor<?xf32>, %w: tensor<?x64xf32>, %ks: tensor<?xi32>, %ke: tensor<?xi32>, %e3: tensor<?x64x?xf32>, %e2: tensor<?x?xf32>) -> tensor<?x?xf32> {
  %f0 = arith.constant 0.0 : f32
  %z3 = linalg.fill ins(%f0 : f32) outs(%e3 : tensor<?x64x?xf32>) -> tensor<?x64x?xf32>
  %sc = linalg.generic {indexing_maps = [#mhnd_q, #mhnd_k, #mhnd_s], iterator_types = ["parallel", "parallel", "parallel", "reduction"]} ins(%q, %k : tensor<?x64x128xf8E4M3FN>, tensor<?x128xf8E4M3FN>) outs(%z3 : tensor<?x64x?xf32>) {
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
  %inf = arith.constant 0.0 : f32
  %mk = linalg.generic {indexing_maps = [#mn, #mn_m, #mn_m, #mn], iterator_types = ["parallel", "parallel"]} ins(%sum, %ks, %ke : tensor<?x?xf32>, tensor<?xi32>, tensor<?xi32>) outs(%e2 : tensor<?x?xf32>) {
  ^bb0(%a: f32, %b: i32, %c: i32, %o: f32):
    %n = linalg.index 1 : index
    %n32 = arith.index_cast %n : index to i32
    %c0 = arith.cmpi sge, %n32, %b : i32
    %c1 = arith.cmpi slt, %n32, %c : i32
    %c2 = arith.andi %c0, %c1 : i1
    %r = arith.select %c2, %a, %inf : f32
    linalg.yield %r : f32
  } -> tensor<?x?xf32>
  return %mk : tensor<?x?xf32>
}

// -inf inside.
// CHECK-LABEL: func @inverted_mask
// CHECK: mqa.logits
// CHECK-NOT: clean
// CHECK: linalg.generic
// CHECK: return
func.func @inverted_mask(%q: tensor<?x64x128xf8E4M3FN>, %k: tensor<?x128xf8E4M3FN>, %s: tensor<?xf32>, %w: tensor<?x64xf32>, %ks: tensor<?xi32>, %ke: tensor<?xi32>, %e3: tensor<?x64x?xf32>, %e2: tensor<?x?xf32>) -> tensor<?x?xf32> {
  %f0 = arith.constant 0.0 : f32
  %z3 = linalg.fill ins(%f0 : f32) outs(%e3 : tensor<?x64x?xf32>) -> tensor<?x64x?xf32>
  %sc = linalg.generic {indexing_maps = [#mhnd_q, #mhnd_k, #mhnd_s], iterator_types = ["parallel", "parallel", "parallel", "reduction"]} ins(%q, %k : tensor<?x64x128xf8E4M3FN>, tensor<?x128xf8E4M3FN>) outs(%z3 : tensor<?x64x?xf32>) {
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
  %inf = arith.constant 0xFF800000 : f32
  %mk = linalg.generic {indexing_maps = [#mn, #mn_m, #mn_m, #mn], iterator_types = ["parallel", "parallel"]} ins(%sum, %ks, %ke : tensor<?x?xf32>, tensor<?xi32>, tensor<?xi32>) outs(%e2 : tensor<?x?xf32>) {
  ^bb0(%a: f32, %b: i32, %c: i32, %o: f32):
    %n = linalg.index 1 : index
    %n32 = arith.index_cast %n : index to i32
    %c0 = arith.cmpi sge, %n32, %b : i32
    %c1 = arith.cmpi slt, %n32, %c : i32
    %c2 = arith.andi %c0, %c1 : i1
    %r = arith.select %c2, %inf, %a : f32
    linalg.yield %r : f32
  } -> tensor<?x?xf32>
  return %mk : tensor<?x?xf32>
}

// Scores added to what was there.
// CHECK-LABEL: func @onto_something
// CHECK-NOT: mqa.logits
// CHECK: return
func.func @onto_something(%q: tensor<?x64x128xf8E4M3FN>, %k: tensor<?x128xf8E4M3FN>, %s: tensor<?xf32>, %w: tensor<?x64xf32>, %ks: tensor<?xi32>, %ke: tensor<?xi32>, %e3: tensor<?x64x?xf32>, %e2: tensor<?x?xf32>) -> tensor<?x?xf32> {
  %f0 = arith.constant 0.0 : f32
  %z3 = linalg.fill ins(%f0 : f32) outs(%e3 : tensor<?x64x?xf32>) -> tensor<?x64x?xf32>
  %sc = linalg.generic {indexing_maps = [#mhnd_q, #mhnd_k, #mhnd_s], iterator_types = ["parallel", "parallel", "parallel", "reduction"]} ins(%q, %k : tensor<?x64x128xf8E4M3FN>, tensor<?x128xf8E4M3FN>) outs(%e3 : tensor<?x64x?xf32>) {
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

// The greatest head instead of their sum.
// CHECK-LABEL: func @greatest_head
// CHECK-NOT: mqa.logits
// CHECK: return
func.func @greatest_head(%q: tensor<?x64x128xf8E4M3FN>, %k: tensor<?x128xf8E4M3FN>, %s: tensor<?xf32>, %w: tensor<?x64xf32>, %ks: tensor<?xi32>, %ke: tensor<?xi32>, %e3: tensor<?x64x?xf32>, %e2: tensor<?x?xf32>) -> tensor<?x?xf32> {
  %f0 = arith.constant 0.0 : f32
  %z3 = linalg.fill ins(%f0 : f32) outs(%e3 : tensor<?x64x?xf32>) -> tensor<?x64x?xf32>
  %sc = linalg.generic {indexing_maps = [#mhnd_q, #mhnd_k, #mhnd_s], iterator_types = ["parallel", "parallel", "parallel", "reduction"]} ins(%q, %k : tensor<?x64x128xf8E4M3FN>, tensor<?x128xf8E4M3FN>) outs(%z3 : tensor<?x64x?xf32>) {
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
    %r = arith.maximumf %acc, %p : f32
    linalg.yield %r : f32
  } -> tensor<?x?xf32>
  %lg = linalg.generic {indexing_maps = [#mn, #mn_n, #mn], iterator_types = ["parallel", "parallel"]} ins(%sum, %s : tensor<?x?xf32>, tensor<?xf32>) outs(%e2 : tensor<?x?xf32>) {
  ^bb0(%a: f32, %b: f32, %o: f32):
    %p = arith.mulf %a, %b : f32
    linalg.yield %p : f32
  } -> tensor<?x?xf32>
  return %lg : tensor<?x?xf32>
}

// q and k of different types.
// CHECK-LABEL: func @two_types
// CHECK-NOT: mqa.logits
// CHECK: return
func.func @two_types(%q: tensor<?x64x128xf8E4M3FN>, %k: tensor<?x128xbf16>, %s: tensor<?xf32>, %w: tensor<?x64xf32>, %e3: tensor<?x64x?xf32>, %e2: tensor<?x?xf32>) -> tensor<?x?xf32> {
  %f0 = arith.constant 0.0 : f32
  %z3 = linalg.fill ins(%f0 : f32) outs(%e3 : tensor<?x64x?xf32>) -> tensor<?x64x?xf32>
  %sc = linalg.generic {indexing_maps = [#mhnd_q, #mhnd_k, #mhnd_s], iterator_types = ["parallel", "parallel", "parallel", "reduction"]} ins(%q, %k : tensor<?x64x128xf8E4M3FN>, tensor<?x128xbf16>) outs(%z3 : tensor<?x64x?xf32>) {
  ^bb0(%a: f8E4M3FN, %b: bf16, %acc: f32):
    %x = arith.extf %a : f8E4M3FN to f32
    %y = arith.extf %b : bf16 to f32
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

// D = 24 is no multiple of 16.
// CHECK-LABEL: func @odd_head_dim
// CHECK-NOT: mqa.logits
// CHECK: return
func.func @odd_head_dim(%q: tensor<?x64x24xf8E4M3FN>, %k: tensor<?x24xf8E4M3FN>, %s: tensor<?xf32>, %w: tensor<?x64xf32>, %e3: tensor<?x64x?xf32>, %e2: tensor<?x?xf32>) -> tensor<?x?xf32> {
  %f0 = arith.constant 0.0 : f32
  %z3 = linalg.fill ins(%f0 : f32) outs(%e3 : tensor<?x64x?xf32>) -> tensor<?x64x?xf32>
  %sc = linalg.generic {indexing_maps = [#mhnd_q, #mhnd_k, #mhnd_s], iterator_types = ["parallel", "parallel", "parallel", "reduction"]} ins(%q, %k : tensor<?x64x24xf8E4M3FN>, tensor<?x24xf8E4M3FN>) outs(%z3 : tensor<?x64x?xf32>) {
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

// q and k that are not narrow.
// CHECK-LABEL: func @f32_inputs
// CHECK-NOT: mqa.logits
// CHECK: return
func.func @f32_inputs(%q: tensor<?x64x128xf32>, %k: tensor<?x128xf32>, %s: tensor<?xf32>, %w: tensor<?x64xf32>, %e3: tensor<?x64x?xf32>, %e2: tensor<?x?xf32>) -> tensor<?x?xf32> {
  %f0 = arith.constant 0.0 : f32
  %z3 = linalg.fill ins(%f0 : f32) outs(%e3 : tensor<?x64x?xf32>) -> tensor<?x64x?xf32>
  %sc = linalg.generic {indexing_maps = [#mhnd_q, #mhnd_k, #mhnd_s], iterator_types = ["parallel", "parallel", "parallel", "reduction"]} ins(%q, %k : tensor<?x64x128xf32>, tensor<?x128xf32>) outs(%z3 : tensor<?x64x?xf32>) {
  ^bb0(%a: f32, %b: f32, %acc: f32):
    %p = arith.mulf %a, %b : f32
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
