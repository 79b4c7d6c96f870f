//===- CandidateBuffer.h - The best candidates of a row so far --*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A candidate is one number of 64 bits: its logit, in an order of unsigned
// numbers, above its key. Of two candidates the greater one is better, and no
// two are equal, so that the best k are a set that does not depend on how they
// are found.
//
//===----------------------------------------------------------------------===//

#ifndef MQA_LIB_CONVERSION_MQATOPKTOLOOPS_CANDIDATEBUFFER_H
#define MQA_LIB_CONVERSION_MQATOPKTOLOOPS_CANDIDATEBUFFER_H

#include "Loops.h"
#include "mqa/Dialect/MQA/IR/MQA.h"

namespace mlir::mqa {

/// Static scratch of `op`: once in a function, but for each step of a loop
/// whose steps may be taken at the same time.
Value allocateScratch(ImplicitLocOpBuilder &b, Operation *op,
                      ArrayRef<int64_t> shape, Type type);

/// Writes code that keeps candidates in static scratch, in the order in which
/// they came.
class CandidateBuffer : LoopWriter {
public:
  /// For `numSelected` candidates of `op`, `blockSize` more at a time. With
  /// `keepsLogits` each has the bits of its f32 beside it, which the order does
  /// not keep (of -0 and NaN). There are `numRows` such buffers, and one of
  /// them is looked at: the only one, or that of `selectRow`.
  CandidateBuffer(ImplicitLocOpBuilder &b, Operation *op, int64_t numSelected,
                  int64_t blockSize, TieBreak tieBreak, bool keepsLogits,
                  int64_t numRows = 1);

  /// What is written from here on is on the buffer of `row` (an index).
  void selectRow(Value row);

  /// How many there are, and the least one that may be selected.
  struct State {
    Value count, least;
  };

  /// That of no candidate. Without `takesNaN` (i1), NaN is never selected.
  State getEmpty(Value takesNaN);
  /// `logit` is an f32, and `key` an index.
  Value getCandidate(Value logit, Value key);
  /// Room must be there: `blockSize` candidates since the last call of `cut`.
  /// With `isValid` (i1, or null), only where it holds.
  Value append(State state, Value logit, Value key, Value isValid = {});
  /// Keeps the best `keep` candidates where there are more than `limit` (an
  /// index, of at least `keep` and at most twice `numSelected`).
  State cut(State state, int64_t keep, Value limit);
  /// Sorts at most `numSelected` candidates, the best first.
  void sort(Value count);
  /// Makes a candidate of each key alone, of which the least key is the best.
  void dropLogits(Value count);

  Value getKey(Value position);
  /// The f32 of a buffer that keeps them.
  Value getLogit(Value position);

private:
  Value bits(int64_t value) {
    return arith::ConstantIntOp::create(b, value, 64);
  }
  Value getDigit(Value candidate, Value shift);
  void clearBins();
  void countDigit(Value candidate, Value shift);
  /// The digit of the one that is number `rank` from the top, and how many have
  /// greater digits.
  std::pair<Value, Value> findBin(Value rank);
  Value findLeast(Value count, int64_t keep);
  Value compact(Value count, Value least, int64_t keep);

  int64_t numSelected;
  TieBreak tieBreak;
  /// Of all rows, where there are several; of the one that is looked at.
  Value allCandidates, allLogits;
  Value candidates, logits, bins;
};

} // namespace mlir::mqa

#endif // MQA_LIB_CONVERSION_MQATOPKTOLOOPS_CANDIDATEBUFFER_H
