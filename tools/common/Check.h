//===- Check.h - Compares logits with a float64 oracle ----------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef MQA_TOOLS_COMMON_CHECK_H
#define MQA_TOOLS_COMMON_CHECK_H

#include "Problem.h"

#include <cstddef>

namespace mqa::tools {

/// What a cell holds that nobody wrote: a NaN that no computation gives.
constexpr uint32_t kPoison = 0xffbad123;

/// An output on the host: rows of `stride` floats, and `guard` floats before
/// and behind them, all poisoned before the launch.
struct Output {
  std::vector<float> data;
  int64_t numQueries, numKeys, stride;
  size_t guard;

  Output(const Shape &shape, int64_t stride, size_t guard);
  size_t getBytes() const { return data.size() * sizeof(float); }
};

struct CheckResult {
  /// ||out - ref|| / ||ref|| over the sampled rows' ranges.
  double relativeError = 0;
  /// 1 - 2 sum(out ref) / sum(out^2 + ref^2), the peer's measure.
  double difference = 0;
  /// Cells further from the reference than 2^-9 k_scale sum |w max(.,0)|; 2^-7
  /// for a fast kernel: its worst case, 20 roundings to 11 bits, is 2^-6.7.
  int64_t elementErrors = 0;
  /// Cells inside a range that are unwritten or -inf, or outside one that are
  /// not -inf (clean) or not untouched (not clean). All cells are looked at.
  int64_t maskMismatches = 0;
  /// Floats written outside of the M x N window.
  int64_t outsideWrites = 0;
  int64_t sampledRows = 0;
  /// Whether it is held to the tolerances of a reduction in half precision.
  bool fast = false;

  /// 5e-4 for the exact (f32) reduction, 1e-3 for the fast one.
  bool passes() const {
    return relativeError <= (fast ? 1e-3 : 5e-4) && difference < 5e-6 &&
           elementErrors == 0 && maskMismatches == 0 && outsideWrites == 0;
  }
};

/// Compares at most about `maxPairs` (query, key) pairs in whole rows, spread
/// over the problem; all rows if they are fewer.
CheckResult checkOutput(const Problem &problem, const Output &output,
                        bool clean, int64_t maxPairs, bool fast = false);

} // namespace mqa::tools

#endif // MQA_TOOLS_COMMON_CHECK_H
