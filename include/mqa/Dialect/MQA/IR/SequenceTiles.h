//===- SequenceTiles.h - mqa.paged_logits as tiles of mqa.logits *- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What a sequence of mqa.paged_logits is, or a run of rows that name it, and
// what a tile of its keys: an mqa.logits on keys that mqa.gather_pages finds in
// the cache. Loops around them are their users', which are kernels for GPUs and
// tasks for CPUs.
//
//===----------------------------------------------------------------------===//

#ifndef MQA_DIALECT_MQA_IR_SEQUENCETILES_H
#define MQA_DIALECT_MQA_IR_SEQUENCETILES_H

#include "mqa/Dialect/MQA/IR/MQA.h"

namespace mlir {
namespace mqa {

/// The operands of one sequence, or of a run, on memrefs.
struct Sequence {
  /// T of a sequence.
  OpFoldResult numRows;
  /// T x H x D, T x H (or null) twice, a row of the table, T rows of `out`.
  Value q, weights, qScale, ranges, table, out;
};

/// Neighbouring rows of one sequence; index.
struct Run {
  Value row, numRows, sequence;
};

/// Views of an op on memrefs, made at the builder's insertion point.
class SequenceTiles {
public:
  explicit SequenceTiles(PagedLogitsOp op)
      : op(op), loc(op.getLoc()), nextN(op.getNextN()) {}

  /// Rows [row, row + count) of a memref.
  using GetRows = function_ref<Value(OpBuilder &b, Value source,
                                     OpFoldResult row, OpFoldResult count)>;

  /// The ranges of all queries, which end where there is room for no key.
  Value makeRanges(OpBuilder &b);
  /// Where these end, once they are made.
  Value getNumKeys() const { return numKeys; }
  OpFoldResult getNumSequences(OpBuilder &b);
  /// Those of all queries that are of `sequence`.
  Value getRanges(OpBuilder &b, Value ranges, Value sequence);
  /// Its rows of `out`.
  Value getOut(OpBuilder &b, Value sequence, GetRows getRows);
  /// `getRows` makes views of the table and of `out`, and, if asked for, of the
  /// weights and of the block scales of queries.
  Sequence getSequence(OpBuilder &b, Value ranges, Value sequence,
                       GetRows getRows, bool getsRowsOfWeights,
                       bool getsRowsOfQScale);
  /// The ranges of rows that name their sequences, where a row that names none
  /// sees no key. `ranges` are those of `makeRanges`, which do not look at
  /// sequences.
  Value nameSequences(OpBuilder &b, Value ranges);
  /// As `getSequence`, of rows that name their sequences.
  Sequence getRun(OpBuilder &b, Value ranges, const Run &run, GetRows getRows,
                  bool getsRowsOfWeights, bool getsRowsOfQScale);
  /// The logits of keys [first, first + count), without `clean`.
  LogitsOp createTile(OpBuilder &b, const Sequence &sequence, Value first,
                      Value count);

private:
  OpFoldResult getFirstRow(OpBuilder &b, Value sequence);
  Value getQueries(OpBuilder &b, Value sequence);
  Value getRowsOfHeads(OpBuilder &b, Value source, OpFoldResult row,
                       OpFoldResult numRows, GetRows getRows, bool getsRows);
  Value getKeys(OpBuilder &b, Value cache, Value table, Value first,
                Value count);

  PagedLogitsOp op;
  Location loc;
  int64_t nextN;
  Value numKeys;
};

} // namespace mqa
} // namespace mlir

#endif // MQA_DIALECT_MQA_IR_SEQUENCETILES_H
