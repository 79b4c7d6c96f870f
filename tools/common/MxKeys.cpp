//===- MxKeys.cpp - Keys with block scales on the host --------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "MxKeys.h"

#include <cmath>

using namespace mqa::tools;

static const float kMagnitudes[] = {0, 0.5, 1, 1.5, 2, 3, 4, 6};

/// The code of the f4E2M1FN that is nearest to `value`, of two the even one.
static uint8_t encodeFp4(float value) {
  float magnitude = std::fabs(value);
  uint8_t best = 0;
  for (uint8_t code = 1; code < 8; ++code) {
    float own = std::fabs(magnitude - kMagnitudes[code]);
    float other = std::fabs(magnitude - kMagnitudes[best]);
    if (own < other || (own == other && code % 2 == 0))
      best = code;
  }
  return best | (std::signbit(value) ? 8 : 0);
}

static float decodeFp4(uint8_t code) {
  return code >= 8 ? -kMagnitudes[code % 8] : kMagnitudes[code];
}

float mqa::tools::getMaxMx(const Format &format) {
  return format.mxKeys == MQA_I8 ? kMagnitudes[7] : getMax(*format.mxKeys);
}

void mqa::tools::storeMxElement(Problem &problem, int64_t slot, int64_t i,
                                float value) {
  int64_t at = slot * problem.shape.headDim + i;
  mqa_element_type type = problem.format.getKeyType();
  if (type != MQA_I8)
    return storeBits(type, problem.k.data(), at, encode(type, value));
  int shift = at % 2 ? 4 : 0, code = encodeFp4(value);
  uint8_t &byte = problem.k[at / 2];
  byte = static_cast<uint8_t>((byte & ~(15 << shift)) | code << shift);
}

static float loadMxElement(const Problem &problem, int64_t slot, int64_t i) {
  int64_t at = slot * problem.shape.headDim + i;
  mqa_element_type type = problem.format.getKeyType();
  if (type != MQA_I8)
    return decode(type, loadBits(type, problem.k.data(), at));
  return decodeFp4(problem.k[at / 2] >> (at % 2 ? 4 : 0) & 15);
}

void mqa::tools::storeMxScale(Problem &problem, int64_t slot, int64_t block,
                              int byte) {
  uint32_t &word = problem.blockScales[slot];
  word &= ~(0xffu << 8 * block);
  word |= static_cast<uint32_t>(byte) << 8 * block;
}

void mqa::tools::quantizeMxKey(Problem &problem, int64_t slot,
                               const float *row) {
  float greatest = getMaxMx(problem.format);
  for (int64_t block = 0; block < problem.shape.headDim / kMxBlock; ++block) {
    const float *own = row + block * kMxBlock;
    float largest = 1e-4f;
    for (int64_t i = 0; i < kMxBlock; ++i)
      largest = std::max(largest, std::fabs(own[i]));
    int exponent = static_cast<int>(std::ceil(std::log2(largest / greatest)));
    for (int64_t i = 0; i < kMxBlock; ++i)
      storeMxElement(problem, slot, block * kMxBlock + i,
                     std::ldexp(own[i], -exponent));
    storeMxScale(problem, slot, block, kMxBias + exponent);
  }
}

/// The greatest of a key's block scales, which `getKeyScales` has.
static int getGreatest(const Problem &problem, int64_t slot) {
  int greatest = 0;
  for (int64_t block = 0; block < problem.shape.headDim / kMxBlock; ++block)
    greatest =
        std::max<int>(greatest, problem.blockScales[slot] >> 8 * block & 0xff);
  return greatest;
}

std::vector<float> Problem::decodeKeys() const {
  if (!format.hasMxKeys())
    return decodeAll(format.input, k);
  int64_t d = shape.headDim;
  std::vector<float> keys(blockScales.size() * d);
  for (size_t slot = 0; slot < blockScales.size(); ++slot)
    for (int64_t i = 0; i < d; ++i) {
      int less =
          getGreatest(*this, slot) -
          static_cast<int>(blockScales[slot] >> 8 * (i / kMxBlock) & 0xff);
      keys[slot * d + i] = std::ldexp(loadMxElement(*this, slot, i), -less);
    }
  return keys;
}

std::vector<float> Problem::getKeyScales() const {
  if (!format.hasMxKeys())
    return kScale;
  std::vector<float> scales(blockScales.size());
  for (size_t slot = 0; slot < scales.size(); ++slot) {
    int byte = getGreatest(*this, slot);
    scales[slot] = byte == kMxNaN ? std::numeric_limits<float>::quiet_NaN()
                                  : std::ldexp(1.0f, byte - kMxBias);
  }
  return scales;
}
