//===- LogitsToLinalg.cpp - Loops over the queries of an op ---------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "LogitsToLinalg.h"

#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/Interfaces/FunctionInterfaces.h"
#include "mlir/Interfaces/ValueBoundsOpInterface.h"

using namespace mlir;
using namespace mlir::mqa;
using utils::IteratorType;

//===----------------------------------------------------------------------===//
// Ops and views
//===----------------------------------------------------------------------===//

/// Static scratch lives on the stack of the function, once; what is dynamic or
/// large on the heap.
Value LogitsToLinalg::allocate(ArrayRef<int64_t> shape, Type elementType) {
  auto type = MemRefType::get(shape, elementType);
  auto alignment = b.getI64IntegerAttr(64);
  constexpr int64_t kMaxStackBytes = 1 << 19;
  int64_t elementBytes = elementType.getIntOrFloatBitWidth() / 8;
  if (type.hasStaticShape() &&
      type.getNumElements() * elementBytes <= kMaxStackBytes) {
    OpBuilder::InsertionGuard guard(b);
    auto func = op->getParentOfType<FunctionOpInterface>();
    b.setInsertionPointToStart(&func.getFunctionBody().front());
    return memref::AllocaOp::create(b, loc, type, alignment);
  }
  SmallVector<Value> sizes(type.getNumDynamicDims(), numKeys);
  Value buffer = memref::AllocOp::create(b, loc, type, sizes, alignment);
  heapBuffers.push_back(buffer);
  return buffer;
}

Value LogitsToLinalg::dropDim(Value memref, unsigned dim,
                              OpFoldResult position) {
  auto type = cast<MemRefType>(memref.getType());
  SmallVector<OpFoldResult> offsets(type.getRank(), b.getIndexAttr(0));
  SmallVector<OpFoldResult> sizes = memref::getMixedSizes(b, loc, memref);
  SmallVector<OpFoldResult> strides(type.getRank(), b.getIndexAttr(1));
  offsets[dim] = position;
  sizes[dim] = b.getIndexAttr(1);
  SmallVector<int64_t> shape(type.getShape());
  shape.erase(shape.begin() + dim);
  auto reduced = memref::SubViewOp::inferRankReducedResultType(
      shape, type, offsets, sizes, strides);
  return memref::SubViewOp::create(b, loc, reduced, memref, offsets, sizes,
                                   strides);
}

Value LogitsToLinalg::getColumns(Value row, OpFoldResult from,
                                 OpFoldResult count) {
  return memref::SubViewOp::create(b, loc, row, ArrayRef<OpFoldResult>{from},
                                   ArrayRef<OpFoldResult>{count},
                                   ArrayRef<OpFoldResult>{b.getIndexAttr(1)});
}

Value LogitsToLinalg::getRows(Value memref, OpFoldResult first, int64_t count) {
  int64_t rank = cast<MemRefType>(memref.getType()).getRank();
  SmallVector<OpFoldResult> offsets(rank, b.getIndexAttr(0));
  SmallVector<OpFoldResult> sizes = memref::getMixedSizes(b, loc, memref);
  SmallVector<OpFoldResult> strides(rank, b.getIndexAttr(1));
  offsets[0] = first;
  sizes[0] = b.getIndexAttr(count);
  return memref::SubViewOp::create(b, loc, memref, offsets, sizes, strides);
}

void LogitsToLinalg::forEach(Value from, Value to, int64_t step,
                             function_ref<void(Value)> body) {
  OpBuilder::InsertionGuard guard(b);
  auto loop = scf::ForOp::create(b, loc, from, to, constant(step));
  b.setInsertionPointToStart(loop.getBody());
  body(loop.getInductionVar());
}

void LogitsToLinalg::onlyIf(Value condition, function_ref<void()> body) {
  auto ifOp = scf::IfOp::create(b, loc, condition, /*withElseRegion=*/false);
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToStart(ifOp.thenBlock());
  body();
}

//===----------------------------------------------------------------------===//
// Operands
//===----------------------------------------------------------------------===//

Value LogitsToLinalg::extend(OpBuilder &nested, Value value) {
  if (value.getType().isF32())
    return value;
  return arith::ExtFOp::create(nested, loc, nested.getF32Type(), value);
}

Value LogitsToLinalg::activate(OpBuilder &nested, Value score) {
  switch (op.getActivation()) {
  case Activation::None:
    return score;
  case Activation::Relu: {
    Value zero =
        arith::ConstantOp::create(nested, loc, nested.getF32FloatAttr(0.0));
    // NaN must reach the logit. A score of -0 may stay: a sum that it is added
    // to begins with +0. So a single instruction of x86 does it.
    Value isNegative = arith::CmpFOp::create(
        nested, loc, arith::CmpFPredicate::OGT, zero, score);
    return arith::SelectOp::create(nested, loc, isNegative, zero, score);
  }
  case Activation::ReluNanAsZero: {
    Value zero =
        arith::ConstantOp::create(nested, loc, nested.getF32FloatAttr(0.0));
    // False for NaN. Likewise a single instruction of x86.
    Value isPositive = arith::CmpFOp::create(
        nested, loc, arith::CmpFPredicate::OGT, score, zero);
    return arith::SelectOp::create(nested, loc, isPositive, score, zero);
  }
  }
  llvm_unreachable("all activations are handled");
}

void LogitsToLinalg::combineScaled(vector::CombiningKind kind, Value totals,
                                   Value terms, Value scales) {
  SmallVector<Value> inputs{terms};
  if (scales)
    inputs.push_back(scales);
  SmallVector<AffineMap> maps(inputs.size() + 1, b.getMultiDimIdentityMap(1));
  linalg::GenericOp::create(
      b, loc, inputs, ValueRange{totals}, maps, IteratorType::parallel,
      [&](OpBuilder &nested, Location loc, ValueRange args) {
        Value term = args[0];
        if (scales)
          term = arith::MulFOp::create(nested, loc, term, args[1]);
        linalg::YieldOp::create(
            nested, loc, combineTerms(nested, loc, kind, args.back(), term));
      });
}

void LogitsToLinalg::decode(Value source, Value target) {
  auto type = cast<MemRefType>(target.getType());
  SmallVector<AffineMap> maps(2, b.getMultiDimIdentityMap(type.getRank()));
  SmallVector<IteratorType> iterators(type.getRank(), IteratorType::parallel);
  linalg::GenericOp::create(
      b, loc, ValueRange{source}, ValueRange{target}, maps, iterators,
      [&](OpBuilder &nested, Location loc, ValueRange args) {
        Value value = args[0];
        if (value.getType() != type.getElementType())
          value =
              arith::ExtFOp::create(nested, loc, type.getElementType(), value);
        linalg::YieldOp::create(nested, loc, value);
      });
}

//===----------------------------------------------------------------------===//
// Queries
//===----------------------------------------------------------------------===//

static int64_t getBound(ValueBoundsConstraintSet::Variable size,
                        int64_t limit) {
  FailureOr<int64_t> bound = ValueBoundsConstraintSet::computeConstantBound(
      presburger::BoundType::UB, size,
      /*stopCondition=*/nullptr, /*closedUB=*/true);
  return succeeded(bound) && *bound <= limit ? std::max<int64_t>(*bound, 1)
                                             : limit;
}

/// Columns that are keys say how many there are; of a cache, a tile does.
Value LogitsToLinalg::countKeys() {
  if (ranges.haveKeyColumns())
    return memref::DimOp::create(b, loc, op.getOut(), int64_t(1));
  if (auto gather = op.getK().getDefiningOp<GatherPagesOp>())
    return gather.getNumKeys();
  return memref::DimOp::create(b, loc, op.getK(), int64_t(0));
}

bool LogitsToLinalg::mayEndEarly() {
  if (ranges.haveKeyColumns())
    return op.getOutType().isDynamicDim(1);
  return op.getKeyType().isDynamicDim(0);
}

int64_t LogitsToLinalg::boundKeys(int64_t limit) {
  // Tiles of the rest of a sequence may have no key of `k`, but columns.
  if (ranges.haveKeyColumns())
    return getBound({op.getOut(), 1}, limit);
  if (auto gather = op.getK().getDefiningOp<GatherPagesOp>())
    return getBound(gather.getNumKeys(), limit);
  return getBound({op.getK(), 0}, limit);
}

int64_t LogitsToLinalg::boundQueries(int64_t limit) {
  return getBound({op.getOut(), 0}, limit);
}

/// The keys of this op that query m sees: 0 <= first <= second <= numKeys.
std::pair<Value, Value> LogitsToLinalg::getRange(Value m) {
  auto clip = [&](Value bound) -> Value {
    if (op.getKeyOffset())
      bound = sub(bound, op.getKeyOffset());
    return min(max(bound, constant(0)), numKeys);
  };
  Value from = clip(ranges.loadStart(b, loc, m)),
        to = clip(ranges.loadEnd(b, loc, m));
  // An empty or reversed range ends where it begins.
  return {from, max(from, to)};
}

void LogitsToLinalg::forEachQuery(
    Value first, Value end, Value lo, Value hi,
    function_ref<void(Value, Value, Value)> body) {
  forEach(first, end, 1, [&](Value m) {
    auto [start, stop] = getRange(m);
    Value from = max(start, lo), to = min(stop, hi);
    onlyIf(isLess(from, to), [&] { body(m, from, to); });
  });
}

void LogitsToLinalg::run() {
  numKeys = countKeys();
  numQueries = memref::DimOp::create(b, loc, op.getOut(), int64_t(0));
  // Nothing is decoded that no query sees.
  Value zero = constant(0);
  auto seen = scf::ForOp::create(b, loc, zero, numQueries, constant(1),
                                 ValueRange{numKeys, zero});
  {
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPointToStart(seen.getBody());
    auto [from, to] = getRange(seen.getInductionVar());
    Value lo = seen.getRegionIterArg(0), hi = seen.getRegionIterArg(1);
    Value some = isLess(from, to);
    scf::YieldOp::create(
        b, loc,
        ValueRange{arith::SelectOp::create(b, loc, some, min(lo, from), lo),
                   arith::SelectOp::create(b, loc, some, max(hi, to), hi)});
  }
  Value lo = seen.getResult(0), hi = seen.getResult(1);
  onlyIf(isLess(lo, hi), [&] {
    writeLogits(lo, hi);
    for (Value buffer : heapBuffers)
      memref::DeallocOp::create(b, loc, buffer);
  });
  if (op.getClean())
    forEach(numQueries, [&](Value m) {
      auto [from, to] = getRange(m);
      cleanQuery(m, from, to);
    });
  b.eraseOp(op);
}
