// RUN: mqa-opt %s --pass-pipeline='builtin.module(func.func(mqa-raise,canonicalize,cse))' | FileCheck %s

// Operands that the program computes, and factors, lowered from PyTorch and JAX.

#d2_01 = affine_map<(d0, d1) -> (d0, d1)>
#d3_012 = affine_map<(d0, d1, d2) -> (d0, d1, d2)>
#d1_0 = affine_map<(d0) -> (d0)>
#d2_z1 = affine_map<(d0, d1) -> (0, d1)>
#d2_0z = affine_map<(d0, d1) -> (d0, 0)>
#d3_01z = affine_map<(d0, d1, d2) -> (d0, d1, 0)>
#d3_02 = affine_map<(d0, d1, d2) -> (d0, d2)>
#d2_ = affine_map<(d0, d1) -> ()>
#d2_10 = affine_map<(d0, d1) -> (d1, d0)>
#d3_021 = affine_map<(d0, d1, d2) -> (d0, d2, d1)>
#d3_01 = affine_map<(d0, d1, d2) -> (d0, d1)>

// q is a projection, rounded to bf16.
// CHECK-LABEL: func @projection(
// CHECK: %[[X:.*]] = linalg.matmul
// CHECK: %[[T:.*]] = linalg.generic {{.*}} ins(%[[X]]
// CHECK: arith.truncf
// CHECK: %[[Q:.*]] = tensor.expand_shape %[[T]] {{.*}} into tensor<24x8x32xbf16>
// CHECK: mqa.logits ins(%[[Q]], 
// CHECK-NEXT: return
func.func @projection(%arg0: tensor<24x40xbf16>, %arg1: tensor<40x256xbf16>, %arg2: tensor<64x32xbf16>, %arg3: tensor<24x8xf32>, %arg4: tensor<24xi32>) -> tensor<24x64xf32> {
  %cst = arith.constant 0.000000e+00 : f32
  %cst_0 = arith.constant dense<0xFF800000> : tensor<f32>
  %0 = tensor.empty() : tensor<24x256xf32>
  %1 = linalg.fill ins(%cst : f32) outs(%0 : tensor<24x256xf32>) -> tensor<24x256xf32>
  %2 = linalg.matmul ins(%arg0, %arg1 : tensor<24x40xbf16>, tensor<40x256xbf16>) outs(%1 : tensor<24x256xf32>) -> tensor<24x256xf32>
  %3 = tensor.empty() : tensor<24x256xbf16>
  %4 = linalg.generic {indexing_maps = [#d2_01, #d2_01], iterator_types = ["parallel", "parallel"]} ins(%2 : tensor<24x256xf32>) outs(%3 : tensor<24x256xbf16>) {
  ^bb0(%in: f32, %out: bf16):
    %25 = arith.truncf %in : f32 to bf16
    linalg.yield %25 : bf16
  } -> tensor<24x256xbf16>
  %expanded = tensor.expand_shape %4 [[0], [1, 2]] output_shape [24, 8, 32] : tensor<24x256xbf16> into tensor<24x8x32xbf16>
  %5 = tensor.empty() : tensor<24x8x32xf32>
  %6 = linalg.generic {indexing_maps = [#d3_012, #d3_012], iterator_types = ["parallel", "parallel", "parallel"]} ins(%expanded : tensor<24x8x32xbf16>) outs(%5 : tensor<24x8x32xf32>) {
  ^bb0(%in: bf16, %out: f32):
    %25 = arith.extf %in : bf16 to f32
    linalg.yield %25 : f32
  } -> tensor<24x8x32xf32>
  %7 = tensor.empty() : tensor<64x32xf32>
  %8 = linalg.generic {indexing_maps = [#d2_01, #d2_01], iterator_types = ["parallel", "parallel"]} ins(%arg2 : tensor<64x32xbf16>) outs(%7 : tensor<64x32xf32>) {
  ^bb0(%in: bf16, %out: f32):
    %25 = arith.extf %in : bf16 to f32
    linalg.yield %25 : f32
  } -> tensor<64x32xf32>
  %expanded_1 = tensor.expand_shape %8 [[0], [1, 2, 3]] output_shape [64, 32, 1, 1] : tensor<64x32xf32> into tensor<64x32x1x1xf32>
  %collapsed = tensor.collapse_shape %6 [[0, 1], [2]] : tensor<24x8x32xf32> into tensor<192x32xf32>
  %expanded_2 = tensor.expand_shape %collapsed [[0, 1], [2]] output_shape [1, 192, 32] : tensor<192x32xf32> into tensor<1x192x32xf32>
  %9 = tensor.empty() : tensor<32x64x1x1xf32>
  %transposed = linalg.transpose ins(%expanded_1 : tensor<64x32x1x1xf32>) outs(%9 : tensor<32x64x1x1xf32>) permutation = [1, 0, 2, 3] 
  %collapsed_3 = tensor.collapse_shape %transposed [[0], [1, 2, 3]] : tensor<32x64x1x1xf32> into tensor<32x64xf32>
  %expanded_4 = tensor.expand_shape %collapsed_3 [[0, 1], [2]] output_shape [1, 32, 64] : tensor<32x64xf32> into tensor<1x32x64xf32>
  %10 = tensor.empty() : tensor<1x192x64xf32>
  %11 = linalg.fill ins(%cst : f32) outs(%10 : tensor<1x192x64xf32>) -> tensor<1x192x64xf32>
  %12 = linalg.batch_matmul ins(%expanded_2, %expanded_4 : tensor<1x192x32xf32>, tensor<1x32x64xf32>) outs(%11 : tensor<1x192x64xf32>) -> tensor<1x192x64xf32>
  %collapsed_5 = tensor.collapse_shape %12 [[0, 1], [2]] : tensor<1x192x64xf32> into tensor<192x64xf32>
  %expanded_6 = tensor.expand_shape %collapsed_5 [[0, 1], [2, 3]] output_shape [24, 8, 1, 64] : tensor<192x64xf32> into tensor<24x8x1x64xf32>
  %13 = tensor.empty() : tensor<24x8x64x1xf32>
  %transposed_7 = linalg.transpose ins(%expanded_6 : tensor<24x8x1x64xf32>) outs(%13 : tensor<24x8x64x1xf32>) permutation = [0, 1, 3, 2] 
  %collapsed_8 = tensor.collapse_shape %transposed_7 [[0], [1], [2, 3]] : tensor<24x8x64x1xf32> into tensor<24x8x64xf32>
  %14 = tensor.empty() : tensor<64xi64>
  %15 = linalg.generic {indexing_maps = [#d1_0], iterator_types = ["parallel"]} outs(%14 : tensor<64xi64>) {
  ^bb0(%out: i64):
    %25 = linalg.index 0 : index
    %26 = arith.index_cast %25 : index to i64
    linalg.yield %26 : i64
  } -> tensor<64xi64>
  %expanded_9 = tensor.expand_shape %15 [[0, 1]] output_shape [1, 64] : tensor<64xi64> into tensor<1x64xi64>
  %expanded_10 = tensor.expand_shape %arg4 [[0, 1]] output_shape [24, 1] : tensor<24xi32> into tensor<24x1xi32>
  %16 = tensor.empty() : tensor<24x64xi1>
  %17 = linalg.generic {indexing_maps = [#d2_z1, #d2_0z, #d2_01], iterator_types = ["parallel", "parallel"]} ins(%expanded_9, %expanded_10 : tensor<1x64xi64>, tensor<24x1xi32>) outs(%16 : tensor<24x64xi1>) {
  ^bb0(%in: i64, %in_12: i32, %out: i1):
    %25 = arith.extsi %in_12 : i32 to i64
    %26 = arith.cmpi slt, %in, %25 : i64
    linalg.yield %26 : i1
  } -> tensor<24x64xi1>
  %18 = tensor.empty() : tensor<24x8x64xf32>
  %19 = linalg.generic {indexing_maps = [#d3_012, #d3_012], iterator_types = ["parallel", "parallel", "parallel"]} ins(%collapsed_8 : tensor<24x8x64xf32>) outs(%18 : tensor<24x8x64xf32>) {
  ^bb0(%in: f32, %out: f32):
    %25 = arith.cmpf ugt, %in, %cst : f32
    %26 = arith.select %25, %in, %cst : f32
    linalg.yield %26 : f32
  } -> tensor<24x8x64xf32>
  %expanded_11 = tensor.expand_shape %arg3 [[0], [1, 2]] output_shape [24, 8, 1] : tensor<24x8xf32> into tensor<24x8x1xf32>
  %20 = linalg.generic {indexing_maps = [#d3_012, #d3_01z, #d3_012], iterator_types = ["parallel", "parallel", "parallel"]} ins(%19, %expanded_11 : tensor<24x8x64xf32>, tensor<24x8x1xf32>) outs(%18 : tensor<24x8x64xf32>) {
  ^bb0(%in: f32, %in_12: f32, %out: f32):
    %25 = arith.mulf %in, %in_12 : f32
    linalg.yield %25 : f32
  } -> tensor<24x8x64xf32>
  %21 = tensor.empty() : tensor<24x64xf32>
  %22 = linalg.fill ins(%cst : f32) outs(%21 : tensor<24x64xf32>) -> tensor<24x64xf32>
  %23 = linalg.generic {indexing_maps = [#d3_012, #d3_02], iterator_types = ["parallel", "reduction", "parallel"]} ins(%20 : tensor<24x8x64xf32>) outs(%22 : tensor<24x64xf32>) {
  ^bb0(%in: f32, %out: f32):
    %25 = arith.addf %in, %out : f32
    linalg.yield %25 : f32
  } -> tensor<24x64xf32>
  %24 = linalg.generic {indexing_maps = [#d2_01, #d2_01, #d2_, #d2_01], iterator_types = ["parallel", "parallel"]} ins(%17, %23, %cst_0 : tensor<24x64xi1>, tensor<24x64xf32>, tensor<f32>) outs(%21 : tensor<24x64xf32>) {
  ^bb0(%in: i1, %in_12: f32, %in_13: f32, %out: f32):
    %25 = arith.select %in, %in_12, %in_13 : f32
    linalg.yield %25 : f32
  } -> tensor<24x64xf32>
  return %24 : tensor<24x64xf32>
}

// The weights times constants.
// CHECK-LABEL: func @weights_scaled(
// CHECK: linalg.generic
// CHECK: arith.mulf
// CHECK: %[[W:.*]] = linalg.generic
// CHECK: arith.mulf
// CHECK: mqa.logits ins(%arg0, %arg1, none, %[[W]], none, 
// CHECK-NEXT: return
func.func @weights_scaled(%arg0: tensor<24x8x32xbf16>, %arg1: tensor<64x32xbf16>, %arg2: tensor<24x8xf32>) -> tensor<24x64xf32> {
  %cst = arith.constant 0.000000e+00 : f32
  %cst_0 = arith.constant 0.353553385 : f32
  %cst_1 = arith.constant 0.176776692 : f32
  %0 = tensor.empty() : tensor<24x8xf32>
  %1 = linalg.generic {indexing_maps = [#d2_01, #d2_01], iterator_types = ["parallel", "parallel"]} ins(%arg2 : tensor<24x8xf32>) outs(%0 : tensor<24x8xf32>) {
  ^bb0(%in: f32, %out: f32):
    %18 = arith.mulf %in, %cst_1 : f32
    linalg.yield %18 : f32
  } -> tensor<24x8xf32>
  %2 = linalg.generic {indexing_maps = [#d2_01, #d2_01], iterator_types = ["parallel", "parallel"]} ins(%1 : tensor<24x8xf32>) outs(%0 : tensor<24x8xf32>) {
  ^bb0(%in: f32, %out: f32):
    %18 = arith.mulf %in, %cst_0 : f32
    linalg.yield %18 : f32
  } -> tensor<24x8xf32>
  %3 = tensor.empty() : tensor<24x8x32xf32>
  %4 = linalg.generic {indexing_maps = [#d3_012, #d3_012], iterator_types = ["parallel", "parallel", "parallel"]} ins(%arg0 : tensor<24x8x32xbf16>) outs(%3 : tensor<24x8x32xf32>) {
  ^bb0(%in: bf16, %out: f32):
    %18 = arith.extf %in : bf16 to f32
    linalg.yield %18 : f32
  } -> tensor<24x8x32xf32>
  %5 = tensor.empty() : tensor<64x32xf32>
  %6 = linalg.generic {indexing_maps = [#d2_01, #d2_01], iterator_types = ["parallel", "parallel"]} ins(%arg1 : tensor<64x32xbf16>) outs(%5 : tensor<64x32xf32>) {
  ^bb0(%in: bf16, %out: f32):
    %18 = arith.extf %in : bf16 to f32
    linalg.yield %18 : f32
  } -> tensor<64x32xf32>
  %expanded = tensor.expand_shape %6 [[0], [1, 2, 3]] output_shape [64, 32, 1, 1] : tensor<64x32xf32> into tensor<64x32x1x1xf32>
  %collapsed = tensor.collapse_shape %4 [[0, 1], [2]] : tensor<24x8x32xf32> into tensor<192x32xf32>
  %expanded_2 = tensor.expand_shape %collapsed [[0, 1], [2]] output_shape [1, 192, 32] : tensor<192x32xf32> into tensor<1x192x32xf32>
  %7 = tensor.empty() : tensor<32x64x1x1xf32>
  %transposed = linalg.transpose ins(%expanded : tensor<64x32x1x1xf32>) outs(%7 : tensor<32x64x1x1xf32>) permutation = [1, 0, 2, 3] 
  %collapsed_3 = tensor.collapse_shape %transposed [[0], [1, 2, 3]] : tensor<32x64x1x1xf32> into tensor<32x64xf32>
  %expanded_4 = tensor.expand_shape %collapsed_3 [[0, 1], [2]] output_shape [1, 32, 64] : tensor<32x64xf32> into tensor<1x32x64xf32>
  %8 = tensor.empty() : tensor<1x192x64xf32>
  %9 = linalg.fill ins(%cst : f32) outs(%8 : tensor<1x192x64xf32>) -> tensor<1x192x64xf32>
  %10 = linalg.batch_matmul ins(%expanded_2, %expanded_4 : tensor<1x192x32xf32>, tensor<1x32x64xf32>) outs(%9 : tensor<1x192x64xf32>) -> tensor<1x192x64xf32>
  %collapsed_5 = tensor.collapse_shape %10 [[0, 1], [2]] : tensor<1x192x64xf32> into tensor<192x64xf32>
  %expanded_6 = tensor.expand_shape %collapsed_5 [[0, 1], [2, 3]] output_shape [24, 8, 1, 64] : tensor<192x64xf32> into tensor<24x8x1x64xf32>
  %11 = tensor.empty() : tensor<24x8x64x1xf32>
  %transposed_7 = linalg.transpose ins(%expanded_6 : tensor<24x8x1x64xf32>) outs(%11 : tensor<24x8x64x1xf32>) permutation = [0, 1, 3, 2] 
  %collapsed_8 = tensor.collapse_shape %transposed_7 [[0], [1], [2, 3]] : tensor<24x8x64x1xf32> into tensor<24x8x64xf32>
  %12 = tensor.empty() : tensor<24x8x64xf32>
  %13 = linalg.generic {indexing_maps = [#d3_012, #d3_012], iterator_types = ["parallel", "parallel", "parallel"]} ins(%collapsed_8 : tensor<24x8x64xf32>) outs(%12 : tensor<24x8x64xf32>) {
  ^bb0(%in: f32, %out: f32):
    %18 = arith.cmpf ugt, %in, %cst : f32
    %19 = arith.select %18, %in, %cst : f32
    linalg.yield %19 : f32
  } -> tensor<24x8x64xf32>
  %expanded_9 = tensor.expand_shape %2 [[0], [1, 2]] output_shape [24, 8, 1] : tensor<24x8xf32> into tensor<24x8x1xf32>
  %14 = linalg.generic {indexing_maps = [#d3_012, #d3_01z, #d3_012], iterator_types = ["parallel", "parallel", "parallel"]} ins(%13, %expanded_9 : tensor<24x8x64xf32>, tensor<24x8x1xf32>) outs(%12 : tensor<24x8x64xf32>) {
  ^bb0(%in: f32, %in_10: f32, %out: f32):
    %18 = arith.mulf %in, %in_10 : f32
    linalg.yield %18 : f32
  } -> tensor<24x8x64xf32>
  %15 = tensor.empty() : tensor<24x64xf32>
  %16 = linalg.fill ins(%cst : f32) outs(%15 : tensor<24x64xf32>) -> tensor<24x64xf32>
  %17 = linalg.generic {indexing_maps = [#d3_012, #d3_02], iterator_types = ["parallel", "reduction", "parallel"]} ins(%14 : tensor<24x8x64xf32>) outs(%16 : tensor<24x64xf32>) {
  ^bb0(%in: f32, %out: f32):
    %18 = arith.addf %in, %out : f32
    linalg.yield %18 : f32
  } -> tensor<24x64xf32>
  return %17 : tensor<24x64xf32>
}

// The logits times a constant.
// CHECK-LABEL: func @constant_behind(
// CHECK: %[[W:.*]] = linalg.generic {{.*}} ins(%arg2 : tensor<24x8xf32>)
// CHECK: arith.mulf %{{.*}}, %cst
// CHECK: mqa.logits ins(%arg0, %arg1, none, %[[W]], none, 
// CHECK-NEXT: return
func.func @constant_behind(%arg0: tensor<24x8x32xbf16>, %arg1: tensor<64x32xbf16>, %arg2: tensor<24x8xf32>) -> tensor<24x64xf32> {
  %cst = arith.constant 0.000000e+00 : f32
  %cst_0 = arith.constant 0.176776692 : f32
  %0 = tensor.empty() : tensor<24x8x32xf32>
  %1 = linalg.generic {indexing_maps = [#d3_012, #d3_012], iterator_types = ["parallel", "parallel", "parallel"]} ins(%arg0 : tensor<24x8x32xbf16>) outs(%0 : tensor<24x8x32xf32>) {
  ^bb0(%in: bf16, %out: f32):
    %16 = arith.extf %in : bf16 to f32
    linalg.yield %16 : f32
  } -> tensor<24x8x32xf32>
  %2 = tensor.empty() : tensor<64x32xf32>
  %3 = linalg.generic {indexing_maps = [#d2_01, #d2_01], iterator_types = ["parallel", "parallel"]} ins(%arg1 : tensor<64x32xbf16>) outs(%2 : tensor<64x32xf32>) {
  ^bb0(%in: bf16, %out: f32):
    %16 = arith.extf %in : bf16 to f32
    linalg.yield %16 : f32
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
    %16 = arith.cmpf ugt, %in, %cst : f32
    %17 = arith.select %16, %in, %cst : f32
    linalg.yield %17 : f32
  } -> tensor<24x8x64xf32>
  %expanded_8 = tensor.expand_shape %arg2 [[0], [1, 2]] output_shape [24, 8, 1] : tensor<24x8xf32> into tensor<24x8x1xf32>
  %11 = linalg.generic {indexing_maps = [#d3_012, #d3_01z, #d3_012], iterator_types = ["parallel", "parallel", "parallel"]} ins(%10, %expanded_8 : tensor<24x8x64xf32>, tensor<24x8x1xf32>) outs(%9 : tensor<24x8x64xf32>) {
  ^bb0(%in: f32, %in_9: f32, %out: f32):
    %16 = arith.mulf %in, %in_9 : f32
    linalg.yield %16 : f32
  } -> tensor<24x8x64xf32>
  %12 = tensor.empty() : tensor<24x64xf32>
  %13 = linalg.fill ins(%cst : f32) outs(%12 : tensor<24x64xf32>) -> tensor<24x64xf32>
  %14 = linalg.generic {indexing_maps = [#d3_012, #d3_02], iterator_types = ["parallel", "reduction", "parallel"]} ins(%11 : tensor<24x8x64xf32>) outs(%13 : tensor<24x64xf32>) {
  ^bb0(%in: f32, %out: f32):
    %16 = arith.addf %in, %out : f32
    linalg.yield %16 : f32
  } -> tensor<24x64xf32>
  %15 = linalg.generic {indexing_maps = [#d2_01, #d2_01], iterator_types = ["parallel", "parallel"]} ins(%14 : tensor<24x64xf32>) outs(%12 : tensor<24x64xf32>) {
  ^bb0(%in: f32, %out: f32):
    %16 = arith.mulf %in, %cst_0 : f32
    linalg.yield %16 : f32
  } -> tensor<24x64xf32>
  return %15 : tensor<24x64xf32>
}

// A positive constant inside of the maximum.
// CHECK-LABEL: func @constant_inside(
// CHECK: %[[W:.*]] = linalg.generic {{.*}} ins(%arg2 : tensor<24x8xf32>)
// CHECK: arith.mulf %{{.*}}, %cst
// CHECK: mqa.logits ins(%arg0, %arg1, none, %[[W]], none, 
// CHECK-NEXT: return
func.func @constant_inside(%arg0: tensor<24x8x32xbf16>, %arg1: tensor<64x32xbf16>, %arg2: tensor<24x8xf32>) -> tensor<24x64xf32> {
  %cst = arith.constant 0.000000e+00 : f32
  %cst_0 = arith.constant 0.176776692 : f32
  %0 = tensor.empty() : tensor<24x8x32xf32>
  %1 = linalg.generic {indexing_maps = [#d3_012, #d3_012], iterator_types = ["parallel", "parallel", "parallel"]} ins(%arg0 : tensor<24x8x32xbf16>) outs(%0 : tensor<24x8x32xf32>) {
  ^bb0(%in: bf16, %out: f32):
    %16 = arith.extf %in : bf16 to f32
    linalg.yield %16 : f32
  } -> tensor<24x8x32xf32>
  %2 = tensor.empty() : tensor<64x32xf32>
  %3 = linalg.generic {indexing_maps = [#d2_01, #d2_01], iterator_types = ["parallel", "parallel"]} ins(%arg1 : tensor<64x32xbf16>) outs(%2 : tensor<64x32xf32>) {
  ^bb0(%in: bf16, %out: f32):
    %16 = arith.extf %in : bf16 to f32
    linalg.yield %16 : f32
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
    %16 = arith.mulf %in, %cst_0 : f32
    linalg.yield %16 : f32
  } -> tensor<24x8x64xf32>
  %11 = linalg.generic {indexing_maps = [#d3_012, #d3_012], iterator_types = ["parallel", "parallel", "parallel"]} ins(%10 : tensor<24x8x64xf32>) outs(%9 : tensor<24x8x64xf32>) {
  ^bb0(%in: f32, %out: f32):
    %16 = arith.cmpf ugt, %in, %cst : f32
    %17 = arith.select %16, %in, %cst : f32
    linalg.yield %17 : f32
  } -> tensor<24x8x64xf32>
  %expanded_8 = tensor.expand_shape %arg2 [[0], [1, 2]] output_shape [24, 8, 1] : tensor<24x8xf32> into tensor<24x8x1xf32>
  %12 = linalg.generic {indexing_maps = [#d3_012, #d3_01z, #d3_012], iterator_types = ["parallel", "parallel", "parallel"]} ins(%11, %expanded_8 : tensor<24x8x64xf32>, tensor<24x8x1xf32>) outs(%9 : tensor<24x8x64xf32>) {
  ^bb0(%in: f32, %in_9: f32, %out: f32):
    %16 = arith.mulf %in, %in_9 : f32
    linalg.yield %16 : f32
  } -> tensor<24x8x64xf32>
  %13 = tensor.empty() : tensor<24x64xf32>
  %14 = linalg.fill ins(%cst : f32) outs(%13 : tensor<24x64xf32>) -> tensor<24x64xf32>
  %15 = linalg.generic {indexing_maps = [#d3_012, #d3_02], iterator_types = ["parallel", "reduction", "parallel"]} ins(%12 : tensor<24x8x64xf32>) outs(%14 : tensor<24x64xf32>) {
  ^bb0(%in: f32, %out: f32):
    %16 = arith.addf %in, %out : f32
    linalg.yield %16 : f32
  } -> tensor<24x64xf32>
  return %15 : tensor<24x64xf32>
}

// Scores divided by the root of 32, a constant of f64.
// CHECK-LABEL: func @divided_inside(
// CHECK: %[[C:.*]] = arith.constant 0.1767{{.*}} : f32
// CHECK: %[[W:.*]] = linalg.generic {{.*}} ins(%arg2 : tensor<24x8xf32>)
// CHECK: arith.mulf %{{.*}}, %[[C]]
// CHECK: mqa.logits ins(%arg0, %arg1, none, %[[W]], none, 
// CHECK-NEXT: return
func.func @divided_inside(%arg0: tensor<24x8x32xbf16>, %arg1: tensor<64x32xbf16>, %arg2: tensor<24x8xf32>) -> tensor<24x64xf32> {
  %cst = arith.constant 5.6568542494923806 : f64
  %cst_0 = arith.constant 0.000000e+00 : f32
  %0 = tensor.empty() : tensor<24x8x32xf32>
  %1 = linalg.generic {indexing_maps = [#d3_012, #d3_012], iterator_types = ["parallel", "parallel", "parallel"]} ins(%arg0 : tensor<24x8x32xbf16>) outs(%0 : tensor<24x8x32xf32>) {
  ^bb0(%in: bf16, %out: f32):
    %15 = arith.extf %in : bf16 to f32
    linalg.yield %15 : f32
  } -> tensor<24x8x32xf32>
  %2 = tensor.empty() : tensor<64x32xf32>
  %3 = linalg.generic {indexing_maps = [#d2_01, #d2_01], iterator_types = ["parallel", "parallel"]} ins(%arg1 : tensor<64x32xbf16>) outs(%2 : tensor<64x32xf32>) {
  ^bb0(%in: bf16, %out: f32):
    %15 = arith.extf %in : bf16 to f32
    linalg.yield %15 : f32
  } -> tensor<64x32xf32>
  %4 = tensor.empty() : tensor<32x64xf32>
  %transposed = linalg.transpose ins(%3 : tensor<64x32xf32>) outs(%4 : tensor<32x64xf32>) permutation = [1, 0] 
  %collapsed = tensor.collapse_shape %1 [[0, 1], [2]] : tensor<24x8x32xf32> into tensor<192x32xf32>
  %5 = tensor.empty() : tensor<192x64xf32>
  %6 = linalg.fill ins(%cst_0 : f32) outs(%5 : tensor<192x64xf32>) -> tensor<192x64xf32>
  %7 = linalg.matmul ins(%collapsed, %transposed : tensor<192x32xf32>, tensor<32x64xf32>) outs(%6 : tensor<192x64xf32>) -> tensor<192x64xf32>
  %expanded = tensor.expand_shape %7 [[0, 1], [2]] output_shape [24, 8, 64] : tensor<192x64xf32> into tensor<24x8x64xf32>
  %8 = tensor.empty() : tensor<24x8x64xf32>
  %9 = linalg.generic {indexing_maps = [#d3_012, #d3_012], iterator_types = ["parallel", "parallel", "parallel"]} ins(%expanded : tensor<24x8x64xf32>) outs(%8 : tensor<24x8x64xf32>) {
  ^bb0(%in: f32, %out: f32):
    %15 = arith.truncf %cst : f64 to f32
    %16 = arith.divf %in, %15 : f32
    linalg.yield %16 : f32
  } -> tensor<24x8x64xf32>
  %10 = linalg.generic {indexing_maps = [#d3_012, #d3_012], iterator_types = ["parallel", "parallel", "parallel"]} ins(%9 : tensor<24x8x64xf32>) outs(%8 : tensor<24x8x64xf32>) {
  ^bb0(%in: f32, %out: f32):
    %15 = arith.cmpf ugt, %in, %cst_0 : f32
    %16 = arith.select %15, %in, %cst_0 : f32
    linalg.yield %16 : f32
  } -> tensor<24x8x64xf32>
  %expanded_1 = tensor.expand_shape %arg2 [[0], [1, 2]] output_shape [24, 8, 1] : tensor<24x8xf32> into tensor<24x8x1xf32>
  %11 = linalg.generic {indexing_maps = [#d3_012, #d3_01z, #d3_012], iterator_types = ["parallel", "parallel", "parallel"]} ins(%10, %expanded_1 : tensor<24x8x64xf32>, tensor<24x8x1xf32>) outs(%8 : tensor<24x8x64xf32>) {
  ^bb0(%in: f32, %in_2: f32, %out: f32):
    %15 = arith.mulf %in, %in_2 : f32
    linalg.yield %15 : f32
  } -> tensor<24x8x64xf32>
  %12 = tensor.empty() : tensor<24x64xf32>
  %13 = linalg.fill ins(%cst_0 : f32) outs(%12 : tensor<24x64xf32>) -> tensor<24x64xf32>
  %14 = linalg.generic {indexing_maps = [#d3_012, #d3_02], iterator_types = ["parallel", "reduction", "parallel"]} ins(%11 : tensor<24x8x64xf32>) outs(%13 : tensor<24x64xf32>) {
  ^bb0(%in: f32, %out: f32):
    %15 = arith.addf %in, %out : f32
    linalg.yield %15 : f32
  } -> tensor<24x64xf32>
  return %14 : tensor<24x64xf32>
}

// The mean of the heads, without weights.
// CHECK-LABEL: func @mean(
// CHECK: %[[S:.*]] = linalg.fill ins(%cst : f32) outs(%{{.*}} : tensor<64xf32>)
// CHECK: mqa.logits ins(%arg0, %arg1, %[[S]], none, none, 
// CHECK-NEXT: return
func.func @mean(%arg0: tensor<24x8x32xbf16>, %arg1: tensor<64x32xbf16>, %arg2: tensor<24x8xf32>, %arg3: tensor<64xf32>) -> tensor<24x64xf32> {
  %cst = arith.constant 8.000000e+00 : f32
  %cst_0 = arith.constant 0.000000e+00 : f32
  %0 = tensor.empty() : tensor<24x8x32xf32>
  %1 = linalg.generic {indexing_maps = [#d3_012, #d3_012], iterator_types = ["parallel", "parallel", "parallel"]} ins(%arg0 : tensor<24x8x32xbf16>) outs(%0 : tensor<24x8x32xf32>) {
  ^bb0(%in: bf16, %out: f32):
    %15 = arith.extf %in : bf16 to f32
    linalg.yield %15 : f32
  } -> tensor<24x8x32xf32>
  %2 = tensor.empty() : tensor<64x32xf32>
  %3 = linalg.generic {indexing_maps = [#d2_01, #d2_01], iterator_types = ["parallel", "parallel"]} ins(%arg1 : tensor<64x32xbf16>) outs(%2 : tensor<64x32xf32>) {
  ^bb0(%in: bf16, %out: f32):
    %15 = arith.extf %in : bf16 to f32
    linalg.yield %15 : f32
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
    %15 = arith.cmpf ugt, %in, %cst_0 : f32
    %16 = arith.select %15, %in, %cst_0 : f32
    linalg.yield %16 : f32
  } -> tensor<24x8x64xf32>
  %11 = tensor.empty() : tensor<24x64xf32>
  %12 = linalg.fill ins(%cst_0 : f32) outs(%11 : tensor<24x64xf32>) -> tensor<24x64xf32>
  %13 = linalg.generic {indexing_maps = [#d3_012, #d3_02], iterator_types = ["parallel", "reduction", "parallel"]} ins(%10 : tensor<24x8x64xf32>) outs(%12 : tensor<24x64xf32>) {
  ^bb0(%in: f32, %out: f32):
    %15 = arith.addf %in, %out : f32
    linalg.yield %15 : f32
  } -> tensor<24x64xf32>
  %14 = linalg.generic {indexing_maps = [#d2_01, #d2_01], iterator_types = ["parallel", "parallel"]} ins(%13 : tensor<24x64xf32>) outs(%11 : tensor<24x64xf32>) {
  ^bb0(%in: f32, %out: f32):
    %15 = arith.divf %in, %cst : f32
    linalg.yield %15 : f32
  } -> tensor<24x64xf32>
  return %14 : tensor<24x64xf32>
}

// The same weights for all queries.
// CHECK-LABEL: func @weights_per_head(
// CHECK: %[[W:.*]] = linalg.generic {{.*}} ins(%arg2 : tensor<8xf32>) outs(%{{.*}} : tensor<24x8xf32>)
// CHECK: mqa.logits ins(%arg0, %arg1, none, %[[W]], none, 
// CHECK-NEXT: return
func.func @weights_per_head(%arg0: tensor<24x8x32xbf16>, %arg1: tensor<64x32xbf16>, %arg2: tensor<8xf32>) -> tensor<24x64xf32> {
  %cst = arith.constant 0.000000e+00 : f32
  %0 = tensor.empty() : tensor<24x8x32xf32>
  %1 = linalg.generic {indexing_maps = [#d3_012, #d3_012], iterator_types = ["parallel", "parallel", "parallel"]} ins(%arg0 : tensor<24x8x32xbf16>) outs(%0 : tensor<24x8x32xf32>) {
  ^bb0(%in: bf16, %out: f32):
    %15 = arith.extf %in : bf16 to f32
    linalg.yield %15 : f32
  } -> tensor<24x8x32xf32>
  %2 = tensor.empty() : tensor<64x32xf32>
  %3 = linalg.generic {indexing_maps = [#d2_01, #d2_01], iterator_types = ["parallel", "parallel"]} ins(%arg1 : tensor<64x32xbf16>) outs(%2 : tensor<64x32xf32>) {
  ^bb0(%in: bf16, %out: f32):
    %15 = arith.extf %in : bf16 to f32
    linalg.yield %15 : f32
  } -> tensor<64x32xf32>
  %expanded = tensor.expand_shape %3 [[0], [1, 2, 3]] output_shape [64, 32, 1, 1] : tensor<64x32xf32> into tensor<64x32x1x1xf32>
  %collapsed = tensor.collapse_shape %1 [[0, 1], [2]] : tensor<24x8x32xf32> into tensor<192x32xf32>
  %expanded_0 = tensor.expand_shape %collapsed [[0, 1], [2]] output_shape [1, 192, 32] : tensor<192x32xf32> into tensor<1x192x32xf32>
  %4 = tensor.empty() : tensor<32x64x1x1xf32>
  %transposed = linalg.transpose ins(%expanded : tensor<64x32x1x1xf32>) outs(%4 : tensor<32x64x1x1xf32>) permutation = [1, 0, 2, 3] 
  %collapsed_1 = tensor.collapse_shape %transposed [[0], [1, 2, 3]] : tensor<32x64x1x1xf32> into tensor<32x64xf32>
  %expanded_2 = tensor.expand_shape %collapsed_1 [[0, 1], [2]] output_shape [1, 32, 64] : tensor<32x64xf32> into tensor<1x32x64xf32>
  %5 = tensor.empty() : tensor<1x192x64xf32>
  %6 = linalg.fill ins(%cst : f32) outs(%5 : tensor<1x192x64xf32>) -> tensor<1x192x64xf32>
  %7 = linalg.batch_matmul ins(%expanded_0, %expanded_2 : tensor<1x192x32xf32>, tensor<1x32x64xf32>) outs(%6 : tensor<1x192x64xf32>) -> tensor<1x192x64xf32>
  %collapsed_3 = tensor.collapse_shape %7 [[0, 1], [2]] : tensor<1x192x64xf32> into tensor<192x64xf32>
  %expanded_4 = tensor.expand_shape %collapsed_3 [[0, 1], [2, 3]] output_shape [24, 8, 1, 64] : tensor<192x64xf32> into tensor<24x8x1x64xf32>
  %8 = tensor.empty() : tensor<24x8x64x1xf32>
  %transposed_5 = linalg.transpose ins(%expanded_4 : tensor<24x8x1x64xf32>) outs(%8 : tensor<24x8x64x1xf32>) permutation = [0, 1, 3, 2] 
  %collapsed_6 = tensor.collapse_shape %transposed_5 [[0], [1], [2, 3]] : tensor<24x8x64x1xf32> into tensor<24x8x64xf32>
  %9 = tensor.empty() : tensor<24x8x64xf32>
  %10 = linalg.generic {indexing_maps = [#d3_012, #d3_012], iterator_types = ["parallel", "parallel", "parallel"]} ins(%collapsed_6 : tensor<24x8x64xf32>) outs(%9 : tensor<24x8x64xf32>) {
  ^bb0(%in: f32, %out: f32):
    %15 = arith.cmpf ugt, %in, %cst : f32
    %16 = arith.select %15, %in, %cst : f32
    linalg.yield %16 : f32
  } -> tensor<24x8x64xf32>
  %11 = tensor.empty() : tensor<24x64x8xf32>
  %transposed_7 = linalg.transpose ins(%10 : tensor<24x8x64xf32>) outs(%11 : tensor<24x64x8xf32>) permutation = [0, 2, 1] 
  %collapsed_8 = tensor.collapse_shape %transposed_7 [[0, 1], [2]] : tensor<24x64x8xf32> into tensor<1536x8xf32>
  %expanded_9 = tensor.expand_shape %collapsed_8 [[0, 1], [2]] output_shape [1, 1536, 8] : tensor<1536x8xf32> into tensor<1x1536x8xf32>
  %expanded_10 = tensor.expand_shape %arg2 [[0, 1, 2]] output_shape [1, 8, 1] : tensor<8xf32> into tensor<1x8x1xf32>
  %12 = tensor.empty() : tensor<1x1536x1xf32>
  %13 = linalg.fill ins(%cst : f32) outs(%12 : tensor<1x1536x1xf32>) -> tensor<1x1536x1xf32>
  %14 = linalg.batch_matmul ins(%expanded_9, %expanded_10 : tensor<1x1536x8xf32>, tensor<1x8x1xf32>) outs(%13 : tensor<1x1536x1xf32>) -> tensor<1x1536x1xf32>
  %collapsed_11 = tensor.collapse_shape %14 [[0, 1], [2]] : tensor<1x1536x1xf32> into tensor<1536x1xf32>
  %expanded_12 = tensor.expand_shape %collapsed_11 [[0, 1], [2]] output_shape [24, 64, 1] : tensor<1536x1xf32> into tensor<24x64x1xf32>
  %collapsed_13 = tensor.collapse_shape %expanded_12 [[0], [1, 2]] : tensor<24x64x1xf32> into tensor<24x64xf32>
  return %collapsed_13 : tensor<24x64xf32>
}

// JAX: times a scalar argument.
// CHECK-LABEL: func @scalar(
// CHECK: %[[W:.*]] = linalg.generic {{.*}} ins(%arg2, %arg3 : tensor<24x8xf32>, tensor<f32>)
// CHECK: mqa.logits ins(%arg0, %arg1, none, %[[W]], none, 
// CHECK-NEXT: return
func.func @scalar(%arg0: tensor<24x8x32xbf16>, %arg1: tensor<64x32xbf16>, %arg2: tensor<24x8xf32>, %arg3: tensor<f32>) -> tensor<24x64xf32> {
  %cst = arith.constant 0.000000e+00 : f32
  %collapsed = tensor.collapse_shape %arg0 [[0, 1], [2]] : tensor<24x8x32xbf16> into tensor<192x32xbf16>
  %0 = tensor.empty() : tensor<32x64xbf16>
  %1 = linalg.generic {indexing_maps = [#d2_10, #d2_01], iterator_types = ["parallel", "parallel"]} ins(%arg1 : tensor<64x32xbf16>) outs(%0 : tensor<32x64xbf16>) {
  ^bb0(%in: bf16, %out: bf16):
    linalg.yield %in : bf16
  } -> tensor<32x64xbf16>
  %2 = tensor.empty() : tensor<192x64xf32>
  %3 = linalg.fill ins(%cst : f32) outs(%2 : tensor<192x64xf32>) -> tensor<192x64xf32>
  %4 = linalg.matmul ins(%collapsed, %1 : tensor<192x32xbf16>, tensor<32x64xbf16>) outs(%3 : tensor<192x64xf32>) -> tensor<192x64xf32>
  %expanded = tensor.expand_shape %4 [[0, 1], [2]] output_shape [24, 8, 64] : tensor<192x64xf32> into tensor<24x8x64xf32>
  %5 = tensor.empty() : tensor<24x8x64xf32>
  %6 = linalg.generic {indexing_maps = [#d3_012, #d3_012], iterator_types = ["parallel", "parallel", "parallel"]} ins(%expanded : tensor<24x8x64xf32>) outs(%5 : tensor<24x8x64xf32>) {
  ^bb0(%in: f32, %out: f32):
    %14 = arith.maximumf %in, %cst : f32
    linalg.yield %14 : f32
  } -> tensor<24x8x64xf32>
  %7 = tensor.empty() : tensor<24x64x8xf32>
  %8 = linalg.generic {indexing_maps = [#d3_021, #d3_012], iterator_types = ["parallel", "parallel", "parallel"]} ins(%6 : tensor<24x8x64xf32>) outs(%7 : tensor<24x64x8xf32>) {
  ^bb0(%in: f32, %out: f32):
    linalg.yield %in : f32
  } -> tensor<24x64x8xf32>
  %9 = tensor.empty() : tensor<24x64xf32>
  %10 = linalg.fill ins(%cst : f32) outs(%9 : tensor<24x64xf32>) -> tensor<24x64xf32>
  %11 = linalg.generic {indexing_maps = [#d3_012, #d3_02, #d3_01], iterator_types = ["parallel", "parallel", "reduction"]} ins(%8, %arg2 : tensor<24x64x8xf32>, tensor<24x8xf32>) outs(%10 : tensor<24x64xf32>) {
  ^bb0(%in: f32, %in_0: f32, %out: f32):
    %14 = arith.mulf %in, %in_0 : f32
    %15 = arith.addf %out, %14 : f32
    linalg.yield %15 : f32
  } -> tensor<24x64xf32>
  %12 = linalg.generic {indexing_maps = [#d2_, #d2_01], iterator_types = ["parallel", "parallel"]} ins(%arg3 : tensor<f32>) outs(%9 : tensor<24x64xf32>) {
  ^bb0(%in: f32, %out: f32):
    linalg.yield %in : f32
  } -> tensor<24x64xf32>
  %13 = linalg.generic {indexing_maps = [#d2_01, #d2_01, #d2_01], iterator_types = ["parallel", "parallel"]} ins(%11, %12 : tensor<24x64xf32>, tensor<24x64xf32>) outs(%9 : tensor<24x64xf32>) {
  ^bb0(%in: f32, %in_0: f32, %out: f32):
    %14 = arith.mulf %in, %in_0 : f32
    linalg.yield %14 : f32
  } -> tensor<24x64xf32>
  return %13 : tensor<24x64xf32>
}
