//===- ElementExpr.cpp - What one element of a tensor is ------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "ElementExpr.h"
#include "ReshapeGroups.h"

#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/Matchers.h"
#include "llvm/ADT/ScopeExit.h"

using namespace mlir;
using namespace mlir::mqa;

using Kind = ElementExpr::Kind;

bool ElementExpr::isZero() const {
  auto value = dyn_cast_or_null<FloatAttr>(constant);
  return value && value.getValue().isZero();
}

bool ElementExpr::isNegativeInfinity() const {
  auto value = dyn_cast_or_null<FloatAttr>(constant);
  return value && value.getValue().isNegInfinity();
}

bool ElementExpr::isTrue() const {
  auto value = dyn_cast_or_null<IntegerAttr>(constant);
  return value && value.getType().isInteger(1) && value.getValue().isOne();
}

static ExprRef makeConstant(TypedAttr value) {
  ElementExpr expr{Kind::Constant};
  expr.constant = value;
  return std::make_shared<const ElementExpr>(std::move(expr));
}

/// One variable for all of them.
int ExprBuilder::flatten(ArrayRef<Factor> factors) {
  if (factors.size() == 1)
    return factors[0].var;
  Factors all;
  for (const Factor &factor : factors)
    llvm::append_range(all, unflatten(factor));
  for (const auto &[var, others] : flattened)
    if (others == all)
      return var;
  flattened[nextVar] = all;
  return nextVar++;
}

ExprBuilder::Factors ExprBuilder::unflatten(Factor dim) const {
  auto found = flattened.find(dim.var);
  return found == flattened.end() ? Factors{dim} : found->second;
}

/// Makes the size that is not known follow from `total`, or, where that is not
/// known, leaves one of them so; false if that cannot be.
static bool fitSizes(MutableArrayRef<int64_t> sizes, int64_t total) {
  if (llvm::count_if(sizes, ShapedType::isDynamic) > 1)
    return false;
  int64_t *unknown = llvm::find_if(sizes, ShapedType::isDynamic);
  if (ShapedType::isDynamic(total)) {
    if (unknown == sizes.end())
      sizes.front() = total;
    return true;
  }
  int64_t product = 1;
  for (int64_t &size : sizes)
    if (&size != unknown)
      product *= size;
  if (unknown == sizes.end())
    return product == total;
  if (product == 0 || total % product)
    return false;
  *unknown = total / product;
  return true;
}

/// An element of a tensor that is computed by nothing that is known.
ExprRef ExprBuilder::makeLeaf(Value tensor, ArrayRef<int> dims) {
  ElementExpr expr{Kind::Leaf, tensor};
  auto type = dyn_cast<RankedTensorType>(tensor.getType());
  for (auto [i, dim] : llvm::enumerate(dims)) {
    int64_t total = type ? type.getDimSize(i) : ShapedType::kDynamic;
    Factors factors = unflatten({dim, total});
    auto sizes = llvm::map_to_vector(
        factors, [](const Factor &factor) { return factor.size; });
    if (!fitSizes(sizes, total)) {
      factors = {{dim, total}};
      sizes = {total};
    }
    ReassociationIndices group;
    for (auto [factor, size] : llvm::zip_equal(factors, sizes)) {
      group.push_back(expr.dims.size());
      expr.dims.push_back(factor.var);
      expr.expandedShape.push_back(size);
    }
    expr.expansion.push_back(group);
  }
  if (expr.dims.size() == dims.size()) {
    expr.expansion.clear();
    expr.expandedShape.clear();
  }
  return std::make_shared<const ElementExpr>(std::move(expr));
}

/// The index of a dimension that has these at `dims` in it; nothing if it is
/// not known how they count.
std::optional<int> ExprBuilder::joinDims(ArrayRef<int64_t> shape,
                                         ArrayRef<int> dims) {
  Factors factors;
  int64_t unknown = 0;
  for (auto [size, dim] : llvm::zip_equal(shape, dims)) {
    if (size == 1)
      continue;
    unknown += ShapedType::isDynamic(size);
    factors.push_back({dim, size});
  }
  if (factors.empty())
    return ElementExpr::kUnit;
  if (factors.size() > 1 && unknown > 1)
    return std::nullopt;
  return flatten(factors);
}

/// The other way round: the indices of the dimensions of which `dim` is made.
std::optional<SmallVector<int>> ExprBuilder::splitDim(ArrayRef<int64_t> shape,
                                                      int dim) const {
  SmallVector<int> result(shape.size(), ElementExpr::kUnit);
  SmallVector<size_t> wide;
  for (auto [i, size] : llvm::enumerate(shape))
    if (size != 1)
      wide.push_back(i);
  if (wide.size() == 1)
    result[wide[0]] = dim;
  if (wide.size() < 2)
    return result;
  Factors factors = unflatten({dim, ShapedType::kDynamic});
  if (factors.size() != wide.size())
    return std::nullopt;
  // All in all there are as many: so one is the same if all others are.
  int different = 0;
  for (auto [i, factor] : llvm::zip_equal(wide, factors)) {
    different += ShapedType::isDynamic(shape[i]) || shape[i] != factor.size;
    result[i] = factor.var;
  }
  return different > 1 ? std::nullopt : std::optional(result);
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
                         ElementExpr::kUnit);
  for (const auto &[from, to] : *groups) {
    auto outer = llvm::map_to_vector(to, [&](int64_t i) { return dims[i]; });
    std::optional<int> joined = joinDims(getShape(result, to), outer);
    if (!joined)
      return std::nullopt;
    std::optional<SmallVector<int>> split =
        splitDim(getShape(source, from), *joined);
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
  ExprRef expr = expandOnce(tensor, dims);
  known.emplace(std::move(key), expr);
  return expr;
}

ExprRef ExprBuilder::expandOnce(Value tensor, ArrayRef<int> dims) {
  // More than any such computation has: whatever it is, it is not ours.
  constexpr int kMaxDepth = 64, kMaxTensors = 512;
  DenseElementsAttr constant;
  if (matchPattern(tensor, m_Constant(&constant)) && constant.isSplat())
    return makeConstant(cast<TypedAttr>(constant.getSplatValue<Attribute>()));
  auto result = dyn_cast<OpResult>(tensor);
  if (!result || depth >= kMaxDepth || ++numTensors > kMaxTensors)
    return makeLeaf(tensor, dims);
  Operation *op = result.getOwner();
  ++depth;
  llvm::scope_exit leave([&] { --depth; });
  if (auto cast = dyn_cast<tensor::CastOp>(op))
    if (isa<RankedTensorType>(cast.getSource().getType()))
      return expand(cast.getSource(), dims);
  if (auto fill = dyn_cast<linalg::FillOp>(op)) {
    TypedAttr value;
    if (matchPattern(fill.getInputs()[0], m_Constant(&value)))
      return makeConstant(value);
  } else if (auto linalgOp = dyn_cast<linalg::LinalgOp>(op)) {
    if (ExprRef expr = expandLinalg(linalgOp, dims))
      return expr;
  } else if (auto inner = getSourceDims(op, dims)) {
    return expand(op->getOperand(0), *inner);
  }
  return makeLeaf(tensor, dims);
}

/// Whether formulas are made of `op`.
static bool isKnown(Operation *op) {
  return isa<arith::AddFOp, arith::AndIOp, arith::CmpFOp, arith::CmpIOp,
             arith::ConstantOp, arith::ExtFOp, arith::ExtSIOp,
             arith::IndexCastOp, arith::MaximumFOp, arith::MaxNumFOp,
             arith::MulFOp, arith::OrIOp, arith::SelectOp, arith::TruncFOp,
             arith::TruncIOp, arith::XOrIOp>(op);
}

ExprRef ExprBuilder::expandLinalg(linalg::LinalgOp op, ArrayRef<int> dims) {
  if (!op.hasPureTensorSemantics() || op.getNumDpsInits() != 1)
    return nullptr;
  SmallVector<AffineMap> maps = op.getIndexingMapsArray();
  constexpr int kUnset = -2;
  SmallVector<int> vars(op.getNumLoops(), kUnset);
  for (auto [expr, dim] : llvm::zip_equal(maps.back().getResults(), dims)) {
    auto loop = dyn_cast<AffineDimExpr>(expr);
    if (!loop || vars[loop.getPosition()] != kUnset)
      return nullptr;
    vars[loop.getPosition()] = dim;
  }
  SmallVector<int> reduced;
  for (int &var : vars)
    if (var == kUnset) {
      var = nextVar++;
      reduced.push_back(var);
    }
  DenseMap<Value, ExprRef> body;
  auto getOperand = [&](OpOperand &operand) -> ExprRef {
    SmallVector<int> at;
    for (AffineExpr expr : op.getMatchingIndexingMap(&operand).getResults()) {
      auto loop = dyn_cast<AffineDimExpr>(expr);
      auto zero = dyn_cast<AffineConstantExpr>(expr);
      if (!loop && !(zero && zero.getValue() == 0))
        return nullptr;
      at.push_back(loop ? vars[loop.getPosition()] : ElementExpr::kUnit);
    }
    if (!isa<RankedTensorType>(operand.get().getType()))
      return nullptr;
    return expand(operand.get(), at);
  };
  auto get = [&](Value value) -> ExprRef {
    if (ExprRef found = body.lookup(value))
      return found;
    auto argument = dyn_cast<BlockArgument>(value);
    TypedAttr constant;
    if (matchPattern(value, m_Constant(&constant)))
      return body[value] = makeConstant(constant);
    if (!argument || argument.getOwner() != op.getBlock())
      return nullptr;
    ExprRef expr = getOperand(op->getOpOperand(argument.getArgNumber()));
    return body[value] = expr;
  };
  for (Operation &inner : op.getBlock()->without_terminator()) {
    if (auto index = dyn_cast<linalg::IndexOp>(inner)) {
      ElementExpr expr{Kind::Index, Value(), {vars[index.getDim()]}};
      body[index] = std::make_shared<const ElementExpr>(std::move(expr));
      continue;
    }
    if (!isKnown(&inner))
      return nullptr;
    if (isa<arith::ConstantOp>(inner))
      continue;
    ElementExpr expr{Kind::Op};
    expr.op = &inner;
    Value accumulator = op.getBlock()->getArguments().back();
    for (Value operand : inner.getOperands()) {
      if (!reduced.empty() && operand == accumulator)
        continue;
      ExprRef arg = get(operand);
      if (!arg)
        return nullptr;
      expr.args.push_back(arg);
    }
    body[inner.getResult(0)] =
        std::make_shared<const ElementExpr>(std::move(expr));
  }
  Value yielded = op.getBlock()->getTerminator()->getOperand(0);
  if (reduced.empty())
    return get(yielded);
  // out + x, onto zero.
  auto sum = yielded.getDefiningOp<arith::AddFOp>();
  Value accumulator = op.getBlock()->getArguments().back();
  if (!sum || (sum.getLhs() == accumulator) == (sum.getRhs() == accumulator) ||
      !accumulator.hasOneUse())
    return nullptr;
  ExprRef term = get(sum.getLhs() == accumulator ? sum.getRhs() : sum.getLhs());
  ExprRef init = getOperand(*op.getDpsInitOperand(0));
  if (!term || !init || !init->isZero())
    return nullptr;
  ElementExpr expr{Kind::Sum, Value(), reduced};
  expr.args = {term};
  return std::make_shared<const ElementExpr>(std::move(expr));
}
