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

/// The rings besides `wide` that lanes fill in the loop that fills `wide`.
SetVector<Value> WarpRoles::findRingsBeside(Value wide) {
  SetVector<Value> rings;
  auto isOfLanes = [&](RingPutOp put) {
    return llvm::all_of(
        llvm::zip_first(put.getSources(), put.getRing().getType().getTiles()),
        [&](auto fill) {
          auto [source, tile] = fill;
          return chooseKind(source, tile, *chip.copyEngine) !=
                 FillKind::TensorMap;
        });
  };
  loop.walk([&](RingPutOp put) {
    if (put.getRing() != wide)
      return;
    for (auto other : put->getBlock()->getOps<RingPutOp>())
      if (other.getRing() != wide && isOfLanes(other))
        rings.insert(other.getRing());
  });
  return rings;
}

/// Makes `producer` fill a slot of `rings` only in its turn, one of a group's
/// warps'.
void WarpRoles::fillInTurn(scf::ForOp producer, const SetVector<Value> &rings,
                           int64_t turn) {
  OpBuilder::InsertionGuard guard(rewriter);
  SmallVector<RingPutOp> puts;
  producer.walk([&](RingPutOp put) {
    if (rings.contains(put.getRing()))
      puts.push_back(put);
  });
  auto number = [&](int64_t value) -> Value {
    return arith::ConstantIntOp::create(rewriter, loc, value, 32);
  };
  for (RingPutOp put : puts) {
    rewriter.setInsertionPoint(put);
    Value own = arith::RemUIOp::create(rewriter, loc, put.getPosition(),
                                       number(kGroupWarps));
    Value isOwn = arith::CmpIOp::create(rewriter, loc, arith::CmpIPredicate::eq,
                                        own, number(turn));
    auto guarded =
        scf::IfOp::create(rewriter, loc, isOwn, /*withElseRegion=*/false);
    rewriter.moveOpBefore(put, guarded.thenBlock()->getTerminator());
  }
}

/// The role of `numWarps` warps from thread `first` on, which fill `own`.
void WarpRoles::buildProducer(Value threadId, int64_t first, int64_t numWarps,
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
}

/// The ring of `rings` whose puts take longest, and how many warps, up to
/// `maxTurns`, can take turns at its slots; null and 1 if one warp is enough
/// for each ring.
std::pair<Value, int64_t>
WarpRoles::findRingOfTurns(const SetVector<Value> &rings, int64_t maxTurns) {
  // One warp does less than this in the time that consumers take for a tile,
  // though they leave its scheduler little room.
  constexpr int64_t kManySteps = 4;
  std::pair<Value, int64_t> found{Value(), 1};
  int64_t mostSteps = kManySteps - 1;
  for (Value ring : rings) {
    int64_t steps = 0, numFills = 0;
    bool mayTakeTurns = true;
    loop.walk([&](RoleOpInterface op) {
      if (op.getRole() != Role::Producer || getFilledRing(op) != ring)
        return;
      // An acquire and its commit would be done in each turn.
      ++numFills;
      auto put = dyn_cast<RingPutOp>(op.getOperation());
      auto keys = dyn_cast<scf::ForOp>(op->getParentOp());
      mayTakeTurns &= put && keys && keys != loop &&
                      keys.getNumRegionIterArgs() == 0 &&
                      countsIterations(put.getPosition(), keys);
      if (put)
        steps = countFillSteps(put, *chip.copyEngine);
    });
    // A warp always gets the same slots: a barrier's parity alone cannot tell
    // one round from the one before the last.
    int64_t stages = cast<RingType>(ring.getType()).getStages();
    int64_t turns = maxTurns;
    while (stages % turns)
      --turns;
    if (numFills != 1 || !mayTakeTurns || turns == 1 || steps <= mostSteps)
      continue;
    mostSteps = steps;
    found = {ring, turns};
  }
  return found;
}

/// The roles of `turns` warps from thread `first` on, which fill the slots of
/// `ring` in turn.
void WarpRoles::buildProducersInTurn(Value threadId, int64_t first, Value ring,
                                     int64_t turns) {
  auto isForeign = [&](RoleOpInterface op) {
    return op.getRole() != Role::Producer || getFilledRing(op) != ring;
  };
  buildRole(threadId, first, turns * kWarpThreads, [&](Value thread) {
    Value turn = getUniform(
        arith::DivUIOp::create(rewriter, loc, thread, constant(kWarpThreads)));
    cloneWithout(isForeign).walk([&](RingPutOp put) {
      takeTurns(cast<scf::ForOp>(put->getParentOp()), put.getPosition(), turn,
                turns);
    });
  });
}

/// The roles of a group of warps from thread `first` on, which fill `wide`
/// together. The first one fills `others` as well. They take turns with what
/// lanes fill beside `wide`: a warp that did all of this would be late for each
/// slot of `wide`.
void WarpRoles::buildCopiers(Value threadId, int64_t first, Value wide,
                             SetVector<Value> others) {
  SetVector<Value> inTurn = findRingsBeside(wide);
  others.set_subtract(inTurn);
  for (int64_t warp = 0; warp < kGroupWarps; ++warp) {
    auto isForeign = [&](RoleOpInterface op) {
      Value ring = getFilledRing(op);
      return op.getRole() != Role::Producer ||
             !(ring == wide || inTurn.contains(ring) ||
               (warp == 0 && others.contains(ring)));
    };
    buildRole(threadId, first + warp * kWarpThreads, kWarpThreads,
              [&](Value thread) {
                scf::ForOp producer = cloneWithout(isForeign);
                shareLoops(producer, thread, kWarpThreads);
                fillInTurn(producer, inTurn, warp);
              });
  }
}

/// A warp for each ring, from thread `first` on, so that no load waits for
/// those of another ring; where there are fewer, the last takes what is left.
/// One ring may need several warps. Returns the thread behind them.
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
  if (wide) {
    rings.remove(wide);
    wide.getDefiningOp<RingCreateOp>().setProducers(wideWarps);
    // What lanes do for a slot beside its copies is half of their work.
    rolesAreUniform = true;
  }
  LDBG() << rings.size() << " rings have a warp each, at most " << maxWarps
         << ", and " << wideWarps << " warps fill "
         << (wide ? "one ring more" : "each ring");
  if (wideWarps == kGroupWarps) {
    buildCopiers(threadId, first, wide, rings);
    return first + kGroupThreads;
  }
  // Ahead of the others: a lane's number counts from a multiple of those that
  // fill the ring.
  if (wide) {
    SetVector<Value> ofWide;
    ofWide.insert(wide);
    buildProducer(threadId, first, wideWarps, ofWide);
    first += wideWarps * kWarpThreads;
    maxWarps -= wideWarps;
  }
  int64_t numRoles = std::min<int64_t>(rings.size(), maxWarps);
  // Warps that are left over.
  if (numRoles == static_cast<int64_t>(rings.size())) {
    auto [ring, turns] = findRingOfTurns(rings, 1 + maxWarps - numRoles);
    if (ring) {
      buildProducersInTurn(threadId, first, ring, turns);
      first += turns * kWarpThreads;
      rings.remove(ring);
      --numRoles;
    }
  }
  for (int64_t role = 0; role < numRoles; ++role) {
    bool isLast = role == numRoles - 1;
    SetVector<Value> own;
    own.insert_range(
        rings.getArrayRef().slice(role, isLast ? rings.size() - role : 1));
    buildProducer(threadId, first, 1, own);
    first += kWarpThreads;
  }
  return first;
}
