//===- EdgeChanges.h - What edge cases do to a problem ----------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef MQA_TOOLS_MQA_BENCH_EDGECHANGES_H
#define MQA_TOOLS_MQA_BENCH_EDGECHANGES_H

#include "CaseSummary.h"
#include "KernelCases.h"
#include "Session.h"

#include <tuple>
#include <vector>

namespace mqa::tools {

/// One edge: a problem's size, and what is done to it and to its layout.
struct Edge {
  const char *name;
  int64_t numQueries, numKeys;
  Mask mask;
  void (*change)(Problem &problem, Slack &slack);
};

/// A kernel, and where what is found about it goes.
struct EdgeRun {
  Device &device;
  const LoadedKernel &kernel;
  /// Print what is right, too.
  bool verbose;
  CaseSummary &summary;

  /// Compares one launch with the oracle.
  void check(const char *name, const Problem &problem,
             const Slack &slack) const;
};

/// Sets the range of every query to what `get` says of it.
template <typename Get> void setRanges(Problem &problem, Get get) {
  for (size_t m = 0; m < problem.ks.size(); ++m)
    std::tie(problem.ks[m], problem.ke[m]) =
        std::pair<int32_t, int32_t>(get(static_cast<int32_t>(m)));
}

void keep(Problem &problem, Slack &slack);
void makeEmpty(Problem &problem, Slack &slack);
void endAnywhere(Problem &problem, Slack &slack);
void addSlack(Problem &problem, Slack &slack);
void addRowsBefore(Problem &problem, Slack &slack);
/// Zeros of both signs, the largest and smallest magnitudes, subnormals.
void makeExtreme(Problem &problem, Slack &slack);
/// Block scales of a key that are up to 2^60 apart, if keys have any.
void spreadScales(Problem &problem, Slack &slack);
/// Block scales of queries near the greatest, and of keys near the least.
void offsetScales(Problem &problem, Slack &slack);
/// NaN in q, k, k_scale and weights, of both signs.
void plantNaN(Problem &problem, Slack &slack);

/// The edges of an op with blocks whose maxima are taken, beside others.
std::vector<Edge> getBlockMaxEdges();
void runKeyBlockEdges(const EdgeRun &run);
/// Those of a maximum over the heads, beside others.
void runHeadEdges(const EdgeRun &run);
void runPagedEdges(const EdgeRun &run);
/// Those of rows that name their sequences, beside the edges of paged kernels.
void runRowEdges(const EdgeRun &run);
/// More than 2^31 bytes of cache: the blocks that are used lie at its end.
void runLargeCache(const EdgeRun &run);

} // namespace mqa::tools

#endif // MQA_TOOLS_MQA_BENCH_EDGECHANGES_H
