//===- ExpandPages.cpp - mqa.paged_logits tile by tile --------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "ExpandPages.h"
#include "mqa/Dialect/MQA/IR/EmptyOperands.h"
#include "mqa/Dialect/MQA/IR/Ranges.h"
#include "mqa/Dialect/MQA/IR/SequenceTiles.h"

#include "mlir/Dialect/Affine/IR/AffineOps.h"
#include "mlir/Dialect/Arith/Utils/Utils.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"

using namespace mlir;
using namespace mlir::mqa;

namespace {
class PageExpander {
public:
  PageExpander(IRRewriter &b, PagedLogitsOp op)
      : b(b), op(op), loc(op.getLoc()) {
    bindDims(b.getContext(), d0, d1);
  }
  void run();

private:
  Value constant(int64_t value) {
    return arith::ConstantIndexOp::create(b, loc, value);
  }
  Value getEnd(Value ranges);
  void clean(Value out);
  void cleanFrom(Value end, const Sequence &sequence);
  void expandSequence(const Sequence &sequence, Value end,
                      SequenceTiles &tiles);
  void expandRun(const Run &first, Value firstEnd, Value ranges,
                 const Ranges &runs, SequenceTiles &tiles);
  void expandRuns(Value ranges, SequenceTiles &tiles);

  IRRewriter &b;
  PagedLogitsOp op;
  Location loc;
  OpFoldResult keyOffset;
  AffineExpr d0, d1;
};
} // namespace

Value mqa::getRowsOf(OpBuilder &b, Value source, OpFoldResult row,
                     OpFoldResult count) {
  Location loc = source.getLoc();
  SmallVector<OpFoldResult> sizes = memref::getMixedSizes(b, loc, source);
  SmallVector<OpFoldResult> offsets(sizes.size(), b.getIndexAttr(0)),
      strides(sizes.size(), b.getIndexAttr(1));
  offsets[0] = row;
  sizes[0] = count;
  return memref::SubViewOp::create(b, loc, source, offsets, sizes, strides);
}

/// The key behind the last one that a query of the sequence sees.
Value PageExpander::getEnd(Value ranges) {
  Ranges rows = Ranges::get(b, ranges);
  int64_t count = op.getNextN();
  if (rows.getWholeSequences()) {
    rows = rows.getLastQueries();
    count = 1;
  }
  auto [start, end] =
      rows.loadUnion(b, loc, constant(0), count, constant(count - 1));
  (void)start;
  return end;
}

void PageExpander::clean(Value out) {
  Value inf = arith::ConstantOp::create(
      b, loc,
      b.getFloatAttr(op.getOutType().getElementType(),
                     -std::numeric_limits<double>::infinity()));
  linalg::FillOp::create(b, loc, ValueRange{inf}, ValueRange{out});
}

/// -inf in the columns from key `end` on.
void PageExpander::cleanFrom(Value end, const Sequence &sequence) {
  OpFoldResult numColumns = memref::getMixedSize(b, loc, sequence.out, 1);
  OpFoldResult column = affine::makeComposedFoldedAffineApply(
      b, loc, (d0 - d1).ceilDiv(op.getColumnKeys()), {end, keyOffset});
  OpFoldResult rest = affine::makeComposedFoldedAffineApply(
      b, loc, d0 - d1, {numColumns, column});
  SmallVector<OpFoldResult> ones(2, b.getIndexAttr(1));
  Value columns = memref::SubViewOp::create(
      b, loc, sequence.out, ArrayRef<OpFoldResult>{b.getIndexAttr(0), column},
      ArrayRef<OpFoldResult>{sequence.numRows, rest}, ones);
  clean(columns);
}

/// Tiles of as many keys as a cache block has, so that the work on padding, at
/// the sequence's end, is no more than that of one block. With a matrix unit,
/// there is none, and each tile brings its queries into the unit's layout.
///
/// Tiles end at `end`, or where there is no column any more; of a cache without
/// a block, there is no tile.
void PageExpander::expandSequence(const Sequence &sequence, Value end,
                                  SequenceTiles &tiles) {
  Value numBlocks = memref::DimOp::create(b, loc, op.getK(), 0);
  Value some = arith::CmpIOp::create(b, loc, arith::CmpIPredicate::ne,
                                     numBlocks, constant(0));
  end = arith::SelectOp::create(b, loc, some, end, constant(0));
  end = arith::MaxSIOp::create(
      b, loc, end, getValueOrCreateConstantIndexOp(b, loc, keyOffset));
  if (op.getClean())
    cleanFrom(end, sequence);
  int64_t tileKv = op.getBlockKv();
  if (getCpuMatrixUnit(op))
    tileKv *= std::max<int64_t>(1024 / tileKv, 1);
  // A block whose maximum is taken is not cut. Both are powers of two.
  tileKv = std::max(tileKv, op.getColumnKeys());
  auto keys = scf::ForOp::create(
      b, loc, getValueOrCreateConstantIndexOp(b, loc, keyOffset), end,
      constant(tileKv));
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToStart(keys.getBody());
  Value first = keys.getInductionVar();
  AffineExpr size = b.getAffineConstantExpr(tileKv);
  Value count = getValueOrCreateConstantIndexOp(
      b, loc,
      affine::makeComposedFoldedAffineMin(
          b, loc, AffineMap::get(2, 0, {size, d1 - d0}, b.getContext()),
          {first, end}));
  tiles.createTile(b, sequence, first, count).setClean(op.getClean());
}

/// The run that begins at row `first.row`, whose range ends at `firstEnd`: as
/// many rows more as are of its sequence.
void PageExpander::expandRun(const Run &first, Value firstEnd, Value ranges,
                             const Ranges &runs, SequenceTiles &tiles) {
  Value one = constant(1), behind = runs.getNumRows(b, loc);
  Value next = arith::AddIOp::create(b, loc, first.row, one);
  auto count = scf::ForOp::create(
      b, loc, next, behind, one, ValueRange{behind, firstEnd},
      [&](OpBuilder &nested, Location loc, Value row, ValueRange carried) {
        auto [sequence, end] = runs.loadSequence(nested, loc, row);
        Value isOther = arith::CmpIOp::create(
            nested, loc, arith::CmpIPredicate::ne, sequence, first.sequence);
        Value here = arith::SelectOp::create(nested, loc, isOther, row, behind);
        Value runEnd = arith::MinSIOp::create(nested, loc, carried[0], here);
        Value isBehind = arith::CmpIOp::create(
            nested, loc, arith::CmpIPredicate::sge, row, runEnd);
        Value longest = arith::MaxSIOp::create(nested, loc, carried[1], end);
        scf::YieldOp::create(
            nested, loc,
            ValueRange{runEnd, arith::SelectOp::create(nested, loc, isBehind,
                                                       carried[1], longest)});
      });
  Run run = first;
  run.numRows = arith::SubIOp::create(b, loc, count.getResult(0), first.row);
  // Rows without a key name no line of the table; nothing is read of the first.
  run.sequence = arith::MaxSIOp::create(b, loc, first.sequence, constant(0));
  Sequence sequence =
      tiles.getRun(b, ranges, run, getRowsOf,
                   /*getsRowsOfWeights=*/true, /*getsRowsOfQScale=*/true);
  expandSequence(sequence, count.getResult(1), tiles);
}

/// A run begins at each row that is of another sequence than the row ahead.
void PageExpander::expandRuns(Value ranges, SequenceTiles &tiles) {
  Ranges runs = Ranges::get(b, tiles.nameSequences(b, ranges));
  // No row is of that sequence.
  constexpr int64_t kNone = -2;
  auto rows = scf::ForOp::create(b, loc, constant(0), runs.getNumRows(b, loc),
                                 constant(1), ValueRange{constant(kNone)});
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToStart(rows.getBody());
  Run first;
  first.row = rows.getInductionVar();
  Value end;
  std::tie(first.sequence, end) = runs.loadSequence(b, loc, first.row);
  Value begins =
      arith::CmpIOp::create(b, loc, arith::CmpIPredicate::ne, first.sequence,
                            rows.getRegionIterArg(0));
  auto guarded = scf::IfOp::create(b, loc, begins, /*withElseRegion=*/false);
  scf::YieldOp::create(b, loc, first.sequence);
  b.setInsertionPointToStart(guarded.thenBlock());
  expandRun(first, end, ranges, runs, tiles);
}

void PageExpander::run() {
  b.setInsertionPoint(op);
  // There are no slices of such an operand. No query sees a key, or there is
  // none.
  if (hasEmptyOperand(op)) {
    if (op.getClean())
      clean(op.getOut());
    b.eraseOp(op);
    return;
  }
  keyOffset = op.getKeyOffset() ? OpFoldResult(op.getKeyOffset())
                                : OpFoldResult(b.getIndexAttr(0));
  SequenceTiles tiles(op);
  Value ranges = tiles.makeRanges(b);
  if (op.hasRowsOfSequences()) {
    expandRuns(ranges, tiles);
    b.eraseOp(op);
    return;
  }
  Value numSequences =
      getValueOrCreateConstantIndexOp(b, loc, tiles.getNumSequences(b));
  auto sequences =
      scf::ForOp::create(b, loc, constant(0), numSequences, constant(1));
  b.setInsertionPointToStart(sequences.getBody());
  Sequence sequence =
      tiles.getSequence(b, ranges, sequences.getInductionVar(), getRowsOf,
                        /*getsRowsOfWeights=*/true, /*getsRowsOfQScale=*/true);
  expandSequence(sequence, getEnd(sequence.ranges), tiles);
  b.eraseOp(op);
}

void mqa::expandPages(IRRewriter &b, PagedLogitsOp op) {
  PageExpander(b, op).run();
}
