//===- Reruns.h - Launches again, in every way there is ---------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef MQA_TOOLS_MQA_BENCH_RERUNS_H
#define MQA_TOOLS_MQA_BENCH_RERUNS_H

#include "CaseSummary.h"

namespace mqa::tools {

/// Launches a kernel `reruns` times in each way there is: plainly, prepared, on
/// two streams, in a graph, behind the kernel of `lateCopy` (the cubin or PTX
/// of late_copy.mlir, if not empty), and in a graph whose lengths and table
/// change. The bits must not.
void runReruns(Device &device, const LoadedKernel &kernel, int reruns,
               const std::string &lateCopy, CaseSummary &summary);

} // namespace mqa::tools

#endif // MQA_TOOLS_MQA_BENCH_RERUNS_H
