//===- Scores.h - Products of one query's heads with keys -------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef MQA_TOOLS_COMMON_SCORES_H
#define MQA_TOOLS_COMMON_SCORES_H

#include "Problem.h"

namespace mqa::tools {

/// The float64 products of all heads of one query with a few keys at a time:
/// nearly all of what the oracle does.
class Scores {
public:
  static constexpr int64_t kKeys = 4;
  /// Heads that are computed together, which fill vectors; those of a group are
  /// filled up with zeros.
  static constexpr int64_t kLanes = 8;

  Scores(const Problem &problem, int64_t query);

  /// `keys` are those of all slots, and `slots` says which ones.
  void compute(const std::vector<float> &keys, const int64_t (&slots)[kKeys]);

  /// Without the scales of queries and keys: Σ_d q[h, d] k[d] and Σ_d (q[h, d]
  /// k[d])² of head `head` of a group of heads, and the key with the index
  /// `key` of the last call.
  double getSum(int64_t group, int64_t head, int64_t key) const {
    return sums[getIndex(group, head, key)];
  }
  double getSquares(int64_t group, int64_t head, int64_t key) const {
    return squares[getIndex(group, head, key)];
  }

private:
  int64_t getIndex(int64_t group, int64_t head, int64_t key) const {
    return ((group * blocks + head / kLanes) * kKeys + key) * kLanes +
           head % kLanes;
  }

  int64_t headDim, groups, blocks;
  /// [group, block, dimension, lane].
  std::vector<double> query;
  /// [group, block, key, lane].
  std::vector<double> sums, squares;
};

} // namespace mqa::tools

#endif // MQA_TOOLS_COMMON_SCORES_H
