//===- ScheduleTable.h - Schedules found by measurement ---------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef MQA_DIALECT_MQA_TRANSFORMS_SCHEDULETABLE_H
#define MQA_DIALECT_MQA_TRANSFORMS_SCHEDULETABLE_H

#include "mqa/Dialect/MQA/IR/MQA.h"

namespace mlir {
namespace mqa {

/// Parses the parameters of `#mqa.schedule<...>`; null, without a diagnostic,
/// if they cannot be parsed.
ScheduleAttr parseSchedule(MLIRContext *context, StringRef parameters);

/// The first entry of `schedules.json` called `name` ("exact" or "fast") that
/// fits `op` on `chip`; null if there is none.
ScheduleAttr lookUpSchedule(LogitsOp op, StringRef name,
                            StringRef chip = "sm_90a");

/// Schedules of `op` that are worth measuring: all that fit among those that
/// keep three or four consumer warpgroups busy.
SmallVector<ScheduleAttr> enumerateSchedules(LogitsOp op);

} // namespace mqa
} // namespace mlir

#endif // MQA_DIALECT_MQA_TRANSFORMS_SCHEDULETABLE_H
