//===- Ceiling.h - What the hardware can do in this run ---------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef MQA_TOOLS_MQA_BENCH_CEILING_H
#define MQA_TOOLS_MQA_BENCH_CEILING_H

#include "DeviceModule.h"

namespace mqa::tools {

/// The rates of this device, measured by the kernels of ceiling.mlir (fp8
/// WGMMA) or mma_ceiling.mlir (f16 mma.sync): its matrix unit and nothing else,
/// and a copy in global memory.
class Ceilings {
public:
  /// `path`: the cubin or PTX of one of them. A context must be current.
  Ceilings(Device &device, const std::string &path);

  /// Enqueues about a millisecond of tiles.
  void launchMatrixUnit();
  double getMatrixUnitOperations() const;
  /// Enqueues a copy that takes about as long.
  void launchCopy();
  /// Read and written by it.
  double getCopyBytes() const;
  /// Enqueues a read of as much as the copy reads: it leaves nothing else in
  /// the L2 cache, and nothing that is yet to be written.
  void launchRead();
  double getReadBytes() const { return getCopyBytes() / 2; }

private:
  DeviceModule module;
  runtime::CUfunction matrixUnit, read = nullptr;
  int numMultiprocessors = 0;
  std::unique_ptr<Buffer> sink, from, to;
};

} // namespace mqa::tools

#endif // MQA_TOOLS_MQA_BENCH_CEILING_H
