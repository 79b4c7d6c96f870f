//===- MergeSessionTest.cpp - A kernel of mqa.merge_topk, the oracle ------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The kernel is written in C (MergeTask.c): what the tools do with a bundle is
// tested without the compiler.
//
//===----------------------------------------------------------------------===//

#include "Runtime/TopkManifest.h"
#include "TopkSession.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <set>

using namespace mqa::tools;
using namespace mqa::test;

namespace {
struct MergeSessionTest : testing::Test {
  void SetUp() override {
    std::string text = makeBundle(makeMergeManifest("cpu"), "object",
                                  readFile(MQA_MERGE_TASK));
    ASSERT_EQ(mqa_bundle_load_memory(text.data(), text.size(), &bundle),
              MQA_SUCCESS)
        << mqa_last_error();
    device = Device::create("cpu");
    kernel = std::make_unique<LoadedKernel>(bundle, "merge");
  }
  void TearDown() override {
    kernel.reset();
    mqa_bundle_destroy(bundle);
  }
  /// 13 rows of n keys, with ranges of all kinds.
  TopkProblem make(int64_t n, const TopkPattern &pattern,
                   int64_t numLists) const {
    int64_t k = kernel->getInfo().k;
    const std::pair<int64_t, int64_t> ranges[] = {
        {0, n},  {0, -1},    {0, 0},     {0, k - 1},     {0, k},
        {0, 1},  {0, k + 1}, {3, k + 5}, {n - 2, n + 9}, {7, 2},
        {-9, n}, {n, n},     {1, n - 1}};
    TopkProblem problem = makeTopkProblem(kernel->getInfo(), 13, n, n, 1,
                                          [&](int64_t m) { return ranges[m]; });
    problem.numLists = numLists;
    fillLogits(problem, pattern, 1);
    return problem;
  }
  mqa_bundle *bundle = nullptr;
  std::unique_ptr<Device> device;
  std::unique_ptr<LoadedKernel> kernel;
};
} // namespace

TEST_F(MergeSessionTest, EveryPattern) {
  const TopkSlack slacks[] = {{}, {1, 0, 2, 2, 3}, {2, 0, 1, 0, 1, true}};
  for (const TopkPattern &pattern : getTopkPatterns())
    for (int64_t numLists : {1, 3, 40})
      for (const TopkSlack &slack : slacks) {
        TopkProblem problem = make(700, pattern, numLists);
        TopkSession session(*device, *kernel, problem, slack);
        session.launch();
        TopkCheckResult check = session.check(1 << 24);
        EXPECT_TRUE(check.passes()) << pattern.name << ", " << numLists
                                    << ": row " << check.firstWrongRow;
        EXPECT_EQ(check.checkedRows, 13);
      }
}

// The lists of a row hold the best of all of its keys, each once.
TEST_F(MergeSessionTest, Lists) {
  const TopkPattern &withNaN = getTopkPatterns()[9];
  TopkProblem problem = make(200, withNaN, 4);
  int64_t rows = problem.numQueries, k = problem.info.k;
  bool isPadded = false, hasNaN = false, isUnordered = false;
  for (uint64_t seed = 1; seed < 9; ++seed) {
    MergeLists lists = makeLists(problem, 4, seed);
    ASSERT_EQ(lists.indices.size(), size_t(4 * rows * k));
    for (int64_t m = 0; m < rows; ++m) {
      std::set<int32_t> keys;
      for (int64_t r = 0; r < 4; ++r)
        for (int64_t j = 0; j < k; ++j) {
          size_t at = (r * rows + m) * k + j;
          int32_t key = lists.indices[at];
          isPadded |= key < 0 && j + 1 < k && lists.indices[at + 1] >= 0;
          isUnordered |= j > 0 && key >= 0 && lists.indices[at - 1] > key;
          if (key < 0)
            continue;
          EXPECT_TRUE(keys.insert(key).second) << "in two lists";
          EXPECT_GE(key, problem.begin(m));
          EXPECT_LT(key, problem.end(m));
          float logit = problem.getLogit(m, key), own = lists.values[at];
          EXPECT_TRUE(own == logit || (std::isnan(own) && std::isnan(logit)));
          hasNaN |= std::isnan(own) && problem.countKeys(m) > k;
        }
      for (const Selected &selected : selectKeys(problem, m)) {
        EXPECT_TRUE(selected.index < 0 || keys.count(selected.index)) << m;
      }
    }
  }
  EXPECT_TRUE(isPadded && isUnordered);
  EXPECT_TRUE(hasNaN) << "a part of few keys of a longer range";
}

TEST_F(MergeSessionTest, OtherInputsForTheSameLaunch) {
  TopkProblem problem = make(100, getTopkPatterns().front(), 3);
  TopkSession session(*device, *kernel, problem);
  auto launch = session.prepare();
  for (int i = 0; i < 3; ++i) {
    std::rotate(problem.ke.begin(), problem.ke.begin() + 1, problem.ke.end());
    fillLogits(problem, getTopkPatterns()[i], i);
    session.update();
    session.poison();
    EXPECT_FALSE(session.check(1 << 20).passes()) << "nothing is written yet";
    EXPECT_EQ(mqa_launch_run(launch.get(), nullptr), MQA_SUCCESS);
    EXPECT_TRUE(session.check(1 << 20).passes());
  }
}
