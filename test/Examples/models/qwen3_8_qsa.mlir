// The indexer of Qwen3.8 (QSA): 4 heads of 128, without weights and scales, the best 512 keys.
//
//   logit[m, n] = sum_h max(q[m, h] . k[n], 0)     for ks[m] <= n < ke[m]
//
// The model multiplies the logit by 128^-1/2. The factor does not change which keys are the best, so it is
// left out. A key stands for 4 tokens: the query at position p sees the keys n < (p + 1) / 4, rounded down.
// Queries and keys are bf16. With fp8 ones, the logits are those of `fp8_logits` and `fp8_paged_logits`; the
// selection behind them is the same.
// `logits` and `topk` are for prefill. `paged_logits` and `paged_topk` are for decode with one new query of
// each sequence, from a cache of blocks of 64 keys. `topk` counts keys from the beginning of the range;
// `paged_topk` gives slots of the cache.
// Source: vLLM 0.33, SGLang 0.5.23, cuDNN frontend 1.32 (QSA).

!q = tensor<?x4x128xbf16>
!k = tensor<?x128xbf16>
!fp8_q = tensor<?x4x128xf8E4M3FN>
!fp8_k = tensor<?x128xf8E4M3FN>
!range = tensor<?xi32>
!logits = tensor<?x?xf32>
!new_q = tensor<?x1x4x128xbf16>
!cache = tensor<?x64x128xbf16>
!fp8_new_q = tensor<?x1x4x128xf8E4M3FN>
!fp8_cache = tensor<?x64x128xf8E4M3FN>
!lens = tensor<?x1xi32>
!table = tensor<?x?xi32>
!keys = tensor<?x512xi32>

func.func @logits(%q: !q, %k: !k, %ks: !range, %ke: !range, %out: !logits) -> !logits {
  %0 = mqa.logits ins(%q, %k, none, none, %ks, %ke :
                      !q, !k, !range, !range)
      outs(%out : !logits) -> !logits
  return %0 : !logits
}

func.func @topk(%q: !q, %k: !k, %ks: !range, %ke: !range, %indices: !keys) -> !keys {
  %c0 = arith.constant 0 : index
  %m = tensor.dim %q, %c0 : !q
  %n = tensor.dim %k, %c0 : !k
  %init = tensor.empty(%m, %n) : !logits
  %logits = mqa.logits ins(%q, %k, none, none, %ks, %ke :
                           !q, !k, !range, !range)
      outs(%init : !logits) -> !logits
  %best = mqa.topk ins(%logits, %ks, %ke : !logits, !range, !range)
      outs(%indices : !keys) -> !keys
  return %best : !keys
}

func.func @paged_logits(%q: !new_q, %k: !cache, %context_lens: !lens, %block_table: !table,
                        %out: !logits) -> !logits {
  %0 = mqa.paged_logits ins(%q, %k, none, none, %context_lens, %block_table :
                            !new_q, !cache, !lens, !table)
      outs(%out : !logits) -> !logits
  return %0 : !logits
}

func.func @paged_topk(%q: !new_q, %k: !cache, %context_lens: !lens, %block_table: !table, %max_context_len: index,
                      %indices: !keys) -> !keys {
  %c0 = arith.constant 0 : index
  %m = tensor.dim %q, %c0 : !new_q
  %init = tensor.empty(%m, %max_context_len) : !logits
  %logits = mqa.paged_logits ins(%q, %k, none, none, %context_lens, %block_table :
                                 !new_q, !cache, !lens, !table)
      outs(%init : !logits) -> !logits
  %best = mqa.topk ins(%logits, none, none : !logits) context_lens(%context_lens : !lens)
      block_table(%block_table : !table) outs(%indices : !keys)
      {base = #mqa.base<slot>, block_kv = 64} -> !keys
  return %best : !keys
}

func.func @fp8_logits(%q: !fp8_q, %k: !fp8_k, %ks: !range, %ke: !range, %out: !logits) -> !logits {
  %0 = mqa.logits ins(%q, %k, none, none, %ks, %ke :
                      !fp8_q, !fp8_k, !range, !range)
      outs(%out : !logits) -> !logits
  return %0 : !logits
}

func.func @fp8_paged_logits(%q: !fp8_new_q, %k: !fp8_cache, %context_lens: !lens, %block_table: !table,
                            %out: !logits) -> !logits {
  %0 = mqa.paged_logits ins(%q, %k, none, none, %context_lens, %block_table :
                            !fp8_new_q, !fp8_cache, !lens, !table)
      outs(%out : !logits) -> !logits
  return %0 : !logits
}
