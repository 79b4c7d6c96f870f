//===- MergeTopkToLoops.cpp - mqa.merge_topk row by row -------------------===//
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

namespace {
class MergeTopkToLoops : LoopWriter {
public:
  MergeTopkToLoops(ImplicitLocOpBuilder &b, MergeTopkOp op,
                   CandidateBuffer &buffer)
      : LoopWriter(b), op(op), buffer(buffer) {}
  void writeRow(Value m);

private:
  Value selectBest(Value m, Value isWhole);

  MergeTopkOp op;
  CandidateBuffer &buffer;
};
} // namespace

/// The best of all lists, list by list: how many there are.
Value MergeTopkToLoops::selectBest(Value m, Value isWhole) {
  int64_t numSelected = op.getNumSelected();
  Value numLists = getSize(op.getListIndices(), 0);
  Value last = sub(numLists, constant(1));
  CandidateBuffer::State empty = buffer.getEmpty(isWhole);
  return forEach(
      constant(0), numLists, 1, {empty.count, empty.least},
      [&](Value list, ValueRange carried) -> SmallVector<Value> {
        CandidateBuffer::State state{carried[0], carried[1]};
        state.count = forEach(
            constant(0), constant(numSelected), 1, state.count,
            [&](Value i, ValueRange count) -> SmallVector<Value> {
              Value key = loadIndex(op.getListIndices(), {list, m, i});
              Value isKey = compare(CmpIPredicate::sge, key, constant(0));
              Value logit = load(op.getListValues(), {list, m, i});
              return {
                  buffer.append({count[0], state.least}, logit, key, isKey)};
            })[0];
        Value isLast = compare(CmpIPredicate::eq, list, last);
        state = buffer.cut(
            state, numSelected,
            select(isLast, constant(numSelected), constant(2 * numSelected)));
        return {state.count, state.least};
      })[0];
}

void MergeTopkToLoops::writeRow(Value m) {
  Ranges ranges = Ranges::get(b, op);
  Value start = ranges.loadStart(b, b.getLoc(), m);
  Value end = ranges.loadEnd(b, b.getLoc(), m);
  Value isWhole = compare(CmpIPredicate::sle, sub(end, start),
                          constant(op.getNumSelected()));
  Value count = selectBest(m, isWhole);
  // Lists are in any order.
  switch (op.getOrder()) {
  case Order::Key:
    buffer.dropLogits(count);
    buffer.sort(count);
    break;
  case Order::Score:
    buffer.sort(count);
    break;
  case Order::Any:
    break;
  }
  RowWriter out(b, op.getIndices(), op.getValues(), m);
  forEach(count, [&](Value i) {
    Value index = buffer.getKey(i);
    switch (op.getBase()) {
    case IndexBase::Relative:
      index = sub(index, start);
      break;
    case IndexBase::Absolute:
      break;
    case IndexBase::Slot:
      llvm_unreachable("the op's verifier refuses it");
    }
    out.write(i, index, out.hasValues() ? buffer.getLogit(i) : Value());
  });
  out.pad(count);
}

void mqa::convertMergeTopk(IRRewriter &rewriter, MergeTopkOp op) {
  ImplicitLocOpBuilder b(op.getLoc(), op);
  CandidateBuffer buffer(b, op, op.getNumSelected(),
                         /*blockSize=*/op.getNumSelected(), op.getTieBreak(),
                         /*keepsLogits=*/bool(op.getValues()));
  Value zero = arith::ConstantIndexOp::create(b, 0);
  Value one = arith::ConstantIndexOp::create(b, 1);
  Value numRows = memref::DimOp::create(b, op.getIndices(), int64_t(0));
  auto rows = scf::ForOp::create(b, zero, numRows, one);
  b.setInsertionPointToStart(rows.getBody());
  MergeTopkToLoops(b, op, buffer).writeRow(rows.getInductionVar());
  rewriter.eraseOp(op);
}
