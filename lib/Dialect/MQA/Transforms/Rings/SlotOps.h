//===- SlotOps.h - Ops that have the role of a slot -------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef MQA_LIB_DIALECT_MQA_TRANSFORMS_SLOTOPS_H
#define MQA_LIB_DIALECT_MQA_TRANSFORMS_SLOTOPS_H

#include "mqa/Dialect/MQA/IR/MQA.h"

#include "mlir/Dialect/GPU/IR/GPUDialect.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "llvm/ADT/SetVector.h"

namespace mlir {
namespace mqa {

/// Adds to `ops` what uses the slot that `slot`, a get or an acquire, returns,
/// and what uses that, as far as it has no role of its own: it is of the role
/// that `slot` is of. A value that leaves a region makes the op around it one.
void addSlotOps(Operation *slot, llvm::SetVector<Operation *> &ops);

/// Whether all that `op` writes are tiles of acquired slots.
bool writesSlotsAlone(Operation *op);

/// Reports slots in `loop`, the loop over rings, that one role cannot fill or
/// read by itself, and waits that nothing ends.
LogicalResult verifySlots(gpu::GPUFuncOp kernel, scf::ForOp loop);

} // namespace mqa
} // namespace mlir

#endif // MQA_LIB_DIALECT_MQA_TRANSFORMS_SLOTOPS_H
