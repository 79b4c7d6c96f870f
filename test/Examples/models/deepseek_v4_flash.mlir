// The indexer of DeepSeek-V4 Flash: 64 heads of 128, compressed keys, the best 512 of them.
//
//   logit[m, n] = k_scale[n] * sum_h weights[m, h] * max(q[m, h] . k[n], 0)     for ks[m] <= n < ke[m]
//
// The keys are compressed: one key stands for 4 tokens. So N, ks, ke and the lengths count compressed keys:
// the query at position p sees the keys n < (p + 1) / 4, rounded down. Two new tokens of a sequence may see
// the same number of keys, so each query has a length of its own. Scales are as for DeepSeek-V3.2.
// `logits` and `topk` are for prefill. `paged_logits` and `paged_topk` are for decode with two new queries of
// each sequence, from a cache of blocks of 64 keys. `topk` counts keys from the beginning of the range;
// `paged_topk` gives slots of the cache.
// Source: FlashInfer 0.7.4's table of models (H, D, k, ratio); vLLM 0.33, SGLang 0.5.23.

!q = tensor<?x64x128xf8E4M3FN>
!k = tensor<?x128xf8E4M3FN>
!k_scale = tensor<?xf32>
!weights = tensor<?x64xf32>
!range = tensor<?xi32>
!logits = tensor<?x?xf32>
!new_q = tensor<?x2x64x128xf8E4M3FN>
!cache = tensor<?x64x128xf8E4M3FN>
!cache_scale = tensor<?x64xf32>
!lens = tensor<?x2xi32>
!table = tensor<?x?xi32>
!keys = tensor<?x512xi32>

func.func @logits(%q: !q, %k: !k, %k_scale: !k_scale, %weights: !weights, %ks: !range, %ke: !range,
                  %out: !logits) -> !logits {
  %0 = mqa.logits ins(%q, %k, %k_scale, %weights, %ks, %ke :
                      !q, !k, !k_scale, !weights, !range, !range)
      outs(%out : !logits) -> !logits
  return %0 : !logits
}

func.func @topk(%q: !q, %k: !k, %k_scale: !k_scale, %weights: !weights, %ks: !range, %ke: !range,
                %indices: !keys) -> !keys {
  %c0 = arith.constant 0 : index
  %m = tensor.dim %q, %c0 : !q
  %n = tensor.dim %k, %c0 : !k
  %init = tensor.empty(%m, %n) : !logits
  %logits = mqa.logits ins(%q, %k, %k_scale, %weights, %ks, %ke :
                           !q, !k, !k_scale, !weights, !range, !range)
      outs(%init : !logits) -> !logits
  %best = mqa.topk ins(%logits, %ks, %ke : !logits, !range, !range)
      outs(%indices : !keys) -> !keys
  return %best : !keys
}

func.func @paged_logits(%q: !new_q, %k: !cache, %k_scale: !cache_scale, %weights: !weights, %context_lens: !lens,
                        %block_table: !table, %out: !logits) -> !logits {
  %0 = mqa.paged_logits ins(%q, %k, %k_scale, %weights, %context_lens, %block_table :
                            !new_q, !cache, !cache_scale, !weights, !lens, !table)
      outs(%out : !logits) -> !logits
  return %0 : !logits
}

func.func @paged_topk(%q: !new_q, %k: !cache, %k_scale: !cache_scale, %weights: !weights, %context_lens: !lens,
                      %block_table: !table, %max_context_len: index, %indices: !keys) -> !keys {
  %c0 = arith.constant 0 : index
  %next_n = arith.constant 2 : index
  %batch = tensor.dim %q, %c0 : !new_q
  %m = arith.muli %batch, %next_n : index
  %init = tensor.empty(%m, %max_context_len) : !logits
  %logits = mqa.paged_logits ins(%q, %k, %k_scale, %weights, %context_lens, %block_table :
                                 !new_q, !cache, !cache_scale, !weights, !lens, !table)
      outs(%init : !logits) -> !logits
  %best = mqa.topk ins(%logits, none, none : !logits) context_lens(%context_lens : !lens)
      block_table(%block_table : !table) outs(%indices : !keys)
      {base = #mqa.base<slot>, block_kv = 64} -> !keys
  return %best : !keys
}
