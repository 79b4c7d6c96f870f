// Selections from stored columns of key blocks: by ranges, by lengths without a table, and by lengths and a table, where rows are in
// order and where they name their sequences.

func.func @range(%logits: tensor<?x?xf32>, %ks: tensor<?xi32>, %ke: tensor<?xi32>, %num_keys: index, %key_blocks: tensor<?x?xi32>,
                 %num_key_blocks: tensor<?xi32>, %offset: tensor<?xi32>, %indices: tensor<?x20xi32>, %values: tensor<?x20xf32>)
    -> (tensor<?x20xi32>, tensor<?x20xf32>) {
  %0:2 = mqa.topk ins(%logits, %ks, %ke : tensor<?x?xf32>, tensor<?xi32>, tensor<?xi32>) offset(%offset : tensor<?xi32>)
                  num_keys(%num_keys) blocks(%key_blocks, %num_key_blocks : tensor<?x?xi32>, tensor<?xi32>) of 8
                  outs(%indices, %values : tensor<?x20xi32>, tensor<?x20xf32>)
                  {base = #mqa.base<absolute>, order = #mqa.order<score>} -> tensor<?x20xi32>, tensor<?x20xf32>
  return %0#0, %0#1 : tensor<?x20xi32>, tensor<?x20xf32>
}

func.func @lengths(%logits: tensor<?x?xf32>, %context_lens: tensor<?xi32>, %key_blocks: tensor<?x?xi32>,
                   %num_key_blocks: tensor<?xi32>, %indices: tensor<?x7xi32>) -> tensor<?x7xi32> {
  %0 = mqa.topk ins(%logits, none, none : tensor<?x?xf32>) context_lens(%context_lens : tensor<?xi32>)
                blocks(%key_blocks, %num_key_blocks : tensor<?x?xi32>, tensor<?xi32>) of 8 outs(%indices : tensor<?x7xi32>)
                {next_n = 3, force_first = 2, force_last = 3, tie_break = #mqa.tie_break<greatest>} -> tensor<?x7xi32>
  return %0 : tensor<?x7xi32>
}

func.func @slots(%logits: tensor<?x?xbf16>, %context_lens: tensor<?x2xi32>, %block_table: tensor<?x?xi32>,
                 %key_blocks: tensor<?x?xi32>, %num_key_blocks: tensor<?xi32>, %indices: tensor<?x512xi32>) -> tensor<?x512xi32> {
  %0 = mqa.topk ins(%logits, none, none : tensor<?x?xbf16>) context_lens(%context_lens : tensor<?x2xi32>)
                block_table(%block_table : tensor<?x?xi32>)
                blocks(%key_blocks, %num_key_blocks : tensor<?x?xi32>, tensor<?xi32>) of 16 outs(%indices : tensor<?x512xi32>)
                {base = #mqa.base<slot>, block_kv = 64} -> tensor<?x512xi32>
  return %0 : tensor<?x512xi32>
}

func.func @named(%logits: tensor<?x?xf32>, %context_lens: tensor<?xi32>, %block_table: tensor<?x?xi32>, %sequence: tensor<?xi32>,
                 %key_blocks: tensor<?x?xi32>, %num_key_blocks: tensor<?xi32>, %indices: tensor<?x33xi32>) -> tensor<?x33xi32> {
  %0 = mqa.topk ins(%logits, none, none : tensor<?x?xf32>) context_lens(%context_lens : tensor<?xi32>)
                block_table(%block_table : tensor<?x?xi32>) sequence(%sequence : tensor<?xi32>)
                blocks(%key_blocks, %num_key_blocks : tensor<?x?xi32>, tensor<?xi32>) of 8 outs(%indices : tensor<?x33xi32>)
                {base = #mqa.base<slot>, block_kv = 16} -> tensor<?x33xi32>
  return %0 : tensor<?x33xi32>
}
