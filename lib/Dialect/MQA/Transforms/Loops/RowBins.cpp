//===- RowBins.cpp - Logits of a row and bins of their codes --------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Expansions/LogitCode.h"
#include "RowSelection.h"
#include "WarpOps.h"

using namespace mlir;
using namespace mlir::mqa;
using namespace mlir::mqa::shapes;
using arith::CmpIPredicate;

/// Whether `key` is one of the first or last of the range, which are selected
/// before all others.
Value RowSelection::isForced(DeviceBuilder &b, const Row &row, Value key) {
  Value isFirst = b.compare(CmpIPredicate::slt, b.sub(key, row.start),
                            b.word(op.getForceFirst()));
  Value isLast = b.compare(CmpIPredicate::sle, b.sub(row.end, key),
                           b.word(op.getForceLast()));
  return arith::OrIOp::create(b, isFirst, isLast);
}

Value RowSelection::encode(DeviceBuilder &b, const Row &row,
                           const Logit &logit) {
  Value code =
      emitCode(b, arith::BitcastOp::create(b, b.getF32Type(), logit.word));
  if (!hasForced())
    return code;
  return arith::SelectOp::create(b, isForced(b, row, logit.key),
                                 b.word(kForcedCode), code);
}

/// The least logit whose code is at least `code`.
Value RowSelection::getThreshold(DeviceBuilder &b, Value code) {
  return emitLogit(b, arith::MaxUIOp::create(b, code, b.word(kInfinityCode)));
}

/// Whether a logit is there and reaches `threshold`. For most there is no more
/// to do.
Value RowSelection::isGood(DeviceBuilder &b, const Row &row, const Logit &logit,
                           Value threshold) {
  Value isGood = arith::CmpFOp::create(
      b, arith::CmpFPredicate::OGE,
      arith::BitcastOp::create(b, b.getF32Type(), logit.word), threshold);
  if (hasForced())
    isGood = arith::OrIOp::create(b, isGood, isForced(b, row, logit.key));
  return b.both(isGood, logit.isThere);
}

/// The list of this warp.
RowSelection::Source RowSelection::getList(DeviceBuilder &b, const Team &team) {
  int64_t numWarps = numThreads / kWarpThreads;
  Value number = b.add(b.mul(gridBlock, numWarps), team.warp);
  Value words = b.add(lists, b.mul(number, 2 * kPlaces));
  return {words, arith::ConstantIntOp::create(b, true, 1),
          b.add(words, b.index(kPlaces))};
}

/// The key of the logit at `place`.
Value RowSelection::getKey(DeviceBuilder &b, const Source &source,
                           Value place) {
  if (!source.keys)
    return place;
  auto choose = scf::IfOp::create(b, TypeRange(b.getI32Type()), source.isList,
                                  /*withElseRegion=*/true);
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToStart(choose.thenBlock());
  scf::YieldOp::create(b,
                       load(b, scratch, b.add(source.keys, b.toIndex(place))));
  b.setInsertionPointToStart(choose.elseBlock());
  scf::YieldOp::create(b, place);
  return choose.getResult(0);
}

/// The logits at `place`, `step` places further, and so on, all on their way at
/// once. Those behind `end` are not there; what is read for them is memory of
/// the caller's, too: the counters lie behind all rows and lists.
SmallVector<RowSelection::Logit>
RowSelection::loadLogits(DeviceBuilder &b, const Source &source, Value place,
                         Value end, int64_t step, int64_t count) {
  Value from = b.add(source.words, b.toIndex(place)), left = b.sub(end, place);
  SmallVector<Logit> logits(count);
  for (auto [i, logit] : llvm::enumerate(logits)) {
    int64_t ahead = i * step;
    logit.place = b.add(place, b.word(ahead));
    logit.isThere = b.compare(CmpIPredicate::sgt, left, b.word(ahead));
    logit.word = load(b, scratch, b.add(from, b.index(ahead)));
  }
  if (hasForced())
    for (Logit &logit : logits)
      logit.key = getKey(b, source, logit.place);
  return logits;
}

void RowSelection::clearBins(DeviceBuilder &b, const Team &team) {
  b.forEach(team.thread, b.index(kNumBins), b.index(numThreads),
            [&](Value bin) { store(b, b.word(0), histogram, bin); });
  b.barrier();
}

/// Counts a logit that is good enough in its bin. The last bin has all that are
/// greater, too.
void RowSelection::count(DeviceBuilder &b, const Row &row, const Logit &logit,
                         const Search &search, Value threshold) {
  b.ifTrue(isGood(b, row, logit, threshold), [&] {
    Value ahead = b.sub(encode(b, row, logit), search.lo);
    b.ifTrue(b.compare(CmpIPredicate::ule, ahead, search.width), [&] {
      Value bin = arith::MinUIOp::create(
          b, arith::ShRUIOp::create(b, ahead, search.shift),
          b.word(kNumBins - 1));
      memref::AtomicRMWOp::create(b, arith::AtomicRMWKind::addi, b.word(1),
                                  histogram, ValueRange{b.toIndex(bin)});
    });
  });
}

/// Finds the bin that has number `need`, counted from the last bin down: the
/// thread that has it tells all others which bin it is, which number it has in
/// the bin, and how many are there; none, if all bins have less.
void RowSelection::findBin(DeviceBuilder &b, const Team &team, Value need) {
  int64_t perThread = llvm::divideCeil(kNumBins, numThreads);
  Value zero = b.word(0);
  Value behind = b.sub(b.index(kNumBins - 1), b.mul(team.thread, perThread));
  SmallVector<Value> bins, numbers;
  Value own = zero;
  for (int64_t i = 0; i < perThread; ++i) {
    Value bin = b.sub(behind, b.index(i));
    // The last threads may have none.
    Value isBin = b.compare(CmpIPredicate::sge, bin, b.index(0));
    Value there = arith::MaxSIOp::create(b, bin, b.index(0));
    Value number =
        arith::SelectOp::create(b, isBin, load(b, histogram, there), zero);
    bins.push_back(there);
    numbers.push_back(number);
    own = b.add(own, number);
  }
  Value upTo = addUpToLane(b, team.lane, own);
  b.ifTrue(b.compare(CmpIPredicate::eq, team.lane, b.word(kWarpThreads - 1)),
           [&] { store(b, upTo, sums, team.warp); });
  b.byFirstThread([&] { store(b, zero, found, b.index(kInBin)); });
  b.barrier();
  Value isAhead = b.compare(CmpIPredicate::ult, team.lane, b.toWord(team.warp));
  Value sum = load(b, sums, b.toIndex(team.lane));
  Value ahead = reduceOverWarp(
      b, arith::SelectOp::create(b, isAhead, sum, zero), NVVM::ReduxKind::ADD);
  ahead = b.add(ahead, b.sub(upTo, own));
  for (auto [bin, number] : llvm::zip(bins, numbers)) {
    Value next = b.add(ahead, number);
    Value isHere = b.both(b.compare(CmpIPredicate::ult, ahead, need),
                          b.compare(CmpIPredicate::ule, need, next));
    b.ifTrue(isHere, [&, bin = bin, number = number] {
      store(b, b.toWord(bin), found, b.index(kBin));
      store(b, b.sub(need, ahead), found, b.index(kLeft));
      store(b, number, found, b.index(kInBin));
    });
    ahead = next;
  }
  b.barrier();
}
