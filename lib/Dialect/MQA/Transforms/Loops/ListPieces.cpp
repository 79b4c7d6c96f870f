//===- ListPieces.cpp - What several blocks of the grid select --------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "ListSelection.h"

using namespace mlir;
using namespace mlir::mqa;
using arith::CmpIPredicate;

/// How many candidates its lists have, for the other blocks of the grid.
void ListSelection::publishCounts(DeviceBuilder &b, const QueryBlock &block) {
  forRows(b, block, [&](Value row) {
    Value count = memref::LoadOp::create(b, counts, ValueRange{row});
    memref::StoreOp::create(
        b, count, scratch,
        getCountWord(b, b.add(first, b.mul(row, 2 * places))));
  });
}

/// The rows, each by a thread.
void ListSelection::forRows(DeviceBuilder &b, const QueryBlock &block,
                            function_ref<void(Value)> body) {
  b.forEach(b.getThread(), block.numRows, b.index(numThreads), body);
}

/// Copies candidates of other lists, whose first one begins at `other`, behind
/// those that are here, as many as have room. Returns whether more are left.
Value ListSelection::take(DeviceBuilder &b, const QueryBlock &block,
                          Value other) {
  auto getWord = [&](Value row, Value place) {
    return b.add(b.add(other, b.mul(row, 2 * places)), place);
  };
  auto getNumLeft = [&](Value row) {
    Value all = memref::LoadOp::create(
        b, scratch, ValueRange{getWord(row, b.index(places - 1))});
    return arith::SubIOp::create(
        b, all, memref::LoadOp::create(b, taken, ValueRange{row}));
  };
  auto getNumTaken = [&](Value row) {
    Value room = arith::SubIOp::create(
        b, b.word(places - kReservedPlaces),
        memref::LoadOp::create(b, counts, ValueRange{row}));
    return arith::MinSIOp::create(b, getNumLeft(row), room);
  };
  // Several of a row are under way at a time.
  constexpr int64_t kUnroll = 4;
  b.forEach(b.index(0), block.numRows, b.index(1), [&](Value row) {
    Value from = getWord(
        row, b.toIndex(memref::LoadOp::create(b, taken, ValueRange{row})));
    Value to =
        b.add(b.add(first, b.mul(row, 2 * places)),
              b.toIndex(memref::LoadOp::create(b, counts, ValueRange{row})));
    Value number = b.toIndex(getNumTaken(row));
    b.forEach(b.getThread(), number, b.index(kUnroll * numThreads),
              [&](Value begin) {
                SmallVector<Value> at, words;
                for (int64_t i = 0; i < kUnroll; ++i)
                  at.push_back(b.add(begin, b.index(i * numThreads)));
                Value last = b.sub(number, b.index(1));
                for (Value i : at)
                  for (int64_t part : {int64_t(0), places})
                    words.push_back(memref::LoadOp::create(
                        b, scratch,
                        ValueRange{b.add(b.add(from, b.index(part)),
                                         arith::MinSIOp::create(b, i, last))}));
                for (auto [n, i] : llvm::enumerate(at)) {
                  Value isThere = b.compare(CmpIPredicate::slt, i, number);
                  b.ifTrue(isThere, [&, n = n, i = i] {
                    memref::StoreOp::create(b, words[2 * n], scratch,
                                            ValueRange{b.add(to, i)});
                    memref::StoreOp::create(
                        b, words[2 * n + 1], scratch,
                        ValueRange{b.add(b.add(to, b.index(places)), i)});
                  });
                }
              });
  });
  b.byFirstThread(
      [&] { memref::StoreOp::create(b, b.word(0), answer, b.index(0)); });
  b.barrier();
  forRows(b, block, [&](Value row) {
    Value number = getNumTaken(row);
    Value left = arith::SubIOp::create(b, getNumLeft(row), number);
    for (Value sum : {taken, counts}) {
      Value old = memref::LoadOp::create(b, sum, ValueRange{row});
      memref::StoreOp::create(b, arith::AddIOp::create(b, old, number), sum,
                              row);
    }
    b.ifTrue(b.compare(CmpIPredicate::sgt, left, b.word(0)), [&] {
      memref::StoreOp::create(b, b.word(1), answer, b.index(0));
    });
  });
  b.barrier();
  Value isLeft = b.compare(
      CmpIPredicate::ne,
      memref::LoadOp::create(b, answer, ValueRange{b.index(0)}), b.word(0));
  b.barrier();
  return isLeft;
}

/// The blocks of the grid that have a part of a query block: from the first one
/// to behind the last.
std::pair<Value, Value> ListSelection::getSharers(DeviceBuilder &b,
                                                  const QueryBlock &block) {
  auto load = [&](int64_t at) {
    return b.toIndex(memref::LoadOp::create(
        b, scratch, ValueRange{b.add(getCounters(b, block), b.index(at))}));
  };
  Value end = load(1);
  return {b.sub(gridSize, load(2)), end};
}

/// Adds the candidates that other blocks of the grid have of the query block.
void ListSelection::takeOthers(DeviceBuilder &b, const QueryBlock &block) {
  auto [begin, end] = getSharers(b, block);
  b.forEach(begin, end, b.index(1), [&, begin = begin](Value other) {
    b.ifTrue(b.compare(CmpIPredicate::ne, other, gridBlock), [&] {
      forRows(b, block, [&](Value row) {
        memref::StoreOp::create(b, b.word(0), taken, row);
      });
      b.barrier();
      // The first of them began the query block.
      Value area =
          arith::SelectOp::create(b, b.compare(CmpIPredicate::eq, other, begin),
                                  b.index(1), b.index(0));
      Value lists = getListOf(b, other, area, b.index(0));
      auto loop = scf::WhileOp::create(b, TypeRange(), ValueRange());
      OpBuilder::InsertionGuard guard(b);
      b.createBlock(&loop.getBefore());
      scf::ConditionOp::create(b, take(b, block, lists), ValueRange());
      b.createBlock(&loop.getAfter());
      // Those that have no more room.
      cut(b, block, /*above=*/places - kReservedPlaces - 1, kSlack,
          /*ascend=*/false);
      scf::YieldOp::create(b);
    });
  });
  b.barrier();
  resetCounters(b, block);
}
