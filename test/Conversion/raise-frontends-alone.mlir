// RUN: mqa-opt %s --pass-pipeline='builtin.module(func.func(mqa-raise,canonicalize,cse))' | FileCheck %s
// RUN: mqa-opt %s --mqa-raise --remarks-filter=mqa-raise --remark-format=emitRemark --verify-diagnostics -o /dev/null

// What PyTorch and JAX programs compute that is not the op's computation, and where the match stops.

#d3_012 = affine_map<(d0, d1, d2) -> (d0, d1, d2)>
#d2_01 = affine_map<(d0, d1) -> (d0, d1)>
#d3_01z = affine_map<(d0, d1, d2) -> (d0, d1, 0)>
#d3_02 = affine_map<(d0, d1, d2) -> (d0, d2)>
#d1_0 = affine_map<(d0) -> (d0)>
#d2_z1 = affine_map<(d0, d1) -> (0, d1)>
#d2_0z = affine_map<(d0, d1) -> (d0, 0)>
#d2_ = affine_map<(d0, d1) -> ()>
#d2_10 = affine_map<(d0, d1) -> (d1, d0)>
#d3_01 = affine_map<(d0, d1, d2) -> (d0, d1)>
#d3_021 = affine_map<(d0, d1, d2) -> (d0, d2, d1)>

// Scores of bf16.
// CHECK-LABEL: func @rounded_scores(
// CHECK-NOT: mqa.logits
// CHECK: return
func.func @rounded_scores(%arg0: tensor<24x8x32xbf16>, %arg1: tensor<64x32xbf16>, %arg2: tensor<24x8xf32>) -> tensor<24x64xf32> {
  %cst = arith.constant 0.000000e+00 : bf16
  %cst_0 = arith.constant 0.000000e+00 : f32
  %expanded = tensor.expand_shape %arg1 [[0], [1, 2, 3]] output_shape [64, 32, 1, 1] : tensor<64x32xbf16> into tensor<64x32x1x1xbf16>
  %collapsed = tensor.collapse_shape %arg0 [[0, 1], [2]] : tensor<24x8x32xbf16> into tensor<192x32xbf16>
  %expanded_1 = tensor.expand_shape %collapsed [[0, 1], [2]] output_shape [1, 192, 32] : tensor<192x32xbf16> into tensor<1x192x32xbf16>
  %0 = tensor.empty() : tensor<32x64x1x1xbf16>
  %transposed = linalg.transpose ins(%expanded : tensor<64x32x1x1xbf16>) outs(%0 : tensor<32x64x1x1xbf16>) permutation = [1, 0, 2, 3] 
  %collapsed_2 = tensor.collapse_shape %transposed [[0], [1, 2, 3]] : tensor<32x64x1x1xbf16> into tensor<32x64xbf16>
  %expanded_3 = tensor.expand_shape %collapsed_2 [[0, 1], [2]] output_shape [1, 32, 64] : tensor<32x64xbf16> into tensor<1x32x64xbf16>
  %1 = tensor.empty() : tensor<1x192x64xf32>
  %2 = linalg.fill ins(%cst_0 : f32) outs(%1 : tensor<1x192x64xf32>) -> tensor<1x192x64xf32>
  %3 = linalg.batch_matmul ins(%expanded_1, %expanded_3 : tensor<1x192x32xbf16>, tensor<1x32x64xbf16>) outs(%2 : tensor<1x192x64xf32>) -> tensor<1x192x64xf32>
  %4 = tensor.empty() : tensor<1x192x64xbf16>
  %5 = linalg.generic {indexing_maps = [#d3_012, #d3_012], iterator_types = ["parallel", "parallel", "parallel"]} ins(%3 : tensor<1x192x64xf32>) outs(%4 : tensor<1x192x64xbf16>) {
  ^bb0(%in: f32, %out: bf16):
    %15 = arith.truncf %in : f32 to bf16
    linalg.yield %15 : bf16
  } -> tensor<1x192x64xbf16>
  %collapsed_4 = tensor.collapse_shape %5 [[0, 1], [2]] : tensor<1x192x64xbf16> into tensor<192x64xbf16>
  %expanded_5 = tensor.expand_shape %collapsed_4 [[0, 1], [2, 3]] output_shape [24, 8, 1, 64] : tensor<192x64xbf16> into tensor<24x8x1x64xbf16>
  %6 = tensor.empty() : tensor<24x8x64x1xbf16>
  %transposed_6 = linalg.transpose ins(%expanded_5 : tensor<24x8x1x64xbf16>) outs(%6 : tensor<24x8x64x1xbf16>) permutation = [0, 1, 3, 2] 
  %collapsed_7 = tensor.collapse_shape %transposed_6 [[0], [1], [2, 3]] : tensor<24x8x64x1xbf16> into tensor<24x8x64xbf16>
  %7 = tensor.empty() : tensor<24x8x64xbf16>
  %8 = linalg.generic {indexing_maps = [#d3_012, #d3_012], iterator_types = ["parallel", "parallel", "parallel"]} ins(%collapsed_7 : tensor<24x8x64xbf16>) outs(%7 : tensor<24x8x64xbf16>) {
  ^bb0(%in: bf16, %out: bf16):
    %15 = arith.cmpf ugt, %in, %cst : bf16
    // expected-remark@below {{no mqa.logits: the computation is rounded to bf16 before its end}}
    %16 = arith.select %15, %in, %cst : bf16
    linalg.yield %16 : bf16
  } -> tensor<24x8x64xbf16>
  %9 = tensor.empty() : tensor<24x8x64xf32>
  %10 = linalg.generic {indexing_maps = [#d3_012, #d3_012], iterator_types = ["parallel", "parallel", "parallel"]} ins(%8 : tensor<24x8x64xbf16>) outs(%9 : tensor<24x8x64xf32>) {
  ^bb0(%in: bf16, %out: f32):
    %15 = arith.extf %in : bf16 to f32
    linalg.yield %15 : f32
  } -> tensor<24x8x64xf32>
  %11 = tensor.empty() : tensor<24x64x8xf32>
  %transposed_8 = linalg.transpose ins(%10 : tensor<24x8x64xf32>) outs(%11 : tensor<24x64x8xf32>) permutation = [0, 2, 1] 
  %expanded_9 = tensor.expand_shape %arg2 [[0], [1, 2]] output_shape [24, 8, 1] : tensor<24x8xf32> into tensor<24x8x1xf32>
  %12 = tensor.empty() : tensor<24x64x1xf32>
  %13 = linalg.fill ins(%cst_0 : f32) outs(%12 : tensor<24x64x1xf32>) -> tensor<24x64x1xf32>
  %14 = linalg.batch_matmul ins(%transposed_8, %expanded_9 : tensor<24x64x8xf32>, tensor<24x8x1xf32>) outs(%13 : tensor<24x64x1xf32>) -> tensor<24x64x1xf32>
  %collapsed_10 = tensor.collapse_shape %14 [[0], [1, 2]] : tensor<24x64x1xf32> into tensor<24x64xf32>
  return %collapsed_10 : tensor<24x64xf32>
}

// Logits times 0 or 1: the mask stays behind the op.
// CHECK-LABEL: func @zero_mask(
// CHECK: mqa.logits
// CHECK-NOT: clean
// CHECK: linalg.generic
// CHECK: return
func.func @zero_mask(%arg0: tensor<24x8x32xbf16>, %arg1: tensor<64x32xbf16>, %arg2: tensor<24x8xf32>, %arg3: tensor<24xi32>) -> tensor<24x64xf32> {
  %cst = arith.constant 0.000000e+00 : f32
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
    %20 = arith.cmpf ugt, %in, %cst : f32
    %21 = arith.select %20, %in, %cst : f32
    linalg.yield %21 : f32
  } -> tensor<24x8x64xf32>
  %expanded_7 = tensor.expand_shape %arg2 [[0], [1, 2]] output_shape [24, 8, 1] : tensor<24x8xf32> into tensor<24x8x1xf32>
  %11 = linalg.generic {indexing_maps = [#d3_012, #d3_01z, #d3_012], iterator_types = ["parallel", "parallel", "parallel"]} ins(%10, %expanded_7 : tensor<24x8x64xf32>, tensor<24x8x1xf32>) outs(%9 : tensor<24x8x64xf32>) {
  ^bb0(%in: f32, %in_10: f32, %out: f32):
    %20 = arith.mulf %in, %in_10 : f32
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
  %expanded_8 = tensor.expand_shape %16 [[0, 1]] output_shape [1, 64] : tensor<64xi64> into tensor<1x64xi64>
  %expanded_9 = tensor.expand_shape %arg3 [[0, 1]] output_shape [24, 1] : tensor<24xi32> into tensor<24x1xi32>
  %17 = tensor.empty() : tensor<24x64xi1>
  %18 = linalg.generic {indexing_maps = [#d2_z1, #d2_0z, #d2_01], iterator_types = ["parallel", "parallel"]} ins(%expanded_8, %expanded_9 : tensor<1x64xi64>, tensor<24x1xi32>) outs(%17 : tensor<24x64xi1>) {
  ^bb0(%in: i64, %in_10: i32, %out: i1):
    %20 = arith.extsi %in_10 : i32 to i64
    %21 = arith.cmpi slt, %in, %20 : i64
    linalg.yield %21 : i1
  } -> tensor<24x64xi1>
  %19 = linalg.generic {indexing_maps = [#d2_01, #d2_01, #d2_01], iterator_types = ["parallel", "parallel"]} ins(%14, %18 : tensor<24x64xf32>, tensor<24x64xi1>) outs(%12 : tensor<24x64xf32>) {
  ^bb0(%in: f32, %in_10: i1, %out: f32):
    %20 = arith.uitofp %in_10 : i1 to f32
    // expected-remark@below {{no mqa.logits: a factor belongs neither to a query and a head nor to a key}}
    %21 = arith.mulf %in, %20 : f32
    linalg.yield %21 : f32
  } -> tensor<24x64xf32>
  return %19 : tensor<24x64xf32>
}

// The least finite number outside of the range.
// CHECK-LABEL: func @finite_minimum(
// CHECK: mqa.logits
// CHECK-NOT: clean
// CHECK: linalg.generic
// CHECK: return
func.func @finite_minimum(%arg0: tensor<24x8x32xbf16>, %arg1: tensor<64x32xbf16>, %arg2: tensor<24x8xf32>, %arg3: tensor<24xi32>) -> tensor<24x64xf32> {
  %cst = arith.constant dense<-3.40282347E+38> : tensor<f32>
  %cst_0 = arith.constant 0.000000e+00 : f32
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
    %20 = arith.cmpf ugt, %in, %cst_0 : f32
    %21 = arith.select %20, %in, %cst_0 : f32
    linalg.yield %21 : f32
  } -> tensor<24x8x64xf32>
  %expanded_8 = tensor.expand_shape %arg2 [[0], [1, 2]] output_shape [24, 8, 1] : tensor<24x8xf32> into tensor<24x8x1xf32>
  %11 = linalg.generic {indexing_maps = [#d3_012, #d3_01z, #d3_012], iterator_types = ["parallel", "parallel", "parallel"]} ins(%10, %expanded_8 : tensor<24x8x64xf32>, tensor<24x8x1xf32>) outs(%9 : tensor<24x8x64xf32>) {
  ^bb0(%in: f32, %in_11: f32, %out: f32):
    %20 = arith.mulf %in, %in_11 : f32
    linalg.yield %20 : f32
  } -> tensor<24x8x64xf32>
  %12 = tensor.empty() : tensor<24x64xf32>
  %13 = linalg.fill ins(%cst_0 : f32) outs(%12 : tensor<24x64xf32>) -> tensor<24x64xf32>
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
    %21 = arith.cmpi sge, %in, %20 : i64
    linalg.yield %21 : i1
  } -> tensor<24x64xi1>
  %19 = linalg.generic {indexing_maps = [#d2_01, #d2_, #d2_01, #d2_01], iterator_types = ["parallel", "parallel"]} ins(%18, %cst, %14 : tensor<24x64xi1>, tensor<f32>, tensor<24x64xf32>) outs(%12 : tensor<24x64xf32>) {
  ^bb0(%in: i1, %in_11: f32, %in_12: f32, %out: f32):
    // expected-remark@below {{no mqa.logits: outside of the mask is -3.40282E+38, not -inf}}
    %20 = arith.select %in, %in_11, %in_12 : f32
    linalg.yield %20 : f32
  } -> tensor<24x64xf32>
  return %19 : tensor<24x64xf32>
}

// A mask of any numbers, added.
// CHECK-LABEL: func @mask_tensor(
// CHECK: mqa.logits
// CHECK-NOT: clean
// CHECK: linalg.generic
// CHECK: return
func.func @mask_tensor(%arg0: tensor<24x8x32xbf16>, %arg1: tensor<64x32xbf16>, %arg2: tensor<24x8xf32>, %arg3: tensor<24x64xf32>) -> tensor<24x64xf32> {
  %cst = arith.constant 0.000000e+00 : f32
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
    %16 = arith.cmpf ugt, %in, %cst : f32
    %17 = arith.select %16, %in, %cst : f32
    linalg.yield %17 : f32
  } -> tensor<24x8x64xf32>
  %expanded_7 = tensor.expand_shape %arg2 [[0], [1, 2]] output_shape [24, 8, 1] : tensor<24x8xf32> into tensor<24x8x1xf32>
  %11 = linalg.generic {indexing_maps = [#d3_012, #d3_01z, #d3_012], iterator_types = ["parallel", "parallel", "parallel"]} ins(%10, %expanded_7 : tensor<24x8x64xf32>, tensor<24x8x1xf32>) outs(%9 : tensor<24x8x64xf32>) {
  ^bb0(%in: f32, %in_8: f32, %out: f32):
    %16 = arith.mulf %in, %in_8 : f32
    linalg.yield %16 : f32
  } -> tensor<24x8x64xf32>
  %12 = tensor.empty() : tensor<24x64xf32>
  %13 = linalg.fill ins(%cst : f32) outs(%12 : tensor<24x64xf32>) -> tensor<24x64xf32>
  %14 = linalg.generic {indexing_maps = [#d3_012, #d3_02], iterator_types = ["parallel", "reduction", "parallel"]} ins(%11 : tensor<24x8x64xf32>) outs(%13 : tensor<24x64xf32>) {
  ^bb0(%in: f32, %out: f32):
    %16 = arith.addf %in, %out : f32
    linalg.yield %16 : f32
  } -> tensor<24x64xf32>
  %15 = linalg.generic {indexing_maps = [#d2_01, #d2_01, #d2_01], iterator_types = ["parallel", "parallel"]} ins(%14, %arg3 : tensor<24x64xf32>, tensor<24x64xf32>) outs(%12 : tensor<24x64xf32>) {
  ^bb0(%in: f32, %in_8: f32, %out: f32):
    // expected-remark@below {{no mqa.logits: what is added is not chosen from 0 and -inf by a mask}}
    %16 = arith.addf %in, %in_8 : f32
    linalg.yield %16 : f32
  } -> tensor<24x64xf32>
  return %15 : tensor<24x64xf32>
}

// A mask of any keys.
// CHECK-LABEL: func @key_padding(
// CHECK: mqa.logits
// CHECK-NOT: clean
// CHECK: linalg.generic
// CHECK: return
// expected-remark@below {{no mqa.logits: the mask is no comparison of the number of a key}}
func.func @key_padding(%arg0: tensor<24x8x32xbf16>, %arg1: tensor<64x32xbf16>, %arg2: tensor<24x8xf32>, %arg3: tensor<24xi32>, %arg4: tensor<64xi1>) -> tensor<24x64xf32> {
  %cst = arith.constant dense<0xFF800000> : tensor<f32>
  %cst_0 = arith.constant 0.000000e+00 : f32
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
    %16 = arith.cmpf ugt, %in, %cst_0 : f32
    %17 = arith.select %16, %in, %cst_0 : f32
    linalg.yield %17 : f32
  } -> tensor<24x8x64xf32>
  %expanded_8 = tensor.expand_shape %arg2 [[0], [1, 2]] output_shape [24, 8, 1] : tensor<24x8xf32> into tensor<24x8x1xf32>
  %11 = linalg.generic {indexing_maps = [#d3_012, #d3_01z, #d3_012], iterator_types = ["parallel", "parallel", "parallel"]} ins(%10, %expanded_8 : tensor<24x8x64xf32>, tensor<24x8x1xf32>) outs(%9 : tensor<24x8x64xf32>) {
  ^bb0(%in: f32, %in_10: f32, %out: f32):
    %16 = arith.mulf %in, %in_10 : f32
    linalg.yield %16 : f32
  } -> tensor<24x8x64xf32>
  %12 = tensor.empty() : tensor<24x64xf32>
  %13 = linalg.fill ins(%cst_0 : f32) outs(%12 : tensor<24x64xf32>) -> tensor<24x64xf32>
  %14 = linalg.generic {indexing_maps = [#d3_012, #d3_02], iterator_types = ["parallel", "reduction", "parallel"]} ins(%11 : tensor<24x8x64xf32>) outs(%13 : tensor<24x64xf32>) {
  ^bb0(%in: f32, %out: f32):
    %16 = arith.addf %in, %out : f32
    linalg.yield %16 : f32
  } -> tensor<24x64xf32>
  %expanded_9 = tensor.expand_shape %arg4 [[0, 1]] output_shape [1, 64] : tensor<64xi1> into tensor<1x64xi1>
  %15 = linalg.generic {indexing_maps = [#d2_z1, #d2_, #d2_01, #d2_01], iterator_types = ["parallel", "parallel"]} ins(%expanded_9, %cst, %14 : tensor<1x64xi1>, tensor<f32>, tensor<24x64xf32>) outs(%12 : tensor<24x64xf32>) {
  ^bb0(%in: i1, %in_10: f32, %in_11: f32, %out: f32):
    %16 = arith.select %in, %in_10, %in_11 : f32
    linalg.yield %16 : f32
  } -> tensor<24x64xf32>
  return %15 : tensor<24x64xf32>
}

// JAX: the greatest head, not their sum.
// CHECK-LABEL: func @greatest_head(
// CHECK-NOT: mqa.logits
// CHECK: return
func.func @greatest_head(%arg0: tensor<24x8x32xbf16>, %arg1: tensor<64x32xbf16>, %arg2: tensor<24x8xf32>) -> tensor<24x64xf32> {
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
    %12 = arith.maximumf %in, %cst_0 : f32
    linalg.yield %12 : f32
  } -> tensor<24x8x64xf32>
  %7 = linalg.generic {indexing_maps = [#d3_01, #d3_012], iterator_types = ["parallel", "parallel", "parallel"]} ins(%arg2 : tensor<24x8xf32>) outs(%5 : tensor<24x8x64xf32>) {
  ^bb0(%in: f32, %out: f32):
    linalg.yield %in : f32
  } -> tensor<24x8x64xf32>
  %8 = linalg.generic {indexing_maps = [#d3_012, #d3_012, #d3_012], iterator_types = ["parallel", "parallel", "parallel"]} ins(%6, %7 : tensor<24x8x64xf32>, tensor<24x8x64xf32>) outs(%5 : tensor<24x8x64xf32>) {
  ^bb0(%in: f32, %in_1: f32, %out: f32):
    %12 = arith.mulf %in, %in_1 : f32
    linalg.yield %12 : f32
  } -> tensor<24x8x64xf32>
  %9 = tensor.empty() : tensor<24x64xf32>
  %10 = linalg.fill ins(%cst : f32) outs(%9 : tensor<24x64xf32>) -> tensor<24x64xf32>
  // expected-remark@below {{no mqa.logits: 'linalg.generic' is a reduction that is not a sum}}
  %11 = linalg.generic {indexing_maps = [#d3_021, #d3_01], iterator_types = ["parallel", "parallel", "reduction"]} ins(%8 : tensor<24x8x64xf32>) outs(%10 : tensor<24x64xf32>) {
  ^bb0(%in: f32, %out: f32):
    %12 = arith.maximumf %out, %in : f32
    linalg.yield %12 : f32
  } -> tensor<24x64xf32>
  return %11 : tensor<24x64xf32>
}
