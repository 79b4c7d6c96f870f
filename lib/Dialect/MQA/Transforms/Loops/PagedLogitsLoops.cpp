//===- PagedLogitsLoops.cpp - The loops of an mqa.paged_logits kernel -----===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The same loops as those of mqa.logits. A query block is a sequence; what that
// is, and what a tile of its keys, SequenceTiles knows.
//
//===----------------------------------------------------------------------===//

#include "FusedSelection.h"
#include "PersistentLoops.h"
#include "mqa/Dialect/MQA/IR/SequenceTiles.h"

#include "mlir/Dialect/Arith/Utils/Utils.h"
#include "mlir/Transforms/LoopInvariantCodeMotionUtils.h"

using namespace mlir;
using namespace mlir::mqa;

LogicalResult mqa::buildPagedLogitsLoops(RewriterBase &b, PagedLogitsOp op,
                                         const TilePlan &plan,
                                         FusedSelection *selection) {
  Location loc = op.getLoc();
  // Rows are counted with 64 bits, and inside a block of them with 32.
  auto getRows = [&](OpBuilder &b, Value source, OpFoldResult row,
                     OpFoldResult count) {
    return getRowBlock(b, loc, source, row, count);
  };
  SequenceTiles tiles(op);
  OpFoldResult numSequences = tiles.getNumSequences(b);
  Value ranges = tiles.makeRanges(b);
  if (op.getClean())
    buildGridLoop(b, loc, numSequences, [&](OpBuilder &nested, Value sequence) {
      Value own = tiles.getOut(nested, sequence, getRows);
      CleanRowsOp::create(nested, loc, own,
                          tiles.getRanges(nested, ranges, sequence), Value(),
                          Value());
    });
  int64_t nextN = op.getNextN(), tileKv = plan.schedule.getTileKv();
  if (selection)
    selection->allocate(b,
                        getValueOrCreateConstantIndexOp(b, loc, numSequences));
  Work work = getWork(b, loc,
                      {ranges, nextN, numSequences,
                       /*visitsAll=*/selection != nullptr, getTileAlign(op)},
                      plan.schedule);

  auto sequences =
      scf::ForOp::create(b, loc, work.firstBlock, work.endBlock, work.step);
  b.setInsertionPointToStart(sequences.getBody());
  Value index = sequences.getInductionVar();
  Sequence sequence =
      tiles.getSequence(b, ranges, index, getRows, !plan.loadsWeightsByTma,
                        !plan.loadsQScaleByTma);
  // Every sequence begins at key 0, so that the first key does not wait for the
  // length, nor the block table for the first key.
  Value zero = arith::ConstantIndexOp::create(b, loc, 0);
  Value begin = getFirstOwnKey(b, loc, work, index, zero, tileKv);
  auto range = KeyRangeOp::create(b, loc, b.getIndexType(), b.getIndexType(),
                                  sequence.ranges, nextN, getTileAlign(op));
  Value end = getOwnKeysEnd(b, loc, work, index, zero, range.getHi(), tileKv);
  Value step = arith::ConstantIndexOp::create(b, loc, tileKv);
  AffineExpr d0;
  bindDims(b.getContext(), d0);
  FusedSelection::QueryBlock queryBlock;
  if (selection) {
    Value firstRow = getValueOrCreateConstantIndexOp(
        b, loc,
        affine::makeComposedFoldedAffineApply(b, loc, d0 * nextN,
                                              {OpFoldResult(index)}));
    queryBlock = {index,
                  firstRow,
                  arith::ConstantIndexOp::create(b, loc, nextN),
                  sequence.ranges,
                  tiles.getNumKeys(),
                  zero,
                  range.getHi(),
                  begin,
                  end};
    Operation *unstored = sequence.out.getDefiningOp();
    sequence.out = selection->open(b, queryBlock,
                                   cast<MemRefType>(sequence.out.getType()));
    b.eraseOp(unstored);
  }
  auto keys = scf::ForOp::create(b, loc, begin, end, step);
  if (selection)
    selection->close(b, queryBlock);

  b.setInsertionPointToStart(keys.getBody());
  if (selection)
    selection->beginTile(b, queryBlock, keys.getInductionVar());
  Value first = keys.getInductionVar();
  // The sequence may end in the tile.
  Value count = getValueOrCreateConstantIndexOp(
      b, loc, getRest(b, loc, tileKv, first, OpFoldResult(range.getHi())));
  LogitsOp tile = tiles.createTile(b, sequence, first, count);
  tile.setScheduleAttr(plan.schedule);
  moveLoopInvariantCode(keys);
  return success();
}
