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
  void cleanFrom(Value end, Value out);
  void expandSequence(const Sequence &sequence, SequenceTiles &tiles);

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

/// The key behind the last one that a query of the sequence sees and a column
/// is there for; at least the first column's. Of a cache without a block, it
/// sees none.
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
  Value numBlocks = memref::DimOp::create(b, loc, op.getK(), 0);
  Value some = arith::CmpIOp::create(b, loc, arith::CmpIPredicate::ne,
                                     numBlocks, constant(0));
  end = arith::SelectOp::create(b, loc, some, end, constant(0));
  return arith::MaxSIOp::create(
      b, loc, end, getValueOrCreateConstantIndexOp(b, loc, keyOffset));
}

void PageExpander::clean(Value out) {
  Value inf = arith::ConstantOp::create(
      b, loc,
      b.getFloatAttr(op.getOutType().getElementType(),
                     -std::numeric_limits<double>::infinity()));
  linalg::FillOp::create(b, loc, ValueRange{inf}, ValueRange{out});
}

/// -inf in the columns from key `end` on.
void PageExpander::cleanFrom(Value end, Value out) {
  OpFoldResult numColumns = memref::getMixedSize(b, loc, out, 1);
  OpFoldResult column = affine::makeComposedFoldedAffineApply(
      b, loc, (d0 - d1).ceilDiv(op.getColumnKeys()), {end, keyOffset});
  OpFoldResult rest = affine::makeComposedFoldedAffineApply(
      b, loc, d0 - d1, {numColumns, column});
  SmallVector<OpFoldResult> ones(2, b.getIndexAttr(1));
  Value columns = memref::SubViewOp::create(
      b, loc, out, ArrayRef<OpFoldResult>{b.getIndexAttr(0), column},
      ArrayRef<OpFoldResult>{b.getIndexAttr(op.getNextN()), rest}, ones);
  clean(columns);
}

/// Tiles of as many keys as a cache block has, so that the work on padding, at
/// the sequence's end, is no more than that of one block. With a matrix unit,
/// there is none, and each tile brings its queries into the unit's layout.
void PageExpander::expandSequence(const Sequence &sequence,
                                  SequenceTiles &tiles) {
  Value end = getEnd(sequence.ranges);
  if (op.getClean())
    cleanFrom(end, sequence.out);
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
  Value numSequences =
      getValueOrCreateConstantIndexOp(b, loc, tiles.getNumSequences(b));
  auto sequences =
      scf::ForOp::create(b, loc, constant(0), numSequences, constant(1));
  b.setInsertionPointToStart(sequences.getBody());
  Sequence sequence =
      tiles.getSequence(b, ranges, sequences.getInductionVar(), getRowsOf,
                        /*getsRowsOfWeights=*/true);
  expandSequence(sequence, tiles);
  b.eraseOp(op);
}

void mqa::expandPages(IRRewriter &b, PagedLogitsOp op) {
  PageExpander(b, op).run();
}
