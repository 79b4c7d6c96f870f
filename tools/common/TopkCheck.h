//===- TopkCheck.h - Compares a selection with sorted logits ----*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef MQA_TOOLS_COMMON_TOPKCHECK_H
#define MQA_TOOLS_COMMON_TOPKCHECK_H

#include "TopkProblem.h"

#include <cstddef>

namespace mqa::tools {

/// The outputs on the host: rows of `indicesStride` and `valuesStride`, and
/// `guard` elements before and behind them, all poisoned before the launch.
struct TopkOutput {
  /// No index of a problem, and no logit: a NaN that nobody computes.
  static constexpr uint32_t kPoison = 0xffbad123;

  std::vector<uint32_t> indices, values;
  int64_t numQueries, k, indicesStride, valuesStride;
  size_t guard;

  TopkOutput(const TopkProblem &problem, int64_t indicesStride,
             int64_t valuesStride, size_t guard);
  bool operator==(const TopkOutput &other) const {
    return indices == other.indices && values == other.values;
  }
};

struct TopkCheckResult {
  /// Entries of `indices` and of `values` that are not what they must be. Of
  /// rows in no order, those that the one has and the other has not.
  int64_t wrongIndices = 0, wrongValues = 0;
  /// Elements written outside of the M x k windows.
  int64_t outsideWrites = 0;
  int64_t checkedRows = 0;
  /// The first row that has wrong entries; -1: none.
  int64_t firstWrongRow = -1;

  int64_t countWrong() const {
    return wrongIndices + wrongValues + outsideWrites;
  }
  bool passes() const { return countWrong() == 0; }
};

/// One entry of a row: the index, and the logit.
struct Selected {
  int32_t index;
  float value;
};

/// The k entries of row m.
std::vector<Selected> selectKeys(const TopkProblem &problem, int64_t m);

/// Compares whole rows, spread over the problem, of at most about `maxLogits`
/// logits together.
TopkCheckResult checkTopk(const TopkProblem &problem, const TopkOutput &output,
                          int64_t maxLogits);

} // namespace mqa::tools

#endif // MQA_TOOLS_COMMON_TOPKCHECK_H
