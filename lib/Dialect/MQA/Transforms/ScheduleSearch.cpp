//===- ScheduleSearch.cpp - Schedules worth measuring ---------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "mqa/Dialect/MQA/Transforms/ScheduleTable.h"
#include "mqa/Dialect/MQA/Transforms/TilePlan.h"

using namespace mlir;
using namespace mlir::mqa;

static bool fits(LogitsOp op, ScheduleAttr schedule) {
  ScopedDiagnosticHandler silence(op.getContext(), [](Diagnostic &) {});
  return succeeded(TilePlan::get(op, schedule, [&] { return op.emitError(); }));
}

SmallVector<ScheduleAttr> mqa::enumerateSchedules(LogitsOp op) {
  MLIRContext *context = op.getContext();
  SmallVector<ScheduleAttr> schedules;
  auto add = [&](int64_t blockQ, int64_t keyGroups, int64_t tileKv,
                 int64_t accumulators, Relu relu, Reduction reduction) {
    // More stages only where the ones that there are come in small pieces.
    for (int64_t stages : {4, 3, 2}) {
      auto schedule =
          ScheduleAttr::get(context, blockQ, keyGroups * tileKv, tileKv, stages,
                            accumulators, relu, reduction, Split::Tiles);
      if (!fits(op, schedule))
        continue;
      schedules.push_back(schedule);
      return;
    }
  };
  for (int64_t queryGroups : {1, 2, 3, 4})
    for (int64_t keyGroups : {1, 2, 3, 4})
      for (int64_t tileKv : {64, 96, 128, 192})
        for (int64_t accumulators : {1, 2}) {
          int64_t warpgroups = queryGroups * keyGroups;
          int64_t blockQ = queryGroups * hopper::kTileQueries;
          if (warpgroups < 3 || warpgroups > 4)
            continue;
          for (Relu relu : {Relu::AddAbs, Relu::Mixed, Relu::IntegerMax})
            add(blockQ, keyGroups, tileKv, accumulators, relu, Reduction::F32);
          // The packed conversion is relu as well.
          add(blockQ, keyGroups, tileKv, accumulators, Relu::Mixed,
              Reduction::F16);
        }
  return schedules;
}
