//===- FusedCases.h - Logits and top-k in one, checked ----------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef MQA_TOOLS_MQA_BENCH_FUSEDCASES_H
#define MQA_TOOLS_MQA_BENCH_FUSEDCASES_H

#include "CaseSummary.h"
#include "EdgeCases.h"
#include "FusedSession.h"

namespace mqa::tools {

struct FusedCase {
  Problem problem;
  std::string description;
  Slack slack = {};
  TopkSlack topkSlack = {};
  /// Logits to compare with the oracle. None where they are planted: they need
  /// not be finite.
  int64_t maxPairs = 1 << 18;
};

/// The companion of a kernel of `bundle`; ends the program if it has none.
std::unique_ptr<LoadedKernel> requireCompanion(const mqa_bundle *bundle,
                                               const mqa_kernel_info &info);

/// Launches both kernels, compares the companion with the oracle and the kernel
/// with the companion, and launches it again for the same bits.
void runFusedCase(Device &device, const LoadedKernel &kernel,
                  const LoadedKernel &companion, const FusedCase &c, int reruns,
                  bool verbose, CaseSummary &summary);

/// `cases` problems of random size, ranges, layout and values: half of them
/// have planted logits, others integers or NaN.
void runRandomFused(Device &device, const LoadedKernel &kernel,
                    const mqa_bundle *bundle, int cases, int reruns,
                    uint64_t seed, CaseSummary &summary);

/// Every pattern of logits on every kind of range, shapes by name, and reruns,
/// as runReruns. `large`: also more than 2^31 logits.
void runFusedEdges(Device &device, const LoadedKernel &kernel,
                   const mqa_bundle *bundle, const EdgeOptions &options,
                   CaseSummary &summary);

/// The nearest number of queries, above, that the kernel may have.
int64_t roundQueries(const mqa_kernel_info &info, int64_t numQueries);

/// Gives query m the range `get(m)`, from 0 where the kernel has no starts.
void setRanges(Problem &problem, const mqa_kernel_info &info,
               const GetRange &get);

} // namespace mqa::tools

#endif // MQA_TOOLS_MQA_BENCH_FUSEDCASES_H
