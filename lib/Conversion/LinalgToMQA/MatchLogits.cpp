//===- MatchLogits.cpp - The logits computation in linalg -----------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "MatchLogits.h"
#include "UnrolledSums.h"

using namespace mlir;
using namespace mlir::mqa;
using llvm::BitVector;
using Kind = ElementExpr::Kind;

namespace {
/// Matches a formula for one choice of q and k.
class Matcher {
public:
  Matcher(ExprBuilder &exprs, FreeVariables &free,
          const Contraction &contraction, RaiseAssumptions assumptions,
          Mismatch &mismatch)
      : exprs(exprs), free(free), mismatch(mismatch), assumptions(assumptions),
        mask(contraction, exprs.vars, free, mismatch) {
    result.contraction = contraction;
  }
  bool match(const ExprRef &root);

  LogitsMatch result;

private:
  bool matchLogits(const ExprRef &expr);
  bool matchSelect(const ExprRef &expr);
  bool matchAddedMask(const ExprRef &expr);
  bool matchHeads(const ExprRef &expr);
  bool matchScores(const ExprRef &expr);
  bool takeFactor(const ExprRef &expr, const ExprRef &product, bool isCutOff,
                  bool isScale = false);
  bool takeInputs();
  bool takeInput(const ExprRef &input, StringRef name, ExprRef &taken);
  bool hasFiniteScores() const;
  bool orderHeads(const ExprRef &root);
  bool checkSizes();
  bool checkBounds();
  bool canCompute(const ExprRef &expr, ArrayRef<int> atoms);

  bool contains(const ExprRef &expr);
  std::optional<ExprRef> takeAllBut(const ExprRef &product, bool isCutOff);
  bool fail(const ExprRef &expr, const Twine &why) {
    return mismatch.note(expr, why);
  }
  bool failAt(const ExprRef &expr, StringRef wanted);

  ExprBuilder &exprs;
  FreeVariables &free;
  Mismatch &mismatch;
  RaiseAssumptions assumptions;
  MaskMatcher mask;
  /// Over which all sums are that are not q times k.
  SmallVector<int> summed;
  SmallVector<ExprRef> scalars;
  DenseMap<const ElementExpr *, std::pair<ExprRef, bool>> containing;
};
} // namespace

/// Whether q times k is in `expr`.
bool Matcher::contains(const ExprRef &expr) {
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
bool Matcher::failAt(const ExprRef &expr, StringRef wanted) {
  if (!expr->why.empty())
    return fail(expr, "'" + Twine(expr->op->getName().getStringRef()) + "' " +
                          expr->why);
  if (!assumptions.noNaNs && getCutOff(expr, /*noNaNs=*/true))
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
std::optional<ExprRef> Matcher::takeAllBut(const ExprRef &product,
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

bool Matcher::canCompute(const ExprRef &expr, ArrayRef<int> atoms) {
  return TensorEmitter::canCompute(expr, free.getSet(atoms), exprs, free) ||
         fail(expr, "this number is not that of a tensor of the program");
}

/// Takes a factor of the logits. One inside of the maximum may be outside too
/// only if it is not negative. A scale is a factor of q or k itself.
bool Matcher::takeFactor(const ExprRef &expr, const ExprRef &product,
                         bool isCutOff, bool isScale) {
  const Contraction &c = result.contraction;
  if (std::optional<double> constant = getConstant(expr)) {
    if (isCutOff && !(*constant > 0 && std::isfinite(*constant)))
      return fail(product,
                  "the maximum has a factor inside that is not positive");
    result.constant *= *constant;
    return true;
  }
  if (isCutOff && !isScale && free.get(expr).anyCommon(free.getSet(c.heads)) &&
      !free.get(expr).anyCommon(free.getSet(c.key)))
    return fail(product, "the maximum is of a score times its weight");
  if (isCutOff && !assumptions.positiveScales)
    return fail(product,
                "the maximum has a factor inside that may be negative, "
                "which the option 'positive-scales' would exclude");
  SmallVector<int> rows = c.getRows(), keys = c.getKeys();
  llvm::append_range(rows, c.heads);
  llvm::append_range(keys, c.groups);
  if (free.get(expr).none()) {
    scalars.push_back(expr);
    return canCompute(expr, {});
  }
  if (free.isSubset(expr, free.getSet(rows))) {
    result.weights.push_back(expr);
    return canCompute(expr, rows);
  }
  if (free.isSubset(expr, free.getSet(keys))) {
    result.scales.push_back(expr);
    return canCompute(expr, keys);
  }
  return fail(product,
              "a factor belongs neither to a query and a head nor to a "
              "key");
}

/// The sum over d of q[m, h, d] * k[n, d], perhaps times factors.
bool Matcher::matchScores(const ExprRef &expr) {
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
  for (int atom : exprs.vars.getAtoms((*sum)->dims))
    if (!llvm::is_contained(c.headDim, atom))
      summed.push_back(atom);
  return true;
}

/// The sum over heads of max(score, 0), perhaps times factors, perhaps without
/// the maximum.
bool Matcher::matchHeads(const ExprRef &expr) {
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
bool Matcher::matchSelect(const ExprRef &expr) {
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
  return mask.match(expr->args[0], isNegated) && matchLogits(inside);
}

/// The logits plus 0 inside of a range, plus -inf outside.
bool Matcher::matchAddedMask(const ExprRef &expr) {
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
  return mask.match(added->args[0], isNegated) &&
         matchLogits(expr->args[1 - i]);
}

/// The sum over heads, perhaps times factors, perhaps masked and rounded.
bool Matcher::matchLogits(const ExprRef &expr) {
  if (expr->isOp<arith::TruncFOp>())
    return matchLogits(expr->args[0]);
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

/// f8E4M3FN has no infinity, and sums of products of its numbers fit f32.
bool Matcher::hasFiniteScores() const {
  const Contraction &c = result.contraction;
  return c.others.empty() && llvm::all_of(ArrayRef{c.q, c.k}, [](ExprRef expr) {
           ExprRef decoded = getDecoded(expr);
           return decoded && isa<Float8E4M3FNType>(decoded->getType());
         });
}

/// q or k as a narrow float, or as f32 that may be rounded.
bool Matcher::takeInput(const ExprRef &input, StringRef name, ExprRef &taken) {
  taken = getDecoded(input);
  if (!taken && input->getType().isF32() && assumptions.operandType) {
    taken = input;
    return true;
  }
  std::string type;
  llvm::raw_string_ostream(type) << (taken ? taken : input)->getType();
  if (taken && isa<Float8E4M3FNType, Float8E5M2Type, BFloat16Type, Float16Type>(
                   taken->getType()))
    return true;
  StringRef types = "of f8E4M3FN, f8E5M2, bf16 or f16";
  const ExprRef &sum = result.contraction.sum;
  if (taken)
    return fail(sum, name + " is of " + type + ", not " + types);
  return fail(sum, name + " is of " + type + ", not decoded " +
                       "from f8E4M3FN, f8E5M2, bf16 or f16" +
                       (input->getType().isF32()
                            ? "; the option 'operand-type' would round it"
                            : ""));
}

/// The type that holds all numbers of both; null if there is none.
static Type getCommonType(Type a, Type b) {
  if (a == b)
    return a;
  // Both 16-bit types hold all numbers of 8 bits.
  for (auto [wide, narrow] : {std::pair(a, b), std::pair(b, a)})
    if (narrow.getIntOrFloatBitWidth() == 8 &&
        wide.getIntOrFloatBitWidth() == 16)
      return wide;
  return a.getIntOrFloatBitWidth() == 8 ? BFloat16Type::get(a.getContext())
                                        : Type();
}

/// q and k, of one type.
bool Matcher::takeInputs() {
  const Contraction &c = result.contraction;
  if (!takeInput(c.q, "q", result.q) || !takeInput(c.k, "k", result.k))
    return false;
  auto getInputType = [&](const ExprRef &expr) {
    return expr->getType().isF32() ? assumptions.operandType : expr->getType();
  };
  result.inputType =
      getCommonType(getInputType(result.q), getInputType(result.k));
  if (!result.inputType)
    return fail(c.sum, "q and k are of bf16 and f16");
  SmallVector<int> ofQ = c.getRows(), ofK = c.getKeys();
  llvm::append_range(ofQ, c.heads);
  llvm::append_range(ofQ, c.headDim);
  llvm::append_range(ofK, c.groups);
  llvm::append_range(ofK, c.headDim);
  return canCompute(result.q, ofQ) && canCompute(result.k, ofK);
}

/// All heads are summed; those of one group follow each other.
bool Matcher::orderHeads(const ExprRef &root) {
  Contraction &c = result.contraction;
  if (free.getSet(summed) != free.getSet(c.heads))
    return fail(root, "the sums are over something else than the heads of q");
  auto isGroup = [&](int atom) { return llvm::is_contained(c.groups, atom); };
  llvm::stable_sort(summed,
                    [&](int a, int b) { return isGroup(a) && !isGroup(b); });
  c.heads = summed;
  c.groups = llvm::to_vector(llvm::make_filter_range(summed, isGroup));
  return true;
}

static int64_t getProduct(ArrayRef<int> atoms, const IndexVariables &vars) {
  int64_t product = 1;
  for (int atom : atoms) {
    int64_t size = vars.getSize(atom);
    if (ShapedType::isDynamic(size))
      return size;
    product *= size;
  }
  return product;
}

/// What mqa.logits takes.
bool Matcher::checkSizes() {
  const Contraction &c = result.contraction;
  if (exprs.vars.disagree())
    return fail(c.sum, "types disagree about a size, or one is negative");
  int64_t heads = getProduct(c.heads, exprs.vars),
          headDim = getProduct(c.headDim, exprs.vars);
  if (ShapedType::isDynamic(heads) || ShapedType::isDynamic(headDim))
    return fail(c.sum, "the number of heads or the head dim is not static");
  if (heads < 1 || heads > 128)
    return fail(c.sum, "there are " + Twine(heads) + " heads, not 1 to 128");
  if (headDim < 16 || headDim > 256 || headDim % 16)
    return fail(c.sum, "the head dim is " + Twine(headDim) +
                           ", not a multiple of 16 up to 256");
  SmallVector<int> all = c.getRows();
  llvm::append_range(all, c.key);
  if (!TensorEmitter::haveSizes(all, exprs))
    return fail(c.sum, "no tensor has the sizes of the logits");
  return true;
}

bool Matcher::checkBounds() {
  const Contraction &c = result.contraction;
  KeyRange &range = mask.range;
  // Ranges begin with key 0 in any case.
  llvm::erase_if(range.lower, [](const Bound &bound) {
    return bound.terms.empty() && bound.offset <= 0;
  });
  for (const auto *bounds : {&range.lower, &range.upper})
    for (const Bound &bound : *bounds)
      for (const auto &[term, isNegated] : bound.terms)
        if (!canCompute(term, c.getRows()))
          return false;
  for (const auto &[condition, isNegated] : range.conditions)
    if (!canCompute(condition, c.getRows()))
      return false;
  result.range = range;
  return true;
}

bool Matcher::match(const ExprRef &root) {
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
  expr = rollSums(expr, *exprs);
  FreeVariables free(exprs->vars);
  std::vector<Contraction> contractions =
      findContractions(expr, dims, exprs->vars, free);
  if (contractions.empty())
    if (ExprRef reshape = findHidingReshape(expr))
      mismatch.note(reshape, "'" +
                                 Twine(reshape->op->getName().getStringRef()) +
                                 "' " + reshape->why);
  for (const Contraction &contraction : contractions) {
    // Without a dimension of queries, a reduction in any attention is near, if
    // it is not of maxima.
    Mismatch silent;
    Mismatch &noted =
        contraction.query.empty() && !hasCutSum(expr) ? silent : mismatch;
    noted.contraction = contraction.sum->op;
    Matcher matcher(*exprs, free, contraction, assumptions, noted);
    if (!matcher.match(expr))
      continue;
    LogitsMatch result = std::move(matcher.result);
    for (int var : dims)
      result.rootGroups.push_back(exprs->vars.getAtoms(var));
    result.exprs = std::move(exprs);
    return result;
  }
  return std::nullopt;
}
