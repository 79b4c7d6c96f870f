//===- GpuKernel.h - A kernel in a context of a GPU -------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef MQA_RUNTIME_LIB_GPUKERNEL_H
#define MQA_RUNTIME_LIB_GPUKERNEL_H

#include "GpuContext.h"
#include "Kernel.h"
#include "TensorMap.h"

namespace mqa::runtime {

/// Code in a context. It may have several kernels.
class GpuModule {
public:
  explicit GpuModule(std::unique_ptr<GpuContext> context)
      : context(std::move(context)) {}
  GpuModule(const GpuModule &) = delete;
  ~GpuModule();

  /// `image`: the section of a bundle that the device can load.
  mqa_status load(const std::vector<char> &image);
  const GpuContext &getContext() const { return *context; }
  CUmodule get() const { return module; }

private:
  /// Released behind the module.
  std::unique_ptr<GpuContext> context;
  CUmodule module = nullptr;
};

class GpuKernel final : public Kernel {
public:
  GpuKernel(const BundleKernel &kernel, std::shared_ptr<const GpuModule> module)
      : Kernel(kernel.bundle, *kernel.description), module(std::move(module)),
        context(&this->module->getContext()), driver(context->getDriver()) {}

  /// Finds its function in the module.
  mqa_status load();
  mqa_status launch(const Tensors &tensors, void *stream) override;
  mqa_status prepare(const Tensors &tensors,
                     std::unique_ptr<PreparedLaunch> &launch) override;
  mqa_status isCapturing(void *stream, bool &isCapturing) const override;
  mqa_status replaceScratch(size_t size, void *stream, void *&memory) override;
  int getNumMultiprocessors() const override {
    return context->getNumMultiprocessors();
  }

private:
  friend class GpuLaunch;
  mqa_status checkProcess() const;

  std::shared_ptr<const GpuModule> module;
  const GpuContext *context;
  const CudaDriver &driver;
  CUfunction function = nullptr;
  bool canOverlap = false;
  mutable TensorMapCache maps;
};

} // namespace mqa::runtime

#endif // MQA_RUNTIME_LIB_GPUKERNEL_H
