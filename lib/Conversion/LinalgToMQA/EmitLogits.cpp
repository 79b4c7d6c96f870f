//===- EmitLogits.cpp - The op of logits that were found ------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "EmitLogits.h"
#include "EmitBounds.h"
#include "mqa/Dialect/MQA/IR/MQA.h"

#include "mlir/Dialect/Affine/IR/AffineOps.h"
#include "mlir/Dialect/Arith/Utils/Utils.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

using namespace mlir;
using namespace mlir::mqa;

namespace {
class LogitsEmitter {
public:
  LogitsEmitter(OpBuilder &b, Location loc, LogitsMatch &match)
      : b(b), loc(loc), match(match), c(match.contraction),
        tensors(b, loc, *match.exprs),
        isCompressed(!c.batch.empty() && match.range.lower.empty()),
        isLoop(!c.batch.empty() && !isCompressed) {}
  Value emit(RankedTensorType type);

private:
  Value getInput(const ExprRef &expr, const DimGroups &groups);
  Value getInput(const ExprRef &expr, const DimGroups &groups, Type type);
  Value getProduct(ArrayRef<ExprRef> factors, const DimGroups &groups,
                   double constant, bool mayBeBF16 = false);
  DimGroups getGroups(ArrayRef<int> dims, ArrayRef<SmallVector<int>> inner);
  void setOperands();
  Value emitOp(ArrayRef<Value> operands, Value init);
  Value emitLoop(Type elementType);

  OpBuilder &b;
  Location loc;
  LogitsMatch &match;
  const Contraction &c;
  TensorEmitter tensors;
  /// A batch is one op on the rows and keys of all sequences, whose logits
  /// begin with the first key of a sequence; or, if ranges begin elsewhere, a
  /// loop of ops.
  bool isCompressed, isLoop;
  /// Of a sequence, and those of a tensor of bounds.
  OpFoldResult numKeys;
  SmallVector<OpFoldResult> rowSizes;
  /// q, k, k_scale, weights, ks and ke; null for what is left out. In a loop,
  /// the first dimension is that of the batch.
  SmallVector<Value> operands;
};
} // namespace

Value LogitsEmitter::getInput(const ExprRef &expr, const DimGroups &groups) {
  if (Value tensor = tensors.find(expr, groups))
    return tensor;
  return tensors.compute(
      expr, groups, expr->getType(),
      [](OpBuilder &, ArrayRef<Value> values) { return values[0]; });
}

/// As a tensor of `type`, to which a wider number is rounded.
Value LogitsEmitter::getInput(const ExprRef &expr, const DimGroups &groups,
                              Type type) {
  if (expr->getType() == type)
    return getInput(expr, groups);
  return tensors.compute(
      expr, groups, type, [&](OpBuilder &inner, ArrayRef<Value> values) {
        unsigned from = values[0].getType().getIntOrFloatBitWidth();
        return from < type.getIntOrFloatBitWidth()
                   ? arith::ExtFOp::create(inner, loc, type, values[0])
                         .getResult()
                   : arith::TruncFOp::create(inner, loc, type, values[0])
                         .getResult();
      });
}

/// The product of factors of f32; a single one is left as bf16 if it may be.
Value LogitsEmitter::getProduct(ArrayRef<ExprRef> factors,
                                const DimGroups &groups, double constant,
                                bool mayBeBF16) {
  Type f32 = b.getF32Type();
  if (factors.size() == 1 && constant == 1) {
    ExprRef decoded = getDecoded(factors[0]);
    if (mayBeBF16 && decoded && decoded->getType().isBF16())
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

/// Dimensions of an operand: those of a batch and `dims`, then `inner`.
DimGroups LogitsEmitter::getGroups(ArrayRef<int> dims,
                                   ArrayRef<SmallVector<int>> inner) {
  DimGroups groups;
  SmallVector<int> first(c.batch);
  if (isLoop)
    groups.push_back(std::exchange(first, {}));
  llvm::append_range(first, dims);
  groups.push_back(first);
  llvm::append_range(groups, inner);
  return groups;
}

void LogitsEmitter::setOperands() {
  SmallVector<SmallVector<int>> ofScale, ofK;
  if (!c.groups.empty())
    ofScale.push_back(c.groups);
  ofK = ofScale;
  ofK.push_back(c.headDim);
  Value q = getInput(match.q, getGroups(c.query, {c.heads, c.headDim}),
                     match.inputType);
  Value k = getInput(match.k, getGroups(c.key, ofK), match.inputType);
  int64_t rank = isLoop ? 2 : 1;
  rowSizes = llvm::to_vector(
      ArrayRef(tensor::getMixedSizes(b, loc, q)).take_front(rank));
  numKeys = tensor::getMixedSize(b, loc, k, rank - 1);
  if (isCompressed) {
    numKeys = b.getIndexAttr(1);
    for (int atom : c.key)
      numKeys = affine::makeComposedFoldedAffineApply(
          b, loc, b.getAffineSymbolExpr(0) * b.getAffineSymbolExpr(1),
          {numKeys, tensors.getSize(atom)});
  }
  Value weights, scale;
  bool hasWeights = !match.weights.empty();
  if (hasWeights)
    weights = getProduct(match.weights, getGroups(c.query, {c.heads}),
                         match.constant, /*mayBeBF16=*/true);
  double constant = hasWeights ? 1 : match.constant;
  if (!match.scales.empty()) {
    scale = getProduct(match.scales, getGroups(c.key, ofScale), constant);
  } else if (constant != 1) {
    SmallVector<OpFoldResult> sizes = tensor::getMixedSizes(b, loc, k);
    sizes.pop_back();
    scale = tensors.fill(
        sizes, arith::ConstantOp::create(b, loc, b.getF32FloatAttr(constant)));
  }
  BoundEmitter bounds(b, loc, match, tensors, isCompressed, numKeys);
  DimGroups ofRows = getGroups(c.query, {});
  Value ks = bounds.getLower(ofRows), ke = bounds.getUpper(ofRows, rowSizes);
  operands = {q, k, scale, weights, ks, ke};
}

/// The op on `operands`, which are as the member is, for `init`.
Value LogitsEmitter::emitOp(ArrayRef<Value> operands, Value init) {
  auto unitIf = [&](bool holds) {
    return holds ? b.getUnitAttr() : UnitAttr();
  };
  auto activation = ActivationAttr::get(
      b.getContext(), match.relu ? Activation::Relu : Activation::None);
  return LogitsOp::create(
             b, loc, init.getType(), operands[0], operands[1], operands[2],
             operands[3], operands[4], operands[5], /*ranges=*/Value(),
             /*key_offset=*/Value(), init, /*key_blocks=*/Value(),
             /*num_key_blocks=*/Value(), /*q_scale=*/Value(),
             unitIf(match.clean), unitIf(isCompressed), activation,
             /*schedule=*/ScheduleAttr(),
             /*block_max=*/IntegerAttr(), /*key_block_size=*/IntegerAttr(),
             HeadReductionAttr::get(b.getContext(), HeadReduction::Sum))
      .getResult();
}

/// An op for each sequence of a batch.
Value LogitsEmitter::emitLoop(Type elementType) {
  // One of the first dimension, all of the others.
  auto getSlice = [&](Value tensor, Value at,
                      SmallVector<OpFoldResult> &offsets,
                      SmallVector<OpFoldResult> &sizes) {
    sizes = tensor::getMixedSizes(b, loc, tensor);
    sizes[0] = b.getIndexAttr(1);
    offsets.assign(sizes.size(), b.getIndexAttr(0));
    offsets[0] = at;
  };
  auto take = [&](Value tensor, Value at) -> Value {
    if (!tensor)
      return Value();
    SmallVector<OpFoldResult> offsets, sizes;
    getSlice(tensor, at, offsets, sizes);
    auto type = cast<RankedTensorType>(tensor.getType());
    return tensor::ExtractSliceOp::create(
        b, loc,
        RankedTensorType::get(type.getShape().drop_front(),
                              type.getElementType()),
        tensor, offsets, sizes,
        SmallVector<OpFoldResult>(type.getRank(), b.getIndexAttr(1)));
  };
  SmallVector<OpFoldResult> all = rowSizes;
  all.push_back(numKeys);
  Value init = tensor::EmptyOp::create(b, loc, all, elementType);
  auto getIndex = [&](OpFoldResult index) {
    return getValueOrCreateConstantIndexOp(b, loc, index);
  };
  auto loop =
      scf::ForOp::create(b, loc, getIndex(b.getIndexAttr(0)), getIndex(all[0]),
                         getIndex(b.getIndexAttr(1)), init);
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToStart(loop.getBody());
  Value at = loop.getInductionVar(), done = loop.getRegionIterArg(0);
  SmallVector<Value> own;
  for (Value operand : operands)
    own.push_back(take(operand, at));
  Value logits = emitOp(own, take(done, at));
  SmallVector<OpFoldResult> offsets, sizes;
  getSlice(done, at, offsets, sizes);
  Value next = tensor::InsertSliceOp::create(
      b, loc, logits, done, offsets, sizes,
      SmallVector<OpFoldResult>(3, b.getIndexAttr(1)));
  scf::YieldOp::create(b, loc, next);
  return loop.getResult(0);
}

Value LogitsEmitter::emit(RankedTensorType type) {
  setOperands();
  Value result;
  if (isLoop) {
    result = emitLoop(type.getElementType());
  } else {
    Value init = tensor::EmptyOp::create(
        b, loc, ArrayRef<OpFoldResult>{rowSizes[0], numKeys},
        type.getElementType());
    result = emitOp(operands, init);
  }
  result =
      tensors.relayout(result, getGroups(c.query, {c.key}), match.rootGroups);
  if (result.getType() != type)
    result = tensor::CastOp::create(b, loc, type, result);
  return result;
}

Value mqa::emitLogits(OpBuilder &b, Location loc, LogitsMatch &match,
                      RankedTensorType type) {
  return LogitsEmitter(b, loc, match).emit(type);
}
