//===- RegisterSelection.cpp - Selection from a row in registers ----------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "RegisterSelection.h"

#include "Expansions/Candidates.h"
#include "Kernels/WorkgroupMemory.h"
#include "WarpOps.h"
#include "mqa/Dialect/MQA/IR/EnumCases.h"

#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

using namespace mlir;
using namespace mlir::mqa;
using namespace mlir::mqa::shapes;
using arith::CmpIPredicate;

RegisterSelection::RegisterSelection(DeviceBuilder &b, TopkOp op,
                                     gpu::GPUFuncOp kernel,
                                     const CandidateList &list)
    : b(b), op(op), kernel(kernel), list(list),
      numSelected(op.getNumSelected()), numThreads(list.numThreads),
      numWarps(numThreads / kWarpThreads) {
  // Each lane reads what one warp has found.
  assert(numWarps == kWarpThreads);
}

bool RegisterSelection::supports(TopkOp op) {
  int64_t numForced = op.getForceFirst() + op.getForceLast();
  return numForced < op.getNumSelected();
}

bool RegisterSelection::isDescending() {
  return prefersGreatest(op.getTieBreak());
}

void RegisterSelection::allocate() {
  auto add = [&](int64_t size, Type type) {
    return addWorkgroupVariable(kernel, size, type, b.getLoc());
  };
  Type i32 = b.getI32Type();
  static_assert(kBins <= CandidateScratch::kNumBins);
  histogram = CandidateScratch::share(kernel, b.getLoc());
  listed = add(kListed, b.getF32Type());
  listedColumns = add(kListed, i32);
  sums = add(kAllSums, i32);
  words = add(kWords, i32);
  thread = b.toWord(list.thread);
  lane = arith::AndIOp::create(b, thread, b.word(kWarpThreads - 1));
  // Which warp this is, is the same for all lanes.
  warp = readFromLane(b, arith::ShRUIOp::create(b, thread, b.word(kLaneBits)),
                      b.word(0));
}

Value RegisterSelection::load(Value memref, Value at) {
  return memref::LoadOp::create(b, memref,
                                at.getType().isIndex() ? at : b.toIndex(at));
}

void RegisterSelection::store(Value value, Value memref, Value at) {
  memref::StoreOp::create(b, value, memref,
                          at.getType().isIndex() ? at : b.toIndex(at));
}

Value RegisterSelection::select(Value condition, Value yes, Value no) {
  return arith::SelectOp::create(b, condition, yes, no);
}

Value RegisterSelection::fits(const TopkRow &row) {
  Value over = row.getMisalignment(b, row.firstColumn, kVectorSize);
  return b.compare(CmpIPredicate::ule, b.add(row.length, over),
                   b.index(kHeld * numThreads));
}

RegisterSelection::Held RegisterSelection::loadRow(const TopkRow &row) {
  Value over = row.getMisalignment(b, row.firstColumn, kVectorSize);
  Value start = b.toWord(b.sub(row.firstColumn, over));
  Value ahead = arith::MulIOp::create(b, warp, b.word(kWarpKeys));
  Value own = b.add(b.add(start, ahead),
                    arith::MulIOp::create(b, lane, b.word(kVectorSize)));
  Held held;
  held.column = own;
  held.isMine = b.compare(CmpIPredicate::slt, b.add(start, ahead),
                          b.toWord(row.endColumn));
  auto type = VectorType::get(kVectorSize, b.getF32Type());
  SmallVector<Type> types(kVectors, type);
  SmallVector<Value> vectors = b.choose(
      held.isMine, types,
      [&] {
        SmallVector<Value> vectors;
        for (int64_t i = 0; i < kVectors; ++i)
          vectors.push_back(row.loadLogits(
              b, b.toIndex(b.add(own, b.word(i * kWarpKeys / kVectors))),
              kVectorSize));
        return vectors;
      },
      [&] {
        Value nan = arith::ConstantOp::create(
            b, DenseElementsAttr::get(type,
                                      std::numeric_limits<float>::quiet_NaN()));
        return SmallVector<Value>(kVectors, nan);
      });
  for (auto [i, vector] : llvm::enumerate(vectors))
    for (int64_t j = 0; j < kVectorSize; ++j) {
      Value logit = vector::ExtractOp::create(b, vector, j);
      if (hasForced()) {
        Value column = getColumn(held, i * kVectorSize + j);
        held.isForced.push_back(row.isForced(b, b.toIndex(column)));
        logit = select(held.isForced.back(),
                       b.real(std::numeric_limits<float>::quiet_NaN()), logit);
      }
      held.logits.push_back(logit);
    }
  return held;
}

/// The column of one of this thread's logits. It is one addition, so it is not
/// kept.
Value RegisterSelection::getColumn(const Held &held, int64_t number) {
  int64_t vector = number / kVectorSize;
  return b.add(held.column,
               b.word(vector * kWarpKeys / kVectors + number % kVectorSize));
}

/// A bit for each of this thread's logits.
Value RegisterSelection::getMask(function_ref<Value(int64_t)> isSet) {
  Value mask = b.word(0);
  for (int64_t i = 0; i < kHeld; ++i)
    mask = arith::OrIOp::create(
        b, mask, select(isSet(i), b.word(int64_t(1) << i), b.word(0)));
  return mask;
}

/// Of the logits that have a bit in `mask`. With a barrier.
RegisterSelection::Places RegisterSelection::getPlaces(Value mask, Sums from) {
  static_assert(kVectors == 2);
  Value half = b.word(16);
  auto countVector = [&](int64_t i) -> Value {
    int64_t bits = ((int64_t(1) << kVectorSize) - 1) << (i * kVectorSize);
    return math::CtPopOp::create(b,
                                 arith::AndIOp::create(b, mask, b.word(bits)));
  };
  // Both vectors' numbers in one word.
  Value own = arith::OrIOp::create(
      b, countVector(0), arith::ShLIOp::create(b, countVector(1), half));
  Value upTo = addUpToLane(b, lane, own);
  Value all = readFromLane(b, upTo, b.word(kWarpThreads - 1));
  auto getLow = [&](Value word) -> Value {
    return arith::AndIOp::create(b, word, b.word(0xffff));
  };
  auto getHigh = [&](Value word) -> Value {
    return arith::ShRUIOp::create(b, word, half);
  };
  Value inFirst = getLow(all);
  b.ifTrue(b.compare(CmpIPredicate::eq, lane, b.word(0)), [&] {
    store(b.add(inFirst, getHigh(all)), sums, b.add(warp, b.word(from)));
  });
  b.barrier();
  Value number = load(sums, b.add(lane, b.word(from)));
  Value isAhead = b.compare(CmpIPredicate::ult, lane, warp);
  Value ahead = reduceOverWarp(b, select(isAhead, number, b.word(0)),
                               NVVM::ReduxKind::ADD);
  Value before = b.sub(upTo, own);
  return {{b.add(ahead, getLow(before)),
           b.add(b.add(ahead, inFirst), getHigh(before))},
          reduceOverWarp(b, number, NVVM::ReduxKind::ADD)};
}

/// Calls `body` with the number and the place of each logit that has a bit in
/// `mask`.
void RegisterSelection::forEachInMask(Value mask, Places places,
                                      function_ref<void(int64_t, Value)> body) {
  b.ifTrue(b.compare(CmpIPredicate::ne, mask, b.word(0)), [&] {
    for (int64_t i = 0; i < kHeld; ++i) {
      Value &place = places.first[i / kVectorSize];
      Value bit = arith::AndIOp::create(
          b, arith::ShRUIOp::create(b, mask, b.word(i)), b.word(1));
      b.ifTrue(b.compare(CmpIPredicate::ne, bit, b.word(0)),
               [&] { body(i, place); });
      place = b.add(place, bit);
    }
  });
}

/// Puts what is selected in the list, and returns how many keys that is.
Value RegisterSelection::write(const TopkRow &row, const Held &held,
                               const Cut &cut) {
  auto isSelected = [&](int64_t i) -> Value {
    Value logit = held.logits[i];
    Value isGreater =
        arith::CmpFOp::create(b, arith::CmpFPredicate::OGT, logit, cut.logit);
    Value isEqual =
        arith::CmpFOp::create(b, arith::CmpFPredicate::OEQ, logit, cut.logit);
    CmpIPredicate isFirst =
        isDescending() ? CmpIPredicate::sge : CmpIPredicate::sle;
    Value isTaken = b.compare(isFirst, getColumn(held, i), cut.column);
    Value isIn = arith::OrIOp::create(b, isGreater, b.both(isEqual, isTaken));
    return hasForced() ? Value(arith::OrIOp::create(b, isIn, held.isForced[i]))
                       : isIn;
  };
  Value mask = b.choose(
                    held.isMine, b.getI32Type(),
                    [&] { return SmallVector<Value>{getMask(isSelected)}; },
                    [&] { return SmallVector<Value>{b.word(0)}; })
                   .front();
  Places places = getPlaces(mask, kPlaceSums);
  Value keyOfColumn0 = b.toWord(row.keyOfColumn0);
  Value last = b.sub(places.total, b.word(1));
  forEachInMask(mask, places, [&](int64_t i, Value place) {
    store(b.add(getColumn(held, i), keyOfColumn0), list.keys,
          isDescending() ? b.sub(last, place) : place);
  });
  return b.toIndex(places.total);
}

void RegisterSelection::clearBins() {
  for (int64_t i = 0; i < kBins; i += numThreads)
    store(b.word(0), histogram, b.add(thread, b.word(i)));
}

Value RegisterSelection::select(const TopkRow &row) {
  Held held = loadRow(row);
  // While the logits are under way. There is a barrier ahead of who counts.
  b.ifTrue(b.compare(CmpIPredicate::eq, thread, b.word(0)), [&] {
    writeWord(kNumListed, b.word(0));
    // Of a row that has fewer logits than are wanted.
    writeWord(kBin, b.word(0));
    writeWord(kLeft, b.word(getWanted()));
    writeWord(kInBin, b.word(0));
    int64_t none = isDescending() ? std::numeric_limits<int32_t>::min()
                                  : std::numeric_limits<int32_t>::max();
    writeWord(kCut, b.word(none));
  });
  clearBins();
  Found found = search(held);
  Value isFound = b.compare(CmpIPredicate::ule, found.inBin, b.word(kListed));
  return b
      .choose(
          isFound, b.getIndexType(),
          [&] {
            return SmallVector<Value>{write(row, held, findCut(held, found))};
          },
          [&] { return SmallVector<Value>{b.index(0)}; })
      .front();
}
