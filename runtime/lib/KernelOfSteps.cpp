//===- KernelOfSteps.cpp - Two kernels, one behind the other --------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Kernel.h"
#include "LogitsTopkSteps.h"

#include <mutex>

using namespace mqa::runtime;

/// Both kernels of a call come right behind each other on a stream, whatever
/// other threads launch: calls on one stream may work in the same scratch.
static std::mutex launchMutex;

namespace {
/// All launches of one call: those of both kernels, for some rows after others.
class LaunchOfSteps final : public PreparedLaunch {
public:
  mqa_status run(void *stream) const override {
    std::lock_guard lock(launchMutex);
    for (const auto &launch : launches)
      MQA_RETURN_IF_FAILED(launch->run(stream));
    return MQA_SUCCESS;
  }

  std::vector<std::unique_ptr<PreparedLaunch>> launches;
};

class KernelOfSteps final : public Kernel {
public:
  KernelOfSteps(const BundleKernel &kernel,
                std::vector<std::unique_ptr<Kernel>> steps)
      : Kernel(kernel.bundle, *kernel.description), steps(std::move(steps)) {}

  mqa_status launch(const Tensors &tensors, void *stream) override {
    std::lock_guard lock(launchMutex);
    return forEachStep(*description, tensors,
                       [&](Step step, const Tensors &some) {
                         return steps[step]->launch(some, stream);
                       });
  }
  mqa_status prepare(const Tensors &tensors,
                     std::unique_ptr<PreparedLaunch> &launch) override {
    auto all = std::make_unique<LaunchOfSteps>();
    MQA_RETURN_IF_FAILED(
        forEachStep(*description, tensors, [&](Step step, const Tensors &some) {
          all->launches.emplace_back();
          return steps[step]->prepare(some, all->launches.back());
        }));
    launch = std::move(all);
    return MQA_SUCCESS;
  }
  mqa_status isCapturing(void *stream, bool &isCapturing) const override {
    return steps[kLogitsStep]->isCapturing(stream, isCapturing);
  }
  mqa_status replaceScratch(size_t size, void *stream, void *&memory) override {
    return steps[kLogitsStep]->replaceScratch(size, stream, memory);
  }
  int getNumMultiprocessors() const override {
    return steps[kLogitsStep]->getNumMultiprocessors();
  }

private:
  std::vector<std::unique_ptr<Kernel>> steps;
};
} // namespace

std::unique_ptr<Kernel>
mqa::runtime::makeKernelOfSteps(const BundleKernel &kernel,
                                std::vector<std::unique_ptr<Kernel>> steps) {
  return std::make_unique<KernelOfSteps>(kernel, std::move(steps));
}
