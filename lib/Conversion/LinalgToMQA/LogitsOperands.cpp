//===- LogitsOperands.cpp - What the operands of matched logits are -------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "LogitsMatcher.h"

#include <cmath>

using namespace mlir;
using namespace mlir::mqa;

bool LogitsMatcher::canCompute(const ExprRef &expr, ArrayRef<int> atoms) {
  return TensorEmitter::canCompute(expr, free.getSet(atoms), exprs, free) ||
         fail(expr, "this number is not that of a tensor of the program");
}

/// Takes a factor of the logits. One inside of the maximum may be outside too
/// only if it is not negative. A scale is a factor of q or k itself.
bool LogitsMatcher::takeFactor(const ExprRef &factor, const ExprRef &product,
                               bool isCutOff, bool isScale) {
  const Contraction &c = result.contraction;
  ExprRef expr = rolled.getOriginal(factor);
  if (std::optional<double> constant = getConstant(expr)) {
    if (isCutOff && !(*constant > 0 && std::isfinite(*constant)))
      return fail(product,
                  "the maximum has a factor inside that is not positive");
    // Their product is a factor of f32. A zero stays one.
    double next = result.constant * *constant;
    bool isZero = next == 0 && (result.constant == 0 || *constant == 0);
    if (!isZero && !std::isnormal(static_cast<float>(next)))
      return fail(product, "the product of the constant factors is no number "
                           "that f32 has");
    result.constant = next;
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

/// f8E4M3FN has no infinity, and sums of products of its numbers fit f32.
bool LogitsMatcher::hasFiniteScores() const {
  const Contraction &c = result.contraction;
  return c.others.empty() && llvm::all_of(ArrayRef{c.q, c.k}, [](ExprRef expr) {
           ExprRef decoded = getDecoded(expr);
           return decoded && isa<Float8E4M3FNType>(decoded->getType());
         });
}

/// q or k as a narrow float, or as f32 that may be rounded.
bool LogitsMatcher::takeInput(const ExprRef &factor, StringRef name,
                              ExprRef &taken) {
  ExprRef input = rolled.getOriginal(factor);
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
bool LogitsMatcher::takeInputs() {
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
bool LogitsMatcher::orderHeads(const ExprRef &root) {
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
bool LogitsMatcher::checkSizes() {
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

bool LogitsMatcher::checkBounds() {
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
