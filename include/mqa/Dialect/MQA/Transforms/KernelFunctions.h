//===- KernelFunctions.h - The functions that become kernels ----*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What a function must be to become a kernel, for every target alike.
//
//===----------------------------------------------------------------------===//

#ifndef MQA_DIALECT_MQA_TRANSFORMS_KERNELFUNCTIONS_H
#define MQA_DIALECT_MQA_TRANSFORMS_KERNELFUNCTIONS_H

#include "mqa/Dialect/MQA/IR/MQA.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"

namespace mlir {
namespace mqa {

/// Nothing in the module refers to `func`: what becomes of it has another
/// signature, or is no function that can be called.
LogicalResult verifyNobodyRefersTo(func::FuncOp func);

/// The one op that `func`, a function of the module, on tensors or on memrefs,
/// consists of. An error says why `func` is no kernel function.
FailureOr<KernelOpInterface> verifyKernelFunction(func::FuncOp func);

/// Every op of `module` that kernels are made of is the body of a kernel
/// function, and nothing in the module takes a name that kernels need.
LogicalResult verifyKernelFunctions(ModuleOp module);

/// `module` holds kernel functions alone: a bundle has room for nothing else.
LogicalResult verifyOnlyKernelFunctions(ModuleOp module);

} // namespace mqa
} // namespace mlir

#endif // MQA_DIALECT_MQA_TRANSFORMS_KERNELFUNCTIONS_H
