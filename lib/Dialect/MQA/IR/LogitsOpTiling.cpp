//===- LogitsOpTiling.cpp - mqa.logits: TilingInterface -------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Slices.h"
#include "mqa/Dialect/MQA/IR/EmptyOperands.h"
#include "mqa/Dialect/MQA/IR/MQA.h"

#include "mlir/Dialect/Affine/IR/AffineOps.h"
#include "mlir/Dialect/Arith/Utils/Utils.h"
#include "llvm/ADT/STLExtras.h"

using namespace mlir;
using namespace mlir::mqa;

SmallVector<utils::IteratorType> LogitsOp::getLoopIteratorTypes() {
  return {utils::IteratorType::parallel, utils::IteratorType::parallel};
}

/// Queries x keys.
SmallVector<Range> LogitsOp::getIterationDomain(OpBuilder &b) {
  OpFoldResult zero = b.getIndexAttr(0), one = b.getIndexAttr(1);
  OpFoldResult numKeys = getDim(b, getLoc(), getK(), 0);
  if (!hasCompressedRows())
    numKeys = getDim(b, getLoc(), getOut(), 1);
  else if (getClean())
    // Rows are cleaned by the tile at key 0, which is there without a key too.
    numKeys = affine::makeComposedFoldedAffineMax(
        b, getLoc(),
        AffineMap::get(0, 1,
                       {b.getAffineSymbolExpr(0), b.getAffineConstantExpr(1)},
                       getContext()),
        {numKeys});
  return {Range{zero, getDim(b, getLoc(), getOut(), 0), one},
          Range{zero, numKeys, one}};
}

FailureOr<TilingResult>
LogitsOp::getTiledImplementation(OpBuilder &b, ArrayRef<OpFoldResult> offsets,
                                 ArrayRef<OpFoldResult> sizes) {
  // Tiles of a tensor's compressed rows would overlap. And only ranges say how
  // many keys the whole has, which tiles of tensors have not: a producer may be
  // fused into what they have of ks and ke.
  bool compressed = hasCompressedRows();
  if ((compressed && getResult()) || hasEmptyOperand(*this))
    return failure();
  Location loc = getLoc();
  OpFoldResult zero = b.getIndexAttr(0);
  OpFoldResult heads = b.getIndexAttr(getNumHeads());
  OpFoldResult headDim = b.getIndexAttr(getHeadDim());
  OpFoldResult m = offsets[0], n = offsets[1];
  OpFoldResult numM = sizes[0], numN = sizes[1];
  if (compressed && getClean())
    numN = affine::makeComposedFoldedAffineMin(
        b, loc, b.getMultiDimIdentityMap(2), {numN, getDim(b, loc, getK(), 0)});

  // Of k and k_scale: keys n to n + numN of all groups.
  auto getKeys = [&](Value operand, bool hasHeadDim) {
    SmallVector<OpFoldResult> offsets{n}, sizes{numN};
    if (hasKeyGroups())
      sizes.push_back(b.getIndexAttr(getNumGroups()));
    // MXFP4 keys have as many bytes as pairs of elements.
    if (hasHeadDim)
      sizes.push_back(b.getIndexAttr(getKeyType().getShape().back()));
    offsets.resize(sizes.size(), zero);
    return getSlice(b, loc, operand, offsets, sizes);
  };
  SmallVector<Value> operands = {
      getSlice(b, loc, getQ(), {m, zero, zero}, {numM, heads, headDim}),
      getKeys(getK(), /*hasHeadDim=*/true),
      getKScale() ? getKeys(getKScale(), /*hasHeadDim=*/false) : Value(),
      getWeights() ? getSlice(b, loc, getWeights(), {m, zero}, {numM, heads})
                   : Value(),
  };
  Value ks, ke, ranges;
  if (getResult()) {
    ks = getKs() ? getSlice(b, loc, getKs(), {m}, {numM}) : Value();
    ke = getSlice(b, loc, getKe(), {m}, {numM});
  } else {
    ranges = NarrowRangesOp::create(
        b, loc, getOrMakeRanges(b), getValueOrCreateConstantIndexOp(b, loc, m),
        getValueOrCreateConstantIndexOp(b, loc, numM));
  }
  Value out = compressed ? getSlice(b, loc, getOut(), {m, zero},
                                    {numM, getDim(b, loc, getOut(), 1)})
                         : getSlice(b, loc, getOut(), {m, n}, {numM, numN});
  SmallVector<Operation *> slices;
  for (Value operand :
       llvm::concat<Value>(operands, SmallVector<Value>{ks, ke, out}))
    if (operand)
      slices.push_back(operand.getDefiningOp());

  // Ranges count keys of the whole sequence, the tile counts from its first.
  Value keyOffset = getValueOrCreateConstantIndexOp(
      b, loc, addOffset(b, loc, getKeyOffset(), n));

  Type resultType;
  if (getResult())
    resultType = out.getType();
  auto tiled = LogitsOp::create(
      b, loc, resultType, operands[0], operands[1], operands[2], operands[3],
      ks, ke, ranges, keyOffset, out, getCleanAttr(), /*compressed=*/UnitAttr(),
      getActivationAttr(), getScheduleAttr());
  return TilingResult{{tiled}, SmallVector<Value>(tiled->getResults()), slices};
}

LogicalResult LogitsOp::getResultTilePosition(
    OpBuilder &b, unsigned, ArrayRef<OpFoldResult> offsets,
    ArrayRef<OpFoldResult> sizes, SmallVector<OpFoldResult> &resultOffsets,
    SmallVector<OpFoldResult> &resultSizes) {
  resultOffsets.assign(offsets.begin(), offsets.end());
  resultSizes.assign(sizes.begin(), sizes.end());
  if (hasCompressedRows()) {
    resultOffsets[1] = b.getIndexAttr(0);
    resultSizes[1] = getDim(b, getLoc(), getOut(), 1);
  }
  return success();
}

FailureOr<TilingResult>
LogitsOp::generateResultTileValue(OpBuilder &b, unsigned,
                                  ArrayRef<OpFoldResult> offsets,
                                  ArrayRef<OpFoldResult> sizes) {
  // A tile of compressed columns does not come from a tile of keys.
  if (hasCompressedRows())
    return failure();
  return getTiledImplementation(b, offsets, sizes);
}
