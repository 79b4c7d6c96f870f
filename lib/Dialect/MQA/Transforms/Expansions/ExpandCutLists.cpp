//===- ExpandCutLists.cpp - Expands mqa.cut_lists -------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "CutLists.h"

#include "LogitCode.h"
#include "mqa/Dialect/MQA/IR/EnumCases.h"

#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"

using namespace mlir;
using namespace mlir::mqa;
using arith::CmpIPredicate;

void CutLists::ifTrue(Value condition, function_ref<void()> body) {
  auto guarded = scf::IfOp::create(b, condition, /*withElseRegion=*/false);
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToStart(guarded.thenBlock());
  body();
}

/// The warps of a team wait for each other.
void CutLists::synchronize() {
  if (teams.warps == 1) {
    NVVM::SyncWarpOp::create(b, b.constant(-1));
    return;
  }
  NVVM::BarrierOp::create(b, /*res=*/Type(),
                          b.add(team, b.constant(firstBarrier)),
                          b.constant(teams.warps * shapes::kWarpThreads),
                          NVVM::BarrierReductionAttr(), Value());
}

/// Over the threads of a team.
Value CutLists::reduce(Value word, NVVM::ReduxKind kind, int64_t place) {
  word = b.reduce(word, kind);
  if (teams.warps == 1)
    return word;
  b.publish(word, words, b.constant(place));
  synchronize();
  // A lane reads what each warp has; lanes without a warp repeat one.
  Value other = arith::RemUIOp::create(b, b.lane, b.constant(teams.warps));
  Value first = arith::MulIOp::create(b, team, b.constant(teams.warps));
  word = b.load(words, b.add(b.add(first, other), b.constant(place)));
  synchronize();
  return b.reduce(word, kind);
}

/// Where the warp's next `number` candidates go.
Value CutLists::takePlaces(Value counter, Value number) {
  auto first = scf::IfOp::create(b, TypeRange(b.getI32Type()),
                                 b.compare(CmpIPredicate::eq, b.lane, zero),
                                 /*withElseRegion=*/true);
  {
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPointToStart(first.thenBlock());
    Value place =
        memref::AtomicRMWOp::create(b, arith::AtomicRMWKind::addi, number,
                                    words, ValueRange{b.toIndex(counter)});
    scf::YieldOp::create(b, place);
    b.setInsertionPointToStart(first.elseBlock());
    scf::YieldOp::create(b, zero);
  }
  Value place =
      gpu::ShuffleOp::create(b, first.getResult(0), 0, shapes::kWarpThreads,
                             gpu::ShuffleMode::IDX)
          .getShuffleResult();
  return b.add(place, list);
}

/// Moves ahead what is above `high`, and what is at least `low` with a tie of
/// at least `tieLow`.
void CutLists::compact(Value low, Value high, Value tieLow) {
  Value counter = b.add(team, b.constant(kOfTeams));
  Value isFirst = b.compare(CmpIPredicate::eq, own, zero);
  ifTrue(isFirst, [&] { b.store(zero, words, counter); });
  synchronize();
  forEach(
      /*hasKeys=*/true, ValueRange(),
      [&](ArrayRef<Candidate> candidates, ValueRange) {
        // Neighbours go to neighbours.
        SmallVector<Value> stays, ballots;
        Value number = zero;
        for (const Candidate &candidate : candidates) {
          Value rank = getRank(candidate), tie = getTie(candidate.key);
          Value isInside =
              arith::AndIOp::create(b, b.compare(CmpIPredicate::uge, rank, low),
                                    b.compare(CmpIPredicate::uge, tie, tieLow));
          Value isBetter = arith::OrIOp::create(
              b, b.compare(CmpIPredicate::ugt, rank, high), isInside);
          stays.push_back(arith::AndIOp::create(b, candidate.exists, isBetter));
          ballots.push_back(b.ballot(stays.back()));
          number = b.add(number, b.countBits(ballots.back()));
        }
        // All have read these places.
        synchronize();
        Value place = takePlaces(counter, number);
        for (auto [candidate, stay, ballot] :
             llvm::zip_equal(candidates, stays, ballots)) {
          Value at = b.add(place, b.countLanesAhead(ballot));
          ifTrue(stay, [&, candidate = candidate] {
            b.store(candidate.bits, op.getMemory(), at);
            b.store(candidate.key, op.getMemory(),
                    b.add(at, b.constant(op.getPlaces())));
          });
          place = b.add(place, b.countBits(ballot));
        }
        return SmallVector<Value>();
      });
}

void CutLists::cutRow(Value row) {
  findForced(row);
  bool hasKeys = hasForced();
  auto byRank = [&](const Candidate &candidate) {
    return Number{getRank(candidate), candidate.exists};
  };
  auto [last, isExact] = search(
      hasKeys, findWhole(hasKeys, b.constant(op.getKeep()), byRank), byRank);
  // One code has more candidates than stay: their keys decide.
  auto choose = scf::IfOp::create(b, TypeRange(b.getI32Type()), isExact,
                                  /*withElseRegion=*/true);
  {
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPointToStart(choose.thenBlock());
    scf::YieldOp::create(b, zero);
    b.setInsertionPointToStart(choose.elseBlock());
    auto byKey = [&, code = last.low](const Candidate &candidate) {
      Value isEqual = b.compare(CmpIPredicate::eq, getRank(candidate), code);
      return Number{getTie(candidate.key),
                    arith::AndIOp::create(b, isEqual, candidate.exists)};
    };
    Interval whole = findWhole(/*hasKeys=*/true, last.wanted, byKey);
    scf::YieldOp::create(b, search(/*hasKeys=*/true, whole, byKey).first.low);
  }
  compact(last.low, last.high, choose.getResult(0));
  // At least `keep` stay whose logits are as good: of the same logit, a greater
  // key is never among the best.
  bool mayEqual = prefersGreatest(op.getTies()) || !op.getAscending();
  Value least = mayEqual ? last.low : b.add(last.low, one);
  // Codes of NaN are below those of all numbers, and above.
  Value lowest = emitCode(
      b, arith::ConstantOp::create(
             b, b.getF32FloatAttr(-std::numeric_limits<float>::infinity())));
  Value highest = emitCode(
      b, arith::ConstantOp::create(
             b, b.getF32FloatAttr(std::numeric_limits<float>::infinity())));
  least = arith::MaxUIOp::create(b, least, lowest);
  least = arith::MinUIOp::create(b, least, highest);
  // All have taken their places.
  synchronize();
  Value isFirst = b.compare(CmpIPredicate::eq, own, zero);
  ifTrue(isFirst, [&] {
    Value kept = b.load(words, b.add(team, b.constant(kOfTeams)));
    b.store(kept, op.getCounts(), b.toWord(row));
    b.store(emitLogit(b, least), op.getThresholds(), b.toWord(row));
  });
}

void CutLists::expand() {
  int64_t teamThreads = teams.warps * shapes::kWarpThreads;
  team = arith::DivUIOp::create(b, b.thread, b.constant(teamThreads));
  own = arith::RemUIOp::create(b, b.thread, b.constant(teamThreads));
  // Warps may be left over.
  Value isTeam = b.compare(CmpIPredicate::ult, team, b.constant(teams.count));
  ifTrue(isTeam, [&] {
    auto rows = scf::ForOp::create(b, b.toIndex(team), op.getNumRows(),
                                   b.index(teams.count));
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPointToStart(rows.getBody());
    Value row = rows.getInductionVar();
    count = memref::LoadOp::create(b, op.getCounts(), row);
    Value isLong =
        b.compare(CmpIPredicate::ugt, count, b.constant(op.getAbove()));
    // Who writes the count has to wait.
    synchronize();
    ifTrue(isLong, [&] {
      Value first = arith::MulIOp::create(b, b.toWord(row),
                                          b.constant(2 * op.getPlaces()));
      list = b.add(b.toWord(op.getFirst()), first);
      cutRow(row);
    });
  });
  op.erase();
}

void mqa::expandCutLists(BlockBuilder &b, CandidateScratch &scratch,
                         CutListsOp op, const WarpTeams &teams,
                         int64_t firstBarrier) {
  CutLists(b, scratch, op, teams, firstBarrier).expand();
}
