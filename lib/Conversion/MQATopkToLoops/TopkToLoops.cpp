//===- TopkToLoops.cpp - mqa.topk row by row ------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "CandidateBuffer.h"
#include "SelectionToLoops.h"
#include "mqa/Dialect/MQA/IR/Ranges.h"

using namespace mlir;
using namespace mlir::mqa;
using arith::CmpIPredicate;

/// Columns that are read between two looks at how full the buffer is.
static constexpr int64_t kBlockSize = 256;

namespace {
/// Counts the keys of a row from the range's first: that is the key of a
/// candidate.
class TopkToLoops : LoopWriter {
public:
  TopkToLoops(ImplicitLocOpBuilder &b, TopkOp op, CandidateBuffer &buffer)
      : LoopWriter(b), op(op), buffer(buffer), numSelected(op.getNumSelected()),
        numForced(op.getForceFirst() + op.getForceLast()) {}
  void writeRow(Value row);

private:
  void loadRange();
  Value loadLogit(Value key);
  Value getIndex(Value key);
  CandidateBuffer::State selectBest(Value from, Value to);
  void write(RowWriter &out, Value place, Value key);
  void writeByKey(RowWriter &out, Value count);
  void writeByScore(RowWriter &out, Value count);

  TopkOp op;
  CandidateBuffer &buffer;
  int64_t numSelected, numForced;
  Value m;
  /// Of the row: the range's first key and its length; whether all keys are
  /// selected; how many are forced.
  Value start, length, isWhole, numFirst, numLast;
};
} // namespace

void TopkToLoops::loadRange() {
  Ranges ranges = Ranges::get(b, op);
  start = ranges.loadStart(b, b.getLoc(), m);
  auto [first, end] =
      ranges.loadColumns(b, b.getLoc(), m, getSize(op.getLogits(), 1));
  length = sub(end, first);
}

Value TopkToLoops::loadLogit(Value key) {
  Value column = op.getCompressed() ? key : add(start, key);
  Value logit = load(op.getLogits(), {m, column});
  if (logit.getType().isF32())
    return logit;
  return arith::ExtFOp::create(b, b.getF32Type(), logit);
}

Value TopkToLoops::getIndex(Value key) {
  Value index = key;
  if (op.getBase() != IndexBase::Relative)
    index = add(start, key);
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

/// The best of the keys [from, to), block by block.
CandidateBuffer::State TopkToLoops::selectBest(Value from, Value to) {
  int64_t numFree = numSelected - numForced;
  Value lastLimit = select(isWhole, constant(numSelected), constant(numFree));
  CandidateBuffer::State empty = buffer.getEmpty(isWhole);
  SmallVector<Value> best = forEach(
      from, to, kBlockSize, {empty.count, empty.least},
      [&](Value first, ValueRange carried) -> SmallVector<Value> {
        CandidateBuffer::State state{carried[0], carried[1]};
        Value end = min(add(first, constant(kBlockSize)), to);
        state.count = forEach(
            first, end, 1, state.count, [&](Value key, ValueRange count) {
              return SmallVector<Value>{
                  buffer.append({count[0], state.least}, loadLogit(key), key)};
            })[0];
        // Of a whole range there are never too many.
        if (numFree == 0)
          return {state.count, state.least};
        Value isLast = compare(CmpIPredicate::eq, end, to);
        state =
            buffer.cut(state, numFree,
                       select(isLast, lastLimit, constant(2 * numSelected)));
        return {state.count, state.least};
      });
  return {best[0], best[1]};
}

void TopkToLoops::write(RowWriter &out, Value place, Value key) {
  out.write(place, getIndex(key), out.hasValues() ? loadLogit(key) : Value());
}

/// The buffer has keys as they came: ascending.
void TopkToLoops::writeByKey(RowWriter &out, Value count) {
  if (op.getForceFirst())
    forEach(numFirst, [&](Value i) { write(out, i, i); });
  forEach(count,
          [&](Value i) { write(out, add(numFirst, i), buffer.getKey(i)); });
  Value place = add(numFirst, count);
  if (op.getForceLast()) {
    forEach(numLast, [&](Value i) {
      write(out, add(place, i), add(sub(length, numLast), i));
    });
    place = add(place, numLast);
  }
  out.pad(place);
}

void TopkToLoops::writeByScore(RowWriter &out, Value count) {
  // Any candidate is taken now.
  CandidateBuffer::State state =
      buffer.getEmpty(arith::ConstantIntOp::create(b, b.getI1Type(), 1));
  auto addForced = [&](Value from, Value to) {
    count = forEach(from, to, 1, count, [&](Value key, ValueRange carried) {
      return SmallVector<Value>{
          buffer.append({carried[0], state.least}, loadLogit(key), key)};
    })[0];
  };
  if (op.getForceFirst())
    addForced(constant(0), numFirst);
  if (op.getForceLast())
    addForced(sub(length, numLast), length);
  buffer.sort(count);
  forEach(count, [&](Value i) { write(out, i, buffer.getKey(i)); });
  out.pad(count);
}

void TopkToLoops::writeRow(Value row) {
  m = row;
  loadRange();
  isWhole = compare(CmpIPredicate::sle, length, constant(numSelected));
  auto forced = [&](int64_t count) {
    return select(isWhole, constant(0), constant(count));
  };
  numFirst = forced(op.getForceFirst());
  numLast = forced(op.getForceLast());
  Value to = sub(length, numLast);
  if (numForced == numSelected)
    to = select(isWhole, to, numFirst);
  Value count = selectBest(numFirst, to).count;
  RowWriter out(b, op.getIndices(), op.getValues(), m);
  if (op.getOrder() == Order::Score)
    writeByScore(out, count);
  else
    writeByKey(out, count);
}

void mqa::convertTopk(IRRewriter &rewriter, TopkOp op) {
  ImplicitLocOpBuilder b(op.getLoc(), op);
  CandidateBuffer buffer(b, op, op.getNumSelected(), kBlockSize,
                         op.getTieBreak(),
                         /*keepsLogits=*/false);
  Value zero = arith::ConstantIndexOp::create(b, 0);
  Value one = arith::ConstantIndexOp::create(b, 1);
  Value numRows = memref::DimOp::create(b, op.getIndices(), int64_t(0));
  auto rows = scf::ForOp::create(b, zero, numRows, one);
  b.setInsertionPointToStart(rows.getBody());
  TopkToLoops(b, op, buffer).writeRow(rows.getInductionVar());
  rewriter.eraseOp(op);
}
