//===- HostPrograms.h - What is left of a program beside its kernels ------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef MQA_DIALECT_MQA_TRANSFORMS_HOSTPROGRAMS_H
#define MQA_DIALECT_MQA_TRANSFORMS_HOSTPROGRAMS_H

#include "mlir/IR/BuiltinOps.h"

namespace mlir {
namespace mqa {

/// As `mqa-bind-kernels`: gives each function that `program` declares for a
/// launch a body that launches its kernel of `bundle` by mqa/Program.h, and
/// puts the bundle into the program. Only ops of upstream are left.
LogicalResult bindKernels(ModuleOp program, StringRef bundle);

} // namespace mqa
} // namespace mlir

#endif // MQA_DIALECT_MQA_TRANSFORMS_HOSTPROGRAMS_H
