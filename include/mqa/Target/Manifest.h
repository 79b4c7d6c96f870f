//===- Manifest.h - How to launch compiled kernels --------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef MQA_TARGET_MANIFEST_H
#define MQA_TARGET_MANIFEST_H

#include "mlir/IR/BuiltinOps.h"
#include "llvm/Support/JSON.h"

namespace mlir {
namespace mqa {

/// Describes the kernels of a module at level 6 (after `mqa-lower-rings`),
/// whose signatures still say what each parameter is: tensor maps with box and
/// swizzle, memrefs with rank.
FailureOr<llvm::json::Array> describeGpuKernels(ModuleOp module);

/// Describes the task functions of a module (after `mqa-outline-tasks`).
FailureOr<llvm::json::Array> describeCpuKernels(ModuleOp module);

} // namespace mqa
} // namespace mlir

#endif // MQA_TARGET_MANIFEST_H
