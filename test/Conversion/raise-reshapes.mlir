// RUN: mqa-opt %s --pass-pipeline='builtin.module(func.func(mqa-raise,canonicalize))' | FileCheck %s
// RUN: mqa-opt %s --mqa-raise --remarks-filter=mqa-raise --remark-format=emitRemark --verify-diagnostics -o /dev/null

// Queries and heads as one dimension, as a matrix product of PyTorch's or JAX's has them.

#mhnd_q = affine_map<(m, h, n, d) -> (m, h, d)>
#mhnd_k = affine_map<(m, h, n, d) -> (n, d)>
#mhnd_s = affine_map<(m, h, n, d) -> (m, h, n)>
#mhn = affine_map<(m, h, n) -> (m, h, n)>
#mhn_mh = affine_map<(m, h, n) -> (m, h)>
#mhn_mn = affine_map<(m, h, n) -> (m, n)>
#mn = affine_map<(m, n) -> (m, n)>
#mn_n = affine_map<(m, n) -> (n)>
#mn_m = affine_map<(m, n) -> (m)>

// Collapsed, multiplied, expanded again.
// CHECK-LABEL: func @queries_first(
// CHECK-SAME: %[[Q:[a-z0-9]+]]: tensor
// CHECK: mqa.logits ins(%[[Q]], 
// CHECK-NOT: linalg.generic
// CHECK: return
func.func @queries_first(%q: tensor<?x64x128xf8E4M3FN>, %k: tensor<?x128xf8E4M3FN>, %s: tensor<?xf32>, %w: tensor<?x64xf32>, %ks: tensor<?xi32>, %ke: tensor<?xi32>, %ekt: tensor<128x?xf8E4M3FN>, %em: tensor<?x?xf32>, %numQueries: index, %numKeys: index, %e2: tensor<?x?xf32>) -> tensor<?x?xf32> {
  %f0 = arith.constant 0.0 : f32
  %kt = linalg.generic {indexing_maps = [affine_map<(a, b) -> (a, b)>, affine_map<(a, b) -> (b, a)>], iterator_types = ["parallel", "parallel"]} ins(%k : tensor<?x128xf8E4M3FN>) outs(%ekt : tensor<128x?xf8E4M3FN>) {
  ^bb0(%i: f8E4M3FN, %o: f8E4M3FN):
    linalg.yield %i : f8E4M3FN
  } -> tensor<128x?xf8E4M3FN>
  %z = linalg.fill ins(%f0 : f32) outs(%em : tensor<?x?xf32>) -> tensor<?x?xf32>
  %qf = tensor.collapse_shape %q [[0, 1], [2]] : tensor<?x64x128xf8E4M3FN> into tensor<?x128xf8E4M3FN>
  %mm = linalg.matmul ins(%qf, %kt : tensor<?x128xf8E4M3FN>, tensor<128x?xf8E4M3FN>) outs(%z : tensor<?x?xf32>) -> tensor<?x?xf32>
  %sc = tensor.expand_shape %mm [[0, 1], [2]] output_shape [%numQueries, 64, %numKeys] : tensor<?x?xf32> into tensor<?x64x?xf32>
  %z2 = linalg.fill ins(%f0 : f32) outs(%e2 : tensor<?x?xf32>) -> tensor<?x?xf32>
  %sum = linalg.generic {indexing_maps = [#mhn, #mhn_mh, #mhn_mn], iterator_types = ["parallel", "reduction", "parallel"]} ins(%sc, %w : tensor<?x64x?xf32>, tensor<?x64xf32>) outs(%z2 : tensor<?x?xf32>) {
  ^bb0(%a: f32, %b: f32, %acc: f32):
    %m = arith.maximumf %a, %f0 : f32
    %p = arith.mulf %m, %b : f32
    %r = arith.addf %acc, %p : f32
    linalg.yield %r : f32
  } -> tensor<?x?xf32>
  return %sum : tensor<?x?xf32>
}

// The number of queries counts fastest: of the two one size is known.
// CHECK-LABEL: func @heads_first(
// CHECK-SAME: %[[Q:[a-z0-9]+]]: tensor
// CHECK: mqa.logits ins(%[[Q]], 
// CHECK-NOT: linalg.generic
// CHECK: return
func.func @heads_first(%q: tensor<?x64x128xf8E4M3FN>, %k: tensor<?x128xf8E4M3FN>, %s: tensor<?xf32>, %w: tensor<?x64xf32>, %ks: tensor<?xi32>, %ke: tensor<?xi32>, %ekt: tensor<128x?xf8E4M3FN>, %em: tensor<?x?xf32>, %numQueries: index, %numKeys: index, %e2: tensor<?x?xf32>, %eqt: tensor<64x?x128xf8E4M3FN>, %e3: tensor<?x64x?xf32>) -> tensor<?x?xf32> {
  %f0 = arith.constant 0.0 : f32
  %kt = linalg.generic {indexing_maps = [affine_map<(a, b) -> (a, b)>, affine_map<(a, b) -> (b, a)>], iterator_types = ["parallel", "parallel"]} ins(%k : tensor<?x128xf8E4M3FN>) outs(%ekt : tensor<128x?xf8E4M3FN>) {
  ^bb0(%i: f8E4M3FN, %o: f8E4M3FN):
    linalg.yield %i : f8E4M3FN
  } -> tensor<128x?xf8E4M3FN>
  %z = linalg.fill ins(%f0 : f32) outs(%em : tensor<?x?xf32>) -> tensor<?x?xf32>
  %qt = linalg.generic {indexing_maps = [affine_map<(a, b, c) -> (a, b, c)>, affine_map<(a, b, c) -> (b, a, c)>], iterator_types = ["parallel", "parallel", "parallel"]} ins(%q : tensor<?x64x128xf8E4M3FN>) outs(%eqt : tensor<64x?x128xf8E4M3FN>) {
  ^bb0(%i: f8E4M3FN, %o: f8E4M3FN):
    linalg.yield %i : f8E4M3FN
  } -> tensor<64x?x128xf8E4M3FN>
  %qf = tensor.collapse_shape %qt [[0, 1], [2]] : tensor<64x?x128xf8E4M3FN> into tensor<?x128xf8E4M3FN>
  %mm = linalg.matmul ins(%qf, %kt : tensor<?x128xf8E4M3FN>, tensor<128x?xf8E4M3FN>) outs(%z : tensor<?x?xf32>) -> tensor<?x?xf32>
  %st = tensor.expand_shape %mm [[0, 1], [2]] output_shape [64, %numQueries, %numKeys] : tensor<?x?xf32> into tensor<64x?x?xf32>
  %sc = linalg.generic {indexing_maps = [affine_map<(a, b, c) -> (a, b, c)>, affine_map<(a, b, c) -> (b, a, c)>], iterator_types = ["parallel", "parallel", "parallel"]} ins(%st : tensor<64x?x?xf32>) outs(%e3 : tensor<?x64x?xf32>) {
  ^bb0(%i: f32, %o: f32):
    linalg.yield %i : f32
  } -> tensor<?x64x?xf32>
  %z2 = linalg.fill ins(%f0 : f32) outs(%e2 : tensor<?x?xf32>) -> tensor<?x?xf32>
  %sum = linalg.generic {indexing_maps = [#mhn, #mhn_mh, #mhn_mn], iterator_types = ["parallel", "reduction", "parallel"]} ins(%sc, %w : tensor<?x64x?xf32>, tensor<?x64xf32>) outs(%z2 : tensor<?x?xf32>) {
  ^bb0(%a: f32, %b: f32, %acc: f32):
    %m = arith.maximumf %a, %f0 : f32
    %p = arith.mulf %m, %b : f32
    %r = arith.addf %acc, %p : f32
    linalg.yield %r : f32
  } -> tensor<?x?xf32>
  return %sum : tensor<?x?xf32>
}

// By a shape of sizes; the last dimension is as long as before, and so the rest is.
// CHECK-LABEL: func @by_sizes(
// CHECK-SAME: %[[Q:[a-z0-9]+]]: tensor
// CHECK: mqa.logits ins(%[[Q]], 
// CHECK-NOT: linalg.generic
// CHECK: return
func.func @by_sizes(%q: tensor<?x64x128xf8E4M3FN>, %k: tensor<?x128xf8E4M3FN>, %s: tensor<?xf32>, %w: tensor<?x64xf32>, %ks: tensor<?xi32>, %ke: tensor<?xi32>, %ekt: tensor<128x?xf8E4M3FN>, %em: tensor<?x?xf32>, %numQueries: index, %numKeys: index, %e2: tensor<?x?xf32>) -> tensor<?x?xf32> {
  %f0 = arith.constant 0.0 : f32
  %c0 = arith.constant 0 : index
  %c64 = arith.constant 64 : i64
  %M = tensor.dim %w, %c0 : tensor<?x64xf32>
  %N = tensor.dim %k, %c0 : tensor<?x128xf8E4M3FN>
  %M64 = arith.index_cast %M : index to i64
  %N64 = arith.index_cast %N : index to i64
  %eN = tensor.empty(%numQueries, %N) : tensor<?x?xf32>
  %kt = linalg.generic {indexing_maps = [affine_map<(a, b) -> (a, b)>, affine_map<(a, b) -> (b, a)>], iterator_types = ["parallel", "parallel"]} ins(%k : tensor<?x128xf8E4M3FN>) outs(%ekt : tensor<128x?xf8E4M3FN>) {
  ^bb0(%i: f8E4M3FN, %o: f8E4M3FN):
    linalg.yield %i : f8E4M3FN
  } -> tensor<128x?xf8E4M3FN>
  %z = linalg.fill ins(%f0 : f32) outs(%eN : tensor<?x?xf32>) -> tensor<?x?xf32>
  %qf = tensor.collapse_shape %q [[0, 1], [2]] : tensor<?x64x128xf8E4M3FN> into tensor<?x128xf8E4M3FN>
  %mm = linalg.matmul ins(%qf, %kt : tensor<?x128xf8E4M3FN>, tensor<128x?xf8E4M3FN>) outs(%z : tensor<?x?xf32>) -> tensor<?x?xf32>
  %shape = tensor.from_elements %M64, %c64, %N64 : tensor<3xi64>
  %sc = tensor.reshape %mm(%shape) : (tensor<?x?xf32>, tensor<3xi64>) -> tensor<?x64x?xf32>
  %z2 = linalg.fill ins(%f0 : f32) outs(%e2 : tensor<?x?xf32>) -> tensor<?x?xf32>
  %sum = linalg.generic {indexing_maps = [#mhn, #mhn_mh, #mhn_mn], iterator_types = ["parallel", "reduction", "parallel"]} ins(%sc, %w : tensor<?x64x?xf32>, tensor<?x64xf32>) outs(%z2 : tensor<?x?xf32>) {
  ^bb0(%a: f32, %b: f32, %acc: f32):
    %m = arith.maximumf %a, %f0 : f32
    %p = arith.mulf %m, %b : f32
    %r = arith.addf %acc, %p : f32
    linalg.yield %r : f32
  } -> tensor<?x?xf32>
  return %sum : tensor<?x?xf32>
}

// Queries that come as a matrix are expanded.
// CHECK-LABEL: func @flat_queries(
// CHECK-SAME: %[[Q:[a-z0-9]+]]: tensor<?x128xf8E4M3FN>
// CHECK: %[[E:.*]] = tensor.expand_shape %[[Q]] {{\[}}[0, 1], [2]{{\]}} output_shape [%{{.*}}, 64, 128] : tensor<?x128xf8E4M3FN> into tensor<?x64x128xf8E4M3FN>
// CHECK: mqa.logits ins(%[[E]], 
// CHECK-NOT: linalg.generic
// CHECK: return
func.func @flat_queries(%q: tensor<?x128xf8E4M3FN>, %k: tensor<?x128xf8E4M3FN>, %s: tensor<?xf32>, %w: tensor<?x64xf32>, %ks: tensor<?xi32>, %ke: tensor<?xi32>, %ekt: tensor<128x?xf8E4M3FN>, %em: tensor<?x?xf32>, %numQueries: index, %numKeys: index, %e2: tensor<?x?xf32>) -> tensor<?x?xf32> {
  %f0 = arith.constant 0.0 : f32
  %kt = linalg.generic {indexing_maps = [affine_map<(a, b) -> (a, b)>, affine_map<(a, b) -> (b, a)>], iterator_types = ["parallel", "parallel"]} ins(%k : tensor<?x128xf8E4M3FN>) outs(%ekt : tensor<128x?xf8E4M3FN>) {
  ^bb0(%i: f8E4M3FN, %o: f8E4M3FN):
    linalg.yield %i : f8E4M3FN
  } -> tensor<128x?xf8E4M3FN>
  %z = linalg.fill ins(%f0 : f32) outs(%em : tensor<?x?xf32>) -> tensor<?x?xf32>
  %mm = linalg.matmul ins(%q, %kt : tensor<?x128xf8E4M3FN>, tensor<128x?xf8E4M3FN>) outs(%z : tensor<?x?xf32>) -> tensor<?x?xf32>
  %sc = tensor.expand_shape %mm [[0, 1], [2]] output_shape [%numQueries, 64, %numKeys] : tensor<?x?xf32> into tensor<?x64x?xf32>
  %z2 = linalg.fill ins(%f0 : f32) outs(%e2 : tensor<?x?xf32>) -> tensor<?x?xf32>
  %sum = linalg.generic {indexing_maps = [#mhn, #mhn_mh, #mhn_mn], iterator_types = ["parallel", "reduction", "parallel"]} ins(%sc, %w : tensor<?x64x?xf32>, tensor<?x64xf32>) outs(%z2 : tensor<?x?xf32>) {
  ^bb0(%a: f32, %b: f32, %acc: f32):
    %m = arith.maximumf %a, %f0 : f32
    %p = arith.mulf %m, %b : f32
    %r = arith.addf %acc, %p : f32
    linalg.yield %r : f32
  } -> tensor<?x?xf32>
  return %sum : tensor<?x?xf32>
}

// Collapsed from 64 queries of 64 heads, expanded to 128 of 32.
// CHECK-LABEL: func @other_split(
// CHECK: %[[E:.*]] = tensor.expand_shape %{{.*}} {{\[}}[0], [1, 2], [3]{{\]}} output_shape [64, 2, 32, 128] : tensor<64x64x128xf8E4M3FN> into tensor<64x2x32x128xf8E4M3FN>
// CHECK: %[[C:.*]] = tensor.collapse_shape %[[E]] {{\[}}[0, 1], [2], [3]{{\]}} : tensor<64x2x32x128xf8E4M3FN> into tensor<128x32x128xf8E4M3FN>
// CHECK: mqa.logits ins(%[[C]], 
// CHECK-NOT: linalg.generic
// CHECK: return
func.func @other_split(%q: tensor<64x64x128xf8E4M3FN>, %k: tensor<?x128xf8E4M3FN>, %s: tensor<?xf32>, %w: tensor<?x32xf32>, %ks: tensor<?xi32>, %ke: tensor<?xi32>, %ekt: tensor<128x?xf8E4M3FN>, %em: tensor<?x?xf32>, %numQueries: index, %numKeys: index, %e2: tensor<?x?xf32>) -> tensor<?x?xf32> {
  %f0 = arith.constant 0.0 : f32
  %kt = linalg.generic {indexing_maps = [affine_map<(a, b) -> (a, b)>, affine_map<(a, b) -> (b, a)>], iterator_types = ["parallel", "parallel"]} ins(%k : tensor<?x128xf8E4M3FN>) outs(%ekt : tensor<128x?xf8E4M3FN>) {
  ^bb0(%i: f8E4M3FN, %o: f8E4M3FN):
    linalg.yield %i : f8E4M3FN
  } -> tensor<128x?xf8E4M3FN>
  %z = linalg.fill ins(%f0 : f32) outs(%em : tensor<?x?xf32>) -> tensor<?x?xf32>
  %qf = tensor.collapse_shape %q [[0, 1], [2]] : tensor<64x64x128xf8E4M3FN> into tensor<4096x128xf8E4M3FN>
  %qd = tensor.cast %qf : tensor<4096x128xf8E4M3FN> to tensor<?x128xf8E4M3FN>
  %mm = linalg.matmul ins(%qd, %kt : tensor<?x128xf8E4M3FN>, tensor<128x?xf8E4M3FN>) outs(%z : tensor<?x?xf32>) -> tensor<?x?xf32>
  %sc = tensor.expand_shape %mm [[0, 1], [2]] output_shape [%numQueries, 32, %numKeys] : tensor<?x?xf32> into tensor<?x32x?xf32>
  %z2 = linalg.fill ins(%f0 : f32) outs(%e2 : tensor<?x?xf32>) -> tensor<?x?xf32>
  %sum = linalg.generic {indexing_maps = [#mhn, #mhn_mh, #mhn_mn], iterator_types = ["parallel", "reduction", "parallel"]} ins(%sc, %w : tensor<?x32x?xf32>, tensor<?x32xf32>) outs(%z2 : tensor<?x?xf32>) {
  ^bb0(%a: f32, %b: f32, %acc: f32):
    %m = arith.maximumf %a, %f0 : f32
    %p = arith.mulf %m, %b : f32
    %r = arith.addf %acc, %p : f32
    linalg.yield %r : f32
  } -> tensor<?x?xf32>
  return %sum : tensor<?x?xf32>
}

// Queries and heads the other way round when they are expanded.
// CHECK-LABEL: func @swapped_split(
// CHECK: %[[C:.*]] = tensor.collapse_shape
// CHECK: %[[E:.*]] = tensor.expand_shape %[[C]] {{\[}}[0, 1], [2]{{\]}} output_shape [64, %{{.*}}, 128] : tensor<?x128xf8E4M3FN> into tensor<64x?x128xf8E4M3FN>
// CHECK: %[[T:.*]] = linalg.transpose ins(%[[E]] : {{.*}} permutation = [1, 0, 2]
// CHECK: mqa.logits ins(%[[T]], 
// CHECK-NOT: linalg.generic
// CHECK: return
func.func @swapped_split(%q: tensor<?x64x128xf8E4M3FN>, %k: tensor<?x128xf8E4M3FN>, %s: tensor<?xf32>, %w: tensor<?x64xf32>, %ks: tensor<?xi32>, %ke: tensor<?xi32>, %ekt: tensor<128x?xf8E4M3FN>, %em: tensor<?x?xf32>, %numQueries: index, %numKeys: index, %e2: tensor<?x?xf32>, %e3: tensor<?x64x?xf32>) -> tensor<?x?xf32> {
  %f0 = arith.constant 0.0 : f32
  %kt = linalg.generic {indexing_maps = [affine_map<(a, b) -> (a, b)>, affine_map<(a, b) -> (b, a)>], iterator_types = ["parallel", "parallel"]} ins(%k : tensor<?x128xf8E4M3FN>) outs(%ekt : tensor<128x?xf8E4M3FN>) {
  ^bb0(%i: f8E4M3FN, %o: f8E4M3FN):
    linalg.yield %i : f8E4M3FN
  } -> tensor<128x?xf8E4M3FN>
  %z = linalg.fill ins(%f0 : f32) outs(%em : tensor<?x?xf32>) -> tensor<?x?xf32>
  %qf = tensor.collapse_shape %q [[0, 1], [2]] : tensor<?x64x128xf8E4M3FN> into tensor<?x128xf8E4M3FN>
  %mm = linalg.matmul ins(%qf, %kt : tensor<?x128xf8E4M3FN>, tensor<128x?xf8E4M3FN>) outs(%z : tensor<?x?xf32>) -> tensor<?x?xf32>
  %st = tensor.expand_shape %mm [[0, 1], [2]] output_shape [64, %numQueries, %numKeys] : tensor<?x?xf32> into tensor<64x?x?xf32>
  %sc = linalg.generic {indexing_maps = [affine_map<(a, b, c) -> (a, b, c)>, affine_map<(a, b, c) -> (b, a, c)>], iterator_types = ["parallel", "parallel", "parallel"]} ins(%st : tensor<64x?x?xf32>) outs(%e3 : tensor<?x64x?xf32>) {
  ^bb0(%i: f32, %o: f32):
    linalg.yield %i : f32
  } -> tensor<?x64x?xf32>
  %z2 = linalg.fill ins(%f0 : f32) outs(%e2 : tensor<?x?xf32>) -> tensor<?x?xf32>
  %sum = linalg.generic {indexing_maps = [#mhn, #mhn_mh, #mhn_mn], iterator_types = ["parallel", "reduction", "parallel"]} ins(%sc, %w : tensor<?x64x?xf32>, tensor<?x64xf32>) outs(%z2 : tensor<?x?xf32>) {
  ^bb0(%a: f32, %b: f32, %acc: f32):
    %m = arith.maximumf %a, %f0 : f32
    %p = arith.mulf %m, %b : f32
    %r = arith.addf %acc, %p : f32
    linalg.yield %r : f32
  } -> tensor<?x?xf32>
  return %sum : tensor<?x?xf32>
}

// By a shape of sizes that are not known to be those of before.
// CHECK-LABEL: func @unknown_sizes(
// CHECK-NOT: mqa.logits
// CHECK: return
func.func @unknown_sizes(%q: tensor<?x64x128xf8E4M3FN>, %k: tensor<?x128xf8E4M3FN>, %s: tensor<?xf32>, %w: tensor<?x64xf32>, %ks: tensor<?xi32>, %ke: tensor<?xi32>, %ekt: tensor<128x?xf8E4M3FN>, %em: tensor<?x?xf32>, %numQueries: index, %numKeys: index, %e2: tensor<?x?xf32>) -> tensor<?x?xf32> {
  %f0 = arith.constant 0.0 : f32
  %kt = linalg.generic {indexing_maps = [affine_map<(a, b) -> (a, b)>, affine_map<(a, b) -> (b, a)>], iterator_types = ["parallel", "parallel"]} ins(%k : tensor<?x128xf8E4M3FN>) outs(%ekt : tensor<128x?xf8E4M3FN>) {
  ^bb0(%i: f8E4M3FN, %o: f8E4M3FN):
    linalg.yield %i : f8E4M3FN
  } -> tensor<128x?xf8E4M3FN>
  %z = linalg.fill ins(%f0 : f32) outs(%em : tensor<?x?xf32>) -> tensor<?x?xf32>
  %qf = tensor.collapse_shape %q [[0, 1], [2]] : tensor<?x64x128xf8E4M3FN> into tensor<?x128xf8E4M3FN>
  %mm = linalg.matmul ins(%qf, %kt : tensor<?x128xf8E4M3FN>, tensor<128x?xf8E4M3FN>) outs(%z : tensor<?x?xf32>) -> tensor<?x?xf32>
  %c64 = arith.constant 64 : index
  %shape = tensor.from_elements %numQueries, %c64, %numKeys : tensor<3xindex>
  // expected-remark@below {{no mqa.logits: 'tensor.reshape' has sizes that are not known to be those of its operand}}
  %sc = tensor.reshape %mm(%shape) : (tensor<?x?xf32>, tensor<3xindex>) -> tensor<?x64x?xf32>
  %z2 = linalg.fill ins(%f0 : f32) outs(%e2 : tensor<?x?xf32>) -> tensor<?x?xf32>
  %sum = linalg.generic {indexing_maps = [#mhn, #mhn_mh, #mhn_mn], iterator_types = ["parallel", "reduction", "parallel"]} ins(%sc, %w : tensor<?x64x?xf32>, tensor<?x64xf32>) outs(%z2 : tensor<?x?xf32>) {
  ^bb0(%a: f32, %b: f32, %acc: f32):
    %m = arith.maximumf %a, %f0 : f32
    %p = arith.mulf %m, %b : f32
    %r = arith.addf %acc, %p : f32
    linalg.yield %r : f32
  } -> tensor<?x?xf32>
  return %sum : tensor<?x?xf32>
}
