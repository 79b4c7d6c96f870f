//===- RandomCases.h - Many small problems ----------------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef MQA_TOOLS_MQA_BENCH_RANDOMCASES_H
#define MQA_TOOLS_MQA_BENCH_RANDOMCASES_H

#include "Problem.h"

#include <cstdint>
#include <random>
#include <string>
#include <vector>

namespace mqa::tools {

struct RandomOptions {
  std::vector<std::string> bundles;
  /// Problems per kernel, and launches of each that must give the same bits.
  int cases = 50, reruns = 20;
  /// Launches of one large problem per kernel, which must give the same bits:
  /// what small problems do not show, as they fill neither the rings nor the
  /// chip.
  int largeReruns = 0;
  uint64_t seed = 0;
  /// Where the counts go, if it is not empty.
  std::string json;
};

/// Runs every kernel of every bundle on problems of random small shape, mask
/// and output stride; a quarter of them in small integers, which must be exact,
/// a quarter with NaN in q, k and k_scale, which must reach the right logits.
/// Prints what is wrong and a summary; returns the exit code.
int runRandom(const RandomOptions &options);

/// A few NaN of both signs, where there is room for them; and infinities, where
/// the type has them.
void plantNaN(Problem &problem, std::mt19937_64 &random);

} // namespace mqa::tools

#endif // MQA_TOOLS_MQA_BENCH_RANDOMCASES_H
