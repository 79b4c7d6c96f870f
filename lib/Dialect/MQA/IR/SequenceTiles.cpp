//===- SequenceTiles.cpp - mqa.paged_logits as tiles of mqa.logits --------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "mqa/Dialect/MQA/IR/SequenceTiles.h"
#include "Slices.h"

#include "mlir/Dialect/Affine/IR/AffineOps.h"
#include "mlir/Dialect/Arith/Utils/Utils.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"

using namespace mlir;
using namespace mlir::mqa;

/// There is room for the keys that `out` has columns for and the table blocks.
/// Rather in blocks: those of the table may be more keys than an index can
/// count.
Value SequenceTiles::makeRanges(OpBuilder &b) {
  int64_t blockKv = op.getBlockKv();
  AffineExpr end, blocks;
  bindDims(b.getContext(), end, blocks);
  // A column of maxima has room for its whole block.
  OpFoldResult columnsEnd =
      addOffset(b, loc, op.getKeyOffset(),
                affine::makeComposedFoldedAffineApply(
                    b, loc, end * op.getColumnKeys(),
                    {memref::getMixedSize(b, loc, op.getOut(), 1)}));
  OpFoldResult numBlocks = affine::makeComposedFoldedAffineMin(
      b, loc,
      AffineMap::get(2, 0, {end.ceilDiv(blockKv), blocks}, b.getContext()),
      {columnsEnd, memref::getMixedSize(b, loc, op.getBlockTable(), 1)});
  numKeys = getValueOrCreateConstantIndexOp(
      b, loc,
      affine::makeComposedFoldedAffineMin(
          b, loc, AffineMap::get(2, 0, {end, blocks * blockKv}, b.getContext()),
          {columnsEnd, numBlocks}));
  IntegerAttr causal;
  if (!op.hasLengthPerQuery())
    causal = b.getI64IntegerAttr(nextN);
  return MakeRangesOp::create(b, loc, /*ks=*/Value(), op.getContextLens(),
                              numKeys, causal, /*compressed=*/UnitAttr(),
                              op.getBlockMaxAttr());
}

/// Not of q, which becomes a tensor map.
OpFoldResult SequenceTiles::getNumSequences(OpBuilder &b) {
  return memref::getMixedSize(b, loc, op.getBlockTable(), 0);
}

OpFoldResult SequenceTiles::getFirstRow(OpBuilder &b, Value sequence) {
  return affine::makeComposedFoldedAffineApply(
      b, loc, b.getAffineDimExpr(0) * nextN, {OpFoldResult(sequence)});
}

Value SequenceTiles::getRanges(OpBuilder &b, Value ranges, Value sequence) {
  Value row = getValueOrCreateConstantIndexOp(b, loc, getFirstRow(b, sequence));
  Value count = arith::ConstantIndexOp::create(b, loc, nextN);
  return NarrowRangesOp::create(b, loc, ranges, row, count);
}

Value SequenceTiles::getOut(OpBuilder &b, Value sequence, GetRows getRows) {
  return getRows(b, op.getOut(), getFirstRow(b, sequence),
                 b.getIndexAttr(nextN));
}

Value SequenceTiles::getQueries(OpBuilder &b, Value sequence) {
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

Value SequenceTiles::getRowsOfHeads(OpBuilder &b, Value source,
                                    OpFoldResult row, OpFoldResult numRows,
                                    GetRows getRows, bool getsRows) {
  if (!source)
    return {};
  if (getsRows)
    return getRows(b, source, row, numRows);
  return getSlice(b, loc, source, {row, b.getIndexAttr(0)},
                  {numRows, b.getIndexAttr(op.getNumHeads())});
}

Sequence SequenceTiles::getSequence(OpBuilder &b, Value ranges, Value sequence,
                                    GetRows getRows, bool getsRowsOfWeights,
                                    bool getsRowsOfQScale) {
  Sequence result;
  OpFoldResult row = getFirstRow(b, sequence);
  result.numRows = b.getIndexAttr(nextN);
  result.q = getQueries(b, sequence);
  result.weights = getRowsOfHeads(b, op.getWeights(), row, result.numRows,
                                  getRows, getsRowsOfWeights);
  result.qScale = getRowsOfHeads(b, op.getQScale(), row, result.numRows,
                                 getRows, getsRowsOfQScale);
  result.ranges = getRanges(b, ranges, sequence);
  result.table = getRows(b, op.getBlockTable(), sequence, b.getIndexAttr(1));
  result.out = getOut(b, sequence, getRows);
  return result;
}

Value SequenceTiles::nameSequences(OpBuilder &b, Value ranges) {
  Value numSequences = getValueOrCreateConstantIndexOp(
      b, loc, memref::getMixedSize(b, loc, op.getBlockTable(), 0));
  return NameSequencesOp::create(b, loc, ranges, op.getSequence(),
                                 numSequences);
}

Sequence SequenceTiles::getRun(OpBuilder &b, Value ranges, const Run &run,
                               GetRows getRows, bool getsRowsOfWeights,
                               bool getsRowsOfQScale) {
  Sequence result;
  OpFoldResult row = run.row, zero = b.getIndexAttr(0);
  result.numRows = run.numRows;
  result.q = getSlice(b, loc, op.getQ(), {row, zero, zero},
                      {result.numRows, b.getIndexAttr(op.getNumHeads()),
                       b.getIndexAttr(op.getQueryRow())});
  result.weights = getRowsOfHeads(b, op.getWeights(), row, result.numRows,
                                  getRows, getsRowsOfWeights);
  result.qScale = getRowsOfHeads(b, op.getQScale(), row, result.numRows,
                                 getRows, getsRowsOfQScale);
  result.ranges = NarrowRangesOp::create(b, loc, ranges, run.row, run.numRows);
  result.table =
      getRows(b, op.getBlockTable(), run.sequence, b.getIndexAttr(1));
  result.out = getRows(b, op.getOut(), row, result.numRows);
  return result;
}

/// Keys or scales [first, first + count) of the sequence with that table.
Value SequenceTiles::getKeys(OpBuilder &b, Value cache, Value table,
                             Value first, Value count) {
  if (!cache)
    return {};
  auto type = cast<MemRefType>(cache.getType());
  SmallVector<int64_t> shape{ShapedType::kDynamic};
  llvm::append_range(shape, type.getShape().drop_front(2));
  auto keys =
      MemRefType::get(shape, type.getElementType(), MemRefLayoutAttrInterface{},
                      type.getMemorySpace());
  return GatherPagesOp::create(b, loc, keys, cache, table, /*pages=*/Value(),
                               first, count, /*block_size=*/IntegerAttr());
}

LogitsOp SequenceTiles::createTile(OpBuilder &b, const Sequence &sequence,
                                   Value first, Value count) {
  OpFoldResult column = first;
  if (op.getKeyOffset()) {
    AffineExpr key, offset;
    bindDims(b.getContext(), key, offset);
    column = affine::makeComposedFoldedAffineApply(
        b, loc, key - offset, {column, OpFoldResult(op.getKeyOffset())});
  }
  OpFoldResult numColumns = count;
  if (int64_t columnKeys = op.getColumnKeys(); columnKeys > 1) {
    AffineExpr d0 = b.getAffineDimExpr(0);
    column = affine::makeComposedFoldedAffineApply(
        b, loc, d0.floorDiv(columnKeys), {column});
    numColumns = affine::makeComposedFoldedAffineApply(
        b, loc, d0.ceilDiv(columnKeys), {numColumns});
  }
  Value out = getSlice(b, loc, sequence.out, {b.getIndexAttr(0), column},
                       {sequence.numRows, numColumns});
  Value keys = getKeys(b, op.getK(), sequence.table, first, count);
  Value scales = getKeys(b, op.getKScale(), sequence.table, first, count);
  return LogitsOp::create(
      b, loc, /*result=*/Type(), sequence.q, keys, scales, sequence.weights,
      /*ks=*/Value(), /*ke=*/Value(), sequence.ranges, /*key_offset=*/first,
      out,
      /*key_blocks=*/Value(), /*num_key_blocks=*/Value(), sequence.qScale,
      /*clean=*/UnitAttr(), /*compressed=*/UnitAttr(), op.getActivationAttr(),
      op.getScheduleAttr(),
      /*block_max=*/IntegerAttr(),
      /*key_block_size=*/IntegerAttr(), op.getHeadReductionAttr());
}
