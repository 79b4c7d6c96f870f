//===- MxKeys.h - Keys and queries with block scales, on the host *- C++ -*===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef MQA_TOOLS_COMMON_MXKEYS_H
#define MQA_TOOLS_COMMON_MXKEYS_H

#include "Problem.h"

namespace mqa::tools {

/// Elements that share a block scale, and block scales of a word.
constexpr int64_t kMxBlock = 32, kMxBlocks = 4;
/// The byte of a block scale that is 1, and that of NaN.
constexpr int kMxBias = 127, kMxNaN = 255;

/// The type of numbers that may be written into k. Of MXFP4 any byte is two
/// numbers, so that numbers of q's type will do.
inline mqa_element_type getTypeOfBytes(const Format &format) {
  return format.mxKeys == MQA_I8 ? format.input : format.getKeyType();
}

/// Likewise of q.
inline mqa_element_type getTypeOfQueryBytes(const Format &format) {
  return format.hasMxQueries() ? MQA_F8E4M3FN : format.input;
}

/// Rows with block scales of a problem: its keys, or the heads of its queries.
struct MxRows {
  mqa_element_type type;
  int64_t headDim;
  std::vector<uint8_t> &bytes;
  std::vector<uint32_t> &words;
};
inline MxRows getMxKeys(Problem &problem) {
  return {*problem.format.mxKeys, problem.shape.headDim, problem.k,
          problem.blockScales};
}
inline MxRows getMxQueries(Problem &problem) {
  return {*problem.format.mxQueries, problem.shape.headDim, problem.q,
          problem.queryScales};
}

/// The greatest number that an element of such rows can be.
float getMaxMx(mqa_element_type type);

/// Stores the number that is nearest to `value`, of two the even one, as
/// element `i` of row `row`.
void storeMxElement(MxRows rows, int64_t row, int64_t i, float value);
/// Stores the scale byte of one of its blocks.
void storeMxScale(MxRows rows, int64_t row, int64_t block, int byte);

/// Quantises `values`, D elements, as row `row`: each block by the least power
/// of two that is enough, as the quantiser of DeepGEMM does it.
void quantizeMx(MxRows rows, int64_t row, const float *values);

} // namespace mqa::tools

#endif // MQA_TOOLS_COMMON_MXKEYS_H
