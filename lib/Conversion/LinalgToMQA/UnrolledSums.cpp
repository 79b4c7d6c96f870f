//===- UnrolledSums.cpp - Sums that a program writes term by term ---------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "UnrolledSums.h"

#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "llvm/ADT/DenseSet.h"

using namespace mlir;
using namespace mlir::mqa;
using Kind = ElementExpr::Kind;

namespace {
/// Makes one formula of all terms of a sum: that of the first term, which reads
/// a whole tensor at a new variable where the terms read slices of it.
class TermUnifier {
public:
  TermUnifier(ExprBuilder &exprs, ArrayRef<ExprRef> terms)
      : exprs(exprs), numTerms(terms.size()), variables(terms.size()),
        terms(terms) {}
  /// The sum of the terms; null if they are not alike. `add` adds them.
  ExprRef unify(Operation *add);

private:
  using Nodes = SmallVector<ExprRef>;
  ExprRef unify(const Nodes &nodes);
  ExprRef unifyArgs(const Nodes &nodes);
  ExprRef unifySlices(const Nodes &nodes);
  bool bindVariables(const Nodes &sums);
  bool haveSameVariables(const Nodes &nodes);
  bool setPlaces(ArrayRef<int64_t> offsets);

  ExprBuilder &exprs;
  size_t numTerms;
  /// For each term, which variable of the first term stands for one of its own.
  SmallVector<DenseMap<int, int>> variables;
  ArrayRef<ExprRef> terms;
  /// Which slice each term reads, and the variable that counts them.
  SmallVector<int64_t> places;
  int variable = IndexVariables::kUnit;
  /// Of the first term's nodes.
  DenseMap<const ElementExpr *, std::pair<Nodes, ExprRef>> known;
};
} // namespace

/// The variables of sums stand for each other.
bool TermUnifier::bindVariables(const Nodes &sums) {
  SmallVector<int> first = exprs.vars.getAtoms(sums[0]->dims);
  for (auto [sum, bound] : llvm::zip_equal(sums, variables)) {
    SmallVector<int> own = exprs.vars.getAtoms(sum->dims);
    if (own.size() != first.size())
      return false;
    for (auto [from, to] : llvm::zip_equal(own, first)) {
      if (exprs.vars.getSize(from) != exprs.vars.getSize(to))
        return false;
      bound[from] = to;
    }
  }
  return true;
}

bool TermUnifier::haveSameVariables(const Nodes &nodes) {
  for (auto [node, bound] : llvm::zip_equal(nodes, variables)) {
    if (node->dims.size() != nodes[0]->dims.size())
      return false;
    for (auto [own, first] : llvm::zip_equal(node->dims, nodes[0]->dims)) {
      SmallVector<int> atoms = exprs.vars.getAtoms(own);
      for (int &atom : atoms)
        if (auto found = bound.find(atom); found != bound.end())
          atom = found->second;
      if (atoms != exprs.vars.getAtoms(first))
        return false;
    }
  }
  return true;
}

/// All tensors are read at the same places, each of which is there once.
bool TermUnifier::setPlaces(ArrayRef<int64_t> offsets) {
  if (!places.empty())
    return ArrayRef(places) == offsets;
  SmallVector<bool> taken(numTerms, false);
  for (int64_t offset : offsets) {
    if (offset < 0 || offset >= static_cast<int64_t>(numTerms) || taken[offset])
      return false;
    taken[offset] = true;
  }
  places.assign(offsets.begin(), offsets.end());
  variable = exprs.vars.add(numTerms);
  return true;
}

/// Slices of one tensor, which differ in the index of one dimension.
ExprRef TermUnifier::unifySlices(const Nodes &nodes) {
  if (!haveSameVariables(nodes))
    return nullptr;
  auto first = nodes[0]->value.getDefiningOp<tensor::ExtractSliceOp>();
  if (!first)
    return nullptr;
  RankedTensorType type = first.getSourceType();
  std::optional<int64_t> differing;
  SmallVector<int64_t> offsets;
  for (const ExprRef &node : nodes) {
    auto slice = node->value.getDefiningOp<tensor::ExtractSliceOp>();
    if (!slice || slice.getSource() != first.getSource() ||
        slice.getType() != first.getType() || !slice.hasUnitStride() ||
        slice.getDroppedDims() != first.getDroppedDims() ||
        slice.getMixedSizes() != first.getMixedSizes())
      return nullptr;
    for (int64_t dim = 0; dim < type.getRank(); ++dim) {
      if (slice.isDynamicOffset(dim))
        return nullptr;
      if (slice.getStaticOffset(dim) != first.getStaticOffset(dim) &&
          differing.value_or(dim) != dim)
        return nullptr;
      if (slice.getStaticOffset(dim) != first.getStaticOffset(dim))
        differing = dim;
    }
  }
  // The same slice, which the program makes for each term.
  if (!differing)
    return nodes[0];
  if (type.getDimSize(*differing) != static_cast<int64_t>(numTerms))
    return nullptr;
  // The other dimensions are whole.
  for (int64_t dim = 0; dim < type.getRank(); ++dim)
    if (dim == *differing
            ? first.getStaticSize(dim) != 1
            : first.isDynamicSize(dim) || first.getStaticOffset(dim) != 0 ||
                  first.getStaticSize(dim) != type.getDimSize(dim))
      return nullptr;
  for (const ExprRef &node : nodes)
    offsets.push_back(
        node->value.getDefiningOp<tensor::ExtractSliceOp>().getStaticOffset(
            *differing));
  if (!setPlaces(offsets))
    return nullptr;
  SmallVector<int> dims;
  const int *next = nodes[0]->dims.begin();
  llvm::SmallBitVector dropped = first.getDroppedDims();
  for (int64_t dim = 0; dim < type.getRank(); ++dim) {
    int own = dropped.test(dim) ? IndexVariables::kUnit : *next++;
    dims.push_back(dim == *differing ? variable : own);
  }
  return exprs.expand(first.getSource(), dims);
}

/// The first of `nodes` with what its operands are together.
ExprRef TermUnifier::unifyArgs(const Nodes &nodes) {
  ElementExpr result = *nodes[0];
  for (auto [i, arg] : llvm::enumerate(result.args)) {
    Nodes args;
    for (const ExprRef &node : nodes)
      args.push_back(node->args[i]);
    if (!(arg = unify(args)))
      return nullptr;
  }
  return ElementExpr::make(std::move(result));
}

ExprRef TermUnifier::unify(const Nodes &nodes) {
  auto isSameNode = [&](const ExprRef &node) { return node == nodes[0]; };
  if (llvm::all_of(nodes, isSameNode))
    return nodes[0];
  auto found = known.find(nodes[0].get());
  if (found != known.end() && found->second.first == nodes)
    return found->second.second;
  auto isAlike = [&](const ExprRef &node) {
    const ElementExpr &first = *nodes[0];
    if (node->kind != first.kind || node->args.size() != first.args.size() ||
        node->getType() != first.getType() || !node->why.empty())
      return false;
    return first.kind != Kind::Op ||
           (node->op->getName() == first.op->getName() &&
            node->op->getAttrDictionary() == first.op->getAttrDictionary());
  };
  if (!llvm::all_of(nodes, isAlike))
    return nullptr;
  ExprRef result;
  switch (nodes[0]->kind) {
  case Kind::Constant:
    if (llvm::all_of(nodes, [&](const ExprRef &node) {
          return node->constant == nodes[0]->constant;
        }))
      result = nodes[0];
    break;
  case Kind::Scalar:
  case Kind::Leaf:
    if (llvm::all_of(nodes, [&](const ExprRef &node) {
          return node->value == nodes[0]->value;
        }))
      result = haveSameVariables(nodes) ? nodes[0] : nullptr;
    else if (nodes[0]->kind == Kind::Leaf)
      result = unifySlices(nodes);
    break;
  case Kind::Index:
    if (haveSameVariables(nodes))
      result = nodes[0];
    break;
  case Kind::Sum:
    if (bindVariables(nodes))
      result = unifyArgs(nodes);
    break;
  case Kind::Op:
    result = unifyArgs(nodes);
    break;
  }
  known[nodes[0].get()] = {nodes, result};
  return result;
}

ExprRef TermUnifier::unify(Operation *add) {
  ExprRef term = unify(Nodes(terms));
  if (!term || places.empty())
    return nullptr;
  ElementExpr sum{Kind::Sum, Value(), {variable}};
  sum.op = add;
  sum.args = {term};
  return ElementExpr::make(std::move(sum));
}

//===----------------------------------------------------------------------===//
// Additions
//===----------------------------------------------------------------------===//

/// The terms of additions, without zeros.
static void addTerms(const ExprRef &expr, SmallVectorImpl<ExprRef> &terms) {
  // More than there are heads; in one body a number may be added to itself.
  constexpr size_t kMaxTerms = 128;
  if (expr->isOp<arith::AddFOp>() && terms.size() <= kMaxTerms)
    for (const ExprRef &arg : expr->args)
      addTerms(arg, terms);
  else if (!expr->isZero())
    terms.push_back(expr);
}

namespace mlir {
namespace mqa {
class SumRoller {
public:
  SumRoller(ExprBuilder &exprs, RolledSums &result)
      : exprs(exprs), result(result) {}
  ExprRef roll(const ExprRef &expr);

private:
  ExprBuilder &exprs;
  RolledSums &result;
  DenseMap<const ElementExpr *, std::pair<ExprRef, ExprRef>> known;
};
} // namespace mqa
} // namespace mlir

ExprRef SumRoller::roll(const ExprRef &expr) {
  if (expr->args.empty())
    return expr;
  auto found = known.find(expr.get());
  if (found != known.end())
    return found->second.second;
  ExprRef rolled = expr;
  SmallVector<ExprRef> terms;
  if (expr->isOp<arith::AddFOp>())
    addTerms(expr, terms);
  ExprRef sum;
  if (terms.size() > 1)
    sum = TermUnifier(exprs, terms).unify(expr->op);
  if (sum) {
    rolled = sum;
  } else {
    // A formula of the program stays itself where nothing in it changes.
    ElementExpr changed = *expr;
    bool changes = false;
    for (ExprRef &arg : changed.args) {
      ExprRef next = roll(arg);
      changes |= next != arg;
      arg = next;
    }
    if (changes)
      rolled = ElementExpr::make(std::move(changed));
  }
  known[expr.get()] = {expr, rolled};
  if (rolled != expr)
    result.originals[rolled.get()] = expr;
  return rolled;
}

RolledSums::RolledSums(const ExprRef &expr, ExprBuilder &exprs)
    : expr(SumRoller(exprs, *this).roll(expr)) {}

ExprRef RolledSums::getOriginal(const ExprRef &part) const {
  auto found = originals.find(part.get());
  if (found != originals.end())
    return found->second;
  if (part->args.empty())
    return part;
  // A matcher has made it, of parts of the formula.
  ElementExpr original = *part;
  bool changes = false;
  for (ExprRef &arg : original.args) {
    ExprRef before = getOriginal(arg);
    changes |= before != arg;
    arg = before;
  }
  ExprRef result = changes ? ElementExpr::make(std::move(original)) : part;
  asked.push_back(part);
  originals[part.get()] = result;
  return result;
}

bool mqa::readsManySlices(const ExprRef &expr) {
  constexpr unsigned kMany = 16;
  DenseMap<Value, unsigned> slices;
  llvm::DenseSet<const ElementExpr *> seen;
  SmallVector<const ElementExpr *> left = {expr.get()};
  while (!left.empty()) {
    const ElementExpr *next = left.pop_back_val();
    if (!seen.insert(next).second)
      continue;
    if (next->kind == Kind::Leaf)
      if (auto slice = next->value.getDefiningOp<tensor::ExtractSliceOp>())
        if (++slices[slice.getSource()] >= kMany)
          return true;
    for (const ExprRef &arg : next->args)
      left.push_back(arg.get());
  }
  return false;
}
