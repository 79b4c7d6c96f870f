//===- StagedLayout.cpp - Where elements lie in shared memory -------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "mqa/Dialect/MQA/IR/MQA.h"

#include "mlir/IR/AffineExpr.h"
#include "mlir/IR/AffineMap.h"
#include "llvm/ADT/SmallBitVector.h"
#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace mlir::mqa;

/// Tiles lie in shared memory, which has less. Sizes of IR may be any.
static constexpr int64_t kMaxElements = 1 << 30;

LogicalResult
StagedLayoutAttr::verify(function_ref<InFlightDiagnostic()> emitError,
                         ArrayRef<int64_t> shape, ArrayRef<int64_t> dims,
                         int64_t swizzle) {
  if (shape.empty() || shape.size() != dims.size())
    return emitError() << "a staged layout needs one of 'dims' for each of "
                          "'shape', one or more, found "
                       << dims.size() << " and " << shape.size();
  uint64_t elements = 1;
  for (int64_t size : shape) {
    if (size < 1)
      return emitError() << "a staged layout has sizes of at least 1, found "
                         << size;
    elements = llvm::SaturatingMultiply<uint64_t>(elements, size);
  }
  if (elements > kMaxElements)
    return emitError() << "a staged layout has at most " << kMaxElements
                       << " elements, found " << elements;
  int64_t last = *llvm::max_element(dims);
  for (int64_t dim : dims)
    if (dim < 0)
      return emitError() << "'dims' of a staged layout count from 0, found "
                         << dim;
  for (int64_t dim = 0; dim <= last; ++dim)
    if (!llvm::is_contained(dims, dim))
      return emitError() << "'dims' of a staged layout must have all dims up "
                            "to "
                         << last << ", found none that is " << dim;
  if (swizzle < 0)
    return emitError() << "'swizzle' of a staged layout must not be negative, "
                          "found "
                       << swizzle;
  int64_t columns = swizzle ? shape.back() / swizzle : 0;
  if (swizzle &&
      (shape.back() % swizzle || !llvm::is_contained({2, 4, 8}, columns)))
    return emitError() << "a swizzled row has 2, 4 or 8 times 'swizzle' = "
                       << swizzle << " elements, found " << shape.back();
  return success();
}

StagedLayoutAttr StagedLayoutAttr::of(MemRefType type) {
  if (auto staged = dyn_cast<StagedLayoutAttr>(type.getLayout()))
    return staged;
  if (!type.getLayout().isIdentity() || type.getRank() == 0 ||
      !type.hasStaticShape())
    return {};
  return get(type.getContext(), type.getShape(),
             llvm::to_vector(llvm::seq<int64_t>(type.getRank())),
             /*swizzle=*/0);
}

//===----------------------------------------------------------------------===//
// Indices and places
//===----------------------------------------------------------------------===//

int64_t StagedLayoutAttr::getNumDims() const {
  return *llvm::max_element(getDims()) + 1;
}

SmallVector<int64_t> StagedLayoutAttr::getTileShape() const {
  SmallVector<int64_t> sizes(getNumDims(), 1);
  for (auto [dim, size] : llvm::zip_equal(getDims(), getShape()))
    sizes[dim] *= size;
  return sizes;
}

int64_t StagedLayoutAttr::getNumElements() const {
  return llvm::product_of(getShape());
}

AffineMap StagedLayoutAttr::getTileMap() const {
  MLIRContext *context = getContext();
  SmallVector<int64_t> rounds = getTileShape();
  SmallVector<AffineExpr> results(rounds.size(),
                                  getAffineConstantExpr(0, context));
  for (auto [i, dim] : llvm::enumerate(getDims())) {
    rounds[dim] /= getShape()[i];
    results[dim] = results[dim] + getAffineDimExpr(i, context) * rounds[dim];
  }
  return AffineMap::get(getShape().size(), 0, results, context);
}

AffineMap StagedLayoutAttr::getMemoryMap() const {
  MLIRContext *context = getContext();
  SmallVector<int64_t> sizes = getTileShape(), rounds = sizes;
  SmallVector<AffineExpr> results;
  for (auto [dim, size] : llvm::zip_equal(getDims(), getShape())) {
    bool isFirst = rounds[dim] == sizes[dim];
    rounds[dim] /= size;
    AffineExpr at = getAffineDimExpr(dim, context).floorDiv(rounds[dim]);
    results.push_back(isFirst ? at : at % size);
  }
  return AffineMap::get(sizes.size(), 0, results, context);
}

AffineMap StagedLayoutAttr::getAffineMap() const {
  MLIRContext *context = getContext();
  AffineMap memory = getMemoryMap();
  AffineExpr row = getAffineConstantExpr(0, context);
  for (auto [at, size] :
       llvm::zip(memory.getResults().drop_back(), getShape().drop_back()))
    row = row * size + at;
  AffineExpr inRow = memory.getResults().back();
  if (getSwizzle()) {
    // Affine maps have no exclusive or; of single bits it is their sum mod 2.
    AffineExpr column = inRow.floorDiv(getSwizzle());
    AffineExpr line = row.floorDiv(getRowsPerLine());
    inRow = inRow % getSwizzle();
    for (int64_t bit = 1; bit < getColumns(); bit *= 2)
      inRow = inRow + (column.floorDiv(bit) + line.floorDiv(bit)) % 2 *
                          (bit * getSwizzle());
  }
  // A tile begins anywhere in its buffer.
  AffineExpr start = getAffineSymbolExpr(0, context);
  return AffineMap::get(memory.getNumDims(), 1,
                        start + row * getShape().back() + inRow);
}

bool StagedLayoutAttr::isIdentity() const { return false; }

LogicalResult StagedLayoutAttr::verifyLayout(
    ArrayRef<int64_t> shape,
    function_ref<InFlightDiagnostic()> emitError) const {
  if (ArrayRef<int64_t>(getTileShape()) == shape)
    return success();
  InFlightDiagnostic error = emitError()
                             << "the layout " << *this << " is of a tile of ";
  llvm::interleave(getTileShape(), error, "x");
  error << ", found ";
  llvm::interleave(
      shape,
      [&](int64_t size) {
        if (ShapedType::isDynamic(size))
          error << "?";
        else
          error << size;
      },
      [&] { error << "x"; });
  return error;
}

LogicalResult StagedLayoutAttr::getStridesAndOffset(ArrayRef<int64_t>,
                                                    SmallVectorImpl<int64_t> &,
                                                    int64_t &) const {
  return failure();
}

MemRefType StagedLayoutAttr::getMemoryType(MemRefType type) const {
  SmallVector<int64_t> strides(getShape().size(), 1);
  for (size_t i = strides.size() - 1; i > 0; --i)
    strides[i - 1] = strides[i] * getShape()[i];
  return MemRefType::get(
      getShape(), type.getElementType(),
      StridedLayoutAttr::get(getContext(), ShapedType::kDynamic, strides),
      type.getMemorySpace());
}

bool StagedLayoutAttr::fits(Type type) const {
  constexpr int64_t kColumnBits = 128;
  return type.isIntOrFloat() &&
         (!getSwizzle() ||
          getSwizzle() * type.getIntOrFloatBitWidth() == kColumnBits);
}

//===----------------------------------------------------------------------===//
// Boxes, matrices and parts
//===----------------------------------------------------------------------===//

FailureOr<SmallVector<int64_t>> StagedLayoutAttr::getBoxDims() const {
  int64_t numDims = getNumDims();
  ArrayRef<int64_t> box = getDims().take_back(numDims);
  llvm::SmallBitVector seen(numDims);
  for (int64_t dim : box)
    seen.set(dim);
  if (!seen.all())
    return failure();
  return llvm::to_vector(box);
}

FailureOr<StagedLayoutAttr::Matrix> StagedLayoutAttr::getMatrix() const {
  int64_t inner = getNumDims() - 1;
  Matrix matrix{1, 1, getShape().back()};
  if (getDims().back() != inner)
    return failure();
  for (auto [dim, size] :
       llvm::zip(getDims().drop_back(), getShape().drop_back())) {
    if (dim != inner)
      matrix.rows *= size;
    else if (size != 1 && matrix.rows != 1)
      return failure();
    else
      matrix.chunks *= size;
  }
  return matrix;
}

/// The dims of memory ahead of its rows, without those of size 1, and such as
/// count the same dim of the tile one behind the other as one.
static SmallVector<std::pair<int64_t, int64_t>>
simplify(StagedLayoutAttr layout) {
  SmallVector<std::pair<int64_t, int64_t>> result;
  for (auto [dim, size] :
       llvm::zip(layout.getDims().drop_back(), layout.getShape().drop_back())) {
    if (size == 1)
      continue;
    if (!result.empty() && result.back().first == dim)
      result.back().second *= size;
    else
      result.push_back({dim, size});
  }
  return result;
}

bool StagedLayoutAttr::isSameOrder(StagedLayoutAttr other) const {
  return getNumDims() == other.getNumDims() &&
         getSwizzle() == other.getSwizzle() &&
         getDims().back() == other.getDims().back() &&
         getShape().back() == other.getShape().back() &&
         simplify(*this) == simplify(other);
}

StagedLayoutAttr StagedLayoutAttr::getRepeated(ArrayRef<int64_t> counts,
                                               ArrayRef<int64_t> dims) const {
  SmallVector<int64_t> newShape(counts), newDims(dims);
  llvm::append_range(newShape, getShape());
  llvm::append_range(newDims, getDims());
  return get(getContext(), newShape, newDims, getSwizzle());
}

FailureOr<StagedLayoutAttr>
StagedLayoutAttr::getPart(ArrayRef<int64_t> shape) const {
  SmallVector<int64_t> parts = getTileShape();
  if (parts.size() != shape.size())
    return failure();
  for (auto [count, size] : llvm::zip_equal(parts, shape)) {
    if (size < 1 || count % size)
      return failure();
    count /= size;
  }
  // The first dim goes also where it counts a single part. Every dim of the
  // tile is still counted.
  auto isDone = [&] {
    return llvm::all_of(parts, [](int64_t count) { return count == 1; });
  };
  size_t first = 0;
  for (; first == 0 || !isDone(); ++first) {
    int64_t size = getShape()[first], dim = getDims()[first];
    if (parts[dim] % size ||
        !llvm::is_contained(getDims().drop_front(first + 1), dim))
      break;
    parts[dim] /= size;
  }
  // The first dim that is left may count the rest of the parts, too, and the
  // elements of each.
  SmallVector<int64_t> partShape(getShape().drop_front(first));
  if (int64_t &rest = parts[getDims()[first]];
      rest > 1 && partShape.size() > 1 && partShape.front() % rest == 0) {
    partShape.front() /= rest;
    rest = 1;
  }
  if (!isDone())
    return failure();
  auto part =
      get(getContext(), partShape, getDims().drop_front(first), getSwizzle());
  if (part.getNumElements() % getPeriod())
    return failure();
  return part;
}
