//===- ElementExpr.cpp - What one element of a tensor is ------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "ElementExpr.h"

#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/IR/Matchers.h"

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

bool ElementExpr::isBool(bool wanted) const {
  auto value = dyn_cast_or_null<IntegerAttr>(constant);
  return value && value.getType().isInteger(1) &&
         value.getValue().isOne() == wanted;
}

Type ElementExpr::getType() const {
  switch (kind) {
  case Kind::Leaf:
  case Kind::Scalar:
    return getElementTypeOrSelf(value);
  case Kind::Constant:
    return constant.getType();
  case Kind::Index:
    return value.getType();
  case Kind::Sum:
    return args[0]->getType();
  case Kind::Op:
    return getElementTypeOrSelf(op->getResult(0));
  }
  llvm_unreachable("every kind has a type");
}

Location ElementExpr::getLoc() const {
  if (op)
    return op->getLoc();
  return value ? value.getLoc() : UnknownLoc::get(constant.getContext());
}

ExprRef ElementExpr::make(ElementExpr expr) {
  expr.readsTensor = expr.kind == Kind::Leaf;
  expr.size = 1;
  for (const ExprRef &arg : expr.args) {
    expr.readsTensor |= arg->readsTensor;
    expr.size = llvm::SaturatingAdd(expr.size, arg->size);
  }
  return std::make_shared<const ElementExpr>(std::move(expr));
}

ExprRef ElementExpr::makeConstant(TypedAttr value) {
  ElementExpr expr{Kind::Constant};
  expr.constant = value;
  return ElementExpr::make(std::move(expr));
}

ExprRef ElementExpr::makeScalar(Value value) {
  TypedAttr constant;
  if (matchPattern(value, m_Constant(&constant)))
    return makeConstant(constant);
  return ElementExpr::make({Kind::Scalar, value});
}

bool ElementExpr::isKnown(Operation *op) {
  return isa_and_nonnull<arith::ArithDialect, math::MathDialect>(
             op->getDialect()) &&
         op->getNumResults() == 1 && op->getNumRegions() == 0 && isPure(op);
}

ExprRef ElementExpr::makeOp(Operation *op, SmallVector<ExprRef> args) {
  SmallVector<Attribute> constants;
  for (const ExprRef &arg : args)
    if (arg->isConstant())
      constants.push_back(arg->constant);
  SmallVector<OpFoldResult> folded;
  if (!args.empty() && constants.size() == op->getNumOperands() &&
      !isa<ShapedType>(op->getResult(0).getType()) &&
      succeeded(op->fold(constants, folded)) && folded.size() == 1)
    if (auto value =
            dyn_cast_or_null<TypedAttr>(dyn_cast<Attribute>(folded[0])))
      return makeConstant(value);
  ElementExpr expr{Kind::Op};
  expr.op = op;
  expr.args = std::move(args);
  return ElementExpr::make(std::move(expr));
}
