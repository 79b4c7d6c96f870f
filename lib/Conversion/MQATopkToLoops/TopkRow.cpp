//===- TopkRow.cpp - A row of mqa.topk ------------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "TopkRow.h"

using namespace mlir;
using namespace mlir::mqa;
using arith::CmpIPredicate;

Value mqa::getRows(OpBuilder &b, Value source, OpFoldResult row,
                   OpFoldResult count) {
  Location loc = source.getLoc();
  SmallVector<OpFoldResult> sizes = memref::getMixedSizes(b, loc, source);
  SmallVector<OpFoldResult> offsets(sizes.size(), b.getIndexAttr(0)),
      strides(sizes.size(), b.getIndexAttr(1));
  offsets[0] = row;
  sizes[0] = count;
  return memref::SubViewOp::create(b, loc, source, offsets, sizes, strides);
}

void TopkRow::enterRow(Value row, Ranges ranges, Value numColumns) {
  m = row;
  Value end;
  if (op.hasKeyBlocks()) {
    std::tie(start, end) =
        ranges.loadBlockColumns(b, b.getLoc(), m, getBlocksOfRow(), numColumns);
    length = sub(end, start);
  } else {
    Value first;
    start = ranges.loadStart(b, b.getLoc(), m);
    std::tie(first, end) = ranges.loadColumns(b, b.getLoc(), m, numColumns);
    length = sub(end, first);
  }
  isWhole = compare(CmpIPredicate::sle, length, constant(numSelected));
  auto forced = [&](int64_t count) {
    return select(isWhole, constant(0), constant(count));
  };
  numFirst = forced(op.getForceFirst());
  numLast = forced(op.getForceLast());
  freeEnd = sub(length, numLast);
  if (numForced == numSelected)
    freeEnd = select(isWhole, freeEnd, numFirst);
}

Value TopkRow::getLastLimit() {
  return select(isWhole, constant(numSelected),
                constant(numSelected - numForced));
}

Value TopkRow::getKeyOfColumn(Value column) {
  return Ranges::get(b, op).loadKeyOfColumn(b, b.getLoc(), getBlocksOfRow(),
                                            column);
}

Value TopkRow::getSlot(Value key) {
  Value table = op.getBlockTable(), sequence;
  // Any number may stand in memory, but nothing outside of the table is read.
  auto clamp = [&](Value at, int64_t dim) {
    return min(max(at, constant(0)), sub(getSize(table, dim), constant(1)));
  };
  if (op.getSequence())
    sequence = clamp(loadIndex(op.getSequence(), m), 0);
  else
    sequence = arith::DivUIOp::create(b, m, constant(op.getRowsOfSequence()));
  Value size = constant(*op.getBlockKv());
  Value place = arith::RemUIOp::create(b, key, size);
  Value block = arith::DivUIOp::create(b, key, size);
  if (op.hasKeyBlocks())
    block = clamp(block, 1);
  Value slots =
      arith::MulIOp::create(b, loadIndex(table, {sequence, block}), size);
  return add(slots, place);
}

Value TopkRow::getIndex(Value key) {
  Value index = key;
  // Of columns, there is one base: they are counted from the first of all.
  if (op.hasKeyBlocks())
    index = add(start, key);
  switch (op.getBase()) {
  case IndexBase::Relative:
    break;
  case IndexBase::Absolute:
  case IndexBase::Slot:
    index = op.hasKeyBlocks() ? getKeyOfColumn(index) : add(start, key);
    break;
  }
  if (needsBlockTable(op.getBase()))
    index = getSlot(index);
  if (op.getOffset())
    index = add(index, loadIndex(op.getOffset(), m));
  return index;
}

/// The buffer has keys as they came: ascending.
void TopkRow::writeByKey(RowWriter &out, Value count) {
  auto write = [&](Value place, Value key, function_ref<Value()> getLogit) {
    out.write(place, getIndex(key), out.hasValues() ? getLogit() : Value());
  };
  if (op.getForceFirst())
    forEach(numFirst, [&](Value i) {
      write(i, i, [&] { return getForcedLogit(/*isLast=*/false, i, i); });
    });
  forEach(count, [&](Value i) {
    Value key = getKey(i);
    write(add(numFirst, i), key, [&] { return getLogit(i, key); });
  });
  Value place = add(numFirst, count);
  if (op.getForceLast()) {
    forEach(numLast, [&](Value i) {
      Value key = add(sub(length, numLast), i);
      write(add(place, i), key,
            [&] { return getForcedLogit(/*isLast=*/true, i, key); });
    });
    place = add(place, numLast);
  }
  out.pad(place);
}

void TopkRow::writeByScore(RowWriter &out, Value count) {
  // Any candidate is taken now.
  CandidateBuffer::State state =
      buffer.getEmpty(arith::ConstantIntOp::create(b, b.getI1Type(), 1));
  auto addForced = [&](bool isLast, Value from, Value size) {
    count =
        forEach(constant(0), size, 1, count,
                [&](Value i, ValueRange carried) -> SmallVector<Value> {
                  Value key = add(from, i);
                  Value logit = getForcedLogit(isLast, i, key);
                  return {buffer.append({carried[0], state.least}, logit, key)};
                })[0];
  };
  if (op.getForceFirst())
    addForced(/*isLast=*/false, constant(0), numFirst);
  if (op.getForceLast())
    addForced(/*isLast=*/true, sub(length, numLast), numLast);
  buffer.sort(count);
  forEach(count, [&](Value i) {
    Value key = buffer.getKey(i);
    out.write(i, getIndex(key), out.hasValues() ? getLogit(i, key) : Value());
  });
  out.pad(count);
}

void TopkRow::write(Value count) {
  RowWriter out(b, op.getIndices(), op.getValues(), m);
  if (isByScore(op.getOrder()))
    writeByScore(out, count);
  else
    writeByKey(out, count);
}
