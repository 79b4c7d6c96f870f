// Keys of MXFP8: f8E4M3FN, and a word of four block scales for each key. Queries of bf16 are what
// a kernel multiplies; queries of fp8 become f16 on their way.

func.func @logits(%q: tensor<?x64x128xbf16>, %k: tensor<?x128xf8E4M3FN>, %k_scale: tensor<?xi32>,
                  %weights: tensor<?x64xf32>, %ks: tensor<?xi32>, %ke: tensor<?xi32>,
                  %out: tensor<?x?xf32>) -> tensor<?x?xf32> {
  %0 = mqa.logits ins(%q, %k, %k_scale, %weights, %ks, %ke :
                      tensor<?x64x128xbf16>, tensor<?x128xf8E4M3FN>, tensor<?xi32>,
                      tensor<?x64xf32>, tensor<?xi32>, tensor<?xi32>)
                  outs(%out : tensor<?x?xf32>) -> tensor<?x?xf32>
  return %0 : tensor<?x?xf32>
}

func.func @logits_fp8(%q: tensor<?x32x128xf8E4M3FN>, %k: tensor<?x128xf8E4M3FN>, %k_scale: tensor<?xi32>,
                      %weights: tensor<?x32xf32>, %ks: tensor<?xi32>, %ke: tensor<?xi32>,
                      %out: tensor<?x?xf32>) -> tensor<?x?xf32> {
  %0 = mqa.logits ins(%q, %k, %k_scale, %weights, %ks, %ke :
                      tensor<?x32x128xf8E4M3FN>, tensor<?x128xf8E4M3FN>, tensor<?xi32>,
                      tensor<?x32xf32>, tensor<?xi32>, tensor<?xi32>)
                  outs(%out : tensor<?x?xf32>) {clean} -> tensor<?x?xf32>
  return %0 : tensor<?x?xf32>
}

func.func @paged_logits(%q: tensor<?x1x64x128xbf16>, %k: tensor<?x64x128xf8E4M3FN>, %k_scale: tensor<?x64xi32>,
                        %weights: tensor<?x64xf32>, %context_lens: tensor<?x1xi32>, %block_table: tensor<?x?xi32>,
                        %out: tensor<?x?xf32>) -> tensor<?x?xf32> {
  %0 = mqa.paged_logits ins(%q, %k, %k_scale, %weights, %context_lens, %block_table :
                            tensor<?x1x64x128xbf16>, tensor<?x64x128xf8E4M3FN>, tensor<?x64xi32>,
                            tensor<?x64xf32>, tensor<?x1xi32>, tensor<?x?xi32>)
                        outs(%out : tensor<?x?xf32>) -> tensor<?x?xf32>
  return %0 : tensor<?x?xf32>
}
