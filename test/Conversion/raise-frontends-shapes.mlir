// RUN: mqa-opt %s --pass-pipeline='builtin.module(func.func(mqa-raise,canonicalize,cse))' | FileCheck %s

// Batches, groups, dimensions of one and in another order, lowered from PyTorch and JAX.

#d4_0123 = affine_map<(d0, d1, d2, d3) -> (d0, d1, d2, d3)>
#d3_012 = affine_map<(d0, d1, d2) -> (d0, d1, d2)>
#d4_012z = affine_map<(d0, d1, d2, d3) -> (d0, d1, d2, 0)>
#d4_013 = affine_map<(d0, d1, d2, d3) -> (d0, d1, d3)>
#d1_0 = affine_map<(d0) -> (d0)>
#d3_z12 = affine_map<(d0, d1, d2) -> (0, d1, d2)>
#d3_01z = affine_map<(d0, d1, d2) -> (d0, d1, 0)>
#d3_0z2 = affine_map<(d0, d1, d2) -> (d0, 0, d2)>
#d3_ = affine_map<(d0, d1, d2) -> ()>
#d3_02 = affine_map<(d0, d1, d2) -> (d0, d2)>
#d3_102 = affine_map<(d0, d1, d2) -> (d1, d0, d2)>
#d4_2031 = affine_map<(d0, d1, d2, d3) -> (d2, d0, d3, d1)>
#d4_1302 = affine_map<(d0, d1, d2, d3) -> (d1, d3, d0, d2)>
#d4_0231 = affine_map<(d0, d1, d2, d3) -> (d0, d2, d3, d1)>
#d2_01 = affine_map<(d0, d1) -> (d0, d1)>
#d4_23 = affine_map<(d0, d1, d2, d3) -> (d2, d3)>
#d4_012 = affine_map<(d0, d1, d2, d3) -> (d0, d1, d2)>
#d4_031 = affine_map<(d0, d1, d2, d3) -> (d0, d3, d1)>
#d2_10 = affine_map<(d0, d1) -> (d1, d0)>
#d3_021 = affine_map<(d0, d1, d2) -> (d0, d2, d1)>
#d1_ = affine_map<(d0) -> ()>
#d2_1 = affine_map<(d0, d1) -> (d1)>

// Three sequences with lengths: one op, ranges from the first key of each.
// CHECK-LABEL: func @batch(
// CHECK: %[[Q:.*]] = tensor.collapse_shape %arg0 {{.*}} into tensor<72x8x32xbf16>
// CHECK: %[[K:.*]] = tensor.collapse_shape %arg1 {{.*}} into tensor<192x32xbf16>
// CHECK: %[[W:.*]] = tensor.collapse_shape %arg2 {{.*}} into tensor<72x8xf32>
// CHECK: %[[FIRST:.*]] = linalg.generic
// CHECK: arith.muli %{{.*}}, %c64_i64
// CHECK: %[[KS:.*]] = tensor.collapse_shape %[[FIRST]]
// CHECK: %[[END:.*]] = linalg.generic {{.*}} ins(%arg3 : tensor<3xi32>)
// CHECK: arith.maxsi %{{.*}}, %c0_i64
// CHECK: arith.minsi %{{.*}}, %c64_i64
// CHECK: %[[KE:.*]] = tensor.collapse_shape %[[END]]
// CHECK: %[[L:.*]] = mqa.logits ins(%[[Q]], %[[K]], none, %[[W]], %[[KS]], %[[KE]] : {{.*}} outs({{.*}} : tensor<72x64xf32>) {clean, compressed}
// CHECK: %[[R:.*]] = tensor.expand_shape %[[L]] {{.*}} into tensor<3x24x64xf32>
// CHECK: return %[[R]]
func.func @batch(%arg0: tensor<3x24x8x32xbf16>, %arg1: tensor<3x64x32xbf16>, %arg2: tensor<3x24x8xf32>, %arg3: tensor<3xi32>) -> tensor<3x24x64xf32> {
  %cst = arith.constant 0.000000e+00 : f32
  %cst_0 = arith.constant dense<0xFF800000> : tensor<f32>
  %0 = tensor.empty() : tensor<3x24x8x32xf32>
  %1 = linalg.generic {indexing_maps = [#d4_0123, #d4_0123], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%arg0 : tensor<3x24x8x32xbf16>) outs(%0 : tensor<3x24x8x32xf32>) {
  ^bb0(%in: bf16, %out: f32):
    %20 = arith.extf %in : bf16 to f32
    linalg.yield %20 : f32
  } -> tensor<3x24x8x32xf32>
  %2 = tensor.empty() : tensor<3x64x32xf32>
  %3 = linalg.generic {indexing_maps = [#d3_012, #d3_012], iterator_types = ["parallel", "parallel", "parallel"]} ins(%arg1 : tensor<3x64x32xbf16>) outs(%2 : tensor<3x64x32xf32>) {
  ^bb0(%in: bf16, %out: f32):
    %20 = arith.extf %in : bf16 to f32
    linalg.yield %20 : f32
  } -> tensor<3x64x32xf32>
  %expanded = tensor.expand_shape %3 [[0], [1], [2, 3, 4]] output_shape [3, 64, 32, 1, 1] : tensor<3x64x32xf32> into tensor<3x64x32x1x1xf32>
  %collapsed = tensor.collapse_shape %1 [[0], [1, 2], [3]] : tensor<3x24x8x32xf32> into tensor<3x192x32xf32>
  %4 = tensor.empty() : tensor<3x32x64x1x1xf32>
  %transposed = linalg.transpose ins(%expanded : tensor<3x64x32x1x1xf32>) outs(%4 : tensor<3x32x64x1x1xf32>) permutation = [0, 2, 1, 3, 4] 
  %collapsed_1 = tensor.collapse_shape %transposed [[0], [1], [2, 3, 4]] : tensor<3x32x64x1x1xf32> into tensor<3x32x64xf32>
  %5 = tensor.empty() : tensor<3x192x64xf32>
  %6 = linalg.fill ins(%cst : f32) outs(%5 : tensor<3x192x64xf32>) -> tensor<3x192x64xf32>
  %7 = linalg.batch_matmul ins(%collapsed, %collapsed_1 : tensor<3x192x32xf32>, tensor<3x32x64xf32>) outs(%6 : tensor<3x192x64xf32>) -> tensor<3x192x64xf32>
  %expanded_2 = tensor.expand_shape %7 [[0], [1, 2, 3], [4]] output_shape [3, 24, 8, 1, 64] : tensor<3x192x64xf32> into tensor<3x24x8x1x64xf32>
  %8 = tensor.empty() : tensor<3x24x8x64x1xf32>
  %transposed_3 = linalg.transpose ins(%expanded_2 : tensor<3x24x8x1x64xf32>) outs(%8 : tensor<3x24x8x64x1xf32>) permutation = [0, 1, 2, 4, 3] 
  %collapsed_4 = tensor.collapse_shape %transposed_3 [[0], [1], [2], [3, 4]] : tensor<3x24x8x64x1xf32> into tensor<3x24x8x64xf32>
  %9 = tensor.empty() : tensor<3x24x8x64xf32>
  %10 = linalg.generic {indexing_maps = [#d4_0123, #d4_0123], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%collapsed_4 : tensor<3x24x8x64xf32>) outs(%9 : tensor<3x24x8x64xf32>) {
  ^bb0(%in: f32, %out: f32):
    %20 = arith.cmpf ugt, %in, %cst : f32
    %21 = arith.select %20, %in, %cst : f32
    linalg.yield %21 : f32
  } -> tensor<3x24x8x64xf32>
  %expanded_5 = tensor.expand_shape %arg2 [[0], [1], [2, 3]] output_shape [3, 24, 8, 1] : tensor<3x24x8xf32> into tensor<3x24x8x1xf32>
  %11 = linalg.generic {indexing_maps = [#d4_0123, #d4_012z, #d4_0123], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%10, %expanded_5 : tensor<3x24x8x64xf32>, tensor<3x24x8x1xf32>) outs(%9 : tensor<3x24x8x64xf32>) {
  ^bb0(%in: f32, %in_8: f32, %out: f32):
    %20 = arith.mulf %in, %in_8 : f32
    linalg.yield %20 : f32
  } -> tensor<3x24x8x64xf32>
  %12 = tensor.empty() : tensor<3x24x64xf32>
  %13 = linalg.fill ins(%cst : f32) outs(%12 : tensor<3x24x64xf32>) -> tensor<3x24x64xf32>
  %14 = linalg.generic {indexing_maps = [#d4_0123, #d4_013], iterator_types = ["parallel", "parallel", "reduction", "parallel"]} ins(%11 : tensor<3x24x8x64xf32>) outs(%13 : tensor<3x24x64xf32>) {
  ^bb0(%in: f32, %out: f32):
    %20 = arith.addf %in, %out : f32
    linalg.yield %20 : f32
  } -> tensor<3x24x64xf32>
  %15 = tensor.empty() : tensor<64xi64>
  %16 = linalg.generic {indexing_maps = [#d1_0], iterator_types = ["parallel"]} outs(%15 : tensor<64xi64>) {
  ^bb0(%out: i64):
    %20 = linalg.index 0 : index
    %21 = arith.index_cast %20 : index to i64
    linalg.yield %21 : i64
  } -> tensor<64xi64>
  %expanded_6 = tensor.expand_shape %16 [[0, 1, 2]] output_shape [1, 1, 64] : tensor<64xi64> into tensor<1x1x64xi64>
  %expanded_7 = tensor.expand_shape %arg3 [[0, 1, 2]] output_shape [3, 1, 1] : tensor<3xi32> into tensor<3x1x1xi32>
  %17 = tensor.empty() : tensor<3x1x64xi1>
  %18 = linalg.generic {indexing_maps = [#d3_z12, #d3_01z, #d3_012], iterator_types = ["parallel", "parallel", "parallel"]} ins(%expanded_6, %expanded_7 : tensor<1x1x64xi64>, tensor<3x1x1xi32>) outs(%17 : tensor<3x1x64xi1>) {
  ^bb0(%in: i64, %in_8: i32, %out: i1):
    %20 = arith.extsi %in_8 : i32 to i64
    %21 = arith.cmpi slt, %in, %20 : i64
    linalg.yield %21 : i1
  } -> tensor<3x1x64xi1>
  %19 = linalg.generic {indexing_maps = [#d3_0z2, #d3_012, #d3_, #d3_012], iterator_types = ["parallel", "parallel", "parallel"]} ins(%18, %14, %cst_0 : tensor<3x1x64xi1>, tensor<3x24x64xf32>, tensor<f32>) outs(%12 : tensor<3x24x64xf32>) {
  ^bb0(%in: i1, %in_8: f32, %in_9: f32, %out: f32):
    %20 = arith.select %in, %in_8, %in_9 : f32
    linalg.yield %20 : f32
  } -> tensor<3x24x64xf32>
  return %19 : tensor<3x24x64xf32>
}

// Two groups of four heads.
// CHECK-LABEL: func @groups(
// CHECK: mqa.logits ins(%arg0, %arg1, none, %arg2, none, {{.*}} tensor<64x2x32xbf16>
// CHECK-NEXT: return
func.func @groups(%arg0: tensor<24x8x32xbf16>, %arg1: tensor<64x2x32xbf16>, %arg2: tensor<24x8xf32>) -> tensor<24x64xf32> {
  %cst = arith.constant 0.000000e+00 : f32
  %0 = tensor.empty() : tensor<24x8x32xf32>
  %1 = linalg.generic {indexing_maps = [#d3_012, #d3_012], iterator_types = ["parallel", "parallel", "parallel"]} ins(%arg0 : tensor<24x8x32xbf16>) outs(%0 : tensor<24x8x32xf32>) {
  ^bb0(%in: bf16, %out: f32):
    %17 = arith.extf %in : bf16 to f32
    linalg.yield %17 : f32
  } -> tensor<24x8x32xf32>
  %2 = tensor.empty() : tensor<64x2x32xf32>
  %3 = linalg.generic {indexing_maps = [#d3_012, #d3_012], iterator_types = ["parallel", "parallel", "parallel"]} ins(%arg1 : tensor<64x2x32xbf16>) outs(%2 : tensor<64x2x32xf32>) {
  ^bb0(%in: bf16, %out: f32):
    %17 = arith.extf %in : bf16 to f32
    linalg.yield %17 : f32
  } -> tensor<64x2x32xf32>
  %expanded = tensor.expand_shape %1 [[0], [1, 2], [3, 4]] output_shape [24, 2, 4, 32, 1] : tensor<24x8x32xf32> into tensor<24x2x4x32x1xf32>
  %expanded_0 = tensor.expand_shape %3 [[0], [1], [2, 3, 4]] output_shape [64, 2, 32, 1, 1] : tensor<64x2x32xf32> into tensor<64x2x32x1x1xf32>
  %4 = tensor.empty() : tensor<2x24x4x32x1xf32>
  %transposed = linalg.transpose ins(%expanded : tensor<24x2x4x32x1xf32>) outs(%4 : tensor<2x24x4x32x1xf32>) permutation = [1, 0, 2, 3, 4] 
  %collapsed = tensor.collapse_shape %transposed [[0], [1, 2], [3, 4]] : tensor<2x24x4x32x1xf32> into tensor<2x96x32xf32>
  %5 = tensor.empty() : tensor<2x32x64x1x1xf32>
  %transposed_1 = linalg.transpose ins(%expanded_0 : tensor<64x2x32x1x1xf32>) outs(%5 : tensor<2x32x64x1x1xf32>) permutation = [1, 2, 0, 3, 4] 
  %collapsed_2 = tensor.collapse_shape %transposed_1 [[0], [1], [2, 3, 4]] : tensor<2x32x64x1x1xf32> into tensor<2x32x64xf32>
  %6 = tensor.empty() : tensor<2x96x64xf32>
  %7 = linalg.fill ins(%cst : f32) outs(%6 : tensor<2x96x64xf32>) -> tensor<2x96x64xf32>
  %8 = linalg.batch_matmul ins(%collapsed, %collapsed_2 : tensor<2x96x32xf32>, tensor<2x32x64xf32>) outs(%7 : tensor<2x96x64xf32>) -> tensor<2x96x64xf32>
  %expanded_3 = tensor.expand_shape %8 [[0], [1, 2, 3], [4]] output_shape [2, 24, 4, 1, 64] : tensor<2x96x64xf32> into tensor<2x24x4x1x64xf32>
  %9 = tensor.empty() : tensor<24x2x4x64x1xf32>
  %transposed_4 = linalg.transpose ins(%expanded_3 : tensor<2x24x4x1x64xf32>) outs(%9 : tensor<24x2x4x64x1xf32>) permutation = [1, 0, 2, 4, 3] 
  %collapsed_5 = tensor.collapse_shape %transposed_4 [[0], [1], [2], [3, 4]] : tensor<24x2x4x64x1xf32> into tensor<24x2x4x64xf32>
  %10 = tensor.empty() : tensor<24x2x4x64xf32>
  %11 = linalg.generic {indexing_maps = [#d4_0123, #d4_0123], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%collapsed_5 : tensor<24x2x4x64xf32>) outs(%10 : tensor<24x2x4x64xf32>) {
  ^bb0(%in: f32, %out: f32):
    %17 = arith.cmpf ugt, %in, %cst : f32
    %18 = arith.select %17, %in, %cst : f32
    linalg.yield %18 : f32
  } -> tensor<24x2x4x64xf32>
  %collapsed_6 = tensor.collapse_shape %11 [[0], [1, 2], [3]] : tensor<24x2x4x64xf32> into tensor<24x8x64xf32>
  %expanded_7 = tensor.expand_shape %arg2 [[0], [1, 2]] output_shape [24, 8, 1] : tensor<24x8xf32> into tensor<24x8x1xf32>
  %12 = tensor.empty() : tensor<24x8x64xf32>
  %13 = linalg.generic {indexing_maps = [#d3_012, #d3_01z, #d3_012], iterator_types = ["parallel", "parallel", "parallel"]} ins(%collapsed_6, %expanded_7 : tensor<24x8x64xf32>, tensor<24x8x1xf32>) outs(%12 : tensor<24x8x64xf32>) {
  ^bb0(%in: f32, %in_8: f32, %out: f32):
    %17 = arith.mulf %in, %in_8 : f32
    linalg.yield %17 : f32
  } -> tensor<24x8x64xf32>
  %14 = tensor.empty() : tensor<24x64xf32>
  %15 = linalg.fill ins(%cst : f32) outs(%14 : tensor<24x64xf32>) -> tensor<24x64xf32>
  %16 = linalg.generic {indexing_maps = [#d3_012, #d3_02], iterator_types = ["parallel", "reduction", "parallel"]} ins(%13 : tensor<24x8x64xf32>) outs(%15 : tensor<24x64xf32>) {
  ^bb0(%in: f32, %out: f32):
    %17 = arith.addf %in, %out : f32
    linalg.yield %17 : f32
  } -> tensor<24x64xf32>
  return %16 : tensor<24x64xf32>
}

// The keys of two groups are repeated for four heads each.
// CHECK-LABEL: func @repeated_keys(
// CHECK: mqa.logits ins(%arg0, %arg1, none, %arg2, none, {{.*}} tensor<64x2x32xbf16>
// CHECK-NEXT: return
func.func @repeated_keys(%arg0: tensor<24x8x32xbf16>, %arg1: tensor<64x2x32xbf16>, %arg2: tensor<24x8xf32>) -> tensor<24x64xf32> {
  %cst = arith.constant 0.000000e+00 : f32
  %0 = tensor.empty() : tensor<64x2x4x32xbf16>
  %1 = linalg.generic {indexing_maps = [#d4_013, #d4_0123], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%arg1 : tensor<64x2x32xbf16>) outs(%0 : tensor<64x2x4x32xbf16>) {
  ^bb0(%in: bf16, %out: bf16):
    linalg.yield %in : bf16
  } -> tensor<64x2x4x32xbf16>
  %collapsed = tensor.collapse_shape %1 [[0], [1, 2], [3]] : tensor<64x2x4x32xbf16> into tensor<64x8x32xbf16>
  %2 = tensor.empty() : tensor<24x8x32xf32>
  %3 = linalg.generic {indexing_maps = [#d3_012, #d3_012], iterator_types = ["parallel", "parallel", "parallel"]} ins(%arg0 : tensor<24x8x32xbf16>) outs(%2 : tensor<24x8x32xf32>) {
  ^bb0(%in: bf16, %out: f32):
    %18 = arith.extf %in : bf16 to f32
    linalg.yield %18 : f32
  } -> tensor<24x8x32xf32>
  %4 = tensor.empty() : tensor<64x8x32xf32>
  %5 = linalg.generic {indexing_maps = [#d3_012, #d3_012], iterator_types = ["parallel", "parallel", "parallel"]} ins(%collapsed : tensor<64x8x32xbf16>) outs(%4 : tensor<64x8x32xf32>) {
  ^bb0(%in: bf16, %out: f32):
    %18 = arith.extf %in : bf16 to f32
    linalg.yield %18 : f32
  } -> tensor<64x8x32xf32>
  %expanded = tensor.expand_shape %3 [[0], [1], [2, 3]] output_shape [24, 8, 32, 1] : tensor<24x8x32xf32> into tensor<24x8x32x1xf32>
  %expanded_0 = tensor.expand_shape %5 [[0], [1], [2, 3]] output_shape [64, 8, 32, 1] : tensor<64x8x32xf32> into tensor<64x8x32x1xf32>
  %6 = tensor.empty() : tensor<8x24x32x1xf32>
  %transposed = linalg.transpose ins(%expanded : tensor<24x8x32x1xf32>) outs(%6 : tensor<8x24x32x1xf32>) permutation = [1, 0, 2, 3] 
  %collapsed_1 = tensor.collapse_shape %transposed [[0], [1], [2, 3]] : tensor<8x24x32x1xf32> into tensor<8x24x32xf32>
  %7 = tensor.empty() : tensor<8x32x64x1xf32>
  %transposed_2 = linalg.transpose ins(%expanded_0 : tensor<64x8x32x1xf32>) outs(%7 : tensor<8x32x64x1xf32>) permutation = [1, 2, 0, 3] 
  %collapsed_3 = tensor.collapse_shape %transposed_2 [[0], [1], [2, 3]] : tensor<8x32x64x1xf32> into tensor<8x32x64xf32>
  %8 = tensor.empty() : tensor<8x24x64xf32>
  %9 = linalg.fill ins(%cst : f32) outs(%8 : tensor<8x24x64xf32>) -> tensor<8x24x64xf32>
  %10 = linalg.batch_matmul ins(%collapsed_1, %collapsed_3 : tensor<8x24x32xf32>, tensor<8x32x64xf32>) outs(%9 : tensor<8x24x64xf32>) -> tensor<8x24x64xf32>
  %expanded_4 = tensor.expand_shape %10 [[0], [1], [2, 3]] output_shape [8, 24, 1, 64] : tensor<8x24x64xf32> into tensor<8x24x1x64xf32>
  %11 = tensor.empty() : tensor<24x8x64x1xf32>
  %transposed_5 = linalg.transpose ins(%expanded_4 : tensor<8x24x1x64xf32>) outs(%11 : tensor<24x8x64x1xf32>) permutation = [1, 0, 3, 2] 
  %collapsed_6 = tensor.collapse_shape %transposed_5 [[0], [1], [2, 3]] : tensor<24x8x64x1xf32> into tensor<24x8x64xf32>
  %12 = tensor.empty() : tensor<24x8x64xf32>
  %13 = linalg.generic {indexing_maps = [#d3_012, #d3_012], iterator_types = ["parallel", "parallel", "parallel"]} ins(%collapsed_6 : tensor<24x8x64xf32>) outs(%12 : tensor<24x8x64xf32>) {
  ^bb0(%in: f32, %out: f32):
    %18 = arith.cmpf ugt, %in, %cst : f32
    %19 = arith.select %18, %in, %cst : f32
    linalg.yield %19 : f32
  } -> tensor<24x8x64xf32>
  %14 = tensor.empty() : tensor<24x64x8xf32>
  %transposed_7 = linalg.transpose ins(%13 : tensor<24x8x64xf32>) outs(%14 : tensor<24x64x8xf32>) permutation = [0, 2, 1] 
  %expanded_8 = tensor.expand_shape %arg2 [[0], [1, 2]] output_shape [24, 8, 1] : tensor<24x8xf32> into tensor<24x8x1xf32>
  %15 = tensor.empty() : tensor<24x64x1xf32>
  %16 = linalg.fill ins(%cst : f32) outs(%15 : tensor<24x64x1xf32>) -> tensor<24x64x1xf32>
  %17 = linalg.batch_matmul ins(%transposed_7, %expanded_8 : tensor<24x64x8xf32>, tensor<24x8x1xf32>) outs(%16 : tensor<24x64x1xf32>) -> tensor<24x64x1xf32>
  %collapsed_9 = tensor.collapse_shape %17 [[0], [1, 2]] : tensor<24x64x1xf32> into tensor<24x64xf32>
  return %collapsed_9 : tensor<24x64xf32>
}

// JAX: a sum over groups and their heads.
// CHECK-LABEL: func @jax_groups(
// CHECK: mqa.logits ins(%arg0, %arg1, none, %arg2, none, {{.*}} tensor<64x2x32xbf16>
// CHECK-NEXT: return
func.func @jax_groups(%arg0: tensor<24x8x32xbf16>, %arg1: tensor<64x2x32xbf16>, %arg2: tensor<24x8xf32>) -> tensor<24x64xf32> {
  %cst = arith.constant 0.000000e+00 : f32
  %expanded = tensor.expand_shape %arg0 [[0], [1, 2], [3]] output_shape [24, 2, 4, 32] : tensor<24x8x32xbf16> into tensor<24x2x4x32xbf16>
  %0 = tensor.empty() : tensor<2x64x32xbf16>
  %1 = linalg.generic {indexing_maps = [#d3_102, #d3_012], iterator_types = ["parallel", "parallel", "parallel"]} ins(%arg1 : tensor<64x2x32xbf16>) outs(%0 : tensor<2x64x32xbf16>) {
  ^bb0(%in: bf16, %out: bf16):
    linalg.yield %in : bf16
  } -> tensor<2x64x32xbf16>
  %2 = tensor.empty() : tensor<2x32x24x4xbf16>
  %3 = linalg.generic {indexing_maps = [#d4_2031, #d4_0123], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%expanded : tensor<24x2x4x32xbf16>) outs(%2 : tensor<2x32x24x4xbf16>) {
  ^bb0(%in: bf16, %out: bf16):
    linalg.yield %in : bf16
  } -> tensor<2x32x24x4xbf16>
  %collapsed = tensor.collapse_shape %3 [[0], [1], [2, 3]] : tensor<2x32x24x4xbf16> into tensor<2x32x96xbf16>
  %4 = tensor.empty() : tensor<2x64x96xf32>
  %5 = linalg.fill ins(%cst : f32) outs(%4 : tensor<2x64x96xf32>) -> tensor<2x64x96xf32>
  %6 = linalg.batch_matmul ins(%1, %collapsed : tensor<2x64x32xbf16>, tensor<2x32x96xbf16>) outs(%5 : tensor<2x64x96xf32>) -> tensor<2x64x96xf32>
  %expanded_0 = tensor.expand_shape %6 [[0], [1], [2, 3]] output_shape [2, 64, 24, 4] : tensor<2x64x96xf32> into tensor<2x64x24x4xf32>
  %7 = tensor.empty() : tensor<24x2x4x64xf32>
  %8 = linalg.generic {indexing_maps = [#d4_1302, #d4_0123], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%expanded_0 : tensor<2x64x24x4xf32>) outs(%7 : tensor<24x2x4x64xf32>) {
  ^bb0(%in: f32, %out: f32):
    linalg.yield %in : f32
  } -> tensor<24x2x4x64xf32>
  %9 = linalg.generic {indexing_maps = [#d4_0123, #d4_0123], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%8 : tensor<24x2x4x64xf32>) outs(%7 : tensor<24x2x4x64xf32>) {
  ^bb0(%in: f32, %out: f32):
    %15 = arith.maximumf %in, %cst : f32
    linalg.yield %15 : f32
  } -> tensor<24x2x4x64xf32>
  %10 = tensor.empty() : tensor<24x64x2x4xf32>
  %11 = linalg.generic {indexing_maps = [#d4_0231, #d4_0123], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%9 : tensor<24x2x4x64xf32>) outs(%10 : tensor<24x64x2x4xf32>) {
  ^bb0(%in: f32, %out: f32):
    linalg.yield %in : f32
  } -> tensor<24x64x2x4xf32>
  %collapsed_1 = tensor.collapse_shape %11 [[0], [1], [2, 3]] : tensor<24x64x2x4xf32> into tensor<24x64x8xf32>
  %expanded_2 = tensor.expand_shape %arg2 [[0], [1, 2]] output_shape [24, 8, 1] : tensor<24x8xf32> into tensor<24x8x1xf32>
  %12 = tensor.empty() : tensor<24x64x1xf32>
  %13 = linalg.fill ins(%cst : f32) outs(%12 : tensor<24x64x1xf32>) -> tensor<24x64x1xf32>
  %14 = linalg.batch_matmul ins(%collapsed_1, %expanded_2 : tensor<24x64x8xf32>, tensor<24x8x1xf32>) outs(%13 : tensor<24x64x1xf32>) -> tensor<24x64x1xf32>
  %collapsed_3 = tensor.collapse_shape %14 [[0], [1, 2]] : tensor<24x64x1xf32> into tensor<24x64xf32>
  return %collapsed_3 : tensor<24x64xf32>
}

// The head is the last dimension of q, and the first of the weights.
// CHECK-LABEL: func @head_last(
// CHECK-DAG: %[[Q:.*]] = linalg.transpose ins(%arg0 : tensor<24x32x8xbf16>) {{.*}} permutation = [0, 2, 1]
// CHECK-DAG: %[[W:.*]] = linalg.transpose ins(%arg2 : tensor<8x24xf32>) {{.*}} permutation = [1, 0]
// CHECK: mqa.logits ins(%{{.*}}, %arg1, none, %{{.*}}, none, 
// CHECK-NEXT: return
func.func @head_last(%arg0: tensor<24x32x8xbf16>, %arg1: tensor<64x32xbf16>, %arg2: tensor<8x24xf32>) -> tensor<24x64xf32> {
  %cst = arith.constant 0.000000e+00 : f32
  %0 = tensor.empty() : tensor<24x32x8xf32>
  %1 = linalg.generic {indexing_maps = [#d3_012, #d3_012], iterator_types = ["parallel", "parallel", "parallel"]} ins(%arg0 : tensor<24x32x8xbf16>) outs(%0 : tensor<24x32x8xf32>) {
  ^bb0(%in: bf16, %out: f32):
    %16 = arith.extf %in : bf16 to f32
    linalg.yield %16 : f32
  } -> tensor<24x32x8xf32>
  %2 = tensor.empty() : tensor<64x32xf32>
  %3 = linalg.generic {indexing_maps = [#d2_01, #d2_01], iterator_types = ["parallel", "parallel"]} ins(%arg1 : tensor<64x32xbf16>) outs(%2 : tensor<64x32xf32>) {
  ^bb0(%in: bf16, %out: f32):
    %16 = arith.extf %in : bf16 to f32
    linalg.yield %16 : f32
  } -> tensor<64x32xf32>
  %expanded = tensor.expand_shape %1 [[0], [1], [2, 3]] output_shape [24, 32, 8, 1] : tensor<24x32x8xf32> into tensor<24x32x8x1xf32>
  %expanded_0 = tensor.expand_shape %3 [[0], [1, 2, 3]] output_shape [64, 32, 1, 1] : tensor<64x32xf32> into tensor<64x32x1x1xf32>
  %4 = tensor.empty() : tensor<24x8x32x1xf32>
  %transposed = linalg.transpose ins(%expanded : tensor<24x32x8x1xf32>) outs(%4 : tensor<24x8x32x1xf32>) permutation = [0, 2, 1, 3] 
  %collapsed = tensor.collapse_shape %transposed [[0, 1], [2, 3]] : tensor<24x8x32x1xf32> into tensor<192x32xf32>
  %expanded_1 = tensor.expand_shape %collapsed [[0, 1], [2]] output_shape [1, 192, 32] : tensor<192x32xf32> into tensor<1x192x32xf32>
  %5 = tensor.empty() : tensor<32x64x1x1xf32>
  %transposed_2 = linalg.transpose ins(%expanded_0 : tensor<64x32x1x1xf32>) outs(%5 : tensor<32x64x1x1xf32>) permutation = [1, 0, 2, 3] 
  %collapsed_3 = tensor.collapse_shape %transposed_2 [[0], [1, 2, 3]] : tensor<32x64x1x1xf32> into tensor<32x64xf32>
  %expanded_4 = tensor.expand_shape %collapsed_3 [[0, 1], [2]] output_shape [1, 32, 64] : tensor<32x64xf32> into tensor<1x32x64xf32>
  %6 = tensor.empty() : tensor<1x192x64xf32>
  %7 = linalg.fill ins(%cst : f32) outs(%6 : tensor<1x192x64xf32>) -> tensor<1x192x64xf32>
  %8 = linalg.batch_matmul ins(%expanded_1, %expanded_4 : tensor<1x192x32xf32>, tensor<1x32x64xf32>) outs(%7 : tensor<1x192x64xf32>) -> tensor<1x192x64xf32>
  %collapsed_5 = tensor.collapse_shape %8 [[0, 1], [2]] : tensor<1x192x64xf32> into tensor<192x64xf32>
  %expanded_6 = tensor.expand_shape %collapsed_5 [[0, 1], [2, 3]] output_shape [24, 8, 1, 64] : tensor<192x64xf32> into tensor<24x8x1x64xf32>
  %9 = tensor.empty() : tensor<24x64x8x1xf32>
  %transposed_7 = linalg.transpose ins(%expanded_6 : tensor<24x8x1x64xf32>) outs(%9 : tensor<24x64x8x1xf32>) permutation = [0, 3, 1, 2] 
  %collapsed_8 = tensor.collapse_shape %transposed_7 [[0], [1], [2, 3]] : tensor<24x64x8x1xf32> into tensor<24x64x8xf32>
  %10 = tensor.empty() : tensor<24x64x8xf32>
  %11 = linalg.generic {indexing_maps = [#d3_012, #d3_012], iterator_types = ["parallel", "parallel", "parallel"]} ins(%collapsed_8 : tensor<24x64x8xf32>) outs(%10 : tensor<24x64x8xf32>) {
  ^bb0(%in: f32, %out: f32):
    %16 = arith.cmpf ugt, %in, %cst : f32
    %17 = arith.select %16, %in, %cst : f32
    linalg.yield %17 : f32
  } -> tensor<24x64x8xf32>
  %expanded_9 = tensor.expand_shape %arg2 [[0], [1, 2]] output_shape [8, 24, 1] : tensor<8x24xf32> into tensor<8x24x1xf32>
  %12 = tensor.empty() : tensor<24x8x1xf32>
  %transposed_10 = linalg.transpose ins(%expanded_9 : tensor<8x24x1xf32>) outs(%12 : tensor<24x8x1xf32>) permutation = [1, 0, 2] 
  %13 = tensor.empty() : tensor<24x64x1xf32>
  %14 = linalg.fill ins(%cst : f32) outs(%13 : tensor<24x64x1xf32>) -> tensor<24x64x1xf32>
  %15 = linalg.batch_matmul ins(%11, %transposed_10 : tensor<24x64x8xf32>, tensor<24x8x1xf32>) outs(%14 : tensor<24x64x1xf32>) -> tensor<24x64x1xf32>
  %collapsed_11 = tensor.collapse_shape %15 [[0], [1, 2]] : tensor<24x64x1xf32> into tensor<24x64xf32>
  return %collapsed_11 : tensor<24x64xf32>
}

// The logits are a dimension of one less than the last sum.
// CHECK-LABEL: func @matmul_reshape(
// CHECK: mqa.logits ins(%arg0, %arg1, none, %arg2, none, 
// CHECK-NEXT: return
func.func @matmul_reshape(%arg0: tensor<24x8x32xbf16>, %arg1: tensor<64x32xbf16>, %arg2: tensor<24x8xf32>) -> tensor<24x64xf32> {
  %cst = arith.constant 0.000000e+00 : f32
  %collapsed = tensor.collapse_shape %arg0 [[0, 1], [2]] : tensor<24x8x32xbf16> into tensor<192x32xbf16>
  %0 = tensor.empty() : tensor<192x32xf32>
  %1 = linalg.generic {indexing_maps = [#d2_01, #d2_01], iterator_types = ["parallel", "parallel"]} ins(%collapsed : tensor<192x32xbf16>) outs(%0 : tensor<192x32xf32>) {
  ^bb0(%in: bf16, %out: f32):
    %14 = arith.extf %in : bf16 to f32
    linalg.yield %14 : f32
  } -> tensor<192x32xf32>
  %2 = tensor.empty() : tensor<64x32xf32>
  %3 = linalg.generic {indexing_maps = [#d2_01, #d2_01], iterator_types = ["parallel", "parallel"]} ins(%arg1 : tensor<64x32xbf16>) outs(%2 : tensor<64x32xf32>) {
  ^bb0(%in: bf16, %out: f32):
    %14 = arith.extf %in : bf16 to f32
    linalg.yield %14 : f32
  } -> tensor<64x32xf32>
  %4 = tensor.empty() : tensor<32x64xf32>
  %transposed = linalg.transpose ins(%3 : tensor<64x32xf32>) outs(%4 : tensor<32x64xf32>) permutation = [1, 0] 
  %5 = tensor.empty() : tensor<192x64xf32>
  %6 = linalg.fill ins(%cst : f32) outs(%5 : tensor<192x64xf32>) -> tensor<192x64xf32>
  %7 = linalg.matmul ins(%1, %transposed : tensor<192x32xf32>, tensor<32x64xf32>) outs(%6 : tensor<192x64xf32>) -> tensor<192x64xf32>
  %expanded = tensor.expand_shape %7 [[0, 1], [2]] output_shape [24, 8, 64] : tensor<192x64xf32> into tensor<24x8x64xf32>
  %8 = tensor.empty() : tensor<24x8x64xf32>
  %9 = linalg.generic {indexing_maps = [#d3_012, #d3_012], iterator_types = ["parallel", "parallel", "parallel"]} ins(%expanded : tensor<24x8x64xf32>) outs(%8 : tensor<24x8x64xf32>) {
  ^bb0(%in: f32, %out: f32):
    %14 = arith.cmpf ugt, %in, %cst : f32
    %15 = arith.select %14, %in, %cst : f32
    linalg.yield %15 : f32
  } -> tensor<24x8x64xf32>
  %10 = tensor.empty() : tensor<24x64x8xf32>
  %transposed_0 = linalg.transpose ins(%9 : tensor<24x8x64xf32>) outs(%10 : tensor<24x64x8xf32>) permutation = [0, 2, 1] 
  %expanded_1 = tensor.expand_shape %arg2 [[0], [1, 2]] output_shape [24, 8, 1] : tensor<24x8xf32> into tensor<24x8x1xf32>
  %11 = tensor.empty() : tensor<24x64x1xf32>
  %12 = linalg.fill ins(%cst : f32) outs(%11 : tensor<24x64x1xf32>) -> tensor<24x64x1xf32>
  %13 = linalg.batch_matmul ins(%transposed_0, %expanded_1 : tensor<24x64x8xf32>, tensor<24x8x1xf32>) outs(%12 : tensor<24x64x1xf32>) -> tensor<24x64x1xf32>
  %collapsed_2 = tensor.collapse_shape %13 [[0], [1, 2]] : tensor<24x64x1xf32> into tensor<24x64xf32>
  return %collapsed_2 : tensor<24x64xf32>
}

// Likewise.
// CHECK-LABEL: func @collapsed(
// CHECK: mqa.logits ins(%arg0, %arg1, none, none, none, 
// CHECK-NEXT: return
func.func @collapsed(%arg0: tensor<4x2x16xbf16>, %arg1: tensor<8x16xbf16>) -> tensor<4x8xf32> {
  %cst = arith.constant 0.000000e+00 : f32
  %0 = tensor.empty() : tensor<4x8x1xf32>
  %1 = linalg.fill ins(%cst : f32) outs(%0 : tensor<4x8x1xf32>) -> tensor<4x8x1xf32>
  %2 = tensor.empty() : tensor<4x2x8xf32>
  %3 = linalg.fill ins(%cst : f32) outs(%2 : tensor<4x2x8xf32>) -> tensor<4x2x8xf32>
  %4 = linalg.generic {indexing_maps = [#d4_013, #d4_23, #d4_012], iterator_types = ["parallel", "parallel", "parallel", "reduction"]} ins(%arg0, %arg1 : tensor<4x2x16xbf16>, tensor<8x16xbf16>) outs(%3 : tensor<4x2x8xf32>) {
  ^bb0(%in: bf16, %in_0: bf16, %out: f32):
    %6 = arith.extf %in : bf16 to f32
    %7 = arith.extf %in_0 : bf16 to f32
    %8 = arith.mulf %6, %7 : f32
    %9 = arith.addf %out, %8 : f32
    linalg.yield %9 : f32
  } -> tensor<4x2x8xf32>
  %5 = linalg.generic {indexing_maps = [#d4_031, #d4_012], iterator_types = ["parallel", "parallel", "parallel", "reduction"]} ins(%4 : tensor<4x2x8xf32>) outs(%1 : tensor<4x8x1xf32>) {
  ^bb0(%in: f32, %out: f32):
    %6 = arith.maximumf %in, %cst : f32
    %7 = arith.addf %out, %6 : f32
    linalg.yield %7 : f32
  } -> tensor<4x8x1xf32>
  %collapsed = tensor.collapse_shape %5 [[0], [1, 2]] : tensor<4x8x1xf32> into tensor<4x8xf32>
  return %collapsed : tensor<4x8xf32>
}

// The keys are the first dimension.
// CHECK-LABEL: func @transposed(
// CHECK: %[[L:.*]] = mqa.logits ins(%arg0, %arg1, none, %arg2, none, 
// CHECK: %[[T:.*]] = linalg.transpose ins(%[[L]] : tensor<24x64xf32>)
// CHECK: return %[[T]]
func.func @transposed(%arg0: tensor<24x8x32xbf16>, %arg1: tensor<64x32xbf16>, %arg2: tensor<24x8xf32>) -> tensor<64x24xf32> {
  %cst = arith.constant 0.000000e+00 : f32
  %0 = tensor.empty() : tensor<64x32xf32>
  %1 = linalg.generic {indexing_maps = [#d2_01, #d2_01], iterator_types = ["parallel", "parallel"]} ins(%arg1 : tensor<64x32xbf16>) outs(%0 : tensor<64x32xf32>) {
  ^bb0(%in: bf16, %out: f32):
    %16 = arith.extf %in : bf16 to f32
    linalg.yield %16 : f32
  } -> tensor<64x32xf32>
  %2 = tensor.empty() : tensor<24x8x32xf32>
  %3 = linalg.generic {indexing_maps = [#d3_012, #d3_012], iterator_types = ["parallel", "parallel", "parallel"]} ins(%arg0 : tensor<24x8x32xbf16>) outs(%2 : tensor<24x8x32xf32>) {
  ^bb0(%in: bf16, %out: f32):
    %16 = arith.extf %in : bf16 to f32
    linalg.yield %16 : f32
  } -> tensor<24x8x32xf32>
  %expanded = tensor.expand_shape %3 [[0], [1], [2, 3]] output_shape [24, 8, 32, 1] : tensor<24x8x32xf32> into tensor<24x8x32x1xf32>
  %expanded_0 = tensor.expand_shape %1 [[0, 1], [2]] output_shape [1, 64, 32] : tensor<64x32xf32> into tensor<1x64x32xf32>
  %4 = tensor.empty() : tensor<32x8x24x1xf32>
  %transposed = linalg.transpose ins(%expanded : tensor<24x8x32x1xf32>) outs(%4 : tensor<32x8x24x1xf32>) permutation = [2, 1, 0, 3] 
  %collapsed = tensor.collapse_shape %transposed [[0], [1, 2, 3]] : tensor<32x8x24x1xf32> into tensor<32x192xf32>
  %expanded_1 = tensor.expand_shape %collapsed [[0, 1], [2]] output_shape [1, 32, 192] : tensor<32x192xf32> into tensor<1x32x192xf32>
  %5 = tensor.empty() : tensor<1x64x192xf32>
  %6 = linalg.fill ins(%cst : f32) outs(%5 : tensor<1x64x192xf32>) -> tensor<1x64x192xf32>
  %7 = linalg.batch_matmul ins(%expanded_0, %expanded_1 : tensor<1x64x32xf32>, tensor<1x32x192xf32>) outs(%6 : tensor<1x64x192xf32>) -> tensor<1x64x192xf32>
  %collapsed_2 = tensor.collapse_shape %7 [[0, 1], [2]] : tensor<1x64x192xf32> into tensor<64x192xf32>
  %expanded_3 = tensor.expand_shape %collapsed_2 [[0], [1, 2, 3]] output_shape [64, 1, 8, 24] : tensor<64x192xf32> into tensor<64x1x8x24xf32>
  %8 = tensor.empty() : tensor<64x8x24x1xf32>
  %transposed_4 = linalg.transpose ins(%expanded_3 : tensor<64x1x8x24xf32>) outs(%8 : tensor<64x8x24x1xf32>) permutation = [0, 2, 3, 1] 
  %collapsed_5 = tensor.collapse_shape %transposed_4 [[0], [1], [2, 3]] : tensor<64x8x24x1xf32> into tensor<64x8x24xf32>
  %9 = tensor.empty() : tensor<64x8x24xf32>
  %10 = linalg.generic {indexing_maps = [#d3_012, #d3_012], iterator_types = ["parallel", "parallel", "parallel"]} ins(%collapsed_5 : tensor<64x8x24xf32>) outs(%9 : tensor<64x8x24xf32>) {
  ^bb0(%in: f32, %out: f32):
    %16 = arith.cmpf ugt, %in, %cst : f32
    %17 = arith.select %16, %in, %cst : f32
    linalg.yield %17 : f32
  } -> tensor<64x8x24xf32>
  %expanded_6 = tensor.expand_shape %arg2 [[0], [1, 2]] output_shape [24, 8, 1] : tensor<24x8xf32> into tensor<24x8x1xf32>
  %11 = tensor.empty() : tensor<24x64x8xf32>
  %transposed_7 = linalg.transpose ins(%10 : tensor<64x8x24xf32>) outs(%11 : tensor<24x64x8xf32>) permutation = [2, 0, 1] 
  %12 = tensor.empty() : tensor<24x64x1xf32>
  %13 = linalg.fill ins(%cst : f32) outs(%12 : tensor<24x64x1xf32>) -> tensor<24x64x1xf32>
  %14 = linalg.batch_matmul ins(%transposed_7, %expanded_6 : tensor<24x64x8xf32>, tensor<24x8x1xf32>) outs(%13 : tensor<24x64x1xf32>) -> tensor<24x64x1xf32>
  %15 = tensor.empty() : tensor<64x24x1xf32>
  %transposed_8 = linalg.transpose ins(%14 : tensor<24x64x1xf32>) outs(%15 : tensor<64x24x1xf32>) permutation = [1, 0, 2] 
  %collapsed_9 = tensor.collapse_shape %transposed_8 [[0], [1, 2]] : tensor<64x24x1xf32> into tensor<64x24xf32>
  return %collapsed_9 : tensor<64x24xf32>
}

// A batch of one sequence needs no ranges.
// CHECK-LABEL: func @batch_of_one(
// CHECK: %[[L:.*]] = mqa.logits ins({{.*}}, none, %{{.*}}, none, {{.*}} outs(%{{.*}} : tensor<24x64xf32>) ->
// CHECK: tensor.expand_shape %[[L]] {{.*}} into tensor<1x24x64xf32>
func.func @batch_of_one(%arg0: tensor<1x24x8x32xbf16>, %arg1: tensor<1x64x32xbf16>, %arg2: tensor<1x24x8xf32>) -> tensor<1x24x64xf32> {
  %cst = arith.constant 0.000000e+00 : f32
  %0 = tensor.empty() : tensor<1x24x8x32xf32>
  %1 = linalg.generic {indexing_maps = [#d4_0123, #d4_0123], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%arg0 : tensor<1x24x8x32xbf16>) outs(%0 : tensor<1x24x8x32xf32>) {
  ^bb0(%in: bf16, %out: f32):
    %18 = arith.extf %in : bf16 to f32
    linalg.yield %18 : f32
  } -> tensor<1x24x8x32xf32>
  %2 = tensor.empty() : tensor<1x64x32xf32>
  %3 = linalg.generic {indexing_maps = [#d3_012, #d3_012], iterator_types = ["parallel", "parallel", "parallel"]} ins(%arg1 : tensor<1x64x32xbf16>) outs(%2 : tensor<1x64x32xf32>) {
  ^bb0(%in: bf16, %out: f32):
    %18 = arith.extf %in : bf16 to f32
    linalg.yield %18 : f32
  } -> tensor<1x64x32xf32>
  %expanded = tensor.expand_shape %1 [[0], [1], [2], [3, 4]] output_shape [1, 24, 8, 32, 1] : tensor<1x24x8x32xf32> into tensor<1x24x8x32x1xf32>
  %expanded_0 = tensor.expand_shape %3 [[0], [1], [2, 3, 4]] output_shape [1, 64, 32, 1, 1] : tensor<1x64x32xf32> into tensor<1x64x32x1x1xf32>
  %4 = tensor.empty() : tensor<24x8x32x1x1xf32>
  %transposed = linalg.transpose ins(%expanded : tensor<1x24x8x32x1xf32>) outs(%4 : tensor<24x8x32x1x1xf32>) permutation = [1, 2, 3, 0, 4] 
  %collapsed = tensor.collapse_shape %transposed [[0, 1], [2, 3, 4]] : tensor<24x8x32x1x1xf32> into tensor<192x32xf32>
  %expanded_1 = tensor.expand_shape %collapsed [[0, 1], [2]] output_shape [1, 192, 32] : tensor<192x32xf32> into tensor<1x192x32xf32>
  %5 = tensor.empty() : tensor<32x1x64x1x1xf32>
  %transposed_2 = linalg.transpose ins(%expanded_0 : tensor<1x64x32x1x1xf32>) outs(%5 : tensor<32x1x64x1x1xf32>) permutation = [2, 0, 1, 3, 4] 
  %collapsed_3 = tensor.collapse_shape %transposed_2 [[0], [1, 2, 3, 4]] : tensor<32x1x64x1x1xf32> into tensor<32x64xf32>
  %expanded_4 = tensor.expand_shape %collapsed_3 [[0, 1], [2]] output_shape [1, 32, 64] : tensor<32x64xf32> into tensor<1x32x64xf32>
  %6 = tensor.empty() : tensor<1x192x64xf32>
  %7 = linalg.fill ins(%cst : f32) outs(%6 : tensor<1x192x64xf32>) -> tensor<1x192x64xf32>
  %8 = linalg.batch_matmul ins(%expanded_1, %expanded_4 : tensor<1x192x32xf32>, tensor<1x32x64xf32>) outs(%7 : tensor<1x192x64xf32>) -> tensor<1x192x64xf32>
  %collapsed_5 = tensor.collapse_shape %8 [[0, 1], [2]] : tensor<1x192x64xf32> into tensor<192x64xf32>
  %expanded_6 = tensor.expand_shape %collapsed_5 [[0, 1], [2, 3, 4]] output_shape [24, 8, 1, 1, 64] : tensor<192x64xf32> into tensor<24x8x1x1x64xf32>
  %9 = tensor.empty() : tensor<1x24x8x64x1xf32>
  %transposed_7 = linalg.transpose ins(%expanded_6 : tensor<24x8x1x1x64xf32>) outs(%9 : tensor<1x24x8x64x1xf32>) permutation = [3, 0, 1, 4, 2] 
  %collapsed_8 = tensor.collapse_shape %transposed_7 [[0], [1], [2], [3, 4]] : tensor<1x24x8x64x1xf32> into tensor<1x24x8x64xf32>
  %10 = tensor.empty() : tensor<1x24x8x64xf32>
  %11 = linalg.generic {indexing_maps = [#d4_0123, #d4_0123], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%collapsed_8 : tensor<1x24x8x64xf32>) outs(%10 : tensor<1x24x8x64xf32>) {
  ^bb0(%in: f32, %out: f32):
    %18 = arith.cmpf ugt, %in, %cst : f32
    %19 = arith.select %18, %in, %cst : f32
    linalg.yield %19 : f32
  } -> tensor<1x24x8x64xf32>
  %expanded_9 = tensor.expand_shape %arg2 [[0], [1], [2, 3]] output_shape [1, 24, 8, 1] : tensor<1x24x8xf32> into tensor<1x24x8x1xf32>
  %12 = tensor.empty() : tensor<24x1x8x1xf32>
  %transposed_10 = linalg.transpose ins(%expanded_9 : tensor<1x24x8x1xf32>) outs(%12 : tensor<24x1x8x1xf32>) permutation = [1, 0, 2, 3] 
  %collapsed_11 = tensor.collapse_shape %transposed_10 [[0], [1], [2, 3]] : tensor<24x1x8x1xf32> into tensor<24x1x8xf32>
  %13 = tensor.empty() : tensor<24x8x64x1xf32>
  %transposed_12 = linalg.transpose ins(%11 : tensor<1x24x8x64xf32>) outs(%13 : tensor<24x8x64x1xf32>) permutation = [1, 2, 3, 0] 
  %collapsed_13 = tensor.collapse_shape %transposed_12 [[0], [1], [2, 3]] : tensor<24x8x64x1xf32> into tensor<24x8x64xf32>
  %14 = tensor.empty() : tensor<24x1x64xf32>
  %15 = linalg.fill ins(%cst : f32) outs(%14 : tensor<24x1x64xf32>) -> tensor<24x1x64xf32>
  %16 = linalg.batch_matmul ins(%collapsed_11, %collapsed_13 : tensor<24x1x8xf32>, tensor<24x8x64xf32>) outs(%15 : tensor<24x1x64xf32>) -> tensor<24x1x64xf32>
  %expanded_14 = tensor.expand_shape %16 [[0], [1], [2, 3]] output_shape [24, 1, 1, 64] : tensor<24x1x64xf32> into tensor<24x1x1x64xf32>
  %17 = tensor.empty() : tensor<1x24x64x1xf32>
  %transposed_15 = linalg.transpose ins(%expanded_14 : tensor<24x1x1x64xf32>) outs(%17 : tensor<1x24x64x1xf32>) permutation = [1, 0, 3, 2] 
  %collapsed_16 = tensor.collapse_shape %transposed_15 [[0], [1], [2, 3]] : tensor<1x24x64x1xf32> into tensor<1x24x64xf32>
  return %collapsed_16 : tensor<1x24x64xf32>
}

// JAX: one query, and a length that is a scalar.
// CHECK-LABEL: func @one_query(
// CHECK: %[[KE:.*]] = tensor.expand_shape %arg3 [] output_shape [1]
// CHECK: mqa.logits ins(%arg0, %arg1, none, %arg2, none, %[[KE]] : {{.*}} {clean}
// CHECK-NEXT: return
func.func @one_query(%arg0: tensor<1x8x32xbf16>, %arg1: tensor<64x32xbf16>, %arg2: tensor<1x8xf32>, %arg3: tensor<i32>) -> tensor<1x64xf32> {
  %cst = arith.constant 0xFF800000 : f32
  %cst_0 = arith.constant 0.000000e+00 : f32
  %collapsed = tensor.collapse_shape %arg0 [[0, 1], [2]] : tensor<1x8x32xbf16> into tensor<8x32xbf16>
  %0 = tensor.empty() : tensor<32x64xbf16>
  %1 = linalg.generic {indexing_maps = [#d2_10, #d2_01], iterator_types = ["parallel", "parallel"]} ins(%arg1 : tensor<64x32xbf16>) outs(%0 : tensor<32x64xbf16>) {
  ^bb0(%in: bf16, %out: bf16):
    linalg.yield %in : bf16
  } -> tensor<32x64xbf16>
  %2 = tensor.empty() : tensor<8x64xf32>
  %3 = linalg.fill ins(%cst_0 : f32) outs(%2 : tensor<8x64xf32>) -> tensor<8x64xf32>
  %4 = linalg.matmul ins(%collapsed, %1 : tensor<8x32xbf16>, tensor<32x64xbf16>) outs(%3 : tensor<8x64xf32>) -> tensor<8x64xf32>
  %expanded = tensor.expand_shape %4 [[0, 1], [2]] output_shape [1, 8, 64] : tensor<8x64xf32> into tensor<1x8x64xf32>
  %5 = tensor.empty() : tensor<1x8x64xf32>
  %6 = linalg.generic {indexing_maps = [#d3_012, #d3_012], iterator_types = ["parallel", "parallel", "parallel"]} ins(%expanded : tensor<1x8x64xf32>) outs(%5 : tensor<1x8x64xf32>) {
  ^bb0(%in: f32, %out: f32):
    %21 = arith.maximumf %in, %cst_0 : f32
    linalg.yield %21 : f32
  } -> tensor<1x8x64xf32>
  %7 = tensor.empty() : tensor<1x64x8xf32>
  %8 = linalg.generic {indexing_maps = [#d3_021, #d3_012], iterator_types = ["parallel", "parallel", "parallel"]} ins(%6 : tensor<1x8x64xf32>) outs(%7 : tensor<1x64x8xf32>) {
  ^bb0(%in: f32, %out: f32):
    linalg.yield %in : f32
  } -> tensor<1x64x8xf32>
  %collapsed_1 = tensor.collapse_shape %8 [[0, 1], [2]] : tensor<1x64x8xf32> into tensor<64x8xf32>
  %collapsed_2 = tensor.collapse_shape %arg2 [[0, 1]] : tensor<1x8xf32> into tensor<8xf32>
  %9 = tensor.empty() : tensor<64xf32>
  %10 = linalg.fill ins(%cst_0 : f32) outs(%9 : tensor<64xf32>) -> tensor<64xf32>
  %11 = linalg.matvec ins(%collapsed_1, %collapsed_2 : tensor<64x8xf32>, tensor<8xf32>) outs(%10 : tensor<64xf32>) -> tensor<64xf32>
  %expanded_3 = tensor.expand_shape %11 [[0, 1]] output_shape [1, 64] : tensor<64xf32> into tensor<1x64xf32>
  %12 = tensor.empty() : tensor<64xi32>
  %13 = linalg.generic {indexing_maps = [#d1_0], iterator_types = ["parallel"]} outs(%12 : tensor<64xi32>) {
  ^bb0(%out: i32):
    %21 = linalg.index 0 : index
    %22 = arith.index_cast %21 : index to i32
    linalg.yield %22 : i32
  } -> tensor<64xi32>
  %14 = linalg.generic {indexing_maps = [#d1_, #d1_0], iterator_types = ["parallel"]} ins(%arg3 : tensor<i32>) outs(%12 : tensor<64xi32>) {
  ^bb0(%in: i32, %out: i32):
    linalg.yield %in : i32
  } -> tensor<64xi32>
  %15 = tensor.empty() : tensor<64xi1>
  %16 = linalg.generic {indexing_maps = [#d1_0, #d1_0, #d1_0], iterator_types = ["parallel"]} ins(%13, %14 : tensor<64xi32>, tensor<64xi32>) outs(%15 : tensor<64xi1>) {
  ^bb0(%in: i32, %in_4: i32, %out: i1):
    %21 = arith.cmpi slt, %in, %in_4 : i32
    linalg.yield %21 : i1
  } -> tensor<64xi1>
  %17 = tensor.empty() : tensor<1x64xi1>
  %18 = linalg.generic {indexing_maps = [#d2_1, #d2_01], iterator_types = ["parallel", "parallel"]} ins(%16 : tensor<64xi1>) outs(%17 : tensor<1x64xi1>) {
  ^bb0(%in: i1, %out: i1):
    linalg.yield %in : i1
  } -> tensor<1x64xi1>
  %19 = tensor.empty() : tensor<1x64xf32>
  %20 = linalg.generic {indexing_maps = [#d2_01, #d2_01, #d2_01], iterator_types = ["parallel", "parallel"]} ins(%18, %expanded_3 : tensor<1x64xi1>, tensor<1x64xf32>) outs(%19 : tensor<1x64xf32>) {
  ^bb0(%in: i1, %in_4: f32, %out: f32):
    %21 = arith.select %in, %in_4, %cst : f32
    linalg.yield %21 : f32
  } -> tensor<1x64xf32>
  return %20 : tensor<1x64xf32>
}
