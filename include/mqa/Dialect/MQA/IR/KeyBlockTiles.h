//===- KeyBlockTiles.h - mqa.logits of chosen blocks as tiles ---*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What a query of an mqa.logits with 'key_blocks' is, and what a tile of the
// keys that its blocks have: an mqa.logits on keys that mqa.gather_pages finds
// in the matrix. Loops around them are their users', which are kernels for GPUs
// and tasks for CPUs.
//
//===----------------------------------------------------------------------===//

#ifndef MQA_DIALECT_MQA_IR_KEYBLOCKTILES_H
#define MQA_DIALECT_MQA_IR_KEYBLOCKTILES_H

#include "mqa/Dialect/MQA/IR/MQA.h"

namespace mlir {
namespace mqa {

/// The operands of one query, on memrefs.
struct KeyBlockRow {
  /// 1 x H x D, 1 x H (or null), 1 x B, a row of `out`; and the ranges of its
  /// columns.
  Value q, weights, blocks, out, ranges;
};

/// Views of an op on memrefs, made at the builder's insertion point.
class KeyBlockTiles {
public:
  /// `numKeys` is what `k` has.
  KeyBlockTiles(LogitsOp op, Value numKeys)
      : op(op), loc(op.getLoc()), numKeys(numKeys) {}

  /// Rows [row, row + count) of a memref.
  using GetRows = function_ref<Value(OpBuilder &b, Value source,
                                     OpFoldResult row, OpFoldResult count)>;

  OpFoldResult getNumRows(OpBuilder &b);
  /// The ranges of the columns of all queries.
  Value makeRanges(OpBuilder &b);
  /// Of query `row`, once the ranges of all are made. `getRows` makes views of
  /// the lists of blocks and of `out`.
  Value getRanges(OpBuilder &b, Value row, GetRows getRows);
  Value getOut(OpBuilder &b, Value row, GetRows getRows);
  /// `getRows` makes views of the weights too, if asked for.
  KeyBlockRow getRow(OpBuilder &b, Value row, GetRows getRows,
                     bool getsRowsOfWeights);
  /// The logits of columns [first, first + count). With `clean`, those without
  /// a key become -inf.
  LogitsOp createTile(OpBuilder &b, const KeyBlockRow &row, Value first,
                      Value count);

private:
  Value getKeys(OpBuilder &b, Value keys, Value blocks, Value first,
                Value count);
  Value makeRanges(OpBuilder &b, Value keys, Value blocks, Value numBlocks);

  LogitsOp op;
  Location loc;
  Value numKeys, numColumns, keyRanges;
};

} // namespace mqa
} // namespace mlir

#endif // MQA_DIALECT_MQA_IR_KEYBLOCKTILES_H
