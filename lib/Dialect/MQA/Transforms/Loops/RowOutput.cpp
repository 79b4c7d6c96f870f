//===- RowOutput.cpp - Counts and writes what is selected of a row --------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "RowSelection.h"
#include "WarpOps.h"

using namespace mlir;
using namespace mlir::mqa;
using namespace mlir::mqa::shapes;
using arith::CmpIPredicate;

/// How many of this warp's logits, from `begin` to `end`, are better than those
/// of the last bin, and how many are in it. The latter are listed, if
/// `isListed`: their codes, and behind these their keys, where the histogram
/// was.
std::pair<Value, Value>
RowSelection::listLastBin(DeviceBuilder &b, const Team &team, const Row &row,
                          const Source &source, const LastBin &bin,
                          Value isListed, Value begin, Value end) {
  Type i32 = b.getI32Type();
  b.byFirstThread([&] { store(b, b.word(0), found, b.index(kNumListed)); });
  b.barrier();
  Value threshold = getThreshold(b, bin.lo);
  auto loop = scf::ForOp::create(b, b.add(begin, team.lane), end,
                                 b.word(kListLoads * kWarpThreads),
                                 ValueRange{b.word(0), b.word(0)});
  {
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPointToStart(loop.getBody());
    SmallVector<Value> numbers(loop.getRegionIterArgs());
    for (const Logit &logit : loadLogits(b, source, loop.getInductionVar(), end,
                                         kWarpThreads, kListLoads)) {
      auto some = scf::IfOp::create(b, TypeRange{i32, i32},
                                    isGood(b, row, logit, threshold),
                                    /*withElseRegion=*/true);
      OpBuilder::InsertionGuard inner(b);
      b.setInsertionPointToStart(some.elseBlock());
      scf::YieldOp::create(b, numbers);
      b.setInsertionPointToStart(some.thenBlock());
      Value code = encode(b, row, logit);
      Value isHere = b.compare(CmpIPredicate::uge, code, bin.lo);
      Value isIn = b.both(isHere, b.compare(CmpIPredicate::ule,
                                            b.sub(code, bin.lo), bin.width));
      Value here = arith::ExtUIOp::create(b, i32, isHere),
            in = arith::ExtUIOp::create(b, i32, isIn);
      numbers = {b.add(numbers[0], b.sub(here, in)), b.add(numbers[1], in)};
      b.ifTrue(b.both(isIn, isListed), [&] {
        Value at = b.toIndex(memref::AtomicRMWOp::create(
            b, arith::AtomicRMWKind::addi, b.word(1), found,
            ValueRange{b.index(kNumListed)}));
        store(b, code, histogram, at);
        store(b, getKey(b, source, logit.place), histogram,
              b.add(at, b.index(kListed)));
      });
      scf::YieldOp::create(b, numbers);
      numbers.assign(some.getResults().begin(), some.getResults().end());
    }
    scf::YieldOp::create(b, numbers);
  }
  b.barrier();
  return {reduceOverWarp(b, loop.getResult(0), NVVM::ReduxKind::ADD),
          reduceOverWarp(b, loop.getResult(1), NVVM::ReduxKind::ADD)};
}

/// How many listed keys from `begin` to `end`, which are this warp's, are
/// selected before ties, and how many are tied.
std::pair<Value, Value> RowSelection::countListed(DeviceBuilder &b,
                                                  const Team &team,
                                                  const LastBin &bin,
                                                  const Bounds &bounds,
                                                  Value begin, Value end) {
  Type i32 = b.getI32Type();
  auto loop = scf::ForOp::create(b, b.toIndex(team.lane), b.toIndex(bin.count),
                                 b.index(kWarpThreads),
                                 ValueRange{b.word(0), b.word(0)});
  {
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPointToStart(loop.getBody());
    Value at = loop.getInductionVar();
    Value code = load(b, histogram, at);
    Value key = load(b, histogram, b.add(at, b.index(kListed)));
    Value isOwn = b.both(b.compare(CmpIPredicate::sge, key, begin),
                         b.compare(CmpIPredicate::slt, key, end));
    auto add = [&](Value sum, CmpIPredicate predicate, Value limit) -> Value {
      Value isCounted = b.both(isOwn, b.compare(predicate, code, limit));
      return b.add(sum, arith::ExtUIOp::create(b, i32, isCounted));
    };
    scf::YieldOp::create(
        b, ValueRange{
               add(loop.getRegionIterArg(0), CmpIPredicate::uge, bounds.from),
               add(loop.getRegionIterArg(1), CmpIPredicate::eq, bounds.tie)});
  }
  return {reduceOverWarp(b, loop.getResult(0), NVVM::ReduxKind::ADD),
          reduceOverWarp(b, loop.getResult(1), NVVM::ReduxKind::ADD)};
}

/// Goes over the logits of this warp, from `begin` to `end`, in order. `place`
/// keys are selected ahead of them, and `tied` keys are tied. Returns how many
/// are selected then.
Value RowSelection::write(
    DeviceBuilder &b, const Team &team, const Row &row, const Source &source,
    const Bounds &bounds, Value begin, Value end, Value place, Value tied,
    function_ref<void(DeviceBuilder &, Value, Value, Value)> body) {
  Type i32 = b.getI32Type();
  Value threshold =
      getThreshold(b, arith::MinUIOp::create(b, bounds.from, bounds.tie));
  // Of a short row, all are selected.
  Value areAll = b.compare(CmpIPredicate::eq, bounds.from, b.word(0));
  // All lanes come to each step.
  auto loop =
      scf::ForOp::create(b, begin, end, b.word(kListLoads * kWarpThreads),
                         ValueRange{place, tied});
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToStart(loop.getBody());
  SmallVector<Value> carried(loop.getRegionIterArgs());
  for (const Logit &logit :
       loadLogits(b, source, b.add(loop.getInductionVar(), team.lane), end,
                  kWarpThreads, kListLoads)) {
    Value any = arith::OrIOp::create(b, isGood(b, row, logit, threshold),
                                     b.both(areAll, logit.isThere));
    auto some = scf::IfOp::create(
        b, TypeRange{i32, i32},
        b.compare(CmpIPredicate::ne, emitBallot(b, any), b.word(0)),
        /*withElseRegion=*/true);
    OpBuilder::InsertionGuard inner(b);
    b.setInsertionPointToStart(some.elseBlock());
    scf::YieldOp::create(b, carried);
    b.setInsertionPointToStart(some.thenBlock());
    Value code = encode(b, row, logit);
    Value isTied =
        b.both(logit.isThere, b.compare(CmpIPredicate::eq, code, bounds.tie));
    Value ties = emitBallot(b, isTied);
    Value number = b.add(carried[1], countLanesAhead(b, team.lane, ties));
    isTied =
        b.both(isTied, b.compare(CmpIPredicate::uge, number, bounds.tieBegin));
    isTied =
        b.both(isTied, b.compare(CmpIPredicate::ult, number, bounds.tieEnd));
    Value isBetter =
        b.both(logit.isThere, b.compare(CmpIPredicate::uge, code, bounds.from));
    Value isChosen = arith::OrIOp::create(b, isBetter, isTied);
    Value chosen = emitBallot(b, isChosen);
    b.ifTrue(isChosen, [&] {
      Value at = b.add(carried[0], countLanesAhead(b, team.lane, chosen));
      body(b, getKey(b, source, logit.place), logit.word, b.toIndex(at));
    });
    scf::YieldOp::create(
        b, ValueRange{b.add(carried[0], math::CtPopOp::create(b, chosen)),
                      b.add(carried[1], math::CtPopOp::create(b, ties))});
    carried.assign(some.getResults().begin(), some.getResults().end());
  }
  scf::YieldOp::create(b, carried);
  return loop.getResult(0);
}
