//===- RangeRows.cpp - The keys and columns of one row --------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "RangeValues.h"
#include "mqa/Dialect/MQA/IR/Ranges.h"

#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Utils/StaticValueUtils.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

using namespace mlir;
using namespace mlir::mqa;
using namespace mlir::mqa::range_values;

Value Ranges::countFromFirst(OpBuilder &b, Location loc, Value row) const {
  if (!firstRow)
    return row;
  return arith::AddIOp::create(b, loc, toValue(b, loc, firstRow), row);
}

Value Ranges::loadStart(OpBuilder &b, Location loc, Value row) const {
  Value zero = constant(b, loc, 0);
  if (!starts)
    return zero;
  return arith::MaxSIOp::create(b, loc, loadIndex(b, loc, starts, row), zero);
}

std::pair<Value, Value> Ranges::loadSequenceFor(OpBuilder &b, Location loc,
                                                Value row, Value end) const {
  Value zero = constant(b, loc, 0);
  Value none = constant(b, loc, -1);
  // What sees no key may name no memory.
  Value some =
      arith::CmpIOp::create(b, loc, arith::CmpIPredicate::sgt, end, zero);
  auto load = scf::IfOp::create(
      b, loc, some,
      [&](OpBuilder &nested, Location loc) {
        scf::YieldOp::create(nested, loc,
                             loadIndex(nested, loc, sequences, row));
      },
      [&](OpBuilder &nested, Location loc) {
        scf::YieldOp::create(nested, loc, none);
      });
  Value sequence = load.getResult(0);
  Value exists = arith::CmpIOp::create(b, loc, arith::CmpIPredicate::ult,
                                       sequence, numSequences);
  return {arith::SelectOp::create(b, loc, exists, sequence, none),
          arith::SelectOp::create(b, loc, exists, end, zero)};
}

std::pair<Value, Value> Ranges::loadSequence(OpBuilder &b, Location loc,
                                             Value row) const {
  return loadSequences(b, loc, row).front();
}

SmallVector<std::pair<Value, Value>>
Ranges::loadSequences(OpBuilder &b, Location loc, ValueRange rows) const {
  SmallVector<Value> lengths;
  for (Value row : rows)
    lengths.push_back(loadIndex(b, loc, ends, row));
  SmallVector<std::pair<Value, Value>> result;
  for (auto [row, length] : llvm::zip_equal(rows, lengths)) {
    auto [sequence, end] = loadSequenceFor(b, loc, row, length);
    result.push_back({sequence, arith::MinSIOp::create(b, loc, end, numKeys)});
  }
  return result;
}

Value Ranges::loadOpenEnd(OpBuilder &b, Location loc, Value row) const {
  if (sequences)
    return loadSequenceFor(b, loc, row, loadIndex(b, loc, ends, row)).second;
  if (!areOfSequences())
    return countColumns(b, loc, loadIndex(b, loc, ends, row));
  row = countFromFirst(b, loc, row);
  Value sequence = constant(b, loc, 0);
  Value sequenceRows = constant(b, loc, getSequenceRows());
  if (!areOfOneSequence()) {
    sequence = arith::DivUIOp::create(b, loc, row, sequenceRows);
    row = arith::RemUIOp::create(b, loc, row, sequenceRows);
  }
  if (!nextN)
    return loadIndex(b, loc, ends, {sequence, row});
  // The last row sees them all. Far below 0, a length could not be counted
  // from.
  Value length = arith::MaxSIOp::create(
      b, loc, loadIndex(b, loc, ends, sequence), constant(b, loc, 0));
  Value behind = arith::SubIOp::create(b, loc, sequenceRows, row);
  return arith::AddIOp::create(b, loc,
                               arith::SubIOp::create(b, loc, length, behind),
                               constant(b, loc, 1));
}

/// The columns of so many key blocks, no more than there are; other ends
/// are what they are. The product cannot overflow. `ends` may be a vector.
Value Ranges::countColumns(OpBuilder &b, Location loc, Value ends) const {
  if (!keys)
    return ends;
  auto vector = dyn_cast<VectorType>(ends.getType());
  auto broadcast = [&](Value value) -> Value {
    if (!vector)
      return value;
    return vector::BroadcastOp::create(b, loc, vector, value);
  };
  Value size = constant(b, loc, blockSize);
  // The last block may have fewer columns.
  Value most = arith::DivUIOp::create(
      b, loc,
      arith::AddIOp::create(b, loc, numKeys, constant(b, loc, blockSize - 1)),
      size);
  ends = arith::MaxSIOp::create(b, loc, ends, broadcast(constant(b, loc, 0)));
  ends = arith::MinSIOp::create(b, loc, ends, broadcast(most));
  return arith::MulIOp::create(b, loc, ends, broadcast(size));
}

Value Ranges::loadEnd(OpBuilder &b, Location loc, Value row) const {
  Value end = loadOpenEnd(b, loc, row);
  return numKeys ? arith::MinSIOp::create(b, loc, end, numKeys) : end;
}

std::pair<Value, Value> Ranges::loadForUnion(OpBuilder &b, Location loc,
                                             Value row) const {
  Value zero = constant(b, loc, 0);
  Value start = loadStart(b, loc, row), end = loadEnd(b, loc, row);
  Value some =
      arith::CmpIOp::create(b, loc, arith::CmpIPredicate::slt, start, end);
  return {arith::SelectOp::create(b, loc, some, start, numKeys),
          arith::SelectOp::create(b, loc, some, end, zero)};
}

std::pair<Value, Value> Ranges::loadUnion(OpBuilder &b, Location loc, Value row,
                                          int64_t count, Value lastRow) const {
  Value start = numKeys, end = constant(b, loc, 0);
  for (int64_t i = 0; i < count; ++i) {
    Value own = arith::AddIOp::create(b, loc, row, constant(b, loc, i));
    own = arith::MinSIOp::create(b, loc, own, lastRow);
    auto [ownStart, ownEnd] = loadForUnion(b, loc, own);
    start = arith::MinSIOp::create(b, loc, start, ownStart);
    end = arith::MaxSIOp::create(b, loc, end, ownEnd);
  }
  return {start, end};
}

Value Ranges::alignStart(OpBuilder &b, Location loc, Value start, Value end,
                         int64_t align) const {
  if (!starts)
    return constant(b, loc, 0);
  start = arith::MinSIOp::create(b, loc, start, end);
  if (align == 1)
    return start;
  Value past = arith::RemUIOp::create(b, loc, start, constant(b, loc, align));
  return arith::SubIOp::create(b, loc, start, past);
}

/// What `size` is the size of, where it is that of dimension 1 of a memref or
/// of rows of one; else null.
static Value getMatrix(Value size) {
  auto dim = size.getDefiningOp<memref::DimOp>();
  if (!dim || dim.getConstantIndex() != 1)
    return {};
  Value matrix = dim.getSource();
  while (auto rows = matrix.getDefiningOp<RowBlockOp>())
    matrix = rows.getSource();
  return matrix;
}

/// Whether both are the same number of columns.
static bool areSame(Value lhs, Value rhs) {
  std::optional<int64_t> left = getConstantIntValue(lhs);
  Value matrix = getMatrix(lhs);
  return lhs == rhs || (left && left == getConstantIntValue(rhs)) ||
         (matrix && matrix == getMatrix(rhs));
}

std::pair<Value, Value> Ranges::loadColumns(OpBuilder &b, Location loc,
                                            Value row, Value numColumns) const {
  Value first = loadStart(b, loc, row), end = loadOpenEnd(b, loc, row);
  // Where keys are columns, these are what a range is cut to.
  if (numKeys && (!haveKeyColumns() || !areSame(numKeys, numColumns)))
    end = arith::MinSIOp::create(b, loc, end, numKeys);
  if (columnKeys > 1) {
    // Those that have a key of the range; none of an empty one.
    Value size = constant(b, loc, columnKeys), one = constant(b, loc, 1);
    Value some =
        arith::CmpIOp::create(b, loc, arith::CmpIPredicate::slt, first, end);
    Value last = arith::SubIOp::create(
        b, loc, arith::MaxSIOp::create(b, loc, end, one), one);
    Value behind = arith::AddIOp::create(
        b, loc, arith::DivUIOp::create(b, loc, last, size), one);
    first = arith::DivUIOp::create(b, loc, first, size);
    end = arith::SelectOp::create(b, loc, some, behind, first);
  }
  if (compressed) {
    end = arith::MaxSIOp::create(b, loc, end, first);
    Value length = arith::SubIOp::create(b, loc, end, first);
    return {constant(b, loc, 0),
            arith::MinSIOp::create(b, loc, length, numColumns)};
  }
  first = arith::MinSIOp::create(b, loc, first, numColumns);
  end = arith::MaxSIOp::create(b, loc, end, first);
  return {first, arith::MinSIOp::create(b, loc, end, numColumns)};
}

Value Ranges::getColumn(OpBuilder &b, Location loc, Value key,
                        Value start) const {
  return compressed ? arith::SubIOp::create(b, loc, key, start) : key;
}
