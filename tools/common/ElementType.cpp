//===- ElementType.cpp - Small floating-point types on the host -----------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "ElementType.h"
#include "Parallel.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>

using namespace mqa::tools;

namespace {
/// A sign, then exponent, then mantissa. Without infinity, all ones are NaN and
/// the other codes of the largest exponent are numbers.
struct Format {
  int exponentBits, mantissaBits;
  bool hasInfinity;

  int getBias() const { return (1 << (exponentBits - 1)) - 1; }
  int getTopExponent() const { return (1 << exponentBits) - 1; }
  uint32_t getSignBit() const { return 1u << (exponentBits + mantissaBits); }
  uint32_t getInfinity() const {
    return static_cast<uint32_t>(getTopExponent()) << mantissaBits;
  }
  uint32_t getNaN() const {
    return hasInfinity ? getInfinity() | 1u << (mantissaBits - 1)
                       : getSignBit() - 1;
  }
  uint32_t getLargest() const {
    return hasInfinity ? getInfinity() - 1 : getNaN() - 1;
  }
};
} // namespace

static Format getFormat(mqa_element_type type) {
  switch (type) {
  case MQA_F8E4M3FN:
    return {4, 3, false};
  case MQA_F8E5M2:
    return {5, 2, true};
  case MQA_BF16:
    return {8, 7, true};
  case MQA_F16:
    return {5, 10, true};
  default:
    return {8, 23, true};
  }
}

int mqa::tools::getBytes(mqa_element_type type) {
  Format format = getFormat(type);
  return (1 + format.exponentBits + format.mantissaBits) / 8;
}

float mqa::tools::getMax(mqa_element_type type) {
  return decode(type, getFormat(type).getLargest());
}

float mqa::tools::decode(mqa_element_type type, uint32_t bits) {
  Format format = getFormat(type);
  uint32_t magnitude = bits & (format.getSignBit() - 1);
  float sign = bits & format.getSignBit() ? -1.0f : 1.0f;
  if (magnitude > format.getLargest())
    return format.hasInfinity && magnitude == format.getInfinity()
               ? sign * std::numeric_limits<float>::infinity()
               : std::numeric_limits<float>::quiet_NaN();
  int exponent = static_cast<int>(magnitude >> format.mantissaBits);
  uint32_t one = 1u << format.mantissaBits;
  uint32_t mantissa = magnitude & (one - 1);
  if (exponent > 0)
    mantissa |= one;
  return sign * std::ldexp(static_cast<float>(mantissa),
                           std::max(exponent, 1) - format.getBias() -
                               format.mantissaBits);
}

uint32_t mqa::tools::encode(mqa_element_type type, float value) {
  if (type == MQA_F32) {
    uint32_t bits;
    std::memcpy(&bits, &value, sizeof(bits));
    return bits;
  }
  Format format = getFormat(type);
  uint32_t sign = std::signbit(value) ? format.getSignBit() : 0;
  if (std::isnan(value))
    return sign | format.getNaN();
  float magnitude = std::fabs(value);
  if (std::isinf(value))
    return sign |
           (format.hasInfinity ? format.getInfinity() : format.getLargest());
  int least = 1 - format.getBias();
  int exponent = magnitude > 0 ? std::max(std::ilogb(magnitude), least) : least;
  // In units of the last mantissa bit; nearbyint rounds to nearest even. A
  // mantissa that rounds up to the next power of two carries into the exponent.
  auto steps = static_cast<uint32_t>(
      std::nearbyint(std::ldexp(magnitude, format.mantissaBits - exponent)));
  uint32_t bits =
      (static_cast<uint32_t>(exponent - least) << format.mantissaBits) + steps;
  if (bits > format.getLargest())
    bits = format.hasInfinity ? format.getInfinity() : format.getLargest();
  return sign | bits;
}

uint32_t mqa::tools::loadBits(mqa_element_type type, const uint8_t *data,
                              size_t i) {
  uint32_t bits = 0;
  int bytes = getBytes(type);
  std::memcpy(&bits, data + i * bytes, bytes);
  return bits;
}

void mqa::tools::storeBits(mqa_element_type type, uint8_t *data, size_t i,
                           uint32_t bits) {
  int bytes = getBytes(type);
  std::memcpy(data + i * bytes, &bits, bytes);
}

std::vector<float> mqa::tools::decodeAll(mqa_element_type type,
                                         const std::vector<uint8_t> &data) {
  std::vector<float> values(data.size() / getBytes(type));
  constexpr int64_t kGrain = 1 << 16;
  parallelFor(values.size(), kGrain, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i)
      values[i] = decode(type, loadBits(type, data.data(), i));
  });
  return values;
}
