//===- TopkKeyBlocksTest.cpp - mqa.topk of key blocks ---------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What lists of blocks, and lengths of rows that name their sequences, change
// about a manifest and a launch of mqa.topk.
//
//===----------------------------------------------------------------------===//

#include "ManifestChecks.h"
#include "TopkKernelFixture.h"

using namespace mqa::test;
using nlohmann::json;

namespace {
struct TopkKeyBlocksTest : TopkKernelFixture {
  /// Up to 125 blocks of 8 columns.
  static mqa_topk_args makeArgs() {
    mqa_topk_args args = makeTopkArgs();
    args.key_blocks = address<int32_t>(0xa0000000);
    args.key_blocks_stride = 126;
    args.num_key_blocks = address<int32_t>(0xb0000000);
    args.max_key_blocks = 125;
    return args;
  }
  template <typename Change>
  void refuse(Change change, const std::string &message) {
    mqa_topk_args args = makeArgs();
    change(args);
    EXPECT_EQ(mqa_topk_launch(kernel, &args, nullptr),
              MQA_ERROR_INVALID_ARGUMENT)
        << message;
    EXPECT_EQ(std::string(mqa_last_error()), message);
    EXPECT_TRUE(getFake().launches.empty());
  }
};
} // namespace

// Logits, bounds, lists, offset, indices, values, and the number of keys.
TEST_F(TopkKeyBlocksTest, Launches) {
  loadKernel(makeTopkBlocksManifest());
  EXPECT_EQ(info.key_block_size, 8);
  EXPECT_EQ(info.max_key_blocks, -1);
  EXPECT_EQ(info.has_num_keys, 1);
  getFake().parameterCount = 7 + 2 * 5 + 7 + 5 + 5 + 2 * 7 + 1;
  launch(makeArgs());
  ASSERT_EQ(getFake().launches.size(), 1u);
  EXPECT_EQ(getAddress(17), 0xa0000000u);
  EXPECT_EQ(getNumber(20), 300u);
  EXPECT_EQ(getNumber(21), 125u);
  EXPECT_EQ(getNumber(22), 126u);
  EXPECT_EQ(getAddress(24), 0xb0000000u);
  EXPECT_EQ(getNumber(48), 5000u) << "num_keys";
}

TEST_F(TopkKeyBlocksTest, WrongArguments) {
  loadKernel(makeTopkBlocksManifest());
  refuse([](auto &a) { a.key_blocks = nullptr; }, "key_blocks is null");
  refuse([](auto &a) { a.num_key_blocks = nullptr; }, "num_key_blocks is null");
  refuse([](auto &a) { a.key_blocks_stride = 124; },
         "key_blocks_stride must be from 125 to 2^40, found 124");
  refuse([](auto &a) { a.max_key_blocks = 124; },
         "num_columns must be max_key_blocks * key_block_size = 992, found "
         "1000");
  refuse([](auto &a) { a.max_key_blocks = -3; },
         "max_key_blocks must be from 0 to 2147482623, found -3");
  refuse([](auto &a) { a.num_keys = -1; },
         "num_keys must be from 0 to 2147482623, found -1");
}

TEST_F(TopkKeyBlocksTest, RowsThatNameTheirSequences) {
  loadKernel(makeRowLengthsManifest());
  EXPECT_EQ(info.has_context_lens, 1);
  EXPECT_EQ(info.has_sequence, 1);
  getFake().parameterCount = 7 + 5 + 7 + 7 + 5;
  launch(makeArgs());
  ASSERT_EQ(getFake().launches.size(), 1u);
  EXPECT_EQ(getAddress(7), 0x40000000u);
  EXPECT_EQ(getNumber(10), 300u) << "a length for each row";
  EXPECT_EQ(getNumber(15), 150u) << "lines of the table";
}

TEST(TopkKeyBlocksManifestTest, Fields) {
  for (const char *target : {"sm_90a", "cpu"}) {
    expectValid(makeTopkBlocksManifest(target));
    expectRefused(
        makeTopkBlocksManifest(target),
        {{"key_block_size", 4, "must be an integer from 8 to 16, found 4"},
         {"key_block_size", 12, "must be a power of two from 8 to 16"},
         {"compressed", true, "absent where rows are compressed"},
         {"num_columns", 100, "must be a multiple of key_block_size"},
         {"max_key_blocks", -2, "must be an integer from -1 to"},
         {"parameters/3/rank", 1, "must be an integer from 2 to 2"},
         {"parameters/4/element_type", "f32", "a type that num_key_blocks"}});
    json without = makeTopkBlocksManifest(target);
    without["kernels"][0]["parameters"].erase(3);
    expectRefused(without, "key_block_size, key_blocks and num_key_blocks",
                  target);
  }
  // A table says how many keys there are, whatever the base is.
  json table = makeTopkBlocksManifest();
  json &kernel = table["kernels"][0];
  kernel["parameters"].push_back(makeMemref("block_table", "i32", 2));
  kernel["block_kv"] = 64;
  kernel["num_sequences"] = -1;
  kernel["max_blocks"] = -1;
  kernel["next_n"] = 1;
  expectValid(table);
  expectValid(makeRowLengthsManifest());
  expectRefused(makeRowLengthsManifest(),
                {{"next_n", 1, "next_n' is none of version 18"}});
  json sizes = makeRowLengthsManifest();
  sizes["kernels"][0]["num_queries"] = 7;
  expectRefused(sizes, {{"batch", 8, "must be num_queries with sequence"}});
}
