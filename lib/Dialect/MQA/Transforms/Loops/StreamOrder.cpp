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
#include "mqa/Dialect/MQA/IR/EnumCases.h"

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

void StreamSelection::order(const TopkRow &row, Value count, Value firstColumn,
                            Value numChunks) {
  static_assert(1 << kChunkBits == kChunkKeys);
  Type i32 = b.getI32Type();
  Value zero = b.word(0);
  auto loadBelow = [&](Value memref, Value at, Value end) -> Value {
    return choose(
               b.compare(CmpIPredicate::ult, at, end), i32,
               [&] { return SmallVector<Value>{load(memref, at)}; },
               [&] { return SmallVector<Value>{zero}; })
        .front();
  };
  // A thread for each word of marks, and one for what is behind them.
  Value numMarks = arith::ShRUIOp::create(
      b, b.add(count, b.word(kWarpThreads - 1)), b.word(kLaneBits));
  Value marked = math::CtPopOp::create(b, loadBelow(marks, thread, numMarks));
  Value sum = addAhead(marked, sums);
  b.ifTrue(b.compare(CmpIPredicate::ule, thread, numMarks), [&] {
    store(sum, ahead, thread);
    b.ifTrue(b.compare(CmpIPredicate::eq, thread, numMarks),
             [&] { store(zero, marks, thread); });
  });
  b.barrier();
  // A thread for each chunk.
  Value end = b.toWord(numChunks);
  Value isChunk = b.compare(CmpIPredicate::ult, thread, end);
  SmallVector<Type> two(2, i32);
  SmallVector<Value> own = choose(
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
  Value first = b.toWord(firstColumn);
  list.forEach(b.toIndex(count), [&](Value at) {
    Value place = b.toWord(at);
    Value word = arith::ShRUIOp::create(b, place, b.word(kLaneBits));
    Value inWord = arith::AndIOp::create(b, place, b.word(kWarpThreads - 1));
    Value bits = load(marks, word);
    Value bit = arith::AndIOp::create(
        b, arith::ShRUIOp::create(b, bits, inWord), b.word(1));
    b.ifTrue(b.compare(CmpIPredicate::ne, bit, zero), [&] {
      Value column = load(columns, at);
      Value chunk =
          arith::ShRUIOp::create(b, b.sub(column, first), b.word(kChunkBits));
      Value to = b.add(b.add(load(chunks, chunk), load(ahead, word)),
                       countLanesAhead(b, inWord, bits));
      if (prefersGreatest(op.getTieBreak()))
        to = b.sub(b.word(numSelected - 1), to);
      store(b.add(column, b.toWord(row.keyOfColumn0)), list.keys, to);
    });
  });
}
