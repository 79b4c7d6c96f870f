//===- PagedKeyBlocksTest.cpp - mqa.paged_logits of key blocks ------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// As KeyBlocksTest.cpp, of a paged cache.
//
//===----------------------------------------------------------------------===//

#include "LoadedKernelFixture.h"
#include "PagedRowsManifest.h"

#include <gtest/gtest.h>

using namespace mqa::test;

static nlohmann::json addLists(nlohmann::json manifest) {
  nlohmann::json &kernel = manifest["kernels"][0];
  kernel["key_block_size"] = 8;
  kernel["max_key_blocks"] = -1;
  kernel["block_queries"] = 1;
  kernel["tile_keys"] = 128;
  kernel["parameters"].push_back({{"kind", "memref"},
                                  {"operand", "key_blocks"},
                                  {"element_type", "i32"},
                                  {"rank", 2}});
  kernel["parameters"].push_back({{"kind", "memref"},
                                  {"operand", "num_key_blocks"},
                                  {"element_type", "i32"},
                                  {"rank", 1}});
  return manifest;
}

/// Two queries of each sequence.
static nlohmann::json makeManifest() {
  return addLists(makePagedManifest(/*lensRank=*/2));
}

/// 3 sequences, with up to 40 blocks for each of their queries.
static mqa_paged_logits_args makeArgs() {
  mqa_paged_logits_args args = makePagedArgs();
  args.out_stride = 320;
  // No kernel with key blocks looks at it.
  args.max_context_len = -5;
  args.key_blocks = address<int32_t>(0x80000);
  args.key_blocks_stride = 40;
  args.num_key_blocks = address<int32_t>(0x90000);
  args.max_key_blocks = 40;
  return args;
}

namespace {
struct PagedKeyBlocksTest : LoadedKernelFixture {
  void expectInvalid(const mqa_paged_logits_args &args, const char *message) {
    EXPECT_EQ(mqa_paged_logits_launch(kernel, &args, nullptr),
              MQA_ERROR_INVALID_ARGUMENT);
    EXPECT_STREQ(mqa_last_error(), message);
  }
};
} // namespace

TEST_F(PagedKeyBlocksTest, ColumnsAreKeysOfBlocks) {
  loadKernel(makeManifest());
  EXPECT_EQ(info.key_block_size, 8);
  EXPECT_EQ(info.max_key_blocks, -1);
  EXPECT_EQ(info.next_n, 2);
  EXPECT_EQ(info.max_context_len, -1);
  // Four tensor maps, then memrefs: three of rank 2, and the lists.
  getFake().parameterCount = 4 + 3 * 7 + 7 + 5;
  mqa_paged_logits_args args = makeArgs();
  ASSERT_EQ(mqa_paged_logits_launch(kernel, &args, nullptr), MQA_SUCCESS)
      << mqa_last_error();
  const std::vector<uint64_t> &p = getFake().launches[0].parameters;
  EXPECT_EQ(p[21] & 0xffffffff, 6u) << "rows of out";
  EXPECT_EQ(p[22] & 0xffffffff, 320u) << "columns of out";
  EXPECT_EQ(p[28] & 0xffffffff, 6u) << "rows of key_blocks";
  EXPECT_EQ(p[29] & 0xffffffff, 40u) << "columns of key_blocks";
  // A block of the grid for each tile of 128 columns of each query.
  EXPECT_EQ(getFake().launches[0].gridX, 6u * 3u);
}

TEST_F(PagedKeyBlocksTest, RowsThatNameTheirSequences) {
  loadKernel(addLists(makeRowsManifest()));
  getFake().parameterCount = 4 + 2 * 7 + 2 * 5 + 7 + 5;
  mqa_paged_logits_args args = makeArgs();
  args.q_stride = 64 * 128;
  args.num_rows = 11;
  args.sequence = address<int32_t>(0x58000);
  ASSERT_EQ(mqa_paged_logits_launch(kernel, &args, nullptr), MQA_SUCCESS)
      << mqa_last_error();
  EXPECT_EQ(getFake().launches[0].gridX, 11u * 3u);
}

TEST_F(PagedKeyBlocksTest, WrongArgumentsAreNamed) {
  loadKernel(makeManifest());
  mqa_paged_logits_args args = makeArgs();
  args.key_blocks_stride = 39;
  expectInvalid(args, "key_blocks_stride must be from 40 to 2^40, found 39");
  args = makeArgs();
  args.key_blocks = nullptr;
  expectInvalid(args, "key_blocks is null");
  args = makeArgs();
  args.num_key_blocks = nullptr;
  expectInvalid(args, "num_key_blocks is null");
  args = makeArgs();
  args.out_stride = 319;
  expectInvalid(args, "out_stride must be from 320 to 2^40, found 319");
  args = makeArgs();
  args.max_key_blocks = -1;
  expectInvalid(args, "max_key_blocks must be from 0 to 2147482623, found -1");
  args.max_key_blocks = 1 << 29;
  expectInvalid(args, "max_key_blocks * key_block_size must be from 0 to "
                      "2147482623, found 4294967296");
  args = makeArgs();
  args.num_blocks = (int64_t(1) << 31) - 2000;
  expectInvalid(args, "num_blocks must be at most 268435327 for this kernel, "
                      "which counts blocks of 8 keys, found 2147481648");
}

TEST_F(PagedKeyBlocksTest, RowsAreCleanedWithoutKeys) {
  nlohmann::json manifest = makeManifest();
  manifest["kernels"][0]["clean"] = true;
  loadKernel(manifest);
  mqa_paged_logits_args args = makeArgs();
  args.k = nullptr;
  args.k_scale = nullptr;
  args.num_blocks = 0;
  ASSERT_EQ(mqa_paged_logits_launch(kernel, &args, nullptr), MQA_SUCCESS)
      << mqa_last_error();
  EXPECT_EQ(getFake().launches.size(), 1u);
  args.max_key_blocks = 0;
  EXPECT_EQ(mqa_paged_logits_launch(kernel, &args, nullptr), MQA_SUCCESS);
  EXPECT_EQ(getFake().launches.size(), 1u) << "no column, no launch";
}

TEST_F(PagedKeyBlocksTest, ManifestsThatDoNotFit) {
  auto change = [](const char *field, const nlohmann::json &value) {
    nlohmann::json manifest = makeManifest();
    manifest["kernels"][0][field] = value;
    return manifest;
  };
  expectRefused(change("key_block_size", 12), "key_block_size");
  expectRefused(change("block_max", 8), "key_block_size");
  expectRefused(change("rows_per_sequence", 2), "key_block_size");
  nlohmann::json columns = change("num_columns", 100);
  columns["kernels"][0]["max_key_blocks"] = 10;
  expectRefused(columns, "max_key_blocks * key_block_size");
  nlohmann::json without = makeManifest();
  without["kernels"][0].erase("key_block_size");
  without["kernels"][0].erase("max_key_blocks");
  without["kernels"][0]["block_queries"] = 2;
  expectRefused(without, "operand");
  nlohmann::json lists = makeManifest();
  lists["kernels"][0]["parameters"].erase(7);
  expectRefused(lists, "key_blocks and num_key_blocks together");
}
