//===- CpuBaseline.cpp - mqa.logits as a plain C++ loop nest --------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "CpuBaseline.h"

using namespace mqa::tools;

DecodedProblem::DecodedProblem(const Problem &problem)
    : problem(problem), q(decodeAll(problem.format.input, problem.q)),
      k(decodeAll(problem.format.input, problem.k)) {}

void mqa::tools::runCpuBaseline(const DecodedProblem &decoded, float *out) {
  const Problem &problem = decoded.problem;
  const Shape &shape = problem.shape;
  int64_t numHeads = shape.numHeads, headDim = shape.headDim;
  for (int64_t m = 0; m < shape.numQueries; ++m) {
    for (int64_t n = problem.begin(m); n < problem.end(m); ++n) {
      const float *key = decoded.k.data() + n * headDim;
      float logit = 0;
      for (int64_t h = 0; h < numHeads; ++h) {
        const float *query = decoded.q.data() + (m * numHeads + h) * headDim;
        float score = 0;
        for (int64_t d = 0; d < headDim; ++d)
          score += query[d] * key[d];
        logit += problem.weights[m * numHeads + h] * (score > 0 ? score : 0);
      }
      out[m * shape.numKeys + n] = problem.kScale[n] * logit;
    }
  }
}
