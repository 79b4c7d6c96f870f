//===- ExpandCutCandidates.cpp - Expands mqa.cut_candidates ---------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A radix selection of the codes that stay. Where one code has more candidates
// than stay, the same search among their keys decides.
//
//===----------------------------------------------------------------------===//

#include "LogitCode.h"
#include "RadixSearch.h"
#include "mqa/Dialect/MQA/IR/EnumCases.h"

#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"

using namespace mlir;
using namespace mlir::mqa;
using arith::CmpIPredicate;

namespace {
/// Its numbers are codes, or what keys become.
class Cut : RadixSearch {
public:
  Cut(BlockBuilder &b, CandidateScratch &scratch, CutCandidatesOp op)
      : RadixSearch(b, scratch), op(op), count(b.toWord(op.getCount())),
        tiesByKey(areByKey(op.getTies())) {}
  void expand();

private:
  void loadCandidates();
  Interval searchTies(const Interval &interval, Value isExact);
  void compact(const Interval &interval, const Interval &ties);
  /// A number that is the greater, the better `key` is.
  Value getTie(Value key) {
    return prefersGreatest(op.getTies())
               ? key
               : Value(arith::XOrIOp::create(b, key, b.constant(-1)));
  }

  CutCandidatesOp op;
  Value count;
  const bool tiesByKey;
  /// This thread's candidates. A warp has neighbouring ones, and a lane each
  /// 32nd of those, so that ballots tell their order.
  SmallVector<Value> codes, keys, exists;
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
