//===- BundleLoadTest.cpp - Which kernel of several targets is loaded -----===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// For the GPU that the fake driver has, or for the CPU.
//
//===----------------------------------------------------------------------===//

#include "FakeCuda.h"
#include "PartsBundle.h"

using namespace mqa::test;
using nlohmann::json;

namespace {
struct BundleLoadTest : testing::Test {
  void SetUp() override { getFake() = FakeCudaState(); }
  void TearDown() override {
    EXPECT_EQ(getFake().liveModules, 0);
    EXPECT_EQ(getFake().retainedContexts, 0);
  }
  void setDevice(int major, int minor, int sharedMemory) {
    getFake().major = major;
    getFake().minor = minor;
    getFake().sharedMemory = sharedMemory;
  }
  /// The target of what `loadKernel` loads from the bundle; the message where
  /// it does not.
  template <typename Load>
  std::string loadFrom(const std::string &data, Load loadKernel) {
    mqa_bundle *bundle;
    mqa_kernel *kernel = nullptr;
    EXPECT_EQ(load(data, &bundle), MQA_SUCCESS) << mqa_last_error();
    status = loadKernel(bundle, &kernel);
    std::string result = mqa_last_error();
    // A kernel keeps what it needs.
    mqa_bundle_destroy(bundle);
    mqa_kernel_info info;
    if (kernel) {
      EXPECT_EQ(mqa_kernel_get_info(kernel, &info), MQA_SUCCESS);
      result = info.target;
    }
    mqa_kernel_destroy(kernel);
    return result;
  }
  std::string loadBest(const std::string &data, const char *name = nullptr) {
    return loadFrom(data, [&](mqa_bundle *bundle, mqa_kernel **kernel) {
      return mqa_kernel_load(bundle, name, 0, kernel);
    });
  }
  mqa_status status = MQA_SUCCESS;
};
} // namespace

TEST_F(BundleLoadTest, TheBestForTheDevice) {
  std::string data = makePart("sm_80") + makePart("sm_90a");
  setDevice(8, 6, 101376);
  EXPECT_EQ(loadBest(data, "logits"), "sm_80");
  EXPECT_EQ(getFake().image, "// sm_80");
  setDevice(9, 0, 232448);
  EXPECT_EQ(loadBest(data), "sm_90a");
  EXPECT_EQ(getFake().image, "// sm_90a");
  // Another generation's driver compiles the PTX that is for all.
  setDevice(10, 0, 232448);
  EXPECT_EQ(loadBest(data), "sm_80");
  EXPECT_EQ(loadBest(data + makePart("sm_120")), "sm_80");
  EXPECT_EQ(loadBest(makePart("sm_89") + data), "sm_89");
  setDevice(12, 0, 101376);
  EXPECT_EQ(loadBest(data + makePart("sm_120")), "sm_120");
}

TEST_F(BundleLoadTest, NoneForTheDevice) {
  std::string data = makePart("sm_80") + makePart("sm_90a");
  setDevice(7, 5, 65536);
  EXPECT_EQ(loadBest(data),
            "kernel 'logits' is for sm_80 and sm_90a, the device is sm_75");
  EXPECT_EQ(status, MQA_ERROR_UNSUPPORTED);
  EXPECT_EQ(loadBest(data + makePart("sm_120")),
            "kernel 'logits' is for sm_80, sm_90a and sm_120, the device is "
            "sm_75");
  setDevice(8, 6, 101376);
  EXPECT_EQ(loadBest(makePart("sm_90a")),
            "kernel 'logits' is for sm_90a, the device is sm_86");
}

TEST_F(BundleLoadTest, SharedMemory) {
  std::string large = makePartOf(makeManifest("sm_80", 160000));
  setDevice(8, 6, 101376);
  EXPECT_EQ(loadBest(large + makePart("sm_86")), "sm_86");
  EXPECT_EQ(
      loadBest(makePart("sm_80") + makePartOf(makeManifest("sm_86", 150000))),
      "sm_80");
  EXPECT_EQ(
      loadBest(large + makePartOf(makeManifest("sm_86", 150000)) +
               makePart("sm_90a")),
      "kernel 'logits' needs 150000 bytes of shared memory for sm_86, the "
      "device (sm_86) has 101376");
  EXPECT_EQ(status, MQA_ERROR_UNSUPPORTED);
}

// A kernel that one part alone has is that part's.
TEST_F(BundleLoadTest, OtherNames) {
  json manifest = makeManifest("sm_86");
  manifest["kernels"][0]["name"] = "other";
  std::string data = makePart("sm_80") + makePartOf(manifest);
  setDevice(8, 6, 101376);
  EXPECT_EQ(loadBest(data), "sm_80");
  EXPECT_EQ(loadBest(data, "other"), "sm_86");
  EXPECT_EQ(loadBest(data, "none"), "the bundle has no kernel 'none'");
  EXPECT_EQ(status, MQA_ERROR_NOT_FOUND);
}

// Of parts for several CPUs, the one that needs most of what the machine has.
TEST_F(BundleLoadTest, Processors) {
  std::string any = makeCpuPart(), other = makeCpuPart({"magic"}),
              another = makeCpuPart({"magic", "wand"});
  EXPECT_EQ(loadBest(other + any), "cpu");
  EXPECT_EQ(loadBest(any + other), "cpu");
  EXPECT_EQ(loadBest(another + other),
            "kernel 'any' needs a processor with 'magic', which this runtime "
            "does not know");
  EXPECT_EQ(status, MQA_ERROR_UNSUPPORTED);
#if defined(__x86_64__)
  const char *const has = "sse2";
#elif defined(__aarch64__)
  const char *const has = "neon";
#else
  GTEST_SKIP() << "no feature that every such machine has";
#endif
  // That it is tried first shows where it cannot be loaded.
  json manifest = makeCpuManifest();
  manifest["cpu_features"] = {has};
  manifest["kernels"][0]["name"] = "any";
  std::string broken =
      makeBundle(manifest, "object", readFile(MQA_FAKE_TOPK_TASK));
  EXPECT_EQ(loadBest(any + broken),
            "bundle: the object has no function mqa_task_any");
  EXPECT_EQ(status, MQA_ERROR_INVALID_BUNDLE);
}

TEST_F(BundleLoadTest, DeviceKinds) {
  // The CPU's kernel under the GPU's name: of the same op.
  json manifest = makeManifest("sm_80");
  json &kernel = manifest["kernels"][0];
  kernel["name"] = "any";
  kernel["num_heads"] = 4;
  kernel["head_dim"] = 16;
  std::string gpu = makePartOf(manifest), cpu = makeCpuPart();
  setDevice(8, 0, 166912);
  EXPECT_EQ(loadBest(cpu + gpu), "sm_80") << "a GPU's first";
  EXPECT_EQ(loadBest(gpu + cpu), "sm_80");
  EXPECT_EQ(loadBest(cpu), "cpu");
  auto loadFor = [&](const std::string &data, int kind) {
    return loadFrom(data, [&](mqa_bundle *bundle, mqa_kernel **kernel) {
      return mqa_kernel_load_for(bundle, "any", kind, 1, kernel);
    });
  };
  EXPECT_EQ(loadFor(gpu + cpu, MQA_DEVICE_CPU), "cpu");
  EXPECT_EQ(loadFor(gpu + cpu, MQA_DEVICE_CUDA), "sm_80");
  EXPECT_EQ(loadFor(cpu, MQA_DEVICE_CUDA),
            "the bundle has no kernel 'any' for a GPU, it is for cpu");
  EXPECT_EQ(status, MQA_ERROR_NOT_FOUND);
  EXPECT_EQ(loadFor(gpu, MQA_DEVICE_CPU),
            "the bundle has no kernel 'any' for the CPU, it is for sm_80");
  EXPECT_EQ(loadFor(gpu, 7),
            "kind must be MQA_DEVICE_CPU or MQA_DEVICE_CUDA, found 7");
  EXPECT_EQ(status, MQA_ERROR_INVALID_ARGUMENT);
  // By its place in the bundle, whatever else there is.
  for (size_t i : {0, 1})
    EXPECT_EQ(loadFrom(gpu + cpu,
                       [&](mqa_bundle *bundle, mqa_kernel **kernel) {
                         return mqa_kernel_load_at(bundle, i, 1, kernel);
                       }),
              i ? "cpu" : "sm_80");
  EXPECT_EQ(loadFrom(gpu + cpu,
                     [&](mqa_bundle *bundle, mqa_kernel **kernel) {
                       return mqa_kernel_load_at(bundle, 2, 1, kernel);
                     }),
            "the bundle has 2 kernels, index is 2");
}

TEST_F(BundleLoadTest, NullArguments) {
  mqa_kernel *kernel;
  mqa_kernel_info info;
  EXPECT_EQ(mqa_kernel_load_for(nullptr, nullptr, MQA_DEVICE_CPU, 0, &kernel),
            MQA_ERROR_INVALID_ARGUMENT);
  EXPECT_EQ(mqa_kernel_load_at(nullptr, 0, 0, &kernel),
            MQA_ERROR_INVALID_ARGUMENT);
  EXPECT_EQ(mqa_kernel_get_info(nullptr, &info), MQA_ERROR_INVALID_ARGUMENT);
  EXPECT_STREQ(mqa_last_error(), "kernel is null");
}
