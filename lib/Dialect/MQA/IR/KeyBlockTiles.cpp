//===- KeyBlockTiles.cpp - Logits of chosen blocks as tiles ---------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "mqa/Dialect/MQA/IR/KeyBlockTiles.h"
#include "Slices.h"
#include "mqa/Dialect/MQA/IR/Ranges.h"

#include "mlir/Dialect/Affine/IR/AffineOps.h"
#include "mlir/Dialect/Arith/Utils/Utils.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"

using namespace mlir;
using namespace mlir::mqa;

KeyBlockTiles::KeyBlockTiles(LogitsOp op, Value numKeys)
    : op(cast<LogitsOpInterface>(op.getOperation())), contiguous(op),
      loc(op.getLoc()), q(op.getQ()), out(op.getOut()),
      keyBlocks(op.getKeyBlocks()), numKeyBlocks(op.getNumKeyBlocks()),
      keyOffset(op.getKeyOffset()), numKeys(numKeys) {}

KeyBlockTiles::KeyBlockTiles(PagedLogitsOp op)
    : op(cast<LogitsOpInterface>(op.getOperation())), paged(op),
      loc(op.getLoc()), q(op.getQ()), out(op.getOut()),
      keyBlocks(op.getKeyBlocks()), numKeyBlocks(op.getNumKeyBlocks()),
      keyOffset(op.getKeyOffset()) {}

/// Not of q, which becomes a tensor map.
OpFoldResult KeyBlockTiles::getNumRows(OpBuilder &b) {
  return memref::getMixedSize(b, loc, keyBlocks, 0);
}

Value KeyBlockTiles::makeRanges(OpBuilder &b, Value keys, Value blocks,
                                Value numBlocks) {
  return BlockRangesOp::create(b, loc, keys, blocks, numBlocks, numColumns,
                               op.getBlockKv());
}

/// Of a paged cache, the table says how many keys there may be.
Value KeyBlockTiles::makeKeyRanges(OpBuilder &b) {
  if (contiguous)
    return MakeRangesOp::create(b, loc, contiguous.getKs(), contiguous.getKe(),
                                numKeys, /*next_n=*/IntegerAttr(),
                                /*compressed=*/UnitAttr());
  Value table = paged.getBlockTable();
  numKeys = countPlaces(b, loc, table, paged.getPageKeys());
  IntegerAttr causal;
  if (!paged.hasLengthPerQuery())
    causal = b.getI64IntegerAttr(paged.getSequenceQueries());
  Value ranges =
      MakeRangesOp::create(b, loc, /*ks=*/Value(), paged.getContextLens(),
                           numKeys, causal, /*compressed=*/UnitAttr());
  if (!paged.namesSequences())
    return ranges;
  Value numLines = getValueOrCreateConstantIndexOp(
      b, loc, memref::getMixedSize(b, loc, table, 0));
  return NameSequencesOp::create(b, loc, ranges, paged.getSequence(), numLines);
}

/// There is room for the columns that `out` has and that the blocks of a row
/// give. Rather in blocks: those of a row may be more keys than an index can
/// count.
Value KeyBlockTiles::makeRanges(OpBuilder &b) {
  int64_t size = op.getBlockKv();
  AffineExpr end, blocks;
  bindDims(b.getContext(), end, blocks);
  OpFoldResult columnsEnd =
      addOffset(b, loc, keyOffset, memref::getMixedSize(b, loc, out, 1));
  OpFoldResult numBlocks = affine::makeComposedFoldedAffineMin(
      b, loc, AffineMap::get(2, 0, {end.ceilDiv(size), blocks}, b.getContext()),
      {columnsEnd, memref::getMixedSize(b, loc, keyBlocks, 1)});
  numColumns = getValueOrCreateConstantIndexOp(
      b, loc,
      affine::makeComposedFoldedAffineMin(
          b, loc, AffineMap::get(2, 0, {end, blocks * size}, b.getContext()),
          {columnsEnd, numBlocks}));
  keyRanges = makeKeyRanges(b);
  return makeRanges(b, keyRanges, keyBlocks, numKeyBlocks);
}

Value KeyBlockTiles::getRanges(OpBuilder &b, Value row, GetRows getRows) {
  OpFoldResult one = b.getIndexAttr(1);
  Value keys = NarrowRangesOp::create(
      b, loc, keyRanges, row, getValueOrCreateConstantIndexOp(b, loc, one));
  Value blocks = getRows(b, keyBlocks, row, one);
  Value count = getSlice(b, loc, numKeyBlocks, OpFoldResult(row), one);
  return makeRanges(b, keys, blocks, count);
}

Value KeyBlockTiles::getOut(OpBuilder &b, Value row, GetRows getRows) {
  return getRows(b, out, row, b.getIndexAttr(1));
}

/// 1 x H x D: where each sequence has T queries, one of those of one.
Value KeyBlockTiles::getQuery(OpBuilder &b, Value row) {
  OpFoldResult zero = b.getIndexAttr(0), one = b.getIndexAttr(1),
               heads = b.getIndexAttr(op.getNumHeads()),
               elements = b.getIndexAttr(op.getQueryRow());
  auto type = cast<MemRefType>(q.getType());
  if (type.getRank() == 3)
    return getSlice(b, loc, q, {OpFoldResult(row), zero, zero},
                    {one, heads, elements});
  AffineExpr d0 = b.getAffineDimExpr(0);
  int64_t count = paged.getSequenceQueries();
  auto apply = [&](AffineExpr expr) {
    return affine::makeComposedFoldedAffineApply(b, loc, expr,
                                                 {OpFoldResult(row)});
  };
  SmallVector<OpFoldResult> offsets{apply(d0.floorDiv(count)),
                                    apply(d0 % count), zero, zero},
      sizes{one, one, heads, elements}, strides(4, one);
  auto view = memref::SubViewOp::inferResultType(type, offsets, sizes, strides);
  // Not inferred without a dimension: the first one goes.
  auto [viewStrides, offset] = view.getStridesAndOffset();
  auto reduced = MemRefType::get(
      view.getShape().drop_front(), view.getElementType(),
      StridedLayoutAttr::get(b.getContext(), offset,
                             ArrayRef(viewStrides).drop_front()),
      view.getMemorySpace());
  return memref::SubViewOp::create(b, loc, reduced, q, offsets, sizes, strides);
}

KeyBlockRow KeyBlockTiles::getRow(OpBuilder &b, Value row, GetRows getRows,
                                  bool getsRowsOfWeights, bool getsRowsOfQScale,
                                  std::optional<TableLine> line) {
  OpFoldResult zero = b.getIndexAttr(0), one = b.getIndexAttr(1),
               heads = b.getIndexAttr(op.getNumHeads());
  KeyBlockRow result;
  result.q = getQuery(b, row);
  auto getHeads = [&](Value source, bool getsRows) -> Value {
    if (!source)
      return {};
    if (getsRows)
      return getRows(b, source, row, one);
    return getSlice(b, loc, source, {OpFoldResult(row), zero}, {one, heads});
  };
  result.weights = getHeads(op.getWeights(), getsRowsOfWeights);
  result.qScale = getHeads(op.getQScale(), getsRowsOfQScale);
  result.ranges = getRanges(b, row, getRows);
  result.blocks = result.ranges.getDefiningOp<BlockRangesOp>().getKeyBlocks();
  result.out = getOut(b, row, getRows);
  if (!paged)
    return result;
  OpFoldResult own = affine::makeComposedFoldedAffineApply(
      b, loc, b.getAffineDimExpr(0).floorDiv(paged.getSequenceQueries()),
      {OpFoldResult(row)});
  result.pages =
      line ? getRows(b, paged.getBlockTable(), line->line, line->count)
           : getRows(b, paged.getBlockTable(), own, one);
  return result;
}

/// Keys or scales of columns [first, first + count) of a row.
Value KeyBlockTiles::getKeys(OpBuilder &b, Value keys, const KeyBlockRow &row,
                             Value first, Value count) {
  if (!keys)
    return {};
  auto type = cast<MemRefType>(keys.getType());
  SmallVector<int64_t> shape{ShapedType::kDynamic};
  llvm::append_range(shape, type.getShape().drop_front(row.pages ? 2 : 1));
  auto tile =
      MemRefType::get(shape, type.getElementType(), MemRefLayoutAttrInterface{},
                      type.getMemorySpace());
  return GatherPagesOp::create(b, loc, tile, keys, row.blocks, row.pages, first,
                               count, b.getI64IntegerAttr(op.getBlockKv()));
}

LogitsOp KeyBlockTiles::createTile(OpBuilder &b, const KeyBlockRow &row,
                                   Value first, Value count) {
  OpFoldResult column = first;
  if (keyOffset) {
    AffineExpr key, offset;
    bindDims(b.getContext(), key, offset);
    column = affine::makeComposedFoldedAffineApply(
        b, loc, key - offset, {column, OpFoldResult(keyOffset)});
  }
  Value columns = getSlice(b, loc, row.out, {b.getIndexAttr(0), column},
                           {b.getIndexAttr(1), OpFoldResult(count)});
  Value keys = getKeys(b, op.getK(), row, first, count);
  Value scales = getKeys(b, op.getKScale(), row, first, count);
  UnitAttr clean = op.getClean() ? b.getUnitAttr() : UnitAttr();
  auto activation = ActivationAttr::get(b.getContext(), op.getActivation());
  auto reduction =
      HeadReductionAttr::get(b.getContext(), op.getHeadReduction());
  return LogitsOp::create(
      b, loc, /*result=*/Type(), row.q, keys, scales, row.weights,
      /*ks=*/Value(), /*ke=*/Value(), row.ranges, /*key_offset=*/first, columns,
      /*key_blocks=*/Value(), /*num_key_blocks=*/Value(), row.qScale, clean,
      /*compressed=*/UnitAttr(), activation, op.getScheduleAttr(),
      /*block_max=*/IntegerAttr(),
      /*key_block_size=*/IntegerAttr(), reduction);
}
