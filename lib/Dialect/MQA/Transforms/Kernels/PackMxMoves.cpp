//===- PackMxMoves.cpp - Ops that move typed values -----------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "PackMxMoves.h"

#include "mqa/Dialect/MQA/IR/MxFormat.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Bufferization/IR/Bufferization.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Dialect/Utils/StaticValueUtils.h"
#include "mlir/Dialect/Utils/StructuredOpsUtils.h"
#include "mlir/IR/TypeUtilities.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace mlir::mqa;

/// Of bytes or words, what a slice takes; failure where it does not take whole
/// ones. The words of block scales have no dimension of the scales of one.
static LogicalResult packSlice(OffsetSizeAndStrideOpInterface op, Type element,
                               SmallVectorImpl<OpFoldResult> &offsets,
                               SmallVectorImpl<OpFoldResult> &sizes,
                               SmallVectorImpl<OpFoldResult> &strides) {
  llvm::append_range(offsets, op.getMixedOffsets());
  llvm::append_range(sizes, op.getMixedSizes());
  llvm::append_range(strides, op.getMixedStrides());
  int64_t count = mx::getPackedCount(element);
  std::optional<int64_t> offset = getConstantIntValue(offsets.pop_back_val()),
                         size = getConstantIntValue(sizes.pop_back_val()),
                         stride = getConstantIntValue(strides.pop_back_val());
  if (!offset || *offset % count || !size || *size % count || stride != 1)
    return failure();
  if (isa<Float8E8M0FNUType>(element))
    return success();
  Builder b(op.getContext());
  offsets.push_back(b.getIndexAttr(*offset / count));
  sizes.push_back(b.getIndexAttr(*size / count));
  strides.push_back(b.getIndexAttr(1));
  return success();
}

/// The groups of dimensions of a reshape of bytes or words; failure where it
/// changes the last dimension.
static LogicalResult packGroups(ArrayRef<ReassociationIndices> groups,
                                Type element,
                                SmallVectorImpl<ReassociationIndices> &packed) {
  if (groups.empty() || groups.back().size() != 1)
    return failure();
  llvm::append_range(packed, groups);
  if (isa<Float8E8M0FNUType>(element))
    packed.pop_back();
  return success();
}

bool mqa::isPackableMove(Operation *op) {
  auto isWhole = [](Type type) {
    auto shaped = dyn_cast<ShapedType>(type);
    return !shaped || !mx::isTyped(shaped.getElementType()) ||
           mx::getPackedType(shaped);
  };
  if (!llvm::all_of(op->getOperandTypes(), isWhole) ||
      !llvm::all_of(op->getResultTypes(), isWhole))
    return false;
  return TypeSwitch<Operation *, bool>(op)
      .Case<bufferization::AllocTensorOp, bufferization::DeallocTensorOp,
            memref::AllocOp, memref::AllocaOp, memref::CastOp, memref::CopyOp,
            memref::DeallocOp, tensor::CastOp, tensor::EmptyOp>(
          [](Operation *) { return true; })
      .Case<memref::DimOp, tensor::DimOp>(
          [](auto dim) { return dim.getConstantIndex().has_value(); })
      .Case<memref::SubViewOp, tensor::ExtractSliceOp>([](auto slice) {
        SmallVector<OpFoldResult> offsets, sizes, strides;
        return succeeded(packSlice(slice,
                                   slice.getSourceType().getElementType(),
                                   offsets, sizes, strides));
      })
      .Case<memref::CollapseShapeOp, memref::ExpandShapeOp,
            tensor::CollapseShapeOp, tensor::ExpandShapeOp>([](auto reshape) {
        SmallVector<ReassociationIndices> groups;
        return succeeded(packGroups(reshape.getReassociationIndices(),
                                    reshape.getSrcType().getElementType(),
                                    groups));
      })
      .Default(false);
}

namespace {
/// The same op with other types.
template <typename OpTy> struct PackTypes : OpConversionPattern<OpTy> {
  using OpConversionPattern<OpTy>::OpConversionPattern;

  LogicalResult
  matchAndRewrite(OpTy op, typename OpTy::Adaptor adaptor,
                  ConversionPatternRewriter &rewriter) const override {
    SmallVector<Type> types;
    if (failed(this->getTypeConverter()->convertTypes(op->getResultTypes(),
                                                      types)))
      return failure();
    Operation *packed = clone(rewriter, op, types, adaptor.getOperands());
    rewriter.replaceOp(op, packed);
    return success();
  }
};

/// The last dimension counts elements, whatever they are packed into.
template <typename OpTy> struct PackDim : OpConversionPattern<OpTy> {
  using OpConversionPattern<OpTy>::OpConversionPattern;

  LogicalResult
  matchAndRewrite(OpTy op, typename OpTy::Adaptor adaptor,
                  ConversionPatternRewriter &rewriter) const override {
    auto type = cast<ShapedType>(op.getSource().getType());
    std::optional<int64_t> dim = op.getConstantIndex();
    if (!dim)
      return failure();
    if (*dim == type.getRank() - 1)
      rewriter.replaceOpWithNewOp<arith::ConstantIndexOp>(
          op, type.getDimSize(*dim));
    else
      rewriter.replaceOpWithNewOp<OpTy>(op, adaptor.getSource(),
                                        adaptor.getIndex());
    return success();
  }
};

template <typename OpTy> struct PackSlice : OpConversionPattern<OpTy> {
  using OpConversionPattern<OpTy>::OpConversionPattern;

  LogicalResult
  matchAndRewrite(OpTy op, typename OpTy::Adaptor adaptor,
                  ConversionPatternRewriter &rewriter) const override {
    SmallVector<OpFoldResult> offsets, sizes, strides;
    if (failed(packSlice(op, op.getSourceType().getElementType(), offsets,
                         sizes, strides)))
      return failure();
    auto type = cast<decltype(op.getType())>(
        this->getTypeConverter()->convertType(op.getType()));
    rewriter.replaceOpWithNewOp<OpTy>(op, type, adaptor.getSource(), offsets,
                                      sizes, strides);
    return success();
  }
};
template <typename OpTy> struct PackCollapse : OpConversionPattern<OpTy> {
  using OpConversionPattern<OpTy>::OpConversionPattern;

  LogicalResult
  matchAndRewrite(OpTy op, typename OpTy::Adaptor adaptor,
                  ConversionPatternRewriter &rewriter) const override {
    SmallVector<ReassociationIndices> groups;
    if (failed(packGroups(op.getReassociationIndices(),
                          op.getSrcType().getElementType(), groups)))
      return failure();
    rewriter.replaceOpWithNewOp<OpTy>(
        op, this->getTypeConverter()->convertType(op.getType()),
        adaptor.getSrc(), groups);
    return success();
  }
};

template <typename OpTy> struct PackExpand : OpConversionPattern<OpTy> {
  using OpConversionPattern<OpTy>::OpConversionPattern;

  LogicalResult
  matchAndRewrite(OpTy op, typename OpTy::Adaptor adaptor,
                  ConversionPatternRewriter &rewriter) const override {
    SmallVector<ReassociationIndices> groups;
    if (failed(packGroups(op.getReassociationIndices(),
                          op.getSrcType().getElementType(), groups)))
      return failure();
    auto type =
        cast<ShapedType>(this->getTypeConverter()->convertType(op.getType()));
    // The last dimension, which is static, goes or becomes shorter.
    SmallVector<OpFoldResult> sizes = op.getMixedOutputShape();
    sizes.resize(type.getRank());
    if (type.getRank() == op.getResultType().getRank())
      sizes.back() = rewriter.getIndexAttr(type.getShape().back());
    rewriter.replaceOpWithNewOp<OpTy>(op, type, adaptor.getSrc(), groups,
                                      sizes);
    return success();
  }
};
} // namespace

void mqa::populatePackMxMoves(RewritePatternSet &patterns,
                              const TypeConverter &converter) {
  patterns
      .add<PackCollapse<memref::CollapseShapeOp>,
           PackCollapse<tensor::CollapseShapeOp>,
           PackExpand<memref::ExpandShapeOp>, PackExpand<tensor::ExpandShapeOp>,
           PackTypes<bufferization::AllocTensorOp>,
           PackTypes<bufferization::DeallocTensorOp>,
           PackTypes<memref::AllocOp>, PackTypes<memref::AllocaOp>,
           PackTypes<memref::CastOp>, PackTypes<memref::CopyOp>,
           PackTypes<memref::DeallocOp>, PackTypes<tensor::CastOp>,
           PackTypes<tensor::EmptyOp>, PackDim<memref::DimOp>,
           PackDim<tensor::DimOp>, PackSlice<memref::SubViewOp>,
           PackSlice<tensor::ExtractSliceOp>>(converter, patterns.getContext());
}
