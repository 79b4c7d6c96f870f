/*===- Runtime.h - Load and launch compiled MQA bundles -----------*- C -*-===*\
|*                                                                            *|
|* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception                    *|
|*                                                                            *|
|* The C API of the MQA runtime. It needs neither LLVM nor the CUDA toolkit;  *|
|* libcuda is opened when the first kernel for a GPU is loaded.               *|
|*                                                                            *|
|* Every function that can fail returns a status; mqa_last_error() then says  *|
|* what was wrong, with the argument's name and value. Handles stay usable    *|
|* after an error. Functions may be called from any thread; one kernel may be *|
|* launched by several threads at once. docs/process.md tells what they do to *|
|* the process: threads, fork, stack, floating-point environment.             *|
|*                                                                            *|
\*===----------------------------------------------------------------------===*/

#ifndef MQA_RUNTIME_H
#define MQA_RUNTIME_H

#include "mqa/KernelInfo.h"
#include "mqa/LaunchArgs.h"

#include <stddef.h>
#include <stdint.h>

#if defined(__GNUC__)
#define MQA_API __attribute__((visibility("default")))
#else
#define MQA_API
#endif

#ifdef __cplusplus
extern "C" {
#endif

typedef enum mqa_status {
  MQA_SUCCESS = 0,
  /** An argument of the call is null, misaligned, too large, or does not fit.
   */
  MQA_ERROR_INVALID_ARGUMENT = 1,
  /** The bundle is truncated, altered, or of another version; or no bundle. */
  MQA_ERROR_INVALID_BUNDLE = 2,
  /** The bundle holds no kernel of that name or kind. */
  MQA_ERROR_NOT_FOUND = 3,
  /** This machine cannot run the kernel: no driver, wrong GPU, or wrong CPU. */
  MQA_ERROR_UNSUPPORTED = 4,
  /** A driver call failed; the message names it and holds the driver's words.
   */
  MQA_ERROR_DRIVER = 5,
  /** The operating system refused: no file, no memory, no thread. */
  MQA_ERROR_SYSTEM = 6,
  /** The caller's mqa_executor failed, or did not run each task once. */
  MQA_ERROR_EXECUTOR = 7
} mqa_status;

/** The version of this binary interface. It is raised when a function, a struct
 *  or the number of an enum's name changes, so that what was compiled against
 *  the one header would be wrong with the other's library; a new function or a
 *  new name at the end of an enum does not raise it. Who declares these
 * functions anew (Python does) asks mqa_runtime_abi_version first: it stays as
 * it is. */
#define MQA_RUNTIME_ABI_VERSION 13

/** MQA_RUNTIME_ABI_VERSION of the library. */
MQA_API int mqa_runtime_abi_version(void);

/** The version of the library, for instance "0.1.0". */
MQA_API const char *mqa_runtime_version(void);

/** The message of the last error on this thread, one line; "" if there was
 *  none. Valid until the next call of a function of this header on this
 *  thread. */
MQA_API const char *mqa_last_error(void);

/** The name of a status, for instance "invalid argument". */
MQA_API const char *mqa_status_name(mqa_status status);

/*===----------------------------------------------------------------------===*\
|* Bundles                                                                    *|
\*===----------------------------------------------------------------------===*/

/** What the compiler made of one MLIR file: one or more kernels, each for one
 *  or more targets. */
typedef struct mqa_bundle mqa_bundle;

/** Loads a bundle from a regular file. Every byte of it is checked (see
 *  docs/bundle.md), but not what its code does: a bundle is trusted as a shared
 *  library is. */
MQA_API mqa_status mqa_bundle_load_file(const char *path, mqa_bundle **bundle);

/** Loads a bundle from memory, which is copied. */
MQA_API mqa_status mqa_bundle_load_memory(const void *data, size_t size,
                                          mqa_bundle **bundle);

/** Frees a bundle; null is ignored. Kernels made from it stay valid. */
MQA_API void mqa_bundle_destroy(mqa_bundle *bundle);

/** Number of kernels in the bundle: a kernel for two targets counts twice. */
MQA_API size_t mqa_bundle_num_kernels(const mqa_bundle *bundle);

/** Describes kernel `index` of the bundle. */
MQA_API mqa_status mqa_bundle_kernel_info(const mqa_bundle *bundle,
                                          size_t index, mqa_kernel_info *info);

/*===----------------------------------------------------------------------===*\
|* Kernels                                                                    *|
\*===----------------------------------------------------------------------===*/

/** A kernel that is loaded and ready to launch. */
typedef struct mqa_kernel mqa_kernel;

/** Loads kernel `name` (null: the bundle's first). Where the bundle has it for
 *  several targets, those for GPUs count alone, and of them the best for the
 *  device is taken: the one for the newest chip that is not newer than the
 *  device, which the device can run, and which needs no more shared memory than
 *  it has. MQA_ERROR_UNSUPPORTED if there is none; the message then names the
 *  targets.
 *
 *  For a GPU it is loaded into the CUDA context that is current on this thread,
 *  or, if there is none, into the primary context of `device`. For a CPU,
 *  `device` is the number of threads, 0 meaning one per core that this thread
 *  may run on; those that are not there yet are started here, with memory for
 *  each (MQA_ERROR_SYSTEM if one cannot be). The caller of a launch is one of
 *  them, and needs 16 KB of stack. Kernels share the others. In a forked child,
 *  kernels for a CPU work as in its parent; those for a GPU do not, and say so
 *  (MQA_ERROR_DRIVER). */
MQA_API mqa_status mqa_kernel_load(const mqa_bundle *bundle, const char *name,
                                   int device, mqa_kernel **kernel);

/** What runs kernels. */
typedef enum mqa_device_kind {
  MQA_DEVICE_CPU = 0,
  MQA_DEVICE_CUDA = 1
} mqa_device_kind;

/** As mqa_kernel_load, for a device of this kind (an mqa_device_kind; any other
 *  number is an error): MQA_ERROR_NOT_FOUND if the bundle has the kernel for
 *  the other kind alone. */
MQA_API mqa_status mqa_kernel_load_for(const mqa_bundle *bundle,
                                       const char *name, int kind, int device,
                                       mqa_kernel **kernel);

/** Threads of the caller's, which run the tasks of launches. It is copied; what
 *  `context` points to must stay as long as kernels that were loaded with it,
 *  and prepared launches of them. */
typedef struct mqa_executor {
  void *context;
  /** From 1 to 4096. Tasks that run at the same time have different workers
   *  from 0 to num_threads - 1; a worker need not be a thread of its own. */
  int num_threads;
  /** Calls task(task_context, index, worker) once for each index from 0 to
   *  count - 1, in any order, and returns 0 when all of these calls have
   *  returned; or another number, if it cannot. Launches from several threads
   *  call it at the same time. `task` waits for nothing, and gives the thread
   *  its floating-point environment back. */
  int (*run)(void *context, int64_t count,
             void (*task)(void *task_context, int64_t index, int worker),
             void *task_context);
} mqa_executor;

/** As mqa_kernel_load_for a CPU, with the threads of `executor`: the runtime
 *  starts none. A launch calls executor->run once, unless there is nothing to
 *  do. MQA_ERROR_EXECUTOR from a launch: not every task was run, or `run` did
 *  not do as it must; the message says what, and what the launch writes is then
 *  not all written. */
MQA_API mqa_status mqa_kernel_load_cpu(const mqa_bundle *bundle,
                                       const char *name,
                                       const mqa_executor *executor,
                                       mqa_kernel **kernel);

/** Loads kernel `index` of the bundle, as mqa_bundle_kernel_info counts, and no
 *  other. */
MQA_API mqa_status mqa_kernel_load_at(const mqa_bundle *bundle, size_t index,
                                      int device, mqa_kernel **kernel);

/** Describes a loaded kernel; `target` tells which one was taken. The kernel
 *  owns the strings. */
MQA_API mqa_status mqa_kernel_get_info(const mqa_kernel *kernel,
                                       mqa_kernel_info *info);

/** Unloads a kernel; null is ignored. No launch of it may be under way. */
MQA_API void mqa_kernel_destroy(mqa_kernel *kernel);

/** Computes the logits. On a GPU, enqueues one launch on `stream` (a CUstream
 * or cudaStream_t; null is the default stream) and returns without allocating
 * or synchronising: the call may be captured in a graph. On a CPU, returns when
 *  `out` is written, and `stream` must be null; kernels round to nearest and
 *  keep subnormals, and the caller's floating-point environment stays as it is.
 */
MQA_API mqa_status mqa_logits_launch(mqa_kernel *kernel,
                                     const mqa_logits_args *args, void *stream);

/** As mqa_logits_launch. Lengths and block table are read on the device, and
 * work is divided there: a captured graph stays right when they change. */
MQA_API mqa_status mqa_paged_logits_launch(mqa_kernel *kernel,
                                           const mqa_paged_logits_args *args,
                                           void *stream);

/** Bytes of scratch that a launch on so many rows and columns of logits needs,
 *  of mqa.topk or of a kernel that computes the logits too; it may be 0. Of a
 *  paged cache, num_columns is max_context_len; of key blocks, contiguous
 * or paged, it is max_key_blocks * R. Launches that may overlap need scratch of
 *  their own.
 *
 *  If needs_zeroed_scratch of mqa_kernel_info is 1, the caller zeroes all of
 *  the scratch once, and again after a launch that failed. Each launch leaves
 *  it as it must be for the next launch of the same kernel, with any sizes for
 *  which it is large enough; other kernels need scratch of their own. If it is
 *  0, what is in the scratch before a launch does not matter. */
MQA_API mqa_status mqa_topk_scratch_size(const mqa_kernel *kernel,
                                         int64_t num_queries,
                                         int64_t num_columns, size_t *size);

/** Selects keys; otherwise as mqa_logits_launch. Rows without a key, and
 *  num_columns = 0, are padded. */
MQA_API mqa_status mqa_topk_launch(mqa_kernel *kernel,
                                   const mqa_topk_args *args, void *stream);

/** Computes logits and selects keys by them; otherwise as mqa_logits_launch.
 *  On a GPU it may enqueue several launches, and logits may lie in the scratch.
 *  `out`, `out_stride` and `max_seqlen_k` of `args` are not looked at. Of
 *  `selection`, it looks at k, indices, values, offset, sequence and
 *  block_table, with their strides and sizes, at scratch and scratch_size; each
 *  where the kernel has it. Rows without a key are padded, and num_keys = 0 is
 *  a size too. */
MQA_API mqa_status mqa_logits_topk_launch(mqa_kernel *kernel,
                                          const mqa_logits_args *args,
                                          const mqa_topk_args *selection,
                                          void *stream);

/** Likewise by mqa.paged_logits. No range is longer than `max_context_len` of
 *  `args`, unless keys are those of blocks. Block table, next_n and sequence
 * are those of `args`. */
MQA_API mqa_status mqa_paged_logits_topk_launch(
    mqa_kernel *kernel, const mqa_paged_logits_args *args,
    const mqa_topk_args *selection, void *stream);

/** Selects the best keys of all lists; otherwise as mqa_topk_launch. It needs
 *  no scratch. */
MQA_API mqa_status mqa_merge_topk_launch(mqa_kernel *kernel,
                                         const mqa_merge_topk_args *args,
                                         void *stream);

/** A launch on arguments that stay as they are: the same pointers, strides and
 *  sizes, whatever they point to. Checked and encoded once, it is cheaper to
 *  enqueue. It keeps the kernel loaded. */
typedef struct mqa_launch mqa_launch;

/** Prepares a launch; `args` may be gone afterwards. */
MQA_API mqa_status mqa_logits_prepare(mqa_kernel *kernel,
                                      const mqa_logits_args *args,
                                      mqa_launch **launch);

MQA_API mqa_status mqa_paged_logits_prepare(mqa_kernel *kernel,
                                            const mqa_paged_logits_args *args,
                                            mqa_launch **launch);

MQA_API mqa_status mqa_topk_prepare(mqa_kernel *kernel,
                                    const mqa_topk_args *args,
                                    mqa_launch **launch);

MQA_API mqa_status mqa_logits_topk_prepare(mqa_kernel *kernel,
                                           const mqa_logits_args *args,
                                           const mqa_topk_args *selection,
                                           mqa_launch **launch);

MQA_API mqa_status mqa_paged_logits_topk_prepare(
    mqa_kernel *kernel, const mqa_paged_logits_args *args,
    const mqa_topk_args *selection, mqa_launch **launch);

MQA_API mqa_status mqa_merge_topk_prepare(mqa_kernel *kernel,
                                          const mqa_merge_topk_args *args,
                                          mqa_launch **launch);

/** As mqa_logits_launch on the arguments it was prepared with; any number of
 *  times, from any thread. */
MQA_API mqa_status mqa_launch_run(const mqa_launch *launch, void *stream);

/** Frees a prepared launch; null is ignored. None may be under way. */
MQA_API void mqa_launch_destroy(mqa_launch *launch);

/** Whether launches on a GPU may overlap the end of the kernel ahead of them in
 *  the stream (programmatic dependent launch: a kernel waits for that end
 *  before it touches memory). On at first; of the whole process, from the next
 *  launch on. To be turned off where the kernel ahead is itself launched so,
 *  and does not wait for what is ahead of it. */
MQA_API void mqa_set_launch_overlap(int enabled);
MQA_API int mqa_get_launch_overlap(void);

/** The most multiprocessors of a GPU that a launch of logits may use, with or
 *  without top-k, where the launch does not say so itself (max_multiprocessors
 *  of its arguments); 0, as at first, or less: all. For who leaves some of them
 *  to other streams. Of the whole process, from the next launch or preparation
 *  on; a prepared launch keeps what it was prepared with. Kernels of mqa.topk
 *  and mqa.merge_topk alone have a block for each row, and are not limited. */
MQA_API void mqa_set_max_multiprocessors(int count);
MQA_API int mqa_get_max_multiprocessors(void);

/*===----------------------------------------------------------------------===*\
|* Launches on tensor objects                                                 *|
\*===----------------------------------------------------------------------===*/

/** Launches on the tensor objects of a Python framework that has DLPack's
 *  exchange API, on its current stream, without a Python call for each tensor.
 *  It remembers how tensors of the same sizes, strides, types and device are
 *  launched. Calls with objects need the interpreter's lock. */
typedef struct mqa_launcher mqa_launcher;

/** `exchange_api`: a DLPackExchangeAPI of major version 1, which stays. `none`:
 *  the object that stands for an operand that there is not. */
MQA_API mqa_status mqa_launcher_create(const void *exchange_api,
                                       const void *none,
                                       mqa_launcher **launcher);

/** Frees a launcher; null is ignored. */
MQA_API void mqa_launcher_destroy(mqa_launcher *launcher);

/** From now on, launches with these `options` (what tells apart kernels for the
 *  same tensors; any number) on tensors like the seven `objects` (q, k,
 *  k_scale, weights, ks, ke, out) run `kernel`, with sizes and strides as in
 *  `args`, whose pointers are not looked at. The kernel stays loaded. */
MQA_API mqa_status mqa_launcher_add_logits(mqa_launcher *launcher,
                                           void *const *objects,
                                           uint64_t options,
                                           const mqa_kernel *kernel,
                                           const mqa_logits_args *args);

/** Likewise, of q, k, k_scale, weights, context_lens, block_table, out. With a
 *  `k_scale_offset` of 0 or more, k_scale is at so many bytes behind k, and not
 *  looked at; else that is -1. Not of kernels that have a `sequence`. */
MQA_API mqa_status mqa_launcher_add_paged_logits(
    mqa_launcher *launcher, void *const *objects, uint64_t options,
    const mqa_kernel *kernel, const mqa_paged_logits_args *args,
    int64_t k_scale_offset);

/** Likewise, of logits, ks, ke, context_lens, block_table, sequence, offset,
 *  indices and values; scratch and sizes are those of `args`. */
MQA_API mqa_status mqa_launcher_add_topk(mqa_launcher *launcher,
                                         void *const *objects, uint64_t options,
                                         const mqa_kernel *kernel,
                                         const mqa_topk_args *args);

/** Likewise of a kernel of logits and top-k, of q, k, k_scale, weights, ks, ke,
 *  block_table, sequence, offset, indices and values. Scratch is that of
 *  `selection`, and must stay: then such launches run on `stream` alone, and
 * not while a graph records them, which needs scratch of its own. */
MQA_API mqa_status mqa_launcher_add_logits_topk(
    mqa_launcher *launcher, void *const *objects, uint64_t options,
    const mqa_kernel *kernel, const mqa_logits_args *args,
    const mqa_topk_args *selection, void *stream);

/** Likewise, of q, k, k_scale, weights, context_lens, block_table, offset,
 *  indices and values. */
MQA_API mqa_status mqa_launcher_add_paged_logits_topk(
    mqa_launcher *launcher, void *const *objects, uint64_t options,
    const mqa_kernel *kernel, const mqa_paged_logits_args *args,
    const mqa_topk_args *selection, void *stream);

/** Forgets all that was added, before scratch goes away. */
MQA_API mqa_status mqa_launcher_clear(mqa_launcher *launcher);

/** Launches on seven objects in that order. MQA_ERROR_NOT_FOUND, without a
 *  message, if nothing like them was added; where the framework cannot describe
 *  an object, its exception is set. */
MQA_API mqa_status mqa_launcher_run(mqa_launcher *launcher, uint64_t options,
                                    void *const *objects);

/** Likewise on the nine of mqa.topk, and on the eleven or nine of both ops.
 *  Options of the four must differ. */
MQA_API mqa_status mqa_launcher_run_topk(mqa_launcher *launcher,
                                         uint64_t options,
                                         void *const *objects);
MQA_API mqa_status mqa_launcher_run_logits_topk(mqa_launcher *launcher,
                                                uint64_t options,
                                                void *const *objects);
MQA_API mqa_status mqa_launcher_run_paged_logits_topk(mqa_launcher *launcher,
                                                      uint64_t options,
                                                      void *const *objects);

#ifdef __cplusplus
}
#endif

#endif /* MQA_RUNTIME_H */
