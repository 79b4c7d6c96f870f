//===- PersistentLoops.cpp - The loops of a persistent kernel -------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "PersistentLoops.h"

#include "mqa/Dialect/MQA/IR/EnumCases.h"

#include "mlir/Dialect/Affine/IR/AffineOps.h"
#include "mlir/Dialect/Arith/Utils/Utils.h"
#include "mlir/Dialect/GPU/IR/GPUDialect.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"

using namespace mlir;
using namespace mlir::mqa;

Value mqa::getRowBlock(OpBuilder &b, Location loc, Value source, OpFoldResult m,
                       OpFoldResult rows) {
  auto type = cast<MemRefType>(source.getType());
  SmallVector<int64_t> strides, shape(type.getShape());
  int64_t offset;
  (void)type.getStridesAndOffset(strides, offset);
  shape[0] = ShapedType::kDynamic;
  auto blockType = MemRefType::get(
      shape, type.getElementType(),
      StridedLayoutAttr::get(b.getContext(), /*offset=*/0, strides),
      type.getMemorySpace());
  return RowBlockOp::create(b, loc, blockType, source,
                            getValueOrCreateConstantIndexOp(b, loc, m),
                            getValueOrCreateConstantIndexOp(b, loc, rows));
}

OpFoldResult mqa::getRest(OpBuilder &b, Location loc, int64_t size,
                          OpFoldResult at, OpFoldResult end) {
  AffineExpr d0, s0;
  bindDims(b.getContext(), d0);
  bindSymbols(b.getContext(), s0);
  return affine::makeComposedFoldedAffineMin(
      b, loc,
      AffineMap::get(1, 1, {b.getAffineConstantExpr(size), s0 - d0},
                     b.getContext()),
      {at, end});
}

int64_t mqa::getTileAlign(LogitsOpInterface op) {
  return std::max(shapes::kStoreKeys, op.getColumnKeys());
}

Work mqa::getWork(OpBuilder &b, Location loc, const QueryBlocks &blocks,
                  ScheduleAttr schedule) {
  Value block = gpu::BlockIdOp::create(b, loc, gpu::Dimension::x);
  Value gridDim = gpu::GridDimOp::create(b, loc, gpu::Dimension::x);
  if (splitsKeys(schedule.getSplit())) {
    Type index = b.getIndexType();
    auto share = TileShareOp::create(
        b, loc, index, index, index, index, blocks.ranges, block, gridDim,
        blocks.blockQ, schedule.getTileKv(), schedule.getBlockCost(),
        blocks.align, blocks.visitsAll);
    Value one = arith::ConstantIndexOp::create(b, loc, 1);
    return {share.getFirstBlock(), share.getEndBlock(), one,
            share.getFirstTile(), share.getLastTile()};
  }
  Value numBlocks = getValueOrCreateConstantIndexOp(b, loc, blocks.numBlocks);
  return {block, numBlocks, gridDim, Value(), Value()};
}

/// The first key of tile `tile` of a range that starts at `lo`.
static Value getKey(OpBuilder &b, Location loc, Value lo, Value tile,
                    int64_t tileKv) {
  Value size = arith::ConstantIndexOp::create(b, loc, tileKv);
  return arith::AddIOp::create(b, loc, lo,
                               arith::MulIOp::create(b, loc, tile, size));
}

static Value isEqual(OpBuilder &b, Location loc, Value lhs, Value rhs) {
  return arith::CmpIOp::create(b, loc, arith::CmpIPredicate::eq, lhs, rhs);
}

Value mqa::getFirstOwnKey(OpBuilder &b, Location loc, const Work &work,
                          Value block, Value lo, int64_t tileKv) {
  if (!work.firstTile)
    return lo;
  return arith::SelectOp::create(
      b, loc, isEqual(b, loc, block, work.firstBlock),
      getKey(b, loc, lo, work.firstTile, tileKv), lo);
}

Value mqa::getOwnKeysEnd(OpBuilder &b, Location loc, const Work &work,
                         Value block, Value lo, Value hi, int64_t tileKv) {
  if (!work.firstTile)
    return hi;
  Value next = arith::AddIOp::create(b, loc, block, work.step);
  // The end of a tile inside of the range cannot overflow, that of the last one
  // could.
  Value one = arith::ConstantIndexOp::create(b, loc, 1);
  Value lastKey = getKey(
      b, loc, lo, arith::SubIOp::create(b, loc, work.lastTile, one), tileKv);
  Value room = arith::SubIOp::create(b, loc, hi, lastKey);
  Value size = arith::ConstantIndexOp::create(b, loc, tileKv);
  Value last = arith::AddIOp::create(
      b, loc, lastKey, arith::MinSIOp::create(b, loc, room, size));
  return arith::SelectOp::create(b, loc, isEqual(b, loc, next, work.endBlock),
                                 last, hi);
}

scf::ForOp mqa::buildGridLoop(OpBuilder &b, Location loc, OpFoldResult count,
                              function_ref<void(OpBuilder &, Value)> body) {
  Value block = gpu::BlockIdOp::create(b, loc, gpu::Dimension::x);
  Value gridDim = gpu::GridDimOp::create(b, loc, gpu::Dimension::x);
  Value end = getValueOrCreateConstantIndexOp(b, loc, count);
  return scf::ForOp::create(
      b, loc, block, end, gridDim, ValueRange(),
      [&](OpBuilder &nested, Location loc, Value index, ValueRange) {
        body(nested, index);
        scf::YieldOp::create(nested, loc);
      });
}
