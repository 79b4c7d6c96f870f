//===- MxQueriesTest.cpp - Queries with block scales ----------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What a manifest may say of q_scale, and launches on the fake driver.
//
//===----------------------------------------------------------------------===//

#include "LoadedKernelFixture.h"
#include "ManifestChecks.h"

using namespace mqa::test;
using nlohmann::json;

namespace {
struct MxQueriesTest : LoadedKernelFixture {
  void expectInvalid(const mqa_logits_args &args, const char *message) {
    EXPECT_EQ(mqa_logits_launch(kernel, &args, nullptr),
              MQA_ERROR_INVALID_ARGUMENT);
    EXPECT_STREQ(mqa_last_error(), message);
  }
};
} // namespace

static json makeWords(json box, json dims) {
  return {{"kind", "tensor_map"},    {"operand", "q_scale"},
          {"element_type", "i32"},   {"box", std::move(box)},
          {"dims", std::move(dims)}, {"swizzle_bytes", 0}};
}

/// MXFP4 queries of 64 bytes a head, beside keys of fp8.
static json makeManifest() {
  json manifest = makeGpuManifest();
  json &parameters = manifest["kernels"][0]["parameters"];
  parameters[0]["element_type"] = "i8";
  parameters[0]["box"] = {64, 2, 64};
  parameters[0]["swizzle_bytes"] = 0;
  parameters.push_back(makeWords({2, 64}, {0, 1}));
  return manifest;
}

static mqa_logits_args makeArgs() {
  mqa_logits_args args = makeDenseArgs(100, 1000);
  args.q_stride = 64 * 64;
  args.q_scale = address<int32_t>(0x80000);
  args.q_scale_stride = 68;
  return args;
}

TEST(MxQueriesManifestTest, Types) {
  const char *types = "must have q_scale where q is of i8 and, with block "
                      "scales, of f8E4M3FN, and nowhere else";
  json manifest = makeManifest();
  expectRefused(
      manifest,
      {{"parameters/0/element_type", "bf16", types},
       {"parameters/7/element_type", "f32", "a type that q_scale may have"},
       {"parameters/7/box", {2, 64, 1}, "'kernels[0].parameters[7].box'"},
       {"head_dim", 144, "a head_dim of 32, 64, 96 or 128 with"}});
  json &kernel = manifest["kernels"][0];
  // MXFP8, and keys of another type.
  kernel["parameters"][0]["element_type"] = "f8E4M3FN";
  expectValid(manifest);
  kernel["parameters"][1]["element_type"] = "bf16";
  kernel["parameters"][1]["box"] = {256, 64};
  expectValid(manifest);
  kernel["parameters"][0]["element_type"] = "i8";
  expectValid(manifest);
  kernel["parameters"].erase(7);
  expectRefused(manifest, types, "no q_scale");
}

TEST(MxQueriesManifestTest, KeyGroupsAreRefused) {
  json manifest = makeManifest();
  json &kernel = manifest["kernels"][0];
  kernel["has_key_groups"] = true;
  kernel["parameters"][1]["box"] = {256, 1, 128};
  kernel["parameters"][1]["dims"] = {0, 1, 2};
  kernel["parameters"].erase(2);
  expectRefused(manifest, "must have no key groups with block scales",
                "key groups");
}

TEST_F(MxQueriesTest, Launch) {
  loadKernel(makeManifest());
  EXPECT_EQ(info.has_q_scale, 1);
  EXPECT_EQ(info.input_type, MQA_I8);
  EXPECT_EQ(info.key_type, MQA_F8E4M3FN);
  getFake().parameterCount = 4 + 2 * 5 + 7 + 1;
  mqa_logits_args args = makeArgs();
  ASSERT_EQ(mqa_logits_launch(kernel, &args, nullptr), MQA_SUCCESS)
      << mqa_last_error();
  ASSERT_EQ(getFake().maps.size(), 5u);
  const FakeTensorMap &q = getFake().maps[0];
  EXPECT_EQ(q.sizes, (std::vector<uint64_t>{64, 100, 64})) << "bytes";
  EXPECT_EQ(q.strides, (std::vector<uint64_t>{64 * 64, 64}));
  const FakeTensorMap &words = getFake().maps[4];
  EXPECT_EQ(words.address, args.q_scale);
  EXPECT_EQ(words.sizes, (std::vector<uint64_t>{64, 100}));
  EXPECT_EQ(words.strides, (std::vector<uint64_t>{68 * 4}));
}

TEST_F(MxQueriesTest, WrongArguments) {
  loadKernel(makeManifest());
  mqa_logits_args args = makeArgs();
  args.q_scale = nullptr;
  expectInvalid(args, "q_scale is null");
  args = makeArgs();
  args.q_scale = address<int32_t>(0x80002);
  expectInvalid(args,
                "q_scale must be aligned to 4 bytes, found address 524290");
  args = makeArgs();
  args.q_scale_stride = 63;
  expectInvalid(args, "q_scale_stride must be from 64 to 2^40, found 63");
  args = makeArgs();
  args.q_scale_stride = 66;
  expectInvalid(args, "q_scale: a tensor-map load needs strides of a multiple "
                      "of 16 bytes, found 264");
  args = makeArgs();
  args.q_stride = 64 * 64 - 16;
  expectInvalid(args, "q_stride must be from 4096 to 2^40, found 4080");
}
