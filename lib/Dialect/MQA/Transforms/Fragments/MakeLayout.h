//===- MakeLayout.h - The layout of a kernel's products ---------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef MQA_LIB_DIALECT_MQA_TRANSFORMS_MAKELAYOUT_H
#define MQA_LIB_DIALECT_MQA_TRANSFORMS_MAKELAYOUT_H

#include "FragmentLayout.h"

#include "mlir/Dialect/GPU/IR/GPUDialect.h"

namespace mlir {
namespace mqa {

/// The layout that all contractions of the kernel agree on, emitted at the
/// insertion point; or reports on which they do not.
FailureOr<std::unique_ptr<FragmentLayout>> makeLayout(OpBuilder &b,
                                                      gpu::GPUFuncOp kernel);

} // namespace mqa
} // namespace mlir

#endif // MQA_LIB_DIALECT_MQA_TRANSFORMS_MAKELAYOUT_H
