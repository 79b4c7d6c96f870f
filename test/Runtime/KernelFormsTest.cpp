//===- KernelFormsTest.cpp - Compressed logits, groups, strided scales ----===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What the forms of mqa.logits change about a launch, on the fake driver.
//
//===----------------------------------------------------------------------===//

#include "LoadedKernelFixture.h"

#include <gtest/gtest.h>

using namespace mqa::test;

/// 100 queries and 1000 keys, densely packed.
static mqa_logits_args makeArgs() { return makeDenseArgs(100, 1000); }

namespace {
struct KernelFormsTest : LoadedKernelFixture {
  void expectInvalid(const mqa_logits_args &args, const char *message) {
    EXPECT_EQ(mqa_logits_launch(kernel, &args, nullptr),
              MQA_ERROR_INVALID_ARGUMENT);
    EXPECT_STREQ(mqa_last_error(), message);
  }
};
} // namespace

/// Rows of keys' length, whose kernel takes the number of keys as an index.
static nlohmann::json makeCompressedManifest(bool clean) {
  nlohmann::json manifest = makeGpuManifest();
  nlohmann::json &entry = manifest["kernels"][0];
  entry["compressed"] = true;
  entry["clean"] = clean;
  entry["parameters"].push_back(
      {{"kind", "index"}, {"operand", "num_keys"}, {"element_type", "index"}});
  return manifest;
}

TEST_F(KernelFormsTest, CompressedColumns) {
  loadKernel(makeCompressedManifest(/*clean=*/false));
  EXPECT_EQ(info.compressed, 1);
  EXPECT_EQ(info.max_seqlen_k, -1);
  getFake().parameterCount = 4 + 2 * 5 + 7 + 1;
  mqa_logits_args args = makeArgs();
  args.max_seqlen_k = 300;
  args.out_stride = 300;
  ASSERT_EQ(mqa_logits_launch(kernel, &args, nullptr), MQA_SUCCESS)
      << mqa_last_error();
  const std::vector<uint64_t> &p = getFake().launches[0].parameters;
  EXPECT_EQ(p[18] & 0xffffffff, 300u) << "columns of out";
  EXPECT_EQ(p[21] & 0xffffffff, 1000u) << "the index: keys";
  args.out_stride = 299;
  expectInvalid(args, "out_stride must be from 300 to 2^40, found 299");
  args.max_seqlen_k = -1;
  expectInvalid(args, "max_seqlen_k must be from 0 to 2147482623, found -1");
}

TEST_F(KernelFormsTest, CompressedRowsAreCleanedWithoutKeys) {
  loadKernel(makeCompressedManifest(/*clean=*/true));
  mqa_logits_args args = makeArgs();
  args.k = nullptr;
  args.k_scale = nullptr;
  args.num_keys = 0;
  args.max_seqlen_k = 300;
  ASSERT_EQ(mqa_logits_launch(kernel, &args, nullptr), MQA_SUCCESS)
      << mqa_last_error();
  ASSERT_EQ(getFake().launches.size(), 1u);
  // A tensor map of nothing cannot be encoded.
  EXPECT_EQ(getFake().maps[1].sizes, (std::vector<uint64_t>{1, 1}));
  EXPECT_EQ(getFake().maps[1].address, args.q);
  args.max_seqlen_k = 0;
  EXPECT_EQ(mqa_logits_launch(kernel, &args, nullptr), MQA_SUCCESS);
  EXPECT_EQ(getFake().launches.size(), 1u) << "no column, no launch";
}

TEST_F(KernelFormsTest, CompressedWithoutCleanNeedsKeys) {
  loadKernel(makeCompressedManifest(/*clean=*/false));
  mqa_logits_args args = makeArgs();
  args.num_keys = 0;
  args.max_seqlen_k = 300;
  EXPECT_EQ(mqa_logits_launch(kernel, &args, nullptr), MQA_SUCCESS);
  EXPECT_TRUE(getFake().launches.empty());
}

// A column is the maximum of 64 keys, of which the last block may have fewer.
TEST_F(KernelFormsTest, BlockMaxima) {
  nlohmann::json manifest = makeCompressedManifest(/*clean=*/false);
  nlohmann::json &entry = manifest["kernels"][0];
  entry["compressed"] = false;
  entry["block_max"] = 64;
  loadKernel(manifest);
  EXPECT_EQ(info.block_max, 64);
  getFake().parameterCount = 4 + 2 * 5 + 7 + 1;
  mqa_logits_args args = makeArgs();
  args.out_stride = 16;
  ASSERT_EQ(mqa_logits_launch(kernel, &args, nullptr), MQA_SUCCESS)
      << mqa_last_error();
  const std::vector<uint64_t> &p = getFake().launches[0].parameters;
  EXPECT_EQ(p[18] & 0xffffffff, 16u) << "columns of out";
  EXPECT_EQ(p[21] & 0xffffffff, 1000u) << "the index: keys";
  args.out_stride = 15;
  expectInvalid(args, "out_stride must be from 16 to 2^40, found 15");
}

TEST_F(KernelFormsTest, FixedBlocks) {
  nlohmann::json manifest = makeCompressedManifest(/*clean=*/false);
  nlohmann::json &entry = manifest["kernels"][0];
  entry["compressed"] = false;
  entry["block_max"] = 8;
  entry["num_columns"] = 12;
  loadKernel(manifest);
  EXPECT_EQ(info.num_keys, -1);
  expectInvalid(makeArgs(), "ceil(num_keys / block_max) must be 12 for this "
                            "kernel, found 125");
}

TEST_F(KernelFormsTest, FixedColumns) {
  nlohmann::json manifest = makeCompressedManifest(/*clean=*/false);
  manifest["kernels"][0]["num_columns"] = 512;
  loadKernel(manifest);
  EXPECT_EQ(info.max_seqlen_k, 512);
  mqa_logits_args args = makeArgs();
  args.max_seqlen_k = 300;
  expectInvalid(args, "max_seqlen_k must be 512 for this kernel, found 300");
}

// Where rows are not compressed, `out` may be what knows the number of keys.
TEST_F(KernelFormsTest, ColumnsAreKeys) {
  nlohmann::json manifest = makeGpuManifest();
  manifest["kernels"][0]["num_columns"] = 512;
  loadKernel(manifest);
  EXPECT_EQ(info.num_keys, 512);
  expectInvalid(makeArgs(), "num_keys must be 512 for this kernel, found 1000");
}

/// k_scale by a memref instead of a tensor map.
static nlohmann::json makeStridedManifest() {
  nlohmann::json manifest = makeGpuManifest();
  manifest["kernels"][0]["parameters"][2] = {{"kind", "memref"},
                                             {"operand", "k_scale"},
                                             {"element_type", "f32"},
                                             {"rank", 1},
                                             {"strided", true}};
  return manifest;
}

TEST_F(KernelFormsTest, StridedScales) {
  loadKernel(makeStridedManifest());
  EXPECT_EQ(info.strided_k_scale, 1);
  getFake().parameterCount = 3 + 3 * 5 + 7;
  mqa_logits_args args = makeArgs();
  args.k_scale = address<float>(0x30004);
  args.k_scale_stride = 33;
  ASSERT_EQ(mqa_logits_launch(kernel, &args, nullptr), MQA_SUCCESS)
      << mqa_last_error();
  const std::vector<uint64_t> &p = getFake().launches[0].parameters;
  EXPECT_EQ(p[2], 0x30004u);
  EXPECT_EQ(p[5] & 0xffffffff, 1000u);
  EXPECT_EQ(p[6] & 0xffffffff, 33u);
  args.k_scale_stride = 0;
  expectInvalid(args, "k_scale_stride must be from 1 to 2^40, found 0");
  args.k_scale_stride = int64_t(1) << 31;
  expectInvalid(args, "k_scale_stride must be below 2^31 for this kernel, "
                      "found 2147483648");
}

TEST_F(KernelFormsTest, ContiguousScales) {
  loadKernel(makeGpuManifest());
  EXPECT_EQ(info.strided_k_scale, 0);
  mqa_logits_args args = makeArgs();
  args.k_scale_stride = 2;
  expectInvalid(args, "k_scale_stride must be 1 for this kernel, which was "
                      "compiled for contiguous scales, found 2");
}

TEST_F(KernelFormsTest, KeyGroups) {
  nlohmann::json manifest = makeStridedManifest();
  nlohmann::json &entry = manifest["kernels"][0];
  entry["num_groups"] = 8;
  entry["has_key_groups"] = true;
  entry["parameters"][1]["box"] = {1, 256, 128};
  entry["parameters"][1]["dims"] = {1, 0, 2};
  entry["parameters"][2]["rank"] = 2;
  loadKernel(manifest);
  EXPECT_EQ(info.num_groups, 8);
  EXPECT_EQ(info.strided_k_scale, 1);
  mqa_logits_args args = makeArgs();
  args.k_stride = 8 * 128;
  args.k_scale_stride = 10;
  getFake().parameterCount = 3 + 7 + 2 * 5 + 7;
  ASSERT_EQ(mqa_logits_launch(kernel, &args, nullptr), MQA_SUCCESS)
      << mqa_last_error();
  const FakeTensorMap &k = getFake().maps[1];
  EXPECT_EQ(k.sizes, (std::vector<uint64_t>{128, 1000, 8}));
  EXPECT_EQ(k.strides, (std::vector<uint64_t>{8 * 128, 128}));
  EXPECT_EQ(k.box, (std::vector<uint32_t>{128, 256, 1}));
  const std::vector<uint64_t> &p = getFake().launches[0].parameters;
  EXPECT_EQ(p[6] & 0xffffffff, 8u) << "groups";
  EXPECT_EQ(p[7] & 0xffffffff, 10u) << "from key to key";
  args.k_scale_stride = 7;
  expectInvalid(args, "k_scale_stride must be from 8 to 2^40, found 7");
  args = makeArgs();
  expectInvalid(args, "k_stride must be from 1024 to 2^40, found 128");
}

TEST_F(KernelFormsTest, PreparedLaunch) {
  loadKernel(makeGpuManifest());
  mqa_logits_args args = makeArgs();
  mqa_launch *launch;
  ASSERT_EQ(mqa_logits_prepare(kernel, &args, &launch), MQA_SUCCESS)
      << mqa_last_error();
  EXPECT_TRUE(getFake().launches.empty());
  size_t encoded = getFake().maps.size();
  args = {}; // The launch has what it needs.
  // It keeps the kernel, too.
  mqa_kernel_destroy(kernel);
  kernel = nullptr;
  getFake().parameterCount = 4 + 2 * 5 + 7;
  int stream;
  for (int i = 0; i < 3; ++i)
    ASSERT_EQ(mqa_launch_run(launch, &stream), MQA_SUCCESS) << mqa_last_error();
  ASSERT_EQ(getFake().launches.size(), 3u);
  EXPECT_EQ(getFake().maps.size(), encoded) << "tensor maps are encoded once";
  for (const FakeLaunch &one : getFake().launches) {
    EXPECT_EQ(one.stream, &stream);
    EXPECT_EQ(one.parameters[4], 0x50000u) << "ks";
    EXPECT_EQ(one.parameters[14], 0x70000u) << "out";
  }
  getFake().failingCall = "cuLaunchKernelEx";
  EXPECT_EQ(mqa_launch_run(launch, &stream), MQA_ERROR_DRIVER);
  getFake().failingCall = "";
  EXPECT_EQ(mqa_launch_run(launch, &stream), MQA_SUCCESS);
  mqa_launch_destroy(launch);
  EXPECT_EQ(getFake().liveModules, 0);
}

TEST_F(KernelFormsTest, EncodesATensorMapOnce) {
  loadKernel(makeGpuManifest());
  mqa_logits_args args = makeArgs();
  getFake().parameterCount = 4 + 2 * 5 + 7;
  auto launch = [&] {
    ASSERT_EQ(mqa_logits_launch(kernel, &args, nullptr), MQA_SUCCESS)
        << mqa_last_error();
  };
  auto getLastMap = [&](int parameter) {
    return getFake().maps[getFake().launches.back().parameters[parameter]];
  };
  launch();
  size_t encoded = getFake().maps.size();
  EXPECT_EQ(encoded, 4u) << "q, k, k_scale, weights";
  launch();
  EXPECT_EQ(getFake().maps.size(), encoded);
  // Another address, size or stride is another map.
  const void *q = args.q;
  args.q = reinterpret_cast<const void *>(0x5550000);
  launch();
  EXPECT_EQ(getFake().maps.size(), encoded + 1);
  EXPECT_EQ(getLastMap(0).address, args.q);
  args.num_queries -= 1;
  launch();
  EXPECT_EQ(getFake().maps.size(), encoded + 3) << "q and weights";
  args.q_stride += 16;
  launch();
  EXPECT_EQ(getFake().maps.size(), encoded + 4);
  // What failed is tried again.
  args.q = reinterpret_cast<const void *>(0x6660000);
  getFake().failingCall = "cuTensorMapEncodeTiled";
  EXPECT_EQ(mqa_logits_launch(kernel, &args, nullptr), MQA_ERROR_DRIVER);
  getFake().failingCall = "";
  launch();
  EXPECT_EQ(getLastMap(0).address, args.q);
  // More maps than it keeps are no less right.
  for (uintptr_t i = 0; i < 2000; ++i) {
    args.q = reinterpret_cast<const void *>(0x10000000 + i * 0x1000);
    launch();
    ASSERT_EQ(getLastMap(0).address, args.q);
  }
  args = makeArgs();
  launch();
  EXPECT_EQ(getLastMap(0).address, q);
}

TEST_F(KernelFormsTest, PrepareChecksItsArguments) {
  loadKernel(makeGpuManifest());
  mqa_logits_args args = makeArgs();
  mqa_launch *launch = reinterpret_cast<mqa_launch *>(1);
  args.q = nullptr;
  EXPECT_EQ(mqa_logits_prepare(kernel, &args, &launch),
            MQA_ERROR_INVALID_ARGUMENT);
  EXPECT_STREQ(mqa_last_error(), "q is null");
  EXPECT_EQ(launch, nullptr);
  EXPECT_EQ(mqa_logits_prepare(nullptr, &args, &launch),
            MQA_ERROR_INVALID_ARGUMENT);
  EXPECT_EQ(mqa_logits_prepare(kernel, nullptr, &launch),
            MQA_ERROR_INVALID_ARGUMENT);
  EXPECT_EQ(mqa_logits_prepare(kernel, &args, nullptr),
            MQA_ERROR_INVALID_ARGUMENT);
  EXPECT_EQ(mqa_launch_run(nullptr, nullptr), MQA_ERROR_INVALID_ARGUMENT);
  args = makeArgs();
  getFake().failingCall = "cuTensorMapEncodeTiled";
  EXPECT_EQ(mqa_logits_prepare(kernel, &args, &launch), MQA_ERROR_DRIVER);
  getFake().failingCall = "";
  // Nothing to do is no error, and no launch.
  args.num_queries = 0;
  ASSERT_EQ(mqa_logits_prepare(kernel, &args, &launch), MQA_SUCCESS);
  EXPECT_EQ(mqa_launch_run(launch, nullptr), MQA_SUCCESS);
  EXPECT_TRUE(getFake().launches.empty());
  mqa_launch_destroy(launch);
  mqa_launch_destroy(nullptr);
}
