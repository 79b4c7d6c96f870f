//===- TopkRow.cpp - A row of mqa.topk ------------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "TopkRow.h"

using namespace mlir;
using namespace mlir::mqa;
using arith::CmpIPredicate;

void TopkRow::enterRow(Value row, Ranges ranges, Value numColumns) {
  m = row;
  start = ranges.loadStart(b, b.getLoc(), m);
  auto [first, end] = ranges.loadColumns(b, b.getLoc(), m, numColumns);
  length = sub(end, first);
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

Value TopkRow::getIndex(Value key) {
  Value index = key;
  switch (op.getBase()) {
  case IndexBase::Relative:
    break;
  case IndexBase::Absolute:
  case IndexBase::Slot:
    index = add(start, key);
    break;
  }
  if (Value table = op.getBlockTable()) {
    Value sequence;
    if (op.getSequence()) {
      // Any number may stand there, but nothing outside is read.
      sequence = max(loadIndex(op.getSequence(), m), constant(0));
      sequence = min(sequence, sub(getSize(table, 0), constant(1)));
    } else {
      sequence = arith::DivUIOp::create(b, m, constant(op.getRowsOfSequence()));
    }
    Value size = constant(*op.getBlockKv());
    Value place = arith::RemUIOp::create(b, index, size);
    Value block = arith::DivUIOp::create(b, index, size);
    Value slots =
        arith::MulIOp::create(b, loadIndex(table, {sequence, block}), size);
    index = add(slots, place);
  }
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
