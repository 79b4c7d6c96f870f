//===- ReshapeGroups.cpp - Which dimensions a reshape makes of which ------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "ReshapeGroups.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Interfaces/DestinationStyleOpInterface.h"

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
/// known. (ValueBoundsConstraintSet finds more sizes equal, but only where
/// whoever runs the pass has registered its models.)
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

/// Dimensions that are as long as each other come from each other, from the
/// first on and from the last on; what is left between them is one group.
static std::optional<ReshapeGroups> matchReshape(tensor::ReshapeOp op) {
  auto getWide = [](Value tensor) {
    SmallVector<std::pair<int64_t, OpFoldResult>> dims;
    auto type = cast<RankedTensorType>(tensor.getType());
    for (int64_t i = 0; i < type.getRank(); ++i)
      if (type.getDimSize(i) != 1)
        dims.emplace_back(i, getSize(tensor, i));
    return dims;
  };
  if (!isa<RankedTensorType>(op.getType()) ||
      !isa<RankedTensorType>(op.getSource().getType()))
    return std::nullopt;
  auto from = getWide(op.getSource()), to = getWide(op.getResult());
  ArrayRef<std::pair<int64_t, OpFoldResult>> left(from), right(to);
  ReshapeGroups groups;
  auto take = [&](const auto &a, const auto &b) {
    bool known = isa<Attribute>(a.second) || cast<Value>(a.second);
    if (!known || a.second != b.second)
      return false;
    groups.push_back({{a.first}, {b.first}});
    return true;
  };
  while (!left.empty() && !right.empty() && take(left.front(), right.front()))
    left = left.drop_front(), right = right.drop_front();
  while (!left.empty() && !right.empty() && take(left.back(), right.back()))
    left = left.drop_back(), right = right.drop_back();
  ReassociationIndices fromRest, toRest;
  for (const auto &dim : left)
    fromRest.push_back(dim.first);
  for (const auto &dim : right)
    toRest.push_back(dim.first);
  if (fromRest.empty() != toRest.empty())
    return std::nullopt;
  if (!fromRest.empty())
    groups.emplace_back(fromRest, toRest);
  return groups;
}

std::optional<ReshapeGroups> mqa::getReshapeGroups(Operation *op) {
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
