//===- Fp8.cpp - f8E4M3FN on the host -------------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Fp8.h"

#include <algorithm>
#include <cmath>
#include <limits>

using namespace mqa::tools;

float mqa::tools::decodeFp8(uint8_t bits) {
  int exponent = (bits >> 3) & 15, mantissa = bits & 7;
  float sign = bits & 0x80 ? -1.0f : 1.0f;
  if (exponent == 15 && mantissa == 7)
    return std::numeric_limits<float>::quiet_NaN();
  if (exponent == 0)
    return sign * std::ldexp(static_cast<float>(mantissa), -9);
  return sign * std::ldexp(static_cast<float>(8 + mantissa), exponent - 10);
}

uint8_t mqa::tools::encodeFp8(float value) {
  uint8_t sign = std::signbit(value) ? 0x80 : 0;
  if (std::isnan(value))
    return sign | 0x7f;
  float magnitude = std::min(std::fabs(value), kFp8Max);
  int exponent = magnitude > 0 ? std::ilogb(magnitude) : -6;
  if (exponent < -6)
    exponent = -6;
  // In units of the last mantissa bit; nearbyint rounds to nearest even.
  int steps =
      static_cast<int>(std::nearbyint(std::ldexp(magnitude, 3 - exponent)));
  // 16 steps are the next power of two; below 8 steps it is subnormal.
  int bits = steps < 8 ? steps : ((exponent + 7) << 3) + (steps - 8);
  return sign | static_cast<uint8_t>(bits);
}
