//===- PagedKernelTest.cpp - Launches of mqa.paged_logits -----------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// On the fake driver: which arguments a launch takes, and what the driver gets.
//
//===----------------------------------------------------------------------===//

#include "LoadedKernelFixture.h"

#include <gtest/gtest.h>

using namespace mqa::test;

namespace {
struct PagedKernelTest : LoadedKernelFixture {
  template <typename Change>
  void expectInvalid(Change change, const std::string &message) {
    mqa_paged_logits_args args = makePagedArgs();
    change(args);
    EXPECT_EQ(mqa_paged_logits_launch(kernel, &args, nullptr),
              MQA_ERROR_INVALID_ARGUMENT);
    EXPECT_EQ(std::string(mqa_last_error()), message);
  }
};
} // namespace

TEST_F(PagedKernelTest, Launch) {
  loadKernel(makePagedManifest(/*lensRank=*/2));
  EXPECT_EQ(info.op, MQA_OP_PAGED_LOGITS);
  EXPECT_EQ(info.batch, -1);
  EXPECT_EQ(info.next_n, 2);
  EXPECT_EQ(info.block_kv, 64);
  EXPECT_EQ(info.lens_per_query, 1);
  EXPECT_EQ(info.max_context_len, -1);
  // Four tensor maps, then three memrefs of rank 2.
  getFake().parameterCount = 4 + 3 * 7;
  mqa_paged_logits_args args = makePagedArgs();
  ASSERT_EQ(mqa_paged_logits_launch(kernel, &args, nullptr), MQA_SUCCESS)
      << mqa_last_error();
  // A block of the grid for each tile of 128 keys that there may be.
  EXPECT_EQ(getFake().launches.back().gridX, 3u * 8u);
  args.batch = 100;
  ASSERT_EQ(mqa_paged_logits_launch(kernel, &args, nullptr), MQA_SUCCESS);
  EXPECT_EQ(getFake().launches.back().gridX, 132u);
  // The cache, contiguous dimension first: one allocation, two views.
  const FakeTensorMap &k = getFake().maps[1], &scales = getFake().maps[2];
  EXPECT_EQ(k.sizes, (std::vector<uint64_t>{128, 64, 100}));
  EXPECT_EQ(k.strides, (std::vector<uint64_t>{128, 64 * 132}));
  EXPECT_EQ(scales.address, address<void>(0x20000 + 64 * 128));
  EXPECT_EQ(scales.strides, (std::vector<uint64_t>{64 * 132}));
  args.max_multiprocessors = 2;
  ASSERT_EQ(mqa_paged_logits_launch(kernel, &args, nullptr), MQA_SUCCESS);
  EXPECT_EQ(getFake().launches.back().gridX, 2u);
  args.max_multiprocessors = -2;
  EXPECT_EQ(mqa_paged_logits_launch(kernel, &args, nullptr),
            MQA_ERROR_INVALID_ARGUMENT);
}

TEST_F(PagedKernelTest, OneLengthPerSequence) {
  loadKernel(makePagedManifest(/*lensRank=*/1));
  EXPECT_EQ(info.lens_per_query, 0);
  getFake().parameterCount = 4 + 5 + 2 * 7;
  mqa_paged_logits_args args = makePagedArgs();
  // There is nothing between them.
  args.context_lens_stride = -7;
  EXPECT_EQ(mqa_paged_logits_launch(kernel, &args, nullptr), MQA_SUCCESS)
      << mqa_last_error();
}

TEST_F(PagedKernelTest, NothingToDo) {
  loadKernel(makePagedManifest(2));
  mqa_paged_logits_args args = {};
  args.max_context_len = 1000;
  EXPECT_EQ(mqa_paged_logits_launch(kernel, &args, nullptr), MQA_SUCCESS);
  args.batch = 3;
  args.max_context_len = 0;
  EXPECT_EQ(mqa_paged_logits_launch(kernel, &args, nullptr), MQA_SUCCESS);
  EXPECT_TRUE(getFake().launches.empty());
}

TEST_F(PagedKernelTest, Prepared) {
  loadKernel(makePagedManifest(2));
  getFake().parameterCount = 4 + 3 * 7;
  mqa_paged_logits_args args = makePagedArgs();
  mqa_launch *launch;
  ASSERT_EQ(mqa_paged_logits_prepare(kernel, &args, &launch), MQA_SUCCESS);
  EXPECT_TRUE(getFake().launches.empty());
  EXPECT_EQ(mqa_launch_run(launch, nullptr), MQA_SUCCESS);
  EXPECT_EQ(getFake().launches.back().gridX, 24u);
  mqa_launch_destroy(launch);
}

TEST_F(PagedKernelTest, BadArguments) {
  loadKernel(makePagedManifest(2));
  using Args = mqa_paged_logits_args;
  expectInvalid([](Args &a) { a.q = nullptr; }, "q is null");
  expectInvalid([](Args &a) { a.block_table = nullptr; },
                "block_table is null");
  expectInvalid(
      [](Args &a) { a.context_lens = address<int32_t>(0x50002); },
      "context_lens must be aligned to 4 bytes, found address 327682");
  expectInvalid([](Args &a) { a.q_stride = 64 * 128; },
                "q_stride must be from 16384 to 2^40, found 8192");
  expectInvalid([](Args &a) { a.k_stride = 64 * 128 - 1; },
                "k_stride must be from 8192 to 2^40, found 8191");
  expectInvalid([](Args &a) { a.k_scale_stride = 63; },
                "k_scale_stride must be from 64 to 2^40, found 63");
  expectInvalid([](Args &a) { a.context_lens_stride = 1; },
                "context_lens_stride must be from 2 to 2^40, found 1");
  expectInvalid([](Args &a) { a.block_table_stride = 15; },
                "block_table_stride must be from 16 to 2^40, found 15");
  expectInvalid([](Args &a) { a.out_stride = 999; },
                "out_stride must be from 1000 to 2^40, found 999");
  expectInvalid([](Args &a) { a.batch = -1; },
                "batch must be from 0 to 2147482623, found -1");
  expectInvalid([](Args &a) { a.batch = 1 << 30; },
                "batch * next_n must be from 0 to 2147482623, found "
                "2147483648");
  expectInvalid([](Args &a) { a.k_stride = 64 * 132 + 4; },
                "k: a tensor-map load needs strides of a multiple of 16 bytes, "
                "found 8452");
  // The handle stays usable.
  getFake().parameterCount = 4 + 3 * 7;
  mqa_paged_logits_args args = makePagedArgs();
  EXPECT_EQ(mqa_paged_logits_launch(kernel, &args, nullptr), MQA_SUCCESS);
}

/// Without a block in the cache or a column in the table there is no key: every
/// logit is -inf with `clean`, and nothing is written without.
TEST_F(PagedKernelTest, NoKeys) {
  nlohmann::json manifest = makePagedManifest(2);
  loadKernel(manifest);
  mqa_paged_logits_args args = makePagedArgs();
  args.num_blocks = 0;
  EXPECT_EQ(mqa_paged_logits_launch(kernel, &args, nullptr), MQA_SUCCESS)
      << mqa_last_error();
  args = makePagedArgs();
  args.max_blocks = 0;
  EXPECT_EQ(mqa_paged_logits_launch(kernel, &args, nullptr), MQA_SUCCESS)
      << mqa_last_error();
  EXPECT_TRUE(getFake().launches.empty());

  manifest["kernels"][0]["clean"] = true;
  for (bool hasTable : {true, false}) {
    // A kernel of its own each, which has encoded no map yet.
    TearDown();
    SetUp();
    loadKernel(manifest);
    getFake().parameterCount = 4 + 3 * 7;
    args = makePagedArgs();
    args.num_blocks = hasTable ? 0 : 100;
    args.max_blocks = hasTable ? 16 : 0;
    args.k = nullptr;
    args.k_scale = nullptr;
    args.k_stride = args.k_scale_stride = 0;
    if (!hasTable)
      args.block_table = nullptr;
    ASSERT_EQ(mqa_paged_logits_launch(kernel, &args, nullptr), MQA_SUCCESS)
        << mqa_last_error();
    // A table may name a block that is not there: no more than an element of q
    // is read then.
    ASSERT_EQ(getFake().maps.size(), 4u);
    for (size_t map : {1, 2}) {
      EXPECT_EQ(getFake().maps[map].address, args.q);
      for (uint64_t size : getFake().maps[map].sizes)
        EXPECT_EQ(size, 1u);
    }
  }
  EXPECT_EQ(getFake().launches.size(), 1u);
  args = makePagedArgs();
  args.num_blocks = 0;
  args.block_table = nullptr;
  EXPECT_EQ(mqa_paged_logits_launch(kernel, &args, nullptr),
            MQA_ERROR_INVALID_ARGUMENT);
  EXPECT_STREQ(mqa_last_error(), "block_table is null");
}

TEST_F(PagedKernelTest, SizesThatTheKernelKnows) {
  nlohmann::json manifest = makePagedManifest(2);
  nlohmann::json &kernel = manifest["kernels"][0];
  kernel["batch"] = 3;
  kernel["num_blocks"] = 100;
  kernel["max_blocks"] = 16;
  kernel["num_columns"] = 1000;
  loadKernel(manifest);
  EXPECT_EQ(info.max_context_len, 1000);
  using Args = mqa_paged_logits_args;
  expectInvalid([](Args &a) { a.batch = 2; },
                "batch must be 3 for this kernel, found 2");
  expectInvalid([](Args &a) { a.num_blocks = 99; },
                "num_blocks must be 100 for this kernel, found 99");
  expectInvalid([](Args &a) { a.max_blocks = 17; },
                "max_blocks must be 16 for this kernel, found 17");
  expectInvalid([](Args &a) { a.max_context_len = 10; },
                "max_context_len must be 1000 for this kernel, found 10");
}

// The rows of `out` may be what knows the number of sequences.
TEST_F(PagedKernelTest, RowsAreSequences) {
  nlohmann::json manifest = makePagedManifest(2);
  manifest["kernels"][0]["num_queries"] = 8;
  loadKernel(manifest);
  EXPECT_EQ(info.batch, 4);
  expectInvalid([](mqa_paged_logits_args &) {},
                "batch must be 4 for this kernel, found 3");
}

TEST_F(PagedKernelTest, TheOtherOpsLaunch) {
  loadKernel(makePagedManifest(2));
  mqa_logits_args args = {};
  EXPECT_EQ(mqa_logits_launch(kernel, &args, nullptr),
            MQA_ERROR_INVALID_ARGUMENT);
  EXPECT_STREQ(mqa_last_error(), "kernel 'logits' is of mqa.paged_logits: use "
                                 "mqa_paged_logits_launch");
}

TEST_F(PagedKernelTest, OfMqaLogits) {
  loadKernel(makeGpuManifest());
  mqa_paged_logits_args args = makePagedArgs();
  EXPECT_EQ(mqa_paged_logits_launch(kernel, &args, nullptr),
            MQA_ERROR_INVALID_ARGUMENT);
  EXPECT_STREQ(mqa_last_error(),
               "kernel 'logits' is of mqa.logits: use mqa_logits_launch");
}
