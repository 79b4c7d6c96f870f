//===- CpuKernel.cpp - Loads and launches kernels on a CPU ----------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "CpuFeatures.h"
#include "Executor.h"
#include "Kernel.h"
#include "ObjectLibrary.h"
#include "OpRules.h"
#include "ThreadPool.h"
#include "TilePermission.h"

#include <cstdlib>

using namespace mqa::runtime;

namespace {
/// A memref descriptor as LLVM code sees it (ranks 1 to 3).
struct MemrefDescriptor {
  const void *allocated, *aligned;
  int64_t offset;
  /// Sizes, then strides.
  int64_t shape[2 * kMaxRank];
};

/// One task: the descriptors of all parameters, the task's position in queries
/// and in keys, and memory for its tiles, of which a thread has one.
using TaskFunction = void (*)(const void *const *operands, int64_t queryTask,
                              int64_t keyTask, char *scratch);

/// Memory for the tiles of one launch: a part for each worker.
struct Scratch {
  explicit Scratch(size_t bytes)
      : data(static_cast<char *>(std::aligned_alloc(kPage, bytes))) {}
  ~Scratch() { std::free(data); }
  Scratch(const Scratch &) = delete;

  static constexpr size_t kPage = 4096;
  char *const data;
};

class CpuKernel final : public Kernel {
public:
  CpuKernel(std::shared_ptr<const Bundle> bundle,
            const KernelDescription &description)
      : Kernel(std::move(bundle), description) {}

  mqa_status load(const mqa_executor *executor, int numThreads);
  mqa_status launch(const Tensors &tensors, void *stream) override;
  mqa_status prepare(const Tensors &tensors,
                     std::unique_ptr<PreparedLaunch> &launch) override;
  int getNumThreads() const override { return runner->getNumThreads(); }

private:
  mqa_status startThreads(const mqa_executor *executor, int numThreads);
  mqa_status takeScratch(std::unique_ptr<Scratch> &scratch);

  ObjectLibrary library;
  TaskFunction function = nullptr;
  std::unique_ptr<TaskRunner> runner;
  /// Bytes of a worker's part.
  size_t scratchStride = 0;
  SpareList<Scratch> spareScratch;
};
} // namespace

/// That of an earlier launch. It is allocated only where more launches are
/// under way than ever before; so launches need not wait for each other, and a
/// thread's stack need not be large.
mqa_status CpuKernel::takeScratch(std::unique_ptr<Scratch> &scratch) {
  if (scratchStride == 0 || (scratch = spareScratch.take()))
    return MQA_SUCCESS;
  size_t bytes = scratchStride * getNumThreads();
  scratch = std::make_unique<Scratch>(bytes);
  if (scratch->data)
    return MQA_SUCCESS;
  return fail(MQA_ERROR_SYSTEM, "cannot allocate " + std::to_string(bytes) +
                                    " bytes of scratch for " +
                                    std::to_string(getNumThreads()) +
                                    " threads");
}

mqa_status CpuKernel::startThreads(const mqa_executor *executor,
                                   int numThreads) {
  if (executor) {
    runner = std::make_unique<CallersExecutor>(*executor);
    return MQA_SUCCESS;
  }
  auto pool = std::make_unique<ThreadPool>();
  MQA_RETURN_IF_FAILED(pool->start(numThreads));
  runner = std::move(pool);
  return MQA_SUCCESS;
}

mqa_status CpuKernel::load(const mqa_executor *executor, int numThreads) {
  const CpuIdentity host = CpuIdentity::getHost();
  MQA_RETURN_IF_FAILED(
      checkCpuFeatures(description->name, bundle->cpuFeatures, host));
  MQA_RETURN_IF_FAILED(library.open(bundle->object));
  std::string symbol = "mqa_task_" + description->name;
  function = reinterpret_cast<TaskFunction>(library.find(symbol.c_str()));
  if (!function)
    return fail(MQA_ERROR_INVALID_BUNDLE,
                "bundle: the object has no function " + symbol);
  // The process stays as it was until all is found right that can be seen.
  MQA_RETURN_IF_FAILED(TilePermission::getOfProcess().require(
      description->name, bundle->cpuFeatures, host));
  MQA_RETURN_IF_FAILED(startThreads(executor, numThreads));
  // Pages of their own: workers do not share cache lines, and each page comes
  // to be where the thread that uses it runs.
  constexpr size_t kPage = Scratch::kPage;
  scratchStride = (description->scratchBytes + kPage - 1) / kPage * kPage;
  std::unique_ptr<Scratch> scratch;
  MQA_RETURN_IF_FAILED(takeScratch(scratch));
  if (scratch)
    spareScratch.give(std::move(scratch));
  return MQA_SUCCESS;
}

mqa_status CpuKernel::launch(const Tensors &tensors, void *stream) {
  if (stream)
    return fail(MQA_ERROR_INVALID_ARGUMENT,
                "stream must be null for a CPU kernel");
  // What a task takes: a descriptor each, or the number of keys.
  MemrefDescriptor descriptors[kNumOperands];
  const void *operands[kNumOperands + 1];
  for (size_t i = 0, count = 0; i < description->parameters.size(); ++i) {
    const Parameter &parameter = description->parameters[i];
    if (parameter.kind == Parameter::Kind::Index) {
      operands[i] = &tensors.numKeys;
      continue;
    }
    const Tensor &tensor = tensors[parameter.operand];
    MemrefDescriptor &descriptor = descriptors[count++];
    descriptor.allocated = descriptor.aligned = tensor.data;
    descriptor.offset = 0;
    for (int dim = 0; dim < tensor.rank; ++dim) {
      descriptor.shape[dim] = tensor.sizes[dim];
      descriptor.shape[tensor.rank + dim] = tensor.strides[dim];
    }
    operands[i] = &descriptor;
  }
  auto [queryTasks, keyTasks] =
      description->rules->getTasks(*description, tensors);
  const int64_t numKeyTasks = keyTasks;
  std::unique_ptr<Scratch> scratch;
  MQA_RETURN_IF_FAILED(takeScratch(scratch));
  char *parts = scratch ? scratch->data : nullptr;
  auto task = [&](int64_t i, int worker) {
    function(operands, i / numKeyTasks, i % numKeyTasks,
             parts + worker * scratchStride);
  };
  // By reference: a std::function of the task itself would allocate.
  mqa_status status = runner->run(queryTasks * keyTasks, std::ref(task));
  if (scratch)
    spareScratch.give(std::move(scratch));
  return status;
}

namespace {
/// Descriptors are made at each launch: that is nothing beside a task.
class CpuLaunch final : public PreparedLaunch {
public:
  CpuLaunch(CpuKernel &kernel, const Tensors &tensors)
      : kernel(kernel), tensors(tensors) {}
  mqa_status run(void *stream) const override {
    return kernel.launch(tensors, stream);
  }

private:
  CpuKernel &kernel;
  Tensors tensors;
};
} // namespace

mqa_status CpuKernel::prepare(const Tensors &tensors,
                              std::unique_ptr<PreparedLaunch> &launch) {
  launch = std::make_unique<CpuLaunch>(*this, tensors);
  return MQA_SUCCESS;
}

mqa_status mqa::runtime::loadCpuKernel(const BundleKernel &candidate,
                                       const mqa_executor *executor,
                                       int numThreads,
                                       std::unique_ptr<Kernel> &kernel) {
  constexpr int kMaxThreads = TaskRunner::kMaxThreads;
  if (executor)
    MQA_RETURN_IF_FAILED(CallersExecutor::check(*executor));
  else if (numThreads < 0 || numThreads > kMaxThreads)
    return fail(MQA_ERROR_INVALID_ARGUMENT,
                "device (the number of threads) must be from 0 to " +
                    std::to_string(kMaxThreads) + ", found " +
                    std::to_string(numThreads));
  auto loaded =
      std::make_unique<CpuKernel>(candidate.bundle, *candidate.description);
  MQA_RETURN_IF_FAILED(loaded->load(executor, numThreads));
  kernel = std::move(loaded);
  return MQA_SUCCESS;
}
