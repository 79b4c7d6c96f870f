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

/// This thread's part of `count` logits of the row, and NaN behind these.
SmallVector<Value> StreamSelection::loadSample(const TopkRow &row, Value count,
                                               Value shift) {
  SmallVector<Value> sample;
  int64_t most = maxChunks * kChunkKeys >> (kSampleShift + 1);
  most = std::max(most, kLongRow >> kSampleShift);
  for (int64_t i = 0, e = llvm::divideCeil(most, numThreads); i < e; ++i) {
    Value number = b.add(thread, b.word(i * numThreads));
    sample.push_back(
        choose(
            b.compare(CmpIPredicate::ult, number, count), b.getF32Type(),
            [&] {
              Value column = b.toIndex(getSampleColumn(number, shift));
              return SmallVector<Value>{
                  row.loadLogit(b, b.add(row.firstColumn, column))};
            },
            [&] {
              return SmallVector<Value>{
                  b.real(std::numeric_limits<float>::quiet_NaN())};
            })
            .front());
  }
  return sample;
}

/// The ends of a sample, and bins between logits near them. There is a barrier
/// in it.
std::pair<StreamSelection::Ends, StreamSelection::Bins>
StreamSelection::findEnds(ArrayRef<Value> sample, Value count) {
  Value zero = b.word(0), most = b.word(-1);
  Value least = most, greatest = zero;
  SmallVector<Type> two(2, b.getI32Type());
  for (auto [i, logit] : llvm::enumerate(sample)) {
    Value number = b.add(thread, b.word(i * numThreads));
    // Later slots of a short row have nothing.
    SmallVector<Value> next = choose(
        b.compare(CmpIPredicate::ult, number, count), two,
        [&] {
          Value isFinite = arith::CmpFOp::create(b, arith::CmpFPredicate::OLT,
                                                 math::AbsFOp::create(b, logit),
                                                 b.real(kInfinity));
          Value code = emitCode(b, logit);
          Value lower = arith::SelectOp::create(b, isFinite, code, most);
          Value upper = arith::SelectOp::create(b, isFinite, code, zero);
          return SmallVector<Value>{arith::MinUIOp::create(b, least, lower),
                                    arith::MaxUIOp::create(b, greatest, upper)};
        },
        [&] {
          return SmallVector<Value>{least, greatest};
        });
    least = next[0];
    greatest = next[1];
  }
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
  Type f32 = b.getF32Type();
  Value length = b.toWord(row.length);
  Value isLong = b.compare(CmpIPredicate::ugt, length, b.word(kLongRow));
  Value shift = arith::SelectOp::create(b, isLong, b.word(kSampleShift + 1),
                                        b.word(kSampleShift));
  Value groupBits = b.word(kGroupShift);
  Value number = arith::ShLIOp::create(
      b, arith::ShRUIOp::create(b, length, b.add(shift, groupBits)), groupBits);
  SmallVector<Value> sample = loadSample(row, number, shift);
  auto [ends, bins] = findEnds(sample, number);

  // The share of k: the worst of the best is hardly ever deeper than `rank`, or
  // less deep than `upper`. The product is less than 2^25.
  Value product = arith::MulIOp::create(b, number, b.word(numSelected));
  Value share = arith::FPToUIOp::create(
      b, b.getI32Type(),
      arith::MulFOp::create(b, arith::UIToFPOp::create(b, f32, product),
                            invert(arith::UIToFPOp::create(b, f32, length))));
  Value quarter = arith::ShRUIOp::create(b, share, b.word(2));
  Value rank = b.add(b.add(share, quarter), b.word(18));
  Value upper = arith::MaxSIOp::create(b, b.sub(quarter, b.word(3)), b.word(1));
  Value isWhole = b.compare(CmpIPredicate::uge, rank, number);
  rank = arith::MinUIOp::create(b, rank, number);
  Value few = b.add(arith::ShRUIOp::create(b, rank, b.word(3)), b.word(8));
  auto countAll = [&](const Bins &bins) {
    for (auto [i, logit] : llvm::enumerate(sample)) {
      Value at = b.add(thread, b.word(i * numThreads));
      Value isNumber =
          arith::CmpFOp::create(b, arith::CmpFPredicate::ORD, logit, logit);
      b.ifTrue(b.both(b.compare(CmpIPredicate::ult, at, number), isNumber),
               [&, logit = logit] { count(getBin(logit, bins)); });
    }
  };
  SmallVector<Type> types(3, f32);
  types.push_back(b.getI1Type());
  Value isUsable = isFinite(bins);
  SmallVector<Value> results = choose(
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
