//===- KeyBlocksTest.cpp - mqa.logits of key blocks -----------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What lists of key blocks change about a manifest and a launch, on the fake
// driver.
//
//===----------------------------------------------------------------------===//

#include "LoadedKernelFixture.h"

#include <gtest/gtest.h>

using namespace mqa::test;

static nlohmann::json makeManifest() {
  nlohmann::json manifest = makeGpuManifest();
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
  kernel["parameters"].push_back(
      {{"kind", "index"}, {"operand", "num_keys"}, {"element_type", "index"}});
  return manifest;
}

/// 3 queries with up to 40 blocks of 1000 keys, densely packed.
static mqa_logits_args makeArgs() {
  mqa_logits_args args = makeDenseArgs(3, 1000);
  args.out_stride = 320;
  args.key_blocks = address<int32_t>(0x80000);
  args.key_blocks_stride = 40;
  args.num_key_blocks = address<int32_t>(0x90000);
  args.max_key_blocks = 40;
  return args;
}

namespace {
struct KeyBlocksTest : LoadedKernelFixture {
  void expectInvalid(const mqa_logits_args &args, const char *message) {
    EXPECT_EQ(mqa_logits_launch(kernel, &args, nullptr),
              MQA_ERROR_INVALID_ARGUMENT);
    EXPECT_STREQ(mqa_last_error(), message);
  }
};
} // namespace

TEST_F(KeyBlocksTest, ColumnsAreKeysOfBlocks) {
  loadKernel(makeManifest());
  EXPECT_EQ(info.key_block_size, 8);
  EXPECT_EQ(info.max_key_blocks, -1);
  getFake().parameterCount = 4 + 2 * 5 + 7 + 7 + 5 + 1;
  mqa_logits_args args = makeArgs();
  ASSERT_EQ(mqa_logits_launch(kernel, &args, nullptr), MQA_SUCCESS)
      << mqa_last_error();
  const std::vector<uint64_t> &p = getFake().launches[0].parameters;
  EXPECT_EQ(p[18] & 0xffffffff, 320u) << "columns of out";
  EXPECT_EQ(p[25] & 0xffffffff, 40u) << "columns of key_blocks";
  EXPECT_EQ(p[33] & 0xffffffff, 1000u) << "the index: keys";
}

TEST_F(KeyBlocksTest, WrongArgumentsAreNamed) {
  loadKernel(makeManifest());
  mqa_logits_args args = makeArgs();
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
}

TEST_F(KeyBlocksTest, RowsAreCleanedWithoutKeys) {
  nlohmann::json manifest = makeManifest();
  manifest["kernels"][0]["clean"] = true;
  loadKernel(manifest);
  mqa_logits_args args = makeArgs();
  args.k = nullptr;
  args.k_scale = nullptr;
  args.num_keys = 0;
  ASSERT_EQ(mqa_logits_launch(kernel, &args, nullptr), MQA_SUCCESS)
      << mqa_last_error();
  EXPECT_EQ(getFake().launches.size(), 1u);
  args.max_key_blocks = 0;
  EXPECT_EQ(mqa_logits_launch(kernel, &args, nullptr), MQA_SUCCESS);
  EXPECT_EQ(getFake().launches.size(), 1u) << "no column, no launch";
}

TEST_F(KeyBlocksTest, FixedNumberOfBlocks) {
  nlohmann::json manifest = makeManifest();
  manifest["kernels"][0]["max_key_blocks"] = 32;
  loadKernel(manifest);
  EXPECT_EQ(info.max_key_blocks, 32);
  expectInvalid(makeArgs(),
                "max_key_blocks must be 32 for this kernel, found 40");
}

TEST_F(KeyBlocksTest, ManifestsThatDoNotFit) {
  auto change = [](const char *field, const nlohmann::json &value) {
    nlohmann::json manifest = makeManifest();
    manifest["kernels"][0][field] = value;
    return manifest;
  };
  expectRefused(change("key_block_size", 12), "key_block_size");
  expectRefused(change("key_block_size", 32), "key_block_size");
  expectRefused(change("compressed", true), "key_block_size");
  nlohmann::json columns = change("num_columns", 100);
  columns["kernels"][0]["max_key_blocks"] = 10;
  expectRefused(columns, "max_key_blocks * key_block_size");
  nlohmann::json without = makeManifest();
  without["kernels"][0].erase("key_block_size");
  without["kernels"][0].erase("max_key_blocks");
  expectRefused(without, "operand");
  nlohmann::json lists = makeManifest();
  lists["kernels"][0]["parameters"].erase(7);
  expectRefused(lists, "key_blocks and num_key_blocks together");
}
