//===- ShardingInterfaceImpl.cpp - Sharding of mqa ------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Queries are independent of one another. Shards of keys have ranges that count
// from their own first key; of shards that select, `mqa.merge_topk` selects.
// Logits are a sum over heads.
//
//===----------------------------------------------------------------------===//

#include "mqa/Dialect/MQA/Transforms/ShardingInterfaceImpl.h"

#include "ShardLoops.h"

#include "mlir/Dialect/Affine/IR/AffineOps.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Shard/IR/ShardDialect.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/DialectRegistry.h"
#include "mlir/IR/IRMapping.h"

using namespace mlir;
using namespace mlir::mqa;
using shard::Sharding;
using shard::ShardingInterface;
using shard::ShardingOption;

namespace {

LogicalResult partitionOp(LogitsOp op, const OpShards &shards, IRMapping &map,
                          OpBuilder &builder) {
  return partitionLogits(op, shards, map, builder);
}

LogicalResult partitionOp(PagedLogitsOp op, const OpShards &shards,
                          IRMapping &map, OpBuilder &builder) {
  return partitionPagedLogits(op, shards, map, builder);
}

LogicalResult partitionOp(TopkOp op, const OpShards &shards, IRMapping &map,
                          OpBuilder &builder) {
  return partitionTopk(op, shards, map, builder);
}

/// Rows alone are sharded.
LogicalResult partitionOp(MergeTopkOp op, const OpShards &, IRMapping &map,
                          OpBuilder &builder) {
  auto local = cast<MergeTopkOp>(builder.clone(*op, map));
  for (auto [result, init] :
       llvm::zip_equal(local.getResults(), local.getDpsInits()))
    result.setType(init.getType());
  return success();
}

template <typename OpTy>
struct ShardingModel
    : public ShardingInterface::ExternalModel<ShardingModel<OpTy>, OpTy> {
  SmallVector<utils::IteratorType> getLoopIteratorTypes(Operation *op) const {
    return getShardLoops(cast<OpTy>(op)).types;
  }

  /// Of keys that are selected it is no reduction that there is a name for.
  SmallVector<shard::ReductionKind>
  getReductionLoopIteratorKinds(Operation *op) const {
    SmallVector<shard::ReductionKind> kinds;
    ShardLoops loops = getShardLoops(cast<OpTy>(op));
    for (auto [loop, type] : llvm::enumerate(loops.types))
      if (type == utils::IteratorType::reduction)
        kinds.push_back(loop == ShardLoops::Heads
                            ? shard::ReductionKind::Sum
                            : shard::ReductionKind::Generic);
    return kinds;
  }

  SmallVector<AffineMap> getIndexingMaps(Operation *op) const {
    return getShardLoops(cast<OpTy>(op)).maps;
  }

  /// Upstream's, but for options that shard what must be whole.
  FailureOr<ShardingOption>
  getShardingOption(Operation *op, ArrayRef<Sharding> operandShardings,
                    ArrayRef<Sharding> resultShardings) const {
    FailureOr<ShardingOption> option = shard::detail::defaultGetShardingOption(
        op, operandShardings, resultShardings);
    if (failed(option))
      return failure();
    for (auto [loop, axes] : llvm::enumerate(option->shardingArray))
      if (loop >= ShardLoops::NumShardable && !axes.empty())
        return failure();
    return option;
  }

  LogicalResult partition(Operation *op, ArrayRef<Value>,
                          ArrayRef<Sharding> operandShardings,
                          ArrayRef<Sharding> resultShardings, IRMapping &map,
                          SymbolTableCollection &symbolTables,
                          OpBuilder &builder) const {
    auto typed = cast<OpTy>(op);
    FailureOr<OpShards> shards =
        getOpShards(op, getShardLoops(typed), operandShardings, resultShardings,
                    symbolTables);
    if (failed(shards))
      return failure();
    return partitionOp(typed, *shards, map, builder);
  }
};

} // namespace

void mqa::registerShardingInterfaceExternalModels(DialectRegistry &registry) {
  registry.addExtension(+[](MLIRContext *context, MQADialect *) {
    LogitsOp::attachInterface<ShardingModel<LogitsOp>>(*context);
    PagedLogitsOp::attachInterface<ShardingModel<PagedLogitsOp>>(*context);
    TopkOp::attachInterface<ShardingModel<TopkOp>>(*context);
    MergeTopkOp::attachInterface<ShardingModel<MergeTopkOp>>(*context);
    // What a partition consists of.
    context->loadDialect<affine::AffineDialect, arith::ArithDialect,
                         shard::ShardDialect, tensor::TensorDialect>();
  });
}
