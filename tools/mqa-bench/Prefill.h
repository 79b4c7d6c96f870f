//===- Prefill.h - The prefill table ----------------------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef MQA_TOOLS_MQA_BENCH_PREFILL_H
#define MQA_TOOLS_MQA_BENCH_PREFILL_H

#include <cstdint>
#include <string>
#include <vector>

namespace mqa::tools {

struct PrefillOptions {
  std::vector<std::string> bundles;
  std::string ceiling, peer, json;
  /// Where the best exact and the best fast schedule of each H and D go, as
  /// entries of the compiler's schedules.json. Kernels that clean are left out.
  std::string table;
  /// The longest sequence of keys that is measured.
  int64_t maxKeys = 131072;
  int repeat = 21;
  /// All columns of the table.
  bool wide = false;
};

/// Checks and times every bundle on the 24 cells of the prefill table, all
/// kernels interleaved with the ceiling, and prints a table. Returns the exit
/// code: 1 if a cell is wrong.
int runPrefill(const PrefillOptions &options);

} // namespace mqa::tools

#endif // MQA_TOOLS_MQA_BENCH_PREFILL_H
