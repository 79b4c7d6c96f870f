//===- KeyRowsLayout.cpp - Products whose rows are keys -------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "KeyRowsLayout.h"
#include "mqa/Dialect/MQA/IR/Shapes.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/GPU/IR/GPUDialect.h"

using namespace mlir;
using namespace mlir::mqa;
using namespace mlir::mqa::shapes;

KeyRowsLayout::KeyRowsLayout(OpBuilder &b, Location loc, int64_t numQueries,
                             int64_t numHeads)
    : FragmentLayout(b, loc), numQueries(numQueries), numHeads(numHeads) {
  Value thread = gpu::ThreadIdOp::create(b, loc, gpu::Dimension::x);
  Value inGroup =
      arith::RemUIOp::create(b, loc, thread, constant(b, kGroupThreads));
  Value warp =
      arith::DivUIOp::create(b, loc, inGroup, constant(b, kWarpThreads));
  lane = arith::RemUIOp::create(b, loc, thread, constant(b, kWarpThreads));
  Value row = arith::DivUIOp::create(b, loc, lane, constant(b, kQuadLanes));
  key = arith::AddIOp::create(
      b, loc, row, arith::MulIOp::create(b, loc, warp, constant(b, kWarpRows)));
  quadLane = arith::RemUIOp::create(b, loc, lane, constant(b, kQuadLanes));
  head = arith::MulIOp::create(b, loc, quadLane, constant(b, kColumnPair));
  emitLaneBits(b);
}

LogicalResult KeyRowsLayout::verifyShape(vector::ContractionOp contract,
                                         StringRef unit,
                                         int64_t maxColumns) const {
  ArrayRef<int64_t> shape =
      cast<VectorType>(contract.getResultType()).getShape();
  if (shape[0] != kRows || shape[1] != numQueries || shape[2] != numHeads ||
      numHeads % kColumnsPerQuad || numQueries * numHeads > maxColumns)
    return contract.emitError()
           << "one " << unit << " has " << kRows << " keys as rows, and "
           << numQueries << " x " << numHeads << " columns, a multiple of "
           << kColumnsPerQuad << " heads and up to " << maxColumns
           << " in all, found " << shape[0] << " and " << shape[1] << " x "
           << shape[2];
  return success();
}

FailureOr<int64_t> KeyRowsLayout::getRegister(ArrayRef<Coordinate> at) const {
  const Coordinate &atKey = at[0], &atQuery = at[1], &atHead = at[2];
  int64_t j = (atQuery.offset * numHeads + atHead.offset) / kColumnsPerQuad,
          e = atHead.offset % kColumnsPerQuad;
  if (atKey.base != key || atKey.offset % kHalfRows ||
      atKey.offset > kHalfRows || atQuery.base || atHead.base != head ||
      e >= kColumnPair)
    return failure();
  return 4 * j + 2 * (atKey.offset / kHalfRows) + e;
}

Value KeyRowsLayout::isFirstOf(int64_t bit) {
  return arith::CmpIOp::create(builder, loc, arith::CmpIPredicate::eq,
                               laneBitIndices[bit], constant(builder, 0));
}
