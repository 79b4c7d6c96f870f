//===- RowRange.cpp - The keys that a query may see -----------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "RowRange.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"

using namespace mlir;

Value mqa::loadBound(OpBuilder &b, Location loc, Value bounds, Value row) {
  auto type = cast<MemRefType>(bounds.getType());
  SmallVector<Value> indices{row};
  if (type.getRank() == 2) {
    Value columns = arith::ConstantIndexOp::create(b, loc, type.getDimSize(1));
    indices = {arith::DivUIOp::create(b, loc, row, columns),
               arith::RemUIOp::create(b, loc, row, columns)};
  }
  Value bound = memref::LoadOp::create(b, loc, bounds, indices);
  return arith::IndexCastOp::create(b, loc, b.getIndexType(), bound);
}

std::pair<Value, Value> mqa::emitRowRange(OpBuilder &b, Location loc, Value ks,
                                          Value ke, Value row, Value numKeys) {
  Value zero = arith::ConstantIndexOp::create(b, loc, 0);
  Value start = zero;
  if (ks)
    start = arith::MaxSIOp::create(b, loc, loadBound(b, loc, ks, row), zero);
  Value end =
      arith::MinSIOp::create(b, loc, loadBound(b, loc, ke, row), numKeys);
  Value some =
      arith::CmpIOp::create(b, loc, arith::CmpIPredicate::slt, start, end);
  return {arith::SelectOp::create(b, loc, some, start, numKeys),
          arith::SelectOp::create(b, loc, some, end, zero)};
}

Value mqa::emitAlignedStart(OpBuilder &b, Location loc, Value lo, Value hi,
                            int64_t align) {
  lo = arith::MinSIOp::create(b, loc, lo, hi);
  if (align == 1)
    return lo;
  Value past = arith::RemUIOp::create(
      b, loc, lo, arith::ConstantIndexOp::create(b, loc, align));
  return arith::SubIOp::create(b, loc, lo, past);
}
