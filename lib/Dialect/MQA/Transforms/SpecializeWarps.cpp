//===- SpecializeWarps.cpp - Splits a staged kernel by roles --------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "mqa/Dialect/MQA/Transforms/Passes.h"
#include "mqa/Dialect/MQA/Transforms/TilePlan.h"

#include "mlir/Analysis/SliceAnalysis.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/GPU/IR/GPUDialect.h"
#include "mlir/Dialect/LLVMIR/NVVMDialect.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Transforms/LoopInvariantCodeMotionUtils.h"
#include "mlir/Transforms/RegionUtils.h"

namespace mlir {
namespace mqa {
#define GEN_PASS_DEF_MQASPECIALIZEWARPSPASS
#include "mqa/Dialect/MQA/Transforms/Passes.h.inc"
} // namespace mqa
} // namespace mlir

using namespace mlir;
using namespace mlir::mqa;
using namespace mlir::mqa::hopper;

namespace {
/// What is needed to write one role's clone of the loop.
class Specializer {
public:
  Specializer(gpu::GPUFuncOp kernel, scf::ForOp loop, scf::ForOp cleaning,
              ScheduleAttr schedule)
      : rewriter(kernel.getContext()), loc(loop.getLoc()), loop(loop),
        cleaning(cleaning), schedule(schedule),
        warpgroups(schedule.getWarpgroups()) {}

  LogicalResult run();

private:
  Value constant(int64_t value) {
    return arith::ConstantIndexOp::create(rewriter, loc, value);
  }
  Value compare(arith::CmpIPredicate predicate, Value lhs, int64_t rhs) {
    return arith::CmpIOp::create(rewriter, loc, predicate, lhs, constant(rhs));
  }
  /// Clones the loop at the insertion point without the ops of other roles.
  scf::ForOp cloneWithout(function_ref<bool(Operation *)> isForeign);
  void buildConsumers(Value threadId);
  void takeTurns(scf::ForOp keys, Value keyGroup);
  /// The rows of the block from which on those of a query group are.
  Value getFirstRow(Value queryGroup) {
    return arith::MulIOp::create(rewriter, loc, queryGroup,
                                 constant(schedule.getTileQ()));
  }
  void skipWithoutQueries(StoreLogitsOp op, Value rows);
  void narrowTile(TileLogitsOp op, Value queryGroup);
  void narrowStore(StoreLogitsOp op, Value queryGroup);
  void narrowCarriedTiles(scf::ForOp outer);
  void buildRole(Value threadId, int64_t first, int64_t count,
                 function_ref<void()> body);
  int64_t buildProducers(Value threadId, int64_t first, int64_t maxWarps);
  void buildCleaner(Value threadId, int64_t first, int64_t count);

  IRRewriter rewriter;
  Location loc;
  /// The loop over tiles, and the one that cleans, if there is one.
  scf::ForOp loop, cleaning;
  ScheduleAttr schedule;
  int64_t warpgroups;
};
} // namespace

scf::ForOp
Specializer::cloneWithout(function_ref<bool(Operation *)> isForeign) {
  // Each role reads block and grid itself: nothing is kept in registers across
  // the branch for the sake of another role.
  IRMapping mapping;
  for (Value operand : {loop.getLowerBound(), loop.getStep()})
    if (operand.getDefiningOp<gpu::BlockIdOp>() ||
        operand.getDefiningOp<gpu::GridDimOp>())
      rewriter.clone(*operand.getDefiningOp(), mapping);
  auto clone = cast<scf::ForOp>(rewriter.clone(*loop, mapping));
  SmallVector<Operation *> foreign;
  clone.walk([&](Operation *op) {
    if (isForeign(op))
      foreign.push_back(op);
  });
  for (Operation *op : llvm::reverse(foreign)) {
    // A loop that only carried tiles from one to the next carries none.
    if (auto tile = dyn_cast<TileLogitsOp>(op); tile && tile.getOnto())
      rewriter.replaceAllUsesWith(tile.getLogits(), tile.getOnto());
    rewriter.eraseOp(op);
  }
  (void)runRegionDCE(rewriter, clone->getRegions());
  return clone;
}

/// The loop over keys that `op` is in, if there is one around it.
static scf::ForOp getKeyLoop(Operation *op) {
  return dyn_cast<scf::ForOp>(op->getParentOp());
}

/// What leads from the loop's key to `value` inside its body.
static SetVector<Operation *> getSliceInBody(Value value, scf::ForOp loop) {
  SetVector<Operation *> slice;
  BackwardSliceOptions options;
  options.inclusive = true;
  options.filter = [&](Operation *op) { return loop->isProperAncestor(op); };
  (void)getBackwardSlice(value, &slice, options);
  return slice;
}

/// Whether `value` is computed from the key of `loop`, and from nothing else
/// that changes in it.
static bool followsFrom(Value value, scf::ForOp loop) {
  bool usesKey = false;
  for (Operation *op : getSliceInBody(value, loop)) {
    if (!isPure(op))
      return false;
    for (Value operand : op->getOperands()) {
      usesKey |= operand == loop.getInductionVar();
      if (llvm::is_contained(loop.getRegionIterArgs(), operand))
        return false;
    }
  }
  return usesKey;
}

/// Restricts a loop over key tiles to those of one of the groups of warpgroups
/// that take tiles in turn. The turns follow the ring's positions, so that they
/// go on where they were at the end of the last query block: a group may get
/// more tiles of a block than another, but not more of all blocks.
void Specializer::takeTurns(scf::ForOp keys, Value keyGroup) {
  int64_t groups = schedule.getKeyGroups();
  auto gets = keys.getBody()->getOps<RingGetOp>();
  if (groups == 1 || gets.empty())
    return;
  OpBuilder::InsertionGuard guard(rewriter);
  rewriter.setInsertionPoint(keys);
  // The position of the loop's first tile: what leads to it in the body, at the
  // loop's start.
  Value position = (*gets.begin()).getPosition();
  IRMapping atStart;
  atStart.map(keys.getInductionVar(), keys.getLowerBound());
  for (Operation *op : getSliceInBody(position, keys))
    rewriter.clone(*op, atStart);
  Value first = atStart.lookupOrDefault(position);

  Type i32 = rewriter.getI32Type();
  Value count = arith::ConstantIntOp::create(rewriter, loc, groups, 32);
  Value group = arith::IndexCastOp::create(rewriter, loc, i32, keyGroup);
  Value turn = arith::RemUIOp::create(rewriter, loc, first, count);
  Value ahead = arith::SubIOp::create(
      rewriter, loc, arith::AddIOp::create(rewriter, loc, group, count), turn);
  ahead = arith::RemUIOp::create(rewriter, loc, ahead, count);
  ahead =
      arith::IndexCastOp::create(rewriter, loc, rewriter.getIndexType(), ahead);
  Value step = keys.getStep();
  Value skipped = arith::MulIOp::create(rewriter, loc, ahead, step);
  keys.setLowerBound(
      arith::AddIOp::create(rewriter, loc, keys.getLowerBound(), skipped));
  keys.setStep(arith::MulIOp::create(rewriter, loc, step, constant(groups)));
}

/// Guards a store with the tile before it and the releases behind it: a
/// warpgroup that has no query only releases them.
void Specializer::skipWithoutQueries(StoreLogitsOp op, Value rows) {
  auto tile = op.getLogits().getDefiningOp<TileLogitsOp>();
  SmallVector<RingReleaseOp> releases;
  for (Operation *next = op->getNextNode(); next; next = next->getNextNode())
    if (auto release = dyn_cast<RingReleaseOp>(next))
      releases.push_back(release);
    else
      break;
  if (releases.empty() || schedule.getQueryGroups() == 1 || !tile ||
      tile->getBlock() != op->getBlock())
    return;
  rewriter.setInsertionPoint(op);
  Value some = compare(arith::CmpIPredicate::sgt, rows, 0);
  auto guard = scf::IfOp::create(rewriter, loc, some, /*withElseRegion=*/true);
  rewriter.setInsertionPointToStart(guard.elseBlock());
  for (RingReleaseOp release : releases)
    rewriter.clone(*release);
  rewriter.moveOpBefore(tile, guard.thenBlock()->getTerminator());
  rewriter.moveOpBefore(op, guard.thenBlock()->getTerminator());
  for (RingReleaseOp release : releases)
    rewriter.moveOpBefore(release, guard.thenBlock()->getTerminator());
}

/// `count` rows of a vector or matrix from `first` on.
static Value getRows(OpBuilder &b, Location loc, Value value,
                     OpFoldResult first, OpFoldResult count) {
  SmallVector<OpFoldResult> offsets{first}, sizes{count};
  if (cast<MemRefType>(value.getType()).getRank() == 2) {
    offsets.push_back(b.getIndexAttr(0));
    sizes.push_back(memref::getMixedSize(b, loc, value, 1));
  }
  SmallVector<OpFoldResult> strides(sizes.size(), b.getIndexAttr(1));
  return memref::SubViewOp::create(b, loc, value, offsets, sizes, strides);
}

/// Position `group` of a staged tile's first dimension.
static Value getGroup(OpBuilder &b, Location loc, Value tile, Value group) {
  auto type = cast<MemRefType>(tile.getType());
  SmallVector<OpFoldResult> offsets(type.getRank(), b.getIndexAttr(0));
  SmallVector<OpFoldResult> sizes, strides(type.getRank(), b.getIndexAttr(1));
  for (int64_t size : type.getShape())
    sizes.push_back(b.getIndexAttr(size));
  offsets[0] = group;
  sizes[0] = b.getIndexAttr(1);
  return memref::SubViewOp::create(b, loc, tile, offsets, sizes, strides);
}

/// Restricts a block's tile to the `tile_q` queries of one warpgroup.
void Specializer::narrowTile(TileLogitsOp op, Value queryGroup) {
  OpBuilder::InsertionGuard guard(rewriter);
  rewriter.setInsertionPoint(op);
  OpFoldResult tileQ = rewriter.getIndexAttr(schedule.getTileQ());
  Value firstRow = getFirstRow(queryGroup);
  Value factors, weights;
  if (op.getFactors()) {
    OpFoldResult zero = rewriter.getIndexAttr(0),
                 one = rewriter.getIndexAttr(1);
    factors = memref::SubViewOp::create(
        rewriter, loc, op.getFactors(), ArrayRef<OpFoldResult>{zero, firstRow},
        ArrayRef<OpFoldResult>{rewriter.getIndexAttr(2), tileQ},
        ArrayRef<OpFoldResult>{one, one});
  }
  if (op.getWeights())
    weights = getRows(rewriter, loc, op.getWeights(), firstRow, tileQ);
  Value q = getGroup(rewriter, loc, op.getQ(), queryGroup);
  rewriter.modifyOpInPlace(op, [&] {
    op.getQMutable().assign(q);
    if (weights)
      op.getWeightsMutable().assign(weights);
    if (factors)
      op.getFactorsMutable().assign(factors);
    auto type = op.getLogits().getType();
    op.getLogits().setType(VectorType::get(
        {schedule.getTileQ(), type.getDimSize(1)}, type.getElementType()));
  });
}

/// Makes the tiles that loops carry as narrow as those that they are given.
void Specializer::narrowCarriedTiles(scf::ForOp outer) {
  outer.walk([&](scf::ForOp loop) {
    for (unsigned i = 0; i < loop.getNumResults(); ++i) {
      Type type = loop.getYieldedValues()[i].getType();
      if (!isa<VectorType>(type) || type == loop.getResult(i).getType())
        continue;
      OpBuilder::InsertionGuard guard(rewriter);
      rewriter.setInsertionPoint(loop);
      Value none =
          arith::ConstantOp::create(rewriter, loc, rewriter.getZeroAttr(type));
      rewriter.modifyOpInPlace(loop, [&] {
        loop.getInitArgsMutable()[i].set(none);
        loop.getRegionIterArg(i).setType(type);
        loop.getResult(i).setType(type);
      });
    }
  });
}

/// As `narrowTile`, for the store of a tile.
void Specializer::narrowStore(StoreLogitsOp op, Value queryGroup) {
  OpBuilder::InsertionGuard guard(rewriter);
  // The rows' views come as early as they can, so that what is read of them is
  // on its way while the block's range is computed.
  Operation *early = op;
  if (scf::ForOp keys = getKeyLoop(op))
    for (auto range : keys->getBlock()->getOps<KeyRangeOp>())
      early = range;
  rewriter.setInsertionPoint(early);
  Value firstRow = getFirstRow(queryGroup);
  // Rows of the problem end somewhere, those of a staged tile do not.
  Value numRows = memref::DimOp::create(rewriter, loc, op.getOut(), 0);
  Value rows = arith::SubIOp::create(rewriter, loc, numRows, firstRow);
  rows = arith::MaxSIOp::create(rewriter, loc, rows, constant(0));
  rows = arith::MinSIOp::create(rewriter, loc, rows,
                                constant(schedule.getTileQ()));
  Value ks, ke = op.getKe();
  if (op.getKs())
    ks = getRows(rewriter, loc, op.getKs(), firstRow, rows);
  // One length for all: there is one group of queries.
  if (!op.getCausal())
    ke = getRows(rewriter, loc, ke, firstRow, rows);
  Value out = getRows(rewriter, loc, op.getOut(), firstRow, rows);
  rewriter.modifyOpInPlace(op, [&] {
    if (ks)
      op.getKsMutable().assign(ks);
    op.getKeMutable().assign(ke);
    op.getOutMutable().assign(out);
  });
  skipWithoutQueries(op, rows);
}

void Specializer::buildConsumers(Value threadId) {
  NVVM::SetMaxRegisterOp::create(rewriter, loc,
                                 getConsumerRegisters(warpgroups),
                                 NVVM::SetMaxRegisterAction::increase);
  // Read from lane 0, so that ptxas knows it to be the same in the whole warp.
  Type i32 = rewriter.getI32Type();
  Value index = arith::DivUIOp::create(rewriter, loc, threadId,
                                       constant(kWarpgroupThreads));
  Value own = arith::IndexCastOp::create(rewriter, loc, i32, index);
  auto uniform = gpu::ShuffleOp::create(rewriter, loc, own, 0, kWarpThreads,
                                        gpu::ShuffleMode::IDX);
  Value warpgroup = arith::IndexCastOp::create(
      rewriter, loc, rewriter.getIndexType(), uniform.getShuffleResult());
  // Warpgroups go over the keys first.
  Value keyGroups = constant(schedule.getKeyGroups());
  Value queryGroup =
      arith::DivUIOp::create(rewriter, loc, warpgroup, keyGroups);
  Value keyGroup = arith::RemUIOp::create(rewriter, loc, warpgroup, keyGroups);
  Value numConsumers = constant(warpgroups * kWarpgroupThreads);
  scf::ForOp clone = cloneWithout(llvm::IsaPred<RingPutOp>);
  clone.walk([&](FitQueriesOp op) {
    op.getThreadMutable().assign(threadId);
    op.getNumThreadsMutable().assign(numConsumers);
  });
  SmallVector<TileLogitsOp> tiles;
  SmallVector<StoreLogitsOp> stores;
  clone.walk([&](TileLogitsOp op) { tiles.push_back(op); });
  clone.walk([&](StoreLogitsOp op) { stores.push_back(op); });
  // Only the key loops have ring positions that follow from their keys.
  SmallVector<scf::ForOp> keyLoops;
  for (StoreLogitsOp op : stores)
    if (scf::ForOp keys = getKeyLoop(op); keys && keys != clone)
      keyLoops.push_back(keys);
  for (scf::ForOp keys : keyLoops)
    takeTurns(keys, keyGroup);
  for (TileLogitsOp op : tiles)
    narrowTile(op, queryGroup);
  narrowCarriedTiles(clone);
  for (StoreLogitsOp op : stores)
    narrowStore(op, queryGroup);
  // What a warpgroup takes of a query block is the same for all its keys.
  clone.walk([](scf::ForOp inner) { moveLoopInvariantCode(inner); });
}

/// Builds `body` for the threads `first` <= threadId < `first` + `count`.
void Specializer::buildRole(Value threadId, int64_t first, int64_t count,
                            function_ref<void()> body) {
  OpBuilder::InsertionGuard guard(rewriter);
  Value own = arith::SubIOp::create(rewriter, loc, threadId, constant(first));
  // Threads before the first wrap around.
  Value isOwn = compare(arith::CmpIPredicate::ult, own, count);
  auto role = scf::IfOp::create(rewriter, loc, isOwn, /*withElseRegion=*/false);
  rewriter.setInsertionPointToStart(role.thenBlock());
  body();
}

/// A warp for each ring, from thread `first` on, so that no load waits for
/// those of another ring; at most `maxWarps`, of which the last takes what is
/// left. Returns the thread behind them.
int64_t Specializer::buildProducers(Value threadId, int64_t first,
                                    int64_t maxWarps) {
  SetVector<Value> rings;
  loop.walk([&](RingPutOp op) { rings.insert(op.getRing()); });
  int64_t numWarps = std::min<int64_t>(rings.size(), maxWarps);
  for (int64_t warp = 0; warp < numWarps; ++warp) {
    auto isForeign = [&](Operation *op) {
      auto put = dyn_cast<RingPutOp>(op);
      if (!put)
        return isa<RingGetOp, RingReleaseOp, TileLogitsOp, StoreLogitsOp,
                   FitQueriesOp>(op);
      int64_t ring = llvm::find(rings, put.getRing()) - rings.begin();
      return std::min(ring, numWarps - 1) != warp;
    };
    buildRole(threadId, first + warp * kWarpThreads, kWarpThreads,
              [&] { cloneWithout(isForeign); });
  }
  return first + numWarps * kWarpThreads;
}

/// Moves the cleaning loop here, its rows shared by the role's threads.
void Specializer::buildCleaner(Value threadId, int64_t first, int64_t count) {
  Value thread =
      arith::SubIOp::create(rewriter, loc, threadId, constant(first));
  Value numThreads = constant(count);
  rewriter.moveOpBefore(cleaning, rewriter.getInsertionBlock(),
                        rewriter.getInsertionPoint());
  cleaning.walk([&](CleanRowsOp op) {
    rewriter.modifyOpInPlace(op, [&] {
      op.getThreadMutable().assign(thread);
      op.getNumThreadsMutable().assign(numThreads);
    });
  });
}

LogicalResult Specializer::run() {
  auto kernel = loop->getParentOfType<gpu::GPUFuncOp>();
  // A slot of keys has the readers of one turn, one of queries all.
  kernel.walk(
      [&](RingCreateOp op) { op.setConsumers(warpgroups * kWarpgroupWarps); });
  loop.walk([&](RingGetOp op) {
    if (op->getParentOp() == loop)
      return;
    auto create = op.getRing().getDefiningOp<RingCreateOp>();
    if (!create)
      return;
    create.setConsumers(schedule.getQueryGroups() * kWarpgroupWarps);
    create.setTurns(schedule.getKeyGroups());
  });

  rewriter.setInsertionPoint(loop);
  Value threadId = gpu::ThreadIdOp::create(rewriter, loc, gpu::Dimension::x);
  int64_t producer = warpgroups * kWarpgroupThreads;
  Value isConsumer = compare(arith::CmpIPredicate::ult, threadId, producer);
  auto roles = scf::IfOp::create(rewriter, loc, isConsumer,
                                 /*withElseRegion=*/true);
  rewriter.setInsertionPointToStart(roles.thenBlock());
  buildConsumers(threadId);

  rewriter.setInsertionPointToStart(roles.elseBlock());
  NVVM::SetMaxRegisterOp::create(rewriter, loc, kProducerRegisters,
                                 NVVM::SetMaxRegisterAction::decrease);
  // Cleaning needs every warp that it can get: with two for it, prefill with
  // `clean` was 2 % slower than with three.
  int64_t maxProducers = cleaning ? 1 : kWarpgroupWarps;
  int64_t cleaner = buildProducers(threadId, producer, maxProducers);
  int64_t numCleaners = producer + kWarpgroupThreads - cleaner;
  if (cleaning)
    buildRole(threadId, cleaner, numCleaners,
              [&] { buildCleaner(threadId, cleaner, numCleaners); });
  rewriter.eraseOp(loop);
  return success();
}

namespace {
struct SpecializeWarpsPass
    : mqa::impl::MQASpecializeWarpsPassBase<SpecializeWarpsPass> {
  void runOnOperation() override {
    gpu::GPUFuncOp kernel = getOperation();
    SmallVector<scf::ForOp> loops, cleaning;
    auto contains = [](scf::ForOp loop, auto isWanted) {
      return loop
          .walk([&](Operation *op) {
            return isWanted(op) ? WalkResult::interrupt()
                                : WalkResult::advance();
          })
          .wasInterrupted();
    };
    for (auto loop : kernel.getBody().front().getOps<scf::ForOp>()) {
      if (contains(loop, llvm::IsaPred<RingPutOp>))
        loops.push_back(loop);
      else if (contains(loop, llvm::IsaPred<CleanRowsOp>))
        cleaning.push_back(loop);
    }
    if (loops.empty())
      return;
    if (loops.size() != 1 || cleaning.size() > 1) {
      kernel.emitOpError("has more than one loop over rings, or that cleans");
      return signalPassFailure();
    }
    auto schedule = kernel->getAttrOfType<ScheduleAttr>("mqa.schedule");
    if (!schedule) {
      kernel.emitOpError("needs the attribute 'mqa.schedule'");
      return signalPassFailure();
    }
    if (!loops.front()->use_empty()) {
      kernel.emitOpError("reads a result of the loop over rings");
      return signalPassFailure();
    }
    WalkResult result = kernel.walk([&](TileLogitsOp op) {
      int64_t queryGroups = op.getQ().getType().getDimSize(0);
      int64_t tileQ = op.getTileQueries(), keys = op.getNumKeys();
      if (queryGroups == schedule.getQueryGroups() &&
          tileQ == schedule.getTileQ() && keys == schedule.getTileKv())
        return WalkResult::advance();
      op.emitOpError() << "has " << queryGroups << " x " << tileQ
                       << " queries and " << keys
                       << " keys, which is not the block of " << schedule;
      return WalkResult::interrupt();
    });
    if (!result.wasInterrupted() && schedule.getQueryGroups() > 1)
      result = kernel.walk([&](StoreLogitsOp op) {
        if (!op.getCausal())
          return WalkResult::advance();
        op.emitOpError("that is 'causal' needs one group of queries");
        return WalkResult::interrupt();
      });
    if (!result.wasInterrupted() && schedule.getKeyGroups() > 1)
      result = loops.front().walk([&](RingGetOp op) {
        auto keys = cast<scf::ForOp>(op->getParentOp());
        if (keys == loops.front() || followsFrom(op.getPosition(), keys))
          return WalkResult::advance();
        op.emitOpError("position must follow from the loop's key, so that "
                       "warpgroups can take turns");
        return WalkResult::interrupt();
      });
    if (result.wasInterrupted())
      return signalPassFailure();
    scf::ForOp cleaningLoop =
        cleaning.empty() ? scf::ForOp() : cleaning.front();
    if (failed(
            Specializer(kernel, loops.front(), cleaningLoop, schedule).run()))
      signalPassFailure();
  }
};
} // namespace
