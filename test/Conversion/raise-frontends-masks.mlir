// RUN: mqa-opt %s --pass-pipeline='builtin.module(func.func(mqa-raise,canonicalize,cse))' | FileCheck %s

// Masks as PyTorch and JAX write them, lowered with their sizes.

#d3_012 = affine_map<(d0, d1, d2) -> (d0, d1, d2)>
#d2_01 = affine_map<(d0, d1) -> (d0, d1)>
#d3_01z = affine_map<(d0, d1, d2) -> (d0, d1, 0)>
#d3_02 = affine_map<(d0, d1, d2) -> (d0, d2)>
#d1_0 = affine_map<(d0) -> (d0)>
#d2_z1 = affine_map<(d0, d1) -> (0, d1)>
#d2_0z = affine_map<(d0, d1) -> (d0, 0)>
#d2_ = affine_map<(d0, d1) -> ()>
#d2_10 = affine_map<(d0, d1) -> (d1, d0)>
#d3_021 = affine_map<(d0, d1, d2) -> (d0, d2, d1)>
#d3_01 = affine_map<(d0, d1, d2) -> (d0, d1)>

// logits + where(n < ke, 0, -inf)
// CHECK-LABEL: func @additive(
// CHECK-SAME: %[[KE:[a-z0-9]+]]: tensor<24xi32>)
// CHECK-NEXT: tensor.empty
// CHECK-NEXT: mqa.logits ins({{.*}}, none, %{{.*}}, none, %[[KE]] : {{.*}}) outs({{.*}}) {clean}
// CHECK-NEXT: return
func.func @additive(%arg0: tensor<24x8x32xbf16>, %arg1: tensor<64x32xbf16>, %arg2: tensor<24x8xf32>, %arg3: tensor<24xi32>) -> tensor<24x64xf32> {
  %cst = arith.constant 0.000000e+00 : f32
  %cst_0 = arith.constant dense<0.000000e+00> : tensor<f32>
  %cst_1 = arith.constant dense<0xFF800000> : tensor<f32>
  %0 = tensor.empty() : tensor<24x8x32xf32>
  %1 = linalg.generic {indexing_maps = [#d3_012, #d3_012], iterator_types = ["parallel", "parallel", "parallel"]} ins(%arg0 : tensor<24x8x32xbf16>) outs(%0 : tensor<24x8x32xf32>) {
  ^bb0(%in: bf16, %out: f32):
    %21 = arith.extf %in : bf16 to f32
    linalg.yield %21 : f32
  } -> tensor<24x8x32xf32>
  %2 = tensor.empty() : tensor<64x32xf32>
  %3 = linalg.generic {indexing_maps = [#d2_01, #d2_01], iterator_types = ["parallel", "parallel"]} ins(%arg1 : tensor<64x32xbf16>) outs(%2 : tensor<64x32xf32>) {
  ^bb0(%in: bf16, %out: f32):
    %21 = arith.extf %in : bf16 to f32
    linalg.yield %21 : f32
  } -> tensor<64x32xf32>
  %expanded = tensor.expand_shape %3 [[0], [1, 2, 3]] output_shape [64, 32, 1, 1] : tensor<64x32xf32> into tensor<64x32x1x1xf32>
  %collapsed = tensor.collapse_shape %1 [[0, 1], [2]] : tensor<24x8x32xf32> into tensor<192x32xf32>
  %expanded_2 = tensor.expand_shape %collapsed [[0, 1], [2]] output_shape [1, 192, 32] : tensor<192x32xf32> into tensor<1x192x32xf32>
  %4 = tensor.empty() : tensor<32x64x1x1xf32>
  %transposed = linalg.transpose ins(%expanded : tensor<64x32x1x1xf32>) outs(%4 : tensor<32x64x1x1xf32>) permutation = [1, 0, 2, 3] 
  %collapsed_3 = tensor.collapse_shape %transposed [[0], [1, 2, 3]] : tensor<32x64x1x1xf32> into tensor<32x64xf32>
  %expanded_4 = tensor.expand_shape %collapsed_3 [[0, 1], [2]] output_shape [1, 32, 64] : tensor<32x64xf32> into tensor<1x32x64xf32>
  %5 = tensor.empty() : tensor<1x192x64xf32>
  %6 = linalg.fill ins(%cst : f32) outs(%5 : tensor<1x192x64xf32>) -> tensor<1x192x64xf32>
  %7 = linalg.batch_matmul ins(%expanded_2, %expanded_4 : tensor<1x192x32xf32>, tensor<1x32x64xf32>) outs(%6 : tensor<1x192x64xf32>) -> tensor<1x192x64xf32>
  %collapsed_5 = tensor.collapse_shape %7 [[0, 1], [2]] : tensor<1x192x64xf32> into tensor<192x64xf32>
  %expanded_6 = tensor.expand_shape %collapsed_5 [[0, 1], [2, 3]] output_shape [24, 8, 1, 64] : tensor<192x64xf32> into tensor<24x8x1x64xf32>
  %8 = tensor.empty() : tensor<24x8x64x1xf32>
  %transposed_7 = linalg.transpose ins(%expanded_6 : tensor<24x8x1x64xf32>) outs(%8 : tensor<24x8x64x1xf32>) permutation = [0, 1, 3, 2] 
  %collapsed_8 = tensor.collapse_shape %transposed_7 [[0], [1], [2, 3]] : tensor<24x8x64x1xf32> into tensor<24x8x64xf32>
  %9 = tensor.empty() : tensor<24x8x64xf32>
  %10 = linalg.generic {indexing_maps = [#d3_012, #d3_012], iterator_types = ["parallel", "parallel", "parallel"]} ins(%collapsed_8 : tensor<24x8x64xf32>) outs(%9 : tensor<24x8x64xf32>) {
  ^bb0(%in: f32, %out: f32):
    %21 = arith.cmpf ugt, %in, %cst : f32
    %22 = arith.select %21, %in, %cst : f32
    linalg.yield %22 : f32
  } -> tensor<24x8x64xf32>
  %expanded_9 = tensor.expand_shape %arg2 [[0], [1, 2]] output_shape [24, 8, 1] : tensor<24x8xf32> into tensor<24x8x1xf32>
  %11 = linalg.generic {indexing_maps = [#d3_012, #d3_01z, #d3_012], iterator_types = ["parallel", "parallel", "parallel"]} ins(%10, %expanded_9 : tensor<24x8x64xf32>, tensor<24x8x1xf32>) outs(%9 : tensor<24x8x64xf32>) {
  ^bb0(%in: f32, %in_12: f32, %out: f32):
    %21 = arith.mulf %in, %in_12 : f32
    linalg.yield %21 : f32
  } -> tensor<24x8x64xf32>
  %12 = tensor.empty() : tensor<24x64xf32>
  %13 = linalg.fill ins(%cst : f32) outs(%12 : tensor<24x64xf32>) -> tensor<24x64xf32>
  %14 = linalg.generic {indexing_maps = [#d3_012, #d3_02], iterator_types = ["parallel", "reduction", "parallel"]} ins(%11 : tensor<24x8x64xf32>) outs(%13 : tensor<24x64xf32>) {
  ^bb0(%in: f32, %out: f32):
    %21 = arith.addf %in, %out : f32
    linalg.yield %21 : f32
  } -> tensor<24x64xf32>
  %15 = tensor.empty() : tensor<64xi64>
  %16 = linalg.generic {indexing_maps = [#d1_0], iterator_types = ["parallel"]} outs(%15 : tensor<64xi64>) {
  ^bb0(%out: i64):
    %21 = linalg.index 0 : index
    %22 = arith.index_cast %21 : index to i64
    linalg.yield %22 : i64
  } -> tensor<64xi64>
  %expanded_10 = tensor.expand_shape %16 [[0, 1]] output_shape [1, 64] : tensor<64xi64> into tensor<1x64xi64>
  %expanded_11 = tensor.expand_shape %arg3 [[0, 1]] output_shape [24, 1] : tensor<24xi32> into tensor<24x1xi32>
  %17 = tensor.empty() : tensor<24x64xi1>
  %18 = linalg.generic {indexing_maps = [#d2_z1, #d2_0z, #d2_01], iterator_types = ["parallel", "parallel"]} ins(%expanded_10, %expanded_11 : tensor<1x64xi64>, tensor<24x1xi32>) outs(%17 : tensor<24x64xi1>) {
  ^bb0(%in: i64, %in_12: i32, %out: i1):
    %21 = arith.extsi %in_12 : i32 to i64
    %22 = arith.cmpi slt, %in, %21 : i64
    linalg.yield %22 : i1
  } -> tensor<24x64xi1>
  %19 = linalg.generic {indexing_maps = [#d2_01, #d2_, #d2_, #d2_01], iterator_types = ["parallel", "parallel"]} ins(%18, %cst_0, %cst_1 : tensor<24x64xi1>, tensor<f32>, tensor<f32>) outs(%12 : tensor<24x64xf32>) {
  ^bb0(%in: i1, %in_12: f32, %in_13: f32, %out: f32):
    %21 = arith.select %in, %in_12, %in_13 : f32
    linalg.yield %21 : f32
  } -> tensor<24x64xf32>
  %20 = linalg.generic {indexing_maps = [#d2_01, #d2_01, #d2_01], iterator_types = ["parallel", "parallel"]} ins(%14, %19 : tensor<24x64xf32>, tensor<24x64xf32>) outs(%12 : tensor<24x64xf32>) {
  ^bb0(%in: f32, %in_12: f32, %out: f32):
    %21 = arith.addf %in, %in_12 : f32
    linalg.yield %21 : f32
  } -> tensor<24x64xf32>
  return %20 : tensor<24x64xf32>
}

// Lengths of 64 bits that no number of 32 bits is: they end at the greatest one.
// CHECK-LABEL: func @wide_lengths(
// CHECK-SAME: %[[LEN:[a-z0-9]+]]: tensor<24xi64>)
// CHECK: %[[KE:.*]] = linalg.generic {{.*}} ins(%[[LEN]] : tensor<24xi64>) outs(%{{.*}} : tensor<24xi32>)
// CHECK: %[[LOW:.*]] = arith.maxsi %{{.*}}, %c-2147483648_i64
// CHECK-NEXT: %[[BOTH:.*]] = arith.minsi %[[LOW]], %c2147483647_i64
// CHECK-NEXT: arith.trunci %[[BOTH]] : i64 to i32
// CHECK: mqa.logits ins({{.*}}, none, %{{.*}}, none, %[[KE]] : {{.*}} {clean}
// CHECK-NEXT: return
func.func @wide_lengths(%arg0: tensor<24x8x32xbf16>, %arg1: tensor<64x32xbf16>, %arg2: tensor<24x8xf32>, %arg3: tensor<24xi64>) -> tensor<24x64xf32> {
  %cst = arith.constant 0.000000e+00 : f32
  %cst_0 = arith.constant dense<0xFF800000> : tensor<f32>
  %0 = tensor.empty() : tensor<24x8x32xf32>
  %1 = linalg.generic {indexing_maps = [#d3_012, #d3_012], iterator_types = ["parallel", "parallel", "parallel"]} ins(%arg0 : tensor<24x8x32xbf16>) outs(%0 : tensor<24x8x32xf32>) {
  ^bb0(%in: bf16, %out: f32):
    %20 = arith.extf %in : bf16 to f32
    linalg.yield %20 : f32
  } -> tensor<24x8x32xf32>
  %2 = tensor.empty() : tensor<64x32xf32>
  %3 = linalg.generic {indexing_maps = [#d2_01, #d2_01], iterator_types = ["parallel", "parallel"]} ins(%arg1 : tensor<64x32xbf16>) outs(%2 : tensor<64x32xf32>) {
  ^bb0(%in: bf16, %out: f32):
    %20 = arith.extf %in : bf16 to f32
    linalg.yield %20 : f32
  } -> tensor<64x32xf32>
  %expanded = tensor.expand_shape %3 [[0], [1, 2, 3]] output_shape [64, 32, 1, 1] : tensor<64x32xf32> into tensor<64x32x1x1xf32>
  %collapsed = tensor.collapse_shape %1 [[0, 1], [2]] : tensor<24x8x32xf32> into tensor<192x32xf32>
  %expanded_1 = tensor.expand_shape %collapsed [[0, 1], [2]] output_shape [1, 192, 32] : tensor<192x32xf32> into tensor<1x192x32xf32>
  %4 = tensor.empty() : tensor<32x64x1x1xf32>
  %transposed = linalg.transpose ins(%expanded : tensor<64x32x1x1xf32>) outs(%4 : tensor<32x64x1x1xf32>) permutation = [1, 0, 2, 3] 
  %collapsed_2 = tensor.collapse_shape %transposed [[0], [1, 2, 3]] : tensor<32x64x1x1xf32> into tensor<32x64xf32>
  %expanded_3 = tensor.expand_shape %collapsed_2 [[0, 1], [2]] output_shape [1, 32, 64] : tensor<32x64xf32> into tensor<1x32x64xf32>
  %5 = tensor.empty() : tensor<1x192x64xf32>
  %6 = linalg.fill ins(%cst : f32) outs(%5 : tensor<1x192x64xf32>) -> tensor<1x192x64xf32>
  %7 = linalg.batch_matmul ins(%expanded_1, %expanded_3 : tensor<1x192x32xf32>, tensor<1x32x64xf32>) outs(%6 : tensor<1x192x64xf32>) -> tensor<1x192x64xf32>
  %collapsed_4 = tensor.collapse_shape %7 [[0, 1], [2]] : tensor<1x192x64xf32> into tensor<192x64xf32>
  %expanded_5 = tensor.expand_shape %collapsed_4 [[0, 1], [2, 3]] output_shape [24, 8, 1, 64] : tensor<192x64xf32> into tensor<24x8x1x64xf32>
  %8 = tensor.empty() : tensor<24x8x64x1xf32>
  %transposed_6 = linalg.transpose ins(%expanded_5 : tensor<24x8x1x64xf32>) outs(%8 : tensor<24x8x64x1xf32>) permutation = [0, 1, 3, 2] 
  %collapsed_7 = tensor.collapse_shape %transposed_6 [[0], [1], [2, 3]] : tensor<24x8x64x1xf32> into tensor<24x8x64xf32>
  %9 = tensor.empty() : tensor<24x8x64xf32>
  %10 = linalg.generic {indexing_maps = [#d3_012, #d3_012], iterator_types = ["parallel", "parallel", "parallel"]} ins(%collapsed_7 : tensor<24x8x64xf32>) outs(%9 : tensor<24x8x64xf32>) {
  ^bb0(%in: f32, %out: f32):
    %20 = arith.cmpf ugt, %in, %cst : f32
    %21 = arith.select %20, %in, %cst : f32
    linalg.yield %21 : f32
  } -> tensor<24x8x64xf32>
  %expanded_8 = tensor.expand_shape %arg2 [[0], [1, 2]] output_shape [24, 8, 1] : tensor<24x8xf32> into tensor<24x8x1xf32>
  %11 = linalg.generic {indexing_maps = [#d3_012, #d3_01z, #d3_012], iterator_types = ["parallel", "parallel", "parallel"]} ins(%10, %expanded_8 : tensor<24x8x64xf32>, tensor<24x8x1xf32>) outs(%9 : tensor<24x8x64xf32>) {
  ^bb0(%in: f32, %in_11: f32, %out: f32):
    %20 = arith.mulf %in, %in_11 : f32
    linalg.yield %20 : f32
  } -> tensor<24x8x64xf32>
  %12 = tensor.empty() : tensor<24x64xf32>
  %13 = linalg.fill ins(%cst : f32) outs(%12 : tensor<24x64xf32>) -> tensor<24x64xf32>
  %14 = linalg.generic {indexing_maps = [#d3_012, #d3_02], iterator_types = ["parallel", "reduction", "parallel"]} ins(%11 : tensor<24x8x64xf32>) outs(%13 : tensor<24x64xf32>) {
  ^bb0(%in: f32, %out: f32):
    %20 = arith.addf %in, %out : f32
    linalg.yield %20 : f32
  } -> tensor<24x64xf32>
  %15 = tensor.empty() : tensor<64xi64>
  %16 = linalg.generic {indexing_maps = [#d1_0], iterator_types = ["parallel"]} outs(%15 : tensor<64xi64>) {
  ^bb0(%out: i64):
    %20 = linalg.index 0 : index
    %21 = arith.index_cast %20 : index to i64
    linalg.yield %21 : i64
  } -> tensor<64xi64>
  %expanded_9 = tensor.expand_shape %16 [[0, 1]] output_shape [1, 64] : tensor<64xi64> into tensor<1x64xi64>
  %expanded_10 = tensor.expand_shape %arg3 [[0, 1]] output_shape [24, 1] : tensor<24xi64> into tensor<24x1xi64>
  %17 = tensor.empty() : tensor<24x64xi1>
  %18 = linalg.generic {indexing_maps = [#d2_z1, #d2_0z, #d2_01], iterator_types = ["parallel", "parallel"]} ins(%expanded_9, %expanded_10 : tensor<1x64xi64>, tensor<24x1xi64>) outs(%17 : tensor<24x64xi1>) {
  ^bb0(%in: i64, %in_11: i64, %out: i1):
    %20 = arith.cmpi slt, %in, %in_11 : i64
    linalg.yield %20 : i1
  } -> tensor<24x64xi1>
  %19 = linalg.generic {indexing_maps = [#d2_01, #d2_01, #d2_, #d2_01], iterator_types = ["parallel", "parallel"]} ins(%18, %14, %cst_0 : tensor<24x64xi1>, tensor<24x64xf32>, tensor<f32>) outs(%12 : tensor<24x64xf32>) {
  ^bb0(%in: i1, %in_11: f32, %in_12: f32, %out: f32):
    %20 = arith.select %in, %in_11, %in_12 : f32
    linalg.yield %20 : f32
  } -> tensor<24x64xf32>
  return %19 : tensor<24x64xf32>
}

// n <= pos[m]
// CHECK-LABEL: func @positions(
// CHECK-SAME: %[[POS:[a-z0-9]+]]: tensor<24xi32>)
// CHECK: %[[KE:.*]] = linalg.generic {{.*}} ins(%[[POS]] : tensor<24xi32>)
// CHECK: %[[WIDE:.*]] = arith.extsi
// CHECK: arith.addi %{{.*}}, %c1_i64
// CHECK: mqa.logits ins({{.*}}, none, %{{.*}}, none, %[[KE]] : {{.*}} {clean}
// CHECK-NEXT: return
func.func @positions(%arg0: tensor<24x8x32xbf16>, %arg1: tensor<64x32xbf16>, %arg2: tensor<24x8xf32>, %arg3: tensor<24xi32>) -> tensor<24x64xf32> {
  %cst = arith.constant 0.000000e+00 : f32
  %cst_0 = arith.constant dense<0xFF800000> : tensor<f32>
  %0 = tensor.empty() : tensor<24x8x32xf32>
  %1 = linalg.generic {indexing_maps = [#d3_012, #d3_012], iterator_types = ["parallel", "parallel", "parallel"]} ins(%arg0 : tensor<24x8x32xbf16>) outs(%0 : tensor<24x8x32xf32>) {
  ^bb0(%in: bf16, %out: f32):
    %20 = arith.extf %in : bf16 to f32
    linalg.yield %20 : f32
  } -> tensor<24x8x32xf32>
  %2 = tensor.empty() : tensor<64x32xf32>
  %3 = linalg.generic {indexing_maps = [#d2_01, #d2_01], iterator_types = ["parallel", "parallel"]} ins(%arg1 : tensor<64x32xbf16>) outs(%2 : tensor<64x32xf32>) {
  ^bb0(%in: bf16, %out: f32):
    %20 = arith.extf %in : bf16 to f32
    linalg.yield %20 : f32
  } -> tensor<64x32xf32>
  %expanded = tensor.expand_shape %3 [[0], [1, 2, 3]] output_shape [64, 32, 1, 1] : tensor<64x32xf32> into tensor<64x32x1x1xf32>
  %collapsed = tensor.collapse_shape %1 [[0, 1], [2]] : tensor<24x8x32xf32> into tensor<192x32xf32>
  %expanded_1 = tensor.expand_shape %collapsed [[0, 1], [2]] output_shape [1, 192, 32] : tensor<192x32xf32> into tensor<1x192x32xf32>
  %4 = tensor.empty() : tensor<32x64x1x1xf32>
  %transposed = linalg.transpose ins(%expanded : tensor<64x32x1x1xf32>) outs(%4 : tensor<32x64x1x1xf32>) permutation = [1, 0, 2, 3] 
  %collapsed_2 = tensor.collapse_shape %transposed [[0], [1, 2, 3]] : tensor<32x64x1x1xf32> into tensor<32x64xf32>
  %expanded_3 = tensor.expand_shape %collapsed_2 [[0, 1], [2]] output_shape [1, 32, 64] : tensor<32x64xf32> into tensor<1x32x64xf32>
  %5 = tensor.empty() : tensor<1x192x64xf32>
  %6 = linalg.fill ins(%cst : f32) outs(%5 : tensor<1x192x64xf32>) -> tensor<1x192x64xf32>
  %7 = linalg.batch_matmul ins(%expanded_1, %expanded_3 : tensor<1x192x32xf32>, tensor<1x32x64xf32>) outs(%6 : tensor<1x192x64xf32>) -> tensor<1x192x64xf32>
  %collapsed_4 = tensor.collapse_shape %7 [[0, 1], [2]] : tensor<1x192x64xf32> into tensor<192x64xf32>
  %expanded_5 = tensor.expand_shape %collapsed_4 [[0, 1], [2, 3]] output_shape [24, 8, 1, 64] : tensor<192x64xf32> into tensor<24x8x1x64xf32>
  %8 = tensor.empty() : tensor<24x8x64x1xf32>
  %transposed_6 = linalg.transpose ins(%expanded_5 : tensor<24x8x1x64xf32>) outs(%8 : tensor<24x8x64x1xf32>) permutation = [0, 1, 3, 2] 
  %collapsed_7 = tensor.collapse_shape %transposed_6 [[0], [1], [2, 3]] : tensor<24x8x64x1xf32> into tensor<24x8x64xf32>
  %9 = tensor.empty() : tensor<24x8x64xf32>
  %10 = linalg.generic {indexing_maps = [#d3_012, #d3_012], iterator_types = ["parallel", "parallel", "parallel"]} ins(%collapsed_7 : tensor<24x8x64xf32>) outs(%9 : tensor<24x8x64xf32>) {
  ^bb0(%in: f32, %out: f32):
    %20 = arith.cmpf ugt, %in, %cst : f32
    %21 = arith.select %20, %in, %cst : f32
    linalg.yield %21 : f32
  } -> tensor<24x8x64xf32>
  %expanded_8 = tensor.expand_shape %arg2 [[0], [1, 2]] output_shape [24, 8, 1] : tensor<24x8xf32> into tensor<24x8x1xf32>
  %11 = linalg.generic {indexing_maps = [#d3_012, #d3_01z, #d3_012], iterator_types = ["parallel", "parallel", "parallel"]} ins(%10, %expanded_8 : tensor<24x8x64xf32>, tensor<24x8x1xf32>) outs(%9 : tensor<24x8x64xf32>) {
  ^bb0(%in: f32, %in_11: f32, %out: f32):
    %20 = arith.mulf %in, %in_11 : f32
    linalg.yield %20 : f32
  } -> tensor<24x8x64xf32>
  %12 = tensor.empty() : tensor<24x64xf32>
  %13 = linalg.fill ins(%cst : f32) outs(%12 : tensor<24x64xf32>) -> tensor<24x64xf32>
  %14 = linalg.generic {indexing_maps = [#d3_012, #d3_02], iterator_types = ["parallel", "reduction", "parallel"]} ins(%11 : tensor<24x8x64xf32>) outs(%13 : tensor<24x64xf32>) {
  ^bb0(%in: f32, %out: f32):
    %20 = arith.addf %in, %out : f32
    linalg.yield %20 : f32
  } -> tensor<24x64xf32>
  %15 = tensor.empty() : tensor<64xi64>
  %16 = linalg.generic {indexing_maps = [#d1_0], iterator_types = ["parallel"]} outs(%15 : tensor<64xi64>) {
  ^bb0(%out: i64):
    %20 = linalg.index 0 : index
    %21 = arith.index_cast %20 : index to i64
    linalg.yield %21 : i64
  } -> tensor<64xi64>
  %expanded_9 = tensor.expand_shape %16 [[0, 1]] output_shape [1, 64] : tensor<64xi64> into tensor<1x64xi64>
  %expanded_10 = tensor.expand_shape %arg3 [[0, 1]] output_shape [24, 1] : tensor<24xi32> into tensor<24x1xi32>
  %17 = tensor.empty() : tensor<24x64xi1>
  %18 = linalg.generic {indexing_maps = [#d2_z1, #d2_0z, #d2_01], iterator_types = ["parallel", "parallel"]} ins(%expanded_9, %expanded_10 : tensor<1x64xi64>, tensor<24x1xi32>) outs(%17 : tensor<24x64xi1>) {
  ^bb0(%in: i64, %in_11: i32, %out: i1):
    %20 = arith.extsi %in_11 : i32 to i64
    %21 = arith.cmpi sle, %in, %20 : i64
    linalg.yield %21 : i1
  } -> tensor<24x64xi1>
  %19 = linalg.generic {indexing_maps = [#d2_01, #d2_01, #d2_, #d2_01], iterator_types = ["parallel", "parallel"]} ins(%18, %14, %cst_0 : tensor<24x64xi1>, tensor<24x64xf32>, tensor<f32>) outs(%12 : tensor<24x64xf32>) {
  ^bb0(%in: i1, %in_11: f32, %in_12: f32, %out: f32):
    %20 = arith.select %in, %in_11, %in_12 : f32
    linalg.yield %20 : f32
  } -> tensor<24x64xf32>
  return %19 : tensor<24x64xf32>
}

// masked_fill(ones.triu(1), -inf)
// CHECK-LABEL: func @causal(
// CHECK: %[[KE:.*]] = linalg.generic {{.*}} outs(%{{.*}} : tensor<64xi32>)
// CHECK: linalg.index 0
// CHECK: arith.addi %{{.*}}, %c1_i64
// CHECK: mqa.logits ins({{.*}}, none, %{{.*}}, none, %[[KE]] : {{.*}} {clean}
// CHECK-NEXT: return
func.func @causal(%arg0: tensor<64x8x32xbf16>, %arg1: tensor<64x32xbf16>, %arg2: tensor<64x8xf32>) -> tensor<64x64xf32> {
  %c1_i64 = arith.constant 1 : i64
  %cst = arith.constant 0.000000e+00 : f32
  %cst_0 = arith.constant dense<0xFF800000> : tensor<f32>
  %cst_1 = arith.constant dense<true> : tensor<64x64xi1>
  %0 = tensor.empty() : tensor<64x8x32xf32>
  %1 = linalg.generic {indexing_maps = [#d3_012, #d3_012], iterator_types = ["parallel", "parallel", "parallel"]} ins(%arg0 : tensor<64x8x32xbf16>) outs(%0 : tensor<64x8x32xf32>) {
  ^bb0(%in: bf16, %out: f32):
    %23 = arith.extf %in : bf16 to f32
    linalg.yield %23 : f32
  } -> tensor<64x8x32xf32>
  %2 = tensor.empty() : tensor<64x32xf32>
  %3 = linalg.generic {indexing_maps = [#d2_01, #d2_01], iterator_types = ["parallel", "parallel"]} ins(%arg1 : tensor<64x32xbf16>) outs(%2 : tensor<64x32xf32>) {
  ^bb0(%in: bf16, %out: f32):
    %23 = arith.extf %in : bf16 to f32
    linalg.yield %23 : f32
  } -> tensor<64x32xf32>
  %expanded = tensor.expand_shape %3 [[0], [1, 2, 3]] output_shape [64, 32, 1, 1] : tensor<64x32xf32> into tensor<64x32x1x1xf32>
  %collapsed = tensor.collapse_shape %1 [[0, 1], [2]] : tensor<64x8x32xf32> into tensor<512x32xf32>
  %expanded_2 = tensor.expand_shape %collapsed [[0, 1], [2]] output_shape [1, 512, 32] : tensor<512x32xf32> into tensor<1x512x32xf32>
  %4 = tensor.empty() : tensor<32x64x1x1xf32>
  %transposed = linalg.transpose ins(%expanded : tensor<64x32x1x1xf32>) outs(%4 : tensor<32x64x1x1xf32>) permutation = [1, 0, 2, 3] 
  %collapsed_3 = tensor.collapse_shape %transposed [[0], [1, 2, 3]] : tensor<32x64x1x1xf32> into tensor<32x64xf32>
  %expanded_4 = tensor.expand_shape %collapsed_3 [[0, 1], [2]] output_shape [1, 32, 64] : tensor<32x64xf32> into tensor<1x32x64xf32>
  %5 = tensor.empty() : tensor<1x512x64xf32>
  %6 = linalg.fill ins(%cst : f32) outs(%5 : tensor<1x512x64xf32>) -> tensor<1x512x64xf32>
  %7 = linalg.batch_matmul ins(%expanded_2, %expanded_4 : tensor<1x512x32xf32>, tensor<1x32x64xf32>) outs(%6 : tensor<1x512x64xf32>) -> tensor<1x512x64xf32>
  %collapsed_5 = tensor.collapse_shape %7 [[0, 1], [2]] : tensor<1x512x64xf32> into tensor<512x64xf32>
  %expanded_6 = tensor.expand_shape %collapsed_5 [[0, 1], [2, 3]] output_shape [64, 8, 1, 64] : tensor<512x64xf32> into tensor<64x8x1x64xf32>
  %8 = tensor.empty() : tensor<64x8x64x1xf32>
  %transposed_7 = linalg.transpose ins(%expanded_6 : tensor<64x8x1x64xf32>) outs(%8 : tensor<64x8x64x1xf32>) permutation = [0, 1, 3, 2] 
  %collapsed_8 = tensor.collapse_shape %transposed_7 [[0], [1], [2, 3]] : tensor<64x8x64x1xf32> into tensor<64x8x64xf32>
  %9 = tensor.empty() : tensor<64x8x64xf32>
  %10 = linalg.generic {indexing_maps = [#d3_012, #d3_012], iterator_types = ["parallel", "parallel", "parallel"]} ins(%collapsed_8 : tensor<64x8x64xf32>) outs(%9 : tensor<64x8x64xf32>) {
  ^bb0(%in: f32, %out: f32):
    %23 = arith.cmpf ugt, %in, %cst : f32
    %24 = arith.select %23, %in, %cst : f32
    linalg.yield %24 : f32
  } -> tensor<64x8x64xf32>
  %expanded_9 = tensor.expand_shape %arg2 [[0], [1, 2]] output_shape [64, 8, 1] : tensor<64x8xf32> into tensor<64x8x1xf32>
  %11 = linalg.generic {indexing_maps = [#d3_012, #d3_01z, #d3_012], iterator_types = ["parallel", "parallel", "parallel"]} ins(%10, %expanded_9 : tensor<64x8x64xf32>, tensor<64x8x1xf32>) outs(%9 : tensor<64x8x64xf32>) {
  ^bb0(%in: f32, %in_12: f32, %out: f32):
    %23 = arith.mulf %in, %in_12 : f32
    linalg.yield %23 : f32
  } -> tensor<64x8x64xf32>
  %12 = tensor.empty() : tensor<64x64xf32>
  %13 = linalg.fill ins(%cst : f32) outs(%12 : tensor<64x64xf32>) -> tensor<64x64xf32>
  %14 = linalg.generic {indexing_maps = [#d3_012, #d3_02], iterator_types = ["parallel", "reduction", "parallel"]} ins(%11 : tensor<64x8x64xf32>) outs(%13 : tensor<64x64xf32>) {
  ^bb0(%in: f32, %out: f32):
    %23 = arith.addf %in, %out : f32
    linalg.yield %23 : f32
  } -> tensor<64x64xf32>
  %15 = tensor.empty() : tensor<64xi64>
  %16 = linalg.generic {indexing_maps = [#d1_0], iterator_types = ["parallel"]} outs(%15 : tensor<64xi64>) {
  ^bb0(%out: i64):
    %23 = linalg.index 0 : index
    %24 = arith.index_cast %23 : index to i64
    linalg.yield %24 : i64
  } -> tensor<64xi64>
  %expanded_10 = tensor.expand_shape %16 [[0, 1]] output_shape [1, 64] : tensor<64xi64> into tensor<1x64xi64>
  %expanded_11 = tensor.expand_shape %16 [[0, 1]] output_shape [64, 1] : tensor<64xi64> into tensor<64x1xi64>
  %17 = tensor.empty() : tensor<64x64xi64>
  %18 = linalg.generic {indexing_maps = [#d2_z1, #d2_0z, #d2_01], iterator_types = ["parallel", "parallel"]} ins(%expanded_10, %expanded_11 : tensor<1x64xi64>, tensor<64x1xi64>) outs(%17 : tensor<64x64xi64>) {
  ^bb0(%in: i64, %in_12: i64, %out: i64):
    %23 = arith.subi %in, %in_12 : i64
    linalg.yield %23 : i64
  } -> tensor<64x64xi64>
  %19 = tensor.empty() : tensor<64x64xi1>
  %20 = linalg.generic {indexing_maps = [#d2_01, #d2_01], iterator_types = ["parallel", "parallel"]} ins(%18 : tensor<64x64xi64>) outs(%19 : tensor<64x64xi1>) {
  ^bb0(%in: i64, %out: i1):
    %23 = arith.cmpi sge, %in, %c1_i64 : i64
    linalg.yield %23 : i1
  } -> tensor<64x64xi1>
  %21 = linalg.generic {indexing_maps = [#d2_01, #d2_01, #d2_01], iterator_types = ["parallel", "parallel"]} ins(%20, %cst_1 : tensor<64x64xi1>, tensor<64x64xi1>) outs(%19 : tensor<64x64xi1>) {
  ^bb0(%in: i1, %in_12: i1, %out: i1):
    %23 = arith.andi %in, %in_12 : i1
    linalg.yield %23 : i1
  } -> tensor<64x64xi1>
  %22 = linalg.generic {indexing_maps = [#d2_01, #d2_, #d2_01, #d2_01], iterator_types = ["parallel", "parallel"]} ins(%21, %cst_0, %14 : tensor<64x64xi1>, tensor<f32>, tensor<64x64xf32>) outs(%12 : tensor<64x64xf32>) {
  ^bb0(%in: i1, %in_12: f32, %in_13: f32, %out: f32):
    %23 = arith.select %in, %in_12, %in_13 : f32
    linalg.yield %23 : f32
  } -> tensor<64x64xf32>
  return %22 : tensor<64x64xf32>
}

// masked_fill(tril(ones(m, n)) == 0, -inf)
// CHECK-LABEL: func @tril_of_ones(
// CHECK: %[[KE:.*]] = linalg.generic {{.*}} outs(%{{.*}} : tensor<24xi32>)
// CHECK: arith.addi %{{.*}}, %c1_i64
// CHECK: mqa.logits ins({{.*}}, none, %{{.*}}, none, %[[KE]] : {{.*}} {clean}
// CHECK-NEXT: return
func.func @tril_of_ones(%arg0: tensor<24x8x32xbf16>, %arg1: tensor<64x32xbf16>, %arg2: tensor<24x8xf32>) -> tensor<24x64xf32> {
  %cst = arith.constant dense<1.000000e+00> : tensor<24x64xf32>
  %cst_0 = arith.constant dense<0.000000e+00> : tensor<f32>
  %cst_1 = arith.constant dense<0xFF800000> : tensor<f32>
  %cst_2 = arith.constant 0.000000e+00 : f32
  %c0_i64 = arith.constant 0 : i64
  %0 = tensor.empty() : tensor<24x8x32xf32>
  %1 = linalg.generic {indexing_maps = [#d3_012, #d3_012], iterator_types = ["parallel", "parallel", "parallel"]} ins(%arg0 : tensor<24x8x32xbf16>) outs(%0 : tensor<24x8x32xf32>) {
  ^bb0(%in: bf16, %out: f32):
    %26 = arith.extf %in : bf16 to f32
    linalg.yield %26 : f32
  } -> tensor<24x8x32xf32>
  %2 = tensor.empty() : tensor<64x32xf32>
  %3 = linalg.generic {indexing_maps = [#d2_01, #d2_01], iterator_types = ["parallel", "parallel"]} ins(%arg1 : tensor<64x32xbf16>) outs(%2 : tensor<64x32xf32>) {
  ^bb0(%in: bf16, %out: f32):
    %26 = arith.extf %in : bf16 to f32
    linalg.yield %26 : f32
  } -> tensor<64x32xf32>
  %expanded = tensor.expand_shape %3 [[0], [1, 2, 3]] output_shape [64, 32, 1, 1] : tensor<64x32xf32> into tensor<64x32x1x1xf32>
  %collapsed = tensor.collapse_shape %1 [[0, 1], [2]] : tensor<24x8x32xf32> into tensor<192x32xf32>
  %expanded_3 = tensor.expand_shape %collapsed [[0, 1], [2]] output_shape [1, 192, 32] : tensor<192x32xf32> into tensor<1x192x32xf32>
  %4 = tensor.empty() : tensor<32x64x1x1xf32>
  %transposed = linalg.transpose ins(%expanded : tensor<64x32x1x1xf32>) outs(%4 : tensor<32x64x1x1xf32>) permutation = [1, 0, 2, 3] 
  %collapsed_4 = tensor.collapse_shape %transposed [[0], [1, 2, 3]] : tensor<32x64x1x1xf32> into tensor<32x64xf32>
  %expanded_5 = tensor.expand_shape %collapsed_4 [[0, 1], [2]] output_shape [1, 32, 64] : tensor<32x64xf32> into tensor<1x32x64xf32>
  %5 = tensor.empty() : tensor<1x192x64xf32>
  %6 = linalg.fill ins(%cst_2 : f32) outs(%5 : tensor<1x192x64xf32>) -> tensor<1x192x64xf32>
  %7 = linalg.batch_matmul ins(%expanded_3, %expanded_5 : tensor<1x192x32xf32>, tensor<1x32x64xf32>) outs(%6 : tensor<1x192x64xf32>) -> tensor<1x192x64xf32>
  %collapsed_6 = tensor.collapse_shape %7 [[0, 1], [2]] : tensor<1x192x64xf32> into tensor<192x64xf32>
  %expanded_7 = tensor.expand_shape %collapsed_6 [[0, 1], [2, 3]] output_shape [24, 8, 1, 64] : tensor<192x64xf32> into tensor<24x8x1x64xf32>
  %8 = tensor.empty() : tensor<24x8x64x1xf32>
  %transposed_8 = linalg.transpose ins(%expanded_7 : tensor<24x8x1x64xf32>) outs(%8 : tensor<24x8x64x1xf32>) permutation = [0, 1, 3, 2] 
  %collapsed_9 = tensor.collapse_shape %transposed_8 [[0], [1], [2, 3]] : tensor<24x8x64x1xf32> into tensor<24x8x64xf32>
  %9 = tensor.empty() : tensor<24x8x64xf32>
  %10 = linalg.generic {indexing_maps = [#d3_012, #d3_012], iterator_types = ["parallel", "parallel", "parallel"]} ins(%collapsed_9 : tensor<24x8x64xf32>) outs(%9 : tensor<24x8x64xf32>) {
  ^bb0(%in: f32, %out: f32):
    %26 = arith.cmpf ugt, %in, %cst_2 : f32
    %27 = arith.select %26, %in, %cst_2 : f32
    linalg.yield %27 : f32
  } -> tensor<24x8x64xf32>
  %expanded_10 = tensor.expand_shape %arg2 [[0], [1, 2]] output_shape [24, 8, 1] : tensor<24x8xf32> into tensor<24x8x1xf32>
  %11 = linalg.generic {indexing_maps = [#d3_012, #d3_01z, #d3_012], iterator_types = ["parallel", "parallel", "parallel"]} ins(%10, %expanded_10 : tensor<24x8x64xf32>, tensor<24x8x1xf32>) outs(%9 : tensor<24x8x64xf32>) {
  ^bb0(%in: f32, %in_13: f32, %out: f32):
    %26 = arith.mulf %in, %in_13 : f32
    linalg.yield %26 : f32
  } -> tensor<24x8x64xf32>
  %12 = tensor.empty() : tensor<24x64xf32>
  %13 = linalg.fill ins(%cst_2 : f32) outs(%12 : tensor<24x64xf32>) -> tensor<24x64xf32>
  %14 = linalg.generic {indexing_maps = [#d3_012, #d3_02], iterator_types = ["parallel", "reduction", "parallel"]} ins(%11 : tensor<24x8x64xf32>) outs(%13 : tensor<24x64xf32>) {
  ^bb0(%in: f32, %out: f32):
    %26 = arith.addf %in, %out : f32
    linalg.yield %26 : f32
  } -> tensor<24x64xf32>
  %15 = tensor.empty() : tensor<64xi64>
  %16 = linalg.generic {indexing_maps = [#d1_0], iterator_types = ["parallel"]} outs(%15 : tensor<64xi64>) {
  ^bb0(%out: i64):
    %26 = linalg.index 0 : index
    %27 = arith.index_cast %26 : index to i64
    linalg.yield %27 : i64
  } -> tensor<64xi64>
  %expanded_11 = tensor.expand_shape %16 [[0, 1]] output_shape [1, 64] : tensor<64xi64> into tensor<1x64xi64>
  %17 = tensor.empty() : tensor<24xi64>
  %18 = linalg.generic {indexing_maps = [#d1_0], iterator_types = ["parallel"]} outs(%17 : tensor<24xi64>) {
  ^bb0(%out: i64):
    %26 = linalg.index 0 : index
    %27 = arith.index_cast %26 : index to i64
    linalg.yield %27 : i64
  } -> tensor<24xi64>
  %expanded_12 = tensor.expand_shape %18 [[0, 1]] output_shape [24, 1] : tensor<24xi64> into tensor<24x1xi64>
  %19 = tensor.empty() : tensor<24x64xi64>
  %20 = linalg.generic {indexing_maps = [#d2_z1, #d2_0z, #d2_01], iterator_types = ["parallel", "parallel"]} ins(%expanded_11, %expanded_12 : tensor<1x64xi64>, tensor<24x1xi64>) outs(%19 : tensor<24x64xi64>) {
  ^bb0(%in: i64, %in_13: i64, %out: i64):
    %26 = arith.subi %in, %in_13 : i64
    linalg.yield %26 : i64
  } -> tensor<24x64xi64>
  %21 = tensor.empty() : tensor<24x64xi1>
  %22 = linalg.generic {indexing_maps = [#d2_01, #d2_01], iterator_types = ["parallel", "parallel"]} ins(%20 : tensor<24x64xi64>) outs(%21 : tensor<24x64xi1>) {
  ^bb0(%in: i64, %out: i1):
    %26 = arith.cmpi sle, %in, %c0_i64 : i64
    linalg.yield %26 : i1
  } -> tensor<24x64xi1>
  %23 = linalg.generic {indexing_maps = [#d2_01, #d2_01, #d2_, #d2_01], iterator_types = ["parallel", "parallel"]} ins(%22, %cst, %cst_0 : tensor<24x64xi1>, tensor<24x64xf32>, tensor<f32>) outs(%12 : tensor<24x64xf32>) {
  ^bb0(%in: i1, %in_13: f32, %in_14: f32, %out: f32):
    %26 = arith.select %in, %in_13, %in_14 : f32
    linalg.yield %26 : f32
  } -> tensor<24x64xf32>
  %24 = linalg.generic {indexing_maps = [#d2_01, #d2_01], iterator_types = ["parallel", "parallel"]} ins(%23 : tensor<24x64xf32>) outs(%21 : tensor<24x64xi1>) {
  ^bb0(%in: f32, %out: i1):
    %26 = arith.cmpf oeq, %in, %cst_2 : f32
    linalg.yield %26 : i1
  } -> tensor<24x64xi1>
  %25 = linalg.generic {indexing_maps = [#d2_01, #d2_, #d2_01, #d2_01], iterator_types = ["parallel", "parallel"]} ins(%24, %cst_1, %14 : tensor<24x64xi1>, tensor<f32>, tensor<24x64xf32>) outs(%12 : tensor<24x64xf32>) {
  ^bb0(%in: i1, %in_13: f32, %in_14: f32, %out: f32):
    %26 = arith.select %in, %in_13, %in_14 : f32
    linalg.yield %26 : f32
  } -> tensor<24x64xf32>
  return %25 : tensor<24x64xf32>
}

// (n > m) | (m - n >= 8) masks out.
// CHECK-LABEL: func @window(
// CHECK: %[[KS:.*]] = linalg.generic
// CHECK: arith.addi %{{.*}}, %c-7_i64
// CHECK: %[[KE:.*]] = linalg.generic
// CHECK: arith.addi %{{.*}}, %c1_i64
// CHECK: mqa.logits ins({{.*}}, none, %{{.*}}, %[[KS]], %[[KE]] : {{.*}} {clean}
// CHECK-NEXT: return
func.func @window(%arg0: tensor<24x8x32xbf16>, %arg1: tensor<64x32xbf16>, %arg2: tensor<24x8xf32>) -> tensor<24x64xf32> {
  %cst = arith.constant dense<0xFF800000> : tensor<f32>
  %cst_0 = arith.constant 0.000000e+00 : f32
  %c8_i64 = arith.constant 8 : i64
  %0 = tensor.empty() : tensor<24x8x32xf32>
  %1 = linalg.generic {indexing_maps = [#d3_012, #d3_012], iterator_types = ["parallel", "parallel", "parallel"]} ins(%arg0 : tensor<24x8x32xbf16>) outs(%0 : tensor<24x8x32xf32>) {
  ^bb0(%in: bf16, %out: f32):
    %26 = arith.extf %in : bf16 to f32
    linalg.yield %26 : f32
  } -> tensor<24x8x32xf32>
  %2 = tensor.empty() : tensor<64x32xf32>
  %3 = linalg.generic {indexing_maps = [#d2_01, #d2_01], iterator_types = ["parallel", "parallel"]} ins(%arg1 : tensor<64x32xbf16>) outs(%2 : tensor<64x32xf32>) {
  ^bb0(%in: bf16, %out: f32):
    %26 = arith.extf %in : bf16 to f32
    linalg.yield %26 : f32
  } -> tensor<64x32xf32>
  %expanded = tensor.expand_shape %3 [[0], [1, 2, 3]] output_shape [64, 32, 1, 1] : tensor<64x32xf32> into tensor<64x32x1x1xf32>
  %collapsed = tensor.collapse_shape %1 [[0, 1], [2]] : tensor<24x8x32xf32> into tensor<192x32xf32>
  %expanded_1 = tensor.expand_shape %collapsed [[0, 1], [2]] output_shape [1, 192, 32] : tensor<192x32xf32> into tensor<1x192x32xf32>
  %4 = tensor.empty() : tensor<32x64x1x1xf32>
  %transposed = linalg.transpose ins(%expanded : tensor<64x32x1x1xf32>) outs(%4 : tensor<32x64x1x1xf32>) permutation = [1, 0, 2, 3] 
  %collapsed_2 = tensor.collapse_shape %transposed [[0], [1, 2, 3]] : tensor<32x64x1x1xf32> into tensor<32x64xf32>
  %expanded_3 = tensor.expand_shape %collapsed_2 [[0, 1], [2]] output_shape [1, 32, 64] : tensor<32x64xf32> into tensor<1x32x64xf32>
  %5 = tensor.empty() : tensor<1x192x64xf32>
  %6 = linalg.fill ins(%cst_0 : f32) outs(%5 : tensor<1x192x64xf32>) -> tensor<1x192x64xf32>
  %7 = linalg.batch_matmul ins(%expanded_1, %expanded_3 : tensor<1x192x32xf32>, tensor<1x32x64xf32>) outs(%6 : tensor<1x192x64xf32>) -> tensor<1x192x64xf32>
  %collapsed_4 = tensor.collapse_shape %7 [[0, 1], [2]] : tensor<1x192x64xf32> into tensor<192x64xf32>
  %expanded_5 = tensor.expand_shape %collapsed_4 [[0, 1], [2, 3]] output_shape [24, 8, 1, 64] : tensor<192x64xf32> into tensor<24x8x1x64xf32>
  %8 = tensor.empty() : tensor<24x8x64x1xf32>
  %transposed_6 = linalg.transpose ins(%expanded_5 : tensor<24x8x1x64xf32>) outs(%8 : tensor<24x8x64x1xf32>) permutation = [0, 1, 3, 2] 
  %collapsed_7 = tensor.collapse_shape %transposed_6 [[0], [1], [2, 3]] : tensor<24x8x64x1xf32> into tensor<24x8x64xf32>
  %9 = tensor.empty() : tensor<24x8x64xf32>
  %10 = linalg.generic {indexing_maps = [#d3_012, #d3_012], iterator_types = ["parallel", "parallel", "parallel"]} ins(%collapsed_7 : tensor<24x8x64xf32>) outs(%9 : tensor<24x8x64xf32>) {
  ^bb0(%in: f32, %out: f32):
    %26 = arith.cmpf ugt, %in, %cst_0 : f32
    %27 = arith.select %26, %in, %cst_0 : f32
    linalg.yield %27 : f32
  } -> tensor<24x8x64xf32>
  %expanded_8 = tensor.expand_shape %arg2 [[0], [1, 2]] output_shape [24, 8, 1] : tensor<24x8xf32> into tensor<24x8x1xf32>
  %11 = linalg.generic {indexing_maps = [#d3_012, #d3_01z, #d3_012], iterator_types = ["parallel", "parallel", "parallel"]} ins(%10, %expanded_8 : tensor<24x8x64xf32>, tensor<24x8x1xf32>) outs(%9 : tensor<24x8x64xf32>) {
  ^bb0(%in: f32, %in_11: f32, %out: f32):
    %26 = arith.mulf %in, %in_11 : f32
    linalg.yield %26 : f32
  } -> tensor<24x8x64xf32>
  %12 = tensor.empty() : tensor<24x64xf32>
  %13 = linalg.fill ins(%cst_0 : f32) outs(%12 : tensor<24x64xf32>) -> tensor<24x64xf32>
  %14 = linalg.generic {indexing_maps = [#d3_012, #d3_02], iterator_types = ["parallel", "reduction", "parallel"]} ins(%11 : tensor<24x8x64xf32>) outs(%13 : tensor<24x64xf32>) {
  ^bb0(%in: f32, %out: f32):
    %26 = arith.addf %in, %out : f32
    linalg.yield %26 : f32
  } -> tensor<24x64xf32>
  %15 = tensor.empty() : tensor<24xi64>
  %16 = linalg.generic {indexing_maps = [#d1_0], iterator_types = ["parallel"]} outs(%15 : tensor<24xi64>) {
  ^bb0(%out: i64):
    %26 = linalg.index 0 : index
    %27 = arith.index_cast %26 : index to i64
    linalg.yield %27 : i64
  } -> tensor<24xi64>
  %expanded_9 = tensor.expand_shape %16 [[0, 1]] output_shape [24, 1] : tensor<24xi64> into tensor<24x1xi64>
  %17 = tensor.empty() : tensor<64xi64>
  %18 = linalg.generic {indexing_maps = [#d1_0], iterator_types = ["parallel"]} outs(%17 : tensor<64xi64>) {
  ^bb0(%out: i64):
    %26 = linalg.index 0 : index
    %27 = arith.index_cast %26 : index to i64
    linalg.yield %27 : i64
  } -> tensor<64xi64>
  %expanded_10 = tensor.expand_shape %18 [[0, 1]] output_shape [1, 64] : tensor<64xi64> into tensor<1x64xi64>
  %19 = tensor.empty() : tensor<24x64xi1>
  %20 = linalg.generic {indexing_maps = [#d2_z1, #d2_0z, #d2_01], iterator_types = ["parallel", "parallel"]} ins(%expanded_10, %expanded_9 : tensor<1x64xi64>, tensor<24x1xi64>) outs(%19 : tensor<24x64xi1>) {
  ^bb0(%in: i64, %in_11: i64, %out: i1):
    %26 = arith.cmpi sgt, %in, %in_11 : i64
    linalg.yield %26 : i1
  } -> tensor<24x64xi1>
  %21 = tensor.empty() : tensor<24x64xi64>
  %22 = linalg.generic {indexing_maps = [#d2_0z, #d2_z1, #d2_01], iterator_types = ["parallel", "parallel"]} ins(%expanded_9, %expanded_10 : tensor<24x1xi64>, tensor<1x64xi64>) outs(%21 : tensor<24x64xi64>) {
  ^bb0(%in: i64, %in_11: i64, %out: i64):
    %26 = arith.subi %in, %in_11 : i64
    linalg.yield %26 : i64
  } -> tensor<24x64xi64>
  %23 = linalg.generic {indexing_maps = [#d2_01, #d2_01], iterator_types = ["parallel", "parallel"]} ins(%22 : tensor<24x64xi64>) outs(%19 : tensor<24x64xi1>) {
  ^bb0(%in: i64, %out: i1):
    %26 = arith.cmpi sge, %in, %c8_i64 : i64
    linalg.yield %26 : i1
  } -> tensor<24x64xi1>
  %24 = linalg.generic {indexing_maps = [#d2_01, #d2_01, #d2_01], iterator_types = ["parallel", "parallel"]} ins(%20, %23 : tensor<24x64xi1>, tensor<24x64xi1>) outs(%19 : tensor<24x64xi1>) {
  ^bb0(%in: i1, %in_11: i1, %out: i1):
    %26 = arith.ori %in, %in_11 : i1
    linalg.yield %26 : i1
  } -> tensor<24x64xi1>
  %25 = linalg.generic {indexing_maps = [#d2_01, #d2_, #d2_01, #d2_01], iterator_types = ["parallel", "parallel"]} ins(%24, %cst, %14 : tensor<24x64xi1>, tensor<f32>, tensor<24x64xf32>) outs(%12 : tensor<24x64xf32>) {
  ^bb0(%in: i1, %in_11: f32, %in_12: f32, %out: f32):
    %26 = arith.select %in, %in_11, %in_12 : f32
    linalg.yield %26 : f32
  } -> tensor<24x64xf32>
  return %25 : tensor<24x64xf32>
}

// where(n <= pos + 4, ...): the sum has 32 bits, as the program says.
// CHECK-LABEL: func @offset_may_overflow(
// CHECK-SAME: %[[POS:[a-z0-9]+]]: tensor<24xi32>)
// CHECK: arith.addi %{{.*}}, %c4_i32 : i32
// CHECK: mqa.logits ins({{.*}}, none, %{{.*}}, none, %{{.*}} : {{.*}} {clean}
// CHECK-NEXT: return
func.func @offset_may_overflow(%arg0: tensor<24x8x32xbf16>, %arg1: tensor<64x32xbf16>, %arg2: tensor<24x8xf32>, %arg3: tensor<24xi32>) -> tensor<24x64xf32> {
  %c4_i32 = arith.constant 4 : i32
  %cst = arith.constant dense<0xFF800000> : tensor<f32>
  %cst_0 = arith.constant 0.000000e+00 : f32
  %0 = tensor.empty() : tensor<24x8x32xf32>
  %1 = linalg.generic {indexing_maps = [#d3_012, #d3_012], iterator_types = ["parallel", "parallel", "parallel"]} ins(%arg0 : tensor<24x8x32xbf16>) outs(%0 : tensor<24x8x32xf32>) {
  ^bb0(%in: bf16, %out: f32):
    %22 = arith.extf %in : bf16 to f32
    linalg.yield %22 : f32
  } -> tensor<24x8x32xf32>
  %2 = tensor.empty() : tensor<64x32xf32>
  %3 = linalg.generic {indexing_maps = [#d2_01, #d2_01], iterator_types = ["parallel", "parallel"]} ins(%arg1 : tensor<64x32xbf16>) outs(%2 : tensor<64x32xf32>) {
  ^bb0(%in: bf16, %out: f32):
    %22 = arith.extf %in : bf16 to f32
    linalg.yield %22 : f32
  } -> tensor<64x32xf32>
  %expanded = tensor.expand_shape %3 [[0], [1, 2, 3]] output_shape [64, 32, 1, 1] : tensor<64x32xf32> into tensor<64x32x1x1xf32>
  %collapsed = tensor.collapse_shape %1 [[0, 1], [2]] : tensor<24x8x32xf32> into tensor<192x32xf32>
  %expanded_1 = tensor.expand_shape %collapsed [[0, 1], [2]] output_shape [1, 192, 32] : tensor<192x32xf32> into tensor<1x192x32xf32>
  %4 = tensor.empty() : tensor<32x64x1x1xf32>
  %transposed = linalg.transpose ins(%expanded : tensor<64x32x1x1xf32>) outs(%4 : tensor<32x64x1x1xf32>) permutation = [1, 0, 2, 3] 
  %collapsed_2 = tensor.collapse_shape %transposed [[0], [1, 2, 3]] : tensor<32x64x1x1xf32> into tensor<32x64xf32>
  %expanded_3 = tensor.expand_shape %collapsed_2 [[0, 1], [2]] output_shape [1, 32, 64] : tensor<32x64xf32> into tensor<1x32x64xf32>
  %5 = tensor.empty() : tensor<1x192x64xf32>
  %6 = linalg.fill ins(%cst_0 : f32) outs(%5 : tensor<1x192x64xf32>) -> tensor<1x192x64xf32>
  %7 = linalg.batch_matmul ins(%expanded_1, %expanded_3 : tensor<1x192x32xf32>, tensor<1x32x64xf32>) outs(%6 : tensor<1x192x64xf32>) -> tensor<1x192x64xf32>
  %collapsed_4 = tensor.collapse_shape %7 [[0, 1], [2]] : tensor<1x192x64xf32> into tensor<192x64xf32>
  %expanded_5 = tensor.expand_shape %collapsed_4 [[0, 1], [2, 3]] output_shape [24, 8, 1, 64] : tensor<192x64xf32> into tensor<24x8x1x64xf32>
  %8 = tensor.empty() : tensor<24x8x64x1xf32>
  %transposed_6 = linalg.transpose ins(%expanded_5 : tensor<24x8x1x64xf32>) outs(%8 : tensor<24x8x64x1xf32>) permutation = [0, 1, 3, 2] 
  %collapsed_7 = tensor.collapse_shape %transposed_6 [[0], [1], [2, 3]] : tensor<24x8x64x1xf32> into tensor<24x8x64xf32>
  %9 = tensor.empty() : tensor<24x8x64xf32>
  %10 = linalg.generic {indexing_maps = [#d3_012, #d3_012], iterator_types = ["parallel", "parallel", "parallel"]} ins(%collapsed_7 : tensor<24x8x64xf32>) outs(%9 : tensor<24x8x64xf32>) {
  ^bb0(%in: f32, %out: f32):
    %22 = arith.cmpf ugt, %in, %cst_0 : f32
    %23 = arith.select %22, %in, %cst_0 : f32
    linalg.yield %23 : f32
  } -> tensor<24x8x64xf32>
  %expanded_8 = tensor.expand_shape %arg2 [[0], [1, 2]] output_shape [24, 8, 1] : tensor<24x8xf32> into tensor<24x8x1xf32>
  %11 = linalg.generic {indexing_maps = [#d3_012, #d3_01z, #d3_012], iterator_types = ["parallel", "parallel", "parallel"]} ins(%10, %expanded_8 : tensor<24x8x64xf32>, tensor<24x8x1xf32>) outs(%9 : tensor<24x8x64xf32>) {
  ^bb0(%in: f32, %in_11: f32, %out: f32):
    %22 = arith.mulf %in, %in_11 : f32
    linalg.yield %22 : f32
  } -> tensor<24x8x64xf32>
  %12 = tensor.empty() : tensor<24x64xf32>
  %13 = linalg.fill ins(%cst_0 : f32) outs(%12 : tensor<24x64xf32>) -> tensor<24x64xf32>
  %14 = linalg.generic {indexing_maps = [#d3_012, #d3_02], iterator_types = ["parallel", "reduction", "parallel"]} ins(%11 : tensor<24x8x64xf32>) outs(%13 : tensor<24x64xf32>) {
  ^bb0(%in: f32, %out: f32):
    %22 = arith.addf %in, %out : f32
    linalg.yield %22 : f32
  } -> tensor<24x64xf32>
  %15 = tensor.empty() : tensor<64xi64>
  %16 = linalg.generic {indexing_maps = [#d1_0], iterator_types = ["parallel"]} outs(%15 : tensor<64xi64>) {
  ^bb0(%out: i64):
    %22 = linalg.index 0 : index
    %23 = arith.index_cast %22 : index to i64
    linalg.yield %23 : i64
  } -> tensor<64xi64>
  %expanded_9 = tensor.expand_shape %16 [[0, 1]] output_shape [1, 64] : tensor<64xi64> into tensor<1x64xi64>
  %expanded_10 = tensor.expand_shape %arg3 [[0, 1]] output_shape [24, 1] : tensor<24xi32> into tensor<24x1xi32>
  %17 = tensor.empty() : tensor<24x1xi32>
  %18 = linalg.generic {indexing_maps = [#d2_01, #d2_01], iterator_types = ["parallel", "parallel"]} ins(%expanded_10 : tensor<24x1xi32>) outs(%17 : tensor<24x1xi32>) {
  ^bb0(%in: i32, %out: i32):
    %22 = arith.addi %in, %c4_i32 : i32
    linalg.yield %22 : i32
  } -> tensor<24x1xi32>
  %19 = tensor.empty() : tensor<24x64xi1>
  %20 = linalg.generic {indexing_maps = [#d2_z1, #d2_0z, #d2_01], iterator_types = ["parallel", "parallel"]} ins(%expanded_9, %18 : tensor<1x64xi64>, tensor<24x1xi32>) outs(%19 : tensor<24x64xi1>) {
  ^bb0(%in: i64, %in_11: i32, %out: i1):
    %22 = arith.extsi %in_11 : i32 to i64
    %23 = arith.cmpi sle, %in, %22 : i64
    linalg.yield %23 : i1
  } -> tensor<24x64xi1>
  %21 = linalg.generic {indexing_maps = [#d2_01, #d2_01, #d2_, #d2_01], iterator_types = ["parallel", "parallel"]} ins(%20, %14, %cst : tensor<24x64xi1>, tensor<24x64xf32>, tensor<f32>) outs(%12 : tensor<24x64xf32>) {
  ^bb0(%in: i1, %in_11: f32, %in_12: f32, %out: f32):
    %22 = arith.select %in, %in_11, %in_12 : f32
    linalg.yield %22 : f32
  } -> tensor<24x64xf32>
  return %21 : tensor<24x64xf32>
}

// JAX: + triu(full((m, n), -inf), 1)
// CHECK-LABEL: func @jax_triu_bias(
// CHECK: mqa.logits ins({{.*}}, none, %{{.*}}, none, %{{.*}} : {{.*}} {clean}
// CHECK-NEXT: return
func.func @jax_triu_bias(%arg0: tensor<24x8x32xbf16>, %arg1: tensor<64x32xbf16>, %arg2: tensor<24x8xf32>) -> tensor<24x64xf32> {
  %cst = arith.constant 0xFF800000 : f32
  %cst_0 = arith.constant 0.000000e+00 : f32
  %collapsed = tensor.collapse_shape %arg0 [[0, 1], [2]] : tensor<24x8x32xbf16> into tensor<192x32xbf16>
  %0 = tensor.empty() : tensor<32x64xbf16>
  %1 = linalg.generic {indexing_maps = [#d2_10, #d2_01], iterator_types = ["parallel", "parallel"]} ins(%arg1 : tensor<64x32xbf16>) outs(%0 : tensor<32x64xbf16>) {
  ^bb0(%in: bf16, %out: bf16):
    linalg.yield %in : bf16
  } -> tensor<32x64xbf16>
  %2 = tensor.empty() : tensor<192x64xf32>
  %3 = linalg.fill ins(%cst_0 : f32) outs(%2 : tensor<192x64xf32>) -> tensor<192x64xf32>
  %4 = linalg.matmul ins(%collapsed, %1 : tensor<192x32xbf16>, tensor<32x64xbf16>) outs(%3 : tensor<192x64xf32>) -> tensor<192x64xf32>
  %expanded = tensor.expand_shape %4 [[0, 1], [2]] output_shape [24, 8, 64] : tensor<192x64xf32> into tensor<24x8x64xf32>
  %5 = tensor.empty() : tensor<24x8x64xf32>
  %6 = linalg.generic {indexing_maps = [#d3_012, #d3_012], iterator_types = ["parallel", "parallel", "parallel"]} ins(%expanded : tensor<24x8x64xf32>) outs(%5 : tensor<24x8x64xf32>) {
  ^bb0(%in: f32, %out: f32):
    %19 = arith.maximumf %in, %cst_0 : f32
    linalg.yield %19 : f32
  } -> tensor<24x8x64xf32>
  %7 = tensor.empty() : tensor<24x64x8xf32>
  %8 = linalg.generic {indexing_maps = [#d3_021, #d3_012], iterator_types = ["parallel", "parallel", "parallel"]} ins(%6 : tensor<24x8x64xf32>) outs(%7 : tensor<24x64x8xf32>) {
  ^bb0(%in: f32, %out: f32):
    linalg.yield %in : f32
  } -> tensor<24x64x8xf32>
  %9 = tensor.empty() : tensor<24x64xf32>
  %10 = linalg.fill ins(%cst_0 : f32) outs(%9 : tensor<24x64xf32>) -> tensor<24x64xf32>
  %11 = linalg.generic {indexing_maps = [#d3_012, #d3_02, #d3_01], iterator_types = ["parallel", "parallel", "reduction"]} ins(%8, %arg2 : tensor<24x64x8xf32>, tensor<24x8xf32>) outs(%10 : tensor<24x64xf32>) {
  ^bb0(%in: f32, %in_1: f32, %out: f32):
    %19 = arith.mulf %in, %in_1 : f32
    %20 = arith.addf %out, %19 : f32
    linalg.yield %20 : f32
  } -> tensor<24x64xf32>
  %12 = tensor.empty() : tensor<24x64xi32>
  %13 = linalg.generic {indexing_maps = [#d2_01], iterator_types = ["parallel", "parallel"]} outs(%12 : tensor<24x64xi32>) {
  ^bb0(%out: i32):
    %19 = linalg.index 0 : index
    %20 = arith.index_cast %19 : index to i32
    linalg.yield %20 : i32
  } -> tensor<24x64xi32>
  %14 = linalg.generic {indexing_maps = [#d2_01], iterator_types = ["parallel", "parallel"]} outs(%12 : tensor<24x64xi32>) {
  ^bb0(%out: i32):
    %19 = linalg.index 1 : index
    %20 = arith.index_cast %19 : index to i32
    linalg.yield %20 : i32
  } -> tensor<24x64xi32>
  %15 = tensor.empty() : tensor<24x64xi1>
  %16 = linalg.generic {indexing_maps = [#d2_01, #d2_01, #d2_01], iterator_types = ["parallel", "parallel"]} ins(%13, %14 : tensor<24x64xi32>, tensor<24x64xi32>) outs(%15 : tensor<24x64xi1>) {
  ^bb0(%in: i32, %in_1: i32, %out: i1):
    %19 = arith.cmpi sge, %in, %in_1 : i32
    linalg.yield %19 : i1
  } -> tensor<24x64xi1>
  %17 = linalg.generic {indexing_maps = [#d2_01, #d2_01], iterator_types = ["parallel", "parallel"]} ins(%16 : tensor<24x64xi1>) outs(%9 : tensor<24x64xf32>) {
  ^bb0(%in: i1, %out: f32):
    %19 = arith.select %in, %cst_0, %cst : f32
    linalg.yield %19 : f32
  } -> tensor<24x64xf32>
  %18 = linalg.generic {indexing_maps = [#d2_01, #d2_01, #d2_01], iterator_types = ["parallel", "parallel"]} ins(%11, %17 : tensor<24x64xf32>, tensor<24x64xf32>) outs(%9 : tensor<24x64xf32>) {
  ^bb0(%in: f32, %in_1: f32, %out: f32):
    %19 = arith.addf %in, %in_1 : f32
    linalg.yield %19 : f32
  } -> tensor<24x64xf32>
  return %18 : tensor<24x64xf32>
}
