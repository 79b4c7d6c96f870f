// RUN: mqa-opt %s --pass-pipeline='builtin.module(func.func(mqa-raise))' | FileCheck %s

// Factors and bounds that become part of an operand.

#mhnd_q = affine_map<(m, h, n, d) -> (m, h, d)>
#mhnd_k = affine_map<(m, h, n, d) -> (n, d)>
#mhnd_s = affine_map<(m, h, n, d) -> (m, h, n)>
#mhn = affine_map<(m, h, n) -> (m, h, n)>
#mhn_mh = affine_map<(m, h, n) -> (m, h)>
#mhn_mn = affine_map<(m, h, n) -> (m, n)>
#mn = affine_map<(m, n) -> (m, n)>
#mn_n = affine_map<(m, n) -> (n)>
#mn_m = affine_map<(m, n) -> (m)>

// Weights that do not depend on the query.
// CHECK-LABEL: func @weights_per_head(
// CHECK-SAME: %[[Q:[a-z0-9]+]]: tensor<?x64x128xf8E4M3FN>, %[[K:[a-z0-9]+]]: tensor{{[^:]*}}, %[[S:[a-z0-9]+]]: tensor<?xf32>, %[[H:[a-z0-9]+]]: tensor<64xf32>
// CHECK: %[[W:.*]] = linalg.generic {{.*}} ins(%[[H]] : tensor<64xf32>) outs(%{{.*}} : tensor<?x64xf32>)
// CHECK: mqa.logits ins(%[[Q]], %[[K]], %[[S]], %[[W]], none, 
// CHECK-NEXT: return
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
// CHECK-LABEL: func @scale_per_query(
// CHECK: %[[W:.*]] = linalg.generic {{.*}} ins({{.*}} : tensor<?xf32>, tensor<?x64xf32>) outs(%{{.*}} : tensor<?x64xf32>)
// CHECK: arith.mulf
// CHECK: mqa.logits ins(%{{.*}}, %{{.*}}, none, %[[W]], none, 
// CHECK-NEXT: return
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
// CHECK-LABEL: func @two_scales(
// CHECK: %[[S:.*]] = linalg.generic {{.*}} ins({{.*}} : tensor<?xf32>, tensor<?xf32>) outs(%{{.*}} : tensor<?xf32>)
// CHECK: arith.mulf
// CHECK: mqa.logits ins(%{{.*}}, %{{.*}}, %[[S]], %{{.*}}, none, 
// CHECK-NEXT: return
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
// CHECK-LABEL: func @inclusive_end(
// CHECK: %[[KE:.*]] = linalg.generic {{.*}} ins(%{{.*}} : tensor<?xi32>) outs(%{{.*}} : tensor<?xi32>)
// CHECK: arith.addi %{{.*}}, %c1_i64
// CHECK: mqa.logits {{.*}}, %[[KE]] : {{.*}} {clean}
// CHECK-NEXT: return
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
