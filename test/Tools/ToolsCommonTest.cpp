//===- ToolsCommonTest.cpp - The oracle and what feeds it -----------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Check.h"
#include "Fp8.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

using namespace mqa::tools;

//===----------------------------------------------------------------------===//
// fp8
//===----------------------------------------------------------------------===//

TEST(Fp8Test, EveryCodeRoundTrips) {
  for (int bits = 0; bits < 256; ++bits) {
    float value = decodeFp8(static_cast<uint8_t>(bits));
    if ((bits & 0x7f) == 0x7f)
      EXPECT_TRUE(std::isnan(value));
    else
      EXPECT_EQ(encodeFp8(value), bits) << value;
  }
}

TEST(Fp8Test, KnownValues) {
  EXPECT_EQ(decodeFp8(0x7e), 448.0f);
  EXPECT_EQ(decodeFp8(0x38), 1.0f);
  EXPECT_EQ(decodeFp8(0x01), 0x1p-9f);
  EXPECT_EQ(decodeFp8(0x08), 0x1p-6f);
  EXPECT_TRUE(std::signbit(decodeFp8(0x80)));
  EXPECT_EQ(encodeFp8(1e9f), 0x7e);
  EXPECT_EQ(encodeFp8(-std::numeric_limits<float>::infinity()), 0xfe);
}

TEST(Fp8Test, RoundsToNearestEven) {
  for (int bits = 0; bits < 0x7d; ++bits) {
    float low = decodeFp8(static_cast<uint8_t>(bits)),
          high = decodeFp8(static_cast<uint8_t>(bits + 1));
    float middle = (low + high) / 2;
    EXPECT_EQ(encodeFp8(middle), bits % 2 ? bits + 1 : bits) << middle;
    EXPECT_EQ(encodeFp8(std::nextafter(middle, low)), bits) << middle;
    EXPECT_EQ(encodeFp8(std::nextafter(middle, high)), bits + 1) << middle;
  }
}

//===----------------------------------------------------------------------===//
// Problems and the oracle
//===----------------------------------------------------------------------===//

static const Shape kShape{6, 4, 8, 20};

/// What a correct kernel leaves, computed in the plainest way.
static Output computeOutput(const Problem &problem, bool clean,
                            int64_t stride) {
  Output output(problem.shape, stride, 16);
  const Shape &s = problem.shape;
  for (int64_t m = 0; m < s.numQueries; ++m) {
    float *row = output.data.data() + output.guard + m * stride;
    for (int64_t n = 0; n < s.numKeys; ++n) {
      if (n < problem.begin(m) || n >= problem.end(m)) {
        if (clean)
          row[n] = -std::numeric_limits<float>::infinity();
        continue;
      }
      double logit = 0;
      for (int64_t h = 0; h < s.numHeads; ++h) {
        double score = 0;
        for (int64_t d = 0; d < s.headDim; ++d)
          score += double(decodeFp8(
                       problem.q[(m * s.numHeads + h) * s.headDim + d])) *
                   decodeFp8(problem.k[n * s.headDim + d]);
        logit += problem.weights[m * s.numHeads + h] * std::max(score, 0.0);
      }
      row[n] = static_cast<float>(problem.kScale[n] * logit);
    }
  }
  return output;
}

TEST(ProblemTest, SameSeedSameProblem) {
  Problem a = makeProblem(kShape, Mask::Random, 7),
          b = makeProblem(kShape, Mask::Random, 7);
  EXPECT_EQ(a.q, b.q);
  EXPECT_EQ(a.k, b.k);
  EXPECT_EQ(a.ks, b.ks);
  EXPECT_NE(a.q, makeProblem(kShape, Mask::Random, 8).q);
}

TEST(ProblemTest, Masks) {
  Problem causal = makeProblem(kShape, Mask::Causal, 0);
  for (int m = 0; m < 6; ++m)
    EXPECT_EQ(causal.end(m), 14 + m);
  EXPECT_EQ(causal.countPairs(), 14 + 15 + 16 + 17 + 18 + 19);
  // Rank 1 of 3: half-chunks of 3 keys, number 1 from each end.
  Problem cp = makeProblem(kShape, Mask::Cp, 0);
  EXPECT_EQ(cp.ke, (std::vector<int32_t>{3, 4, 5, 12, 13, 14}));
  Problem full = makeProblem(kShape, Mask::Full, 0);
  EXPECT_EQ(full.countPairs(), 120);
}

TEST(CheckTest, AcceptsWhatIsRight) {
  for (Mask mask : {Mask::Causal, Mask::Cp, Mask::Full, Mask::Random})
    for (bool clean : {false, true}) {
      Problem problem = makeProblem(kShape, mask, 3);
      CheckResult result = checkOutput(
          problem, computeOutput(problem, clean, 23), clean, 1 << 20);
      EXPECT_TRUE(result.passes());
      EXPECT_EQ(result.sampledRows, 6);
      EXPECT_LT(result.relativeError, 1e-6);
    }
}

TEST(CheckTest, FindsEveryKindOfError) {
  Problem problem = makeProblem(kShape, Mask::Causal, 3);
  Output right = computeOutput(problem, true, 23);
  auto cell = [](Output &output, int64_t m, int64_t n) -> float & {
    return output.data[output.guard + m * output.stride + n];
  };
  Output wrong = right;
  cell(wrong, 2, 3) += 1;
  EXPECT_GT(checkOutput(problem, wrong, true, 1 << 20).elementErrors, 0);
  wrong = right;
  cell(wrong, 2, 19) = 0;
  EXPECT_EQ(checkOutput(problem, wrong, true, 1 << 20).maskMismatches, 1);
  wrong = right;
  cell(wrong, 2, 3) = -std::numeric_limits<float>::infinity();
  EXPECT_EQ(checkOutput(problem, wrong, true, 1 << 20).maskMismatches, 1);
  wrong = right;
  cell(wrong, 2, 21) = 0;
  EXPECT_EQ(checkOutput(problem, wrong, true, 1 << 20).outsideWrites, 1);
  wrong = right;
  wrong.data.front() = 0;
  wrong.data.back() = 0;
  EXPECT_EQ(checkOutput(problem, wrong, true, 1 << 20).outsideWrites, 2);
  wrong = right;
  cell(wrong, 1, 1) = std::numeric_limits<float>::quiet_NaN();
  EXPECT_FALSE(checkOutput(problem, wrong, true, 1 << 20).passes());
  // Cleaned where nothing may be written.
  EXPECT_GT(checkOutput(problem, right, false, 1 << 20).maskMismatches, 0);
}

TEST(CheckTest, NaNMustReachTheLogit) {
  Problem problem = makeProblem(kShape, Mask::Full, 3);
  problem.q[5] = 0x7f;
  Output output = computeOutput(problem, false, 20);
  EXPECT_TRUE(std::isnan(output.data[output.guard]));
  EXPECT_TRUE(checkOutput(problem, output, false, 1 << 20).passes());
  // A maximum that drops NaN, as the peer's does.
  output.data[output.guard] = 0;
  EXPECT_FALSE(checkOutput(problem, output, false, 1 << 20).passes());
}
