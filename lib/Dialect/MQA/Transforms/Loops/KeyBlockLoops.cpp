//===- KeyBlockLoops.cpp - The loops of mqa.logits with 'key_blocks' ------===//
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

#include "mlir/Dialect/Arith/Utils/Utils.h"
#include "mlir/Transforms/LoopInvariantCodeMotionUtils.h"

using namespace mlir;
using namespace mlir::mqa;

void mqa::buildKeyBlockLoops(RewriterBase &b, LogitsOp op, const TilePlan &plan,
                             Value numKeys) {
  Location loc = op.getLoc();
  // Rows are counted with 64 bits, and inside of one with 32.
  auto getRows = [&](OpBuilder &b, Value source, OpFoldResult row,
                     OpFoldResult count) {
    return getRowBlock(b, loc, source, row, count);
  };
  KeyBlockTiles tiles(op, numKeys);
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
  KeyBlockRow row = tiles.getRow(b, index, getRows, !plan.loadsWeightsByTma);
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
