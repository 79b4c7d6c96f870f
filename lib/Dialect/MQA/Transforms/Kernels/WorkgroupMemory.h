//===- WorkgroupMemory.h - What a block's threads share ---------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef MQA_LIB_DIALECT_MQA_TRANSFORMS_WORKGROUPMEMORY_H
#define MQA_LIB_DIALECT_MQA_TRANSFORMS_WORKGROUPMEMORY_H

#include "mlir/Dialect/GPU/IR/GPUDialect.h"
#include "llvm/ADT/BitVector.h"

namespace mlir {
namespace mqa {

/// Whether `op`, or an op in it, may write shared memory, as far as its effects
/// say. Ops on rings count: they hand slots over.
bool mayWriteWorkgroupMemory(Operation *op);

/// Whether `op`, or an op in it, may write `memref`, which lies in global
/// memory, or wait for who writes it. Ops of ours write no bounds, and logits
/// are of another type: their memory is no operand of the op that kernels are
/// made of.
bool mayWriteGlobalMemory(Operation *op, Value memref);

/// Moves the insertion point from where `memref` is defined, as little as it
/// must, towards `user`: behind what may write it, as `mayWrite` says. To
/// `user` itself, where it is in a loop that does so, or in another block.
void setInsertionPointBehindWrites(OpBuilder &b, Value memref, Operation *user,
                                   function_ref<bool(Operation *)> mayWrite);

/// A new variable of `kernel` that its block's threads share. A kernel that was
/// read from generic text may have no count of them, which upstream's function
/// takes for granted.
Value addWorkgroupVariable(gpu::GPUFuncOp kernel, ArrayRef<int64_t> shape,
                           Type element, Location loc);

/// Gives out the named barriers of a block, so that no two uses meet at one by
/// accident. Number 0 is that of `gpu.barrier`.
class NamedBarriers {
public:
  explicit NamedBarriers(gpu::GPUFuncOp kernel) : kernel(kernel) {}

  /// The first of `count` numbers that no barrier of the kernel has, and that
  /// were not taken before; or reports that `user` cannot have them.
  FailureOr<int64_t> take(int64_t count, Operation *user);
  /// As `take`, but the same numbers for each call with the same `sharers`: for
  /// threads that come to all of their uses one after the other.
  FailureOr<int64_t> take(int64_t count, Operation *user, void *sharers);

private:
  gpu::GPUFuncOp kernel;
  llvm::DenseMap<void *, int64_t> shared;
  /// Those that are in use, once it is known.
  std::optional<llvm::BitVector> used;
};

} // namespace mqa
} // namespace mlir

#endif // MQA_LIB_DIALECT_MQA_TRANSFORMS_WORKGROUPMEMORY_H
