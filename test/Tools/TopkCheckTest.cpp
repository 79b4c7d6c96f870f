//===- TopkCheckTest.cpp - The oracle of selections -----------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "TopkCheck.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <limits>

using namespace mqa::tools;

static constexpr float kInf = std::numeric_limits<float>::infinity();
static constexpr float kNaN = std::numeric_limits<float>::quiet_NaN();

/// k keys of rows of f32 that have ks and ke.
static mqa_kernel_info makeInfo(int64_t k) {
  mqa_kernel_info info = {};
  info.op = MQA_OP_TOPK;
  info.num_queries = info.num_keys = info.max_seqlen_k = -1;
  info.batch = info.num_sequences = info.max_blocks = -1;
  info.input_type = MQA_F32;
  info.has_ks = info.has_values = 1;
  info.k = k;
  return info;
}

/// One row, all of whose keys are its range.
static TopkProblem makeRow(const mqa_kernel_info &info,
                           const std::vector<float> &logits) {
  int64_t n = logits.size();
  TopkProblem problem = makeTopkProblem(info, 1, n, n, 1, [&](int64_t) {
    return std::pair<int64_t, int64_t>(0, n);
  });
  for (int64_t i = 0; i < n; ++i)
    problem.setLogit(0, i, logits[i]);
  return problem;
}

using Indices = std::vector<int32_t>;

static Indices select(const TopkProblem &problem, int64_t m = 0) {
  Indices indices;
  for (const Selected &selected : selectKeys(problem, m))
    indices.push_back(selected.index);
  return indices;
}

TEST(TopkOracleTest, OrdersAndTies) {
  mqa_kernel_info info = makeInfo(3);
  std::vector<float> logits = {3, 5, -0.0f, 5, 0.0f, 5, 5};
  EXPECT_EQ(select(makeRow(info, logits)), (Indices{1, 3, 5}));
  info.tie_break = MQA_TIE_BREAK_GREATEST;
  EXPECT_EQ(select(makeRow(info, logits)), (Indices{3, 5, 6}));
  info.order = MQA_ORDER_SCORE;
  EXPECT_EQ(select(makeRow(info, logits)), (Indices{6, 5, 3}));
  info.tie_break = MQA_TIE_BREAK_SMALLEST;
  EXPECT_EQ(select(makeRow(info, logits)), (Indices{1, 3, 5}));
  // +0 equals -0.
  info.k = 6;
  EXPECT_EQ(select(makeRow(info, logits)), (Indices{1, 3, 5, 6, 0, 2}));
}

TEST(TopkOracleTest, NaNAndInfinity) {
  mqa_kernel_info info = makeInfo(4);
  // A longer range selects no NaN; its places are padding.
  EXPECT_EQ(select(makeRow(info, {kNaN, 1, -kInf, kNaN, kInf})),
            (Indices{1, 2, 4, -1}));
  // A range of k keys selects all.
  std::vector<float> all = {kNaN, 1, kNaN, kInf};
  EXPECT_EQ(select(makeRow(info, all)), (Indices{0, 1, 2, 3}));
  info.order = MQA_ORDER_SCORE;
  EXPECT_EQ(select(makeRow(info, all)), (Indices{3, 1, 0, 2}));
  TopkProblem problem = makeRow(info, {-kInf, kNaN});
  EXPECT_EQ(select(problem), (Indices{0, 1, -1, -1}));
  EXPECT_EQ(selectKeys(problem, 0)[2].value, -kInf);
}

TEST(TopkOracleTest, ForcedKeys) {
  mqa_kernel_info info = makeInfo(4);
  info.force_first = 1;
  info.force_last = 2;
  std::vector<float> logits = {kNaN, 9, 8, 7, -kInf, 0};
  EXPECT_EQ(select(makeRow(info, logits)), (Indices{0, 1, 4, 5}));
  // They stand where their logits put them.
  info.order = MQA_ORDER_SCORE;
  EXPECT_EQ(select(makeRow(info, logits)), (Indices{1, 5, 4, 0}));
}

TEST(TopkOracleTest, RangesAndBases) {
  mqa_kernel_info info = makeInfo(2);
  auto makeRows = [&](int64_t numKeys) {
    const std::pair<int64_t, int64_t> ranges[] = {
        {-3, 2}, {2, 9}, {4, 1}, {5, 6}};
    TopkProblem problem = makeTopkProblem(info, 4, 6, numKeys, 1,
                                          [&](int64_t m) { return ranges[m]; });
    for (int64_t m = 0; m < 4; ++m)
      for (int64_t i = 0; i < 6; ++i)
        problem.setLogit(m, i, static_cast<float>(i));
    problem.offset = {0, 0, 0, 0};
    return problem;
  };
  TopkProblem problem = makeRows(6);
  EXPECT_EQ(select(problem, 0), (Indices{0, 1}));
  EXPECT_EQ(select(problem, 1), (Indices{2, 3}));
  EXPECT_EQ(select(problem, 2), (Indices{-1, -1}));
  EXPECT_EQ(select(problem, 3), (Indices{0, -1}));
  info.base = MQA_BASE_ABSOLUTE;
  info.has_offset = 1;
  problem = makeRows(6);
  problem.offset = {100, 200, 300, 400};
  EXPECT_EQ(select(problem, 1), (Indices{204, 205}));
  EXPECT_EQ(select(problem, 2), (Indices{-1, -1}));
  EXPECT_EQ(select(problem, 3), (Indices{405, -1}));
  // Columns begin with the range; the keys end at 8.
  info.compressed = 1;
  info.has_num_keys = 1;
  problem = makeRows(8);
  EXPECT_EQ(select(problem, 1), (Indices{6, 7}));
  EXPECT_EQ(problem.getLogit(1, 7), 5);
}

TEST(TopkOracleTest, Slots) {
  mqa_kernel_info info = makeInfo(2);
  info.base = MQA_BASE_SLOT;
  info.block_kv = 4;
  info.next_n = 2;
  info.has_ks = 0;
  info.has_context_lens = 1;
  TopkProblem problem = makeTopkProblem(info, 4, 8, 8, 1, [&](int64_t m) {
    return std::pair<int64_t, int64_t>(0, 4 + m);
  });
  for (int64_t i = 0; i < 32; ++i)
    problem.setLogit(i / 8, i % 8, static_cast<float>(i % 8));
  problem.maxBlocks = 2;
  problem.blockTable = {10, 20, 30, 40};
  // One length for each sequence: 5 and 7.
  EXPECT_EQ(problem.lens, (std::vector<int32_t>{5, 7}));
  EXPECT_EQ(select(problem, 0), (Indices{42, 43}));
  EXPECT_EQ(select(problem, 1), (Indices{43, 80}));
  EXPECT_EQ(select(problem, 3), (Indices{161, 162}));
}

//===----------------------------------------------------------------------===//
// Planted errors
//===----------------------------------------------------------------------===//

namespace {
/// The right output of three rows, into which a test plants an error.
struct TopkCheckTest : testing::Test {
  void make(mqa_order order) {
    mqa_kernel_info info = makeInfo(4);
    info.order = order;
    problem = makeTopkProblem(info, 3, 20, 20, 1, [](int64_t m) {
      return std::pair<int64_t, int64_t>(0, m == 2 ? 3 : 20);
    });
    fillLogits(problem, getTopkPatterns().front(), 1);
    output = std::make_unique<TopkOutput>(problem, 6, 5, 8);
    for (int64_t m = 0; m < 3; ++m) {
      std::vector<Selected> row = selectKeys(problem, m);
      for (int64_t j = 0; j < 4; ++j) {
        output->indices[index(m, j)] = row[j].index;
        std::memcpy(&output->values[8 + m * 5 + j], &row[j].value, 4);
      }
    }
    ASSERT_TRUE(check().passes());
  }
  size_t index(int64_t m, int64_t j) const { return 8 + m * 6 + j; }
  TopkCheckResult check() const { return checkTopk(problem, *output, 1000); }

  TopkProblem problem;
  std::unique_ptr<TopkOutput> output;
};
} // namespace

TEST_F(TopkCheckTest, FindsWrongIndices) {
  make(MQA_ORDER_KEY);
  std::swap(output->indices[index(1, 0)], output->indices[index(1, 1)]);
  EXPECT_EQ(check().wrongIndices, 2) << "keys in another order";
  EXPECT_EQ(check().firstWrongRow, 1);
  make(MQA_ORDER_KEY);
  output->indices[index(2, 3)] = 3;
  EXPECT_EQ(check().wrongIndices, 1) << "no padding";
  make(MQA_ORDER_KEY);
  output->indices[index(0, 2)] = TopkOutput::kPoison;
  EXPECT_EQ(check().wrongIndices, 1) << "unwritten";
}

TEST_F(TopkCheckTest, FindsWrongSets) {
  make(MQA_ORDER_ANY);
  std::swap(output->indices[index(1, 0)], output->indices[index(1, 3)]);
  EXPECT_FALSE(check().passes()) << "values stay with their keys";
  std::swap(output->values[8 + 5], output->values[8 + 5 + 3]);
  EXPECT_TRUE(check().passes()) << "any order";
  output->indices[index(1, 2)] = output->indices[index(1, 1)];
  EXPECT_FALSE(check().passes()) << "a key twice";
  make(MQA_ORDER_ANY);
  std::swap(output->indices[index(2, 0)], output->indices[index(2, 3)]);
  EXPECT_FALSE(check().passes()) << "padding before a key";
}

TEST_F(TopkCheckTest, FindsWrongValues) {
  make(MQA_ORDER_KEY);
  output->values[8 + 2] ^= 1;
  EXPECT_EQ(check().wrongValues, 1) << "the last bit";
  make(MQA_ORDER_KEY);
  output->values[8 + 5] = TopkOutput::kPoison;
  EXPECT_EQ(check().wrongValues, 1) << "unwritten";
}

TEST_F(TopkCheckTest, FindsWritesOutside) {
  make(MQA_ORDER_KEY);
  for (size_t i :
       {size_t(0), size_t(7), index(0, 4), index(1, 5), index(3, 0)}) {
    uint32_t before = std::exchange(output->indices[i], 0);
    EXPECT_EQ(check().outsideWrites, 1) << i;
    output->indices[i] = before;
  }
  output->values[8 + 4] = 0;
  EXPECT_EQ(check().outsideWrites, 1);
}

// Each is what its name says, and shows it on the ranges that edge cases have.
TEST(TopkPatternTest, HaveWhatTheyAreNamedFor) {
  mqa_kernel_info info = makeInfo(512);
  for (const TopkPattern &pattern : getTopkPatterns()) {
    int64_t n = pattern.countKeys(info.k);
    EXPECT_GT(n, info.k) << pattern.name;
    TopkProblem problem = makeTopkProblem(info, 1, n, n, 1, [&](int64_t) {
      return std::pair<int64_t, int64_t>(0, n);
    });
    fillLogits(problem, pattern, 1);
    std::vector<float> logits;
    for (int64_t i = 0; i < n; ++i)
      logits.push_back(problem.getLogit(0, i));
    auto count = [&](auto is) {
      return std::count_if(logits.begin(), logits.end(), is);
    };
    std::string name = pattern.name;
    if (name == "ascending") {
      EXPECT_TRUE(std::is_sorted(logits.begin(), logits.end()));
    }
    if (name == "descending") {
      EXPECT_TRUE(std::is_sorted(logits.rbegin(), logits.rend()));
    }
    if (name == "all equal") {
      EXPECT_EQ(count([&](float x) { return x == logits[0]; }), n);
    }
    if (name == "4097 equal ones at the boundary") {
      EXPECT_EQ(count([](float x) { return x == 1; }), 4097);
    }
    if (name == "exactly k above the boundary") {
      EXPECT_EQ(count([](float x) { return x > 1; }), info.k);
    }
    if (name == "NaN, and fewer numbers than k") {
      EXPECT_LT(count([](float x) { return !std::isnan(x); }), info.k);
    }
    if (name == "+inf, -inf and NaN") {
      EXPECT_GT(count([](float x) { return x == kInf; }), 0);
      EXPECT_GT(count([](float x) { return x == -kInf; }), 0);
      EXPECT_GT(count([](float x) { return std::isnan(x); }), 0);
    }
    if (name == "+0, -0 and subnormals") {
      EXPECT_GT(count([](float x) { return x == 0 && std::signbit(x); }), 0);
      EXPECT_GT(count([](float x) { return x == 0 && !std::signbit(x); }), 0);
    }
  }
}
