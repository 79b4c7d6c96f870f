//===- ExpandCutCandidates.cpp - Expands mqa.cut_candidates ---------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A radix selection: the codes that may be the keep'th greatest lie in an
// interval, which each step narrows to one of 2^kBinBits equal parts. It begins
// with the least and the greatest code, so that no step looks at bits that all
// codes have in common. Where one code has more candidates than stay, the same
// steps over their keys decide.
//
//===----------------------------------------------------------------------===//

#include "Candidates.h"
#include "LogitCode.h"
#include "mqa/Dialect/MQA/IR/EnumCases.h"
#include "mqa/Dialect/MQA/IR/Shapes.h"

#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"

using namespace mlir;
using namespace mlir::mqa;
using arith::CmpIPredicate;

namespace {
class Cut {
public:
  Cut(BlockBuilder &b, CandidateScratch &scratch, CutCandidatesOp op)
      : b(b), op(op), histogram(scratch.getHistogram(b)),
        words(scratch.getCutWords(b)), zero(b.constant(0)), one(b.constant(1)),
        count(b.toWord(op.getCount())), tiesByKey(areByKey(op.getTies())) {}
  void expand();

private:
  /// Numbers from `low` to `high`, both included, of which the `wanted`
  /// greatest stay. Those above stay, and those below do not.
  struct Interval {
    Value low, high, wanted;
  };

  void loadCandidates();
  Interval findWhole(Value wanted, bool isFirst);
  Value getShift(const Interval &interval);
  void countBins(const Interval &interval, Value shift);
  void publishBin(const Interval &interval);
  struct Step {
    Interval interval;
    /// No further step is needed; all of the interval is wanted.
    Value isDone, isExact;
  };
  Step narrow(const Interval &interval);
  std::pair<Interval, Value> search(const Interval &whole);
  Interval searchTies(const Interval &interval, Value isExact);
  void compact(const Interval &interval, const Interval &ties);
  Value isIn(Value number, const Interval &interval) {
    return b.compare(CmpIPredicate::ule, b.sub(number, interval.low),
                     b.sub(interval.high, interval.low));
  }
  /// A number that is the greater, the better `key` is.
  Value getTie(Value key) {
    return prefersGreatest(op.getTies())
               ? key
               : Value(arith::XOrIOp::create(b, key, b.constant(-1)));
  }

  BlockBuilder &b;
  CutCandidatesOp op;
  Value histogram, words, zero, one, count;
  const bool tiesByKey;
  /// This thread's candidates. A warp has neighbouring ones, and a lane each
  /// 32nd of those, so that ballots tell their order.
  SmallVector<Value> codes, keys, exists;
  /// What the steps look at: codes, or what keys become, and whether it counts.
  SmallVector<Value> numbers, counts;

  /// Where the words of one purpose begin. Those of the other may still be
  /// read.
  static constexpr int64_t kSums = 0, kResults = shapes::kWarpThreads;
};
} // namespace

void Cut::loadCandidates() {
  int64_t size = op.getCodes().getType().getDimSize(0);
  int64_t each = llvm::divideCeil(size, b.numThreads);
  Value first = b.add(
      arith::MulIOp::create(b, b.warp, b.constant(each * shapes::kWarpThreads)),
      b.lane);
  for (int64_t i = 0; i < each; ++i) {
    Value at = b.add(first, b.constant(i * shapes::kWarpThreads));
    exists.push_back(b.compare(CmpIPredicate::ult, at, count));
    // What does not exist is not looked at, but must not lie outside.
    if (size % b.numThreads)
      at = b.select(exists.back(), at, zero);
    codes.push_back(b.load(op.getCodes(), at));
    keys.push_back(b.load(op.getKeys(), at));
  }
  numbers = codes;
  counts = exists;
}

/// From the least to the greatest number.
Cut::Interval Cut::findWhole(Value wanted, bool isFirst) {
  Value least = b.constant(-1), greatest = zero;
  for (auto [number, isCounted] : llvm::zip_equal(numbers, counts)) {
    Value lower = b.select(isCounted, number, b.constant(-1));
    Value upper = b.select(isCounted, number, zero);
    least = arith::MinUIOp::create(b, least, lower);
    greatest = arith::MaxUIOp::create(b, greatest, upper);
  }
  least = b.reduce(least, NVVM::ReduxKind::UMIN);
  greatest = b.reduce(greatest, NVVM::ReduxKind::UMAX);
  b.publish(least, words, b.constant(kSums));
  b.publish(greatest, words, b.constant(kResults));
  // The histogram is zero before codes are counted, and behind each step.
  if (isFirst) {
    int64_t bins = CandidateScratch::kNumBins;
    auto clear = scf::ForOp::create(b, b.toIndex(b.thread), b.index(bins),
                                    b.index(b.numThreads));
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPointToStart(clear.getBody());
    memref::StoreOp::create(b, zero, histogram, clear.getInductionVar());
  }
  b.barrier();
  // A lane reads what each warp has found; lanes without a warp repeat one.
  Value other = arith::RemUIOp::create(b, b.lane, b.constant(b.numWarps));
  Value low = b.reduce(b.load(words, other), NVVM::ReduxKind::UMIN);
  Value high = b.reduce(b.load(words, b.add(other, b.constant(kResults))),
                        NVVM::ReduxKind::UMAX);
  return {low, high, wanted};
}

/// The bits of a code's distance from `low` that one step does not look at.
Value Cut::getShift(const Interval &interval) {
  Value zeros =
      math::CountLeadingZerosOp::create(b, b.sub(interval.high, interval.low));
  Value width = b.sub(b.constant(32), zeros);
  Value shift = b.sub(width, b.constant(CandidateScratch::kBinBits));
  return arith::MaxSIOp::create(b, shift, zero);
}

void Cut::countBins(const Interval &interval, Value shift) {
  for (auto [number, mayCount] : llvm::zip_equal(numbers, counts)) {
    Value isCounted =
        arith::AndIOp::create(b, mayCount, isIn(number, interval));
    auto add = scf::IfOp::create(b, isCounted, /*withElseRegion=*/false);
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPointToStart(add.thenBlock());
    Value bin = arith::ShRUIOp::create(b, b.sub(number, interval.low), shift);
    memref::AtomicRMWOp::create(b, arith::AtomicRMWKind::addi, one, histogram,
                                ValueRange{b.toIndex(bin)});
  }
}

/// Finds the bin that holds the last of the wanted codes. Its number, how many
/// of its codes are wanted, and how many it has, become words.
void Cut::publishBin(const Interval &interval) {
  // A thread has some bins in a row, the first thread the greatest ones.
  int64_t each = llvm::divideCeil(CandidateScratch::kNumBins, b.numThreads);
  int64_t last = CandidateScratch::kNumBins - 1;
  Value first = b.sub(b.constant(last),
                      arith::MulIOp::create(b, b.thread, b.constant(each)));
  bool isWhole = CandidateScratch::kNumBins % b.numThreads == 0;
  SmallVector<Value> bins, counts;
  Value sum = zero;
  for (int64_t i = 0; i < each; ++i) {
    Value bin = b.sub(first, b.constant(i)), at = bin;
    Value isBin = b.compare(CmpIPredicate::sge, bin, zero);
    if (!isWhole)
      at = b.select(isBin, bin, zero);
    Value number = b.load(histogram, at);
    if (!isWhole)
      number = b.select(isBin, number, zero);
    bins.push_back(bin);
    counts.push_back(number);
    sum = b.add(sum, number);
  }
  Value inclusive = b.addUpToLane(sum);
  Value ofWarp = b.reduce(sum, NVVM::ReduxKind::ADD);
  b.publish(ofWarp, words, b.constant(kSums));
  b.barrier();
  Value above = b.sumOverWarps(words, b.constant(kSums), [&](Value warp) {
    return b.compare(CmpIPredicate::ult, warp, b.warp);
  });
  above = b.add(above, b.sub(inclusive, sum));
  for (auto [bin, number] : llvm::zip_equal(bins, counts)) {
    Value upTo = b.add(above, number);
    Value isLast = arith::AndIOp::create(
        b, b.compare(CmpIPredicate::ult, above, interval.wanted),
        b.compare(CmpIPredicate::uge, upTo, interval.wanted));
    auto found = scf::IfOp::create(b, isLast, /*withElseRegion=*/false);
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPointToStart(found.thenBlock());
    Value results[] = {bin, b.sub(interval.wanted, above), number};
    for (auto [i, word] : llvm::enumerate(results))
      b.store(word, words, b.constant(kResults + i));
    b.setInsertionPointAfter(found);
    above = upTo;
  }
  // For the next step: nobody else reads these.
  for (Value bin : bins) {
    if (isWhole) {
      b.store(zero, histogram, bin);
      continue;
    }
    Value isBin = b.compare(CmpIPredicate::sge, bin, zero);
    auto clear = scf::IfOp::create(b, isBin, /*withElseRegion=*/false);
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPointToStart(clear.thenBlock());
    b.store(zero, histogram, bin);
  }
  b.barrier();
}

/// One step: the bin of `interval` that holds the last wanted code, and whether
/// it needs no further step.
Cut::Step Cut::narrow(const Interval &interval) {
  Value shift = getShift(interval);
  countBins(interval, shift);
  b.barrier();
  publishBin(interval);
  Value bin = b.load(words, b.constant(kResults));
  Value wanted = b.load(words, b.constant(kResults + 1));
  Value inBin = b.load(words, b.constant(kResults + 2));
  Value low = b.add(interval.low, arith::ShLIOp::create(b, bin, shift));
  // The last bin may be cut off by `high`.
  Value size = b.sub(arith::ShLIOp::create(b, one, shift), one);
  size = arith::MinUIOp::create(b, size, b.sub(interval.high, low));
  Value isSingle = b.compare(CmpIPredicate::eq, shift, zero);
  Value isExact = b.compare(CmpIPredicate::eq, wanted, inBin);
  Value isDone = arith::OrIOp::create(b, isExact, isSingle);
  return {{low, b.add(low, size), wanted}, isDone, isExact};
}

/// Moves what stays ahead. Of those of `interval` stay what is above `ties`, if
/// ties are decided by keys, and the first `wanted` of the others.
void Cut::compact(const Interval &interval, const Interval &ties) {
  // Those above and those inside, in the halves of a word: a list has fewer.
  SmallVector<Value> above, inside;
  Value sums = zero, half = b.constant(16);
  for (auto [code, key, exist] : llvm::zip_equal(codes, keys, exists)) {
    Value isAbove = arith::AndIOp::create(
        b, exist, b.compare(CmpIPredicate::ugt, code, interval.high));
    Value isInside = arith::AndIOp::create(b, exist, isIn(code, interval));
    if (tiesByKey) {
      Value tie = getTie(key);
      Value isBetter = arith::AndIOp::create(
          b, isInside, b.compare(CmpIPredicate::ugt, tie, ties.high));
      isAbove = arith::OrIOp::create(b, isAbove, isBetter);
      isInside = arith::AndIOp::create(b, isInside, isIn(tie, ties));
    }
    above.push_back(b.ballot(isAbove));
    inside.push_back(b.ballot(isInside));
    sums = b.add(sums, b.countBits(above.back()));
    sums =
        b.add(sums, arith::ShLIOp::create(b, b.countBits(inside.back()), half));
  }
  b.publish(sums, words, b.constant(kSums));
  b.barrier();
  Value ahead = b.sumOverWarps(words, b.constant(kSums), [&](Value warp) {
    return b.compare(CmpIPredicate::ult, warp, b.warp);
  });
  Value numAbove = arith::AndIOp::create(b, ahead, b.constant(0xffff));
  Value numInside = arith::ShRUIOp::create(b, ahead, half);
  Value isLane = arith::ShLIOp::create(b, one, b.lane);
  auto has = [&](Value ballot) {
    return b.compare(CmpIPredicate::ne,
                     arith::AndIOp::create(b, ballot, isLane), zero);
  };
  for (size_t i = 0; i < codes.size(); ++i) {
    Value aboveAhead = b.add(numAbove, b.countLanesAhead(above[i]));
    Value insideAhead = b.add(numInside, b.countLanesAhead(inside[i]));
    Value isFirst = b.compare(CmpIPredicate::ult, insideAhead, ties.wanted);
    Value stays = arith::OrIOp::create(
        b, has(above[i]), arith::AndIOp::create(b, has(inside[i]), isFirst));
    Value place =
        b.add(aboveAhead, arith::MinUIOp::create(b, insideAhead, ties.wanted));
    auto move = scf::IfOp::create(b, stays, /*withElseRegion=*/false);
    {
      OpBuilder::InsertionGuard guard(b);
      b.setInsertionPointToStart(move.thenBlock());
      b.store(codes[i], op.getCodes(), place);
      b.store(keys[i], op.getKeys(), place);
    }
    numAbove = b.add(numAbove, b.countBits(above[i]));
    numInside = b.add(numInside, b.countBits(inside[i]));
  }
  b.barrier();
}

/// The part of `whole` that steps end with, and whether all of it is wanted.
std::pair<Cut::Interval, Value> Cut::search(const Interval &whole) {
  Type i32 = b.getI32Type();
  SmallVector<Type> types(3, i32);
  types.push_back(b.getI1Type());
  Value inits[] = {whole.low, whole.high, whole.wanted,
                   arith::ConstantIntOp::create(b, false, 1)};
  // Every step is a barrier for all threads: they agree on when to stop.
  auto loop = scf::WhileOp::create(b, types, inits);
  SmallVector<Location> locs(types.size(), b.getLoc());
  Block *before = b.createBlock(&loop.getBefore(), {}, types, locs);
  b.setInsertionPointToStart(before);
  auto [part, isDone, isExact] = narrow(
      {before->getArgument(0), before->getArgument(1), before->getArgument(2)});
  Value goesOn = arith::XOrIOp::create(
      b, isDone, arith::ConstantIntOp::create(b, true, 1));
  scf::ConditionOp::create(
      b, goesOn, ValueRange{part.low, part.high, part.wanted, isExact});
  Block *after = b.createBlock(&loop.getAfter(), {}, types, locs);
  b.setInsertionPointToStart(after);
  scf::YieldOp::create(b, after->getArguments());
  b.setInsertionPointAfter(loop);
  return {{loop.getResult(0), loop.getResult(1), loop.getResult(2)},
          loop.getResult(3)};
}

/// Of candidates in `interval`, those whose keys decide. It has one code if not
/// all of it is wanted.
Cut::Interval Cut::searchTies(const Interval &interval, Value isExact) {
  SmallVector<Type> types(3, b.getI32Type());
  auto choose = scf::IfOp::create(b, types, isExact, /*withElseRegion=*/true);
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToStart(choose.thenBlock());
  scf::YieldOp::create(b, ValueRange{zero, b.constant(-1), interval.wanted});
  b.setInsertionPointToStart(choose.elseBlock());
  for (auto [number, code, key, isCounted] :
       llvm::zip_equal(numbers, codes, keys, counts)) {
    number = getTie(key);
    isCounted = arith::AndIOp::create(b, isCounted, isIn(code, interval));
  }
  // All have read the words of the last step.
  b.barrier();
  Interval last = search(findWhole(interval.wanted, /*isFirst=*/false)).first;
  scf::YieldOp::create(b, ValueRange{last.low, last.high, last.wanted});
  return {choose.getResult(0), choose.getResult(1), choose.getResult(2)};
}

void Cut::expand() {
  // What was appended is there.
  b.barrier();
  loadCandidates();
  auto [last, isExact] =
      search(findWhole(b.constant(op.getKeep()), /*isFirst=*/true));
  Interval ties = last;
  if (tiesByKey)
    ties = searchTies(last, isExact);
  compact(last, ties);
  // A candidate behind these must be greater than the last that stays, whose
  // code is `low` at least, or as great, with a better key.
  Value least = tiesByKey ? last.low : b.add(last.low, one);
  Value threshold = emitLogit(b, least);
  op.getThreshold().replaceAllUsesWith(threshold);
  op.erase();
}

void mqa::expandCut(BlockBuilder &b, CandidateScratch &scratch,
                    CutCandidatesOp op) {
  Cut(b, scratch, op).expand();
}
