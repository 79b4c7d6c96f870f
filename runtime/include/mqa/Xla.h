/*===- Xla.h - Kernels as custom calls of XLA ---------------------*- C -*-===*\
|*                                                                            *|
|* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception                    *|
|*                                                                            *|
|* The part of the C API of the MQA runtime that XLA calls (JAX and others):  *|
|* handlers of XLA's typed foreign function interface. The Python module      *|
|* mqa.jax registers them.                                                    *|
|*                                                                            *|
\*===----------------------------------------------------------------------===*/

#ifndef MQA_XLA_H
#define MQA_XLA_H

#include "mqa/Runtime.h"

#ifdef __cplusplus
extern "C" {
#endif

/** A kernel that a custom call needs and has not had on its device. */
typedef struct mqa_xla_request {
  const char *op; /**< the call's attribute "op": a text that only `find` reads;
                       op_size bytes */
  size_t op_size;
  int kind;       /**< an mqa_device_kind */
  int device;     /**< CUDA: the device, whose context is current; else 0 */
  int capability; /**< CUDA: its compute capability, 90 for 9.0; else 0 */
  const mqa_kernel *kernel; /**< out: stays loaded as long as calls may come */
  char message[1024];       /**< out: why there is none */
} mqa_xla_request;

/** What finds kernels for custom calls: fills `kernel` and returns 0, or fills
 *  `message` and returns another number. It is called from threads of XLA, from
 *  several at once, once for each text and device. Null, as at first: calls
 *  fail. */
typedef int (*mqa_xla_find)(mqa_xla_request *request);
MQA_API void mqa_xla_set_find(mqa_xla_find find);

/** Handlers: each takes an XLA_FFI_CallFrame and returns null or an
 *  XLA_FFI_Error. They are for the stages "initialize", which finds the kernel,
 *  and "execute", which launches it.
 *
 *  Operands of a call are those of the kernel's op, in the order of the op
 *  (key_blocks, num_key_blocks and q_scale last), without those that the kernel
 *  does not have; of a kernel of logits and top-k, first those of the logits.
 *  q_scale is M x H, of a paged cache (B * T) x H. Results are `out`, or
 * `indices` and where the kernel has it `values`. All are dense. A paged cache
 * may be one operand of bytes, num_blocks x block_kv x (head_dim + 4), with
 * MXFP4 keys (head_dim / 2 + 4), also with a 1 ahead of the last dimension:
 * then there is no k_scale. Attributes: "op", a string; "size", a 64-bit
 * integer, which is the number of keys of mqa.topk on compressed logits and on
 * those of key blocks, and the greatest context length of a kernel that selects
 * from a paged cache (without key blocks). */
MQA_API void *mqa_xla_launch_on_cpu(void *call_frame);
/** For kernels that need no scratch. XLA may record such a call in a CUDA
 *  graph. */
MQA_API void *mqa_xla_launch_on_cuda(void *call_frame);
/** For kernels that select keys. They work in scratch that is kept for each
 *  kernel and stream. */
MQA_API void *mqa_xla_select_on_cuda(void *call_frame);

#ifdef __cplusplus
}
#endif

#endif /* MQA_XLA_H */
