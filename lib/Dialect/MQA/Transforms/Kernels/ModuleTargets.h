//===- ModuleTargets.h - What a kernel's module is compiled for -*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef MQA_LIB_DIALECT_MQA_TRANSFORMS_MODULETARGETS_H
#define MQA_LIB_DIALECT_MQA_TRANSFORMS_MODULETARGETS_H

#include "mlir/Dialect/GPU/IR/GPUDialect.h"

namespace mlir {
namespace mqa {

/// Reports a target of LLVM that is attached to the module of `kernel` already
/// and that lacks instructions of the chip of its `#mqa.target`, or of the
/// default chip.
LogicalResult verifyModuleTargets(gpu::GPUFuncOp kernel);

} // namespace mqa
} // namespace mlir

#endif // MQA_LIB_DIALECT_MQA_TRANSFORMS_MODULETARGETS_H
