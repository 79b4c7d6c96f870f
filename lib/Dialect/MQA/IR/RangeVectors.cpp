//===- RangeVectors.cpp - The keys of several rows at once ----------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "RangeValues.h"
#include "mqa/Dialect/MQA/IR/Ranges.h"

#include "mlir/Dialect/Vector/IR/VectorOps.h"

using namespace mlir;
using namespace mlir::mqa;
using namespace mlir::mqa::range_values;

/// `count` elements of `memref`, and 0 for each that is not there.
static Value readIndices(OpBuilder &b, Location loc, Value memref,
                         int64_t count) {
  auto source = cast<MemRefType>(memref.getType());
  auto type = VectorType::get({count}, source.getElementType());
  Value zero = constant(b, loc, 0);
  Value padding =
      arith::ConstantOp::create(b, loc, b.getZeroAttr(type.getElementType()));
  bool inBounds = !source.isDynamicDim(0) && count <= source.getDimSize(0);
  Value bounds =
      vector::TransferReadOp::create(b, loc, type, memref, ValueRange{zero},
                                     padding, ArrayRef<bool>{inBounds});
  return arith::IndexCastOp::create(b, loc, type.clone(b.getIndexType()),
                                    bounds);
}

static Value zeroIndices(OpBuilder &b, Location loc, int64_t count) {
  auto type = VectorType::get({count}, b.getIndexType());
  return arith::ConstantOp::create(b, loc, b.getZeroAttr(type));
}

Value Ranges::readStarts(OpBuilder &b, Location loc, int64_t count) const {
  if (!starts)
    return zeroIndices(b, loc, count);
  Value bounds = readIndices(b, loc, starts, count);
  return arith::MaxSIOp::create(b, loc, bounds, zeroIndices(b, loc, count));
}

/// Ends of rows that are counted over sequences, which may be behind the last
/// key.
Value Ranges::readEndsOfSequences(OpBuilder &b, Location loc, int64_t count,
                                  function_ref<void(Value)> moveBehind) const {
  for (OpFoldResult input : {firstRow, numRows})
    if (auto value = dyn_cast_if_present<Value>(input))
      moveBehind(value);
  for (Value value : {sequences, numSequences})
    if (value)
      moveBehind(value);
  auto type = VectorType::get({count}, b.getIndexType());
  auto broadcast = [&](Value value) -> Value {
    return vector::BroadcastOp::create(b, loc, type, value);
  };
  Value rows = getNumRows(b, loc), ends;
  if (areOfOneSequence()) {
    // Row m sees length - T + m + 1 keys.
    Value zero = constant(b, loc, 0);
    Value length = arith::MaxSIOp::create(
        b, loc, loadIndex(b, loc, this->ends, zero), zero);
    Value behind = constant(b, loc, nextN - 1);
    Value first =
        countFromFirst(b, loc, arith::SubIOp::create(b, loc, length, behind));
    ends = arith::AddIOp::create(b, loc, vector::StepOp::create(b, loc, type),
                                 broadcast(first));
  } else {
    // Of rows that are not there, the last one is read, and where there is none
    // the one before them.
    Value last = arith::SubIOp::create(b, loc, rows, constant(b, loc, 1));
    Value lowest = constant(b, loc, 0);
    if (firstRow)
      lowest = arith::SubIOp::create(b, loc, lowest, toValue(b, loc, firstRow));
    last = arith::MaxSIOp::create(b, loc, last, lowest);
    Value step = vector::StepOp::create(b, loc, type);
    for (int64_t i = 0; i < count; ++i) {
      Value number = constant(b, loc, i);
      Value own = broadcast(
          loadOpenEnd(b, loc, arith::MinSIOp::create(b, loc, number, last)));
      // A vector of elements could not be distributed over threads.
      ends = ends ? arith::SelectOp::create(
                        b, loc,
                        arith::CmpIOp::create(b, loc, arith::CmpIPredicate::eq,
                                              step, broadcast(number)),
                        own, ends)
                  : own;
    }
  }
  Value exists = arith::CmpIOp::create(b, loc, arith::CmpIPredicate::slt,
                                       vector::StepOp::create(b, loc, type),
                                       broadcast(rows));
  return arith::SelectOp::create(b, loc, exists, ends,
                                 zeroIndices(b, loc, count));
}

Value Ranges::readEnds(OpBuilder &b, Location loc, int64_t count,
                       function_ref<void(Value)> moveBehind) const {
  auto type = VectorType::get({count}, b.getIndexType());
  Value bounds = areOfSequences() || sequences
                     ? readEndsOfSequences(b, loc, count, moveBehind)
                     : readIndices(b, loc, ends, count);
  moveBehind(numKeys);
  bounds = countColumns(b, loc, bounds);
  bounds = arith::MinSIOp::create(
      b, loc, bounds, vector::BroadcastOp::create(b, loc, type, numKeys));
  // Far below 0, they could not be counted from a tile.
  return arith::MaxSIOp::create(b, loc, bounds, zeroIndices(b, loc, count));
}
