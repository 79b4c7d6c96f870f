//===- FusedTable.h - The table of logits and top-k in one ------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef MQA_TOOLS_MQA_BENCH_FUSEDTABLE_H
#define MQA_TOOLS_MQA_BENCH_FUSEDTABLE_H

#include "FusedSession.h"
#include "Topk.h"

#include <nlohmann/json_fwd.hpp>

namespace mqa::tools {

/// A kernel of logits and top-k, and the one of its logits alone.
struct FusedKernel {
  std::string name;
  std::unique_ptr<LoadedKernel> kernel, companion;
};

/// Checks and times every kernel beside its companion, in turn: prefill cells,
/// or rows of a paged cache, on a GPU 20 launches in a row of one graph. Prints
/// times, their ratio and its geometric mean. False: an entry was wrong.
bool runFusedTable(Device &device, const std::vector<FusedKernel> &kernels,
                   const TopkPattern &pattern, const TopkOptions &options,
                   nlohmann::json &rows);

} // namespace mqa::tools

#endif // MQA_TOOLS_MQA_BENCH_FUSEDTABLE_H
