// The second level of an indexer with two levels, as key_blocks.mlir, against a paged cache: the keys of chosen blocks of 8
// are found through the block table. Block b of a row has keys 8 b to 8 b + 7 of the row's sequence. Column j * 8 + o of row
// m belongs to key key_blocks[m, j] * 8 + o. The second kernel also writes -inf where a column has no key that the row sees.
// In the third, each row names its sequence, which may have any number of rows.

func.func @logits(%q: tensor<?x1x64x128xf8E4M3FN>, %k: tensor<?x64x128xf8E4M3FN>, %k_scale: tensor<?x64xf32>,
                  %weights: tensor<?x64xf32>, %context_lens: tensor<?x1xi32>, %block_table: tensor<?x?xi32>,
                  %key_blocks: tensor<?x?xi32>, %num_key_blocks: tensor<?xi32>,
                  %out: tensor<?x?xf32>) -> tensor<?x?xf32> {
  %0 = mqa.paged_logits ins(%q, %k, %k_scale, %weights, %context_lens, %block_table :
                            tensor<?x1x64x128xf8E4M3FN>, tensor<?x64x128xf8E4M3FN>, tensor<?x64xf32>,
                            tensor<?x64xf32>, tensor<?x1xi32>, tensor<?x?xi32>)
                        blocks(%key_blocks, %num_key_blocks : tensor<?x?xi32>, tensor<?xi32>) of 8
                        outs(%out : tensor<?x?xf32>) -> tensor<?x?xf32>
  return %0 : tensor<?x?xf32>
}

func.func @logits_clean(%q: tensor<?x1x64x128xf8E4M3FN>, %k: tensor<?x64x128xf8E4M3FN>, %k_scale: tensor<?x64xf32>,
                        %weights: tensor<?x64xf32>, %context_lens: tensor<?x1xi32>, %block_table: tensor<?x?xi32>,
                        %key_blocks: tensor<?x?xi32>, %num_key_blocks: tensor<?xi32>,
                        %out: tensor<?x?xf32>) -> tensor<?x?xf32> {
  %0 = mqa.paged_logits ins(%q, %k, %k_scale, %weights, %context_lens, %block_table :
                            tensor<?x1x64x128xf8E4M3FN>, tensor<?x64x128xf8E4M3FN>, tensor<?x64xf32>,
                            tensor<?x64xf32>, tensor<?x1xi32>, tensor<?x?xi32>)
                        blocks(%key_blocks, %num_key_blocks : tensor<?x?xi32>, tensor<?xi32>) of 8
                        outs(%out : tensor<?x?xf32>) {clean} -> tensor<?x?xf32>
  return %0 : tensor<?x?xf32>
}

func.func @rows(%q: tensor<?x64x128xf8E4M3FN>, %k: tensor<?x64x128xf8E4M3FN>, %k_scale: tensor<?x64xf32>,
                %weights: tensor<?x64xf32>, %context_lens: tensor<?xi32>, %block_table: tensor<?x?xi32>,
                %sequence: tensor<?xi32>, %key_blocks: tensor<?x?xi32>, %num_key_blocks: tensor<?xi32>,
                %out: tensor<?x?xf32>) -> tensor<?x?xf32> {
  %0 = mqa.paged_logits ins(%q, %k, %k_scale, %weights, %context_lens, %block_table :
                            tensor<?x64x128xf8E4M3FN>, tensor<?x64x128xf8E4M3FN>, tensor<?x64xf32>,
                            tensor<?x64xf32>, tensor<?xi32>, tensor<?x?xi32>)
                        sequence(%sequence : tensor<?xi32>)
                        blocks(%key_blocks, %num_key_blocks : tensor<?x?xi32>, tensor<?xi32>) of 8
                        outs(%out : tensor<?x?xf32>) {clean} -> tensor<?x?xf32>
  return %0 : tensor<?x?xf32>
}
