//===- GpuKernelTest.cpp - Launches on a GPU that is not there ------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The fake libcuda records every call: arguments, tensor maps, and what is left
// behind when a call fails.
//
//===----------------------------------------------------------------------===//

#include "GpuKernelFixture.h"

#include <dlfcn.h>

#include <algorithm>
#include <atomic>
#include <thread>
#include <utility>
#include <vector>

using namespace mqa::test;

namespace {
struct GpuKernelTest : GpuKernelFixture {
  void expectInvalid(const mqa_logits_args &args, const std::string &message) {
    EXPECT_EQ(mqa_logits_launch(kernel, &args, nullptr),
              MQA_ERROR_INVALID_ARGUMENT);
    EXPECT_NE(std::string(mqa_last_error()).find(message), std::string::npos)
        << mqa_last_error();
  }
};
} // namespace

TEST_F(GpuKernelTest, LoadsPtxIntoThePrimaryContext) {
  loadKernel();
  EXPECT_EQ(getFake().image, "// PTX");
  EXPECT_EQ(getFake().retainedContexts, 1);
  EXPECT_EQ(getFake().liveModules, 1);
}

TEST_F(GpuKernelTest, UsesTheCurrentContext) {
  getFake().hasContext = true;
  loadKernel();
  EXPECT_EQ(getFake().retainedContexts, 0);
}

TEST_F(GpuKernelTest, Launch) {
  loadKernel();
  // Four tensor maps, two memrefs of rank 1 (five parameters each), one of
  // rank 2.
  getFake().parameterCount = 4 + 2 * 5 + 7;
  mqa_logits_args args = makeArgs();
  int stream;
  ASSERT_EQ(mqa_logits_launch(kernel, &args, &stream), MQA_SUCCESS)
      << mqa_last_error();
  ASSERT_EQ(getFake().launches.size(), 1u);
  const FakeLaunch &launch = getFake().launches[0];
  EXPECT_EQ(launch.gridX, 132u);
  EXPECT_EQ(launch.gridY, 1u);
  EXPECT_EQ(launch.block, 640u);
  EXPECT_EQ(launch.sharedMemoryBytes, 168960u);
  EXPECT_EQ(launch.stream, &stream);

  const std::vector<uint64_t> &p = launch.parameters;
  for (int i = 0; i < 4; ++i)
    EXPECT_EQ(p[i], uint64_t(i)) << "tensor map " << i;
  auto low = [](uint64_t value) { return value & 0xffffffff; };
  // ks: pointers, offset, size, stride.
  EXPECT_EQ(p[4], 0x50000u);
  EXPECT_EQ(p[5], 0x50000u);
  EXPECT_EQ(low(p[6]), 0u);
  EXPECT_EQ(low(p[7]), 301u);
  EXPECT_EQ(low(p[8]), 1u);
  EXPECT_EQ(p[9], 0x60000u);
  // out: pointers, offset, sizes, strides.
  EXPECT_EQ(p[14], 0x70000u);
  EXPECT_EQ(low(p[17]), 301u);
  EXPECT_EQ(low(p[18]), 4097u);
  EXPECT_EQ(low(p[19]), 5000u);
  EXPECT_EQ(low(p[20]), 1u);
}

// Off where the caller, the kernel or the driver does not have it.
TEST_F(GpuKernelTest, LaunchOverlap) {
  auto launchOverlaps = [&] {
    mqa_logits_args args = makeArgs();
    EXPECT_EQ(mqa_logits_launch(kernel, &args, nullptr), MQA_SUCCESS);
    return getFake().launches.back().overlaps;
  };
  loadKernel();
  EXPECT_EQ(mqa_get_launch_overlap(), 1);
  EXPECT_TRUE(launchOverlaps());
  mqa_set_launch_overlap(0);
  EXPECT_EQ(mqa_get_launch_overlap(), 0);
  EXPECT_FALSE(launchOverlaps());
  mqa_set_launch_overlap(1);
  EXPECT_TRUE(launchOverlaps());

  mqa_kernel_destroy(kernel);
  getFake().version = 12020;
  ASSERT_EQ(mqa_kernel_load(bundle, nullptr, 0, &kernel), MQA_SUCCESS);
  EXPECT_FALSE(launchOverlaps());
}

TEST_F(GpuKernelTest, AKernelThatDoesNotWaitDoesNotOverlap) {
  auto manifest = makeGpuManifest();
  manifest["kernels"][0]["overlaps_launches"] = false;
  mqa_bundle_destroy(bundle);
  ASSERT_EQ(load(makeBundle(manifest, "ptx", "// PTX"), &bundle), MQA_SUCCESS);
  loadKernel();
  mqa_logits_args args = makeArgs();
  ASSERT_EQ(mqa_logits_launch(kernel, &args, nullptr), MQA_SUCCESS);
  EXPECT_FALSE(getFake().launches[0].overlaps);
}

TEST_F(GpuKernelTest, TensorMaps) {
  loadKernel();
  mqa_logits_args args = makeArgs();
  args.q_stride = 8192 + 16;
  args.k_stride = 144;
  ASSERT_EQ(mqa_logits_launch(kernel, &args, nullptr), MQA_SUCCESS);
  ASSERT_EQ(getFake().maps.size(), 4u);
  const FakeTensorMap &q = getFake().maps[0];
  EXPECT_EQ(q.dataType, 0) << "fp8 is loaded as UINT8";
  EXPECT_EQ(q.address, address<void>(0x10000));
  // The box has queries inside of heads.
  EXPECT_EQ(q.sizes, (std::vector<uint64_t>{128, 301, 64}));
  EXPECT_EQ(q.strides, (std::vector<uint64_t>{8208, 128}));
  EXPECT_EQ(q.box, (std::vector<uint32_t>{128, 2, 64}));
  EXPECT_EQ(q.elementStrides, (std::vector<uint32_t>{1, 1, 1}));
  EXPECT_EQ(q.swizzle, 3) << "128 bytes";
  EXPECT_EQ(q.interleave, 0);
  EXPECT_EQ(q.oobFill, 0);
  const FakeTensorMap &k = getFake().maps[1];
  EXPECT_EQ(k.sizes, (std::vector<uint64_t>{128, 4097}));
  EXPECT_EQ(k.strides, (std::vector<uint64_t>{144}));
  EXPECT_EQ(k.box, (std::vector<uint32_t>{128, 256}));
  const FakeTensorMap &scale = getFake().maps[2];
  EXPECT_EQ(scale.dataType, 7) << "FLOAT32";
  EXPECT_EQ(scale.sizes, (std::vector<uint64_t>{4097}));
  EXPECT_EQ(scale.swizzle, 0);
  const FakeTensorMap &weights = getFake().maps[3];
  EXPECT_EQ(weights.sizes, (std::vector<uint64_t>{64, 301}));
  EXPECT_EQ(weights.strides, (std::vector<uint64_t>{256}));
}

TEST_F(GpuKernelTest, FewQueries) {
  loadKernel();
  mqa_logits_args args = makeArgs();
  args.num_queries = 7;
  ASSERT_EQ(mqa_logits_launch(kernel, &args, nullptr), MQA_SUCCESS);
  EXPECT_EQ(getFake().launches[0].gridX, 4u * 17u) << "no more than tiles";
  EXPECT_EQ(getFake().launches[0].gridY, 1u);
  args.num_keys = 100000;
  args.out_stride = 100000;
  ASSERT_EQ(mqa_logits_launch(kernel, &args, nullptr), MQA_SUCCESS);
  EXPECT_EQ(getFake().launches[1].gridX, 132u);
}

TEST_F(GpuKernelTest, WholeQueryBlocks) {
  nlohmann::json manifest = makeGpuManifest();
  manifest["kernels"][0]["split"] = "blocks";
  mqa_bundle_destroy(bundle);
  ASSERT_EQ(load(makeBundle(manifest, "ptx", "// PTX"), &bundle), MQA_SUCCESS);
  loadKernel();
  mqa_logits_args args = makeArgs();
  args.num_queries = 7;
  ASSERT_EQ(mqa_logits_launch(kernel, &args, nullptr), MQA_SUCCESS);
  EXPECT_EQ(getFake().launches[0].gridX, 4u);
}

TEST_F(GpuKernelTest, NothingToDo) {
  loadKernel();
  mqa_logits_args args = {};
  args.num_keys = 100;
  EXPECT_EQ(mqa_logits_launch(kernel, &args, nullptr), MQA_SUCCESS)
      << mqa_last_error();
  args.num_queries = 100;
  args.num_keys = 0;
  EXPECT_EQ(mqa_logits_launch(kernel, &args, nullptr), MQA_SUCCESS)
      << mqa_last_error();
  EXPECT_TRUE(getFake().launches.empty());
}

TEST_F(GpuKernelTest, WrongDevice) {
  getFake().major = 8;
  EXPECT_EQ(mqa_kernel_load(bundle, nullptr, 0, &kernel),
            MQA_ERROR_UNSUPPORTED);
  EXPECT_STREQ(mqa_last_error(),
               "kernel 'logits' is for sm_90a, the device is sm_80");
  getFake().major = 9;
  getFake().sharedMemory = 100000;
  EXPECT_EQ(mqa_kernel_load(bundle, nullptr, 0, &kernel),
            MQA_ERROR_UNSUPPORTED);
  EXPECT_STREQ(mqa_last_error(), "kernel 'logits' needs 168960 bytes of shared "
                                 "memory for sm_90a, the device (sm_90) has "
                                 "100000");
}

TEST_F(GpuKernelTest, EveryFailingCallOfLoad) {
  for (const char *call :
       {"cuCtxGetCurrent", "cuDeviceGet", "cuDevicePrimaryCtxRetain",
        "cuDeviceGetAttribute", "cuCtxPushCurrent", "cuModuleLoadData",
        "cuModuleGetFunction", "cuFuncSetAttribute"}) {
    getFake().failingCall = call;
    EXPECT_EQ(mqa_kernel_load(bundle, nullptr, 0, &kernel), MQA_ERROR_DRIVER)
        << call;
    EXPECT_EQ(std::string(mqa_last_error()),
              std::string(call) + " failed: an illegal memory access was "
                                  "encountered (CUDA error 700)");
    EXPECT_EQ(kernel, nullptr);
    EXPECT_EQ(getFake().liveModules, 0) << call;
    EXPECT_EQ(getFake().retainedContexts, 0) << call;
    EXPECT_EQ(getFake().pushedContexts, 0) << call;
  }
  getFake().failingCall = "";
  loadKernel();
}

TEST_F(GpuKernelTest, EveryFailingCallOfLaunch) {
  loadKernel();
  mqa_logits_args args = makeArgs();
  for (const char *call : {"cuTensorMapEncodeTiled", "cuCtxGetCurrent",
                           "cuCtxPushCurrent", "cuLaunchKernelEx"}) {
    getFake().failingCall = call;
    EXPECT_EQ(mqa_logits_launch(kernel, &args, nullptr), MQA_ERROR_DRIVER)
        << call;
    EXPECT_EQ(getFake().pushedContexts, 0) << call;
  }
  getFake().failingCall = "";
  EXPECT_EQ(mqa_logits_launch(kernel, &args, nullptr), MQA_SUCCESS)
      << "the handle stays usable";
}

TEST_F(GpuKernelTest, BadArguments) {
  loadKernel();
  EXPECT_EQ(mqa_logits_launch(kernel, nullptr, nullptr),
            MQA_ERROR_INVALID_ARGUMENT);
  EXPECT_STREQ(mqa_last_error(), "args is null");
  mqa_logits_args good = makeArgs(), args = good;
  EXPECT_EQ(mqa_logits_launch(nullptr, &args, nullptr),
            MQA_ERROR_INVALID_ARGUMENT);

  args = good, args.q = nullptr, expectInvalid(args, "q is null");
  args = good, args.k = nullptr, expectInvalid(args, "k is null");
  args = good, args.k_scale = nullptr, expectInvalid(args, "k_scale is null");
  args = good, args.weights = nullptr, expectInvalid(args, "weights is null");
  args = good, args.ks = nullptr, expectInvalid(args, "ks is null");
  args = good, args.ke = nullptr, expectInvalid(args, "ke is null");
  args = good, args.out = nullptr, expectInvalid(args, "out is null");

  args = good, args.q = address<void>(0x10008),
  expectInvalid(
      args,
      "q: a tensor-map load needs a 16-byte aligned address, found 65544");
  args = good, args.k = address<void>(0x20001),
  expectInvalid(args, "k: a tensor-map load needs a 16-byte aligned");
  args = good, args.k_scale = address<float>(0x30004),
  expectInvalid(args, "k_scale: a tensor-map load needs a 16-byte aligned");
  args = good, args.weights = address<float>(0x40002),
  expectInvalid(args, "weights must be aligned to 4 bytes");
  args = good, args.out = address<float>(0x70001),
  expectInvalid(args, "out must be aligned to 4 bytes, found address 458753");
  args = good, args.ks = address<int32_t>(0x50002),
  expectInvalid(args, "ks must be aligned to 4 bytes");

  args = good, args.q_stride = 8191,
  expectInvalid(args, "q_stride must be from 8192 to 2^40, found 8191");
  args = good, args.q_stride = 8200,
  expectInvalid(args, "q: a tensor-map load needs strides of a multiple of 16 "
                      "bytes, found 8200");
  args = good, args.k_stride = -128,
  expectInvalid(args, "k_stride must be from 128 to 2^40, found -128");
  args = good, args.weights_stride = 66,
  expectInvalid(args, "weights: a tensor-map load needs strides of a multiple "
                      "of 16 bytes, found 264");
  args = good, args.out_stride = 4096,
  expectInvalid(args, "out_stride must be from 4097 to 2^40, found 4096");
  args = good, args.out_stride = int64_t(1) << 31,
  expectInvalid(args, "out_stride must be at most 1073741823 for this kernel");
  args = good, args.q_stride = int64_t(1) << 40,
  expectInvalid(args, "q: a tensor map has strides below 2^40 bytes");

  args = good, args.q_stride = int64_t(1) << 40, args.num_queries = 1 << 30,
  expectInvalid(args, "q of 1073741824 rows with a stride of 1099511627776 "
                      "elements is larger than memory can be");

  args = good, args.num_queries = -1,
  expectInvalid(args, "num_queries must be from 0 to 2147482623, found -1");
  args = good, args.num_keys = int64_t(1) << 31,
  expectInvalid(args,
                "num_keys must be from 0 to 2147482623, found 2147483648");
  EXPECT_TRUE(getFake().launches.empty());
}

TEST_F(GpuKernelTest, FixedSizes) {
  mqa_bundle_destroy(bundle);
  nlohmann::json manifest = makeGpuManifest();
  manifest["kernels"][0]["num_queries"] = 300;
  manifest["kernels"][0]["num_keys"] = 4097;
  ASSERT_EQ(load(makeBundle(manifest, "ptx", "// PTX"), &bundle), MQA_SUCCESS);
  loadKernel();
  expectInvalid(makeArgs(),
                "num_queries must be 300 for this kernel, found 301");
}

// Weights may be left out: then they are not an argument.
TEST_F(GpuKernelTest, WithoutWeights) {
  mqa_bundle_destroy(bundle);
  nlohmann::json manifest = makeGpuManifest();
  manifest["kernels"][0]["parameters"].erase(3);
  ASSERT_EQ(load(makeBundle(manifest, "ptx", "// PTX"), &bundle), MQA_SUCCESS);
  mqa_kernel_info info;
  ASSERT_EQ(mqa_bundle_kernel_info(bundle, 0, &info), MQA_SUCCESS);
  EXPECT_EQ(info.has_weights, 0);
  EXPECT_EQ(info.has_k_scale, 1);
  loadKernel();
  mqa_logits_args args = makeArgs();
  args.weights = nullptr;
  args.weights_stride = 0;
  EXPECT_EQ(mqa_logits_launch(kernel, &args, nullptr), MQA_SUCCESS)
      << mqa_last_error();
}

// One handle, many threads: each launches with its own arguments, and sees its
// own errors.
TEST_F(GpuKernelTest, SixteenThreads) {
  getFake().parameterCount = 1;
  loadKernel();
  constexpr int kThreads = 16, kLaunches = 1000;
  std::vector<std::thread> threads;
  std::atomic<int> wrong{0};
  for (int t = 0; t < kThreads; ++t)
    threads.emplace_back([&, t] {
      mqa_logits_args args = makeArgs();
      args.q = address<void>(0x100000 + 0x1000 * t);
      for (int i = 0; i < kLaunches; ++i) {
        wrong += mqa_logits_launch(kernel, &args, address<void>(t + 1)) !=
                 MQA_SUCCESS;
        if (i % 100)
          continue;
        mqa_logits_args bad = args;
        bad.num_keys = -1 - t;
        wrong += mqa_logits_launch(kernel, &bad, nullptr) !=
                 MQA_ERROR_INVALID_ARGUMENT;
        wrong +=
            std::string(mqa_last_error())
                .find("found " + std::to_string(-1 - t)) == std::string::npos;
      }
    });
  for (std::thread &thread : threads)
    thread.join();
  EXPECT_EQ(wrong, 0);
  const FakeCudaState &fake = getFake();
  ASSERT_EQ(fake.launches.size(), size_t(kThreads * kLaunches));
  // The first parameter is the tensor map of q, whose first word says which of
  // the encoded maps it is.
  for (const FakeLaunch &launch : fake.launches) {
    auto thread = reinterpret_cast<uintptr_t>(launch.stream) - 1;
    EXPECT_EQ(fake.maps[launch.parameters[0]].address,
              address<void>(0x100000 + 0x1000 * thread));
  }
}
