//===- FusedProblems.h - Problems of edge cases with top-k ------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef MQA_TOOLS_MQA_BENCH_FUSEDPROBLEMS_H
#define MQA_TOOLS_MQA_BENCH_FUSEDPROBLEMS_H

#include "FusedCases.h"
#include "TopkCases.h"

namespace mqa::tools {

/// A query of each kind of range among `n` keys. Where queries have blocks of
/// keys, these are all but each fourth, in their order.
Problem makeEdgeRanges(const mqa_kernel_info &info, int64_t n,
                       int64_t numQueries = kNumEdgeRanges, int shift = 0);

/// The lengths that say something about k, up to `n`.
int64_t getEdgeLength(int64_t b, int64_t k, int64_t n);

/// Sequences of `length(b)` keys, or rows that name them.
PagedShape makeEdgeShape(const mqa_kernel_info &info, int64_t batch,
                         const std::function<int64_t(int64_t)> &length);

/// With key blocks as `makeEdgeRanges` has them.
Problem makePagedEdge(const mqa_kernel_info &info, const PagedShape &shape);

/// What lists of key blocks may be, with rows of each kind beside each
/// other.
std::vector<FusedCase> makeFusedBlockEdges(const mqa_kernel_info &info);

/// What the heads of a maximum may have; none of a kernel that adds them up.
std::vector<FusedCase> makeFusedHeadEdges(const mqa_kernel_info &info);

} // namespace mqa::tools

#endif // MQA_TOOLS_MQA_BENCH_FUSEDPROBLEMS_H
