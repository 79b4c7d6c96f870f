//===- ElementExpr.cpp - What one element of a tensor is ------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "ElementExpr.h"

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

static ExprRef makeLeaf(Value tensor, ArrayRef<int> dims) {
  ElementExpr expr{Kind::Leaf, tensor, SmallVector<int>(dims), {}, nullptr, {}};
  return std::make_shared<const ElementExpr>(std::move(expr));
}

static ExprRef makeConstant(TypedAttr value) {
  ElementExpr expr{Kind::Constant, Value(), {}, value, nullptr, {}};
  return std::make_shared<const ElementExpr>(std::move(expr));
}

/// The indices of `source` where `collapsed`, which has its dimensions in these
/// groups, is read at `dims`; nothing if a group has more than one dimension
/// that is not one.
static std::optional<SmallVector<int>>
expandDims(RankedTensorType source, ArrayRef<ReassociationIndices> groups,
           ArrayRef<int> dims) {
  SmallVector<int> result(source.getRank(), ElementExpr::kUnit);
  for (auto [group, dim] : llvm::zip_equal(groups, dims)) {
    int64_t wide = -1;
    for (int64_t i : group) {
      if (source.getDimSize(i) == 1)
        continue;
      if (wide >= 0)
        return std::nullopt;
      wide = i;
    }
    if (wide >= 0)
      result[wide] = dim;
  }
  return result;
}

/// The other way round: of a tensor whose dimensions were expanded to groups.
static std::optional<SmallVector<int>>
collapseDims(RankedTensorType expanded, ArrayRef<ReassociationIndices> groups,
             ArrayRef<int> dims) {
  SmallVector<int> result;
  for (const ReassociationIndices &group : groups) {
    int found = ElementExpr::kUnit;
    int64_t wide = 0;
    for (int64_t i : group) {
      if (expanded.getDimSize(i) == 1)
        continue;
      ++wide;
      found = dims[i];
    }
    if (wide > 1)
      return std::nullopt;
    result.push_back(found);
  }
  return result;
}

ExprRef ExprBuilder::expand(Value tensor, ArrayRef<int> dims) {
  // More than any such computation has: whatever it is, it is not ours. A
  // tensor that is used twice counts twice, so depth alone bounds nothing.
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
  std::optional<SmallVector<int>> inner;
  if (auto reshape = dyn_cast<tensor::ExpandShapeOp>(op)) {
    inner = collapseDims(reshape.getResultType(),
                         reshape.getReassociationIndices(), dims);
  } else if (auto reshape = dyn_cast<tensor::CollapseShapeOp>(op)) {
    inner = expandDims(reshape.getSrcType(), reshape.getReassociationIndices(),
                       dims);
  } else if (auto fill = dyn_cast<linalg::FillOp>(op)) {
    TypedAttr value;
    if (matchPattern(fill.getInputs()[0], m_Constant(&value)))
      return makeConstant(value);
  } else if (auto linalgOp = dyn_cast<linalg::LinalgOp>(op)) {
    if (ExprRef expr = expandLinalg(linalgOp, dims))
      return expr;
  }
  if (inner)
    return expand(op->getOperand(0), *inner);
  return makeLeaf(tensor, dims);
}

/// Whether formulas are made of `op`.
static bool isKnown(Operation *op) {
  return isa<arith::AddFOp, arith::AndIOp, arith::CmpFOp, arith::CmpIOp,
             arith::ConstantOp, arith::ExtFOp, arith::ExtSIOp,
             arith::IndexCastOp, arith::MaximumFOp, arith::MulFOp,
             arith::SelectOp, arith::TruncFOp>(op);
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
      ElementExpr expr{Kind::Index, Value(), {vars[index.getDim()]},
                       {},          nullptr, {}};
      body[index] = std::make_shared<const ElementExpr>(std::move(expr));
      continue;
    }
    if (!isKnown(&inner))
      return nullptr;
    if (isa<arith::ConstantOp>(inner))
      continue;
    ElementExpr expr{Kind::Op, Value(), {}, {}, &inner, {}};
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
  ElementExpr expr{Kind::Sum, Value(), reduced, {}, nullptr, {term}};
  return std::make_shared<const ElementExpr>(std::move(expr));
}
