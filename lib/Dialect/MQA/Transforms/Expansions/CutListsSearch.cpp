//===- CutListsSearch.cpp - Finds what stays in a list --------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "CutLists.h"
#include "LogitCode.h"
#include "mqa/Dialect/MQA/IR/Ranges.h"

#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

using namespace mlir;
using namespace mlir::mqa;
using arith::CmpIPredicate;

void CutLists::findForced(Value row) {
  if (!hasForced())
    return;
  Ranges ranges = Ranges::get(b, op.getRanges());
  Value start = ranges.loadStart(b, b.getLoc(), row);
  Value end =
      arith::MaxSIOp::create(b, ranges.loadEnd(b, b.getLoc(), row), start);
  auto atMost = [&](int64_t number) {
    return arith::MinSIOp::create(
        b, b.toWord(arith::SubIOp::create(b, end, start)), b.constant(number));
  };
  firstFree = b.add(b.toWord(start), atMost(op.getForceFirst()));
  endFree = b.sub(b.toWord(end), atMost(op.getForceLast()));
}

/// This thread's candidates of those from `first` on.
SmallVector<CutLists::Candidate> CutLists::load(Value first, bool hasKeys) {
  SmallVector<Candidate> candidates;
  int64_t teamThreads = teams.warps * shapes::kWarpThreads;
  auto type = VectorType::get(kVectorSize, b.getI32Type());
  auto loadVector = [&](Value place) -> Value {
    return vector::LoadOp::create(
        b, type, op.getMemory(), b.toIndex(place), /*nontemporal=*/false,
        llvm::MaybeAlign(kVectorSize * sizeof(int32_t)));
  };
  Value start =
      b.add(first, arith::MulIOp::create(b, own, b.constant(kVectorSize)));
  for (int64_t i = 0; i < kUnroll; ++i) {
    Value at = b.add(start, b.constant(i * teamThreads * kVectorSize));
    // What does not exist is not looked at, but must not lie outside.
    Value inside =
        arith::MinUIOp::create(b, at, b.constant(op.getPlaces() - kVectorSize));
    Value place = b.add(list, inside);
    Value bits = loadVector(place), keys;
    if (hasKeys)
      keys = loadVector(b.add(place, b.constant(op.getPlaces())));
    for (int64_t j = 0; j < kVectorSize; ++j) {
      Value key;
      if (hasKeys)
        key = vector::ExtractOp::create(b, keys, j);
      candidates.push_back(
          {vector::ExtractOp::create(b, bits, j), key,
           b.compare(CmpIPredicate::ult, b.add(at, b.constant(j)), count)});
    }
  }
  return candidates;
}

/// Goes over the list; `body` returns what is carried on.
SmallVector<Value> CutLists::forEach(
    bool hasKeys, ValueRange inits,
    function_ref<SmallVector<Value>(ArrayRef<Candidate>, ValueRange)> body) {
  int64_t step = kUnroll * kVectorSize * teams.warps * shapes::kWarpThreads;
  auto loop =
      scf::ForOp::create(b, b.index(0), b.toIndex(count), b.index(step), inits);
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToStart(loop.getBody());
  SmallVector<Value> next =
      body(load(b.toWord(loop.getInductionVar()), hasKeys),
           loop.getRegionIterArgs());
  if (!next.empty())
    scf::YieldOp::create(b, next);
  return llvm::to_vector_of<Value>(loop.getResults());
}

Value CutLists::getRank(const Candidate &candidate) {
  Value code =
      emitCode(b, arith::BitcastOp::create(b, b.getF32Type(), candidate.bits));
  if (!hasForced())
    return code;
  Value isFirst = b.compare(CmpIPredicate::slt, candidate.key, firstFree);
  Value isLast = b.compare(CmpIPredicate::sge, candidate.key, endFree);
  return b.select(arith::OrIOp::create(b, isFirst, isLast),
                  b.constant(kForcedCode), code);
}

/// From the least to the greatest number.
CutLists::Interval CutLists::findWhole(bool hasKeys, Value wanted,
                                       GetNumber getNumber) {
  SmallVector<Value> bounds = forEach(
      hasKeys, ValueRange{b.constant(-1), zero},
      [&](ArrayRef<Candidate> candidates, ValueRange carried) {
        Value least = carried[0], greatest = carried[1];
        for (const Candidate &candidate : candidates) {
          Number number = getNumber(candidate);
          least = arith::MinUIOp::create(
              b, least, b.select(number.counts, number.number, b.constant(-1)));
          greatest = arith::MaxUIOp::create(
              b, greatest, b.select(number.counts, number.number, zero));
        }
        return SmallVector<Value>{least, greatest};
      });
  return {reduce(bounds[0], NVVM::ReduxKind::UMIN, kOfWarps),
          reduce(bounds[1], NVVM::ReduxKind::UMAX, kOfWarps), wanted};
}

/// The bin that holds the last of the wanted numbers, as an interval; and how
/// many there are in it. Each warp finds it for itself.
std::pair<CutLists::Interval, SmallVector<Value>>
CutLists::findBin(const Interval &interval, Value shift) {
  int64_t each = numBins / shapes::kWarpThreads;
  Value first = arith::MulIOp::create(b, team, b.constant(numBins));
  // Lane 0 has the greatest bins.
  Value top = b.sub(b.constant(numBins - 1),
                    arith::MulIOp::create(b, b.lane, b.constant(each)));
  SmallVector<Value> counts;
  Value sum = zero;
  for (int64_t i = 0; i < each; ++i) {
    Value bin = b.sub(top, b.constant(i));
    counts.push_back(b.load(histogram, b.add(first, bin)));
    sum = b.add(sum, counts.back());
  }
  Value inclusive = b.addUpToLane(sum);
  Value above = b.sub(inclusive, sum);
  Value isMine = arith::AndIOp::create(
      b, b.compare(CmpIPredicate::ult, above, interval.wanted),
      b.compare(CmpIPredicate::uge, inclusive, interval.wanted));
  Value bin = zero, wanted = zero, inBin = zero;
  for (int64_t i = 0; i < each; ++i) {
    Value upTo = b.add(above, counts[i]);
    Value isLast = arith::AndIOp::create(
        b, b.compare(CmpIPredicate::ult, above, interval.wanted),
        b.compare(CmpIPredicate::uge, upTo, interval.wanted));
    bin = b.select(isLast, b.sub(top, b.constant(i)), bin);
    wanted = b.select(isLast, b.sub(interval.wanted, above), wanted);
    inBin = b.select(isLast, counts[i], inBin);
    above = upTo;
  }
  // One lane has found it.
  Value lane = math::CountTrailingZerosOp::create(b, b.ballot(isMine));
  for (Value *value : {&bin, &wanted, &inBin})
    *value = gpu::ShuffleOp::create(b, *value, lane,
                                    b.constant(shapes::kWarpThreads),
                                    gpu::ShuffleMode::IDX)
                 .getShuffleResult();
  Value low = b.add(interval.low, arith::ShLIOp::create(b, bin, shift));
  // The last bin may be cut off by `high`.
  Value size = b.sub(arith::ShLIOp::create(b, one, shift), one);
  size = arith::MinUIOp::create(b, size, b.sub(interval.high, low));
  return {{low, b.add(low, size), wanted}, {inBin}};
}

/// The part of `whole` that steps end with, and whether all of it is wanted.
std::pair<CutLists::Interval, Value>
CutLists::search(bool hasKeys, const Interval &whole, GetNumber getNumber) {
  SmallVector<Type> types(3, b.getI32Type());
  types.push_back(b.getI1Type());
  Value inits[] = {whole.low, whole.high, whole.wanted,
                   arith::ConstantIntOp::create(b, false, 1)};
  auto loop = scf::WhileOp::create(b, types, inits);
  SmallVector<Location> locs(types.size(), b.getLoc());
  Block *before = b.createBlock(&loop.getBefore(), {}, types, locs);
  b.setInsertionPointToStart(before);
  Interval interval{before->getArgument(0), before->getArgument(1),
                    before->getArgument(2)};
  Value firstBin = arith::MulIOp::create(b, team, b.constant(numBins));
  auto clear = scf::ForOp::create(b, b.toIndex(own), b.index(numBins),
                                  b.index(teams.warps * shapes::kWarpThreads));
  {
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPointToStart(clear.getBody());
    b.store(zero, histogram,
            b.add(firstBin, b.toWord(clear.getInductionVar())));
  }
  synchronize();
  // The bits of a distance from `low` that this step does not look at.
  Value zeros =
      math::CountLeadingZerosOp::create(b, b.sub(interval.high, interval.low));
  Value shift = b.sub(b.constant(32 - llvm::Log2_64(numBins)), zeros);
  shift = arith::MaxSIOp::create(b, shift, zero);
  forEach(hasKeys, ValueRange(),
          [&](ArrayRef<Candidate> candidates, ValueRange) {
            for (const Candidate &candidate : candidates) {
              Number number = getNumber(candidate);
              Value isCounted = arith::AndIOp::create(
                  b, number.counts, isIn(number.number, interval));
              ifTrue(isCounted, [&] {
                Value bin = arith::ShRUIOp::create(
                    b, b.sub(number.number, interval.low), shift);
                memref::AtomicRMWOp::create(
                    b, arith::AtomicRMWKind::addi, one, histogram,
                    ValueRange{b.toIndex(b.add(firstBin, bin))});
              });
            }
            return SmallVector<Value>();
          });
  synchronize();
  auto [part, inBin] = findBin(interval, shift);
  // The histogram is used again.
  synchronize();
  Value isSingle = b.compare(CmpIPredicate::eq, shift, zero);
  // The bin has at most `slack` more candidates than are wanted: then all of it
  // stays, and the search ends.
  Value tooMany = b.sub(inBin[0], part.wanted);
  Value isExact =
      b.compare(CmpIPredicate::ule, tooMany, b.constant(op.getSlack()));
  Value goesOn =
      arith::XOrIOp::create(b, arith::OrIOp::create(b, isExact, isSingle),
                            arith::ConstantIntOp::create(b, true, 1));
  scf::ConditionOp::create(
      b, goesOn, ValueRange{part.low, part.high, part.wanted, isExact});
  Block *after = b.createBlock(&loop.getAfter(), {}, types, locs);
  b.setInsertionPointToStart(after);
  scf::YieldOp::create(b, after->getArguments());
  b.setInsertionPointAfter(loop);
  return {{loop.getResult(0), loop.getResult(1), loop.getResult(2)},
          loop.getResult(3)};
}
