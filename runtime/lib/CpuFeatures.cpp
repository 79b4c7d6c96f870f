//===- CpuFeatures.cpp - What the processor can do ------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "CpuFeatures.h"

#if defined(__x86_64__)
#include <cpuid.h>
#include <sys/syscall.h>
#include <unistd.h>
#elif defined(__aarch64__)
#include <sys/auxv.h>
#endif

#include <cerrno>

using namespace mqa::runtime;

//===----------------------------------------------------------------------===//
// x86-64
//===----------------------------------------------------------------------===//

namespace {
enum Register { Eax, Ebx, Ecx, Edx };

/// Register states, by their bits in XCR0. AVX-512 needs all of the five, and
/// tiles need their configuration and their data.
constexpr uint64_t kNone = 0, kAvx = 0x6, kAvx512 = 0xe6, kTiles = 3ull << 17;

/// Where CPUID tells of a feature, and which state its registers are.
struct Feature {
  const char *name;
  uint32_t leaf, subleaf;
  Register reg;
  int bit;
  uint64_t states;
};

/// From Intel's and AMD's manuals ("CPUID"), by LLVM's names. That the system
/// saves tiles does not yet let a process use them: TilePermission.h.
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
    {"amx-bf16", 7, 0, Edx, 22, kTiles},
    {"amx-tile", 7, 0, Edx, 24, kTiles},
    {"amx-int8", 7, 0, Edx, 25, kTiles},
    {"amx-fp16", 7, 1, Eax, 21, kTiles},
    {"amx-complex", 7, 1, Edx, 8, kTiles},
    {"amx-fp8", 0x1e, 1, Eax, 4, kTiles},
    {"amx-tf32", 0x1e, 1, Eax, 6, kTiles},
    {"amx-avx512", 0x1e, 1, Eax, 7, kTiles | kAvx512},
    {"amx-movrs", 0x1e, 1, Eax, 8, kTiles},
    {"sahf", 0x80000001, 0, Ecx, 0, kNone},
    {"lzcnt", 0x80000001, 0, Ecx, 5, kNone},
    {"sse4a", 0x80000001, 0, Ecx, 6, kNone},
    {"prfchw", 0x80000001, 0, Ecx, 8, kNone},
    {"xop", 0x80000001, 0, Ecx, 11, kAvx},
    {"fma4", 0x80000001, 0, Ecx, 16, kAvx},
    {"tbm", 0x80000001, 0, Ecx, 21, kNone},
    {"64bit", 0x80000001, 0, Edx, 29, kNone},
};

/// Versions of AVX10, of which CPUID tells the last that the processor has.
struct Version {
  const char *name;
  uint32_t least;
};
constexpr Version kAvx10Versions[] = {{"avx10.1", 1}, {"avx10.2", 2}};
} // namespace

static FeatureState getState(bool present, uint64_t states,
                             const CpuIdentity &identity) {
  if (!present)
    return FeatureState::Absent;
  return (identity.savedStates & states) == states ? FeatureState::Present
                                                   : FeatureState::NotEnabled;
}

static FeatureState findX86Feature(const std::string &name,
                                   const CpuIdentity &identity) {
  for (const Feature &feature : kFeatures) {
    if (name != feature.name)
      continue;
    uint32_t value =
        identity.readCpuid(feature.leaf, feature.subleaf)[feature.reg];
    return getState(value >> feature.bit & 1, feature.states, identity);
  }
  for (const Version &version : kAvx10Versions) {
    if (name != version.name)
      continue;
    // Leaf 7 says whether there is a leaf for the version.
    bool hasAvx10 = identity.readCpuid(7, 1)[Edx] >> 19 & 1;
    uint32_t found = hasAvx10 ? identity.readCpuid(0x24, 0)[Ebx] & 0xff : 0;
    return getState(found >= version.least, kAvx512, identity);
  }
  return FeatureState::Unknown;
}

//===----------------------------------------------------------------------===//
// AArch64
//===----------------------------------------------------------------------===//

namespace {
/// All of the bits of one word of Linux's capabilities.
struct Capability {
  const char *name;
  int word;
  uint64_t bits;
};

/// From Linux's asm/hwcap.h, by LLVM's names. Linux tells of a feature only if
/// it saves the registers.
constexpr Capability kCapabilities[] = {
    {"fp-armv8", 0, 1ull << 0},
    {"neon", 0, 1ull << 1},
    // Scalars and vectors have a bit each.
    {"fullfp16", 0, 1ull << 9 | 1ull << 10},
    {"dotprod", 0, 1ull << 20},
    {"sve", 0, 1ull << 22},
    {"fp16fml", 0, 1ull << 23},
    {"sve2", 1, 1ull << 1},
    {"i8mm", 1, 1ull << 13},
    {"bf16", 1, 1ull << 14},
};
} // namespace

static FeatureState findAArch64Feature(const std::string &name,
                                       const CpuIdentity &identity) {
  for (const Capability &capability : kCapabilities)
    if (name == capability.name)
      return (identity.capabilities[capability.word] & capability.bits) ==
                     capability.bits
                 ? FeatureState::Present
                 : FeatureState::Absent;
  return FeatureState::Unknown;
}

FeatureState mqa::runtime::findCpuFeature(const std::string &name,
                                          const CpuIdentity &identity) {
  switch (identity.machine) {
  case CpuIdentity::Machine::X86_64:
    return findX86Feature(name, identity);
  case CpuIdentity::Machine::AArch64:
    return findAArch64Feature(name, identity);
  case CpuIdentity::Machine::Other:
    break;
  }
  return FeatureState::Unknown;
}

//===----------------------------------------------------------------------===//
// This machine
//===----------------------------------------------------------------------===//

#if defined(__x86_64__)

static std::array<uint32_t, 4> readHost(uint32_t leaf, uint32_t subleaf) {
  std::array<uint32_t, 4> registers{};
  // What lies behind the last subleaf is not defined.
  if ((leaf == 7 || leaf == 0x1e) && subleaf > 0 &&
      readHost(leaf, 0)[Eax] < subleaf)
    return {};
  if (!__get_cpuid_count(leaf, subleaf, &registers[0], &registers[1],
                         &registers[2], &registers[3]))
    return {};
  return registers;
}

static int requestHostState(int state) {
  // Headers of kernels before 5.16 have no name for it.
  constexpr int kRequestPermission = 0x1023;
  return syscall(SYS_arch_prctl, kRequestPermission, state) ? errno : 0;
}

CpuIdentity CpuIdentity::getHost() {
  CpuIdentity identity;
  identity.machine = Machine::X86_64;
  identity.readCpuid = readHost;
  identity.requestState = requestHostState;
  // XGETBV is there where the system has turned it on (OSXSAVE).
  constexpr uint32_t kOsXsave = 1u << 27;
  if (readHost(1, 0)[Ecx] & kOsXsave) {
    uint32_t low, high;
    __asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
    identity.savedStates = uint64_t(high) << 32 | low;
  }
  return identity;
}

#elif defined(__aarch64__)

CpuIdentity CpuIdentity::getHost() {
  CpuIdentity identity;
  identity.machine = Machine::AArch64;
  identity.capabilities = {getauxval(AT_HWCAP), getauxval(AT_HWCAP2)};
  return identity;
}

#else

CpuIdentity CpuIdentity::getHost() { return {}; }

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
