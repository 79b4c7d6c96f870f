//===- MergeTopkOp.cpp - mqa.merge_topk: verifier, effects ----------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Selections.h"
#include "Slices.h"

#include "mlir/Dialect/MemRef/IR/MemRef.h"

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

LogicalResult MergeTopkOp::verify() {
  Builder b(getContext());
  // Lists may be strided, and rows of a list.
  SmallVector<OperandRule> rules = {
      {"list_indices", "RMK", {b.getI32Type()}, /*numStrided=*/2},
      {"list_values", "RMK", {b.getF32Type()}, 2},
      {"ks", "M", {b.getI32Type()}, 0},
      {"ke", "M", {b.getI32Type()}, 0},
      {"indices", "MK", {b.getI32Type()}, 1},
      {"values", "MK", {b.getF32Type()}, 1},
  };
  if (failed(verifyOperands(*this, getDataOperands(), rules)) ||
      failed(verifyNumSelected(*this)))
    return failure();
  if (getBase() == IndexBase::Slot)
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
