//===- KeyBlockTiles.cpp - mqa.logits of chosen blocks as tiles -----------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "mqa/Dialect/MQA/IR/KeyBlockTiles.h"
#include "Slices.h"

#include "mlir/Dialect/Affine/IR/AffineOps.h"
#include "mlir/Dialect/Arith/Utils/Utils.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"

using namespace mlir;
using namespace mlir::mqa;

/// Not of q, which becomes a tensor map.
OpFoldResult KeyBlockTiles::getNumRows(OpBuilder &b) {
  return memref::getMixedSize(b, loc, op.getKeyBlocks(), 0);
}

Value KeyBlockTiles::makeRanges(OpBuilder &b, Value keys, Value blocks,
                                Value numBlocks) {
  return BlockRangesOp::create(b, loc, keys, blocks, numBlocks, numColumns,
                               op.getBlockKv());
}

/// There is room for the columns that `out` has and that the blocks of a row
/// give. Rather in blocks: those of a row may be more keys than an index can
/// count.
Value KeyBlockTiles::makeRanges(OpBuilder &b) {
  int64_t size = op.getBlockKv();
  AffineExpr end, blocks;
  bindDims(b.getContext(), end, blocks);
  OpFoldResult columnsEnd = addOffset(
      b, loc, op.getKeyOffset(), memref::getMixedSize(b, loc, op.getOut(), 1));
  OpFoldResult numBlocks = affine::makeComposedFoldedAffineMin(
      b, loc, AffineMap::get(2, 0, {end.ceilDiv(size), blocks}, b.getContext()),
      {columnsEnd, memref::getMixedSize(b, loc, op.getKeyBlocks(), 1)});
  numColumns = getValueOrCreateConstantIndexOp(
      b, loc,
      affine::makeComposedFoldedAffineMin(
          b, loc, AffineMap::get(2, 0, {end, blocks * size}, b.getContext()),
          {columnsEnd, numBlocks}));
  keyRanges = MakeRangesOp::create(b, loc, op.getKs(), op.getKe(), numKeys,
                                   /*next_n=*/IntegerAttr(),
                                   /*compressed=*/UnitAttr());
  return makeRanges(b, keyRanges, op.getKeyBlocks(), op.getNumKeyBlocks());
}

Value KeyBlockTiles::getRanges(OpBuilder &b, Value row, GetRows getRows) {
  OpFoldResult one = b.getIndexAttr(1);
  Value keys = NarrowRangesOp::create(
      b, loc, keyRanges, row, getValueOrCreateConstantIndexOp(b, loc, one));
  Value blocks = getRows(b, op.getKeyBlocks(), row, one);
  Value count = getSlice(b, loc, op.getNumKeyBlocks(), OpFoldResult(row), one);
  return makeRanges(b, keys, blocks, count);
}

Value KeyBlockTiles::getOut(OpBuilder &b, Value row, GetRows getRows) {
  return getRows(b, op.getOut(), row, b.getIndexAttr(1));
}

KeyBlockRow KeyBlockTiles::getRow(OpBuilder &b, Value row, GetRows getRows,
                                  bool getsRowsOfWeights) {
  OpFoldResult zero = b.getIndexAttr(0), one = b.getIndexAttr(1),
               heads = b.getIndexAttr(op.getNumHeads());
  KeyBlockRow result;
  result.q = getSlice(b, loc, op.getQ(), {OpFoldResult(row), zero, zero},
                      {one, heads, b.getIndexAttr(op.getHeadDim())});
  if (op.getWeights() && getsRowsOfWeights)
    result.weights = getRows(b, op.getWeights(), row, one);
  else if (op.getWeights())
    result.weights = getSlice(b, loc, op.getWeights(),
                              {OpFoldResult(row), zero}, {one, heads});
  result.ranges = getRanges(b, row, getRows);
  result.blocks = result.ranges.getDefiningOp<BlockRangesOp>().getKeyBlocks();
  result.out = getOut(b, row, getRows);
  return result;
}

/// Keys or scales of columns [first, first + count) of the row with those
/// blocks.
Value KeyBlockTiles::getKeys(OpBuilder &b, Value keys, Value blocks,
                             Value first, Value count) {
  if (!keys)
    return {};
  auto type = cast<MemRefType>(keys.getType());
  SmallVector<int64_t> shape(type.getShape());
  shape[0] = ShapedType::kDynamic;
  auto tile =
      MemRefType::get(shape, type.getElementType(), MemRefLayoutAttrInterface{},
                      type.getMemorySpace());
  return GatherPagesOp::create(b, loc, tile, keys, blocks, first, count,
                               b.getI64IntegerAttr(op.getBlockKv()));
}

LogitsOp KeyBlockTiles::createTile(OpBuilder &b, const KeyBlockRow &row,
                                   Value first, Value count) {
  OpFoldResult column = first;
  if (op.getKeyOffset()) {
    AffineExpr key, offset;
    bindDims(b.getContext(), key, offset);
    column = affine::makeComposedFoldedAffineApply(
        b, loc, key - offset, {column, OpFoldResult(op.getKeyOffset())});
  }
  Value out = getSlice(b, loc, row.out, {b.getIndexAttr(0), column},
                       {b.getIndexAttr(1), OpFoldResult(count)});
  Value keys = getKeys(b, op.getK(), row.blocks, first, count);
  Value scales = getKeys(b, op.getKScale(), row.blocks, first, count);
  return LogitsOp::create(
      b, loc, /*result=*/Type(), row.q, keys, scales, row.weights,
      /*ks=*/Value(), /*ke=*/Value(), row.ranges, /*key_offset=*/first, out,
      /*key_blocks=*/Value(), /*num_key_blocks=*/Value(), op.getCleanAttr(),
      /*compressed=*/UnitAttr(), op.getActivationAttr(), op.getScheduleAttr(),
      /*block_max=*/IntegerAttr(),
      /*key_block_size=*/IntegerAttr());
}
