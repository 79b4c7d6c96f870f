//===- PartitionLogits.cpp - Logits of one process ------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "ShardLoops.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Shard/Transforms/Transforms.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/IRMapping.h"

using namespace mlir;
using namespace mlir::mqa;

/// What partial sums are added to. Cells that the op does not write keep what
/// `out` has, which one process alone contributes.
static Value makePartialInit(ImplicitLocOpBuilder &b, const OpShards &shards,
                             Value out, bool clean) {
  Type f32 = b.getF32Type();
  auto type = cast<RankedTensorType>(out.getType());
  // 16-bit logits are rounded once, behind the sum.
  if (type.getElementType() != f32)
    out = arith::ExtFOp::create(b, type.clone(f32), out);
  // Every cell is written.
  if (clean)
    return out;
  Value zero = arith::ConstantOp::create(b, b.getF32FloatAttr(0));
  Value process = shard::createProcessLinearIndex(shards.getGrid(),
                                                  shards[ShardLoops::Heads], b);
  Value isFirst = arith::CmpIOp::create(b, arith::CmpIPredicate::eq, process,
                                        arith::ConstantIndexOp::create(b, 0));
  return arith::SelectOp::create(b, isFirst, out, splatLike(b, zero, out));
}

/// The sum of what all processes have computed, as `type`.
static Value sumPartials(ImplicitLocOpBuilder &b, const OpShards &shards,
                         Value partial, Type type) {
  Value sum = shard::AllReduceOp::create(b, partial.getType(), shards.getGrid(),
                                         shards[ShardLoops::Heads], partial,
                                         shard::ReductionKind::Sum);
  return sum.getType() == type ? sum : arith::TruncFOp::create(b, type, sum);
}

/// Puts `clone`, the op on the shards of its operands, in the place of `op`.
template <typename OpTy>
static void finish(OpTy op, OpTy clone, const OpShards &shards, IRMapping &map,
                   ImplicitLocOpBuilder &b) {
  Type type = clone.getOut().getType();
  bool sums = !shards[ShardLoops::Heads].empty();
  if (sums) {
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPoint(clone);
    clone.getOutMutable().assign(
        makePartialInit(b, shards, clone.getOut(), clone.getClean()));
  }
  clone.getResult().setType(cast<RankedTensorType>(clone.getOut().getType()));
  Value result = clone.getResult();
  if (sums)
    result = sumPartials(b, shards, result, type);
  map.map(op.getResult(), result);
}

LogicalResult mqa::partitionLogits(LogitsOp op, const OpShards &shards,
                                   IRMapping &map, OpBuilder &builder) {
  auto clone = cast<LogitsOp>(builder.clone(*op, map));
  ImplicitLocOpBuilder b(op.getLoc(), builder);
  if (!shards[ShardLoops::Keys].empty()) {
    // Ranges that count from the first key of the process, rather than
    // `key_offset`, which no kernel takes.
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPoint(clone);
    Value offset = getLocalKeys(b, shards, clone.getK(), 0).offset;
    if (clone.getKs())
      clone.getKsMutable().assign(localizeBounds(b, clone.getKs(), offset));
    clone.getKeMutable().assign(localizeBounds(b, clone.getKe(), offset));
  }
  finish(op, clone, shards, map, b);
  return success();
}

LogicalResult mqa::partitionPagedLogits(PagedLogitsOp op,
                                        const OpShards &shards, IRMapping &map,
                                        OpBuilder &builder) {
  auto clone = cast<PagedLogitsOp>(builder.clone(*op, map));
  ImplicitLocOpBuilder b(op.getLoc(), builder);
  if (!shards[ShardLoops::Keys].empty()) {
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPoint(clone);
    Value offset = getLocalKeys(b, shards, clone.getOut(), 1).offset;
    if (Value first = clone.getKeyOffset())
      offset = b.createOrFold<arith::AddIOp>(first, offset);
    clone.getKeyOffsetMutable().assign(offset);
  }
  finish(op, clone, shards, map, b);
  return success();
}
