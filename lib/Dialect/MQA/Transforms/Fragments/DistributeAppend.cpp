//===- DistributeAppend.cpp - Appends a thread's logits to a list ---------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "DistributeOps.h"
#include "mqa/Dialect/MQA/IR/Shapes.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/GPU/IR/GPUDialect.h"
#include "mlir/Dialect/LLVMIR/NVVMDialect.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/IR/Matchers.h"

using namespace mlir;
using namespace mlir::mqa;
using arith::CmpIPredicate;

namespace {
/// Of one thread: all of its elements are of one query.
class AppendDistributor {
public:
  AppendDistributor(ImplicitLocOpBuilder &b, HeadRowsLayout &layout,
                    VectorScalars &scalars, AppendLogitsOp op,
                    ArrayRef<Element> owned)
      : b(b), scalars(scalars), op(op), owned(owned),
        lanes(layout.getQueryLanes()) {}
  LogicalResult run();

private:
  Value index(int64_t value) {
    return arith::ConstantIndexOp::create(b, value);
  }
  Value word(int64_t value) {
    return arith::ConstantIntOp::create(b, value, 32);
  }
  Value toIndex(Value value) {
    return arith::IndexCastOp::create(b, b.getIndexType(), value);
  }
  Value takePlaces(Value row, Value count);
  Value ballot(Value mask);
  void store(Value row, ArrayRef<Value> ballots, Value place);
  Value getKey(const Element &element);

  ImplicitLocOpBuilder &b;
  VectorScalars &scalars;
  AppendLogitsOp op;
  ArrayRef<Element> owned;
  HeadRowsLayout::QueryLanes lanes;
  SmallVector<Value> logits, masks;
};
} // namespace

/// A bit for each lane of the same query whose logit is appended.
Value AppendDistributor::ballot(Value mask) {
  Value all = NVVM::VoteSyncOp::create(b, b.getI32Type(), word(-1), mask,
                                       NVVM::VoteSyncKind::ballot);
  APInt constant;
  bool areAll =
      matchPattern(lanes.all, m_ConstantInt(&constant)) && constant.isAllOnes();
  return areAll ? all : Value(arith::AndIOp::create(b, all, lanes.all));
}

/// Takes `count` places of the row's list for the lanes of a query, and returns
/// the first. Who sees that the list gets full asks for a meeting.
Value AppendDistributor::takePlaces(Value row, Value count) {
  Type i32 = b.getI32Type();
  Value isFirst =
      arith::CmpIOp::create(b, CmpIPredicate::eq, lanes.ahead, word(0));
  Value takes = arith::AndIOp::create(
      b, isFirst, arith::CmpIOp::create(b, CmpIPredicate::ne, count, word(0)));
  auto choose = scf::IfOp::create(b, TypeRange(i32), takes,
                                  /*withElseRegion=*/true);
  {
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPointToStart(choose.thenBlock());
    Value first = memref::AtomicRMWOp::create(
        b, arith::AtomicRMWKind::addi, count, op.getCounts(), ValueRange{row});
    Value isFull = arith::CmpIOp::create(b, CmpIPredicate::ugt,
                                         arith::AddIOp::create(b, first, count),
                                         word(op.getLimit()));
    auto full = scf::IfOp::create(b, isFull, /*withElseRegion=*/false);
    scf::YieldOp::create(b, first);
    b.setInsertionPointToStart(full.thenBlock());
    // The greatest of all is never reached. Beyond it a key would wrap around.
    int64_t last = std::numeric_limits<int32_t>::max() - op.getMargin();
    Value key = arith::MinSIOp::create(b, op.getFirstKey(), index(last));
    Value at = arith::IndexCastOp::create(
        b, i32, arith::AddIOp::create(b, key, index(op.getMargin())));
    memref::AtomicRMWOp::create(b, arith::AtomicRMWKind::mins, at,
                                op.getMeeting(), ValueRange{index(0)});
    b.setInsertionPointToStart(choose.elseBlock());
    scf::YieldOp::create(b, word(0));
  }
  Value leader = math::CountTrailingZerosOp::create(b, lanes.all);
  return gpu::ShuffleOp::create(b, choose.getResult(0), leader,
                                word(shapes::kWarpThreads),
                                gpu::ShuffleMode::IDX)
      .getShuffleResult();
}

Value AppendDistributor::getKey(const Element &element) {
  Coordinate column = element.at[1];
  Value first = op.getFirstKey();
  if (column.base)
    first = arith::AddIOp::create(b, first, column.base);
  first = arith::AddIOp::create(b, first, index(column.offset));
  return arith::IndexCastOp::create(b, b.getI32Type(), first);
}

/// Lanes that are neighbours get neighbouring places, so that they write the
/// same lines of memory.
void AppendDistributor::store(Value row, ArrayRef<Value> ballots, Value place) {
  Value list = arith::AddIOp::create(
      b, op.getFirst(),
      arith::MulIOp::create(b, row, index(2 * op.getPlaces())));
  place = arith::AddIOp::create(
      b, place, arith::IndexCastOp::create(b, b.getI32Type(), list));
  // No overflow: what they share becomes one address.
  auto noOverflow =
      arith::IntegerOverflowFlags::nsw | arith::IntegerOverflowFlags::nuw;
  for (auto [logit, mask, element, ballot] :
       llvm::zip_equal(logits, masks, owned, ballots)) {
    auto append = scf::IfOp::create(b, mask, /*withElseRegion=*/false);
    {
      OpBuilder::InsertionGuard guard(b);
      b.setInsertionPointToStart(append.thenBlock());
      Value ahead = math::CtPopOp::create(
          b, arith::AndIOp::create(b, ballot, lanes.ahead));
      Value at = toIndex(arith::AddIOp::create(b, place, ahead));
      memref::StoreOp::create(
          b, arith::BitcastOp::create(b, b.getI32Type(), logit), op.getMemory(),
          at);
      Value behind =
          arith::AddIOp::create(b, at, index(op.getPlaces()), noOverflow);
      memref::StoreOp::create(b, getKey(element), op.getMemory(), behind);
    }
    place = arith::AddIOp::create(b, place, math::CtPopOp::create(b, ballot));
  }
}

LogicalResult AppendDistributor::run() {
  if (owned.empty())
    return success();
  Value count = word(0);
  for (const Element &element : owned) {
    if (!(element.at[0] == owned.front().at[0]))
      return op.emitError("needs threads that have logits of one query each");
    FailureOr<Value> logit = scalars.emit(op.getVector(), element.at);
    FailureOr<Value> mask = scalars.emit(op.getMask(), element.at);
    if (failed(logit) || failed(mask))
      return failure();
    logits.push_back(*logit);
    masks.push_back(*mask);
  }
  Value row = scalars.emitCoordinate(op.getLoc(), owned.front().at[0]);
  b.setInsertionPoint(op);
  row = arith::AddIOp::create(b, op.getFirstRow(), row);
  SmallVector<Value> ballots;
  for (Value mask : masks) {
    ballots.push_back(ballot(mask));
    count = arith::AddIOp::create(b, count,
                                  math::CtPopOp::create(b, ballots.back()));
  }
  store(row, ballots, takePlaces(row, count));
  return success();
}

LogicalResult mqa::distributeAppend(IRRewriter &b, HeadRowsLayout &layout,
                                    VectorScalars &scalars, AppendLogitsOp op,
                                    ArrayRef<Element> owned) {
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPoint(op);
  ImplicitLocOpBuilder own(op.getLoc(), op);
  return AppendDistributor(own, layout, scalars, op, owned).run();
}
