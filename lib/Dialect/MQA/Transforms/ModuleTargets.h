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

/// Reports a target that is attached to the module of `kernel` already and that
/// lacks instructions of sm_90, or of sm_90a (`archAccelerated`).
LogicalResult verifyModuleTargets(gpu::GPUFuncOp kernel, bool archAccelerated);

} // namespace mqa
} // namespace mlir

#endif // MQA_LIB_DIALECT_MQA_TRANSFORMS_MODULETARGETS_H
