//===- Ceiling.h - What the hardware can do in this run ---------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef MQA_TOOLS_MQA_BENCH_CEILING_H
#define MQA_TOOLS_MQA_BENCH_CEILING_H

#include "CudaDriver.h"
#include "Device.h"

namespace mqa::tools {

/// The WGMMA rate of this device, measured by ceiling.mlir: fp8 tiles from
/// shared memory and nothing else.
class WgmmaCeiling {
public:
  /// `path`: the cubin or PTX of ceiling.mlir. A context must be current.
  WgmmaCeiling(Device &device, const std::string &path);
  ~WgmmaCeiling();

  /// Enqueues about a millisecond of tiles.
  void launch();
  double getOperations() const;

private:
  const runtime::CudaDriver *driver = nullptr;
  runtime::CUmodule module = nullptr;
  runtime::CUfunction function = nullptr;
  int numMultiprocessors = 0;
  std::unique_ptr<Buffer> sink;
};

} // namespace mqa::tools

#endif // MQA_TOOLS_MQA_BENCH_CEILING_H
