//===- GridShare.cpp - An equal share of work for each block --------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "GridShare.h"
#include "Kernels/WorkgroupMemory.h"
#include "mqa/Dialect/MQA/IR/Shapes.h"

#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"

using namespace mlir;
using namespace mlir::mqa;
using arith::CmpIPredicate;

Value GridShare::addOverWarp(Value value) {
  return toIndex(gpu::SubgroupReduceOp::create(
      b, loc, toI32(value), gpu::AllReduceOperation::ADD, /*uniform=*/true,
      /*cluster_size=*/std::nullopt));
}

Value GridShare::emitUniform(Value value) {
  Value word = toI32(value);
  return toIndex(gpu::ShuffleOp::create(b, loc, word, 0, shapes::kWarpThreads,
                                        gpu::ShuffleMode::IDX)
                     .getShuffleResult());
}

Value GridShare::allocate(int64_t size) {
  return addWorkgroupVariable(kernel, size, b.getI32Type(), loc);
}

int64_t GridShare::getNumWarps() const {
  return numThreads / shapes::kWarpThreads;
}

/// There may be close to 2^31 keys.
Value GridShare::countTilesOf(Value keys, int64_t tileKv) {
  Value size = constant(tileKv), zero = constant(0), one = constant(1);
  Value whole = arith::DivUIOp::create(b, loc, keys, size);
  Value rest = arith::RemUIOp::create(b, loc, keys, size);
  Value some = compare(CmpIPredicate::ne, rest, zero);
  return add(whole, select(some, one, zero));
}

Value GridShare::getLength(Value tiles) {
  Value some = compare(CmpIPredicate::ne, tiles, constant(0));
  Value gap =
      arith::SelectOp::create(b, loc, some, constant(blockCost), constant(0));
  return add(tiles, gap);
}

std::pair<Value, Value> GridShare::scan(Value own, Value thread, Value sums) {
  Value warpThreads = constant(shapes::kWarpThreads);
  Value lane = arith::RemUIOp::create(b, loc, thread, warpThreads);
  Value warp = arith::DivUIOp::create(b, loc, thread, warpThreads);
  Value inclusive = own;
  for (int64_t step = 1; step < shapes::kWarpThreads; step *= 2) {
    auto below =
        gpu::ShuffleOp::create(b, loc, toI32(inclusive), step,
                               shapes::kWarpThreads, gpu::ShuffleMode::UP);
    Value exists = compare(CmpIPredicate::uge, lane, constant(step));
    Value term = arith::SelectOp::create(
        b, loc, exists, toIndex(below.getShuffleResult()), constant(0));
    inclusive = add(inclusive, term);
  }
  Value isLast =
      compare(CmpIPredicate::eq, lane, constant(shapes::kWarpThreads - 1));
  scf::IfOp::create(b, loc, isLast, [&](OpBuilder &nested, Location loc) {
    Value word =
        arith::IndexCastOp::create(nested, loc, nested.getI32Type(), inclusive);
    memref::StoreOp::create(nested, loc, word, sums, warp);
    scf::YieldOp::create(nested, loc);
  });
  gpu::BarrierOp::create(b, loc);
  // Every warp adds up the sums of all warps, a lane each: there are at
  // most 32.
  Value isWarp = compare(CmpIPredicate::ult, lane, constant(getNumWarps()));
  Value slot = arith::SelectOp::create(b, loc, isWarp, lane, constant(0));
  Value sum = toIndex(memref::LoadOp::create(b, loc, sums, slot));
  sum = arith::SelectOp::create(b, loc, isWarp, sum, constant(0));
  Value isBefore = compare(CmpIPredicate::ult, lane, warp);
  Value before =
      addOverWarp(arith::SelectOp::create(b, loc, isBefore, sum, constant(0)));
  return {add(before, sub(inclusive, own)), addOverWarp(sum)};
}

GridShare::Share GridShare::getShare(Value total, Value share,
                                     Value numShares) {
  Value zero = constant(0), one = constant(1);
  Value each = arith::DivUIOp::create(b, loc, total, numShares);
  Value extra = arith::RemUIOp::create(b, loc, total, numShares);
  Value from = add(arith::MulIOp::create(b, loc, share, each),
                   arith::MinSIOp::create(b, loc, share, extra));
  Value isLonger = compare(CmpIPredicate::slt, share, extra);
  Value count = add(each, select(isLonger, one, zero));
  return {from, sub(add(from, count), one), count};
}
