//===- StreamList.cpp - Lists what reaches a threshold --------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What a warp takes at a time, a chunk, gets places in the list that follow
// each other, in the order of its columns. Chunks come to the list in any
// order: none waits for another.
//
//===----------------------------------------------------------------------===//

#include "InlinePtx.h"
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
  Phase phase(*this);
  Type i32 = b.getI32Type();
  Value end = b.toWord(numChunks);
  // Nobody sees that this is the same. Otherwise, ptxas would compare once, and
  // keep sixteen results in bits of a register: three instructions for each.
  Value own = b.add(warp, b.word(3 * kWarpThreads));
  b.ifTrue(b.compare(CmpIPredicate::eq, lane, b.word(0)), [&] {
    store(arith::BitcastOp::create(b, i32, threshold), sums, own);
  });
  syncWarp(b);
  Value same = toFloat(load(sums, own));
  auto loop = scf::WhileOp::create(b, TypeRange(i32), ValueRange(warp));
  OpBuilder::InsertionGuard guard(b);
  Block *before = b.createBlock(&loop.getBefore(), {}, i32, b.getLoc());
  Value chunk = before->getArgument(0);
  scf::ConditionOp::create(b, b.compare(CmpIPredicate::ult, chunk, end), chunk);
  Block *after = b.createBlock(&loop.getAfter(), {}, i32, b.getLoc());
  chunk = after->getArgument(0);
  Value first = b.toIndex(arith::MulIOp::create(b, chunk, b.word(kChunkKeys)));
  Value column =
      b.add(firstColumn, b.add(first, b.mul(b.toIndex(lane), kVectorSize)));
  Value isFull = appendChunk(row, threshold, same, chunk, column);
  Value next = b.add(chunk, b.word(numWarps));
  scf::YieldOp::create(b, Value(arith::SelectOp::create(b, isFull, end, next)));
}

/// This lane's vectors of a chunk: at `column`, at one vector of each lane
/// further, and so on.
SmallVector<Value> StreamSelection::loadChunk(const TopkRow &row,
                                              Value column) {
  // Of most chunks, all columns are in the range.
  Value first = b.sub(column, b.mul(b.toIndex(lane), kVectorSize));
  Value isWhole =
      b.both(b.compare(CmpIPredicate::sge, first, row.firstColumn),
             b.compare(CmpIPredicate::sle, b.add(first, b.index(kChunkKeys)),
                       row.endColumn));
  auto loadAll = [&](bool areInside) {
    SmallVector<Value> vectors;
    for (int64_t i = 0; i < kVectors; ++i) {
      Value start = b.add(column, b.index(i * kStep));
      vectors.push_back(areInside ? row.loadVector(b, start, kVectorSize)
                                  : row.loadLogits(b, start, kVectorSize));
    }
    return vectors;
  };
  SmallVector<Type> types(kVectors,
                          VectorType::get(kVectorSize, b.getF32Type()));
  return b.choose(
      isWhole, types, [&] { return loadAll(true); },
      [&] { return loadAll(false); });
}

/// Takes `total` places of the list for `chunk`, and returns the first one.
/// `none` is 0 in the first lane: with it, ptxas does not know that the lanes
/// that come here count in one word, and does not add up over them before.
Value StreamSelection::takePlaces(Value chunk, Value total, Value none) {
  Type i32 = b.getI32Type();
  auto take = [&] {
    Value at = b.toIndex(b.add(none, b.word(kCount)));
    Value place = memref::AtomicRMWOp::create(b, arith::AtomicRMWKind::addi,
                                              total, words, ValueRange{at});
    // Both fit half of a word, where the list has room.
    b.ifTrue(b.compare(CmpIPredicate::ult, chunk, b.word(maxChunks)), [&] {
      Value size = arith::ShLIOp::create(b, total, b.word(16));
      store(arith::OrIOp::create(b, place, size), chunks, chunk);
    });
    return SmallVector<Value>{place};
  };
  Value place =
      b.choose(b.compare(CmpIPredicate::eq, lane, b.word(0)), i32, take, [&] {
         return SmallVector<Value>{b.word(0)};
       }).front();
  return readFromLane(b, place, b.word(0));
}

/// Appends what reaches `threshold` of a chunk, of which this lane has vectors
/// from `column` on. Returns whether the list has no room. `same` is the
/// threshold again.
///
/// Inline PTX adds to a count, and moves to the next place, under a predicate:
/// LLVM would always add, and select.
Value StreamSelection::appendChunk(const TopkRow &row, Value threshold,
                                   Value same, Value chunk, Value column) {
  SmallVector<Value> values, isForced;
  Value counts = b.word(0);
  // A byte counts what a vector has.
  static_assert(kVectors == 4 && kStep < 256);
  for (auto [i, vector] : llvm::enumerate(loadChunk(row, column)))
    for (int64_t j = 0; j < kVectorSize; ++j) {
      Value value = vector::ExtractOp::create(b, vector, j);
      if (hasForced()) {
        // What is forced is NaN in the list, and nothing else is.
        isForced.push_back(
            row.isForced(b, b.add(column, b.index(i * kStep + j))));
        Value infinity = b.real(std::numeric_limits<float>::infinity());
        value = arith::SelectOp::create(b, isForced.back(), infinity, value);
      }
      values.push_back(value);
      std::string add = "{ .reg .pred p; setp.ge.f32 p, $2, $3; @p add.u32 "
                        "$0, $0, " +
                        std::to_string(int64_t(1) << (8 * i)) + "; }";
      counts = emitPtx(b, b.getI32Type(), {counts, value, threshold}, add,
                       "=r,0,f,f", /*hasEffects=*/false);
    }
  Value upTo = addUpTo(counts);
  Value all = readFromLane(b, upTo, b.word(kWarpThreads - 1));
  Value before = b.sub(upTo, counts);
  Value evenBytes = b.word(0x00ff00ff), half = b.word(16);
  Value total =
      b.add(arith::AndIOp::create(b, all, evenBytes),
            arith::AndIOp::create(b, arith::ShRUIOp::create(b, all, b.word(8)),
                                  evenBytes));
  total = arith::AndIOp::create(
      b, b.add(total, arith::ShRUIOp::create(b, total, half)), b.word(0xffff));
  Value place = takePlaces(chunk, total, before);
  Value end = b.add(place, total);
  Value isFull = b.compare(CmpIPredicate::ugt, end, b.word(capacity));
  b.ifTrue(b.compare(CmpIPredicate::ule, end, b.word(capacity)), [&] {
    constexpr int64_t kBytes = sizeof(int32_t);
    // Logits lie so far behind columns.
    std::string store =
        "{ .reg .pred p; setp.ge.f32 p, $3, $4; @p st.shared.b32 [$0], $5; @p "
        "st.shared.f32 [$0+" +
        std::to_string(capacity * kBytes) + "], $2; @p add.u32 $0, $0, " +
        std::to_string(kBytes) + "; }";
    Value memory =
        b.toWord(memref::ExtractAlignedPointerAsIndexOp::create(b, list.codes));
    for (int64_t i = 0; i < kVectors; ++i) {
      auto getByte = [&](Value word) -> Value {
        return arith::AndIOp::create(
            b, arith::ShRUIOp::create(b, word, b.word(8 * i)), b.word(255));
      };
      Value at = b.add(place, getByte(before));
      at = b.add(memory, arith::MulIOp::create(b, at, b.word(kBytes)));
      for (int64_t j = 0; j < kVectorSize; ++j) {
        Value value = values[i * kVectorSize + j], listed = value;
        if (hasForced())
          listed = arith::SelectOp::create(
              b, isForced[i * kVectorSize + j],
              b.real(std::numeric_limits<float>::quiet_NaN()), value);
        Value own = b.toWord(b.add(column, b.index(i * kStep + j)));
        at = emitPtx(b, b.getI32Type(), {at, listed, value, same, own}, store,
                     "=r,0,f,f,f,r,~{memory}", /*hasEffects=*/true);
      }
      place = b.add(place, getByte(all));
    }
  });
  return isFull;
}
