//===- SplitKeyRows.h - The keys that are stored at a time ------*- C++ -*-===//
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

/// Splits tiles whose keys are the rows of more products than are stored at a
/// time, with the stores behind them: sums are stored before the next products
/// need the registers. With two accumulators, all are stored at a time; with
/// packed keys and one query, two products; else one. The parts take the place
/// of the tiles.
LogicalResult splitKeyRows(RewriterBase &b,
                           SmallVectorImpl<TileLogitsOp> &tiles);

} // namespace mqa
} // namespace mlir

#endif // MQA_LIB_DIALECT_MQA_TRANSFORMS_SPLITKEYROWS_H
