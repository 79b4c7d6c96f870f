//===- TopkCheck.cpp - Compares a selection with sorted logits ------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The oracle sorts each row's range by logit and key. It computes nothing: a
// selection is right or it is not.
//
//===----------------------------------------------------------------------===//

#include "TopkCheck.h"
#include "KernelCases.h"
#include "Parallel.h"

#include <cmath>
#include <cstring>
#include <limits>
#include <mutex>

using namespace mqa::tools;

TopkOutput::TopkOutput(const TopkProblem &problem, int64_t indicesStride,
                       int64_t valuesStride, size_t guard)
    : indices(2 * guard + problem.numQueries * indicesStride, kPoison),
      numQueries(problem.numQueries), k(problem.info.k),
      indicesStride(indicesStride), valuesStride(valuesStride), guard(guard) {
  if (problem.info.has_values)
    values.assign(2 * guard + problem.numQueries * valuesStride, kPoison);
}

namespace {
struct Candidate {
  int64_t key;
  float logit;
};
} // namespace

/// Whether `a` is selected before `b`: numbers only, where +0 equals -0.
static bool isBetter(const Candidate &a, const Candidate &b,
                     mqa_tie_break tieBreak) {
  if (a.logit != b.logit)
    return a.logit > b.logit;
  return isBetterKey(a.key, b.key, tieBreak);
}

/// The k best of more than k candidates, which are in the order of keys.
static void keepBest(std::vector<Candidate> &candidates,
                     const mqa_kernel_info &info) {
  auto first = candidates.begin() + info.force_first;
  auto last = candidates.end() - info.force_last;
  std::vector<Candidate> kept(candidates.begin(), first);
  kept.insert(kept.end(), last, candidates.end());
  std::vector<Candidate> others;
  for (auto it = first; it != last; ++it)
    if (!std::isnan(it->logit))
      others.push_back(*it);
  size_t room = std::min<size_t>(others.size(), info.k - kept.size());
  std::partial_sort(others.begin(), others.begin() + room, others.end(),
                    [&](const Candidate &a, const Candidate &b) {
                      return isBetter(a, b, info.tie_break);
                    });
  kept.insert(kept.end(), others.begin(), others.begin() + room);
  candidates = std::move(kept);
}

static void sortSelected(std::vector<Candidate> &selected,
                         const mqa_kernel_info &info) {
  std::sort(selected.begin(), selected.end(),
            [&](const Candidate &a, const Candidate &b) {
              if (!isByScore(info.order))
                return a.key < b.key;
              if (std::isnan(a.logit) || std::isnan(b.logit))
                return std::isnan(a.logit) == std::isnan(b.logit)
                           ? a.key < b.key
                           : std::isnan(b.logit);
              return isBetter(a, b, info.tie_break);
            });
}

std::vector<Selected> mqa::tools::selectKeys(const TopkProblem &problem,
                                             int64_t m) {
  const mqa_kernel_info &info = problem.info;
  std::vector<Candidate> candidates;
  candidates.reserve(problem.countKeys(m));
  for (int64_t key = problem.begin(m), end = problem.end(m); key < end; ++key)
    candidates.push_back({key, problem.getLogit(m, key)});
  if (static_cast<int64_t>(candidates.size()) > info.k)
    keepBest(candidates, info);
  sortSelected(candidates, info);
  std::vector<Selected> row;
  for (const Candidate &candidate : candidates)
    row.push_back({problem.getIndex(m, candidate.key), candidate.logit});
  row.resize(info.k, {-1, -std::numeric_limits<float>::infinity()});
  return row;
}

/// The bits of a value, which tell -0 from +0; those of any NaN are the same.
static uint32_t normalize(float value) {
  if (std::isnan(value))
    return 0x7fc00000;
  uint32_t bits;
  std::memcpy(&bits, &value, sizeof(bits));
  return bits;
}

namespace {
/// Row m of an output, as the kernel wrote it or as it should be.
struct Row {
  std::vector<int32_t> indices;
  std::vector<uint32_t> values;
};
} // namespace

static Row getRow(const TopkOutput &output, int64_t m) {
  Row row;
  for (int64_t j = 0; j < output.k; ++j) {
    row.indices.push_back(static_cast<int32_t>(
        output.indices[output.guard + m * output.indicesStride + j]));
    if (output.values.empty())
      continue;
    uint32_t bits = output.values[output.guard + m * output.valuesStride + j];
    float value;
    std::memcpy(&value, &bits, sizeof(value));
    // Poison is a NaN; one that nobody wrote is none of the logits.
    row.values.push_back(bits == TopkOutput::kPoison ? bits : normalize(value));
  }
  return row;
}

/// Rows in any order: sorted, except that padding stays where it is.
static void sortRow(Row &row) {
  std::vector<std::pair<int32_t, uint32_t>> entries;
  for (size_t j = 0; j < row.indices.size(); ++j)
    entries.emplace_back(row.indices[j],
                         row.values.empty() ? 0 : row.values[j]);
  auto end = entries.end();
  while (end != entries.begin() && (end - 1)->first == -1)
    --end;
  std::sort(entries.begin(), end);
  for (size_t j = 0; j < row.indices.size(); ++j) {
    row.indices[j] = entries[j].first;
    if (!row.values.empty())
      row.values[j] = entries[j].second;
  }
}

static void checkOutside(const std::vector<uint32_t> &data, int64_t rows,
                         int64_t k, int64_t stride, size_t guard,
                         int64_t &outside) {
  for (size_t i = 0; i < std::min(guard, data.size()); ++i) {
    outside += data[i] != TopkOutput::kPoison;
    outside += data[data.size() - 1 - i] != TopkOutput::kPoison;
  }
  for (int64_t m = 0; m < rows && !data.empty(); ++m)
    for (int64_t j = k; j < stride; ++j)
      outside += data[guard + m * stride + j] != TopkOutput::kPoison;
}

TopkCheckResult mqa::tools::checkTopk(const TopkProblem &problem,
                                      const TopkOutput &output,
                                      int64_t maxLogits) {
  TopkCheckResult result;
  checkOutside(output.indices, output.numQueries, output.k,
               output.indicesStride, output.guard, result.outsideWrites);
  checkOutside(output.values, output.numQueries, output.k, output.valuesStride,
               output.guard, result.outsideWrites);
  int64_t perRow = std::max<int64_t>(1, problem.numColumns);
  int64_t step = std::max<int64_t>(
      1, problem.numQueries / std::max<int64_t>(1, maxLogits / perRow));
  int64_t rows = (problem.numQueries + step - 1) / step;
  std::mutex mutex;
  parallelFor(rows, 1, [&](int64_t first, int64_t last) {
    for (int64_t i = first; i < last; ++i) {
      // The last row, and one of each `step`, each time another one of them.
      int64_t m =
          i + 1 == rows ? problem.numQueries - 1 : i * step + i * 7919 % step;
      if (!problem.isSpecified(m))
        continue;
      Row expected, found = getRow(output, m);
      for (const Selected &selected : selectKeys(problem, m)) {
        expected.indices.push_back(selected.index);
        if (!output.values.empty())
          expected.values.push_back(normalize(selected.value));
      }
      if (isInAnyOrder(problem.info.order)) {
        sortRow(expected);
        sortRow(found);
      }
      int64_t indices = 0, values = 0;
      for (int64_t j = 0; j < output.k; ++j) {
        indices += expected.indices[j] != found.indices[j];
        if (!output.values.empty())
          values += expected.values[j] != found.values[j];
      }
      std::lock_guard lock(mutex);
      ++result.checkedRows;
      result.wrongIndices += indices;
      result.wrongValues += values;
      if (indices + values &&
          (result.firstWrongRow < 0 || m < result.firstWrongRow))
        result.firstWrongRow = m;
    }
  });
  return result;
}
