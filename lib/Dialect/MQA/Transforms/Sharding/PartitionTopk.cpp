//===- PartitionTopk.cpp - The best keys of one process, and of all -------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "ShardLoops.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/IRMapping.h"

using namespace mlir;
using namespace mlir::mqa;

/// A tensor like `like` with elements of `type`, to be written.
static Value makeEmpty(ImplicitLocOpBuilder &b, Value like, Type type) {
  return tensor::EmptyOp::create(b, tensor::getMixedSizes(b, b.getLoc(), like),
                                 type);
}

/// The lists `own` (M x k) of all processes along the axes of the keys, which
/// become dimension 0.
static Value gatherLists(ImplicitLocOpBuilder &b, const OpShards &shards,
                         Value own) {
  auto type = cast<RankedTensorType>(own.getType());
  ArrayRef<shard::GridAxis> axes = shards[ShardLoops::Keys];
  SmallVector<int64_t> shape{1};
  llvm::append_range(shape, type.getShape());
  SmallVector<OpFoldResult> sizes{b.getIndexAttr(1)};
  llvm::append_range(sizes, tensor::getMixedSizes(b, b.getLoc(), own));
  Value list = tensor::ExpandShapeOp::create(
      b, type.clone(shape), own, ArrayRef<ReassociationIndices>{{0, 1}, {2}},
      sizes);
  shape[0] = shard::collectiveProcessGroupSize(
      axes, shard::GridOp(shards.grid).getShape());
  return shard::AllGatherOp::create(b, type.clone(shape), shards.getGrid(),
                                    axes, list, APInt(64, 0));
}

/// Each process selects of its own keys, and all select of what these are.
static void mergeShards(TopkOp op, TopkOp local, const OpShards &shards,
                        IRMapping &map, ImplicitLocOpBuilder &b) {
  LocalKeys keys = getLocalKeys(b, shards, local.getLogits(), 1);
  Value ks = local.getKs(), ke = local.getKe();
  Value indices = local.getIndices(), values = local.getValues();
  Value first = arith::IndexCastOp::create(b, b.getI32Type(), keys.offset);
  Value listValues = makeEmpty(b, indices, b.getF32Type());
  Value listIndices = makeEmpty(b, indices, b.getI32Type());
  auto own = TopkOp::create(
      b, TypeRange{listIndices.getType(), listValues.getType()},
      local.getLogits(), localizeBounds(b, ks, keys.offset),
      localizeBounds(b, ke, keys.offset), /*context_lens=*/Value(),
      /*block_table=*/Value(), /*sequence=*/Value(),
      /*offset=*/splatLike(b, first, ke), /*num_keys=*/Value(), listIndices,
      listValues, /*key_blocks=*/Value(), /*num_key_blocks=*/Value(),
      /*compressed=*/false, op.getTieBreak(), /*force_first=*/0,
      /*force_last=*/0, Order::Any, IndexBase::Absolute, /*block_kv=*/{},
      /*next_n=*/{}, /*key_block_size=*/{});
  // The merge is not told how many keys there are.
  Value numKeys = arith::IndexCastOp::create(b, b.getI32Type(), keys.numKeys);
  Value end = arith::MinSIOp::create(b, ke, splatLike(b, numKeys, ke));
  SmallVector<Type> types{indices.getType()};
  if (values)
    types.push_back(values.getType());
  Value allIndices = gatherLists(b, shards, own.getResult(0));
  Value allValues = gatherLists(b, shards, own.getResult(1));
  auto merged =
      MergeTopkOp::create(b, types, allIndices, allValues, ks, end,
                          /*num_keys=*/Value(), indices, values,
                          op.getTieBreak(), op.getOrder(), op.getBase());
  map.map(op.getResults(), merged.getResults());
}

LogicalResult mqa::partitionTopk(TopkOp op, const OpShards &shards,
                                 IRMapping &map, OpBuilder &builder) {
  ImplicitLocOpBuilder b(op.getLoc(), builder);
  auto local = cast<TopkOp>(builder.clone(*op, map));
  if (shards[ShardLoops::Keys].empty()) {
    for (auto [result, init] :
         llvm::zip_equal(local.getResults(), local.getDpsInits()))
      result.setType(init.getType());
    return success();
  }
  mergeShards(op, local, shards, map, b);
  local.erase();
  return success();
}
