//===- FusedSessionTest.cpp - A kernel of both ops, its companion ---------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The kernels are written in C (LogitsTopkTask.c): what the tools do with a
// bundle is tested without the compiler.
//
//===----------------------------------------------------------------------===//

#include "FusedSession.h"
#include "Runtime/LogitsTopkManifest.h"

#include <gtest/gtest.h>

#include <cmath>

using namespace mqa::tools;
using namespace mqa::test;

/// Those of LogitsTopkTask.c: logits, and the k = 5 best keys by them.
static nlohmann::json makeManifest() {
  nlohmann::json manifest = makeCpuManifest();
  nlohmann::json kernel = makeLogitsTopkManifest("cpu")["kernels"][0];
  kernel["name"] = "best";
  kernel["logits_type"] = "f32";
  kernel["tie_break"] = "smallest";
  kernel["order"] = "key";
  kernel["base"] = "relative";
  kernel["scratch_bytes"] = 1 << 20;
  manifest["kernels"].push_back(kernel);
  return manifest;
}

namespace {
struct FusedSessionTest : testing::Test {
  void SetUp() override {
    std::string text =
        makeBundle(makeManifest(), "object", readFile(MQA_LOGITS_TOPK_TASK));
    ASSERT_EQ(mqa_bundle_load_memory(text.data(), text.size(), &bundle),
              MQA_SUCCESS)
        << mqa_last_error();
    device = Device::create("cpu");
    kernel = std::make_unique<LoadedKernel>(bundle, "best");
    companion = loadCompanion(bundle, kernel->getInfo());
    ASSERT_TRUE(companion);
  }
  void TearDown() override {
    kernel.reset();
    companion.reset();
    mqa_bundle_destroy(bundle);
  }
  Problem make(int64_t m, int64_t n, Mask mask = Mask::Random) const {
    const mqa_kernel_info &info = kernel->getInfo();
    return makeProblem(getShape(info, m, n), mask, 1, /*wide=*/false,
                       getFormat(info));
  }
  mqa_bundle *bundle = nullptr;
  std::unique_ptr<Device> device;
  std::unique_ptr<LoadedKernel> kernel, companion;
};
} // namespace

TEST_F(FusedSessionTest, AnyLogits) {
  Slack slack;
  slack.q = slack.k = 16;
  slack.weights = 4;
  for (int64_t n : {0, 1, 4, 5, 6, 300}) {
    Problem problem = make(13, n);
    FusedSession session(*device, *kernel, *companion, problem, 1, slack,
                         {0, 0, 0, 2, 3});
    EXPECT_TRUE(session.computeLogits(1 << 20).passes()) << n;
    TopkCheckResult check = session.check(1 << 20);
    EXPECT_TRUE(check.passes()) << n << ": row " << check.firstWrongRow;
    EXPECT_EQ(check.checkedRows, 13);
  }
}

TEST_F(FusedSessionTest, PlantedLogits) {
  int64_t k = kernel->getInfo().k;
  for (const TopkPattern &pattern : getTopkPatterns()) {
    int64_t n = pattern.countKeys(k);
    Problem problem = make(2, n, Mask::Full);
    plantLogits(problem, pattern, k, /*seed=*/1);
    FusedSession session(*device, *kernel, *companion, problem, 1);
    session.computeLogits(0);
    EXPECT_TRUE(session.check(1 << 24).passes()) << pattern.name;
    std::mt19937_64 random(1000003);
    std::vector<float> logits(n);
    pattern.fill(logits, k, random);
    for (int64_t i = 0; i < n; ++i) {
      float found = session.getSelection().getLogit(1, i);
      // -0 becomes +0 where it is added to it.
      EXPECT_TRUE(found == logits[i] ||
                  (std::isnan(found) && std::isnan(logits[i])))
          << pattern.name << ": " << found << ", " << logits[i];
    }
  }
}

// A selection by logits that differ in one bit, or that nobody computed, is
// wrong.
TEST_F(FusedSessionTest, OtherLogits) {
  Problem problem = make(3, 100, Mask::Full), other = problem;
  FusedSession session(*device, *kernel, *companion, problem, 1);
  EXPECT_FALSE(session.check(1 << 20).passes()) << "no logits yet";
  session.computeLogits(0);
  EXPECT_TRUE(session.check(1 << 20).passes());
  TopkOutput output = session.getTopk().download();
  // The best key of a row: force_first and force_last keep others.
  TopkProblem selection = session.getSelection();
  std::vector<Selected> row = selectKeys(selection, 1);
  int64_t best = row[1].index - selection.offset[1];
  selection.setLogit(1, best,
                     std::nextafter(selection.getLogit(1, best), 1e9f));
  TopkCheckResult check = checkTopk(selection, output, 1 << 20);
  EXPECT_EQ(check.wrongIndices, 0);
  EXPECT_EQ(check.wrongValues, 1);
  selection.setLogit(1, best, -1e9f);
  EXPECT_GT(checkTopk(selection, output, 1 << 20).wrongIndices, 0);
}

TEST_F(FusedSessionTest, OtherRangesForTheSameLaunch) {
  Problem problem = make(5, 200);
  FusedSession session(*device, *kernel, *companion, problem, 1);
  auto launch = session.getTopk().prepare();
  for (int i = 0; i < 3; ++i) {
    std::rotate(problem.ke.begin(), problem.ke.begin() + 1, problem.ke.end());
    session.updateRanges();
    session.computeLogits(0);
    session.getTopk().poison();
    EXPECT_FALSE(session.getTopk().check(1 << 20).passes());
    EXPECT_EQ(mqa_launch_run(launch.get(), nullptr), MQA_SUCCESS);
    EXPECT_TRUE(session.getTopk().check(1 << 20).passes());
  }
}

TEST_F(FusedSessionTest, Companions) {
  const mqa_kernel_info &fused = kernel->getInfo();
  EXPECT_FALSE(isCompanion(fused, fused));
  EXPECT_TRUE(isCompanion(companion->getInfo(), fused));
  auto expectOther = [&](void (*change)(mqa_kernel_info &)) {
    mqa_kernel_info other = companion->getInfo();
    change(other);
    EXPECT_FALSE(isCompanion(other, fused));
  };
  using Info = mqa_kernel_info;
  expectOther([](Info &info) { info.op = MQA_OP_PAGED_LOGITS; });
  expectOther([](Info &info) { info.compressed = 1; });
  expectOther([](Info &info) { info.fast = 1; });
  expectOther([](Info &info) { info.logits_type = MQA_BF16; });
  expectOther([](Info &info) { info.num_heads = 8; });
  expectOther([](Info &info) { info.activation = MQA_ACTIVATION_NONE; });
  expectOther([](Info &info) { info.has_ks = 0; });
  expectOther([](Info &info) { info.num_keys = 1000; });
}

// Of a paged cache, every key that a query sees has the planted logit in its
// slot, and the selection has the table of the cache.
TEST(FusedProblemTest, PagedCache) {
  mqa_kernel_info info{};
  info.op = MQA_OP_PAGED_LOGITS_TOPK;
  info.num_queries = info.num_keys = info.batch = info.max_context_len = -1;
  info.num_sequences = info.max_blocks = info.num_blocks = -1;
  info.next_n = 2;
  info.block_kv = 16;
  info.k = 5;
  info.base = MQA_BASE_SLOT;
  info.has_context_lens = 1;
  info.input_type = MQA_F8E4M3FN;
  info.logits_type = MQA_F32;
  PagedShape shape{3, 2, 4, 16, 16, {40, 7, 100}};
  shape.maxBlocks = 5;
  Problem problem = makePagedProblem(shape, 1);
  const TopkPattern &pattern = getTopkPatterns()[1];
  plantLogits(problem, pattern, info.k, 1);
  TopkProblem selection = makeSelection(info, problem, 1);
  EXPECT_EQ(selection.blockTable, problem.paging.blockTable);
  EXPECT_EQ(selection.numKeys, 80) << "what the table reaches";
  for (int64_t m = 0; m < 6; ++m) {
    EXPECT_EQ(selection.begin(m), problem.begin(m));
    EXPECT_EQ(selection.end(m), problem.end(m));
    for (int64_t n = 0; n < problem.end(m); ++n) {
      int64_t slot = problem.getSlot(m, n);
      EXPECT_EQ(problem.kScale[slot], static_cast<float>(n) - 300);
      EXPECT_EQ(selection.getIndex(m, n), slot);
    }
  }
}
