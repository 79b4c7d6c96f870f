//===- DistributeBlockMaximum.cpp - Maxima over blocks, over the lanes ----===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "DistributeOps.h"
#include "mqa/Dialect/MQA/IR/Shapes.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/IR/Matchers.h"
#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace mlir::mqa;
using namespace mlir::mqa::shapes;
using arith::CmpIPredicate;

bool mqa::isBlockMaximum(vector::MultiDimReductionOp reduction) {
  // A maximum over heads is of three dims, too.
  auto cast = reduction.getSource().getDefiningOp<vector::ShapeCastOp>();
  return cast && cast.getSourceVectorType().getRank() == 2 &&
         reduction.getKind() == vector::CombiningKind::MAXIMUMF &&
         reduction.getReductionMask() == SmallVector<bool>{false, false, true};
}

bool mqa::mayShareColumns(int64_t blockColumns) {
  return blockColumns <= kStoreKeys;
}

FailureOr<int64_t> mqa::getBlockColumns(const HeadRowsLayout &layout,
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
  if (columns < HeadRowsLayout::kColumnsPerQuad ||
      !llvm::isPowerOf2_64(columns))
    return reduction.emitError()
           << "must be over blocks of a power of two of at least "
           << HeadRowsLayout::kColumnsPerQuad << " keys, found " << columns;
  return columns;
}

namespace {
/// Of one thread. All of its elements are of one query.
class BlockMaximumDistributor {
public:
  BlockMaximumDistributor(IRRewriter &b, HeadRowsLayout &layout,
                          VectorScalars &scalars,
                          vector::MultiDimReductionOp reduction,
                          int64_t blockColumns)
      : b(b), layout(layout), scalars(scalars), reduction(reduction),
        loc(reduction.getLoc()), blockColumns(blockColumns) {}
  FailureOr<Value> run(ArrayRef<Element> owned);

private:
  FailureOr<SmallVector<Value>> emitLogits(ArrayRef<Element> owned);
  LogicalResult reduceInThread(ArrayRef<Element> owned);
  void reduceOverLanes(int64_t bit);
  Value max(Value lhs, Value rhs) {
    return arith::MaximumFOp::create(b, loc, lhs, rhs);
  }

  IRRewriter &b;
  HeadRowsLayout &layout;
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

/// Whether `mask`, [query, key], is an interval of keys in each row: keys that
/// are counted up are compared with a number for each query.
static bool isInterval(Value mask) {
  if (auto both = mask.getDefiningOp<arith::AndIOp>())
    return isInterval(both.getLhs()) && isInterval(both.getRhs());
  auto compare = mask.getDefiningOp<arith::CmpIOp>();
  if (!compare || !llvm::is_contained({CmpIPredicate::sge, CmpIPredicate::slt},
                                      compare.getPredicate()))
    return false;
  auto keys = compare.getLhs().getDefiningOp<vector::BroadcastOp>();
  auto bounds = compare.getRhs().getDefiningOp<vector::BroadcastOp>();
  if (!keys || !keys.getSource().getDefiningOp<vector::StepOp>() || !bounds)
    return false;
  auto type = dyn_cast<VectorType>(bounds.getSourceType());
  return !type || type.getShape().back() == 1;
}

/// The thread's logits. Those of a thread whose first and last keys lie in the
/// range, as most do, need no mask.
FailureOr<SmallVector<Value>>
BlockMaximumDistributor::emitLogits(ArrayRef<Element> owned) {
  Value logits =
      reduction.getSource().getDefiningOp<vector::ShapeCastOp>().getSource();
  auto emitAll = [&](Value vector) -> FailureOr<SmallVector<Value>> {
    SmallVector<Value> values;
    for (const Element &element : owned) {
      FailureOr<Value> value = scalars.emit(vector, element.at);
      if (failed(value))
        return failure();
      values.push_back(*value);
    }
    return values;
  };
  auto select = logits.getDefiningOp<arith::SelectOp>();
  if (!select || !isInterval(select.getCondition()) ||
      !matchPattern(select.getFalseValue(), m_NegInfFloat()) ||
      owned.size() < 2)
    return emitAll(logits);
  // What is not seen is the same for all of them.
  FailureOr<SmallVector<Value>> whole = emitAll(select.getTrueValue()),
                                others = emitAll(select.getFalseValue()),
                                masks = emitAll(select.getCondition());
  if (failed(whole) || failed(others) || failed(masks))
    return failure();
  auto isLess = [](const Element &a, const Element &b) {
    return a.at[1].offset < b.at[1].offset;
  };
  auto [first, last] = std::minmax_element(owned.begin(), owned.end(), isLess);
  b.setInsertionPoint(reduction);
  Value isInside = arith::AndIOp::create(
      b, loc, (*masks)[first - owned.begin()], (*masks)[last - owned.begin()]);
  auto choose = scf::IfOp::create(
      b, loc, isInside,
      [&](OpBuilder &nested, Location loc) {
        scf::YieldOp::create(nested, loc, *whole);
      },
      [&](OpBuilder &nested, Location loc) {
        // Nothing that LLVM could do without asking: it would do both.
        auto opaque = [&](Value value) -> Value {
          return LLVM::InlineAsmOp::create(
                     nested, loc, value.getType(), value, "mov.b32 $0, $1;",
                     "=f,f", /*has_side_effects=*/true,
                     /*is_align_stack=*/false, LLVM::TailCallKind::None,
                     LLVM::AsmDialectAttr(), ArrayAttr())
              .getRes();
        };
        Value other = opaque((*others).front());
        SmallVector<Value> masked;
        for (auto [mask, value] : llvm::zip_equal(*masks, *whole))
          masked.push_back(
              arith::SelectOp::create(nested, loc, mask, value, other));
        scf::YieldOp::create(nested, loc, masked);
      });
  return SmallVector<Value>(choose.getResults());
}

/// One maximum for the elements of each block.
LogicalResult BlockMaximumDistributor::reduceInThread(ArrayRef<Element> owned) {
  FailureOr<SmallVector<Value>> logits = emitLogits(owned);
  if (failed(logits))
    return failure();
  b.setInsertionPoint(reduction);
  for (auto [element, logit] : llvm::zip_equal(owned, *logits)) {
    Coordinate block;
    block.offset = element.at[1].offset / blockColumns;
    auto same = llvm::find_if(maxima, [&](const Element &other) {
      return other.at[1].offset == block.offset;
    });
    if (same != maxima.end())
      same->value = max(same->value, logit);
    else
      maxima.push_back({{element.at[0], block}, logit});
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
    IRRewriter &b, HeadRowsLayout &layout, VectorScalars &scalars,
    vector::MultiDimReductionOp reduction, ArrayRef<Element> owned) {
  FailureOr<int64_t> blockColumns = getBlockColumns(layout, reduction);
  if (failed(blockColumns))
    return failure();
  return BlockMaximumDistributor(b, layout, scalars, reduction, *blockColumns)
      .run(owned);
}
