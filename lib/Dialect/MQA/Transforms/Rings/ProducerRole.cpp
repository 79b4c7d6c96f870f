//===- ProducerRole.cpp - Which warps fill which rings --------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "FillKinds.h"
#include "SlotFills.h"
#include "WarpRoles.h"
#include "mqa/Dialect/MQA/IR/Shapes.h"
#include "mqa/Dialect/MQA/IR/Target.h"

#include "llvm/ADT/SetVector.h"
#include "llvm/Support/DebugLog.h"

#define DEBUG_TYPE "mqa-specialize-warps"

using namespace mlir;
using namespace mlir::mqa;
using namespace mlir::mqa::shapes;

/// Makes a producer of queries wait for the first block's before it asks for
/// more: at the start all multiprocessors have room for two blocks, and would
/// get the first only about when the second is there too. Later ones need not
/// wait; where blocks have few keys, their loads overlap.
void WarpRoles::loadFirstBlockAlone(scf::ForOp producer) {
  OpBuilder::InsertionGuard guard(rewriter);
  for (auto put :
       llvm::make_early_inc_range(producer.getBody()->getOps<RingPutOp>())) {
    rewriter.setInsertionPointAfter(put);
    Value isFirst = arith::CmpIOp::create(
        rewriter, loc, arith::CmpIPredicate::eq, producer.getInductionVar(),
        producer.getLowerBound());
    auto guarded =
        scf::IfOp::create(rewriter, loc, isFirst, /*withElseRegion=*/false);
    rewriter.setInsertionPointToStart(guarded.thenBlock());
    RingGetOp::create(rewriter, loc, put.getRing(), put.getPosition());
  }
}

/// The role of `numWarps` warps from thread `first` on, which fill all rings
/// together: lanes copy, and one warp alone is too slow for that.
int64_t WarpRoles::buildSharedProducers(Value threadId, int64_t first,
                                        int64_t numWarps) {
  loop->getParentOfType<gpu::GPUFuncOp>().walk([&](RingCreateOp op) {
    if (op.getFiller() == Role::Producer)
      op.setProducers(numWarps);
  });
  auto isForeign = [](RoleOpInterface op) {
    return op.getRole() != Role::Producer;
  };
  int64_t count = numWarps * kWarpThreads;
  buildRole(threadId, first, count, [&](Value own) {
    shareLoops(cloneWithout(isForeign), own, count);
  });
  return first + count;
}

/// The ring whose slots several warps fill, and how many; null if one is enough
/// for each of them.
std::pair<Value, int64_t> WarpRoles::findWideRing() {
  std::pair<Value, int64_t> wide{Value(), 1};
  loop.walk([&](RingPutOp put) {
    int64_t warps = countFillWarps(put, *chip.copyEngine);
    if (warps > wide.second)
      wide = {put.getRing(), warps};
  });
  return wide;
}

/// The role of `numWarps` warps from thread `first` on, which fill `own`.
int64_t WarpRoles::buildProducer(Value threadId, int64_t first,
                                 int64_t numWarps,
                                 const SetVector<Value> &own) {
  auto isForeign = [&](RoleOpInterface op) {
    return op.getRole() != Role::Producer || !own.contains(getFilledRing(op));
  };
  int64_t count = numWarps * kWarpThreads;
  buildRole(threadId, first, count, [&](Value thread) {
    scf::ForOp producer = cloneWithout(isForeign);
    shareLoops(producer, thread, count);
    // Where no other ring's loads would wait with it.
    if (own.size() == 1)
      loadFirstBlockAlone(producer);
  });
  return first + count;
}

/// A warp for each ring, from thread `first` on, so that no load waits for
/// those of another ring; where there are fewer, the last takes what is left.
/// Where one ring needs all of them, each fills its part of that and what else
/// is its own. Returns the thread behind them.
int64_t WarpRoles::buildProducers(Value threadId, int64_t first) {
  SetVector<Value> rings;
  loop.walk([&](Operation *op) {
    if (Value ring = getFilledRing(op); ring && hasRole(op, Role::Producer))
      rings.insert(ring);
  });
  auto [wide, wideWarps] = findWideRing();
  // Cleaning needs every warp that it can get: with two for it, prefill with
  // `clean` was 2 % slower than with three.
  int64_t maxWarps = !cleaning ? kGroupWarps : wide ? kGroupWarps - 1 : 1;
  if (cleaning)
    wideWarps = std::min<int64_t>(wideWarps, kGroupWarps / 2);
  bool isShared = wideWarps == maxWarps && wide;
  if (wide) {
    rings.remove(wide);
    wide.getDefiningOp<RingCreateOp>().setProducers(wideWarps);
  }
  LDBG() << rings.size() << " rings have a warp each, at most " << maxWarps
         << ", and " << wideWarps << " warps fill "
         << (wide ? "one ring more" : "each ring");
  SetVector<Value> ofWide;
  if (wide)
    ofWide.insert(wide);
  // Ahead of the others: a lane's number counts from a multiple of those that
  // fill the ring.
  int64_t maxRoles = maxWarps;
  if (wide && !isShared) {
    first = buildProducer(threadId, first, wideWarps, ofWide);
    maxRoles -= wideWarps;
  }
  int64_t numRoles = std::min<int64_t>(rings.size(), maxRoles);
  for (int64_t role = 0; role < numRoles; ++role) {
    SetVector<Value> own;
    if (isShared)
      own = ofWide;
    bool isLast = role == numRoles - 1;
    for (Value ring :
         rings.getArrayRef().slice(role, isLast ? rings.size() - role : 1))
      own.insert(ring);
    first = buildProducer(threadId, first, 1, own);
  }
  if (isShared && numRoles < maxWarps)
    first = buildProducer(threadId, first, maxWarps - numRoles, ofWide);
  return first;
}
