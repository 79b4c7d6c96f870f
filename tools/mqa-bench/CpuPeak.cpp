//===- CpuPeak.cpp - What a CPU's arithmetic can do -----------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "CpuPeak.h"
#include "CpuFeatures.h"
#include "Device.h"
#include "ElementType.h"

#include <algorithm>
#include <functional>

#if defined(__x86_64__)
#include <cpuid.h>
#include <immintrin.h>
#include <sys/syscall.h>
#include <unistd.h>
#endif

using namespace mqa::tools;

/// Two operands of either side. Read at run time: the compiler must not add
/// constants up.
static volatile float left[] = {1, 2}, right[] = {0.5, 0.25};

/// Where each sum starts, read for each: else the compiler sees that some of
/// them are the same, and computes one.
static volatile float zero = 0;

#if defined(__x86_64__)

static bool hasAll(std::initializer_list<const char *> features) {
  auto host = mqa::runtime::CpuIdentity::getHost();
  for (const char *feature : features)
    if (findCpuFeature(feature, host) != mqa::runtime::FeatureState::Present)
      return false;
  return true;
}

//===----------------------------------------------------------------------===//
// AMX: tiles of 16 x 16 in f32, of 16 x 32 by 32 x 16 in bf16
//===----------------------------------------------------------------------===//

/// Tiles are the processor's, the operating system's (XCR0), and the process's,
/// which must ask for them.
static bool hasAmx() {
  uint32_t eax, ebx, ecx, edx;
  constexpr uint32_t kBf16 = 1u << 22, kTile = 1u << 24;
  if (!__get_cpuid_count(7, 0, &eax, &ebx, &ecx, &edx) ||
      (edx & (kBf16 | kTile)) != (kBf16 | kTile))
    return false;
  constexpr uint64_t kTileStates = uint64_t(3) << 17;
  auto host = mqa::runtime::CpuIdentity::getHost();
  if ((host.savedStates & kTileStates) != kTileStates)
    return false;
  constexpr long kRequestPermission = 0x1023, kTileData = 18;
  return syscall(SYS_arch_prctl, kRequestPermission, kTileData) == 0;
}

static constexpr int kTileRows = 16, kTileColumns = 16, kTileDepth = 32;
static constexpr int64_t kAmxOperations =
    4 * 2 * kTileRows * kTileColumns * kTileDepth;

namespace {
/// What LDTILECFG reads.
struct alignas(64) TileConfig {
  uint8_t palette = 1, startRow = 0, reserved[14] = {};
  uint16_t rowBytes[16] = {};
  uint8_t rows[16] = {};
};
} // namespace

/// All elements of a tile are the same: how a unit orders them is no matter.
static void fillTile(uint16_t *elements, float value) {
  for (int i = 0; i < kTileRows * kTileDepth; ++i)
    elements[i] = static_cast<uint16_t>(encode(MQA_BF16, value));
}

__attribute__((target("amx-tile,amx-bf16"))) static double
runAmx(int64_t iterations) {
  TileConfig config;
  for (int i = 0; i < 8; ++i) {
    config.rowBytes[i] = kTileDepth * sizeof(uint16_t);
    config.rows[i] = kTileRows;
  }
  alignas(64) uint16_t operands[4][kTileRows * kTileDepth];
  for (int i = 0; i < 2; ++i) {
    fillTile(operands[i], left[i]);
    fillTile(operands[2 + i], right[i]);
  }
  alignas(64) float sums[4][kTileRows * kTileColumns];
  constexpr int kStride = 64;
  _tile_loadconfig(&config);
  _tile_zero(0);
  _tile_zero(1);
  _tile_zero(2);
  _tile_zero(3);
  _tile_loadd(4, operands[0], kStride);
  _tile_loadd(5, operands[1], kStride);
  _tile_loadd(6, operands[2], kStride);
  _tile_loadd(7, operands[3], kStride);
  for (int64_t i = 0; i < iterations; ++i) {
    _tile_dpbf16ps(0, 4, 6);
    _tile_dpbf16ps(1, 4, 7);
    _tile_dpbf16ps(2, 5, 6);
    _tile_dpbf16ps(3, 5, 7);
  }
  _tile_stored(0, sums[0], kStride);
  _tile_stored(1, sums[1], kStride);
  _tile_stored(2, sums[2], kStride);
  _tile_stored(3, sums[3], kStride);
  _tile_release();
  double sum = 0;
  for (const auto &tile : sums)
    for (float element : tile)
      sum += element;
  return sum;
}

//===----------------------------------------------------------------------===//
// Vectors
//===----------------------------------------------------------------------===//

/// More than the latency of an instruction times those that start in a cycle.
/// 12 leave room for the operands among 16 registers.
static constexpr int kSums = 16, kAvx2Sums = 12;

static bool hasAvx512Bf16() { return hasAll({"avx512f", "avx512bf16"}); }

__attribute__((target("avx512f,avx512bf16"))) static double
runAvx512Bf16(int64_t iterations) {
  __m512bh a[2], b[2];
  for (int i = 0; i < 2; ++i) {
    a[i] =
        _mm512_cvtne2ps_pbh(_mm512_set1_ps(left[i]), _mm512_set1_ps(left[i]));
    b[i] =
        _mm512_cvtne2ps_pbh(_mm512_set1_ps(right[i]), _mm512_set1_ps(right[i]));
  }
  __m512 sums[kSums];
  for (__m512 &sum : sums)
    sum = _mm512_set1_ps(zero);
  for (int64_t i = 0; i < iterations; ++i)
    for (int s = 0; s < kSums; ++s)
      sums[s] = _mm512_dpbf16_ps(sums[s], a[s % 2], b[s / 2 % 2]);
  double sum = 0;
  for (const __m512 &vector : sums)
    for (int lane = 0; lane < 16; ++lane)
      sum += vector[lane];
  return sum;
}

static bool hasAvx512() { return hasAll({"avx512f"}); }

__attribute__((target("avx512f"))) static double runAvx512(int64_t iterations) {
  __m512 a[2], b[2], sums[kSums];
  for (int i = 0; i < 2; ++i) {
    a[i] = _mm512_set1_ps(left[i]);
    b[i] = _mm512_set1_ps(right[i]);
  }
  for (__m512 &sum : sums)
    sum = _mm512_set1_ps(zero);
  for (int64_t i = 0; i < iterations; ++i)
    for (int s = 0; s < kSums; ++s)
      sums[s] = _mm512_fmadd_ps(a[s % 2], b[s / 2 % 2], sums[s]);
  double sum = 0;
  for (const __m512 &vector : sums)
    for (int lane = 0; lane < 16; ++lane)
      sum += vector[lane];
  return sum;
}

static bool hasAvx2() { return hasAll({"avx2", "fma"}); }

__attribute__((target("avx2,fma"))) static double runAvx2(int64_t iterations) {
  __m256 a[2], b[2], sums[kAvx2Sums];
  for (int i = 0; i < 2; ++i) {
    a[i] = _mm256_set1_ps(left[i]);
    b[i] = _mm256_set1_ps(right[i]);
  }
  for (__m256 &sum : sums)
    sum = _mm256_set1_ps(zero);
  for (int64_t i = 0; i < iterations; ++i)
    for (int s = 0; s < kAvx2Sums; ++s)
      sums[s] = _mm256_fmadd_ps(a[s % 2], b[s / 2 % 2], sums[s]);
  double sum = 0;
  for (const __m256 &vector : sums)
    for (int lane = 0; lane < 8; ++lane)
      sum += vector[lane];
  return sum;
}

#endif

/// Four floats, which every 64-bit processor has registers for.
typedef float Vector __attribute__((vector_size(16)));

/// With operands and a product, as many as SSE has registers for.
static constexpr int kPlainSums = 12;

static double runPlain(int64_t iterations) {
  // A sum is multiplied by one. The product of two operands is the same each
  // time: the compiler would compute it once.
  float one = left[0];
  float term = (left[0] + left[1]) * (right[0] + right[1]) / 4;
  Vector factor{one, one, one, one}, terms{term, term, term, term};
  Vector sums[kPlainSums];
  for (Vector &sum : sums) {
    float start = zero;
    sum = Vector{start, start, start, start};
  }
  for (int64_t i = 0; i < iterations; ++i)
    for (Vector &sum : sums)
      sum = sum * factor + terms;
  double sum = 0;
  for (const Vector &vector : sums)
    for (int lane = 0; lane < 4; ++lane)
      sum += vector[lane];
  return sum;
}

//===----------------------------------------------------------------------===//
// Which one, and how much of it
//===----------------------------------------------------------------------===//

const std::vector<PeakUnit> &mqa::tools::getPeakUnits() {
  static const std::vector<PeakUnit> units = {
#if defined(__x86_64__)
    {"amx-bf16", hasAmx, runAmx, kAmxOperations},
    {"avx512bf16", hasAvx512Bf16, runAvx512Bf16, 2 * kSums * 32},
    {"avx512f", hasAvx512, runAvx512, 2 * kSums * 16},
    {"avx2", hasAvx2, runAvx2, 2 * kAvx2Sums * 8},
#endif
    {"portable", [] { return true; }, runPlain, 2 * kPlainSums * 4}
  };
  return units;
}

static double timeUnit(Device &device, const PeakUnit &unit,
                       int64_t iterations) {
  // Something else may have held up all but the fastest.
  std::vector<double> times = device.time(3, [&] { unit.run(iterations); });
  return *std::min_element(times.begin(), times.end());
}

const PeakUnit &mqa::tools::choosePeakUnit(const std::string &name) {
  // What is newer need not be faster: some processors split dot products of
  // bf16.
  std::unique_ptr<Device> device = Device::create("cpu");
  constexpr int64_t kIterations = 1 << 14;
  const PeakUnit *fastest = nullptr;
  double bestRate = -1;
  for (const PeakUnit &unit : getPeakUnits()) {
    if (!(name.empty() || name == unit.name) || !unit.isUsable())
      continue;
    double time = timeUnit(*device, unit, kIterations);
    double rate = static_cast<double>(unit.operations) / time;
    if (rate > bestRate) {
      bestRate = rate;
      fastest = &unit;
    }
  }
  if (!fastest)
    fatal("--peak: this machine has no '" + name + "'");
  return *fastest;
}

PeakLoop::PeakLoop(const PeakUnit &unit, runtime::ThreadPool &pool)
    : unit(unit), pool(pool) {
  // Twice as many tasks until they take two milliseconds, but not for ever:
  // where time stands still, the last number will do.
  constexpr double kLeastUs = 2000;
  std::unique_ptr<Device> device = Device::create("cpu");
  while (oneThread < 4096 &&
         timeUnit(*device, unit, oneThread * kIterations) < kLeastUs)
    oneThread *= 2;
}

void PeakLoop::launch() const {
  auto task = [&](int64_t, int) { unit.run(kIterations); };
  require(pool.run(oneThread * pool.getNumThreads(), std::ref(task)));
}
