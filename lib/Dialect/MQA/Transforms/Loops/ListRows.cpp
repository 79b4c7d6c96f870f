//===- ListRows.cpp - Consumers write the rows of a fused kernel ------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "CandidateList.h"
#include "Expansions/LogitCode.h"
#include "ListSelection.h"
#include "TopkRow.h"
#include "mqa/Dialect/MQA/IR/EnumCases.h"
#include "mqa/Dialect/MQA/IR/Ranges.h"

#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace mlir::mqa;
using arith::CmpIPredicate;

ListSelection::Row
ListSelection::getRow(DeviceBuilder &b, const QueryBlock &block, Value number) {
  Row row;
  row.number = number;
  std::tie(row.logits, row.keys) =
      getViews(b, b.add(first, b.mul(number, 2 * places)));
  Ranges ranges = Ranges::get(b, block.ranges);
  row.start = ranges.loadStart(b, b.getLoc(), number);
  // It may be ahead of the start, and far below zero.
  row.end = arith::MaxSIOp::create(b, ranges.loadEnd(b, b.getLoc(), number),
                                   row.start);
  row.length = b.sub(row.end, row.start);
  row.isLong = b.compare(CmpIPredicate::ugt, row.length, b.index(numSelected));
  return row;
}

/// A range of more than k keys does not select NaN. The key of such a candidate
/// becomes -1, the greatest unsigned number, so that sorting puts it last.
/// Returns how many candidates remain of `count`.
Value ListSelection::dropNaN(DeviceBuilder &b, const Row &row, Value count) {
  // Only a row with the threshold -inf can still have NaN.
  Value threshold = memref::LoadOp::create(b, thresholds, row.number);
  Value isOpen = arith::CmpFOp::create(b, arith::CmpFPredicate::OEQ, threshold,
                                       b.real(-kInfinity));
  auto choose = scf::IfOp::create(b, TypeRange(b.getIndexType()),
                                  b.both(row.isLong, isOpen),
                                  /*withElseRegion=*/true);
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToStart(choose.thenBlock());
  b.byFirstThread(
      [&] { memref::StoreOp::create(b, b.toWord(count), answer, b.index(0)); });
  b.barrier();
  b.forEach(b.getThread(), count, b.index(numThreads), [&](Value at) {
    Value logit = arith::BitcastOp::create(
        b, b.getF32Type(), memref::LoadOp::create(b, row.logits, at));
    Value isNaN =
        arith::CmpFOp::create(b, arith::CmpFPredicate::UNO, logit, logit);
    if (op.getForceFirst() || op.getForceLast()) {
      Value key = b.toIndex(memref::LoadOp::create(b, row.keys, at));
      Value firstFree = b.add(row.start, b.index(op.getForceFirst()));
      Value endFree = b.sub(row.end, b.index(op.getForceLast()));
      isNaN =
          b.both(isNaN, b.both(b.compare(CmpIPredicate::sge, key, firstFree),
                               b.compare(CmpIPredicate::slt, key, endFree)));
    }
    b.ifTrue(isNaN, [&] {
      memref::StoreOp::create(b, b.word(-1), row.keys, at);
      memref::AtomicRMWOp::create(b, arith::AtomicRMWKind::addi, b.word(-1),
                                  answer, ValueRange{b.index(0)});
    });
  });
  b.barrier();
  Value left =
      b.toIndex(memref::LoadOp::create(b, answer, ValueRange{b.index(0)}));
  b.barrier();
  scf::YieldOp::create(b, left);
  b.setInsertionPointToStart(choose.elseBlock());
  scf::YieldOp::create(b, count);
  return choose.getResult(0);
}

/// Sorts `count` candidates; dropped ones come last.
void ListSelection::sort(DeviceBuilder &b, const Row &row, Value count) {
  int64_t most = llvm::PowerOf2Ceil(numSelected);
  if (!isByScore(op.getOrder())) {
    SortCandidatesOp::create(b, row.logits, row.keys, count, most, SortBy::Key,
                             TieBreak::Smallest, /*doubled=*/false,
                             /*keys_only=*/!op.getValues());
    return;
  }
  // Codes do not tell -0 from +0: the words of keys do.
  b.forEach(b.getThread(), count, b.index(numThreads), [&](Value at) {
    Value bits = memref::LoadOp::create(b, row.logits, at);
    Value logit = arith::BitcastOp::create(b, b.getF32Type(), bits);
    memref::StoreOp::create(b, emitCode(b, logit), row.logits, at);
    Value isNegativeZero = b.compare(
        CmpIPredicate::eq, bits, b.word(std::numeric_limits<int32_t>::min()));
    Value key = memref::LoadOp::create(b, row.keys, at);
    key = arith::OrIOp::create(
        b, arith::ShLIOp::create(b, key, b.word(1)),
        arith::ExtUIOp::create(b, b.getI32Type(), isNegativeZero));
    memref::StoreOp::create(b, key, row.keys, at);
  });
  SortCandidatesOp::create(b, row.logits, row.keys, count, most, SortBy::Score,
                           op.getTieBreak(), /*doubled=*/true,
                           /*keys_only=*/false);
}

/// The key, an index, and the logit at `place` of a sorted list.
std::pair<Value, Value> ListSelection::read(DeviceBuilder &b, const Row &row,
                                            Value place) {
  Value key = memref::LoadOp::create(b, row.keys, place);
  Value word32 = memref::LoadOp::create(b, row.logits, place);
  if (!isByScore(op.getOrder()))
    return {b.toIndex(key),
            arith::BitcastOp::create(b, b.getF32Type(), word32)};
  Value isNegativeZero = arith::TruncIOp::create(b, b.getI1Type(), key);
  Value logit = arith::SelectOp::create(b, isNegativeZero, b.real(-0.0f),
                                        emitLogit(b, word32));
  return {b.toIndex(arith::ShRUIOp::create(b, key, b.word(1))), logit};
}

/// Writes a row's keys, whose list was cut.
void ListSelection::finish(DeviceBuilder &b, const QueryBlock &block,
                           Value number) {
  Row row = getRow(b, block, number);
  Value count =
      b.toIndex(memref::LoadOp::create(b, counts, ValueRange{number}));
  Value kept = dropNaN(b, row, count);
  sort(b, row, count);
  Value own = b.add(block.firstRow, number);
  TopkRow indices(op, own, row.start);
  CandidateList list(b, numSelected, ties, numThreads, row.logits, row.keys);
  list.write(op.getIndices(), op.getValues(), own, kept, [&](Value place) {
    auto [key, logit] = read(b, row, place);
    SmallVector<Value> results{indices.getIndex(b, key)};
    if (op.getValues())
      results.push_back(logit);
    return results;
  });
  b.barrier();
}
