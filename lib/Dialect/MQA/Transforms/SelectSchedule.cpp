//===- SelectSchedule.cpp - Gives every mqa.logits a schedule -------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "mqa/Dialect/MQA/Transforms/Passes.h"
#include "mqa/Dialect/MQA/Transforms/TilePlan.h"

#include "mlir/AsmParser/AsmParser.h"

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
    ScheduleAttr given;
    if (!schedule.empty()) {
      std::string text = "#mqa.schedule<" + schedule + ">";
      given = dyn_cast_or_null<ScheduleAttr>(
          parseAttribute(text, &getContext(), Type(), nullptr,
                         /*isKnownNullTerminated=*/true));
      if (!given) {
        emitError(UnknownLoc::get(&getContext()))
            << "cannot parse '" << text << "', expected for instance "
            << "'block_q = 2, block_kv = 256, warpgroups = 4, stages = 4'";
        return signalPassFailure();
      }
    }
    WalkResult result = getOperation()->walk([&](LogitsOp op) {
      ScheduleAttr chosen = op.getScheduleAttr();
      if (!chosen)
        chosen = given ? given : TilePlan::getDefaultSchedule(op);
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
