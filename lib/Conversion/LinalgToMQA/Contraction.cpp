//===- Contraction.cpp - Where a formula multiplies q and k ---------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Contraction.h"

#include "llvm/ADT/DenseSet.h"

using namespace mlir;
using namespace mlir::mqa;
using llvm::BitVector;
using Kind = ElementExpr::Kind;

BitVector FreeVariables::getSet(ArrayRef<int> dims) const {
  BitVector set(vars.count());
  for (int atom : vars.getAtoms(dims))
    set.set(atom);
  return set;
}

const BitVector &FreeVariables::get(const ExprRef &expr) {
  auto found = known.find(expr.get());
  if (found != known.end())
    return found->second.second;
  BitVector set(vars.count());
  if (expr->kind == Kind::Leaf || expr->kind == Kind::Index)
    set = getSet(expr->dims);
  else
    for (const ExprRef &arg : expr->args)
      set |= get(arg);
  if (expr->kind == Kind::Sum)
    set.reset(getSet(expr->dims));
  return known.try_emplace(expr.get(), expr, std::move(set))
      .first->second.second;
}

bool FreeVariables::isSubset(const ExprRef &expr, const BitVector &allowed) {
  BitVector rest = get(expr);
  rest.reset(allowed);
  return rest.none();
}

static void addFactors(const ExprRef &expr,
                       llvm::function_ref<bool(const ExprRef &)> keep,
                       SmallVectorImpl<ExprRef> &factors) {
  // More than a logit has; in one body a number may be its own factor.
  constexpr size_t kMaxFactors = 16;
  if (keep(expr) || factors.size() > kMaxFactors) {
    factors.push_back(expr);
  } else if (expr->isOp<arith::MulFOp>()) {
    for (const ExprRef &arg : expr->args)
      addFactors(arg, keep, factors);
  } else if (expr->isOp<arith::DivFOp>() && isa<FloatType>(expr->getType())) {
    addFactors(expr->args[0], keep, factors);
    // One divided by the divisor.
    auto one = FloatAttr::get(expr->getType(), 1.0);
    ElementExpr numerator{Kind::Constant};
    numerator.constant = one;
    ElementExpr inverse = *expr;
    inverse.args[0] = ElementExpr::make(numerator);
    factors.push_back(ElementExpr::make(inverse));
  } else {
    factors.push_back(expr);
  }
}

SmallVector<ExprRef>
mqa::getFactors(const ExprRef &expr,
                llvm::function_ref<bool(const ExprRef &)> keep) {
  SmallVector<ExprRef> factors;
  addFactors(expr, keep, factors);
  return factors;
}

/// All sums in a formula, the outer ones first.
static void addSums(const ExprRef &expr,
                    llvm::DenseSet<const ElementExpr *> &seen,
                    SmallVectorImpl<ExprRef> &sums) {
  if (!seen.insert(expr.get()).second)
    return;
  if (expr->kind == Kind::Sum)
    sums.push_back(expr);
  for (const ExprRef &arg : expr->args)
    addSums(arg, seen, sums);
}

static SmallVector<int> getInOrder(ArrayRef<int> order, const BitVector &set) {
  SmallVector<int> result;
  for (int atom : order)
    if (set.test(atom))
      result.push_back(atom);
  return result;
}

static SmallVector<int> getMembers(const BitVector &set) {
  SmallVector<int> result;
  for (int atom : set.set_bits())
    result.push_back(atom);
  return result;
}

/// With q and k so; nothing if they cannot be.
static std::optional<Contraction>
makeContraction(const ExprRef &sum, const ExprRef &q, const ExprRef &k,
                ArrayRef<int> rootAtoms, const IndexVariables &vars,
                FreeVariables &free) {
  BitVector root = free.getSet(rootAtoms);
  BitVector headDim = free.get(q);
  headDim &= free.get(k);
  headDim &= free.getSet(sum->dims);
  BitVector heads = free.get(q);
  heads.reset(root);
  heads.reset(headDim);
  BitVector groups = free.get(k);
  groups.reset(root);
  groups.reset(headDim);
  // One dimension of k is the logits' alone, and all that is summed is q's.
  BitVector key = free.get(k);
  key &= root;
  BitVector batch = key;
  batch &= free.get(q);
  key.reset(free.get(q));
  BitVector query = free.get(q);
  query &= root;
  query.reset(batch);
  BitVector neither = root;
  neither.reset(free.get(q));
  neither.reset(free.get(k));
  BitVector others = groups;
  others.reset(heads);
  if (headDim.none() || heads.none() || key.none() || neither.any() ||
      others.any())
    return std::nullopt;
  Contraction result;
  result.sum = sum, result.q = q, result.k = k;
  result.batch = getInOrder(rootAtoms, batch);
  result.query = getInOrder(rootAtoms, query);
  result.key = getInOrder(rootAtoms, key);
  result.heads = getMembers(heads);
  result.groups = getMembers(groups);
  result.headDim = getInOrder(vars.getAtoms(sum->dims), headDim);
  return result;
}

std::vector<Contraction> mqa::findContractions(const ExprRef &root,
                                               ArrayRef<int> rootDims,
                                               const IndexVariables &vars,
                                               FreeVariables &free) {
  SmallVector<ExprRef> sums;
  llvm::DenseSet<const ElementExpr *> seen;
  addSums(root, seen, sums);
  SmallVector<int> rootAtoms = vars.getAtoms(rootDims);
  std::vector<Contraction> all;
  auto keepNone = [](const ExprRef &) { return false; };
  for (const ExprRef &sum : sums) {
    SmallVector<ExprRef> factors = getFactors(sum->args[0], keepNone);
    std::vector<Contraction> found;
    for (const ExprRef &q : factors)
      for (const ExprRef &k : factors) {
        if (q == k)
          continue;
        auto contraction = makeContraction(sum, q, k, rootAtoms, vars, free);
        if (!contraction)
          continue;
        for (const ExprRef &factor : factors)
          if (factor != q && factor != k)
            contraction->others.push_back(factor);
        found.push_back(std::move(*contraction));
      }
    // The queries come first, if they may be either.
    auto getPlace = [&](const Contraction &contraction) {
      return contraction.query.empty()
                 ? rootAtoms.end()
                 : llvm::find(rootAtoms, contraction.query.front());
    };
    llvm::stable_sort(found, [&](const Contraction &a, const Contraction &b) {
      return getPlace(a) < getPlace(b);
    });
    llvm::move(found, std::back_inserter(all));
  }
  return all;
}
