//===- CpuFeaturesTest.cpp - What the processor can do --------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "CpuFeatures.h"
#include "CpuKernelFixture.h"

using namespace mqa::runtime;
using namespace mqa::test;

#ifdef __x86_64__
static std::array<uint32_t, 4> haveNothing(uint32_t, uint32_t) { return {}; }

static std::array<uint32_t, 4> haveAll(uint32_t, uint32_t) {
  return {~0u, ~0u, ~0u, ~0u};
}

/// Only AVX512-FP16 beside AVX512F: what an older server lacks.
static std::array<uint32_t, 4> lackFp16(uint32_t leaf, uint32_t subleaf) {
  std::array<uint32_t, 4> registers = haveAll(leaf, subleaf);
  if (leaf == 7 && subleaf == 0)
    registers[3] &= ~(1u << 23);
  return registers;
}

TEST(CpuFeaturesTest, TheProcessorAndTheSystemMustHaveThem) {
  auto find = [](const char *name, const CpuIdentity &identity) {
    return findCpuFeature(name, identity);
  };
  for (const char *name : {"sse2", "bmi", "f16c", "avx512f", "avx512fp16"})
    EXPECT_EQ(find(name, {haveNothing, ~0ull}), FeatureState::Absent) << name;
  // Bits 1, 2: SSE and AVX; 5 to 7: AVX-512.
  for (uint64_t states : {0x0ull, 0x2ull, 0x6ull, 0x26ull, 0xe6ull}) {
    CpuIdentity identity{haveAll, states};
    bool avx = (states & 0x6) == 0x6, avx512 = states == 0xe6;
    auto expected = [](bool enabled) {
      return enabled ? FeatureState::Present : FeatureState::NotEnabled;
    };
    for (const char *name : {"sse2", "bmi", "bmi2", "lzcnt", "64bit", "crc32"})
      EXPECT_EQ(find(name, identity), FeatureState::Present) << name;
    for (const char *name : {"avx", "avx2", "f16c", "fma", "avxvnni"})
      EXPECT_EQ(find(name, identity), expected(avx)) << name << states;
    for (const char *name : {"avx512f", "avx512vl", "avx512fp16", "avx512bf16"})
      EXPECT_EQ(find(name, identity), expected(avx512)) << name << states;
  }
  EXPECT_EQ(find("avx512fp16", {lackFp16, ~0ull}), FeatureState::Absent);
  EXPECT_EQ(find("avx512f", {lackFp16, ~0ull}), FeatureState::Present);
}

TEST(CpuFeaturesTest, Errors) {
  EXPECT_EQ(checkCpuFeatures("f", {"sse2", "avx512fp16"}, {lackFp16, ~0ull}),
            MQA_ERROR_UNSUPPORTED);
  EXPECT_STREQ(mqa_last_error(),
               "kernel 'f' needs a processor with 'avx512fp16'");
  EXPECT_EQ(checkCpuFeatures("f", {"avx"}, {haveAll, 0}),
            MQA_ERROR_UNSUPPORTED);
  EXPECT_STREQ(mqa_last_error(), "kernel 'f' needs a processor with 'avx', "
                                 "which the operating system has not enabled");
  EXPECT_EQ(checkCpuFeatures("f", {"avx2048"}, {haveAll, ~0ull}),
            MQA_ERROR_UNSUPPORTED);
  EXPECT_STREQ(mqa_last_error(), "kernel 'f' needs a processor with 'avx2048', "
                                 "which this runtime does not know");
  EXPECT_EQ(checkCpuFeatures("f", {}, {haveNothing, 0}), MQA_SUCCESS);
}

/// This machine as the kernel describes it, where it does, in names that it
/// shares with LLVM.
TEST(CpuFeaturesTest, AgreesWithTheKernel) {
  std::ifstream file("/proc/cpuinfo");
  std::string flags;
  for (std::string line; flags.empty() && std::getline(file, line);)
    if (line.rfind("flags", 0) == 0)
      flags = line.substr(line.find(':') + 1) + " ";
  if (flags.empty())
    GTEST_SKIP() << "no flags in /proc/cpuinfo";
  CpuIdentity host = CpuIdentity::getHost();
  for (auto [name, flag] :
       std::initializer_list<std::pair<const char *, const char *>>{
           {"sse2", "sse2"},
           {"ssse3", "ssse3"},
           {"sse4.1", "sse4_1"},
           {"sse4.2", "sse4_2"},
           {"popcnt", "popcnt"},
           {"movbe", "movbe"},
           {"lzcnt", "abm"},
           {"bmi", "bmi1"},
           {"bmi2", "bmi2"},
           {"avx", "avx"},
           {"avx2", "avx2"},
           {"fma", "fma"},
           {"f16c", "f16c"},
           {"gfni", "gfni"},
           {"avxvnni", "avx_vnni"},
           {"avx512f", "avx512f"},
           {"avx512bw", "avx512bw"},
           {"avx512cd", "avx512cd"},
           {"avx512dq", "avx512dq"},
           {"avx512vl", "avx512vl"},
           {"avx512ifma", "avx512ifma"},
           {"avx512vbmi", "avx512vbmi"},
           {"avx512vbmi2", "avx512_vbmi2"},
           {"avx512vnni", "avx512_vnni"},
           {"avx512bitalg", "avx512_bitalg"},
           {"avx512vpopcntdq", "avx512_vpopcntdq"},
           {"avx512bf16", "avx512_bf16"},
           {"avx512fp16", "avx512_fp16"}})
    EXPECT_EQ(findCpuFeature(name, host) == FeatureState::Present,
              flags.find(" " + std::string(flag) + " ") != std::string::npos)
        << name;
}
#endif

TEST(CpuFeaturesTest, EachOfTheListIsChecked) {
  nlohmann::json manifest = makeCpuManifest();
  manifest["cpu_features"] = {"no_such_feature"};
#ifdef __x86_64__
  manifest["cpu_features"] = {"sse2", "64bit", "no_such_feature"};
#endif
  mqa_bundle *bundle;
  mqa_kernel *kernel;
  ASSERT_EQ(
      load(makeBundle(manifest, "object", readFile(MQA_FAKE_TASK)), &bundle),
      MQA_SUCCESS);
  EXPECT_EQ(mqa_kernel_load(bundle, nullptr, 1, &kernel),
            MQA_ERROR_UNSUPPORTED);
  EXPECT_STREQ(mqa_last_error(),
               "kernel 'logits' needs a processor with 'no_such_feature', "
               "which this runtime does not know");
  mqa_bundle_destroy(bundle);
}
