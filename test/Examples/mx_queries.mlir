// Queries with block scales: MXFP4 (two numbers of f4E2M1FN in a byte) or MXFP8 (f8E4M3FN), and a
// word of four block scales for each head. Kernels decode them once for all keys of a query.

func.func @logits(%q: tensor<?x64x64xi8>, %k: tensor<?x64xi8>, %k_scale: tensor<?xi32>,
                  %weights: tensor<?x64xf32>, %ks: tensor<?xi32>, %ke: tensor<?xi32>,
                  %q_scale: tensor<?x64xi32>, %out: tensor<?x?xf32>) -> tensor<?x?xf32> {
  %0 = mqa.logits ins(%q, %k, %k_scale, %weights, %ks, %ke :
                      tensor<?x64x64xi8>, tensor<?x64xi8>, tensor<?xi32>,
                      tensor<?x64xf32>, tensor<?xi32>, tensor<?xi32>)
                  q_scale(%q_scale : tensor<?x64xi32>)
                  outs(%out : tensor<?x?xf32>) -> tensor<?x?xf32>
  return %0 : tensor<?x?xf32>
}

// Beside keys of fp8.
func.func @logits_fp8_keys(%q: tensor<?x32x64xi8>, %k: tensor<?x128xf8E4M3FN>, %k_scale: tensor<?xf32>,
                           %weights: tensor<?x32xf32>, %ks: tensor<?xi32>, %ke: tensor<?xi32>,
                           %q_scale: tensor<?x32xi32>, %out: tensor<?x?xf32>) -> tensor<?x?xf32> {
  %0 = mqa.logits ins(%q, %k, %k_scale, %weights, %ks, %ke :
                      tensor<?x32x64xi8>, tensor<?x128xf8E4M3FN>, tensor<?xf32>,
                      tensor<?x32xf32>, tensor<?xi32>, tensor<?xi32>)
                  q_scale(%q_scale : tensor<?x32xi32>)
                  outs(%out : tensor<?x?xf32>) {clean} -> tensor<?x?xf32>
  return %0 : tensor<?x?xf32>
}

// MXFP8 on both sides, without weights.
func.func @logits_mxfp8(%q: tensor<?x16x128xf8E4M3FN>, %k: tensor<?x128xf8E4M3FN>, %k_scale: tensor<?xi32>,
                        %ks: tensor<?xi32>, %ke: tensor<?xi32>,
                        %q_scale: tensor<?x16xi32>, %out: tensor<?x?xf32>) -> tensor<?x?xf32> {
  %0 = mqa.logits ins(%q, %k, %k_scale, none, %ks, %ke :
                      tensor<?x16x128xf8E4M3FN>, tensor<?x128xf8E4M3FN>, tensor<?xi32>,
                      tensor<?xi32>, tensor<?xi32>)
                  q_scale(%q_scale : tensor<?x16xi32>)
                  outs(%out : tensor<?x?xf32>) -> tensor<?x?xf32>
  return %0 : tensor<?x?xf32>
}

func.func @paged_logits(%q: tensor<?x1x64x64xi8>, %k: tensor<?x64x64xi8>, %k_scale: tensor<?x64xi32>,
                        %weights: tensor<?x64xf32>, %context_lens: tensor<?x1xi32>, %block_table: tensor<?x?xi32>,
                        %q_scale: tensor<?x64xi32>, %out: tensor<?x?xf32>) -> tensor<?x?xf32> {
  %0 = mqa.paged_logits ins(%q, %k, %k_scale, %weights, %context_lens, %block_table :
                            tensor<?x1x64x64xi8>, tensor<?x64x64xi8>, tensor<?x64xi32>,
                            tensor<?x64xf32>, tensor<?x1xi32>, tensor<?x?xi32>)
                        q_scale(%q_scale : tensor<?x64xi32>)
                        outs(%out : tensor<?x?xf32>) -> tensor<?x?xf32>
  return %0 : tensor<?x?xf32>
}

func.func @paged_mxfp8(%q: tensor<?x2x32x128xf8E4M3FN>, %k: tensor<?x64x128xf8E4M3FN>, %k_scale: tensor<?x64xi32>,
                       %weights: tensor<?x32xbf16>, %context_lens: tensor<?xi32>, %block_table: tensor<?x?xi32>,
                       %q_scale: tensor<?x32xi32>, %out: tensor<?x?xf32>) -> tensor<?x?xf32> {
  %0 = mqa.paged_logits ins(%q, %k, %k_scale, %weights, %context_lens, %block_table :
                            tensor<?x2x32x128xf8E4M3FN>, tensor<?x64x128xf8E4M3FN>, tensor<?x64xi32>,
                            tensor<?x32xbf16>, tensor<?xi32>, tensor<?x?xi32>)
                        q_scale(%q_scale : tensor<?x32xi32>)
                        outs(%out : tensor<?x?xf32>) {clean} -> tensor<?x?xf32>
  return %0 : tensor<?x?xf32>
}

// Rows that name their sequences, against keys of fp8.
func.func @rows(%q: tensor<?x64x64xi8>, %k: tensor<?x64x128xf8E4M3FN>, %k_scale: tensor<?x64xf32>,
                %weights: tensor<?x64xf32>, %context_lens: tensor<?xi32>, %block_table: tensor<?x?xi32>,
                %sequence: tensor<?xi32>, %q_scale: tensor<?x64xi32>,
                %out: tensor<?x?xf32>) -> tensor<?x?xf32> {
  %0 = mqa.paged_logits ins(%q, %k, %k_scale, %weights, %context_lens, %block_table :
                            tensor<?x64x64xi8>, tensor<?x64x128xf8E4M3FN>, tensor<?x64xf32>,
                            tensor<?x64xf32>, tensor<?xi32>, tensor<?x?xi32>)
                        sequence(%sequence : tensor<?xi32>)
                        q_scale(%q_scale : tensor<?x64xi32>)
                        outs(%out : tensor<?x?xf32>) -> tensor<?x?xf32>
  return %0 : tensor<?x?xf32>
}
