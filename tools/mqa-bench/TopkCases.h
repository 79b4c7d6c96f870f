//===- TopkCases.h - Selections that are checked ----------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef MQA_TOOLS_MQA_BENCH_TOPKCASES_H
#define MQA_TOOLS_MQA_BENCH_TOPKCASES_H

#include "CaseSummary.h"
#include "TopkCheck.h"

#include <cstdint>

namespace mqa::tools {

/// `cases` problems of random size, ranges, layout and logits, each launched
/// `reruns` times again for the same bits; and one that fills the chip,
/// `largeReruns` times if that is not 0.
void runRandomTopk(Device &device, const LoadedKernel &kernel, int cases,
                   int reruns, int largeReruns, uint64_t seed,
                   CaseSummary &summary);

/// Every pattern of logits on every kind of range, by name, and reruns: again,
/// prepared, on two streams, and as a graph whose inputs change. `large`: also
/// logits of more than 2^31 elements.
void runTopkEdges(Device &device, const LoadedKernel &kernel, int reruns,
                  bool large, bool verbose, CaseSummary &summary);

/// The `i`-th kind of range of a row with k keys to select and N keys.
constexpr int64_t kNumEdgeRanges = 20;
std::pair<int64_t, int64_t> getEdgeRange(int64_t i, int64_t k, int64_t n);

/// Counts one case, and prints what was wrong.
void reportTopk(const mqa_kernel_info &info, const std::string &name,
                const TopkCheckResult &check, int changed, bool verbose,
                CaseSummary &summary);

} // namespace mqa::tools

#endif // MQA_TOOLS_MQA_BENCH_TOPKCASES_H
