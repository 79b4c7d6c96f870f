//===- VectorizeStore.cpp - Writes mqa.store_logits as vectors ------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "VectorizeStore.h"
#include "Kernels/WorkgroupMemory.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
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
/// Writes one warpgroup's store. Vectors are indexed [query, key].
class StoreVectorizer {
public:
  StoreVectorizer(IRRewriter &b, StoreLogitsOp op)
      : b(b), op(op), loc(op.getLoc()),
        queries(op.getLogits().getType().getDimSize(0)),
        keys(op.getLogits().getType().getDimSize(1)) {}
  void run();

private:
  VectorType getIndexType() {
    return VectorType::get({queries, keys}, b.getIndexType());
  }
  Value broadcast(Value perQuery);
  /// Moves the insertion point down to where `value` is defined, if it is not
  /// yet. Both are seen by `op`, so that one is behind the other.
  void moveBehind(Value value) {
    DominanceInfo dominance;
    if (!dominance.properlyDominates(value, &*b.getInsertionPoint()))
      b.setInsertionPointAfterValue(value);
  }
  /// Where bounds may be read: out of the loops in which they do not change.
  void setReadPoint(Value memref) {
    setInsertionPointBehindWrites(b, memref, op, [&](Operation *other) {
      return mayWriteGlobalMemory(other, memref);
    });
  }
  Value getBounds(Value memref, Value limit);
  Value getCausalEnds(Value limit);
  Value countFromTile(Value perQuery);

  IRRewriter &b;
  StoreLogitsOp op;
  Location loc;
  int64_t queries, keys;
};
} // namespace

/// A value per query, for each of its keys.
Value StoreVectorizer::broadcast(Value perQuery) {
  Value column = vector::ShapeCastOp::create(
      b, loc, VectorType::get({queries, 1}, b.getIndexType()), perQuery);
  return vector::BroadcastOp::create(b, loc, getIndexType(), column);
}

/// Bounds of the queries' ranges, at least 0: far below, they could not be
/// counted from the tile. A query past the end of the problem has an empty
/// range; with `limit`, ranges end there at the latest.
Value StoreVectorizer::getBounds(Value memref, Value limit) {
  auto type = VectorType::get({queries}, b.getIndexType());
  OpBuilder::InsertionGuard guard(b);
  setReadPoint(memref);
  Value bounds = readVector(b, loc, memref, {queries});
  bounds = arith::IndexCastOp::create(b, loc, type, bounds);
  if (limit) {
    moveBehind(limit);
    bounds = arith::MinSIOp::create(
        b, loc, bounds, vector::BroadcastOp::create(b, loc, type, limit));
  }
  Value zero = arith::ConstantOp::create(b, loc, b.getZeroAttr(type));
  return arith::MaxSIOp::create(b, loc, bounds, zero);
}

/// As `getBounds` of the ends, where the queries are the last of their
/// sequence.
Value StoreVectorizer::getCausalEnds(Value limit) {
  OpBuilder::InsertionGuard guard(b);
  setReadPoint(op.getKe());
  moveBehind(op.getOut());
  moveBehind(limit);
  auto type = VectorType::get({queries}, b.getIndexType());
  auto broadcastAll = [&](Value value) -> Value {
    return vector::BroadcastOp::create(b, loc, type, value);
  };
  Value zero = arith::ConstantIndexOp::create(b, loc, 0);
  Value length = memref::LoadOp::create(b, loc, op.getKe(), zero);
  length = arith::IndexCastOp::create(b, loc, b.getIndexType(), length);
  Value numQueries = memref::DimOp::create(b, loc, op.getOut(), zero);
  // Query m sees length - numQueries + m + 1 keys.
  Value query = vector::StepOp::create(b, loc, type);
  Value one = arith::ConstantIndexOp::create(b, loc, 1);
  Value before = arith::AddIOp::create(
      b, loc, arith::SubIOp::create(b, loc, length, numQueries), one);
  Value ends = arith::AddIOp::create(b, loc, query, broadcastAll(before));
  Value exists = arith::CmpIOp::create(b, loc, arith::CmpIPredicate::slt, query,
                                       broadcastAll(numQueries));
  Value none = arith::ConstantOp::create(b, loc, b.getZeroAttr(type));
  ends = arith::SelectOp::create(b, loc, exists, ends, none);
  ends = arith::MinSIOp::create(b, loc, ends, broadcastAll(limit));
  return arith::MaxSIOp::create(b, loc, ends, none);
}

Value StoreVectorizer::countFromTile(Value perQuery) {
  return arith::SubIOp::create(b, loc, perQuery,
                               vector::BroadcastOp::create(b, loc,
                                                           perQuery.getType(),
                                                           op.getFirstKey()));
}

void StoreVectorizer::run() {
  b.setInsertionPoint(op);
  Value logits = op.getLogits();
  Type outType = op.getOut().getType().getElementType();
  if (!outType.isF32())
    logits = arith::TruncFOp::create(
        b, loc, VectorType::get({queries, keys}, outType), logits);

  Value numColumns;
  {
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPointAfterValue(op.getOut());
    numColumns = memref::DimOp::create(b, loc, op.getOut(), 1);
  }
  Value limit = op.getNumKeys() ? op.getNumKeys() : numColumns;
  Value starts =
      op.getKs()
          ? getBounds(op.getKs(), /*limit=*/Value())
          : arith::ConstantOp::create(
                b, loc,
                b.getZeroAttr(VectorType::get({queries}, b.getIndexType())));
  Value ends =
      op.getCausal() ? getCausalEnds(limit) : getBounds(op.getKe(), limit);
  Value start = broadcast(countFromTile(starts));
  Value end = broadcast(countFromTile(ends));
  Value key = vector::BroadcastOp::create(
      b, loc, getIndexType(),
      vector::StepOp::create(b, loc,
                             VectorType::get({keys}, b.getIndexType())));
  using arith::CmpIPredicate;
  Value started = arith::CmpIOp::create(b, loc, CmpIPredicate::sge, key, start);
  Value notEnded = arith::CmpIOp::create(b, loc, CmpIPredicate::slt, key, end);
  Value mask = notEnded;
  if (op.getKs())
    mask = arith::AndIOp::create(b, loc, started, notEnded);
  if (!op.getCompressed()) {
    Value zero = arith::ConstantIndexOp::create(b, loc, 0);
    SmallVector<Value> indices{zero, op.getFirstKey()};
    // The mask ends where `out` does.
    SmallVector<bool> inBounds{true, true};
    auto map = AffineMapAttr::get(
        AffineMap::getMultiDimIdentityMap(2, b.getContext()));
    vector::TransferWriteOp::create(b, loc, /*result=*/Type(), logits,
                                    op.getOut(), indices, map, mask,
                                    b.getBoolArrayAttr(inBounds));
  } else {
    Value column = arith::SubIOp::create(b, loc, key, start);
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
