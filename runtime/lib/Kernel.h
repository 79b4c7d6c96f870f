//===- Kernel.h - A loaded kernel -------------------------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef MQA_RUNTIME_LIB_KERNEL_H
#define MQA_RUNTIME_LIB_KERNEL_H

#include "Arguments.h"

#include <memory>

namespace mqa::runtime {

/// A kernel that is ready to launch, on some target.
class Kernel {
public:
  virtual ~Kernel() = default;
  /// Launches on checked arguments with at least one query and one key.
  virtual mqa_status launch(const Tensors &tensors, void *stream) = 0;
  const KernelDescription &getDescription() const { return *description; }

protected:
  Kernel(std::shared_ptr<const Bundle> bundle, const KernelDescription &kernel)
      : bundle(std::move(bundle)), description(&kernel) {}

  /// Keeps `description` alive.
  std::shared_ptr<const Bundle> bundle;
  const KernelDescription *description;
};

mqa_status loadGpuKernel(std::shared_ptr<const Bundle> bundle,
                         const KernelDescription &description, int device,
                         std::unique_ptr<Kernel> &kernel);

mqa_status loadCpuKernel(std::shared_ptr<const Bundle> bundle,
                         const KernelDescription &description, int numThreads,
                         std::unique_ptr<Kernel> &kernel);

} // namespace mqa::runtime

#endif // MQA_RUNTIME_LIB_KERNEL_H
