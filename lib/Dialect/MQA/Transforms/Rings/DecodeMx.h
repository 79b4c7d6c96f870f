//===- DecodeMx.h - MXFP4 keys on their way to a matrix unit ----*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef MQA_LIB_DIALECT_MQA_TRANSFORMS_DECODEMX_H
#define MQA_LIB_DIALECT_MQA_TRANSFORMS_DECODEMX_H

#include "mlir/IR/Builders.h"

namespace mlir {
namespace mqa {

/// Writes loops, which threads may share, that turn the keys `packed` (N x D /
/// 2 of i8) with the block scales `words` (N of i32) into `keys` (N x D, of
/// f8E4M3FN, f16 or bf16) without the greatest block scale of each, which with
/// the factor that the type allows for becomes `scales` (N of f32).
void decodeMxKeys(OpBuilder &b, Location loc, Value packed, Value words,
                  Value keys, Value scales);

} // namespace mqa
} // namespace mlir

#endif // MQA_LIB_DIALECT_MQA_TRANSFORMS_DECODEMX_H
