//===- FusedTopk.h - mqa.topk on logits tile by tile ------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef MQA_LIB_CONVERSION_MQATOPKTOLOOPS_FUSEDTOPK_H
#define MQA_LIB_CONVERSION_MQATOPKTOLOOPS_FUSEDTOPK_H

#include "TopkRow.h"

namespace mlir::mqa {

/// Writes code that selects from some rows at a time: the op that computes
/// logits leaves a tile of them in scratch, and each row takes its own from
/// there, before the next tile. So keys are decoded once for all of the rows,
/// and there is never a whole row.
class FusedTopk : TopkRow {
public:
  FusedTopk(ImplicitLocOpBuilder &b, TopkOp op, LogitsOpInterface logits,
            int64_t numRows, CandidateBuffer &buffer, Ranges ranges);

  /// Makes the logits of keys [first, first + count) of the rows, in `out`.
  using MakeTile =
      function_ref<LogicalResult(Value first, OpFoldResult count, Value out)>;
  /// Selects from the rows [row, row + count), of which there are at most as
  /// many as there is scratch for.
  LogicalResult writeRows(Value row, OpFoldResult count, MakeTile makeTile);
  Value getNumColumns() { return numColumns; }

private:
  void enter(Value slot) {
    enterRow(add(firstRow, slot), ranges, numColumns);
    buffer.selectRow(slot);
  }
  CandidateBuffer::State loadState(Value slot) {
    return {load(counts, slot), load(leasts, slot)};
  }
  void storeState(Value slot, CandidateBuffer::State state) {
    store(state.count, counts, slot);
    store(state.least, leasts, slot);
  }
  std::pair<Value, Value> start(Value slot, Value lo, Value hi);
  void take(Value slot, Value first, Value count);
  void keepForced(Value slot, Value tileStart, Value tileEnd);
  void finish(Value slot);

  Value getKey(Value position) override;
  Value getLogit(Value position, Value) override {
    return buffer.getLogit(position);
  }
  Value getForcedLogit(bool isLast, Value i, Value) override {
    return load(forced,
                {slot, isLast ? add(constant(op.getForceFirst()), i) : i});
  }

  LogitsOpInterface logits;
  int64_t tileKeys;
  Ranges ranges;
  Value numColumns;
  /// Scratch: a tile of logits, the logits of forced keys, and what is known of
  /// the candidates of each row.
  Value tile, forced, counts, leasts;
  /// Of the rows that are selected from, the first one; and which of them it
  /// is.
  Value firstRow, slot;
};

} // namespace mlir::mqa

#endif // MQA_LIB_CONVERSION_MQATOPKTOLOOPS_FUSEDTOPK_H
