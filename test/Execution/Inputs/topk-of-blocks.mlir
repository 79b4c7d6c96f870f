// Pairs of logits and top-k, each behind the kernel that stores the logits: of rows that name their sequences, of blocks of
// 8 keys, and of blocks of 16 keys of a paged cache.

func.func @rows(%q: tensor<?x4x32xf8E4M3FN>, %k: tensor<?x16x32xf8E4M3FN>, %k_scale: tensor<?x16xf32>, %weights: tensor<?x4xf32>,
                %context_lens: tensor<?xi32>, %block_table: tensor<?x?xi32>, %sequence: tensor<?xi32>,
                %out: tensor<?x?xf32>) -> tensor<?x?xf32> {
  %0 = mqa.paged_logits ins(%q, %k, %k_scale, %weights, %context_lens, %block_table : tensor<?x4x32xf8E4M3FN>,
           tensor<?x16x32xf8E4M3FN>, tensor<?x16xf32>, tensor<?x4xf32>, tensor<?xi32>, tensor<?x?xi32>)
       sequence(%sequence : tensor<?xi32>) outs(%out : tensor<?x?xf32>) -> tensor<?x?xf32>
  return %0 : tensor<?x?xf32>
}

func.func @rows_topk(%q: tensor<?x4x32xf8E4M3FN>, %k: tensor<?x16x32xf8E4M3FN>, %k_scale: tensor<?x16xf32>,
                     %weights: tensor<?x4xf32>, %context_lens: tensor<?xi32>, %block_table: tensor<?x?xi32>,
                     %sequence: tensor<?xi32>, %max: index, %indices: tensor<?x64xi32>) -> tensor<?x64xi32> {
  %c0 = arith.constant 0 : index
  %m = tensor.dim %q, %c0 : tensor<?x4x32xf8E4M3FN>
  %init = tensor.empty(%m, %max) : tensor<?x?xf32>
  %logits = mqa.paged_logits ins(%q, %k, %k_scale, %weights, %context_lens, %block_table : tensor<?x4x32xf8E4M3FN>,
                tensor<?x16x32xf8E4M3FN>, tensor<?x16xf32>, tensor<?x4xf32>, tensor<?xi32>, tensor<?x?xi32>)
            sequence(%sequence : tensor<?xi32>) outs(%init : tensor<?x?xf32>) -> tensor<?x?xf32>
  %best = mqa.topk ins(%logits, none, none : tensor<?x?xf32>) context_lens(%context_lens : tensor<?xi32>)
          block_table(%block_table : tensor<?x?xi32>) sequence(%sequence : tensor<?xi32>)
          outs(%indices : tensor<?x64xi32>) {base = #mqa.base<slot>, block_kv = 16} -> tensor<?x64xi32>
  return %best : tensor<?x64xi32>
}

func.func @blocks(%q: tensor<?x4x32xf8E4M3FN>, %k: tensor<?x32xf8E4M3FN>, %k_scale: tensor<?xf32>, %weights: tensor<?x4xf32>,
                  %ks: tensor<?xi32>, %ke: tensor<?xi32>, %key_blocks: tensor<?x?xi32>, %num_key_blocks: tensor<?xi32>,
                  %out: tensor<?x?xf32>) -> tensor<?x?xf32> {
  %0 = mqa.logits ins(%q, %k, %k_scale, %weights, %ks, %ke : tensor<?x4x32xf8E4M3FN>, tensor<?x32xf8E4M3FN>, tensor<?xf32>,
           tensor<?x4xf32>, tensor<?xi32>, tensor<?xi32>)
       blocks(%key_blocks, %num_key_blocks : tensor<?x?xi32>, tensor<?xi32>) of 8
       outs(%out : tensor<?x?xf32>) -> tensor<?x?xf32>
  return %0 : tensor<?x?xf32>
}

func.func @blocks_topk(%q: tensor<?x4x32xf8E4M3FN>, %k: tensor<?x32xf8E4M3FN>, %k_scale: tensor<?xf32>,
                       %weights: tensor<?x4xf32>, %ks: tensor<?xi32>, %ke: tensor<?xi32>, %key_blocks: tensor<?x?xi32>,
                       %num_key_blocks: tensor<?xi32>, %indices: tensor<?x64xi32>,
                       %values: tensor<?x64xf32>) -> (tensor<?x64xi32>, tensor<?x64xf32>) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c8 = arith.constant 8 : index
  %m = tensor.dim %q, %c0 : tensor<?x4x32xf8E4M3FN>
  %n = tensor.dim %k, %c0 : tensor<?x32xf8E4M3FN>
  %b = tensor.dim %key_blocks, %c1 : tensor<?x?xi32>
  %columns = arith.muli %b, %c8 : index
  %init = tensor.empty(%m, %columns) : tensor<?x?xf32>
  %logits = mqa.logits ins(%q, %k, %k_scale, %weights, %ks, %ke : tensor<?x4x32xf8E4M3FN>, tensor<?x32xf8E4M3FN>,
                tensor<?xf32>, tensor<?x4xf32>, tensor<?xi32>, tensor<?xi32>)
            blocks(%key_blocks, %num_key_blocks : tensor<?x?xi32>, tensor<?xi32>) of 8
            outs(%init : tensor<?x?xf32>) -> tensor<?x?xf32>
  %best:2 = mqa.topk ins(%logits, %ks, %ke : tensor<?x?xf32>, tensor<?xi32>, tensor<?xi32>) num_keys(%n)
            blocks(%key_blocks, %num_key_blocks : tensor<?x?xi32>, tensor<?xi32>) of 8
            outs(%indices, %values : tensor<?x64xi32>, tensor<?x64xf32>)
            {base = #mqa.base<absolute>, order = #mqa.order<score>} -> tensor<?x64xi32>, tensor<?x64xf32>
  return %best#0, %best#1 : tensor<?x64xi32>, tensor<?x64xf32>
}

func.func @paged_blocks(%q: tensor<?x2x4x32xf8E4M3FN>, %k: tensor<?x64x32xf8E4M3FN>, %k_scale: tensor<?x64xf32>,
                        %weights: tensor<?x4xf32>, %context_lens: tensor<?xi32>, %block_table: tensor<?x?xi32>,
                        %key_blocks: tensor<?x?xi32>, %num_key_blocks: tensor<?xi32>,
                        %out: tensor<?x?xf32>) -> tensor<?x?xf32> {
  %0 = mqa.paged_logits ins(%q, %k, %k_scale, %weights, %context_lens, %block_table : tensor<?x2x4x32xf8E4M3FN>,
           tensor<?x64x32xf8E4M3FN>, tensor<?x64xf32>, tensor<?x4xf32>, tensor<?xi32>, tensor<?x?xi32>)
       blocks(%key_blocks, %num_key_blocks : tensor<?x?xi32>, tensor<?xi32>) of 16
       outs(%out : tensor<?x?xf32>) -> tensor<?x?xf32>
  return %0 : tensor<?x?xf32>
}

func.func @paged_blocks_topk(%q: tensor<?x2x4x32xf8E4M3FN>, %k: tensor<?x64x32xf8E4M3FN>, %k_scale: tensor<?x64xf32>,
                             %weights: tensor<?x4xf32>, %context_lens: tensor<?xi32>, %block_table: tensor<?x?xi32>,
                             %key_blocks: tensor<?x?xi32>, %num_key_blocks: tensor<?xi32>,
                             %indices: tensor<?x64xi32>) -> tensor<?x64xi32> {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c2 = arith.constant 2 : index
  %c16 = arith.constant 16 : index
  %s = tensor.dim %q, %c0 : tensor<?x2x4x32xf8E4M3FN>
  %m = arith.muli %s, %c2 : index
  %b = tensor.dim %key_blocks, %c1 : tensor<?x?xi32>
  %columns = arith.muli %b, %c16 : index
  %init = tensor.empty(%m, %columns) : tensor<?x?xf32>
  %logits = mqa.paged_logits ins(%q, %k, %k_scale, %weights, %context_lens, %block_table : tensor<?x2x4x32xf8E4M3FN>,
                tensor<?x64x32xf8E4M3FN>, tensor<?x64xf32>, tensor<?x4xf32>, tensor<?xi32>, tensor<?x?xi32>)
            blocks(%key_blocks, %num_key_blocks : tensor<?x?xi32>, tensor<?xi32>) of 16
            outs(%init : tensor<?x?xf32>) -> tensor<?x?xf32>
  %best = mqa.topk ins(%logits, none, none : tensor<?x?xf32>) context_lens(%context_lens : tensor<?xi32>)
          block_table(%block_table : tensor<?x?xi32>)
          blocks(%key_blocks, %num_key_blocks : tensor<?x?xi32>, tensor<?xi32>) of 16
          outs(%indices : tensor<?x64xi32>)
          {base = #mqa.base<slot>, block_kv = 64, next_n = 2, tie_break = #mqa.tie_break<greatest>} -> tensor<?x64xi32>
  return %best : tensor<?x64xi32>
}
