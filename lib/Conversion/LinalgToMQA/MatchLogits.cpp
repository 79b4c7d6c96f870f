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
  Matcher(Value root, bool positiveScales)
      : builder(kNumVars), root(root), positiveScales(positiveScales) {}
  std::optional<LogitsOperands> match();

private:
  enum Var { kQuery, kKey, kNumVars };
  bool matchMask(const ExprRef &expr);
  bool matchLogits(const ExprRef &expr);
  bool matchHead(const ExprRef &expr, int head);
  bool matchScores(const ExprRef &expr, int head, bool isCutOff);
  bool takeScale(const ExprRef &expr);

  ExprBuilder builder;
  Value root;
  bool positiveScales;
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

/// Whether `expr` is a narrower float as an f32.
static bool isDecoded(const ExprRef &expr) {
  return expr->isOp<arith::ExtFOp>() &&
         getElementTypeOrSelf(expr->op->getResult(0)).isF32();
}

/// Where `leaf` has the dimensions `vars`; nothing if it has others.
static std::optional<PermutedTensor> getInput(const ExprRef &leaf,
                                              ArrayRef<int> vars) {
  if (!leaf->isLeaf() || leaf->dims.size() != vars.size())
    return std::nullopt;
  PermutedTensor input{leaf->value, {}};
  for (int var : vars) {
    const int *it = llvm::find(leaf->dims, var);
    if (it == leaf->dims.end())
      return std::nullopt;
    input.permutation.push_back(it - leaf->dims.begin());
  }
  return input;
}

/// Integers through casts that keep their value.
static ExprRef skipCasts(ExprRef expr) {
  while (expr->isOp<arith::IndexCastOp>() || expr->isOp<arith::ExtSIOp>())
    expr = expr->args[0];
  return expr;
}

/// n >= ks[m], n < ke[m], or both.
bool Matcher::matchMask(const ExprRef &expr) {
  if (expr->isOp<arith::AndIOp>())
    return matchMask(expr->args[0]) && matchMask(expr->args[1]);
  if (!expr->isOp<arith::CmpIOp>())
    return false;
  using arith::CmpIPredicate;
  CmpIPredicate predicate = cast<arith::CmpIOp>(expr->op).getPredicate();
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
    } else if ((isCutOff && !positiveScales) || !takeScale(factor)) {
      return false;
    }
  }
  for (const ExprRef &product : products) {
    // Decoded q and k, and a scale that belongs to the key.
    if (!isDecoded(product)) {
      if ((isCutOff && !positiveScales) || !takeScale(product))
        return false;
      continue;
    }
    const ExprRef &leaf = product->args[0];
    if (auto q = getInput(leaf, {kQuery, head, headDim}); q && !result.q.tensor)
      result.q = *q;
    else if (auto k = getInput(leaf, {kKey, headDim}); k && !result.k.tensor)
      result.k = *k;
    else
      return false;
  }
  return result.q.tensor && result.k.tensor;
}

/// weights[m, h] * max(score, 0), in any order, perhaps without weights or
/// without the maximum.
bool Matcher::matchHead(const ExprRef &expr, int head) {
  SmallVector<ExprRef> factors;
  addFactors(expr, factors);
  SmallVector<ExprRef> scores;
  for (const ExprRef &factor : factors) {
    ExprRef leaf = isDecoded(factor) ? factor->args[0] : factor;
    std::optional<PermutedTensor> weights = getInput(leaf, {kQuery, head});
    if (weights && !result.weights.tensor) {
      Type type = getElementTypeOrSelf(weights->tensor);
      if (!type.isF32() && !type.isBF16())
        return false;
      result.weights = *weights;
      continue;
    }
    if (factor->isOp<arith::MaximumFOp>()) {
      // maxnumf would drop NaN.
      bool isFirst = factor->args[0]->isZero();
      if (result.relu || !factor->args[isFirst ? 0 : 1]->isZero() ||
          !matchScores(factor->args[isFirst ? 1 : 0], head, /*isCutOff=*/true))
        return false;
      result.relu = true;
      continue;
    }
    if (factor->isOp<arith::SelectOp>()) {
      // An unordered comparison is true of NaN, which then stays.
      const ExprRef &test = factor->args[0], &score = factor->args[1];
      if (result.relu || !test->isOp<arith::CmpFOp>())
        return false;
      auto predicate = cast<arith::CmpFOp>(test->op).getPredicate();
      if ((predicate != arith::CmpFPredicate::UGT &&
           predicate != arith::CmpFPredicate::UGE) ||
          test->args[0] != score || !test->args[1]->isZero() ||
          !factor->args[2]->isZero() ||
          !matchScores(score, head, /*isCutOff=*/true))
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
  if (expr->isOp<arith::SelectOp>()) {
    result.clean = true;
    return expr->args[2]->isNegativeInfinity() && matchMask(expr->args[0]) &&
           matchLogits(expr->args[1]);
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
                                               bool positiveScales) {
  return Matcher(root, positiveScales).match();
}
