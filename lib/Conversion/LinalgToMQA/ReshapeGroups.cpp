//===- ReshapeGroups.cpp - Which dimensions a reshape makes of which ------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "ReshapeGroups.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Interfaces/DestinationStyleOpInterface.h"
#include "mlir/Interfaces/ValueBoundsOpInterface.h"
#include "llvm/ADT/SmallBitVector.h"

using namespace mlir;
using namespace mlir::mqa;

/// `size` before casts between index and i64.
static Value skipCasts(Value size) {
  auto isWide = [](Type type) { return type.isIndex() || type.isInteger(64); };
  while (auto cast = size.getDefiningOp<arith::IndexCastOp>()) {
    if (!isWide(cast.getIn().getType()) || !isWide(cast.getType()))
      break;
    size = cast.getIn();
  }
  return size;
}

/// The size of a dimension: a number, or a value; a null value if it is not
/// known.
static OpFoldResult getSize(Value tensor, int64_t dim) {
  auto type = cast<RankedTensorType>(tensor.getType());
  if (!type.isDynamicDim(dim))
    return IntegerAttr::get(IndexType::get(type.getContext()),
                            type.getDimSize(dim));
  while (auto op = tensor.getDefiningOp<DestinationStyleOpInterface>())
    tensor = op.getTiedOpOperand(cast<OpResult>(tensor))->get();
  if (auto empty = tensor.getDefiningOp<tensor::EmptyOp>())
    return empty.getDynamicSize(dim);
  if (auto reshape = tensor.getDefiningOp<tensor::ReshapeOp>())
    if (auto shape = reshape.getShape().getDefiningOp<tensor::FromElementsOp>())
      return skipCasts(shape.getElements()[dim]);
  return Value();
}

namespace {
struct Dim {
  int64_t number;
  OpFoldResult size;
  Value tensor;
};
} // namespace

static bool isSameSize(const Dim &a, const Dim &b) {
  auto isKnown = [](const Dim &dim) {
    return isa<Attribute>(dim.size) || cast<Value>(dim.size);
  };
  if (isKnown(a) && a.size == b.size)
    return true;
  // Of whatever type the numbers are.
  if (isKnown(a) && isKnown(b) && isa<Attribute>(a.size) &&
      isa<Attribute>(b.size))
    return getConstantIntValue(a.size) == getConstantIntValue(b.size);
  // Another value may be as much.
  auto getVariable = [&](const Dim &dim) {
    auto isIndex = [](OpFoldResult size) {
      return isa<Attribute>(size) || cast<Value>(size).getType().isIndex();
    };
    return isKnown(dim) && isIndex(dim.size)
               ? ValueBoundsConstraintSet::Variable(dim.size)
               : ValueBoundsConstraintSet::Variable(dim.tensor, dim.number);
  };
  FailureOr<bool> isEqual =
      ValueBoundsConstraintSet::areEqual(getVariable(a), getVariable(b));
  return succeeded(isEqual) && *isEqual;
}

/// Dimensions that are as long as each other come from each other, from the
/// first on and from the last on; what is left between them is one group.
static std::optional<ReshapeGroups> matchReshape(tensor::ReshapeOp op) {
  auto getWide = [](Value tensor) {
    SmallVector<Dim> dims;
    auto type = cast<RankedTensorType>(tensor.getType());
    for (int64_t i = 0; i < type.getRank(); ++i)
      if (type.getDimSize(i) != 1)
        dims.push_back({i, getSize(tensor, i), tensor});
    return dims;
  };
  if (!isa<RankedTensorType>(op.getType()) ||
      !isa<RankedTensorType>(op.getSource().getType()))
    return std::nullopt;
  auto from = getWide(op.getSource()), to = getWide(op.getResult());
  ArrayRef<Dim> left(from), right(to);
  ReshapeGroups groups;
  auto take = [&](const Dim &a, const Dim &b) {
    if (!isSameSize(a, b))
      return false;
    groups.push_back({{a.number}, {b.number}});
    return true;
  };
  while (!left.empty() && !right.empty() && take(left.front(), right.front()))
    left = left.drop_front(), right = right.drop_front();
  while (!left.empty() && !right.empty() && take(left.back(), right.back()))
    left = left.drop_back(), right = right.drop_back();
  ReassociationIndices fromRest, toRest;
  for (const auto &dim : left)
    fromRest.push_back(dim.number);
  for (const auto &dim : right)
    toRest.push_back(dim.number);
  if (fromRest.empty() != toRest.empty())
    return std::nullopt;
  if (!fromRest.empty())
    groups.emplace_back(fromRest, toRest);
  return groups;
}

/// Each dimension of a slice comes from one of the tensor, if the slice has all
/// of it. Front ends cut tensors at their own sizes.
static std::optional<ReshapeGroups> matchSlice(tensor::ExtractSliceOp op) {
  if (!op.hasUnitStride() || !op.hasZeroOffset())
    return std::nullopt;
  ReshapeGroups groups;
  llvm::SmallBitVector dropped = op.getDroppedDims();
  int64_t next = 0;
  for (auto [dim, size] : llvm::enumerate(op.getMixedSizes())) {
    auto number = static_cast<int64_t>(dim);
    Dim whole{number, getSize(op.getSource(), number), op.getSource()};
    if (!isSameSize({number, size, op.getSource()}, whole))
      return std::nullopt;
    if (!dropped.test(dim))
      groups.push_back({{number}, {next++}});
  }
  return groups;
}

std::optional<ReshapeGroups> mqa::getReshapeGroups(Operation *op) {
  if (auto slice = dyn_cast<tensor::ExtractSliceOp>(op))
    return matchSlice(slice);
  if (auto reshape = dyn_cast<tensor::ReshapeOp>(op))
    return matchReshape(reshape);
  ReshapeGroups groups;
  SmallVector<ReassociationIndices> many;
  bool isExpand = isa<tensor::ExpandShapeOp>(op);
  if (auto expand = dyn_cast<tensor::ExpandShapeOp>(op))
    many = expand.getReassociationIndices();
  else if (auto collapse = dyn_cast<tensor::CollapseShapeOp>(op))
    many = collapse.getReassociationIndices();
  else
    return std::nullopt;
  for (auto [i, group] : llvm::enumerate(many)) {
    ReassociationIndices one{static_cast<int64_t>(i)};
    groups.emplace_back(isExpand ? one : group, isExpand ? group : one);
  }
  return groups;
}
