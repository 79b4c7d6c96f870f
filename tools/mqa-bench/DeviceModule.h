//===- DeviceModule.h - Kernels that are no bundle's ------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef MQA_TOOLS_MQA_BENCH_DEVICEMODULE_H
#define MQA_TOOLS_MQA_BENCH_DEVICEMODULE_H

#include "CudaDriver.h"
#include "Device.h"

namespace mqa::tools {

/// A memref of rank 1 with 32-bit indices, as kernel parameters.
struct VectorParameter {
  void *data = nullptr;
  uint32_t size = 0, offset = 0, stride = 1;
  void append(std::vector<void *> &parameters);
};

/// The kernels of ceiling.mlir or late_copy.mlir, launched on the default
/// stream. A context must be current.
class DeviceModule {
public:
  /// `path`: a cubin or PTX.
  explicit DeviceModule(const std::string &path);
  ~DeviceModule() { driver->cuModuleUnload(module); }
  DeviceModule(const DeviceModule &) = delete;

  runtime::CUfunction getFunction(const char *name) const;
  void launch(runtime::CUfunction function, unsigned blocks, unsigned threads,
              unsigned sharedMemoryBytes,
              std::vector<void *> &parameters) const;

  const runtime::CudaDriver *driver = nullptr;

private:
  runtime::CUmodule module = nullptr;
};

} // namespace mqa::tools

#endif // MQA_TOOLS_MQA_BENCH_DEVICEMODULE_H
