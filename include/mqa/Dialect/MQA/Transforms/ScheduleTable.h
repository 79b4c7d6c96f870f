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

/// What the option `schedule` means: null for "exact", "fast" and "", else the
/// schedule whose parameters it has. An error at `loc` if it is none of these.
FailureOr<ScheduleAttr> parseScheduleOption(Location loc, StringRef option);

/// The first entry of `chip` in `schedules.json` called `name` ("exact" or
/// "fast") for the shape and types of `op`; null if there is none. An entry
/// that does not say which types it is for is for q and k of f8E4M3FN.
/// `areSelected`: a kernel selects from these logits, or from others with the
/// same bits.
ScheduleAttr lookUpSchedule(LogitsOpInterface op, const ChipInfo &chip,
                            StringRef name, bool areSelected);

/// Whether `schedule` fits `op` on `chip`.
bool fitsSchedule(LogitsOpInterface op, const ChipInfo &chip,
                  ScheduleAttr schedule);

/// The likeliest of the schedules that fit `op` on `chip`, by what the searches
/// for other shapes found: for shapes that were not measured. Null if none
/// fits.
ScheduleAttr deriveSchedule(LogitsOpInterface op, const ChipInfo &chip,
                            Reduction reduction);

/// Schedules of `op` that are worth measuring on `chip`: all that fit among
/// those that keep three or four consumer groups busy.
SmallVector<ScheduleAttr> enumerateSchedules(LogitsOpInterface op,
                                             const ChipInfo &chip);

} // namespace mqa
} // namespace mlir

#endif // MQA_DIALECT_MQA_TRANSFORMS_SCHEDULETABLE_H
