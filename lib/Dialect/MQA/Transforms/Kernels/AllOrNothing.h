//===- AllOrNothing.h - Passes that change nothing if they fail -*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef MQA_LIB_DIALECT_MQA_TRANSFORMS_ALLORNOTHING_H
#define MQA_LIB_DIALECT_MQA_TRANSFORMS_ALLORNOTHING_H

#include "mlir/IR/Operation.h"

namespace mlir {
namespace mqa {

/// Runs `change` on `op`, which is isolated from what is above it. Where that
/// fails, `op` is again as it was. For changes that find out on their way
/// whether they can be made.
LogicalResult changeOrRestore(Operation *op,
                              function_ref<LogicalResult()> change);

} // namespace mqa
} // namespace mlir

#endif // MQA_LIB_DIALECT_MQA_TRANSFORMS_ALLORNOTHING_H
