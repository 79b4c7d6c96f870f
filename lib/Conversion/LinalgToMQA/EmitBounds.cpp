//===- EmitBounds.cpp - The bounds of ranges of keys ----------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "EmitBounds.h"

#include "mlir/Dialect/Arith/Utils/Utils.h"

using namespace mlir;
using namespace mlir::mqa;

Value BoundEmitter::toInt64(OpBuilder &inner, OpFoldResult index) {
  return arith::IndexCastOp::create(
      inner, loc, inner.getI64Type(),
      getValueOrCreateConstantIndexOp(inner, loc, index));
}

/// `value` between two others; null ones are no limits.
Value BoundEmitter::clamp(OpBuilder &inner, Value value, Value low,
                          Value high) {
  if (low)
    value = arith::MaxSIOp::create(inner, loc, value, low);
  if (high)
    value = arith::MinSIOp::create(inner, loc, value, high);
  return value;
}

/// The sum of `terms`, as 64 bits, but within the numbers of 32 bits.
Value BoundEmitter::emitBound(OpBuilder &inner, const Bound &bound,
                              ArrayRef<Value> terms) {
  // What is beyond this is no key, also when it is divided by the factor of a
  // mask (at most 2^20).
  constexpr int64_t kMost = int64_t(1) << 55;
  constexpr unsigned kWide = 128;
  auto toWide = [](int64_t number) {
    return APInt(kWide, number, /*isSigned=*/true);
  };
  APInt low = toWide(bound.offset), high = low;
  for (auto [term, isNegated] : bound.terms) {
    ConstantIntRanges range = *getIntRange(term, match.exprs->vars);
    APInt min = range.smin().sext(kWide), max = range.smax().sext(kWide);
    low += isNegated ? -max : min;
    high += isNegated ? -min : max;
  }
  // One term is cut before it is added to; a sum of several needs more bits.
  bool isLarge = low.slt(toWide(-kMost)) || high.sgt(toWide(kMost)),
       isWide = isLarge && terms.size() > 1;
  Type type = inner.getIntegerType(isWide ? kWide : 64);
  auto getNumber = [&](int64_t number) -> Value {
    return arith::ConstantOp::create(
        inner, loc,
        inner.getIntegerAttr(
            type, toWide(number).trunc(type.getIntOrFloatBitWidth())));
  };
  auto cut = [&](Value value) {
    return clamp(inner, value, getNumber(-kMost), getNumber(kMost));
  };
  Value sum;
  for (auto [term, operand] : llvm::zip_equal(bound.terms, terms)) {
    Value value = operand;
    if (value.getType().isIndex())
      value = arith::IndexCastOp::create(inner, loc, inner.getI64Type(), value);
    if (value.getType() != type)
      value = arith::ExtSIOp::create(inner, loc, type, value);
    if (isLarge && !isWide)
      value = cut(value);
    if (term.second)
      sum = arith::SubIOp::create(inner, loc, sum ? sum : getNumber(0), value);
    else
      sum = sum ? arith::AddIOp::create(inner, loc, sum, value) : value;
  }
  if (!sum)
    sum = getNumber(bound.offset);
  else if (bound.offset != 0)
    sum = arith::AddIOp::create(inner, loc, sum, getNumber(bound.offset));
  if (isWide)
    sum = arith::TruncIOp::create(inner, loc, inner.getI64Type(), cut(sum));
  if (bound.divisor != 1) {
    // Rounded up. What is below 0 is as good as 0.
    sum = clamp(inner, sum, getInt(inner, 0), Value());
    sum = arith::AddIOp::create(inner, loc, sum,
                                getInt(inner, bound.divisor - 1));
    sum = arith::DivSIOp::create(inner, loc, sum, getInt(inner, bound.divisor));
  }
  return clamp(inner, sum,
               low.slt(toWide(INT32_MIN)) ? getInt(inner, INT32_MIN) : Value(),
               high.sgt(toWide(INT32_MAX)) ? getInt(inner, INT32_MAX)
                                           : Value());
}

/// The first key of each query, or the one behind the last.
Value BoundEmitter::getBound(ArrayRef<Bound> bounds, bool isUpper,
                             const DimGroups &groups,
                             ArrayRef<OpFoldResult> rowSizes) {
  ArrayRef<std::pair<ExprRef, bool>> conditions;
  if (isUpper)
    conditions = match.range.conditions;
  if (bounds.empty() && conditions.empty() && !isCompressed) {
    if (!isUpper)
      return Value();
    Value end = getValueOrCreateConstantIndexOp(b, loc, numKeys);
    return tensors.fill(
        rowSizes, arith::IndexCastOp::create(b, loc, b.getI32Type(), end));
  }
  // A bound that is there as it is.
  if (bounds.size() == 1 && conditions.empty() && !isCompressed &&
      bounds[0].terms.size() == 1 && bounds[0].offset == 0 &&
      bounds[0].divisor == 1 && !bounds[0].terms[0].second) {
    ExprRef term = bounds[0].terms[0].first;
    auto getWidth = [](const ExprRef &expr) {
      return ConstantIntRanges::getStorageBitwidth(expr->getType());
    };
    while (!term->getType().isInteger(32) &&
           (term->isOp<arith::ExtSIOp>() || term->isOp<arith::IndexCastOp>()) &&
           getWidth(term->args[0]) <= getWidth(term))
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
  Value size = isCompressed || bounds.empty() ? toInt64(b, numKeys) : Value();
  SmallVector<Value> batchSizes;
  for (int atom : isCompressed ? ArrayRef(c.batch) : ArrayRef<int>())
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
        else if (isCompressed)
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
