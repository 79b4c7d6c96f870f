//===- SplitKeyRows.h - One product's keys at a time ------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef MQA_LIB_DIALECT_MQA_TRANSFORMS_SPLITKEYROWS_H
#define MQA_LIB_DIALECT_MQA_TRANSFORMS_SPLITKEYROWS_H

#include "mqa/Dialect/MQA/IR/MQA.h"

#include "mlir/IR/PatternMatch.h"

namespace mlir {
namespace mqa {

/// Splits tiles whose keys are the rows of several products, with the stores
/// behind them: sums of one product are stored before the next one needs the
/// registers. The parts take the place of the tiles.
LogicalResult splitKeyRows(RewriterBase &b,
                           SmallVectorImpl<TileLogitsOp> &tiles);

} // namespace mqa
} // namespace mlir

#endif // MQA_LIB_DIALECT_MQA_TRANSFORMS_SPLITKEYROWS_H
