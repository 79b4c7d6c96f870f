//===- DistributeBlockMaximum.cpp - Maxima over blocks, over the lanes ----===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "DistributeOps.h"
#include "mqa/Dialect/MQA/IR/Shapes.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/IR/Matchers.h"
#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace mlir::mqa;
using namespace mlir::mqa::shapes;

bool mqa::isBlockMaximum(vector::MultiDimReductionOp reduction) {
  return reduction.getKind() == vector::CombiningKind::MAXIMUMF &&
         reduction.getReductionMask() == SmallVector<bool>{false, false, true};
}

bool mqa::mayShareColumns(int64_t blockColumns) {
  return blockColumns <= kStoreKeys;
}

FailureOr<int64_t> mqa::getBlockColumns(const FragmentLayout &layout,
                                        vector::MultiDimReductionOp reduction) {
  VectorType type = reduction.getSourceVectorType();
  auto cast = reduction.getSource().getDefiningOp<vector::ShapeCastOp>();
  bool splitsColumns =
      cast && cast.getSourceVectorType().getRank() == 2 &&
      type.getRank() == 3 &&
      cast.getSourceVectorType().getDimSize(0) == type.getDimSize(0);
  if (!splitsColumns || !type.getElementType().isF32() ||
      type.getDimSize(0) != layout.getNumQueries() ||
      reduction.getReductionMask() != SmallVector<bool>{false, false, true})
    return reduction.emitError("must take the maximum over the last dimension "
                               "of f32 logits [query, key], cast to [query, "
                               "block, key]");
  if (!matchPattern(reduction.getAcc(), m_NegInfFloat()))
    return reduction.emitError("must begin with -inf");
  int64_t columns = type.getDimSize(2);
  if (columns < FragmentLayout::kColumnsPerQuad ||
      !llvm::isPowerOf2_64(columns))
    return reduction.emitError()
           << "must be over blocks of a power of two of at least "
           << FragmentLayout::kColumnsPerQuad << " keys, found " << columns;
  return columns;
}

namespace {
/// Of one thread. All of its elements are of one query.
class BlockMaximumDistributor {
public:
  BlockMaximumDistributor(IRRewriter &b, FragmentLayout &layout,
                          VectorScalars &scalars,
                          vector::MultiDimReductionOp reduction,
                          int64_t blockColumns)
      : b(b), layout(layout), scalars(scalars), reduction(reduction),
        loc(reduction.getLoc()), blockColumns(blockColumns) {}
  FailureOr<Value> run(ArrayRef<Element> owned);

private:
  LogicalResult reduceInThread(ArrayRef<Element> owned);
  void reduceOverLanes(int64_t bit);
  Value max(Value lhs, Value rhs) {
    return arith::MaximumFOp::create(b, loc, lhs, rhs);
  }

  IRRewriter &b;
  FragmentLayout &layout;
  VectorScalars &scalars;
  vector::MultiDimReductionOp reduction;
  Location loc;
  int64_t blockColumns;
  /// What the thread has so far, [query, block].
  SmallVector<Element> maxima;
  /// Bits of the lane number in which lanes have the same maxima.
  SmallVector<int64_t> sameBits;
};
} // namespace

/// One maximum for the elements of each block.
LogicalResult BlockMaximumDistributor::reduceInThread(ArrayRef<Element> owned) {
  Value logits =
      reduction.getSource().getDefiningOp<vector::ShapeCastOp>().getSource();
  for (const Element &element : owned) {
    FailureOr<Value> logit = scalars.emit(logits, element.at);
    if (failed(logit))
      return failure();
    b.setInsertionPoint(reduction);
    Coordinate block;
    block.offset = element.at[1].offset / blockColumns;
    auto same = llvm::find_if(maxima, [&](const Element &other) {
      return other.at[1].offset == block.offset;
    });
    if (same != maxima.end())
      same->value = max(same->value, *logit);
    else
      maxima.push_back({{element.at[0], block}, *logit});
  }
  return success();
}

/// The maxima of lanes that have other columns of the same blocks. Of two
/// blocks, each lane sends one and keeps the other.
void BlockMaximumDistributor::reduceOverLanes(int64_t bit) {
  SmallVector<Element> result;
  Value isSecond = layout.getLaneBit(bit);
  if (maxima.size() % 2) {
    for (Element &element : maxima)
      element.value = max(element.value, exchange(b, loc, element.value, bit));
    sameBits.push_back(bit);
    return;
  }
  for (size_t i = 0; i < maxima.size(); i += 2) {
    const Element &first = maxima[i], &second = maxima[i + 1];
    Value keep =
        arith::SelectOp::create(b, loc, isSecond, second.value, first.value);
    Value send =
        arith::SelectOp::create(b, loc, isSecond, first.value, second.value);
    Coordinates at = first.at;
    at[1] = layout.select(at[1], second.at[1].offset - first.at[1].offset, bit);
    result.push_back({at, max(keep, exchange(b, loc, send, bit))});
  }
  maxima = std::move(result);
}

FailureOr<Value> BlockMaximumDistributor::run(ArrayRef<Element> owned) {
  OpBuilder::InsertionGuard guard(b);
  if (failed(reduceInThread(owned)))
    return failure();
  b.setInsertionPoint(reduction);
  // In which blocks a lane's columns lie, what is far enough apart says.
  for (int64_t bit = 0; bit < kLaneBits; ++bit)
    if (int64_t step = layout.getColumnStep(bit); step >= blockColumns)
      for (Element &element : maxima)
        element.at[1] = layout.select(element.at[1], step / blockColumns, bit);
  bool sharesColumns = mayShareColumns(blockColumns);
  if (layout.getQueryWarps() > 1 && sharesColumns)
    for (Element &element : maxima)
      element.at[1] =
          layout.selectByWarp(element.at[1], kStoreKeys / blockColumns);
  for (int64_t bit = 0; bit < kLaneBits; ++bit)
    if (int64_t step = layout.getColumnStep(bit); step && step < blockColumns)
      reduceOverLanes(bit);
  scalars.setElements(reduction.getResult(), maxima);
  bool sameInWarps = layout.getQueryWarps() > 1 && !sharesColumns;
  if (sameBits.empty() && !sameInWarps)
    return Value();
  return layout.isFirstOf(sameBits, sameInWarps);
}

FailureOr<Value> mqa::distributeBlockMaximum(
    IRRewriter &b, FragmentLayout &layout, VectorScalars &scalars,
    vector::MultiDimReductionOp reduction, ArrayRef<Element> owned) {
  FailureOr<int64_t> blockColumns = getBlockColumns(layout, reduction);
  if (failed(blockColumns))
    return failure();
  return BlockMaximumDistributor(b, layout, scalars, reduction, *blockColumns)
      .run(owned);
}
