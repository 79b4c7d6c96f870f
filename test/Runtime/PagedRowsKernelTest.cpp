//===- PagedRowsKernelTest.cpp - Launches of rows of sequences ------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// mqa.paged_logits whose rows name their sequences, on the fake driver.
//
//===----------------------------------------------------------------------===//

#include "FakeCuda.h"
#include "PagedRowsManifest.h"

#include <gtest/gtest.h>

using namespace mqa::test;
using nlohmann::json;

static mqa_paged_logits_args makeArgs() {
  mqa_paged_logits_args args = {};
  args.q = address<void>(0x10000);
  args.q_stride = 64 * 128;
  args.k = address<void>(0x20000);
  args.k_stride = 64 * 132;
  args.k_scale = address<float>(0x20000 + 64 * 128);
  args.k_scale_stride = 64 * 132 / 4;
  args.weights = address<float>(0x40000);
  args.weights_stride = 64;
  args.context_lens = address<int32_t>(0x50000);
  args.block_table = address<int32_t>(0x60000);
  args.block_table_stride = 20;
  args.sequence = address<int32_t>(0x58000);
  args.out = address<void>(0x70000);
  args.out_stride = 1000;
  args.batch = 3;
  args.num_rows = 11;
  args.num_blocks = 100;
  args.max_blocks = 16;
  args.max_context_len = 1000;
  return args;
}

namespace {
struct PagedRowsKernelTest : testing::Test {
  void SetUp() override {
    getFake() = FakeCudaState();
    // Four tensor maps, then two memrefs of rank 2 and two of rank 1.
    getFake().parameterCount = 4 + 2 * 7 + 2 * 5;
  }
  void TearDown() override {
    mqa_kernel_destroy(kernel);
    mqa_bundle_destroy(bundle);
  }
  void loadKernel(const json &manifest) {
    ASSERT_EQ(load(makeBundle(manifest, "ptx", "// PTX"), &bundle), MQA_SUCCESS)
        << mqa_last_error();
    ASSERT_EQ(mqa_kernel_load(bundle, nullptr, 0, &kernel), MQA_SUCCESS)
        << mqa_last_error();
    ASSERT_EQ(mqa_bundle_kernel_info(bundle, 0, &info), MQA_SUCCESS);
  }
  void expectRefused(const json &manifest, const std::string &message) {
    mqa_bundle *refused = nullptr;
    EXPECT_EQ(load(makeBundle(manifest, "ptx", "// PTX"), &refused),
              MQA_ERROR_INVALID_BUNDLE);
    EXPECT_NE(std::string(mqa_last_error()).find(message), std::string::npos)
        << mqa_last_error();
  }
  template <typename Change>
  void expectInvalid(Change change, const std::string &message) {
    mqa_paged_logits_args args = makeArgs();
    change(args);
    EXPECT_EQ(mqa_paged_logits_launch(kernel, &args, nullptr),
              MQA_ERROR_INVALID_ARGUMENT);
    EXPECT_EQ(std::string(mqa_last_error()), message);
  }
  mqa_bundle *bundle = nullptr;
  mqa_kernel *kernel = nullptr;
  mqa_kernel_info info;
};
} // namespace

TEST_F(PagedRowsKernelTest, Launch) {
  loadKernel(makeRowsManifest());
  EXPECT_EQ(info.op, MQA_OP_PAGED_LOGITS);
  EXPECT_EQ(info.has_sequence, 1);
  EXPECT_EQ(info.next_n, 1);
  EXPECT_EQ(info.rows_per_sequence, 0);
  EXPECT_EQ(info.lens_per_query, 0);
  mqa_paged_logits_args args = makeArgs();
  ASSERT_EQ(mqa_paged_logits_launch(kernel, &args, nullptr), MQA_SUCCESS)
      << mqa_last_error();
  // A block of the grid for each tile of 128 keys that a row may have.
  EXPECT_EQ(getFake().launches.back().gridX, 11u * 8u);
  const FakeTensorMap &q = getFake().maps[0];
  EXPECT_EQ(q.sizes, (std::vector<uint64_t>{128, 64, 11}));
}

TEST_F(PagedRowsKernelTest, NothingToDo) {
  loadKernel(makeRowsManifest());
  mqa_paged_logits_args args = {};
  args.batch = 3;
  args.max_context_len = 1000;
  EXPECT_EQ(mqa_paged_logits_launch(kernel, &args, nullptr), MQA_SUCCESS)
      << mqa_last_error();
  // Without a line of the table, no row sees a key.
  args = makeArgs();
  args.batch = 0;
  args.block_table = nullptr;
  EXPECT_EQ(mqa_paged_logits_launch(kernel, &args, nullptr), MQA_SUCCESS)
      << mqa_last_error();
  EXPECT_TRUE(getFake().launches.empty());
}

TEST_F(PagedRowsKernelTest, BadArguments) {
  loadKernel(makeRowsManifest());
  using Args = mqa_paged_logits_args;
  expectInvalid([](Args &a) { a.sequence = nullptr; }, "sequence is null");
  expectInvalid([](Args &a) { a.sequence = address<int32_t>(0x58002); },
                "sequence must be aligned to 4 bytes, found address 360450");
  expectInvalid([](Args &a) { a.num_rows = -1; },
                "num_rows must be from 0 to 2147482623, found -1");
  expectInvalid([](Args &a) { a.q_stride = 64 * 127; },
                "q_stride must be from 8192 to 2^40, found 8128");
}

TEST_F(PagedRowsKernelTest, StaticSizes) {
  json manifest = makeRowsManifest();
  // Sequences have any number of rows.
  manifest["kernels"][0]["num_queries"] = 11;
  manifest["kernels"][0]["batch"] = 3;
  loadKernel(manifest);
  expectInvalid([](mqa_paged_logits_args &a) { a.num_rows = 12; },
                "num_rows must be 11 for this kernel, found 12");
  expectInvalid([](mqa_paged_logits_args &a) { a.batch = 4; },
                "batch must be 3 for this kernel, found 4");
}

TEST_F(PagedRowsKernelTest, RowsPerSequence) {
  json manifest = makeRowsManifest();
  manifest["kernels"][0]["rows_per_sequence"] = 4;
  loadKernel(manifest);
  EXPECT_EQ(info.rows_per_sequence, 4);
}

TEST_F(PagedRowsKernelTest, BadManifests) {
  json manifest = makeRowsManifest();
  manifest["kernels"][0]["next_n"] = 2;
  expectRefused(manifest, "next_n' must be 1, and context_lens of one "
                          "dimension, with sequence, found 2");
  manifest = makeRowsManifest();
  manifest["kernels"][0]["parameters"].erase(6);
  expectRefused(manifest, "q of 4 dimensions without sequence");
  manifest = makeRowsManifest();
  manifest["kernels"][0]["parameters"][0]["box"] = {1, 8, 8, 128};
  manifest["kernels"][0]["parameters"][0]["dims"] = {0, 1, 2, 3};
  expectRefused(manifest, "q of 3 dimensions with sequence");
  manifest = makeRowsManifest();
  manifest["kernels"][0]["parameters"][6]["rank"] = 2;
  expectRefused(manifest, "rank' must be");
  manifest = makeRowsManifest();
  manifest["kernels"][0]["rows_per_sequence"] = 9;
  expectRefused(manifest, "rows_per_sequence' must be an integer from 1 to 8");
  manifest = makePagedManifest(/*lensRank=*/1);
  manifest["kernels"][0]["rows_per_sequence"] = 2;
  expectRefused(manifest,
                "rows_per_sequence' must be left out without sequence");
}
