//===- TopkToLoops.cpp - mqa.topk on logits in memory, row by row ---------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "TopkRow.h"

using namespace mlir;
using namespace mlir::mqa;
using arith::CmpIPredicate;

/// Columns that are read between two looks at how full the buffer is.
static constexpr int64_t kBlockSize = 256;

namespace {
class TopkToLoops : TopkRow {
public:
  using TopkRow::TopkRow;
  void writeRow(Value row);

private:
  Value loadLogit(Value key);
  Value getLogit(Value, Value key) override { return loadLogit(key); }
  Value getForcedLogit(bool, Value, Value key) override {
    return loadLogit(key);
  }
  Value selectBest();
};
} // namespace

Value TopkToLoops::loadLogit(Value key) {
  Value column = op.getCompressed() ? key : add(start, key);
  return loadF32(op.getLogits(), {m, column});
}

/// The best keys that are not forced, block by block: how many there are.
Value TopkToLoops::selectBest() {
  int64_t numFree = numSelected - numForced;
  Value lastLimit = getLastLimit();
  CandidateBuffer::State empty = buffer.getEmpty(isWhole);
  return forEach(
      numFirst, freeEnd, kBlockSize, {empty.count, empty.least},
      [&](Value first, ValueRange carried) -> SmallVector<Value> {
        CandidateBuffer::State state{carried[0], carried[1]};
        Value end = min(add(first, constant(kBlockSize)), freeEnd);
        state.count = forEach(
            first, end, 1, state.count, [&](Value key, ValueRange count) {
              return SmallVector<Value>{
                  buffer.append({count[0], state.least}, loadLogit(key), key)};
            })[0];
        // Of a whole range there are never too many.
        if (numFree == 0)
          return {state.count, state.least};
        Value isLast = compare(CmpIPredicate::eq, end, freeEnd);
        state =
            buffer.cut(state, numFree,
                       select(isLast, lastLimit, constant(2 * numSelected)));
        return {state.count, state.least};
      })[0];
}

void TopkToLoops::writeRow(Value row) {
  enterRow(row, Ranges::get(b, op), getSize(op.getLogits(), 1));
  write(selectBest());
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
