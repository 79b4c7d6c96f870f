//===- TopkOpTiling.cpp - mqa.topk: TilingInterface -----------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A row is selected as a whole, so that tiles have whole rows; where rows
// belong to sequences by where they stand, tiles have whole sequences.
//
//===----------------------------------------------------------------------===//

#include "Slices.h"
#include "mqa/Dialect/MQA/IR/MQA.h"

#include "mlir/Dialect/Affine/IR/AffineOps.h"
#include "mlir/Dialect/Utils/StaticValueUtils.h"

using namespace mlir;
using namespace mlir::mqa;

SmallVector<utils::IteratorType> TopkOp::getLoopIteratorTypes() {
  return {utils::IteratorType::parallel};
}

/// Rows, or sequences.
SmallVector<Range> TopkOp::getIterationDomain(OpBuilder &b) {
  Value counted = getIndices();
  if (hasSequencesInOrder())
    counted = getContextLens() ? getContextLens() : getBlockTable();
  return {Range{b.getIndexAttr(0), getDim(b, getLoc(), counted, 0),
                b.getIndexAttr(1)}};
}

/// As many rows as `count` steps of the domain have.
static OpFoldResult getRowsOf(TopkOp op, OpBuilder &b, OpFoldResult count) {
  if (!op.hasSequencesInOrder())
    return count;
  return affine::makeComposedFoldedAffineApply(
      b, op.getLoc(), b.getAffineDimExpr(0) * op.getRowsOfSequence(), {count});
}

FailureOr<TilingResult>
TopkOp::getTiledImplementation(OpBuilder &b, ArrayRef<OpFoldResult> offsets,
                               ArrayRef<OpFoldResult> sizes) {
  // There is no slice of an operand without elements.
  for (Value operand : getDataOperands())
    if (operand &&
        llvm::is_contained(cast<ShapedType>(operand.getType()).getShape(), 0))
      return failure();
  Location loc = getLoc();
  SmallVector<Operation *> slices;
  // The first dimension is cut; the others are whole.
  auto slice = [&](Value operand, OpFoldResult offset, OpFoldResult size) {
    if (!operand)
      return Value();
    SmallVector<OpFoldResult> sliceOffsets{offset}, sliceSizes{size};
    int64_t rank = cast<ShapedType>(operand.getType()).getRank();
    for (int64_t dim = 1; dim < rank; ++dim) {
      sliceOffsets.push_back(b.getIndexAttr(0));
      sliceSizes.push_back(getDim(b, loc, operand, dim));
    }
    Value result = getSlice(b, loc, operand, sliceOffsets, sliceSizes);
    slices.push_back(result.getDefiningOp());
    return result;
  };
  OpFoldResult row = getRowsOf(*this, b, offsets[0]);
  OpFoldResult numRows = getRowsOf(*this, b, sizes[0]);
  auto rows = [&](Value operand) { return slice(operand, row, numRows); };
  Value logits = rows(getLogits()), ks = rows(getKs()), ke = rows(getKe());
  Value lens = slice(getContextLens(), offsets[0], sizes[0]);
  // `sequence` names any row of the table.
  Value table = getBlockTable();
  if (!getSequence())
    table = slice(table, offsets[0], sizes[0]);
  Value sequence = rows(getSequence()), offset = rows(getOffset());
  Value keyBlocks = rows(getKeyBlocks());
  Value numKeyBlocks = rows(getNumKeyBlocks());
  Value indices = rows(getIndices()), values = rows(getValues());
  SmallVector<Type> types;
  if (getNumResults()) {
    types.push_back(indices.getType());
    if (values)
      types.push_back(values.getType());
  }
  auto tiled = TopkOp::create(
      b, loc, types, logits, ks, ke, lens, table, sequence, offset,
      getNumKeys(), indices, values, keyBlocks, numKeyBlocks,
      getCompressedAttr(), getTieBreakAttr(), getForceFirstAttr(),
      getForceLastAttr(), getOrderAttr(), getBaseAttr(), getBlockKvAttr(),
      getNextNAttr(), getKeyBlockSizeAttr());
  return TilingResult{{tiled}, SmallVector<Value>(tiled->getResults()), slices};
}

LogicalResult TopkOp::getResultTilePosition(
    OpBuilder &b, unsigned, ArrayRef<OpFoldResult> offsets,
    ArrayRef<OpFoldResult> sizes, SmallVector<OpFoldResult> &resultOffsets,
    SmallVector<OpFoldResult> &resultSizes) {
  resultOffsets = {getRowsOf(*this, b, offsets[0]), b.getIndexAttr(0)};
  resultSizes = {getRowsOf(*this, b, sizes[0]),
                 b.getIndexAttr(getNumSelected())};
  return success();
}

FailureOr<TilingResult>
TopkOp::generateResultTileValue(OpBuilder &b, unsigned resultNumber,
                                ArrayRef<OpFoldResult> offsets,
                                ArrayRef<OpFoldResult> sizes) {
  // A tile of rows is one of sequences where there is a row for each.
  if (hasSequencesInOrder() && getRowsOfSequence() != 1)
    return failure();
  if (!isConstantIntValue(offsets[1], 0) ||
      !isConstantIntValue(sizes[1], getNumSelected()))
    return failure();
  FailureOr<TilingResult> tiled =
      getTiledImplementation(b, offsets.take_front(), sizes.take_front());
  if (succeeded(tiled))
    tiled->tiledValues = {tiled->tiledValues[resultNumber]};
  return tiled;
}
