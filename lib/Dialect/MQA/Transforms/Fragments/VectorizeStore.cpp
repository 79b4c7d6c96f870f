//===- VectorizeStore.cpp - Writes mqa.store_logits as vectors ------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Kernels/WorkgroupMemory.h"
#include "StoreVectorizer.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Arith/Utils/Utils.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/IR/Dominance.h"

using namespace mlir;
using namespace mlir::mqa;

Value mqa::readVector(OpBuilder &b, Location loc, Value memref,
                      ArrayRef<int64_t> shape, int64_t column) {
  auto source = cast<MemRefType>(memref.getType());
  Type element = source.getElementType();
  auto type = VectorType::get(shape, element);
  Value zero = arith::ConstantIndexOp::create(b, loc, 0);
  SmallVector<Value> indices(shape.size(), zero);
  if (column)
    indices.back() = arith::ConstantIndexOp::create(b, loc, column);
  Value padding = arith::ConstantOp::create(b, loc, b.getZeroAttr(element));
  SmallVector<bool> inBounds;
  for (auto [dim, size] : llvm::enumerate(source.getShape())) {
    int64_t first = dim + 1 == shape.size() ? column : 0;
    inBounds.push_back(!ShapedType::isDynamic(size) &&
                       first + shape[dim] <= size);
  }
  return vector::TransferReadOp::create(b, loc, type, memref, indices, padding,
                                        inBounds);
}

namespace {
/// Rows that are no memref of logits, and which of them a view begins with.
struct UnstoredView {
  Operation *rows = nullptr;
  Value firstRow;
};
} // namespace

/// A value per query, for each of its keys.
Value StoreVectorizer::broadcast(Value perQuery) {
  Value column = vector::ShapeCastOp::create(
      b, loc, VectorType::get({queries, 1}, b.getIndexType()), perQuery);
  return vector::BroadcastOp::create(b, loc, getIndexType(), column);
}

/// Bounds that lie in `memref`, read out of the loops in which they do not
/// change.
Value StoreVectorizer::readOutside(Value memref, function_ref<Value()> read) {
  OpBuilder::InsertionGuard guard(b);
  setInsertionPointBehindWrites(b, memref, op, [&](Operation *other) {
    return mayWriteGlobalMemory(other, memref);
  });
  return read();
}

Value StoreVectorizer::countFromTile(Value perQuery) {
  return arith::SubIOp::create(b, loc, perQuery,
                               vector::BroadcastOp::create(b, loc,
                                                           perQuery.getType(),
                                                           op.getFirstKey()));
}

/// Whether each of the tile's keys, `ahead` keys further, compares so with its
/// query's.
Value StoreVectorizer::compareKeys(arith::CmpIPredicate predicate,
                                   Value perQuery, int64_t ahead) {
  Value distance = vector::BroadcastOp::create(
      b, loc, getIndexType(), arith::ConstantIndexOp::create(b, loc, ahead));
  return arith::CmpIOp::create(b, loc, predicate,
                               arith::AddIOp::create(b, loc, key, distance),
                               broadcast(countFromTile(perQuery)));
}

/// Appends what may be among the best.
void StoreVectorizer::filter(FilteredRowsOp rows, Value firstRow, Value logits,
                             Value mask) {
  auto type = VectorType::get({queries, keys}, b.getF32Type());
  if (logits.getType() != type)
    logits = arith::ExtFOp::create(b, loc, type, logits);
  auto perQuery = VectorType::get({queries}, b.getF32Type());
  Value padding = arith::ConstantOp::create(b, loc, b.getF32FloatAttr(0));
  Value thresholds =
      vector::TransferReadOp::create(b, loc, perQuery, rows.getThresholds(),
                                     firstRow, padding, ArrayRef<bool>{true});
  thresholds = vector::ShapeCastOp::create(
      b, loc, VectorType::get({queries, 1}, b.getF32Type()), thresholds);
  thresholds = vector::BroadcastOp::create(b, loc, type, thresholds);
  // NaN too: a short range selects it.
  Value isWanted = arith::CmpFOp::create(b, loc, arith::CmpFPredicate::UGE,
                                         logits, thresholds);
  using arith::CmpIPredicate;
  auto addForced = [&](Value isForced) {
    isWanted = arith::OrIOp::create(b, loc, isWanted, isForced);
  };
  if (int64_t count = rows.getForceFirst())
    addForced(compareKeys(CmpIPredicate::slt, starts, -count));
  if (int64_t count = rows.getForceLast())
    addForced(compareKeys(CmpIPredicate::sge, ends, count));
  AppendLogitsOp::create(b, loc, logits,
                         arith::AndIOp::create(b, loc, mask, isWanted),
                         op.getFirstKey(), rows.getMemory(), rows.getFirst(),
                         rows.getCounts(), rows.getMeeting(), firstRow,
                         rows.getPlaces(), rows.getLimit(), rows.getMargin());
}

/// Writes elements where `mask` is set, which ends where `out` does.
void StoreVectorizer::write(Value elements, Value out, Value firstRow,
                            Value firstColumn, Value mask) {
  SmallVector<Value> indices{firstRow, firstColumn};
  SmallVector<bool> inBounds{true, true};
  auto map =
      AffineMapAttr::get(AffineMap::getMultiDimIdentityMap(2, b.getContext()));
  vector::TransferWriteOp::create(b, loc, /*result=*/Type(), elements, out,
                                  indices, map, mask,
                                  b.getBoolArrayAttr(inBounds));
}

void StoreVectorizer::writeWords(WordRowsOp rows, Value firstRow, Value logits,
                                 Value mask) {
  auto type = VectorType::get({queries, keys}, b.getF32Type());
  if (logits.getType() != type)
    logits = arith::ExtFOp::create(b, loc, type, logits);
  Value bits = arith::BitcastOp::create(
      b, loc, VectorType::get({queries, keys}, b.getI32Type()), logits);
  Value view;
  {
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPointAfter(rows);
    int64_t dynamic = ShapedType::kDynamic;
    auto memory = cast<MemRefType>(rows.getMemory().getType());
    auto words = MemRefType::get(
        {dynamic, dynamic}, b.getI32Type(),
        StridedLayoutAttr::get(b.getContext(), dynamic, {dynamic, 1}),
        memory.getMemorySpace());
    view = memref::ReinterpretCastOp::create(
        b, loc, words, rows.getMemory(), OpFoldResult(rows.getFirst()),
        ArrayRef<OpFoldResult>{rows.getNumRows(), rows.getNumColumns()},
        ArrayRef<OpFoldResult>{rows.getStride(), b.getIndexAttr(1)});
  }
  write(bits, view, firstRow, op.getFirstKey(), mask);
}

/// Those that `out`, rows of some view, is of; null where it lies in memory.
static UnstoredView findUnstoredRows(OpBuilder &b, Value out) {
  SmallVector<memref::SubViewOp> views;
  while (auto view = out.getDefiningOp<memref::SubViewOp>()) {
    views.push_back(view);
    out = view.getSource();
  }
  Operation *rows = out.getDefiningOp();
  if (!isa_and_nonnull<FilteredRowsOp, WordRowsOp>(rows))
    return {};
  Value first = arith::ConstantIndexOp::create(b, rows->getLoc(), 0);
  for (memref::SubViewOp view : views)
    first =
        arith::AddIOp::create(b, view.getLoc(), first,
                              getValueOrCreateConstantIndexOp(
                                  b, view.getLoc(), view.getMixedOffsets()[0]));
  return {rows, first};
}

void StoreVectorizer::run() {
  b.setInsertionPoint(op);
  Value logits = op.getLogits();
  Type outType = op.getOut().getType().getElementType();
  // A maximum is rounded when it is taken.
  bool takesMaxima = ranges.getColumnKeys() > 1;
  if (!outType.isF32() && !takesMaxima)
    logits = arith::TruncFOp::create(
        b, loc, VectorType::get({queries, keys}, outType), logits);

  auto readStarts = [&] { return ranges.readStarts(b, loc, queries); };
  auto readEnds = [&] {
    return ranges.readEnds(b, loc, queries,
                           [&](Value value) { moveBehind(value); });
  };
  starts = ranges.haveStarts()
               ? readOutside(ranges.getStartMemory(), readStarts)
               : readStarts();
  ends = readOutside(ranges.getEndMemory(), readEnds);
  Value start = broadcast(countFromTile(starts));
  Value end = broadcast(countFromTile(ends));
  key = vector::BroadcastOp::create(
      b, loc, getIndexType(),
      vector::StepOp::create(b, loc,
                             VectorType::get({keys}, b.getIndexType())));
  using arith::CmpIPredicate;
  Value started = arith::CmpIOp::create(b, loc, CmpIPredicate::sge, key, start);
  Value notEnded = arith::CmpIOp::create(b, loc, CmpIPredicate::slt, key, end);
  Value mask = notEnded;
  if (ranges.haveStarts())
    mask = arith::AndIOp::create(b, loc, started, notEnded);
  if (ranges.getKeyRanges()) {
    Value sees = seesKeys(getKeysOfColumns());
    if (op.getClean()) {
      auto inf = DenseElementsAttr::get(
          cast<VectorType>(logits.getType()),
          b.getFloatAttr(outType, -std::numeric_limits<double>::infinity())
              .getValue());
      logits = arith::SelectOp::create(b, loc, sees, logits,
                                       arith::ConstantOp::create(b, loc, inf));
    } else {
      mask = arith::AndIOp::create(b, loc, mask, sees);
    }
  }
  UnstoredView unstored = findUnstoredRows(b, op.getOut());
  if (auto rows = dyn_cast_if_present<FilteredRowsOp>(unstored.rows)) {
    filter(rows, unstored.firstRow, logits, mask);
  } else if (auto rows = dyn_cast_if_present<WordRowsOp>(unstored.rows)) {
    writeWords(rows, unstored.firstRow, logits, mask);
  } else if (takesMaxima) {
    writeMaxima(logits, mask);
  } else if (!ranges.areCompressed()) {
    Value zero = arith::ConstantIndexOp::create(b, loc, 0);
    write(logits, op.getOut(), zero, op.getFirstKey(), mask);
  } else {
    Value numColumns;
    {
      OpBuilder::InsertionGuard guard(b);
      b.setInsertionPointAfterValue(op.getOut());
      numColumns = memref::DimOp::create(b, loc, op.getOut(), 1);
    }
    Value column = ranges.getColumn(b, loc, key, start);
    Value columns =
        vector::BroadcastOp::create(b, loc, getIndexType(), numColumns);
    Value fits =
        arith::CmpIOp::create(b, loc, CmpIPredicate::slt, column, columns);
    mask = arith::AndIOp::create(b, loc, mask, fits);
    ScatterColumnsOp::create(b, loc, logits, op.getOut(), column, mask);
  }
  b.eraseOp(op);
}

void mqa::vectorizeStore(IRRewriter &b, StoreLogitsOp op) {
  StoreVectorizer(b, op).run();
}
