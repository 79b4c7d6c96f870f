//===- RadixSearch.cpp - Finds the n-th greatest of a block's numbers -----===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "RadixSearch.h"

#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"

using namespace mlir;
using namespace mlir::mqa;
using arith::CmpIPredicate;

RadixSearch::Interval RadixSearch::findWhole(Value wanted, bool isFirst) {
  Value least = b.constant(-1), greatest = zero;
  for (auto [number, isCounted] : llvm::zip_equal(numbers, counts)) {
    Value lower = b.select(isCounted, number, b.constant(-1));
    Value upper = b.select(isCounted, number, zero);
    least = arith::MinUIOp::create(b, least, lower);
    greatest = arith::MaxUIOp::create(b, greatest, upper);
  }
  least = b.reduce(least, NVVM::ReduxKind::UMIN);
  greatest = b.reduce(greatest, NVVM::ReduxKind::UMAX);
  b.publish(least, words, b.constant(kSums));
  b.publish(greatest, words, b.constant(kResults));
  // The histogram is zero before codes are counted, and behind each step.
  if (isFirst) {
    int64_t bins = CandidateScratch::kNumBins;
    auto clear = scf::ForOp::create(b, b.toIndex(b.thread), b.index(bins),
                                    b.index(b.numThreads));
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPointToStart(clear.getBody());
    memref::StoreOp::create(b, zero, histogram, clear.getInductionVar());
  }
  b.barrier();
  // A lane reads what each warp has found; lanes without a warp repeat one.
  Value other = arith::RemUIOp::create(b, b.lane, b.constant(b.numWarps));
  Value low = b.reduce(b.load(words, other), NVVM::ReduxKind::UMIN);
  Value high = b.reduce(b.load(words, b.add(other, b.constant(kResults))),
                        NVVM::ReduxKind::UMAX);
  return {low, high, wanted};
}

/// The bits of a code's distance from `low` that one step does not look at.
Value RadixSearch::getShift(const Interval &interval) {
  Value zeros =
      math::CountLeadingZerosOp::create(b, b.sub(interval.high, interval.low));
  Value width = b.sub(b.constant(32), zeros);
  Value shift = b.sub(width, b.constant(CandidateScratch::kBinBits));
  return arith::MaxSIOp::create(b, shift, zero);
}

void RadixSearch::countBins(const Interval &interval, Value shift) {
  for (auto [number, mayCount] : llvm::zip_equal(numbers, counts)) {
    Value isCounted =
        arith::AndIOp::create(b, mayCount, isIn(number, interval));
    auto add = scf::IfOp::create(b, isCounted, /*withElseRegion=*/false);
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPointToStart(add.thenBlock());
    Value bin = arith::ShRUIOp::create(b, b.sub(number, interval.low), shift);
    memref::AtomicRMWOp::create(b, arith::AtomicRMWKind::addi, one, histogram,
                                ValueRange{b.toIndex(bin)});
  }
}

/// Finds the bin that holds the last of the wanted codes. Its number, how many
/// of its codes are wanted, and how many it has, become words.
void RadixSearch::publishBin(const Interval &interval) {
  // A thread has some bins in a row, the first thread the greatest ones.
  int64_t each = llvm::divideCeil(CandidateScratch::kNumBins, b.numThreads);
  int64_t last = CandidateScratch::kNumBins - 1;
  Value first = b.sub(b.constant(last),
                      arith::MulIOp::create(b, b.thread, b.constant(each)));
  bool isWhole = CandidateScratch::kNumBins % b.numThreads == 0;
  SmallVector<Value> bins, counts;
  Value sum = zero;
  for (int64_t i = 0; i < each; ++i) {
    Value bin = b.sub(first, b.constant(i)), at = bin;
    Value isBin = b.compare(CmpIPredicate::sge, bin, zero);
    if (!isWhole)
      at = b.select(isBin, bin, zero);
    Value number = b.load(histogram, at);
    if (!isWhole)
      number = b.select(isBin, number, zero);
    bins.push_back(bin);
    counts.push_back(number);
    sum = b.add(sum, number);
  }
  Value inclusive = b.addUpToLane(sum);
  Value ofWarp = b.reduce(sum, NVVM::ReduxKind::ADD);
  b.publish(ofWarp, words, b.constant(kSums));
  b.barrier();
  Value above = b.sumOverWarps(words, b.constant(kSums), [&](Value warp) {
    return b.compare(CmpIPredicate::ult, warp, b.warp);
  });
  above = b.add(above, b.sub(inclusive, sum));
  for (auto [bin, number] : llvm::zip_equal(bins, counts)) {
    Value upTo = b.add(above, number);
    Value isLast = arith::AndIOp::create(
        b, b.compare(CmpIPredicate::ult, above, interval.wanted),
        b.compare(CmpIPredicate::uge, upTo, interval.wanted));
    auto found = scf::IfOp::create(b, isLast, /*withElseRegion=*/false);
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPointToStart(found.thenBlock());
    Value results[] = {bin, b.sub(interval.wanted, above), number};
    for (auto [i, word] : llvm::enumerate(results))
      b.store(word, words, b.constant(kResults + i));
    b.setInsertionPointAfter(found);
    above = upTo;
  }
  // For the next step: nobody else reads these.
  for (Value bin : bins) {
    if (isWhole) {
      b.store(zero, histogram, bin);
      continue;
    }
    Value isBin = b.compare(CmpIPredicate::sge, bin, zero);
    auto clear = scf::IfOp::create(b, isBin, /*withElseRegion=*/false);
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPointToStart(clear.thenBlock());
    b.store(zero, histogram, bin);
  }
  b.barrier();
}

RadixSearch::Step RadixSearch::narrow(const Interval &interval) {
  Value shift = getShift(interval);
  countBins(interval, shift);
  b.barrier();
  publishBin(interval);
  Value bin = b.load(words, b.constant(kResults));
  Value wanted = b.load(words, b.constant(kResults + 1));
  Value inBin = b.load(words, b.constant(kResults + 2));
  Value low = b.add(interval.low, arith::ShLIOp::create(b, bin, shift));
  // The last bin may be cut off by `high`.
  Value size = b.sub(arith::ShLIOp::create(b, one, shift), one);
  size = arith::MinUIOp::create(b, size, b.sub(interval.high, low));
  Value isSingle = b.compare(CmpIPredicate::eq, shift, zero);
  Value isExact = b.compare(CmpIPredicate::eq, wanted, inBin);
  Value isDone = arith::OrIOp::create(b, isExact, isSingle);
  return {{low, b.add(low, size), wanted}, isDone, isExact};
}

std::pair<RadixSearch::Interval, Value>
RadixSearch::search(const Interval &whole) {
  Type i32 = b.getI32Type();
  SmallVector<Type> types(3, i32);
  types.push_back(b.getI1Type());
  Value inits[] = {whole.low, whole.high, whole.wanted,
                   arith::ConstantIntOp::create(b, false, 1)};
  // Every step is a barrier for all threads: they agree on when to stop.
  auto loop = scf::WhileOp::create(b, types, inits);
  SmallVector<Location> locs(types.size(), b.getLoc());
  Block *before = b.createBlock(&loop.getBefore(), {}, types, locs);
  b.setInsertionPointToStart(before);
  auto [part, isDone, isExact] = narrow(
      {before->getArgument(0), before->getArgument(1), before->getArgument(2)});
  Value goesOn = arith::XOrIOp::create(
      b, isDone, arith::ConstantIntOp::create(b, true, 1));
  scf::ConditionOp::create(
      b, goesOn, ValueRange{part.low, part.high, part.wanted, isExact});
  Block *after = b.createBlock(&loop.getAfter(), {}, types, locs);
  b.setInsertionPointToStart(after);
  scf::YieldOp::create(b, after->getArguments());
  b.setInsertionPointAfter(loop);
  return {{loop.getResult(0), loop.getResult(1), loop.getResult(2)},
          loop.getResult(3)};
}
