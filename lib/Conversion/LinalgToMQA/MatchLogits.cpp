//===- MatchLogits.cpp - The logits computation in linalg -----------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "MatchLogits.h"
#include "ElementExpr.h"

#include "mlir/IR/TypeUtilities.h"

using namespace mlir;
using namespace mlir::mqa;
using Kind = ElementExpr::Kind;

namespace {
class Matcher {
public:
  Matcher(Value root, RaiseAssumptions assumptions)
      : builder(kNumVars), root(root), assumptions(assumptions) {}
  std::optional<LogitsOperands> match();

private:
  enum Var { kQuery, kKey, kNumVars };
  bool matchMask(const ExprRef &expr, bool isNegated);
  bool matchLogits(const ExprRef &expr);
  bool matchHead(const ExprRef &expr, int head);
  bool matchScores(const ExprRef &expr, int head, bool isCutOff);
  bool takeScale(const ExprRef &expr);
  ExprRef getCutOff(const ExprRef &expr) const;

  ExprBuilder builder;
  Value root;
  RaiseAssumptions assumptions;
  LogitsOperands result;
};
} // namespace

/// The factors of a product.
static void addFactors(const ExprRef &expr, SmallVectorImpl<ExprRef> &factors) {
  // More than a logit has; in one body a number may be its own factor.
  constexpr size_t kMaxFactors = 8;
  if (!expr->isOp<arith::MulFOp>() || factors.size() > kMaxFactors) {
    factors.push_back(expr);
    return;
  }
  for (const ExprRef &arg : expr->args)
    addFactors(arg, factors);
}

/// What `expr` is as an f32, if it is a narrower float; null if not.
static ExprRef getDecoded(ExprRef expr) {
  if (!expr->isOp<arith::ExtFOp>() ||
      !getElementTypeOrSelf(expr->op->getResult(0)).isF32())
    return nullptr;
  while (expr->isOp<arith::ExtFOp>())
    expr = expr->args[0];
  return expr;
}

/// Where `leaf` has the dimensions `vars`; nothing if it has others.
static std::optional<PermutedTensor> getInput(const ExprRef &leaf,
                                              ArrayRef<int> vars) {
  if (!leaf->isLeaf() || leaf->dims.size() != vars.size())
    return std::nullopt;
  PermutedTensor input{leaf->value, {}, leaf->expansion, leaf->expandedShape};
  for (int var : vars) {
    const int *it = llvm::find(leaf->dims, var);
    if (it == leaf->dims.end())
      return std::nullopt;
    input.permutation.push_back(it - leaf->dims.begin());
  }
  return input;
}

int64_t PermutedTensor::getDimSize(unsigned i) const {
  ArrayRef<int64_t> shape = expandedShape;
  if (expansion.empty())
    shape = cast<RankedTensorType>(tensor.getType()).getShape();
  return shape[permutation[i]];
}

/// Integers through casts that keep their value: that of an index has 31 bits.
static ExprRef skipCasts(const ExprRef &expr) {
  if (expr->isOp<arith::ExtSIOp>())
    return skipCasts(expr->args[0]);
  if (!expr->isOp<arith::IndexCastOp>() && !expr->isOp<arith::TruncIOp>())
    return expr;
  Type type = expr->op->getResult(0).getType();
  if (!type.isIndex() && type.getIntOrFloatBitWidth() < 32)
    return expr;
  ExprRef inner = skipCasts(expr->args[0]);
  bool keeps = expr->isOp<arith::IndexCastOp>() || inner->kind == Kind::Index;
  return keeps ? inner : expr;
}

/// n >= ks[m], n < ke[m], or both; negated, not both.
bool Matcher::matchMask(const ExprRef &expr, bool isNegated) {
  if (expr->isOp<arith::XOrIOp>())
    for (int i : {0, 1})
      if (expr->args[i]->isTrue())
        return matchMask(expr->args[1 - i], !isNegated);
  if (isNegated ? expr->isOp<arith::OrIOp>() : expr->isOp<arith::AndIOp>())
    return matchMask(expr->args[0], isNegated) &&
           matchMask(expr->args[1], isNegated);
  if (!expr->isOp<arith::CmpIOp>())
    return false;
  using arith::CmpIPredicate;
  CmpIPredicate predicate = cast<arith::CmpIOp>(expr->op).getPredicate();
  if (isNegated)
    predicate = arith::invertPredicate(predicate);
  ExprRef lhs = skipCasts(expr->args[0]), rhs = skipCasts(expr->args[1]);
  if (rhs->kind == Kind::Index) {
    std::swap(lhs, rhs);
    predicate = predicate == CmpIPredicate::sle   ? CmpIPredicate::sge
                : predicate == CmpIPredicate::sgt ? CmpIPredicate::slt
                                                  : CmpIPredicate::eq;
  }
  if (lhs->kind != Kind::Index || lhs->dims[0] != kKey)
    return false;
  std::optional<PermutedTensor> bound = getInput(rhs, {kQuery});
  if (!bound || !getElementTypeOrSelf(bound->tensor).isInteger(32))
    return false;
  PermutedTensor *target = predicate == CmpIPredicate::sge   ? &result.ks
                           : predicate == CmpIPredicate::slt ? &result.ke
                                                             : nullptr;
  if (!target || target->tensor)
    return false;
  *target = *bound;
  return true;
}

/// Takes `expr` as k_scale, if it is one and there is none yet.
bool Matcher::takeScale(const ExprRef &expr) {
  std::optional<PermutedTensor> input = getInput(expr, {kKey});
  if (!input || result.kScale.tensor ||
      !getElementTypeOrSelf(input->tensor).isF32())
    return false;
  result.kScale = *input;
  return true;
}

/// The sum over d of q[m, h, d] * k[n, d], perhaps times a scale: which does
/// not change under relu only if it is not negative.
bool Matcher::matchScores(const ExprRef &expr, int head, bool isCutOff) {
  SmallVector<ExprRef> factors, products;
  addFactors(expr, factors);
  int headDim = 0;
  for (const ExprRef &factor : factors) {
    if (factor->kind == Kind::Sum && factor->dims.size() == 1 &&
        products.empty()) {
      headDim = factor->dims[0];
      addFactors(factor->args[0], products);
    } else if ((isCutOff && !assumptions.positiveScales) ||
               !takeScale(factor)) {
      return false;
    }
  }
  for (const ExprRef &product : products) {
    // Decoded q and k, and a scale that belongs to the key.
    ExprRef leaf = getDecoded(product);
    if (!leaf) {
      if ((isCutOff && !assumptions.positiveScales) || !takeScale(product))
        return false;
      continue;
    }
    if (auto q = getInput(leaf, {kQuery, head, headDim}); q && !result.q.tensor)
      result.q = *q;
    else if (auto k = getInput(leaf, {kKey, headDim}); k && !result.k.tensor)
      result.k = *k;
    else
      return false;
  }
  return result.q.tensor && result.k.tensor;
}

/// x if `expr` is max(x, 0); null if it is something else, or what becomes of
/// NaN is something else.
ExprRef Matcher::getCutOff(const ExprRef &expr) const {
  if (expr->isOp<arith::MaximumFOp>() ||
      (assumptions.noNaNs && expr->isOp<arith::MaxNumFOp>())) {
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
    return (predicate == unordered && (isUnordered || assumptions.noNaNs)) ||
           (predicate == ordered && (!isUnordered || assumptions.noNaNs));
  };
  bool matches = isGreater
                     ? isOneOf(CmpFPredicate::UGT, CmpFPredicate::OGT) ||
                           isOneOf(CmpFPredicate::UGE, CmpFPredicate::OGE)
                     : isOneOf(CmpFPredicate::ULT, CmpFPredicate::OLT) ||
                           isOneOf(CmpFPredicate::ULE, CmpFPredicate::OLE);
  return matches ? x : nullptr;
}

/// weights[m, h] * max(score, 0), in any order, perhaps without weights or
/// without the maximum.
bool Matcher::matchHead(const ExprRef &expr, int head) {
  SmallVector<ExprRef> factors;
  addFactors(expr, factors);
  SmallVector<ExprRef> scores;
  for (const ExprRef &factor : factors) {
    ExprRef decoded = getDecoded(factor);
    std::optional<PermutedTensor> weights =
        getInput(decoded ? decoded : factor, {kQuery, head});
    if (weights && !result.weights.tensor) {
      Type type = getElementTypeOrSelf(weights->tensor);
      if (!type.isF32() && !type.isBF16())
        return false;
      result.weights = *weights;
      continue;
    }
    if (ExprRef score = getCutOff(factor)) {
      if (result.relu || !matchScores(score, head, /*isCutOff=*/true))
        return false;
      result.relu = true;
      continue;
    }
    scores.push_back(factor);
  }
  if (result.relu)
    return llvm::all_of(scores,
                        [&](const ExprRef &expr) { return takeScale(expr); });
  // The rest is the score itself, a factor or several.
  for (const ExprRef &score : scores)
    if (!(score->kind == Kind::Sum ? matchScores(score, head, false)
                                   : takeScale(score)))
      return false;
  return result.q.tensor != nullptr;
}

/// The sum over heads, perhaps times a scale.
bool Matcher::matchLogits(const ExprRef &expr) {
  if (expr->isOp<arith::TruncFOp>())
    return matchLogits(expr->args[0]);
  if (expr->isOp<arith::SelectOp>() && !result.clean) {
    result.clean = true;
    bool isNegated = expr->args[1]->isNegativeInfinity();
    return expr->args[isNegated ? 1 : 2]->isNegativeInfinity() &&
           matchMask(expr->args[0], isNegated) &&
           matchLogits(expr->args[isNegated ? 2 : 1]);
  }
  SmallVector<ExprRef> factors;
  addFactors(expr, factors);
  bool found = false;
  for (const ExprRef &factor : factors) {
    if (factor->kind == Kind::Sum && factor->dims.size() == 1 && !found) {
      found = matchHead(factor->args[0], factor->dims[0]);
      if (!found)
        return false;
    } else if (!takeScale(factor)) {
      return false;
    }
  }
  return found;
}

std::optional<LogitsOperands> Matcher::match() {
  if (!matchLogits(builder.expand(root, {kQuery, kKey})))
    return std::nullopt;
  Type input = getElementTypeOrSelf(result.q.tensor);
  Type out = getElementTypeOrSelf(root);
  if (!out.isF32() && !out.isBF16() && !out.isF16())
    return std::nullopt;
  if (input != getElementTypeOrSelf(result.k.tensor) ||
      !isa<Float8E4M3FNType, Float8E5M2Type, BFloat16Type, Float16Type>(input))
    return std::nullopt;
  return result;
}

std::optional<LogitsOperands> mqa::matchLogits(Value root,
                                               RaiseAssumptions assumptions) {
  return Matcher(root, assumptions).match();
}
