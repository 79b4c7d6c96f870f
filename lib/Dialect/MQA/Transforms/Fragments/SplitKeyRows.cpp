//===- SplitKeyRows.cpp - The keys that are stored at a time --------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "SplitKeyRows.h"
#include "mqa/Dialect/MQA/IR/EnumCases.h"
#include "mqa/Dialect/MQA/IR/Shapes.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"

using namespace mlir;
using namespace mlir::mqa;

/// The keys whose logits `op` should compute and store at a time: all where one
/// product is reduced while the next one is under way. Else those of a product.
/// But a quad has two keys of a product: with one query, the sums of two
/// products are one for each of its lanes. Products of keys that lie in shared
/// memory may be under way at the same time even so, and need the registers.
static int64_t getKeysAtATime(TileLogitsOp op) {
  constexpr int64_t kRows = shapes::kGroupRows, kPair = 2 * kRows;
  if (op.getAccumulators() > 1)
    return op.getNumKeys();
  bool joins = op.hasPackedKeys() && op.getTileQueries() == 1;
  return joins && op.getNumKeys() % kPair == 0 ? kPair : kRows;
}

/// `count` of the keys of `op`, from `first` on.
static Value buildKeysPart(OpBuilder &b, TileLogitsOp op, int64_t first,
                           int64_t count) {
  Location loc = op.getLoc();
  MemRefType type = op.getK().getType();
  SmallVector<int64_t> shape(type.getShape());
  shape.front() = count;
  if (op.hasPackedKeys()) {
    SmallVector<int64_t> offsets{first, 0}, strides{1, 1};
    return memref::SubViewOp::create(b, loc, op.getK(), offsets, shape,
                                     strides);
  }
  Value zero = arith::ConstantIndexOp::create(b, loc, 0);
  Value part = arith::ConstantIndexOp::create(b, loc, first / count);
  return SubtileOp::create(b, loc, SubtileOp::getPartType(type, shape),
                           op.getK(), ValueRange{part, zero});
}

/// The part of `op` that is `count` keys from `first` on.
static TileLogitsOp buildTilePart(OpBuilder &b, TileLogitsOp op, int64_t first,
                                  int64_t count) {
  Location loc = op.getLoc();
  Value keys = buildKeysPart(b, op, first, count);
  auto tile = cast<TileLogitsOp>(b.clone(*op));
  tile.getKMutable().assign(keys);
  if (Value scale = op.getKScale()) {
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPoint(tile);
    tile.getKScaleMutable().assign(memref::SubViewOp::create(
        b, loc, scale, ArrayRef<OpFoldResult>{b.getIndexAttr(first)},
        ArrayRef<OpFoldResult>{b.getIndexAttr(count)},
        ArrayRef<OpFoldResult>{b.getIndexAttr(1)}));
  }
  VectorType logits = op.getLogits().getType();
  tile.getLogits().setType(
      VectorType::get({logits.getDimSize(0), count}, logits.getElementType()));
  return tile;
}

/// A store like `store`, of the part `tile` of what it stores.
static void buildStorePart(OpBuilder &b, StoreLogitsOp store, TileLogitsOp tile,
                           int64_t first) {
  Location loc = store.getLoc();
  Value firstKey =
      arith::AddIOp::create(b, loc, store.getFirstKey(),
                            arith::ConstantIndexOp::create(b, loc, first));
  auto own = cast<StoreLogitsOp>(b.clone(*store));
  own.getLogitsMutable().assign(tile.getLogits());
  own.getFirstKeyMutable().assign(firstKey);
}

/// Whether nothing between a tile and its store could notice that the tile is
/// computed later.
static bool canMoveTo(TileLogitsOp op, StoreLogitsOp store) {
  for (Operation *between = op->getNextNode(); between != store;
       between = between->getNextNode())
    if (!between || !isMemoryEffectFree(between))
      return false;
  return true;
}

/// The keys of a block of which `ranges` takes the maximum, or 1.
static int64_t getBlockKeys(Value ranges) {
  // Code that is never reached may go round in a circle.
  SmallPtrSet<Operation *, 4> seen;
  for (auto narrow = ranges.getDefiningOp<NarrowRangesOp>();
       narrow && seen.insert(narrow).second;
       narrow = ranges.getDefiningOp<NarrowRangesOp>())
    ranges = narrow.getRanges();
  auto make = ranges.getDefiningOp<MakeRangesOp>();
  return make ? make.getBlockMax().value_or(1) : 1;
}

static bool needsParts(TileLogitsOp op) {
  return hasKeyRows(op.getRows()) && op.getNumKeys() > getKeysAtATime(op);
}

/// Whether the keys of `op` can be read a product at a time, or reports why
/// not.
static LogicalResult verifyKeys(TileLogitsOp op) {
  constexpr int64_t kRows = shapes::kGroupRows;
  MemRefType type = op.getK().getType();
  if (!hasKeyRows(op.getRows()) || op.hasPackedKeys() ||
      op.getNumKeys() == kRows)
    return success();
  for (int64_t count : {kRows, getKeysAtATime(op)})
    if (!SubtileOp::getPartType(type, {count, type.getDimSize(1)}))
      return op.emitOpError()
             << "must have parts of " << count
             << " keys behind each other in memory, found " << type;
  return success();
}

/// The store of `op`, if it is alone there; else reports it.
static FailureOr<StoreLogitsOp> findStore(TileLogitsOp op) {
  int64_t count = getKeysAtATime(op);
  auto store = op->hasOneUse() ? dyn_cast<StoreLogitsOp>(*op->user_begin())
                               : StoreLogitsOp();
  if (!store || op.getOnto() || store->getBlock() != op->getBlock())
    return op.emitOpError() << "with 'rows' keys of more than " << count
                            << " keys must be stored in its block, and by "
                               "nothing else used";
  if (int64_t size = getBlockKeys(store.getRanges()); count % size)
    return op.emitOpError()
           << "with 'rows' keys is stored " << count
           << " keys at a time, which are no blocks of " << size;
  return store;
}

LogicalResult mqa::splitKeyRows(RewriterBase &b,
                                SmallVectorImpl<TileLogitsOp> &tiles) {
  // Nothing is changed where one cannot be.
  for (TileLogitsOp op : tiles)
    if (failed(verifyKeys(op)) || (needsParts(op) && failed(findStore(op))))
      return failure();
  SmallVector<TileLogitsOp> parts;
  for (TileLogitsOp op : tiles) {
    if (!needsParts(op)) {
      parts.push_back(op);
      continue;
    }
    StoreLogitsOp store = *findStore(op);
    bool canMove = canMoveTo(op, store);
    int64_t keys = op.getNumKeys(), count = getKeysAtATime(op);
    for (int64_t first = 0; first < keys; first += count) {
      b.setInsertionPoint(canMove ? store.getOperation() : op);
      parts.push_back(buildTilePart(b, op, first, count));
      b.setInsertionPoint(store);
      buildStorePart(b, store, parts.back(), first);
    }
    b.eraseOp(store);
    b.eraseOp(op);
  }
  tiles = std::move(parts);
  return success();
}
