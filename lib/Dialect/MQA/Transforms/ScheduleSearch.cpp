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
  // The most stages that there is room for, and rather two of queries.
  auto add = [&](int64_t queryGroups, int64_t keyGroups, int64_t tileQ,
                 int64_t tileKv, Reduction reduction) {
    // What a block costs to begin: the queries of an f16 reduction are scaled.
    int64_t blockCost = reduction == Reduction::F16 ? 3 : 1;
    for (int64_t queryStages : {2, 1}) {
      for (int64_t stages = 2 * keyGroups + 4; stages > keyGroups; --stages) {
        auto schedule = ScheduleAttr::get(
            context, queryGroups * tileQ, keyGroups * tileKv, tileQ, tileKv,
            queryStages, stages, /*accumulators=*/1, Relu::AddAbs, reduction,
            Split::Tiles, blockCost);
        if (!fits(op, schedule))
          continue;
        schedules.push_back(schedule);
        return;
      }
    }
  };
  // Three or four warpgroups: fewer leave the tensor cores waiting, more have
  // too few registers.
  constexpr std::pair<int64_t, int64_t> kGroups[] = {{1, 4}, {1, 3}, {2, 2}};
  for (auto [queryGroups, keyGroups] : kGroups)
    for (int64_t tileQ : {4, 8, 16, 32})
      for (int64_t tileKv : {96, 128})
        for (Reduction reduction : {Reduction::F32, Reduction::F16})
          add(queryGroups, keyGroups, tileQ, tileKv, reduction);
  return schedules;
}
