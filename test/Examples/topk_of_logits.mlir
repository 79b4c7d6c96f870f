// The best 2048 keys of each query, of logits that are in memory, in ascending order.
//   mqa-compile topk_of_logits.mlir -o topk.mqa && mqa-run topk.mqa --verify
func.func @topk(%logits: tensor<?x?xf32>, %ks: tensor<?xi32>, %ke: tensor<?xi32>,
                %indices: tensor<?x2048xi32>) -> tensor<?x2048xi32> {
  %0 = mqa.topk ins(%logits, %ks, %ke : tensor<?x?xf32>, tensor<?xi32>, tensor<?xi32>)
       outs(%indices : tensor<?x2048xi32>) -> tensor<?x2048xi32>
  return %0 : tensor<?x2048xi32>
}
