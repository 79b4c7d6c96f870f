//===- FusedTopk.h - mqa.topk on logits tile by tile ------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef MQA_LIB_CONVERSION_MQATOPKTOLOOPS_FUSEDTOPK_H
#define MQA_LIB_CONVERSION_MQATOPKTOLOOPS_FUSEDTOPK_H

#include "TopkRow.h"

namespace mlir::mqa {

/// Writes code that computes logits and selects from them, for some rows at a
/// time. A tile has the logits of all of these rows for some keys. The op that
/// computes logits writes a tile to scratch; then each of the rows takes its
/// candidates from the tile, and the next tile overwrites it. So keys are
/// decoded once for all of the rows, and no row of logits is ever whole.
class FusedTopk : TopkRow {
public:
  FusedTopk(ImplicitLocOpBuilder &b, TopkOp op, LogitsOpInterface logits,
            int64_t numRows, CandidateBuffer &buffer, Ranges ranges);

  /// Writes code that computes a tile: the logits of keys [first, first +
  /// count) of the rows that are selected from, in `out`.
  using MakeTile =
      function_ref<LogicalResult(Value first, OpFoldResult count, Value out)>;
  /// Writes code that selects from the rows [row, row + count). `count` is at
  /// most the `numRows` of the constructor, for which there is scratch.
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
  /// Scratch: the tile, the logits of forced keys of each row, how many
  /// candidates each row has, and the least one that it may still take.
  Value tile, forced, counts, leasts;
  /// The first of the rows that are selected from. The row that code is written
  /// for is `slot` rows behind it, and has that place in the scratch.
  Value firstRow, slot;
};

} // namespace mlir::mqa

#endif // MQA_LIB_CONVERSION_MQATOPKTOLOOPS_FUSEDTOPK_H
