//===- TopkBlocks.cpp - Selections from columns of key blocks -------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Problems are made of ranges of columns, as those without lists are. Kernels
// get the ranges of keys that these columns stand for.
//
//===----------------------------------------------------------------------===//

#include "TopkProblem.h"

#include <limits>

using namespace mqa::tools;

void mqa::tools::drawTopkBlocks(TopkProblem &problem, std::mt19937_64 &random) {
  const mqa_kernel_info &info = problem.info;
  int64_t size = info.key_block_size, rows = problem.numQueries;
  KeyBlocks &own = problem.keyBlocks;
  own.blockSize = size;
  own.maxBlocks = info.max_key_blocks >= 0
                      ? info.max_key_blocks
                      : (problem.numColumns + size - 1) / size;
  problem.numColumns = own.maxBlocks * size;
  // As many as ascending numbers reach that are one or two apart.
  int64_t numBlocks = 2 * own.maxBlocks + 3;
  problem.numKeys = numBlocks * size - size / 2;
  own.blocks.resize(rows * own.maxBlocks);
  own.counts.resize(rows);
  for (int64_t m = 0; m < rows; ++m) {
    int32_t *row = own.blocks.data() + m * own.maxBlocks;
    uint64_t kind = random() % 32;
    // Numbers below 0, or beyond the keys, now and then.
    int64_t next = kind == 0   ? -2
                   : kind == 1 ? own.maxBlocks
                               : static_cast<int64_t>(random() % 2);
    for (int64_t j = 0; j < own.maxBlocks; ++j) {
      row[j] = static_cast<int32_t>(next);
      next += 1 + static_cast<int64_t>(random() % 2);
    }
    own.counts[m] = static_cast<int32_t>(
        kind == 2   ? own.maxBlocks + 5
        : kind == 3 ? static_cast<int64_t>(random() % (own.maxBlocks + 1)) - 1
                    : own.maxBlocks);
    // Behind the blocks of a row is anything.
    for (int64_t j = std::max<int64_t>(own.counts[m], 0); j < own.maxBlocks;
         ++j)
      row[j] = std::numeric_limits<int32_t>::min();
    if (kind == 4 && own.maxBlocks)
      std::swap(row[0], row[own.maxBlocks - 1]);
  }
}

std::pair<int64_t, int64_t>
mqa::tools::getKeyRange(const TopkProblem &problem, int64_t m,
                        std::pair<int64_t, int64_t> columns) {
  const KeyBlocks &blocks = problem.keyBlocks;
  int64_t count = blocks.countColumns(m);
  // Ranges may begin ahead of column 0, and end anywhere behind the last one.
  auto getKey = [&](int64_t column) {
    if (column < 0 || count == 0)
      return column;
    return column < count ? blocks.getKey(m, column)
                          : blocks.getKey(m, count - 1) + 1 + column - count;
  };
  auto [first, last] = columns;
  return {first <= 0 ? first : getKey(first),
          last <= 0 ? last : getKey(last - 1) + 1};
}

/// Columns of row m whose keys are ahead of `key`, where blocks ascend.
static int64_t countColumnsAhead(const TopkProblem &problem, int64_t m,
                                 int64_t key) {
  const KeyBlocks &blocks = problem.keyBlocks;
  int64_t first = 0, last = blocks.countColumns(m);
  while (first < last) {
    int64_t middle = (first + last) / 2;
    if (blocks.getKey(m, middle) < key)
      first = middle + 1;
    else
      last = middle;
  }
  return first;
}

void mqa::tools::setColumnRanges(TopkProblem &problem) {
  const mqa_kernel_info &info = problem.info;
  problem.firstKeys = problem.ks;
  problem.endKeys = problem.ke;
  for (int64_t m = 0; m < problem.numQueries; ++m) {
    int64_t first = info.has_ks ? std::max(problem.ks[m], 0) : 0;
    int64_t last = problem.getEndKey(m);
    if (info.has_num_keys)
      last = std::min(last, problem.numKeys);
    if (info.block_kv)
      last = std::min(last, problem.maxBlocks * info.block_kv);
    int64_t begin = countColumnsAhead(problem, m, first);
    int64_t end = std::max(begin, countColumnsAhead(problem, m, last));
    problem.ks[m] = static_cast<int32_t>(begin);
    problem.ke[m] = static_cast<int32_t>(end);
  }
}
