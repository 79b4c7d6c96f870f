//===- Ranges.h - Which keys each query sees --------------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The one place that knows what the ranges of mqa.make_ranges are: where a
// row's range begins and ends, and which column a key belongs to. Lowerings for
// GPUs and CPUs ask it, and add nothing of their own.
//
//===----------------------------------------------------------------------===//

#ifndef MQA_DIALECT_MQA_IR_RANGES_H
#define MQA_DIALECT_MQA_IR_RANGES_H

#include "mqa/Dialect/MQA/IR/MQA.h"

#include <memory>

namespace mlir {
namespace mqa {

/// Ranges as a lowering sees them: what is read, and how. Rows and keys are
/// values of type index.
class Ranges {
public:
  /// Of a value of type !mqa.ranges. Where it is narrowed, views of bounds are
  /// made behind the op that narrows it.
  static Ranges get(OpBuilder &b, Value ranges);
  /// Of an op on memrefs, a tile or not, at the insertion point.
  static Ranges get(OpBuilder &b, LogitsOp op);
  /// With key blocks, ranges of columns.
  static Ranges get(OpBuilder &b, TopkOp op);
  static Ranges get(OpBuilder &b, MergeTopkOp op);

  /// Null where only columns end ranges.
  Value getNumKeys() const { return numKeys; }
  bool areCompressed() const { return compressed; }
  /// Keys of a column: of more than one, it is the maximum.
  int64_t getColumnKeys() const { return columnKeys; }
  /// Whether key n has column n.
  bool haveKeyColumns() const { return !compressed && columnKeys == 1; }
  /// Whether ranges may begin behind key 0.
  bool haveStarts() const { return static_cast<bool>(starts); }
  Value getNumRows(OpBuilder &b, Location loc) const;
  Ranges narrow(OpBuilder &b, Location loc, OpFoldResult row,
                OpFoldResult numRows) const;

  /// T, where these are whole sequences of T queries each, the last of which
  /// sees all keys that the others see; else 0.
  int64_t getWholeSequences() const;
  /// The ranges of the last queries alone, a row for each sequence.
  Ranges getLastQueries() const;

  /// Whether rows name their sequences.
  bool nameSequences() const { return static_cast<bool>(sequences); }
  /// Sequence and end of a row that names its sequence; -1 and 0 where it sees
  /// no key.
  std::pair<Value, Value> loadSequence(OpBuilder &b, Location loc,
                                       Value row) const;
  /// Those of several rows, whose lengths are loaded first.
  SmallVector<std::pair<Value, Value>> loadSequences(OpBuilder &b, Location loc,
                                                     ValueRange rows) const;

  /// Where the range of a row begins, at least 0.
  Value loadStart(OpBuilder &b, Location loc, Value row) const;
  /// Where it ends: at most at the last key, if there is one, and maybe ahead
  /// of the start.
  Value loadEnd(OpBuilder &b, Location loc, Value row) const;
  /// Start and end, for a minimum and a maximum over rows: an empty range is
  /// [num_keys, 0), which does not widen those of other rows.
  std::pair<Value, Value> loadForUnion(OpBuilder &b, Location loc,
                                       Value row) const;
  /// The keys that at least one of `count` rows from `row` on sees; a row
  /// behind `lastRow` is `lastRow`. Not aligned, and maybe reversed.
  std::pair<Value, Value> loadUnion(OpBuilder &b, Location loc, Value row,
                                    int64_t count, Value lastRow) const;
  /// A union's start where no row sees a key, or a multiple of `align`.
  Value alignStart(OpBuilder &b, Location loc, Value start, Value end,
                   int64_t align) const;
  /// The columns of a row that its range has: 0 <= first <= second <=
  /// numColumns.
  std::pair<Value, Value> loadColumns(OpBuilder &b, Location loc, Value row,
                                      Value numColumns) const;
  /// The column of a key in a range that begins at `start`, where a column is a
  /// key. Both may count from any key, and may be vectors.
  Value getColumn(OpBuilder &b, Location loc, Value key, Value start) const;

  /// Of ranges of columns (mqa.block_ranges), those of the keys; else null.
  const Ranges *getKeyRanges() const { return keys.get(); }
  /// Of ranges of columns: the lists of blocks, and keys of a block.
  Value getKeyBlocks() const { return keyBlocks; }
  int64_t getBlockSize() const { return blockSize; }
  /// As `loadColumns`, of the columns of a row whose keys its range of keys
  /// has. `line` is the row of the lists of blocks, 1 x L. The columns are
  /// neighbours where the row's blocks ascend; where they do not, these are any
  /// columns of its blocks.
  std::pair<Value, Value> loadBlockColumns(OpBuilder &b, Location loc,
                                           Value row, Value line,
                                           Value numColumns) const;
  /// The key of a column of a row's blocks.
  Value loadKeyOfColumn(OpBuilder &b, Location loc, Value line,
                        Value column) const;

  /// As `loadStart` and `loadEnd`, for the first `count` rows at once, as a
  /// vector of index, at least 0. A row that is not there has an empty range.
  /// Memory is read at the insertion point. Ahead of the use of another value,
  /// `moveBehind` may move that to behind where the value is defined.
  Value readStarts(OpBuilder &b, Location loc, int64_t count) const;
  Value readEnds(OpBuilder &b, Location loc, int64_t count,
                 function_ref<void(Value)> moveBehind) const;
  /// What these read; null where it is nothing.
  Value getStartMemory() const { return starts; }
  Value getEndMemory() const { return ends; }

private:
  Ranges(Value starts, Value ends, Value numKeys, int64_t nextN,
         bool compressed, int64_t columnKeys = 1)
      : starts(starts), ends(ends), numKeys(numKeys), nextN(nextN),
        compressed(compressed), columnKeys(columnKeys) {}

  /// Whether rows are counted over sequences.
  bool areOfSequences() const;
  int64_t getSequenceRows() const;
  /// Whether all rows are of one causal sequence.
  bool areOfOneSequence() const;
  /// As `loadEnd`, but maybe behind the last key.
  Value loadOpenEnd(OpBuilder &b, Location loc, Value row) const;
  Value countFromFirst(OpBuilder &b, Location loc, Value row) const;
  Value countColumns(OpBuilder &b, Location loc, Value ends) const;
  Value readEndsOfSequences(OpBuilder &b, Location loc, int64_t count,
                            function_ref<void(Value)> moveBehind) const;

  /// As `loadSequence`, with the end of the row, and maybe behind the last key.
  std::pair<Value, Value> loadSequenceFor(OpBuilder &b, Location loc, Value row,
                                          Value end) const;

  /// Bounds of each row; or, of rows that are counted over sequences, a matrix
  /// of ends, or (`nextN` is not 0) a length for each sequence.
  Value starts, ends;
  Value numKeys;
  int64_t nextN;
  bool compressed;
  int64_t columnKeys;
  /// Of rows that name their sequences: those, and how many there are. Else
  /// null.
  Value sequences, numSequences;
  /// Which of these rows are meant: null for those from 0 on, and for all.
  OpFoldResult firstRow, numRows;
  /// Of ranges of columns: `ends` count blocks of `blockSize` keys, and
  /// `numKeys` columns.
  std::shared_ptr<Ranges> keys;
  Value keyBlocks;
  int64_t blockSize = 0;
};

/// How many keys a sequence has places for in `table`, or 2^31 - 1 where that
/// is less: no key is greater, and an index of a GPU need not count further. 0
/// where the table has no line.
Value countPlaces(OpBuilder &b, Location loc, Value table, int64_t blockKv);

/// Removes the ops that make ranges in `root` and are not used any more.
void eraseUnusedRanges(RewriterBase &rewriter, Operation *root);

} // namespace mqa
} // namespace mlir

#endif // MQA_DIALECT_MQA_IR_RANGES_H
