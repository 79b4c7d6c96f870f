//===- LogitsTopkKernelTest.cpp - Launches of logits and top-k ------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// On the fake driver, and with a task that says what it was given.
//
//===----------------------------------------------------------------------===//

#include "LogitsTopkKernelFixture.h"

#include <vector>

using namespace mqa::test;

namespace {
struct LogitsTopkKernelTest : LogitsTopkKernelFixture {};
} // namespace

TEST_F(LogitsTopkKernelTest, Describes) {
  loadKernel(makeLogitsTopkManifest());
  EXPECT_EQ(info.op, MQA_OP_LOGITS_TOPK);
  EXPECT_EQ(info.k, 5);
  EXPECT_EQ(info.input_type, MQA_F8E4M3FN);
  EXPECT_EQ(info.out_type, MQA_I32);
  EXPECT_EQ(info.logits_type, MQA_BF16);
  EXPECT_EQ(info.num_queries, -1);
  EXPECT_EQ(info.num_keys, -1);
  EXPECT_EQ(info.num_heads, 64);
  EXPECT_EQ(info.head_dim, 128);
  EXPECT_EQ(info.num_groups, 1);
  EXPECT_EQ(info.activation, MQA_ACTIVATION_RELU);
  EXPECT_EQ(info.clean, 0);
  EXPECT_EQ(info.max_context_len, 0);
  EXPECT_EQ(info.force_first, 1);
  EXPECT_EQ(info.force_last, 2);
  EXPECT_EQ(info.tie_break, MQA_TIE_BREAK_GREATEST);
  EXPECT_EQ(info.order, MQA_ORDER_SCORE);
  EXPECT_EQ(info.base, MQA_BASE_ABSOLUTE);
  EXPECT_EQ(info.has_weights, 1);
  EXPECT_EQ(info.has_k_scale, 1);
  EXPECT_EQ(info.has_ks, 1);
  EXPECT_EQ(info.has_offset, 1);
  EXPECT_EQ(info.has_values, 1);
  EXPECT_EQ(info.has_sequence, 0);
  EXPECT_EQ(info.has_context_lens, 0);
  EXPECT_EQ(info.has_num_keys, 0);
  EXPECT_EQ(info.next_n, 0);
  loadKernel(makePagedTopkManifest());
  EXPECT_EQ(info.op, MQA_OP_PAGED_LOGITS_TOPK);
  EXPECT_EQ(info.max_context_len, -1);
  EXPECT_EQ(info.next_n, 2);
  EXPECT_EQ(info.block_kv, 64);
  EXPECT_EQ(info.lens_per_query, 1);
  EXPECT_EQ(info.has_context_lens, 1);
  EXPECT_EQ(info.out_type, MQA_I32);
  loadKernel(makeLogitsSlotManifest());
  EXPECT_EQ(info.next_n, 3);
  EXPECT_EQ(info.block_kv, 64);
  EXPECT_EQ(info.has_sequence, 0);
  loadKernel(makeLogitsSlotManifest(/*hasSequence=*/true));
  EXPECT_EQ(info.next_n, 0);
  EXPECT_EQ(info.has_sequence, 1);
  // Of the other ops.
  loadKernel(makeGpuManifest());
  EXPECT_EQ(info.logits_type, MQA_F32);
  loadKernel(makeSlotManifest());
  EXPECT_EQ(info.logits_type, MQA_BF16);
}

TEST_F(LogitsTopkKernelTest, Launch) {
  loadKernel(makeLogitsTopkManifest());
  EXPECT_EQ(info.needs_zeroed_scratch, 1);
  getFake().parameterCount = 4 + 3 * 5 + 2 * 7 + 1 + 5;
  launch(makeFusedLogitsArgs());
  const FakeLaunch &launched = getFake().launches.back();
  // 150 query blocks: no more than there are multiprocessors.
  EXPECT_EQ(launched.gridX, 132u);
  EXPECT_EQ(launched.block, 640u);
  EXPECT_EQ(launched.sharedMemoryBytes, 168960u);
  EXPECT_TRUE(launched.overlaps);
  ASSERT_EQ(getFake().maps.size(), 4u);
  EXPECT_EQ(getFake().maps[1].address, address<void>(0x20000000));
  // ks, ke, offset, indices, values, num_keys, scratch.
  EXPECT_EQ(getAddress(4), 0x50000000u);
  EXPECT_EQ(getAddress(9), 0x60000000u);
  EXPECT_EQ(getAddress(14), 0x170000000u);
  EXPECT_EQ(getNumber(17), 300u);
  EXPECT_EQ(getAddress(19), 0x180000000u);
  EXPECT_EQ(getNumber(22), 300u);
  EXPECT_EQ(getNumber(23), 5u);
  EXPECT_EQ(getNumber(24), 6u);
  EXPECT_EQ(getAddress(26), 0x190000000u);
  EXPECT_EQ(getNumber(31), 7u);
  EXPECT_EQ(getNumber(33), 4097u);
  EXPECT_EQ(getNumber(37), getScratchSize(300) / 4);
  EXPECT_EQ(getNumber(38), 1u);
  mqa_logits_args args = makeFusedLogitsArgs();
  args.num_queries = 3;
  args.num_keys = 257;
  launch(args);
  // Two query blocks of so few tiles are not shared.
  EXPECT_EQ(getFake().launches.back().gridX, 2u);
  // 500 tiles of 256 keys: by ten, the root of a fifth.
  args.num_keys = 500 * 256;
  launch(args);
  EXPECT_EQ(getFake().launches.back().gridX, 20u);
  // Fewer where the caller leaves some to others; scratch stays as it is.
  size_t scratch = getScratchSize(300);
  mqa_set_max_multiprocessors(13);
  launch(args);
  EXPECT_EQ(getFake().launches.back().gridX, 13u);
  launch(makeFusedLogitsArgs());
  EXPECT_EQ(getFake().launches.back().gridX, 13u);
  EXPECT_EQ(getScratchSize(300), scratch);
  mqa_set_max_multiprocessors(0);
  args.max_multiprocessors = 11;
  launch(args);
  EXPECT_EQ(getFake().launches.back().gridX, 11u);
}

TEST_F(LogitsTopkKernelTest, PagedLaunch) {
  loadKernel(makePagedTopkManifest());
  getFake().parameterCount = 4 + 4 * 7 + 5 + 1 + 5;
  mqa_topk_args selection = makeSelectionArgs();
  // The table is that of the cache.
  selection.block_table = nullptr;
  selection.num_sequences = selection.max_blocks = -1;
  launch(makeFusedPagedArgs(), selection);
  EXPECT_EQ(getFake().launches.back().gridX, 132u);
  // context_lens, block_table, offset, indices, values, num_keys, scratch.
  EXPECT_EQ(getAddress(4), 0x50000000u);
  EXPECT_EQ(getAddress(11), 0x60000000u);
  EXPECT_EQ(getAddress(18), 0x170000000u);
  EXPECT_EQ(getNumber(21), 300u);
  EXPECT_EQ(getAddress(23), 0x180000000u);
  EXPECT_EQ(getAddress(30), 0x190000000u);
  EXPECT_EQ(getNumber(37), 1000u);
  EXPECT_EQ(getNumber(41), getScratchSize(300, 1000) / 4);
  mqa_paged_logits_args args = makeFusedPagedArgs();
  args.batch = 3;
  launch(args);
  EXPECT_EQ(getFake().launches.back().gridX, 3u);
}

// Counters of query blocks, then two lists of 64 places for each query of each
// block of the grid.
TEST_F(LogitsTopkKernelTest, ScratchSize) {
  loadKernel(makeLogitsTopkManifest());
  const size_t lists = 132 * 2 * 2 * 64 * 8;
  EXPECT_EQ(getScratchSize(0), lists);
  EXPECT_EQ(getScratchSize(1), lists + 16);
  EXPECT_EQ(getScratchSize(2), lists + 16);
  EXPECT_EQ(getScratchSize(301), lists + 16 * 151);
  // It does not depend on the number of keys.
  EXPECT_EQ(getScratchSize(301, 0), lists + 16 * 151);
  getFake().multiprocessors = 10;
  nlohmann::json manifest = makeLogitsTopkManifest();
  manifest["kernels"][0]["block_queries"] = 8;
  manifest["kernels"][0]["list_places"] = 1000;
  loadKernel(manifest);
  EXPECT_EQ(getScratchSize(20), 10u * 2 * 8 * 1000 * 8 + 16 * 3);
  // A query block of a paged cache is a sequence.
  manifest = makePagedTopkManifest();
  manifest["kernels"][0]["block_queries"] = 8;
  loadKernel(manifest);
  EXPECT_EQ(getScratchSize(300), 10u * 2 * 2 * 64 * 8 + 16 * 150);
  size_t size = 1;
  EXPECT_EQ(mqa_topk_scratch_size(kernel, -1, 1000, &size),
            MQA_ERROR_INVALID_ARGUMENT);
  EXPECT_STREQ(mqa_last_error(),
               "num_queries must be from 0 to 2147482623, found -1");
  EXPECT_EQ(size, 0u);
  for (const auto &cpu :
       {makeLogitsTopkManifest("cpu"), makePagedCpuTopkManifest()}) {
    loadKernel(cpu);
    EXPECT_EQ(getScratchSize(300), 0u);
  }
  loadKernel(makeMergeManifest());
  EXPECT_EQ(mqa_topk_scratch_size(kernel, 1, 1, &size),
            MQA_ERROR_INVALID_ARGUMENT);
}

// Lists of all launches lie in one place, and counters in front of them, so
// that no launch leaves anything where another one counts.
TEST_F(LogitsTopkKernelTest, ScratchOfOtherSizes) {
  loadKernel(makeLogitsTopkManifest());
  getFake().parameterCount = 4 + 3 * 5 + 2 * 7 + 1 + 5;
  const uint64_t scratch = 0x200000000, size = getScratchSize(300);
  const uint64_t lists = scratch + 16 * 150;
  mqa_topk_args selection = makeSelectionArgs();
  selection.scratch_size = size;
  for (int64_t queries : {300, 1, 7, 300}) {
    mqa_logits_args args = makeFusedLogitsArgs();
    args.num_queries = queries;
    launch(args, selection);
    uint64_t counters = (queries + 1) / 2;
    EXPECT_EQ(getAddress(34), lists - 16 * counters);
    EXPECT_EQ(getAddress(35), getAddress(34));
    EXPECT_EQ(getNumber(36), 0u);
    EXPECT_EQ(getNumber(37), getScratchSize(queries) / 4);
  }
  // Its end need not be aligned.
  selection.scratch_size = size + 15;
  launch(makeFusedLogitsArgs(), selection);
  EXPECT_EQ(getAddress(34), scratch);
  selection.scratch_size = size + 16;
  launch(makeFusedLogitsArgs(), selection);
  EXPECT_EQ(getAddress(34), scratch + 16);
}

// Rows of whole vectors, lists of 1024 places for each warp of the consumers,
// and counters for 65536 query blocks.
TEST_F(LogitsTopkKernelTest, ScratchOfRows) {
  nlohmann::json manifest = makePagedTopkManifest();
  manifest["kernels"][0]["list_places"] = 0;
  manifest["kernels"][0]["order"] = "key";
  manifest["kernels"][0]["block_threads"] = 640;
  loadKernel(manifest);
  const size_t fixed = 132 * 16 * 1024 * 8 + 65536 * 16;
  EXPECT_EQ(getScratchSize(0, 0), fixed);
  EXPECT_EQ(getScratchSize(2, 1), fixed + 2 * 16);
  EXPECT_EQ(getScratchSize(2, 4), fixed + 2 * 16);
  EXPECT_EQ(getScratchSize(6, 1001), fixed + 6 * 1004 * 4);
  // All blocks of the grid share the keys of a sequence.
  mqa_paged_logits_args args = makeFusedPagedArgs();
  mqa_topk_args selection = makeSelectionArgs();
  selection.scratch_size = getScratchSize(args.batch * 2, args.max_context_len);
  launch(args, selection);
  EXPECT_EQ(getFake().launches.back().gridX, 132u);
  // Unless with some less no block has a part of two sequences.
  auto getGrid = [&](int64_t batch) {
    args.batch = batch;
    selection.scratch_size = getScratchSize(batch * 2, args.max_context_len);
    launch(args, selection);
    return getFake().launches.back().gridX;
  };
  EXPECT_EQ(getGrid(16), 128u);
  EXPECT_EQ(getGrid(64), 128u);
  EXPECT_EQ(getGrid(128), 128u);
  EXPECT_EQ(getGrid(256), 128u);
  EXPECT_EQ(getGrid(67), 132u);
  EXPECT_EQ(getGrid(140), 132u);
  // Counters of more query blocks would be in another place.
  args.batch = 65537;
  selection.scratch_size = size_t(1) << 40;
  EXPECT_EQ(mqa_paged_logits_topk_launch(kernel, &args, &selection, nullptr),
            MQA_ERROR_INVALID_ARGUMENT);
  EXPECT_STREQ(mqa_last_error(), "num_queries must be at most 131072 for this "
                                 "kernel, found 131074");
}

TEST_F(LogitsTopkKernelTest, NoKeys) {
  loadKernel(makeLogitsTopkManifest());
  mqa_logits_args args = {};
  args.num_keys = 1000;
  mqa_topk_args selection = {};
  selection.k = 5;
  launch(args, selection);
  EXPECT_TRUE(getFake().launches.empty()) << "no queries";
  // Rows without a key are padded.
  args = makeFusedLogitsArgs();
  args.num_keys = 0;
  args.k = nullptr;
  args.k_scale = nullptr;
  launch(args);
  EXPECT_EQ(getFake().launches.size(), 1u);
  EXPECT_EQ(getFake().launches.back().gridX, 132u);
  loadKernel(makePagedTopkManifest());
  mqa_paged_logits_args paged = {};
  launch(paged, selection);
  EXPECT_EQ(getFake().launches.size(), 1u) << "no sequences";
  paged = makeFusedPagedArgs();
  paged.max_context_len = 0;
  launch(paged);
  paged.num_blocks = paged.max_blocks = 0;
  paged.k = nullptr;
  paged.k_scale = nullptr;
  paged.block_table = nullptr;
  launch(paged);
  EXPECT_EQ(getFake().launches.size(), 3u);
}

TEST_F(LogitsTopkKernelTest, Prepared) {
  loadKernel(makeLogitsTopkManifest());
  mqa_logits_args args = makeFusedLogitsArgs();
  mqa_topk_args selection = makeSelectionArgs();
  mqa_launch *launch;
  ASSERT_EQ(mqa_logits_topk_prepare(kernel, &args, &selection, &launch),
            MQA_SUCCESS)
      << mqa_last_error();
  EXPECT_TRUE(getFake().launches.empty());
  int stream;
  EXPECT_EQ(mqa_launch_run(launch, &stream), MQA_SUCCESS);
  EXPECT_EQ(mqa_launch_run(launch, nullptr), MQA_SUCCESS);
  EXPECT_EQ(getFake().launches.size(), 2u);
  EXPECT_EQ(getFake().launches[0].stream, &stream);
  mqa_launch_destroy(launch);
  loadKernel(makePagedTopkManifest());
  mqa_paged_logits_args paged = makeFusedPagedArgs();
  ASSERT_EQ(mqa_paged_logits_topk_prepare(kernel, &paged, &selection, &launch),
            MQA_SUCCESS)
      << mqa_last_error();
  EXPECT_EQ(mqa_launch_run(launch, nullptr), MQA_SUCCESS);
  EXPECT_EQ(getFake().launches.size(), 3u);
  mqa_launch_destroy(launch);
}

// Tasks of two rows, and none along the keys.
TEST_F(LogitsTopkKernelTest, Tasks) {
  nlohmann::json manifest = makeLogitsTopkManifest("cpu");
  manifest["kernels"][0]["name"] = "logits_topk";
  loadKernel(manifest);
  std::vector<uint8_t> q(5 * 64), k(7 * 16);
  std::vector<float> floats(20), values(5 * 5);
  std::vector<int32_t> ranges(5), indices(5 * 6);
  mqa_logits_args args = {q.data(),
                          64,
                          k.data(),
                          16,
                          floats.data(),
                          1,
                          floats.data(),
                          4,
                          ranges.data(),
                          ranges.data(),
                          nullptr,
                          0,
                          5,
                          7,
                          0,
                          0,
                          nullptr,
                          0,
                          nullptr,
                          0,
                          nullptr,
                          0};
  mqa_topk_args selection = {};
  selection.offset = ranges.data();
  selection.indices = indices.data();
  selection.indices_stride = 6;
  selection.values = values.data();
  selection.values_stride = 5;
  selection.k = 5;
  launch(args, selection);
  for (int m = 0; m < 5; ++m)
    for (int j = 0; j < 6; ++j)
      EXPECT_EQ(indices[m * 6 + j], j < 5 ? 1000 * (m / 2) + 7 : 0)
          << m << "," << j;
  EXPECT_EQ(mqa_logits_topk_launch(kernel, &args, &selection, &args),
            MQA_ERROR_INVALID_ARGUMENT);
  EXPECT_STREQ(mqa_last_error(), "stream must be null for a CPU kernel");
}
