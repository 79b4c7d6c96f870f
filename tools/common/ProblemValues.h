//===- ProblemValues.h - What problems are filled with ----------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef MQA_TOOLS_COMMON_PROBLEMVALUES_H
#define MQA_TOOLS_COMMON_PROBLEMVALUES_H

#include "Problem.h"

namespace mqa::tools {

/// Room for so many keys, or for the queries of the problem's shape.
void resizeKeys(Problem &problem, int64_t numKeys);
void resizeQueries(Problem &problem);

/// Normally distributed queries and weights, quantised keys. If `wide`, each
/// head of a query has a scale, which its weight takes.
void fillNormal(Problem &problem, uint64_t seed, bool wide);

/// Small integers, and powers of two as scales: logits are exact.
void fillIntegers(Problem &problem, uint64_t seed);

} // namespace mqa::tools

#endif // MQA_TOOLS_COMMON_PROBLEMVALUES_H
