//===- PrefetchBlockIds.cpp - Reads a block table ahead of its loads ------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "mqa/Dialect/MQA/Transforms/Passes.h"
#include "mqa/Dialect/MQA/Transforms/TilePlan.h"

#include "mlir/Analysis/SliceAnalysis.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/GPU/IR/GPUDialect.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/IR/IRMapping.h"

namespace mlir {
namespace mqa {
#define GEN_PASS_DEF_MQAPREFETCHBLOCKIDSPASS
#include "mqa/Dialect/MQA/Transforms/Passes.h.inc"
} // namespace mqa
} // namespace mlir

using namespace mlir;
using namespace mlir::mqa;

namespace {
/// Gathers of the same keys, of one table: of the keys and of their scales.
using Gathers = SmallVector<GatherPagesOp, 2>;

class Prefetcher {
public:
  Prefetcher(IRRewriter &b, Gathers gathers, unsigned distance)
      : b(b), gathers(std::move(gathers)), first(this->gathers.front()),
        loc(first.getLoc()), distance(distance),
        blockKv(first.getCache().getType().getDimSize(1)) {}
  LogicalResult run();

private:
  Value constant(int64_t value) {
    return arith::ConstantIndexOp::create(b, loc, value);
  }
  scf::ForOp getLoop();
  Value getNumKeys(scf::ForOp loop, Value key);
  Value loadIds(Value key, Value numKeys);
  FailureOr<Value> prefetch(scf::ForOp loop);

  IRRewriter &b;
  Gathers gathers;
  GatherPagesOp first;
  Location loc;
  unsigned distance;
  int64_t blockKv;
};
} // namespace

/// The number of the block that holds key + lane * P, where it is one of
/// `numKeys` keys from `key` on; else -1.
Value Prefetcher::loadIds(Value key, Value numKeys) {
  Value thread = gpu::ThreadIdOp::create(b, loc, gpu::Dimension::x);
  Value lane =
      arith::RemUIOp::create(b, loc, thread, constant(hopper::kWarpThreads));
  Value ahead = arith::MulIOp::create(b, loc, lane, constant(blockKv));
  Value isNeeded =
      arith::CmpIOp::create(b, loc, arith::CmpIPredicate::slt, ahead, numKeys);
  Value block = arith::AddIOp::create(
      b, loc, arith::DivUIOp::create(b, loc, key, constant(blockKv)), lane);
  auto load = scf::IfOp::create(
      b, loc, isNeeded,
      [&](OpBuilder &nested, Location loc) {
        Value zero = arith::ConstantIndexOp::create(nested, loc, 0);
        Value id = memref::LoadOp::create(nested, loc, first.getTable(),
                                          ValueRange{zero, block});
        scf::YieldOp::create(nested, loc, id);
      },
      [&](OpBuilder &nested, Location loc) {
        Value none = arith::ConstantIntOp::create(nested, loc, -1, 32);
        scf::YieldOp::create(nested, loc, none);
      });
  return load.getResult(0);
}

/// The loop whose index the gathers follow; null if there is none, or if the
/// table changes in it.
scf::ForOp Prefetcher::getLoop() {
  auto key = dyn_cast<BlockArgument>(first.getFirst());
  auto loop =
      key ? dyn_cast<scf::ForOp>(key.getOwner()->getParentOp()) : nullptr;
  if (!loop || loop.getInductionVar() != key || first->getParentOp() != loop ||
      !loop.isDefinedOutsideOfLoop(first.getTable()))
    return nullptr;
  return loop;
}

/// What the gather has as `num_keys` where the loop is at `key`.
Value Prefetcher::getNumKeys(scf::ForOp loop, Value key) {
  SetVector<Operation *> slice;
  BackwardSliceOptions options;
  options.inclusive = true;
  options.filter = [&](Operation *op) { return loop->isProperAncestor(op); };
  (void)getBackwardSlice(first.getNumKeys(), &slice, options);
  IRMapping mapping;
  mapping.map(loop.getInductionVar(), key);
  for (Operation *op : slice)
    b.clone(*op, mapping);
  return mapping.lookupOrDefault(first.getNumKeys());
}

/// Makes `loop` carry the ids of the iterations to come; returns its own.
FailureOr<Value> Prefetcher::prefetch(scf::ForOp loop) {
  b.setInsertionPoint(loop);
  SmallVector<Value> inits;
  Value key = loop.getLowerBound();
  for (unsigned i = 0; i < distance; ++i) {
    inits.push_back(loadIds(key, getNumKeys(loop, key)));
    key = arith::AddIOp::create(b, loc, key, loop.getStep());
  }
  FailureOr<LoopLikeOpInterface> replaced = loop.replaceWithAdditionalYields(
      b, inits, /*replaceInitOperandUsesInLoop=*/false,
      [&](OpBuilder &, Location, ArrayRef<BlockArgument> carried) {
        // At its start, so that it is on its way through the whole iteration.
        b.setInsertionPointToStart(first->getBlock());
        Value later = loop.getInductionVar();
        for (unsigned i = 0; i < distance; ++i)
          later = arith::AddIOp::create(b, loc, later, loop.getStep());
        SmallVector<Value> yields(carried.drop_front());
        yields.push_back(loadIds(later, getNumKeys(loop, later)));
        return yields;
      });
  if (failed(replaced))
    return loop.emitError("cannot carry the numbers of cache blocks");
  auto carrying = cast<scf::ForOp>(replaced->getOperation());
  return Value(carrying.getRegionIterArgs().take_back(distance).front());
}

LogicalResult Prefetcher::run() {
  Value ids;
  scf::ForOp loop = getLoop();
  if (loop && distance > 0) {
    FailureOr<Value> own = prefetch(loop);
    if (failed(own))
      return failure();
    ids = *own;
  } else {
    b.setInsertionPoint(first);
    ids = loadIds(first.getFirst(), first.getNumKeys());
  }
  for (GatherPagesOp op : gathers) {
    b.setInsertionPoint(op);
    b.replaceOpWithNewOp<GatherBlocksOp>(op, op.getKeys().getType(),
                                         op.getCache(), ids, op.getFirst());
  }
  return success();
}

namespace {
struct PrefetchBlockIdsPass
    : mqa::impl::MQAPrefetchBlockIdsPassBase<PrefetchBlockIdsPass> {
  using MQAPrefetchBlockIdsPassBase::MQAPrefetchBlockIdsPassBase;

  void runOnOperation() override {
    SmallVector<Gathers> groups;
    auto isSame = [](GatherPagesOp lhs, GatherPagesOp rhs) {
      return lhs->getBlock() == rhs->getBlock() &&
             lhs.getTable() == rhs.getTable() &&
             lhs.getFirst() == rhs.getFirst() &&
             lhs.getNumKeys() == rhs.getNumKeys() &&
             lhs.getCache().getType().getDimSize(1) ==
                 rhs.getCache().getType().getDimSize(1);
    };
    getOperation().walk([&](GatherPagesOp op) {
      for (Gathers &group : groups)
        if (isSame(group.front(), op))
          return group.push_back(op);
      groups.push_back({op});
    });
    IRRewriter rewriter(&getContext());
    for (Gathers &group : groups)
      if (failed(Prefetcher(rewriter, group, distance).run()))
        return signalPassFailure();
  }
};
} // namespace
