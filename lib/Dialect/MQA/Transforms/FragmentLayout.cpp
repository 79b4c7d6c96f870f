//===- FragmentLayout.cpp - Which elements a thread owns ------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "FragmentLayout.h"
#include "mqa/Dialect/MQA/Transforms/TilePlan.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/GPU/IR/GPUDialect.h"
#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace mlir::mqa;
using namespace mlir::mqa::hopper;

FragmentLayout::FragmentLayout(OpBuilder &b, Location loc, int64_t warpQueries)
    : builder(b), loc(loc), warpQueries(warpQueries) {
  auto constant = [&](int64_t value) -> Value {
    return arith::ConstantIndexOp::create(b, loc, value);
  };
  Value thread = gpu::ThreadIdOp::create(b, loc, gpu::Dimension::x);
  Value inWarpgroup =
      arith::RemUIOp::create(b, loc, thread, constant(kWarpgroupThreads));
  // The same in all lanes, and read from the first, so that ptxas knows it.
  Type i32 = b.getI32Type();
  Value ownWarp =
      arith::DivUIOp::create(b, loc, inWarpgroup, constant(kWarpThreads));
  auto uniform = gpu::ShuffleOp::create(
      b, loc, arith::IndexCastOp::create(b, loc, i32, ownWarp), 0, kWarpThreads,
      gpu::ShuffleMode::IDX);
  Value warp = arith::IndexCastOp::create(b, loc, b.getIndexType(),
                                          uniform.getShuffleResult());
  Value lane = arith::RemUIOp::create(b, loc, thread, constant(kWarpThreads));
  constexpr int64_t kQuadLanes = 4;
  Value row = arith::DivUIOp::create(b, loc, lane, constant(kQuadLanes));
  // Where a warp has a single query, or each half-row a query of its own, one
  // of the two is the same in all lanes.
  query = warp;
  if (warpQueries > 1) {
    Value first = arith::MulIOp::create(b, loc, warp, constant(warpQueries));
    Value inWarp = arith::RemUIOp::create(b, loc, row, constant(warpQueries));
    query = arith::AddIOp::create(b, loc, first, inWarp);
  }
  if (warpQueries < kHalfRows)
    head = arith::DivUIOp::create(b, loc, row, constant(warpQueries));
  Value inQuad = arith::RemUIOp::create(b, loc, lane, constant(kQuadLanes));
  column = arith::MulIOp::create(b, loc, inQuad, constant(kColumnPair));
  for (int64_t i = 0; i < 5; ++i) {
    Value above = arith::DivUIOp::create(b, loc, lane, constant(1 << i));
    laneBitIndices[i] = arith::RemUIOp::create(b, loc, above, constant(2));
    laneBits[i] = arith::CmpIOp::create(b, loc, arith::CmpIPredicate::ne,
                                        laneBitIndices[i], constant(0));
  }
  builder.setInsertionPoint(b.getInsertionBlock(), b.getInsertionPoint());
}

int64_t FragmentLayout::getFirstHeadBit() const {
  constexpr int64_t kFirstRowBit = 2;
  return kFirstRowBit + llvm::Log2_64(warpQueries);
}

FailureOr<int64_t> FragmentLayout::getRegister(Coordinate atQuery,
                                               Coordinate atHead,
                                               Coordinate at) const {
  int64_t j = at.offset / kColumnsPerQuad, e = at.offset % kColumnsPerQuad;
  int64_t halfHeads = getHeads() / 2;
  if (atQuery.base != query || atQuery.offset != 0 || atHead.base != head ||
      atHead.offset % halfHeads || atHead.offset > halfHeads ||
      at.base != column || e >= kColumnPair)
    return failure();
  return 4 * j + 2 * (atHead.offset / halfHeads) + e;
}

Coordinate FragmentLayout::select(Coordinate a, int64_t delta, int64_t bit) {
  Coordinate result{a.offset, Value(), a.maxBase + delta};
  for (const Selected &s : selected)
    if (s.from == a.base && s.delta == delta && s.bit == bit)
      result.base = s.to;
  if (result.base)
    return result;
  Value step = laneBitIndices[bit];
  if (delta != 1)
    step = arith::MulIOp::create(
        builder, loc, step,
        arith::ConstantIndexOp::create(builder, loc, delta));
  result.base =
      a.base ? arith::AddIOp::create(builder, loc, a.base, step) : step;
  selected.push_back({a.base, delta, bit, result.base});
  return result;
}
