//===- ProgramLaunch.cpp - Launches of compiled host programs -------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Handles.h"
#include "ProgramArguments.h"
#include "mqa/Program.h"

#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <mutex>

using namespace mqa::runtime;

namespace {
thread_local void *launchStream = nullptr;

std::mutex errorMutex;
mqa_program_error_handler errorHandler = nullptr;
void *errorContext = nullptr;

/// A kernel of a program, from its first launch to the end of the process.
struct ProgramKernel {
  std::string name;
  std::vector<std::string> operandNames;
  mqa_kernel *kernel = nullptr;
  mqa_kernel_info info;

  std::mutex scratchMutex;
  struct Scratch {
    void *memory = nullptr;
    size_t size = 0;
  };
  /// By stream.
  std::map<void *, Scratch> scratch;
};

/// Keeps all of them, so that they are never lost.
std::mutex loadMutex;
std::vector<std::unique_ptr<ProgramKernel>> &getLoaded() {
  static auto *loaded = new std::vector<std::unique_ptr<ProgramKernel>>;
  return *loaded;
}
} // namespace

void mqa_program_set_stream(void *stream) { launchStream = stream; }

void mqa_program_set_error_handler(mqa_program_error_handler handler,
                                   void *context) {
  std::lock_guard<std::mutex> lock(errorMutex);
  errorHandler = handler;
  errorContext = context;
}

static void reportError(const std::string &message) {
  mqa_program_error_handler handler;
  void *context;
  {
    std::lock_guard<std::mutex> lock(errorMutex);
    handler = errorHandler;
    context = errorContext;
  }
  if (handler)
    return handler(context, message.c_str());
  std::fprintf(stderr, "%s\n", message.c_str());
  std::abort();
}

/// The bytes of `memref`.
static const char *getBytes(const mqa_program_memref &memref) {
  return static_cast<const char *>(memref.aligned) + memref.offset;
}

/// The strings in `description`, each with a 0 behind it.
static std::vector<std::string>
readDescription(const mqa_program_memref &description) {
  std::vector<std::string> strings(1);
  const char *bytes = getBytes(description);
  for (int64_t i = 0; i < description.size; ++i)
    if (bytes[i])
      strings.back() += bytes[i];
    else
      strings.emplace_back();
  strings.pop_back();
  return strings;
}

static mqa_status loadKernel(const mqa_program_memref &bundle,
                             ProgramKernel &kernel) {
  mqa_bundle *loaded;
  MQA_RETURN_IF_FAILED(
      mqa_bundle_load_memory(getBytes(bundle), bundle.size, &loaded));
  mqa_status status = mqa_kernel_load(loaded, kernel.name.c_str(), /*device=*/0,
                                      &kernel.kernel);
  mqa_bundle_destroy(loaded);
  if (status)
    return status;
  return mqa_kernel_get_info(kernel.kernel, &kernel.info);
}

/// The kernel that `state` stands for, loaded if it has not been.
static mqa_status getKernel(const mqa_program_memref &bundle,
                            const mqa_program_memref &description,
                            const mqa_program_memref &state,
                            ProgramKernel *&kernel) {
  auto *word = static_cast<int64_t *>(state.aligned) + state.offset;
  kernel = reinterpret_cast<ProgramKernel *>(
      __atomic_load_n(word, __ATOMIC_ACQUIRE));
  if (kernel)
    return MQA_SUCCESS;
  std::lock_guard<std::mutex> lock(loadMutex);
  kernel = reinterpret_cast<ProgramKernel *>(
      __atomic_load_n(word, __ATOMIC_ACQUIRE));
  if (kernel)
    return MQA_SUCCESS;
  auto made = std::make_unique<ProgramKernel>();
  made->operandNames = readDescription(description);
  if (made->operandNames.empty())
    return fail(MQA_ERROR_INVALID_ARGUMENT, "the program names no kernel");
  made->name = made->operandNames.front();
  made->operandNames.erase(made->operandNames.begin());
  MQA_RETURN_IF_FAILED(loadKernel(bundle, *made));
  kernel = made.get();
  getLoaded().push_back(std::move(made));
  __atomic_store_n(word, reinterpret_cast<int64_t>(kernel), __ATOMIC_RELEASE);
  return MQA_SUCCESS;
}

/// Scratch for a launch that selects, if it needs any.
static mqa_status setScratch(ProgramKernel &kernel, mqa_topk_args &args) {
  size_t size;
  MQA_RETURN_IF_FAILED(mqa_topk_scratch_size(kernel.kernel, args.num_queries,
                                             args.num_columns, &size));
  if (!size)
    return MQA_SUCCESS;
  std::lock_guard<std::mutex> lock(kernel.scratchMutex);
  ProgramKernel::Scratch &scratch = kernel.scratch[launchStream];
  if (scratch.size < size) {
    scratch.size = 0;
    MQA_RETURN_IF_FAILED(kernel.kernel->kernel->replaceScratch(
        size, launchStream, scratch.memory));
    scratch.size = size;
  }
  args.scratch = scratch.memory;
  args.scratch_size = scratch.size;
  return MQA_SUCCESS;
}

static mqa_status launch(ProgramKernel &kernel,
                         const mqa_program_memref &operands) {
  ProgramArguments arguments(kernel.info);
  MQA_RETURN_IF_FAILED(arguments.read(
      kernel.operandNames,
      static_cast<const mqa_program_operand *>(operands.aligned) +
          operands.offset,
      operands.size));
  switch (kernel.info.op) {
  case MQA_OP_LOGITS: {
    mqa_logits_args args = arguments.getLogits();
    return mqa_logits_launch(kernel.kernel, &args, launchStream);
  }
  case MQA_OP_PAGED_LOGITS: {
    mqa_paged_logits_args args = arguments.getPagedLogits();
    return mqa_paged_logits_launch(kernel.kernel, &args, launchStream);
  }
  case MQA_OP_TOPK: {
    mqa_topk_args args = arguments.getTopk();
    MQA_RETURN_IF_FAILED(setScratch(kernel, args));
    return mqa_topk_launch(kernel.kernel, &args, launchStream);
  }
  case MQA_OP_MERGE_TOPK: {
    mqa_merge_topk_args args = arguments.getMergeTopk();
    return mqa_merge_topk_launch(kernel.kernel, &args, launchStream);
  }
  case MQA_OP_LOGITS_TOPK: {
    mqa_logits_args logits = arguments.getLogits();
    mqa_topk_args args = arguments.getTopk();
    args.num_queries = logits.num_queries;
    args.num_columns = logits.num_keys;
    MQA_RETURN_IF_FAILED(setScratch(kernel, args));
    return mqa_logits_topk_launch(kernel.kernel, &logits, &args, launchStream);
  }
  case MQA_OP_PAGED_LOGITS_TOPK: {
    mqa_paged_logits_args logits = arguments.getPagedLogits();
    mqa_topk_args args = arguments.getTopk();
    args.num_queries = logits.batch * kernel.info.next_n;
    args.num_columns = logits.max_context_len;
    MQA_RETURN_IF_FAILED(setScratch(kernel, args));
    return mqa_paged_logits_topk_launch(kernel.kernel, &logits, &args,
                                        launchStream);
  }
  }
  return fail(MQA_ERROR_UNSUPPORTED, "an op that programs cannot launch");
}

void _mlir_ciface_mqa_program_launch(const mqa_program_memref *bundle,
                                     const mqa_program_memref *description,
                                     const mqa_program_memref *state,
                                     const mqa_program_memref *operands) {
  ProgramKernel *kernel = nullptr;
  mqa_status status = guard([&]() -> mqa_status {
    MQA_RETURN_IF_FAILED(getKernel(*bundle, *description, *state, kernel));
    return launch(*kernel, *operands);
  });
  if (status)
    reportError(std::string("mqa: launch of kernel '") +
                getBytes(*description) +
                "' failed: " + mqa_status_name(status) + ": " + getLastError());
}
