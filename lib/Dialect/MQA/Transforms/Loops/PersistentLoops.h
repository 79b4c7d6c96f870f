//===- PersistentLoops.h - The loops of a persistent kernel -----*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What the kernels of mqa.logits and mqa.paged_logits have in common above
// their tiles: a block of the grid takes some query blocks, and of the first
// and last of them some key tiles.
//
//===----------------------------------------------------------------------===//

#ifndef MQA_LIB_DIALECT_MQA_TRANSFORMS_PERSISTENTLOOPS_H
#define MQA_LIB_DIALECT_MQA_TRANSFORMS_PERSISTENTLOOPS_H

#include "mqa/Dialect/MQA/Transforms/TilePlan.h"

#include "mlir/Dialect/SCF/IR/SCF.h"

namespace mlir {
namespace mqa {

class FusedSelection;

/// Rows [m, m + rows) of a matrix or vector, with 64-bit addresses.
Value getRowBlock(OpBuilder &b, Location loc, Value source, OpFoldResult m,
                  OpFoldResult rows);

/// min(size, end - at).
OpFoldResult getRest(OpBuilder &b, Location loc, int64_t size, OpFoldResult at,
                     OpFoldResult end);

/// The ranges of all queries, and `blockQ` queries to a block, of which there
/// are `numBlocks`. `visitsAll`: those without a key are work too.
struct QueryBlocks {
  Value ranges;
  int64_t blockQ;
  OpFoldResult numBlocks;
  bool visitsAll = false;
  /// What a block's first key is a multiple of.
  int64_t align = shapes::kStoreKeys;
};

/// What the first key of a query block of `op` is a multiple of: no column is
/// cut by tiles of keys from there on.
int64_t getTileAlign(LogitsOpInterface op);

/// Which query blocks, and which of their key tiles, a block of the grid takes.
struct Work {
  Value firstBlock, endBlock, step;
  /// Of the first and of the last query block; absent: all tiles.
  Value firstTile, lastTile;
};

Work getWork(OpBuilder &b, Location loc, const QueryBlocks &blocks,
             ScheduleAttr schedule);

/// The first key of [lo, hi) that the work has of query block `block`. What
/// needs no more than that need not wait for hi.
Value getFirstOwnKey(OpBuilder &b, Location loc, const Work &work, Value block,
                     Value lo, int64_t tileKv);
/// The key behind the last one.
Value getOwnKeysEnd(OpBuilder &b, Location loc, const Work &work, Value block,
                    Value lo, Value hi, int64_t tileKv);

/// A loop of every block of the grid over each grid-size'th of `count` things,
/// with `body` at its index.
scf::ForOp buildGridLoop(OpBuilder &b, Location loc, OpFoldResult count,
                         function_ref<void(OpBuilder &, Value)> body);

/// The loops of a kernel around tiles of an op on its arguments, at the
/// builder's insertion point. `numKeys` of an op whose columns are no keys is
/// not null. With
/// `selection`, which may be null, logits are selected from and not stored.
LogicalResult buildLogitsLoops(RewriterBase &b, LogitsOp op,
                               const TilePlan &plan, Value numKeys,
                               FusedSelection *selection);
/// Of an op with 'key_blocks'. `numKeys` is that of an mqa.logits.
void buildKeyBlockLoops(RewriterBase &b, LogitsOpInterface op,
                        const TilePlan &plan, Value numKeys);
LogicalResult buildPagedLogitsLoops(RewriterBase &b, PagedLogitsOp op,
                                    const TilePlan &plan,
                                    FusedSelection *selection);
/// Of rows that name their sequences.
LogicalResult buildRowRunLoops(RewriterBase &b, PagedLogitsOp op,
                               const TilePlan &plan);

} // namespace mqa
} // namespace mlir

#endif // MQA_LIB_DIALECT_MQA_TRANSFORMS_PERSISTENTLOOPS_H
