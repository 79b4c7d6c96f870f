//===- PagedLogitsLoops.cpp - The loops of an mqa.paged_logits kernel -----===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The same loops as those of mqa.logits, around the same tiles. A query block
// is a sequence; its ranges begin at 0 and end with its lengths, and a tile of
// keys is an mqa.gather_pages.
//
//===----------------------------------------------------------------------===//

#include "PersistentLoops.h"

#include "mlir/Dialect/Affine/IR/AffineOps.h"
#include "mlir/Dialect/Arith/Utils/Utils.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Transforms/LoopInvariantCodeMotionUtils.h"

using namespace mlir;
using namespace mlir::mqa;

namespace {
/// What the loops need of one op.
class PagedLoops {
public:
  PagedLoops(RewriterBase &b, PagedLogitsOp op, const TilePlan &plan)
      : b(b), op(op), loc(op.getLoc()), plan(plan), nextN(op.getNextN()) {}
  LogicalResult build();

private:
  Value getNumKeys();
  OpFoldResult getFirstRow(OpBuilder &b, Value sequence);
  Value getLengths(OpBuilder &b, Value sequence);
  Value getQueries(Value sequence);
  Value getWeights(OpFoldResult row);
  Value getKeys(Value cache, Value table, Value first, Value count);

  RewriterBase &b;
  PagedLogitsOp op;
  Location loc;
  const TilePlan &plan;
  int64_t nextN;
};
} // namespace

/// The keys that there is room for, in `out` and in the table. Rather in
/// blocks: those of the table may be more keys than an index can count.
Value PagedLoops::getNumKeys() {
  int64_t blockKv = op.getBlockKv();
  AffineExpr columns, blocks;
  bindDims(b.getContext(), columns, blocks);
  OpFoldResult numColumns = memref::getMixedSize(b, loc, op.getOut(), 1);
  OpFoldResult numBlocks = affine::makeComposedFoldedAffineMin(
      b, loc,
      AffineMap::get(2, 0, {columns.ceilDiv(blockKv), blocks}, b.getContext()),
      {numColumns, memref::getMixedSize(b, loc, op.getBlockTable(), 1)});
  OpFoldResult numKeys = affine::makeComposedFoldedAffineMin(
      b, loc, AffineMap::get(2, 0, {columns, blocks * blockKv}, b.getContext()),
      {numColumns, numBlocks});
  return getValueOrCreateConstantIndexOp(b, loc, numKeys);
}

OpFoldResult PagedLoops::getFirstRow(OpBuilder &b, Value sequence) {
  return affine::makeComposedFoldedAffineApply(
      b, loc, b.getAffineDimExpr(0) * nextN, {OpFoldResult(sequence)});
}

/// One length, or one for each query.
Value PagedLoops::getLengths(OpBuilder &b, Value sequence) {
  OpFoldResult one = b.getIndexAttr(1), zero = b.getIndexAttr(0);
  if (!op.hasLengthPerQuery())
    return getElements(b, loc, op.getContextLens(), sequence, one);
  SmallVector<OpFoldResult> offsets{sequence, zero},
      sizes{one, b.getIndexAttr(nextN)}, strides{one, one};
  auto type = cast<MemRefType>(op.getContextLens().getType());
  // Not inferred: of one length, that could be a column.
  auto reduced = MemRefType::get(
      nextN, type.getElementType(),
      StridedLayoutAttr::get(b.getContext(), ShapedType::kDynamic, {1}),
      type.getMemorySpace());
  return memref::SubViewOp::create(b, loc, reduced, op.getContextLens(),
                                   offsets, sizes, strides);
}

/// T x H x D.
Value PagedLoops::getQueries(Value sequence) {
  auto type = cast<MemRefType>(op.getQ().getType());
  SmallVector<OpFoldResult> offsets(4, b.getIndexAttr(0)),
      strides(4, b.getIndexAttr(1)), sizes;
  offsets[0] = sequence;
  for (int64_t size : type.getShape())
    sizes.push_back(b.getIndexAttr(size));
  sizes[0] = b.getIndexAttr(1);
  auto reduced = memref::SubViewOp::inferRankReducedResultType(
      type.getShape().drop_front(), type, offsets, sizes, strides);
  return memref::SubViewOp::create(b, loc, reduced, op.getQ(), offsets, sizes,
                                   strides);
}

Value PagedLoops::getWeights(OpFoldResult row) {
  if (!op.getWeights())
    return {};
  if (!plan.loadsWeightsByTma)
    return getRowBlock(b, loc, op.getWeights(), row, b.getIndexAttr(nextN));
  OpFoldResult zero = b.getIndexAttr(0), one = b.getIndexAttr(1);
  return memref::SubViewOp::create(
      b, loc, op.getWeights(), ArrayRef<OpFoldResult>{row, zero},
      ArrayRef<OpFoldResult>{b.getIndexAttr(nextN),
                             b.getIndexAttr(op.getNumHeads())},
      ArrayRef<OpFoldResult>{one, one});
}

/// Keys or scales [first, first + count) of the sequence with that table.
Value PagedLoops::getKeys(Value cache, Value table, Value first, Value count) {
  if (!cache)
    return {};
  auto type = cast<MemRefType>(cache.getType());
  SmallVector<int64_t> shape{ShapedType::kDynamic};
  llvm::append_range(shape, type.getShape().drop_front(2));
  auto keys =
      MemRefType::get(shape, type.getElementType(), MemRefLayoutAttrInterface{},
                      type.getMemorySpace());
  return GatherPagesOp::create(b, loc, keys, cache, table, first, count);
}

LogicalResult PagedLoops::build() {
  OpFoldResult rows = b.getIndexAttr(nextN), one = b.getIndexAttr(1);
  // Not of q, which becomes a tensor map.
  OpFoldResult numSequences =
      memref::getMixedSize(b, loc, op.getBlockTable(), 0);
  Value numKeys = getNumKeys();
  bool causal = !op.hasLengthPerQuery();
  if (op.getClean())
    buildGridLoop(b, loc, numSequences, [&](OpBuilder &nested, Value s) {
      Value own =
          getRowBlock(nested, loc, op.getOut(), getFirstRow(nested, s), rows);
      CleanRowsOp::create(nested, loc, own, /*ks=*/Value(),
                          getLengths(nested, s), numKeys, Value(), Value(),
                          /*compressed=*/false, causal);
    });
  // Its last query sees all of a sequence's keys.
  int64_t numLengths = causal ? 1 : nextN;
  QueryRanges ranges{/*ks=*/Value(), op.getContextLens(), numKeys, numLengths,
                     numSequences};
  Work work = getWork(b, loc, ranges, plan.schedule);

  auto sequences =
      scf::ForOp::create(b, loc, work.firstBlock, work.endBlock, work.step);
  b.setInsertionPointToStart(sequences.getBody());
  Value sequence = sequences.getInductionVar();
  OpFoldResult row = getFirstRow(b, sequence);
  Value queries = getQueries(sequence), weights = getWeights(row);
  Value lengths = getLengths(b, sequence);
  Value table = getRowBlock(b, loc, op.getBlockTable(), sequence, one);
  Value outRows = getRowBlock(b, loc, op.getOut(), row, rows);
  int64_t tileKv = plan.schedule.getTileKv();
  // Every sequence begins at key 0, so that the first key does not wait for the
  // length, nor the block table for the first key.
  Value zero = arith::ConstantIndexOp::create(b, loc, 0);
  Value begin = getFirstOwnKey(b, loc, work, sequence, zero, tileKv);
  auto range = KeyRangeOp::create(b, loc, b.getIndexType(), b.getIndexType(),
                                  /*ks=*/Value(), lengths, numKeys, numLengths,
                                  shapes::kStoreKeys);
  Value end =
      getOwnKeysEnd(b, loc, work, sequence, zero, range.getHi(), tileKv);
  Value step = arith::ConstantIndexOp::create(b, loc, tileKv);
  auto keys = scf::ForOp::create(b, loc, begin, end, step);

  b.setInsertionPointToStart(keys.getBody());
  Value n = keys.getInductionVar();
  // The sequence may end in the tile.
  Value count = getValueOrCreateConstantIndexOp(
      b, loc, getRest(b, loc, tileKv, n, OpFoldResult(range.getHi())));
  SmallVector<OpFoldResult> ones(2, one);
  Value out = memref::SubViewOp::create(
      b, loc, outRows, ArrayRef<OpFoldResult>{b.getIndexAttr(0), n},
      ArrayRef<OpFoldResult>{rows, OpFoldResult(count)}, ones);
  LogitsOp::create(b, loc, /*result=*/Type(), queries,
                   getKeys(op.getK(), table, n, count),
                   getKeys(op.getKScale(), table, n, count), weights,
                   /*ks=*/Value(), lengths, /*key_offset=*/n, numKeys, out,
                   /*clean=*/false, /*compressed=*/false, causal,
                   op.getActivation(), plan.schedule);
  moveLoopInvariantCode(keys);
  return success();
}

LogicalResult mqa::buildPagedLogitsLoops(RewriterBase &b, PagedLogitsOp op,
                                         const TilePlan &plan) {
  return PagedLoops(b, op, plan).build();
}
