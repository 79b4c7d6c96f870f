// The best 2048 keys of each query: logits and their selection in one launch,
// which gives the logits to nobody. `logits` computes what it selects from.
func.func @topk(%q: tensor<?x64x128xf8E4M3FN>, %k: tensor<?x128xf8E4M3FN>, %k_scale: tensor<?xf32>, %weights: tensor<?x64xf32>, %ks: tensor<?xi32>, %ke: tensor<?xi32>, %indices: tensor<?x2048xi32>) -> tensor<?x2048xi32> {
  %c0 = arith.constant 0 : index
  %m = tensor.dim %q, %c0 : tensor<?x64x128xf8E4M3FN>
  %n = tensor.dim %k, %c0 : tensor<?x128xf8E4M3FN>
  %init = tensor.empty(%m, %n) : tensor<?x?xf32>
  %logits = mqa.logits ins(%q, %k, %k_scale, %weights, %ks, %ke : tensor<?x64x128xf8E4M3FN>, tensor<?x128xf8E4M3FN>, tensor<?xf32>, tensor<?x64xf32>, tensor<?xi32>, tensor<?xi32>) outs(%init : tensor<?x?xf32>) -> tensor<?x?xf32>
  %best = mqa.topk ins(%logits, %ks, %ke : tensor<?x?xf32>, tensor<?xi32>, tensor<?xi32>) outs(%indices : tensor<?x2048xi32>) -> tensor<?x2048xi32>
  return %best : tensor<?x2048xi32>
}

func.func @logits(%q: tensor<?x64x128xf8E4M3FN>, %k: tensor<?x128xf8E4M3FN>, %k_scale: tensor<?xf32>, %weights: tensor<?x64xf32>, %ks: tensor<?xi32>, %ke: tensor<?xi32>, %out: tensor<?x?xf32>) -> tensor<?x?xf32> {
  %0 = mqa.logits ins(%q, %k, %k_scale, %weights, %ks, %ke : tensor<?x64x128xf8E4M3FN>, tensor<?x128xf8E4M3FN>, tensor<?xf32>, tensor<?x64xf32>, tensor<?xi32>, tensor<?xi32>) outs(%out : tensor<?x?xf32>) -> tensor<?x?xf32>
  return %0 : tensor<?x?xf32>
}
