//===- TopkKernelTest.cpp - Launches of mqa.topk --------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// On the fake driver, and with a task that says what it was given.
//
//===----------------------------------------------------------------------===//

#include "TopkKernelFixture.h"

#include <vector>

using namespace mqa::test;

namespace {
struct TopkKernelTest : TopkKernelFixture {};
} // namespace

TEST_F(TopkKernelTest, Describes) {
  loadKernel(makeTopkManifest());
  EXPECT_EQ(info.op, MQA_OP_TOPK);
  EXPECT_EQ(info.k, 5);
  EXPECT_EQ(info.input_type, MQA_F32);
  EXPECT_EQ(info.out_type, MQA_I32);
  EXPECT_EQ(info.num_queries, -1);
  EXPECT_EQ(info.num_keys, -1);
  EXPECT_EQ(info.max_seqlen_k, 0);
  EXPECT_EQ(info.num_heads, 0);
  EXPECT_EQ(info.force_first, 1);
  EXPECT_EQ(info.force_last, 2);
  EXPECT_EQ(info.tie_break, MQA_TIE_BREAK_SMALLEST);
  EXPECT_EQ(info.order, MQA_ORDER_KEY);
  EXPECT_EQ(info.base, MQA_BASE_RELATIVE);
  EXPECT_EQ(info.next_n, 0);
  EXPECT_EQ(info.has_ks, 1);
  EXPECT_EQ(info.has_offset, 1);
  EXPECT_EQ(info.has_values, 1);
  EXPECT_EQ(info.has_context_lens, 0);
  EXPECT_EQ(info.has_sequence, 0);
  EXPECT_EQ(info.has_num_keys, 0);
  loadKernel(makeCompressedTopkManifest());
  EXPECT_EQ(info.max_seqlen_k, -1);
  EXPECT_EQ(info.compressed, 1);
  EXPECT_EQ(info.has_num_keys, 1);
  loadKernel(makeSlotManifest());
  EXPECT_EQ(info.base, MQA_BASE_SLOT);
  EXPECT_EQ(info.input_type, MQA_BF16);
  EXPECT_EQ(info.next_n, 2);
  EXPECT_EQ(info.block_kv, 64);
  EXPECT_EQ(info.lens_per_query, 1);
  EXPECT_EQ(info.has_context_lens, 1);
  EXPECT_EQ(info.has_values, 0);
  loadKernel(makeSequenceManifest());
  EXPECT_EQ(info.next_n, 0);
  EXPECT_EQ(info.has_sequence, 1);
}

TEST_F(TopkKernelTest, Launch) {
  loadKernel(makeTopkManifest());
  getFake().parameterCount = 3 * 7 + 3 * 5;
  launch(makeTopkArgs());
  const FakeLaunch &launched = getFake().launches.back();
  // A block for each row, however many multiprocessors there are.
  EXPECT_EQ(launched.gridX, 300u);
  EXPECT_EQ(launched.gridY, 1u);
  EXPECT_EQ(launched.block, 512u);
  EXPECT_EQ(launched.sharedMemoryBytes, 40000u);
  EXPECT_TRUE(launched.overlaps);
  EXPECT_TRUE(getFake().maps.empty());
  // logits, ks, ke, offset, indices, values.
  EXPECT_EQ(getAddress(0), 0x10000000u);
  EXPECT_EQ(getNumber(3), 300u);
  EXPECT_EQ(getNumber(4), 1000u);
  EXPECT_EQ(getNumber(5), 1008u);
  EXPECT_EQ(getAddress(7), 0x20000000u);
  EXPECT_EQ(getNumber(10), 300u);
  EXPECT_EQ(getAddress(12), 0x30000000u);
  EXPECT_EQ(getAddress(17), 0x70000000u);
  EXPECT_EQ(getAddress(22), 0x80000000u);
  EXPECT_EQ(getNumber(26), 5u);
  EXPECT_EQ(getNumber(27), 6u);
  EXPECT_EQ(getAddress(29), 0x90000000u);
  EXPECT_EQ(getNumber(34), 7u);
}

TEST_F(TopkKernelTest, Grid) {
  nlohmann::json manifest = makeTopkManifest();
  manifest["kernels"][0]["block_queries"] = 8;
  loadKernel(manifest);
  mqa_topk_args args = makeTopkArgs();
  args.num_queries = 17;
  launch(args);
  EXPECT_EQ(getFake().launches.back().gridX, 3u);
  args.num_queries = 2147482623;
  launch(args);
  EXPECT_EQ(getFake().launches.back().gridX, 268435328u);
  args.num_queries = 17;
  mqa_set_max_multiprocessors(2);
  launch(args);
  mqa_set_max_multiprocessors(0);
  EXPECT_EQ(getFake().launches.back().gridX, 3u) << "a block for its rows";
}

TEST_F(TopkKernelTest, ManyColumns) {
  loadKernel(makeTopkManifest());
  getFake().parameterCount = 3 * 7 + 3 * 5;
  mqa_topk_args args = makeTopkArgs();
  args.num_queries = 1;
  args.num_columns = args.logits_stride = 2147467264;
  args.logits = address<void>(int64_t(1) << 40);
  launch(args);
  expectInvalid(
      [](mqa_topk_args &args) {
        args.num_queries = 1;
        args.num_columns = args.logits_stride = 2147467265;
        args.logits = address<void>(int64_t(1) << 40);
      },
      "num_columns must be at most 2147467264 for this kernel, found "
      "2147467265");
}

TEST_F(TopkKernelTest, CompressedLogits) {
  loadKernel(makeCompressedTopkManifest());
  getFake().parameterCount = 3 * 7 + 3 * 5 + 1;
  launch(makeTopkArgs());
  EXPECT_EQ(getNumber(17), 5000u) << "num_keys";
  expectInvalid([](auto &args) { args.num_keys = -1; },
                "num_keys must be from 0 to 2147482623, found -1");
}

TEST_F(TopkKernelTest, Slots) {
  loadKernel(makeSlotManifest());
  getFake().parameterCount = 4 * 7;
  launch(makeTopkArgs());
  // logits, context_lens, block_table, indices.
  EXPECT_EQ(getAddress(7), 0x40000000u);
  EXPECT_EQ(getNumber(10), 150u);
  EXPECT_EQ(getNumber(11), 2u);
  EXPECT_EQ(getAddress(14), 0x50000000u);
  EXPECT_EQ(getNumber(17), 150u);
  EXPECT_EQ(getNumber(18), 16u);
  EXPECT_EQ(getNumber(19), 20u);
  expectInvalid([](auto &args) { args.num_queries = 301; },
                "num_queries must be a multiple of next_n = 2, found 301");
  expectInvalid([](auto &args) { args.num_sequences = 149; },
                "num_sequences must be num_queries / next_n = 150, found 149");
  expectInvalid([](auto &args) { args.num_sequences = -1; },
                "num_sequences must be from 0 to 2147482623, found -1");
  expectInvalid([](auto &args) { args.max_blocks = -2; },
                "max_blocks must be from 0 to 2147482623, found -2");
  expectInvalid([](auto &args) { args.block_table_stride = 15; },
                "block_table_stride must be from 16 to 2^40, found 15");
  expectInvalid([](auto &args) { args.context_lens_stride = 1; },
                "context_lens_stride must be from 2 to 2^40, found 1");
  expectInvalid([](auto &args) { args.context_lens = nullptr; },
                "context_lens is null");
  expectInvalid([](auto &args) { args.block_table = nullptr; },
                "block_table is null");
  mqa_topk_args args = makeTopkArgs();
  args.block_table = nullptr;
  args.max_blocks = 0;
  launch(args);
  // Operands that the kernel does not have.
  args = makeTopkArgs();
  args.ks = args.ke = args.offset = args.sequence = nullptr;
  args.values = nullptr;
  args.num_keys = -3;
  launch(args);
  loadKernel(makeSlotManifest(/*lensRank=*/1));
  getFake().parameterCount = 3 * 7 + 5;
  args.context_lens_stride = -7;
  launch(args);
}

TEST_F(TopkKernelTest, Sequences) {
  loadKernel(makeSequenceManifest());
  mqa_topk_args args = makeTopkArgs();
  args.num_sequences = 3;
  args.num_queries = 301;
  launch(args);
  args.num_sequences = 0;
  args.block_table = nullptr;
  launch(args);
  expectInvalid([](auto &args) { args.sequence = nullptr; },
                "sequence is null");
  expectInvalid([](auto &args) { args.block_table = nullptr; },
                "block_table is null");
}

// What is written must be neither what is read nor written twice.
TEST_F(TopkKernelTest, Prepared) {
  loadKernel(makeTopkManifest());
  mqa_topk_args args = makeTopkArgs();
  mqa_launch *launch;
  ASSERT_EQ(mqa_topk_prepare(kernel, &args, &launch), MQA_SUCCESS)
      << mqa_last_error();
  EXPECT_TRUE(getFake().launches.empty());
  int stream;
  EXPECT_EQ(mqa_launch_run(launch, &stream), MQA_SUCCESS);
  EXPECT_EQ(mqa_launch_run(launch, nullptr), MQA_SUCCESS);
  EXPECT_EQ(getFake().launches.size(), 2u);
  EXPECT_EQ(getFake().launches[0].stream, &stream);
  mqa_launch_destroy(launch);
  args.num_queries = 0;
  ASSERT_EQ(mqa_topk_prepare(kernel, &args, &launch), MQA_SUCCESS);
  EXPECT_EQ(mqa_launch_run(launch, nullptr), MQA_SUCCESS);
  EXPECT_EQ(getFake().launches.size(), 2u);
  mqa_launch_destroy(launch);
}

// Tasks of two rows; the number of keys is a number, not a descriptor.
TEST_F(TopkKernelTest, Tasks) {
  loadKernel(makeCompressedTopkManifest("cpu"));
  std::vector<float> logits(5 * 9), values(5 * 5);
  std::vector<int32_t> ranges(5), ke(5), offset(5), indices(5 * 6);
  mqa_topk_args args = {};
  args.logits = logits.data();
  args.logits_stride = 9;
  args.ks = ranges.data();
  args.ke = ke.data();
  args.offset = offset.data();
  args.indices = indices.data();
  args.indices_stride = 6;
  args.values = values.data();
  args.values_stride = 5;
  args.num_queries = 5;
  args.num_columns = 8;
  args.num_keys = 7;
  args.k = 5;
  launch(args);
  for (int m = 0; m < 5; ++m)
    for (int j = 0; j < 6; ++j)
      EXPECT_EQ(indices[m * 6 + j], j < 5 ? 1000 * (m / 2) + 7 + 80 : 0)
          << m << "," << j;
  EXPECT_EQ(mqa_topk_launch(kernel, &args, &args), MQA_ERROR_INVALID_ARGUMENT);
  EXPECT_STREQ(mqa_last_error(), "stream must be null for a CPU kernel");
}
