//===- CpuRead.cpp - How fast a CPU reads memory --------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "CpuRead.h"
#include "CpuFeatures.h"

#include <algorithm>
#include <atomic>
#include <fstream>
#include <functional>

#include <unistd.h>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

using namespace mqa::tools;

int64_t mqa::tools::getCacheBytes() {
  int64_t largest = 0;
  for (int i = 0; i < 8; ++i) {
    std::ifstream file("/sys/devices/system/cpu/cpu0/cache/index" +
                       std::to_string(i) + "/size");
    int64_t size = 0;
    char unit = 0;
    file >> size >> unit;
    largest = std::max(largest, size * (unit == 'K'   ? 1 << 10
                                        : unit == 'M' ? 1 << 20
                                                      : 1));
  }
#if defined(_SC_LEVEL3_CACHE_SIZE)
  if (largest == 0)
    largest = sysconf(_SC_LEVEL3_CACHE_SIZE);
#endif
  // Nobody knows: that of a server, so that a read is rather of memory.
  return largest > 0 ? largest : int64_t(64) << 20;
}

/// Eight numbers a line.
static uint64_t sumLines(const uint64_t *data, int64_t lines) {
  uint64_t sums[16] = {};
  for (int64_t i = 0; i + 2 <= lines; i += 2)
    for (int lane = 0; lane < 16; ++lane)
      sums[lane] += data[8 * i + lane];
  uint64_t sum = 0;
  for (uint64_t own : sums)
    sum += own;
  for (int lane = 0; lines % 2 && lane < 8; ++lane)
    sum += data[8 * (lines - 1) + lane];
  return sum;
}

#if defined(__x86_64__)
/// A line an instruction: a buffer that fits L2 is read faster than by SSE.
__attribute__((target("avx512f"))) static uint64_t
sumLinesAvx512(const uint64_t *data, int64_t lines) {
  __m512i sums[4];
  for (__m512i &sum : sums)
    sum = _mm512_setzero_si512();
  int64_t i = 0;
  for (; i + 4 <= lines; i += 4)
    for (int s = 0; s < 4; ++s)
      sums[s] =
          _mm512_add_epi64(sums[s], _mm512_load_si512(data + 8 * (i + s)));
  for (; i < lines; ++i)
    sums[0] = _mm512_add_epi64(sums[0], _mm512_load_si512(data + 8 * i));
  alignas(64) uint64_t lanes[8];
  _mm512_store_si512(lanes,
                     _mm512_add_epi64(_mm512_add_epi64(sums[0], sums[1]),
                                      _mm512_add_epi64(sums[2], sums[3])));
  uint64_t sum = 0;
  for (uint64_t lane : lanes)
    sum += lane;
  return sum;
}
#endif

static auto chooseSum() {
#if defined(__x86_64__)
  if (findCpuFeature("avx512f", mqa::runtime::CpuIdentity::getHost()) ==
      mqa::runtime::FeatureState::Present)
    return sumLinesAvx512;
#endif
  return sumLines;
}

/// Of a task, in lines: small enough that threads end together, large enough
/// that the start of a task is nothing.
static int64_t getGrain(int64_t lines, int threads) {
  return std::clamp<int64_t>(lines / (8 * threads), 64, 1 << 14);
}

MemoryRead::MemoryRead(Device &device, runtime::ThreadPool &pool, int64_t bytes,
                       int64_t partBytes)
    : pool(pool), lines(std::max<int64_t>(1, (bytes + kLine - 1) / kLine)),
      partLines(
          std::clamp<int64_t>((partBytes + kLine - 1) / kLine, 1, lines)) {
  buffer = device.allocate(lines * kLine);
  // By all threads: each page comes to be where one of them runs.
  int64_t grain = getGrain(lines, pool.getNumThreads());
  auto *numbers = buffer->as<uint64_t>();
  auto task = [&](int64_t piece, int) {
    int64_t first = piece * grain * 8;
    int64_t last = std::min(lines, (piece + 1) * grain) * 8;
    for (int64_t i = first; i < last; ++i)
      numbers[i] = i;
  };
  require(pool.run((lines + grain - 1) / grain, std::ref(task)));
}

void MemoryRead::launch() {
  static const auto sumOf = chooseSum();
  if (next + partLines > lines)
    next = 0;
  const uint64_t *numbers = buffer->as<uint64_t>(next * 8);
  int64_t grain = getGrain(partLines, pool.getNumThreads());
  std::atomic<uint64_t> total{0};
  auto task = [&](int64_t piece, int) {
    int64_t first = piece * grain;
    total += sumOf(numbers + first * 8, std::min(grain, partLines - first));
  };
  require(pool.run((partLines + grain - 1) / grain, std::ref(task)));
  sum = total;
  next += partLines;
}

MemoryRead mqa::tools::makeColdRead(Device &device, runtime::ThreadPool &pool) {
  // Twice the cache: what was read is gone when its turn comes again. Some
  // systems tell of a cache that many guests share; no more than a quarter of
  // the memory is taken for it.
  constexpr int64_t kPart = int64_t(128) << 20;
  int64_t parts = std::max<int64_t>(4, (2 * getCacheBytes() - 1) / kPart + 1);
  int64_t memory =
      static_cast<int64_t>(sysconf(_SC_PHYS_PAGES)) * sysconf(_SC_PAGESIZE);
  parts = std::clamp<int64_t>(memory / 4 / kPart, 1, parts);
  return MemoryRead(device, pool, parts * kPart, kPart);
}
