//===- RowSearch.cpp - A team of warps finds the best of a row ------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The best logits of a row are found by a histogram of their codes, then by one
// of the bin that has the last of the best, and so on, until few are in it. A
// first look at some of a long row tells about where the best begin: most
// logits are then counted in no bin, and the bins are so narrow that one
// histogram is often enough. Those that are counted are copied, as far as there
// is room: what comes behind reads the copies, and not the row again.
//
//===----------------------------------------------------------------------===//

#include "RowSelection.h"
#include "WarpOps.h"
#include "mqa/Dialect/MQA/IR/EnumCases.h"

#include "mlir/Dialect/Math/IR/Math.h"

using namespace mlir;
using namespace mlir::mqa;
using namespace mlir::mqa::shapes;
using arith::CmpIPredicate;

/// The least shift with which there are bins for all codes.
Value RowSelection::fitShift(DeviceBuilder &b, Value width) {
  Value bits = b.sub(b.word(32), math::CountLeadingZerosOp::create(b, width));
  return arith::MaxSIOp::create(b, b.sub(bits, b.word(kBinBits)), b.word(0));
}

/// Among all logits but NaN, which a long range does not select.
RowSelection::Search RowSelection::getAll(DeviceBuilder &b, Value need) {
  return {b.word(1), b.word(-2), b.word(32 - kBinBits), need};
}

/// A range of codes that probably has the best keys: it begins where the sample
/// has its share of them, half as many more, and 32 more.
RowSelection::Search RowSelection::guess(DeviceBuilder &b, const Team &team,
                                         const Row &row) {
  // Each warp looks at parts that are all over the row: as many logits as there
  // are lanes.
  int64_t numWarps = numThreads / kWarpThreads;
  int64_t numParts = llvm::divideCeil(kSample, numThreads);
  int64_t sample = numParts * numThreads;
  Value distance =
      arith::DivUIOp::create(b, row.length, b.word(numWarps * numParts));
  Search all = getAll(b, b.word(numSelected));
  clearBins(b, team);
  Value threshold = getThreshold(b, all.lo);
  Value warp = b.toWord(team.warp);
  SmallVector<Logit> logits;
  for (int64_t i = 0; i < numParts; ++i) {
    Value part = b.add(warp, b.word(i * numWarps));
    Value key = b.add(b.add(row.start, team.lane),
                      arith::MulIOp::create(b, part, distance));
    logits.push_back(
        loadLogits(b, {row.words, {}, {}}, key, row.end, 0, 1).front());
  }
  for (const Logit &logit : logits)
    count(b, row, logit, all, threshold);
  b.barrier();
  // How many of the sample are as good as the worst that is needed: k * sample
  // is less than 2^25.
  Value number = b.toWord(arith::DivUIOp::create(
      b, b.index(numSelected * sample), b.toIndex(row.length)));
  number = b.add(number, arith::ShRUIOp::create(b, number, b.word(1)));
  number = b.add(number, b.word(32));
  findBin(b, team, number);
  // There may be too few numbers in it.
  Value areEnough =
      b.compare(CmpIPredicate::ne, readWord(b, kInBin), b.word(0));
  Value lo =
      b.add(all.lo, arith::ShLIOp::create(b, readWord(b, kBin), all.shift));
  auto select = [&](Value yes, Value no) -> Value {
    return arith::SelectOp::create(b, areEnough, yes, no);
  };
  // Some bins for a factor of two; the last one has what is greater.
  constexpr int64_t kNarrowShift = 23 - 8;
  return {select(lo, all.lo), select(b.sub(b.word(-1), lo), all.width),
          select(b.word(kNarrowShift), all.shift), all.need};
}

/// Counts the logits of this warp, from `begin` to `end`, that are in the range
/// of a search, and copies them to the warp's list, in order. Returns how many
/// there are, and tells all if that is too many for the list.
Value RowSelection::copyGood(DeviceBuilder &b, const Team &team, const Row &row,
                             const Search &search, Value begin, Value end) {
  Source list = getList(b, team), all{row.words, {}, {}};
  Value threshold = getThreshold(b, search.lo);
  auto loop = scf::ForOp::create(b, begin, end, b.word(kLoads * kWarpThreads),
                                 ValueRange{b.word(0)});
  {
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPointToStart(loop.getBody());
    Value number = loop.getRegionIterArg(0);
    for (const Logit &logit :
         loadLogits(b, all, b.add(loop.getInductionVar(), team.lane), end,
                    kWarpThreads, kLoads)) {
      Value isGood = this->isGood(b, row, logit, threshold);
      Value good = emitBallot(b, isGood);
      b.ifTrue(isGood, [&] {
        count(b, row, logit, search, threshold);
        Value place = b.add(number, countLanesAhead(b, team.lane, good));
        b.ifTrue(b.compare(CmpIPredicate::ult, place, b.word(kPlaces)), [&] {
          Value at = b.toIndex(place);
          store(b, logit.word, scratch, b.add(list.words, at));
          store(b, logit.place, scratch, b.add(list.keys, at));
        });
      });
      number = b.add(number, math::CtPopOp::create(b, good));
    }
    scf::YieldOp::create(b, number);
  }
  b.ifTrue(b.compare(CmpIPredicate::ugt, loop.getResult(0), b.word(kPlaces)),
           [&] { store(b, b.word(1), found, b.index(kIsFull)); });
  syncWarp(b);
  return loop.getResult(0);
}

/// What follows from the bin that was found. Returns the next search, in this
/// bin, with the number of the last one in it (as `need`), how many are in the
/// bin, and whether the search is over: these are few, or all have one code, or
/// all of them are needed. Where too few numbers are in the range, the next
/// search is among all; where these are too few, all of them are the answer.
SmallVector<Value> RowSelection::getNext(DeviceBuilder &b,
                                         const Search &search) {
  Value bin = readWord(b, kBin), left = readWord(b, kLeft),
        inBin = readWord(b, kInBin);
  Value ahead = arith::ShLIOp::create(b, bin, search.shift);
  Value size =
      b.sub(arith::ShLIOp::create(b, b.word(1), search.shift), b.word(1));
  Value rest = b.sub(search.width, ahead);
  Value isLast = b.compare(CmpIPredicate::eq, bin, b.word(kNumBins - 1));
  rest = arith::SelectOp::create(b, isLast, rest,
                                 arith::MinUIOp::create(b, rest, size));
  Value isDone = arith::OrIOp::create(
      b, b.compare(CmpIPredicate::eq, rest, b.word(0)),
      b.compare(CmpIPredicate::ule, inBin, b.word(kListed)));
  isDone = arith::OrIOp::create(b, isDone,
                                b.compare(CmpIPredicate::eq, inBin, left));
  Search all = getAll(b, b.word(numSelected));
  Value areEnough = b.compare(CmpIPredicate::ne, inBin, b.word(0));
  Value wereAll = b.compare(CmpIPredicate::eq, search.lo, all.lo);
  auto select = [&](Value yes, Value no) -> Value {
    return arith::SelectOp::create(b, areEnough, yes, no);
  };
  return {select(b.add(search.lo, ahead), all.lo),
          select(rest, all.width),
          select(fitShift(b, rest), all.shift),
          select(left, all.need),
          select(inBin, all.need),
          select(isDone, wereAll)};
}

/// One step of a search in the whole row.
SmallVector<Value> RowSelection::searchStep(DeviceBuilder &b, const Team &team,
                                            const Row &row,
                                            const Search &search) {
  // Others may still read what they found.
  b.barrier();
  clearBins(b, team);
  Value threshold = getThreshold(b, search.lo);
  Value begin = b.add(row.start, b.toWord(team.thread));
  b.forEach(begin, row.end, b.word(kLoads * numThreads), [&](Value key) {
    for (const Logit &logit :
         loadLogits(b, {row.words, {}, {}}, key, row.end, numThreads, kLoads))
      count(b, row, logit, search, threshold);
  });
  b.barrier();
  findBin(b, team, search.need);
  return getNext(b, search);
}

/// The bin that has the worst of the best keys of a row of more than are
/// selected. `state` is the next search, as `getNext` has it, which is over
/// where the last of it says so.
RowSelection::LastBin RowSelection::search(DeviceBuilder &b, const Team &team,
                                           const Row &row, ValueRange state) {
  Type i32 = b.getI32Type();
  SmallVector<Type> four(4, i32), five(5, i32);
  auto found =
      scf::IfOp::create(b, five, state.back(), /*withElseRegion=*/true);
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToStart(found.thenBlock());
  scf::YieldOp::create(b, state.drop_back());
  b.setInsertionPointToStart(found.elseBlock());
  auto loop = scf::WhileOp::create(b, five, state.take_front(4));
  SmallVector<Location> locs(four.size(), b.getLoc());
  Block *step = b.createBlock(&loop.getBefore(), {}, four, locs);
  SmallVector<Value> next =
      searchStep(b, team, row,
                 {step->getArgument(0), step->getArgument(1),
                  step->getArgument(2), step->getArgument(3)});
  Value isDone = next.pop_back_val();
  Value goesOn = arith::XOrIOp::create(
      b, isDone, arith::ConstantIntOp::create(b, true, 1));
  scf::ConditionOp::create(b, goesOn, next);
  locs.assign(five.size(), b.getLoc());
  b.createBlock(&loop.getAfter(), {}, five, locs);
  scf::YieldOp::create(b, loop.getAfterArguments().take_front(4));
  b.setInsertionPointAfter(loop);
  scf::YieldOp::create(b, loop.getResults());
  return {found.getResult(0), found.getResult(1), found.getResult(3),
          found.getResult(4)};
}

/// The worst of the best, where all of the bin or only some of equal ones are
/// selected, or the bin's candidates are listed, in memory of the histogram.
RowSelection::Bounds RowSelection::resolve(DeviceBuilder &b, const Team &team,
                                           const LastBin &bin, Value isListed) {
  Type i32 = b.getI32Type();
  SmallVector<Type> two(2, i32);
  auto listed = scf::IfOp::create(b, two, isListed, /*withElseRegion=*/true);
  {
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPointToStart(listed.thenBlock());
    // A thread for each finds how many are better than it, and as good as it.
    Value number = b.toIndex(bin.count);
    b.forEach(team.thread, number, b.index(numThreads), [&](Value at) {
      Value own = load(b, histogram, at);
      auto loop = scf::ForOp::create(b, b.index(0), number, b.index(1),
                                     ValueRange{b.word(0), b.word(0)});
      {
        OpBuilder::InsertionGuard inner(b);
        b.setInsertionPointToStart(loop.getBody());
        Value other = load(b, histogram, loop.getInductionVar());
        auto add = [&](Value sum, CmpIPredicate predicate) -> Value {
          Value isCounted = b.compare(predicate, other, own);
          return b.add(sum, arith::ExtUIOp::create(b, i32, isCounted));
        };
        scf::YieldOp::create(
            b, ValueRange{add(loop.getRegionIterArg(0), CmpIPredicate::ugt),
                          add(loop.getRegionIterArg(1), CmpIPredicate::uge)});
      }
      Value better = loop.getResult(0);
      Value isLast =
          b.both(b.compare(CmpIPredicate::ult, better, bin.need),
                 b.compare(CmpIPredicate::ule, bin.need, loop.getResult(1)));
      // Equal ones write the same.
      b.ifTrue(isLast, [&] {
        store(b, own, found, b.index(kBin));
        store(b, b.sub(bin.need, better), found, b.index(kLeft));
        store(b, b.sub(loop.getResult(1), better), found, b.index(kInBin));
      });
    });
    b.barrier();
    scf::YieldOp::create(b, ValueRange{readWord(b, kBin), readWord(b, kLeft)});
    b.setInsertionPointToStart(listed.elseBlock());
    scf::YieldOp::create(b, ValueRange{bin.lo, bin.need});
  }
  Value code = listed.getResult(0), need = listed.getResult(1);
  Value inBin =
      arith::SelectOp::create(b, isListed, readWord(b, kInBin), bin.count);
  // All of them, or some of equal ones.
  Value areAll = b.compare(CmpIPredicate::eq, inBin, need);
  auto ifTied = [&](Value yes, Value no) -> Value {
    return arith::SelectOp::create(b, areAll, no, yes);
  };
  Value none = b.word(0);
  // Forced keys are not too many, so that there is a code behind this one.
  bool areFirst = !prefersGreatest(ties);
  return {ifTied(b.add(code, b.word(1)), code), code,
          ifTied(areFirst ? none : b.sub(inBin, need), none),
          ifTied(areFirst ? need : inBin, none)};
}
