//===- CandidateBuffer.cpp - The best candidates of a row so far ----------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "CandidateBuffer.h"

#include "mqa/Dialect/MQA/IR/EnumCases.h"

#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Interfaces/FunctionInterfaces.h"

#include <limits>

using namespace mlir;
using namespace mlir::mqa;
using arith::CmpIPredicate;

static constexpr int64_t kDigitBits = 8, kNumBins = 1 << kDigitBits;

/// Where the scratch of `op` is allocated: once in a function, but for each
/// step of a loop whose steps may be taken at the same time.
static Block *getScratchBlock(Operation *op) {
  Operation *parent = op->getParentOp();
  while (!isa<FunctionOpInterface, scf::ForallOp, scf::ParallelOp>(parent))
    parent = parent->getParentOp();
  return &parent->getRegion(0).front();
}

Value mqa::allocateScratch(ImplicitLocOpBuilder &b, Operation *op,
                           ArrayRef<int64_t> shape, Type type) {
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToStart(getScratchBlock(op));
  return memref::AllocaOp::create(b, MemRefType::get(shape, type),
                                  b.getI64IntegerAttr(64));
}

CandidateBuffer::CandidateBuffer(ImplicitLocOpBuilder &b, Operation *op,
                                 int64_t numSelected, int64_t blockSize,
                                 TieBreak tieBreak, bool keepsLogits,
                                 int64_t numRows)
    : LoopWriter(b), numSelected(numSelected), tieBreak(tieBreak) {
  // Behind the last is room for a candidate that is written but not counted.
  int64_t size = 2 * numSelected + blockSize + 1;
  auto allocate = [&](Type type) {
    if (numRows == 1)
      return allocateScratch(b, op, size, type);
    return allocateScratch(b, op, {numRows, size}, type);
  };
  candidates = allocate(b.getI64Type());
  if (keepsLogits)
    logits = allocate(b.getF32Type());
  bins = allocateScratch(b, op, kNumBins, b.getIndexType());
  if (numRows != 1) {
    allCandidates = candidates;
    allLogits = logits;
  }
}

void CandidateBuffer::selectRow(Value row) {
  auto getRow = [&](Value all) -> Value {
    if (!all)
      return {};
    auto type = cast<MemRefType>(all.getType());
    SmallVector<OpFoldResult> offsets{row, b.getIndexAttr(0)},
        sizes{b.getIndexAttr(1), b.getIndexAttr(type.getDimSize(1))},
        ones(2, b.getIndexAttr(1));
    auto reduced = memref::SubViewOp::inferRankReducedResultType(
        type.getDimSize(1), type, offsets, sizes, ones);
    return memref::SubViewOp::create(b, reduced, all, offsets, sizes, ones);
  };
  if (!allCandidates)
    return;
  candidates = getRow(allCandidates);
  logits = getRow(allLogits);
}

//===----------------------------------------------------------------------===//
// Candidates
//===----------------------------------------------------------------------===//

CandidateBuffer::State CandidateBuffer::getEmpty(Value takesNaN) {
  // The logit of NaN is 0, and that of no number is.
  Value least =
      arith::SelectOp::create(b, takesNaN, bits(0), bits(int64_t(1) << 32));
  return {constant(0), least};
}

Value CandidateBuffer::getCandidate(Value logit, Value key) {
  Type i32 = b.getI32Type();
  Value sign =
      arith::ConstantIntOp::create(b, i32, std::numeric_limits<int32_t>::min());
  Value zero = arith::ConstantIntOp::create(b, i32, 0);
  Value ones = arith::ConstantIntOp::create(b, i32, -1);
  Value isNaN =
      arith::CmpFOp::create(b, arith::CmpFPredicate::UNO, logit, logit);
  Value word = arith::BitcastOp::create(b, i32, logit);
  // -0 is +0.
  Value isNegativeZero =
      arith::CmpIOp::create(b, CmpIPredicate::eq, word, sign);
  word = arith::SelectOp::create(b, isNegativeZero, zero, word);
  // Numbers with a sign turn around, and lie below those without.
  Value width = arith::ConstantIntOp::create(b, i32, 31);
  Value flips = arith::OrIOp::create(
      b, arith::ShRSIOp::create(b, word, width).getResult(), sign);
  word = arith::XOrIOp::create(b, word, flips);
  word = arith::SelectOp::create(b, isNaN, zero, word);

  Value index = arith::IndexCastOp::create(b, i32, key);
  Value reversed = arith::XOrIOp::create(b, index, ones);
  // Among NaN, keys ascend.
  Value low = prefersGreatest(tieBreak)
                  ? arith::SelectOp::create(b, isNaN, reversed, index)
                  : reversed;
  Type i64 = b.getI64Type();
  Value high = arith::ShLIOp::create(
      b, arith::ExtUIOp::create(b, i64, word).getResult(), bits(32));
  return arith::OrIOp::create(b, high,
                              arith::ExtUIOp::create(b, i64, low).getResult());
}

Value CandidateBuffer::append(State state, Value logit, Value key,
                              Value isValid) {
  Value candidate = getCandidate(logit, key);
  Value isTaken =
      arith::CmpIOp::create(b, CmpIPredicate::uge, candidate, state.least);
  if (isValid)
    isTaken = arith::AndIOp::create(b, isTaken, isValid);
  // The next one is written over one that is not taken.
  store(candidate, candidates, state.count);
  if (logits)
    store(logit, logits, state.count);
  Value next = arith::AddIOp::create(b, state.count, constant(1));
  return arith::SelectOp::create(b, isTaken, next, state.count);
}

Value CandidateBuffer::getKey(Value position) {
  Value candidate = load(candidates, position);
  Type i32 = b.getI32Type();
  Value low = arith::TruncIOp::create(b, i32, candidate);
  Value reversed = arith::XOrIOp::create(
      b, low, arith::ConstantIntOp::create(b, i32, -1).getResult());
  Value key = reversed;
  if (prefersGreatest(tieBreak)) {
    Value isNaN = arith::CmpIOp::create(b, CmpIPredicate::ult, candidate,
                                        bits(int64_t(1) << 32));
    key = arith::SelectOp::create(b, isNaN, reversed, low);
  }
  return arith::IndexCastUIOp::create(b, b.getIndexType(), key);
}

Value CandidateBuffer::getLogit(Value position) {
  return load(logits, position);
}

void CandidateBuffer::dropLogits(Value count) {
  forEach(count, [&](Value i) {
    Value key = arith::IndexCastOp::create(b, b.getI64Type(), getKey(i));
    store(arith::XOrIOp::create(b, key, bits(0xffffffff)), candidates, i);
  });
}

//===----------------------------------------------------------------------===//
// Digits
//===----------------------------------------------------------------------===//

Value CandidateBuffer::getDigit(Value candidate, Value shift) {
  Value shifted = arith::ShRUIOp::create(b, candidate, shift);
  Value digit = arith::AndIOp::create(b, shifted, bits(kNumBins - 1));
  return arith::IndexCastOp::create(b, b.getIndexType(), digit);
}

void CandidateBuffer::clearBins() {
  Value zero = constant(0);
  forEach(constant(kNumBins), [&](Value i) { store(zero, bins, i); });
}

void CandidateBuffer::countDigit(Value candidate, Value shift) {
  Value digit = getDigit(candidate, shift);
  store(arith::AddIOp::create(b, load(bins, digit), constant(1)), bins, digit);
}

std::pair<Value, Value> CandidateBuffer::findBin(Value rank) {
  Value zero = constant(0);
  // How many have greater digits; the result so far.
  SmallVector<Value> found = forEach(
      zero, constant(kNumBins), 1, {zero, zero, zero},
      [&](Value i, ValueRange carried) -> SmallVector<Value> {
        Value digit = arith::SubIOp::create(b, constant(kNumBins - 1), i);
        Value above = carried[0];
        Value sum = arith::AddIOp::create(b, above, load(bins, digit));
        Value isAhead =
            arith::CmpIOp::create(b, CmpIPredicate::ult, above, rank);
        Value reaches = arith::CmpIOp::create(b, CmpIPredicate::uge, sum, rank);
        Value isHere = arith::AndIOp::create(b, isAhead, reaches);
        return {sum, arith::SelectOp::create(b, isHere, digit, carried[1]),
                arith::SelectOp::create(b, isHere, above, carried[2])};
      });
  return {found[1], found[2]};
}

//===----------------------------------------------------------------------===//
// Selection
//===----------------------------------------------------------------------===//

/// A bound that exactly the best `keep` of `count` candidates reach, of which
/// there are more. Digit by digit from the top, among those that have the
/// digits of the one that is number `keep`.
Value CandidateBuffer::findLeast(Value count, int64_t keep) {
  Type i64 = b.getI64Type(), index = b.getIndexType();
  // Digits that all of them have are skipped.
  Value first = load(candidates, constant(0));
  Value differing = forEach(
      constant(0), count, 1, {bits(1)}, [&](Value i, ValueRange carried) {
        Value others = arith::XOrIOp::create(b, load(candidates, i), first);
        return SmallVector<Value>{arith::OrIOp::create(b, carried[0], others)};
      })[0];
  Value zeros = math::CountLeadingZerosOp::create(b, differing);
  Value top = arith::SubIOp::create(b, bits(63), zeros);
  Value shift = arith::AndIOp::create(b, top, bits(-kDigitBits));
  auto above = [&](Value candidate, Value shift) -> Value {
    // In two steps: together they may be all of the bits.
    Value shifted = arith::ShRUIOp::create(b, candidate, shift);
    return arith::ShRUIOp::create(b, shifted, bits(kDigitBits));
  };
  Value prefix = above(first, shift);
  auto loop = scf::WhileOp::create(
      b, TypeRange{i64, i64, index}, ValueRange{shift, prefix, constant(keep)},
      [&](OpBuilder &, Location, ValueRange) {},
      [&](OpBuilder &, Location, ValueRange) {});
  {
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPointToStart(loop.getBeforeBody());
    Value shift = loop.getBeforeArguments()[0];
    Value prefix = loop.getBeforeArguments()[1];
    Value rank = loop.getBeforeArguments()[2];
    clearBins();
    forEach(count, [&](Value i) {
      Value candidate = load(candidates, i);
      Value isAmong = arith::CmpIOp::create(b, CmpIPredicate::eq,
                                            above(candidate, shift), prefix);
      auto ifAmong = scf::IfOp::create(b, isAmong, /*withElseRegion=*/false);
      OpBuilder::InsertionGuard guard(b);
      b.setInsertionPointToStart(ifAmong.thenBlock());
      countDigit(candidate, shift);
    });
    auto [digit, numAbove] = findBin(rank);
    rank = arith::SubIOp::create(b, rank, numAbove);
    prefix = arith::ShLIOp::create(b, prefix, bits(kDigitBits));
    prefix = arith::OrIOp::create(
        b, prefix, arith::IndexCastOp::create(b, i64, digit).getResult());
    // Where all of this digit are wanted, the rest of the bits does not matter.
    Value splits =
        arith::CmpIOp::create(b, CmpIPredicate::ugt, load(bins, digit), rank);
    Value hasMore =
        arith::CmpIOp::create(b, CmpIPredicate::sgt, shift, bits(0));
    scf::ConditionOp::create(
        b, arith::AndIOp::create(b, splits, hasMore).getResult(),
        ValueRange{shift, prefix, rank});
    b.setInsertionPointToStart(loop.getAfterBody());
    Value next =
        arith::SubIOp::create(b, loop.getAfterArguments()[0], bits(kDigitBits));
    scf::YieldOp::create(b, ValueRange{next, loop.getAfterArguments()[1],
                                       loop.getAfterArguments()[2]});
  }
  return arith::ShLIOp::create(b, loop.getResult(1), loop.getResult(0));
}

/// Moves those that are at least `least` together, in their order.
Value CandidateBuffer::compact(Value count, Value least, int64_t keep) {
  Value end = forEach(
      constant(0), count, 1, {constant(0)}, [&](Value i, ValueRange carried) {
        Value candidate = load(candidates, i);
        store(candidate, candidates, carried[0]);
        if (logits)
          store(load(logits, i), logits, carried[0]);
        Value isKept =
            arith::CmpIOp::create(b, CmpIPredicate::uge, candidate, least);
        Value next = arith::AddIOp::create(b, carried[0], constant(1));
        return SmallVector<Value>{
            arith::SelectOp::create(b, isKept, next, carried[0])};
      })[0];
  // Lists that have a key twice are wrong, but must not overrun the buffer.
  return arith::MinUIOp::create(b, end, constant(keep));
}

CandidateBuffer::State CandidateBuffer::cut(State state, int64_t keep,
                                            Value limit) {
  Value isFull =
      arith::CmpIOp::create(b, CmpIPredicate::ugt, state.count, limit);
  auto ifFull =
      scf::IfOp::create(b, TypeRange{b.getIndexType(), b.getI64Type()}, isFull,
                        /*withElseRegion=*/true);
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToStart(ifFull.elseBlock());
  scf::YieldOp::create(b, ValueRange{state.count, state.least});
  b.setInsertionPointToStart(ifFull.thenBlock());
  Value least = findLeast(state.count, keep);
  Value count = compact(state.count, least, keep);
  scf::YieldOp::create(b, ValueRange{count, least});
  return {ifFull.getResult(0), ifFull.getResult(1)};
}

//===----------------------------------------------------------------------===//
// Order
//===----------------------------------------------------------------------===//

/// By each digit from the last, to and fro between two parts of the buffer: an
/// even number of times.
void CandidateBuffer::sort(Value count) {
  static_assert(64 / kDigitBits % 2 == 0);
  forEach(constant(64 / kDigitBits), [&](Value pass) {
    Value number = arith::IndexCastOp::create(b, b.getI64Type(), pass);
    Value shift = arith::MulIOp::create(b, number, bits(kDigitBits));
    Value parity = arith::AndIOp::create(b, pass, constant(1));
    Value source = arith::MulIOp::create(b, parity, constant(numSelected));
    Value target = arith::SubIOp::create(b, constant(numSelected), source);
    auto in = [&](Value part, Value i) -> Value {
      return arith::AddIOp::create(b, part, i);
    };
    clearBins();
    forEach(count, [&](Value i) {
      countDigit(load(candidates, in(source, i)), shift);
    });
    // Bins become places, those of the greatest digit first.
    forEach(constant(0), constant(kNumBins), 1, {target},
            [&](Value i, ValueRange carried) {
              Value digit = arith::SubIOp::create(b, constant(kNumBins - 1), i);
              Value size = load(bins, digit);
              store(carried[0], bins, digit);
              return SmallVector<Value>{
                  arith::AddIOp::create(b, carried[0], size)};
            });
    forEach(count, [&](Value i) {
      Value candidate = load(candidates, in(source, i));
      Value digit = getDigit(candidate, shift);
      Value place = load(bins, digit);
      store(arith::AddIOp::create(b, place, constant(1)), bins, digit);
      store(candidate, candidates, place);
      if (logits)
        store(load(logits, in(source, i)), logits, place);
    });
  });
}
