//===- MergeTopkBody.cpp - The kernel of an mqa.merge_topk ----------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "CandidateList.h"
#include "Expansions/LogitCode.h"
#include "PersistentLoops.h"
#include "mqa/Dialect/MQA/IR/EnumCases.h"
#include "mqa/Dialect/MQA/IR/Ranges.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/GPU/IR/GPUDialect.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace mlir::mqa;
using arith::CmpIPredicate;

namespace {
class MergeTopkBody {
public:
  MergeTopkBody(ImplicitLocOpBuilder &b, MergeTopkOp op)
      : b(b), op(op), numSelected(op.getNumSelected()),
        list(b, numSelected, getTies(op.getTieBreak())) {}
  void build();

private:
  /// The row of all lists, list by list, each as a matrix of one row.
  struct Lists {
    Value keys, logits, numEntries;
  };

  Value constant(int64_t value) { return list.constant(value); }
  void findRange(Value row);
  Value getRowOfLists(Value lists, Value row);
  std::pair<Value, Value> loadEntry(const Lists &lists, Value place);
  Value select(Value row);
  SmallVector<Value> read(Value place);
  void buildRow(Value row);

  ImplicitLocOpBuilder &b;
  MergeTopkOp op;
  int64_t numSelected;
  CandidateList list;
  /// The first key of the row's range, and whether all of its keys are
  /// selected.
  Value firstKey, isWhole;
};
} // namespace

void MergeTopkBody::findRange(Value row) {
  Ranges ranges = Ranges::get(b, op);
  firstKey = ranges.loadStart(b, b.getLoc(), row);
  // An end may be ahead of the start, and far below zero.
  Value end =
      arith::MaxSIOp::create(b, ranges.loadEnd(b, b.getLoc(), row), firstKey);
  isWhole = arith::CmpIOp::create(b, CmpIPredicate::ule,
                                  arith::SubIOp::create(b, end, firstKey),
                                  constant(numSelected));
}

/// Both the distance of rows and that of lists may be more than an index can
/// count.
Value MergeTopkBody::getRowOfLists(Value lists, Value row) {
  auto swapped = AffineMapAttr::get(AffineMap::getPermutationMap(
      ArrayRef<unsigned>{1, 0, 2}, b.getContext()));
  Value byRow = memref::TransposeOp::create(b, lists, swapped);
  Value one =
      getRowBlock(b, b.getLoc(), byRow, row, OpFoldResult(b.getIndexAttr(1)));
  return memref::TransposeOp::create(b, one, swapped);
}

/// The key and the logit at `place` of all lists, one behind the other; padding
/// behind the last one.
std::pair<Value, Value> MergeTopkBody::loadEntry(const Lists &lists,
                                                 Value place) {
  Value zero = constant(0), each = constant(numSelected);
  Value isThere =
      arith::CmpIOp::create(b, CmpIPredicate::ult, place, lists.numEntries);
  Value last = arith::SubIOp::create(b, lists.numEntries, constant(1));
  Value at = arith::MinUIOp::create(b, place, last);
  Value number = arith::DivUIOp::create(b, at, each);
  Value entry = arith::RemUIOp::create(b, at, each);
  auto load = [&](Value lists) {
    Value own = getRowBlock(b, b.getLoc(), lists, number, b.getIndexAttr(1));
    return memref::LoadOp::create(b, own, ValueRange{zero, zero, entry});
  };
  Value padding = arith::ConstantIntOp::create(b, -1, 32);
  Value key = arith::SelectOp::create(b, isThere, load(lists.keys), padding);
  return {key, load(lists.logits)};
}

/// Leaves the best keys of all lists in the list, and returns how many.
Value MergeTopkBody::select(Value row) {
  Value zero = constant(0), one = constant(1);
  Lists lists;
  lists.keys = getRowOfLists(op.getListIndices(), row);
  lists.logits = getRowOfLists(op.getListValues(), row);
  lists.numEntries =
      arith::MulIOp::create(b, memref::DimOp::create(b, op.getListIndices(), 0),
                            constant(numSelected));
  Value least = arith::ConstantOp::create(
      b, b.getF32FloatAttr(-std::numeric_limits<float>::infinity()));
  constexpr int64_t kSize = CandidateList::kVectorSize;
  auto tiles = scf::ForOp::create(b, zero, lists.numEntries,
                                  constant(CandidateList::kTileKeys),
                                  ValueRange{zero, least, zero});
  b.setInsertionPointToStart(tiles.getBody());
  SmallVector<Value> keys, logits;
  for (int64_t i = 0; i < kSize; ++i) {
    // The threads of a warp read neighbours; the order is of no matter.
    Value place = arith::AddIOp::create(
        b, tiles.getInductionVar(),
        arith::AddIOp::create(b, list.thread,
                              constant(i * CandidateList::kThreads)));
    auto [key, logit] = loadEntry(lists, place);
    keys.push_back(key);
    logits.push_back(logit);
  }
  Value ownKeys = vector::FromElementsOp::create(
      b, VectorType::get(kSize, b.getI32Type()), keys);
  Value ownLogits = vector::FromElementsOp::create(
      b, VectorType::get(kSize, b.getF32Type()), logits);
  Value turn = tiles.getRegionIterArg(2);
  CandidateList::State next =
      list.append({tiles.getRegionIterArg(0), tiles.getRegionIterArg(1)},
                  [&](const CandidateList::State &state) {
                    return AppendCandidatesOp::create(
                        b, b.getIndexType(), b.getI1Type(), ownLogits,
                        /*first_key=*/Value(), ownKeys, state.threshold,
                        /*forced=*/Value(), isWhole, turn, list.codes,
                        list.keys, state.count);
                  });
  scf::YieldOp::create(b, ValueRange{next.count, next.threshold,
                                     arith::SubIOp::create(b, one, turn)});
  b.setInsertionPointAfter(tiles);
  return list.cut(tiles.getResult(0));
}

/// The index and the value of a candidate, from its words alone.
SmallVector<Value> MergeTopkBody::read(Value place) {
  Type i32 = b.getI32Type();
  Value one = arith::ConstantIntOp::create(b, 1, 32);
  Value word = memref::LoadOp::create(b, list.keys, place);
  Value index = arith::ShRUIOp::create(b, word, one);
  switch (op.getBase()) {
  case IndexBase::Relative:
    index = arith::SubIOp::create(b, index,
                                  arith::IndexCastOp::create(b, i32, firstKey));
    break;
  case IndexBase::Absolute:
    break;
  case IndexBase::Slot:
    llvm_unreachable("the op's verifier refuses it");
  }
  if (!op.getValues())
    return {index};
  Value logit = emitLogit(b, memref::LoadOp::create(b, list.codes, place));
  Value isNegativeZero = arith::TruncIOp::create(b, b.getI1Type(), word);
  Value negativeZero = arith::ConstantOp::create(b, b.getF32FloatAttr(-0.0f));
  return {index,
          arith::SelectOp::create(b, isNegativeZero, negativeZero, logit)};
}

void MergeTopkBody::buildRow(Value row) {
  findRange(row);
  Value count = select(row);
  gpu::BarrierOp::create(b);
  auto sort = [&](SortBy by, TieBreak tieBreak) {
    SortCandidatesOp::create(b, list.codes, list.keys, count,
                             llvm::PowerOf2Ceil(numSelected), by, tieBreak,
                             /*doubled=*/isByKey(by), /*keys_only=*/false);
  };
  switch (op.getOrder()) {
  case Order::Any:
    break;
  case Order::Key:
    sort(SortBy::Key, TieBreak::Smallest);
    break;
  case Order::Score:
    sort(SortBy::Score, op.getTieBreak());
    break;
  }
  list.write(op.getIndices(), op.getValues(), row, count,
             [&](Value place) { return read(place); });
  // The next row uses the list again.
  gpu::BarrierOp::create(b);
}

void MergeTopkBody::build() {
  list.create();
  OpFoldResult rows = memref::getMixedSize(b, b.getLoc(), op.getIndices(), 0);
  buildGridLoop(b, b.getLoc(), rows, [&](OpBuilder &nested, Value row) {
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPoint(nested.getInsertionBlock(), nested.getInsertionPoint());
    buildRow(row);
  });
}

void mqa::buildMergeTopkBody(ImplicitLocOpBuilder &b, MergeTopkOp op) {
  MergeTopkBody(b, op).build();
}
