//===- RowSelection.cpp - Selection from whole rows -----------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "RowSelection.h"

#include "PersistentLoops.h"
#include "TopkRow.h"
#include "WarpOps.h"
#include "mqa/Dialect/MQA/IR/Ranges.h"

using namespace mlir;
using namespace mlir::mqa;
using namespace mlir::mqa::shapes;
using arith::CmpIPredicate;

void RowSelection::allocate(OpBuilder &b, Value blocks) {
  FusedSelection::allocate(b, blocks);
  numBlocks = blocks;
  Type i32 = b.getI32Type();
  histogram = addVariable(b, kNumBins, i32);
  sums = addVariable(b, 2 * kWarpThreads, i32);
  found = addVariable(b, kNumWords, i32);
}

Value RowSelection::getRowWords(DeviceBuilder &b, const QueryBlock &block) {
  return b.mul(b.ceilDiv(block.numKeys, kVectorWords), kVectorWords);
}

Value RowSelection::open(OpBuilder &builder, const QueryBlock &block,
                         MemRefType type) {
  DeviceBuilder b(op.getLoc(), builder);
  // Lists of warps lie behind all rows, and counters at the end.
  Value words = getRowWords(b, block);
  lists = arith::MulIOp::create(b, b.mul(numBlocks, blockRows), words);
  counters = b.sub(memref::DimOp::create(b, scratch, 0),
                   b.index(kMaxBlocks * kCounterWords));
  first = arith::MulIOp::create(b, block.firstRow, words);
  return WordRowsOp::create(b, type, scratch, first, words, block.numRows,
                            block.numKeys);
}

RowSelection::Row RowSelection::getRow(DeviceBuilder &b,
                                       const QueryBlock &block, Value number) {
  Row row;
  row.words =
      b.add(first, arith::MulIOp::create(b, number, getRowWords(b, block)));
  Ranges ranges = Ranges::get(b, block.ranges);
  row.start = b.toWord(ranges.loadStart(b, b.getLoc(), number));
  row.end = b.toWord(ranges.loadEnd(b, b.getLoc(), number));
  row.end = arith::MaxSIOp::create(b, row.end, row.start);
  row.length = b.sub(row.end, row.start);
  return row;
}

void RowSelection::close(OpBuilder &builder, const QueryBlock &block) {
  DeviceBuilder b(op.getLoc(), builder);
  auto shareOut = [&] {
    Value isLast = arrive(b, block, [] {});
    b.ifTrue(isLast, [&] { resetCounters(b, block); });
    return isLast;
  };
  selectByLast(b, block, shareOut, [&] {
    Team team;
    team.thread = b.getThread();
    Value thread = b.toWord(team.thread);
    team.lane = arith::AndIOp::create(b, thread, b.word(kWarpThreads - 1));
    Value warp = arith::ShRUIOp::create(b, thread, b.word(kLaneBits));
    // Read from lane 0, so that ptxas knows it to be the same in a warp.
    team.warp = b.toIndex(readFromLane(b, warp, b.word(0)));
    b.forEach(b.index(0), block.numRows, b.index(1),
              [&](Value number) { select(b, block, team, number); });
  });
}

/// Selects of a row of more than k keys; those of this warp are from `begin` to
/// `end`.
RowSelection::Selected RowSelection::selectLong(DeviceBuilder &b,
                                                const Team &team,
                                                const Row &row, Value begin,
                                                Value end) {
  Type i32 = b.getI32Type();
  SmallVector<Type> four(4, i32);
  Value isSampled =
      b.compare(CmpIPredicate::ugt, row.length, b.word(2 * kSample));
  auto first = scf::IfOp::create(b, four, isSampled, /*withElseRegion=*/true);
  {
    OpBuilder::InsertionGuard guard(b);
    auto yield = [&](const Search &search) {
      scf::YieldOp::create(
          b, ValueRange{search.lo, search.width, search.shift, search.need});
    };
    b.setInsertionPointToStart(first.thenBlock());
    yield(guess(b, team, row));
    b.setInsertionPointToStart(first.elseBlock());
    yield(getAll(b, b.word(numSelected)));
  }
  Search range{first.getResult(0), first.getResult(1), first.getResult(2),
               first.getResult(3)};
  // Others may still read what they found.
  b.barrier();
  b.byFirstThread([&] { store(b, b.word(0), found, b.index(kIsFull)); });
  clearBins(b, team);
  Value copied = copyGood(b, team, row, range, begin, end);
  b.barrier();
  findBin(b, team, range.need);
  SmallVector<Value> state = getNext(b, range);
  // A row that has too few for the range was copied in part.
  Value hasRoom = b.compare(CmpIPredicate::eq, readWord(b, kIsFull), b.word(0));
  Value areEnough =
      b.compare(CmpIPredicate::ne, readWord(b, kInBin), b.word(0));
  Value isList = b.both(hasRoom, areEnough);
  LastBin bin = search(b, team, row, state);

  auto select = [&](Value yes, Value no) -> Value {
    return arith::SelectOp::create(b, isList, yes, no);
  };
  Source list = getList(b, team);
  Source source{select(list.words, row.words), isList, list.keys};
  Value areAll = b.compare(CmpIPredicate::eq, bin.count, bin.need);
  Value areTied = b.compare(CmpIPredicate::eq, bin.width, b.word(0));
  Value isKnown = arith::OrIOp::create(b, areAll, areTied);
  Value isListed = arith::XOrIOp::create(
      b, isKnown, arith::ConstantIntOp::create(b, true, 1));
  auto [above, inBin] =
      listLastBin(b, team, row, source, bin, isListed, select(b.word(0), begin),
                  select(copied, end));
  Bounds bounds = resolve(b, team, bin, isListed);
  auto choose = scf::IfOp::create(b, TypeRange{i32, i32}, isListed,
                                  /*withElseRegion=*/true);
  {
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPointToStart(choose.thenBlock());
    auto [better, tied] = countListed(b, team, bin, bounds, begin, end);
    scf::YieldOp::create(b, ValueRange{better, tied});
    b.setInsertionPointToStart(choose.elseBlock());
    Value none = b.word(0);
    auto ifAll = [&](Value yes, Value no) -> Value {
      return arith::SelectOp::create(b, areAll, yes, no);
    };
    scf::YieldOp::create(b, ValueRange{ifAll(inBin, none), ifAll(none, inBin)});
  }
  return {bounds, b.add(above, choose.getResult(0)), choose.getResult(1),
          arith::ExtUIOp::create(b, i32, isList), copied};
}

/// Writes a row of the results.
void RowSelection::select(DeviceBuilder &b, const QueryBlock &block,
                          const Team &team, Value number) {
  Row row = getRow(b, block, number);
  // Each warp has a part of the keys, so that all are in order.
  int64_t numWarps = numThreads / kWarpThreads;
  Value size = arith::DivUIOp::create(
      b, b.add(row.length, b.word(numThreads - 1)), b.word(numThreads));
  size = arith::MulIOp::create(b, size, b.word(kWarpThreads));
  Value begin =
      b.add(row.start, arith::MulIOp::create(b, b.toWord(team.warp), size));
  begin = arith::MinSIOp::create(b, begin, row.end);
  Value end = arith::MinSIOp::create(b, b.add(begin, size), row.end);

  Type i32 = b.getI32Type();
  SmallVector<Type> types(8, i32);
  Value isLong = b.compare(CmpIPredicate::ugt, row.length, b.word(numSelected));
  Value zero = b.word(0);
  auto choose = scf::IfOp::create(b, types, isLong, /*withElseRegion=*/true);
  {
    OpBuilder::InsertionGuard guard(b);
    auto yield = [&](const Selected &s) {
      scf::YieldOp::create(b, ValueRange{s.bounds.from, s.bounds.tie,
                                         s.bounds.tieBegin, s.bounds.tieEnd,
                                         s.better, s.tied, s.isList, s.copied});
    };
    b.setInsertionPointToStart(choose.thenBlock());
    yield(selectLong(b, team, row, begin, end));
    b.setInsertionPointToStart(choose.elseBlock());
    // A short range selects NaN too, whose code is 0.
    yield({{zero, zero, zero, zero}, b.sub(end, begin), zero, zero, zero});
  }
  ResultRange results = choose.getResults();
  Selected selected{{results[0], results[1], results[2], results[3]},
                    results[4],
                    results[5],
                    results[6],
                    results[7]};
  Bounds &bounds = selected.bounds;

  // How many each warp selects, ties apart.
  Value warp = b.toWord(team.warp);
  b.ifTrue(b.compare(CmpIPredicate::eq, team.lane, zero), [&] {
    store(b, selected.better, sums, team.warp);
    store(b, selected.tied, sums, b.add(team.warp, b.index(kWarpThreads)));
  });
  b.barrier();
  auto addAhead = [&](int64_t offset) {
    Value isAhead = b.compare(CmpIPredicate::ult, team.lane, warp);
    Value sum = load(b, sums, b.add(b.toIndex(team.lane), b.index(offset)));
    return reduceOverWarp(b, arith::SelectOp::create(b, isAhead, sum, zero),
                          NVVM::ReduxKind::ADD);
  };
  Value better = addAhead(0), tied = addAhead(kWarpThreads);
  // Of the ties ahead, those that are selected.
  auto clamp = [&](Value number) -> Value {
    number = arith::MaxUIOp::create(b, number, bounds.tieBegin);
    number = arith::MinUIOp::create(b, number, bounds.tieEnd);
    return b.sub(number, bounds.tieBegin);
  };
  Value place = b.add(better, clamp(tied));

  Value own = b.add(block.firstRow, number);
  TopkRow translator(op, own, b.toIndex(row.start));
  Value first = b.index(0);
  auto getOutput = [&](Value matrix) {
    return getRowBlock(b, b.getLoc(), matrix, own, b.getIndexAttr(1));
  };
  Value indices = getOutput(op.getIndices());
  Value values = op.getValues() ? getOutput(op.getValues()) : Value();
  Source list = getList(b, team);
  list.isList = b.compare(CmpIPredicate::ne, selected.isList, b.word(0));
  auto select = [&](Value yes, Value no) -> Value {
    return arith::SelectOp::create(b, list.isList, yes, no);
  };
  list.words = select(list.words, row.words);
  Value written =
      write(b, team, row, list, bounds, select(b.word(0), begin),
            select(selected.copied, end), place, tied,
            [&](DeviceBuilder &b, Value key, Value word, Value place) {
              memref::StoreOp::create(b, translator.getIndex(b, b.toIndex(key)),
                                      indices, ValueRange{first, place});
              if (values)
                memref::StoreOp::create(
                    b, arith::BitcastOp::create(b, b.getF32Type(), word),
                    values, ValueRange{first, place});
            });
  // Padding, by the last warp.
  b.ifTrue(b.compare(CmpIPredicate::eq, warp, b.word(numWarps - 1)), [&] {
    b.forEach(b.toIndex(b.add(written, team.lane)), b.index(numSelected),
              b.index(kWarpThreads), [&](Value at) {
                memref::StoreOp::create(b, b.word(-1), indices,
                                        ValueRange{first, at});
                if (values)
                  memref::StoreOp::create(
                      b, b.real(-std::numeric_limits<float>::infinity()),
                      values, ValueRange{first, at});
              });
  });
  // The next row writes the sums.
  b.barrier();
}
