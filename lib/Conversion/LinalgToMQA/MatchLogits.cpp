//===- MatchLogits.cpp - The logits computation in linalg -----------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "LogitsMatcher.h"

using namespace mlir;
using namespace mlir::mqa;
using Kind = ElementExpr::Kind;

/// Whether q times k is in `expr`.
bool LogitsMatcher::contains(const ExprRef &expr) {
  auto found = containing.find(expr.get());
  if (found != containing.end())
    return found->second.second;
  bool does = expr == result.contraction.sum ||
              llvm::any_of(expr->args,
                           [&](const ExprRef &arg) { return contains(arg); });
  containing[expr.get()] = {expr, does};
  return does;
}

/// Says why `expr` is not what is wanted there.
bool LogitsMatcher::failAt(const ExprRef &expr, StringRef wanted) {
  if (!expr->why.empty())
    return fail(expr, "'" + Twine(expr->op->getName().getStringRef()) + "' " +
                          expr->why);
  if (!assumptions.noNaNs && getCutOff(expr, /*noNaNs=*/true) &&
      !getCutOff(expr, /*noNaNs=*/false))
    return fail(expr, expr->isOp<arith::MulFOp>()
                          ? "this product makes NaN of an infinite score, "
                            "which the option 'no-nans' would allow"
                          : "this maximum drops NaN, which the option "
                            "'no-nans' would allow");
  if (expr->isOp<arith::TruncFOp>() || expr->isOp<arith::ExtFOp>()) {
    ExprRef rounded = expr;
    while (rounded->isOp<arith::ExtFOp>())
      rounded = rounded->args[0];
    std::string type;
    llvm::raw_string_ostream(type) << rounded->getType();
    return fail(rounded, "the computation is rounded to " + Twine(type) +
                             " before its end");
  }
  StringRef name =
      expr->op ? expr->op->getName().getStringRef() : StringRef("a number");
  return fail(expr, "'" + Twine(name) + "' is not " + wanted);
}

/// Takes all factors but the one that q times k is in, which it returns.
std::optional<ExprRef> LogitsMatcher::takeAllBut(const ExprRef &product,
                                                 bool isCutOff) {
  ExprRef found;
  auto keep = [&](const ExprRef &expr) {
    return !contains(expr) || getCutOff(expr, /*noNaNs=*/true);
  };
  for (const ExprRef &factor : getFactors(product, keep)) {
    if (!contains(factor)) {
      if (!takeFactor(factor, product, isCutOff))
        return std::nullopt;
    } else if (found) {
      fail(product, "the scores are multiplied with themselves");
      return std::nullopt;
    } else {
      found = factor;
    }
  }
  return found;
}

/// The sum over d of q[m, h, d] * k[n, d], perhaps times factors.
bool LogitsMatcher::matchScores(const ExprRef &expr) {
  const Contraction &c = result.contraction;
  std::optional<ExprRef> sum = takeAllBut(expr, result.relu);
  if (!sum)
    return false;
  if (*sum != c.sum || !(*sum)->why.empty())
    return failAt(*sum, "a sum of products of q and k");
  if (!(*sum)->getType().isF32())
    return fail(*sum, "the products of q and k are not summed in f32");
  for (const ExprRef &other : c.others)
    if (!takeFactor(other, c.sum, result.relu, /*isScale=*/true))
      return false;
  for (int atom : exprs.vars.getAtoms((*sum)->dims)) {
    if (llvm::is_contained(c.headDim, atom))
      continue;
    if (result.relu)
      return fail(*sum, "the maximum is of a sum over heads, not of a score");
    summed.push_back(atom);
  }
  return true;
}

/// The sum over heads of max(score, 0), perhaps times factors, perhaps without
/// the maximum.
bool LogitsMatcher::matchHeads(const ExprRef &expr) {
  if (expr->kind != Kind::Sum || !expr->why.empty())
    return failAt(expr, "a sum over heads");
  if (expr == result.contraction.sum)
    return matchScores(expr);
  llvm::append_range(summed, exprs.vars.getAtoms(expr->dims));
  std::optional<ExprRef> score = takeAllBut(expr->args[0], false);
  if (!score)
    return false;
  if ((*score)->kind == Kind::Sum)
    return matchHeads(*score);
  ExprRef inner = getCutOff(*score, assumptions.noNaNs);
  if (!inner && hasFiniteScores()) {
    inner = getCutOff(*score, assumptions.noNaNs, /*mayBeInf=*/false);
    // A factor between the score and the cut-off may make it infinite.
    if (inner != result.contraction.sum)
      inner = nullptr;
  }
  if (!inner || !contains(inner))
    return failAt(*score, "a maximum of a score and 0");
  // A maximum of a maximum is that.
  while (ExprRef next = getCutOff(inner, assumptions.noNaNs))
    inner = next;
  result.relu = true;
  return matchScores(inner);
}

static std::string toString(const ExprRef &expr) {
  auto number = dyn_cast_or_null<FloatAttr>(expr->constant);
  if (!number)
    return "another tensor";
  SmallString<16> text;
  number.getValue().toString(text, /*FormatPrecision=*/6);
  return text.str().str();
}

/// The logits inside of a range, -inf outside.
bool LogitsMatcher::matchSelect(const ExprRef &expr) {
  if (getCutOff(expr, /*noNaNs=*/true))
    return fail(expr, "the maximum is of the sum over heads, not of a score");
  bool isNegated = contains(expr->args[2]);
  const ExprRef &inside = expr->args[isNegated ? 2 : 1],
                &outside = expr->args[isNegated ? 1 : 2];
  if (contains(outside) || !contains(inside) || contains(expr->args[0]))
    return fail(expr, "the mask depends on the logits");
  if (!outside->isNegativeInfinity())
    return fail(expr, "outside of the mask is " + Twine(toString(outside)) +
                          ", not -inf");
  result.clean = true;
  return mask.match(rolled.getOriginal(expr->args[0]), isNegated) &&
         matchLogits(inside);
}

/// The logits plus 0 inside of a range, plus -inf outside.
bool LogitsMatcher::matchAddedMask(const ExprRef &expr) {
  int i = contains(expr->args[0]) ? 1 : 0;
  const ExprRef &added = expr->args[i];
  if (contains(added))
    return fail(expr, "two numbers with scores are added");
  if (!added->isOp<arith::SelectOp>())
    return fail(expr, "what is added is not chosen from 0 and -inf by a mask");
  bool isNegated = added->args[2]->isZero();
  const ExprRef &inside = added->args[isNegated ? 2 : 1],
                &outside = added->args[isNegated ? 1 : 2];
  if (!inside->isZero() || !outside->isNegativeInfinity())
    return fail(expr, "outside of the mask " + Twine(toString(outside)) +
                          " is added, not -inf");
  result.clean = true;
  return mask.match(rolled.getOriginal(added->args[0]), isNegated) &&
         matchLogits(expr->args[1 - i]);
}

/// The sum over heads, perhaps times factors, perhaps masked and rounded.
bool LogitsMatcher::matchLogits(const ExprRef &expr) {
  if (expr->isOp<arith::TruncFOp>()) {
    if (!roundsToNearest(expr))
      return fail(expr, "the logits are not rounded to the nearest number");
    return matchLogits(expr->args[0]);
  }
  if (expr->isOp<arith::SelectOp>())
    return matchSelect(expr);
  if (expr->isOp<arith::AddFOp>())
    return matchAddedMask(expr);
  std::optional<ExprRef> sum = takeAllBut(expr, false);
  if (!sum)
    return false;
  mismatch.isUser |= !mismatch.loc && (*sum)->kind != Kind::Sum &&
                     !(*sum)->isOp<arith::TruncFOp>() &&
                     !(*sum)->isOp<arith::ExtFOp>();
  return matchHeads(*sum);
}

bool LogitsMatcher::match() {
  const ExprRef &root = rolled.get();
  if (!matchLogits(root) || !takeInputs() || !orderHeads(root) ||
      !checkSizes() || !checkBounds())
    return false;
  // Any product of a matrix and a vector, of which rows are summed.
  if (result.contraction.query.empty() && !result.relu &&
      result.weights.empty())
    return fail(root, "a sum of the products of one query has neither a "
                      "maximum nor weights");
  Type type = root->getType();
  if (!type.isF32() && !type.isBF16() && !type.isF16())
    return fail(root, "the logits are not of f32, bf16 or f16");
  llvm::append_range(result.weights.empty() ? result.scales : result.weights,
                     scalars);
  return true;
}

std::optional<LogitsMatch>
mqa::matchLogits(Value root, RaiseAssumptions assumptions, Mismatch &mismatch) {
  std::unique_ptr<ExprBuilder> exprs;
  SmallVector<int> dims;
  auto expand = [&](ExprBuilder::Limit limit) {
    exprs = std::make_unique<ExprBuilder>(limit);
    dims.clear();
    for (int64_t size : cast<RankedTensorType>(root.getType()).getShape())
      dims.push_back(size == 1 ? IndexVariables::kUnit : exprs->vars.add(size));
    return exprs->expand(root, dims);
  };
  ExprRef expr = expand(ExprBuilder::Limit::Usual);
  if (exprs->isCut() && readsManySlices(expr))
    expr = expand(ExprBuilder::Limit::Deep);
  RolledSums rolled(expr, *exprs);
  expr = rolled.get();
  FreeVariables free(exprs->vars);
  std::vector<Contraction> contractions =
      findContractions(expr, dims, exprs->vars, free);
  if (contractions.empty())
    if (ExprRef reshape = findHidingReshape(expr))
      mismatch.note(reshape, "'" +
                                 Twine(reshape->op->getName().getStringRef()) +
                                 "' " + reshape->why);
  // Of the innermost sum: outer ones multiply weights and scores.
  Mismatch own;
  ExprRef sum;
  for (const Contraction &contraction : contractions) {
    if (contraction.sum != sum)
      own = Mismatch();
    sum = contraction.sum;
    // Without a dimension of queries, a reduction in any attention is near, if
    // it is not of maxima.
    Mismatch silent;
    Mismatch &noted =
        contraction.query.empty() && !hasCutSum(expr) ? silent : own;
    noted.contraction = contraction.sum->op;
    LogitsMatcher matcher(*exprs, free, rolled, contraction, assumptions,
                          noted);
    if (!matcher.match()) {
      if (own.loc)
        mismatch = own;
      continue;
    }
    LogitsMatch result = std::move(matcher.result);
    for (int var : dims)
      result.rootGroups.push_back(exprs->vars.getAtoms(var));
    result.exprs = std::move(exprs);
    return result;
  }
  return std::nullopt;
}
