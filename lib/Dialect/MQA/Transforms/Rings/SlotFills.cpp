//===- SlotFills.cpp - What fills the slots of rings ----------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "SlotFills.h"

#include "mqa/Dialect/MQA/IR/EnumCases.h"
#include "mqa/Dialect/MQA/IR/Shapes.h"

#include "mlir/Interfaces/SideEffectInterfaces.h"

using namespace mlir;
using namespace mlir::mqa;

int64_t Arrivals::count(int64_t threads) const {
  int64_t writers = areOfThreads() ? threads : threads / shapes::kWarpThreads;
  int64_t arrivals = (ofTensorMaps ? 1 : 0) + (ofAsyncCopies ? threads : 0) +
                     (ofWrites ? writers : 0);
  // A barrier that nobody arrives at has one as well.
  return std::max<int64_t>(arrivals, 1);
}

Arrivals SlotFills::getArrivals() const {
  return {has(FillKind::TensorMap), has(FillKind::AsyncChunks), written.any()};
}

Operation *SlotFills::getLast(FillKind kind) const {
  Operation *last = nullptr;
  for (FillTileOp fill : fills)
    if (fill.getKind() == kind)
      last = acquire->getBlock()->findAncestorOpInBlock(*fill);
  return last;
}

llvm::MapVector<Value, Arrivals> mqa::countArrivals(ArrayRef<SlotFills> slots) {
  llvm::MapVector<Value, Arrivals> arrivals;
  for (const SlotFills &slot : slots) {
    RingAcquireOp acquire = slot.acquire;
    Arrivals &ofRing = arrivals[acquire.getRing()];
    ofRing = ofRing | slot.getArrivals();
    auto create = acquire.getRing().getDefiningOp<RingCreateOp>();
    ofRing.areOfWarps |= create && create.getFiller() == Role::Converter;
  }
  return arrivals;
}

/// The commit of the slot that `acquire` acquires: the next op in its block
/// that fills slots of the ring, up to which no nested op does.
static FailureOr<RingCommitOp> findCommit(RingAcquireOp acquire) {
  for (Operation *op = acquire->getNextNode(); op; op = op->getNextNode()) {
    if (auto commit = dyn_cast<RingCommitOp>(op);
        commit && commit.getRing() == acquire.getRing()) {
      if (commit.getPosition() == acquire.getPosition())
        return commit;
      InFlightDiagnostic error = commit.emitOpError(
          "must be of the position that was acquired last in its ring");
      error.attachNote(acquire.getLoc()) << "here";
      return error;
    }
    WalkResult result = op->walk([&](Operation *nested) {
      if (!isa<RingPutOp, RingAcquireOp, RingCommitOp>(nested) ||
          nested->getOperand(0) != acquire.getRing())
        return WalkResult::advance();
      InFlightDiagnostic error =
          nested->emitOpError("is between the acquire and the commit of "
                              "another slot of its ring");
      error.attachNote(acquire.getLoc()) << "which is acquired here";
      return WalkResult::interrupt();
    });
    if (result.wasInterrupted())
      return failure();
  }
  return acquire.emitOpError(
      "is not followed by an mqa.ring_commit of its position in its block");
}

/// Finds what fills tile `index` of `slot`, by itself or through a view.
static LogicalResult findWrites(SlotFills &slot, unsigned index) {
  Block *block = slot.acquire->getBlock();
  SmallVector<Value> worklist{slot.acquire.getTiles()[index]};
  FillTileOp byTensorMap;
  SmallVector<Operation *> writers;
  while (!worklist.empty()) {
    for (Operation *user : worklist.pop_back_val().getUsers()) {
      Operation *inBlock = block->findAncestorOpInBlock(*user);
      if (!inBlock || !inBlock->isBeforeInBlock(slot.commit)) {
        InFlightDiagnostic error =
            user->emitOpError("uses a slot that has been committed");
        error.attachNote(slot.commit.getLoc()) << "here";
        return error;
      }
      if (user->hasTrait<OpTrait::IsTerminator>())
        return user->emitOpError("passes on a tile of a slot that is not full");
      auto fill = dyn_cast<FillTileOp>(user);
      if (fill && fill.getKind() == FillKind::TensorMap) {
        // Its bytes are expected once, where the last of the slot is started.
        if (user != inBlock)
          return fill.emitOpError("by tensor_map must be in the block of its "
                                  "mqa.ring_acquire");
        byTensorMap = fill;
      } else if (!fill || passesRegisters(fill.getKind())) {
        if (!isMemoryEffectFree(user))
          slot.written.set(index);
      }
      if (!isMemoryEffectFree(user))
        writers.push_back(user);
      for (Value result : user->getResults())
        if (isa<BaseMemRefType>(result.getType()))
          worklist.push_back(result);
    }
  }
  if (!byTensorMap || writers.size() == 1)
    return success();
  InFlightDiagnostic error = byTensorMap.emitOpError(
      "by tensor_map is not all that fills its tile: the writes of one have no "
      "order with the others'");
  for (Operation *writer : writers)
    if (writer != byTensorMap)
      error.attachNote(writer->getLoc()) << "as this does";
  return error;
}

FailureOr<SmallVector<SlotFills>> mqa::findSlotFills(gpu::GPUFuncOp kernel) {
  SmallVector<SlotFills> slots;
  DenseSet<Operation *> commits;
  WalkResult result = kernel.walk([&](RingAcquireOp acquire) {
    FailureOr<RingCommitOp> commit = findCommit(acquire);
    if (failed(commit))
      return WalkResult::interrupt();
    SlotFills slot{
        acquire, *commit, {}, llvm::SmallBitVector(acquire->getNumResults())};
    for (unsigned i = 0, e = acquire->getNumResults(); i < e; ++i)
      if (failed(findWrites(slot, i)))
        return WalkResult::interrupt();
    // In the order of the code.
    for (Operation *op = acquire->getNextNode(); op != *commit;
         op = op->getNextNode())
      op->walk([&](FillTileOp fill) {
        if (fill.getAcquire() == acquire)
          slot.fills.push_back(fill);
      });
    commits.insert(*commit);
    slots.push_back(std::move(slot));
    return WalkResult::advance();
  });
  if (!result.wasInterrupted())
    result = kernel.walk([&](RingCommitOp commit) {
      if (commits.contains(commit))
        return WalkResult::advance();
      commit.emitOpError("commits a slot that no mqa.ring_acquire ahead of it "
                         "in its block acquires");
      return WalkResult::interrupt();
    });
  if (result.wasInterrupted())
    return failure();
  return slots;
}
