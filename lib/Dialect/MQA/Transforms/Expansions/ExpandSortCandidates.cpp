//===- ExpandSortCandidates.cpp - Expands mqa.sort_candidates -------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A bitonic sort of numbers of 64 bits in ascending order: the upper half of
// one is the inverted code, the lower half decides between equal codes. By
// keys, the upper half is the key.
//
//===----------------------------------------------------------------------===//

#include "Candidates.h"

#include "mqa/Dialect/MQA/IR/EnumCases.h"

#include "mlir/Dialect/SCF/IR/SCF.h"
#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace mlir::mqa;
using arith::CmpIPredicate;

namespace {
class Sort {
public:
  Sort(BlockBuilder &b, SortCandidatesOp op)
      : b(b), op(op), ones(b.constant(-1)) {}
  void expand(CandidateScratch &scratch);

private:
  void forEach(int64_t number, function_ref<void(Value)> body);
  Value invert(Value word) { return arith::XOrIOp::create(b, word, ones); }
  Value getTie(Value key, Value code);
  void sort();
  void prepare();
  void compareAndSwap(Value pair, Value size, Value distance);
  void restore();

  BlockBuilder &b;
  SortCandidatesOp op;
  Value ones;
};
} // namespace

/// The threads share the numbers from 0 to `number`.
void Sort::forEach(int64_t number, function_ref<void(Value)> body) {
  auto loop = scf::ForOp::create(b, b.toIndex(b.thread), b.index(number),
                                 b.index(b.numThreads));
  {
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPointToStart(loop.getBody());
    body(b.toWord(loop.getInductionVar()));
  }
  b.barrier();
}

/// The key, inverted where the greatest goes ahead; its own inverse.
Value Sort::getTie(Value key, Value code) {
  if (!prefersGreatest(op.getTieBreak()))
    return key;
  Value isNumber = b.compare(CmpIPredicate::ne, code, b.constant(0));
  return b.select(isNumber, invert(key), key);
}

/// Makes numbers of the candidates, and the greatest number of what is behind.
void Sort::prepare() {
  Value count = b.toWord(op.getCount());
  forEach(op.getMost(), [&](Value at) {
    Value exists = b.compare(CmpIPredicate::ult, at, count);
    Value code = b.load(op.getCodes(), at), key = b.load(op.getKeys(), at);
    if (isByKey(op.getBy())) {
      b.store(b.select(exists, key, ones), op.getKeys(), at);
      return;
    }
    b.store(b.select(exists, invert(code), ones), op.getCodes(), at);
    b.store(b.select(exists, getTie(key, code), ones), op.getKeys(), at);
  });
}

void Sort::compareAndSwap(Value pair, Value size, Value distance) {
  Value one = b.constant(1), zero = b.constant(0);
  Value rest = arith::AndIOp::create(b, pair, b.sub(distance, one));
  Value lower = b.sub(arith::ShLIOp::create(b, pair, one), rest);
  Value upper = b.add(lower, distance);
  auto load = [&](Value at) {
    Type i64 = b.getI64Type();
    Value first = op.getCodes(), second = op.getKeys();
    if (isByKey(op.getBy()))
      std::swap(first, second);
    Value high = arith::ExtUIOp::create(b, i64, b.load(first, at));
    Value low = arith::ExtUIOp::create(b, i64, b.load(second, at));
    Value shift = arith::ConstantIntOp::create(b, 32, 64);
    return Value(
        arith::OrIOp::create(b, arith::ShLIOp::create(b, high, shift), low));
  };
  // Runs of `size` are sorted in turn upwards and downwards.
  Value ascends =
      b.compare(CmpIPredicate::eq, arith::AndIOp::create(b, lower, size), zero);
  Value isGreater = b.compare(CmpIPredicate::ugt, load(lower), load(upper));
  Value swaps = b.compare(CmpIPredicate::eq, isGreater, ascends);
  auto swap = scf::IfOp::create(b, swaps, /*withElseRegion=*/false);
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToStart(swap.thenBlock());
  for (Value buffer : {op.getCodes(), op.getKeys()}) {
    Value first = b.load(buffer, lower), second = b.load(buffer, upper);
    b.store(second, buffer, lower);
    b.store(first, buffer, upper);
  }
}

void Sort::restore() {
  forEach(op.getMost(), [&](Value at) {
    Value code = invert(b.load(op.getCodes(), at));
    b.store(code, op.getCodes(), at);
    b.store(getTie(b.load(op.getKeys(), at), code), op.getKeys(), at);
  });
}

void Sort::sort() {
  b.barrier();
  prepare();
  Value zero = b.index(0), one = b.index(1);
  int64_t most = op.getMost();
  // Runs of 2, 4, ..., most; pairs at a distance of half a run, a quarter, ...
  auto runs = scf::ForOp::create(b, zero, b.index(llvm::Log2_64(most)), one);
  {
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPointToStart(runs.getBody());
    Value half = arith::ShLIOp::create(b, b.constant(1),
                                       b.toWord(runs.getInductionVar()));
    Value size = arith::ShLIOp::create(b, half, b.constant(1));
    auto distances = scf::ForOp::create(
        b, zero, arith::AddIOp::create(b, runs.getInductionVar(), one), one);
    OpBuilder::InsertionGuard inner(b);
    b.setInsertionPointToStart(distances.getBody());
    Value distance =
        arith::ShRUIOp::create(b, half, b.toWord(distances.getInductionVar()));
    forEach(most / 2,
            [&](Value pair) { compareAndSwap(pair, size, distance); });
  }
  if (!isByKey(op.getBy()))
    restore();
}

void Sort::expand(CandidateScratch &scratch) {
  if (isByKey(op.getBy()))
    expandSortByKey(b, scratch, op, [&] { sort(); });
  else
    sort();
  op.erase();
}

void mqa::expandSort(BlockBuilder &b, CandidateScratch &scratch,
                     SortCandidatesOp op) {
  Sort(b, op).expand(scratch);
}
