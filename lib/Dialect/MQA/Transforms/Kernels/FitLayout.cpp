//===- FitLayout.cpp - Buffers that an op can take ------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Kernels load whole rows, so that a row must be contiguous. One-Shot Bufferize
// knows nothing of that: by default, its types say nothing of strides.
//
//===----------------------------------------------------------------------===//

#include "FitLayout.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Arith/Utils/Utils.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"

using namespace mlir;
using namespace mlir::bufferization;
using namespace mlir::mqa;

/// The strides of a contiguous memref of that shape; dynamic behind a dynamic
/// size.
static SmallVector<int64_t> getContiguousStrides(ArrayRef<int64_t> shape) {
  SmallVector<int64_t> strides(shape.size(), 1);
  for (int64_t i = static_cast<int64_t>(shape.size()) - 2; i >= 0; --i)
    strides[i] = ShapedType::isDynamic(strides[i + 1]) ||
                         ShapedType::isDynamic(shape[i + 1])
                     ? ShapedType::kDynamic
                     : strides[i + 1] * shape[i + 1];
  return strides;
}

namespace {
/// What the type of a memref says of the dimensions that must be contiguous.
struct Fit {
  bool isKnown = true, fits = true;
  /// Those whose strides only the program knows.
  SmallVector<int64_t> openDims;
};
} // namespace

static Fit getFit(MemRefType type, unsigned numStrided) {
  Fit fit;
  SmallVector<int64_t> strides;
  int64_t offset;
  if (failed(type.getStridesAndOffset(strides, offset)))
    return {true, false, {}};
  SmallVector<int64_t> contiguous = getContiguousStrides(type.getShape());
  for (int64_t i = numStrided; i < type.getRank(); ++i) {
    // Nobody steps from an element to the next where there is one.
    if (type.getDimSize(i) == 1)
      continue;
    if (ShapedType::isDynamic(strides[i]))
      fit.openDims.push_back(i);
    else if (strides[i] != contiguous[i])
      return {true, false, {}};
  }
  fit.isKnown = fit.openDims.empty();
  return fit;
}

/// `type` with contiguous dimensions behind the first `numStrided`, which have
/// any stride, at any offset.
static MemRefType getFittingType(MemRefType type, unsigned numStrided) {
  SmallVector<int64_t> strides = getContiguousStrides(type.getShape());
  for (int64_t &stride : MutableArrayRef(strides).take_front(numStrided))
    stride = ShapedType::kDynamic;
  auto layout =
      StridedLayoutAttr::get(type.getContext(), ShapedType::kDynamic, strides);
  return MemRefType::get(type.getShape(), type.getElementType(), layout,
                         type.getMemorySpace());
}

/// `buffer`, whose strides are right, as a memref of a type that says so.
static Value castToFitting(OpBuilder &b, Location loc, Value buffer,
                           MemRefType fitting, unsigned numStrided) {
  auto metadata = memref::ExtractStridedMetadataOp::create(b, loc, buffer);
  SmallVector<OpFoldResult> sizes = metadata.getConstifiedMixedSizes(),
                            strides = metadata.getConstifiedMixedStrides();
  SmallVector<int64_t> contiguous = getContiguousStrides(fitting.getShape());
  for (size_t i = numStrided; i < strides.size(); ++i)
    if (!ShapedType::isDynamic(contiguous[i]))
      strides[i] = b.getIndexAttr(contiguous[i]);
  // The type has dynamic ones in these places.
  auto asValues = [&](MutableArrayRef<OpFoldResult> values) {
    for (OpFoldResult &value : values)
      value = getValueOrCreateConstantIndexOp(b, loc, value);
  };
  asValues(MutableArrayRef(strides).take_front(numStrided));
  OpFoldResult offset = getValueOrCreateConstantIndexOp(
      b, loc, metadata.getConstifiedMixedOffset());
  return memref::ReinterpretCastOp::create(b, loc, fitting, buffer, offset,
                                           sizes, strides);
}

/// A contiguous buffer as large as `buffer`, with its elements if `isRead`.
static FailureOr<Value> makeCopy(OpBuilder &b, Location loc, Value buffer,
                                 bool isRead,
                                 const BufferizationOptions &options) {
  auto type = cast<MemRefType>(buffer.getType());
  auto contiguous =
      MemRefType::get(type.getShape(), type.getElementType(),
                      MemRefLayoutAttrInterface(), type.getMemorySpace());
  SmallVector<Value> sizes;
  for (int64_t i = 0; i < type.getRank(); ++i)
    if (type.isDynamicDim(i))
      sizes.push_back(memref::DimOp::create(b, loc, buffer, i));
  FailureOr<Value> copy = options.createAlloc(b, loc, contiguous, sizes);
  if (failed(copy) ||
      (isRead && failed(options.createMemCpy(b, loc, buffer, *copy))))
    return failure();
  return copy;
}

FailureOr<FittingBuffer> mqa::fitLayout(OpBuilder &b, Location loc,
                                        Value buffer, unsigned numStrided,
                                        bool isRead,
                                        const BufferizationOptions &options) {
  auto type = cast<MemRefType>(buffer.getType());
  Fit fit = getFit(type, numStrided);
  if (fit.isKnown && !fit.fits) {
    FailureOr<Value> copy = makeCopy(b, loc, buffer, isRead, options);
    if (failed(copy))
      return failure();
    return FittingBuffer{*copy, /*isCopy=*/true, {}};
  }
  MemRefType fitting = getFittingType(type, numStrided);
  if (fit.isKnown) {
    auto known = type.getStridesAndOffset().first;
    auto wanted = fitting.getStridesAndOffset().first;
    if (ArrayRef(known).drop_front(numStrided) ==
        ArrayRef(wanted).drop_front(numStrided))
      return FittingBuffer{buffer, /*isCopy=*/false, {}};
    Value cast = castToFitting(b, loc, buffer, fitting, numStrided);
    return FittingBuffer{cast, /*isCopy=*/false, {}};
  }

  auto metadata = memref::ExtractStridedMetadataOp::create(b, loc, buffer);
  SmallVector<int64_t> contiguous = getContiguousStrides(type.getShape());
  Value isCopy;
  for (int64_t i : fit.openDims) {
    Value differs = arith::CmpIOp::create(
        b, loc, arith::CmpIPredicate::ne, metadata.getStrides()[i],
        arith::ConstantIndexOp::create(b, loc, contiguous[i]));
    isCopy = isCopy ? arith::OrIOp::create(b, loc, isCopy, differs) : differs;
  }
  auto branch = scf::IfOp::create(b, loc, TypeRange{fitting}, isCopy,
                                  /*withElseRegion=*/true);
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToStart(branch.thenBlock());
  FailureOr<Value> copy = makeCopy(b, loc, buffer, isRead, options);
  if (failed(copy))
    return failure();
  Value cast = memref::CastOp::create(b, loc, fitting, *copy);
  scf::YieldOp::create(b, loc, cast);
  b.setInsertionPointToStart(branch.elseBlock());
  Value same = castToFitting(b, loc, buffer, fitting, numStrided);
  scf::YieldOp::create(b, loc, same);
  return FittingBuffer{branch.getResult(0), /*isCopy=*/false, isCopy};
}

LogicalResult mqa::copyBack(OpBuilder &b, Location loc,
                            const FittingBuffer &copy, Value buffer,
                            const BufferizationOptions &options) {
  if (copy.isCopy)
    return options.createMemCpy(b, loc, copy.buffer, buffer);
  if (!copy.isCopyAtRunTime)
    return success();
  auto branch = scf::IfOp::create(b, loc, copy.isCopyAtRunTime,
                                  /*withElseRegion=*/false);
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToStart(branch.thenBlock());
  return options.createMemCpy(b, loc, copy.buffer, buffer);
}
