//===- MxKeys.h - Keys with block scales on the host ------------*- C++ -*-===//
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

/// The greatest number that an element can be.
float getMaxMx(const Format &format);

/// Stores the number that is nearest to `value`, of two the even one, as
/// element `i` of key `slot`.
void storeMxElement(Problem &problem, int64_t slot, int64_t i, float value);
/// Stores the scale byte of one of its blocks.
void storeMxScale(Problem &problem, int64_t slot, int64_t block, int byte);

/// Quantises `row`, of D elements, as key `slot`: each block by the least power
/// of two that is enough, as the quantiser of DeepGEMM does it.
void quantizeMxKey(Problem &problem, int64_t slot, const float *row);

} // namespace mqa::tools

#endif // MQA_TOOLS_COMMON_MXKEYS_H
