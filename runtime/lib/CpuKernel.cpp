//===- CpuKernel.cpp - Loads and launches kernels on a CPU ----------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "CpuFeatures.h"
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

class CpuKernel final : public Kernel {
public:
  CpuKernel(std::shared_ptr<const Bundle> bundle,
            const KernelDescription &description)
      : Kernel(std::move(bundle), description) {}
  ~CpuKernel() override { std::free(scratch); }

  mqa_status load(int numThreads);
  mqa_status launch(const Tensors &tensors, void *stream) override;
  mqa_status prepare(const Tensors &tensors,
                     std::unique_ptr<PreparedLaunch> &launch) override;

private:
  mqa_status allocateScratch();

  ObjectLibrary library;
  TaskFunction function = nullptr;
  ThreadPool pool;
  /// Of all threads, `scratchStride` bytes each.
  char *scratch = nullptr;
  size_t scratchStride = 0;
};
} // namespace

/// Once, so that a launch allocates nothing and a thread's stack need not be
/// large.
mqa_status CpuKernel::allocateScratch() {
  // Pages of their own: threads do not share cache lines, and each page comes
  // to be where the thread that uses it runs.
  constexpr size_t kPage = 4096;
  scratchStride = (description->scratchBytes + kPage - 1) / kPage * kPage;
  size_t bytes = scratchStride * pool.getNumThreads();
  if (bytes == 0)
    return MQA_SUCCESS;
  scratch = static_cast<char *>(std::aligned_alloc(kPage, bytes));
  if (!scratch)
    return fail(MQA_ERROR_SYSTEM, "cannot allocate " + std::to_string(bytes) +
                                      " bytes of scratch for " +
                                      std::to_string(pool.getNumThreads()) +
                                      " threads");
  return MQA_SUCCESS;
}

mqa_status CpuKernel::load(int numThreads) {
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
  MQA_RETURN_IF_FAILED(pool.start(numThreads));
  return allocateScratch();
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
  auto task = [&](int64_t i, int thread) {
    function(operands, i / numKeyTasks, i % numKeyTasks,
             scratch + thread * scratchStride);
  };
  // By reference: a std::function of the task itself would allocate.
  return pool.run(queryTasks * keyTasks, std::ref(task));
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
                                       int numThreads,
                                       std::unique_ptr<Kernel> &kernel) {
  constexpr int kMaxThreads = 4096;
  if (numThreads < 0 || numThreads > kMaxThreads)
    return fail(MQA_ERROR_INVALID_ARGUMENT,
                "device (the number of threads) must be from 0 to " +
                    std::to_string(kMaxThreads) + ", found " +
                    std::to_string(numThreads));
  auto loaded =
      std::make_unique<CpuKernel>(candidate.bundle, *candidate.description);
  MQA_RETURN_IF_FAILED(loaded->load(numThreads));
  kernel = std::move(loaded);
  return MQA_SUCCESS;
}
