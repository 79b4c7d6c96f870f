//===- FusedProblems.cpp - Problems of edge cases with top-k --------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "FusedProblems.h"
#include "CaseShapes.h"

#include <algorithm>
#include <limits>

using namespace mqa::tools;

/// Of a problem whose queries have key blocks: all but each fourth, in
/// their order.
static void setBlocks(const mqa_kernel_info &info, Problem &problem) {
  int64_t size = info.key_block_size;
  if (!size)
    return;
  int64_t numBlocks = (problem.shape.numKeys + size - 1) / size;
  setKeyBlocks(info, problem, std::max<int64_t>(1, numBlocks - numBlocks / 4),
               BlockLists::Ascending, /*seed=*/1);
}

Problem mqa::tools::makeEdgeRanges(const mqa_kernel_info &info, int64_t n,
                                   int64_t numQueries, int shift) {
  Shape shape = getShape(info, roundQueries(info, numQueries), n);
  Problem problem = makeProblem(shape, Mask::Full, /*seed=*/1, /*wide=*/false,
                                getFormat(info));
  setRanges(problem, info, [&](int64_t m) {
    return getEdgeRange(m + shift, info.k, shape.numKeys);
  });
  setBlocks(info, problem);
  return problem;
}

int64_t mqa::tools::getEdgeLength(int64_t b, int64_t k, int64_t n) {
  const int64_t lengths[] = {n, 0, 1, k - 1, k, k + 1, -1, n / 2, k + 8, n - 1};
  return lengths[b % std::size(lengths)];
}

PagedShape
mqa::tools::makeEdgeShape(const mqa_kernel_info &info, int64_t batch,
                          const std::function<int64_t(int64_t)> &length) {
  PagedShape shape{info.batch < 0 ? batch : info.batch,
                   info.next_n,
                   info.num_heads,
                   info.head_dim,
                   info.block_kv,
                   {}};
  bool ofRows = info.has_sequence;
  for (int64_t b = 0; b < shape.batch; ++b)
    for (int64_t t = 0, e = info.lens_per_query && !ofRows ? info.next_n : 1;
         t < e; ++t)
      shape.lens.push_back(static_cast<int32_t>(length(b) - e + t + 1));
  if (ofRows)
    makeRows(info, shape, [](int64_t b) { return 1 + b * 5 % 8; });
  setStaticSizes(info, shape);
  return shape;
}

Problem mqa::tools::makePagedEdge(const mqa_kernel_info &info,
                                  const PagedShape &shape) {
  Problem problem =
      makePagedProblem(shape, /*seed=*/1, /*wide=*/false, getFormat(info));
  setBlocks(info, problem);
  return problem;
}

//===----------------------------------------------------------------------===//
// Key blocks
//===----------------------------------------------------------------------===//

std::vector<FusedCase>
mqa::tools::makeFusedBlockEdges(const mqa_kernel_info &info) {
  int64_t n = 3 * info.k + 4000, size = info.key_block_size;
  auto make = [&](const char *name,
                  const std::function<void(KeyBlocks &, int64_t)> &change) {
    FusedCase c;
    c.problem =
        isPaged(info)
            ? makePagedEdge(info,
                            makeEdgeShape(info, 12, [&](int64_t) { return n; }))
            : makeEdgeRanges(info, n, 40);
    c.description = name;
    for (size_t m = 0; m < c.problem.keyBlocks.counts.size(); ++m)
      change(c.problem.keyBlocks, static_cast<int64_t>(m));
    return c;
  };
  auto getRow = [](KeyBlocks &own, int64_t m) {
    return own.blocks.data() + m * own.maxBlocks;
  };
  std::vector<FusedCase> cases;
  cases.push_back(make("rows without a block", [](KeyBlocks &own, int64_t m) {
    own.counts[m] = m % 3 == 0 ? 0 : m % 3 == 1 ? -7 : own.counts[m];
  }));
  cases.push_back(
      make("more blocks than there is room for", [](KeyBlocks &own, int64_t m) {
        own.counts[m] = m % 2 ? 0x7fffffff : own.counts[m];
      }));
  cases.push_back(
      make("blocks outside of the range", [&](KeyBlocks &own, int64_t m) {
        for (int64_t j = 0; j < own.maxBlocks; ++j)
          getRow(own, m)[j] = static_cast<int32_t>(m % 2 ? (n / size + 1) + j
                                                         : j - own.maxBlocks);
      }));
  cases.push_back(make(
      "numbers of no block around the others", [&](KeyBlocks &own, int64_t m) {
        int32_t *row = getRow(own, m);
        row[0] = std::numeric_limits<int32_t>::min() + m % 3;
        row[own.maxBlocks - 1] = std::numeric_limits<int32_t>::max();
      }));
  // Nothing is promised of these, but of the rows beside them.
  cases.push_back(make("rows out of order", [&](KeyBlocks &own, int64_t m) {
    if (m % 2)
      std::reverse(getRow(own, m), getRow(own, m) + own.maxBlocks);
  }));
  cases.push_back(make("rows of one block", [&](KeyBlocks &own, int64_t m) {
    if (m % 2)
      std::fill_n(getRow(own, m), own.maxBlocks, m);
  }));
  return cases;
}
