//===- RegisterSearch.cpp - Finds the worst of the best of a row ----------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Expansions/LogitCode.h"
#include "RegisterSelection.h"
#include "WarpOps.h"

#include "mlir/Dialect/Math/IR/Math.h"

using namespace mlir;
using namespace mlir::mqa;
using namespace mlir::mqa::shapes;
using arith::CmpIPredicate;

static constexpr float kUnbounded = std::numeric_limits<float>::infinity();

/// The range of the logits that `isIn` says yes to. Where there is none, its
/// least code is above its greatest. With a barrier.
RegisterSelection::Range
RegisterSelection::findRange(const Held &held,
                             function_ref<Value(Value)> isIn) {
  SmallVector<Type> two(2, b.getI32Type());
  SmallVector<Value> own = b.choose(
      held.isMine, two,
      [&] {
        Value least = b.real(kUnbounded), greatest = b.real(-kUnbounded);
        for (Value logit : held.logits) {
          if (isIn)
            logit = select(isIn(logit), logit,
                           b.real(std::numeric_limits<float>::quiet_NaN()));
          // The one that is no NaN.
          least = arith::MinNumFOp::create(b, least, logit);
          greatest = arith::MaxNumFOp::create(b, greatest, logit);
        }
        return SmallVector<Value>{
            reduceOverWarp(b, emitCode(b, least), NVVM::ReduxKind::UMIN),
            reduceOverWarp(b, emitCode(b, greatest), NVVM::ReduxKind::UMAX)};
      },
      [&] {
        return SmallVector<Value>{b.word(-1), b.word(0)};
      });
  b.ifTrue(b.compare(CmpIPredicate::eq, lane, b.word(0)), [&] {
    store(own[0], sums, b.add(warp, b.word(kLeast)));
    store(own[1], sums, b.add(warp, b.word(kGreatest)));
  });
  b.barrier();
  return {reduceOverWarp(b, load(sums, b.add(lane, b.word(kLeast))),
                         NVVM::ReduxKind::UMIN),
          reduceOverWarp(b, load(sums, b.add(lane, b.word(kGreatest))),
                         NVVM::ReduxKind::UMAX)};
}

/// Bins of which the first has the least and the last one has the greatest.
/// What is far beyond most numbers is in the end bins, too: so the width does
/// not overflow.
RegisterSelection::Bins RegisterSelection::fitBins(const Range &range) {
  constexpr float kMost = std::numeric_limits<float>::max() / 2;
  Value low =
      arith::MaxNumFOp::create(b, emitLogit(b, range.least), b.real(-kMost));
  Value high =
      arith::MinNumFOp::create(b, emitLogit(b, range.greatest), b.real(kMost));
  Value width = arith::MulFOp::create(b, arith::SubFOp::create(b, high, low),
                                      b.real(1.0f / (kBins - 1)));
  return {low, NVVM::RcpApproxFtzF32Op::create(b, b.getF32Type(), width)};
}

/// Whether there are bins: not of logits that are all next to zero, or beyond
/// most numbers.
Value RegisterSelection::isUsable(const Bins &bins) {
  return b.both(arith::CmpFOp::create(b, arith::CmpFPredicate::OGT, bins.scale,
                                      b.real(0)),
                arith::CmpFOp::create(b, arith::CmpFPredicate::OLT, bins.scale,
                                      b.real(kUnbounded)));
}

/// Of a logit that is in the range. Numbers are in the order of the logits,
/// whatever is rounded.
Value RegisterSelection::getBin(Value logit, const Bins &bins) {
  Value at = arith::MulFOp::create(b, arith::SubFOp::create(b, logit, bins.low),
                                   bins.scale);
  at = arith::MinNumFOp::create(b, at, b.real(kBins - 1));
  at = arith::MaxNumFOp::create(b, at, b.real(0));
  // The sum's last bits are the nearest integer.
  at = arith::AddFOp::create(b, at, b.real(1 << 23));
  return arith::AndIOp::create(
      b, arith::BitcastOp::create(b, b.getI32Type(), at), b.word(kBins - 1));
}

/// Finds the bin of number `need`, counted from the last bin down: its number,
/// which number it has in the bin, and how many are there. Writes nothing if
/// all bins have less. With two barriers.
void RegisterSelection::findBin(Value need) {
  int64_t each = kBins / numThreads;
  Value last =
      b.sub(b.word(kBins - 1), arith::MulIOp::create(b, thread, b.word(each)));
  SmallVector<Value> bins, numbers;
  Value own = b.word(0);
  for (int64_t i = 0; i < each; ++i) {
    bins.push_back(b.sub(last, b.word(i)));
    numbers.push_back(load(histogram, bins.back()));
    own = b.add(own, numbers.back());
  }
  Value upTo = addUpToLane(b, lane, own);
  b.ifTrue(b.compare(CmpIPredicate::eq, lane, b.word(kWarpThreads - 1)),
           [&] { store(upTo, sums, b.add(warp, b.word(kBinSums))); });
  b.barrier();
  Value isAhead = b.compare(CmpIPredicate::ult, lane, warp);
  Value sum =
      select(isAhead, load(sums, b.add(lane, b.word(kBinSums))), b.word(0));
  Value ahead =
      b.add(reduceOverWarp(b, sum, NVVM::ReduxKind::ADD), b.sub(upTo, own));
  Value isHere = b.both(b.compare(CmpIPredicate::ult, ahead, need),
                        b.compare(CmpIPredicate::uge, b.add(ahead, own), need));
  b.ifTrue(isHere, [&] {
    for (auto [bin, number] : llvm::zip(bins, numbers)) {
      Value next = b.add(ahead, number);
      b.ifTrue(b.both(b.compare(CmpIPredicate::ult, ahead, need),
                      b.compare(CmpIPredicate::uge, next, need)),
               [&, bin = bin, number = number] {
                 writeWord(kBin, bin);
                 writeWord(kLeft, b.sub(need, ahead));
                 writeWord(kInBin, number);
               });
      ahead = next;
    }
  });
  b.barrier();
}

/// Counts the logits of the range in bins, and finds the one of number `need`.
/// Lists what is in it, if that is little. Returns the bin, `left` and `inBin`.
SmallVector<Value> RegisterSelection::step(const Held &held, const Range &range,
                                           Value need, const Bins &bins) {
  Value least = emitLogit(b, range.least),
        greatest = emitLogit(b, range.greatest);
  // Two bins in a word.
  static_assert(kBins < 0xffff && kHeld % 2 == 0);
  Value half = b.word(16), none = b.word(0xffff);
  SmallVector<Type> types(kHeld / 2, b.getI32Type());
  SmallVector<Value> own = b.choose(
      held.isMine, types,
      [&] {
        SmallVector<Value> own;
        for (auto [i, logit] : llvm::enumerate(held.logits)) {
          Value isIn = b.both(
              arith::CmpFOp::create(b, arith::CmpFPredicate::OGE, logit, least),
              arith::CmpFOp::create(b, arith::CmpFPredicate::OLE, logit,
                                    greatest));
          Value bin = getBin(logit, bins);
          b.ifTrue(isIn, [&] {
            memref::AtomicRMWOp::create(b, arith::AtomicRMWKind::addi,
                                        b.word(1), histogram,
                                        ValueRange{b.toIndex(bin)});
          });
          bin = select(isIn, bin, none);
          if (i % 2)
            own.back() = arith::OrIOp::create(
                b, own.back(), arith::ShLIOp::create(b, bin, half));
          else
            own.push_back(bin);
        }
        return own;
      },
      [&] { return SmallVector<Value>(kHeld / 2, b.word(-1)); });
  b.barrier();
  findBin(need);
  Value bin = readWord(kBin), left = readWord(kLeft), inBin = readWord(kInBin);
  Value areFew = b.compare(CmpIPredicate::ule, inBin, b.word(kListed));
  Value areSome = b.compare(CmpIPredicate::ne, inBin, b.word(0));
  b.ifTrue(b.both(held.isMine, b.both(areFew, areSome)), [&] {
    Value mask = getMask([&](int64_t i) {
      Value word = own[i / 2];
      word = i % 2 ? Value(arith::ShRUIOp::create(b, word, half))
                   : Value(arith::AndIOp::create(b, word, none));
      return b.compare(CmpIPredicate::eq, word, bin);
    });
    b.ifTrue(b.compare(CmpIPredicate::ne, mask, b.word(0)), [&] {
      Value at = memref::AtomicRMWOp::create(
          b, arith::AtomicRMWKind::addi, math::CtPopOp::create(b, mask), words,
          ValueRange{b.index(kNumListed)});
      Value second = b.add(
          at, math::CtPopOp::create(
                  b, arith::AndIOp::create(
                         b, mask, b.word((int64_t(1) << kVectorSize) - 1))));
      forEachInMask(mask, {{at, second}, Value()}, [&](int64_t i, Value place) {
        store(held.logits[i], listed, place);
        store(getColumn(held, i), listedColumns, place);
      });
    });
  });
  return {bin, left, inBin};
}

/// In steps: a bin that has more logits than are listed is cut into narrower
/// ones, between the least and the greatest of them. If `inBin` is more in the
/// end, nothing is found.
RegisterSelection::Found RegisterSelection::search(const Held &held) {
  Type i32 = b.getI32Type(), f32 = b.getF32Type();
  Range all = findRange(held, nullptr);
  SmallVector<Type> types(4, i32);
  // The range, `left`, `inBin` and `hasBins`; the bins, the bin and the step.
  SmallVector<Type> results{i32, i32, i32, i32, b.getI1Type(),
                            f32, f32, i32, i32};
  SmallVector<Location> locs(results.size(), b.getLoc());
  auto loop = scf::WhileOp::create(
      b, results,
      ValueRange{all.least, all.greatest, b.word(getWanted()), b.word(0)});
  OpBuilder::InsertionGuard guard(b);
  Block *before = b.createBlock(&loop.getBefore(), {}, types,
                                ArrayRef(locs).take_front(types.size()));
  Range range{before->getArgument(0), before->getArgument(1)};
  Value need = before->getArgument(2), number = before->getArgument(3);
  Value hasBins = b.compare(CmpIPredicate::ult, range.least, range.greatest);
  Bins bins = fitBins(range);
  Value areBins = isUsable(bins);
  SmallVector<Type> three(3, i32);
  SmallVector<Value> found = b.choose(
      b.both(hasBins, areBins), three,
      [&] { return step(held, range, need, bins); },
      [&] {
        Value tooMany = select(hasBins, b.word(kListed + 1), b.word(0));
        return SmallVector<Value>{b.word(0), need, tooMany};
      });
  Value isOver = b.compare(CmpIPredicate::ugt, found[2], b.word(kListed));
  Value mayGoOn = b.both(
      b.compare(CmpIPredicate::ult, number, b.word(kSteps - 1)), areBins);
  scf::ConditionOp::create(b, b.both(isOver, mayGoOn),
                           ValueRange{range.least, range.greatest, found[1],
                                      found[2], hasBins, bins.low, bins.scale,
                                      found[0], number});
  Block *after = b.createBlock(&loop.getAfter(), {}, results, locs);
  bins = {after->getArgument(5), after->getArgument(6)};
  Value least = emitLogit(b, after->getArgument(0)),
        greatest = emitLogit(b, after->getArgument(1));
  Value bin = after->getArgument(7);
  clearBins();
  Range next = findRange(held, [&](Value logit) {
    Value isIn = b.both(
        arith::CmpFOp::create(b, arith::CmpFPredicate::OGE, logit, least),
        arith::CmpFOp::create(b, arith::CmpFPredicate::OLE, logit, greatest));
    return b.both(isIn, b.compare(CmpIPredicate::eq, getBin(logit, bins), bin));
  });
  scf::YieldOp::create(b, ValueRange{next.least, next.greatest,
                                     after->getArgument(2),
                                     b.add(after->getArgument(8), b.word(1))});
  return {{loop.getResult(0), loop.getResult(1)},
          loop.getResult(2),
          loop.getResult(3),
          loop.getResult(4)};
}

/// Each lane compares one logit of the last bin with the others. All warps do
/// so: none waits for another one then.
RegisterSelection::Cut RegisterSelection::compareListed(const Found &found) {
  Value own = load(listed, lane), ownColumn = load(listedColumns, lane);
  auto loop = scf::ForOp::create(b, b.index(0), b.toIndex(found.inBin),
                                 b.index(1), ValueRange{b.word(0)});
  {
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPointToStart(loop.getBody());
    Value at = loop.getInductionVar();
    Value other = load(listed, at), column = load(listedColumns, at);
    Value isGreater =
        arith::CmpFOp::create(b, arith::CmpFPredicate::OGT, other, own);
    Value isEqual =
        arith::CmpFOp::create(b, arith::CmpFPredicate::OEQ, other, own);
    CmpIPredicate isFirst =
        isDescending() ? CmpIPredicate::sgt : CmpIPredicate::slt;
    Value isBetter = arith::OrIOp::create(
        b, isGreater, b.both(isEqual, b.compare(isFirst, column, ownColumn)));
    scf::YieldOp::create(
        b, Value(b.add(loop.getRegionIterArg(0),
                       arith::ExtUIOp::create(b, b.getI32Type(), isBetter))));
  }
  Value isLast =
      b.both(b.compare(CmpIPredicate::ult, lane, found.inBin),
             b.compare(CmpIPredicate::eq, b.add(loop.getResult(0), b.word(1)),
                       found.left));
  Value from = math::CountTrailingZerosOp::create(b, emitBallot(b, isLast));
  Value word = arith::BitcastOp::create(b, b.getI32Type(), own);
  return {
      arith::BitcastOp::create(b, b.getF32Type(), readFromLane(b, word, from)),
      readFromLane(b, ownColumn, from)};
}

/// All that the search is left with are equal, or too few: then they are all
/// selected, as those of -inf or greater.
RegisterSelection::Cut RegisterSelection::cutTies(const Held &held,
                                                  const Found &found) {
  Value logit = select(found.hasBins, b.real(-kUnbounded),
                       emitLogit(b, found.range.least));
  auto isTied = [&](int64_t i) -> Value {
    return arith::CmpFOp::create(b, arith::CmpFPredicate::OEQ, held.logits[i],
                                 logit);
  };
  Value mask = getMask(isTied);
  Places places = getPlaces(mask, kTieSums);
  // The number of the last one that is selected. There may be fewer.
  Value last = isDescending() ? b.sub(places.total, found.left)
                              : b.sub(found.left, b.word(1));
  forEachInMask(mask, places, [&](int64_t i, Value place) {
    b.ifTrue(b.compare(CmpIPredicate::eq, place, last),
             [&] { writeWord(kCut, getColumn(held, i)); });
  });
  b.barrier();
  return {logit, readWord(kCut)};
}

RegisterSelection::Cut RegisterSelection::findCut(const Held &held,
                                                  const Found &found) {
  // What is listed is there.
  b.barrier();
  SmallVector<Type> types{b.getF32Type(), b.getI32Type()};
  SmallVector<Value> cut = b.choose(
      b.compare(CmpIPredicate::ne, found.inBin, b.word(0)), types,
      [&] {
        Cut cut = compareListed(found);
        return SmallVector<Value>{cut.logit, cut.column};
      },
      [&] {
        Cut cut = cutTies(held, found);
        return SmallVector<Value>{cut.logit, cut.column};
      });
  return {cut[0], cut[1]};
}
