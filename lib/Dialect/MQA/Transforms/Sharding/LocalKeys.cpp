//===- LocalKeys.cpp - Which keys a process has ---------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "ShardLoops.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Shard/Transforms/Transforms.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

using namespace mlir;
using namespace mlir::mqa;

LocalKeys mqa::getLocalKeys(ImplicitLocOpBuilder &b, const OpShards &shards,
                            Value local, int64_t dim) {
  LocalKeys result;
  ArrayRef<shard::GridAxis> axes = shards[ShardLoops::Keys];
  result.process = shard::createProcessLinearIndex(shards.getGrid(), axes, b);
  // Shards are equal, also where the number of keys is dynamic.
  Value size = b.createOrFold<tensor::DimOp>(local, dim);
  Value count = shard::createCollectiveProcessGroupSize(shards.grid, axes, b);
  result.offset = b.createOrFold<arith::MulIOp>(result.process, size);
  result.numKeys = b.createOrFold<arith::MulIOp>(size, count);
  return result;
}

Value mqa::splatLike(ImplicitLocOpBuilder &b, Value value, Value like) {
  auto type = cast<RankedTensorType>(like.getType());
  SmallVector<Value> sizes;
  for (auto [dim, size] : llvm::enumerate(type.getShape()))
    if (ShapedType::isDynamic(size))
      sizes.push_back(b.createOrFold<tensor::DimOp>(like, dim));
  return tensor::SplatOp::create(b, type.clone(value.getType()), value, sizes);
}

Value mqa::localizeBounds(ImplicitLocOpBuilder &b, Value bounds, Value offset) {
  // Ranges that begin with the first key do so on each process.
  if (!bounds)
    return Value();
  Type i32 = b.getI32Type();
  Value zero = arith::ConstantOp::create(b, b.getI32IntegerAttr(0));
  Value first = arith::IndexCastOp::create(b, i32, offset);
  // What is not negative minus what is not negative does not overflow.
  Value atLeastZero =
      arith::MaxSIOp::create(b, bounds, splatLike(b, zero, bounds));
  return arith::SubIOp::create(b, atLeastZero, splatLike(b, first, bounds));
}
