//===- WorkgroupMemory.h - What a block's threads share ---------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef MQA_LIB_DIALECT_MQA_TRANSFORMS_WORKGROUPMEMORY_H
#define MQA_LIB_DIALECT_MQA_TRANSFORMS_WORKGROUPMEMORY_H

#include "mlir/Dialect/GPU/IR/GPUDialect.h"

namespace mlir {
namespace mqa {

/// Whether `op`, or an op in it, may write shared memory, as far as its effects
/// say. Ops on rings count: they hand slots over.
bool mayWriteWorkgroupMemory(Operation *op);

/// Gives out the named barriers of a block, so that no two uses meet at one by
/// accident. Number 0 is that of `gpu.barrier`.
class NamedBarriers {
public:
  explicit NamedBarriers(gpu::GPUFuncOp kernel) : kernel(kernel) {}

  /// The first of `count` numbers that no barrier of the kernel has, the same
  /// for each call; or reports that `user` cannot have them.
  FailureOr<int64_t> take(int64_t count, Operation *user);

private:
  gpu::GPUFuncOp kernel;
  std::optional<int64_t> taken;
};

} // namespace mqa
} // namespace mlir

#endif // MQA_LIB_DIALECT_MQA_TRANSFORMS_WORKGROUPMEMORY_H
