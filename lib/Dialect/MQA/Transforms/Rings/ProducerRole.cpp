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

/// The ring whose slots two warps fill; null if one is enough for each of them.
Value WarpRoles::findWideRing() {
  Value wide;
  loop.walk([&](RingPutOp put) {
    if (!wide && countFillWarps(put, *chip.copyEngine) > 1)
      wide = put.getRing();
  });
  return wide;
}

/// A warp for each ring, from thread `first` on, so that no load waits for
/// those of another ring; where there are fewer, the last takes what is left.
/// Returns the thread behind them.
int64_t WarpRoles::buildProducers(Value threadId, int64_t first) {
  // Ahead of the others: the first warp of two is a multiple of two.
  SetVector<Value> rings;
  Value wide = findWideRing();
  if (wide)
    rings.insert(wide);
  loop.walk([&](Operation *op) {
    if (Value ring = getFilledRing(op); ring && hasRole(op, Role::Producer))
      rings.insert(ring);
  });
  // Cleaning needs every warp that it can get: with two for it, prefill with
  // `clean` was 2 % slower than with three.
  int64_t maxWarps = !cleaning ? kGroupWarps : wide ? kGroupWarps - 1 : 1;
  int64_t maxRoles = wide ? maxWarps - 1 : maxWarps;
  int64_t numRoles = std::min<int64_t>(rings.size(), maxRoles);
  LDBG() << numRoles << " producers for " << rings.size() << " rings"
         << (wide ? ", the first of two warps" : "");
  for (int64_t role = 0; role < numRoles; ++role) {
    auto isForeign = [&](RoleOpInterface op) {
      if (op.getRole() != Role::Producer)
        return true;
      int64_t ring = llvm::find(rings, getFilledRing(op)) - rings.begin();
      return std::min(ring, numRoles - 1) != role;
    };
    int64_t numWarps = wide && role == 0 ? 2 : 1;
    if (numWarps > 1)
      wide.getDefiningOp<RingCreateOp>().setProducers(numWarps);
    int64_t count = numWarps * kWarpThreads;
    buildRole(threadId, first, count, [&](Value own) {
      scf::ForOp producer = cloneWithout(isForeign);
      shareLoops(producer, own, count);
      // Where no other ring's loads would wait with it.
      if (numRoles == static_cast<int64_t>(rings.size()))
        loadFirstBlockAlone(producer);
    });
    first += count;
  }
  return first;
}
