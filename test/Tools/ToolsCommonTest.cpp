//===- ToolsCommonTest.cpp - The oracle and what feeds it -----------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Check.h"
#include "Common/ThreadLimit.h"
#include "Parallel.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

using namespace mqa::tools;

//===----------------------------------------------------------------------===//
// Element types
//===----------------------------------------------------------------------===//

static const mqa_element_type kTypes[] = {MQA_F8E4M3FN, MQA_F8E5M2, MQA_BF16,
                                          MQA_F16};

TEST(ElementTypeTest, EveryCodeRoundTrips) {
  for (mqa_element_type type : kTypes)
    for (uint32_t bits = 0; bits < 1u << (8 * getBytes(type)); ++bits) {
      float value = decode(type, bits);
      if (std::isnan(value))
        EXPECT_TRUE(std::isnan(decode(type, encode(type, value))));
      else
        EXPECT_EQ(encode(type, value), bits) << value;
    }
}

TEST(ElementTypeTest, KnownValues) {
  float inf = std::numeric_limits<float>::infinity();
  EXPECT_EQ(decode(MQA_F8E4M3FN, 0x7e), 448.0f);
  EXPECT_EQ(decode(MQA_F8E4M3FN, 0x38), 1.0f);
  EXPECT_EQ(decode(MQA_F8E4M3FN, 0x01), 0x1p-9f);
  EXPECT_EQ(decode(MQA_F8E4M3FN, 0x08), 0x1p-6f);
  EXPECT_TRUE(std::isnan(decode(MQA_F8E4M3FN, 0x7f)));
  EXPECT_TRUE(std::signbit(decode(MQA_F8E4M3FN, 0x80)));
  EXPECT_EQ(encode(MQA_F8E4M3FN, 1e9f), 0x7eu);
  EXPECT_EQ(encode(MQA_F8E4M3FN, -inf), 0xfeu);
  EXPECT_EQ(decode(MQA_F8E5M2, 0x7b), 57344.0f);
  EXPECT_EQ(decode(MQA_F8E5M2, 0x7c), inf);
  EXPECT_EQ(decode(MQA_F8E5M2, 0x01), 0x1p-16f);
  EXPECT_EQ(getMax(MQA_F16), 65504.0f);
  EXPECT_EQ(encode(MQA_F16, 65520.0f), 0x7c00u);
  EXPECT_EQ(encode(MQA_F16, 65519.0f), 0x7bffu);
  EXPECT_EQ(decode(MQA_F16, 0x0001), 0x1p-24f);
  EXPECT_EQ(decode(MQA_BF16, 0x3f80), 1.0f);
  EXPECT_EQ(encode(MQA_BF16, -inf), 0xff80u);
  EXPECT_EQ(decode(MQA_F32, encode(MQA_F32, 0.1f)), 0.1f);
}

TEST(ElementTypeTest, RoundsToNearestEven) {
  for (mqa_element_type type : kTypes)
    for (uint32_t bits = 0; decode(type, bits) < getMax(type); ++bits) {
      float low = decode(type, bits), high = decode(type, bits + 1);
      float middle = low + (high - low) / 2;
      EXPECT_EQ(encode(type, middle), bits % 2 ? bits + 1 : bits) << middle;
      EXPECT_EQ(encode(type, std::nextafter(middle, low)), bits) << middle;
      EXPECT_EQ(encode(type, std::nextafter(middle, high)), bits + 1) << middle;
    }
}

//===----------------------------------------------------------------------===//
// Problems and the oracle
//===----------------------------------------------------------------------===//

static const Shape kShape{6, 4, 8, 20};

/// What a correct kernel leaves, computed in the plainest way.
static Output computeOutput(const Problem &problem, bool clean,
                            int64_t stride) {
  Output output(problem, stride, 16);
  const Shape &s = problem.shape;
  int64_t groupHeads = s.numHeads / s.numGroups;
  mqa_element_type input = problem.format.input;
  std::vector<float> q = decodeAll(input, problem.q),
                     k = decodeAll(input, problem.k);
  for (int64_t m = 0; m < s.numQueries; ++m) {
    for (int64_t n = 0; n < s.numKeys; ++n) {
      size_t at = output.getIndex(m, n);
      if (n < problem.begin(m) || n >= problem.end(m)) {
        if (clean)
          output.set(at, -std::numeric_limits<float>::infinity());
        continue;
      }
      double logit = 0;
      for (int64_t h = 0; h < s.numHeads; ++h) {
        int64_t slot = n * s.numGroups + h / groupHeads;
        double score = 0;
        for (int64_t d = 0; d < s.headDim; ++d)
          score += double(q[(m * s.numHeads + h) * s.headDim + d]) *
                   k[slot * s.headDim + d];
        if (problem.format.activation == MQA_ACTIVATION_RELU)
          score = std::max(score, 0.0);
        logit +=
            problem.weights[m * s.numHeads + h] * score * problem.kScale[slot];
      }
      output.set(at, static_cast<float>(logit));
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

TEST(ProblemTest, ValuesAreNormal) {
  Problem problem = makeProblem({1000, 100, 16, 1}, Mask::Full, 1);
  double sum = 0, squares = 0, fourth = 0, count = problem.weights.size();
  int past = 0, above = 0;
  for (double x : problem.weights) {
    sum += x;
    squares += x * x;
    fourth += x * x * x * x;
    past += std::fabs(x) > 2;
    above += x > 0;
  }
  EXPECT_NEAR(sum / count, 0, 0.02);
  EXPECT_NEAR(squares / count, 1, 0.02);
  EXPECT_NEAR(fourth / count, 3, 0.2);
  EXPECT_NEAR(past / count, 0.0455, 0.004);
  EXPECT_NEAR(above / count, 0.5, 0.01);
}

// The first call of the process decides.
TEST(ParallelTest, WithoutThreads) {
  threadsLeft = 0;
  std::vector<int> counts(1000);
  parallelFor(1000, 7, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i)
      ++counts[i];
  });
  threadsLeft = -1;
  EXPECT_EQ(counts, std::vector<int>(1000, 1));
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

TEST(CheckTest, NormsOfFewLogits) {
  CheckResult check;
  check.relativeError = 6e-4;
  check.numLogits = 64;
  EXPECT_FALSE(check.passes());
  check.numLogits = 10;
  EXPECT_TRUE(check.passes());
  check.elementErrors = 1;
  EXPECT_FALSE(check.passes()) << "each element has its own bound";
  check.elementErrors = 0;
  check.relativeError = 5e-3;
  check.numLogits = 1;
  EXPECT_FALSE(check.passes());
}

TEST(CheckTest, AcceptsEveryFormat) {
  for (mqa_element_type input : kTypes)
    for (mqa_element_type out : {MQA_F32, MQA_BF16, MQA_F16})
      for (mqa_activation activation :
           {MQA_ACTIVATION_RELU, MQA_ACTIVATION_NONE}) {
        Problem problem = makeProblem(kShape, Mask::Causal, 3, /*wide=*/false,
                                      {input, out, activation});
        Output output = computeOutput(problem, true, 23);
        EXPECT_TRUE(checkOutput(problem, output, true, 1 << 20).passes());
        size_t at = output.getIndex(2, 3);
        output.set(at, output.get(at) * 1.1f + 1);
        EXPECT_FALSE(checkOutput(problem, output, true, 1 << 20).passes());
      }
}

// The oracle takes eight heads and four keys at a time: here some are left
// over, or too few.
TEST(CheckTest, AcceptsEveryShape) {
  for (auto [heads, groups] : {std::pair(1, 1),
                               {8, 1},
                               {19, 1},
                               {64, 1},
                               {12, 4},
                               {20, 2},
                               {5, 5},
                               {32, 4}})
    for (int64_t numKeys : {1, 3, 4, 9}) {
      Problem problem =
          makeProblem({5, heads, 48, numKeys, groups}, Mask::Full, 3);
      Output output = computeOutput(problem, true, numKeys);
      CheckResult result = checkOutput(problem, output, true, 1 << 20);
      EXPECT_TRUE(result.passes()) << heads << " " << groups;
      EXPECT_LT(result.relativeError, 1e-6) << heads << " " << groups;
      for (int64_t n = 0; n < numKeys; ++n) {
        Output wrong = output;
        size_t at = wrong.getIndex(4, n);
        wrong.set(at, wrong.get(at) + 1e6f);
        EXPECT_EQ(checkOutput(problem, wrong, true, 1 << 20).elementErrors, 1);
      }
    }
}

TEST(CheckTest, FindsEveryKindOfError) {
  Problem problem = makeProblem(kShape, Mask::Causal, 3);
  Output right = computeOutput(problem, true, 23);
  auto set = [](Output &output, int64_t m, int64_t n, float value) {
    output.set(output.getIndex(m, n), value);
  };
  Output wrong = right;
  set(wrong, 2, 3, right.get(right.getIndex(2, 3)) + 1);
  EXPECT_GT(checkOutput(problem, wrong, true, 1 << 20).elementErrors, 0);
  wrong = right;
  set(wrong, 2, 19, 0);
  EXPECT_EQ(checkOutput(problem, wrong, true, 1 << 20).maskMismatches, 1);
  wrong = right;
  set(wrong, 2, 3, -std::numeric_limits<float>::infinity());
  EXPECT_EQ(checkOutput(problem, wrong, true, 1 << 20).maskMismatches, 1);
  wrong = right;
  set(wrong, 2, 21, 0);
  EXPECT_EQ(checkOutput(problem, wrong, true, 1 << 20).outsideWrites, 1);
  wrong = right;
  wrong.set(0, 0);
  wrong.set(wrong.getSize() - 1, 0);
  EXPECT_EQ(checkOutput(problem, wrong, true, 1 << 20).outsideWrites, 2);
  wrong = right;
  set(wrong, 1, 1, std::numeric_limits<float>::quiet_NaN());
  EXPECT_FALSE(checkOutput(problem, wrong, true, 1 << 20).passes());
  // Cleaned where nothing may be written.
  EXPECT_GT(checkOutput(problem, right, false, 1 << 20).maskMismatches, 0);
}

TEST(CheckTest, NaNMustReachTheLogit) {
  Problem problem = makeProblem(kShape, Mask::Full, 3);
  problem.q[5] = 0x7f;
  Output output = computeOutput(problem, false, 20);
  EXPECT_TRUE(std::isnan(output.get(output.guard)));
  EXPECT_TRUE(checkOutput(problem, output, false, 1 << 20).passes());
  // A maximum that drops NaN, as the peer's does.
  output.set(output.guard, 0);
  EXPECT_FALSE(checkOutput(problem, output, false, 1 << 20).passes());
}

TEST(ProblemTest, CachesWithoutBlocks) {
  PagedShape shape{3, 1, 4, 32, 16, {100, 0, 20}};
  shape.numBlocks = 0;
  Problem problem = makePagedProblem(shape, 1);
  EXPECT_TRUE(problem.k.empty());
  EXPECT_EQ(problem.paging.blockTable.size(), 3u * problem.paging.maxBlocks);
}
