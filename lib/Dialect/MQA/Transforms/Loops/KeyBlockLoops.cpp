//===- KeyBlockLoops.cpp - The loops of logits with 'key_blocks' ----------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The same loops as those of mqa.paged_logits, around the columns of each query
// in the place of the keys of each sequence. What a query is, and what a tile
// of its columns, KeyBlockTiles knows.
//
//===----------------------------------------------------------------------===//

#include "PersistentLoops.h"
#include "mqa/Dialect/MQA/IR/KeyBlockTiles.h"

#include "mlir/Dialect/Affine/IR/AffineOps.h"
#include "mlir/Dialect/Arith/Utils/Utils.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Transforms/LoopInvariantCodeMotionUtils.h"

using namespace mlir;
using namespace mlir::mqa;

static KeyBlockTiles getTiles(LogitsOpInterface op, Value numKeys) {
  if (auto contiguous = dyn_cast<LogitsOp>(*op))
    return KeyBlockTiles(contiguous, numKeys);
  return KeyBlockTiles(cast<PagedLogitsOp>(*op));
}

/// The line of the block table that query `row` names: of a run of one row. A
/// row without a key gets the first line, if there is one.
static TableLine findLine(OpBuilder &b, Location loc, PagedLogitsOp op,
                          Value keyRanges, Value row) {
  Type index = b.getIndexType();
  auto run = RowRunOp::create(b, loc, index, index, index, keyRanges, row,
                              /*max_rows=*/1);
  OpFoldResult count = affine::makeComposedFoldedAffineMin(
      b, loc,
      AffineMap::get(1, 0, {b.getAffineConstantExpr(1), b.getAffineDimExpr(0)},
                     b.getContext()),
      {memref::getMixedSize(b, loc, op.getBlockTable(), 0)});
  return {run.getSequence(), count};
}

void mqa::buildKeyBlockLoops(RewriterBase &b, LogitsOpInterface op,
                             const TilePlan &plan, Value numKeys) {
  Location loc = op.getLoc();
  // Rows are counted with 64 bits, and inside of one with 32.
  auto getRows = [&](OpBuilder &b, Value source, OpFoldResult row,
                     OpFoldResult count) {
    return getRowBlock(b, loc, source, row, count);
  };
  KeyBlockTiles tiles = getTiles(op, numKeys);
  OpFoldResult numRows = tiles.getNumRows(b);
  Value ranges = tiles.makeRanges(b);
  if (op.getClean())
    buildGridLoop(b, loc, numRows, [&](OpBuilder &nested, Value row) {
      Value out = tiles.getOut(nested, row, getRows);
      CleanRowsOp::create(nested, loc, out,
                          tiles.getRanges(nested, row, getRows), Value(),
                          Value());
    });
  int64_t tileKv = plan.schedule.getTileKv();
  Work work = getWork(b, loc, {ranges, /*blockQ=*/1, numRows}, plan.schedule);

  auto rows =
      scf::ForOp::create(b, loc, work.firstBlock, work.endBlock, work.step);
  b.setInsertionPointToStart(rows.getBody());
  Value index = rows.getInductionVar();
  std::optional<TableLine> line;
  if (tiles.namesSequences())
    line =
        findLine(b, loc, cast<PagedLogitsOp>(*op), tiles.getKeyRanges(), index);
  KeyBlockRow row = tiles.getRow(b, index, getRows, !plan.loadsWeightsByTma,
                                 !plan.loadsQScaleByTma, line);
  // Every row begins at column 0: see mqa.paged_logits.
  Value zero = arith::ConstantIndexOp::create(b, loc, 0);
  Value begin = getFirstOwnKey(b, loc, work, index, zero, tileKv);
  auto range =
      KeyRangeOp::create(b, loc, b.getIndexType(), b.getIndexType(), row.ranges,
                         /*max_rows=*/1, shapes::kStoreKeys);
  Value end = getOwnKeysEnd(b, loc, work, index, zero, range.getHi(), tileKv);
  Value step = arith::ConstantIndexOp::create(b, loc, tileKv);
  auto columns = scf::ForOp::create(b, loc, begin, end, step);

  b.setInsertionPointToStart(columns.getBody());
  Value first = columns.getInductionVar();
  Value count = getValueOrCreateConstantIndexOp(
      b, loc, getRest(b, loc, tileKv, first, OpFoldResult(range.getHi())));
  LogitsOp tile = tiles.createTile(b, row, first, count);
  tile.setScheduleAttr(plan.schedule);
  moveLoopInvariantCode(columns);
}
