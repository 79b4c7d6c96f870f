//===- Cpu.h - The table of logits on a CPU ---------------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef MQA_TOOLS_MQA_BENCH_CPU_H
#define MQA_TOOLS_MQA_BENCH_CPU_H

#include "CpuCells.h"

namespace mqa::tools {

struct CpuOptions {
  std::vector<std::string> bundles;
  std::string shapes = kCpuShapes, json;
  /// Of all shapes; without one, each has those that suit it.
  std::optional<Mask> mask;
  /// The unit whose peak is measured; the fastest, if it is empty.
  std::string peak;
  int repeat = 7;
  /// 0: one for each core.
  int threads = 0;
};

/// Checks and times every kernel of mqa.logits on one thread and on all,
/// interleaved with the loop nest, the peak and reads of memory, and prints a
/// table. Returns the exit code: 1 if a cell is wrong.
int runCpu(const CpuOptions &options);

} // namespace mqa::tools

#endif // MQA_TOOLS_MQA_BENCH_CPU_H
