//===- StreamBins.cpp - Finds ranks of logits by histograms ---------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "StreamSelection.h"
#include "WarpOps.h"

#include "mlir/Dialect/Math/IR/Math.h"

using namespace mlir;
using namespace mlir::mqa;
using namespace mlir::mqa::shapes;
using arith::CmpIPredicate;

/// About 1 / value.
Value StreamSelection::invert(Value value) {
  return NVVM::RcpApproxFtzF32Op::create(b, b.getF32Type(), value);
}

/// Bins of which the first has `low` and the top one has `high`.
StreamSelection::Bins StreamSelection::fitBins(Value low, Value high) {
  Value width = arith::MulFOp::create(b, arith::SubFOp::create(b, high, low),
                                      b.real(1.0f / topBin));
  return {low, invert(width)};
}

/// Whether there are bins: not if all logits are equal, or infinite.
Value StreamSelection::isFinite(const Bins &bins) {
  auto isFinite = [&](Value value) {
    return arith::CmpFOp::create(
        b, arith::CmpFPredicate::OLT, math::AbsFOp::create(b, value),
        b.real(std::numeric_limits<float>::infinity()));
  };
  Value isPositive = arith::CmpFOp::create(b, arith::CmpFPredicate::OGT,
                                           bins.scale, b.real(0));
  return b.both(isPositive, b.both(isFinite(bins.scale), isFinite(bins.low)));
}

/// About the logit that is `distance` bins behind the middle of `bin`.
Value StreamSelection::getEdge(const Bins &bins, Value bin, float distance) {
  Value at = arith::UIToFPOp::create(b, b.getF32Type(), bin);
  at = arith::AddFOp::create(b, at, b.real(distance));
  return math::FmaOp::create(b, at, invert(bins.scale), bins.low);
}

/// The bin of a logit: the first one for NaN, which a sample may have, but the
/// last one where a list has NaN for forced keys.
Value StreamSelection::getBin(Value logit, const Bins &bins, bool isListed) {
  Value at = arith::MulFOp::create(b, arith::SubFOp::create(b, logit, bins.low),
                                   bins.scale);
  // In this order: of NaN and 0, the greater one is 0.
  at = arith::MaxNumFOp::create(b, at, b.real(0));
  at = arith::MinNumFOp::create(b, at, b.real(topBin));
  // The sum's last bits are the nearest integer.
  at = arith::AddFOp::create(b, at, b.real(1 << 23));
  Value bin = arith::AndIOp::create(
      b, arith::BitcastOp::create(b, b.getI32Type(), at), b.word(kMaxBins - 1));
  if (!hasForced() || !isListed)
    return bin;
  Value isNaN =
      arith::CmpFOp::create(b, arith::CmpFPredicate::UNO, logit, logit);
  return arith::SelectOp::create(b, isNaN, b.word(numBins - 1), bin);
}

void StreamSelection::count(Value bin) {
  memref::AtomicRMWOp::create(b, arith::AtomicRMWKind::addi, b.word(1),
                              histogram, ValueRange{b.toIndex(bin)});
}

/// Finds the bin of number `need`, counted from the last bin down: its number,
/// which number it has in the bin, and how many are there, or 0, if all bins
/// have less. With `upper`, the bin of that number, too. Leaves zeros in all
/// bins, and has two barriers.
void StreamSelection::findBin(Value need, Value upper) {
  int64_t each = numBins / numThreads;
  Value last = b.sub(b.word(numBins - 1),
                     arith::MulIOp::create(b, thread, b.word(each)));
  SmallVector<Value> bins, numbers;
  Value own = b.word(0);
  for (int64_t i = 0; i < each; ++i) {
    bins.push_back(b.sub(last, b.word(i)));
    numbers.push_back(load(histogram, bins.back()));
    own = b.add(own, numbers.back());
  }
  for (Value bin : bins)
    store(b.word(0), histogram, bin);
  b.byFirstThread([&] { writeWord(kInBin, b.word(0)); });
  // Others may still read what the sample's extremes are.
  Value second = b.word(2 * kWarpThreads);
  Value upTo = addUpTo(own);
  b.ifTrue(b.compare(CmpIPredicate::eq, lane, b.word(kWarpThreads - 1)),
           [&] { store(upTo, sums, b.add(warp, second)); });
  b.barrier();
  Value isAhead = b.compare(CmpIPredicate::ult, lane, warp);
  Value sum = arith::SelectOp::create(
      b, isAhead, load(sums, b.add(lane, second)), b.word(0));
  Value ahead =
      b.add(reduceOverWarp(b, sum, NVVM::ReduxKind::ADD), b.sub(upTo, own));
  for (auto [bin, number] : llvm::zip(bins, numbers)) {
    Value next = b.add(ahead, number);
    auto isHere = [&](Value rank) {
      return b.both(b.compare(CmpIPredicate::ult, ahead, rank),
                    b.compare(CmpIPredicate::uge, next, rank));
    };
    b.ifTrue(isHere(need), [&, bin = bin, number = number] {
      writeWord(kBin, bin);
      writeWord(kLeft, b.sub(need, ahead));
      writeWord(kInBin, number);
    });
    if (upper)
      b.ifTrue(isHere(upper), [&, bin = bin] { writeWord(kUpper, bin); });
    ahead = next;
  }
  b.barrier();
}

/// As findBin, of logits that `countAll` counts, in steps: a bin that has more
/// than `most` is cut into narrower ones, as long as that is possible.
StreamSelection::Found
StreamSelection::find(Value need, Value upper, Value most, const Bins &bins,
                      const Ends &ends,
                      function_ref<void(const Bins &)> countAll) {
  Type i32 = b.getI32Type(), f32 = b.getF32Type();
  // The bins of a step, and from the first one on what `upper` is; how many
  // steps there were.
  SmallVector<Type> types{f32, f32, f32, i32};
  SmallVector<Type> results{f32, f32, f32, i32, f32, f32};
  SmallVector<Location> locs(results.size(), b.getLoc());
  auto loop = scf::WhileOp::create(
      b, results, ValueRange{bins.low, bins.scale, ends.greatest, b.word(0)});
  {
    OpBuilder::InsertionGuard guard(b);
    Block *step = b.createBlock(&loop.getBefore(), {}, types,
                                ArrayRef(locs).take_front(types.size()));
    Bins own{step->getArgument(0), step->getArgument(1)};
    Value above = step->getArgument(2), number = step->getArgument(3);
    countAll(own);
    b.barrier();
    findBin(need, upper);
    Value top = b.word(topBin), zero = b.word(0);
    if (upper) {
      Value bin = readWord(kUpper);
      Value isTop = b.compare(CmpIPredicate::uge, bin, top);
      Value edge = arith::SelectOp::create(b, isTop, ends.greatest,
                                           getEdge(own, bin, 0.5));
      Value isFirst = b.compare(CmpIPredicate::eq, number, zero);
      above = arith::SelectOp::create(b, isFirst, edge, above);
    }
    // A little more than the bin, whose edges are about these.
    Value bin = readWord(kBin);
    Value low =
        arith::SelectOp::create(b, b.compare(CmpIPredicate::eq, bin, zero),
                                ends.least, getEdge(own, bin, -0.75));
    Value high =
        arith::SelectOp::create(b, b.compare(CmpIPredicate::uge, bin, top),
                                ends.greatest, getEdge(own, bin, 0.75));
    Bins next = fitBins(low, high);
    Value isOver = b.compare(CmpIPredicate::ugt, readWord(kInBin), most);
    Value mayGoOn =
        b.both(b.compare(CmpIPredicate::ult, number, b.word(kSteps - 1)),
               isFinite(next));
    scf::ConditionOp::create(
        b, b.both(isOver, mayGoOn),
        ValueRange{own.low, own.scale, above, number, next.low, next.scale});
    Block *after = b.createBlock(&loop.getAfter(), {}, results, locs);
    // All have read what was found.
    b.barrier();
    scf::YieldOp::create(
        b, ValueRange{after->getArgument(4), after->getArgument(5),
                      after->getArgument(2),
                      b.add(after->getArgument(3), b.word(1))});
  }
  return {{loop.getResult(0), loop.getResult(1)}, loop.getResult(2)};
}
