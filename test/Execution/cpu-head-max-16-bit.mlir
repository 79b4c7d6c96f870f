// Maxima over the heads in 16 bits: most logits of the extreme case are subnormal, and a head that is infinite leaves the
// bounds of other heads as they are. With nan_as_zero, a head whose scale is NaN counts as 0 beside an infinite key, too.
// REQUIRES: cpu
// RUN: mqa-compile %s --target=cpu -o %t.mqa
// RUN: mqa-bench edges %t.mqa --reruns=1
// RUN: mqa-bench random %t.mqa --cases=16 --reruns=1 --seed=941

func.func @subnormal(%q: tensor<?x16x64xi8>, %k: tensor<?x128xf8E4M3FN>, %k_scale: tensor<?xi32>, %weights: tensor<?x16xf32>,
                     %ks: tensor<?xi32>, %ke: tensor<?xi32>, %q_scale: tensor<?x16xi32>, %out: tensor<?x?xf16>) -> tensor<?x?xf16> {
  %0 = mqa.logits ins(%q, %k, %k_scale, %weights, %ks, %ke : tensor<?x16x64xi8>, tensor<?x128xf8E4M3FN>, tensor<?xi32>, tensor<?x16xf32>, tensor<?xi32>, tensor<?xi32>)
       q_scale(%q_scale : tensor<?x16xi32>)
       outs(%out : tensor<?x?xf16>) {activation = #mqa.activation<relu_nan_as_zero>, head_reduction = #mqa.head_reduction<max>, clean} -> tensor<?x?xf16>
  return %0 : tensor<?x?xf16>
}

func.func @infinite(%q: tensor<?x16x48xi8>, %k: tensor<?x96xf16>, %k_scale: tensor<?xf32>, %weights: tensor<?x16xf32>,
                    %ks: tensor<?xi32>, %ke: tensor<?xi32>, %q_scale: tensor<?x16xi32>, %out: tensor<?x?xbf16>) -> tensor<?x?xbf16> {
  %0 = mqa.logits ins(%q, %k, %k_scale, %weights, %ks, %ke : tensor<?x16x48xi8>, tensor<?x96xf16>, tensor<?xf32>, tensor<?x16xf32>, tensor<?xi32>, tensor<?xi32>)
       q_scale(%q_scale : tensor<?x16xi32>)
       outs(%out : tensor<?x?xbf16>) {activation = #mqa.activation<relu_nan_as_zero>, head_reduction = #mqa.head_reduction<max>} -> tensor<?x?xbf16>
  return %0 : tensor<?x?xbf16>
}

func.func @blocks(%q: memref<?x2x64x96xbf16, strided<[?, 6144, 96, 1], offset: ?>>, %k: memref<?x256x96xf8E4M3FN, strided<[?, 96, 1], offset: ?>>, %k_scale: memref<?x256xi32, strided<[?, 1], offset: ?>>, %weights: memref<?x64xf32, strided<[?, 1], offset: ?>>, %context_lens: memref<?xi32, strided<[1], offset: ?>>, %block_table: memref<?x?xi32, strided<[?, 1], offset: ?>>, %key_blocks: memref<?x?xi32, strided<[?, 1], offset: ?>>, %num_key_blocks: memref<?xi32, strided<[1], offset: ?>>, %out: memref<?x?xf16, strided<[?, 1], offset: ?>>) {
  mqa.paged_logits ins(%q, %k, %k_scale, %weights, %context_lens, %block_table :
         memref<?x2x64x96xbf16, strided<[?, 6144, 96, 1], offset: ?>>, memref<?x256x96xf8E4M3FN, strided<[?, 96, 1], offset: ?>>, memref<?x256xi32, strided<[?, 1], offset: ?>>, memref<?x64xf32, strided<[?, 1], offset: ?>>, memref<?xi32, strided<[1], offset: ?>>, memref<?x?xi32, strided<[?, 1], offset: ?>>)
       blocks(%key_blocks, %num_key_blocks : memref<?x?xi32, strided<[?, 1], offset: ?>>, memref<?xi32, strided<[1], offset: ?>>) of 8
       outs(%out : memref<?x?xf16, strided<[?, 1], offset: ?>>) {activation = #mqa.activation<none>, head_reduction = #mqa.head_reduction<max>}
  return
}
