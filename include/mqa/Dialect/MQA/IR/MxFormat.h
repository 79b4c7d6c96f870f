//===- MxFormat.h - MXFP4 keys as they lie in memory ------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Two f4E2M1FN in a byte, the even one in its low bits; a block scale, an
// f8E8M0FNU, for each 32 elements, and those of four blocks in a word (OCP
// Microscaling Formats, 1.0).
//
//===----------------------------------------------------------------------===//

#ifndef MQA_DIALECT_MQA_IR_MXFORMAT_H
#define MQA_DIALECT_MQA_IR_MXFORMAT_H

#include <cstdint>

namespace mlir {
namespace mqa {
namespace mx {

/// Elements that share a scale, and scales of a word.
constexpr int64_t kBlock = 32, kBlocksOfWord = 4;
constexpr int64_t kBlockBytes = kBlock / 2;
/// The byte of a block scale of 1, and that of NaN.
constexpr int64_t kScaleBias = 127, kScaleNaN = 255;

} // namespace mx
} // namespace mqa
} // namespace mlir

#endif // MQA_DIALECT_MQA_IR_MXFORMAT_H
