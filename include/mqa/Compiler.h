/*===- Compiler.h - Compile mqa.logits in process -----------------*- C -*-===*\
|*                                                                            *|
|* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception                    *|
|*                                                                            *|
|* The C API of the MQA compiler: MLIR text or a description of an op in, a   *|
|* bundle in memory out, for mqa_bundle_load_memory of mqa/Runtime.h.         *|
|*                                                                            *|
|* Every function may be called from any thread; nothing is shared between    *|
|* calls. Bad input is no end of the process: the result then holds the       *|
|* diagnostics, also where a disk is full or ptxas or ld fails. No signal     *|
|* handler and no timer of the process is touched.                            *|
|*                                                                            *|
|* There are two exceptions, which lie in MLIR and LLVM. MLIR's parser may    *|
|* crash on text that is malformed in certain ways (brackets that are nested  *|
|* too deep are refused before), and LLVM aborts where memory ends. Compile   *|
|* text from strangers in a process of its own (mqa-compile).                 *|
|*                                                                            *|
\*===----------------------------------------------------------------------===*/

#ifndef MQA_COMPILER_H
#define MQA_COMPILER_H

#include <stddef.h>
#include <stdint.h>

#if defined(__GNUC__)
#define MQA_COMPILER_API __attribute__((visibility("default")))
#else
#define MQA_COMPILER_API
#endif

#ifdef __cplusplus
extern "C" {
#endif

/** Of this header; raised when a caller would have to change. */
#define MQA_COMPILER_API_VERSION 6

/** That of the library. */
MQA_COMPILER_API int mqa_compiler_api_version(void);

/** The compiler's own version, for instance "0.1.0". */
MQA_COMPILER_API const char *mqa_compiler_version(void);

typedef struct mqa_compile_options {
  /** "sm_80", "sm_86", "sm_89", "sm_90a", "sm_120", "cpu" for this machine's,
   *  or "cpu:PROCESSOR[:+FEATURE|:-FEATURE]..." for another one, by LLVM's
   *  names ("cpu:x86-64-v3", "cpu:native:-amx-bf16", "cpu:aarch64"); null means
   *  "sm_90a". Or several of these, separated by ','
   * alone: the bundle then has each kernel for each of them, and the runtime
   * takes the best. */
  const char *target;
  /** "exact", "fast" (heads summed in half precision, error at most 1e-3) or
   *  the parameters of a #mqa.schedule; null: as the compiler finds best. */
  const char *schedule;
  /** A folder that keeps what was compiled; null: none. What was compiled
   * before from the same text with the same options, by this build of the
   * compiler on this build of LLVM, is taken from there. Any number of
   * processes may share it. It must belong to the caller, and nobody else may
   * write to it; else it is not used. That, or where it cannot be written, is a
   * warning. */
  const char *cache;
} mqa_compile_options;

/** What a compilation gave. */
typedef struct mqa_compilation mqa_compilation;

/** Compiles MLIR text (need not end with 0). Functions that consist of one
 *  mqa.logits, mqa.paged_logits, mqa.topk or mqa.merge_topk are kernels. Where
 *  such ops stand among others, these become a host program
 *  (mqa_compilation_host). `options` may be null. The result is never null but
 *  when there is no memory; free it with mqa_compilation_destroy. */
MQA_COMPILER_API mqa_compilation *
mqa_compile_text(const char *text, size_t size,
                 const mqa_compile_options *options);

/** An mqa.logits. Zero-initialise it: what is 0 or null has the meaning given
 * in brackets. Element types are named as in MLIR. */
typedef struct mqa_logits_description {
  const char *name;         /**< of the kernel ["logits"]: a letter, then
                                 letters, digits, _ and $; no function of the C
                                 library */
  int64_t num_heads;        /**< H, 1 to 128 */
  int64_t head_dim;         /**< D, a multiple of 16 up to 256 */
  int64_t num_groups;       /**< G: keys are N x G x D [keys are N x D] */
  int64_t num_queries;      /**< M [given at launch] */
  int64_t num_keys;         /**< N [given at launch] */
  int64_t max_seqlen_k;     /**< columns of compressed logits [at launch] */
  const char *input_type;   /**< of q and k: "f8E5M2", "bf16", "f16"
                                 ["f8E4M3FN"] */
  const char *weights_type; /**< "bf16", or "none" to leave them out ["f32"] */
  const char *out_type;     /**< "bf16", "f16" ["f32"] */
  const char *activation;   /**< as in the op: "none" or "relu_nan_as_zero"
                                 ["relu"] */
  int no_k_scale;           /**< 1: there are no scales of keys */
  int clean;                /**< 1: -inf outside of the ranges */
  int compressed;           /**< 1: a row of the logits begins with its range */
  int64_t block_max;      /**< 8, 64 or 128: a column is the maximum of a block
                               of as many keys [a column is a key] */
  int64_t key_block_size; /**< 8 or 16: each query has blocks of as many keys
                               [each query has all keys] */
  int64_t max_key_blocks; /**< with key_block_size: blocks that a query may have
                               [given at launch] */
  const char *mx_keys;    /**< "MXFP4" or "MXFP8": keys have block scales, and
                               input_type is of q alone. Then head_dim is 32,
                               64, 96 or 128, there are no groups, no_k_scale is
                               0, and input_type is not "f8E5M2"
                               [a key has one scale, f32] */
  const char *mx_queries; /**< "MXFP4" or "MXFP8": queries have block scales, an
                               argument q_scale. Then input_type is of k alone,
                               with mx_keys null; head_dim is 32, 64, 96 or 128,
                               there are no groups, and schedule is not "fast"
                               [queries have no scales] */
  const char *head_reduction; /**< "max": a logit is the greatest of what the
                                   heads have, and schedule is not "fast"
                                   ["sum": their sum] */
} mqa_logits_description;

/** As mqa_compile_text, for one op. */
MQA_COMPILER_API mqa_compilation *
mqa_compile_logits(const mqa_logits_description *description,
                   const mqa_compile_options *options);

/** An mqa.paged_logits, likewise. What has the name of a member of
 *  mqa_logits_description means the same. */
typedef struct mqa_paged_logits_description {
  const char *name;        /**< ["paged_logits"] */
  int64_t num_heads;       /**< H, 1 to 128 */
  int64_t head_dim;        /**< D, a multiple of 16 up to 256 */
  int64_t next_n;          /**< T, 1 to 8: queries of each sequence [1] */
  int64_t block_kv;        /**< P, a power of two from 16 to 256: keys of a
                                cache block */
  int64_t batch;           /**< B, sequences [given at launch] */
  int64_t num_rows;        /**< M, with has_sequence [given at launch] */
  int64_t num_blocks;      /**< C, blocks of the cache [given at launch] */
  int64_t max_blocks;      /**< S, blocks of a sequence [given at launch] */
  int64_t max_context_len; /**< N, the most keys of a sequence that have a
                                logit; none with key_block_size [at launch] */
  const char *input_type;
  const char *weights_type;
  const char *out_type;
  const char *activation;
  const char *mx_keys;
  int no_k_scale;
  int clean;
  int lens_per_query;        /**< 1: each query has a length [a sequence has] */
  int has_sequence;          /**< 1: rows name their sequences, and each row has
                                  a length; then next_n is 0 or 1 */
  int64_t rows_per_sequence; /**< with has_sequence, 1 to 8: rows that sequences
                                  mostly have [many] */
  int64_t block_max;
  int64_t key_block_size;
  int64_t max_key_blocks;
  const char *mx_queries;
  const char *head_reduction;
} mqa_paged_logits_description;

/** As mqa_compile_text, for one op. */
MQA_COMPILER_API mqa_compilation *
mqa_compile_paged_logits(const mqa_paged_logits_description *description,
                         const mqa_compile_options *options);

/** 1 if there is a bundle, else 0. */
MQA_COMPILER_API int mqa_compilation_succeeded(const mqa_compilation *result);

/** 1 if the bundle comes from the cache, else 0. */
MQA_COMPILER_API int mqa_compilation_was_cached(const mqa_compilation *result);

/** The bundle and its size in bytes; null and 0 if there is none. Valid until
 *  the result is destroyed. */
MQA_COMPILER_API const void *
mqa_compilation_bundle(const mqa_compilation *result, size_t *size);

/** The host program, as MLIR text that ends with 0: what the text had beside
 * its kernels, on memrefs, with calls of declared functions that say by
 *  `mqa.launch` which kernel a call launches. Null and 0 if the text had kernel
 *  functions alone. `size` may be null; it does not count the 0. Valid until
 *  the result is destroyed. */
MQA_COMPILER_API const char *mqa_compilation_host(const mqa_compilation *result,
                                                  size_t *size);

/** As mqa_compilation_host, with bodies for the declared functions: they launch
 *  their kernels by mqa/Program.h. The bundle is a constant of the program,
 *  which has ops of upstream alone. The first call of a result makes it, so
 *  only one thread may use a result meanwhile. Null if that failed; then
 *  mqa_compilation_diagnostics says why. What that returned before stays
 *  valid. */
MQA_COMPILER_API const char *mqa_compilation_bound_host(mqa_compilation *result,
                                                        size_t *size);

/** Errors and warnings, one per line with its position in the text; "" if there
 *  were none. Valid until the result is destroyed. */
MQA_COMPILER_API const char *
mqa_compilation_diagnostics(const mqa_compilation *result);

/** Frees a result; null is ignored. */
MQA_COMPILER_API void mqa_compilation_destroy(mqa_compilation *result);

#ifdef __cplusplus
}
#endif

#endif /* MQA_COMPILER_H */
