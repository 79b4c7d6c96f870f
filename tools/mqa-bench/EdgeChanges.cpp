//===- EdgeChanges.cpp - What edge cases do to a problem ------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "EdgeChanges.h"
#include "MxKeys.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <limits>

using namespace mqa::tools;

void mqa::tools::makeEmpty(Problem &problem, Slack &) {
  setRanges(problem, [](int32_t m) { return std::pair(m, m); });
}

void mqa::tools::endAnywhere(Problem &problem, Slack &) {
  constexpr int32_t kMin = std::numeric_limits<int32_t>::min();
  constexpr int32_t kMax = std::numeric_limits<int32_t>::max();
  setRanges(problem, [=](int32_t m) {
    return m % 4 == 0   ? std::pair(kMin, kMax)
           : m % 4 == 1 ? std::pair(kMax, kMin)
           : m % 4 == 2 ? std::pair(kMin, kMin)
                        : std::pair(300 - m, 301 + m);
  });
}

void mqa::tools::addSlack(Problem &problem, Slack &slack) {
  int64_t step = 16 / getBytes(problem.format.input);
  slack = {16 / getBytes(problem.format.getQueryType()),
           problem.format.hasMxKeys() ? 48 : 3 * step,
           0,
           4,
           5,
           0};
}

void mqa::tools::addRowsBefore(Problem &, Slack &slack) {
  slack.rowsBefore = 4;
}

void mqa::tools::makeExtreme(Problem &problem, Slack &) {
  auto fill = [](std::vector<uint8_t> &data, mqa_element_type type) {
    // Sums of the largest bf16 would not be finite.
    float largest = std::min(getMax(type), getMax(MQA_F8E5M2));
    const float values[] = {0.0f, -0.0f,     largest, -largest, 0x1p-9f,
                            1.0f, -0x1p-9f,  0x1p-6f, -1.0f,    0x1p-7f,
                            0.5f, -0x1p-16f, 0x1p-16f};
    constexpr size_t kCount = std::size(values);
    for (size_t i = 0; i < data.size() / getBytes(type); ++i)
      storeBits(type, data.data(), i,
                encode(type, values[(i * i + i / 7) % kCount]));
  };
  fill(problem.q, getTypeOfQueryBytes(problem.format));
  fill(problem.k, getTypeOfBytes(problem.format));
  for (size_t i = 0; i < problem.blockScales.size(); ++i) {
    int byte = i % 5 == 0 ? 0 : i % 5 == 1 ? 97 : 107;
    for (int64_t block = 0; block < kMxBlocks; ++block)
      storeMxScale(getMxKeys(problem), i, block,
                   byte + static_cast<int>(i + block) % 4);
  }
  // Some heads have the least scale; products with those of keys are finite.
  for (size_t i = 0; i < problem.queryScales.size(); ++i)
    for (int64_t block = 0; block < kMxBlocks; ++block)
      storeMxScale(getMxQueries(problem), i, block,
                   i % 7 == 0 ? static_cast<int>(block)
                              : 112 + static_cast<int>(i + block) % 4);
  for (size_t i = 0; i < problem.kScale.size(); ++i)
    if (problem.format.hasKScale)
      problem.kScale[i] = i % 5 == 0   ? -0.0f
                          : i % 5 == 1 ? -0x1p-30f
                                       : 0x1p-20f;
  for (size_t i = 0; i < problem.weights.size(); ++i)
    if (problem.format.hasWeights)
      problem.weights[i] = i % 3 == 0 ? -0.0f : i % 3 == 1 ? -1.0f : 0x1p-10f;
}

void mqa::tools::plantNaN(Problem &problem, Slack &) {
  float nan = std::numeric_limits<float>::quiet_NaN();
  auto plant = [nan](std::vector<uint8_t> &data, mqa_element_type type) {
    size_t size = data.size() / getBytes(type);
    if (size == 0)
      return;
    storeBits(type, data.data(), size / 3, encode(type, nan));
    storeBits(type, data.data(), size / 2,
              encode(type, std::copysign(nan, -1)));
  };
  plant(problem.q, getTypeOfQueryBytes(problem.format));
  plant(problem.k, getTypeOfBytes(problem.format));
  if (!problem.blockScales.empty())
    storeMxScale(getMxKeys(problem), problem.blockScales.size() / 5, 0, kMxNaN);
  if (!problem.queryScales.empty())
    storeMxScale(getMxQueries(problem), problem.queryScales.size() / 5, 0,
                 kMxNaN);
  if (problem.format.hasKScale && !problem.kScale.empty())
    problem.kScale[problem.kScale.size() / 5] = nan;
  if (problem.format.hasWeights && !problem.weights.empty())
    problem.weights[problem.weights.size() / 7] = nan;
}

void mqa::tools::spreadScales(Problem &problem, Slack &) {
  constexpr int kSpreads[] = {0, 14, 28, 60};
  for (int64_t i = 0, e = problem.blockScales.size(); i < e; ++i)
    for (int64_t block = 0; block < kMxBlocks; ++block) {
      bool isLess = (block + i / 4) % 2;
      storeMxScale(getMxKeys(problem), i, block,
                   kMxBias - isLess * kSpreads[i % 4]);
    }
  for (int64_t i = 0, e = problem.queryScales.size(); i < e; ++i)
    for (int64_t block = 0; block < kMxBlocks; ++block) {
      bool isLess = (block + i / 4) % 2;
      storeMxScale(getMxQueries(problem), i, block,
                   kMxBias - isLess * kSpreads[i % 4]);
    }
}

/// Powers of two that only products have no trouble with: those of queries
/// are as great as can be where those of keys are as small, or the other way
/// round; and some heads have much less than others.
void mqa::tools::offsetScales(Problem &problem, Slack &) {
  auto fill = [&](MxRows rows, int byte) {
    for (int64_t i = 0, e = rows.words.size(); i < e; ++i)
      for (int64_t block = 0; block < kMxBlocks; ++block)
        storeMxScale(rows, i, block, byte - static_cast<int>(i + block) % 5);
  };
  if (problem.format.hasMxQueries() && problem.format.hasMxKeys()) {
    fill(getMxQueries(problem), 254);
    fill(getMxKeys(problem), 5);
  } else if (problem.format.hasMxQueries() && problem.format.hasWeights) {
    fill(getMxQueries(problem), 7);
    for (float &weight : problem.weights)
      weight *= 0x1p+100f;
  }
}

void mqa::tools::keep(Problem &, Slack &) {}

void EdgeRun::check(const char *name, const Problem &problem,
                    const Slack &slack) const {
  constexpr int64_t kMaxPairs = 1 << 20;
  const mqa_kernel_info &info = kernel.getInfo();
  Session session(device, problem, slack);
  session.launch(kernel);
  CheckResult check = session.check(kernel, kMaxPairs);
  ++summary.cases;
  summary.worstError = std::max(summary.worstError, check.relativeError);
  bool wrong = !check.passes();
  summary.wrong += wrong;
  if (wrong || verbose)
    std::printf("%s: %s, %s: error %.2e, elements %ld, mask %ld, outside %ld\n",
                wrong ? "WRONG" : "right", info.name, name, check.relativeError,
                static_cast<long>(check.elementErrors),
                static_cast<long>(check.maskMismatches),
                static_cast<long>(check.outsideWrites));
}
