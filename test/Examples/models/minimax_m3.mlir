// The indexer of MiniMax-M3 (MSA): 4 heads of 128, kept apart; each selects the best 16 blocks of 128 keys.
//
//   out[m, j] = max of q[m] . k[n] over the keys n of block j, 128 j <= n < 128 (j + 1), in 0 <= n < ke[m]
//
// There is no relu, and there are no weights and no scales. A row m is a pair of a token and a head, so a row
// has one head. A block without a key in the range is -inf. SGLang multiplies the maxima by a constant, which
// does not change which blocks are the best. `block_maxima` is for prefill, in bf16 and in fp8.
// `paged_block_maxima` is for decode with one new query of each sequence, from a cache of blocks of 128 keys:
// its T = 4 rows of a sequence are the heads. `topk` selects blocks from what these kernels write; its `ke`
// counts blocks. Which blocks the model selects in any case is given by `force_first` and `force_last`; they
// are left out here.
// Source: FlashInfer 0.7.4's msa_proxy_score and msa_topk_select; vLLM 0.33, SGLang 0.5.23.

!q = tensor<?x1x128xbf16>
!k = tensor<?x128xbf16>
!fp8_q = tensor<?x1x128xf8E4M3FN>
!fp8_k = tensor<?x128xf8E4M3FN>
!range = tensor<?xi32>
!maxima = tensor<?x?xf32>
!new_q = tensor<?x4x1x128xbf16>
!cache = tensor<?x128x128xbf16>
!lens = tensor<?x4xi32>
!table = tensor<?x?xi32>
!blocks = tensor<?x16xi32>

func.func @block_maxima(%q: !q, %k: !k, %ke: !range, %out: !maxima) -> !maxima {
  %0 = mqa.logits ins(%q, %k, none, none, none, %ke : !q, !k, !range)
      outs(%out : !maxima) {activation = #mqa.activation<none>, block_max = 128, clean} -> !maxima
  return %0 : !maxima
}

func.func @fp8_block_maxima(%q: !fp8_q, %k: !fp8_k, %ke: !range, %out: !maxima) -> !maxima {
  %0 = mqa.logits ins(%q, %k, none, none, none, %ke : !fp8_q, !fp8_k, !range)
      outs(%out : !maxima) {activation = #mqa.activation<none>, block_max = 128, clean} -> !maxima
  return %0 : !maxima
}

func.func @paged_block_maxima(%q: !new_q, %k: !cache, %context_lens: !lens, %block_table: !table,
                              %out: !maxima) -> !maxima {
  %0 = mqa.paged_logits ins(%q, %k, none, none, %context_lens, %block_table : !new_q, !cache, !lens, !table)
      outs(%out : !maxima) {activation = #mqa.activation<none>, block_max = 128, clean} -> !maxima
  return %0 : !maxima
}

func.func @topk(%maxima: !maxima, %ke: !range, %indices: !blocks) -> !blocks {
  %0 = mqa.topk ins(%maxima, none, %ke : !maxima, !range) outs(%indices : !blocks) -> !blocks
  return %0 : !blocks
}
