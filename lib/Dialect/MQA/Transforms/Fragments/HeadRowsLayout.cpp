//===- HeadRowsLayout.cpp - Products whose rows are heads -----------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "HeadRowsLayout.h"
#include "mqa/Dialect/MQA/IR/MQA.h"
#include "mqa/Dialect/MQA/IR/Shapes.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/GPU/IR/GPUDialect.h"
#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace mlir::mqa;
using namespace mlir::mqa::shapes;

HeadRowsLayout::HeadRowsLayout(OpBuilder &b, Location loc, int64_t numQueries)
    : FragmentLayout(b, loc), numQueries(numQueries) {
  auto constant = [&](int64_t value) -> Value {
    return arith::ConstantIndexOp::create(b, loc, value);
  };
  Value thread = gpu::ThreadIdOp::create(b, loc, gpu::Dimension::x);
  Value inGroup =
      arith::RemUIOp::create(b, loc, thread, constant(kGroupThreads));
  // The same in all lanes, and read from the first, so that ptxas knows it.
  Type i32 = b.getI32Type();
  Value ownWarp =
      arith::DivUIOp::create(b, loc, inGroup, constant(kWarpThreads));
  auto uniform = gpu::ShuffleOp::create(
      b, loc, arith::IndexCastOp::create(b, loc, i32, ownWarp), 0, kWarpThreads,
      gpu::ShuffleMode::IDX);
  Value warp = arith::IndexCastOp::create(b, loc, b.getIndexType(),
                                          uniform.getShuffleResult());
  lane = arith::RemUIOp::create(b, loc, thread, constant(kWarpThreads));
  Value row = arith::DivUIOp::create(b, loc, lane, constant(kQuadLanes));
  // Where a warp has a single query, or each half-row a query of its own, one
  // of the two is the same in all lanes.
  int64_t warpQueries = numQueries / kGroupWarps;
  query = warp;
  head = row;
  if (getQueryWarps() > 1) {
    Value queryWarps = constant(getQueryWarps());
    query = arith::DivUIOp::create(b, loc, warp, queryWarps);
    queryWarp = arith::RemUIOp::create(b, loc, warp, queryWarps);
    head = arith::AddIOp::create(
        b, loc, row,
        arith::MulIOp::create(b, loc, queryWarp, constant(kWarpRows)));
  } else if (warpQueries > 1) {
    Value first = arith::MulIOp::create(b, loc, warp, constant(warpQueries));
    Value inWarp = arith::RemUIOp::create(b, loc, row, constant(warpQueries));
    query = arith::AddIOp::create(b, loc, first, inWarp);
    head = {};
    if (warpQueries < kHalfRows)
      head = arith::DivUIOp::create(b, loc, row, constant(warpQueries));
  }
  Value inQuad = arith::RemUIOp::create(b, loc, lane, constant(kQuadLanes));
  column = arith::MulIOp::create(b, loc, inQuad, constant(kColumnPair));
  emitLaneBits(b);
}

int64_t HeadRowsLayout::getFirstHeadBit() const {
  constexpr int64_t kFirstRowBit = 2;
  int64_t warpQueries = std::max<int64_t>(numQueries / kGroupWarps, 1);
  return kFirstRowBit + llvm::Log2_64(warpQueries);
}

int64_t HeadRowsLayout::getColumnStep(int64_t bit) const {
  constexpr int64_t kQuadBits = 2;
  int64_t first = getFirstHeadBit();
  if (bit < kQuadBits)
    return kColumnPair << bit;
  if (bit < first)
    return 0;
  // The pair of columns, and then more of them.
  return bit == first ? 1 : kColumnsPerQuad << (bit - first - 1);
}

Value HeadRowsLayout::isFirstOf(ArrayRef<int64_t> bits, bool ofWarps) {
  Value others = arith::ConstantIndexOp::create(builder, loc, 0);
  Value zero = others;
  for (int64_t bit : bits)
    others = arith::OrIOp::create(builder, loc, others, laneBitIndices[bit]);
  if (ofWarps && queryWarp)
    others = arith::OrIOp::create(builder, loc, others, queryWarp);
  return arith::CmpIOp::create(builder, loc, arith::CmpIPredicate::eq, others,
                               zero);
}

HeadRowsLayout::QueryLanes HeadRowsLayout::getQueryLanes() {
  if (queryLanes.all)
    return queryLanes;
  auto constant = [&](int64_t value) -> Value {
    return arith::ConstantIntOp::create(builder, loc,
                                        static_cast<int32_t>(value), 32);
  };
  // The lanes of a row of a fragment are neighbours; queries repeat.
  constexpr int64_t kRowLanes = 4;
  int64_t repeat = kRowLanes * std::max<int64_t>(numQueries / kGroupWarps, 1);
  uint32_t lanes = 0;
  for (int64_t i = 0; i < kWarpThreads; ++i)
    if (i % repeat < kRowLanes)
      lanes |= 1u << i;
  Value own =
      arith::IndexCastOp::create(builder, loc, builder.getI32Type(), lane);
  Value first = arith::RemUIOp::create(builder, loc, own, constant(repeat));
  first = arith::AndIOp::create(builder, loc, first, constant(-kRowLanes));
  Value all = constant(lanes);
  if (repeat > kRowLanes)
    all = arith::ShLIOp::create(builder, loc, all, first);
  Value bit = arith::ShLIOp::create(builder, loc, constant(1), own);
  Value below = arith::SubIOp::create(builder, loc, bit, constant(1));
  queryLanes = {all, arith::AndIOp::create(builder, loc, all, below)};
  return queryLanes;
}

LogicalResult HeadRowsLayout::verifyShape(vector::ContractionOp contract,
                                          StringRef unit,
                                          int64_t maxColumns) const {
  ArrayRef<int64_t> shape =
      cast<VectorType>(contract.getResultType()).getShape();
  if (shape[0] != numQueries || shape[1] != getHeads() ||
      shape[2] > maxColumns || shape[2] % kColumnsPerQuad)
    return contract.emitError()
           << "one " << unit << " has " << numQueries << " x " << getHeads()
           << " rows and a multiple of " << kColumnsPerQuad << " up to "
           << maxColumns << " columns, found " << shape[0] << " x " << shape[1]
           << " and " << shape[2];
  return success();
}

FailureOr<int64_t> HeadRowsLayout::getRegister(ArrayRef<Coordinate> at) const {
  const Coordinate &atHead = at[1], &atColumn = at[2];
  int64_t j = atColumn.offset / kColumnsPerQuad,
          e = atColumn.offset % kColumnsPerQuad;
  int64_t halfHeads = getHalfHeads();
  if (at[0].base != query || at[0].offset != 0 || atHead.base != head ||
      atHead.offset % halfHeads || atHead.offset > halfHeads ||
      atColumn.base != column || e >= kColumnPair)
    return failure();
  return 4 * j + 2 * (atHead.offset / halfHeads) + e;
}
