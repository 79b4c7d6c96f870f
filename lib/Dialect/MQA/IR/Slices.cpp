//===- Slices.cpp - Slices and effects of tensors and memrefs -------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Slices.h"

#include "mlir/Dialect/Affine/IR/AffineOps.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

using namespace mlir;

OpFoldResult mqa::getDim(OpBuilder &b, Location loc, Value shaped,
                         int64_t dim) {
  if (isa<MemRefType>(shaped.getType()))
    return memref::getMixedSize(b, loc, shaped, dim);
  return tensor::getMixedSize(b, loc, shaped, dim);
}

Value mqa::getSlice(OpBuilder &b, Location loc, Value source,
                    ArrayRef<OpFoldResult> offsets,
                    ArrayRef<OpFoldResult> sizes) {
  SmallVector<OpFoldResult> allOffsets(offsets), allSizes(sizes);
  int64_t rank = cast<ShapedType>(source.getType()).getRank();
  for (int64_t dim = offsets.size(); dim < rank; ++dim) {
    allOffsets.push_back(b.getIndexAttr(0));
    allSizes.push_back(getDim(b, loc, source, dim));
  }
  SmallVector<OpFoldResult> strides(rank, b.getIndexAttr(1));
  if (isa<MemRefType>(source.getType()))
    return memref::SubViewOp::create(b, loc, source, allOffsets, allSizes,
                                     strides);
  return tensor::ExtractSliceOp::create(b, loc, source, allOffsets, allSizes,
                                        strides);
}

OpFoldResult mqa::addOffset(OpBuilder &b, Location loc, Value keyOffset,
                            OpFoldResult n) {
  if (!keyOffset)
    return n;
  AffineExpr d0, d1;
  bindDims(b.getContext(), d0, d1);
  return affine::makeComposedFoldedAffineApply(
      b, loc, d0 + d1, {getAsOpFoldResult(keyOffset), n});
}

void mqa::addLogitsEffects(
    DestinationStyleOpInterface op,
    SmallVectorImpl<SideEffects::EffectInstance<MemoryEffects::Effect>>
        &effects) {
  for (OpOperand *input : op.getDpsInputOperands())
    if (isa<MemRefType>(input->get().getType()))
      effects.emplace_back(MemoryEffects::Read::get(), input,
                           SideEffects::DefaultResource::get());
  for (OpOperand &out : op.getDpsInitsMutable())
    if (isa<MemRefType>(out.get().getType()))
      effects.emplace_back(MemoryEffects::Write::get(), &out,
                           SideEffects::DefaultResource::get());
}
