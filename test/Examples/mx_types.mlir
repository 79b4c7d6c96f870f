// MXFP4 and MXFP8 with their own types, as other MLIR compilers write them: elements are f4E2M1FN or f8E4M3FN, and each
// key, or head of a query, has four block scales of f8E8M0FNU (for a head dim of 64, two of them are read). In memory these
// are the bytes and words of mxfp4.mlir and mx_queries.mlir, and so the kernels are the same.

func.func @logits(%q: tensor<?x64x128xf8E4M3FN>, %k: tensor<?x128xf4E2M1FN>, %k_scale: tensor<?x4xf8E8M0FNU>,
                  %weights: tensor<?x64xf32>, %ks: tensor<?xi32>, %ke: tensor<?xi32>,
                  %out: tensor<?x?xf32>) -> tensor<?x?xf32> {
  %0 = mqa.logits ins(%q, %k, %k_scale, %weights, %ks, %ke :
                      tensor<?x64x128xf8E4M3FN>, tensor<?x128xf4E2M1FN>, tensor<?x4xf8E8M0FNU>,
                      tensor<?x64xf32>, tensor<?xi32>, tensor<?xi32>)
                  outs(%out : tensor<?x?xf32>) -> tensor<?x?xf32>
  return %0 : tensor<?x?xf32>
}

func.func @logits_bf16(%q: tensor<?x16x64xbf16>, %k: tensor<?x64xf4E2M1FN>, %k_scale: tensor<?x4xf8E8M0FNU>,
                       %weights: tensor<?x16xf32>, %ks: tensor<?xi32>, %ke: tensor<?xi32>,
                       %out: tensor<?x?xf32>) -> tensor<?x?xf32> {
  %0 = mqa.logits ins(%q, %k, %k_scale, %weights, %ks, %ke :
                      tensor<?x16x64xbf16>, tensor<?x64xf4E2M1FN>, tensor<?x4xf8E8M0FNU>,
                      tensor<?x16xf32>, tensor<?xi32>, tensor<?xi32>)
                  outs(%out : tensor<?x?xf32>) {clean} -> tensor<?x?xf32>
  return %0 : tensor<?x?xf32>
}

// Queries and keys of MXFP4, as memrefs.
func.func @logits_mxfp4(%q: memref<?x32x64xf4E2M1FN>, %k: memref<?x64xf4E2M1FN>, %k_scale: memref<?x4xf8E8M0FNU>,
                        %weights: memref<?x32xf32>, %ks: memref<?xi32>, %ke: memref<?xi32>,
                        %q_scale: memref<?x32x4xf8E8M0FNU>, %out: memref<?x?xf32>) {
  mqa.logits ins(%q, %k, %k_scale, %weights, %ks, %ke :
                 memref<?x32x64xf4E2M1FN>, memref<?x64xf4E2M1FN>, memref<?x4xf8E8M0FNU>,
                 memref<?x32xf32>, memref<?xi32>, memref<?xi32>)
             q_scale(%q_scale : memref<?x32x4xf8E8M0FNU>)
             outs(%out : memref<?x?xf32>)
  return
}

func.func @logits_mxfp8(%q: tensor<?x16x128xf8E4M3FN>, %k: tensor<?x128xf8E4M3FN>, %k_scale: tensor<?x4xf8E8M0FNU>,
                        %ks: tensor<?xi32>, %ke: tensor<?xi32>,
                        %q_scale: tensor<?x16x4xf8E8M0FNU>, %out: tensor<?x?xf32>) -> tensor<?x?xf32> {
  %0 = mqa.logits ins(%q, %k, %k_scale, none, %ks, %ke :
                      tensor<?x16x128xf8E4M3FN>, tensor<?x128xf8E4M3FN>, tensor<?x4xf8E8M0FNU>,
                      tensor<?xi32>, tensor<?xi32>)
                  q_scale(%q_scale : tensor<?x16x4xf8E8M0FNU>)
                  outs(%out : tensor<?x?xf32>) -> tensor<?x?xf32>
  return %0 : tensor<?x?xf32>
}

func.func @key_blocks(%q: tensor<?x64x128xf4E2M1FN>, %k: tensor<?x128xf4E2M1FN>, %k_scale: tensor<?x4xf8E8M0FNU>,
                      %weights: tensor<?x64xf32>, %ks: tensor<?xi32>, %ke: tensor<?xi32>,
                      %key_blocks: tensor<?x?xi32>, %num_key_blocks: tensor<?xi32>,
                      %q_scale: tensor<?x64x4xf8E8M0FNU>, %out: tensor<?x?xf32>) -> tensor<?x?xf32> {
  %0 = mqa.logits ins(%q, %k, %k_scale, %weights, %ks, %ke :
                      tensor<?x64x128xf4E2M1FN>, tensor<?x128xf4E2M1FN>, tensor<?x4xf8E8M0FNU>,
                      tensor<?x64xf32>, tensor<?xi32>, tensor<?xi32>)
                  blocks(%key_blocks, %num_key_blocks : tensor<?x?xi32>, tensor<?xi32>) of 8
                  q_scale(%q_scale : tensor<?x64x4xf8E8M0FNU>)
                  outs(%out : tensor<?x?xf32>) {clean} -> tensor<?x?xf32>
  return %0 : tensor<?x?xf32>
}

func.func @paged(%q: tensor<?x1x64x128xf4E2M1FN>, %k: tensor<?x64x128xf4E2M1FN>, %k_scale: tensor<?x64x4xf8E8M0FNU>,
                 %weights: tensor<?x64xf32>, %context_lens: tensor<?x1xi32>, %block_table: tensor<?x?xi32>,
                 %q_scale: tensor<?x64x4xf8E8M0FNU>, %out: tensor<?x?xf32>) -> tensor<?x?xf32> {
  %0 = mqa.paged_logits ins(%q, %k, %k_scale, %weights, %context_lens, %block_table :
                            tensor<?x1x64x128xf4E2M1FN>, tensor<?x64x128xf4E2M1FN>, tensor<?x64x4xf8E8M0FNU>,
                            tensor<?x64xf32>, tensor<?x1xi32>, tensor<?x?xi32>)
                        q_scale(%q_scale : tensor<?x64x4xf8E8M0FNU>)
                        outs(%out : tensor<?x?xf32>) -> tensor<?x?xf32>
  return %0 : tensor<?x?xf32>
}

// Rows that name their sequences. The logits go to mqa.topk alone.
func.func @select(%q: tensor<?x16x64xbf16>, %k: tensor<?x64x64xf4E2M1FN>, %k_scale: tensor<?x64x4xf8E8M0FNU>,
                  %weights: tensor<?x16xf32>, %context_lens: tensor<?xi32>, %block_table: tensor<?x?xi32>,
                  %sequence: tensor<?xi32>, %n: index, %indices: tensor<?x64xi32>) -> tensor<?x64xi32> {
  %c0 = arith.constant 0 : index
  %m = tensor.dim %q, %c0 : tensor<?x16x64xbf16>
  %empty = tensor.empty(%m, %n) : tensor<?x?xf32>
  %0 = mqa.paged_logits ins(%q, %k, %k_scale, %weights, %context_lens, %block_table :
                            tensor<?x16x64xbf16>, tensor<?x64x64xf4E2M1FN>, tensor<?x64x4xf8E8M0FNU>,
                            tensor<?x16xf32>, tensor<?xi32>, tensor<?x?xi32>)
                        sequence(%sequence : tensor<?xi32>)
                        outs(%empty : tensor<?x?xf32>) -> tensor<?x?xf32>
  %1 = mqa.topk ins(%0, none, none : tensor<?x?xf32>) context_lens(%context_lens : tensor<?xi32>)
                block_table(%block_table : tensor<?x?xi32>) sequence(%sequence : tensor<?xi32>)
                outs(%indices : tensor<?x64xi32>) {base = #mqa.base<slot>, block_kv = 64 : i64} -> tensor<?x64xi32>
  return %1 : tensor<?x64xi32>
}
