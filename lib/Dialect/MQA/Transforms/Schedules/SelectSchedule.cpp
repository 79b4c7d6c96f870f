//===- SelectSchedule.cpp - Gives every mqa.logits a schedule -------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "mqa/Dialect/MQA/Transforms/KernelFunctions.h"

#include "mlir/IR/TypeUtilities.h"
#include "mlir/Pass/Pass.h"
#include "mqa/Dialect/MQA/IR/MxOperands.h"
#include "mqa/Dialect/MQA/IR/Target.h"
#include "mqa/Dialect/MQA/Transforms/ScheduleTable.h"
#include "mqa/Dialect/MQA/Transforms/TilePlan.h"

#include "llvm/Support/DebugLog.h"
#include <limits>

#define DEBUG_TYPE "mqa-select-schedule"

namespace mlir {
namespace mqa {
#define GEN_PASS_DEF_MQASELECTSCHEDULEPASS
#include "mqa/Dialect/MQA/Transforms/Passes/MQASelectSchedulePass.h.inc"
} // namespace mqa
} // namespace mlir

using namespace mlir;
using namespace mlir::mqa;

/// `schedule` as a selection needs it, with the same tiles, so that logits have
/// the same bits: blocks of fewer queries, whose lists take less of the
/// caller's memory, and as few stages less as leave room in shared memory. Null
/// if none fits.
static ScheduleAttr fitSelection(LogitsOpInterface op, const ChipInfo &chip,
                                 ScheduleAttr schedule) {
  constexpr int64_t kMaxQueries = 8;
  int64_t blockQ = schedule.getBlockQ(), blockKv = schedule.getBlockKv();
  while (blockQ > kMaxQueries && blockQ % (2 * schedule.getTileQ()) == 0) {
    blockQ /= 2;
    blockKv *= 2;
  }
  for (int64_t stages = schedule.getStages(); stages >= 2; --stages) {
    auto fewer = ScheduleAttr::get(
        op->getContext(), blockQ, blockKv, schedule.getTileQ(),
        schedule.getTileKv(), schedule.getQueryStages(), stages,
        schedule.getAccumulators(), schedule.getRelu(), schedule.getReduction(),
        schedule.getSplit(), schedule.getBlockCost(), schedule.getBlockHeads(),
        schedule.getRows());
    if (fitsSchedule(op, chip, fewer))
      return fewer;
  }
  return {};
}

/// Whether `a` and `b` combine the same products alike, so that the same tiles
/// give the same bits.
static bool computeAlike(LogitsOpInterface a, LogitsOpInterface b) {
  auto getWeightsType = [](LogitsOpInterface op) {
    Value weights = op.getWeights();
    return weights ? getElementTypeOrSelf(weights) : Type();
  };
  return a.getNumHeads() == b.getNumHeads() &&
         a.getHeadDim() == b.getHeadDim() &&
         a.getNumGroups() == b.getNumGroups() && a.getNextN() == b.getNextN() &&
         a.getMxFormat() == b.getMxFormat() &&
         a.getQueryFormat() == b.getQueryFormat() &&
         a.getInputElementType() == b.getInputElementType() &&
         getWeightsType(a) == getWeightsType(b) &&
         a.getActivation() == b.getActivation() &&
         a.getHeadReduction() == b.getHeadReduction();
}

/// The measured entry; without one, the likeliest that fits. If nothing fits,
/// the smallest schedule: its diagnostic says which limit it breaks.
static ScheduleAttr chooseNamed(LogitsOpInterface op, const ChipInfo &chip,
                                StringRef name, bool areSelected) {
  if (ScheduleAttr entry = lookUpSchedule(op, chip, name, areSelected)) {
    if (getUnstoredLogits(op))
      entry = fitSelection(op, chip, entry);
    if (entry && fitsSchedule(op, chip, entry))
      return entry;
  }
  bool fast = name == "fast";
  if (ScheduleAttr schedule =
          deriveSchedule(op, chip, fast ? Reduction::F16 : Reduction::F32))
    return schedule;
  return parseSchedule(op->getContext(),
                       fast ? "block_q = 4, block_kv = 32, tile_kv = 32, "
                              "query_stages = 1, stages = 2, reduction = f16"
                            : "block_q = 4, block_kv = 32, tile_kv = 32, "
                              "query_stages = 1, stages = 2");
}

namespace {
struct SelectSchedulePass
    : mqa::impl::MQASelectSchedulePassBase<SelectSchedulePass> {
  using MQASelectSchedulePassBase::MQASelectSchedulePassBase;

  /// Whether a kernel selects from the logits of `op`, or from others that have
  /// to have the same bits.
  bool areSelected(LogitsOpInterface op) {
    return getOperation()
        ->walk([&](LogitsOpInterface other) {
          return getUnstoredLogits(other) && computeAlike(op, other)
                     ? WalkResult::interrupt()
                     : WalkResult::advance();
        })
        .wasInterrupted();
  }

  ScheduleAttr choose(LogitsOpInterface op, const ChipInfo &chip) {
    bool selected = areSelected(op);
    if (!schedule.empty())
      return chooseNamed(op, chip, schedule, selected);
    // A 16-bit logit loses more by its own rounding than by an f16 reduction.
    // For a few queries against a paged cache, which is as fast as memory, that
    // gains nothing.
    if ((!op.getNextN() || op.hasManyRows()) &&
        !op.getOutType().getElementType().isF32()) {
      ScheduleAttr fast = chooseNamed(op, chip, "fast", selected);
      if (fitsSchedule(op, chip, fast))
        return fast;
    }
    return chooseNamed(op, chip, "exact", selected);
  }

  void runOnOperation() override {
    FailureOr<ScheduleAttr> given =
        parseScheduleOption(UnknownLoc::get(&getContext()), schedule);
    if (failed(given))
      return signalPassFailure();
    WalkResult result = getOperation()->walk([&](LogitsOpInterface op) {
      FailureOr<const ChipInfo *> chip = requireGpu(op);
      if (failed(chip) || failed(verifyPackedOperands(op)))
        return WalkResult::interrupt();
      ScheduleAttr chosen = op.getScheduleAttr();
      if (!chosen)
        chosen = *given ? *given : choose(op, **chip);
      auto emitPlanError = [&] {
        return op->emitOpError() << "schedule " << chosen << " does not fit: ";
      };
      if (failed(TilePlan::get(op, **chip, chosen, emitPlanError)))
        return WalkResult::interrupt();
      // Inside a block of rows, the device counts with 32 bits: a launch would
      // refuse so many columns.
      int64_t columns = op.getOutType().getDimSize(1);
      int64_t most = std::numeric_limits<int32_t>::max() / chosen.getBlockQ();
      if (columns > most) {
        emitPlanError() << "block_q = " << chosen.getBlockQ()
                        << " rows of 'out' may have at most " << most
                        << " columns, found " << columns;
        return WalkResult::interrupt();
      }
      LDBG() << (op.getScheduleAttr() ? "keeps " : "chooses ") << chosen
             << " for " << *op;
      op.setScheduleAttr(chosen);
      return WalkResult::advance();
    });
    if (result.wasInterrupted())
      signalPassFailure();
  }
};
} // namespace
