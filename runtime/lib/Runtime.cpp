//===- Runtime.cpp - The C API of launches --------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "mqa/Runtime.h"
#include "Handles.h"
#include "OpRules.h"

#include <algorithm>

using namespace mqa::runtime;

struct mqa_launch {
  std::shared_ptr<Kernel> kernel;
  /// Null where there is nothing to do.
  std::unique_ptr<PreparedLaunch> prepared;
};

int mqa_runtime_abi_version(void) { return MQA_RUNTIME_ABI_VERSION; }

const char *mqa_runtime_version(void) { return MQA_VERSION; }

const char *mqa_last_error(void) { return getLastError(); }

const char *mqa_status_name(mqa_status status) {
  switch (status) {
  case MQA_SUCCESS:
    return "success";
  case MQA_ERROR_INVALID_ARGUMENT:
    return "invalid argument";
  case MQA_ERROR_INVALID_BUNDLE:
    return "invalid bundle";
  case MQA_ERROR_NOT_FOUND:
    return "not found";
  case MQA_ERROR_UNSUPPORTED:
    return "unsupported";
  case MQA_ERROR_DRIVER:
    return "driver error";
  case MQA_ERROR_SYSTEM:
    return "system error";
  case MQA_ERROR_EXECUTOR:
    return "executor error";
  }
  return "unknown status";
}

void mqa_kernel_destroy(mqa_kernel *kernel) { delete kernel; }

mqa_status Kernel::replaceScratch(size_t, void *, void *&) {
  return fail(MQA_ERROR_UNSUPPORTED,
              "kernel '" + description->name + "' works in no scratch");
}

/// What a launch is given: the operands of one op, or of two.
template <typename Args> static mqa_status requireArgs(const Args *args) {
  return requireNotNull(args, "args");
}

template <typename Args>
static mqa_status requireArgs(const Args *args,
                              const mqa_topk_args *selection) {
  MQA_RETURN_IF_FAILED(requireNotNull(args, "args"));
  return requireNotNull(selection, "selection");
}

template <typename... Args>
static mqa_status launchKernel(mqa_kernel *kernel, void *stream,
                               const Args *...args) {
  return guard([&]() -> mqa_status {
    MQA_RETURN_IF_FAILED(requireNotNull(kernel, "kernel"));
    MQA_RETURN_IF_FAILED(requireArgs(args...));
    const KernelDescription &description = kernel->kernel->getDescription();
    Tensors tensors;
    MQA_RETURN_IF_FAILED(checkArguments(description, *args..., tensors));
    if (!hasWork(description, tensors))
      return MQA_SUCCESS;
    return kernel->kernel->launch(tensors, stream);
  });
}

template <typename... Args>
static mqa_status prepareLaunch(mqa_kernel *kernel, mqa_launch **launch,
                                const Args *...args) {
  return guard([&]() -> mqa_status {
    MQA_RETURN_IF_FAILED(requireNotNull(launch, "launch"));
    *launch = nullptr;
    MQA_RETURN_IF_FAILED(requireNotNull(kernel, "kernel"));
    MQA_RETURN_IF_FAILED(requireArgs(args...));
    const KernelDescription &description = kernel->kernel->getDescription();
    Tensors tensors;
    MQA_RETURN_IF_FAILED(checkArguments(description, *args..., tensors));
    auto handle = std::make_unique<mqa_launch>();
    handle->kernel = kernel->kernel;
    if (hasWork(description, tensors))
      MQA_RETURN_IF_FAILED(kernel->kernel->prepare(tensors, handle->prepared));
    *launch = handle.release();
    return MQA_SUCCESS;
  });
}

mqa_status mqa_logits_launch(mqa_kernel *kernel, const mqa_logits_args *args,
                             void *stream) {
  return launchKernel(kernel, stream, args);
}

mqa_status mqa_paged_logits_launch(mqa_kernel *kernel,
                                   const mqa_paged_logits_args *args,
                                   void *stream) {
  return launchKernel(kernel, stream, args);
}

mqa_status mqa_logits_prepare(mqa_kernel *kernel, const mqa_logits_args *args,
                              mqa_launch **launch) {
  return prepareLaunch(kernel, launch, args);
}

mqa_status mqa_paged_logits_prepare(mqa_kernel *kernel,
                                    const mqa_paged_logits_args *args,
                                    mqa_launch **launch) {
  return prepareLaunch(kernel, launch, args);
}

mqa_status mqa_topk_launch(mqa_kernel *kernel, const mqa_topk_args *args,
                           void *stream) {
  return launchKernel(kernel, stream, args);
}

mqa_status mqa_topk_prepare(mqa_kernel *kernel, const mqa_topk_args *args,
                            mqa_launch **launch) {
  return prepareLaunch(kernel, launch, args);
}

mqa_status mqa_logits_topk_launch(mqa_kernel *kernel,
                                  const mqa_logits_args *args,
                                  const mqa_topk_args *selection,
                                  void *stream) {
  return launchKernel(kernel, stream, args, selection);
}

mqa_status mqa_paged_logits_topk_launch(mqa_kernel *kernel,
                                        const mqa_paged_logits_args *args,
                                        const mqa_topk_args *selection,
                                        void *stream) {
  return launchKernel(kernel, stream, args, selection);
}

mqa_status mqa_logits_topk_prepare(mqa_kernel *kernel,
                                   const mqa_logits_args *args,
                                   const mqa_topk_args *selection,
                                   mqa_launch **launch) {
  return prepareLaunch(kernel, launch, args, selection);
}

mqa_status mqa_paged_logits_topk_prepare(mqa_kernel *kernel,
                                         const mqa_paged_logits_args *args,
                                         const mqa_topk_args *selection,
                                         mqa_launch **launch) {
  return prepareLaunch(kernel, launch, args, selection);
}

mqa_status mqa_merge_topk_launch(mqa_kernel *kernel,
                                 const mqa_merge_topk_args *args,
                                 void *stream) {
  return launchKernel(kernel, stream, args);
}

mqa_status mqa_merge_topk_prepare(mqa_kernel *kernel,
                                  const mqa_merge_topk_args *args,
                                  mqa_launch **launch) {
  return prepareLaunch(kernel, launch, args);
}

static bool takesTopkArgs(mqa_op op) {
  return op == MQA_OP_TOPK || op == MQA_OP_LOGITS_TOPK ||
         op == MQA_OP_PAGED_LOGITS_TOPK;
}

mqa_status mqa_topk_scratch_size(const mqa_kernel *kernel, int64_t num_queries,
                                 int64_t num_columns, size_t *size) {
  return guard([&]() -> mqa_status {
    MQA_RETURN_IF_FAILED(requireNotNull(size, "size"));
    *size = 0;
    MQA_RETURN_IF_FAILED(requireNotNull(kernel, "kernel"));
    const KernelDescription &description = kernel->kernel->getDescription();
    if (!takesTopkArgs(description.rules->op))
      return checkOp(description, getTopkRules());
    MQA_RETURN_IF_FAILED(
        checkSize("num_queries", num_queries, description.numQueries));
    MQA_RETURN_IF_FAILED(
        checkSize("num_columns", num_columns, description.numColumns));
    *size = description.rules->getScratchSize(
        description, num_queries, num_columns,
        kernel->kernel->getNumMultiprocessors());
    return MQA_SUCCESS;
  });
}

mqa_status mqa_launch_run(const mqa_launch *launch, void *stream) {
  return guard([&]() -> mqa_status {
    MQA_RETURN_IF_FAILED(requireNotNull(launch, "launch"));
    return launch->prepared ? launch->prepared->run(stream) : MQA_SUCCESS;
  });
}

void mqa_launch_destroy(mqa_launch *launch) { delete launch; }

void mqa_set_launch_overlap(int enabled) {
  launchOverlapEnabled = enabled != 0;
}

int mqa_get_launch_overlap(void) { return launchOverlapEnabled; }

void mqa_set_max_multiprocessors(int count) {
  maxMultiprocessors = std::max(count, 0);
}

int mqa_get_max_multiprocessors(void) { return maxMultiprocessors; }
