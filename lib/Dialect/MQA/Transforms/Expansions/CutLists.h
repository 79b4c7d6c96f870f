//===- CutLists.h - The expansion of mqa.cut_lists --------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Teams of warps take a row each, so that the waits of one are hidden by the
// others. A team selects by radix, as mqa.cut_candidates does, but reads the
// list anew in each step: it is longer than registers have room for, and only
// its candidates are read.
//
//===----------------------------------------------------------------------===//

#ifndef MQA_LIB_DIALECT_MQA_TRANSFORMS_CUTLISTS_H
#define MQA_LIB_DIALECT_MQA_TRANSFORMS_CUTLISTS_H

#include "Candidates.h"
#include "mqa/Dialect/MQA/IR/EnumCases.h"
#include "mqa/Dialect/MQA/IR/Shapes.h"

namespace mlir {
namespace mqa {

class CutLists {
public:
  CutLists(BlockBuilder &b, CandidateScratch &scratch, CutListsOp op,
           const WarpTeams &teams, int64_t firstBarrier)
      : b(b), op(op), teams(teams), firstBarrier(firstBarrier),
        histogram(scratch.getHistogram(b)), words(scratch.getCutWords(b)),
        numBins(std::min<int64_t>(CandidateScratch::kNumBins / 2,
                                  CandidateScratch::kNumBins / teams.count)),
        zero(b.constant(0)), one(b.constant(1)) {}
  void expand();

private:
  /// Numbers from `low` to `high`, both included, of which the `wanted`
  /// greatest stay. Those above stay, and those below do not.
  struct Interval {
    Value low, high, wanted;
  };
  /// A candidate: its logit's bits and its key, and whether there is one.
  struct Candidate {
    Value bits, key, exists;
  };
  /// A number to select by, and whether a candidate counts.
  struct Number {
    Value number, counts;
  };
  using GetNumber = function_ref<Number(const Candidate &)>;

  void synchronize();
  Value reduce(Value word, NVVM::ReduxKind kind, int64_t place);
  void findForced(Value row);
  bool hasForced() { return op.getForceFirst() || op.getForceLast(); }
  SmallVector<Candidate> load(Value first, bool hasKeys);
  SmallVector<Value> forEach(
      bool hasKeys, ValueRange inits,
      function_ref<SmallVector<Value>(ArrayRef<Candidate>, ValueRange)> body);
  Value getRank(const Candidate &candidate);
  Value getTie(Value key) {
    return prefersGreatest(op.getTies())
               ? key
               : Value(arith::XOrIOp::create(b, key, b.constant(-1)));
  }
  Value isIn(Value number, const Interval &interval) {
    return b.compare(arith::CmpIPredicate::ule, b.sub(number, interval.low),
                     b.sub(interval.high, interval.low));
  }
  Interval findWhole(bool hasKeys, Value wanted, GetNumber getNumber);
  std::pair<Interval, SmallVector<Value>> findBin(const Interval &interval,
                                                  Value shift);
  std::pair<Interval, Value> search(bool hasKeys, const Interval &whole,
                                    GetNumber getNumber);
  Value takePlaces(Value counter, Value number);
  void compact(Value low, Value high, Value tieLow);
  void cutRow(Value row);
  void ifTrue(Value condition, function_ref<void()> body);

  BlockBuilder &b;
  CutListsOp op;
  const WarpTeams teams;
  const int64_t firstBarrier;
  Value histogram, words;
  const int64_t numBins;
  Value zero, one;
  /// Of this thread: its team, and its number in that.
  Value team, own, warp;
  /// Of the row: where its list begins, how many candidates it has, and the
  /// bounds of the keys that are not forced.
  Value list, count, firstFree, endFree;

  /// Loads that a thread has under way at a time, each of so many candidates:
  /// a list that is short comes from memory as quickly as it can.
  static constexpr int64_t kUnroll = 4, kVectorSize = 4;
  /// Words of the warps of a team, and of the teams.
  static constexpr int64_t kOfWarps = 0, kOfTeams = shapes::kWarpThreads;
};

} // namespace mqa
} // namespace mlir

#endif // MQA_LIB_DIALECT_MQA_TRANSFORMS_CUTLISTS_H
