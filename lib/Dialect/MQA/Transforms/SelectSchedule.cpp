//===- SelectSchedule.cpp - Gives every mqa.logits a schedule -------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "mqa/Dialect/MQA/Transforms/Passes.h"
#include "mqa/Dialect/MQA/Transforms/ScheduleTable.h"
#include "mqa/Dialect/MQA/Transforms/TilePlan.h"

namespace mlir {
namespace mqa {
#define GEN_PASS_DEF_MQASELECTSCHEDULEPASS
#include "mqa/Dialect/MQA/Transforms/Passes.h.inc"
} // namespace mqa
} // namespace mlir

using namespace mlir;
using namespace mlir::mqa;

namespace {
struct SelectSchedulePass
    : mqa::impl::MQASelectSchedulePassBase<SelectSchedulePass> {
  using MQASelectSchedulePassBase::MQASelectSchedulePassBase;

  void runOnOperation() override {
    // A name of the table, or parameters.
    bool isName = schedule == "exact" || schedule == "fast";
    ScheduleAttr given;
    if (!schedule.empty() && !isName) {
      given = parseSchedule(&getContext(), schedule);
      if (!given) {
        emitError(UnknownLoc::get(&getContext()))
            << "cannot parse '#mqa.schedule<" << schedule
            << ">', expected 'exact', 'fast' or for instance "
            << "'block_q = 8, block_kv = 256, tile_kv = 128, stages = 2'";
        return signalPassFailure();
      }
    }
    WalkResult result = getOperation()->walk([&](LogitsOp op) {
      ScheduleAttr chosen = op.getScheduleAttr();
      if (!chosen)
        chosen = given ? given
                       : lookUpSchedule(op, isName ? StringRef(schedule)
                                                   : StringRef("exact"));
      if (!chosen) {
        op.emitOpError("has no schedule in the table");
        return WalkResult::interrupt();
      }
      auto emitPlanError = [&] {
        return op.emitOpError() << "schedule " << chosen << " does not fit: ";
      };
      if (failed(TilePlan::get(op, chosen, emitPlanError)))
        return WalkResult::interrupt();
      op.setScheduleAttr(chosen);
      return WalkResult::advance();
    });
    if (result.wasInterrupted())
      signalPassFailure();
  }
};
} // namespace
