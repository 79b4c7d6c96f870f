//===- OperandStrides.h - How memref operands may be strided ----*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef MQA_DIALECT_MQA_IR_OPERANDSTRIDES_H
#define MQA_DIALECT_MQA_IR_OPERANDSTRIDES_H

#include "mqa/Dialect/MQA/IR/MQA.h"

namespace mlir {
namespace mqa {

/// For each data operand of `op`, how many leading dimensions of a memref may
/// have any stride. Behind them, elements are contiguous.
SmallVector<unsigned> getNumStridedDims(KernelOpInterface op);

} // namespace mqa
} // namespace mlir

#endif // MQA_DIALECT_MQA_IR_OPERANDSTRIDES_H
