/*===- Program.h - Launches of compiled host programs --------------*- C
-*-===*\
|*                                                                            *|
|* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception                    *|
|*                                                                            *|
|* What a host program calls that mqa-bind-kernels has bound to its kernels,  *|
|* and what the engine around it can set.                                     *|
|*                                                                            *|
\*===----------------------------------------------------------------------===*/

#ifndef MQA_PROGRAM_H
#define MQA_PROGRAM_H

#include "mqa/Runtime.h"

#ifdef __cplusplus
extern "C" {
#endif

/** A memref of rank 1 as upstream's C interface passes it. Sizes and strides
 *  count elements. */
typedef struct mqa_program_memref {
  void *allocated, *aligned;
  int64_t offset, size, stride;
} mqa_program_memref;

/** An operand of a launch. */
typedef struct mqa_program_operand {
  int64_t address; /**< of its first element; of "num_keys", the number */
  int64_t rank;    /**< at most 4; 0 for "num_keys" */
  int64_t sizes[4], strides[4];
} mqa_program_operand;

/** Launches a kernel, on this thread's stream (mqa_program_set_stream). On a
 *  CPU it returns when the kernel is done. Any thread may call it.
 *
 *  `bundle`: the bytes of the bundle, which stay where they are. `description`:
 *  the kernel's name and the names of its operands, as mqa/LaunchArgs.h has
 *  them, each with a 0 behind it. `state`: a word that is 0 at first, one for
 *  each kernel of a program; the kernel is loaded by the first launch, for the
 *  CUDA context of its thread or the first device, or for all cores of a CPU,
 *  and stays. `operands`: an mqa_program_operand for each name.
 *
 *  A kernel that needs scratch on a GPU gets it here, for each stream: the
 * first launch on a stream, and one that needs more, allocates it and waits for
 * the stream. Such a launch cannot be captured in a graph.
 *
 *  What goes wrong is told to the handler of mqa_program_set_error_handler. */
MQA_API void _mlir_ciface_mqa_program_launch(
    const mqa_program_memref *bundle, const mqa_program_memref *description,
    const mqa_program_memref *state, const mqa_program_memref *operands);

/** The stream of launches by this thread from now on (a CUstream or
 *  cudaStream_t); null, as at first, is the default stream. It must be null
 *  for kernels on a CPU. */
MQA_API void mqa_program_set_stream(void *stream);

/** Is called with the message, one line, when a launch fails; `context` is what
 *  it was set with. If it returns, the program goes on, and what the launch
 *  writes is not written. Null, as at first: the message is printed to standard
 *  error, and the process aborts. Of the whole process. */
typedef void (*mqa_program_error_handler)(void *context, const char *message);
MQA_API void mqa_program_set_error_handler(mqa_program_error_handler handler,
                                           void *context);

#ifdef __cplusplus
}
#endif

#endif /* MQA_PROGRAM_H */
