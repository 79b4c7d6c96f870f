//===- TopkRow.h - A row of mqa.topk ----------------------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef MQA_LIB_CONVERSION_MQATOPKTOLOOPS_TOPKROW_H
#define MQA_LIB_CONVERSION_MQATOPKTOLOOPS_TOPKROW_H

#include "CandidateBuffer.h"
#include "SelectionToLoops.h"
#include "mqa/Dialect/MQA/IR/EnumCases.h"
#include "mqa/Dialect/MQA/IR/Ranges.h"

namespace mlir::mqa {

/// Rows [row, row + count) of a memref.
Value getRows(OpBuilder &b, Value source, OpFoldResult row, OpFoldResult count);

/// Writes code for a row: what its range is, and how its selected keys are
/// written. Where logits are is a subclass's to know. Counts keys from the
/// range's first: that is the key of a candidate. With key blocks, columns
/// stand for keys everywhere but in what `indices` gets.
class TopkRow : protected LoopWriter {
public:
  TopkRow(ImplicitLocOpBuilder &b, TopkOp op, CandidateBuffer &buffer)
      : LoopWriter(b), op(op), buffer(buffer), numSelected(op.getNumSelected()),
        numForced(op.getForceFirst() + op.getForceLast()) {}
  virtual ~TopkRow() = default;

protected:
  /// What is written from here on is of `row`, whose range is one of `ranges`,
  /// of a matrix with `numColumns`.
  void enterRow(Value row, Ranges ranges, Value numColumns);
  /// Writes the row from `count` candidates, whose keys ascend.
  void write(Value count);
  /// How many candidates may stay at the end.
  Value getLastLimit();
  /// Whether logits are written, or decide where keys are.
  bool needsLogits() { return op.getValues() || isByScore(op.getOrder()); }

  /// The key of a candidate, where keys ascend.
  virtual Value getKey(Value position) { return buffer.getKey(position); }
  /// The f32 of the candidate at `position` of the buffer, the key of which is
  /// `key`.
  virtual Value getLogit(Value position, Value key) = 0;
  /// The f32 of the forced key `key`, which is number `i` of the first ones, or
  /// of the last ones.
  virtual Value getForcedLogit(bool isLast, Value i, Value key) = 0;

  TopkOp op;
  CandidateBuffer &buffer;
  int64_t numSelected, numForced;
  /// Of the row: its number, the range's first key and its length; whether all
  /// keys are selected; how many are forced; where the others end.
  Value m, start, length, isWhole, numFirst, numLast, freeEnd;

private:
  /// The row's list of key blocks, a matrix of one row.
  Value getBlocksOfRow() {
    return getRows(b, op.getKeyBlocks(), m, b.getIndexAttr(1));
  }
  Value getKeyOfColumn(Value column);
  Value getSlot(Value key);
  Value getIndex(Value key);
  void writeByKey(RowWriter &out, Value count);
  void writeByScore(RowWriter &out, Value count);
};

} // namespace mlir::mqa

#endif // MQA_LIB_CONVERSION_MQATOPKTOLOOPS_TOPKROW_H
