//===- ElementType.h - Small floating-point types on the host ---*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef MQA_TOOLS_COMMON_ELEMENTTYPE_H
#define MQA_TOOLS_COMMON_ELEMENTTYPE_H

#include "mqa/Runtime.h"

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <vector>

namespace mqa::tools {

/// A sign, then exponent, then mantissa. Without infinity, all ones are NaN and
/// the other codes of the largest exponent are numbers.
struct FloatFormat {
  int exponentBits, mantissaBits;
  bool hasInfinity;

  constexpr int getBias() const { return (1 << (exponentBits - 1)) - 1; }
  constexpr int getTopExponent() const { return (1 << exponentBits) - 1; }
  constexpr uint32_t getSignBit() const {
    return 1u << (exponentBits + mantissaBits);
  }
  constexpr uint32_t getInfinity() const {
    return static_cast<uint32_t>(getTopExponent()) << mantissaBits;
  }
  constexpr uint32_t getNaN() const {
    return hasInfinity ? getInfinity() | 1u << (mantissaBits - 1)
                       : getSignBit() - 1;
  }
  constexpr uint32_t getLargest() const {
    return hasInfinity ? getInfinity() - 1 : getNaN() - 1;
  }
};

constexpr FloatFormat getFloatFormat(mqa_element_type type) {
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

/// Bytes of an element.
constexpr int getBytes(mqa_element_type type) {
  if (type == MQA_I8)
    return 1;
  FloatFormat format = getFloatFormat(type);
  return (1 + format.exponentBits + format.mantissaBits) / 8;
}

/// Its name in MLIR.
const char *getTypeName(mqa_element_type type);

/// The largest finite value.
float getMax(mqa_element_type type);

/// The value of a floating-point type's bits.
float decode(mqa_element_type type, uint32_t bits);

/// Rounds to nearest even. Past the largest finite value f8E4M3FN saturates,
/// the others become infinite. (Problems have up to a billion elements: hence
/// here, and by operations on bits.)
inline uint32_t encode(mqa_element_type type, float value) {
  uint32_t bits;
  std::memcpy(&bits, &value, sizeof(bits));
  if (type == MQA_F32)
    return bits;
  const FloatFormat format = getFloatFormat(type);
  const FloatFormat f32 = getFloatFormat(MQA_F32);
  uint32_t sign = bits & f32.getSignBit() ? format.getSignBit() : 0;
  uint32_t magnitude = bits & ~f32.getSignBit();
  if (magnitude > f32.getInfinity())
    return sign | format.getNaN();
  int shift = f32.mantissaBits - format.mantissaBits;
  int lessBias = f32.getBias() - format.getBias();
  if (magnitude < static_cast<uint32_t>(lessBias + 1) << f32.mantissaBits) {
    // A number with the type's last bit as its own last bit: the sum is rounded
    // to it.
    uint32_t stepBits = static_cast<uint32_t>(lessBias + 1 + shift)
                        << f32.mantissaBits;
    float step, small;
    std::memcpy(&step, &stepBits, sizeof(step));
    std::memcpy(&small, &magnitude, sizeof(small));
    step += small;
    std::memcpy(&bits, &step, sizeof(bits));
    return sign | (bits - stepBits);
  }
  // A mantissa that rounds up to the next power of two carries into the
  // exponent.
  uint32_t half = (1u << (shift - 1)) - 1 + ((magnitude >> shift) & 1);
  uint32_t code = ((magnitude + half) >> shift) -
                  (static_cast<uint32_t>(lessBias) << format.mantissaBits);
  if (code > format.getLargest())
    code = format.hasInfinity ? format.getInfinity() : format.getLargest();
  return sign | code;
}

/// Element `i` of packed elements.
inline uint32_t loadBits(mqa_element_type type, const uint8_t *data, size_t i) {
  uint16_t half;
  uint32_t word;
  switch (getBytes(type)) {
  case 1:
    return data[i];
  case 2:
    std::memcpy(&half, data + i * sizeof(half), sizeof(half));
    return half;
  default:
    std::memcpy(&word, data + i * sizeof(word), sizeof(word));
    return word;
  }
}
inline void storeBits(mqa_element_type type, uint8_t *data, size_t i,
                      uint32_t bits) {
  auto half = static_cast<uint16_t>(bits);
  switch (getBytes(type)) {
  case 1:
    data[i] = static_cast<uint8_t>(bits);
    return;
  case 2:
    std::memcpy(data + i * sizeof(half), &half, sizeof(half));
    return;
  default:
    std::memcpy(data + i * sizeof(bits), &bits, sizeof(bits));
  }
}

/// All elements of `data`.
std::vector<float> decodeAll(mqa_element_type type,
                             const std::vector<uint8_t> &data);

} // namespace mqa::tools

#endif // MQA_TOOLS_COMMON_ELEMENTTYPE_H
