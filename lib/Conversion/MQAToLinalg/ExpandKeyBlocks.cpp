//===- ExpandKeyBlocks.cpp - Chosen blocks of keys tile by tile -----------===//
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
  KeyBlockExpander(IRRewriter &b, LogitsOp op)
      : b(b), op(op), loc(op.getLoc()) {}
  void run();

private:
  Value constant(int64_t value) {
    return arith::ConstantIndexOp::create(b, loc, value);
  }
  Value getEnd(const KeyBlockRow &row, Value numKeys, Value firstColumn);
  void clean(Value out);
  void cleanFrom(Value end, Value out, Value firstColumn);
  void expandRow(const KeyBlockRow &row, KeyBlockTiles &tiles, Value numKeys);

  IRRewriter &b;
  LogitsOp op;
  Location loc;
};
} // namespace

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
  Value first = op.getKeyOffset() ? Value(op.getKeyOffset()) : constant(0);
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
      clean(op.getOut());
    b.eraseOp(op);
    return;
  }
  Value numKeys = memref::DimOp::create(b, loc, op.getK(), 0);
  KeyBlockTiles tiles(op, numKeys);
  tiles.makeRanges(b);
  Value numRows = getValueOrCreateConstantIndexOp(b, loc, tiles.getNumRows(b));
  auto rows = scf::ForOp::create(b, loc, constant(0), numRows, constant(1));
  b.setInsertionPointToStart(rows.getBody());
  KeyBlockRow row = tiles.getRow(b, rows.getInductionVar(), getRowsOf,
                                 /*getsRowsOfWeights=*/true);
  expandRow(row, tiles, numKeys);
  b.eraseOp(op);
}

void mqa::expandKeyBlocks(IRRewriter &b, LogitsOp op) {
  KeyBlockExpander(b, op).run();
}
