// RUN: mqa-opt %s --pass-pipeline='builtin.module(func.func(mqa-raise,canonicalize))' | FileCheck %s
// RUN: mqa-opt %s --pass-pipeline='builtin.module(func.func(mqa-raise{positive-scales=true},canonicalize))' | FileCheck %s --check-prefix=POSITIVE

// A formula on elements, however it is cut into ops.
#mhnd_q = affine_map<(m, h, n, d) -> (m, h, d)>
#mhnd_k = affine_map<(m, h, n, d) -> (n, d)>
#mhnd_s = affine_map<(m, h, n, d) -> (m, h, n)>
#mhn = affine_map<(m, h, n) -> (m, h, n)>
#mhn_mh = affine_map<(m, h, n) -> (m, h)>
#mhn_mn = affine_map<(m, h, n) -> (m, n)>
#mn = affine_map<(m, n) -> (m, n)>
#mn_n = affine_map<(m, n) -> (n)>
#mn_m = affine_map<(m, n) -> (m)>

// Five ops; without a mask, ranges begin nowhere and end behind the last key.
// CHECK-LABEL: func @canonical
// CHECK: arith.index_cast %{{.*}} : index to i32
// CHECK: mqa.logits ins(%[[Q:[a-z0-9]+]], %{{.*}}, %{{.*}}, %{{.*}}, none, %{{.*}} : tensor<?x64x128xf8E4M3FN>, tensor<?x128xf8E4M3FN>, tensor<?xf32>, tensor<?x64xf32>, tensor<?xi32>)
// CHECK-NOT: linalg.generic
func.func @canonical(%q: tensor<?x64x128xf8E4M3FN>, %k: tensor<?x128xf8E4M3FN>, %s: tensor<?xf32>, %w: tensor<?x64xf32>, %ks: tensor<?xi32>, %ke: tensor<?xi32>, %e3: tensor<?x64x?xf32>, %e2: tensor<?x?xf32>) -> tensor<?x?xf32> {
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
  %lg = linalg.generic {indexing_maps = [#mn, #mn_n, #mn], iterator_types = ["parallel", "parallel"]} ins(%sum, %s : tensor<?x?xf32>, tensor<?xf32>) outs(%e2 : tensor<?x?xf32>) {
  ^bb0(%a: f32, %b: f32, %o: f32):
    %p = arith.mulf %a, %b : f32
    linalg.yield %p : f32
  } -> tensor<?x?xf32>
  return %lg : tensor<?x?xf32>
}

// Relu, weights and sum in one op.
// CHECK-LABEL: func @fused
// CHECK: mqa.logits ins(%[[Q:[a-z0-9]+]], %{{.*}}, %{{.*}}, %{{.*}}, none, %{{.*}} : tensor<?x64x128xf8E4M3FN>, tensor<?x128xf8E4M3FN>, tensor<?xf32>, tensor<?x64xf32>, tensor<?xi32>)
// CHECK-NOT: linalg.generic
func.func @fused(%q: tensor<?x64x128xf8E4M3FN>, %k: tensor<?x128xf8E4M3FN>, %s: tensor<?xf32>, %w: tensor<?x64xf32>, %ks: tensor<?xi32>, %ke: tensor<?xi32>, %e3: tensor<?x64x?xf32>, %e2: tensor<?x?xf32>) -> tensor<?x?xf32> {
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
    %pre = arith.maximumf %a, %f0 : f32
    %p = arith.mulf %pre, %b : f32
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

// An unordered comparison is true of NaN.
// CHECK-LABEL: func @relu_by_select
// CHECK: mqa.logits ins(%[[Q:[a-z0-9]+]], %{{.*}}, %{{.*}}, %{{.*}}, none, %{{.*}} : tensor<?x64x128xf8E4M3FN>, tensor<?x128xf8E4M3FN>, tensor<?xf32>, tensor<?x64xf32>, tensor<?xi32>)
// CHECK-NOT: linalg.generic
func.func @relu_by_select(%q: tensor<?x64x128xf8E4M3FN>, %k: tensor<?x128xf8E4M3FN>, %s: tensor<?xf32>, %w: tensor<?x64xf32>, %ks: tensor<?xi32>, %ke: tensor<?xi32>, %e3: tensor<?x64x?xf32>, %e2: tensor<?x?xf32>) -> tensor<?x?xf32> {
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
    %t = arith.cmpf ugt, %a, %f0 : f32
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

// Factors and operands the other way round.
// CHECK-LABEL: func @other_order
// CHECK: mqa.logits ins(%[[Q:[a-z0-9]+]], %{{.*}}, %{{.*}}, %{{.*}}, none, %{{.*}} : tensor<?x64x128xf8E4M3FN>, tensor<?x128xf8E4M3FN>, tensor<?xf32>, tensor<?x64xf32>, tensor<?xi32>)
// CHECK-NOT: linalg.generic
func.func @other_order(%q: tensor<?x64x128xf8E4M3FN>, %k: tensor<?x128xf8E4M3FN>, %s: tensor<?xf32>, %w: tensor<?x64xf32>, %ks: tensor<?xi32>, %ke: tensor<?xi32>, %e3: tensor<?x64x?xf32>, %e2: tensor<?x?xf32>) -> tensor<?x?xf32> {
  %f0 = arith.constant 0.0 : f32
  %z3 = linalg.fill ins(%f0 : f32) outs(%e3 : tensor<?x64x?xf32>) -> tensor<?x64x?xf32>
  %sc = linalg.generic {indexing_maps = [#mhnd_q, #mhnd_k, #mhnd_s], iterator_types = ["parallel", "parallel", "parallel", "reduction"]} ins(%q, %k : tensor<?x64x128xf8E4M3FN>, tensor<?x128xf8E4M3FN>) outs(%z3 : tensor<?x64x?xf32>) {
  ^bb0(%a: f8E4M3FN, %b: f8E4M3FN, %acc: f32):
    %x = arith.extf %a : f8E4M3FN to f32
    %y = arith.extf %b : f8E4M3FN to f32
    %p = arith.mulf %y, %x : f32
    %r = arith.addf %p, %acc : f32
    linalg.yield %r : f32
  } -> tensor<?x64x?xf32>
  %rl = linalg.generic {indexing_maps = [#mhn, #mhn], iterator_types = ["parallel", "parallel", "parallel"]} ins(%sc : tensor<?x64x?xf32>) outs(%e3 : tensor<?x64x?xf32>) {
  ^bb0(%a: f32, %o: f32):
    %m = arith.maximumf %f0, %a : f32
    linalg.yield %m : f32
  } -> tensor<?x64x?xf32>
  %z2 = linalg.fill ins(%f0 : f32) outs(%e2 : tensor<?x?xf32>) -> tensor<?x?xf32>
  %sum = linalg.generic {indexing_maps = [#mhn, #mhn_mh, #mhn_mn], iterator_types = ["parallel", "reduction", "parallel"]} ins(%rl, %w : tensor<?x64x?xf32>, tensor<?x64xf32>) outs(%z2 : tensor<?x?xf32>) {
  ^bb0(%a: f32, %b: f32, %acc: f32):
    %p = arith.mulf %b, %a : f32
    %r = arith.addf %acc, %p : f32
    linalg.yield %r : f32
  } -> tensor<?x?xf32>
  %lg = linalg.generic {indexing_maps = [#mn, #mn_n, #mn], iterator_types = ["parallel", "parallel"]} ins(%sum, %s : tensor<?x?xf32>, tensor<?xf32>) outs(%e2 : tensor<?x?xf32>) {
  ^bb0(%a: f32, %b: f32, %o: f32):
    %p = arith.mulf %b, %a : f32
    linalg.yield %p : f32
  } -> tensor<?x?xf32>
  return %lg : tensor<?x?xf32>
}

// Keys of D x N.
// CHECK-LABEL: func @transposed_keys
// CHECK: %[[K:.*]] = linalg.transpose ins(%{{.*}} : tensor<128x?xf8E4M3FN>) outs(%{{.*}} : tensor<?x128xf8E4M3FN>) permutation = [1, 0]
// CHECK: mqa.logits ins(%{{.*}}, %[[K]],
func.func @transposed_keys(%q: tensor<?x64x128xf8E4M3FN>, %k: tensor<128x?xf8E4M3FN>, %s: tensor<?xf32>, %w: tensor<?x64xf32>, %e3: tensor<?x64x?xf32>, %e2: tensor<?x?xf32>) -> tensor<?x?xf32> {
  %f0 = arith.constant 0.0 : f32
  %z3 = linalg.fill ins(%f0 : f32) outs(%e3 : tensor<?x64x?xf32>) -> tensor<?x64x?xf32>
  %sc = linalg.generic {indexing_maps = [#mhnd_q, affine_map<(m, h, n, d) -> (d, n)>, #mhnd_s], iterator_types = ["parallel", "parallel", "parallel", "reduction"]} ins(%q, %k : tensor<?x64x128xf8E4M3FN>, tensor<128x?xf8E4M3FN>) outs(%z3 : tensor<?x64x?xf32>) {
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

// Queries of H x M x D, weights of H x M.
// CHECK-LABEL: func @heads_first
// CHECK: linalg.transpose {{.*}} permutation = [1, 0, 2]
// CHECK: linalg.transpose {{.*}} permutation = [1, 0]
// CHECK: mqa.logits
func.func @heads_first(%q: tensor<64x?x128xf8E4M3FN>, %k: tensor<?x128xf8E4M3FN>, %s: tensor<?xf32>, %w: tensor<64x?xf32>, %e3: tensor<?x64x?xf32>, %e2: tensor<?x?xf32>) -> tensor<?x?xf32> {
  %f0 = arith.constant 0.0 : f32
  %z3 = linalg.fill ins(%f0 : f32) outs(%e3 : tensor<?x64x?xf32>) -> tensor<?x64x?xf32>
  %sc = linalg.generic {indexing_maps = [affine_map<(m, h, n, d) -> (h, m, d)>, #mhnd_k, #mhnd_s], iterator_types = ["parallel", "parallel", "parallel", "reduction"]} ins(%q, %k : tensor<64x?x128xf8E4M3FN>, tensor<?x128xf8E4M3FN>) outs(%z3 : tensor<?x64x?xf32>) {
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
  %sum = linalg.generic {indexing_maps = [#mhn, affine_map<(m, h, n) -> (h, m)>, #mhn_mn], iterator_types = ["parallel", "reduction", "parallel"]} ins(%rl, %w : tensor<?x64x?xf32>, tensor<64x?xf32>) outs(%z2 : tensor<?x?xf32>) {
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

// Decoded first, contracted by a named op; static sizes behind a cast.
// CHECK-LABEL: func @named_ops
// CHECK: %[[L:.*]] = mqa.logits ins({{.*}} : tensor<5x64x128xf8E4M3FN>, tensor<7x128xf8E4M3FN>, {{.*}} outs(%{{.*}} : tensor<5x7xf32>) -> tensor<5x7xf32>
// CHECK: tensor.cast %[[L]] : tensor<5x7xf32> to tensor<?x?xf32>
func.func @named_ops(%q: tensor<5x64x128xf8E4M3FN>, %k: tensor<7x128xf8E4M3FN>, %s: tensor<?xf32>, %w: tensor<?x64xf32>, %e3: tensor<?x64x?xf32>, %e2: tensor<?x?xf32>) -> tensor<?x?xf32> {
  %ef = tensor.empty() : tensor<5x64x128xf32>
  %qf = linalg.generic {indexing_maps = [affine_map<(m, h, d) -> (m, h, d)>, affine_map<(m, h, d) -> (m, h, d)>], iterator_types = ["parallel", "parallel", "parallel"]} ins(%q : tensor<5x64x128xf8E4M3FN>) outs(%ef : tensor<5x64x128xf32>) {
  ^bb0(%a: f8E4M3FN, %o: f32):
    %x = arith.extf %a : f8E4M3FN to f32
    linalg.yield %x : f32
  } -> tensor<5x64x128xf32>
  %ek = tensor.empty() : tensor<7x128xf32>
  %kf = linalg.generic {indexing_maps = [affine_map<(n, d) -> (n, d)>, affine_map<(n, d) -> (n, d)>], iterator_types = ["parallel", "parallel"]} ins(%k : tensor<7x128xf8E4M3FN>) outs(%ek : tensor<7x128xf32>) {
  ^bb0(%a: f8E4M3FN, %o: f32):
    %x = arith.extf %a : f8E4M3FN to f32
    linalg.yield %x : f32
  } -> tensor<7x128xf32>
  %f0 = arith.constant 0.0 : f32
  %e0 = tensor.empty() : tensor<5x64x7xf32>
  %z = linalg.fill ins(%f0 : f32) outs(%e0 : tensor<5x64x7xf32>) -> tensor<5x64x7xf32>
  %c = linalg.contract indexing_maps = [#mhnd_q, #mhnd_k, #mhnd_s] ins(%qf, %kf : tensor<5x64x128xf32>, tensor<7x128xf32>) outs(%z : tensor<5x64x7xf32>) -> tensor<5x64x7xf32>
  %sc = tensor.cast %c : tensor<5x64x7xf32> to tensor<?x64x?xf32>
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

// Both bounds, and -inf outside: clean.
// CHECK-LABEL: func @masked
// CHECK-SAME: %[[KS:[a-z0-9]+]]: tensor<?xi32>, %[[KE:[a-z0-9]+]]: tensor<?xi32>
// CHECK: mqa.logits ins(%{{.*}}, %{{.*}}, %{{.*}}, %{{.*}}, %[[KS]], %[[KE]] : {{.*}} {clean} ->
// CHECK-NOT: linalg.generic
func.func @masked(%q: tensor<?x64x128xf8E4M3FN>, %k: tensor<?x128xf8E4M3FN>, %s: tensor<?xf32>, %w: tensor<?x64xf32>, %ks: tensor<?xi32>, %ke: tensor<?xi32>, %e3: tensor<?x64x?xf32>, %e2: tensor<?x?xf32>) -> tensor<?x?xf32> {
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
  %lg = linalg.generic {indexing_maps = [#mn, #mn_n, #mn], iterator_types = ["parallel", "parallel"]} ins(%sum, %s : tensor<?x?xf32>, tensor<?xf32>) outs(%e2 : tensor<?x?xf32>) {
  ^bb0(%a: f32, %b: f32, %o: f32):
    %p = arith.mulf %a, %b : f32
    linalg.yield %p : f32
  } -> tensor<?x?xf32>
  %inf = arith.constant 0xFF800000 : f32
  %mk = linalg.generic {indexing_maps = [#mn, #mn_m, #mn_m, #mn], iterator_types = ["parallel", "parallel"]} ins(%lg, %ks, %ke : tensor<?x?xf32>, tensor<?xi32>, tensor<?xi32>) outs(%e2 : tensor<?x?xf32>) {
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

// An end alone.
// CHECK-LABEL: func @causal
// CHECK-SAME: %{{[a-z0-9]+}}: tensor<?xi32>, %[[KE:[a-z0-9]+]]: tensor<?xi32>
// CHECK: mqa.logits ins(%{{.*}}, %{{.*}}, %{{.*}}, %{{.*}}, none, %[[KE]] :
func.func @causal(%q: tensor<?x64x128xf8E4M3FN>, %k: tensor<?x128xf8E4M3FN>, %s: tensor<?xf32>, %w: tensor<?x64xf32>, %ks: tensor<?xi32>, %ke: tensor<?xi32>, %e3: tensor<?x64x?xf32>, %e2: tensor<?x?xf32>) -> tensor<?x?xf32> {
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
  %lg = linalg.generic {indexing_maps = [#mn, #mn_n, #mn], iterator_types = ["parallel", "parallel"]} ins(%sum, %s : tensor<?x?xf32>, tensor<?xf32>) outs(%e2 : tensor<?x?xf32>) {
  ^bb0(%a: f32, %b: f32, %o: f32):
    %p = arith.mulf %a, %b : f32
    linalg.yield %p : f32
  } -> tensor<?x?xf32>
  %inf = arith.constant 0xFF800000 : f32
  %mk = linalg.generic {indexing_maps = [#mn, #mn_m, #mn_m, #mn], iterator_types = ["parallel", "parallel"]} ins(%lg, %ks, %ke : tensor<?x?xf32>, tensor<?xi32>, tensor<?xi32>) outs(%e2 : tensor<?x?xf32>) {
  ^bb0(%a: f32, %b: i32, %c: i32, %o: f32):
    %n = linalg.index 1 : index
    %n32 = arith.index_cast %n : index to i32
    %c1 = arith.cmpi slt, %n32, %c : i32
    %r = arith.select %c1, %a, %inf : f32
    linalg.yield %r : f32
  } -> tensor<?x?xf32>
  return %mk : tensor<?x?xf32>
}

// ke > n instead of n < ke.
// CHECK-LABEL: func @sgt_swapped
// CHECK: mqa.logits {{.*}} {clean}
func.func @sgt_swapped(%q: tensor<?x64x128xf8E4M3FN>, %k: tensor<?x128xf8E4M3FN>, %s: tensor<?xf32>, %w: tensor<?x64xf32>, %ks: tensor<?xi32>, %ke: tensor<?xi32>, %e3: tensor<?x64x?xf32>, %e2: tensor<?x?xf32>) -> tensor<?x?xf32> {
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
  %lg = linalg.generic {indexing_maps = [#mn, #mn_n, #mn], iterator_types = ["parallel", "parallel"]} ins(%sum, %s : tensor<?x?xf32>, tensor<?xf32>) outs(%e2 : tensor<?x?xf32>) {
  ^bb0(%a: f32, %b: f32, %o: f32):
    %p = arith.mulf %a, %b : f32
    linalg.yield %p : f32
  } -> tensor<?x?xf32>
  %inf = arith.constant 0xFF800000 : f32
  %mk = linalg.generic {indexing_maps = [#mn, #mn_m, #mn_m, #mn], iterator_types = ["parallel", "parallel"]} ins(%lg, %ks, %ke : tensor<?x?xf32>, tensor<?xi32>, tensor<?xi32>) outs(%e2 : tensor<?x?xf32>) {
  ^bb0(%a: f32, %b: i32, %c: i32, %o: f32):
    %n = linalg.index 1 : index
    %n32 = arith.index_cast %n : index to i32
    %c1 = arith.cmpi sgt, %c, %n32 : i32
    %r = arith.select %c1, %a, %inf : f32
    linalg.yield %r : f32
  } -> tensor<?x?xf32>
  return %mk : tensor<?x?xf32>
}

// Scores cut off and summed.
// CHECK-LABEL: func @no_weights_no_scale
// CHECK: mqa.logits ins(%{{.*}}, %{{.*}}, none, none, 
func.func @no_weights_no_scale(%q: tensor<?x64x128xf8E4M3FN>, %k: tensor<?x128xf8E4M3FN>, %s: tensor<?xf32>, %w: tensor<?x64xf32>, %ks: tensor<?xi32>, %ke: tensor<?xi32>, %e3: tensor<?x64x?xf32>, %e2: tensor<?x?xf32>) -> tensor<?x?xf32> {
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
  %sum = linalg.generic {indexing_maps = [#mhn, #mhn_mn], iterator_types = ["parallel", "reduction", "parallel"]} ins(%rl : tensor<?x64x?xf32>) outs(%z2 : tensor<?x?xf32>) {
  ^bb0(%a: f32, %acc: f32):
    %r = arith.addf %acc, %a : f32
    linalg.yield %r : f32
  } -> tensor<?x?xf32>
  return %sum : tensor<?x?xf32>
}

// Without a maximum.
// CHECK-LABEL: func @no_activation
// CHECK: mqa.logits {{.*}} {activation = #mqa.activation<none>}
func.func @no_activation(%q: tensor<?x64x128xf8E4M3FN>, %k: tensor<?x128xf8E4M3FN>, %s: tensor<?xf32>, %w: tensor<?x64xf32>, %ks: tensor<?xi32>, %ke: tensor<?xi32>, %e3: tensor<?x64x?xf32>, %e2: tensor<?x?xf32>) -> tensor<?x?xf32> {
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
  %lg = linalg.generic {indexing_maps = [#mn, #mn_n, #mn], iterator_types = ["parallel", "parallel"]} ins(%sum, %s : tensor<?x?xf32>, tensor<?xf32>) outs(%e2 : tensor<?x?xf32>) {
  ^bb0(%a: f32, %b: f32, %o: f32):
    %p = arith.mulf %a, %b : f32
    linalg.yield %p : f32
  } -> tensor<?x?xf32>
  return %lg : tensor<?x?xf32>
}

// Rounded at the end.
// CHECK-LABEL: func @bf16_logits
// CHECK: mqa.logits {{.*}} outs(%{{.*}} : tensor<?x?xbf16>)
func.func @bf16_logits(%q: tensor<?x64x128xf8E4M3FN>, %k: tensor<?x128xf8E4M3FN>, %s: tensor<?xf32>, %w: tensor<?x64xf32>, %d0: index, %d1: index, %e3: tensor<?x64x?xf32>, %e2: tensor<?x?xf32>) -> tensor<?x?xbf16> {
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
  %lg = linalg.generic {indexing_maps = [#mn, #mn_n, #mn], iterator_types = ["parallel", "parallel"]} ins(%sum, %s : tensor<?x?xf32>, tensor<?xf32>) outs(%e2 : tensor<?x?xf32>) {
  ^bb0(%a: f32, %b: f32, %o: f32):
    %p = arith.mulf %a, %b : f32
    linalg.yield %p : f32
  } -> tensor<?x?xf32>
  %eb = tensor.empty(%d0, %d1) : tensor<?x?xbf16>
  %tb = linalg.generic {indexing_maps = [#mn, #mn], iterator_types = ["parallel", "parallel"]} ins(%lg : tensor<?x?xf32>) outs(%eb : tensor<?x?xbf16>) {
  ^bb0(%a: f32, %o: bf16):
    %t = arith.truncf %a : f32 to bf16
    linalg.yield %t : bf16
  } -> tensor<?x?xbf16>
  return %tb : tensor<?x?xbf16>
}

// q, k and weights in bf16.
// CHECK-LABEL: func @bf16_inputs
// CHECK: mqa.logits ins({{.*}} : tensor<?x64x128xbf16>, tensor<?x128xbf16>, tensor<?xf32>, tensor<?x64xbf16>,
func.func @bf16_inputs(%q: tensor<?x64x128xbf16>, %k: tensor<?x128xbf16>, %s: tensor<?xf32>, %w: tensor<?x64xbf16>, %e3: tensor<?x64x?xf32>, %e2: tensor<?x?xf32>) -> tensor<?x?xf32> {
  %f0 = arith.constant 0.0 : f32
  %z3 = linalg.fill ins(%f0 : f32) outs(%e3 : tensor<?x64x?xf32>) -> tensor<?x64x?xf32>
  %sc = linalg.generic {indexing_maps = [#mhnd_q, #mhnd_k, #mhnd_s], iterator_types = ["parallel", "parallel", "parallel", "reduction"]} ins(%q, %k : tensor<?x64x128xbf16>, tensor<?x128xbf16>) outs(%z3 : tensor<?x64x?xf32>) {
  ^bb0(%a: bf16, %b: bf16, %acc: f32):
    %x = arith.extf %a : bf16 to f32
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
  %sum = linalg.generic {indexing_maps = [#mhn, #mhn_mh, #mhn_mn], iterator_types = ["parallel", "reduction", "parallel"]} ins(%rl, %w : tensor<?x64x?xf32>, tensor<?x64xbf16>) outs(%z2 : tensor<?x?xf32>) {
  ^bb0(%a: f32, %b: bf16, %acc: f32):
    %bw = arith.extf %b : bf16 to f32
    %p = arith.mulf %a, %bw : f32
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

// A scale of 1 x N, as it is broadcast from.
// CHECK-LABEL: func @unsqueezed_scale
// CHECK: mqa.logits ins(%[[Q:[a-z0-9]+]], %{{.*}}, %{{.*}}, %{{.*}}, none, %{{.*}} : tensor<?x64x128xf8E4M3FN>, tensor<?x128xf8E4M3FN>, tensor<?xf32>, tensor<?x64xf32>, tensor<?xi32>)
// CHECK-NOT: linalg.generic
func.func @unsqueezed_scale(%q: tensor<?x64x128xf8E4M3FN>, %k: tensor<?x128xf8E4M3FN>, %s: tensor<?xf32>, %w: tensor<?x64xf32>, %ks: tensor<?xi32>, %ke: tensor<?xi32>, %e3: tensor<?x64x?xf32>, %e2: tensor<?x?xf32>) -> tensor<?x?xf32> {
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
  %c0 = arith.constant 0 : index
  %nk = tensor.dim %s, %c0 : tensor<?xf32>
  %su = tensor.expand_shape %s [[0, 1]] output_shape [1, %nk] : tensor<?xf32> into tensor<1x?xf32>
  %lg = linalg.generic {indexing_maps = [#mn, affine_map<(m, n) -> (0, n)>, #mn], iterator_types = ["parallel", "parallel"]} ins(%sum, %su : tensor<?x?xf32>, tensor<1x?xf32>) outs(%e2 : tensor<?x?xf32>) {
  ^bb0(%a: f32, %b: f32, %o: f32):
    %p = arith.mulf %a, %b : f32
    linalg.yield %p : f32
  } -> tensor<?x?xf32>
  return %lg : tensor<?x?xf32>
}

// Keys dequantised before the contraction: the same only for scales that are not negative.
// CHECK-LABEL: func @scale_before
// POSITIVE-LABEL: func @scale_before
// POSITIVE: mqa.logits ins({{.*}} : tensor<?x64x128xf8E4M3FN>, tensor<?x128xf8E4M3FN>, tensor<?xf32>, tensor<?x64xf32>,
// CHECK-NOT: mqa.logits
// CHECK: return
func.func @scale_before(%q: tensor<?x64x128xf8E4M3FN>, %k: tensor<?x128xf8E4M3FN>, %s: tensor<?xf32>, %w: tensor<?x64xf32>, %ks: tensor<?xi32>, %ke: tensor<?xi32>, %e3: tensor<?x64x?xf32>, %e2: tensor<?x?xf32>) -> tensor<?x?xf32> {
  %f0 = arith.constant 0.0 : f32
  %z3 = linalg.fill ins(%f0 : f32) outs(%e3 : tensor<?x64x?xf32>) -> tensor<?x64x?xf32>
  %sc = linalg.generic {indexing_maps = [#mhnd_q, #mhnd_k, affine_map<(m, h, n, d) -> (n)>, #mhnd_s], iterator_types = ["parallel", "parallel", "parallel", "reduction"]} ins(%q, %k, %s : tensor<?x64x128xf8E4M3FN>, tensor<?x128xf8E4M3FN>, tensor<?xf32>) outs(%z3 : tensor<?x64x?xf32>) {
  ^bb0(%a: f8E4M3FN, %b: f8E4M3FN, %c: f32, %acc: f32):
    %x = arith.extf %a : f8E4M3FN to f32
    %y = arith.extf %b : f8E4M3FN to f32
    %yc = arith.mulf %y, %c : f32
    %p = arith.mulf %x, %yc : f32
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
  return %sum : tensor<?x?xf32>
}

// Without a maximum it is the same for any scale.
// CHECK-LABEL: func @scale_before_linear
// CHECK: mqa.logits ins({{.*}}, tensor<?xf32>, tensor<?x64xf32>, tensor<?xi32>) {{.*}}activation<none>
func.func @scale_before_linear(%q: tensor<?x64x128xf8E4M3FN>, %k: tensor<?x128xf8E4M3FN>, %s: tensor<?xf32>, %w: tensor<?x64xf32>, %ks: tensor<?xi32>, %ke: tensor<?xi32>, %e3: tensor<?x64x?xf32>, %e2: tensor<?x?xf32>) -> tensor<?x?xf32> {
  %f0 = arith.constant 0.0 : f32
  %z3 = linalg.fill ins(%f0 : f32) outs(%e3 : tensor<?x64x?xf32>) -> tensor<?x64x?xf32>
  %sc = linalg.generic {indexing_maps = [#mhnd_q, #mhnd_k, affine_map<(m, h, n, d) -> (n)>, #mhnd_s], iterator_types = ["parallel", "parallel", "parallel", "reduction"]} ins(%q, %k, %s : tensor<?x64x128xf8E4M3FN>, tensor<?x128xf8E4M3FN>, tensor<?xf32>) outs(%z3 : tensor<?x64x?xf32>) {
  ^bb0(%a: f8E4M3FN, %b: f8E4M3FN, %c: f32, %acc: f32):
    %x = arith.extf %a : f8E4M3FN to f32
    %y = arith.extf %b : f8E4M3FN to f32
    %yc = arith.mulf %y, %c : f32
    %p = arith.mulf %x, %yc : f32
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
  return %sum : tensor<?x?xf32>
}
