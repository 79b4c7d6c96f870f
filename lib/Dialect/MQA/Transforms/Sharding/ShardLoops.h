//===- ShardLoops.h - What of an op may be sharded --------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef MQA_LIB_DIALECT_MQA_TRANSFORMS_SHARDING_SHARDLOOPS_H
#define MQA_LIB_DIALECT_MQA_TRANSFORMS_SHARDING_SHARDLOOPS_H

#include "mqa/Dialect/MQA/IR/MQA.h"

#include "mlir/Dialect/Shard/Interfaces/ShardingInterface.h"
#include "mlir/IR/ImplicitLocOpBuilder.h"

namespace mlir {
namespace mqa {

/// The loops that the op is, as ShardingInterface wants them: each dimension of
/// a tensor is a loop. Dimensions that must not be sharded are loops of their
/// own, which come last.
struct ShardLoops {
  /// Rows of queries, or sequences; keys; heads.
  enum Loop : unsigned { Queries = 0, Keys = 1, Heads = 2, NumShardable = 3 };

  SmallVector<utils::IteratorType> types;
  /// Of operands and results.
  SmallVector<AffineMap> maps;
};

ShardLoops getShardLoops(LogitsOp op);
ShardLoops getShardLoops(PagedLogitsOp op);
ShardLoops getShardLoops(TopkOp op);
ShardLoops getShardLoops(MergeTopkOp op);

/// How an op is sharded.
struct OpShards {
  shard::GridOp grid;
  StringRef getGrid() const { return shard::GridOp(grid).getSymName(); }
  /// Grid axes of each loop that may be sharded.
  SmallVector<SmallVector<shard::GridAxis>> axes;

  ArrayRef<shard::GridAxis> operator[](ShardLoops::Loop loop) const {
    return axes[loop];
  }
};

/// From the annotations of operands and results; emits an error where they
/// contradict each other or name what cannot be sharded.
FailureOr<OpShards> getOpShards(Operation *op, const ShardLoops &loops,
                                ArrayRef<shard::Sharding> operandShardings,
                                ArrayRef<shard::Sharding> resultShardings,
                                SymbolTableCollection &symbolTables);

/// Which of the keys of all shards a process has.
struct LocalKeys {
  /// Index of this process along the axes.
  Value process;
  /// The first key, and how many all processes have; index.
  Value offset, numKeys;
};

/// Where dimension `dim` of `local` is a shard of the keys.
LocalKeys getLocalKeys(ImplicitLocOpBuilder &b, const OpShards &shards,
                       Value local, int64_t dim);

/// Ranges `bounds` (i32, null for none) counted from the first key of this
/// process.
Value localizeBounds(ImplicitLocOpBuilder &b, Value bounds, Value offset);

/// `value` (i32) in each element of a tensor that is like `like`.
Value splatLike(ImplicitLocOpBuilder &b, Value value, Value like);

LogicalResult partitionLogits(LogitsOp op, const OpShards &shards,
                              IRMapping &map, OpBuilder &builder);
LogicalResult partitionPagedLogits(PagedLogitsOp op, const OpShards &shards,
                                   IRMapping &map, OpBuilder &builder);
LogicalResult partitionTopk(TopkOp op, const OpShards &shards, IRMapping &map,
                            OpBuilder &builder);

} // namespace mqa
} // namespace mlir

#endif // MQA_LIB_DIALECT_MQA_TRANSFORMS_SHARDING_SHARDLOOPS_H
