//===- Sessions.h - One problem for kernels of several outputs --*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef MQA_TOOLS_MQA_BENCH_SESSIONS_H
#define MQA_TOOLS_MQA_BENCH_SESSIONS_H

#include "Session.h"

#include <map>
#include <memory>

namespace mqa::tools {

/// A problem on the device, once for each size of blocks whose maxima some of
/// the kernels take: these have another output. So maxima are measured beside
/// the logits that they are of.
class Sessions {
public:
  Sessions(Device &device, const Slack &slack = {})
      : device(device), slack(slack) {}

  /// Adds what `kernel` needs, unless it is there.
  void add(const Problem &problem, const LoadedKernel &kernel) {
    int64_t size = kernel.getInfo().block_max;
    auto [place, isNew] = problems.try_emplace(size, problem);
    if (!isNew)
      return;
    place->second.format.blockMax = size;
    sessions[size] = std::make_unique<Session>(device, place->second, slack);
  }
  const Problem &getProblem(const LoadedKernel &kernel) const {
    return problems.at(kernel.getInfo().block_max);
  }
  Session &get(const LoadedKernel &kernel) const {
    return *sessions.at(kernel.getInfo().block_max);
  }

private:
  Device &device;
  Slack slack;
  std::map<int64_t, Problem> problems;
  std::map<int64_t, std::unique_ptr<Session>> sessions;
};

} // namespace mqa::tools

#endif // MQA_TOOLS_MQA_BENCH_SESSIONS_H
