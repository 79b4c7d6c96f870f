//===- StreamOrder.cpp - Puts what is selected in the order of keys -------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The marks of a list tell how many keys are selected ahead of each place of
// it. So they tell how many a chunk has, which follow each other in the list,
// and, added up over the chunks ahead in the row, where each key belongs.
//
//===----------------------------------------------------------------------===//

#include "StreamSelection.h"
#include "WarpOps.h"

#include "mlir/Dialect/Math/IR/Math.h"

using namespace mlir;
using namespace mlir::mqa;
using namespace mlir::mqa::shapes;
using arith::CmpIPredicate;

static constexpr int64_t kChunkBits = 9;

/// How many are selected of the list ahead of `place`.
Value StreamSelection::countAhead(Value place) {
  Value at = arith::ShRUIOp::create(b, place, b.word(kLaneBits));
  Value inWord = arith::AndIOp::create(b, place, b.word(kWarpThreads - 1));
  return b.add(load(ahead, at), countLanesAhead(b, inWord, load(marks, at)));
}

/// For each word of marks, how many are selected ahead of it.
void StreamSelection::addMarks(Value count) {
  Value zero = b.word(0);
  // A thread for each word of marks, and one for what is behind them.
  Value numMarks = arith::ShRUIOp::create(
      b, b.add(count, b.word(kWarpThreads - 1)), b.word(kLaneBits));
  Value word =
      b.choose(
           b.compare(CmpIPredicate::ult, thread, numMarks), b.getI32Type(),
           [&] { return SmallVector<Value>{load(marks, thread)}; },
           [&] { return SmallVector<Value>{zero}; })
          .front();
  Value sum = addAhead(math::CtPopOp::create(b, word), sums);
  b.ifTrue(b.compare(CmpIPredicate::ule, thread, numMarks), [&] {
    store(sum, ahead, thread);
    b.ifTrue(b.compare(CmpIPredicate::eq, thread, numMarks),
             [&] { store(zero, marks, thread); });
  });
  b.barrier();
}

/// For each chunk, how much further behind the keys of it belong than the marks
/// ahead of their places tell.
void StreamSelection::moveChunks(Value numChunks) {
  Type i32 = b.getI32Type();
  Value zero = b.word(0);
  // A thread for each chunk.
  Value isChunk = b.compare(CmpIPredicate::ult, thread, b.toWord(numChunks));
  SmallVector<Type> two(2, i32);
  SmallVector<Value> own = b.choose(
      isChunk, two,
      [&] {
        Value chunk = load(chunks, thread);
        Value begin = arith::AndIOp::create(b, chunk, b.word(0xffff));
        Value size = arith::ShRUIOp::create(b, chunk, b.word(16));
        Value ahead = countAhead(begin);
        Value number = b.sub(countAhead(b.add(begin, size)), ahead);
        return SmallVector<Value>{number, ahead};
      },
      [&] {
        return SmallVector<Value>{zero, zero};
      });
  // Others may still read the sums.
  SmallVector<OpFoldResult> offset{b.getIndexAttr(kWarpThreads)},
      size{b.getIndexAttr(kWarpThreads)}, stride{b.getIndexAttr(1)};
  Value others = memref::SubViewOp::create(b, sums, offset, size, stride);
  Value place = addAhead(own[0], others);
  b.ifTrue(isChunk, [&] { store(b.sub(place, own[1]), chunks, thread); });
  b.barrier();
}

/// Calls `body` for each place of the list that is selected, with how many are
/// ahead of it.
void StreamSelection::forEachMarked(
    Value count, function_ref<void(Value at, Value ahead)> body) {
  list.forEach(b.toIndex(count), [&](Value at) {
    Value place = b.toWord(at);
    Value word = arith::ShRUIOp::create(b, place, b.word(kLaneBits));
    Value bits = load(marks, word);
    // The bit of the lane's own place is the last one.
    Value upTo =
        arith::ShLIOp::create(b, bits, b.sub(b.word(kWarpThreads - 1), lane));
    Value isMarked = b.compare(CmpIPredicate::slt, upTo, b.word(0));
    b.ifTrue(isMarked, [&] {
      Value number = b.add(load(ahead, word), math::CtPopOp::create(b, upTo));
      body(at, b.sub(number, b.word(1)));
    });
  });
}

void StreamSelection::order(const TopkRow &row, Value count, Value firstColumn,
                            Value numChunks,
                            function_ref<void(Value place, Value key)> write) {
  static_assert(1 << kChunkBits == kChunkKeys);
  Phase phase(*this);
  addMarks(count);
  auto getKey = [&](Value column) {
    return b.add(row.keyOfColumn0, b.toIndex(column));
  };
  Value areKnown = b.compare(CmpIPredicate::ule, numChunks, b.index(maxChunks));
  auto known = scf::IfOp::create(b, areKnown, /*withElseRegion=*/true);
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToStart(known.thenBlock());
  moveChunks(numChunks);
  Value first = b.toWord(firstColumn);
  forEachMarked(count, [&](Value at, Value ahead) {
    Value column = load(columns, at);
    Value chunk =
        arith::ShRUIOp::create(b, b.sub(column, first), b.word(kChunkBits));
    write(b.toIndex(b.add(load(chunks, chunk), ahead)), getKey(column));
  });
  // A row of more chunks than there is room for is sorted.
  b.setInsertionPointToStart(known.elseBlock());
  forEachMarked(count, [&](Value at, Value ahead) {
    store(load(columns, at), list.keys, ahead);
  });
  SortCandidatesOp::create(b, list.codes, list.keys, b.index(numSelected),
                           llvm::PowerOf2Ceil(numSelected), SortBy::Key,
                           TieBreak::Smallest, /*doubled=*/false,
                           /*keys_only=*/true);
  list.forEach(b.index(numSelected), [&](Value place) {
    write(place, getKey(load(list.keys, place)));
  });
}
