//===- LogitsTopkRowStepsTest.cpp - Steps of rows and of key blocks -------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// As LogitsTopkStepsTest.cpp, where rows name their sequences, or have blocks
// of keys of their own.
//
//===----------------------------------------------------------------------===//

#include "LogitsTopkKernelFixture.h"
#include "LogitsTopkManifest.h"
#include "ManifestChecks.h"

using namespace mqa::test;
using nlohmann::json;

namespace {
struct LogitsTopkRowStepsTest : LogitsTopkKernelFixture {
  uint64_t getParameter(size_t at, size_t number) {
    return getFake().launches[at].parameters[number];
  }
  uint32_t getSize(size_t at, size_t number) {
    return static_cast<uint32_t>(getParameter(at, number));
  }
};
} // namespace

/// 2500 rows of 100 sequences.
static mqa_paged_logits_args makeRowArgs() {
  mqa_paged_logits_args args = makeFusedPagedArgs();
  args.q_stride = 8192;
  args.batch = 100;
  args.sequence = address<int32_t>(0x70000000);
  args.num_rows = 2500;
  args.max_blocks = 2048;
  args.max_context_len = 131072;
  args.block_table_stride = 2048;
  return args;
}

/// 300 queries with up to 40 blocks of 4097 keys.
static mqa_logits_args makeBlockArgs() {
  mqa_logits_args args = makeFusedLogitsArgs();
  args.key_blocks = address<int32_t>(0x80000000);
  args.key_blocks_stride = 41;
  args.num_key_blocks = address<int32_t>(0x90000000);
  args.max_key_blocks = 40;
  return args;
}

// Parameters of the first kernel are four tensor maps, context_lens,
// block_table, sequence and out; of the second one logits, context_lens,
// block_table, indices and sequence. A piece has some rows, and the whole
// table.
TEST_F(LogitsTopkRowStepsTest, RowsOfSequences) {
  loadKernel(makeRowStepsManifest());
  EXPECT_EQ(info.op, MQA_OP_PAGED_LOGITS_TOPK);
  EXPECT_EQ(info.has_sequence, 1);
  EXPECT_EQ(info.next_n, 1);
  EXPECT_EQ(info.needs_zeroed_scratch, 0);
  getFake().parameterCount = 4 + 5 + 7 + 5 + 7;
  getFake().parameterCounts["topk$topk"] = 7 + 5 + 7 + 7 + 5;
  mqa_topk_args selection = makeSelectionArgs();
  // The kernel of a cache takes `sequence` from the arguments of the logits.
  selection.sequence = nullptr;
  selection.scratch_size = size_t(512) << 20;
  EXPECT_EQ(getScratchSize(2500, 131072), selection.scratch_size);
  launch(makeRowArgs(), selection);
  ASSERT_EQ(getFake().launches.size(), 6u);
  for (size_t piece = 0; piece < 3; ++piece) {
    // Of whole blocks of 8 rows.
    size_t first = 840 * piece, count = piece == 2 ? 820 : 840;
    size_t logits = 2 * piece, topk = logits + 1;
    EXPECT_EQ(getParameter(logits, 4), 0x50000000u + 4 * first);
    EXPECT_EQ(getSize(logits, 7), count);
    EXPECT_EQ(getParameter(logits, 9), 0x60000000u) << "the whole table";
    EXPECT_EQ(getSize(logits, 12), 100u);
    EXPECT_EQ(getParameter(logits, 16), 0x70000000u + 4 * first);
    EXPECT_EQ(getParameter(topk, 7), 0x50000000u + 4 * first);
    EXPECT_EQ(getSize(topk, 10), count);
    EXPECT_EQ(getParameter(topk, 12), 0x60000000u);
    EXPECT_EQ(getParameter(topk, 26), 0x70000000u + 4 * first);
    EXPECT_EQ(getFake().launches[topk].gridX, count);
  }
}

TEST_F(LogitsTopkRowStepsTest, WrongArgumentsOfRows) {
  loadKernel(makeRowStepsManifest());
  auto refuse = [&](auto change, const char *message) {
    expectInvalidArgs(
        makeRowArgs(),
        [&](mqa_paged_logits_args &args, mqa_topk_args &selection) {
          selection.scratch_size = size_t(512) << 20;
          change(args, selection);
        },
        message);
  };
  refuse([](auto &args, auto &) { args.sequence = nullptr; },
         "sequence is null");
  refuse([](auto &args, auto &) { args.num_rows = -1; },
         "num_rows must be from 0 to 2147482623, found -1");
  refuse([](auto &args, auto &) { args.context_lens = nullptr; },
         "context_lens is null");
  refuse([](auto &, auto &selection) { selection.k = 4; },
         "k must be 5 for this kernel, found 4");
}

// The second kernel gets the lists, and the number of keys.
TEST_F(LogitsTopkRowStepsTest, BlocksOfKeys) {
  loadKernel(makeBlockStepsManifest());
  EXPECT_EQ(info.op, MQA_OP_LOGITS_TOPK);
  EXPECT_EQ(info.key_block_size, 8);
  EXPECT_EQ(info.max_key_blocks, -1);
  getFake().parameterCount = 4 + 2 * 5 + 7 + 7 + 5 + 1;
  getFake().parameterCounts["topk$topk"] = 7 + 2 * 5 + 7 + 2 * 5 + 2 * 7 + 1;
  mqa_topk_args selection = makeSelectionArgs();
  const size_t row = 320 * 4;
  EXPECT_EQ(getScratchSize(300, 320), 300 * row);
  selection.scratch_size = 300 * row;
  launch(makeBlockArgs(), selection);
  ASSERT_EQ(getFake().launches.size(), 2u);
  EXPECT_EQ(getSize(0, 18), 320u) << "columns of the logits";
  EXPECT_EQ(getParameter(0, 21), 0x80000000u);
  EXPECT_EQ(getSize(0, 33), 4097u) << "num_keys";
  EXPECT_EQ(getSize(1, 4), 320u);
  EXPECT_EQ(getParameter(1, 17), 0x80000000u);
  EXPECT_EQ(getSize(1, 21), 40u) << "blocks of a row";
  EXPECT_EQ(getParameter(1, 24), 0x90000000u);
  EXPECT_EQ(getSize(1, 48), 4097u) << "num_keys";
  // Without a block rows are padded.
  mqa_logits_args none = makeBlockArgs();
  none.max_key_blocks = 0;
  none.key_blocks = nullptr;
  launch(none, selection);
  ASSERT_EQ(getFake().launches.size(), 3u);
  EXPECT_EQ(getFake().launches[2].gridX, 300u);
}

TEST_F(LogitsTopkRowStepsTest, WrongArgumentsOfBlocks) {
  loadKernel(makeBlockStepsManifest());
  auto refuse = [&](auto change, const char *message) {
    expectInvalidArgs(makeBlockArgs(), change, message);
  };
  refuse([](auto &args, auto &) { args.key_blocks = nullptr; },
         "key_blocks is null");
  refuse([](auto &args, auto &) { args.num_key_blocks = nullptr; },
         "num_key_blocks is null");
  refuse([](auto &args, auto &) { args.key_blocks_stride = 39; },
         "key_blocks_stride must be from 40 to 2^40, found 39");
  refuse([](auto &args, auto &) { args.max_key_blocks = -1; },
         "max_key_blocks must be from 0 to 2147482623, found -1");
  refuse(
      [](auto &args, auto &selection) {
        selection.indices = const_cast<int32_t *>(args.key_blocks);
      },
      "indices and key_blocks overlap");
}

TEST(LogitsTopkRowStepsManifestTest, StepsOfRows) {
  expectValid(makeRowStepsManifest());
  auto alter = [](const char *message, auto change) {
    json manifest = makeRowStepsManifest();
    change(manifest["kernels"][0]["steps"]);
    expectRefused(manifest, message, message);
  };
  alter("with the same parameter 'sequence'", [](json &steps) {
    steps[1] = makeSlotManifest(1)["kernels"][0];
    steps[1]["next_n"] = 1;
    steps[1]["parameters"][0]["element_type"] = "f32";
  });
  alter("with the same next_n and block_kv",
        [](json &steps) { steps[1]["block_kv"] = 128; });
  alter("with the same sizes", [](json &steps) {
    steps[0]["batch"] = 7;
    steps[1]["num_sequences"] = 8;
  });
}

TEST(LogitsTopkRowStepsManifestTest, StepsOfBlocks) {
  expectValid(makeBlockStepsManifest());
  auto alter = [](const char *message, auto change) {
    json manifest = makeBlockStepsManifest();
    change(manifest["kernels"][0]["steps"]);
    expectRefused(manifest, message, message);
  };
  alter("with the same key_block_size",
        [](json &steps) { steps[1]["key_block_size"] = 16; });
  alter("with the parameter 'num_keys', as it has key_block_size",
        [](json &steps) {
          json &parameters = steps[1]["parameters"];
          parameters.erase(parameters.size() - 1);
        });
  alter("with the same num_queries and num_columns", [](json &steps) {
    steps[0]["max_key_blocks"] = 7;
    steps[1]["max_key_blocks"] = 8;
  });
}

// Where the keys of blocks are in a cache, its table says how many there are.
TEST(LogitsTopkRowStepsManifestTest, StepsOfBlocksOfACache) {
  json manifest = makePagedStepsManifest();
  json &steps = manifest["kernels"][0]["steps"];
  for (json &step : steps) {
    step["key_block_size"] = 8;
    step["max_key_blocks"] = -1;
    step["parameters"].push_back(makeMemref("key_blocks", "i32", 2));
    step["parameters"].push_back(makeMemref("num_key_blocks", "i32", 1));
  }
  steps[0]["block_queries"] = 1;
  expectValid(manifest);
  steps[1]["base"] = "absolute";
  expectValid(manifest);
  json &parameters = steps[1]["parameters"];
  ASSERT_EQ(parameters[2]["operand"], "block_table");
  parameters.erase(2);
  for (const char *field : {"block_kv", "num_sequences", "max_blocks"})
    steps[1].erase(field);
  const char *message =
      "with the parameter 'block_table', as it has key_block_size";
  expectRefused(manifest, message, message);
}
