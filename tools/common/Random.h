//===- Random.h - Drawn values that do not depend on an order ---*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef MQA_TOOLS_COMMON_RANDOM_H
#define MQA_TOOLS_COMMON_RANDOM_H

#include "ElementType.h"

#include <cstdint>

namespace mqa::tools {

/// Values of the half of the normal distribution that is above 0, as likely as
/// each other: a problem may take a billion of them, which would take a minute
/// by logarithms and cosines.
inline constexpr int64_t kNumNormals = 1 << 15;
const float *getNormals();

/// What a type makes of them. Of negative ones, the sign bit is set.
const uint32_t *getNormalCodes(mqa_element_type type);

/// A counter-based generator: value i does not depend on the others, so threads
/// need no order (splitmix64, Steele et al., 2014).
class Random {
public:
  Random(uint64_t seed, uint64_t stream)
      : key(mix(seed ^ (stream * 0x9e3779b97f4a7c15ull))) {}
  uint64_t bits(uint64_t i) const {
    return mix(key + i * 0x9e3779b97f4a7c15ull);
  }
  /// In (0, 1).
  double uniform(uint64_t i) const { return ((bits(i) >> 11) + 0.5) * 0x1p-53; }
  int64_t integer(uint64_t i, int64_t min, int64_t max) const {
    return min +
           static_cast<int64_t>(bits(i) % static_cast<uint64_t>(max - min + 1));
  }
  float normal(uint64_t i) const {
    uint64_t drawn = bits(i);
    float value = getNormals()[getNormalIndex(drawn)];
    return drawn >> 63 ? -value : value;
  }
  /// Its highest bit is the sign.
  static uint64_t getNormalIndex(uint64_t drawn) {
    return (drawn >> 48) % kNumNormals;
  }

private:
  static uint64_t mix(uint64_t z) {
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ull;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebull;
    return z ^ (z >> 31);
  }
  uint64_t key;
};

/// What is drawn, each by itself.
enum Drawn { kQuery, kKey, kWeights, kRanges, kScale, kTable, kBlocks };

/// Values that a thread draws at once.
inline constexpr int64_t kGrain = 1 << 16;

} // namespace mqa::tools

#endif // MQA_TOOLS_COMMON_RANDOM_H
