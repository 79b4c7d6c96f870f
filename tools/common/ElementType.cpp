//===- ElementType.cpp - Small floating-point types on the host -----------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "ElementType.h"
#include "Parallel.h"

#include <algorithm>
#include <cmath>
#include <limits>

using namespace mqa::tools;

const char *mqa::tools::getTypeName(mqa_element_type type) {
  switch (type) {
  case MQA_F8E4M3FN:
    return "f8E4M3FN";
  case MQA_F8E5M2:
    return "f8E5M2";
  case MQA_BF16:
    return "bf16";
  case MQA_F16:
    return "f16";
  case MQA_F32:
    return "f32";
  case MQA_I32:
    return "i32";
  case MQA_I8:
    return "i8";
  }
  return "unknown";
}

float mqa::tools::getMax(mqa_element_type type) {
  return decode(type, getFloatFormat(type).getLargest());
}

static float computeValue(mqa_element_type type, uint32_t bits) {
  FloatFormat format = getFloatFormat(type);
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

/// The value of every code of a type of at most 16 bits.
template <mqa_element_type type> static const std::vector<float> &getValues() {
  static const std::vector<float> values = [] {
    std::vector<float> all(size_t(1) << (8 * getBytes(type)));
    for (size_t bits = 0; bits < all.size(); ++bits)
      all[bits] = computeValue(type, static_cast<uint32_t>(bits));
    return all;
  }();
  return values;
}

float mqa::tools::decode(mqa_element_type type, uint32_t bits) {
  switch (type) {
  case MQA_F8E4M3FN:
    return getValues<MQA_F8E4M3FN>()[bits];
  case MQA_F8E5M2:
    return getValues<MQA_F8E5M2>()[bits];
  case MQA_BF16:
    return getValues<MQA_BF16>()[bits];
  case MQA_F16:
    return getValues<MQA_F16>()[bits];
  default:
    float value;
    std::memcpy(&value, &bits, sizeof(value));
    return value;
  }
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
