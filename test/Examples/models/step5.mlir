// The indexer of Step5: 8 heads of 256 for each group of KV heads.
//
//   logit[m, n] = k_scale[n] * sum_h weights[m, h] * max(q[m, h] . k[n], 0)     for ks[m] <= n < ke[m]
//
// A row m is a pair of a token and a group: all groups share the keys, and each has 8 heads. A key stands for
// a region of 8 tokens. A query sees the regions up to its own. In decode, the groups of a sequence are T rows
// with a length for each; here T = 4. T is new tokens times groups, and at most 8. The engine also has a
// decode path without the scale: there, leave k_scale out. We do not know how many regions the model selects,
// so no selection is here.
// Source: vLLM 0.33's Triton kernels for SM90.

!q = tensor<?x8x256xf8E4M3FN>
!k = tensor<?x256xf8E4M3FN>
!k_scale = tensor<?xf32>
!weights = tensor<?x8xf32>
!range = tensor<?xi32>
!logits = tensor<?x?xf32>
!new_q = tensor<?x4x8x256xf8E4M3FN>
!cache = tensor<?x64x256xf8E4M3FN>
!cache_scale = tensor<?x64xf32>
!lens = tensor<?x4xi32>
!table = tensor<?x?xi32>

func.func @logits(%q: !q, %k: !k, %k_scale: !k_scale, %weights: !weights, %ks: !range, %ke: !range,
                  %out: !logits) -> !logits {
  %0 = mqa.logits ins(%q, %k, %k_scale, %weights, %ks, %ke :
                      !q, !k, !k_scale, !weights, !range, !range)
      outs(%out : !logits) -> !logits
  return %0 : !logits
}

func.func @paged_logits(%q: !new_q, %k: !cache, %k_scale: !cache_scale, %weights: !weights, %context_lens: !lens,
                        %block_table: !table, %out: !logits) -> !logits {
  %0 = mqa.paged_logits ins(%q, %k, %k_scale, %weights, %context_lens, %block_table :
                            !new_q, !cache, !cache_scale, !weights, !lens, !table)
      outs(%out : !logits) -> !logits
  return %0 : !logits
}
