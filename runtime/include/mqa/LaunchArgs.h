/*===- LaunchArgs.h - The operands of launches --------------------*- C -*-===*\
|*                                                                            *|
|* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception                    *|
|*                                                                            *|
|* The part of the C API of the MQA runtime (mqa/Runtime.h) that says what    *|
|* launches are given.                                                        *|
|*                                                                            *|
\*===----------------------------------------------------------------------===*/

#ifndef MQA_LAUNCHARGS_H
#define MQA_LAUNCHARGS_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/** The operands of mqa.logits: pointers to device memory for a GPU kernel, to
 *  host memory for a CPU kernel. Strides count elements; rows are contiguous.
 *  M = num_queries, N = num_keys; H, D and G groups are those of the kernel. */
typedef struct mqa_logits_args {
  const void *q;          /**< M x H x D of input_type; MQA_I8: M x H x D / 2
                               bytes. GPU: 16-byte aligned */
  int64_t q_stride;       /**< from query to query, at least the elements
                               (MQA_I8: bytes) of one; GPU: a multiple of 16
                               bytes */
  const void *k;          /**< N x G x D of key_type; MQA_I8: N x D / 2 bytes.
                               GPU: 16-byte aligned */
  int64_t k_stride;       /**< from key to key, at least the elements (MQA_I8:
                               bytes) of one; GPU: a multiple of 16 bytes */
  const void *k_scale;    /**< N x G of float; where k_scale_type is MQA_I32: N
                               words of four block scales each. GPU: 16-byte
                               aligned if contiguous. Ignored where the kernel has
                               none, as weights are */
  int64_t k_scale_stride; /**< from key to key: 1, or at least G where the
                               kernel was compiled for strided scales or for
                               key groups */
  const void *weights;    /**< M x H of weights_type; GPU: f32 16-byte aligned
                               where H is a multiple of 4 */
  int64_t weights_stride; /**< at least H; GPU: a multiple of 4 where H is */
  const int32_t *ks;      /**< M: first key of each query's range */
  const int32_t *ke;      /**< M: first key behind it */
  void *out;          /**< M x N of out_type; compressed: M x max_seqlen_k; with
                           block_max: M x ceil(N / block_max) */
  int64_t out_stride; /**< at least as many */
  int64_t num_queries, num_keys;
  int64_t max_seqlen_k; /**< only a compressed kernel looks at it: longer ranges
                             are cut there */
  int max_multiprocessors; /**< GPU: the most that the launch may use; 0: what
                                mqa_set_max_multiprocessors says */
  /* Only a kernel with key blocks (mqa_kernel_info has R =
     key_block_size) looks at these; its `out` is M x (max_key_blocks * R). */
  const int32_t *key_blocks;     /**< M x max_key_blocks: numbers of blocks */
  int64_t key_blocks_stride;     /**< at least max_key_blocks */
  const int32_t *num_key_blocks; /**< M: how many of a row's are read */
  int64_t max_key_blocks;
  /* Only a kernel whose queries have block scales (has_q_scale of
     mqa_kernel_info) looks at these. */
  const int32_t *q_scale; /**< M x H words of four block scales each; GPU:
                               16-byte aligned where H is a multiple of 4 */
  int64_t q_scale_stride; /**< at least H; GPU: a multiple of 4 where H is */
} mqa_logits_args;

/** The operands of mqa.paged_logits, likewise. B = batch, T = next_n and P =
 *  block_kv are those of the kernel where it knows them.
 *
 *  Where a block of the cache has P * D key bytes and then P f32 scales, as in
 *  DeepGEMM's fp8_paged_mqa_logits, k is the cache, k_scale is the cache + P *
 *  D bytes, and k_scale_stride is k_stride / 4. So it is with P * D / 2 bytes
 *  of MXFP4, or P * D of MXFP8, and P words of block scales.
 *
 * Where has_sequence, M = num_rows rows name their sequences: q is M x H x D,
 * weights and q_scale M x H, context_lens M, and out M x max_context_len. */
typedef struct mqa_paged_logits_args {
  const void *q;    /**< B x T x H x D of input_type; MQA_I8: B x T x H x D / 2
                         bytes. GPU: 16-byte aligned */
  int64_t q_stride; /**< from sequence to sequence, at least the elements
                       (MQA_I8: bytes) of one; GPU: a multiple of 16 bytes */
  const void *k;    /**< num_blocks x P x D of key_type; MQA_I8: num_blocks x P
                         x D / 2 bytes. GPU: 16-byte aligned */
  int64_t k_stride; /**< from block to block, at least the elements (MQA_I8:
                         bytes) of one; GPU: a multiple of 16 bytes */
  const void *k_scale;    /**< num_blocks x P, likewise; GPU: 16-byte aligned */
  int64_t k_scale_stride; /**< from block to block, at least P; GPU: a multiple
                               of 4 */
  const void *weights;    /**< (B * T) x H, as in mqa_logits_args */
  int64_t weights_stride;
  const int32_t *context_lens; /**< B x T, or B: see mqa_kernel_info */
  int64_t context_lens_stride; /**< at least T; not looked at with B alone */
  const int32_t *block_table;  /**< B x max_blocks */
  int64_t block_table_stride;  /**< at least max_blocks */
  void *out;          /**< (B * T) x max_context_len of out_type, or with
                           block_max x ceil(max_context_len / block_max), or
                           with key blocks x (max_key_blocks *
                           key_block_size) */
  int64_t out_stride; /**< at least as many */
  int64_t batch, num_blocks, max_blocks, max_context_len; /**< 0 is a size too:
                                 without blocks k and k_scale, and without
                                 columns of the table it too, may be null */
  int max_multiprocessors; /**< as in mqa_logits_args */
  const int32_t *sequence; /**< num_rows: with has_sequence, which line of the
                                block table is that of a row; read where a row's
                                length is above 0 */
  int64_t num_rows;        /**< M then */
  /* Only a kernel with key blocks (mqa_kernel_info has key_block_size)
     looks at these. It does not look at max_context_len. */
  const int32_t *key_blocks;     /**< (B * T) x max_key_blocks: numbers of
                                      blocks of the row's sequence */
  int64_t key_blocks_stride;     /**< at least max_key_blocks */
  const int32_t *num_key_blocks; /**< B * T: how many of a row's are read */
  int64_t max_key_blocks;
  /* Only a kernel with has_q_scale looks at these. */
  const int32_t *q_scale; /**< (B * T) x H words, with has_sequence M x H; as in
                               mqa_logits_args */
  int64_t q_scale_stride; /**< from row to row, at least H; GPU: a multiple of 4
                               where H is */
} mqa_paged_logits_args;

/** The operands of mqa.topk, likewise: pointers, strides in elements. M =
 *  num_queries; k and next_n = T are those of the kernel. What the kernel does
 *  not have (mqa_kernel_info tells) is not looked at. `indices` and `values`
 *  must not overlap each other or what is read. */
typedef struct mqa_topk_args {
  const void *logits;    /**< M x num_columns of input_type; GPU: aligned as the
                              kernel asks, which the message says */
  int64_t logits_stride; /**< at least num_columns */
  const int32_t *ks;     /**< M: first key of each query's range */
  const int32_t *ke;     /**< M: first key behind it */
  const int32_t *context_lens; /**< (M / T) x T, or M / T, or M with sequence:
                                    instead of both */
  int64_t
      context_lens_stride;    /**< at least T; not looked at with M / T alone */
  const int32_t *block_table; /**< num_sequences x max_blocks */
  int64_t block_table_stride; /**< at least max_blocks */
  const int32_t *sequence;    /**< M: lines of the table. Without it, row m has
                                   line m / T of the table */
  const int32_t *offset;      /**< M */
  int32_t *indices;           /**< M x k */
  int64_t indices_stride;     /**< at least k */
  float *values;              /**< M x k */
  int64_t values_stride;      /**< at least k */
  int64_t num_queries, num_columns; /**< 0 is a size too */
  int64_t num_keys;                 /**< where has_num_keys: ranges end there */
  int64_t k;                        /**< that of the kernel */
  int64_t num_sequences, max_blocks; /**< of the block table */
  void *scratch; /**< memory that the launch works in, 16-byte aligned; null
                      where scratch_size is 0 */
  size_t scratch_size; /**< at least what mqa_topk_scratch_size says */
  /* Only a kernel of mqa.topk alone with key blocks (mqa_kernel_info has R
     = key_block_size) looks at these; num_columns is max_key_blocks * R then.
   */
  const int32_t *key_blocks;     /**< M x max_key_blocks: numbers of blocks,
                                    ascending, each once; else the indices of
                                    the row are unspecified */
  int64_t key_blocks_stride;     /**< at least max_key_blocks */
  const int32_t *num_key_blocks; /**< M: how many of a row's are read */
  int64_t max_key_blocks;
} mqa_topk_args;

/** The operands of mqa.merge_topk, likewise: num_lists = R lists of each of the
 *  M = num_queries rows. `indices` and `values` must not overlap each other or
 *  what is read. */
typedef struct mqa_merge_topk_args {
  const int32_t *list_indices;     /**< R x M x k: keys; below 0 is padding */
  int64_t list_indices_stride;     /**< from list to list, at least k: lists
                                        may lie one behind the other, or those
                                        of each row */
  int64_t list_indices_row_stride; /**< from row to row, at least k */
  const float *list_values;        /**< R x M x k: their logits */
  int64_t list_values_stride, list_values_row_stride; /**< likewise */
  const int32_t *ks;      /**< M: first key of each query's whole range */
  const int32_t *ke;      /**< M: first key behind it, at most the number of
                               keys that there are */
  int32_t *indices;       /**< M x k */
  int64_t indices_stride; /**< at least k */
  float *values;          /**< M x k */
  int64_t values_stride;  /**< at least k */
  int64_t num_lists;      /**< at most 2^30 / k; 0 is a size too, and lists may
                               be null then */
  int64_t num_queries;
  int64_t k; /**< that of the kernel */
} mqa_merge_topk_args;

#ifdef __cplusplus
}
#endif

#endif /* MQA_LAUNCHARGS_H */
