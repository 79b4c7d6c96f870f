// Keys of MXFP4, as SGLang's and DeepGEMM's caches have them: two numbers of f4E2M1FN in a
// byte, and a word of four block scales for each key. Queries are fp8.

func.func @logits(%q: tensor<?x64x128xf8E4M3FN>, %k: tensor<?x64xi8>, %k_scale: tensor<?xi32>,
                  %weights: tensor<?x64xf32>, %ks: tensor<?xi32>, %ke: tensor<?xi32>,
                  %out: tensor<?x?xf32>) -> tensor<?x?xf32> {
  %0 = mqa.logits ins(%q, %k, %k_scale, %weights, %ks, %ke :
                      tensor<?x64x128xf8E4M3FN>, tensor<?x64xi8>, tensor<?xi32>,
                      tensor<?x64xf32>, tensor<?xi32>, tensor<?xi32>)
                  outs(%out : tensor<?x?xf32>) -> tensor<?x?xf32>
  return %0 : tensor<?x?xf32>
}

func.func @paged_logits(%q: tensor<?x1x64x128xf8E4M3FN>, %k: tensor<?x64x64xi8>, %k_scale: tensor<?x64xi32>,
                        %weights: tensor<?x64xf32>, %context_lens: tensor<?x1xi32>, %block_table: tensor<?x?xi32>,
                        %out: tensor<?x?xf32>) -> tensor<?x?xf32> {
  %0 = mqa.paged_logits ins(%q, %k, %k_scale, %weights, %context_lens, %block_table :
                            tensor<?x1x64x128xf8E4M3FN>, tensor<?x64x64xi8>, tensor<?x64xi32>,
                            tensor<?x64xf32>, tensor<?x1xi32>, tensor<?x?xi32>)
                        outs(%out : tensor<?x?xf32>) -> tensor<?x?xf32>
  return %0 : tensor<?x?xf32>
}
