//===- TopkArgumentsTest.cpp - Arguments of mqa.topk ----------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Which arguments a launch takes, and which it names as wrong.
//
//===----------------------------------------------------------------------===//

#include "TopkKernelFixture.h"

using namespace mqa::test;

namespace {
struct TopkArgumentsTest : TopkKernelFixture {};
} // namespace

TEST_F(TopkArgumentsTest, NothingToRead) {
  loadKernel(makeTopkManifest());
  mqa_topk_args args = {};
  args.k = 5;
  args.num_columns = 1000;
  launch(args);
  EXPECT_TRUE(getFake().launches.empty()) << "no rows";
  // Rows without a column are padded, and so are those of fewer than k.
  args = makeTopkArgs();
  args.logits = nullptr;
  args.num_columns = 0;
  launch(args);
  args = makeTopkArgs();
  args.num_columns = args.logits_stride = 4;
  launch(args);
  EXPECT_EQ(getFake().launches.size(), 2u);
}

TEST_F(TopkArgumentsTest, BadArguments) {
  loadKernel(makeTopkManifest());
  EXPECT_EQ(mqa_topk_launch(kernel, nullptr, nullptr),
            MQA_ERROR_INVALID_ARGUMENT);
  EXPECT_STREQ(mqa_last_error(), "args is null");
  mqa_topk_args good = makeTopkArgs();
  EXPECT_EQ(mqa_topk_launch(nullptr, &good, nullptr),
            MQA_ERROR_INVALID_ARGUMENT);
  EXPECT_STREQ(mqa_last_error(), "kernel is null");
  EXPECT_EQ(mqa_topk_prepare(kernel, &good, nullptr),
            MQA_ERROR_INVALID_ARGUMENT);
  EXPECT_STREQ(mqa_last_error(), "launch is null");

  using Args = mqa_topk_args;
  expectInvalid([](Args &a) { a.logits = nullptr; }, "logits is null");
  expectInvalid([](Args &a) { a.ks = nullptr; }, "ks is null");
  expectInvalid([](Args &a) { a.ke = nullptr; }, "ke is null");
  expectInvalid([](Args &a) { a.offset = nullptr; }, "offset is null");
  expectInvalid([](Args &a) { a.indices = nullptr; }, "indices is null");
  expectInvalid([](Args &a) { a.values = nullptr; }, "values is null");
  expectInvalid([](Args &a) { a.logits = address<void>(0x10000002); },
                "logits must be aligned to 4 bytes, found address 268435458");
  expectInvalid([](Args &a) { a.indices = address<int32_t>(0x80000001); },
                "indices must be aligned to 4 bytes, found address 2147483649");
  expectInvalid([](Args &a) { a.values = address<float>(0x90000003); },
                "values must be aligned to 4 bytes, found address 2415919107");
  expectInvalid([](Args &a) { a.logits_stride = 999; },
                "logits_stride must be from 1000 to 2^40, found 999");
  expectInvalid([](Args &a) { a.logits_stride = int64_t(1) << 31; },
                "logits_stride must be below 2^31 for this kernel, found "
                "2147483648");
  expectInvalid([](Args &a) { a.indices_stride = 4; },
                "indices_stride must be from 5 to 2^40, found 4");
  expectInvalid([](Args &a) { a.values_stride = -5; },
                "values_stride must be from 5 to 2^40, found -5");
  expectInvalid([](Args &a) { a.num_queries = -1; },
                "num_queries must be from 0 to 2147482623, found -1");
  expectInvalid([](Args &a) { a.num_columns = int64_t(1) << 31; },
                "num_columns must be from 0 to 2147482623, found 2147483648");
  expectInvalid([](Args &a) { a.k = 6; },
                "k must be 5 for this kernel, found 6");
  expectInvalid([](Args &a) { a.k = -5; },
                "k must be from 0 to 2147482623, found -5");
  expectInvalid([](Args &a) { a.scratch_size = 8; },
                "scratch is null, and scratch_size is 8");
  expectInvalid([](Args &a) { a.scratch = address<void>(8); },
                "scratch must be aligned to 16 bytes, found address 8");
}

TEST_F(TopkArgumentsTest, OverlappingOperands) {
  loadKernel(makeTopkManifest());
  expectInvalid([](auto &args) { args.values = address<float>(0x10000000); },
                "values and logits overlap");
  expectInvalid([](auto &args) { args.indices = address<int32_t>(0x90000000); },
                "indices and values overlap");
  // Dense operands: the last element is the first of another one.
  expectInvalid(
      [](auto &args) {
        args.indices = address<int32_t>(0x30000000 - 4 * (300 * 5 - 1));
        args.indices_stride = 5;
      },
      "indices and ke overlap");
  mqa_topk_args args = makeTopkArgs();
  args.indices = address<int32_t>(0x30000000 - 4 * 300 * 5);
  args.indices_stride = 5;
  launch(args);
  // Rows beside those of another operand.
  args = makeTopkArgs();
  args.logits_stride = args.values_stride = 1008;
  args.values = address<float>(0x10000000 + 4 * 1000);
  launch(args);
}

TEST_F(TopkArgumentsTest, Alignment) {
  nlohmann::json manifest = makeTopkManifest();
  manifest["kernels"][0]["parameters"][0]["alignment"] = 16;
  loadKernel(manifest);
  launch(makeTopkArgs());
  expectInvalid([](auto &args) { args.logits = address<void>(0x10000004); },
                "logits: the address must be a multiple of 16 bytes for this "
                "kernel, found 268435460");
  expectInvalid([](auto &args) { args.logits_stride = 1001; },
                "logits: strides must be a multiple of 16 bytes for this "
                "kernel, found 4004");
}

TEST_F(TopkArgumentsTest, FixedSizes) {
  nlohmann::json manifest = makeTopkManifest();
  manifest["kernels"][0]["num_queries"] = 300;
  manifest["kernels"][0]["num_columns"] = 1000;
  loadKernel(manifest);
  launch(makeTopkArgs());
  expectInvalid([](auto &args) { args.num_queries = 299; },
                "num_queries must be 300 for this kernel, found 299");
  expectInvalid([](auto &args) { args.num_columns = 999; },
                "num_columns must be 1000 for this kernel, found 999");
  manifest = makeSlotManifest();
  manifest["kernels"][0]["batch"] = 150;
  loadKernel(manifest);
  launch(makeTopkArgs());
  expectInvalid([](auto &args) { args.num_queries = 298; },
                "num_queries / next_n must be 150 for this kernel, found 149");
}

TEST_F(TopkArgumentsTest, ScratchSize) {
  loadKernel(makeTopkManifest());
  size_t size = 1;
  EXPECT_EQ(mqa_topk_scratch_size(kernel, 300, 1000, &size), MQA_SUCCESS);
  EXPECT_EQ(size, 0u);
  EXPECT_EQ(mqa_topk_scratch_size(kernel, -1, 1000, &size),
            MQA_ERROR_INVALID_ARGUMENT);
  EXPECT_STREQ(mqa_last_error(),
               "num_queries must be from 0 to 2147482623, found -1");
  EXPECT_EQ(mqa_topk_scratch_size(kernel, 1, int64_t(1) << 40, &size),
            MQA_ERROR_INVALID_ARGUMENT);
  EXPECT_EQ(mqa_topk_scratch_size(nullptr, 1, 1, &size),
            MQA_ERROR_INVALID_ARGUMENT);
  EXPECT_EQ(mqa_topk_scratch_size(kernel, 1, 1, nullptr),
            MQA_ERROR_INVALID_ARGUMENT);
  EXPECT_STREQ(mqa_last_error(), "size is null");
  // Memory that is not needed may be given.
  mqa_topk_args args = makeTopkArgs();
  args.scratch = address<void>(0xa0000000);
  args.scratch_size = 100;
  launch(args);
}

TEST_F(TopkArgumentsTest, OtherOps) {
  loadKernel(makeTopkManifest());
  mqa_logits_args logits = {};
  EXPECT_EQ(mqa_logits_launch(kernel, &logits, nullptr),
            MQA_ERROR_INVALID_ARGUMENT);
  EXPECT_STREQ(mqa_last_error(),
               "kernel 'topk' is of mqa.topk: use mqa_topk_launch");
  mqa_paged_logits_args paged = {};
  EXPECT_EQ(mqa_paged_logits_launch(kernel, &paged, nullptr),
            MQA_ERROR_INVALID_ARGUMENT);
  loadKernel(makeGpuManifest());
  expectInvalid([](auto &) {},
                "kernel 'logits' is of mqa.logits: use mqa_logits_launch");
  size_t size;
  EXPECT_EQ(mqa_topk_scratch_size(kernel, 1, 1, &size),
            MQA_ERROR_INVALID_ARGUMENT);
}
