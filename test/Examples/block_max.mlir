// The greatest logit of each block of keys, for models that choose blocks and not keys. Blocks
// are counted from key 0; a block without a key of the range is -inf.
//   mqa-compile block_max.mlir -o blocks.mqa && mqa-run blocks.mqa --kernel=amax8 --verify

// Blocks of 8 keys, behind the sum over 64 heads (the source layers of DeepSeek V4.1).
func.func @amax8(%q: tensor<?x64x128xf8E4M3FN>, %k: tensor<?x128xf8E4M3FN>, %k_scale: tensor<?xf32>,
                 %weights: tensor<?x64xf32>, %ks: tensor<?xi32>, %ke: tensor<?xi32>,
                 %out: tensor<?x?xf32>) -> tensor<?x?xf32> {
  %0 = mqa.logits ins(%q, %k, %k_scale, %weights, %ks, %ke :
                      tensor<?x64x128xf8E4M3FN>, tensor<?x128xf8E4M3FN>, tensor<?xf32>,
                      tensor<?x64xf32>, tensor<?xi32>, tensor<?xi32>)
                  outs(%out : tensor<?x?xf32>) {block_max = 8 : i64, clean} -> tensor<?x?xf32>
  return %0 : tensor<?x?xf32>
}

// Blocks of 128 keys (the proxy of MiniMax MSA): 4 heads, no relu, no weights, no scales.
func.func @proxy(%q: tensor<?x4x128xf8E4M3FN>, %k: tensor<?x128xf8E4M3FN>, %ks: tensor<?xi32>, %ke: tensor<?xi32>,
                 %out: tensor<?x?xf32>) -> tensor<?x?xf32> {
  %0 = mqa.logits ins(%q, %k, none, none, %ks, %ke :
                      tensor<?x4x128xf8E4M3FN>, tensor<?x128xf8E4M3FN>, tensor<?xi32>, tensor<?xi32>)
                  outs(%out : tensor<?x?xf32>)
                  {activation = #mqa.activation<none>, block_max = 128 : i64, clean} -> tensor<?x?xf32>
  return %0 : tensor<?x?xf32>
}

// The same with a row for each query and head, so that heads are kept apart: q as (M * 4) x 1 x 128,
// and each `ks` and `ke` four times.
func.func @proxy_heads(%q: tensor<?x1x128xf8E4M3FN>, %k: tensor<?x128xf8E4M3FN>, %ks: tensor<?xi32>, %ke: tensor<?xi32>,
                       %out: tensor<?x?xf32>) -> tensor<?x?xf32> {
  %0 = mqa.logits ins(%q, %k, none, none, %ks, %ke :
                      tensor<?x1x128xf8E4M3FN>, tensor<?x128xf8E4M3FN>, tensor<?xi32>, tensor<?xi32>)
                  outs(%out : tensor<?x?xf32>)
                  {activation = #mqa.activation<none>, block_max = 128 : i64, clean} -> tensor<?x?xf32>
  return %0 : tensor<?x?xf32>
}

// The 16 best blocks of each query. Their ranges are those of blocks; the first block and the last one
// are always among them.
func.func @blocks(%maxima: tensor<?x?xf32>, %first: tensor<?xi32>, %end: tensor<?xi32>,
                  %indices: tensor<?x16xi32>) -> tensor<?x16xi32> {
  %0 = mqa.topk ins(%maxima, %first, %end : tensor<?x?xf32>, tensor<?xi32>, tensor<?xi32>)
       outs(%indices : tensor<?x16xi32>) {force_first = 1 : i64, force_last = 1 : i64} -> tensor<?x16xi32>
  return %0 : tensor<?x16xi32>
}
