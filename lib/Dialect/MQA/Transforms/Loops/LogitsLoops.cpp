//===- LogitsLoops.cpp - The loops of an mqa.logits kernel ----------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "FusedSelection.h"
#include "PersistentLoops.h"

#include "mlir/Dialect/Affine/IR/AffineOps.h"
#include "mlir/Dialect/Arith/Utils/Utils.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Transforms/LoopInvariantCodeMotionUtils.h"

using namespace mlir;
using namespace mlir::mqa;

/// Every block of the grid cleans each grid-size'th row.
static void buildCleaningLoop(OpBuilder &b, LogitsOp logits, Value ranges,
                              OpFoldResult numQueries) {
  Location loc = logits.getLoc();
  buildGridLoop(b, loc, numQueries, [&](OpBuilder &nested, Value m) {
    OpFoldResult one = nested.getIndexAttr(1);
    Value row = getRowBlock(nested, loc, logits.getOut(), m, one);
    Value own = NarrowRangesOp::create(
        nested, loc, ranges, m,
        getValueOrCreateConstantIndexOp(nested, loc, one));
    CleanRowsOp::create(nested, loc, row, own, Value(), Value());
  });
}

LogicalResult mqa::buildLogitsLoops(RewriterBase &b, LogitsOp logits,
                                    const TilePlan &plan, Value numKeys,
                                    FusedSelection *selection) {
  Location loc = logits.getLoc();
  int64_t blockQ = plan.schedule.getBlockQ();
  int64_t tileKv = plan.schedule.getTileKv();
  AffineExpr d0;
  bindDims(b.getContext(), d0);

  OpFoldResult numQueries = memref::getMixedSize(b, loc, logits.getOut(), 0);
  if (!numKeys)
    numKeys = getValueOrCreateConstantIndexOp(
        b, loc, memref::getMixedSize(b, loc, logits.getOut(), 1));
  Value ranges = MakeRangesOp::create(
      b, loc, logits.getKs(), logits.getKe(), numKeys, /*next_n=*/IntegerAttr(),
      logits.getCompressedAttr(), logits.getBlockMaxAttr());
  int64_t align = getTileAlign(logits);
  logits.replaceBounds(ranges);
  if (logits.getClean())
    buildCleaningLoop(b, logits, ranges, numQueries);
  // Whole rows are cleaned there, not tiles.
  logits.setClean(false);
  QueryBlocks queryBlocks{ranges, blockQ,
                          affine::makeComposedFoldedAffineApply(
                              b, loc, d0.ceilDiv(blockQ), {numQueries}),
                          /*visitsAll=*/selection != nullptr, align};
  if (selection)
    selection->allocate(
        b, getValueOrCreateConstantIndexOp(b, loc, queryBlocks.numBlocks));
  Work work = getWork(b, loc, queryBlocks, plan.schedule);

  auto blocks =
      scf::ForOp::create(b, loc, work.firstBlock, work.endBlock, work.step);
  b.setInsertionPointToStart(blocks.getBody());
  Value block = blocks.getInductionVar();
  OpFoldResult m = affine::makeComposedFoldedAffineApply(b, loc, d0 * blockQ,
                                                         {OpFoldResult(block)});
  OpFoldResult rows = getRest(b, loc, blockQ, m, numQueries);
  Value blockRanges = NarrowRangesOp::create(
      b, loc, ranges, getValueOrCreateConstantIndexOp(b, loc, m),
      getValueOrCreateConstantIndexOp(b, loc, rows));
  Value outRows = getRowBlock(b, loc, logits.getOut(), m, rows);
  auto range = KeyRangeOp::create(b, loc, b.getIndexType(), b.getIndexType(),
                                  blockRanges, blockQ, align);
  Value begin = getFirstOwnKey(b, loc, work, block, range.getLo(), tileKv);
  Value end =
      getOwnKeysEnd(b, loc, work, block, range.getLo(), range.getHi(), tileKv);
  Value step = arith::ConstantIndexOp::create(b, loc, tileKv);
  FusedSelection::QueryBlock queryBlock{
      block,
      getValueOrCreateConstantIndexOp(b, loc, m),
      getValueOrCreateConstantIndexOp(b, loc, rows),
      blockRanges,
      numKeys,
      range.getLo(),
      range.getHi(),
      begin,
      end};
  if (selection) {
    Operation *unstored = outRows.getDefiningOp();
    outRows =
        selection->open(b, queryBlock, cast<MemRefType>(outRows.getType()));
    b.eraseOp(unstored);
  }
  auto keys = scf::ForOp::create(b, loc, begin, end, step);
  if (selection)
    selection->close(b, queryBlock);

  b.setInsertionPointToStart(keys.getBody());
  if (selection)
    selection->beginTile(b, queryBlock, keys.getInductionVar());
  OpFoldResult n = keys.getInductionVar();
  OpFoldResult columns = getRest(b, loc, tileKv, n, OpFoldResult(numKeys));
  FailureOr<TilingResult> tiling = logits.getTileOfKeys(b, m, n, rows, columns);
  if (failed(tiling))
    return failure();
  auto tile = cast<LogitsOp>(tiling->tiledOps.front());
  auto replaceSlice = [&](OpOperand &operand, Value value) {
    Operation *slice = operand.get().getDefiningOp();
    operand.set(value);
    b.eraseOp(slice);
  };
  replaceSlice(*tile.getRangesMutable().begin(), blockRanges);
  // Rows are counted with 64 bits, and inside a block of them with 32.
  Value outTile = outRows;
  if (!logits.hasCompressedRows()) {
    b.setInsertionPoint(tile);
    SmallVector<OpFoldResult> ones(2, b.getIndexAttr(1));
    auto slice = tile.getOut().getDefiningOp<memref::SubViewOp>();
    outTile = memref::SubViewOp::create(
        b, loc, outRows,
        ArrayRef<OpFoldResult>{b.getIndexAttr(0), slice.getMixedOffsets()[1]},
        ArrayRef<OpFoldResult>{rows, slice.getMixedSizes()[1]}, ones);
  }
  replaceSlice(tile.getOutMutable(), outTile);
  if (logits.getWeights() && !plan.loadsWeightsByTma) {
    b.setInsertionPoint(keys);
    replaceSlice(*tile.getWeightsMutable().begin(),
                 getRowBlock(b, loc, logits.getWeights(), m, rows));
  }
  if (logits.getQScale() && !plan.loadsQScaleByTma) {
    b.setInsertionPoint(keys);
    replaceSlice(*tile.getQScaleMutable().begin(),
                 getRowBlock(b, loc, logits.getQScale(), m, rows));
  }
  if (logits.getKScale() && !plan.loadsScalesByTma) {
    b.setInsertionPoint(tile);
    replaceSlice(*tile.getKScaleMutable().begin(),
                 getRowBlock(b, loc, logits.getKScale(), n, columns));
  }
  // The tiling interface slices q and weights beside the tile; they are
  // those of the whole query block.
  moveLoopInvariantCode(keys);
  return success();
}
