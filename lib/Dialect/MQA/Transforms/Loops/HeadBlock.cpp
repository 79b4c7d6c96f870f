//===- HeadBlock.cpp - The heads that are staged together -----------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "HeadBlock.h"

#include "mlir/Dialect/Affine/IR/AffineOps.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/Utils/StaticValueUtils.h"
#include "llvm/ADT/SmallBitVector.h"
#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace mlir::mqa;

/// `view` at `at` and of `size` in dimension `dim`, which is dropped where
/// asked for. A view of a kernel's argument stays one, without the dimensions
/// that it has dropped.
static Value narrowView(OpBuilder &b, Location loc, Value view, unsigned dim,
                        OpFoldResult at, OpFoldResult size, bool drop) {
  SmallVector<OpFoldResult> sizes = memref::getMixedSizes(b, loc, view);
  SmallVector<OpFoldResult> offsets(sizes.size(), b.getIndexAttr(0));
  llvm::SmallBitVector dropped(sizes.size());
  if (auto outer = view.getDefiningOp<memref::SubViewOp>()) {
    view = outer.getSource();
    offsets = outer.getMixedOffsets();
    sizes = outer.getMixedSizes();
    dropped = outer.getDroppedDims();
    // Which of the argument's it is.
    for (unsigned i = 0; i <= dim; ++i)
      dim += dropped.test(i);
  }
  offsets[dim] = at;
  sizes[dim] = size;
  if (drop)
    dropped.set(dim);
  SmallVector<OpFoldResult> strides(sizes.size(), b.getIndexAttr(1));
  if (dropped.none())
    return memref::SubViewOp::create(b, loc, view, offsets, sizes, strides);
  SmallVector<int64_t> shape;
  for (auto [i, dimSize] : llvm::enumerate(sizes))
    if (!dropped.test(i))
      shape.push_back(
          getConstantIntValue(dimSize).value_or(ShapedType::kDynamic));
  auto reduced = memref::SubViewOp::inferRankReducedResultType(
      shape, cast<MemRefType>(view.getType()), offsets, sizes, strides);
  return memref::SubViewOp::create(b, loc, reduced, view, offsets, sizes,
                                   strides);
}

HeadBlock HeadBlock::getAll(LogitsOp logits) {
  return {Value(), Value(),
          IntegerAttr::get(IndexType::get(logits->getContext()),
                           logits.getGroupHeads())};
}

HeadBlock HeadBlock::get(OpBuilder &b, LogitsOp logits, int64_t size,
                         Value index) {
  Location loc = logits.getLoc();
  int64_t groupHeads = logits.getGroupHeads();
  int64_t perGroup = llvm::divideCeil(groupHeads, size);
  AffineExpr d0 = b.getAffineDimExpr(0);
  auto apply = [&](AffineExpr expr) -> Value {
    return affine::makeComposedAffineApply(b, loc, expr, {index});
  };
  HeadBlock heads{
      Value(), apply(d0.floorDiv(perGroup) * groupHeads + d0 % perGroup * size),
      b.getIndexAttr(size)};
  if (logits.hasKeyGroups())
    heads.group = apply(d0.floorDiv(perGroup));
  if (groupHeads % size)
    heads.numHeads = affine::makeComposedFoldedAffineMin(
        b, loc,
        AffineMap::get(
            1, 0,
            {b.getAffineConstantExpr(size), groupHeads - d0 % perGroup * size},
            b.getContext()),
        {OpFoldResult(index)});
  return heads;
}

Value HeadBlock::getHeads(OpBuilder &b, Location loc, Value operand) const {
  if (!firstHead)
    return operand;
  return narrowView(b, loc, operand, 1, firstHead, numHeads, /*drop=*/false);
}

Value HeadBlock::getKeys(OpBuilder &b, Location loc, Value operand) const {
  if (!group)
    return operand;
  return narrowView(b, loc, operand, 1, group, b.getIndexAttr(1),
                    /*drop=*/true);
}
