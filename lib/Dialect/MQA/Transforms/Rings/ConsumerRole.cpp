//===- ConsumerRole.cpp - What the consumer groups of a kernel do ---------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "WarpRoles.h"
#include "mqa/Dialect/MQA/Transforms/TilePlan.h"

#include "mlir/Analysis/SliceAnalysis.h"
#include "mlir/Dialect/LLVMIR/NVVMDialect.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/IR/Remarks.h"
#include "mlir/Transforms/LoopInvariantCodeMotionUtils.h"
#include "llvm/Support/DebugLog.h"

#define DEBUG_TYPE "mqa-specialize-warps"

using namespace mlir;
using namespace mlir::mqa;
using namespace mlir::mqa::shapes;

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

/// Restricts a loop over key tiles to those of one of `turns` sets of groups or
/// warps that take tiles in turn. The turns follow `position` in a ring, so
/// that they go on where they were at the end of the last query block: a group
/// may get more tiles of a block than another, but not more of all blocks.
void WarpRoles::takeTurns(scf::ForOp keys, Value position, Value turn,
                          int64_t turns) {
  OpBuilder::InsertionGuard guard(rewriter);
  rewriter.setInsertionPoint(keys);
  // The position of the loop's first tile: what leads to it in the body, at the
  // loop's start.
  IRMapping atStart;
  atStart.map(keys.getInductionVar(), keys.getLowerBound());
  for (Operation *op : getSliceInBody(position, keys))
    rewriter.clone(*op, atStart);
  Value first = atStart.lookupOrDefault(position);

  Type i32 = rewriter.getI32Type();
  Value count = arith::ConstantIntOp::create(rewriter, loc, turns, 32);
  Value own = arith::IndexCastOp::create(rewriter, loc, i32, turn);
  Value next = arith::RemUIOp::create(rewriter, loc, first, count);
  Value ahead = arith::SubIOp::create(
      rewriter, loc, arith::AddIOp::create(rewriter, loc, own, count), next);
  ahead = arith::RemUIOp::create(rewriter, loc, ahead, count);
  ahead =
      arith::IndexCastOp::create(rewriter, loc, rewriter.getIndexType(), ahead);
  Value step = keys.getStep();
  Value skipped = arith::MulIOp::create(rewriter, loc, ahead, step);
  LDBG() << turns << " take turns by " << position;
  keys.setLowerBound(
      arith::AddIOp::create(rewriter, loc, keys.getLowerBound(), skipped));
  keys.setStep(arith::MulIOp::create(rewriter, loc, step, constant(turns)));
}

/// As `takeTurns`, in loops that get slots.
void WarpRoles::takeTurnsAtGets(const SetVector<Operation *> &keyLoops,
                                Value turn, int64_t turns) {
  if (turns == 1)
    return;
  for (Operation *op : keyLoops) {
    auto keys = cast<scf::ForOp>(op);
    auto gets = keys.getBody()->getOps<RingGetOp>();
    if (!gets.empty())
      takeTurns(keys, (*gets.begin()).getPosition(), turn, turns);
  }
}

/// Guards a store with the tile before it and the releases behind it: a
/// consumer group that has no query only releases them.
void WarpRoles::skipWithoutQueries(StoreLogitsOp op, Value rows) {
  auto tile = op.getLogits().getDefiningOp<TileLogitsOp>();
  SmallVector<RingReleaseOp> releases;
  for (Operation *next = op->getNextNode(); next; next = next->getNextNode())
    if (auto release = dyn_cast<RingReleaseOp>(next))
      releases.push_back(release);
    else
      break;
  if (groups.queryGroups == 1)
    return;
  // The tile moves down to its store, past nothing that it could notice.
  bool canMove = tile && tile->hasOneUse() &&
                 tile->getBlock() == op->getBlock() && !releases.empty();
  for (Operation *between = canMove ? tile->getNextNode() : op.getOperation();
       between != op; between = between->getNextNode())
    canMove &= isMemoryEffectFree(between);
  if (!canMove) {
    remark::missed(op.getLoc(), remark::RemarkOpts::name("skip").category(
                                    "mqa-specialize-warps"))
        << "a consumer group without queries computes this tile too: tile, "
           "store "
           "and "
           "releases do not follow each other";
    return;
  }
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

/// The queries of one group of a staged tile.
static Value getGroup(OpBuilder &b, Location loc, TileLogitsOp op,
                      Value group) {
  MemRefType type = op.getQ().getType();
  SmallVector<int64_t> shape(type.getShape());
  shape[0] = op.getTileQueries();
  Value zero = arith::ConstantIndexOp::create(b, loc, 0);
  return SubtileOp::create(b, loc, SubtileOp::getPartType(type, shape),
                           op.getQ(), ValueRange{group, zero, zero});
}

/// Restricts a block's tile to the `tile_q` queries of one consumer group.
void WarpRoles::narrowTile(TileLogitsOp op, Value queryGroup) {
  OpBuilder::InsertionGuard guard(rewriter);
  rewriter.setInsertionPoint(op);
  OpFoldResult tileQ = rewriter.getIndexAttr(groups.tileQueries);
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
  Value q = getGroup(rewriter, loc, op, queryGroup);
  rewriter.modifyOpInPlace(op, [&] {
    op.getQMutable().assign(q);
    if (weights)
      op.getWeightsMutable().assign(weights);
    if (factors)
      op.getFactorsMutable().assign(factors);
    auto type = op.getLogits().getType();
    op.getLogits().setType(VectorType::get(
        {groups.tileQueries, type.getDimSize(1)}, type.getElementType()));
  });
}

/// Makes the tiles that loops carry as narrow as those that they are given.
void WarpRoles::narrowCarriedTiles(scf::ForOp outer) {
  outer.walk([&](scf::ForOp loop) {
    for (unsigned i = 0; i < loop.getNumResults(); ++i) {
      Type type = loop.getYieldedValues()[i].getType();
      if (!isa<VectorType>(type) || type == loop.getResult(i).getType())
        continue;
      OpBuilder::InsertionGuard guard(rewriter);
      rewriter.setInsertionPoint(loop);
      DenseElementsAttr init;
      // mqa-specialize-warps has verified it.
      (void)matchPattern(loop.getInitArgs()[i], m_Constant(&init));
      Value none = arith::ConstantOp::create(
          rewriter, loc, init.resizeSplat(cast<VectorType>(type)));
      rewriter.modifyOpInPlace(loop, [&] {
        loop.getInitArgsMutable()[i].set(none);
        loop.getRegionIterArg(i).setType(type);
        loop.getResult(i).setType(type);
      });
    }
  });
}

/// Where views of the rows that `op` writes, and their ranges, come: as
/// early as they can, so that what is read of them is on its way while the
/// block's range is computed.
static Operation *findEarlyPoint(StoreLogitsOp op) {
  Operation *keys = getKeyLoop(op), *early = op;
  if (!keys)
    return op;
  for (auto range : keys->getBlock()->getOps<KeyRangeOp>())
    if (range->isBeforeInBlock(keys))
      early = range;
  // Which rows these are, a run says.
  for (auto run : keys->getBlock()->getOps<RowRunOp>())
    if (run->isBeforeInBlock(keys))
      early = run->getNextNode();
  // Behind the rows and ranges themselves.
  for (Value value : {Value(op.getOut()), Value(op.getRanges())}) {
    if (early == op)
      continue;
    if (keys->isAncestor(value.getParentBlock()->getParentOp()))
      return op;
    Operation *definition = value.getDefiningOp();
    if (definition && definition->getBlock() == early->getBlock() &&
        !definition->isBeforeInBlock(early))
      early = definition->getNextNode();
  }
  return early;
}

/// As `narrowTile`, for the store of a tile.
void WarpRoles::narrowStore(StoreLogitsOp op, Value queryGroup) {
  OpBuilder::InsertionGuard guard(rewriter);
  rewriter.setInsertionPoint(findEarlyPoint(op));
  LDBG() << "takes a consumer group's rows of " << op << "\n  ahead of "
         << OpWithFlags(&*rewriter.getInsertionPoint(),
                        OpPrintingFlags().skipRegions());
  Value firstRow = getFirstRow(queryGroup);
  // Rows of the problem end somewhere, those of a staged tile do not.
  Value numRows = memref::DimOp::create(rewriter, loc, op.getOut(), 0);
  Value rows = arith::SubIOp::create(rewriter, loc, numRows, firstRow);
  rows = arith::MaxSIOp::create(rewriter, loc, rows, constant(0));
  rows =
      arith::MinSIOp::create(rewriter, loc, rows, constant(groups.tileQueries));
  Value ranges =
      NarrowRangesOp::create(rewriter, loc, op.getRanges(), firstRow, rows);
  Value out = getRows(rewriter, loc, op.getOut(), firstRow, rows);
  rewriter.modifyOpInPlace(op, [&] {
    op.getRangesMutable().assign(ranges);
    op.getOutMutable().assign(out);
  });
  skipWithoutQueries(op, rows);
}

/// Reads `number` from lane 0, so that ptxas knows it to be the same in the
/// whole warp.
Value WarpRoles::getUniform(Value number) {
  Value own =
      arith::IndexCastOp::create(rewriter, loc, rewriter.getI32Type(), number);
  auto uniform = gpu::ShuffleOp::create(rewriter, loc, own, 0, kWarpThreads,
                                        gpu::ShuffleMode::IDX);
  return arith::IndexCastOp::create(rewriter, loc, rewriter.getIndexType(),
                                    uniform.getShuffleResult());
}

void WarpRoles::buildConsumers(Value threadId) {
  if (chip.movesRegisters)
    NVVM::SetMaxRegisterOp::create(
        rewriter, loc,
        getConsumerRegisters(chip, numConsumerGroups, groups.converterGroups),
        NVVM::SetMaxRegisterAction::increase);
  Value group = getUniform(
      arith::DivUIOp::create(rewriter, loc, threadId, constant(kGroupThreads)));
  // Consumer groups go over the keys first.
  Value keyGroups = constant(groups.keyGroups);
  Value queryGroup = arith::DivUIOp::create(rewriter, loc, group, keyGroups);
  Value keyGroup = arith::RemUIOp::create(rewriter, loc, group, keyGroups);
  Value numConsumers = constant(numConsumerGroups * kGroupThreads);
  scf::ForOp clone = cloneWithout(
      [](RoleOpInterface op) { return op.getRole() != Role::Consumer; });
  auto giveThreads = [&](auto op) {
    op.getThreadMutable().assign(threadId);
    op.getNumThreadsMutable().assign(numConsumers);
  };
  clone.walk([&](DecodeQueriesOp op) { giveThreads(op); });
  clone.walk([&](FitQueriesOp op) { giveThreads(op); });
  clone.walk([&](PermuteQueriesOp op) { giveThreads(op); });
  clone.walk([&](MeetOp op) {
    op.setNumThreads(numConsumerGroups * kGroupThreads);
    op.setTurns(groups.keyGroups);
  });
  SmallVector<TileLogitsOp> tiles;
  SmallVector<StoreLogitsOp> stores;
  clone.walk([&](TileLogitsOp op) { tiles.push_back(op); });
  clone.walk([&](StoreLogitsOp op) { stores.push_back(op); });
  // Only the key loops have ring positions that follow from their keys.
  SetVector<Operation *> keyLoops;
  for (StoreLogitsOp op : stores)
    if (scf::ForOp keys = getKeyLoop(op); keys && keys != clone)
      keyLoops.insert(keys);
  takeTurnsAtGets(keyLoops, keyGroup, groups.keyGroups);
  for (TileLogitsOp op : tiles)
    narrowTile(op, queryGroup);
  narrowCarriedTiles(clone);
  for (StoreLogitsOp op : stores)
    narrowStore(op, queryGroup);
  // What a consumer group takes of a query block is the same for all its keys.
  clone.walk([](scf::ForOp inner) { moveLoopInvariantCode(inner); });
}
