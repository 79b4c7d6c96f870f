//===- StreamMarks.cpp - Marks the best logits of a list ------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "StreamSelection.h"
#include "WarpOps.h"
#include "mqa/Dialect/MQA/IR/EnumCases.h"

using namespace mlir;
using namespace mlir::mqa;
using namespace mlir::mqa::shapes;
using arith::CmpIPredicate;

/// What is selected of a list of `count` logits, at least k.
StreamSelection::Bounds StreamSelection::search(Value count,
                                                const Guess &guess) {
  Phase phase(*this);
  auto countAll = [&](const Bins &bins) {
    list.forEach(b.toIndex(count), [&](Value place) {
      this->count(
          getBin(toFloat(load(logits, place)), bins, /*isListed=*/true));
    });
  };
  Found found = find(b.word(numSelected), /*upper=*/Value(), b.word(kListed),
                     guess.bins, guess.ends, countAll);
  Value last = readWord(kBin), left = readWord(kLeft), inBin = readWord(kInBin);
  Value areAll = b.compare(CmpIPredicate::eq, left, inBin);
  Value from = arith::SelectOp::create(b, areAll, last, b.add(last, b.word(1)));
  return {found.bins, from, last, left, inBin};
}

/// Sets a bit for each place of the list that is selected.
void StreamSelection::mark(Value count, const Bounds &bounds) {
  Phase phase(*this);
  Value end = arith::AndIOp::create(b, b.add(count, b.word(kWarpThreads - 1)),
                                    b.word(-kWarpThreads));
  list.forEach(b.toIndex(end), [&](Value at) {
    Value place = b.toWord(at);
    Value logit = toFloat(load(logits, at));
    Value bin = getBin(logit, bounds.bins, /*isListed=*/true);
    Value isThere = b.compare(CmpIPredicate::ult, place, count);
    Value isBest =
        b.both(isThere, b.compare(CmpIPredicate::uge, bin, bounds.from));
    Value bits = emitBallot(b, isBest);
    b.ifTrue(b.compare(CmpIPredicate::eq, lane, b.word(0)), [&] {
      store(bits, marks, arith::ShRUIOp::create(b, place, b.word(kLaneBits)));
    });
    Value isTied = b.both(b.compare(CmpIPredicate::eq, bin, bounds.last),
                          b.compare(CmpIPredicate::ult, bin, bounds.from));
    b.ifTrue(b.both(isThere, isTied), [&] {
      Value number = countWord(kNumListed, b.word(1));
      store(arith::BitcastOp::create(b, b.getI32Type(), logit), listed, number);
      store(load(columns, at), listed, b.add(number, b.word(kListed)));
      store(place, listed, b.add(number, b.word(2 * kListed)));
    });
  });
  b.barrier();
  Value areSome = b.compare(CmpIPredicate::ne, bounds.left, bounds.inBin);
  b.ifTrue(areSome, [&] {
    markTies(bounds);
    b.barrier();
  });
}

/// A thread for each logit of the last bin finds how many of them are better.
void StreamSelection::markTies(const Bounds &bounds) {
  b.ifTrue(b.compare(CmpIPredicate::ult, thread, bounds.inBin), [&] {
    Value own = toFloat(load(listed, thread));
    Value ownColumn = load(listed, b.add(thread, b.word(kListed)));
    auto loop = scf::ForOp::create(b, b.index(0), b.toIndex(bounds.inBin),
                                   b.index(1), ValueRange{b.word(0)});
    {
      OpBuilder::InsertionGuard guard(b);
      b.setInsertionPointToStart(loop.getBody());
      Value at = loop.getInductionVar();
      Value other = toFloat(load(listed, at));
      Value column = load(listed, b.add(at, b.index(kListed)));
      Value isGreater =
          arith::CmpFOp::create(b, arith::CmpFPredicate::OGT, other, own);
      Value isEqual =
          arith::CmpFOp::create(b, arith::CmpFPredicate::OEQ, other, own);
      CmpIPredicate isFirst = prefersGreatest(op.getTieBreak())
                                  ? CmpIPredicate::sgt
                                  : CmpIPredicate::slt;
      Value isBetter = arith::OrIOp::create(
          b, isGreater, b.both(isEqual, b.compare(isFirst, column, ownColumn)));
      scf::YieldOp::create(
          b, Value(b.add(loop.getRegionIterArg(0),
                         arith::ExtUIOp::create(b, b.getI32Type(), isBetter))));
    }
    b.ifTrue(b.compare(CmpIPredicate::ult, loop.getResult(0), bounds.left),
             [&] {
               Value place = load(listed, b.add(thread, b.word(2 * kListed)));
               Value bit = arith::ShLIOp::create(
                   b, b.word(1),
                   arith::AndIOp::create(b, place, b.word(kWarpThreads - 1)));
               Value at = arith::ShRUIOp::create(b, place, b.word(kLaneBits));
               memref::AtomicRMWOp::create(b, arith::AtomicRMWKind::ori, bit,
                                           marks, ValueRange{b.toIndex(at)});
             });
  });
}
