//===- StreamSelection.cpp - Selection from a row that is read once -------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "StreamSelection.h"
#include "Expansions/Candidates.h"
#include "Kernels/WorkgroupMemory.h"
#include "WarpOps.h"

using namespace mlir;
using namespace mlir::mqa;
using namespace mlir::mqa::shapes;
using arith::CmpIPredicate;

StreamSelection::StreamSelection(DeviceBuilder &b, TopkOp op,
                                 gpu::GPUFuncOp kernel, CandidateList &list)
    : b(b), op(op), kernel(kernel), list(list),
      numSelected(op.getNumSelected()), capacity(list.capacity),
      numThreads(list.numThreads), numWarps(numThreads / kWarpThreads),
      maxChunks(std::min(kMaxChunks, numThreads)),
      numBins(kMaxBins / numThreads * numThreads), topBin(numBins - 2) {}

StreamSelection::Shape StreamSelection::getShape(int64_t numSelected,
                                                 bool hasManyRows) {
  // For as many as the sample lets pass, and for so many more that the list
  // hardly ever is too short; four blocks have no room for more.
  constexpr int64_t kThreads = 384, kPlaces = 5568, kMostSelected = 2048,
                    kMore = 2200;
  // Where the block selects tile by tile, a list that was cut has room for one.
  static_assert(kMore >= kThreads * CandidateList::kVectorSize &&
                kPlaces >=
                    kMostSelected + kThreads * CandidateList::kVectorSize);
  if (hasManyRows && numSelected <= kMostSelected) {
    int64_t places = llvm::alignTo(2 * numSelected + kMore, kWarpThreads);
    return {kThreads, 4, std::min(places, kPlaces)};
  }
  return {CandidateList::kThreads, 2, CandidateList::kCapacity};
}

void StreamSelection::allocate() {
  auto add = [&](int64_t size) {
    return addWorkgroupVariable(kernel, size, b.getI32Type(), b.getLoc());
  };
  // What is selected goes where the logits were.
  logits = list.keys;
  columns = list.codes;
  sample = list.getMemory();
  // The ops on candidates use this memory, too, ahead of it or behind it.
  constexpr int64_t kMarks = CandidateList::kCapacity / kWarpThreads + 1;
  static_assert(kMaxBins + kMaxChunks + kMarks <= CandidateScratch::kNumBins);
  // Beside these, ops on candidates have words for each warp.
  constexpr int64_t kWordsOfOps = 4 * kWarpThreads;
  static_assert((CandidateScratch::kNumBins + kMarks + 3 * kListed +
                 4 * kWarpThreads + kWords + kWordsOfOps) *
                    sizeof(int32_t) <=
                kBytes);
  Value scratch = CandidateScratch::share(kernel, b.getLoc());
  int64_t used = 0;
  auto take = [&](int64_t size) -> Value {
    SmallVector<OpFoldResult> offset{b.getIndexAttr(used)},
        sizes{b.getIndexAttr(size)}, stride{b.getIndexAttr(1)};
    used += size;
    return memref::SubViewOp::create(b, scratch, offset, sizes, stride);
  };
  histogram = take(numBins);
  chunks = take(maxChunks);
  // One more, of places behind the last one.
  marks = take(capacity / kWarpThreads + 1);
  ahead = add(capacity / kWarpThreads + 1);
  listed = add(3 * kListed);
  sums = add(4 * kWarpThreads);
  words = add(kWords);
}

StreamSelection::Phase::Phase(StreamSelection &selection)
    : thread(selection.list),
      selection(selection), before{selection.thread, selection.lane,
                                   selection.warp} {
  DeviceBuilder &b = selection.b;
  Value number = b.toWord(selection.list.thread);
  selection.thread = number;
  selection.lane = arith::AndIOp::create(b, number, b.word(kWarpThreads - 1));
  // Which warp this is, is the same for all lanes.
  selection.warp = readFromLane(
      b, arith::ShRUIOp::create(b, number, b.word(kLaneBits)), b.word(0));
}

StreamSelection::Phase::~Phase() {
  std::tie(selection.thread, selection.lane, selection.warp) =
      std::tuple_cat(before);
}

Value StreamSelection::load(Value memref, Value at) {
  return memref::LoadOp::create(b, memref,
                                at.getType().isIndex() ? at : b.toIndex(at));
}

void StreamSelection::store(Value value, Value memref, Value at) {
  memref::StoreOp::create(b, value, memref,
                          at.getType().isIndex() ? at : b.toIndex(at));
}

Value StreamSelection::toFloat(Value word) {
  return arith::BitcastOp::create(b, b.getF32Type(), word);
}

/// Adds `number` to a word, and returns what it was.
Value StreamSelection::countWord(Word word, Value number) {
  return memref::AtomicRMWOp::create(b, arith::AtomicRMWKind::addi, number,
                                     words, ValueRange{b.index(word)});
}

Value StreamSelection::addUpTo(Value number) {
  for (int64_t step = 1; step < kWarpThreads; step *= 2) {
    auto ahead = gpu::ShuffleOp::create(b, number, static_cast<int32_t>(step),
                                        kWarpThreads, gpu::ShuffleMode::UP);
    number = b.add(number, arith::SelectOp::create(b, ahead.getValid(),
                                                   ahead.getShuffleResult(),
                                                   b.word(0)));
  }
  return number;
}

Value StreamSelection::addAhead(Value number, Value sums) {
  Value upTo = addUpTo(number);
  b.ifTrue(b.compare(CmpIPredicate::eq, lane, b.word(kWarpThreads - 1)),
           [&] { store(upTo, sums, warp); });
  b.barrier();
  Value isAhead = b.compare(CmpIPredicate::ult, lane, warp);
  Value sum = arith::SelectOp::create(b, isAhead, load(sums, lane), b.word(0));
  return b.add(reduceOverWarp(b, sum, NVVM::ReduxKind::ADD),
               b.sub(upTo, number));
}

Value StreamSelection::fits(const TopkRow &row) {
  // The sample fits the list's memory.
  int64_t most = 2 * capacity << kMostSampleShift;
  Value fits = b.compare(CmpIPredicate::ule, row.length, b.index(most));
  if (capacity < CandidateList::kCapacity)
    return fits;
  // A list that has room for the row needs no sample.
  return b.both(fits,
                b.compare(CmpIPredicate::ugt, row.length, b.index(capacity)));
}

Value StreamSelection::select(
    const TopkRow &row, function_ref<void(Value place, Value key)> write) {
  Type index = b.getIndexType();
  Value none = b.index(0);
  auto giveUp = [&] { return SmallVector<Value>{none}; };
  // Marks tell which of the list's logits are selected: all of a bin, or those
  // of a short one that are better than the others.
  auto finish = [&](Value count, const Bounds &bounds, Value firstColumn,
                    Value numChunks) {
    Value areAll = b.compare(CmpIPredicate::eq, bounds.left, bounds.inBin);
    Value areFew = b.compare(CmpIPredicate::ule, bounds.inBin, b.word(kListed));
    return b.choose(
        arith::OrIOp::create(b, areAll, areFew), index,
        [&] {
          mark(count, bounds);
          order(row, count, firstColumn, numChunks, write);
          return SmallVector<Value>{b.index(numSelected)};
        },
        giveUp);
  };
  auto selectGuessed = [&](const Guess &guess) {
    Value firstColumn = b.sub(
        row.firstColumn, row.getMisalignment(b, row.firstColumn, kVectorSize));
    Value numChunks = b.ceilDiv(b.sub(row.endColumn, firstColumn), kChunkKeys);
    fill(row, guess.threshold, firstColumn, numChunks);
    b.barrier();
    Value count = readWord(kCount);
    Value areEnough = b.compare(CmpIPredicate::uge, count, b.word(numSelected));
    Value fit = b.compare(CmpIPredicate::ule, count, b.word(capacity));
    return b.choose(
        b.both(areEnough, fit), index,
        [&] {
          return finish(count, search(count, guess), firstColumn, numChunks);
        },
        giveUp);
  };
  Guess guess = this->guess(row);
  return b
      .choose(
          guess.isUsable, index, [&] { return selectGuessed(guess); }, giveUp)
      .front();
}
