//===- ProblemValues.cpp - What problems are filled with ------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "ProblemValues.h"
#include "MxKeys.h"
#include "Parallel.h"
#include "Random.h"

#include <cmath>

using namespace mqa::tools;

void mqa::tools::resizeKeys(Problem &problem, int64_t numKeys) {
  const Format &format = problem.format;
  problem.k.resize(numKeys * format.getKeyBytes(problem.shape.headDim));
  if (format.hasMxKeys())
    problem.blockScales.resize(numKeys);
  else
    problem.kScale.resize(numKeys);
}

void mqa::tools::resizeQueries(Problem &problem) {
  const Format &format = problem.format;
  int64_t heads = problem.shape.numQueries * problem.shape.numHeads;
  problem.q.resize(heads * format.getQueryRow(problem.shape.headDim) *
                   getBytes(format.getQueryType()));
  if (format.hasMxQueries())
    problem.queryScales.resize(heads);
}

/// What the kernel sees of scales and weights.
static void roundToFormat(Problem &problem) {
  const Format &format = problem.format;
  for (float &weight : problem.weights)
    weight = format.hasWeights
                 ? decode(format.weights, encode(format.weights, weight))
                 : 1.0f;
  if (!format.hasKScale)
    std::fill(problem.kScale.begin(), problem.kScale.end(), 1.0f);
}

/// Its blocks differ by up to 2^10, so that their scales differ by no more than
/// what fp8 has room for.
static void drawMxRow(const Random &random, int64_t n,
                      std::vector<float> &row) {
  int64_t d = row.size();
  for (int64_t block = 0; block < d / kMxBlock; ++block) {
    int exponent =
        static_cast<int>(random.integer(~(n * kMxBlocks + block), -5, 5));
    float factor = std::ldexp(1.0f, exponent);
    for (int64_t i = block * kMxBlock; i < (block + 1) * kMxBlock; ++i)
      row[i] = random.normal(n * d + i) * factor;
  }
}

void mqa::tools::fillNormal(Problem &problem, uint64_t seed, bool wide) {
  const Format &format = problem.format;
  const Shape &shape = problem.shape;
  Random query(seed, kQuery), key(seed, kKey), weights(seed, kWeights);
  auto store = [&](std::vector<uint8_t> &data, int64_t i, float value) {
    storeBits(format.input, data.data(), i, encode(format.input, value));
  };
  // What a row is scaled to. A 16-bit type would need no scale, and sums of its
  // largest values would not be finite.
  float greatest = std::min(getMax(format.input), getMax(MQA_F8E4M3FN));
  int64_t d = shape.headDim, numRows = shape.numQueries * shape.numHeads;
  const uint32_t *codes = getNormalCodes(format.input);
  uint32_t sign = getFloatFormat(format.input).getSignBit();
  bool isPlain = !format.hasMxQueries();
  parallelFor(isPlain ? 0 : numRows, 512, [&](int64_t begin, int64_t end) {
    std::vector<float> row(d);
    for (int64_t head = begin; head < end; ++head) {
      drawMxRow(query, head, row);
      quantizeMx(getMxQueries(problem), head, row.data());
    }
  });
  parallelFor(isPlain ? numRows * d : 0, kGrain,
              [&](int64_t begin, int64_t end) {
                for (int64_t i = begin; i < end; ++i) {
                  uint64_t drawn = query.bits(i);
                  storeBits(format.input, problem.q.data(), i,
                            codes[Random::getNormalIndex(drawn)] |
                                (drawn >> 63 ? sign : 0));
                }
              });
  parallelFor(problem.countSlots(), 512, [&](int64_t begin, int64_t end) {
    std::vector<float> row(d);
    for (int64_t n = begin; n < end; ++n) {
      if (format.hasMxKeys()) {
        drawMxRow(key, n, row);
        quantizeMx(getMxKeys(problem), n, row.data());
        continue;
      }
      float largest = 1e-4f;
      for (int64_t i = 0; i < d; ++i) {
        row[i] = key.normal(n * d + i);
        largest = std::max(largest, std::fabs(row[i]));
      }
      // Without scales, keys are as they are drawn.
      float scale = format.hasKScale ? largest / greatest : 1.0f;
      problem.kScale[n] = scale;
      for (int64_t i = 0; i < d; ++i)
        store(problem.k, n * d + i, row[i] / scale);
    }
  });
  for (size_t i = 0; i < problem.weights.size(); ++i)
    problem.weights[i] = weights.normal(i);
  wide = wide && format.hasWeights && isPlain;
  parallelFor(wide ? numRows : 0, 512, [&](int64_t begin, int64_t end) {
    for (int64_t head = begin; head < end; ++head) {
      float largest = 1e-4f;
      for (int64_t i = 0; i < d; ++i)
        largest = std::max(largest, std::fabs(query.normal(head * d + i)));
      float scale = largest / greatest;
      for (int64_t i = 0; i < d; ++i)
        store(problem.q, head * d + i, query.normal(head * d + i) / scale);
      problem.weights[head] *= scale;
    }
  });
  roundToFormat(problem);
}

void mqa::tools::fillIntegers(Problem &problem, uint64_t seed) {
  const Format &format = problem.format;
  const Shape &shape = problem.shape;
  Random query(seed, kQuery), key(seed, kKey), weights(seed, kWeights),
      scale(seed, kScale);
  auto store = [&](std::vector<uint8_t> &data, int64_t i, int64_t value) {
    storeBits(format.input, data.data(), i,
              encode(format.input, static_cast<float>(value)));
  };
  // Scores are integers of magnitude at most D = 256, logits sums of at most
  // 128 of them: exact in f32, and in the fewer bits that WGMMA keeps.
  int64_t d = shape.headDim;
  auto fill = [&](std::vector<uint8_t> &data, int64_t size,
                  const Random &from) {
    parallelFor(size, kGrain, [&](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; ++i)
        store(data, i, from.integer(i, -1, 1));
    });
  };
  // Of a power of two of their own: fewer, as that of a head is in its term.
  auto fillMx = [&](MxRows rows, const Random &from, int64_t most) {
    for (size_t n = 0; n < rows.words.size(); ++n) {
      int byte = kMxBias + static_cast<int>(scale.integer(n, -most, most));
      for (int64_t block = 0; block < kMxBlocks; ++block)
        storeMxScale(rows, n, block, byte);
      for (int64_t i = 0; i < d; ++i)
        storeMxElement(rows, n, i,
                       static_cast<float>(from.integer(n * d + i, -1, 1)));
    }
  };
  if (format.hasMxQueries())
    fillMx(getMxQueries(problem), query, 1);
  else
    fill(problem.q, shape.numQueries * shape.numHeads * d, query);
  if (!format.hasMxKeys())
    fill(problem.k, problem.kScale.size() * d, key);
  if (format.hasMxKeys())
    fillMx(getMxKeys(problem), key, 3);
  for (size_t i = 0; i < problem.kScale.size(); ++i)
    problem.kScale[i] = std::ldexp(1.0f, scale.integer(i, -3, 3));
  for (size_t i = 0; i < problem.weights.size(); ++i)
    problem.weights[i] = static_cast<float>(weights.integer(i, -1, 1));
  roundToFormat(problem);
}
