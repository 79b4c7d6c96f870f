// RUN: mqa-opt %s --pass-pipeline='builtin.module(func.func(mqa-raise,canonicalize,cse))' | FileCheck %s

// What two front ends make of the computation, written down as they print it.

// PyTorch 2.15, torch.export with sizes of any length, torch-mlir's importer and its lowering to linalg in IREE 3.13:
//   s = torch.einsum('mhd,nd->hmn', q.float(), k.float())
//   x = (s.relu() * w.unsqueeze(-1).transpose(0, 1)).sum(dim=0) * scale
//   n = torch.arange(x.shape[1])
//   return x.masked_fill(~((n[None] >= ks[:, None]) & (n[None] < ke[:, None])), float('-inf'))
// CHECK-LABEL: func @torch(
// CHECK-SAME: %[[Q:[a-z0-9]+]]: tensor<?x32x64xf8E4M3FN>, %[[K:[a-z0-9]+]]: tensor<?x64xf8E4M3FN>, %[[S:[a-z0-9]+]]: tensor<?xf32>, %[[W:[a-z0-9]+]]: tensor<?x32xf32>, %[[KS:[a-z0-9]+]]: tensor<?xi32>, %[[KE:[a-z0-9]+]]: tensor<?xi32>
// CHECK-NEXT: arith.constant
// CHECK-NEXT: tensor.dim
// CHECK-NEXT: tensor.dim
// CHECK-NEXT: %[[E:.*]] = tensor.empty
// CHECK-NEXT: %[[L:.*]] = mqa.logits ins(%[[Q]], %[[K]], %[[S]], %[[W]], %[[KS]], %[[KE]] : {{.*}}) outs(%[[E]] : tensor<?x?xf32>) {clean}
// CHECK-NEXT: return %[[L]]
func.func @torch(%1: tensor<?x32x64xf8E4M3FN>, %3: tensor<?x64xf8E4M3FN>, %5: tensor<?xf32>, %7: tensor<?x32xf32>, %9: tensor<?xi32>, %11: tensor<?xi32>) -> tensor<?x?xf32> {
  %c1 = arith.constant 1 : index
  %c32_i64 = arith.constant 32 : i64
  %c1_i64 = arith.constant 1 : i64
  %c0 = arith.constant 0 : index
  %cst = arith.constant 0.000000e+00 : f32
  %true = arith.constant true
  %cst_0 = arith.constant dense<0xFF800000> : tensor<f32>
  %cc0 = arith.constant 0 : index
  %0 = tensor.dim %1, %cc0 : tensor<?x32x64xf8E4M3FN>
  %cc2 = arith.constant 0 : index
  %2 = tensor.dim %3, %cc2 : tensor<?x64xf8E4M3FN>
  %cc4 = arith.constant 0 : index
  %4 = tensor.dim %5, %cc4 : tensor<?xf32>
  %cc6 = arith.constant 0 : index
  %6 = tensor.dim %7, %cc6 : tensor<?x32xf32>
  %cc8 = arith.constant 0 : index
  %8 = tensor.dim %9, %cc8 : tensor<?xi32>
  %cc10 = arith.constant 0 : index
  %10 = tensor.dim %11, %cc10 : tensor<?xi32>
  %dim = tensor.dim %3, %c0 : tensor<?x64xf8E4M3FN>
  %12 = arith.index_cast %dim : index to i64
  %dim_1 = tensor.dim %7, %c0 : tensor<?x32xf32>
  %13 = arith.index_cast %dim_1 : index to i64
  %dim_2 = tensor.dim %1, %c0 : tensor<?x32x64xf8E4M3FN>
  %14 = tensor.empty(%dim_2) : tensor<?x32x64xf32>
  %15 = linalg.generic {indexing_maps = [affine_map<(d0, d1, d2) -> (d0, d1, d2)>, affine_map<(d0, d1, d2) -> (d0, d1, d2)>], iterator_types = ["parallel", "parallel", "parallel"]} ins(%1 : tensor<?x32x64xf8E4M3FN>) outs(%14 : tensor<?x32x64xf32>) {
  ^bb0(%in: f8E4M3FN, %out: f32):
    %45 = arith.extf %in : f8E4M3FN to f32
    linalg.yield %45 : f32
  } -> tensor<?x32x64xf32>
  %16 = tensor.empty(%dim) : tensor<?x64xf32>
  %17 = linalg.generic {indexing_maps = [affine_map<(d0, d1) -> (d0, d1)>, affine_map<(d0, d1) -> (d0, d1)>], iterator_types = ["parallel", "parallel"]} ins(%3 : tensor<?x64xf8E4M3FN>) outs(%16 : tensor<?x64xf32>) {
  ^bb0(%in: f8E4M3FN, %out: f32):
    %45 = arith.extf %in : f8E4M3FN to f32
    linalg.yield %45 : f32
  } -> tensor<?x64xf32>
  %expanded = tensor.expand_shape %15 [[0], [1], [2, 3]] output_shape [%dim_2, 32, 64, 1] : tensor<?x32x64xf32> into tensor<?x32x64x1xf32>
  %expanded_3 = tensor.expand_shape %17 [[0], [1, 2, 3]] output_shape [%dim, 64, 1, 1] : tensor<?x64xf32> into tensor<?x64x1x1xf32>
  %18 = tensor.empty(%dim_2) : tensor<32x?x64x1xf32>
  %transposed = linalg.transpose ins(%expanded : tensor<?x32x64x1xf32>) outs(%18 : tensor<32x?x64x1xf32>) permutation = [1, 0, 2, 3] 
  %collapsed = tensor.collapse_shape %transposed [[0, 1], [2, 3]] : tensor<32x?x64x1xf32> into tensor<?x64xf32>
  %19 = affine.apply affine_map<()[s0] -> (s0 * 32)>()[%dim_2]
  %expanded_4 = tensor.expand_shape %collapsed [[0, 1], [2]] output_shape [1, %19, 64] : tensor<?x64xf32> into tensor<1x?x64xf32>
  %20 = tensor.empty(%dim) : tensor<64x?x1x1xf32>
  %transposed_5 = linalg.transpose ins(%expanded_3 : tensor<?x64x1x1xf32>) outs(%20 : tensor<64x?x1x1xf32>) permutation = [1, 0, 2, 3] 
  %collapsed_6 = tensor.collapse_shape %transposed_5 [[0], [1, 2, 3]] : tensor<64x?x1x1xf32> into tensor<64x?xf32>
  %expanded_7 = tensor.expand_shape %collapsed_6 [[0, 1], [2]] output_shape [1, 64, %dim] : tensor<64x?xf32> into tensor<1x64x?xf32>
  %21 = tensor.empty(%19, %dim) : tensor<1x?x?xf32>
  %22 = linalg.fill ins(%cst : f32) outs(%21 : tensor<1x?x?xf32>) -> tensor<1x?x?xf32>
  %23 = linalg.batch_matmul ins(%expanded_4, %expanded_7 : tensor<1x?x64xf32>, tensor<1x64x?xf32>) outs(%22 : tensor<1x?x?xf32>) -> tensor<1x?x?xf32>
  %from_elements = tensor.from_elements %c32_i64, %13, %c1_i64, %12 : tensor<4xi64>
  %reshape = tensor.reshape %23(%from_elements) : (tensor<1x?x?xf32>, tensor<4xi64>) -> tensor<32x?x1x?xf32>
  %24 = tensor.empty(%dim_1, %dim) : tensor<32x?x?x1xf32>
  %transposed_8 = linalg.transpose ins(%reshape : tensor<32x?x1x?xf32>) outs(%24 : tensor<32x?x?x1xf32>) permutation = [0, 1, 3, 2] 
  %from_elements_9 = tensor.from_elements %c32_i64, %13, %12 : tensor<3xi64>
  %reshape_10 = tensor.reshape %transposed_8(%from_elements_9) : (tensor<32x?x?x1xf32>, tensor<3xi64>) -> tensor<32x?x?xf32>
  %25 = tensor.empty(%dim_1, %dim) : tensor<32x?x?xf32>
  %26 = linalg.generic {indexing_maps = [affine_map<(d0, d1, d2) -> (d0, d1, d2)>, affine_map<(d0, d1, d2) -> (d0, d1, d2)>], iterator_types = ["parallel", "parallel", "parallel"]} ins(%reshape_10 : tensor<32x?x?xf32>) outs(%25 : tensor<32x?x?xf32>) {
  ^bb0(%in: f32, %out: f32):
    %45 = arith.cmpf ugt, %in, %cst : f32
    %46 = arith.select %45, %in, %cst : f32
    linalg.yield %46 : f32
  } -> tensor<32x?x?xf32>
  %expanded_11 = tensor.expand_shape %7 [[0], [1, 2]] output_shape [%dim_1, 32, 1] : tensor<?x32xf32> into tensor<?x32x1xf32>
  %27 = tensor.empty(%dim_1) : tensor<32x?x1xf32>
  %transposed_12 = linalg.transpose ins(%expanded_11 : tensor<?x32x1xf32>) outs(%27 : tensor<32x?x1xf32>) permutation = [1, 0, 2] 
  %28 = linalg.generic {indexing_maps = [affine_map<(d0, d1, d2) -> (d0, d1, d2)>, affine_map<(d0, d1, d2) -> (d0, d1, 0)>, affine_map<(d0, d1, d2) -> (d0, d1, d2)>], iterator_types = ["parallel", "parallel", "parallel"]} ins(%26, %transposed_12 : tensor<32x?x?xf32>, tensor<32x?x1xf32>) outs(%25 : tensor<32x?x?xf32>) {
  ^bb0(%in: f32, %in_20: f32, %out: f32):
    %45 = arith.mulf %in, %in_20 : f32
    linalg.yield %45 : f32
  } -> tensor<32x?x?xf32>
  %29 = tensor.empty(%dim_1, %dim) : tensor<?x?xf32>
  %30 = linalg.fill ins(%cst : f32) outs(%29 : tensor<?x?xf32>) -> tensor<?x?xf32>
  %31 = linalg.generic {indexing_maps = [affine_map<(d0, d1, d2) -> (d0, d1, d2)>, affine_map<(d0, d1, d2) -> (d1, d2)>], iterator_types = ["reduction", "parallel", "parallel"]} ins(%28 : tensor<32x?x?xf32>) outs(%30 : tensor<?x?xf32>) {
  ^bb0(%in: f32, %out: f32):
    %45 = arith.addf %in, %out : f32
    linalg.yield %45 : f32
  } -> tensor<?x?xf32>
  %32 = linalg.generic {indexing_maps = [affine_map<(d0, d1) -> (d0, d1)>, affine_map<(d0, d1) -> (d1)>, affine_map<(d0, d1) -> (d0, d1)>], iterator_types = ["parallel", "parallel"]} ins(%31, %5 : tensor<?x?xf32>, tensor<?xf32>) outs(%29 : tensor<?x?xf32>) {
  ^bb0(%in: f32, %in_20: f32, %out: f32):
    %45 = arith.mulf %in, %in_20 : f32
    linalg.yield %45 : f32
  } -> tensor<?x?xf32>
  %33 = tensor.empty(%dim) : tensor<?xi64>
  %34 = linalg.generic {indexing_maps = [affine_map<(d0) -> (d0)>], iterator_types = ["parallel"]} outs(%33 : tensor<?xi64>) {
  ^bb0(%out: i64):
    %45 = linalg.index 0 : index
    %46 = arith.index_cast %45 : index to i64
    linalg.yield %46 : i64
  } -> tensor<?xi64>
  %expanded_13 = tensor.expand_shape %34 [[0, 1]] output_shape [1, %dim] : tensor<?xi64> into tensor<1x?xi64>
  %dim_14 = tensor.dim %9, %c0 : tensor<?xi32>
  %expanded_15 = tensor.expand_shape %9 [[0, 1]] output_shape [%dim_14, 1] : tensor<?xi32> into tensor<?x1xi32>
  %35 = tensor.empty(%dim_14, %dim) : tensor<?x?xi1>
  %36 = linalg.generic {indexing_maps = [affine_map<(d0, d1) -> (0, d1)>, affine_map<(d0, d1) -> (d0, 0)>, affine_map<(d0, d1) -> (d0, d1)>], iterator_types = ["parallel", "parallel"]} ins(%expanded_13, %expanded_15 : tensor<1x?xi64>, tensor<?x1xi32>) outs(%35 : tensor<?x?xi1>) {
  ^bb0(%in: i64, %in_20: i32, %out: i1):
    %45 = arith.extsi %in_20 : i32 to i64
    %46 = arith.cmpi sge, %in, %45 : i64
    linalg.yield %46 : i1
  } -> tensor<?x?xi1>
  %dim_16 = tensor.dim %11, %c0 : tensor<?xi32>
  %expanded_17 = tensor.expand_shape %11 [[0, 1]] output_shape [%dim_16, 1] : tensor<?xi32> into tensor<?x1xi32>
  %37 = tensor.empty(%dim_16, %dim) : tensor<?x?xi1>
  %38 = linalg.generic {indexing_maps = [affine_map<(d0, d1) -> (0, d1)>, affine_map<(d0, d1) -> (d0, 0)>, affine_map<(d0, d1) -> (d0, d1)>], iterator_types = ["parallel", "parallel"]} ins(%expanded_13, %expanded_17 : tensor<1x?xi64>, tensor<?x1xi32>) outs(%37 : tensor<?x?xi1>) {
  ^bb0(%in: i64, %in_20: i32, %out: i1):
    %45 = arith.extsi %in_20 : i32 to i64
    %46 = arith.cmpi slt, %in, %45 : i64
    linalg.yield %46 : i1
  } -> tensor<?x?xi1>
  %39 = linalg.generic {indexing_maps = [affine_map<(d0, d1) -> (d0, d1)>, affine_map<(d0, d1) -> (d0, d1)>, affine_map<(d0, d1) -> (d0, d1)>], iterator_types = ["parallel", "parallel"]} ins(%36, %38 : tensor<?x?xi1>, tensor<?x?xi1>) outs(%35 : tensor<?x?xi1>) {
  ^bb0(%in: i1, %in_20: i1, %out: i1):
    %45 = arith.andi %in, %in_20 : i1
    linalg.yield %45 : i1
  } -> tensor<?x?xi1>
  %40 = linalg.generic {indexing_maps = [affine_map<(d0, d1) -> (d0, d1)>, affine_map<(d0, d1) -> (d0, d1)>], iterator_types = ["parallel", "parallel"]} ins(%39 : tensor<?x?xi1>) outs(%35 : tensor<?x?xi1>) {
  ^bb0(%in: i1, %out: i1):
    %45 = arith.xori %in, %true : i1
    linalg.yield %45 : i1
  } -> tensor<?x?xi1>
  %41 = tensor.empty(%dim_14, %dim) : tensor<?x?xf32>
  %42 = linalg.generic {indexing_maps = [affine_map<(d0, d1) -> (d0, d1)>, affine_map<(d0, d1) -> ()>, affine_map<(d0, d1) -> (d0, d1)>, affine_map<(d0, d1) -> (d0, d1)>], iterator_types = ["parallel", "parallel"]} ins(%40, %cst_0, %32 : tensor<?x?xi1>, tensor<f32>, tensor<?x?xf32>) outs(%41 : tensor<?x?xf32>) {
  ^bb0(%in: i1, %in_20: f32, %in_21: f32, %out: f32):
    %45 = arith.select %in, %in_20, %in_21 : f32
    linalg.yield %45 : f32
  } -> tensor<?x?xf32>
  return %42 : tensor<?x?xf32>
}

// JAX 0.10, StableHLO, lowered to linalg by IREE 3.13:
//   s = jnp.einsum('mhd,nd->hmn', q.astype(jnp.bfloat16), k.astype(jnp.bfloat16), preferred_element_type=jnp.float32)
//   x = (jax.nn.relu(s) * w.T[:, :, None]).sum(0) * scale
//   n = jnp.arange(x.shape[1], dtype=jnp.int32)
//   return jnp.where((n[None] >= ks[:, None]) & (n[None] < ke[:, None]), x, -jnp.inf)
// CHECK-LABEL: func @jax(
// CHECK-SAME: %[[Q:[a-z0-9]+]]: tensor<64x32x64xf8E4M3FN>, %[[K:[a-z0-9]+]]: tensor<256x64xf8E4M3FN>, %[[S:[a-z0-9]+]]: tensor<256xf32>, %[[W:[a-z0-9]+]]: tensor<64x32xf32>, %[[KS:[a-z0-9]+]]: tensor<64xi32>, %[[KE:[a-z0-9]+]]: tensor<64xi32>
// CHECK-NEXT: %[[E:.*]] = tensor.empty
// CHECK-NEXT: %[[L:.*]] = mqa.logits ins(%[[Q]], %[[K]], %[[S]], %[[W]], %[[KS]], %[[KE]] : {{.*}}) outs(%[[E]] : tensor<64x256xf32>) {clean}
// CHECK-NEXT: return %[[L]]
func.func @jax(%arg0: tensor<64x32x64xf8E4M3FN>, %arg1: tensor<256x64xf8E4M3FN>, %arg2: tensor<256xf32>, %arg3: tensor<64x32xf32>, %arg4: tensor<64xi32>, %arg5: tensor<64xi32>) -> tensor<64x256xf32> {
  %cst = arith.constant 0xFF800000 : f32
  %cst_0 = arith.constant 0.000000e+00 : f32
  %0 = tensor.empty() : tensor<64x64x32xf8E4M3FN>
  %1 = linalg.generic {indexing_maps = [affine_map<(d0, d1, d2) -> (d1, d2, d0)>, affine_map<(d0, d1, d2) -> (d0, d1, d2)>], iterator_types = ["parallel", "parallel", "parallel"]} ins(%arg0 : tensor<64x32x64xf8E4M3FN>) outs(%0 : tensor<64x64x32xf8E4M3FN>) {
  ^bb0(%in: f8E4M3FN, %out: f8E4M3FN):
    linalg.yield %in : f8E4M3FN
  } -> tensor<64x64x32xf8E4M3FN>
  %collapsed = tensor.collapse_shape %1 [[0], [1, 2]] : tensor<64x64x32xf8E4M3FN> into tensor<64x2048xf8E4M3FN>
  %2 = tensor.empty() : tensor<256x2048xf32>
  %3 = linalg.fill ins(%cst_0 : f32) outs(%2 : tensor<256x2048xf32>) -> tensor<256x2048xf32>
  %4 = linalg.matmul ins(%arg1, %collapsed : tensor<256x64xf8E4M3FN>, tensor<64x2048xf8E4M3FN>) outs(%3 : tensor<256x2048xf32>) -> tensor<256x2048xf32>
  %expanded = tensor.expand_shape %4 [[0], [1, 2]] output_shape [256, 64, 32] : tensor<256x2048xf32> into tensor<256x64x32xf32>
  %5 = tensor.empty() : tensor<32x64x256xf32>
  %6 = linalg.generic {indexing_maps = [affine_map<(d0, d1, d2) -> (d2, d1, d0)>, affine_map<(d0, d1, d2) -> (d0, d1, d2)>], iterator_types = ["parallel", "parallel", "parallel"]} ins(%expanded : tensor<256x64x32xf32>) outs(%5 : tensor<32x64x256xf32>) {
  ^bb0(%in: f32, %out: f32):
    linalg.yield %in : f32
  } -> tensor<32x64x256xf32>
  %7 = tensor.empty() : tensor<32x64x256xf32>
  %8 = linalg.generic {indexing_maps = [affine_map<(d0, d1, d2) -> (d0, d1, d2)>, affine_map<(d0, d1, d2) -> (d0, d1, d2)>], iterator_types = ["parallel", "parallel", "parallel"]} ins(%6 : tensor<32x64x256xf32>) outs(%7 : tensor<32x64x256xf32>) {
  ^bb0(%in: f32, %out: f32):
    %38 = arith.maximumf %in, %cst_0 : f32
    linalg.yield %38 : f32
  } -> tensor<32x64x256xf32>
  %9 = tensor.empty() : tensor<32x64xf32>
  %10 = linalg.generic {indexing_maps = [affine_map<(d0, d1) -> (d1, d0)>, affine_map<(d0, d1) -> (d0, d1)>], iterator_types = ["parallel", "parallel"]} ins(%arg3 : tensor<64x32xf32>) outs(%9 : tensor<32x64xf32>) {
  ^bb0(%in: f32, %out: f32):
    linalg.yield %in : f32
  } -> tensor<32x64xf32>
  %11 = tensor.empty() : tensor<32x64x256xf32>
  %12 = linalg.generic {indexing_maps = [affine_map<(d0, d1, d2) -> (d0, d1)>, affine_map<(d0, d1, d2) -> (d0, d1, d2)>], iterator_types = ["parallel", "parallel", "parallel"]} ins(%10 : tensor<32x64xf32>) outs(%11 : tensor<32x64x256xf32>) {
  ^bb0(%in: f32, %out: f32):
    linalg.yield %in : f32
  } -> tensor<32x64x256xf32>
  %13 = tensor.empty() : tensor<32x64x256xf32>
  %14 = linalg.generic {indexing_maps = [affine_map<(d0, d1, d2) -> (d0, d1, d2)>, affine_map<(d0, d1, d2) -> (d0, d1, d2)>, affine_map<(d0, d1, d2) -> (d0, d1, d2)>], iterator_types = ["parallel", "parallel", "parallel"]} ins(%8, %12 : tensor<32x64x256xf32>, tensor<32x64x256xf32>) outs(%13 : tensor<32x64x256xf32>) {
  ^bb0(%in: f32, %in_1: f32, %out: f32):
    %38 = arith.mulf %in, %in_1 : f32
    linalg.yield %38 : f32
  } -> tensor<32x64x256xf32>
  %15 = tensor.empty() : tensor<64x256xf32>
  %16 = linalg.fill ins(%cst_0 : f32) outs(%15 : tensor<64x256xf32>) -> tensor<64x256xf32>
  %17 = linalg.generic {indexing_maps = [affine_map<(d0, d1, d2) -> (d2, d0, d1)>, affine_map<(d0, d1, d2) -> (d0, d1)>], iterator_types = ["parallel", "parallel", "reduction"]} ins(%14 : tensor<32x64x256xf32>) outs(%16 : tensor<64x256xf32>) {
  ^bb0(%in: f32, %out: f32):
    %38 = arith.addf %out, %in : f32
    linalg.yield %38 : f32
  } -> tensor<64x256xf32>
  %18 = tensor.empty() : tensor<64x256xf32>
  %19 = linalg.generic {indexing_maps = [affine_map<(d0, d1) -> (d1)>, affine_map<(d0, d1) -> (d0, d1)>], iterator_types = ["parallel", "parallel"]} ins(%arg2 : tensor<256xf32>) outs(%18 : tensor<64x256xf32>) {
  ^bb0(%in: f32, %out: f32):
    linalg.yield %in : f32
  } -> tensor<64x256xf32>
  %20 = tensor.empty() : tensor<64x256xf32>
  %21 = linalg.generic {indexing_maps = [affine_map<(d0, d1) -> (d0, d1)>, affine_map<(d0, d1) -> (d0, d1)>, affine_map<(d0, d1) -> (d0, d1)>], iterator_types = ["parallel", "parallel"]} ins(%17, %19 : tensor<64x256xf32>, tensor<64x256xf32>) outs(%20 : tensor<64x256xf32>) {
  ^bb0(%in: f32, %in_1: f32, %out: f32):
    %38 = arith.mulf %in, %in_1 : f32
    linalg.yield %38 : f32
  } -> tensor<64x256xf32>
  %22 = tensor.empty() : tensor<256xi32>
  %23 = linalg.generic {indexing_maps = [affine_map<(d0) -> (d0)>], iterator_types = ["parallel"]} outs(%22 : tensor<256xi32>) {
  ^bb0(%out: i32):
    %38 = linalg.index 0 : index
    %39 = arith.index_cast %38 : index to i32
    linalg.yield %39 : i32
  } -> tensor<256xi32>
  %24 = tensor.empty() : tensor<64x256xi32>
  %25 = linalg.generic {indexing_maps = [affine_map<(d0, d1) -> (d1)>, affine_map<(d0, d1) -> (d0, d1)>], iterator_types = ["parallel", "parallel"]} ins(%23 : tensor<256xi32>) outs(%24 : tensor<64x256xi32>) {
  ^bb0(%in: i32, %out: i32):
    linalg.yield %in : i32
  } -> tensor<64x256xi32>
  %26 = tensor.empty() : tensor<64x256xi32>
  %27 = linalg.generic {indexing_maps = [affine_map<(d0, d1) -> (d0)>, affine_map<(d0, d1) -> (d0, d1)>], iterator_types = ["parallel", "parallel"]} ins(%arg4 : tensor<64xi32>) outs(%26 : tensor<64x256xi32>) {
  ^bb0(%in: i32, %out: i32):
    linalg.yield %in : i32
  } -> tensor<64x256xi32>
  %28 = tensor.empty() : tensor<64x256xi1>
  %29 = linalg.generic {indexing_maps = [affine_map<(d0, d1) -> (d0, d1)>, affine_map<(d0, d1) -> (d0, d1)>, affine_map<(d0, d1) -> (d0, d1)>], iterator_types = ["parallel", "parallel"]} ins(%25, %27 : tensor<64x256xi32>, tensor<64x256xi32>) outs(%28 : tensor<64x256xi1>) {
  ^bb0(%in: i32, %in_1: i32, %out: i1):
    %38 = arith.cmpi sge, %in, %in_1 : i32
    linalg.yield %38 : i1
  } -> tensor<64x256xi1>
  %30 = tensor.empty() : tensor<64x256xi32>
  %31 = linalg.generic {indexing_maps = [affine_map<(d0, d1) -> (d0)>, affine_map<(d0, d1) -> (d0, d1)>], iterator_types = ["parallel", "parallel"]} ins(%arg5 : tensor<64xi32>) outs(%30 : tensor<64x256xi32>) {
  ^bb0(%in: i32, %out: i32):
    linalg.yield %in : i32
  } -> tensor<64x256xi32>
  %32 = tensor.empty() : tensor<64x256xi1>
  %33 = linalg.generic {indexing_maps = [affine_map<(d0, d1) -> (d0, d1)>, affine_map<(d0, d1) -> (d0, d1)>, affine_map<(d0, d1) -> (d0, d1)>], iterator_types = ["parallel", "parallel"]} ins(%25, %31 : tensor<64x256xi32>, tensor<64x256xi32>) outs(%32 : tensor<64x256xi1>) {
  ^bb0(%in: i32, %in_1: i32, %out: i1):
    %38 = arith.cmpi slt, %in, %in_1 : i32
    linalg.yield %38 : i1
  } -> tensor<64x256xi1>
  %34 = tensor.empty() : tensor<64x256xi1>
  %35 = linalg.generic {indexing_maps = [affine_map<(d0, d1) -> (d0, d1)>, affine_map<(d0, d1) -> (d0, d1)>, affine_map<(d0, d1) -> (d0, d1)>], iterator_types = ["parallel", "parallel"]} ins(%29, %33 : tensor<64x256xi1>, tensor<64x256xi1>) outs(%34 : tensor<64x256xi1>) {
  ^bb0(%in: i1, %in_1: i1, %out: i1):
    %38 = arith.andi %in, %in_1 : i1
    linalg.yield %38 : i1
  } -> tensor<64x256xi1>
  %36 = tensor.empty() : tensor<64x256xf32>
  %37 = linalg.generic {indexing_maps = [affine_map<(d0, d1) -> (d0, d1)>, affine_map<(d0, d1) -> (d0, d1)>, affine_map<(d0, d1) -> (d0, d1)>], iterator_types = ["parallel", "parallel"]} ins(%35, %21 : tensor<64x256xi1>, tensor<64x256xf32>) outs(%36 : tensor<64x256xf32>) {
  ^bb0(%in: i1, %in_1: f32, %out: f32):
    %38 = arith.select %in, %in_1, %cst : f32
    linalg.yield %38 : f32
  } -> tensor<64x256xf32>
  return %37 : tensor<64x256xf32>
}
