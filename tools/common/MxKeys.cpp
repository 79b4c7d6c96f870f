//===- MxKeys.cpp - MXFP4 keys on the host --------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "MxKeys.h"

#include <cmath>

using namespace mqa::tools;

static const float kMagnitudes[] = {0, 0.5, 1, 1.5, 2, 3, 4, 6};

uint8_t mqa::tools::encodeMx(float value) {
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

void mqa::tools::storeMxElement(Problem &problem, int64_t slot, int64_t i,
                                uint8_t code) {
  int64_t at = slot * problem.shape.headDim + i;
  int shift = at % 2 ? 4 : 0;
  uint8_t &byte = problem.k[at / 2];
  byte = static_cast<uint8_t>((byte & ~(15 << shift)) | code << shift);
}

void mqa::tools::storeMxScale(Problem &problem, int64_t slot, int64_t block,
                              int byte) {
  uint32_t &word = problem.blockScales[slot];
  word &= ~(0xffu << 8 * block);
  word |= static_cast<uint32_t>(byte) << 8 * block;
}

void mqa::tools::quantizeMxKey(Problem &problem, int64_t slot,
                               const float *row) {
  for (int64_t block = 0; block < problem.shape.headDim / kMxBlock; ++block) {
    const float *own = row + block * kMxBlock;
    float largest = 1e-4f;
    for (int64_t i = 0; i < kMxBlock; ++i)
      largest = std::max(largest, std::fabs(own[i]));
    int exponent =
        static_cast<int>(std::ceil(std::log2(largest / kMagnitudes[7])));
    for (int64_t i = 0; i < kMxBlock; ++i)
      storeMxElement(problem, slot, block * kMxBlock + i,
                     encodeMx(std::ldexp(own[i], -exponent)));
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
  if (!format.hasMxKeys)
    return decodeAll(format.input, k);
  int64_t d = shape.headDim;
  std::vector<float> keys(blockScales.size() * d);
  for (size_t slot = 0; slot < blockScales.size(); ++slot)
    for (int64_t i = 0; i < d; ++i) {
      size_t at = slot * d + i;
      int code = k[at / 2] >> (at % 2 ? 4 : 0) & 15;
      int less =
          getGreatest(*this, slot) -
          static_cast<int>(blockScales[slot] >> 8 * (i / kMxBlock) & 0xff);
      float magnitude = std::ldexp(kMagnitudes[code % 8], -less);
      keys[at] = code >= 8 ? -magnitude : magnitude;
    }
  return keys;
}

std::vector<float> Problem::getKeyScales() const {
  if (!format.hasMxKeys)
    return kScale;
  std::vector<float> scales(blockScales.size());
  for (size_t slot = 0; slot < scales.size(); ++slot) {
    int byte = getGreatest(*this, slot);
    scales[slot] = byte == kMxNaN ? std::numeric_limits<float>::quiet_NaN()
                                  : std::ldexp(1.0f, byte - kMxBias);
  }
  return scales;
}
