//===- MergeTopkOp.cpp - mqa.merge_topk: verifier, effects, tiling --------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Selections.h"
#include "Slices.h"
#include "mqa/Dialect/MQA/IR/EmptyOperands.h"
#include "mqa/Dialect/MQA/IR/EnumCases.h"

#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/Utils/StaticValueUtils.h"

using namespace mlir;
using namespace mlir::mqa;

SmallVector<Value> MergeTopkOp::getDataOperands() {
  return {getListIndices(), getListValues(), getKs(),
          getKe(),          getIndices(),    getValues()};
}

ArrayRef<StringRef> MergeTopkOp::getDataOperandNames() {
  static const StringRef names[] = {"list_indices", "list_values", "ks",
                                    "ke",           "indices",     "values"};
  return names;
}

SelectionAttr MergeTopkOp::getSelection() {
  return SelectionAttr::get(getContext(), getNumSelected(), getTieBreak(),
                            getOrder(), getBase(), /*forceFirst=*/0,
                            /*forceLast=*/0, /*blockKv=*/0, /*nextN=*/0);
}

SmallVector<OperandRule> mqa::getOperandRules(MergeTopkOp op) {
  Builder b(op.getContext());
  // Lists may be strided, and rows of a list.
  return {
      {"list_indices", "RMK", {b.getI32Type()}, /*numStrided=*/2},
      {"list_values", "RMK", {b.getF32Type()}, 2},
      {"ks", "M", {b.getI32Type()}, 0},
      {"ke", "M", {b.getI32Type()}, 0},
      {"indices", "MK", {b.getI32Type()}, 1},
      {"values", "MK", {b.getF32Type()}, 1},
  };
}

LogicalResult MergeTopkOp::verify() {
  SmallVector<OperandRule> rules = getOperandRules(*this);
  if (failed(verifyOperands(*this, getDataOperands(), rules)) ||
      failed(verifyNumSelected(*this)))
    return failure();
  if (needsBlockTable(getBase()))
    return emitOpError() << "attribute 'base' must be relative or absolute, "
                            "found "
                         << stringifyIndexBase(getBase());
  return verifyLayouts(*this, getDataOperands(), rules);
}

void MergeTopkOp::getEffects(
    SmallVectorImpl<SideEffects::EffectInstance<MemoryEffects::Effect>>
        &effects) {
  addLogitsEffects(*this, effects);
}

LogicalResult MergeTopkOp::reifyResultShapes(
    OpBuilder &b, ReifiedRankedShapedTypeDims &reifiedReturnShapes) {
  return reifyShapesOfSelection(*this, b, reifiedReturnShapes);
}

LogicalResult MergeTopkOp::fold(FoldAdaptor, SmallVectorImpl<OpFoldResult> &) {
  return memref::foldMemRefCast(*this);
}

//===----------------------------------------------------------------------===//
// Tiling: a row is selected as a whole
//===----------------------------------------------------------------------===//

SmallVector<utils::IteratorType> MergeTopkOp::getLoopIteratorTypes() {
  return {utils::IteratorType::parallel};
}

SmallVector<Range> MergeTopkOp::getIterationDomain(OpBuilder &b) {
  return {Range{b.getIndexAttr(0), getDim(b, getLoc(), getIndices(), 0),
                b.getIndexAttr(1)}};
}

FailureOr<TilingResult>
MergeTopkOp::getTiledImplementation(OpBuilder &b,
                                    ArrayRef<OpFoldResult> offsets,
                                    ArrayRef<OpFoldResult> sizes) {
  // There is no slice of an operand without elements.
  if (hasEmptyOperand(*this))
    return failure();
  SmallVector<Operation *> slices;
  // The rows are cut, which of a list are dimension 1; others are whole.
  auto slice = [&](Value operand, int64_t rowDim) {
    if (!operand)
      return Value();
    SmallVector<OpFoldResult> sliceOffsets, sliceSizes;
    int64_t rank = cast<ShapedType>(operand.getType()).getRank();
    for (int64_t dim = 0; dim < rank; ++dim) {
      bool isRow = dim == rowDim;
      sliceOffsets.push_back(isRow ? offsets[0] : b.getIndexAttr(0));
      sliceSizes.push_back(isRow ? sizes[0]
                                 : getDim(b, getLoc(), operand, dim));
    }
    Value result = getSlice(b, getLoc(), operand, sliceOffsets, sliceSizes);
    slices.push_back(result.getDefiningOp());
    return result;
  };
  Value listIndices = slice(getListIndices(), 1);
  Value listValues = slice(getListValues(), 1);
  Value ks = slice(getKs(), 0), ke = slice(getKe(), 0);
  Value indices = slice(getIndices(), 0), values = slice(getValues(), 0);
  SmallVector<Type> types;
  if (getNumResults()) {
    types.push_back(indices.getType());
    if (values)
      types.push_back(values.getType());
  }
  auto tiled = MergeTopkOp::create(
      b, getLoc(), types, listIndices, listValues, ks, ke, getNumKeys(),
      indices, values, getTieBreakAttr(), getOrderAttr(), getBaseAttr());
  return TilingResult{{tiled}, SmallVector<Value>(tiled->getResults()), slices};
}

LogicalResult MergeTopkOp::getResultTilePosition(
    OpBuilder &b, unsigned, ArrayRef<OpFoldResult> offsets,
    ArrayRef<OpFoldResult> sizes, SmallVector<OpFoldResult> &resultOffsets,
    SmallVector<OpFoldResult> &resultSizes) {
  resultOffsets = {offsets[0], b.getIndexAttr(0)};
  resultSizes = {sizes[0], b.getIndexAttr(getNumSelected())};
  return success();
}

FailureOr<TilingResult>
MergeTopkOp::generateResultTileValue(OpBuilder &b, unsigned resultNumber,
                                     ArrayRef<OpFoldResult> offsets,
                                     ArrayRef<OpFoldResult> sizes) {
  if (!isConstantIntValue(offsets[1], 0) ||
      !isConstantIntValue(sizes[1], getNumSelected()))
    return failure();
  FailureOr<TilingResult> tiled =
      getTiledImplementation(b, offsets.take_front(), sizes.take_front());
  if (succeeded(tiled))
    tiled->tiledValues = {tiled->tiledValues[resultNumber]};
  return tiled;
}
