//===- MxKeys.cpp - Keys and queries with block scales, on the host -------===//
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
  // A code for each number in the middle of two magnitudes that lies below.
  float x = std::fabs(value);
  int code = (x > 0.25f) + (x >= 0.75f) + (x > 1.25f) + (x >= 1.75f) +
             (x > 2.5f) + (x >= 3.5f) + (x > 5);
  return static_cast<uint8_t>(code | (std::signbit(value) ? 8 : 0));
}

static float decodeFp4(uint8_t code) {
  return code >= 8 ? -kMagnitudes[code % 8] : kMagnitudes[code];
}

float mqa::tools::getMaxMx(mqa_element_type type) {
  return type == MQA_I8 ? kMagnitudes[7] : getMax(type);
}

void mqa::tools::storeMxElement(MxRows rows, int64_t row, int64_t i,
                                float value) {
  int64_t at = row * rows.headDim + i;
  if (rows.type != MQA_I8)
    return storeBits(rows.type, rows.bytes.data(), at,
                     encode(rows.type, value));
  int shift = at % 2 ? 4 : 0, code = encodeFp4(value);
  uint8_t &byte = rows.bytes[at / 2];
  byte = static_cast<uint8_t>((byte & ~(15 << shift)) | code << shift);
}

static float loadMxElement(mqa_element_type type,
                           const std::vector<uint8_t> &bytes, int64_t at) {
  if (type != MQA_I8)
    return decode(type, loadBits(type, bytes.data(), at));
  return decodeFp4(bytes[at / 2] >> (at % 2 ? 4 : 0) & 15);
}

void mqa::tools::storeMxScale(MxRows rows, int64_t row, int64_t block,
                              int byte) {
  uint32_t &word = rows.words[row];
  word &= ~(0xffu << 8 * block);
  word |= static_cast<uint32_t>(byte) << 8 * block;
}

void mqa::tools::quantizeMx(MxRows rows, int64_t row, const float *values) {
  float greatest = getMaxMx(rows.type);
  for (int64_t block = 0; block < rows.headDim / kMxBlock; ++block) {
    const float *own = values + block * kMxBlock;
    float largest = 1e-4f;
    for (int64_t i = 0; i < kMxBlock; ++i)
      largest = std::max(largest, std::fabs(own[i]));
    int exponent = static_cast<int>(std::ceil(std::log2(largest / greatest)));
    // In f64, the factor and the products are exact.
    double factor = std::ldexp(1.0, -exponent);
    for (int64_t i = 0; i < kMxBlock; ++i)
      storeMxElement(rows, row, block * kMxBlock + i,
                     static_cast<float>(own[i] * factor));
    storeMxScale(rows, row, block, kMxBias + exponent);
  }
}

/// The greatest of a row's block scales.
static int getGreatest(uint32_t word, int64_t headDim) {
  int greatest = 0;
  for (int64_t block = 0; block < headDim / kMxBlock; ++block)
    greatest = std::max<int>(greatest, word >> 8 * block & 0xff);
  return greatest;
}

/// A row without the greatest of its block scales.
static void decodeMxRow(mqa_element_type type,
                        const std::vector<uint8_t> &bytes, uint32_t word,
                        int64_t row, int64_t headDim, float *values) {
  int greatest = getGreatest(word, headDim);
  for (int64_t block = 0; block < headDim / kMxBlock; ++block) {
    int less = greatest - static_cast<int>(word >> 8 * block & 0xff);
    // In f64, the factor and the products are exact.
    double factor = std::ldexp(1.0, -less);
    for (int64_t i = block * kMxBlock; i < (block + 1) * kMxBlock; ++i)
      values[i] = static_cast<float>(
          loadMxElement(type, bytes, row * headDim + i) * factor);
  }
}

std::vector<float> Problem::decodeKeys() const {
  if (!format.hasMxKeys())
    return decodeAll(format.input, k);
  int64_t d = shape.headDim;
  std::vector<float> keys(blockScales.size() * d);
  for (size_t slot = 0; slot < blockScales.size(); ++slot)
    decodeMxRow(*format.mxKeys, k, blockScales[slot], slot, d, &keys[slot * d]);
  return keys;
}

std::vector<float> Problem::getKeyScales() const {
  if (!format.hasMxKeys())
    return kScale;
  std::vector<float> scales(blockScales.size());
  for (size_t slot = 0; slot < scales.size(); ++slot) {
    int byte = getGreatest(blockScales[slot], shape.headDim);
    scales[slot] = byte == kMxNaN ? std::numeric_limits<float>::quiet_NaN()
                                  : std::ldexp(1.0f, byte - kMxBias);
  }
  return scales;
}

std::vector<float> Problem::decodeHead(int64_t head) const {
  int64_t d = shape.headDim;
  std::vector<float> values(d);
  if (format.hasMxQueries()) {
    decodeMxRow(*format.mxQueries, q, queryScales[head], head, d,
                values.data());
    return values;
  }
  for (int64_t i = 0; i < d; ++i)
    values[i] =
        decode(format.input, loadBits(format.input, q.data(), head * d + i));
  return values;
}

double Problem::getQueryScale(int64_t head) const {
  if (!format.hasMxQueries())
    return 1;
  int byte = getGreatest(queryScales[head], shape.headDim);
  return byte == kMxNaN ? std::numeric_limits<double>::quiet_NaN()
                        : std::ldexp(1.0, byte - kMxBias);
}
