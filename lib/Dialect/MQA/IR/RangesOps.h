//===- RangesOps.h - What verifiers know of ranges --------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef MQA_LIB_DIALECT_MQA_IR_RANGESOPS_H
#define MQA_LIB_DIALECT_MQA_IR_RANGESOPS_H

#include "mqa/Dialect/MQA/IR/MQA.h"

namespace mlir {
namespace mqa {

/// `ranges`, an operand of `op`, comes from an op that makes ranges. It is no
/// data: nothing but the ops of ranges can hand it on.
LogicalResult verifyRanges(Operation *op, Value ranges);

/// The op that made what `ranges` is narrowed from; null if there is none. Of
/// ranges of columns, the one that made the ranges of their keys.
MakeRangesOp getOrigin(Value ranges);

/// The op that made the ranges of columns that `ranges` is narrowed from; null
/// if these are ranges of keys.
BlockRangesOp getBlockOrigin(Value ranges);

} // namespace mqa
} // namespace mlir

#endif // MQA_LIB_DIALECT_MQA_IR_RANGESOPS_H
