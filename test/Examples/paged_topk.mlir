// The best 2048 keys of one new query of each sequence, from a paged cache with
// blocks of 64 keys; a sequence has at most `max_context_len` keys. `logits`
// computes what it selects from.
func.func @topk(%q: tensor<?x1x64x128xf8E4M3FN>, %k: tensor<?x64x128xf8E4M3FN>, %k_scale: tensor<?x64xf32>, %weights: tensor<?x64xf32>, %context_lens: tensor<?x1xi32>, %block_table: tensor<?x?xi32>, %max_context_len: index, %indices: tensor<?x2048xi32>) -> tensor<?x2048xi32> {
  %c0 = arith.constant 0 : index
  %m = tensor.dim %weights, %c0 : tensor<?x64xf32>
  %init = tensor.empty(%m, %max_context_len) : tensor<?x?xf32>
  %logits = mqa.paged_logits ins(%q, %k, %k_scale, %weights, %context_lens, %block_table : tensor<?x1x64x128xf8E4M3FN>, tensor<?x64x128xf8E4M3FN>, tensor<?x64xf32>, tensor<?x64xf32>, tensor<?x1xi32>, tensor<?x?xi32>) outs(%init : tensor<?x?xf32>) -> tensor<?x?xf32>
  %best = mqa.topk ins(%logits, none, none : tensor<?x?xf32>) context_lens(%context_lens : tensor<?x1xi32>) outs(%indices : tensor<?x2048xi32>) -> tensor<?x2048xi32>
  return %best : tensor<?x2048xi32>
}

func.func @logits(%q: tensor<?x1x64x128xf8E4M3FN>, %k: tensor<?x64x128xf8E4M3FN>, %k_scale: tensor<?x64xf32>, %weights: tensor<?x64xf32>, %context_lens: tensor<?x1xi32>, %block_table: tensor<?x?xi32>, %out: tensor<?x?xf32>) -> tensor<?x?xf32> {
  %0 = mqa.paged_logits ins(%q, %k, %k_scale, %weights, %context_lens, %block_table : tensor<?x1x64x128xf8E4M3FN>, tensor<?x64x128xf8E4M3FN>, tensor<?x64xf32>, tensor<?x64xf32>, tensor<?x1xi32>, tensor<?x?xi32>) outs(%out : tensor<?x?xf32>) -> tensor<?x?xf32>
  return %0 : tensor<?x?xf32>
}
