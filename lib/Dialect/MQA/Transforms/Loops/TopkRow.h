//===- TopkRow.h - One row of a kernel of mqa.topk --------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef MQA_LIB_DIALECT_MQA_TRANSFORMS_TOPKROW_H
#define MQA_LIB_DIALECT_MQA_TRANSFORMS_TOPKROW_H

#include "mqa/Dialect/MQA/IR/MQA.h"

#include "mlir/IR/ImplicitLocOpBuilder.h"

namespace mlir {
namespace mqa {

class CandidateList;

/// The keys that a row may select, and where the matrix has their logits: key n
/// in column n - `keyOfColumn0`. With key blocks, columns stand for keys
/// everywhere but in what `indices` gets.
class TopkRow {
public:
  /// Of row `row`, an index, of `op`, which is on memrefs.
  TopkRow(ImplicitLocOpBuilder &b, TopkOp op, Value row);
  /// Of a row without logits in memory: for `getIndex` alone.
  TopkRow(TopkOp op, Value row, Value firstKey)
      : firstKey(firstKey), op(op), row(row) {}

  /// The logit in `column`, an f32. It must be one of the row's range.
  Value loadLogit(ImplicitLocOpBuilder &b, Value column) const;
  /// The logits of `column` and of the `size` - 1 behind it, each an f32. All
  /// are in the range, and lie at a multiple of `size` elements.
  Value loadVector(ImplicitLocOpBuilder &b, Value column, int64_t size) const;
  /// The logits of `column` and of the `size` - 1 behind it, each an f32, which
  /// lie at a multiple of `size` elements; NaN outside of the range.
  Value loadLogits(ImplicitLocOpBuilder &b, Value column, int64_t size) const;
  /// How far `column` is behind the last one that lies at a multiple of `size`
  /// elements.
  Value getMisalignment(ImplicitLocOpBuilder &b, Value column,
                        int64_t size) const;
  /// Whether the op selects it before all others: one of the first, or of the
  /// last of the range.
  Value isForced(ImplicitLocOpBuilder &b, Value column) const;
  /// What `indices` gets for `key`.
  Value getIndex(ImplicitLocOpBuilder &b, Value key) const;

  /// The first key and the number of keys of the range; the columns of it.
  Value firstKey, length, firstColumn, endColumn, keyOfColumn0;

private:
  void findRange(ImplicitLocOpBuilder &b);
  Value getSequence(ImplicitLocOpBuilder &b) const;
  Value getSlot(ImplicitLocOpBuilder &b, Value key) const;
  Value getKeyOfColumn(ImplicitLocOpBuilder &b, Value column) const;

  /// Its accessors are not const.
  mutable TopkOp op;
  Value row;
  /// The row as a matrix of one, and its list of key blocks, likewise, or
  /// null.
  Value logits, keyBlocks;
};

/// A logit that more than `numSelected` keys of the row probably reach, and not
/// many more of them, by a sample. Of a row that fits the list, -inf: it is
/// read once, and not cut before. All threads of the block come here.
Value guessThreshold(ImplicitLocOpBuilder &b, const TopkRow &row,
                     const CandidateList &list, int64_t numSelected);

} // namespace mqa
} // namespace mlir

#endif // MQA_LIB_DIALECT_MQA_TRANSFORMS_TOPKROW_H
