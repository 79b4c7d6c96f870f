//===- ExpandRowOps.cpp - Expands what looks at the ranges of some rows ---===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "mqa/Dialect/MQA/IR/Ranges.h"
#include "mqa/Dialect/MQA/IR/Target.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Arith/Utils/Utils.h"
#include "mlir/Dialect/GPU/IR/GPUDialect.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/Pass/Pass.h"

namespace mlir {
namespace mqa {
#define GEN_PASS_DEF_MQAEXPANDROWOPSPASS
#include "mqa/Dialect/MQA/Transforms/Passes/MQAExpandRowOpsPass.h.inc"
} // namespace mqa
} // namespace mlir

using namespace mlir;
using namespace mlir::mqa;
using arith::CmpIPredicate;

static Value constant(OpBuilder &b, Location loc, int64_t value) {
  return arith::ConstantIndexOp::create(b, loc, value);
}

/// min or max of `value` over the lanes of a warp.
static Value reduceOverWarp(OpBuilder &b, Location loc, Value value,
                            gpu::AllReduceOperation operation) {
  Type i32 = b.getI32Type();
  Value narrow = arith::IndexCastOp::create(b, loc, i32, value);
  Value reduced =
      gpu::SubgroupReduceOp::create(b, loc, narrow, operation, /*uniform=*/true,
                                    /*cluster_size=*/std::nullopt);
  return arith::IndexCastOp::create(b, loc, b.getIndexType(), reduced);
}

static void expandKeyRange(IRRewriter &b, KeyRangeOp op) {
  Location loc = op.getLoc();
  b.setInsertionPoint(op);
  Value zero = constant(b, loc, 0), one = constant(b, loc, 1);
  Value thread = gpu::ThreadIdOp::create(b, loc, gpu::Dimension::x);
  Value lane = arith::RemUIOp::create(b, loc, thread, constant(b, loc, 32));
  Ranges ranges = Ranges::get(b, op.getRanges());
  if (ranges.getWholeSequences())
    ranges = ranges.getLastQueries();
  // Lanes without a row of their own read the last one again.
  Value numRows = ranges.getNumRows(b, loc);
  Value lastRow = arith::SubIOp::create(b, loc, numRows, one);
  Value row = arith::MinSIOp::create(b, loc, lane, lastRow);
  auto [start, end] = ranges.loadForUnion(b, loc, row);
  // Also of a single row, so that ptxas knows the bounds of the loops to be the
  // same in the whole warp.
  Value hi = reduceOverWarp(b, loc, end, gpu::AllReduceOperation::MAXSI);
  Value lo = zero;
  if (ranges.haveStarts()) {
    start = reduceOverWarp(b, loc, start, gpu::AllReduceOperation::MINSI);
    lo = ranges.alignStart(b, loc, start, hi, op.getAlign());
  }
  b.replaceOp(op, {lo, hi});
}

/// A lane for each row. Those behind the last row that may be of the run read
/// that one again.
static void expandRowRun(IRRewriter &b, RowRunOp op) {
  Location loc = op.getLoc();
  b.setInsertionPoint(op);
  constexpr int64_t kLanes = 32;
  Value zero = constant(b, loc, 0), one = constant(b, loc, 1);
  Value maxRows = constant(b, loc, op.getMaxRows());
  Value thread = gpu::ThreadIdOp::create(b, loc, gpu::Dimension::x);
  Value lane = arith::RemUIOp::create(b, loc, thread, constant(b, loc, kLanes));
  Ranges ranges = Ranges::get(b, op.getRanges());
  Value behind = arith::MinSIOp::create(
      b, loc, ranges.getNumRows(b, loc),
      arith::AddIOp::create(b, loc, op.getRow(), maxRows));
  Value own = arith::AddIOp::create(b, loc, op.getRow(), lane);
  Value row = arith::MinSIOp::create(
      b, loc, own, arith::SubIOp::create(b, loc, behind, one));
  auto [sequence, end] = ranges.loadSequence(b, loc, row);
  Value word = arith::IndexCastOp::create(b, loc, b.getI32Type(), sequence);
  auto ofFirst =
      gpu::ShuffleOp::create(b, loc, word, 0, kLanes, gpu::ShuffleMode::IDX);
  Value first = arith::IndexCastOp::create(b, loc, b.getIndexType(),
                                           ofFirst.getShuffleResult());
  // The run ends at the first lane whose row does not belong to it.
  Value isSame = arith::CmpIOp::create(b, loc, CmpIPredicate::eq, word,
                                       ofFirst.getShuffleResult());
  Value exists = arith::CmpIOp::create(b, loc, CmpIPredicate::slt, own, behind);
  Value belongs = arith::AndIOp::create(b, loc, isSame, exists);
  Value candidate = arith::SelectOp::create(b, loc, belongs, maxRows, lane);
  Value numRows =
      reduceOverWarp(b, loc, candidate, gpu::AllReduceOperation::MINSI);
  Value isOwn =
      arith::CmpIOp::create(b, loc, CmpIPredicate::slt, lane, numRows);
  Value longest =
      reduceOverWarp(b, loc, arith::SelectOp::create(b, loc, isOwn, end, zero),
                     gpu::AllReduceOperation::MAXSI);
  // What sees no key has no sequence.
  b.replaceOp(op,
              {numRows, arith::MaxSIOp::create(b, loc, first, zero), longest});
}

/// Fills columns [begin, end) of row `row` of `out`: thread t of T takes the
/// groups of 16 bytes t, t + T, ..., counted from the last 16-byte
/// boundary before `begin`.
static void fillColumns(OpBuilder &b, CleanRowsOp op, Value row, Value begin,
                        Value end, Value thread, Value numThreads) {
  Location loc = op.getLoc();
  Type type = op.getOut().getType().getElementType();
  const int64_t bytes = type.getIntOrFloatBitWidth() / 8;
  const int64_t groupSize = 16 / bytes;
  Value group = constant(b, loc, groupSize);
  Value inf = arith::ConstantOp::create(
      b, loc, b.getFloatAttr(type, -std::numeric_limits<double>::infinity()));
  auto infGroup = vector::BroadcastOp::create(
      b, loc, VectorType::get({groupSize}, type), inf);

  // Elements between the last 16-byte boundary and the row's `begin`.
  auto metadata = memref::ExtractStridedMetadataOp::create(b, loc, op.getOut());
  Value base = memref::ExtractAlignedPointerAsIndexOp::create(
      b, loc, metadata.getBaseBuffer());
  Value address = arith::DivUIOp::create(b, loc, base, constant(b, loc, bytes));
  Value rowStart = arith::MulIOp::create(b, loc, row, metadata.getStrides()[0]);
  for (Value part : {Value(metadata.getOffset()), rowStart, begin})
    address = arith::AddIOp::create(b, loc, address, part);
  Value past = arith::RemUIOp::create(b, loc, address, group);
  Value aligned = arith::SubIOp::create(b, loc, begin, past);

  Value first = arith::AddIOp::create(
      b, loc, aligned, arith::MulIOp::create(b, loc, thread, group));
  Value step = arith::MulIOp::create(b, loc, numThreads, group);
  auto isIn = [&](OpBuilder &b, Value from, Value to) -> Value {
    return arith::AndIOp::create(
        b, loc, arith::CmpIOp::create(b, loc, CmpIPredicate::sge, from, begin),
        arith::CmpIOp::create(b, loc, CmpIPredicate::sle, to, end));
  };
  auto fill = scf::ForOp::create(b, loc, first, end, step);
  OpBuilder body = OpBuilder::atBlockBegin(fill.getBody());
  Value column = fill.getInductionVar();
  Value next = arith::AddIOp::create(body, loc, column, group);
  auto storeGroup = [&](OpBuilder &b, Location loc) {
    auto store = vector::StoreOp::create(b, loc, infGroup, op.getOut(),
                                         ValueRange{row, column});
    store.setAlignment(16);
    scf::YieldOp::create(b, loc);
  };
  auto storeSingly = [&](OpBuilder &b, Location loc) {
    for (int64_t i = 0; i < groupSize; ++i) {
      Value one = arith::AddIOp::create(b, loc, column, constant(b, loc, i));
      Value behind =
          arith::AddIOp::create(b, loc, column, constant(b, loc, i + 1));
      scf::IfOp::create(b, loc, isIn(b, one, behind),
                        [&](OpBuilder &b, Location loc) {
                          memref::StoreOp::create(b, loc, inf, op.getOut(),
                                                  ValueRange{row, one});
                          scf::YieldOp::create(b, loc);
                        });
    }
    scf::YieldOp::create(b, loc);
  };
  scf::IfOp::create(body, loc, isIn(body, column, next), storeGroup,
                    storeSingly);
}

static void expandCleanRows(IRRewriter &b, CleanRowsOp op) {
  Location loc = op.getLoc();
  b.setInsertionPoint(op);
  Value zero = constant(b, loc, 0), one = constant(b, loc, 1),
        two = constant(b, loc, 2);
  Value thread = op.getThread() ? op.getThread() : zero;
  Value numThreads = op.getNumThreads() ? op.getNumThreads() : one;
  Value numRows = memref::DimOp::create(b, loc, op.getOut(), zero);
  Value numColumns = getValueOrCreateConstantIndexOp(
      b, loc, memref::getMixedSize(b, loc, op.getOut(), 1));
  // One loop over both ends of all rows: the cleaner has few registers, and
  // two copies of the fill need twice as many.
  Ranges ranges = Ranges::get(b, op.getRanges());
  Value numEnds = arith::MulIOp::create(b, loc, numRows, two);
  scf::ForOp::create(
      b, loc, zero, numEnds, one, ValueRange(),
      [&](OpBuilder &b, Location loc, Value i, ValueRange) {
        Value row = arith::DivUIOp::create(b, loc, i, two);
        Value end = arith::RemUIOp::create(b, loc, i, two);
        Value isLeft =
            arith::CmpIOp::create(b, loc, CmpIPredicate::eq, end, zero);
        auto [lo, hi] = ranges.loadColumns(b, loc, row, numColumns);
        Value from = arith::SelectOp::create(b, loc, isLeft, zero, hi);
        Value to = arith::SelectOp::create(b, loc, isLeft, lo, numColumns);
        fillColumns(b, op, row, from, to, thread, numThreads);
        scf::YieldOp::create(b, loc);
      });
  b.eraseOp(op);
}

namespace {
struct ExpandRowOpsPass : mqa::impl::MQAExpandRowOpsPassBase<ExpandRowOpsPass> {
  void runOnOperation() override {
    IRRewriter rewriter(&getContext());
    SmallVector<Operation *> ops;
    getOperation().walk([&](Operation *op) {
      if (isa<KeyRangeOp, CleanRowsOp, RowRunOp>(op))
        ops.push_back(op);
    });
    for (Operation *op : ops) {
      if (auto range = dyn_cast<KeyRangeOp>(op))
        expandKeyRange(rewriter, range);
      else if (auto run = dyn_cast<RowRunOp>(op))
        expandRowRun(rewriter, run);
      else
        expandCleanRows(rewriter, cast<CleanRowsOp>(op));
    }
    eraseUnusedRanges(rewriter, getOperation());
  }
};
} // namespace
