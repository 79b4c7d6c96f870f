//===- CpuFeaturesTest.cpp - What the processor can do --------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "CpuFeatures.h"
#include "CpuKernelFixture.h"

using namespace mqa::runtime;
using namespace mqa::test;

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

static CpuIdentity makeX86(std::array<uint32_t, 4> (*readCpuid)(uint32_t,
                                                                uint32_t),
                           uint64_t savedStates) {
  CpuIdentity identity;
  identity.machine = CpuIdentity::Machine::X86_64;
  identity.readCpuid = readCpuid;
  identity.savedStates = savedStates;
  return identity;
}

TEST(CpuFeaturesTest, TheProcessorAndTheSystemMustHaveThem) {
  auto find = [](const char *name, const CpuIdentity &identity) {
    return findCpuFeature(name, identity);
  };
  for (const char *name : {"sse2", "bmi", "f16c", "avx512f", "avx512fp16",
                           "amx-tile", "amx-fp8", "avx10.1"})
    EXPECT_EQ(find(name, makeX86(haveNothing, ~0ull)), FeatureState::Absent)
        << name;
  // Bits 1, 2: SSE and AVX; 5 to 7: AVX-512; 17 and 18: tiles.
  for (uint64_t states : {0x0ull, 0x2ull, 0x6ull, 0x26ull, 0xe6ull, 0x200e6ull,
                          0x400e6ull, 0x600e6ull, 0x60006ull}) {
    CpuIdentity identity = makeX86(haveAll, states);
    bool avx = (states & 0x6) == 0x6, avx512 = (states & 0xe6) == 0xe6,
         tiles = (states & 0x60000) == 0x60000;
    auto expected = [](bool enabled) {
      return enabled ? FeatureState::Present : FeatureState::NotEnabled;
    };
    for (const char *name : {"sse2", "bmi", "bmi2", "lzcnt", "64bit", "crc32"})
      EXPECT_EQ(find(name, identity), FeatureState::Present) << name;
    for (const char *name : {"avx", "avx2", "f16c", "fma", "avxvnni"})
      EXPECT_EQ(find(name, identity), expected(avx)) << name << states;
    for (const char *name : {"avx512f", "avx512vl", "avx512fp16", "avx512bf16",
                             "avx10.1", "avx10.2"})
      EXPECT_EQ(find(name, identity), expected(avx512)) << name << states;
    for (const char *name : {"amx-tile", "amx-bf16", "amx-int8", "amx-fp16",
                             "amx-complex", "amx-fp8", "amx-tf32", "amx-movrs"})
      EXPECT_EQ(find(name, identity), expected(tiles)) << name << states;
    EXPECT_EQ(find("amx-avx512", identity), expected(tiles && avx512))
        << states;
  }
  CpuIdentity older = makeX86(lackFp16, ~0ull);
  EXPECT_EQ(find("avx512fp16", older), FeatureState::Absent);
  EXPECT_EQ(find("avx512f", older), FeatureState::Present);
}

/// Where CPUID tells of one feature alone.
struct Place {
  uint32_t leaf, subleaf;
  int reg, bit;
};
static Place onlyPlace;

static std::array<uint32_t, 4> haveOne(uint32_t leaf, uint32_t subleaf) {
  std::array<uint32_t, 4> registers{};
  if (leaf == onlyPlace.leaf && subleaf == onlyPlace.subleaf)
    registers[onlyPlace.reg] = 1u << onlyPlace.bit;
  return registers;
}

// By the manuals: the test above would take any bit for any other.
TEST(CpuFeaturesTest, EachHasItsBit) {
  constexpr int kEax = 0, kEbx = 1, kEdx = 3;
  std::pair<const char *, Place> places[] = {
      {"avx512f", {7, 0, kEbx, 16}},    {"amx-bf16", {7, 0, kEdx, 22}},
      {"avx512fp16", {7, 0, kEdx, 23}}, {"amx-tile", {7, 0, kEdx, 24}},
      {"amx-int8", {7, 0, kEdx, 25}},   {"avx512bf16", {7, 1, kEax, 5}},
      {"amx-fp16", {7, 1, kEax, 21}},   {"amx-complex", {7, 1, kEdx, 8}},
      {"amx-fp8", {0x1e, 1, kEax, 4}},  {"amx-tf32", {0x1e, 1, kEax, 6}},
      {"amx-movrs", {0x1e, 1, kEax, 8}}};
  for (const auto &[present, place] : places) {
    onlyPlace = place;
    for (const auto &[name, other] : places)
      EXPECT_EQ(findCpuFeature(name, makeX86(haveOne, ~0ull)),
                std::string(name) == present ? FeatureState::Present
                                             : FeatureState::Absent)
          << name << " of a processor with " << present;
  }
}

/// A processor with version 1 of AVX10.
static std::array<uint32_t, 4> haveAvx10(uint32_t leaf, uint32_t subleaf) {
  std::array<uint32_t, 4> registers{};
  if (leaf == 7 && subleaf == 1)
    registers[3] = 1u << 19;
  if (leaf == 0x24)
    registers[1] = 0x70001;
  return registers;
}

/// One without, whose last leaf has something else.
static std::array<uint32_t, 4> lackAvx10(uint32_t leaf, uint32_t) {
  std::array<uint32_t, 4> registers{};
  if (leaf == 0x24)
    registers[1] = 0xff;
  return registers;
}

TEST(CpuFeaturesTest, VersionsOfAvx10) {
  CpuIdentity identity = makeX86(haveAvx10, ~0ull);
  EXPECT_EQ(findCpuFeature("avx10.1", identity), FeatureState::Present);
  EXPECT_EQ(findCpuFeature("avx10.2", identity), FeatureState::Absent);
  EXPECT_EQ(findCpuFeature("avx10.1", makeX86(lackAvx10, ~0ull)),
            FeatureState::Absent);
}

TEST(CpuFeaturesTest, AArch64) {
  auto find = [](const char *name, uint64_t first, uint64_t second) {
    CpuIdentity identity;
    identity.machine = CpuIdentity::Machine::AArch64;
    identity.capabilities = {first, second};
    return findCpuFeature(name, identity);
  };
  // Of Linux's asm/hwcap.h.
  constexpr uint64_t kFp = 1, kAsimd = 2, kFphp = 1 << 9, kAsimdhp = 1 << 10,
                     kAsimddp = 1 << 20, kSve = 1 << 22, kI8mm = 1 << 13,
                     kBf16 = 1 << 14;
  struct {
    const char *name;
    uint64_t first, second;
  } features[] = {{"fp-armv8", kFp, 0},
                  {"neon", kAsimd, 0},
                  {"fullfp16", kFphp | kAsimdhp, 0},
                  {"dotprod", kAsimddp, 0},
                  {"sve", kSve, 0},
                  {"i8mm", 0, kI8mm},
                  {"bf16", 0, kBf16}};
  for (const auto &feature : features) {
    EXPECT_EQ(find(feature.name, feature.first, feature.second),
              FeatureState::Present)
        << feature.name;
    EXPECT_EQ(find(feature.name, ~feature.first, ~feature.second),
              FeatureState::Absent)
        << feature.name;
  }
  EXPECT_EQ(find("fullfp16", kFphp, ~0ull), FeatureState::Absent);
  EXPECT_EQ(find("avx", ~0ull, ~0ull), FeatureState::Unknown);
  EXPECT_EQ(findCpuFeature("neon", makeX86(haveAll, ~0ull)),
            FeatureState::Unknown);
}

TEST(CpuFeaturesTest, Errors) {
  EXPECT_EQ(
      checkCpuFeatures("f", {"sse2", "avx512fp16"}, makeX86(lackFp16, ~0ull)),
      MQA_ERROR_UNSUPPORTED);
  EXPECT_STREQ(mqa_last_error(),
               "kernel 'f' needs a processor with 'avx512fp16'");
  EXPECT_EQ(checkCpuFeatures("f", {"amx-tile"}, makeX86(haveAll, 0xe6)),
            MQA_ERROR_UNSUPPORTED);
  EXPECT_STREQ(mqa_last_error(), "kernel 'f' needs a processor with "
                                 "'amx-tile', which the operating system has "
                                 "not enabled");
  EXPECT_EQ(checkCpuFeatures("f", {"avx2048"}, makeX86(haveAll, ~0ull)),
            MQA_ERROR_UNSUPPORTED);
  EXPECT_STREQ(mqa_last_error(), "kernel 'f' needs a processor with 'avx2048', "
                                 "which this runtime does not know");
  EXPECT_EQ(checkCpuFeatures("f", {}, makeX86(haveNothing, 0)), MQA_SUCCESS);
}

#ifdef __x86_64__
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
           {"avx512fp16", "avx512_fp16"},
           {"amx-tile", "amx_tile"},
           {"amx-bf16", "amx_bf16"},
           {"amx-int8", "amx_int8"},
           {"amx-fp16", "amx_fp16"}})
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
