//===- TopkSessionTest.cpp - A kernel of mqa.topk against the oracle ------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The kernel is written in C (TopkTask.c): what the tools do with a bundle is
// tested without the compiler.
//
//===----------------------------------------------------------------------===//

#include "TopkSession.h"
#include "Runtime/TopkManifest.h"

#include <gtest/gtest.h>

using namespace mqa::tools;
using namespace mqa::test;

namespace {
struct TopkSessionTest : testing::Test {
  void SetUp() override {
    std::string text =
        makeBundle(makeTopkManifest("cpu"), "object", readFile(MQA_TOPK_TASK));
    ASSERT_EQ(mqa_bundle_load_memory(text.data(), text.size(), &bundle),
              MQA_SUCCESS)
        << mqa_last_error();
    device = Device::create("cpu");
    kernel = std::make_unique<LoadedKernel>(bundle, "topk");
  }
  void TearDown() override {
    kernel.reset();
    mqa_bundle_destroy(bundle);
  }
  /// 13 rows of n keys, with ranges of all kinds.
  TopkProblem make(int64_t n) const {
    int64_t k = kernel->getInfo().k;
    const std::pair<int64_t, int64_t> ranges[] = {
        {0, n},  {0, -1},    {0, 0},     {0, k - 1},     {0, k},
        {0, 1},  {0, k + 1}, {3, k + 5}, {n - 2, n + 9}, {7, 2},
        {-9, n}, {n, n},     {1, n - 1}};
    return makeTopkProblem(kernel->getInfo(), 13, n, n, 1,
                           [&](int64_t m) { return ranges[m]; });
  }
  mqa_bundle *bundle = nullptr;
  std::unique_ptr<Device> device;
  std::unique_ptr<LoadedKernel> kernel;
};
} // namespace

TEST_F(TopkSessionTest, EveryPattern) {
  for (const TopkPattern &pattern : getTopkPatterns())
    for (int64_t n : {int64_t(0), int64_t(4), int64_t(6),
                      pattern.countKeys(kernel->getInfo().k)}) {
      TopkProblem problem = make(n);
      fillLogits(problem, pattern, 1);
      TopkSession session(*device, *kernel, problem, {1, 0, 0, 2, 3});
      session.launch();
      TopkCheckResult check = session.check(1 << 24);
      EXPECT_TRUE(check.passes())
          << pattern.name << " of " << n << ": row " << check.firstWrongRow;
      EXPECT_EQ(check.checkedRows, 13);
    }
}

TEST_F(TopkSessionTest, OtherInputsForTheSameLaunch) {
  TopkProblem problem = make(100);
  fillLogits(problem, getTopkPatterns().front(), 1);
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
