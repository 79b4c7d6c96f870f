//===- KeyRowSums.cpp - Sums over heads that are columns ------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "DistributeOps.h"
#include "mqa/Dialect/MQA/IR/Shapes.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/IR/Matchers.h"

using namespace mlir;
using namespace mlir::mqa;

namespace {
/// The sums of one thread, which has two keys of a product and a quarter of the
/// heads.
class KeyRowSums {
public:
  KeyRowSums(IRRewriter &b, KeyRowsLayout &layout, VectorScalars &scalars)
      : b(b), layout(layout), scalars(scalars) {}

  FailureOr<SmallVector<Element>>
  sumInThread(vector::MultiDimReductionOp reduction);
  SmallVector<Element> addHalves(Location loc, ArrayRef<Element> elements);
  Value sumOverQuad(Location loc, SmallVector<Element> &sums,
                    int64_t numProducts);

private:
  LogicalResult addTerm(vector::MultiDimReductionOp reduction,
                        const Coordinates &at, Element &sum);

  IRRewriter &b;
  KeyRowsLayout &layout;
  VectorScalars &scalars;
};
} // namespace

/// Adds the element `at` of what is reduced to `sum`, which has no value yet if
/// this is the first. A product is a fused multiply-add.
LogicalResult KeyRowSums::addTerm(vector::MultiDimReductionOp reduction,
                                  const Coordinates &at, Element &sum) {
  Location loc = reduction.getLoc();
  auto product = reduction.getSource().getDefiningOp<arith::MulFOp>();
  if (!product || !sum.value) {
    FailureOr<Value> term = scalars.emit(reduction.getSource(), at);
    if (failed(term))
      return failure();
    sum.value =
        sum.value ? arith::AddFOp::create(b, loc, sum.value, *term).getResult()
                  : *term;
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
/// adds to: for each query and key, a sum over the even heads and one over the
/// odd ones, so that more sums are under way at a time.
FailureOr<SmallVector<Element>>
KeyRowSums::sumInThread(vector::MultiDimReductionOp reduction) {
  VectorType type = reduction.getSourceVectorType();
  if (type.getRank() != 3 ||
      reduction.getKind() != vector::CombiningKind::ADD ||
      reduction.getReductionMask() != SmallVector<bool>{false, false, true})
    return reduction.emitError("must add up the last of three dims");
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
    FailureOr<SmallVector<Element>> partial = sumInThread(previous);
    if (failed(partial))
      return failure();
    sums = std::move(*partial);
  } else if (!matchPattern(reduction.getAcc(), m_AnyZeroFloat())) {
    return reduction.emitError("must add to zero or to another reduction");
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

/// Adds up even and odd heads.
SmallVector<Element> KeyRowSums::addHalves(Location loc,
                                           ArrayRef<Element> elements) {
  SmallVector<Element> sums;
  for (size_t i = 0; i < elements.size(); i += FragmentLayout::kColumnPair)
    sums.push_back(
        {elements[i].at, arith::AddFOp::create(b, loc, elements[i].value,
                                               elements[i + 1].value)});
  return sums;
}

/// Adds up over the lanes of a quad. By the lowest bit of its number, each lane
/// ends with one of its two keys of a product; by the next bit, with every
/// other query, or if there is one query, with every other product. If there is
/// one product, too, two lanes end with the same sum; returns whether this is
/// the first of them, or null.
Value KeyRowSums::sumOverQuad(Location loc, SmallVector<Element> &sums,
                              int64_t numProducts) {
  sumOverLanes(b, loc, layout, sums, /*dim=*/0, /*bit=*/0,
               FragmentLayout::kHalfRows);
  if (layout.getNumQueries() > 1) {
    sumOverLanes(b, loc, layout, sums, /*dim=*/1, /*bit=*/1, /*delta=*/1);
    return {};
  }
  if (numProducts % 2 == 0) {
    sumOverLanes(b, loc, layout, sums, /*dim=*/0, /*bit=*/1,
                 shapes::kGroupRows);
    return {};
  }
  for (Element &sum : sums)
    sum.value = arith::AddFOp::create(b, loc, sum.value,
                                      exchange(b, loc, sum.value, /*bit=*/1));
  return layout.isFirstOf(/*bit=*/1);
}

FailureOr<Value> mqa::distributeKeyRowSums(
    IRRewriter &b, KeyRowsLayout &layout, VectorScalars &scalars,
    ArrayRef<vector::MultiDimReductionOp> reductions, Value sums) {
  KeyRowSums adder(b, layout, scalars);
  SmallVector<Element> all;
  OpBuilder::InsertionGuard guard(b);
  int64_t firstKey = 0;
  for (vector::MultiDimReductionOp reduction : reductions) {
    FailureOr<SmallVector<Element>> elements = adder.sumInThread(reduction);
    if (failed(elements))
      return failure();
    b.setInsertionPoint(reduction);
    for (Element &sum : adder.addHalves(reduction.getLoc(), *elements)) {
      sum.at[0].offset += firstKey;
      all.push_back(sum);
    }
    firstKey += shapes::kGroupRows;
  }
  b.setInsertionPoint(sums.getDefiningOp());
  Value isFirst = adder.sumOverQuad(sums.getLoc(), all, reductions.size());
  scalars.setElements(sums, all);
  return isFirst;
}
