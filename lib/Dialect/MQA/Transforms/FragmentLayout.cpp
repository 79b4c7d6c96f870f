//===- FragmentLayout.cpp - Which elements a thread owns ------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "FragmentLayout.h"
#include "mqa/Dialect/MQA/Transforms/TilePlan.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/GPU/IR/GPUDialect.h"

using namespace mlir;
using namespace mlir::mqa;
using namespace mlir::mqa::hopper;

FragmentLayout::FragmentLayout(OpBuilder &b, Location loc)
    : builder(b), loc(loc) {
  auto constant = [&](int64_t value) -> Value {
    return arith::ConstantIndexOp::create(b, loc, value);
  };
  Value thread = gpu::ThreadIdOp::create(b, loc, gpu::Dimension::x);
  Value inWarpgroup =
      arith::RemUIOp::create(b, loc, thread, constant(kWarpgroupThreads));
  Value warp =
      arith::DivUIOp::create(b, loc, inWarpgroup, constant(kWarpThreads));
  Value lane = arith::RemUIOp::create(b, loc, thread, constant(kWarpThreads));
  Value rowInWarp = arith::DivUIOp::create(b, loc, lane, constant(kQuadLanes));
  Value warpRow = arith::MulIOp::create(b, loc, warp, constant(16));
  row = arith::AddIOp::create(b, loc, warpRow, rowInWarp);
  Value inQuad = arith::RemUIOp::create(b, loc, lane, constant(kQuadLanes));
  column = arith::MulIOp::create(b, loc, inQuad, constant(kColumnPair));
  quadBitIndices[0] = arith::RemUIOp::create(b, loc, inQuad, constant(2));
  quadBitIndices[1] = arith::DivUIOp::create(b, loc, inQuad, constant(2));
  for (auto [bit, index] : llvm::zip_equal(quadBits, quadBitIndices))
    bit = arith::CmpIOp::create(b, loc, arith::CmpIPredicate::ne, index,
                                constant(0));
  builder.setInsertionPoint(b.getInsertionBlock(), b.getInsertionPoint());
}

FailureOr<int64_t> FragmentLayout::getRegister(Coordinate at,
                                               int64_t columnOffset) const {
  int64_t e = columnOffset % kColumnsPerQuad,
          j = columnOffset / kColumnsPerQuad;
  if (at.base != row || at.offset % 8 || at.offset > 8 || e >= kColumnPair)
    return failure();
  return 4 * j + 2 * (at.offset / 8) + e;
}

Coordinate FragmentLayout::select(Coordinate a, int64_t delta, int64_t bit) {
  Coordinate result{a.offset, Value(), a.maxBase + delta};
  for (const Selected &s : selected)
    if (s.from == a.base && s.delta == delta && s.bit == bit)
      result.base = s.to;
  if (result.base)
    return result;
  Value step = quadBitIndices[bit];
  if (delta != 1)
    step = arith::MulIOp::create(
        builder, loc, step,
        arith::ConstantIndexOp::create(builder, loc, delta));
  result.base =
      a.base ? arith::AddIOp::create(builder, loc, a.base, step) : step;
  selected.push_back({a.base, delta, bit, result.base});
  return result;
}
