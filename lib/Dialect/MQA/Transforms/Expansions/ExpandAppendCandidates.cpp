//===- ExpandAppendCandidates.cpp - Expands mqa.append_candidates ---------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Candidates.h"
#include "LogitCode.h"
#include "mqa/Dialect/MQA/IR/Shapes.h"

#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

using namespace mlir;
using namespace mlir::mqa;
using arith::CmpIPredicate;

namespace {
/// Where in the list this thread's candidates go: a warp's are behind those of
/// the warps ahead of it, and a thread's behind those of the lanes ahead of it.
struct Places {
  /// Of each element, whether it is appended.
  SmallVector<Value> isAppended;
  /// How many all threads, this warp, the warps ahead and the lanes ahead have.
  Value total, ofWarp, ofWarpsAhead, ofLanesAhead;
};
} // namespace

static Places findPlaces(BlockBuilder &b, CandidateScratch &scratch,
                         AppendCandidatesOp op) {
  Places places;
  places.ofWarp = places.ofLanesAhead = b.constant(0);
  for (int64_t i = 0, e = op.getLogits().getType().getNumElements(); i < e;
       ++i) {
    Value logit = vector::ExtractOp::create(b, op.getLogits(), i);
    // False for NaN.
    Value isAppended = arith::CmpFOp::create(b, arith::CmpFPredicate::OGE,
                                             logit, op.getThreshold());
    if (op.getForced())
      isAppended = arith::OrIOp::create(
          b, isAppended, vector::ExtractOp::create(b, op.getForced(), i));
    if (op.getTakesNan()) {
      Value isNaN =
          arith::CmpFOp::create(b, arith::CmpFPredicate::UNO, logit, logit);
      isAppended = arith::OrIOp::create(
          b, isAppended, arith::AndIOp::create(b, isNaN, op.getTakesNan()));
    }
    if (op.getOwnKeys()) {
      Value key = vector::ExtractOp::create(b, op.getOwnKeys(), i);
      isAppended = arith::AndIOp::create(
          b, isAppended, b.compare(CmpIPredicate::sge, key, b.constant(0)));
    }
    Value ballot = b.ballot(isAppended);
    places.isAppended.push_back(isAppended);
    places.ofWarp = b.add(places.ofWarp, b.countBits(ballot));
    places.ofLanesAhead = b.add(places.ofLanesAhead, b.countLanesAhead(ballot));
  }
  Value words = scratch.getAppendWords(b);
  Value start = arith::MulIOp::create(b, b.toWord(op.getTurn()),
                                      b.constant(shapes::kWarpThreads));
  b.publish(places.ofWarp, words, start);
  b.barrier();
  places.ofWarpsAhead = b.sumOverWarps(words, start, [&](Value warp) {
    return b.compare(CmpIPredicate::ult, warp, b.warp);
  });
  places.total = b.sumOverWarps(words, start, [&](Value) {
    return arith::ConstantIntOp::create(b, true, 1);
  });
  return places;
}

/// The word of an own key: above a bit that tells -0 from +0.
static Value getOwnWord(BlockBuilder &b, AppendCandidatesOp op, int64_t i) {
  Value logit = vector::ExtractOp::create(b, op.getLogits(), i);
  Value bits = arith::BitcastOp::create(b, b.getI32Type(), logit);
  Value isNegativeZero = b.compare(
      CmpIPredicate::eq, bits, b.constant(std::numeric_limits<int32_t>::min()));
  Value key = vector::ExtractOp::create(b, op.getOwnKeys(), i);
  Value twice = arith::ShLIOp::create(b, key, b.constant(1));
  Value bit = arith::ExtUIOp::create(b, b.getI32Type(), isNegativeZero);
  return arith::OrIOp::create(b, twice, bit);
}

/// Stores this thread's candidates, the first of them at `place`.
static void storeCandidates(BlockBuilder &b, AppendCandidatesOp op,
                            const Places &places, Value place) {
  Value key;
  if (op.getFirstKey())
    key = b.toWord(op.getFirstKey());
  for (auto [i, isAppended] : llvm::enumerate(places.isAppended)) {
    auto store = scf::IfOp::create(b, isAppended, /*withElseRegion=*/false);
    {
      OpBuilder::InsertionGuard guard(b);
      b.setInsertionPointToStart(store.thenBlock());
      Value code = emitCode(b, vector::ExtractOp::create(
                                   b, op.getLogits(), static_cast<int64_t>(i)));
      if (op.getForced())
        code = b.select(vector::ExtractOp::create(b, op.getForced(),
                                                  static_cast<int64_t>(i)),
                        b.constant(kForcedCode), code);
      b.store(code, op.getCodes(), place);
      Value word;
      if (key)
        word = b.add(key, b.constant(op.getDescending() ? -int64_t(i) : i));
      else
        word = getOwnWord(b, op, i);
      b.store(word, op.getKeys(), place);
    }
    place = b.add(place, arith::ExtUIOp::create(b, b.getI32Type(), isAppended));
  }
}

void mqa::expandAppend(BlockBuilder &b, CandidateScratch &scratch,
                       AppendCandidatesOp op) {
  Places places = findPlaces(b, scratch, op);
  Value count = b.toWord(op.getCount());
  Value sum = b.add(count, places.total);
  Value size = b.constant(op.getCodes().getType().getDimSize(0));
  Value fits = b.compare(CmpIPredicate::ule, sum, size);
  // Behind the first keys, most warps have nothing to append.
  Value some = b.compare(CmpIPredicate::ne, places.ofWarp, b.constant(0));
  auto append = scf::IfOp::create(b, arith::AndIOp::create(b, fits, some),
                                  /*withElseRegion=*/false);
  {
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPointToStart(append.thenBlock());
    Value place = b.add(count, b.add(places.ofWarpsAhead, places.ofLanesAhead));
    storeCandidates(b, op, places, place);
  }
  op.getNewCount().replaceAllUsesWith(b.toIndex(b.select(fits, sum, count)));
  op.getFits().replaceAllUsesWith(fits);
  op.erase();
}
