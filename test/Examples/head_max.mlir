// Indexers that take the greatest of the heads' scores and not their sum. NaN is greater than any number; a scale of
// keys multiplies the maximum.
//   mqa-compile head_max.mlir -o head_max.mqa && mqa-run head_max.mqa --kernel=logits --verify

// Weighted scores of 64 heads. Weights may be negative.
func.func @logits(%q: tensor<?x64x128xf8E4M3FN>, %k: tensor<?x128xf8E4M3FN>, %k_scale: tensor<?xf32>,
                  %weights: tensor<?x64xf32>, %ks: tensor<?xi32>, %ke: tensor<?xi32>,
                  %out: tensor<?x?xf32>) -> tensor<?x?xf32> {
  %0 = mqa.logits ins(%q, %k, %k_scale, %weights, %ks, %ke :
                      tensor<?x64x128xf8E4M3FN>, tensor<?x128xf8E4M3FN>, tensor<?xf32>,
                      tensor<?x64xf32>, tensor<?xi32>, tensor<?xi32>)
                  outs(%out : tensor<?x?xf32>)
                  {head_reduction = #mqa.head_reduction<max>, clean} -> tensor<?x?xf32>
  return %0 : tensor<?x?xf32>
}

// Blocks of 128 keys: the greatest score of 4 heads and of the block's keys, without relu, weights and scales.
func.func @proxy(%q: tensor<?x4x128xbf16>, %k: tensor<?x128xbf16>, %ks: tensor<?xi32>, %ke: tensor<?xi32>,
                 %out: tensor<?x?xf32>) -> tensor<?x?xf32> {
  %0 = mqa.logits ins(%q, %k, none, none, %ks, %ke :
                      tensor<?x4x128xbf16>, tensor<?x128xbf16>, tensor<?xi32>, tensor<?xi32>)
                  outs(%out : tensor<?x?xf32>)
                  {activation = #mqa.activation<none>, head_reduction = #mqa.head_reduction<max>,
                   block_max = 128 : i64, clean} -> tensor<?x?xf32>
  return %0 : tensor<?x?xf32>
}

// A paged cache, one new query of each sequence.
func.func @paged(%q: tensor<?x1x64x128xf8E4M3FN>, %k: tensor<?x64x128xf8E4M3FN>, %k_scale: tensor<?x64xf32>,
                 %weights: tensor<?x64xf32>, %context_lens: tensor<?xi32>, %block_table: tensor<?x?xi32>,
                 %out: tensor<?x?xf32>) -> tensor<?x?xf32> {
  %0 = mqa.paged_logits ins(%q, %k, %k_scale, %weights, %context_lens, %block_table :
                            tensor<?x1x64x128xf8E4M3FN>, tensor<?x64x128xf8E4M3FN>, tensor<?x64xf32>,
                            tensor<?x64xf32>, tensor<?xi32>, tensor<?x?xi32>)
                        outs(%out : tensor<?x?xf32>)
                        {head_reduction = #mqa.head_reduction<max>, clean} -> tensor<?x?xf32>
  return %0 : tensor<?x?xf32>
}

// The 512 best keys of each query, in one kernel with the logits.
func.func @logits_topk(%q: tensor<?x64x128xf8E4M3FN>, %k: tensor<?x128xf8E4M3FN>, %k_scale: tensor<?xf32>,
                       %weights: tensor<?x64xf32>, %ks: tensor<?xi32>, %ke: tensor<?xi32>,
                       %indices: tensor<?x512xi32>) -> tensor<?x512xi32> {
  %c0 = arith.constant 0 : index
  %m = tensor.dim %q, %c0 : tensor<?x64x128xf8E4M3FN>
  %n = tensor.dim %k, %c0 : tensor<?x128xf8E4M3FN>
  %empty = tensor.empty(%m, %n) : tensor<?x?xf32>
  %logits = mqa.logits ins(%q, %k, %k_scale, %weights, %ks, %ke :
                           tensor<?x64x128xf8E4M3FN>, tensor<?x128xf8E4M3FN>, tensor<?xf32>,
                           tensor<?x64xf32>, tensor<?xi32>, tensor<?xi32>)
                       outs(%empty : tensor<?x?xf32>)
                       {head_reduction = #mqa.head_reduction<max>} -> tensor<?x?xf32>
  %0 = mqa.topk ins(%logits, %ks, %ke : tensor<?x?xf32>, tensor<?xi32>, tensor<?xi32>)
                outs(%indices : tensor<?x512xi32>) -> tensor<?x512xi32>
  return %0 : tensor<?x512xi32>
}
