//===- BuildDecode.h - Where packed keys are decoded ------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef MQA_LIB_DIALECT_MQA_TRANSFORMS_BUILDDECODE_H
#define MQA_LIB_DIALECT_MQA_TRANSFORMS_BUILDDECODE_H

#include "mqa/Dialect/MQA/IR/MQA.h"

namespace mlir {
namespace mqa {

/// Creates the op that decodes keys of `op`, whose bytes and words of block
/// scales are `packed` and `words`. If it can, it creates the op right behind
/// `previous`, a contraction ahead of `op` in the same block: the keys are then
/// decoded while the unit still multiplies. Otherwise it creates the op at the
/// insertion point of `b`: if `previous` is null, if something between
/// `previous` and `op` may write the keys, or if their views depend on what is
/// computed there.
DecodeMxOp buildDecode(OpBuilder &b, TileLogitsOp op, Value packed, Value words,
                       Operation *previous);

} // namespace mqa
} // namespace mlir

#endif // MQA_LIB_DIALECT_MQA_TRANSFORMS_BUILDDECODE_H
