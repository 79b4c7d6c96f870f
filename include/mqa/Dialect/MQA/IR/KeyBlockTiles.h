//===- KeyBlockTiles.h - Logits of chosen blocks as tiles -------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What a query of an mqa.logits or mqa.paged_logits with 'key_blocks' is, and
// what a tile of the keys that its blocks have: an mqa.logits on keys that
// mqa.gather_pages finds in the matrix, or through the block table. Loops
// around them are their users', which are kernels for GPUs and tasks for CPUs.
//
//===----------------------------------------------------------------------===//

#ifndef MQA_DIALECT_MQA_IR_KEYBLOCKTILES_H
#define MQA_DIALECT_MQA_IR_KEYBLOCKTILES_H

#include "mqa/Dialect/MQA/IR/MQA.h"

namespace mlir {
namespace mqa {

/// The operands of one query, on memrefs.
struct KeyBlockRow {
  /// 1 x H x D, 1 x H (or null) twice, 1 x B, a row of `out`; and the ranges of
  /// its columns.
  Value q, weights, qScale, blocks, out, ranges;
  /// Its sequence's line of the block table, 1 x S; null where keys are those
  /// of a matrix.
  Value pages;
};

/// A line of a block table, of `count` lines; none is there where that is 0.
struct TableLine {
  Value line;
  OpFoldResult count;
};

/// Views of an op on memrefs, made at the builder's insertion point.
class KeyBlockTiles {
public:
  /// `numKeys` is what `k` has.
  KeyBlockTiles(LogitsOp op, Value numKeys);
  explicit KeyBlockTiles(PagedLogitsOp op);

  /// Rows [row, row + count) of a memref.
  using GetRows = function_ref<Value(OpBuilder &b, Value source,
                                     OpFoldResult row, OpFoldResult count)>;

  OpFoldResult getNumRows(OpBuilder &b);
  /// The ranges of the columns of all queries.
  Value makeRanges(OpBuilder &b);
  /// Once these are made: how many keys there may be, and the ranges of keys.
  /// Where rows name their sequences, these ranges do.
  Value getNumKeys() const { return numKeys; }
  Value getKeyRanges() const { return keyRanges; }
  /// Of query `row`, once the ranges of all are made. `getRows` makes views of
  /// the lists of blocks and of `out`.
  Value getRanges(OpBuilder &b, Value row, GetRows getRows);
  Value getOut(OpBuilder &b, Value row, GetRows getRows);
  /// Whether only the ranges of keys say which line of the table is a row's.
  bool namesSequences() { return paged && paged.namesSequences(); }
  /// `getRows` makes views of the weights and of the block scales of the query
  /// too, if asked for. `line` is the
  /// row's where rows name their sequences.
  KeyBlockRow getRow(OpBuilder &b, Value row, GetRows getRows,
                     bool getsRowsOfWeights, bool getsRowsOfQScale,
                     std::optional<TableLine> line = std::nullopt);
  /// The logits of columns [first, first + count). With `clean`, those without
  /// a key become -inf.
  LogitsOp createTile(OpBuilder &b, const KeyBlockRow &row, Value first,
                      Value count);

private:
  Value getQuery(OpBuilder &b, Value row);
  Value getKeys(OpBuilder &b, Value keys, const KeyBlockRow &row, Value first,
                Value count);
  Value makeKeyRanges(OpBuilder &b);
  Value makeRanges(OpBuilder &b, Value keys, Value blocks, Value numBlocks);

  LogitsOpInterface op;
  /// One of them is null.
  LogitsOp contiguous;
  PagedLogitsOp paged;
  Location loc;
  Value q, out, keyBlocks, numKeyBlocks, keyOffset;
  Value numKeys, numColumns, keyRanges;
};

} // namespace mqa
} // namespace mlir

#endif // MQA_DIALECT_MQA_IR_KEYBLOCKTILES_H
