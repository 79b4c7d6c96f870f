//===- KernelFunctionChecks.h - Parts of a kernel's contract ----*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef MQA_LIB_DIALECT_MQA_TRANSFORMS_KERNELS_KERNELFUNCTIONCHECKS_H
#define MQA_LIB_DIALECT_MQA_TRANSFORMS_KERNELS_KERNELFUNCTIONCHECKS_H

#include "mqa/Dialect/MQA/Transforms/KernelFunctions.h"

namespace mlir {
namespace mqa {

/// The kernel's own name.
LogicalResult verifyKernelName(func::FuncOp func);

/// Nobody calls `func`, and nothing has a name that is made of its.
LogicalResult verifyKernelSymbols(func::FuncOp func);

/// A launch can have operands of these types.
LogicalResult verifyKernelOperands(KernelFunction kernel);

} // namespace mqa
} // namespace mlir

#endif // MQA_LIB_DIALECT_MQA_TRANSFORMS_KERNELS_KERNELFUNCTIONCHECKS_H
