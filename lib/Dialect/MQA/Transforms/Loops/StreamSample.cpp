//===- StreamSample.cpp - Guesses which logits are among the best ---------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The threshold is the logit of a rank of the sample that is deeper than the
// share of k. The bins of the list begin there, and end as far behind the logit
// of another rank, which is less deep, as that is behind the threshold. So they
// are narrow. The first bins of the sample lie between the third logits of the
// warps from both ends: a few that are far from all others do not make them
// wide.
//
//===----------------------------------------------------------------------===//

#include "Expansions/LogitCode.h"
#include "StreamSelection.h"
#include "WarpOps.h"

#include "mlir/Dialect/Math/IR/Math.h"

using namespace mlir;
using namespace mlir::mqa;
using namespace mlir::mqa::shapes;
using arith::CmpIPredicate;

static constexpr float kInfinity = std::numeric_limits<float>::infinity();

/// The column, from the row's first one on, of a logit of the sample. Groups do
/// not lie at equal distances: logits may have a period.
Value StreamSelection::getSampleColumn(Value number, Value shift) {
  Value groupBits = b.word(kGroupShift);
  Value group = arith::ShRUIOp::create(b, number, groupBits);
  Value inGroup =
      arith::AndIOp::create(b, number, b.word((1 << kGroupShift) - 1));
  Value spread = arith::MulIOp::create(b, group, b.word(int32_t(0x9e3779b9)));
  spread =
      arith::ShRUIOp::create(b, spread, b.sub(b.word(kWarpThreads), shift));
  Value column = b.add(arith::ShLIOp::create(b, group, shift), spread);
  return arith::OrIOp::create(b, arith::ShLIOp::create(b, column, groupBits),
                              inGroup);
}

/// Puts `count` logits of the row where the list will be, and finds the ends of
/// what this thread has, as codes.
std::pair<Value, Value> StreamSelection::loadSample(const TopkRow &row,
                                                    Value count, Value shift) {
  Value most = b.word(-1), zero = b.word(0);
  auto loop = scf::ForOp::create(b, b.index(0), b.toIndex(count),
                                 b.index(kSampleLoads * numThreads),
                                 ValueRange{most, zero});
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToStart(loop.getBody());
  Value least = loop.getRegionIterArg(0), greatest = loop.getRegionIterArg(1);
  Value first = b.add(thread, b.toWord(loop.getInductionVar()));
  Value last = b.sub(count, b.word(1));
  SmallVector<Value> numbers, logits;
  // All loads are under way together. Behind the last one, it comes again.
  for (int64_t i = 0; i < kSampleLoads; ++i) {
    numbers.push_back(b.add(first, b.word(i * numThreads)));
    Value number = arith::MinUIOp::create(b, numbers.back(), last);
    Value column = b.toIndex(getSampleColumn(number, shift));
    logits.push_back(row.loadLogit(b, b.add(row.firstColumn, column)));
  }
  for (auto [number, logit] : llvm::zip_equal(numbers, logits)) {
    Value isFinite = arith::CmpFOp::create(b, arith::CmpFPredicate::OLT,
                                           math::AbsFOp::create(b, logit),
                                           b.real(kInfinity));
    Value code = emitCode(b, logit);
    least = arith::MinUIOp::create(
        b, least, arith::SelectOp::create(b, isFinite, code, most));
    greatest = arith::MaxUIOp::create(
        b, greatest, arith::SelectOp::create(b, isFinite, code, zero));
    b.ifTrue(b.compare(CmpIPredicate::ult, number, count), [&] {
      store(arith::BitcastOp::create(b, b.getI32Type(), logit), sample, number);
    });
  }
  scf::YieldOp::create(b, ValueRange{least, greatest});
  return {loop.getResult(0), loop.getResult(1)};
}

/// The ends of a sample, of which this thread has `least` and `greatest`, and
/// bins between logits near them. There is a barrier in it.
std::pair<StreamSelection::Ends, StreamSelection::Bins>
StreamSelection::findEnds(Value least, Value greatest) {
  Value zero = b.word(0), most = b.word(-1);
  least = reduceOverWarp(b, least, NVVM::ReduxKind::UMIN);
  greatest = reduceOverWarp(b, greatest, NVVM::ReduxKind::UMAX);
  Value second = b.word(kWarpThreads);
  b.ifTrue(b.compare(CmpIPredicate::eq, lane, zero), [&] {
    store(least, sums, warp);
    store(greatest, sums, b.add(warp, second));
  });
  b.barrier();
  Value other = arith::RemUIOp::create(b, lane, b.word(numWarps));
  // The end over all warps, and the third one from there. Where there are not
  // three, `none` remains.
  auto findEnd = [&](Value own, NVVM::ReduxKind kind, Value none) {
    Value end = reduceOverWarp(b, own, kind), third = end;
    for (int64_t i = 0; i < 2; ++i) {
      Value isEnd = b.compare(CmpIPredicate::eq, own, third);
      own = arith::SelectOp::create(b, isEnd, none, own);
      third = reduceOverWarp(b, own, kind);
    }
    Value isNone = b.compare(CmpIPredicate::eq, third, none);
    third = arith::SelectOp::create(b, isNone, end, third);
    return std::pair(emitLogit(b, end), emitLogit(b, third));
  };
  auto [first, low] = findEnd(load(sums, other), NVVM::ReduxKind::UMIN, most);
  auto [last, high] =
      findEnd(load(sums, b.add(other, second)), NVVM::ReduxKind::UMAX, zero);
  Value lower = arith::MinNumFOp::create(b, low, high);
  Value upper = arith::MaxNumFOp::create(b, low, high);
  return {{first, last}, fitBins(lower, upper)};
}

StreamSelection::Guess StreamSelection::guess(const TopkRow &row) {
  Phase phase(*this);
  b.byFirstThread([&] {
    for (Word word : {kCount, kNumListed})
      writeWord(word, b.word(0));
  });
  // There is a barrier ahead of who counts, and who reads bins leaves zeros.
  list.forEach(b.index(numBins),
               [&](Value bin) { store(b.word(0), histogram, bin); });
  Type f32 = b.getF32Type();
  Value length = b.toWord(row.length);
  auto isLonger = [&](int64_t length) {
    Value isLonger =
        b.compare(CmpIPredicate::ugt, b.toWord(row.length), b.word(length));
    return Value(arith::ExtUIOp::create(b, b.getI32Type(), isLonger));
  };
  // The sample of a longer row would not fit the list's memory.
  Value isLongest = isLonger(2 * capacity << (kSampleShift + 1));
  Value shift =
      b.add(b.word(kSampleShift), b.add(isLonger(kLongRow), isLongest));
  Value groupBits = b.word(kGroupShift);
  Value number = arith::ShLIOp::create(
      b, arith::ShRUIOp::create(b, length, b.add(shift, groupBits)), groupBits);
  auto [least, greatest] = loadSample(row, number, shift);
  auto [ends, bins] = findEnds(least, greatest);

  // The share of k: the worst of the best is hardly ever deeper than `rank`, or
  // less deep than `upper`. The product is less than 2^27.
  static_assert(2 * CandidateList::kCapacity * CandidateList::kMostSelected <
                int64_t(1) << 27);
  Value product = arith::MulIOp::create(b, number, b.word(numSelected));
  Value share = arith::FPToUIOp::create(
      b, b.getI32Type(),
      arith::MulFOp::create(b, arith::UIToFPOp::create(b, f32, product),
                            invert(arith::UIToFPOp::create(b, f32, length))));
  Value quarter = arith::ShRUIOp::create(b, share, b.word(2));
  // A sample of a longest row has few: with as many more, the list would often
  // be too short.
  Value more =
      b.sub(b.word(18), arith::MulIOp::create(b, isLongest, b.word(6)));
  Value rank = b.add(b.add(share, quarter), more);
  Value upper = arith::MaxSIOp::create(b, b.sub(quarter, b.word(3)), b.word(1));
  Value isWhole = b.compare(CmpIPredicate::uge, rank, number);
  rank = arith::MinUIOp::create(b, rank, number);
  Value few = b.add(arith::ShRUIOp::create(b, rank, b.word(3)), b.word(8));
  // What a thread counts, it has loaded itself.
  auto countAll = [&](const Bins &bins) {
    list.forEach(b.toIndex(number), [&](Value at) {
      count(getBin(toFloat(load(sample, at)), bins, /*isListed=*/false));
    });
  };
  SmallVector<Type> types(3, f32);
  types.push_back(b.getI1Type());
  Value isUsable = isFinite(bins);
  SmallVector<Value> results = b.choose(
      isUsable, types,
      [&, &ends = ends, &bins = bins] {
        Found found = find(rank, upper, few, bins, ends, countAll);
        Value bin = readWord(kBin);
        Value from = getEdge(found.bins, bin, -0.5);
        // As wide again, for a row that is not like its sample.
        Bins narrow = fitBins(
            from,
            arith::AddFOp::create(b, found.upper,
                                  arith::SubFOp::create(b, found.upper, from)));
        Value isFirst = b.compare(CmpIPredicate::eq, bin, b.word(0));
        Value isAny = arith::OrIOp::create(b, isFirst, isWhole);
        Value areThere =
            b.compare(CmpIPredicate::ne, readWord(kInBin), b.word(0));
        return SmallVector<Value>{
            arith::SelectOp::create(b, isAny, b.real(-kInfinity), from),
            narrow.low, narrow.scale, b.both(areThere, isFinite(narrow))};
      },
      [&] {
        Value zero = b.real(0);
        return SmallVector<Value>{zero, zero, zero, isUsable};
      });
  return {results[0], {results[1], results[2]}, ends, results[3]};
}
