// RUN: mqa-opt %s --pass-pipeline='builtin.module(func.func(mqa-raise))' | FileCheck %s
// RUN: mqa-opt %s --pass-pipeline='builtin.module(func.func(mqa-raise{positive-scales=true}))' | FileCheck %s
// RUN: mqa-opt %s --mqa-raise --remarks-filter=mqa-raise --remark-format=emitRemark --verify-diagnostics -o /dev/null

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
    // expected-remark@below {{no mqa.logits: 'arith.maximumf' is not a maximum of a score and 0}}
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
    // expected-remark@below {{no mqa.logits: the maximum is of a score times its weight}}
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
    // expected-remark@below {{no mqa.logits: outside of the mask is 0, not -inf}}
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
    // expected-remark@below {{no mqa.logits: the mask is either of two conditions}}
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
  // expected-remark@below {{no mqa.logits: 'linalg.generic' is a sum that does not start from 0}}
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
  // expected-remark@below {{no mqa.logits: 'linalg.generic' is a reduction that is not a sum}}
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

// bf16 does not have all numbers of f16, nor the other way round.
// CHECK-LABEL: func @two_types
// CHECK-NOT: mqa.logits
// CHECK: return
func.func @two_types(%q: tensor<?x64x128xf16>, %k: tensor<?x128xbf16>, %s: tensor<?xf32>, %w: tensor<?x64xf32>, %e3: tensor<?x64x?xf32>, %e2: tensor<?x?xf32>) -> tensor<?x?xf32> {
  %f0 = arith.constant 0.0 : f32
  %z3 = linalg.fill ins(%f0 : f32) outs(%e3 : tensor<?x64x?xf32>) -> tensor<?x64x?xf32>
  // expected-remark@below {{no mqa.logits: q and k are of bf16 and f16}}
  %sc = linalg.generic {indexing_maps = [#mhnd_q, #mhnd_k, #mhnd_s], iterator_types = ["parallel", "parallel", "parallel", "reduction"]} ins(%q, %k : tensor<?x64x128xf16>, tensor<?x128xbf16>) outs(%z3 : tensor<?x64x?xf32>) {
  ^bb0(%a: f16, %b: bf16, %acc: f32):
    %x = arith.extf %a : f16 to f32
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
  // expected-remark@below {{no mqa.logits: the head dim is 24, not a multiple of 16 up to 256}}
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
  // expected-remark@below {{no mqa.logits: q is of f32, not decoded from f8E4M3FN, f8E5M2, bf16 or f16}}
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

// Not only is it another computation: as a formula each of these would have 2^32
// factors. The pass gives up on it at once.
// CHECK-LABEL: func @squares
// CHECK-NOT: mqa.logits
func.func @squares(%x: tensor<?x?xf32>, %e: tensor<?x?xf32>) -> tensor<?x?xf32> {
  %t0 = linalg.mul ins(%x, %x : tensor<?x?xf32>, tensor<?x?xf32>) outs(%e : tensor<?x?xf32>) -> tensor<?x?xf32>
  %t1 = linalg.mul ins(%t0, %t0 : tensor<?x?xf32>, tensor<?x?xf32>) outs(%e : tensor<?x?xf32>) -> tensor<?x?xf32>
  %t2 = linalg.mul ins(%t1, %t1 : tensor<?x?xf32>, tensor<?x?xf32>) outs(%e : tensor<?x?xf32>) -> tensor<?x?xf32>
  %t3 = linalg.mul ins(%t2, %t2 : tensor<?x?xf32>, tensor<?x?xf32>) outs(%e : tensor<?x?xf32>) -> tensor<?x?xf32>
  %t4 = linalg.mul ins(%t3, %t3 : tensor<?x?xf32>, tensor<?x?xf32>) outs(%e : tensor<?x?xf32>) -> tensor<?x?xf32>
  %t5 = linalg.mul ins(%t4, %t4 : tensor<?x?xf32>, tensor<?x?xf32>) outs(%e : tensor<?x?xf32>) -> tensor<?x?xf32>
  %t6 = linalg.mul ins(%t5, %t5 : tensor<?x?xf32>, tensor<?x?xf32>) outs(%e : tensor<?x?xf32>) -> tensor<?x?xf32>
  %t7 = linalg.mul ins(%t6, %t6 : tensor<?x?xf32>, tensor<?x?xf32>) outs(%e : tensor<?x?xf32>) -> tensor<?x?xf32>
  %t8 = linalg.mul ins(%t7, %t7 : tensor<?x?xf32>, tensor<?x?xf32>) outs(%e : tensor<?x?xf32>) -> tensor<?x?xf32>
  %t9 = linalg.mul ins(%t8, %t8 : tensor<?x?xf32>, tensor<?x?xf32>) outs(%e : tensor<?x?xf32>) -> tensor<?x?xf32>
  %t10 = linalg.mul ins(%t9, %t9 : tensor<?x?xf32>, tensor<?x?xf32>) outs(%e : tensor<?x?xf32>) -> tensor<?x?xf32>
  %t11 = linalg.mul ins(%t10, %t10 : tensor<?x?xf32>, tensor<?x?xf32>) outs(%e : tensor<?x?xf32>) -> tensor<?x?xf32>
  %t12 = linalg.mul ins(%t11, %t11 : tensor<?x?xf32>, tensor<?x?xf32>) outs(%e : tensor<?x?xf32>) -> tensor<?x?xf32>
  %t13 = linalg.mul ins(%t12, %t12 : tensor<?x?xf32>, tensor<?x?xf32>) outs(%e : tensor<?x?xf32>) -> tensor<?x?xf32>
  %t14 = linalg.mul ins(%t13, %t13 : tensor<?x?xf32>, tensor<?x?xf32>) outs(%e : tensor<?x?xf32>) -> tensor<?x?xf32>
  %t15 = linalg.mul ins(%t14, %t14 : tensor<?x?xf32>, tensor<?x?xf32>) outs(%e : tensor<?x?xf32>) -> tensor<?x?xf32>
  %t16 = linalg.mul ins(%t15, %t15 : tensor<?x?xf32>, tensor<?x?xf32>) outs(%e : tensor<?x?xf32>) -> tensor<?x?xf32>
  %t17 = linalg.mul ins(%t16, %t16 : tensor<?x?xf32>, tensor<?x?xf32>) outs(%e : tensor<?x?xf32>) -> tensor<?x?xf32>
  %t18 = linalg.mul ins(%t17, %t17 : tensor<?x?xf32>, tensor<?x?xf32>) outs(%e : tensor<?x?xf32>) -> tensor<?x?xf32>
  %t19 = linalg.mul ins(%t18, %t18 : tensor<?x?xf32>, tensor<?x?xf32>) outs(%e : tensor<?x?xf32>) -> tensor<?x?xf32>
  %t20 = linalg.mul ins(%t19, %t19 : tensor<?x?xf32>, tensor<?x?xf32>) outs(%e : tensor<?x?xf32>) -> tensor<?x?xf32>
  %t21 = linalg.mul ins(%t20, %t20 : tensor<?x?xf32>, tensor<?x?xf32>) outs(%e : tensor<?x?xf32>) -> tensor<?x?xf32>
  %t22 = linalg.mul ins(%t21, %t21 : tensor<?x?xf32>, tensor<?x?xf32>) outs(%e : tensor<?x?xf32>) -> tensor<?x?xf32>
  %t23 = linalg.mul ins(%t22, %t22 : tensor<?x?xf32>, tensor<?x?xf32>) outs(%e : tensor<?x?xf32>) -> tensor<?x?xf32>
  %t24 = linalg.mul ins(%t23, %t23 : tensor<?x?xf32>, tensor<?x?xf32>) outs(%e : tensor<?x?xf32>) -> tensor<?x?xf32>
  %t25 = linalg.mul ins(%t24, %t24 : tensor<?x?xf32>, tensor<?x?xf32>) outs(%e : tensor<?x?xf32>) -> tensor<?x?xf32>
  %t26 = linalg.mul ins(%t25, %t25 : tensor<?x?xf32>, tensor<?x?xf32>) outs(%e : tensor<?x?xf32>) -> tensor<?x?xf32>
  %t27 = linalg.mul ins(%t26, %t26 : tensor<?x?xf32>, tensor<?x?xf32>) outs(%e : tensor<?x?xf32>) -> tensor<?x?xf32>
  %t28 = linalg.mul ins(%t27, %t27 : tensor<?x?xf32>, tensor<?x?xf32>) outs(%e : tensor<?x?xf32>) -> tensor<?x?xf32>
  %t29 = linalg.mul ins(%t28, %t28 : tensor<?x?xf32>, tensor<?x?xf32>) outs(%e : tensor<?x?xf32>) -> tensor<?x?xf32>
  %t30 = linalg.mul ins(%t29, %t29 : tensor<?x?xf32>, tensor<?x?xf32>) outs(%e : tensor<?x?xf32>) -> tensor<?x?xf32>
  %t31 = linalg.mul ins(%t30, %t30 : tensor<?x?xf32>, tensor<?x?xf32>) outs(%e : tensor<?x?xf32>) -> tensor<?x?xf32>
  %b = linalg.generic {indexing_maps = [#mn, #mn], iterator_types = ["parallel", "parallel"]} ins(%t31 : tensor<?x?xf32>) outs(%e : tensor<?x?xf32>) {
  ^bb0(%v: f32, %o: f32):
    %p0 = arith.mulf %v, %v : f32
    %p1 = arith.mulf %p0, %p0 : f32
    %p2 = arith.mulf %p1, %p1 : f32
    %p3 = arith.mulf %p2, %p2 : f32
    %p4 = arith.mulf %p3, %p3 : f32
    %p5 = arith.mulf %p4, %p4 : f32
    %p6 = arith.mulf %p5, %p5 : f32
    %p7 = arith.mulf %p6, %p6 : f32
    %p8 = arith.mulf %p7, %p7 : f32
    %p9 = arith.mulf %p8, %p8 : f32
    %p10 = arith.mulf %p9, %p9 : f32
    %p11 = arith.mulf %p10, %p10 : f32
    %p12 = arith.mulf %p11, %p11 : f32
    %p13 = arith.mulf %p12, %p12 : f32
    %p14 = arith.mulf %p13, %p13 : f32
    %p15 = arith.mulf %p14, %p14 : f32
    %p16 = arith.mulf %p15, %p15 : f32
    %p17 = arith.mulf %p16, %p16 : f32
    %p18 = arith.mulf %p17, %p17 : f32
    %p19 = arith.mulf %p18, %p18 : f32
    %p20 = arith.mulf %p19, %p19 : f32
    %p21 = arith.mulf %p20, %p20 : f32
    %p22 = arith.mulf %p21, %p21 : f32
    %p23 = arith.mulf %p22, %p22 : f32
    %p24 = arith.mulf %p23, %p23 : f32
    %p25 = arith.mulf %p24, %p24 : f32
    %p26 = arith.mulf %p25, %p25 : f32
    %p27 = arith.mulf %p26, %p26 : f32
    %p28 = arith.mulf %p27, %p27 : f32
    %p29 = arith.mulf %p28, %p28 : f32
    %p30 = arith.mulf %p29, %p29 : f32
    %p31 = arith.mulf %p30, %p30 : f32
    linalg.yield %p31 : f32
  } -> tensor<?x?xf32>
  return %b : tensor<?x?xf32>
}

// A layer with relu is nothing like logits: no remark.
// CHECK-LABEL: func @layer
// CHECK-NOT: mqa.logits
// CHECK: return
func.func @layer(%x: tensor<24x64xbf16>, %a: tensor<64x128xbf16>, %b: tensor<128x32xf32>) -> tensor<24x32xf32> {
  %zero = arith.constant 0.0 : f32
  %e1 = tensor.empty() : tensor<24x128xf32>
  %z1 = linalg.fill ins(%zero : f32) outs(%e1 : tensor<24x128xf32>) -> tensor<24x128xf32>
  %h = linalg.matmul ins(%x, %a : tensor<24x64xbf16>, tensor<64x128xbf16>) outs(%z1 : tensor<24x128xf32>) -> tensor<24x128xf32>
  %r = linalg.generic {indexing_maps = [#mn, #mn], iterator_types = ["parallel", "parallel"]} ins(%h : tensor<24x128xf32>) outs(%e1 : tensor<24x128xf32>) {
  ^bb0(%i: f32, %o: f32):
    %m = arith.maximumf %i, %zero : f32
    linalg.yield %m : f32
  } -> tensor<24x128xf32>
  %e2 = tensor.empty() : tensor<24x32xf32>
  %z2 = linalg.fill ins(%zero : f32) outs(%e2 : tensor<24x32xf32>) -> tensor<24x32xf32>
  %y = linalg.matmul ins(%r, %b : tensor<24x128xf32>, tensor<128x32xf32>) outs(%z2 : tensor<24x32xf32>) -> tensor<24x32xf32>
  return %y : tensor<24x32xf32>
}

// The greatest score of each head and query, as in a softmax: no remark.
// CHECK-LABEL: func @greatest_score
// CHECK-NOT: mqa.logits
// CHECK: return
func.func @greatest_score(%q: tensor<24x8x32xbf16>, %k: tensor<64x8x32xbf16>) -> tensor<8x24xf32> {
  %zero = arith.constant 0.0 : f32
  %ninf = arith.constant 0xFF800000 : f32
  %e = tensor.empty() : tensor<8x24x64xf32>
  %z = linalg.fill ins(%zero : f32) outs(%e : tensor<8x24x64xf32>) -> tensor<8x24x64xf32>
  %s = linalg.generic {indexing_maps = [affine_map<(h, m, n, d) -> (m, h, d)>, affine_map<(h, m, n, d) -> (n, h, d)>, affine_map<(h, m, n, d) -> (h, m, n)>], iterator_types = ["parallel", "parallel", "parallel", "reduction"]} ins(%q, %k : tensor<24x8x32xbf16>, tensor<64x8x32xbf16>) outs(%z : tensor<8x24x64xf32>) {
  ^bb0(%a: bf16, %b: bf16, %acc: f32):
    %x = arith.extf %a : bf16 to f32
    %y = arith.extf %b : bf16 to f32
    %p = arith.mulf %x, %y : f32
    %r = arith.addf %acc, %p : f32
    linalg.yield %r : f32
  } -> tensor<8x24x64xf32>
  %e2 = tensor.empty() : tensor<8x24xf32>
  %low = linalg.fill ins(%ninf : f32) outs(%e2 : tensor<8x24xf32>) -> tensor<8x24xf32>
  %most = linalg.generic {indexing_maps = [affine_map<(h, m, n) -> (h, m, n)>, affine_map<(h, m, n) -> (h, m)>], iterator_types = ["parallel", "parallel", "reduction"]} ins(%s : tensor<8x24x64xf32>) outs(%low : tensor<8x24xf32>) {
  ^bb0(%a: f32, %acc: f32):
    %r = arith.maximumf %a, %acc : f32
    linalg.yield %r : f32
  } -> tensor<8x24xf32>
  return %most : tensor<8x24xf32>
}
