//===- CpuBaseline.h - mqa.logits as a plain C++ loop nest ------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef MQA_TOOLS_MQA_BENCH_CPUBASELINE_H
#define MQA_TOOLS_MQA_BENCH_CPUBASELINE_H

#include "Session.h"

namespace mqa::tools {

/// A problem whose q and k are decoded to f32 beforehand.
struct DecodedProblem {
  explicit DecodedProblem(const Problem &problem);
  const Problem &problem;
  std::vector<float> q, k, kScale;
};

/// The formula of mqa.logits as one would write it down, on one thread.
/// Compiled with -O3 -march=native.
void runCpuBaseline(const DecodedProblem &problem, float *out);

/// The microseconds that it would take for so many operations: those of a small
/// problem with the same heads, times what there are more of.
double estimateCpuBaseline(Device &device, const mqa_kernel_info &info,
                           double operations);

} // namespace mqa::tools

#endif // MQA_TOOLS_MQA_BENCH_CPUBASELINE_H
