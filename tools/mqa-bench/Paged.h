//===- Paged.h - The paged table on a GPU -----------------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef MQA_TOOLS_MQA_BENCH_PAGED_H
#define MQA_TOOLS_MQA_BENCH_PAGED_H

#include <cstdint>
#include <string>
#include <vector>

namespace mqa::tools {

struct PagedOptions {
  std::vector<std::string> bundles;
  std::string ceiling, peer, json;
  int repeat = 21;
  /// All columns of the table.
  bool wide = false;
};

/// Checks and measures every cell that a kernel has the next_n of, beside the
/// copy and an empty launch of the same round. Returns the exit code: 1 if a
/// result was wrong.
int runPaged(const PagedOptions &options);

} // namespace mqa::tools

#endif // MQA_TOOLS_MQA_BENCH_PAGED_H
