//===- MxOperands.h - Operands with block scales ----------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef MQA_DIALECT_MQA_IR_MXOPERANDS_H
#define MQA_DIALECT_MQA_IR_MXOPERANDS_H

#include "mqa/Dialect/MQA/IR/MQA.h"

namespace mlir {
namespace mqa {

/// No operand of `op` is typed: kernels have bytes and words.
LogicalResult verifyPackedOperands(KernelOpInterface op);

} // namespace mqa
} // namespace mlir

#endif // MQA_DIALECT_MQA_IR_MXOPERANDS_H
