//===- FusedSelection.h - Selection in a kernel of logits -------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What a kernel does in whose loops logits are selected instead of stored.
// There are two ways, both in the caller's scratch. Either a list for each row
// gets the logits that may be among the best (ListSelection), or a row there
// has all of its logits until it is selected (RowSelection). The latter is
// faster, and for many queries far too large.
//
// Where the tiles of a query block go to several blocks of the grid, the one
// that ends last selects.
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
  /// `op` selects from `logits`; `scratch` is the caller's memory.
  static std::unique_ptr<FusedSelection> create(LogitsOpInterface logits,
                                                TopkOp op, Value scratch,
                                                const TilePlan &plan);
  virtual ~FusedSelection() = default;

  /// A query block, and what this block of the grid has of it.
  struct QueryBlock {
    /// Which it is, its first row and how many it has.
    Value index, firstRow, numRows;
    /// Of its rows, and the number of keys that there are.
    Value ranges, numKeys;
    /// The keys of all of its tiles, and of those of this block of the grid.
    Value lo, hi, begin, end;
  };

  /// What the kernel says of the memory that it needs.
  virtual KernelAttr describe(KernelAttr attr) const = 0;

  /// Ahead of the loop over `numBlocks` query blocks.
  virtual void allocate(OpBuilder &b, Value numBlocks);
  /// Ahead of the loop over keys. Returns the rows that the tiles write, of
  /// `type`.
  virtual Value open(OpBuilder &b, const QueryBlock &block,
                     MemRefType type) = 0;
  /// Ahead of the tile at `key`.
  virtual void beginTile(OpBuilder &, const QueryBlock &, Value) {}
  /// Behind the loop over keys.
  virtual void close(OpBuilder &b, const QueryBlock &block) = 0;

protected:
  FusedSelection(TopkOp op, Value scratch, const TilePlan &plan,
                 int64_t blockRows);

  /// Words of memory for each query block: how many keys are done, the last
  /// block of the grid that has some, and the first one, as its distance from
  /// the end.
  static constexpr int64_t kCounterWords = 4;

  Value addVariable(OpBuilder &b, int64_t size, Type type);
  /// The consumers do `body` together; with `meeting`, where they meet.
  MeetOp meet(DeviceBuilder &b, Value meeting, Value key, Value end,
              function_ref<void()> body);
  Value getCounters(DeviceBuilder &b, const QueryBlock &block) {
    return b.add(counters, b.mul(block.index, kCounterWords));
  }
  /// Whether this block of the grid has all tiles of a query block.
  Value isWhole(DeviceBuilder &b, const QueryBlock &block) {
    return b.both(b.compare(arith::CmpIPredicate::eq, block.begin, block.lo),
                  b.compare(arith::CmpIPredicate::eq, block.end, block.hi));
  }
  /// Tells the other blocks of the grid that this one is done with its part of
  /// the query block; returns whether all are. What `tellMore` does, by one
  /// thread, those see that see this.
  Value arrive(DeviceBuilder &b, const QueryBlock &block,
               function_ref<void()> tellMore);
  Value update(DeviceBuilder &b, const QueryBlock &block,
               arith::AtomicRMWKind kind, Value value, int64_t counter);
  /// Behind the loop over keys, the consumers together: `shareOut` where other
  /// blocks of the grid have tiles of the query block too, which returns
  /// whether this one ends last; then `select`, by that one or by the only one.
  void selectByLast(DeviceBuilder &b, const QueryBlock &block,
                    function_ref<Value()> shareOut,
                    function_ref<void()> select);
  /// The next launch begins with zeros. All threads have read what they need.
  void resetCounters(DeviceBuilder &b, const QueryBlock &block);

  TopkOp op;
  Value scratch;
  /// Rows of a query block; a tile has `tableRows`, of which the last ones may
  /// be padding.
  int64_t blockRows, tableRows;
  int64_t tileKv, numSelected, numThreads;
  Ties ties;
  /// Shared by the threads: a word that one thread tells the others.
  Value answer;
  /// Of the grid: which block this is, and how many there are.
  Value gridBlock, gridSize;
  /// The first word of the counters.
  Value counters;
};

} // namespace mqa
} // namespace mlir

#endif // MQA_LIB_DIALECT_MQA_TRANSFORMS_FUSEDSELECTION_H
