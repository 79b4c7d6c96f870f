//===- FusedSelection.h - Selection in a kernel of logits -------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What a kernel does in whose loops logits are selected instead of stored. Each
// block of the grid has lists of candidates in memory of the caller's, one for
// each row of a query block. Tiles append to them (mqa.filtered_rows); behind
// the last tile of a query block, its rows are selected from their lists. Where
// the tiles of a query block go to several blocks of the grid, the one that
// ends last takes the candidates of the others.
//
//===----------------------------------------------------------------------===//

#ifndef MQA_LIB_DIALECT_MQA_TRANSFORMS_FUSEDSELECTION_H
#define MQA_LIB_DIALECT_MQA_TRANSFORMS_FUSEDSELECTION_H

#include "DeviceBuilder.h"
#include "mqa/Dialect/MQA/Transforms/TilePlan.h"

namespace mlir {
namespace mqa {

class FusedSelection {
public:
  /// `op` selects from the logits; `scratch` is the caller's memory. A query
  /// block has at most `blockRows` rows.
  FusedSelection(TopkOp op, Value scratch, const TilePlan &plan,
                 int64_t blockRows);

  /// A query block, and what this block of the grid has of it.
  struct QueryBlock {
    /// Which it is, its first row and how many it has.
    Value index, firstRow, numRows;
    /// Of its rows, and the number of keys that there are.
    Value ranges, numKeys;
    /// The keys of all of its tiles, and of those of this block of the grid.
    Value lo, hi, begin, end;
  };

  /// Candidates of a list.
  int64_t getPlaces() const { return places; }

  /// Ahead of the loop over `numBlocks` query blocks.
  void allocate(OpBuilder &b, Value numBlocks);
  /// Ahead of the loop over keys: empty lists. Returns the rows that the tiles
  /// write, of `type`.
  Value open(OpBuilder &b, const QueryBlock &block, MemRefType type);
  /// Ahead of the tile at `key`: lists that get full are cut.
  void keepRoom(OpBuilder &b, const QueryBlock &block, Value key);
  /// Behind the loop over keys.
  void close(OpBuilder &b, const QueryBlock &block);

private:
  /// A row of the query block, and its list.
  struct Row {
    /// In the query block.
    Value number;
    Value logits, keys;
    /// Its range.
    Value start, end, length, isLong;
  };
  static constexpr float kInfinity = std::numeric_limits<float>::infinity();
  /// Words of memory for each query block: how many keys are done, the last
  /// block of the grid that has some, and the first one, as its distance from
  /// the end.
  static constexpr int64_t kCounterWords = 4;
  /// The last place of a list tells other blocks of the grid how many there
  /// are.
  static constexpr int64_t kReservedPlaces = 1;
  /// A cut may keep so many candidates too many, if that saves a search step.
  static constexpr int64_t kSlack = 128;

  Value getListOf(DeviceBuilder &b, Value block, Value area, Value row);
  std::pair<Value, Value> getViews(DeviceBuilder &b, Value first);
  Row getRow(DeviceBuilder &b, const QueryBlock &block, Value number);
  void cut(DeviceBuilder &b, const QueryBlock &block, int64_t above,
           int64_t slack, bool ascend);
  Value arrive(DeviceBuilder &b, const QueryBlock &block);
  void forRows(DeviceBuilder &b, const QueryBlock &block,
               function_ref<void(Value)> body);
  Value take(DeviceBuilder &b, const QueryBlock &block, Value other);
  void takeOthers(DeviceBuilder &b, const QueryBlock &block);
  Value dropNaN(DeviceBuilder &b, const Row &row, Value count);
  void sort(DeviceBuilder &b, const Row &row, Value count);
  std::pair<Value, Value> read(DeviceBuilder &b, const Row &row, Value place);
  void finish(DeviceBuilder &b, const QueryBlock &block, Value number);

  TopkOp op;
  Value scratch;
  /// Rows that have a list; a tile has `tableRows`, of which the last ones may
  /// be padding.
  int64_t blockRows, tableRows;
  int64_t tileKv, numThreads, numSelected;
  int64_t margin, places, limit;
  Ties ties;
  /// Shared by the threads: of each row its candidates, its threshold, and how
  /// many of another list were taken; when to meet, and a word that one thread
  /// tells the others.
  Value counts, thresholds, taken, meeting, answer;
  /// Of the grid: which block this is, and how many there are; where the lists
  /// begin.
  Value gridBlock, gridSize, lists;
  /// Of the query block: the first word of the first row's list.
  Value first;
};

} // namespace mqa
} // namespace mlir

#endif // MQA_LIB_DIALECT_MQA_TRANSFORMS_FUSEDSELECTION_H
