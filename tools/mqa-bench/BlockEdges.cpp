//===- BlockEdges.cpp - Edge cases of key blocks --------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "CaseShapes.h"
#include "EdgeChanges.h"
#include "MxKeys.h"

#include <algorithm>
#include <cmath>
#include <limits>

using namespace mqa::tools;

//===----------------------------------------------------------------------===//
// Blocks whose maxima are taken
//===----------------------------------------------------------------------===//

/// Sets the range of every query to what `get` says of it and of the keys of a
/// block.
template <typename Get>
static void setRangesOfBlocks(Problem &problem, Get get) {
  auto size = static_cast<int32_t>(problem.format.blockMax);
  setRanges(problem, [&](int32_t m) { return get(m, size); });
}

/// The last key of a block and the first of the next one.
static void crossBlocks(Problem &problem, Slack &) {
  setRangesOfBlocks(problem, [](int32_t m, int32_t size) {
    return std::pair(m % 3 * size + size - 1, m % 3 * size + size + 1);
  });
}

static void takeOneKey(Problem &problem, Slack &) {
  setRangesOfBlocks(problem, [](int32_t m, int32_t size) {
    int32_t key = m % 2 ? m * size : m * size + size - 1;
    return std::pair(key % 300, key % 300 + 1);
  });
}

/// Whole blocks, most of which are in no range.
static void leaveBlocksEmpty(Problem &problem, Slack &) {
  setRangesOfBlocks(problem, [](int32_t m, int32_t size) {
    int32_t first = m % 4 * size;
    return std::pair(first, m % 5 ? first + size : first);
  });
}

/// In the first and in the last key of blocks; ranges take one of them, both or
/// none.
static void plantNaNInBlocks(Problem &problem, Slack &) {
  const Format &format = problem.format;
  int64_t size = format.blockMax;
  float nan = std::numeric_limits<float>::quiet_NaN();
  int64_t row = problem.shape.numGroups * problem.shape.headDim;
  for (int64_t n = 0; n < problem.shape.numKeys; n += 2 * size)
    for (int64_t key : {n, std::min(n + size, problem.shape.numKeys) - 1}) {
      if (format.hasMxKeys())
        storeMxScale(getMxKeys(problem), key, 0, kMxNaN);
      else
        storeBits(format.input, problem.k.data(), key * row,
                  encode(format.input, nan));
    }
  setRangesOfBlocks(problem, [](int32_t m, int32_t size) {
    return std::pair(m % 3, 2 * size * (m % 3) + size - m % 2);
  });
}

static const Edge kEdges[] = {
    {"ranges that cross blocks by a key", 40, 500, Mask::Full, crossBlocks},
    {"one key in a block", 40, 500, Mask::Full, takeOneKey},
    {"blocks without a key", 60, 700, Mask::Full, leaveBlocksEmpty},
    {"NaN in a block", 45, 600, Mask::Full, plantNaNInBlocks},
    {"N not a multiple of a block", 20, 257, Mask::Random, keep},
    {"fewer keys than a block", 20, 5, Mask::Random, keep},
};

std::vector<Edge> mqa::tools::getBlockMaxEdges() {
  return {std::begin(kEdges), std::end(kEdges)};
}

//===----------------------------------------------------------------------===//
// Lists of blocks
//===----------------------------------------------------------------------===//

namespace {
/// One edge of a kernel with key blocks: `change` makes the lists of a
/// problem whose lists are ascending.
struct KeyBlockEdge {
  const char *name;
  int64_t numQueries, numKeys, maxBlocks;
  Mask mask;
  void (*change)(Problem &problem, Slack &slack);
  /// Changes ranges, or strides that a paged problem has not.
  bool isContiguous = false;
};
} // namespace

/// Sets block j of each row to what `get` says of row and j.
template <typename Get> static void setBlocks(Problem &problem, Get get) {
  KeyBlocks &own = problem.keyBlocks;
  for (size_t i = 0; i < own.blocks.size(); ++i)
    own.blocks[i] = static_cast<int32_t>(
        get(static_cast<int64_t>(i) / own.maxBlocks, i % own.maxBlocks));
}

static void makeNoBlocks(Problem &problem, Slack &) {
  std::fill(problem.keyBlocks.counts.begin(), problem.keyBlocks.counts.end(),
            0);
}

static void makeAnyCounts(Problem &problem, Slack &) {
  constexpr int32_t kMin = std::numeric_limits<int32_t>::min();
  constexpr int32_t kMax = std::numeric_limits<int32_t>::max();
  std::vector<int32_t> &counts = problem.keyBlocks.counts;
  for (size_t m = 0; m < counts.size(); ++m)
    counts[m] = m % 5 == 0   ? kMin
                : m % 5 == 1 ? kMax
                : m % 5 == 2 ? -1
                             : static_cast<int32_t>(m % 7);
}

static void makeDuplicates(Problem &problem, Slack &) {
  setBlocks(problem, [](int64_t m, int64_t j) { return (m + j / 3) % 30; });
}

static void makeDescending(Problem &problem, Slack &) {
  setBlocks(problem, [](int64_t m, int64_t j) { return 34 - j + m % 3; });
}

static void leaveKeys(Problem &problem, Slack &) {
  // About as far as an i32, and as the product with a block's keys, goes.
  constexpr int64_t kFar[] = {-1,
                              int64_t(1) << 28,
                              int64_t(1) << 29,
                              -(int64_t(1) << 29),
                              std::numeric_limits<int32_t>::max(),
                              std::numeric_limits<int32_t>::min(),
                              40,
                              1000};
  setBlocks(problem, [&](int64_t m, int64_t j) {
    return j % 2 ? kFar[(m + j / 2) % 8] : j;
  });
}

static void cutRanges(Problem &problem, Slack &) {
  setRanges(problem, [](int32_t m) { return std::pair(m + 3, m + 3 + m % 9); });
}

static void addBlockSlack(Problem &problem, Slack &slack) {
  addSlack(problem, slack);
  slack.table = 3;
}

static const KeyBlockEdge kKeyBlockEdges[] = {
    {"num_key_blocks 0", 60, 300, 20, Mask::Full, makeNoBlocks},
    {"any num_key_blocks", 60, 300, 20, Mask::Full, makeAnyCounts},
    {"blocks twice", 60, 300, 40, Mask::Full, makeDuplicates},
    {"unsorted blocks", 60, 300, 30, Mask::Causal, makeDescending},
    {"blocks past N, negative ones", 60, 300, 40, Mask::Full, leaveKeys},
    {"candidates outside of the range", 60, 300, 36, Mask::Full, cutRanges,
     true},
    {"empty ranges", 60, 300, 20, Mask::Full, makeEmpty, true},
    {"extreme bounds", 60, 300, 20, Mask::Full, endAnywhere, true},
    {"N not a multiple of a block", 60, 301, 40, Mask::Full, keep},
    {"N less than a block", 60, 5, 4, Mask::Full, keep},
    {"no key", 60, 0, 10, Mask::Full, keep},
    {"no block", 60, 300, 0, Mask::Full, keep},
    {"no query", 0, 300, 10, Mask::Full, keep},
    {"one query", 1, 3000, 200, Mask::Full, keep},
    {"one block", 60, 300, 1, Mask::Full, keep},
    {"more columns than keys", 60, 200, 100, Mask::Full, keep},
    {"strided q, k, weights, lists and out", 60, 333, 30, Mask::Random,
     addBlockSlack, true},
    {"sliced q, k, k_scale and weights", 60, 333, 30, Mask::Random,
     addRowsBefore, true},
    {"-0, largest values, subnormals", 33, 400, 40, Mask::Full, makeExtreme},
    {"NaN", 33, 400, 40, Mask::Full, plantNaN},
};

/// Of a paged kernel, a sequence of `numKeys` keys for each few queries.
static Problem makeEdge(const mqa_kernel_info &info, const KeyBlockEdge &edge) {
  if (!isPaged(info))
    return makeProblem(getShape(info, edge.numQueries, edge.numKeys), edge.mask,
                       1, /*wide=*/false, getFormat(info));
  PagedShape shape =
      getPagedShape(info, (edge.numQueries + info.next_n - 1) / info.next_n,
                    [](int64_t) { return int32_t(0); });
  std::fill(shape.lens.begin(), shape.lens.end(),
            static_cast<int32_t>(edge.numKeys));
  setStaticSizes(info, shape);
  return makePagedProblem(shape, 1, /*wide=*/false, getFormat(info));
}

void mqa::tools::runKeyBlockEdges(const EdgeRun &run) {
  const mqa_kernel_info &info = run.kernel.getInfo();
  for (const KeyBlockEdge &edge : kKeyBlockEdges) {
    if (edge.isContiguous && isPaged(info))
      continue;
    Problem problem = makeEdge(info, edge);
    setKeyBlocks(info, problem, edge.maxBlocks, BlockLists::Ascending, 1);
    Slack slack;
    if (problem.shape.numQueries)
      edge.change(problem, slack);
    run.check(edge.name, problem, slack);
  }
}
