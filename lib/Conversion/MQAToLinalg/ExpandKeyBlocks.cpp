//===- ExpandKeyBlocks.cpp - Chosen key blocks tile by tile ---------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "ExpandKeyBlocks.h"
#include "ExpandPages.h"
#include "mqa/Dialect/MQA/IR/EmptyOperands.h"
#include "mqa/Dialect/MQA/IR/KeyBlockTiles.h"
#include "mqa/Dialect/MQA/IR/Ranges.h"

#include "mlir/Dialect/Affine/IR/AffineOps.h"
#include "mlir/Dialect/Arith/Utils/Utils.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"

using namespace mlir;
using namespace mlir::mqa;

namespace {
class KeyBlockExpander {
public:
  KeyBlockExpander(IRRewriter &b, LogitsOpInterface op)
      : b(b), op(op), loc(op.getLoc()) {}
  void run();

private:
  Value constant(int64_t value) {
    return arith::ConstantIndexOp::create(b, loc, value);
  }
  Value getOut() {
    return cast<DestinationStyleOpInterface>(*op).getDpsInits().front();
  }
  KeyBlockTiles getTiles();
  Value countKeys(const KeyBlockTiles &tiles);
  TableLine findLine(const KeyBlockTiles &tiles, Value row);
  Value getEnd(const KeyBlockRow &row, Value numKeys, Value firstColumn);
  void clean(Value out);
  void cleanFrom(Value end, Value out, Value firstColumn);
  void expandRow(const KeyBlockRow &row, KeyBlockTiles &tiles, Value numKeys);

  IRRewriter &b;
  LogitsOpInterface op;
  Location loc;
  /// The column of `out`'s first one; null: 0.
  Value keyOffset;
};
} // namespace

KeyBlockTiles KeyBlockExpander::getTiles() {
  if (auto contiguous = dyn_cast<LogitsOp>(*op)) {
    keyOffset = contiguous.getKeyOffset();
    return KeyBlockTiles(contiguous,
                         memref::DimOp::create(b, loc, op.getK(), 0));
  }
  auto paged = cast<PagedLogitsOp>(*op);
  keyOffset = paged.getKeyOffset();
  return KeyBlockTiles(paged);
}

/// 0 where there is no key to load: of a paged cache, also where it has no
/// block, or the table no entry.
Value KeyBlockExpander::countKeys(const KeyBlockTiles &tiles) {
  if (isa<LogitsOp>(*op))
    return tiles.getNumKeys();
  return arith::MinSIOp::create(b, loc, tiles.getNumKeys(),
                                memref::DimOp::create(b, loc, op.getK(), 0));
}

/// The line that a row names; the first one where it sees no key.
TableLine KeyBlockExpander::findLine(const KeyBlockTiles &tiles, Value row) {
  Value sequence =
      Ranges::get(b, tiles.getKeyRanges()).loadSequence(b, loc, row).first;
  return {arith::MaxSIOp::create(b, loc, sequence, constant(0)),
          b.getIndexAttr(1)};
}

/// The column behind the last one that has a block; at least the first one of
/// `out`. Without a key, no column has one.
Value KeyBlockExpander::getEnd(const KeyBlockRow &row, Value numKeys,
                               Value firstColumn) {
  Value end = Ranges::get(b, row.ranges).loadEnd(b, loc, constant(0));
  Value some = arith::CmpIOp::create(b, loc, arith::CmpIPredicate::ne, numKeys,
                                     constant(0));
  end = arith::SelectOp::create(b, loc, some, end, constant(0));
  return arith::MaxSIOp::create(b, loc, end, firstColumn);
}

void KeyBlockExpander::clean(Value out) {
  Value inf = arith::ConstantOp::create(
      b, loc,
      b.getFloatAttr(op.getOutType().getElementType(),
                     -std::numeric_limits<double>::infinity()));
  linalg::FillOp::create(b, loc, ValueRange{inf}, ValueRange{out});
}

/// -inf from column `end` on.
void KeyBlockExpander::cleanFrom(Value end, Value out, Value firstColumn) {
  AffineExpr d0, d1;
  bindDims(b.getContext(), d0, d1);
  auto subtract = [&](OpFoldResult lhs, OpFoldResult rhs) {
    return affine::makeComposedFoldedAffineApply(b, loc, d0 - d1, {lhs, rhs});
  };
  OpFoldResult one = b.getIndexAttr(1);
  OpFoldResult column = subtract(end, firstColumn);
  OpFoldResult rest = subtract(memref::getMixedSize(b, loc, out, 1), column);
  clean(memref::SubViewOp::create(
      b, loc, out, ArrayRef<OpFoldResult>{b.getIndexAttr(0), column},
      ArrayRef<OpFoldResult>{one, rest}, ArrayRef<OpFoldResult>{one, one}));
}

/// Short tiles, so that little is computed behind the row's last block. With a
/// matrix unit, nothing is, and each tile brings its query into the unit's
/// layout.
void KeyBlockExpander::expandRow(const KeyBlockRow &row, KeyBlockTiles &tiles,
                                 Value numKeys) {
  Value first = keyOffset ? keyOffset : constant(0);
  Value end = getEnd(row, numKeys, first);
  if (op.getClean())
    cleanFrom(end, row.out, first);
  int64_t tileColumns = getCpuMatrixUnit(op) ? 1024 : 64;
  auto columns = scf::ForOp::create(b, loc, first, end, constant(tileColumns));
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToStart(columns.getBody());
  Value column = columns.getInductionVar();
  AffineExpr d0, d1;
  bindDims(b.getContext(), d0, d1);
  AffineExpr size = b.getAffineConstantExpr(tileColumns);
  Value count = getValueOrCreateConstantIndexOp(
      b, loc,
      affine::makeComposedFoldedAffineMin(
          b, loc, AffineMap::get(2, 0, {size, d1 - d0}, b.getContext()),
          {column, end}));
  tiles.createTile(b, row, column, count);
}

void KeyBlockExpander::run() {
  b.setInsertionPoint(op);
  // There are no slices of such an operand. No query has a key.
  if (hasEmptyOperand(op)) {
    if (op.getClean())
      clean(getOut());
    b.eraseOp(op);
    return;
  }
  KeyBlockTiles tiles = getTiles();
  tiles.makeRanges(b);
  Value numKeys = countKeys(tiles);
  Value numRows = getValueOrCreateConstantIndexOp(b, loc, tiles.getNumRows(b));
  auto rows = scf::ForOp::create(b, loc, constant(0), numRows, constant(1));
  b.setInsertionPointToStart(rows.getBody());
  Value index = rows.getInductionVar();
  std::optional<TableLine> line;
  if (tiles.namesSequences())
    line = findLine(tiles, index);
  KeyBlockRow row = tiles.getRow(b, index, getRowsOf,
                                 /*getsRowsOfWeights=*/true,
                                 /*getsRowsOfQScale=*/true, line);
  expandRow(row, tiles, numKeys);
  b.eraseOp(op);
}

void mqa::expandKeyBlocks(IRRewriter &b, LogitsOpInterface op) {
  KeyBlockExpander(b, op).run();
}
