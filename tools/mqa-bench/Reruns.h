//===- Reruns.h - Launches again, in every way there is ---------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef MQA_TOOLS_MQA_BENCH_RERUNS_H
#define MQA_TOOLS_MQA_BENCH_RERUNS_H

#include "CaseSummary.h"
#include "DeviceModule.h"

namespace mqa::tools {

/// Launches a kernel `reruns` times in each way there is: plainly, prepared, on
/// two streams, in a graph, behind the kernel of `lateCopy` (the cubin or PTX
/// of late_copy.mlir, if not empty), and in a graph whose lengths and table
/// change. The bits must not.
void runReruns(Device &device, const LoadedKernel &kernel, int reruns,
               const std::string &lateCopy, CaseSummary &summary);

/// Launches of a session behind a kernel that lets them start at once, and
/// writes their weights later: they must wait for its end.
class LateWeights {
public:
  /// `path`: the cubin or PTX of late_copy.mlir. The session's launches read
  /// other weights from here on, which `launch` writes.
  LateWeights(Device &device, Session &session, const std::string &path);
  /// Enqueues that kernel.
  void launch();

private:
  DeviceModule late;
  runtime::CUfunction copy;
  std::vector<uint8_t> zeros;
  std::unique_ptr<Buffer> target;
  VectorParameter from, to;
};

} // namespace mqa::tools

#endif // MQA_TOOLS_MQA_BENCH_RERUNS_H
