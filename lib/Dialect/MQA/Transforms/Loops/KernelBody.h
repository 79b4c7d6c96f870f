//===- KernelBody.h - A function that becomes a kernel ----------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef MQA_LIB_DIALECT_MQA_TRANSFORMS_KERNELBODY_H
#define MQA_LIB_DIALECT_MQA_TRANSFORMS_KERNELBODY_H

#include "mqa/Dialect/MQA/Transforms/KernelFunctions.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/GPU/IR/GPUDialect.h"
#include "mlir/IR/PatternMatch.h"

namespace mlir {
namespace mqa {

/// `type` in global memory of the device. What has no element gets any number
/// of them: a kernel for none is not another one.
MemRefType getGlobalType(MemRefType type);

/// A kernel in `module` with the arguments of `func` in global memory, and
/// those of `moreTypes` behind them. Its body returns at once. `function`, what
/// `func` consists of, names the arguments.
gpu::GPUFuncOp createKernel(RewriterBase &rewriter, gpu::GPUModuleOp module,
                            func::FuncOp func, KernelFunction function,
                            ScheduleAttr schedule, int64_t numThreads,
                            ArrayRef<Type> moreTypes = {});

/// Runs `make` on each function of `module` that has an `Op`; with a module for
/// the kernels, which is the one that there is.
LogicalResult makeKernels(
    ModuleOp module, function_ref<bool(Operation *)> isOp,
    function_ref<LogicalResult(RewriterBase &, gpu::GPUModuleOp, func::FuncOp)>
        make);

} // namespace mqa
} // namespace mlir

#endif // MQA_LIB_DIALECT_MQA_TRANSFORMS_KERNELBODY_H
