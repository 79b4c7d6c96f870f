//===- RadixSearch.h - Finds the n-th greatest of a block's numbers -------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef MQA_LIB_DIALECT_MQA_TRANSFORMS_RADIXSEARCH_H
#define MQA_LIB_DIALECT_MQA_TRANSFORMS_RADIXSEARCH_H

#include "Candidates.h"
#include "mqa/Dialect/MQA/IR/Shapes.h"

namespace mlir {
namespace mqa {

/// A radix selection among unsigned numbers that the threads of a block have in
/// registers. The numbers that may be the n-th greatest lie in an interval,
/// which each step narrows to one of 2^kBinBits equal parts. It begins with the
/// least and the greatest number, so that no step looks at bits that all
/// numbers have in common.
class RadixSearch {
public:
  /// Numbers from `low` to `high`, both included, of which the `wanted`
  /// greatest stay. Those above stay, and those below do not.
  struct Interval {
    Value low, high, wanted;
  };
  struct Step {
    Interval interval;
    /// No further step is needed; all of the interval is wanted.
    Value isDone, isExact;
  };

  RadixSearch(BlockBuilder &b, CandidateScratch &scratch)
      : b(b), histogram(scratch.getHistogram(b)), words(scratch.getCutWords(b)),
        zero(b.constant(0)), one(b.constant(1)) {}

  /// From the least to the greatest number. `isFirst`: of the first search of
  /// an op.
  Interval findWhole(Value wanted, bool isFirst);
  /// The bin of `interval` that holds the last wanted number, and whether it
  /// needs no further step.
  Step narrow(const Interval &interval);
  /// The part of `whole` that steps end with, and whether all of it is wanted.
  std::pair<Interval, Value> search(const Interval &whole);
  Value isIn(Value number, const Interval &interval) {
    return b.compare(arith::CmpIPredicate::ule, b.sub(number, interval.low),
                     b.sub(interval.high, interval.low));
  }

  /// This thread's numbers, and whether each counts.
  SmallVector<Value> numbers, counts;

protected:
  BlockBuilder &b;
  Value histogram, words, zero, one;

  /// Where the words of one purpose begin. Those of the other may still be
  /// read.
  static constexpr int64_t kSums = 0, kResults = shapes::kWarpThreads;

private:
  Value getShift(const Interval &interval);
  void countBins(const Interval &interval, Value shift);
  void publishBin(const Interval &interval);
};

} // namespace mqa
} // namespace mlir

#endif // MQA_LIB_DIALECT_MQA_TRANSFORMS_RADIXSEARCH_H
