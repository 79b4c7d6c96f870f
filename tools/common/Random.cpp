//===- Random.cpp - Normally distributed values by a table ----------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Random.h"

#include <cmath>
#include <vector>

using namespace mqa::tools;

const float *mqa::tools::getNormals() {
  static const std::vector<float> normals = [] {
    std::vector<float> values(kNumNormals);
    double x = 0;
    for (int64_t i = 0; i < kNumNormals; ++i) {
      double above = 0.5 * (kNumNormals - i - 0.5) / kNumNormals;
      // Newton's method comes from below, where the last one was.
      for (double step = 1; step > 1e-9;) {
        double density = std::exp(-0.5 * x * x) / std::sqrt(2 * M_PI);
        step = (0.5 * std::erfc(x / std::sqrt(2.0)) - above) / density;
        x += step;
      }
      values[i] = static_cast<float>(x);
    }
    return values;
  }();
  return normals.data();
}

const uint32_t *mqa::tools::getNormalCodes(mqa_element_type type) {
  auto encodeAll = [](mqa_element_type other) {
    std::vector<uint32_t> codes(kNumNormals);
    for (int64_t i = 0; i < kNumNormals; ++i)
      codes[i] = encode(other, getNormals()[i]);
    return codes;
  };
  static const std::vector<uint32_t> codes[] = {
      encodeAll(MQA_F8E4M3FN), encodeAll(MQA_F8E5M2), encodeAll(MQA_BF16),
      encodeAll(MQA_F16), encodeAll(MQA_F32)};
  return codes[type == MQA_F8E4M3FN ? 0
               : type == MQA_F8E5M2 ? 1
               : type == MQA_BF16   ? 2
               : type == MQA_F16    ? 3
                                    : 4]
      .data();
}
