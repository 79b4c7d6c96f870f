//===- EdgeCases.h - Problems that broke other kernels ----------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef MQA_TOOLS_MQA_BENCH_EDGECASES_H
#define MQA_TOOLS_MQA_BENCH_EDGECASES_H

#include <string>
#include <vector>

namespace mqa::tools {

struct EdgeOptions {
  std::vector<std::string> bundles;
  /// Launches of one problem per kernel that must give the same bits; on a GPU
  /// as many replays of a graph, and as many on two streams at once.
  int reruns = 100;
  /// The cubin or PTX of late_copy.mlir: then also behind that kernel.
  std::string lateCopy;
  /// Also one output of more than 2^31 elements for each kernel.
  bool large = false;
  bool verbose = false;
  /// Where the counts go, if it is not empty.
  std::string json;
};

/// Runs every kernel of every bundle on the edge cases, by name. Prints what is
/// wrong and a summary; returns the exit code.
int runEdges(const EdgeOptions &options);

} // namespace mqa::tools

#endif // MQA_TOOLS_MQA_BENCH_EDGECASES_H
