//===- MergeTopkTest.cpp - Kernels of mqa.merge_topk ----------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Their manifests, and their launches on the fake driver.
//
//===----------------------------------------------------------------------===//

#include "FakeCuda.h"
#include "ManifestChecks.h"
#include "TopkManifest.h"

using namespace mqa::test;
using nlohmann::json;

//===----------------------------------------------------------------------===//
// Manifests
//===----------------------------------------------------------------------===//

TEST(MergeManifestTest, FieldsOfEveryKernel) {
  std::vector<BadValue> values = {
      {"k", 0, "must be an integer from 1 to 4096, found 0"},
      {"k", 4097, "must be an integer from 1 to 4096, found 4097"},
      {"tie_break", "first", "must be 'smallest' or 'greatest', found"},
      {"order", "logit", "must be 'key', 'score' or 'any', found \"logit\""},
      {"base", "slot", "must be 'relative' or 'absolute', found \"slot\""},
      {"num_queries", -2, "must be an integer from -1 to 2147482623"},
      {"num_lists", -2, "must be an integer from -1 to 2147482623"},
      {"force_first", 0, "'kernels[0].force_first' is none of version 18"},
      {"compressed", false, "'kernels[0].compressed' is none of version 18"},
      {"num_columns", 4, "'kernels[0].num_columns' is none of version 18"},
      {"block_kv", 64, "'kernels[0].block_kv' is none of version 18"}};
  for (const json &manifest : {makeMergeManifest(), makeMergeManifest("cpu")}) {
    expectRefused(manifest, values);
    expectEveryFieldChecked(manifest);
  }
  expectRefused(makeMergeManifest(),
                {{"block_queries", 0, "must be an integer from 1 to 32"},
                 {"block_threads", 100, "must be a multiple of 32"}});
  expectRefused(makeMergeManifest("cpu"),
                {{"task_queries", 0, "must be an integer from 1 to"}});
}

TEST(MergeManifestTest, Parameters) {
  expectRefused(
      makeMergeManifest(),
      {{"parameters/0/rank", 2, "must be an integer from 3 to 3, found 2"},
       {"parameters/0/element_type", "f32", "a type that list_indices may"},
       {"parameters/1/element_type", "bf16", "a type that list_values may"},
       {"parameters/1/operand", "logits",
        "must be an operand of mqa.merge_topk"},
       {"parameters/3/operand", "ks", "must be no other parameter's"},
       {"parameters/6", makeIndex(), "for mqa.merge_topk"}});
  const char *messages[] = {
      "has no parameter 'list_indices'", "has no parameter 'list_values'", "",
      "has no parameter 'ke'",           "has no parameter 'indices'",     ""};
  for (int missing = 0; missing < 6; ++missing) {
    json altered = makeMergeManifest();
    altered["kernels"][0]["parameters"].erase(missing);
    if (*messages[missing])
      expectRefused(altered, messages[missing], "left out");
    else
      expectValid(altered);
  }
}

// Who asks for a kernel by its name gets the same for every device.
TEST(MergeManifestTest, KernelsOfOneNameAreTheSame) {
  for (const auto &[field, value] : {std::pair<const char *, json>{"k", 6},
                                     {"num_lists", 3},
                                     {"num_queries", 7},
                                     {"tie_break", "greatest"},
                                     {"order", "any"},
                                     {"base", "relative"}}) {
    json first = makeMergeManifest("sm_80"),
         second = makeMergeManifest("sm_86");
    second["kernels"][0][field] = value;
    mqa_bundle *bundle = nullptr;
    EXPECT_EQ(load(makeBundle(first, "ptx", "// PTX") +
                       makeBundle(second, "ptx", "// PTX"),
                   &bundle),
              MQA_ERROR_INVALID_BUNDLE)
        << field;
    EXPECT_EQ(std::string(mqa_last_error()),
              "bundle: part 2 (sm_86): kernel 'merge' has other " +
                  std::string(field) + " than for target 'sm_80'");
    mqa_bundle_destroy(bundle);
  }
}

//===----------------------------------------------------------------------===//
// Launches
//===----------------------------------------------------------------------===//

/// 8 lists of 300 rows; no operand reaches the next.
static mqa_merge_topk_args makeArgs() {
  mqa_merge_topk_args args = {};
  args.list_indices = address<int32_t>(0x10000000);
  args.list_indices_stride = 300 * 6;
  args.list_indices_row_stride = 6;
  args.list_values = address<float>(0x20000000);
  args.list_values_stride = 7;
  args.list_values_row_stride = 8 * 7;
  args.ks = address<int32_t>(0x30000000);
  args.ke = address<int32_t>(0x40000000);
  args.indices = address<int32_t>(0x50000000);
  args.indices_stride = 8;
  args.values = address<float>(0x60000000);
  args.values_stride = 9;
  args.num_lists = 8;
  args.num_queries = 300;
  args.k = 5;
  return args;
}

namespace {
struct MergeTopkTest : testing::Test {
  void SetUp() override { getFake() = FakeCudaState(); }
  void TearDown() override { unload(); }
  void unload() {
    mqa_kernel_destroy(kernel);
    mqa_bundle_destroy(bundle);
    kernel = nullptr;
    bundle = nullptr;
  }
  void loadKernel(const json &manifest) {
    unload();
    ASSERT_EQ(load(makeBundleFor(manifest), &bundle), MQA_SUCCESS)
        << mqa_last_error();
    ASSERT_EQ(mqa_kernel_load(bundle, nullptr, 0, &kernel), MQA_SUCCESS)
        << mqa_last_error();
    ASSERT_EQ(mqa_kernel_get_info(kernel, &info), MQA_SUCCESS);
  }
  void launch(const mqa_merge_topk_args &args) {
    ASSERT_EQ(mqa_merge_topk_launch(kernel, &args, nullptr), MQA_SUCCESS)
        << mqa_last_error();
  }
  template <typename Change>
  void expectInvalid(Change change, const std::string &message) {
    mqa_merge_topk_args args = makeArgs();
    size_t launches = getFake().launches.size();
    change(args);
    EXPECT_EQ(mqa_merge_topk_launch(kernel, &args, nullptr),
              MQA_ERROR_INVALID_ARGUMENT)
        << message;
    EXPECT_EQ(std::string(mqa_last_error()), message);
    mqa_launch *launch = nullptr;
    EXPECT_EQ(mqa_merge_topk_prepare(kernel, &args, &launch),
              MQA_ERROR_INVALID_ARGUMENT);
    EXPECT_EQ(launch, nullptr);
    EXPECT_EQ(getFake().launches.size(), launches);
  }
  uint64_t getParameter(size_t i) const {
    return getFake().launches.back().parameters[i];
  }
  uint32_t getNumber(size_t i) const {
    return static_cast<uint32_t>(getParameter(i));
  }
  mqa_bundle *bundle = nullptr;
  mqa_kernel *kernel = nullptr;
  mqa_kernel_info info;
};
} // namespace

TEST_F(MergeTopkTest, Describes) {
  loadKernel(makeMergeManifest());
  EXPECT_EQ(info.op, MQA_OP_MERGE_TOPK);
  EXPECT_EQ(info.k, 5);
  EXPECT_EQ(info.num_lists, -1);
  EXPECT_EQ(info.num_queries, -1);
  EXPECT_EQ(info.num_keys, -1);
  EXPECT_EQ(info.num_groups, 0);
  EXPECT_EQ(info.input_type, MQA_F32);
  EXPECT_EQ(info.out_type, MQA_I32);
  EXPECT_EQ(info.order, MQA_ORDER_SCORE);
  EXPECT_EQ(info.base, MQA_BASE_ABSOLUTE);
  EXPECT_EQ(info.has_ks, 1);
  EXPECT_EQ(info.has_values, 1);
  EXPECT_EQ(info.has_num_keys, 0);
}

TEST_F(MergeTopkTest, Launch) {
  loadKernel(makeMergeManifest());
  getFake().parameterCount = 2 * 9 + 2 * 5 + 2 * 7;
  launch(makeArgs());
  const FakeLaunch &launched = getFake().launches.back();
  EXPECT_EQ(launched.gridX, 300u) << "a block for each row";
  EXPECT_EQ(launched.block, 1024u);
  EXPECT_EQ(launched.sharedMemoryBytes, 65536u);
  // Sizes and strides of lists, of which one lies list by list.
  EXPECT_EQ(getParameter(0), 0x10000000u);
  const uint32_t sizes[] = {8, 300, 5, 300 * 6, 6, 1};
  const uint32_t others[] = {8, 300, 5, 7, 8 * 7, 1};
  for (int i = 0; i < 6; ++i) {
    EXPECT_EQ(getNumber(3 + i), sizes[i]) << i;
    EXPECT_EQ(getNumber(12 + i), others[i]) << i;
  }
  EXPECT_EQ(getParameter(9), 0x20000000u);
  EXPECT_EQ(getParameter(18), 0x30000000u);
  EXPECT_EQ(getParameter(23), 0x40000000u);
  EXPECT_EQ(getParameter(28), 0x50000000u);
  EXPECT_EQ(getNumber(33), 8u);
  EXPECT_EQ(getParameter(35), 0x60000000u);
  EXPECT_EQ(getNumber(40), 9u);
}

TEST_F(MergeTopkTest, NothingToRead) {
  loadKernel(makeMergeManifest());
  mqa_merge_topk_args args = {};
  args.k = 5;
  args.num_lists = 3;
  launch(args);
  EXPECT_TRUE(getFake().launches.empty()) << "no rows";
  // Rows without a list are padded.
  args = makeArgs();
  args.num_lists = 0;
  args.list_indices = nullptr;
  args.list_values = nullptr;
  args.list_indices_stride = args.list_values_row_stride = -3;
  launch(args);
  EXPECT_EQ(getFake().launches.size(), 1u);
  // What the kernel does not have.
  json manifest = makeMergeManifest();
  manifest["kernels"][0]["parameters"].erase(5);
  manifest["kernels"][0]["parameters"].erase(2);
  loadKernel(manifest);
  args = makeArgs();
  args.ks = nullptr;
  args.values = nullptr;
  launch(args);
}

TEST_F(MergeTopkTest, BadArguments) {
  loadKernel(makeMergeManifest());
  EXPECT_EQ(mqa_merge_topk_launch(kernel, nullptr, nullptr),
            MQA_ERROR_INVALID_ARGUMENT);
  EXPECT_STREQ(mqa_last_error(), "args is null");
  mqa_merge_topk_args good = makeArgs();
  EXPECT_EQ(mqa_merge_topk_launch(nullptr, &good, nullptr),
            MQA_ERROR_INVALID_ARGUMENT);
  EXPECT_STREQ(mqa_last_error(), "kernel is null");
  EXPECT_EQ(mqa_merge_topk_prepare(kernel, &good, nullptr),
            MQA_ERROR_INVALID_ARGUMENT);
  EXPECT_STREQ(mqa_last_error(), "launch is null");
  using Args = mqa_merge_topk_args;
  expectInvalid([](Args &a) { a.list_indices = nullptr; },
                "list_indices is null");
  expectInvalid([](Args &a) { a.list_values = nullptr; },
                "list_values is null");
  expectInvalid([](Args &a) { a.ks = nullptr; }, "ks is null");
  expectInvalid([](Args &a) { a.ke = nullptr; }, "ke is null");
  expectInvalid([](Args &a) { a.indices = nullptr; }, "indices is null");
  expectInvalid([](Args &a) { a.values = nullptr; }, "values is null");
  expectInvalid([](Args &a) { a.list_values = address<float>(0x20000002); },
                "list_values must be aligned to 4 bytes, found address "
                "536870914");
  expectInvalid([](Args &a) { a.list_indices_stride = 4; },
                "list_indices_stride must be from 5 to 2^40, found 4");
  expectInvalid([](Args &a) { a.list_indices_row_stride = 4; },
                "list_indices_row_stride must be from 5 to 2^40, found 4");
  expectInvalid([](Args &a) { a.list_values_stride = 0; },
                "list_values_stride must be from 5 to 2^40, found 0");
  expectInvalid([](Args &a) { a.list_values_row_stride = -1; },
                "list_values_row_stride must be from 5 to 2^40, found -1");
  expectInvalid([](Args &a) { a.list_values_stride = int64_t(1) << 31; },
                "list_values_stride must be below 2^31 for this kernel, found "
                "2147483648");
  expectInvalid([](Args &a) { a.list_indices_row_stride = int64_t(1) << 31; },
                "list_indices_row_stride must be below 2^31 for this kernel, "
                "found 2147483648");
  expectInvalid([](Args &a) { a.indices_stride = 4; },
                "indices_stride must be from 5 to 2^40, found 4");
  expectInvalid([](Args &a) { a.num_queries = -1; },
                "num_queries must be from 0 to 2147482623, found -1");
  expectInvalid([](Args &a) { a.num_lists = -1; },
                "num_lists must be from 0 to 2147482623, found -1");
  expectInvalid([](Args &a) { a.num_lists = 214748365; },
                "num_lists must be at most 2^30 / k = 214748364, found "
                "214748365");
  expectInvalid([](Args &a) { a.k = 6; },
                "k must be 5 for this kernel, found 6");
  json manifest = makeMergeManifest();
  manifest["kernels"][0]["num_lists"] = 8;
  manifest["kernels"][0]["num_queries"] = 300;
  loadKernel(manifest);
  launch(makeArgs());
  expectInvalid([](Args &a) { a.num_lists = 7; },
                "num_lists must be 8 for this kernel, found 7");
  expectInvalid([](Args &a) { a.num_queries = 299; },
                "num_queries must be 300 for this kernel, found 299");
}

TEST_F(MergeTopkTest, OverlappingOperands) {
  loadKernel(makeMergeManifest());
  expectInvalid([](auto &args) { args.values = address<float>(0x10000000); },
                "values and list_indices overlap");
  // Dense lists: the last entry is the first of another operand.
  expectInvalid(
      [](auto &args) {
        args.list_indices =
            address<int32_t>(0x50000000 - 4 * (8 * 300 * 5 - 1));
        args.list_indices_stride = 300 * 5;
        args.list_indices_row_stride = 5;
        args.indices_stride = 5;
      },
      "indices and list_indices overlap");
  // Rows of lists with a gap, in which the rows of an output lie.
  mqa_merge_topk_args args = makeArgs();
  args.list_values_stride = 300 * 12;
  args.list_values_row_stride = args.values_stride = 12;
  args.values = address<float>(0x20000000 + 4 * 5);
  launch(args);
}

TEST_F(MergeTopkTest, OtherOps) {
  loadKernel(makeMergeManifest());
  mqa_topk_args topk = {};
  EXPECT_EQ(mqa_topk_launch(kernel, &topk, nullptr),
            MQA_ERROR_INVALID_ARGUMENT);
  EXPECT_STREQ(
      mqa_last_error(),
      "kernel 'merge' is of mqa.merge_topk: use mqa_merge_topk_launch");
  loadKernel(makeTopkManifest());
  expectInvalid([](auto &) {},
                "kernel 'topk' is of mqa.topk: use mqa_topk_launch");
}

TEST_F(MergeTopkTest, Prepared) {
  loadKernel(makeMergeManifest());
  mqa_merge_topk_args args = makeArgs();
  mqa_launch *launch;
  ASSERT_EQ(mqa_merge_topk_prepare(kernel, &args, &launch), MQA_SUCCESS)
      << mqa_last_error();
  EXPECT_TRUE(getFake().launches.empty());
  EXPECT_EQ(mqa_launch_run(launch, nullptr), MQA_SUCCESS);
  EXPECT_EQ(mqa_launch_run(launch, nullptr), MQA_SUCCESS);
  EXPECT_EQ(getFake().launches.size(), 2u);
  mqa_launch_destroy(launch);
}
