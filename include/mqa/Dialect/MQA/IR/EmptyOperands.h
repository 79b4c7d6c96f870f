//===- EmptyOperands.h - Operands of no element -----------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef MQA_DIALECT_MQA_IR_EMPTYOPERANDS_H
#define MQA_DIALECT_MQA_IR_EMPTYOPERANDS_H

#include "mqa/Dialect/MQA/IR/MQA.h"

namespace mlir {
namespace mqa {

/// Whether the type of an operand says that it has no element. No slice of such
/// an operand verifies, so that the op has no tiles.
inline bool hasEmptyOperand(KernelOpInterface op) {
  return llvm::any_of(op.getDataOperands(), [](Value operand) {
    return operand && llvm::is_contained(
                          cast<ShapedType>(operand.getType()).getShape(), 0);
  });
}

} // namespace mqa
} // namespace mlir

#endif // MQA_DIALECT_MQA_IR_EMPTYOPERANDS_H
