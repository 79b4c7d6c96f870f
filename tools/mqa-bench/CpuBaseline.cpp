//===- CpuBaseline.cpp - mqa.logits as a plain C++ loop nest --------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "CpuBaseline.h"
#include "KernelCases.h"

using namespace mqa::tools;

DecodedProblem::DecodedProblem(const Problem &problem)
    : problem(problem), q(decodeAll(problem.format.input, problem.q)),
      k(problem.decodeKeys()), kScale(problem.getKeyScales()) {}

void mqa::tools::runCpuBaseline(const DecodedProblem &decoded, float *out) {
  const Problem &problem = decoded.problem;
  const Shape &shape = problem.shape;
  int64_t numHeads = shape.numHeads, headDim = shape.headDim;
  int64_t groupHeads = numHeads / shape.numGroups;
  for (int64_t m = 0; m < shape.numQueries; ++m) {
    for (int64_t n = problem.begin(m); n < problem.end(m); ++n) {
      mqa_head_reduction reduction = problem.format.headReduction;
      float logit = getNeutralTerm<float>(reduction);
      float ofGroup = logit;
      for (int64_t h = 0; h < numHeads; ++h) {
        int64_t group = n * shape.numGroups + h / groupHeads;
        const float *key = decoded.k.data() + group * headDim;
        const float *query = decoded.q.data() + (m * numHeads + h) * headDim;
        float score = 0;
        for (int64_t d = 0; d < headDim; ++d)
          score += query[d] * key[d];
        score = activate(problem.format.activation, score);
        ofGroup = combineHeads(reduction, ofGroup,
                               problem.weights[m * numHeads + h] * score);
        if ((h + 1) % groupHeads)
          continue;
        logit = combineHeads(reduction, logit, decoded.kScale[group] * ofGroup);
        ofGroup = getNeutralTerm<float>(reduction);
      }
      out[m * problem.countColumns() + problem.getColumn(m, n)] = logit;
    }
  }
}

double mqa::tools::estimateCpuBaseline(Device &device,
                                       const mqa_kernel_info &info,
                                       double operations) {
  Shape shape{/*numQueries=*/4, info.num_heads,
              info.head_dim,    /*numKeys=*/64,
              info.num_groups,  /*maxSeqlenK=*/64};
  Problem problem = makeProblem(shape, Mask::Full, /*seed=*/1, /*wide=*/false,
                                getFormat(info));
  DecodedProblem decoded(problem);
  std::vector<float> out(shape.numQueries * problem.countColumns());
  double time =
      getMedian(device.time(3, [&] { runCpuBaseline(decoded, out.data()); }));
  return time * operations / countOperations(problem);
}
