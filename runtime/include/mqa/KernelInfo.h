/*===- KernelInfo.h - What a compiled kernel is -------------------*- C -*-===*\
|*                                                                            *|
|* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception                    *|
|*                                                                            *|
|* The part of the C API of the MQA runtime (mqa/Runtime.h) that says what a  *|
|* kernel computes.                                                           *|
|*                                                                            *|
\*===----------------------------------------------------------------------===*/

#ifndef MQA_KERNELINFO_H
#define MQA_KERNELINFO_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/** Types of elements, by their names in MLIR. */
typedef enum mqa_element_type {
  MQA_F8E4M3FN,
  MQA_F8E5M2,
  MQA_BF16,
  MQA_F16,
  MQA_F32,
  MQA_I32,
  MQA_I8 /**< of keys and queries: two f4E2M1FN of MXFP4, the even one in the
              low bits */
} mqa_element_type;

/** The ops that kernels are compiled from. */
typedef enum mqa_op {
  MQA_OP_LOGITS,       /**< mqa.logits: mqa_logits_launch */
  MQA_OP_PAGED_LOGITS, /**< mqa.paged_logits: mqa_paged_logits_launch */
  MQA_OP_TOPK,         /**< mqa.topk: mqa_topk_launch */
  MQA_OP_MERGE_TOPK,   /**< mqa.merge_topk: mqa_merge_topk_launch */
  /* mqa.topk of logits that the same kernel computes, and does not store. */
  MQA_OP_LOGITS_TOPK,      /**< mqa.logits: mqa_logits_topk_launch */
  MQA_OP_PAGED_LOGITS_TOPK /**< mqa.paged_logits:
                                mqa_paged_logits_topk_launch */
} mqa_op;

/** What becomes of a score before it is weighted. */
typedef enum mqa_activation {
  MQA_ACTIVATION_RELU,            /**< negative scores count as 0 */
  MQA_ACTIVATION_NONE,            /**< nothing */
  MQA_ACTIVATION_RELU_NAN_AS_ZERO /**< negative scores and NaN count as 0 */
} mqa_activation;

/** How what the heads have for a query and a key becomes one logit. */
typedef enum mqa_head_reduction {
  MQA_HEAD_REDUCTION_SUM,
  MQA_HEAD_REDUCTION_MAX /**< NaN is greater than any number; k_scale multiplies
                              behind it */
} mqa_head_reduction;

/** Which of two keys with equal logits ops that select take for the better one.
 */
typedef enum mqa_tie_break {
  MQA_TIE_BREAK_SMALLEST,
  MQA_TIE_BREAK_GREATEST
} mqa_tie_break;

/** How they sort the keys of a row. */
typedef enum mqa_order {
  MQA_ORDER_KEY,   /**< ascending keys */
  MQA_ORDER_SCORE, /**< descending logits, ties by mqa_tie_break */
  MQA_ORDER_ANY    /**< the same in each run */
} mqa_order;

/** What an index of theirs counts from. */
typedef enum mqa_base {
  MQA_BASE_RELATIVE, /**< max(ks, 0) */
  MQA_BASE_ABSOLUTE, /**< key 0 */
  MQA_BASE_SLOT      /**< the paged cache: block_table[b, n / P] * P + n % P;
                          not of mqa.merge_topk */
} mqa_base;

/** What a kernel computes. Sizes that the kernel takes at launch are -1; what
 *  its op does not have is 0. */
typedef struct mqa_kernel_info {
  const char *name;   /**< the function in the MLIR file; owned by the bundle */
  const char *target; /**< "sm_80", "sm_86", "sm_89", "sm_90a", "sm_120" or
                           "cpu"; owned by the bundle */
  mqa_op op;
  int64_t num_queries, num_heads, head_dim, num_keys;
  int64_t num_groups;          /**< of heads that share a key: 1 for multi-query
                                    attention */
  int64_t max_seqlen_k;        /**< columns of compressed logits, else 0 */
  mqa_element_type input_type; /**< of q: with block scales MQA_I8 (MXFP4) or
                                    MQA_F8E4M3FN (MXFP8); of mqa.topk and
                                    mqa.merge_topk: of the logits */
  mqa_element_type key_type;   /**< of k: input_type where neither q nor k has
                                    block scales; with block scales MQA_I8
                                    (MXFP4) or MQA_F8E4M3FN (MXFP8) */
  mqa_element_type k_scale_type; /**< MQA_F32, or MQA_I32: words of four block
                                      scales each */
  mqa_element_type out_type;     /**< of ops that select: of the indices */
  mqa_element_type weights_type;
  int has_weights;     /**< 0: weights are 1, and not an argument */
  int has_k_scale;     /**< likewise */
  int strided_k_scale; /**< 1 if k_scale may have any stride from key to key */
  int has_ks;          /**< likewise: 0 */
  mqa_activation activation; /**< where it computes logits */
  int clean;                 /**< 1 if it writes -inf outside the ranges */
  int compressed;            /**< 1 if a row of logits begins with its range */
  int64_t block_max;         /**< keys of a block whose maximum a column is; 0:
                                  a column is a key */
  int fast;             /**< 1 if it sums over the heads in half precision */
  const char *schedule; /**< parameters of its schedule, "" for a CPU; owned by
                             the bundle */
  int64_t batch;        /**< sequences, where queries are in their order */
  int64_t next_n;       /**< queries of a sequence then, else 0 */
  int64_t num_blocks;   /**< of the cache */
  int64_t block_kv;     /**< keys of a block */
  int64_t max_blocks;   /**< columns of the block table */
  int lens_per_query;   /**< 1 if context_lens is batch x next_n */
  int64_t max_context_len; /**< columns of the `out` of mqa.paged_logits, which
                                its kernels of top-k take too; with block_max,
                                as many times its keys; with key_block_size, -1
                            */
  /* Of ops that select. */
  int64_t k; /**< keys that are selected of a row: columns of `indices` */
  mqa_tie_break tie_break;
  mqa_order order;
  mqa_base base;
  /* Not of mqa.merge_topk. */
  int64_t force_first;   /**< first keys of a range that are always selected */
  int64_t force_last;    /**< last ones */
  int64_t num_sequences; /**< lines of the block table */
  int has_context_lens;  /**< 1: context_lens instead of ks and ke; so has
                              mqa.paged_logits */
  int has_sequence;      /**< 1: each row says which line of the table is its
                              own. In mqa.paged_logits, batch is the number of
                              lines then, and next_n is 1 */
  int has_offset;        /**< 1: each query adds a number to its indices */
  int has_values;        /**< 1 if it writes the logits of selected keys */
  int has_num_keys;      /**< 1: the number of keys is an argument of mqa.topk
                          */
  /* Of mqa.merge_topk alone. */
  int64_t num_lists; /**< of each row */
  /* Of all. */
  mqa_element_type logits_type; /**< what logits are rounded to before they are
                                     stored or compared */
  /* Of mqa.paged_logits alone. */
  int64_t rows_per_sequence; /**< with has_sequence: for how many neighbouring
                                  rows of a sequence the kernel is fast; 0: for
                                  many. It is right for any number */
  /* Of mqa.logits and mqa.paged_logits. */
  int64_t key_block_size; /**< keys of a block where each query has blocks of
                               its own (8 or 16), else 0 */
  int64_t max_key_blocks; /**< blocks that a query may have then */
  /* Only of kernels for a GPU that compute logits and select. */
  int needs_zeroed_scratch; /**< 1: the caller zeroes the scratch before its
                                 first launch (mqa_topk_scratch_size) */
  /* Of a kernel for a CPU alone. */
  int64_t scratch_bytes; /**< memory that a task works in, which the runtime
                              has ready */
  /* Of a loaded one. */
  int num_threads; /**< that work on a launch, the caller of it among them; of
                        an executor: those that it has */
  /* Of kernels that compute logits. */
  int has_q_scale; /**< 1 if queries have block scales, whose words are an
                        argument */
  mqa_head_reduction head_reduction;
} mqa_kernel_info;

#ifdef __cplusplus
}
#endif

#endif /* MQA_KERNELINFO_H */
