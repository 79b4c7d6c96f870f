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

/// The first entry of `schedules.json` called `name` ("exact" or "fast") for
/// the shape of `op` on `chip`; null if there is none. What was measured are
/// kernels of f8E4M3FN, so others have no entry.
ScheduleAttr lookUpSchedule(LogitsOpInterface op, StringRef name,
                            StringRef chip = "sm_90a");

/// Whether `schedule` fits `op`; emits nothing.
bool fitsSchedule(LogitsOpInterface op, ScheduleAttr schedule);

/// The likeliest of the schedules that fit `op`, by what the searches for other
/// shapes found: for shapes that were not measured. Null if none fits.
ScheduleAttr deriveSchedule(LogitsOpInterface op, Reduction reduction);

/// Schedules of `op` that are worth measuring: all that fit among those that
/// keep three or four consumer warpgroups busy.
SmallVector<ScheduleAttr> enumerateSchedules(LogitsOpInterface op);

} // namespace mqa
} // namespace mlir

#endif // MQA_DIALECT_MQA_TRANSFORMS_SCHEDULETABLE_H
