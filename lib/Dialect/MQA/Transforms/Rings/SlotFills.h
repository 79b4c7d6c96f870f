//===- SlotFills.h - What fills the slots of rings --------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef MQA_LIB_DIALECT_MQA_TRANSFORMS_SLOTFILLS_H
#define MQA_LIB_DIALECT_MQA_TRANSFORMS_SLOTFILLS_H

#include "mqa/Dialect/MQA/IR/MQA.h"

#include "mlir/Dialect/GPU/IR/GPUDialect.h"
#include "llvm/ADT/MapVector.h"
#include "llvm/ADT/SmallBitVector.h"

namespace mlir {
namespace mqa {

/// Whether `op` is of the protocol of rings: the ring is its first operand.
inline bool isRingOp(Operation *op) {
  return isa<RingPutOp, RingAcquireOp, RingCommitOp, RingGetOp, RingReleaseOp>(
      op);
}

/// The ring that `op` helps to fill; null if it is no such op.
inline Value getFilledRing(Operation *op) {
  if (auto fill = dyn_cast<FillTileOp>(op))
    return fill.getAcquire().getRing();
  return isa<RingPutOp, RingAcquireOp, RingCommitOp>(op) ? op->getOperand(0)
                                                         : Value();
}

/// Who arrives at the full barrier of a slot: what its users are says it.
struct Arrivals {
  /// The lane that starts copies by tensor maps, for the bytes of all of them.
  bool ofTensorMaps = false;
  /// Each thread, when its asynchronous copies are there.
  bool ofAsyncCopies = false;
  /// Each thread, when it has written what it stores itself.
  bool ofWrites = false;
  /// Whether a warp that writes, or reads what is written, arrives once, behind
  /// a barrier of the warp: else its threads wait for each other at one word of
  /// shared memory, for longer than a conversion takes.
  bool areOfWarps = false;

  Arrivals operator|(const Arrivals &other) const {
    return {ofTensorMaps || other.ofTensorMaps,
            ofAsyncCopies || other.ofAsyncCopies, ofWrites || other.ofWrites,
            areOfWarps || other.areOfWarps};
  }
  /// Whether each thread that fills or reads the slot arrives.
  bool areOfThreads() const {
    return ofAsyncCopies || (ofWrites && !areOfWarps);
  }
  /// How many arrivals make a slot full, where `threads` fill it.
  int64_t count(int64_t threads) const;
};

/// A slot from its acquire to its commit.
struct SlotFills {
  RingAcquireOp acquire;
  RingCommitOp commit;
  SmallVector<FillTileOp> fills;
  /// Which tiles threads store to, by fills or by other ops.
  llvm::SmallBitVector written;

  Arrivals getArrivals() const;
  bool has(FillKind kind) const {
    return llvm::any_of(fills,
                        [&](FillTileOp op) { return op.getKind() == kind; });
  }
  /// The last op of the acquire's block that has a fill of `kind` in it; null
  /// if there is none.
  Operation *getLast(FillKind kind) const;
};

/// All slots that `kernel` acquires, or an error: each is committed once, by
/// the next such op of its ring in its block, and used by nothing behind that.
FailureOr<SmallVector<SlotFills>> findSlotFills(gpu::GPUFuncOp kernel);

/// What makes the slots of each ring full: the same for all slots of a ring, so
/// as many as any of them needs.
llvm::MapVector<Value, Arrivals> countArrivals(ArrayRef<SlotFills> slots);

} // namespace mqa
} // namespace mlir

#endif // MQA_LIB_DIALECT_MQA_TRANSFORMS_SLOTFILLS_H
