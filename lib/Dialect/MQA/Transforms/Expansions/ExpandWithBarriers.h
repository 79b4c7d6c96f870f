//===- ExpandWithBarriers.h - Ops whose threads meet ------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef MQA_LIB_DIALECT_MQA_TRANSFORMS_EXPANDWITHBARRIERS_H
#define MQA_LIB_DIALECT_MQA_TRANSFORMS_EXPANDWITHBARRIERS_H

#include "Kernels/ModuleTargets.h"
#include "Kernels/WorkgroupMemory.h"
#include "mqa/Dialect/MQA/IR/Shapes.h"

#include "mlir/Dialect/Utils/StaticValueUtils.h"

namespace mlir {
namespace mqa {

/// Reports it if `numThreads`, the threads of `op` (null: one warp), are known
/// to be no whole warps.
inline LogicalResult verifyWholeWarps(Operation *op, Value numThreads) {
  std::optional<int64_t> threads =
      numThreads ? getConstantIntValue(numThreads) : std::nullopt;
  if (threads && (*threads <= 0 || *threads % shapes::kWarpThreads))
    return op->emitOpError()
           << "must have whole warps, found " << *threads << " threads";
  return success();
}

/// Expands all ops `OpTy` of `kernel`, whose threads meet at a named barrier.
/// `verify` says of an op what keeps it from being expanded; `expand` gets the
/// number of its barrier. If one of the ops cannot be expanded, none is.
template <typename OpTy>
LogicalResult
expandWithBarriers(gpu::GPUFuncOp kernel,
                   function_ref<LogicalResult(OpTy)> verify,
                   function_ref<void(OpTy, int64_t barrier)> expand) {
  SmallVector<OpTy> ops;
  kernel.walk([&](OpTy op) { ops.push_back(op); });
  if (ops.empty())
    return success();
  if (failed(verifyModuleTargets(kernel)))
    return failure();
  // Ops of one block are executed by the same threads, one after the other.
  // Those of others may be executed at the same time.
  NamedBarriers barriers(kernel);
  SmallVector<int64_t> numbers;
  for (OpTy op : ops) {
    FailureOr<int64_t> barrier = failure();
    if (succeeded(verify(op)))
      barrier = barriers.take(1, op, op->getBlock());
    if (failed(barrier))
      return failure();
    numbers.push_back(*barrier);
  }
  for (auto [op, barrier] : llvm::zip_equal(ops, numbers))
    expand(op, barrier);
  return success();
}

} // namespace mqa
} // namespace mlir

#endif // MQA_LIB_DIALECT_MQA_TRANSFORMS_EXPANDWITHBARRIERS_H
