//===- Launch.h - What the dialect puts on host programs --------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef MQA_LIB_DIALECT_MQA_IR_LAUNCH_H
#define MQA_LIB_DIALECT_MQA_IR_LAUNCH_H

#include "mqa/Dialect/MQA/IR/MQA.h"

namespace mlir {
namespace mqa {

/// `value` is what `op` may have as `mqa.launch`.
LogicalResult verifyLaunch(Operation *op, Attribute value);

/// `op` may have `mqa.kernels`.
LogicalResult verifyKernels(Operation *op);

} // namespace mqa
} // namespace mlir

#endif // MQA_LIB_DIALECT_MQA_IR_LAUNCH_H
