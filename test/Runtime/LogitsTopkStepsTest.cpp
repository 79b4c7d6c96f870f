//===- LogitsTopkStepsTest.cpp - Logits and top-k as two kernels ---------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "LogitsTopkKernelFixture.h"
#include "LogitsTopkManifest.h"
#include "ManifestChecks.h"

#include <algorithm>

using namespace mqa::test;
using nlohmann::json;

namespace {
struct LogitsTopkStepsTest : LogitsTopkKernelFixture {
  /// Of launch `at`: the number of a parameter.
  uint64_t getParameter(size_t at, size_t number) {
    return getFake().launches[at].parameters[number];
  }
  uint32_t getSize(size_t at, size_t number) {
    return static_cast<uint32_t>(getParameter(at, number));
  }
  static bool isMapped(uint64_t at) {
    const std::vector<FakeTensorMap> &maps = getFake().maps;
    return std::any_of(maps.begin(), maps.end(), [&](const FakeTensorMap &map) {
      return map.address == address<void>(at);
    });
  }
};
} // namespace

// Parameters 0 to 20 of the first kernel are four tensor maps, ks, ke and out;
// of the second one logits, ks, ke and more.
TEST_F(LogitsTopkStepsTest, Launches) {
  loadKernel(makeStepsManifest());
  EXPECT_EQ(info.op, MQA_OP_LOGITS_TOPK);
  EXPECT_EQ(info.num_heads, 64);
  EXPECT_EQ(info.k, 5);
  EXPECT_EQ(info.force_last, 2);
  EXPECT_EQ(info.logits_type, MQA_F32);
  EXPECT_EQ(info.has_values, 1);
  EXPECT_EQ(info.needs_zeroed_scratch, 0);
  getFake().parameterCount = 21;
  mqa_topk_args selection = makeSelectionArgs();
  // A row begins at a line of 128 bytes.
  const size_t row = 4128 * 4;
  EXPECT_EQ(getScratchSize(300), 300 * row);
  selection.scratch_size = 300 * row;
  launch(makeFusedLogitsArgs(), selection);
  ASSERT_EQ(getFake().launches.size(), 2u);
  EXPECT_EQ(getFake().launches[0].gridX, 132u);
  EXPECT_EQ(getFake().launches[0].block, 640u);
  EXPECT_EQ(getFake().launches[1].gridX, 300u);
  EXPECT_EQ(getFake().launches[1].block, 512u);
  EXPECT_EQ(getFake().launches[1].sharedMemoryBytes, 40000u);
  EXPECT_EQ(getParameter(0, 4), 0x50000000u);
  EXPECT_EQ(getParameter(0, 9), 0x60000000u);
  for (auto [at, first] : {std::pair<size_t, size_t>(0, 14), {1, 0}}) {
    EXPECT_EQ(getParameter(at, first), 0x200000000u);
    EXPECT_EQ(getSize(at, first + 3), 300u);
    EXPECT_EQ(getSize(at, first + 4), 4097u);
    EXPECT_EQ(getSize(at, first + 5), 4128u);
  }
  EXPECT_EQ(getParameter(1, 7), 0x50000000u);
  EXPECT_EQ(getParameter(1, 12), 0x60000000u);
  // Neither uses more multiprocessors than it may.
  mqa_logits_args limited = makeFusedLogitsArgs();
  limited.max_multiprocessors = 11;
  launch(limited, selection);
  EXPECT_EQ(getFake().launches[2].gridX, 11u);
  EXPECT_EQ(getFake().launches[3].gridX, 11u);
  --selection.scratch_size;
  mqa_logits_args args = makeFusedLogitsArgs();
  EXPECT_EQ(run(kernel, &args, &selection), MQA_ERROR_INVALID_ARGUMENT);
  EXPECT_EQ(std::string(mqa_last_error()),
            "scratch_size must be at least 4953600 for this launch, found "
            "4953599");
}

// More than 512 MiB of logits are computed in equal pieces, of whole query
// blocks, all in the same memory.
TEST_F(LogitsTopkStepsTest, Pieces) {
  loadKernel(makeStepsManifest());
  getFake().parameterCount = 21;
  // Logits, bounds, offset, indices and values.
  getFake().parameterCounts["topk$topk"] = 3 * 7 + 3 * 5;
  mqa_logits_args args = makeFusedLogitsArgs();
  mqa_topk_args selection = makeSelectionArgs();
  args.num_queries = 2500;
  args.num_keys = 131072;
  // 1024 rows have room, so 2500 are three pieces of 834.
  EXPECT_EQ(getScratchSize(2500, 131072), size_t(512) << 20);
  selection.scratch_size = size_t(512) << 20;
  mqa_launch *prepared = nullptr;
  ASSERT_EQ(prepare(kernel, &args, &selection, &prepared), MQA_SUCCESS)
      << mqa_last_error();
  EXPECT_TRUE(getFake().launches.empty());
  ASSERT_EQ(mqa_launch_run(prepared, nullptr), MQA_SUCCESS);
  mqa_launch_destroy(prepared);
  ASSERT_EQ(getFake().launches.size(), 6u);
  ASSERT_EQ(getFake().maps.size(), 8u); // k and its scales once
  for (size_t piece = 0; piece < 3; ++piece) {
    size_t first = 834 * piece, count = piece == 2 ? 832 : 834;
    EXPECT_TRUE(isMapped(0x10000000 + 8192 * first)) << "q of " << piece;
    EXPECT_TRUE(isMapped(0x40000000 + 256 * first)) << "weights of " << piece;
    EXPECT_EQ(getParameter(2 * piece + 1, 17), 0x170000000u + 4 * first);
    EXPECT_EQ(getParameter(2 * piece + 1, 22), 0x180000000u + 4 * 6 * first);
    EXPECT_EQ(getParameter(2 * piece + 1, 29), 0x190000000u + 4 * 7 * first);
    EXPECT_EQ(getParameter(2 * piece, 4), 0x50000000u + 4 * first);
    EXPECT_EQ(getParameter(2 * piece, 14), 0x200000000u);
    EXPECT_EQ(getSize(2 * piece, 17), count);
    EXPECT_EQ(getParameter(2 * piece + 1, 0), 0x200000000u);
    EXPECT_EQ(getSize(2 * piece + 1, 3), count);
    EXPECT_EQ(getParameter(2 * piece + 1, 12), 0x60000000u + 4 * first);
    EXPECT_EQ(getFake().launches[2 * piece + 1].gridX, count);
  }
}

// What is there for a launch is enough for all smaller ones.
TEST_F(LogitsTopkStepsTest, ScratchGrows) {
  loadKernel(makeStepsManifest());
  size_t before = 0;
  for (int64_t queries : {1, 300, 1023, 1024, 1025, 2500, 4096, 100000}) {
    size_t size = getScratchSize(queries, 131072);
    EXPECT_GE(size, before) << queries;
    EXPECT_LE(size, size_t(512) << 20) << queries;
    EXPECT_GE(size, getScratchSize(queries, 40960)) << queries;
    before = size;
  }
  // A block of rows is computed at a time, however long they are.
  EXPECT_GT(getScratchSize(100, int64_t(1) << 30), size_t(512) << 20);
}

// Without a key nothing is computed, and rows are padded; without a query there
// is nothing to do.
TEST_F(LogitsTopkStepsTest, NothingToCompute) {
  loadKernel(makeStepsManifest());
  getFake().parameterCount = 21;
  mqa_logits_args args = makeFusedLogitsArgs();
  args.num_keys = 0;
  launch(args);
  ASSERT_EQ(getFake().launches.size(), 1u);
  EXPECT_EQ(getFake().launches[0].block, 512u);
  EXPECT_EQ(getSize(0, 4), 0u);
  args.num_queries = 0;
  launch(args);
  EXPECT_EQ(getFake().launches.size(), 1u);
  EXPECT_EQ(getScratchSize(0), 0u);
}

TEST_F(LogitsTopkStepsTest, WrongArguments) {
  loadKernel(makeStepsManifest());
  expectInvalid([](auto &, auto &selection) { selection.k = 6; },
                "k must be 5 for this kernel, found 6");
  expectInvalid([](auto &args, auto &) { args.q = nullptr; }, "q is null");
  expectInvalid([](auto &, auto &selection) { selection.indices = nullptr; },
                "indices is null");
  expectInvalid(
      [](auto &args, auto &selection) {
        selection.scratch = const_cast<int32_t *>(args.ke);
      },
      "scratch and ke overlap");
  // The kernel of the logits counts 31 bits for both rows of a query block.
  expectInvalid(
      [](auto &args, auto &selection) {
        args.num_queries = 1;
        args.k = address<void>(uint64_t(1) << 41);
        args.k_scale = address<void>(uint64_t(1) << 42);
        selection.scratch = address<void>(uint64_t(1) << 50);
        args.num_keys = int64_t(1) << 30;
        selection.scratch_size = size_t(1) << 40;
      },
      "a row of logits must have at most 1073741792 keys for this kernel, "
      "found "
      "1073741824");
}

// Parameters 0 to 24 of the first kernel are four tensor maps, context_lens,
// block_table and out; of the second one logits, context_lens, block_table and
// indices. No row has more keys than the 16 blocks of a line.
TEST_F(LogitsTopkStepsTest, OfACache) {
  loadKernel(makePagedStepsManifest());
  EXPECT_EQ(info.op, MQA_OP_PAGED_LOGITS_TOPK);
  EXPECT_EQ(info.next_n, 2);
  EXPECT_EQ(info.block_kv, 64);
  EXPECT_EQ(info.lens_per_query, 1);
  EXPECT_EQ(info.base, MQA_BASE_SLOT);
  EXPECT_EQ(info.max_context_len, -1);
  EXPECT_EQ(info.needs_zeroed_scratch, 0);
  getFake().parameterCount = 25;
  getFake().parameterCounts["topk$topk"] = 28;
  mqa_paged_logits_args args = makeFusedPagedArgs();
  args.max_context_len = 5000;
  mqa_topk_args selection = makeSelectionArgs();
  selection.scratch_size = 300 * 1024 * 4;
  launch(args, selection);
  ASSERT_EQ(getFake().launches.size(), 2u);
  for (auto [at, first] : {std::pair<size_t, size_t>(0, 18), {1, 0}}) {
    EXPECT_EQ(getParameter(at, first), 0x200000000u);
    EXPECT_EQ(getSize(at, first + 3), 300u);
    EXPECT_EQ(getSize(at, first + 4), 1024u);
    EXPECT_EQ(getSize(at, first + 5), 1024u);
  }
  EXPECT_EQ(getParameter(0, 4), 0x50000000u);
  EXPECT_EQ(getParameter(1, 7), 0x50000000u);
  EXPECT_EQ(getParameter(1, 14), 0x60000000u);
  selection.scratch_size -= 1;
  EXPECT_EQ(run(kernel, &args, &selection), MQA_ERROR_INVALID_ARGUMENT);
}

// A piece has whole sequences.
TEST_F(LogitsTopkStepsTest, PiecesOfACache) {
  loadKernel(makePagedStepsManifest());
  getFake().parameterCount = 25;
  getFake().parameterCounts["topk$topk"] = 28;
  mqa_paged_logits_args args = makeFusedPagedArgs();
  mqa_topk_args selection = makeSelectionArgs();
  args.batch = 1250;
  args.max_blocks = 2048;
  args.max_context_len = 131072;
  args.block_table_stride = 2048;
  selection.scratch_size = size_t(512) << 20;
  EXPECT_EQ(getScratchSize(2500, 131072), selection.scratch_size);
  launch(args, selection);
  ASSERT_EQ(getFake().launches.size(), 6u);
  for (size_t piece = 0; piece < 3; ++piece) {
    size_t first = 417 * piece, count = piece == 2 ? 416 : 417;
    EXPECT_TRUE(isMapped(0x10000000 + 2 * 8192 * first)) << "q of " << piece;
    EXPECT_TRUE(isMapped(0x40000000 + 512 * first)) << "weights of " << piece;
    EXPECT_EQ(getParameter(2 * piece, 4), 0x50000000u + 8 * first);
    EXPECT_EQ(getSize(2 * piece, 7), count);
    EXPECT_EQ(getParameter(2 * piece, 11), 0x60000000u + 8192 * first);
    EXPECT_EQ(getSize(2 * piece, 21), 2 * count);
    EXPECT_EQ(getParameter(2 * piece + 1, 14), 0x60000000u + 8192 * first);
    EXPECT_EQ(getParameter(2 * piece + 1, 21), 0x180000000u + 4 * 12 * first);
    EXPECT_EQ(getFake().launches[2 * piece + 1].gridX, 2 * count);
  }
}

TEST(LogitsTopkStepsManifestTest, StepsOfACache) {
  expectValid(makePagedStepsManifest());
  expectEveryFieldChecked(makePagedStepsManifest());
  auto alter = [](const char *message, auto change) {
    json manifest = makePagedStepsManifest();
    change(manifest["kernels"][0]["steps"]);
    expectRefused(manifest, message, message);
  };
  alter("must have the steps mqa.paged_logits and mqa.topk", [](json &steps) {
    steps[0] = makeStepsManifest()["kernels"][0]["steps"][0];
  });
  alter("with the same parameter 'context_lens'",
        [](json &steps) { steps[1]["parameters"][1]["rank"] = 1; });
  alter("with the same next_n and block_kv",
        [](json &steps) { steps[1]["next_n"] = 1; });
  alter("with the same next_n and block_kv",
        [](json &steps) { steps[1]["block_kv"] = 128; });
  alter("with the same sizes", [](json &steps) {
    steps[0]["max_blocks"] = 7;
    steps[1]["max_blocks"] = 8;
  });
}

TEST(LogitsTopkStepsManifestTest, Steps) {
  expectValid(makeStepsManifest());
  expectEveryFieldChecked(makeStepsManifest());
  auto alter = [](const char *message, auto change) {
    json manifest = makeStepsManifest();
    change(manifest["kernels"][0]["steps"]);
    expectRefused(manifest, message, message);
  };
  alter("'kernels[0].steps' must be two kernels",
        [](json &steps) { steps.erase(1); });
  alter("must have the steps mqa.logits and mqa.topk",
        [](json &steps) { std::swap(steps[0], steps[1]); });
  alter("must have a step mqa.logits that is not clean",
        [](json &steps) { steps[0]["clean"] = true; });
  alter("with logits of the same element_type", [](json &steps) {
    steps[1]["parameters"][0]["element_type"] = "bf16";
  });
  alter("with the same parameters 'ks' and 'ke'",
        [](json &steps) { steps[1]["parameters"].erase(1); });
  alter("with the same num_queries and num_columns", [](json &steps) {
    steps[0]["num_queries"] = 4;
    steps[1]["num_queries"] = 5;
  });
  alter("steps[1].k' must be an integer from 1 to 4096",
        [](json &steps) { steps[1]["k"] = 0; });
  alter("'kernels[0].steps[0].steps' must be absent in a step",
        [](json &steps) {
          json inner = makeStepsManifest()["kernels"][0];
          steps[0] = inner;
        });
}

// Of a kernel that is one for another chip.
TEST(LogitsTopkStepsManifestTest, SameFormAsOneKernel) {
  json one = makeLogitsTopkManifest(), two = makeStepsManifest();
  one["target"] = "sm_80";
  json &kernel = one["kernels"][0];
  kernel["logits_type"] = "f32";
  kernel["tie_break"] = "smallest";
  kernel["order"] = "key";
  kernel["base"] = "relative";
  mqa_bundle *bundle = nullptr;
  std::string parts = makeBundle(one, "ptx", "// PTX") + makeBundleFor(two);
  EXPECT_EQ(load(parts, &bundle), MQA_SUCCESS) << mqa_last_error();
  mqa_bundle_destroy(bundle);
}
