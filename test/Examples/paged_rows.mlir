// Indexer logits of rows that name their sequences, against a paged cache of
// blocks of 64 keys: 64 heads of 128 fp8 elements. Row r has line sequence[r] of
// the block table, and sees the first context_lens[r] keys. A sequence may have
// any number of rows: this is prefill from the pages, and decoding with other
// numbers of new tokens in each sequence. @paged_rows_clean cleans what is
// outside.

func.func @paged_rows(%q: tensor<?x64x128xf8E4M3FN>, %k: tensor<?x64x128xf8E4M3FN>, %k_scale: tensor<?x64xf32>,
                      %weights: tensor<?x64xf32>, %context_lens: tensor<?xi32>, %block_table: tensor<?x?xi32>,
                      %sequence: tensor<?xi32>, %out: tensor<?x?xf32>) -> tensor<?x?xf32> {
  %0 = mqa.paged_logits ins(%q, %k, %k_scale, %weights, %context_lens, %block_table :
                            tensor<?x64x128xf8E4M3FN>, tensor<?x64x128xf8E4M3FN>, tensor<?x64xf32>,
                            tensor<?x64xf32>, tensor<?xi32>, tensor<?x?xi32>)
                        sequence(%sequence : tensor<?xi32>)
                        outs(%out : tensor<?x?xf32>) -> tensor<?x?xf32>
  return %0 : tensor<?x?xf32>
}

func.func @paged_rows_clean(%q: tensor<?x64x128xf8E4M3FN>, %k: tensor<?x64x128xf8E4M3FN>, %k_scale: tensor<?x64xf32>,
                            %weights: tensor<?x64xf32>, %context_lens: tensor<?xi32>, %block_table: tensor<?x?xi32>,
                            %sequence: tensor<?xi32>, %out: tensor<?x?xf32>) -> tensor<?x?xf32> {
  %0 = mqa.paged_logits ins(%q, %k, %k_scale, %weights, %context_lens, %block_table :
                            tensor<?x64x128xf8E4M3FN>, tensor<?x64x128xf8E4M3FN>, tensor<?x64xf32>,
                            tensor<?x64xf32>, tensor<?xi32>, tensor<?x?xi32>)
                        sequence(%sequence : tensor<?xi32>)
                        outs(%out : tensor<?x?xf32>) {clean} -> tensor<?x?xf32>
  return %0 : tensor<?x?xf32>
}

// For decoding with up to 4 new tokens in each sequence: a GPU multiplies 4 rows
// at a time.
func.func @paged_rows_decode(%q: tensor<?x64x128xf8E4M3FN>, %k: tensor<?x64x128xf8E4M3FN>, %k_scale: tensor<?x64xf32>,
                             %weights: tensor<?x64xf32>, %context_lens: tensor<?xi32>, %block_table: tensor<?x?xi32>,
                             %sequence: tensor<?xi32>, %out: tensor<?x?xf32>) -> tensor<?x?xf32> {
  %0 = mqa.paged_logits ins(%q, %k, %k_scale, %weights, %context_lens, %block_table :
                            tensor<?x64x128xf8E4M3FN>, tensor<?x64x128xf8E4M3FN>, tensor<?x64xf32>,
                            tensor<?x64xf32>, tensor<?xi32>, tensor<?x?xi32>)
                        sequence(%sequence : tensor<?xi32>)
                        outs(%out : tensor<?x?xf32>) {rows_per_sequence = 4 : i64} -> tensor<?x?xf32>
  return %0 : tensor<?x?xf32>
}
