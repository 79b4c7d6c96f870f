//===- TopkRun.h - What runs of selections have in common -------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef MQA_TOOLS_MQA_RUN_TOPKRUN_H
#define MQA_TOOLS_MQA_RUN_TOPKRUN_H

#include "Options.h"
#include "TopkSession.h"

namespace mqa::tools {

/// Adds to the report. False: a result was wrong.
bool reportCheck(const TopkCheckResult &check, nlohmann::json &report);

/// Launches again as --reruns says; the outputs are there. False: one changed.
bool rerunTopk(TopkSession &session, const Options &options,
               nlohmann::json &report);

/// Adds the time of a launch, and on a GPU what it costs the host.
void timeTopk(Device &device, TopkSession &session, const Options &options,
              bool isCpu, nlohmann::json &report);

} // namespace mqa::tools

#endif // MQA_TOOLS_MQA_RUN_TOPKRUN_H
