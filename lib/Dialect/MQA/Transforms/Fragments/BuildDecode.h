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

/// Decodes the packed keys of `op`: behind `previous`, a contraction in its
/// block, so that they are decoded while that is under way; where `previous` is
/// null or something in between may write them, at the insertion point.
DecodeMxOp buildDecode(OpBuilder &b, TileLogitsOp op, Operation *previous);

} // namespace mqa
} // namespace mlir

#endif // MQA_LIB_DIALECT_MQA_TRANSFORMS_BUILDDECODE_H
