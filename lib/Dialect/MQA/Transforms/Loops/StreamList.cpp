//===- StreamList.cpp - Lists what reaches a threshold --------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What a warp takes at a time, a chunk, gets places in the list that follow
// each other, in the order of its columns. Chunks come to the list in any
// order: none waits for another.
//
//===----------------------------------------------------------------------===//

#include "StreamSelection.h"
#include "WarpOps.h"

#include "mlir/Dialect/Vector/IR/VectorOps.h"

using namespace mlir;
using namespace mlir::mqa;
using namespace mlir::mqa::shapes;
using arith::CmpIPredicate;

/// Each warp takes every kWarps'th chunk, until all are done or the list is
/// full.
void StreamSelection::fill(const TopkRow &row, Value threshold,
                           Value firstColumn, Value numChunks) {
  Type i32 = b.getI32Type();
  Value end = b.toWord(numChunks);
  // LLVM does not see that this is the same: to compare again takes one
  // instruction, and to keep sixteen results three for each.
  Value same = toFloat(
      readFromLane(b, arith::BitcastOp::create(b, i32, threshold), b.word(0)));
  auto loop = scf::WhileOp::create(b, TypeRange(i32), ValueRange(warp));
  OpBuilder::InsertionGuard guard(b);
  Block *before = b.createBlock(&loop.getBefore(), {}, i32, b.getLoc());
  Value chunk = before->getArgument(0);
  scf::ConditionOp::create(b, b.compare(CmpIPredicate::ult, chunk, end), chunk);
  Block *after = b.createBlock(&loop.getAfter(), {}, i32, b.getLoc());
  chunk = after->getArgument(0);
  Value first = b.toIndex(arith::MulIOp::create(b, chunk, b.word(kChunkKeys)));
  Value own = b.mul(b.toIndex(lane), kVectorSize);
  Value column = b.add(firstColumn, b.add(first, own));
  Value isFull = appendChunk(row, threshold, same, chunk, column);
  Value next = b.add(chunk, b.word(numWarps));
  scf::YieldOp::create(b, Value(arith::SelectOp::create(b, isFull, end, next)));
}

/// Appends what reaches `threshold` of a chunk. This lane has vectors at
/// `column`, at one vector of each lane further, and so on. Returns whether the
/// list has no room. `same` is the threshold again.
Value StreamSelection::appendChunk(const TopkRow &row, Value threshold,
                                   Value same, Value chunk, Value column) {
  constexpr int64_t kStep = kWarpThreads * kVectorSize;
  SmallVector<Value> starts, values, isListed;
  SmallVector<Type> types(kVectors,
                          VectorType::get(kVectorSize, b.getF32Type()));
  for (int64_t i = 0; i < kVectors; ++i)
    starts.push_back(b.add(column, b.index(i * kStep)));
  // Of most chunks, all columns are in the range.
  Value own = b.mul(b.toIndex(lane), kVectorSize);
  Value first = b.sub(column, own);
  Value isWhole =
      b.both(b.compare(CmpIPredicate::sge, first, row.firstColumn),
             b.compare(CmpIPredicate::sle, b.add(first, b.index(kChunkKeys)),
                       row.endColumn));
  auto loadAll = [&](bool areInside) {
    SmallVector<Value> vectors;
    for (Value start : starts)
      vectors.push_back(areInside ? row.loadVector(b, start, kVectorSize)
                                  : row.loadLogits(b, start, kVectorSize));
    return vectors;
  };
  SmallVector<Value> vectors = choose(
      isWhole, types, [&] { return loadAll(true); },
      [&] { return loadAll(false); });

  // A byte counts what a vector has.
  static_assert(kVectors == 4 && kWarpThreads * kVectorSize < 256);
  Value counts = b.word(0);
  for (auto [i, vector] : llvm::enumerate(vectors))
    for (int64_t j = 0; j < kVectorSize; ++j) {
      Value value = vector::ExtractOp::create(b, vector, j);
      Value isGood =
          arith::CmpFOp::create(b, arith::CmpFPredicate::OGE, value, threshold);
      if (hasForced()) {
        Value isForced = row.isForced(b, b.add(starts[i], b.index(j)));
        isGood = arith::OrIOp::create(b, isGood, isForced);
        // What is forced is NaN in the list, and nothing else is.
        value = arith::SelectOp::create(
            b, isForced, b.real(std::numeric_limits<float>::quiet_NaN()),
            value);
      }
      values.push_back(value);
      isListed.push_back(isGood);
      counts = b.add(counts,
                     arith::SelectOp::create(
                         b, isGood, b.word(int64_t(1) << (8 * i)), b.word(0)));
    }
  Value upTo = addUpToLane(b, lane, counts);
  Value all = readFromLane(b, upTo, b.word(kWarpThreads - 1));
  Value before = b.sub(upTo, counts);
  Value evenBytes = b.word(0x00ff00ff), half = b.word(16);
  Value total =
      b.add(arith::AndIOp::create(b, all, evenBytes),
            arith::AndIOp::create(b, arith::ShRUIOp::create(b, all, b.word(8)),
                                  evenBytes));
  total = arith::AndIOp::create(
      b, b.add(total, arith::ShRUIOp::create(b, total, half)), b.word(0xffff));
  Value place =
      choose(
          b.compare(CmpIPredicate::eq, lane, b.word(0)), b.getI32Type(),
          [&] {
            // Both fit half of a word, where the list has room.
            Value place = countWord(kCount, total);
            store(arith::OrIOp::create(b, place,
                                       arith::ShLIOp::create(b, total, half)),
                  chunks, chunk);
            return SmallVector<Value>{place};
          },
          [&] { return SmallVector<Value>{b.word(0)}; })
          .front();
  place = readFromLane(b, place, b.word(0));
  Value isFull =
      b.compare(CmpIPredicate::ugt, b.add(place, total), b.word(capacity));
  Value hasRoom =
      b.compare(CmpIPredicate::ule, b.add(place, total), b.word(capacity));
  b.ifTrue(hasRoom, [&] {
    for (int64_t i = 0; i < kVectors; ++i) {
      auto getByte = [&](Value word) -> Value {
        return arith::AndIOp::create(
            b, arith::ShRUIOp::create(b, word, b.word(8 * i)), b.word(255));
      };
      Value at = b.add(place, getByte(before));
      Value start = b.toWord(starts[i]);
      for (int64_t j = 0; j < kVectorSize; ++j) {
        int64_t number = i * kVectorSize + j;
        Value isGood = isListed[number];
        if (!hasForced())
          isGood = arith::CmpFOp::create(b, arith::CmpFPredicate::OGE,
                                         values[number], same);
        b.ifTrue(isGood, [&] {
          store(arith::BitcastOp::create(b, b.getI32Type(), values[number]),
                logits, at);
          store(b.add(start, b.word(j)), columns, at);
        });
        at = b.add(at, arith::ExtUIOp::create(b, b.getI32Type(), isGood));
      }
      place = b.add(place, getByte(all));
    }
  });
  return isFull;
}
