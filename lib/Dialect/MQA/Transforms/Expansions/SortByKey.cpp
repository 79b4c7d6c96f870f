//===- SortByKey.cpp - mqa.sort_candidates by keys, by counting -----------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// No two keys are equal: a key's place is the number of smaller ones. Keys set
// bits of a bitmap, a part of all keys at a time, whose ones are counted: a few
// barriers for each part, where a sorting network has one for each of its
// stages. Keys that lie far apart would need too many parts.
//
//===----------------------------------------------------------------------===//

#include "Candidates.h"
#include "mqa/Dialect/MQA/IR/Shapes.h"

#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"

using namespace mlir;
using namespace mlir::mqa;
using arith::CmpIPredicate;

/// The first half of the histogram's words is the bitmap, the other half counts
/// the ones ahead of each word.
static constexpr int64_t kBitmapWords = CandidateScratch::kNumBins / 2;
static constexpr int64_t kWordBits = 32;
static constexpr int64_t kPartKeys = kBitmapWords * kWordBits;
static constexpr int64_t kMaxParts = 64;

namespace {
class SortByKey {
public:
  SortByKey(BlockBuilder &b, CandidateScratch &scratch, SortCandidatesOp op)
      : b(b), op(op), bitmap(scratch.getHistogram(b)),
        words(scratch.getCutWords(b)), zero(b.constant(0)), one(b.constant(1)) {
  }
  void expand(function_ref<void()> sortOtherwise);

private:
  void load();
  std::pair<Value, Value> findBounds();
  Value isIn(Value number, Value base) {
    return b.compare(CmpIPredicate::ult, b.sub(number, base),
                     b.constant(kPartKeys));
  }
  Value getWord(Value number, Value base) {
    return arith::ShRUIOp::create(b, b.sub(number, base),
                                  b.constant(llvm::Log2_64(kWordBits)));
  }
  Value getBit(Value number, Value base) {
    Value bit = arith::AndIOp::create(b, b.sub(number, base),
                                      b.constant(kWordBits - 1));
    return arith::ShLIOp::create(b, one, bit);
  }
  void ifTrue(Value condition, function_ref<void()> body) {
    auto guarded = scf::IfOp::create(b, condition, /*withElseRegion=*/false);
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPointToStart(guarded.thenBlock());
    body();
  }
  void forWords(function_ref<void(Value word)> body);
  Value countOnes();
  Value countPart(Value base, Value ahead, SmallVector<Value> &places);

  BlockBuilder &b;
  SortCandidatesOp op;
  Value bitmap, words, zero, one;
  /// This thread's candidates, and the numbers that their keys are.
  SmallVector<Value> codes, keys, numbers, exists;

  /// Where the words of one purpose begin, as in mqa.cut_candidates.
  static constexpr int64_t kLeast = 0, kGreatest = shapes::kWarpThreads;
};
} // namespace

void SortByKey::load() {
  Value count = b.toWord(op.getCount());
  for (uint64_t i = 0; i < op.getMost(); i += b.numThreads) {
    Value at = b.add(b.thread, b.constant(i));
    exists.push_back(b.compare(CmpIPredicate::ult, at, count));
    // What does not exist is not looked at, but must not lie outside.
    at = b.select(exists.back(), at, zero);
    codes.push_back(op.getKeysOnly() ? zero : b.load(op.getCodes(), at));
    keys.push_back(b.load(op.getKeys(), at));
    numbers.push_back(op.getDoubled()
                          ? Value(arith::ShRUIOp::create(b, keys.back(), one))
                          : keys.back());
  }
}

/// The least and the greatest number; without any, the greatest is 0, and the
/// least far above it.
std::pair<Value, Value> SortByKey::findBounds() {
  Value least = b.constant(-1), greatest = zero;
  for (auto [number, exist] : llvm::zip_equal(numbers, exists)) {
    least = arith::MinUIOp::create(b, least,
                                   b.select(exist, number, b.constant(-1)));
    greatest =
        arith::MaxUIOp::create(b, greatest, b.select(exist, number, zero));
  }
  b.publish(b.reduce(least, NVVM::ReduxKind::UMIN), words, b.constant(kLeast));
  b.publish(b.reduce(greatest, NVVM::ReduxKind::UMAX), words,
            b.constant(kGreatest));
  b.barrier();
  Value other = arith::RemUIOp::create(b, b.lane, b.constant(b.numWarps));
  least = b.reduce(b.load(words, other), NVVM::ReduxKind::UMIN);
  greatest = b.reduce(b.load(words, b.add(other, b.constant(kGreatest))),
                      NVVM::ReduxKind::UMAX);
  // The words are used again.
  b.barrier();
  return {least, greatest};
}

/// A thread has some words in a row.
void SortByKey::forWords(function_ref<void(Value word)> body) {
  int64_t each = llvm::divideCeil(kBitmapWords, b.numThreads);
  Value first = arith::MulIOp::create(b, b.thread, b.constant(each));
  for (int64_t i = 0; i < each; ++i) {
    Value word = b.add(first, b.constant(i));
    ifTrue(b.compare(CmpIPredicate::ult, word, b.constant(kBitmapWords)),
           [&] { body(word); });
  }
}

/// Counts the ones ahead of each word; returns how many there are in all.
Value SortByKey::countOnes() {
  int64_t each = llvm::divideCeil(kBitmapWords, b.numThreads);
  Value first = arith::MulIOp::create(b, b.thread, b.constant(each));
  Value last = b.constant(kBitmapWords - 1);
  SmallVector<Value> counts;
  Value sum = zero;
  for (int64_t i = 0; i < each; ++i) {
    Value word = b.add(first, b.constant(i));
    Value isWord = b.compare(CmpIPredicate::ule, word, last);
    Value ones =
        b.countBits(b.load(bitmap, arith::MinUIOp::create(b, word, last)));
    counts.push_back(sum);
    sum = b.add(sum, b.select(isWord, ones, zero));
  }
  Value inclusive = b.addUpToLane(sum);
  b.publish(b.reduce(sum, NVVM::ReduxKind::ADD), words, b.constant(kLeast));
  b.barrier();
  Value start = b.constant(kLeast);
  Value above = b.sumOverWarps(words, start, [&](Value warp) {
    return b.compare(CmpIPredicate::ult, warp, b.warp);
  });
  Value total = b.sumOverWarps(words, start, [&](Value) {
    return arith::ConstantIntOp::create(b, true, 1);
  });
  above = b.add(above, b.sub(inclusive, sum));
  size_t next = 0;
  forWords([&](Value word) {
    b.store(b.add(above, counts[next++]), bitmap,
            b.add(word, b.constant(kBitmapWords)));
  });
  return total;
}

/// Finds the places of the keys of one part; `ahead` are in the parts before.
Value SortByKey::countPart(Value base, Value ahead,
                           SmallVector<Value> &places) {
  forWords([&](Value word) { b.store(zero, bitmap, word); });
  b.barrier();
  for (auto [number, exist] : llvm::zip_equal(numbers, exists)) {
    Value isOwn = arith::AndIOp::create(b, exist, isIn(number, base));
    ifTrue(isOwn, [&, number = number] {
      memref::AtomicRMWOp::create(b, arith::AtomicRMWKind::ori,
                                  getBit(number, base), bitmap,
                                  ValueRange{b.toIndex(getWord(number, base))});
    });
  }
  b.barrier();
  Value total = countOnes();
  b.barrier();
  for (auto [number, exist, place] : llvm::zip_equal(numbers, exists, places)) {
    Value isOwn = arith::AndIOp::create(b, exist, isIn(number, base));
    auto found = scf::IfOp::create(b, TypeRange(b.getI32Type()), isOwn,
                                   /*withElseRegion=*/true);
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPointToStart(found.thenBlock());
    Value word = getWord(number, base);
    Value before = b.sub(getBit(number, base), one);
    Value ones =
        b.countBits(arith::AndIOp::create(b, b.load(bitmap, word), before));
    Value inPart = b.load(bitmap, b.add(word, b.constant(kBitmapWords)));
    scf::YieldOp::create(b, b.add(ahead, b.add(inPart, ones)));
    b.setInsertionPointToStart(found.elseBlock());
    scf::YieldOp::create(b, place);
    place = found.getResult(0);
  }
  // The next part uses the bitmap again.
  b.barrier();
  return b.add(ahead, total);
}

void SortByKey::expand(function_ref<void()> sortOtherwise) {
  b.barrier();
  load();
  auto [least, greatest] = findBounds();
  Value distance = b.sub(greatest, least);
  Value isNear = b.compare(CmpIPredicate::ult, distance,
                           b.constant(kMaxParts * kPartKeys));
  Value isEmpty = b.compare(CmpIPredicate::ugt, least, greatest);
  auto choose = scf::IfOp::create(b, arith::OrIOp::create(b, isNear, isEmpty),
                                  /*withElseRegion=*/true);
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToStart(choose.thenBlock());
  Value size = b.select(isEmpty, zero, b.add(distance, one));
  SmallVector<Value> inits{zero};
  inits.append(numbers.size(), zero);
  auto parts = scf::ForOp::create(b, b.index(0), b.toIndex(size),
                                  b.index(kPartKeys), inits);
  {
    OpBuilder::InsertionGuard inner(b);
    b.setInsertionPointToStart(parts.getBody());
    SmallVector<Value> places(parts.getRegionIterArgs().drop_front());
    Value base = b.add(least, b.toWord(parts.getInductionVar()));
    SmallVector<Value> yields{
        countPart(base, parts.getRegionIterArg(0), places)};
    llvm::append_range(yields, places);
    scf::YieldOp::create(b, yields);
  }
  for (auto [code, key, exist, place] :
       llvm::zip_equal(codes, keys, exists, parts.getResults().drop_front()))
    ifTrue(exist, [&, code = code, key = key, place = place] {
      if (!op.getKeysOnly())
        b.store(code, op.getCodes(), place);
      b.store(key, op.getKeys(), place);
    });
  b.barrier();
  b.setInsertionPointToStart(choose.elseBlock());
  sortOtherwise();
}

void mqa::expandSortByKey(BlockBuilder &b, CandidateScratch &scratch,
                          SortCandidatesOp op,
                          function_ref<void()> sortOtherwise) {
  SortByKey(b, scratch, op).expand(sortOtherwise);
}
