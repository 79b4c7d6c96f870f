//===- Kernel.h - A loaded kernel -------------------------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef MQA_RUNTIME_LIB_KERNEL_H
#define MQA_RUNTIME_LIB_KERNEL_H

#include "Arguments.h"

#include <atomic>
#include <memory>

namespace mqa::runtime {

/// A launch whose arguments are checked and encoded.
class PreparedLaunch {
public:
  virtual ~PreparedLaunch() = default;
  virtual mqa_status run(void *stream) const = 0;
};

/// A kernel that is ready to launch, on some target.
class Kernel {
public:
  virtual ~Kernel() = default;
  /// Launches on checked arguments with something to do.
  virtual mqa_status launch(const Tensors &tensors, void *stream) = 0;
  /// The same, to be run later and again. The kernel must outlive it.
  virtual mqa_status prepare(const Tensors &tensors,
                             std::unique_ptr<PreparedLaunch> &launch) = 0;
  /// Whether a graph records what is launched on the stream.
  virtual mqa_status isCapturing(void * /*stream*/, bool &isCapturing) const {
    isCapturing = false;
    return MQA_SUCCESS;
  }
  /// Puts `size` bytes of zeroed memory, where the kernel can work in it, in
  /// the place of `memory`, which null or a call of this function has set.
  /// Waits for the launches on `stream`, which may be at work in it.
  virtual mqa_status replaceScratch(size_t size, void *stream, void *&memory);
  /// Of the GPU that runs it.
  virtual int getNumMultiprocessors() const { return 0; }
  /// Of a CPU: how many work on a launch.
  virtual int getNumThreads() const { return 0; }
  const KernelDescription &getDescription() const { return *description; }
  const std::string &getTarget() const { return bundle->target; }

protected:
  Kernel(std::shared_ptr<const Bundle> bundle, const KernelDescription &kernel)
      : bundle(std::move(bundle)), description(&kernel) {}

  /// Keeps `description` alive.
  std::shared_ptr<const Bundle> bundle;
  const KernelDescription *description;
};

/// mqa_set_launch_overlap: of the whole process.
extern std::atomic<bool> launchOverlapEnabled;
/// mqa_set_max_multiprocessors: of the whole process, 0 for all.
extern std::atomic<int> maxMultiprocessors;

/// A kernel of one part of a bundle.
struct BundleKernel {
  std::shared_ptr<const Bundle> bundle;
  const KernelDescription *description = nullptr;
};

/// The best of `candidates`, at least one, for the device: the same kernel for
/// different GPUs.
mqa_status loadGpuKernel(const std::vector<BundleKernel> &candidates,
                         int device, std::unique_ptr<Kernel> &kernel);

/// Makes a kernel of its loaded steps, which are launched one after the other.
std::unique_ptr<Kernel>
makeKernelOfSteps(const BundleKernel &kernel,
                  std::vector<std::unique_ptr<Kernel>> steps);

/// With the threads of `executor`, or, where that is null, with `numThreads` of
/// the runtime's own.
mqa_status loadCpuKernel(const BundleKernel &candidate,
                         const mqa_executor *executor, int numThreads,
                         std::unique_ptr<Kernel> &kernel);

} // namespace mqa::runtime

#endif // MQA_RUNTIME_LIB_KERNEL_H
