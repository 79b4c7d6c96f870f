//===- Selections.h - What mqa.topk and mqa.merge_topk have in common *- C++ -//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef MQA_LIB_DIALECT_MQA_IR_SELECTIONS_H
#define MQA_LIB_DIALECT_MQA_IR_SELECTIONS_H

#include "OperandRules.h"
#include "mqa/Dialect/MQA/IR/MQA.h"

#include "mlir/Dialect/Tensor/IR/Tensor.h"

namespace mlir {
namespace mqa {

/// The results have the sizes of `indices` and `values`.
template <typename OpTy>
LogicalResult reifyShapesOfSelection(OpTy op, OpBuilder &b,
                                     ReifiedRankedShapedTypeDims &shapes) {
  if (op->getNumResults())
    for (Value init : op.getDpsInits())
      shapes.push_back(tensor::getMixedSizes(b, op.getLoc(), init));
  return success();
}

/// k is what the ops are defined for.
template <typename OpTy> LogicalResult verifyNumSelected(OpTy op) {
  constexpr int64_t kMaxSelected = 4096;
  // A dynamic size is negative.
  int64_t numSelected = op.getNumSelected();
  if (numSelected >= 1 && numSelected <= kMaxSelected)
    return success();
  return emitSizeError(op,
                       "number of selected keys k (dimension 1 of 'indices')",
                       "from 1 to 4096", numSelected);
}

} // namespace mqa
} // namespace mlir

#endif // MQA_LIB_DIALECT_MQA_IR_SELECTIONS_H
