//===- ElementPatterns.cpp - Numbers that the logits are made of ----------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "MatchLogits.h"

#include "llvm/ADT/DenseSet.h"

using namespace mlir;
using namespace mlir::mqa;

ExprRef mqa::getDecoded(ExprRef expr) {
  if (!expr->isOp<arith::ExtFOp>() || !expr->getType().isF32())
    return nullptr;
  while (expr->isOp<arith::ExtFOp>())
    expr = expr->args[0];
  return expr;
}

/// The first of the formulas in `expr` of which `holds` is true.
static ExprRef findFirst(const ExprRef &expr,
                         llvm::function_ref<bool(const ExprRef &)> holds) {
  llvm::DenseSet<const ElementExpr *> seen;
  SmallVector<ExprRef> left = {expr};
  while (!left.empty()) {
    ExprRef next = left.pop_back_val();
    if (!seen.insert(next.get()).second)
      continue;
    if (holds(next))
      return next;
    llvm::append_range(left, llvm::reverse(next->args));
  }
  return nullptr;
}

bool mqa::hasCutSum(const ExprRef &expr) {
  auto isSum = [](const ExprRef &expr) {
    return expr->kind == ElementExpr::Kind::Sum;
  };
  auto isCutSum = [&](const ExprRef &expr) {
    ExprRef inner = getCutOff(expr, /*noNaNs=*/true);
    return inner && findFirst(inner, isSum);
  };
  return findFirst(expr, [&](const ExprRef &sum) {
           return isSum(sum) && findFirst(sum->args[0], isCutSum);
         }) != nullptr;
}

ExprRef mqa::findHidingReshape(const ExprRef &expr) {
  return hasCutSum(expr)
             ? findFirst(expr,
                         [](const ExprRef &expr) {
                           return expr->kind == ElementExpr::Kind::Leaf &&
                                  !expr->why.empty() &&
                                  !isa<linalg::LinalgOp>(expr->op);
                         })
             : nullptr;
}

bool mqa::roundsToNearest(const ExprRef &expr) {
  std::optional<arith::RoundingMode> mode =
      cast<arith::TruncFOp>(expr->op).getRoundingmode();
  return !mode || *mode == arith::RoundingMode::to_nearest_even;
}

std::optional<double> mqa::getConstant(const ExprRef &expr) {
  if (expr->readsTensor || !expr->isSmall())
    return std::nullopt;
  if (expr->isOp<arith::DivFOp>()) {
    auto a = getConstant(expr->args[0]), b = getConstant(expr->args[1]);
    return a && b ? std::optional(*a / *b) : std::nullopt;
  }
  if (expr->isOp<arith::TruncFOp>() && roundsToNearest(expr)) {
    // MLIR folds no cast that is not exact.
    auto wide = getConstant(expr->args[0]);
    if (!wide)
      return std::nullopt;
    APFloat rounded(*wide);
    bool losesInfo;
    rounded.convert(cast<FloatType>(expr->getType()).getFloatSemantics(),
                    APFloat::rmNearestTiesToEven, &losesInfo);
    return rounded.convertToDouble();
  }
  auto value = dyn_cast_or_null<FloatAttr>(expr->constant);
  return value ? std::optional(value.getValueAsDouble()) : std::nullopt;
}

/// x if `expr` is x * (x > 0), where the comparison is 1 or 0.
static ExprRef getMasked(const ExprRef &expr) {
  if (!expr->isOp<arith::MulFOp>())
    return nullptr;
  using arith::CmpFPredicate;
  for (int i : {0, 1}) {
    const ExprRef &x = expr->args[1 - i];
    if (!expr->args[i]->isOp<arith::UIToFPOp>() ||
        !expr->args[i]->args[0]->isOp<arith::CmpFOp>())
      continue;
    const ExprRef &test = expr->args[i]->args[0];
    auto predicate = cast<arith::CmpFOp>(test->op).getPredicate();
    // NaN times 0 is NaN, so the comparison may say what it wants of NaN.
    auto isOneOf = [&](std::initializer_list<CmpFPredicate> all) {
      return llvm::is_contained(all, predicate);
    };
    bool isGreater = isOneOf({CmpFPredicate::OGT, CmpFPredicate::OGE,
                              CmpFPredicate::UGT, CmpFPredicate::UGE}),
         isLess = isOneOf({CmpFPredicate::OLT, CmpFPredicate::OLE,
                           CmpFPredicate::ULT, CmpFPredicate::ULE});
    if ((isGreater && test->args[0] == x && test->args[1]->isZero()) ||
        (isLess && test->args[1] == x && test->args[0]->isZero()))
      return x;
  }
  return nullptr;
}

ExprRef mqa::getCutOff(const ExprRef &expr, bool noNaNs, bool mayBeInf) {
  if (ExprRef masked = getMasked(expr))
    return noNaNs || !mayBeInf ? masked : nullptr;
  if (expr->isOp<arith::MaximumFOp>() ||
      (noNaNs && expr->isOp<arith::MaxNumFOp>())) {
    bool isFirst = expr->args[0]->isZero();
    return expr->args[isFirst ? 0 : 1]->isZero() ? expr->args[isFirst ? 1 : 0]
                                                 : nullptr;
  }
  if (!expr->isOp<arith::SelectOp>() || !expr->args[0]->isOp<arith::CmpFOp>())
    return nullptr;
  using arith::CmpFPredicate;
  const ExprRef &test = expr->args[0];
  auto predicate = cast<arith::CmpFOp>(test->op).getPredicate();
  // x is taken where the test is true, or where it is false; the test compares
  // x with 0, or 0 with x.
  bool isTaken = expr->args[2]->isZero(), isSwapped = test->args[0]->isZero();
  const ExprRef &x = expr->args[isTaken ? 1 : 2];
  if (!expr->args[isTaken ? 2 : 1]->isZero() ||
      test->args[isSwapped ? 1 : 0] != x ||
      !test->args[isSwapped ? 0 : 1]->isZero())
    return nullptr;
  bool isGreater = isTaken != isSwapped;
  // What the test must be of NaN, so that NaN is taken.
  bool isUnordered = isTaken;
  auto isOneOf = [&](CmpFPredicate unordered, CmpFPredicate ordered) {
    return (predicate == unordered && (isUnordered || noNaNs)) ||
           (predicate == ordered && (!isUnordered || noNaNs));
  };
  bool matches = isGreater
                     ? isOneOf(CmpFPredicate::UGT, CmpFPredicate::OGT) ||
                           isOneOf(CmpFPredicate::UGE, CmpFPredicate::OGE)
                     : isOneOf(CmpFPredicate::ULT, CmpFPredicate::OLT) ||
                           isOneOf(CmpFPredicate::ULE, CmpFPredicate::OLE);
  return matches ? x : nullptr;
}
