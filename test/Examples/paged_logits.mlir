// Indexer logits of two new tokens per sequence (as with one token of speculation)
// against a paged cache of blocks of 64 keys: 64 heads of 128 fp8 elements. Every
// query has a context length of its own in @paged_logits; in @paged_logits_clean a
// sequence has one length, of which its new tokens are the last, and what is outside
// is cleaned.

func.func @paged_logits(%q: tensor<?x2x64x128xf8E4M3FN>, %k: tensor<?x64x128xf8E4M3FN>, %k_scale: tensor<?x64xf32>,
                        %weights: tensor<?x64xf32>, %context_lens: tensor<?x2xi32>, %block_table: tensor<?x?xi32>,
                        %out: tensor<?x?xf32>) -> tensor<?x?xf32> {
  %0 = mqa.paged_logits ins(%q, %k, %k_scale, %weights, %context_lens, %block_table :
                            tensor<?x2x64x128xf8E4M3FN>, tensor<?x64x128xf8E4M3FN>, tensor<?x64xf32>,
                            tensor<?x64xf32>, tensor<?x2xi32>, tensor<?x?xi32>)
                        outs(%out : tensor<?x?xf32>) -> tensor<?x?xf32>
  return %0 : tensor<?x?xf32>
}

func.func @paged_logits_clean(%q: tensor<?x2x64x128xf8E4M3FN>, %k: tensor<?x64x128xf8E4M3FN>, %k_scale: tensor<?x64xf32>,
                              %weights: tensor<?x64xf32>, %context_lens: tensor<?xi32>, %block_table: tensor<?x?xi32>,
                              %out: tensor<?x?xf32>) -> tensor<?x?xf32> {
  %0 = mqa.paged_logits ins(%q, %k, %k_scale, %weights, %context_lens, %block_table :
                            tensor<?x2x64x128xf8E4M3FN>, tensor<?x64x128xf8E4M3FN>, tensor<?x64xf32>,
                            tensor<?x64xf32>, tensor<?xi32>, tensor<?x?xi32>)
                        outs(%out : tensor<?x?xf32>) {clean} -> tensor<?x?xf32>
  return %0 : tensor<?x?xf32>
}
