// The example that README and the tools use: the indexer of a model with 64
// heads of 128, for any number of queries and keys. Two kernels: the second one
// also writes -inf outside every query's range.

func.func @logits(%q: tensor<?x64x128xf8E4M3FN>, %k: tensor<?x128xf8E4M3FN>,
                  %k_scale: tensor<?xf32>, %weights: tensor<?x64xf32>,
                  %ks: tensor<?xi32>, %ke: tensor<?xi32>,
                  %out: tensor<?x?xf32>) -> tensor<?x?xf32> {
  %0 = mqa.logits ins(%q, %k, %k_scale, %weights, %ks, %ke :
           tensor<?x64x128xf8E4M3FN>, tensor<?x128xf8E4M3FN>, tensor<?xf32>,
           tensor<?x64xf32>, tensor<?xi32>, tensor<?xi32>)
       outs(%out : tensor<?x?xf32>) -> tensor<?x?xf32>
  return %0 : tensor<?x?xf32>
}

func.func @logits_clean(%q: tensor<?x64x128xf8E4M3FN>, %k: tensor<?x128xf8E4M3FN>,
                        %k_scale: tensor<?xf32>, %weights: tensor<?x64xf32>,
                        %ks: tensor<?xi32>, %ke: tensor<?xi32>,
                        %out: tensor<?x?xf32>) -> tensor<?x?xf32> {
  %0 = mqa.logits ins(%q, %k, %k_scale, %weights, %ks, %ke :
           tensor<?x64x128xf8E4M3FN>, tensor<?x128xf8E4M3FN>, tensor<?xf32>,
           tensor<?x64xf32>, tensor<?xi32>, tensor<?xi32>)
       outs(%out : tensor<?x?xf32>) {clean} -> tensor<?x?xf32>
  return %0 : tensor<?x?xf32>
}
