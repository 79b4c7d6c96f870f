//===- MatchMask.cpp - Ranges of keys in a mask ---------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "MatchMask.h"

using namespace mlir;
using namespace mlir::mqa;
using Kind = ElementExpr::Kind;
using arith::CmpIPredicate;

std::optional<ConstantIntRanges> mqa::getIntRange(const ExprRef &expr,
                                                  const IndexVariables &vars) {
  Type type = expr->getType();
  if (!type.isIntOrIndex())
    return std::nullopt;
  unsigned width = ConstantIntRanges::getStorageBitwidth(type);
  if (expr->kind == Kind::Constant)
    return ConstantIntRanges::constant(
        cast<IntegerAttr>(expr->constant).getValue());
  if (expr->kind == Kind::Index) {
    // No dimension of an op has more than 2^31 - 1 elements.
    int64_t size = vars.getSize(expr->dims[0]);
    if (ShapedType::isDynamic(size) || size > INT32_MAX || size < 1)
      size = INT32_MAX;
    return ConstantIntRanges::fromSigned(APInt(width, 0),
                                         APInt(width, size - 1));
  }
  auto all = ConstantIntRanges::maxRange(width);
  auto op = dyn_cast_or_null<InferIntRangeInterface>(
      expr->kind == Kind::Op ? expr->op : nullptr);
  if (!op || op->getNumOperands() != expr->args.size() || !expr->isSmall())
    return all;
  SmallVector<ConstantIntRanges> args;
  for (const ExprRef &arg : expr->args) {
    std::optional<ConstantIntRanges> range = getIntRange(arg, vars);
    if (!range)
      return all;
    args.push_back(*range);
  }
  std::optional<ConstantIntRanges> result;
  op.inferResultRanges(
      args, [&](Value, const ConstantIntRanges &range) { result = range; });
  return result ? *result : all;
}

/// A number that is one of two constants.
namespace {
struct TwoValues {
  ExprRef condition;
  Attribute ifTrue, ifFalse;
};
} // namespace

static std::optional<TwoValues> getTwoValues(const ExprRef &expr) {
  if (expr->isOp<arith::SelectOp>() && expr->args[1]->isConstant() &&
      expr->args[2]->isConstant())
    return TwoValues{expr->args[0], expr->args[1]->constant,
                     expr->args[2]->constant};
  bool isFloat = expr->isOp<arith::UIToFPOp>();
  if ((!isFloat && !expr->isOp<arith::ExtUIOp>()) ||
      !expr->args[0]->getType().isInteger(1))
    return std::nullopt;
  Builder b(expr->op->getContext());
  auto get = [&](int value) -> Attribute {
    if (isFloat)
      return b.getFloatAttr(expr->getType(), value);
    return b.getIntegerAttr(expr->getType(), value);
  };
  return TwoValues{expr->args[0], get(1), get(0)};
}

/// Whether the comparison `op` holds for these constants.
static bool compare(Operation *op, Attribute lhs, Attribute rhs) {
  if (auto cmp = dyn_cast<arith::CmpFOp>(op))
    return arith::applyCmpPredicate(cmp.getPredicate(),
                                    cast<FloatAttr>(lhs).getValue(),
                                    cast<FloatAttr>(rhs).getValue());
  return arith::applyCmpPredicate(cast<arith::CmpIOp>(op).getPredicate(),
                                  cast<IntegerAttr>(lhs).getValue(),
                                  cast<IntegerAttr>(rhs).getValue());
}

bool MaskMatcher::matchBoth(const ExprRef &a, bool isNegatedA, const ExprRef &b,
                            bool isNegatedB) {
  return match(a, isNegatedA) && match(b, isNegatedB);
}

/// A comparison of one of two constants with a third is what chose between the
/// two, or always the same; nothing if it is no such comparison.
std::optional<bool> MaskMatcher::matchFolded(const ExprRef &expr,
                                             bool isNegated) {
  for (int i : {0, 1}) {
    std::optional<TwoValues> values = getTwoValues(expr->args[i]);
    const ExprRef &other = expr->args[1 - i];
    if (!values || !other->isConstant())
      continue;
    auto fold = [&](Attribute value) {
      return i == 0 ? compare(expr->op, value, other->constant)
                    : compare(expr->op, other->constant, value);
    };
    bool ifTrue = fold(values->ifTrue), ifFalse = fold(values->ifFalse);
    if (ifTrue != ifFalse)
      return match(values->condition, isNegated == ifTrue);
    if (ifTrue != isNegated)
      return true;
    return mismatch.note(expr, "the mask lets no key through");
  }
  return std::nullopt;
}

bool MaskMatcher::matchSelect(const ExprRef &expr, bool isNegated) {
  const ExprRef &c = expr->args[0], &a = expr->args[1], &b = expr->args[2];
  // c ? a : b, where a or b is known, is a conjunction of two, or, of the other
  // kind, if it is negated.
  for (bool isFirst : {true, false}) {
    const ExprRef &known = isFirst ? a : b, &other = isFirst ? b : a;
    // The condition under which the other is taken.
    bool isOtherNegated = isFirst;
    // The condition itself is known where it chooses.
    auto isKnown = [&](bool value) {
      return known->isBool(value) || (known == c && value == isFirst);
    };
    if (isKnown(isNegated))
      return matchBoth(c, isOtherNegated, other, isNegated);
    if (isKnown(!isNegated) && other->isBool(isNegated))
      return match(c, !isOtherNegated);
  }
  return mismatch.note(expr, "the mask is either of two conditions");
}

bool MaskMatcher::match(const ExprRef &expr, bool isNegated) {
  if (!expr->isSmall())
    return mismatch.note(expr, "the mask is a very long formula");
  if (expr->isBool(!isNegated))
    return true;
  if (expr->isConstant())
    return mismatch.note(expr, "the mask lets no key through");
  if (expr->isOp<arith::XOrIOp>())
    for (int i : {0, 1})
      if (expr->args[i]->isBool(true))
        return match(expr->args[1 - i], !isNegated);
  if (free.isSubset(expr, free.getSet(contraction.getRows()))) {
    range.conditions.emplace_back(expr, isNegated);
    return true;
  }
  if (expr->isOp<arith::AndIOp>() || expr->isOp<arith::OrIOp>()) {
    bool isAnd = expr->isOp<arith::AndIOp>();
    if (isAnd != isNegated)
      return matchBoth(expr->args[0], isNegated, expr->args[1], isNegated);
    for (int i : {0, 1})
      if (expr->args[i]->isBool(isAnd))
        return match(expr->args[1 - i], isNegated);
    return mismatch.note(expr, "the mask is either of two conditions");
  }
  if (expr->isOp<arith::SelectOp>())
    return matchSelect(expr, isNegated);
  if (expr->isOp<arith::CmpFOp>() || expr->isOp<arith::CmpIOp>())
    if (std::optional<bool> folded = matchFolded(expr, isNegated))
      return *folded;
  if (expr->isOp<arith::CmpIOp>())
    return matchCompare(expr, isNegated);
  return mismatch.note(expr,
                       "the mask is no comparison of the number of a key");
}

/// A multiple of the number of the key, further terms and a constant.
struct MaskMatcher::LinearExpr {
  int64_t keyFactor = 0;
  Bound rest;
};

/// Whether a sum, a difference or a product may be another in as many bits.
bool MaskMatcher::mayWrap(const ExprRef &expr) {
  auto flags = cast<arith::ArithIntegerOverflowFlagsInterface>(expr->op);
  if (flags.hasNoSignedWrap())
    return false;
  auto a = *getIntRange(expr->args[0], vars),
       b = *getIntRange(expr->args[1], vars);
  bool low = false, high = false;
  if (expr->isOp<arith::AddIOp>()) {
    (void)a.smin().sadd_ov(b.smin(), low);
    (void)a.smax().sadd_ov(b.smax(), high);
  } else if (expr->isOp<arith::SubIOp>()) {
    (void)a.smin().ssub_ov(b.smax(), low);
    (void)a.smax().ssub_ov(b.smin(), high);
  } else {
    for (const APInt &x : {a.smin(), a.smax()})
      for (const APInt &y : {b.smin(), b.smax()}) {
        bool overflows = false;
        (void)x.smul_ov(y, overflows);
        low |= overflows;
      }
  }
  return low || high;
}

/// Adds `factor` times `expr`.
bool MaskMatcher::addLinear(const ExprRef &expr, int64_t factor,
                            LinearExpr &result) {
  // So that no offset overflows.
  constexpr int64_t kMaxOffset = int64_t(1) << 40;
  if (expr->isConstant()) {
    APInt value = cast<IntegerAttr>(expr->constant).getValue();
    int64_t product;
    if (!value.isSignedIntN(40) ||
        llvm::MulOverflow(factor, value.getSExtValue(), product) ||
        std::abs(product) >= kMaxOffset)
      return mismatch.note(expr, "the mask compares with a number that no key "
                                 "has");
    result.rest.offset += product;
    return std::abs(result.rest.offset) < kMaxOffset;
  }
  if (free.isSubset(expr, free.getSet(contraction.getRows()))) {
    if (ConstantIntRanges::getStorageBitwidth(expr->getType()) > 64)
      return mismatch.note(expr, "the mask compares integers of more than 64 "
                                 "bits");
    if (std::abs(factor) != 1)
      return mismatch.note(expr, "the mask multiplies the bound of a query "
                                 "together with the number of a key");
    result.rest.terms.emplace_back(expr, factor < 0);
    return true;
  }
  if (expr->kind == Kind::Index &&
      vars.getAtoms(expr->dims) == contraction.key) {
    result.keyFactor += factor;
    return true;
  }
  if (expr->isOp<arith::AddIOp>() || expr->isOp<arith::SubIOp>() ||
      expr->isOp<arith::MulIOp>()) {
    if (mayWrap(expr))
      return mismatch.note(expr, "the mask computes with integers that may "
                                 "overflow");
    if (!expr->isOp<arith::MulIOp>())
      return addLinear(expr->args[0], factor, result) &&
             addLinear(expr->args[1],
                       expr->isOp<arith::SubIOp>() ? -factor : factor, result);
    for (int i : {0, 1}) {
      auto value = dyn_cast_or_null<IntegerAttr>(expr->args[i]->constant);
      // So that factors of factors do not overflow.
      constexpr int64_t kMaxFactor = int64_t(1) << 20;
      int64_t product;
      if (value && value.getValue().isSignedIntN(40) &&
          !llvm::MulOverflow(factor, value.getValue().getSExtValue(),
                             product) &&
          std::abs(product) <= kMaxFactor)
        return addLinear(expr->args[1 - i], product, result);
    }
  }
  if (expr->isOp<arith::ExtSIOp>() || expr->isOp<arith::ExtUIOp>() ||
      expr->isOp<arith::TruncIOp>() || expr->isOp<arith::IndexCastOp>()) {
    // Casts that keep the value.
    auto range = *getIntRange(expr->args[0], vars);
    unsigned width = ConstantIntRanges::getStorageBitwidth(expr->getType());
    bool keeps = range.smin().isSignedIntN(width) &&
                 range.smax().isSignedIntN(width) &&
                 !(expr->isOp<arith::ExtUIOp>() && range.smin().isNegative());
    if (!keeps)
      return mismatch.note(expr, "the mask casts an integer that the type may "
                                 "not hold");
    return addLinear(expr->args[0], factor, result);
  }
  return mismatch.note(expr, "the mask compares something else than the number "
                             "of a key and the bound of a query");
}

/// The same for the operands the other way round.
static CmpIPredicate swap(CmpIPredicate predicate) {
  switch (predicate) {
  case CmpIPredicate::slt:
    return CmpIPredicate::sgt;
  case CmpIPredicate::sle:
    return CmpIPredicate::sge;
  case CmpIPredicate::sgt:
    return CmpIPredicate::slt;
  case CmpIPredicate::sge:
    return CmpIPredicate::sle;
  default:
    return predicate;
  }
}

/// A comparison of a condition with true or false.
bool MaskMatcher::matchBoolCompare(const ExprRef &expr, bool isNegated) {
  CmpIPredicate predicate = cast<arith::CmpIOp>(expr->op).getPredicate();
  bool isEqual = predicate == CmpIPredicate::eq;
  if (isEqual || predicate == CmpIPredicate::ne)
    for (int i : {0, 1})
      if (expr->args[i]->isConstant())
        return match(expr->args[1 - i],
                     isNegated != (expr->args[i]->isBool(true) != isEqual));
  return mismatch.note(expr, "the mask compares two conditions");
}

bool MaskMatcher::matchCompare(const ExprRef &expr, bool isNegated) {
  if (expr->args[0]->getType().isInteger(1))
    return matchBoolCompare(expr, isNegated);
  CmpIPredicate predicate = cast<arith::CmpIOp>(expr->op).getPredicate();
  if (isNegated)
    predicate = arith::invertPredicate(predicate);
  bool isUnsigned = predicate >= CmpIPredicate::ult;
  if (isUnsigned) {
    for (const ExprRef &arg : expr->args)
      if (getIntRange(arg, vars)->smin().isNegative())
        return mismatch.note(expr, "the mask compares integers without sign");
    predicate = static_cast<CmpIPredicate>(
        static_cast<int>(predicate) - static_cast<int>(CmpIPredicate::ult) +
        static_cast<int>(CmpIPredicate::slt));
  }
  LinearExpr difference;
  if (!addLinear(expr->args[0], 1, difference) ||
      !addLinear(expr->args[1], -1, difference))
    return mismatch.note(expr, "the mask compares with a number that no key "
                               "has");
  if (difference.keyFactor == 0)
    return mismatch.note(expr, "the mask does not depend on the key");
  // Now the key stands alone on the left side, times a positive number. An
  // integer n is less than x / divisor if it is less than that rounded up.
  Bound bound = difference.rest;
  bound.divisor = std::abs(difference.keyFactor);
  if (difference.keyFactor > 0) {
    bound.offset = -bound.offset;
    for (auto &[term, isTermNegated] : bound.terms)
      isTermNegated = !isTermNegated;
  } else {
    predicate = swap(predicate);
  }
  Bound next = bound;
  ++next.offset;
  switch (predicate) {
  case CmpIPredicate::slt:
    range.upper.push_back(bound);
    return true;
  case CmpIPredicate::sle:
    range.upper.push_back(next);
    return true;
  case CmpIPredicate::sge:
    range.lower.push_back(bound);
    return true;
  case CmpIPredicate::sgt:
    range.lower.push_back(next);
    return true;
  case CmpIPredicate::eq:
    range.lower.push_back(bound);
    range.upper.push_back(next);
    return true;
  default:
    return mismatch.note(expr, "the mask leaves out one key inside of a range");
  }
}
