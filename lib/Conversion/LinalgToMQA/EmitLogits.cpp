//===- EmitLogits.cpp - The op of logits that were found ------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "EmitLogits.h"
#include "mqa/Dialect/MQA/IR/MQA.h"

#include "mlir/Dialect/Affine/IR/AffineOps.h"
#include "mlir/Dialect/Arith/Utils/Utils.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

using namespace mlir;
using namespace mlir::mqa;

namespace {
class LogitsEmitter {
public:
  LogitsEmitter(OpBuilder &b, Location loc, LogitsMatch &match)
      : b(b), loc(loc), match(match), c(match.contraction),
        tensors(b, loc, *match.exprs) {}
  Value emit(RankedTensorType type);

private:
  Value getInput(const ExprRef &expr, const DimGroups &groups);
  Value getProduct(ArrayRef<ExprRef> factors, const DimGroups &groups,
                   double constant);
  Value fill(ArrayRef<OpFoldResult> sizes, Value number);
  Value getBound(ArrayRef<Bound> bounds, bool isUpper);
  Value emitBound(OpBuilder &inner, const Bound &bound, ArrayRef<Value> terms);
  Value clamp(OpBuilder &inner, Value value, Value low, Value high);
  Value getInt(OpBuilder &inner, int64_t value) {
    return arith::ConstantIntOp::create(inner, loc, value, 64);
  }
  Value toInt64(OpBuilder &inner, OpFoldResult index);

  OpBuilder &b;
  Location loc;
  LogitsMatch &match;
  const Contraction &c;
  TensorEmitter tensors;
  /// Of a sequence, and of the tensor of queries.
  OpFoldResult numKeys, numRows;
};
} // namespace

Value LogitsEmitter::getInput(const ExprRef &expr, const DimGroups &groups) {
  if (Value tensor = tensors.find(expr, groups))
    return tensor;
  return tensors.compute(
      expr, groups, expr->getType(),
      [](OpBuilder &, ArrayRef<Value> values) { return values[0]; });
}

Value LogitsEmitter::fill(ArrayRef<OpFoldResult> sizes, Value number) {
  Value empty = tensor::EmptyOp::create(b, loc, sizes, number.getType());
  return linalg::FillOp::create(b, loc, number, empty).getResult(0);
}

/// The product of factors of f32, or of a single one of bf16.
Value LogitsEmitter::getProduct(ArrayRef<ExprRef> factors,
                                const DimGroups &groups, double constant) {
  Type f32 = b.getF32Type();
  if (factors.size() == 1 && constant == 1) {
    ExprRef decoded = getDecoded(factors[0]);
    if (decoded && decoded->getType().isBF16())
      if (Value tensor = tensors.find(decoded, groups))
        return tensor;
    return getInput(factors[0], groups);
  }
  return tensors.compute(
      factors, groups, f32, [&](OpBuilder &inner, ArrayRef<Value> values) {
        Value product;
        auto multiply = [&](Value value) {
          product = product ? arith::MulFOp::create(inner, loc, product, value)
                            : value;
        };
        llvm::for_each(values, multiply);
        if (constant != 1)
          multiply(arith::ConstantOp::create(inner, loc,
                                             FloatAttr::get(f32, constant)));
        return product;
      });
}

Value LogitsEmitter::toInt64(OpBuilder &inner, OpFoldResult index) {
  return arith::IndexCastOp::create(
      inner, loc, inner.getI64Type(),
      getValueOrCreateConstantIndexOp(inner, loc, index));
}

/// `value` between two others; null ones are no limits.
Value LogitsEmitter::clamp(OpBuilder &inner, Value value, Value low,
                           Value high) {
  if (low)
    value = arith::MaxSIOp::create(inner, loc, value, low);
  if (high)
    value = arith::MinSIOp::create(inner, loc, value, high);
  return value;
}

/// The sum of `terms`, as 64 bits, but within the numbers of 32 bits.
Value LogitsEmitter::emitBound(OpBuilder &inner, const Bound &bound,
                               ArrayRef<Value> terms) {
  // No sum of a few numbers of that size overflows, and none is a key.
  constexpr int64_t kMaxTerm = int64_t(1) << 40;
  Value sum;
  int64_t low = bound.offset, high = bound.offset;
  for (auto [term, operand] : llvm::zip_equal(bound.terms, terms)) {
    auto [expr, isNegated] = term;
    Value value = operand;
    Type type = value.getType();
    if (type.isIndex())
      value = arith::IndexCastOp::create(inner, loc, inner.getI64Type(), value);
    else if (!type.isInteger(64))
      value = arith::ExtSIOp::create(inner, loc, inner.getI64Type(), value);
    ConstantIntRanges range = *getIntRange(expr, match.exprs->vars);
    int64_t min = range.smin().getSExtValue(),
            max = range.smax().getSExtValue();
    int64_t least = -kMaxTerm, most = kMaxTerm;
    if (bound.terms.size() == 1 && !isNegated)
      least = INT32_MIN - bound.offset, most = INT32_MAX - bound.offset;
    value = clamp(inner, value, min < least ? getInt(inner, least) : Value(),
                  max > most ? getInt(inner, most) : Value());
    min = std::max(min, least), max = std::min(max, most);
    low += isNegated ? -max : min;
    high += isNegated ? -min : max;
    if (isNegated)
      sum = arith::SubIOp::create(inner, loc, sum ? sum : getInt(inner, 0),
                                  value);
    else
      sum = sum ? arith::AddIOp::create(inner, loc, sum, value) : value;
  }
  if (!sum)
    sum = getInt(inner, bound.offset);
  else if (bound.offset != 0)
    sum = arith::AddIOp::create(inner, loc, sum, getInt(inner, bound.offset));
  return clamp(inner, sum, low < INT32_MIN ? getInt(inner, INT32_MIN) : Value(),
               high > INT32_MAX ? getInt(inner, INT32_MAX) : Value());
}

/// The first key of each query, or the one behind the last.
Value LogitsEmitter::getBound(ArrayRef<Bound> bounds, bool isUpper) {
  ArrayRef<std::pair<ExprRef, bool>> conditions;
  if (isUpper)
    conditions = match.range.conditions;
  DimGroups groups = {c.getRows()};
  bool isBatch = !c.batch.empty();
  if (bounds.empty() && conditions.empty() && !isBatch) {
    if (!isUpper)
      return Value();
    Value end = getValueOrCreateConstantIndexOp(b, loc, numKeys);
    return fill(numRows,
                arith::IndexCastOp::create(b, loc, b.getI32Type(), end));
  }
  // A bound that is there as it is.
  if (bounds.size() == 1 && conditions.empty() && !isBatch &&
      bounds[0].terms.size() == 1 && bounds[0].offset == 0 &&
      !bounds[0].terms[0].second) {
    ExprRef term = bounds[0].terms[0].first;
    while (!term->getType().isInteger(32) &&
           (term->isOp<arith::ExtSIOp>() || term->isOp<arith::IndexCastOp>()))
      term = term->args[0];
    if (term->getType().isInteger(32))
      if (Value tensor = tensors.find(term, groups))
        return tensor;
  }
  SmallVector<ExprRef> values;
  for (const Bound &bound : bounds)
    for (const auto &term : bound.terms)
      values.push_back(term.first);
  for (const auto &condition : conditions)
    values.push_back(condition.first);
  // In the body of the new op are no ops that look at a tensor.
  Value size = isBatch || bounds.empty() ? toInt64(b, numKeys) : Value();
  SmallVector<Value> batchSizes;
  for (int atom : c.batch)
    batchSizes.push_back(
        getValueOrCreateConstantIndexOp(b, loc, tensors.getSize(atom)));
  return tensors.compute(
      values, groups, b.getI32Type(),
      [&](OpBuilder &inner, ArrayRef<Value> args) -> Value {
        Value result;
        for (const Bound &bound : bounds) {
          Value next =
              emitBound(inner, bound, args.take_front(bound.terms.size()));
          args = args.drop_front(bound.terms.size());
          if (!result)
            result = next;
          else if (isUpper)
            result = arith::MinSIOp::create(inner, loc, result, next);
          else
            result = arith::MaxSIOp::create(inner, loc, result, next);
        }
        if (!result)
          result = isUpper ? size : getInt(inner, 0);
        else if (isBatch)
          result = clamp(inner, result, getInt(inner, 0), size);
        for (auto [value, condition] : llvm::zip_equal(args, conditions)) {
          Value none = getInt(inner, 0);
          bool isNegated = condition.second;
          result = arith::SelectOp::create(inner, loc, value,
                                           isNegated ? none : result,
                                           isNegated ? result : none);
        }
        // The sequence's first key in the tensor of all keys.
        Value sequence;
        for (auto [i, batchSize] : llvm::enumerate(batchSizes)) {
          Value next = linalg::IndexOp::create(inner, loc, i);
          if (sequence)
            next = arith::AddIOp::create(
                inner, loc,
                arith::MulIOp::create(inner, loc, sequence, batchSize), next);
          sequence = next;
        }
        if (sequence)
          result = arith::AddIOp::create(
              inner, loc, result,
              arith::MulIOp::create(inner, loc, toInt64(inner, sequence),
                                    size));
        return arith::TruncIOp::create(inner, loc, inner.getI32Type(), result);
      });
}

Value LogitsEmitter::emit(RankedTensorType type) {
  SmallVector<int> rows = c.getRows(), keys = c.getKeys();
  DimGroups ofK = {keys}, ofScale = {keys};
  if (!c.groups.empty())
    for (DimGroups *groups : {&ofK, &ofScale})
      groups->push_back(c.groups);
  ofK.push_back(c.headDim);
  Value q = getInput(match.q, {rows, c.heads, c.headDim});
  Value k = getInput(match.k, ofK);
  numRows = tensor::getMixedSize(b, loc, q, 0);
  numKeys = tensor::getMixedSize(b, loc, k, 0);
  if (!c.batch.empty()) {
    numKeys = b.getIndexAttr(1);
    for (int atom : c.key)
      numKeys = affine::makeComposedFoldedAffineApply(
          b, loc, b.getAffineSymbolExpr(0) * b.getAffineSymbolExpr(1),
          {numKeys, tensors.getSize(atom)});
  }
  Value weights, scale;
  bool hasWeights = !match.weights.empty();
  if (hasWeights)
    weights = getProduct(match.weights, {rows, c.heads}, match.constant);
  double constant = hasWeights ? 1 : match.constant;
  if (!match.scales.empty()) {
    scale = getProduct(match.scales, ofScale, constant);
  } else if (constant != 1) {
    SmallVector<OpFoldResult> sizes = tensor::getMixedSizes(b, loc, k);
    sizes.pop_back();
    scale = fill(
        sizes, arith::ConstantOp::create(b, loc, b.getF32FloatAttr(constant)));
  }
  Value ks = getBound(match.range.lower, /*isUpper=*/false);
  Value ke = getBound(match.range.upper, /*isUpper=*/true);
  Value init = tensor::EmptyOp::create(
      b, loc, ArrayRef<OpFoldResult>{numRows, numKeys}, type.getElementType());
  auto unitIf = [&](bool holds) {
    return holds ? b.getUnitAttr() : UnitAttr();
  };
  auto activation = ActivationAttr::get(
      b.getContext(), match.relu ? Activation::Relu : Activation::None);
  // The logits of a sequence begin with its first key.
  auto logits = LogitsOp::create(
      b, loc, init.getType(), q, k, scale, weights, ks, ke, /*ranges=*/Value(),
      /*key_offset=*/Value(), init, /*key_blocks=*/Value(),
      /*num_key_blocks=*/Value(), unitIf(match.clean),
      /*compressed=*/unitIf(!c.batch.empty()), activation,
      /*schedule=*/ScheduleAttr(), /*block_max=*/IntegerAttr(),
      /*key_block_size=*/IntegerAttr());
  Value result =
      tensors.relayout(logits.getResult(), {rows, c.key}, match.rootGroups);
  if (result.getType() != type)
    result = tensor::CastOp::create(b, loc, type, result);
  return result;
}

Value mqa::emitLogits(OpBuilder &b, Location loc, LogitsMatch &match,
                      RankedTensorType type) {
  return LogitsEmitter(b, loc, match).emit(type);
}
