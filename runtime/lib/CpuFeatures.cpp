//===- CpuFeatures.cpp - What the processor can do ------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "CpuFeatures.h"

#if defined(__x86_64__)
#include <cpuid.h>
#elif defined(__aarch64__)
#include <sys/auxv.h>
#endif

using namespace mqa::runtime;

#if defined(__x86_64__)

namespace {
enum Register { Eax, Ebx, Ecx, Edx };

/// Register states, by their bits in XCR0. AVX-512 needs all of the five.
constexpr uint64_t kNone = 0, kAvx = 0x6, kAvx512 = 0xe6;

/// Where CPUID tells of a feature, and which state its registers are.
struct Feature {
  const char *name;
  uint32_t leaf, subleaf;
  Register reg;
  int bit;
  uint64_t states;
};

/// From Intel's and AMD's manuals ("CPUID"), by LLVM's names. Matrix tiles are
/// not here: a process must ask the system for them, and no kernel uses them.
constexpr Feature kFeatures[] = {
    {"x87", 1, 0, Edx, 0, kNone},
    {"cx8", 1, 0, Edx, 8, kNone},
    {"cmov", 1, 0, Edx, 15, kNone},
    {"mmx", 1, 0, Edx, 23, kNone},
    {"fxsr", 1, 0, Edx, 24, kNone},
    {"sse", 1, 0, Edx, 25, kNone},
    {"sse2", 1, 0, Edx, 26, kNone},
    {"sse3", 1, 0, Ecx, 0, kNone},
    {"pclmul", 1, 0, Ecx, 1, kNone},
    {"ssse3", 1, 0, Ecx, 9, kNone},
    {"fma", 1, 0, Ecx, 12, kAvx},
    {"cx16", 1, 0, Ecx, 13, kNone},
    {"sse4.1", 1, 0, Ecx, 19, kNone},
    {"sse4.2", 1, 0, Ecx, 20, kNone},
    // The instruction came with SSE4.2 and has no bit of its own.
    {"crc32", 1, 0, Ecx, 20, kNone},
    {"movbe", 1, 0, Ecx, 22, kNone},
    {"popcnt", 1, 0, Ecx, 23, kNone},
    {"aes", 1, 0, Ecx, 25, kNone},
    {"avx", 1, 0, Ecx, 28, kAvx},
    {"f16c", 1, 0, Ecx, 29, kAvx},
    {"rdrnd", 1, 0, Ecx, 30, kNone},
    {"bmi", 7, 0, Ebx, 3, kNone},
    {"avx2", 7, 0, Ebx, 5, kAvx},
    {"bmi2", 7, 0, Ebx, 8, kNone},
    {"avx512f", 7, 0, Ebx, 16, kAvx512},
    {"avx512dq", 7, 0, Ebx, 17, kAvx512},
    {"rdseed", 7, 0, Ebx, 18, kNone},
    {"adx", 7, 0, Ebx, 19, kNone},
    {"avx512ifma", 7, 0, Ebx, 21, kAvx512},
    {"avx512cd", 7, 0, Ebx, 28, kAvx512},
    {"sha", 7, 0, Ebx, 29, kNone},
    {"avx512bw", 7, 0, Ebx, 30, kAvx512},
    {"avx512vl", 7, 0, Ebx, 31, kAvx512},
    {"avx512vbmi", 7, 0, Ecx, 1, kAvx512},
    {"avx512vbmi2", 7, 0, Ecx, 6, kAvx512},
    {"gfni", 7, 0, Ecx, 8, kNone},
    {"vaes", 7, 0, Ecx, 9, kAvx},
    {"vpclmulqdq", 7, 0, Ecx, 10, kAvx},
    {"avx512vnni", 7, 0, Ecx, 11, kAvx512},
    {"avx512bitalg", 7, 0, Ecx, 12, kAvx512},
    {"avx512vpopcntdq", 7, 0, Ecx, 14, kAvx512},
    {"avx512vp2intersect", 7, 0, Edx, 8, kAvx512},
    {"avx512fp16", 7, 0, Edx, 23, kAvx512},
    {"avxvnni", 7, 1, Eax, 4, kAvx},
    {"avx512bf16", 7, 1, Eax, 5, kAvx512},
    {"avxifma", 7, 1, Eax, 23, kAvx},
    {"avxvnniint8", 7, 1, Edx, 4, kAvx},
    {"avxneconvert", 7, 1, Edx, 5, kAvx},
    {"avxvnniint16", 7, 1, Edx, 10, kAvx},
    {"sahf", 0x80000001, 0, Ecx, 0, kNone},
    {"lzcnt", 0x80000001, 0, Ecx, 5, kNone},
    {"sse4a", 0x80000001, 0, Ecx, 6, kNone},
    {"prfchw", 0x80000001, 0, Ecx, 8, kNone},
    {"xop", 0x80000001, 0, Ecx, 11, kAvx},
    {"fma4", 0x80000001, 0, Ecx, 16, kAvx},
    {"tbm", 0x80000001, 0, Ecx, 21, kNone},
    {"64bit", 0x80000001, 0, Edx, 29, kNone},
};
} // namespace

static std::array<uint32_t, 4> readHost(uint32_t leaf, uint32_t subleaf) {
  std::array<uint32_t, 4> registers{};
  // What lies behind the last subleaf is not defined.
  if (leaf == 7 && subleaf > 0 && readHost(7, 0)[Eax] < subleaf)
    return {};
  if (!__get_cpuid_count(leaf, subleaf, &registers[0], &registers[1],
                         &registers[2], &registers[3]))
    return {};
  return registers;
}

CpuIdentity CpuIdentity::getHost() {
  CpuIdentity identity{readHost, 0};
  // XGETBV is there where the system has turned it on (OSXSAVE).
  constexpr uint32_t kOsXsave = 1u << 27;
  if (readHost(1, 0)[Ecx] & kOsXsave) {
    uint32_t low, high;
    __asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
    identity.savedStates = uint64_t(high) << 32 | low;
  }
  return identity;
}

FeatureState mqa::runtime::findCpuFeature(const std::string &name,
                                          const CpuIdentity &identity) {
  for (const Feature &feature : kFeatures) {
    if (name != feature.name)
      continue;
    uint32_t value =
        identity.readCpuid(feature.leaf, feature.subleaf)[feature.reg];
    if (!(value >> feature.bit & 1))
      return FeatureState::Absent;
    if ((identity.savedStates & feature.states) != feature.states)
      return FeatureState::NotEnabled;
    return FeatureState::Present;
  }
  return FeatureState::Unknown;
}

#else

CpuIdentity CpuIdentity::getHost() {
  return {[](uint32_t, uint32_t) { return std::array<uint32_t, 4>{}; }, 0};
}

FeatureState mqa::runtime::findCpuFeature(const std::string &name,
                                          const CpuIdentity &) {
#if defined(__aarch64__)
  // Code is made for the architecture's first version.
  unsigned long capabilities = getauxval(AT_HWCAP);
  if (name == "fp-armv8")
    return capabilities & 1 ? FeatureState::Present : FeatureState::Absent;
  if (name == "neon")
    return capabilities & 2 ? FeatureState::Present : FeatureState::Absent;
#endif
  return FeatureState::Unknown;
}

#endif

mqa_status
mqa::runtime::checkCpuFeatures(const std::string &kernel,
                               const std::vector<std::string> &features,
                               const CpuIdentity &identity) {
  for (const std::string &feature : features) {
    std::string needs =
        "kernel '" + kernel + "' needs a processor with '" + feature + "'";
    switch (findCpuFeature(feature, identity)) {
    case FeatureState::Present:
      break;
    case FeatureState::Absent:
      return fail(MQA_ERROR_UNSUPPORTED, needs);
    case FeatureState::NotEnabled:
      return fail(MQA_ERROR_UNSUPPORTED,
                  needs + ", which the operating system has not enabled");
    case FeatureState::Unknown:
      return fail(MQA_ERROR_UNSUPPORTED,
                  needs + ", which this runtime does not know");
    }
  }
  return MQA_SUCCESS;
}
