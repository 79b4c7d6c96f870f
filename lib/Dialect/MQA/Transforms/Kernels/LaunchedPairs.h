//===- LaunchedPairs.h - Pairs of ops that are one launch -------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef MQA_LIB_DIALECT_MQA_TRANSFORMS_KERNELS_LAUNCHEDPAIRS_H
#define MQA_LIB_DIALECT_MQA_TRANSFORMS_KERNELS_LAUNCHEDPAIRS_H

#include "mqa/Dialect/MQA/Transforms/KernelFunctions.h"

namespace mlir {
namespace mqa {

/// The launch that `op`, on memrefs, begins: with the mqa.topk that it is fused
/// with, or alone. A pair is launched where the mqa.topk stands; an error says
/// why it cannot be.
FailureOr<KernelFunction> getLaunched(KernelOpInterface op);

} // namespace mqa
} // namespace mlir

#endif // MQA_LIB_DIALECT_MQA_TRANSFORMS_KERNELS_LAUNCHEDPAIRS_H
