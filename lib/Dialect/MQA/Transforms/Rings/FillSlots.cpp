//===- FillSlots.cpp - Slots from acquire to commit, lowered --------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "RingLowering.h"

#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/IR/Dominance.h"

using namespace mlir;
using namespace mlir::mqa;

/// One lane of a warp that is here as a whole. ptxas puts each copy that a lane
/// starts into a loop over the lanes that are there, unless it is an elected
/// one. Only where cache blocks are copied, by many copies for a slot: prefill
/// in half precision was 1.2 % slower with elected lanes.
Value RingLowering::chooseLane(const SlotFills &fills) {
  auto isPaged = [](FillTileOp op) {
    return op.getKind() == FillKind::TensorMap &&
           op.getSource().getDefiningOp<GatherBlocksOp>();
  };
  if (llvm::none_of(fills.fills, isPaged))
    return isFirstLane();
  return NVVM::ElectSyncOp::create(b, loc, b.getI1Type(), Value());
}

/// Starts all copies of a slot by tensor maps where the last of them stands:
/// one lane does, which first says how many bytes they are.
void RingLowering::startTensorMaps(
    const LoweredRing &ring, const SlotFills &fills,
    const DenseMap<Operation *, SmallVector<Value>> &ids, Slot slot) {
  auto start =
      scf::IfOp::create(b, loc, chooseLane(fills), /*withElseRegion=*/false);
  b.setInsertionPointToStart(start.thenBlock());
  int64_t bytes = 0;
  for (FillTileOp op : fills.fills)
    if (MemRefType tile = op.getTileType(); op.getKind() == FillKind::TensorMap)
      bytes += tile.getNumElements() * tile.getElementTypeBitWidth() / 8;
  nvgpu::MBarrierArriveExpectTxOp::create(b, loc, ring.full, constant(bytes),
                                          slot.index, Value());
  for (FillTileOp op : fills.fills) {
    if (op.getKind() != FillKind::TensorMap)
      continue;
    Operation *view = op.getSource().getDefiningOp();
    if (auto pages = dyn_cast<GatherBlocksOp>(view))
      loadPages(ring, op, pages, ids.lookup(op), slot);
    else
      load(ring, op, cast<memref::SubViewOp>(view), slot);
  }
  // Otherwise LLVM lets the first lane go on by itself, through the waits
  // behind this: the other lanes then wait in a copy of them, and while
  // they do, the first lane may not get to start its loads.
  b.setInsertionPointAfter(start);
  syncWarp();
}

/// What was written is there for a unit that reads by the asynchronous proxy.
void RingLowering::fenceAsyncProxy() {
  MLIRContext *context = b.getContext();
  NVVM::FenceProxyOp::create(
      b, loc, NVVM::ProxyKindAttr::get(context, NVVM::ProxyKind::async_shared),
      NVVM::SharedSpaceAttr::get(context, NVVM::SharedSpace::shared_cta));
}

/// Who has not arrived when its copies were started does so now.
void RingLowering::commit(const LoweredRing &ring, const SlotFills &fills,
                          Slot slot) {
  b.setInsertionPoint(fills.commit);
  bool startsCopies = fills.has(FillKind::TensorMap);
  // Other slots of the ring have some.
  if (ring.arrivals.ofTensorMaps && !startsCopies) {
    auto first =
        scf::IfOp::create(b, loc, isFirstLane(), /*withElseRegion=*/false);
    b.setInsertionPointToStart(first.thenBlock());
    arrive(ring.full, slot);
    b.setInsertionPointAfter(first);
  }
  if (ring.arrivals.ofAsyncCopies && !fills.has(FillKind::AsyncChunks))
    AsyncArriveOp::create(b, loc, ring.full, slot.index);
  // An asynchronous unit reads tiles by another proxy than threads write by.
  bool writesOperand =
      llvm::any_of(fills.written.set_bits(), [&](unsigned tile) {
        RingCommitOp commit = fills.commit;
        return isOperand(commit.getRing(), ring.type.getTiles()[tile]);
      });
  if (writesOperand && chip->matrixUnit->isAsync)
    fenceAsyncProxy();
  bool isOfWarp = ring.arrivals.ofWrites && !ring.arrivals.areOfThreads();
  if (ring.arrivals.ofWrites && !isOfWarp)
    arrive(ring.full, slot);
  if (!startsCopies || isOfWarp)
    syncWarp();
  if (isOfWarp) {
    auto first =
        scf::IfOp::create(b, loc, isFirstLane(), /*withElseRegion=*/false);
    b.setInsertionPointToStart(first.thenBlock());
    arrive(ring.full, slot);
    b.setInsertionPointAfter(first);
  }
}

/// Lowers a slot from its acquire to its commit.
void RingLowering::fill(const SlotFills &fills) {
  RingAcquireOp acquire = fills.acquire;
  const LoweredRing &ring = rings[acquire.getRing()];
  b.setInsertionPoint(acquire);
  Slot slot = getSlot(ring, acquire.getPosition());
  // What can be known before the wait is asked for before it.
  DenseMap<Operation *, SmallVector<Value>> blockIds;
  auto spreadIds = [&](auto isWanted) {
    for (FillTileOp op : fills.fills)
      if (auto pages = op.getSource().getDefiningOp<GatherBlocksOp>();
          pages && op.getKind() == FillKind::TensorMap && isWanted(pages))
        blockIds[op] = spreadBlockIds(pages, op.getTileType());
  };
  DominanceInfo dominance(kernel);
  auto isAhead = [&](Operation *pages) {
    return dominance.properlyDominates(pages, acquire);
  };
  spreadIds(isAhead);
  waitForEmpty(ring, slot);
  Value lane;
  if (fills.has(FillKind::AsyncChunks) || fills.has(FillKind::Chunks))
    lane = getOwnLane(ring);

  if (Operation *last = fills.getLast(FillKind::TensorMap)) {
    b.setInsertionPoint(last);
    spreadIds([&](Operation *pages) { return !isAhead(pages); });
    startTensorMaps(ring, fills, blockIds, slot);
  }
  // At the end of all in one block: what has been copied so far is waited for.
  if (Operation *last = fills.getLast(FillKind::AsyncChunks)) {
    b.setInsertionPointAfter(last);
    AsyncArriveOp::create(b, loc, ring.full, slot.index);
  }
  for (FillTileOp op : fills.fills) {
    b.setInsertionPoint(op);
    unsigned tile = op.getTileIndex();
    switch (op.getKind()) {
    case FillKind::TensorMap:
      break;
    case FillKind::AsyncChunks:
    case FillKind::Chunks:
      fillByChunks(ring, op, lane, slot);
      break;
    case FillKind::Elements:
      copyByLanes(getTile(ring, tile, slot.index, ring.type.getSlotType(tile)),
                  op.getSource(), ring.threads);
      break;
    }
  }
  commit(ring, fills, slot);

  // Two sources may be one view.
  SetVector<Operation *> views;
  for (FillTileOp op : fills.fills) {
    if (op.getKind() == FillKind::TensorMap)
      views.insert(op.getSource().getDefiningOp());
    b.eraseOp(op);
  }
  for (Operation *view : views)
    if (view->use_empty())
      b.eraseOp(view);
  // What other ops write.
  for (auto [i, tile] : llvm::enumerate(acquire.getTiles())) {
    if (tile.use_empty())
      continue;
    b.setInsertionPoint(acquire);
    b.replaceAllUsesWith(
        tile, getTile(ring, i, slot.index, cast<MemRefType>(tile.getType())));
  }
  b.eraseOp(fills.commit);
  b.eraseOp(acquire);
}
