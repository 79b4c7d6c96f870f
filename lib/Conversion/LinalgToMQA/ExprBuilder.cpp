//===- ExprBuilder.cpp - Formulas of a tensor's elements ------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "ElementExpr.h"
#include "ReshapeGroups.h"

#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "llvm/ADT/ScopeExit.h"

using namespace mlir;
using namespace mlir::mqa;
using Kind = ElementExpr::Kind;

/// An element of a tensor that is computed by nothing that is known.
ExprRef ExprBuilder::makeLeaf(Value tensor, ArrayRef<int> dims) {
  return ElementExpr::make({Kind::Leaf, tensor, SmallVector<int>(dims)});
}

/// Where the operand of `reshape` is read when its result is at `dims`.
std::optional<SmallVector<int>> ExprBuilder::getSourceDims(Operation *reshape,
                                                           ArrayRef<int> dims) {
  std::optional<ReshapeGroups> groups = getReshapeGroups(reshape);
  if (!groups)
    return std::nullopt;
  auto getShape = [](Value tensor, const ReassociationIndices &group) {
    auto type = cast<RankedTensorType>(tensor.getType());
    return llvm::map_to_vector(group,
                               [&](int64_t i) { return type.getDimSize(i); });
  };
  Value source = reshape->getOperand(0), result = reshape->getResult(0);
  SmallVector<int> inner(cast<RankedTensorType>(source.getType()).getRank(),
                         IndexVariables::kUnit);
  for (const auto &[from, to] : *groups) {
    auto outer = llvm::map_to_vector(to, [&](int64_t i) { return dims[i]; });
    std::optional<int> joined = vars.join(getShape(result, to), outer);
    if (!joined)
      return std::nullopt;
    std::optional<SmallVector<int>> split =
        vars.split(getShape(source, from), *joined);
    if (!split)
      return std::nullopt;
    for (auto [i, dim] : llvm::zip_equal(from, *split))
      inner[i] = dim;
  }
  return inner;
}

ExprRef ExprBuilder::expand(Value tensor, ArrayRef<int> dims) {
  auto key = std::pair(tensor.getAsOpaquePointer(),
                       std::vector<int>(dims.begin(), dims.end()));
  auto found = known.find(key);
  if (found != known.end())
    return found->second;
  auto type = cast<RankedTensorType>(tensor.getType());
  for (auto [size, var] : llvm::zip_equal(type.getShape(), dims))
    vars.noteSize(var, size);
  ExprRef expr = expandOnce(tensor, dims);
  known.emplace(std::move(key), expr);
  tensors[expr.get()].push_back({tensor, SmallVector<int>(dims)});
  noteDimensions(tensor, dims, expr->kind == Kind::Leaf);
  return expr;
}

/// Notes where to find the sizes of the dimensions of `tensor`.
void ExprBuilder::noteDimensions(Value tensor, ArrayRef<int> dims,
                                 bool isLeaf) {
  if (auto reshape = tensor.getDefiningOp<tensor::ExpandShapeOp>())
    for (auto [size, var] :
         llvm::zip_equal(reshape.getMixedOutputShape(), dims))
      if (auto value = dyn_cast<Value>(size))
        sizes[var] = value;
  if (depth == 0) {
    // Nothing in front of the computation can ask the whole of it.
    auto op = tensor.getDefiningOp<DestinationStyleOpInterface>();
    if (!op)
      return;
    tensor = op.getTiedOpOperand(cast<OpResult>(tensor))->get();
  }
  // What is not computed is there in any case.
  for (auto [i, var] : llvm::enumerate(dims))
    if (!dimensions.count(var) || isLeaf)
      dimensions[var] = {tensor, i};
}

ArrayRef<TensorElement> ExprBuilder::getTensors(const ExprRef &expr) const {
  auto found = tensors.find(expr.get());
  return found == tensors.end() ? ArrayRef<TensorElement>()
                                : ArrayRef<TensorElement>(found->second);
}

ExprRef ExprBuilder::expandElementwise(Operation *op, ArrayRef<int> dims) {
  if (!ElementExpr::isKnown(op) || !op->hasTrait<OpTrait::Elementwise>())
    return nullptr;
  SmallVector<ExprRef> args;
  for (Value operand : op->getOperands()) {
    bool isTensor = isa<RankedTensorType>(operand.getType());
    if (isa<ShapedType>(operand.getType()) && !isTensor)
      return nullptr;
    args.push_back(isTensor ? expand(operand, dims)
                            : ElementExpr::makeScalar(operand));
  }
  return ElementExpr::makeOp(op, std::move(args));
}

ExprRef ExprBuilder::expandOnce(Value tensor, ArrayRef<int> dims) {
  // More than any such computation has: whatever it is, it is not ours.
  int maxDepth = limit == Limit::Deep ? 320 : 96,
      maxTensors = limit == Limit::Deep ? 2048 : 512;
  DenseElementsAttr constant;
  if (matchPattern(tensor, m_Constant(&constant)) && constant.isSplat())
    return ElementExpr::makeConstant(
        cast<TypedAttr>(constant.getSplatValue<Attribute>()));
  auto result = dyn_cast<OpResult>(tensor);
  if (!result)
    return makeLeaf(tensor, dims);
  if (depth >= maxDepth || ++numTensors > maxTensors) {
    wasCut = true;
    return makeLeaf(tensor, dims);
  }
  Operation *op = result.getOwner();
  ++depth;
  llvm::scope_exit leave([&] { --depth; });
  if (auto cast = dyn_cast<tensor::CastOp>(op))
    if (isa<RankedTensorType>(cast.getSource().getType()))
      return expand(cast.getSource(), dims);
  if (auto fill = dyn_cast<linalg::FillOp>(op))
    return ElementExpr::makeScalar(fill.getInputs()[0]);
  if (auto splat = dyn_cast<tensor::SplatOp>(op))
    return ElementExpr::makeScalar(splat.getInput());
  if (isa<linalg::LinalgOp>(op))
    return expandLinalg(result, dims);
  if (auto inner = getSourceDims(op, dims))
    return expand(op->getOperand(0), *inner);
  if (ExprRef expr = expandElementwise(op, dims))
    return expr;
  if (!isa<tensor::ReshapeOp, tensor::CollapseShapeOp, tensor::ExpandShapeOp>(
          op))
    return makeLeaf(tensor, dims);
  // The operand is read somewhere.
  ElementExpr leaf{Kind::Leaf, tensor, SmallVector<int>(dims)};
  leaf.op = op;
  leaf.why = "has sizes that are not known to be those of its operand";
  SmallVector<int> inner;
  if (auto type = dyn_cast<RankedTensorType>(op->getOperand(0).getType())) {
    for (int64_t size : type.getShape())
      inner.push_back(vars.add(size));
    leaf.args.push_back(expand(op->getOperand(0), inner));
  }
  return ElementExpr::make(std::move(leaf));
}
