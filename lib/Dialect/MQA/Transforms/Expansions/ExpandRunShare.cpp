//===- ExpandRunShare.cpp - Expands mqa.run_share -------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A thread has some neighbouring rows, and the runs that begin there. To know
// where these are, it must know where the sequence of its first row begins: a
// first scan brings that. Then each thread counts the tiles of its runs.
//
//===----------------------------------------------------------------------===//

#include "GridShare.h"
#include "mqa/Dialect/MQA/IR/Ranges.h"
#include "mqa/Dialect/MQA/IR/Shapes.h"

#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"

using namespace mlir;
using namespace mlir::mqa;
using arith::CmpIPredicate;

namespace {
class RunExpansion : GridShare {
public:
  RunExpansion(gpu::GPUFuncOp kernel, RunShareOp op, int64_t numThreads)
      : GridShare(kernel, op, op.getBlockCost(), numThreads), op(op),
        ranges(Ranges::get(b, op.getRanges())) {}

  void run();

private:
  /// Rows [begin, end) of a thread.
  struct Rows {
    Value begin, end;
    /// Of the row ahead of the first, as far as it is there.
    Value sequenceAhead;
    /// Where the neighbouring rows of that sequence begin.
    Value beginAhead;
  };
  /// A run that begins at `row`, and its tiles.
  struct OwnRun {
    Value row, numRows, tiles;
  };
  enum Result { FirstRun, FirstTile, LastRun, LastTile, FirstRow, NumResults };

  Value getLastRow() { return sub(ranges.getNumRows(b, loc), constant(1)); }
  Value loadSequenceAhead(Value row);
  Value findLastBegin(const Rows &rows);
  Value scanMaximum(Value own, Value thread, Value words);
  OwnRun countRun(Value row, Value sequence);
  SmallVector<Value>
  forEachRun(const Rows &rows, ValueRange inits,
             function_ref<SmallVector<Value>(const OwnRun &, ValueRange)> body);
  void publishRun(const OwnRun &run, Value number, Value start,
                  const Share &share, Value results);

  RunShareOp op;
  Ranges ranges;
};
} // namespace

/// No row is of this sequence; -1 is that of rows that see no key.
static constexpr int64_t kNoSequence = -2;

/// The sequence of the row ahead of `row`.
Value RunExpansion::loadSequenceAhead(Value row) {
  Value isFirst = compare(CmpIPredicate::eq, row, constant(0));
  auto load = scf::IfOp::create(
      b, loc, isFirst,
      [&](OpBuilder &nested, Location loc) {
        scf::YieldOp::create(
            nested, loc,
            Value(arith::ConstantIndexOp::create(nested, loc, kNoSequence)));
      },
      [&](OpBuilder &nested, Location loc) {
        Value one = arith::ConstantIndexOp::create(nested, loc, 1);
        Value ahead = arith::SubIOp::create(nested, loc, row, one);
        scf::YieldOp::create(nested, loc,
                             ranges.loadSequence(nested, loc, ahead).first);
      });
  return load.getResult(0);
}

/// The last of these rows that is of another sequence than the row ahead of it;
/// -1 if there is none. Several rows are read at once: loads of one after
/// another would take long.
Value RunExpansion::findLastBegin(const Rows &rows) {
  constexpr int64_t kAtOnce = 4;
  auto loop =
      scf::ForOp::create(b, loc, rows.begin, rows.end, constant(kAtOnce),
                         ValueRange{rows.sequenceAhead, constant(-1)});
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToStart(loop.getBody());
  Value lastRow = sub(rows.end, constant(1));
  SmallVector<Value> own;
  for (int64_t i = 0; i < kAtOnce; ++i)
    own.push_back(arith::MinSIOp::create(
        b, loc, add(loop.getInductionVar(), constant(i)), lastRow));
  Value ahead = loop.getRegionIterArg(0), begin = loop.getRegionIterArg(1);
  // The last row, read again, is of the sequence of the row ahead: itself.
  for (auto [row, loaded] :
       llvm::zip_equal(own, ranges.loadSequences(b, loc, own))) {
    Value isBegin = compare(CmpIPredicate::ne, loaded.first, ahead);
    begin = select(isBegin, row, begin);
    ahead = loaded.first;
  }
  scf::YieldOp::create(b, loc, ValueRange{ahead, begin});
  return loop.getResult(1);
}

/// The greatest `own` of the threads before this one, at least -1.
Value RunExpansion::scanMaximum(Value own, Value thread, Value words) {
  constexpr int64_t kLanes = shapes::kWarpThreads;
  Value lane = arith::RemUIOp::create(b, loc, thread, constant(kLanes));
  Value warp = arith::DivUIOp::create(b, loc, thread, constant(kLanes));
  Value none = constant(-1);
  // Of the lanes before this one.
  auto shiftUp = [&](Value value, int64_t step) {
    auto below = gpu::ShuffleOp::create(b, loc, toI32(value), step, kLanes,
                                        gpu::ShuffleMode::UP);
    Value exists = compare(CmpIPredicate::uge, lane, constant(step));
    return select(exists, toIndex(below.getShuffleResult()), none);
  };
  Value inclusive = own;
  for (int64_t step = 1; step < kLanes; step *= 2)
    inclusive =
        arith::MaxSIOp::create(b, loc, inclusive, shiftUp(inclusive, step));
  Value isLast = compare(CmpIPredicate::eq, lane, constant(kLanes - 1));
  scf::IfOp::create(b, loc, isLast, [&](OpBuilder &nested, Location loc) {
    Value word =
        arith::IndexCastOp::create(nested, loc, nested.getI32Type(), inclusive);
    memref::StoreOp::create(nested, loc, word, words, warp);
    scf::YieldOp::create(nested, loc);
  });
  gpu::BarrierOp::create(b, loc);
  Value isBefore = compare(CmpIPredicate::ult, lane, warp);
  Value slot = select(isBefore, lane, constant(0));
  Value word = toIndex(memref::LoadOp::create(b, loc, words, slot));
  Value before = toIndex(gpu::SubgroupReduceOp::create(
      b, loc, toI32(select(isBefore, word, none)),
      gpu::AllReduceOperation::MAXSI, /*uniform=*/true,
      /*cluster_size=*/std::nullopt));
  // Who reads them next may write them.
  gpu::BarrierOp::create(b, loc);
  return arith::MaxSIOp::create(b, loc, before, shiftUp(inclusive, 1));
}

/// The run that begins at `row`, a row of `sequence`.
RunExpansion::OwnRun RunExpansion::countRun(Value row, Value sequence) {
  int64_t maxRows = op.getMaxRows();
  Value lastRow = getLastRow();
  SmallVector<Value> rows;
  for (int64_t i = 0; i < maxRows; ++i)
    rows.push_back(
        arith::MinSIOp::create(b, loc, add(row, constant(i)), lastRow));
  Value end = constant(0), numRows = constant(0);
  Value belongs = arith::ConstantIntOp::create(b, loc, 1, 1);
  auto loaded = ranges.loadSequences(b, loc, rows);
  for (int64_t i = 0; i < maxRows; ++i) {
    Value own = add(row, constant(i));
    Value isSame = compare(CmpIPredicate::eq, loaded[i].first, sequence);
    Value exists = compare(CmpIPredicate::sle, own, lastRow);
    belongs = arith::AndIOp::create(
        b, loc, belongs, arith::AndIOp::create(b, loc, isSame, exists));
    Value longer = arith::MaxSIOp::create(b, loc, end, loaded[i].second);
    end = select(belongs, longer, end);
    numRows = select(belongs, constant(i + 1), numRows);
  }
  return {row, numRows, countTilesOf(end, op.getTileKv())};
}

/// A loop over the runs that begin in `rows`; returns what it carried to the
/// end.
SmallVector<Value> RunExpansion::forEachRun(
    const Rows &rows, ValueRange inits,
    function_ref<SmallVector<Value>(const OwnRun &, ValueRange)> body) {
  SmallVector<Value> carried{rows.sequenceAhead, rows.beginAhead};
  llvm::append_range(carried, inits);
  auto loop =
      scf::ForOp::create(b, loc, rows.begin, rows.end, constant(1), carried);
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToStart(loop.getBody());
  Value row = loop.getInductionVar();
  ValueRange args = loop.getRegionIterArgs();
  Value sequence = ranges.loadSequence(b, loc, row).first;
  Value isOther = compare(CmpIPredicate::ne, sequence, args[0]);
  Value first = select(isOther, row, args[1]);
  Value past = arith::RemUIOp::create(b, loc, sub(row, first),
                                      constant(op.getMaxRows()));
  Value begins = compare(CmpIPredicate::eq, past, constant(0));
  ValueRange own = args.drop_front(2);
  auto guarded = scf::IfOp::create(b, loc, own.getTypes(), begins,
                                   /*withElseRegion=*/true);
  SmallVector<Value> next{sequence, first};
  llvm::append_range(next, guarded.getResults());
  scf::YieldOp::create(b, loc, next);
  b.setInsertionPointToStart(guarded.elseBlock());
  scf::YieldOp::create(b, loc, own);
  b.setInsertionPointToStart(guarded.thenBlock());
  SmallVector<Value> results = body(countRun(row, sequence), own);
  scf::YieldOp::create(b, loc, results);
  return SmallVector<Value>(loop.getResults().drop_front(2));
}

/// Where the first or the last position of the share is in run number `number`,
/// which starts at `start`, writes run and tile to `results`: in the gap, the
/// tile after it for the first, and that before it for the last.
void RunExpansion::publishRun(const OwnRun &run, Value number, Value start,
                              const Share &share, Value results) {
  Value length = getLength(run.tiles), one = constant(1);
  auto store = [&](Value value, Result place) {
    memref::StoreOp::create(b, loc, toI32(value), results, constant(place));
  };
  auto guard = [&](Value position, function_ref<void(Value, Value)> body) {
    auto here = scf::IfOp::create(b, loc, isIn(position, start, length),
                                  /*withElseRegion=*/false);
    OpBuilder::InsertionGuard inner(b);
    b.setInsertionPointToStart(here.thenBlock());
    Value tile = sub(position, start);
    body(tile, compare(CmpIPredicate::sge, tile, run.tiles));
  };
  guard(share.first, [&](Value tile, Value isGap) {
    Value next = add(number, one), behind = add(run.row, run.numRows);
    store(select(isGap, next, number), FirstRun);
    store(select(isGap, behind, run.row), FirstRow);
    store(select(isGap, constant(0), tile), FirstTile);
  });
  guard(share.last, [&](Value tile, Value isGap) {
    store(number, LastRun);
    store(select(isGap, sub(run.tiles, one), tile), LastTile);
  });
}

void RunExpansion::run() {
  Value thread = gpu::ThreadIdOp::create(b, loc, gpu::Dimension::x);
  Value zero = constant(0), one = constant(1);
  Value numRows = ranges.getNumRows(b, loc);
  Value each = ceilDiv(numRows, constant(numThreads));
  Rows rows;
  rows.begin = arith::MinSIOp::create(
      b, loc, arith::MulIOp::create(b, loc, thread, each), numRows);
  rows.end = arith::MinSIOp::create(b, loc, add(rows.begin, each), numRows);
  // A thread without rows has none ahead.
  Value some = compare(CmpIPredicate::slt, rows.begin, rows.end);
  rows.sequenceAhead = loadSequenceAhead(select(some, rows.begin, zero));
  Value words = allocate(getNumWarps());
  rows.beginAhead = scanMaximum(findLastBegin(rows), thread, words);

  SmallVector<Value> own = forEachRun(
      rows, {zero, zero}, [&](const OwnRun &run, ValueRange carried) {
        return SmallVector<Value>{add(carried[0], getLength(run.tiles)),
                                  add(carried[1], one)};
      });
  auto [start, total] = scan(own[0], thread, words);
  gpu::BarrierOp::create(b, loc);
  Value firstRun = scan(own[1], thread, words).first;

  Share share = getShare(total, op.getShare(), op.getNumShares());
  Value results = allocate(NumResults);
  Value holds = arith::OrIOp::create(b, loc, isIn(share.first, start, own[0]),
                                     isIn(share.last, start, own[0]));
  auto found = scf::IfOp::create(b, loc, holds, /*withElseRegion=*/false);
  {
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPointToStart(found.thenBlock());
    forEachRun(
        rows, {start, firstRun}, [&](const OwnRun &run, ValueRange carried) {
          publishRun(run, carried[1], carried[0], share, results);
          return SmallVector<Value>{add(carried[0], getLength(run.tiles)),
                                    add(carried[1], one)};
        });
  }
  gpu::BarrierOp::create(b, loc);

  Value isEmpty = compare(CmpIPredicate::eq, share.count, zero);
  auto load = [&](Result place) {
    return toIndex(memref::LoadOp::create(b, loc, results, constant(place)));
  };
  // A run and a tile are published; their ends are one further. A share that
  // is a gap alone has a first run behind its last.
  Value numRuns = add(sub(load(LastRun), load(FirstRun)), one);
  SmallVector<Value> values{load(FirstRow), numRuns, load(FirstTile),
                            add(load(LastTile), one)};
  for (Value &value : values)
    value = emitUniform(select(isEmpty, zero, value));
  b.replaceOp(op, values);
}

void mqa::expandRunShare(gpu::GPUFuncOp kernel, RunShareOp op,
                         int64_t numThreads) {
  RunExpansion(kernel, op, numThreads).run();
}
