//===- Problem.cpp - Inputs of mqa.logits on the host ---------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Problem.h"
#include "Parallel.h"
#include "ProblemValues.h"
#include "Random.h"

#include <map>

using namespace mqa::tools;

int64_t Problem::countPairs() const {
  int64_t pairs = 0;
  for (int64_t m = 0; m < shape.numQueries; ++m)
    if (!keyBlocks.blockSize)
      pairs += end(m) - begin(m);
    else
      for (int64_t n = 0; n < end(m); ++n)
        pairs += sees(m, n);
  return pairs;
}

static void makeRanges(Problem &problem, Mask mask, const Random &random) {
  int64_t m = problem.shape.numQueries, n = problem.shape.numKeys;
  problem.ks.assign(m, 0);
  problem.ke.assign(m, 0);
  int64_t half = m / 2, ranks = m ? std::max<int64_t>(1, n / m) : 1;
  int64_t rank = ranks / 3;
  for (int64_t i = 0; i < m; ++i) {
    int64_t ks = 0, ke = n;
    switch (mask) {
    case Mask::Causal:
      ke = n - m + i;
      break;
    case Mask::Cp:
      ke = i < half ? rank * half + i
                    : (ranks * 2 - 1 - rank) * half + (i - half);
      break;
    case Mask::Full:
      break;
    case Mask::Random:
      ks = random.integer(2 * i, -n / 8, n + n / 8);
      ke = random.integer(2 * i + 1, -n / 8, n + n / 8);
      // Two of three ranges the right way round.
      if (ke < ks && i % 3 != 0)
        std::swap(ks, ke);
      break;
    }
    problem.ks[i] = static_cast<int32_t>(ks);
    problem.ke[i] = static_cast<int32_t>(ke);
  }
}

static Problem makeEmpty(const Shape &shape, Mask mask, uint64_t seed,
                         const Format &format) {
  Problem problem;
  problem.shape = shape;
  problem.format = format;
  resizeQueries(problem);
  int64_t numKeys = shape.numKeys * shape.numGroups;
  resizeKeys(problem, numKeys);
  problem.weights.resize(shape.numQueries * shape.numHeads);
  makeRanges(problem, mask, Random(seed, kRanges));
  if (!format.hasKs)
    std::fill(problem.ks.begin(), problem.ks.end(), 0);
  return problem;
}

Problem mqa::tools::makeProblem(const Shape &shape, Mask mask, uint64_t seed,
                                bool wide, const Format &format) {
  Problem problem = makeEmpty(shape, mask, seed, format);
  fillNormal(problem, seed, wide);
  return problem;
}

Problem mqa::tools::makeIntegerProblem(const Shape &shape, Mask mask,
                                       uint64_t seed, const Format &format) {
  Problem problem = makeEmpty(shape, mask, seed, format);
  fillIntegers(problem, seed);
  return problem;
}

double mqa::tools::countBytes(const Problem &problem, bool clean) {
  const Shape &shape = problem.shape;
  const Format &format = problem.format;
  int64_t m = shape.numQueries;
  double written = double(problem.countPairs()) / format.getColumnKeys();
  double cells = clean ? double(m) * problem.countColumns() : written;
  double keys = double(shape.numKeys) * shape.numGroups;
  double ranges = 8.0 * m;
  if (problem.paging.nextN && !problem.keyBlocks.blockSize) {
    // The longest of a sequence's queries.
    keys = 0;
    const Paging &paging = problem.paging;
    ranges = 4.0 * (paging.contextLens.size() + paging.sequence.size());
    std::map<int64_t, int64_t> longest;
    for (int64_t i = 0; i < m; ++i)
      if (int64_t end = problem.end(i)) {
        int64_t &own = longest[paging.getSequence(i)];
        own = std::max(own, end);
      }
    for (auto [b, length] : longest) {
      keys += length;
      ranges += 4.0 * ((length + paging.blockKv - 1) / paging.blockKv);
    }
  }
  if (problem.keyBlocks.blockSize) {
    // As many as each query has.
    keys = 0;
    for (int64_t i = 0; i < m; ++i)
      keys += problem.end(i);
    double blocks = keys / problem.keyBlocks.blockSize;
    const Paging &paging = problem.paging;
    // Of a paged cache, each is looked up in the table.
    if (paging.nextN)
      ranges = 4.0 * (paging.contextLens.size() + paging.sequence.size()) +
               4.0 * blocks;
    ranges += 4.0 * (m + blocks);
  }
  double keyBytes =
      double(format.getKeyBytes(shape.headDim)) + (format.hasKScale ? 4 : 0);
  return cells * getBytes(format.out) + problem.q.size() +
         4.0 * problem.queryScales.size() + keys * keyBytes +
         double(getBytes(format.weights)) * problem.weights.size() + ranges;
}

//===----------------------------------------------------------------------===//
// Key blocks
//===----------------------------------------------------------------------===//

/// `count` of `numBlocks` blocks, in their order: each of the rest is as likely
/// as another.
static void drawAscending(const Random &random, int64_t m, int64_t count,
                          int64_t numBlocks, int32_t *blocks) {
  int64_t wanted = count;
  for (int64_t block = 0; wanted > 0; ++block) {
    int64_t rest = numBlocks - block;
    uint64_t drawn = random.bits((m << 32) + block);
    if (static_cast<int64_t>(drawn % static_cast<uint64_t>(rest)) < wanted)
      blocks[count - wanted--] = static_cast<int32_t>(block);
  }
}

void mqa::tools::setKeyBlocks(Problem &problem, int64_t blockSize,
                              int64_t maxBlocks, BlockLists lists,
                              uint64_t seed) {
  int64_t m = problem.shape.numQueries;
  int64_t numBlocks = (problem.shape.numKeys + blockSize - 1) / blockSize;
  KeyBlocks &own = problem.keyBlocks;
  own.blockSize = blockSize;
  own.maxBlocks = maxBlocks;
  own.blocks.resize(m * maxBlocks);
  own.counts.resize(m);
  Random random(seed, kBlocks);
  for (size_t i = 0; i < own.blocks.size(); ++i)
    own.blocks[i] = static_cast<int32_t>(random.bits(~i));
  parallelFor(m, 1, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      int32_t *row = own.blocks.data() + i * maxBlocks;
      int64_t count = std::min(maxBlocks, numBlocks);
      if (lists == BlockLists::Ascending) {
        drawAscending(random, i, count, numBlocks, row);
        own.counts[i] = static_cast<int32_t>(count);
        continue;
      }
      own.counts[i] =
          static_cast<int32_t>(random.integer(~(i << 20), -2, maxBlocks + 2));
      count = std::clamp<int64_t>(own.counts[i], 0, maxBlocks);
      // Some numbers of no block, near and far.
      for (int64_t j = 0; j < count; ++j) {
        int64_t draw = (i << 32) + j;
        if (random.integer(2 * draw, 0, 15) != 0)
          row[j] = static_cast<int32_t>(
              random.integer(2 * draw + 1, -2, numBlocks + 2));
      }
    }
  });
}
