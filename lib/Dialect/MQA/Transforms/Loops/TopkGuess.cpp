//===- TopkGuess.cpp - Guesses where the best logits of a row begin -------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "CandidateList.h"
#include "TopkRow.h"
#include "WarpOps.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace mlir::mqa;
using arith::CmpIPredicate;

/// At most one of 2^kSampleShift keys is looked at ahead of all others, and
/// 2^kGroupShift neighbours, which memory brings together.
static constexpr int64_t kSampleShift = 5, kGroupShift = 3;

static Value indexConstant(ImplicitLocOpBuilder &b, int64_t value) {
  return arith::ConstantIndexOp::create(b, value);
}

static Value toWord(ImplicitLocOpBuilder &b, Value index) {
  return arith::IndexCastUIOp::create(b, b.getI32Type(), index);
}

Value mqa::guessThreshold(ImplicitLocOpBuilder &b, const TopkRow &row,
                          const CandidateList &list, int64_t numSelected) {
  Type f32 = b.getF32Type();
  Value isLong = arith::CmpIOp::create(b, CmpIPredicate::ugt, row.length,
                                       indexConstant(b, list.capacity));
  auto choose =
      scf::IfOp::create(b, TypeRange(f32), isLong, /*withElseRegion=*/true);
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToStart(choose.elseBlock());
  Value least = arith::ConstantOp::create(
      b, b.getF32FloatAttr(-std::numeric_limits<float>::infinity()));
  scf::YieldOp::create(b, least);
  b.setInsertionPointToStart(choose.thenBlock());
  // One of 2^shift keys, but not more than the threads have room for. A line of
  // memory has 32 logits.
  Value last = arith::SubIOp::create(b, row.length, indexConstant(b, 1));
  Value excess = arith::ShRUIOp::create(
      b, last, indexConstant(b, llvm::Log2_64(list.getTileKeys())));
  Value zeros = math::CountLeadingZerosOp::create(b, toWord(b, excess));
  Value bits = arith::IndexCastUIOp::create(
      b, b.getIndexType(), arith::SubIOp::create(b, emitWord(b, 32), zeros));
  Value shift = arith::MaxUIOp::create(b, bits, indexConstant(b, kSampleShift));
  Value groupBits = indexConstant(b, kGroupShift);
  Value count = arith::ShRUIOp::create(
      b, row.length, arith::AddIOp::create(b, shift, groupBits));
  count = arith::ShLIOp::create(b, count, groupBits);
  // Groups do not lie at equal distances: logits may have a period.
  Value down = arith::SubIOp::create(b, indexConstant(b, 32), shift);
  SmallVector<Value> samples;
  Value nan = arith::ConstantOp::create(
      b, b.getF32FloatAttr(std::numeric_limits<float>::quiet_NaN()));
  for (int64_t i = 0; i < CandidateList::kVectorSize; ++i) {
    Value number = arith::AddIOp::create(b, list.thread,
                                         indexConstant(b, i * list.numThreads));
    Value isThere = arith::CmpIOp::create(b, CmpIPredicate::ult, number, count);
    auto load = scf::IfOp::create(b, TypeRange(f32), isThere,
                                  /*withElseRegion=*/true);
    OpBuilder::InsertionGuard inner(b);
    b.setInsertionPointToStart(load.thenBlock());
    // Of group g, which has 2^(shift + kGroupShift) keys, those from a multiple
    // of 2^kGroupShift on.
    Value group = arith::ShRUIOp::create(b, number, groupBits);
    Value inGroup = arith::AndIOp::create(
        b, number, indexConstant(b, (1 << kGroupShift) - 1));
    Value spread =
        arith::MulIOp::create(b, toWord(b, group), emitWord(b, 0x9e3779b9));
    spread = arith::IndexCastUIOp::create(
        b, b.getIndexType(),
        arith::ShRUIOp::create(b, spread, toWord(b, down)));
    Value key = arith::AddIOp::create(b, arith::ShLIOp::create(b, group, shift),
                                      spread);
    key = arith::OrIOp::create(b, arith::ShLIOp::create(b, key, groupBits),
                               inGroup);
    scf::YieldOp::create(
        b, row.loadLogit(b, arith::AddIOp::create(b, row.firstColumn, key)));
    b.setInsertionPointToStart(load.elseBlock());
    scf::YieldOp::create(b, nan);
    samples.push_back(load.getResult(0));
  }
  // The share of k, and so much more that it is too little of about one row in
  // ten thousand, if logits have no order.
  Value share = arith::DivUIOp::create(
      b, arith::MulIOp::create(b, count, indexConstant(b, numSelected)),
      row.length);
  Value more = arith::AddIOp::create(
      b, arith::ShRUIOp::create(b, share, indexConstant(b, 3)),
      indexConstant(b, 32));
  Value rank = arith::AddIOp::create(b, share, more);
  Value logits = vector::FromElementsOp::create(
      b, VectorType::get(CandidateList::kVectorSize, f32), samples);
  scf::YieldOp::create(
      b, Value(EstimateThresholdOp::create(b, f32, logits, count, rank)));
  return choose.getResult(0);
}
