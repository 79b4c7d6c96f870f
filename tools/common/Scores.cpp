//===- Scores.cpp - Products of one query's heads with keys ---------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Scores.h"

using namespace mqa::tools;

// The tools are compiled for any machine, but use the vectors of the one that
// they run on. (A sanitizer is not yet there when the choice is made.)
#if defined(__x86_64__) && defined(__GNUC__) &&                                \
    !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
#define MQA_FOR_EACH_VECTOR                                                    \
  __attribute__((target_clones("avx512f", "avx2", "default")))
#else
#define MQA_FOR_EACH_VECTOR
#endif

Scores::Scores(const Problem &problem, int64_t row)
    : headDim(problem.shape.headDim), groups(problem.shape.numGroups) {
  int64_t numHeads = problem.shape.numHeads, groupHeads = numHeads / groups;
  blocks = (groupHeads + kLanes - 1) / kLanes;
  query.resize(groups * blocks * headDim * kLanes);
  sums.resize(groups * blocks * kKeys * kLanes);
  squares.resize(sums.size());
  for (int64_t h = 0; h < numHeads; ++h) {
    int64_t head = h % groupHeads;
    double *to = query.data() +
                 (h / groupHeads * blocks + head / kLanes) * headDim * kLanes +
                 head % kLanes;
    std::vector<float> values = problem.decodeHead(row * numHeads + h);
    for (int64_t i = 0; i < headDim; ++i)
      to[i * kLanes] = values[i];
  }
}

/// One block of heads: an array of kKeys x kLanes each, which stays in
/// registers.
MQA_FOR_EACH_VECTOR
static void computeBlock(const double *query, const float *const *keys,
                         int64_t headDim, double *sums, double *squares) {
  typedef double Lanes
      __attribute__((vector_size(Scores::kLanes * sizeof(double)),
                     aligned(sizeof(double)), may_alias));
  Lanes sum[Scores::kKeys] = {}, square[Scores::kKeys] = {};
  for (int64_t i = 0; i < headDim; ++i) {
    Lanes q = *reinterpret_cast<const Lanes *>(query + i * Scores::kLanes);
    for (int64_t key = 0; key < Scores::kKeys; ++key) {
      Lanes product = q * static_cast<double>(keys[key][i]);
      sum[key] += product;
      square[key] += product * product;
    }
  }
  for (int64_t key = 0; key < Scores::kKeys; ++key) {
    *reinterpret_cast<Lanes *>(sums + key * Scores::kLanes) = sum[key];
    *reinterpret_cast<Lanes *>(squares + key * Scores::kLanes) = square[key];
  }
}

void Scores::compute(const std::vector<float> &keys,
                     const int64_t (&slots)[kKeys]) {
  for (int64_t group = 0; group < groups; ++group) {
    const float *own[kKeys];
    for (int64_t key = 0; key < kKeys; ++key)
      own[key] = keys.data() + (slots[key] * groups + group) * headDim;
    for (int64_t block = 0; block < blocks; ++block) {
      int64_t index = getIndex(group, block * kLanes, 0);
      computeBlock(query.data() + (group * blocks + block) * headDim * kLanes,
                   own, headDim, sums.data() + index, squares.data() + index);
    }
  }
}
