//===- PagedProblem.cpp - Inputs of mqa.paged_logits on the host ----------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "ProblemValues.h"
#include "Random.h"

using namespace mqa::tools;

std::vector<int32_t> mqa::tools::drawLengths(int64_t batch, int64_t average,
                                             uint64_t seed) {
  Random random(seed, kRanges);
  std::vector<int32_t> lengths(batch);
  for (int64_t b = 0; b < batch; ++b)
    lengths[b] =
        static_cast<int32_t>(average * (0.7 + 0.6 * random.uniform(b)) + 0.5);
  return lengths;
}

std::vector<int64_t> Paging::getLongest(int64_t batch) const {
  std::vector<int64_t> longest(batch, 0);
  int64_t perSequence = contextLens.size() / std::max<int64_t>(1, batch);
  for (size_t i = 0; i < contextLens.size(); ++i) {
    int64_t b =
        sequence.empty() ? i / std::max<int64_t>(1, perSequence) : sequence[i];
    if (b >= 0 && b < batch)
      longest[b] = std::max<int64_t>(longest[b], contextLens[i]);
  }
  return longest;
}

void mqa::tools::setPagedRanges(Problem &problem) {
  const Paging &paging = problem.paging;
  int64_t t = paging.nextN;
  bool perQuery = paging.contextLens.size() == problem.ke.size();
  int64_t room = std::min<int64_t>(problem.shape.numKeys,
                                   paging.maxBlocks * paging.blockKv);
  int64_t batch = paging.getBatch();
  for (int64_t m = 0; m < problem.shape.numQueries; ++m) {
    int64_t length = perQuery ? paging.contextLens[m]
                              : paging.contextLens[m / t] - t + m % t + 1;
    // A row that names no line of the table sees no key.
    if (!paging.sequence.empty() &&
        (paging.sequence[m] < 0 || paging.sequence[m] >= batch))
      length = 0;
    problem.ks[m] = 0;
    problem.ke[m] = static_cast<int32_t>(std::clamp<int64_t>(length, 0, room));
  }
}

/// Gives each block that a sequence needs a place of its own in the cache, as
/// far as there are enough; garbage to the other entries of the table.
static void fillBlockTable(Paging &paging, int64_t batch, uint64_t seed,
                           int64_t columns) {
  Random random(seed, kTable);
  std::vector<int64_t> lengths = paging.getLongest(batch);
  std::vector<int32_t> order(paging.numBlocks);
  for (int64_t i = 0; i < paging.numBlocks; ++i)
    order[i] = static_cast<int32_t>(i);
  for (int64_t i = paging.numBlocks - 1; i > 0; --i)
    std::swap(order[i], order[random.integer(i, 0, i)]);
  size_t next = 0;
  for (int64_t b = 0; b < batch; ++b) {
    int64_t longest = std::min(lengths[b], columns);
    for (int64_t i = 0; i < paging.maxBlocks; ++i) {
      int32_t &entry = paging.blockTable[b * paging.maxBlocks + i];
      // A cache without blocks has none to name.
      if (i * paging.blockKv < longest && !order.empty())
        entry = order[next++ % order.size()];
      else
        entry = static_cast<int32_t>(random.bits(next + i + b));
    }
  }
}

Problem mqa::tools::makePagedProblem(const PagedShape &paged, uint64_t seed,
                                     bool wide, const Format &format,
                                     bool integers) {
  Problem problem;
  problem.paging.contextLens = paged.lens;
  problem.paging.sequence = paged.sequence;
  int64_t longest = 0, needed = 0;
  for (int64_t own : problem.paging.getLongest(paged.batch)) {
    longest = std::max(longest, own);
    needed += (own + paged.blockKv - 1) / paged.blockKv;
  }
  int64_t columns = paged.maxContextLen < 0 ? longest : paged.maxContextLen;
  // A column of maxima has room for its whole block.
  int64_t size = format.getColumnKeys();
  columns = (columns + size - 1) / size * size;
  problem.paging.nextN = paged.nextN;
  problem.paging.blockKv = paged.blockKv;
  problem.paging.numBlocks = paged.numBlocks < 0
                                 ? std::max<int64_t>(1, needed + needed / 16)
                                 : paged.numBlocks;
  problem.paging.maxBlocks =
      paged.maxBlocks < 0
          ? std::max<int64_t>(1, (longest + paged.blockKv - 1) / paged.blockKv)
          : paged.maxBlocks;
  problem.paging.blockTable.resize(paged.batch * problem.paging.maxBlocks);
  fillBlockTable(problem.paging, paged.batch, seed, columns);
  int64_t numRows = paged.ofRows ? static_cast<int64_t>(paged.sequence.size())
                                 : paged.batch * paged.nextN;
  problem.shape = {numRows, paged.numHeads, paged.headDim, columns};
  problem.format = format;
  int64_t slots = problem.paging.numBlocks * paged.blockKv;
  resizeQueries(problem);
  resizeKeys(problem, slots);
  problem.weights.resize(problem.shape.numQueries * paged.numHeads);
  problem.ks.resize(problem.shape.numQueries);
  problem.ke.resize(problem.shape.numQueries);
  setPagedRanges(problem);
  if (integers)
    fillIntegers(problem, seed);
  else
    fillNormal(problem, seed, wide);
  return problem;
}
