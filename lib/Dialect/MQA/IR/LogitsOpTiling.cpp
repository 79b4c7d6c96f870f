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
#include "mlir/Dialect/Utils/StaticValueUtils.h"
#include "mlir/IR/Remarks.h"
#include "mlir/Interfaces/ValueBoundsOpInterface.h"
#include "llvm/ADT/STLExtras.h"

using namespace mlir;
using namespace mlir::mqa;

SmallVector<utils::IteratorType> LogitsOp::getLoopIteratorTypes() {
  return {utils::IteratorType::parallel, utils::IteratorType::parallel};
}

/// Queries x keys; or x blocks, where a column is the maximum of one.
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

/// Whether a tile of `numKeys` from the first key on has all of them.
static bool hasAllKeys(LogitsOp op, OpFoldResult numKeys) {
  int64_t known = op.getKeyType().getDimSize(0);
  if (std::optional<int64_t> constant = getConstantIntValue(numKeys))
    return *constant >= known && !ShapedType::isDynamic(known);
  auto value = cast<Value>(numKeys);
  // As the iteration domain of a clean op has it.
  if (auto max = value.getDefiningOp<affine::AffineMaxOp>())
    if (max->getNumOperands() == 1)
      value = max->getOperand(0);
  FailureOr<bool> equal = ValueBoundsConstraintSet::areEqual(
      ValueBoundsConstraintSet::Variable(value),
      ValueBoundsConstraintSet::Variable(op.getK(), 0));
  return succeeded(equal) && *equal;
}

/// Some rows, and some of their columns, of an op with key blocks: any row
/// may have any key.
static TilingResult tileKeyBlocks(OpBuilder &b, LogitsOp op,
                                  ArrayRef<OpFoldResult> offsets,
                                  ArrayRef<OpFoldResult> sizes) {
  Location loc = op.getLoc();
  SmallVector<Operation *> slices;
  auto getRows = [&](Value operand) -> Value {
    if (!operand)
      return {};
    int64_t rank = cast<ShapedType>(operand.getType()).getRank();
    SmallVector<OpFoldResult> own(rank, b.getIndexAttr(0)), ownSizes{sizes[0]};
    own[0] = offsets[0];
    for (int64_t dim = 1; dim < rank; ++dim)
      ownSizes.push_back(getDim(b, loc, operand, dim));
    Value rows = getSlice(b, loc, operand, own, ownSizes);
    slices.push_back(rows.getDefiningOp());
    return rows;
  };
  Value q = getRows(op.getQ()), weights = getRows(op.getWeights());
  Value ks = getRows(op.getKs()), ke = getRows(op.getKe());
  Value qScale = getRows(op.getQScale());
  Value blocks = getRows(op.getKeyBlocks()),
        numBlocks = getRows(op.getNumKeyBlocks());
  Value out = getSlice(b, loc, op.getOut(), offsets, sizes);
  slices.push_back(out.getDefiningOp());
  Value column = getValueOrCreateConstantIndexOp(
      b, loc, addOffset(b, loc, op.getKeyOffset(), offsets[1]));
  auto tiled = LogitsOp::create(
      b, loc, op.getResult() ? out.getType() : Type(), q, op.getK(),
      op.getKScale(), weights, ks, ke, /*ranges=*/Value(), column, out, blocks,
      numBlocks, qScale, op.getCleanAttr(), /*compressed=*/UnitAttr(),
      op.getActivationAttr(), op.getScheduleAttr(),
      /*block_max=*/IntegerAttr(), op.getKeyBlockSizeAttr(),
      op.getHeadReductionAttr());
  return {{tiled}, SmallVector<Value>(tiled->getResults()), slices};
}

/// Keys of the columns [first, first + count): the first one, and how many. The
/// last block of keys may have fewer.
static std::pair<OpFoldResult, OpFoldResult>
getKeysOfColumns(OpBuilder &b, LogitsOp op, OpFoldResult first,
                 OpFoldResult count) {
  int64_t columnKeys = op.getColumnKeys();
  if (columnKeys == 1)
    return {first, count};
  Location loc = op.getLoc();
  MLIRContext *context = op.getContext();
  AffineExpr d0, d1, numKeys;
  bindDims(context, d0, d1, numKeys);
  OpFoldResult n =
      affine::makeComposedFoldedAffineApply(b, loc, d0 * columnKeys, {first});
  OpFoldResult numN = affine::makeComposedFoldedAffineMin(
      b, loc,
      AffineMap::get(3, 0, {d1 * columnKeys, numKeys - d0 * columnKeys},
                     context),
      {first, count, getDim(b, loc, op.getK(), 0)});
  return {n, numN};
}

FailureOr<TilingResult>
LogitsOp::getTiledImplementation(OpBuilder &b, ArrayRef<OpFoldResult> offsets,
                                 ArrayRef<OpFoldResult> sizes) {
  if (hasKeyBlocks()) {
    if (hasEmptyOperand(*this))
      return failure();
    return tileKeyBlocks(b, *this, offsets, sizes);
  }
  auto [n, numN] = getKeysOfColumns(b, *this, offsets[1], sizes[1]);
  return getTileOfKeys(b, offsets[0], n, sizes[0], numN);
}

/// Columns of keys [n, n + numN), a multiple of the keys of a column, as their
/// first one and their number.
static std::pair<OpFoldResult, OpFoldResult>
getColumns(OpBuilder &b, LogitsOp op, OpFoldResult n, OpFoldResult numN) {
  int64_t columnKeys = op.getColumnKeys();
  if (columnKeys == 1)
    return {n, numN};
  AffineExpr d0 = b.getAffineDimExpr(0);
  return {affine::makeComposedFoldedAffineApply(b, op.getLoc(),
                                                d0.floorDiv(columnKeys), {n}),
          affine::makeComposedFoldedAffineApply(
              b, op.getLoc(), d0.ceilDiv(columnKeys), {numN})};
}

FailureOr<TilingResult> LogitsOp::getTileOfKeys(OpBuilder &b, OpFoldResult m,
                                                OpFoldResult n,
                                                OpFoldResult numM,
                                                OpFoldResult numN) {
  // Tiles of some keys of a tensor's compressed rows would overlap. And only
  // ranges say how many keys the whole has, which tiles of tensors have not: a
  // producer may be fused into what they have of ks and ke.
  bool compressed = hasCompressedRows();
  bool isRowTile = compressed && getResult();
  if (isRowTile && !(isConstantIntValue(n, 0) && hasAllKeys(*this, numN))) {
    remark::missed(getLoc(),
                   remark::RemarkOpts::name("tile").category("mqa-tiling"))
        << "not tiled: the tiles of 'compressed' logits would each write whole "
           "rows, and what is fused into a loop over keys would be written for "
           "each of them";
    return failure();
  }
  if (hasEmptyOperand(*this))
    return failure();
  Location loc = getLoc();
  OpFoldResult zero = b.getIndexAttr(0);
  OpFoldResult heads = b.getIndexAttr(getNumHeads());
  OpFoldResult row = b.getIndexAttr(getQueryRow());
  if (compressed && !isRowTile && getClean())
    numN = affine::makeComposedFoldedAffineMin(
        b, loc, b.getMultiDimIdentityMap(2), {numN, getDim(b, loc, getK(), 0)});

  // Of k and k_scale: keys n to n + numN of all groups.
  auto getKeys = [&](Value operand, bool hasHeadDim) {
    if (isRowTile)
      return operand;
    SmallVector<OpFoldResult> offsets{n}, sizes{numN};
    if (hasKeyGroups())
      sizes.push_back(b.getIndexAttr(getNumGroups()));
    // MXFP4 keys have a byte for two elements.
    if (hasHeadDim)
      sizes.push_back(b.getIndexAttr(getKeyType().getShape().back()));
    offsets.resize(sizes.size(), zero);
    return getSlice(b, loc, operand, offsets, sizes);
  };
  SmallVector<Value> operands = {
      getSlice(b, loc, getQ(), {m, zero, zero}, {numM, heads, row}),
      getKeys(getK(), /*hasHeadDim=*/true),
      getKScale() ? getKeys(getKScale(), /*hasHeadDim=*/false) : Value(),
      getWeights() ? getSlice(b, loc, getWeights(), {m, zero}, {numM, heads})
                   : Value(),
      getQScale() ? getSlice(b, loc, getQScale(), {m, zero}, {numM, heads})
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
  auto [column, numColumns] = getColumns(b, *this, n, numN);
  Value out = compressed
                  ? getSlice(b, loc, getOut(), {m, zero},
                             {numM, getDim(b, loc, getOut(), 1)})
                  : getSlice(b, loc, getOut(), {m, column}, {numM, numColumns});
  SmallVector<Operation *> slices;
  for (Value operand :
       llvm::concat<Value>(operands, SmallVector<Value>{ks, ke, out}))
    if (operand &&
        !(isRowTile && (operand == getK() || operand == getKScale())))
      slices.push_back(operand.getDefiningOp());

  // Ranges count keys of the whole sequence, the tile counts from its first.
  Value keyOffset = getKeyOffset();
  if (!isRowTile)
    keyOffset = getValueOrCreateConstantIndexOp(
        b, loc, addOffset(b, loc, keyOffset, n));

  Type resultType;
  if (getResult())
    resultType = out.getType();
  auto tiled = LogitsOp::create(
      b, loc, resultType, operands[0], operands[1], operands[2], operands[3],
      ks, ke, ranges, keyOffset, out, /*key_blocks=*/Value(),
      /*num_key_blocks=*/Value(), operands[4], getCleanAttr(),
      isRowTile ? getCompressedAttr() : UnitAttr(), getActivationAttr(),
      getScheduleAttr(), ranges ? IntegerAttr() : getBlockMaxAttr(),
      /*key_block_size=*/IntegerAttr(), getHeadReductionAttr());
  return TilingResult{{tiled}, SmallVector<Value>(tiled->getResults()), slices};
}

LogicalResult LogitsOp::getResultTilePosition(
    OpBuilder &b, unsigned, ArrayRef<OpFoldResult> offsets,
    ArrayRef<OpFoldResult> sizes, SmallVector<OpFoldResult> &resultOffsets,
    SmallVector<OpFoldResult> &resultSizes) {
  resultOffsets.assign(offsets.begin(), offsets.end());
  resultSizes.assign(sizes.begin(), sizes.end());
  // As the tile has it, of which a type may say less than `sizes`.
  if (getColumnKeys() > 1 && !hasKeyBlocks()) {
    auto [n, numN] = getKeysOfColumns(b, *this, offsets[1], sizes[1]);
    resultSizes[1] = getColumns(b, *this, n, numN).second;
  }
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
  if (!hasCompressedRows())
    return getTiledImplementation(b, offsets, sizes);
  // Compressed columns do not come from a tile of keys, but whole rows do from
  // all keys.
  int64_t columns = getOutType().getDimSize(1);
  if (!isConstantIntValue(offsets[1], 0) ||
      getConstantIntValue(sizes[1]) != columns ||
      ShapedType::isDynamic(columns))
    return failure();
  Range keys = getIterationDomain(b)[1];
  return getTiledImplementation(b, {offsets[0], keys.offset},
                                {sizes[0], keys.size});
}
