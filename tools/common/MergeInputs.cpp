//===- MergeInputs.cpp - Lists of candidates for mqa.merge_topk -----------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "MergeInputs.h"
#include "KernelCases.h"
#include "Parallel.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

using namespace mqa::tools;

/// How the keys of a row are dealt out.
enum Deal { kBlocks, kInTurn, kAtRandom, kToOne, kNumDeals };

static int64_t getPart(Deal deal, int64_t key, int64_t numKeys,
                       int64_t numLists, std::mt19937_64 &random) {
  switch (deal) {
  case kBlocks:
    return key * numLists / std::max<int64_t>(1, numKeys);
  case kInTurn:
    return key % numLists;
  case kAtRandom:
    return static_cast<int64_t>(random() % numLists);
  default:
    return numLists / 2;
  }
}

/// The best of a part, by the rules of mqa.topk: NaN is among them only where
/// the part has at most k keys.
static void keepBest(std::vector<int64_t> &keys, const TopkProblem &problem,
                     int64_t m) {
  size_t k = problem.info.k;
  if (keys.size() <= k)
    return;
  keys.erase(std::remove_if(keys.begin(), keys.end(),
                            [&](int64_t key) {
                              return std::isnan(problem.getLogit(m, key));
                            }),
             keys.end());
  std::sort(keys.begin(), keys.end(), [&](int64_t a, int64_t b) {
    float first = problem.getLogit(m, a), second = problem.getLogit(m, b);
    if (first != second)
      return first > second;
    return isBetterKey(a, b, problem.info.tie_break);
  });
  keys.resize(std::min(keys.size(), k));
}

/// Writes `keys` to places of their own among k, and padding to the others.
static void fillList(const TopkProblem &problem, int64_t m,
                     const std::vector<int64_t> &keys, int32_t *indices,
                     float *values, std::mt19937_64 &random) {
  size_t k = problem.info.k;
  const float garbage[] = {std::numeric_limits<float>::infinity(),
                           std::numeric_limits<float>::quiet_NaN(), 1e30f,
                           -std::numeric_limits<float>::infinity()};
  for (size_t j = 0; j < k; ++j) {
    bool isPadding = j >= keys.size();
    uint64_t bits = isPadding ? random() : 0;
    indices[j] = isPadding ? static_cast<int32_t>(bits | UINT64_C(0x80000000))
                           : static_cast<int32_t>(keys[j]);
    values[j] = isPadding ? garbage[bits >> 62] : problem.getLogit(m, keys[j]);
  }
  for (size_t j = k; j > 1; --j) {
    size_t other = random() % j;
    std::swap(indices[j - 1], indices[other]);
    std::swap(values[j - 1], values[other]);
  }
}

MergeLists mqa::tools::makeLists(const TopkProblem &problem, int64_t numLists,
                                 uint64_t seed) {
  int64_t rows = problem.numQueries, k = problem.info.k;
  MergeLists lists;
  lists.indices.resize(numLists * rows * k);
  lists.values.resize(numLists * rows * k);
  if (numLists == 0)
    return lists;
  parallelFor(rows, 1, [&](int64_t first, int64_t last) {
    for (int64_t m = first; m < last; ++m) {
      std::mt19937_64 random(seed * 1000003 + m);
      auto deal = static_cast<Deal>(random() % kNumDeals);
      std::vector<std::vector<int64_t>> parts(numLists);
      for (int64_t key = problem.begin(m); key < problem.end(m); ++key)
        parts[getPart(deal, key, problem.numKeys, numLists, random)].push_back(
            key);
      for (int64_t list = 0; list < numLists; ++list) {
        keepBest(parts[list], problem, m);
        int64_t at = (list * rows + m) * k;
        fillList(problem, m, parts[list], &lists.indices[at], &lists.values[at],
                 random);
      }
    }
  });
  return lists;
}

MergeInputs::MergeInputs(Device &device, const TopkProblem &problem,
                         int64_t rowSlack, int64_t slack, bool rowsFirst)
    : device(device), problem(problem), numLists(problem.numLists) {
  int64_t row = problem.info.k + rowSlack;
  int64_t inner = rowsFirst ? numLists : problem.numQueries;
  int64_t outer = rowsFirst ? problem.numQueries : numLists;
  int64_t outerStride = std::max<int64_t>(1, inner) * row + slack;
  layout.listStride = rowsFirst ? row : outerStride;
  layout.rowStride = rowsFirst ? outerStride : row;
  layout.numElements = outer * outerStride;
  update();
}

/// What nobody may read is better than all that there is.
template <typename T>
void MergeInputs::upload(std::unique_ptr<Buffer> &buffer,
                         const std::vector<T> &packed, T behind) {
  int64_t rows = problem.numQueries, k = problem.info.k;
  std::vector<T> spread(layout.numElements, behind);
  for (int64_t list = 0; list < numLists; ++list)
    for (int64_t m = 0; m < rows; ++m)
      std::copy_n(packed.data() + (list * rows + m) * k, k,
                  spread.data() + list * layout.listStride +
                      m * layout.rowStride);
  if (buffer)
    buffer->copyFrom(spread.data(), spread.size() * sizeof(T));
  else
    buffer = device.upload(spread);
}

void MergeInputs::update() {
  MergeLists lists = makeLists(problem, numLists, ++seed);
  upload(indices, lists.indices, std::numeric_limits<int32_t>::max());
  upload(values, lists.values, std::numeric_limits<float>::infinity());
}

void MergeInputs::describe(mqa_merge_topk_args &args) const {
  args.list_indices = indices->as<int32_t>();
  args.list_values = values->as<float>();
  args.list_indices_stride = args.list_values_stride = layout.listStride;
  args.list_indices_row_stride = args.list_values_row_stride = layout.rowStride;
  args.num_lists = numLists;
}

double MergeInputs::countBytes() const {
  return double(numLists) * problem.numQueries * problem.info.k *
         (sizeof(int32_t) + sizeof(float));
}
