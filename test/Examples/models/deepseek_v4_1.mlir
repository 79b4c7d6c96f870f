// The indexer of DeepSeek-V4.1: 32 heads of 128, keys of MXFP4, the best 512 of them.
//
//   logit[m, n] = sum_h weights[m, h] * max(q[m, h] . key[n], 0)     for ks[m] <= n < ke[m]
//   key[n, d]   = f4E2M1FN(d of k[n]) * 2^(byte d / 32 of k_scale[n] - 127)
//
// A key has 64 bytes of two elements each, and a word of four block scales. One key stands for 1 or 2 tokens,
// by layer: ranges and lengths count keys. Queries are fp8 here; with bf16 in the place of f8E4M3FN, they are
// as SGLang has them on Hopper.
//
// One layer of the model publishes 2048 key blocks of 8 keys for each query. The layers behind it select
// from the keys of these blocks alone: `candidate_logits` has their logits, and `candidate_topk` selects from
// them. Column 8 j + o belongs to key 8 key_blocks[m, j] + o, and `candidate_topk` gives keys.
// `paged_candidate_logits` and `paged_candidate_topk` are that for decode, with slots of the cache.
//
// `logits` and `topk` are for prefill. `paged_logits` and `paged_topk` are for decode with one new query of
// each sequence, from a cache of blocks of 64 keys. `topk` counts keys from the beginning of the range;
// `paged_topk` gives slots of the cache.
// Source: SGLang 0.5.23's indexer of V4.1; FlashInfer 0.7.4's b12x kernels.

!q = tensor<?x32x128xf8E4M3FN>
!k = tensor<?x64xi8>
!k_scale = tensor<?xi32>
!weights = tensor<?x32xf32>
!range = tensor<?xi32>
!logits = tensor<?x?xf32>
!new_q = tensor<?x1x32x128xf8E4M3FN>
!cache = tensor<?x64x64xi8>
!cache_scale = tensor<?x64xi32>
!lens = tensor<?x1xi32>
!table = tensor<?x?xi32>
!keys = tensor<?x512xi32>
!key_blocks = tensor<?x2048xi32>
!columns = tensor<?x16384xf32>

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
  %m = tensor.dim %q, %c0 : !new_q
  %init = tensor.empty(%m, %max_context_len) : !logits
  %logits = mqa.paged_logits ins(%q, %k, %k_scale, %weights, %context_lens, %block_table :
                                 !new_q, !cache, !cache_scale, !weights, !lens, !table)
      outs(%init : !logits) -> !logits
  %best = mqa.topk ins(%logits, none, none : !logits) context_lens(%context_lens : !lens)
      block_table(%block_table : !table) outs(%indices : !keys)
      {base = #mqa.base<slot>, block_kv = 64} -> !keys
  return %best : !keys
}

func.func @candidate_logits(%q: !q, %k: !k, %k_scale: !k_scale, %weights: !weights, %ks: !range, %ke: !range,
                            %key_blocks: !key_blocks, %num_key_blocks: !range, %out: !columns) -> !columns {
  %0 = mqa.logits ins(%q, %k, %k_scale, %weights, %ks, %ke :
                      !q, !k, !k_scale, !weights, !range, !range)
      blocks(%key_blocks, %num_key_blocks : !key_blocks, !range) of 8
      outs(%out : !columns) {clean} -> !columns
  return %0 : !columns
}

func.func @paged_candidate_logits(%q: !new_q, %k: !cache, %k_scale: !cache_scale, %weights: !weights,
                                  %context_lens: !lens, %block_table: !table, %key_blocks: !key_blocks,
                                  %num_key_blocks: !range, %out: !columns) -> !columns {
  %0 = mqa.paged_logits ins(%q, %k, %k_scale, %weights, %context_lens, %block_table :
                            !new_q, !cache, !cache_scale, !weights, !lens, !table)
      blocks(%key_blocks, %num_key_blocks : !key_blocks, !range) of 8
      outs(%out : !columns) {clean} -> !columns
  return %0 : !columns
}

func.func @candidate_topk(%q: !q, %k: !k, %k_scale: !k_scale, %weights: !weights, %ks: !range, %ke: !range,
                          %key_blocks: !key_blocks, %num_key_blocks: !range, %indices: !keys) -> !keys {
  %c0 = arith.constant 0 : index
  %m = tensor.dim %q, %c0 : !q
  %n = tensor.dim %k, %c0 : !k
  %init = tensor.empty(%m) : !columns
  %logits = mqa.logits ins(%q, %k, %k_scale, %weights, %ks, %ke :
                           !q, !k, !k_scale, !weights, !range, !range)
      blocks(%key_blocks, %num_key_blocks : !key_blocks, !range) of 8
      outs(%init : !columns) -> !columns
  %best = mqa.topk ins(%logits, %ks, %ke : !columns, !range, !range) num_keys(%n)
      blocks(%key_blocks, %num_key_blocks : !key_blocks, !range) of 8
      outs(%indices : !keys) {base = #mqa.base<absolute>} -> !keys
  return %best : !keys
}

func.func @paged_candidate_topk(%q: !new_q, %k: !cache, %k_scale: !cache_scale, %weights: !weights,
                                %context_lens: !lens, %block_table: !table, %key_blocks: !key_blocks,
                                %num_key_blocks: !range, %indices: !keys) -> !keys {
  %c0 = arith.constant 0 : index
  %m = tensor.dim %q, %c0 : !new_q
  %init = tensor.empty(%m) : !columns
  %logits = mqa.paged_logits ins(%q, %k, %k_scale, %weights, %context_lens, %block_table :
                                 !new_q, !cache, !cache_scale, !weights, !lens, !table)
      blocks(%key_blocks, %num_key_blocks : !key_blocks, !range) of 8
      outs(%init : !columns) -> !columns
  %best = mqa.topk ins(%logits, none, none : !columns) context_lens(%context_lens : !lens)
      block_table(%block_table : !table) blocks(%key_blocks, %num_key_blocks : !key_blocks, !range) of 8
      outs(%indices : !keys) {base = #mqa.base<slot>, block_kv = 64} -> !keys
  return %best : !keys
}
