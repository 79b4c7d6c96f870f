// The second level of an indexer with two levels, as DeepSeek V4.1 has it: a first level has chosen up to 2048 blocks of 8
// keys for each query, and the logits of these keys alone are computed. Column j * 8 + o of row m belongs to key
// key_blocks[m, j] * 8 + o. The second kernel also writes -inf where a column has no key that the query sees.

func.func @logits(%q: tensor<?x64x128xf8E4M3FN>, %k: tensor<?x128xf8E4M3FN>, %k_scale: tensor<?xf32>,
                  %weights: tensor<?x64xf32>, %ks: tensor<?xi32>, %ke: tensor<?xi32>,
                  %key_blocks: tensor<?x?xi32>, %num_key_blocks: tensor<?xi32>,
                  %out: tensor<?x?xf32>) -> tensor<?x?xf32> {
  %0 = mqa.logits ins(%q, %k, %k_scale, %weights, %ks, %ke :
                      tensor<?x64x128xf8E4M3FN>, tensor<?x128xf8E4M3FN>, tensor<?xf32>,
                      tensor<?x64xf32>, tensor<?xi32>, tensor<?xi32>)
                  blocks(%key_blocks, %num_key_blocks : tensor<?x?xi32>, tensor<?xi32>) of 8
                  outs(%out : tensor<?x?xf32>) -> tensor<?x?xf32>
  return %0 : tensor<?x?xf32>
}

func.func @logits_clean(%q: tensor<?x64x128xf8E4M3FN>, %k: tensor<?x128xf8E4M3FN>, %k_scale: tensor<?xf32>,
                        %weights: tensor<?x64xf32>, %ks: tensor<?xi32>, %ke: tensor<?xi32>,
                        %key_blocks: tensor<?x?xi32>, %num_key_blocks: tensor<?xi32>,
                        %out: tensor<?x?xf32>) -> tensor<?x?xf32> {
  %0 = mqa.logits ins(%q, %k, %k_scale, %weights, %ks, %ke :
                      tensor<?x64x128xf8E4M3FN>, tensor<?x128xf8E4M3FN>, tensor<?xf32>,
                      tensor<?x64xf32>, tensor<?xi32>, tensor<?xi32>)
                  blocks(%key_blocks, %num_key_blocks : tensor<?x?xi32>, tensor<?xi32>) of 8
                  outs(%out : tensor<?x?xf32>) {clean} -> tensor<?x?xf32>
  return %0 : tensor<?x?xf32>
}
