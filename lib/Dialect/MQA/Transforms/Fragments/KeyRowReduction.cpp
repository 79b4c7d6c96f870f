//===- KeyRowReduction.cpp - Reductions over heads that are columns -------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "DistributeOps.h"
#include "mqa/Dialect/MQA/IR/CombineHeads.h"
#include "mqa/Dialect/MQA/IR/Shapes.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"

using namespace mlir;
using namespace mlir::mqa;

namespace {
/// What one thread adds up, or takes the maximum of: it has two keys of a
/// product and a quarter of the heads.
class KeyRowReduction {
public:
  KeyRowReduction(IRRewriter &b, KeyRowsLayout &layout, VectorScalars &scalars,
                  vector::CombiningKind kind)
      : b(b), layout(layout), scalars(scalars), kind(kind) {}

  FailureOr<SmallVector<Element>>
  reduceInThread(vector::MultiDimReductionOp reduction);
  SmallVector<Element> combineHalves(Location loc, ArrayRef<Element> elements);
  Value reduceOverQuad(Location loc, SmallVector<Element> &sums,
                       int64_t numProducts);

private:
  LogicalResult addTerm(vector::MultiDimReductionOp reduction,
                        const Coordinates &at, Element &sum);

  IRRewriter &b;
  KeyRowsLayout &layout;
  VectorScalars &scalars;
  vector::CombiningKind kind;
};
} // namespace

/// Combines the element `at` of what is reduced with `sum`, which has no value
/// yet if this is the first. A product that is added is a fused multiply-add.
LogicalResult KeyRowReduction::addTerm(vector::MultiDimReductionOp reduction,
                                       const Coordinates &at, Element &sum) {
  Location loc = reduction.getLoc();
  auto product = reduction.getSource().getDefiningOp<arith::MulFOp>();
  bool isFused = product && kind == vector::CombiningKind::ADD;
  if (!isFused || !sum.value) {
    FailureOr<Value> term = scalars.emit(reduction.getSource(), at);
    if (failed(term))
      return failure();
    sum.value =
        sum.value ? combineTerms(b, loc, kind, sum.value, *term) : *term;
    return success();
  }
  FailureOr<Value> lhs = scalars.emit(product.getLhs(), at),
                   rhs = scalars.emit(product.getRhs(), at);
  if (failed(lhs) || failed(rhs))
    return failure();
  sum.value = math::FmaOp::create(b, loc, *lhs, *rhs, sum.value);
  return success();
}

/// The thread's own part of the reduction, on top of that of the reduction it
/// goes on from: for each query and key, one over the even heads and one over
/// the odd ones, so that more of them are under way at a time.
FailureOr<SmallVector<Element>>
KeyRowReduction::reduceInThread(vector::MultiDimReductionOp reduction) {
  VectorType type = reduction.getSourceVectorType();
  if (type.getRank() != 3 ||
      reduction.getReductionMask() != SmallVector<bool>{false, false, true})
    return reduction.emitError("must reduce the last of three dims");
  if (reduction.getKind() != kind)
    return reduction.emitError("must be of the kind of those that it is "
                               "joined with");
  if (failed(verifyHeadReduction(reduction)))
    return failure();
  if (type.getDimSize(0) != shapes::kGroupRows ||
      type.getDimSize(1) != layout.getNumQueries() ||
      type.getDimSize(2) != layout.getHeads() || !type.getElementType().isF32())
    return reduction.emitError()
           << "must be of f32 and of a product's " << shapes::kGroupRows
           << " keys, " << layout.getNumQueries() << " queries and "
           << layout.getHeads() << " heads, found " << type;
  SmallVector<Element> sums;
  if (auto previous =
          reduction.getAcc().getDefiningOp<vector::MultiDimReductionOp>()) {
    FailureOr<SmallVector<Element>> partial = reduceInThread(previous);
    if (failed(partial))
      return failure();
    sums = std::move(*partial);
  } else {
    for (int64_t query = 0; query < layout.getNumQueries(); ++query)
      for (int64_t half = 0; half < FragmentLayout::kRowHalves; ++half)
        for (int64_t e = 0; e < FragmentLayout::kColumnPair; ++e)
          sums.push_back(
              {{layout.getKey(half), layout.getQuery(query)}, Value()});
  }

  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPoint(reduction);
  // Head by head: neighbours multiply by the same weight.
  for (int64_t j = 0; j < layout.getHeads();
       j += FragmentLayout::kColumnsPerQuad)
    for (auto [i, sum] : llvm::enumerate(sums)) {
      Coordinates at = sum.at;
      at.push_back(layout.getHead(j + i % FragmentLayout::kColumnPair));
      if (failed(addTerm(reduction, at, sum)))
        return failure();
    }
  return sums;
}

/// Combines even and odd heads.
SmallVector<Element>
KeyRowReduction::combineHalves(Location loc, ArrayRef<Element> elements) {
  SmallVector<Element> sums;
  for (size_t i = 0; i < elements.size(); i += FragmentLayout::kColumnPair)
    sums.push_back(
        {elements[i].at,
         combineTerms(b, loc, kind, elements[i].value, elements[i + 1].value)});
  return sums;
}

/// Combines heads over the lanes of a quad. By the lowest bit of its number,
/// each lane ends with one of its two keys of a product; by the next bit, with
/// every other query, or if there is one query, with every other product. If
/// there is one product, too, two lanes end with the same sum; returns whether
/// this is the first of them, or null.
Value KeyRowReduction::reduceOverQuad(Location loc, SmallVector<Element> &sums,
                                      int64_t numProducts) {
  combineOverLanes(b, loc, layout, kind, sums, /*dim=*/0, /*bit=*/0,
                   FragmentLayout::kHalfRows);
  if (layout.getNumQueries() > 1) {
    combineOverLanes(b, loc, layout, kind, sums, /*dim=*/1, /*bit=*/1,
                     /*delta=*/1);
    return {};
  }
  if (numProducts % 2 == 0) {
    combineOverLanes(b, loc, layout, kind, sums, /*dim=*/0, /*bit=*/1,
                     shapes::kGroupRows);
    return {};
  }
  for (Element &sum : sums)
    sum.value = combineTerms(b, loc, kind, sum.value,
                             exchange(b, loc, sum.value, /*bit=*/1));
  return layout.isFirstOf(/*bit=*/1);
}

FailureOr<Value> mqa::distributeKeyRowReduction(
    IRRewriter &b, KeyRowsLayout &layout, VectorScalars &scalars,
    ArrayRef<vector::MultiDimReductionOp> reductions, Value sums) {
  vector::MultiDimReductionOp first = reductions.front();
  KeyRowReduction reducer(b, layout, scalars, first.getKind());
  SmallVector<Element> all;
  OpBuilder::InsertionGuard guard(b);
  int64_t firstKey = 0;
  for (vector::MultiDimReductionOp reduction : reductions) {
    FailureOr<SmallVector<Element>> elements =
        reducer.reduceInThread(reduction);
    if (failed(elements))
      return failure();
    b.setInsertionPoint(reduction);
    for (Element &sum : reducer.combineHalves(reduction.getLoc(), *elements)) {
      sum.at[0].offset += firstKey;
      all.push_back(sum);
    }
    firstKey += shapes::kGroupRows;
  }
  b.setInsertionPoint(sums.getDefiningOp());
  Value isFirst = reducer.reduceOverQuad(sums.getLoc(), all, reductions.size());
  scalars.setElements(sums, all);
  return isFirst;
}
