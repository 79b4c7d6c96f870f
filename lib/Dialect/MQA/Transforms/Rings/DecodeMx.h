//===- DecodeMx.h - Keys with block scales to a matrix unit -----*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef MQA_LIB_DIALECT_MQA_TRANSFORMS_DECODEMX_H
#define MQA_LIB_DIALECT_MQA_TRANSFORMS_DECODEMX_H

#include "mqa/Dialect/MQA/IR/MxFormat.h"

#include "mlir/IR/Builders.h"

namespace mlir {
namespace mqa {

/// Writes loops, which threads may share, that turn the keys `packed` (N rows
/// of bytes of `format`) with the block scales `words` (N of i32) into `keys`
/// (N x D, of a type that the format's products may have) without the greatest
/// block scale of each, which with the factor that the type allows for becomes
/// `scales` (N of f32).
void decodeMxKeys(OpBuilder &b, Location loc, const mx::Format &format,
                  Value packed, Value words, Value keys, Value scales);

} // namespace mqa
} // namespace mlir

#endif // MQA_LIB_DIALECT_MQA_TRANSFORMS_DECODEMX_H
