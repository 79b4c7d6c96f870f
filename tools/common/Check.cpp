//===- Check.cpp - Compares logits with a float64 oracle ------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Check.h"
#include "KernelCases.h"
#include "Parallel.h"
#include "Scores.h"

#include <cmath>
#include <cstring>
#include <limits>
#include <mutex>

using namespace mqa::tools;

uint32_t mqa::tools::getPoison(mqa_element_type type) {
  return getBytes(type) == 2 ? 0xffba : 0xffbad123;
}

Output::Output(const Problem &problem, int64_t stride, size_t guard)
    : type(problem.format.out), numQueries(problem.shape.numQueries),
      numColumns(problem.countColumns()), stride(stride), guard(guard) {
  size_t size = 2 * guard + numQueries * stride;
  data.resize(size * tools::getBytes(type));
  uint32_t poison = getPoison(type);
  constexpr int64_t kGrain = 1 << 20;
  parallelFor(size, kGrain, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i)
      storeBits(type, data.data(), i, poison);
  });
}

//===----------------------------------------------------------------------===//
// Mask
//===----------------------------------------------------------------------===//

static void checkMask(const Problem &problem, const Output &output, bool clean,
                      CheckResult &result) {
  const uint32_t inf =
      encode(output.type, -std::numeric_limits<float>::infinity());
  const uint32_t poison = getPoison(output.type);
  // Then -inf is a value like others.
  bool mayBeInfinite = problem.format.input != MQA_F8E4M3FN ||
                       getBytes(output.type) < 4 ||
                       problem.format.hasMxQueries();
  std::atomic<int64_t> mismatches{0}, outside{0};
  constexpr int64_t kGrain = 1 << 16;
  int64_t rows = std::max<int64_t>(1, kGrain / output.stride);
  parallelFor(output.numQueries, rows, [&](int64_t first, int64_t last) {
    int64_t wrong = 0, written = 0;
    for (int64_t m = first; m < last; ++m) {
      auto bits = [&, row = output.getIndex(m, 0)](int64_t n) {
        return output.getBits(row + n);
      };
      int64_t begin = problem.getColumn(m, problem.begin(m));
      int64_t end = problem.endColumn(m);
      uint32_t expected = clean ? inf : poison;
      for (int64_t n = 0; n < begin; ++n)
        wrong += bits(n) != expected;
      for (int64_t n = begin; n < end; ++n)
        wrong += problem.sees(m, n)
                     ? bits(n) == poison || (bits(n) == inf && !mayBeInfinite)
                     : bits(n) != expected;
      for (int64_t n = end; n < output.numColumns; ++n)
        wrong += bits(n) != expected;
      for (int64_t n = output.numColumns; n < output.stride; ++n)
        written += bits(n) != poison;
    }
    mismatches += wrong;
    outside += written;
  });
  for (size_t i = 0; i < output.guard; ++i) {
    outside += output.getBits(i) != poison;
    outside += output.getBits(output.getSize() - 1 - i) != poison;
  }
  result.maskMismatches = mismatches;
  result.outsideWrites = outside;
}

//===----------------------------------------------------------------------===//
// Values
//===----------------------------------------------------------------------===//

namespace {
struct Sums {
  double error = 0, reference = 0, squares = 0;
  int64_t elementErrors = 0, numCells = 0;
  void add(const Sums &other) {
    error += other.error;
    reference += other.reference;
    squares += other.squares;
    elementErrors += other.elementErrors;
    numCells += other.numCells;
  }
};
} // namespace

namespace {
/// What the formula of mqa.logits gives for one cell, in float64, and what says
/// how far a kernel may be from it: sums over the heads, or, where the maximum
/// over them is taken, those of the head that is furthest.
struct Reference {
  double value = 0, magnitude = 0, cancelled = 0;
  /// What errors are relative to, over all cells: the value, or, of a maximum,
  /// the largest one that it is of. A maximum near 0 of large logits is as far
  /// off as they are.
  double size = 0;
};
} // namespace

/// Of all slots.
struct Keys {
  std::vector<float> values, scales;
};

/// What the errors of a cell are relative to; 0 if it has none. A head that is
/// infinite does not make others inexact.
static double getSize(mqa_head_reduction reduction,
                      const Reference &reference) {
  double value = std::fabs(reference.value);
  bool ofMagnitude = !isSum(reduction) && std::isfinite(reference.magnitude);
  double size = ofMagnitude ? reference.magnitude : value;
  return std::isfinite(value) ? size : 0;
}

static Reference computeReference(const Problem &problem, const Keys &keys,
                                  const Scores &scores, int64_t m, int64_t slot,
                                  int64_t key) {
  int64_t h = problem.shape.numHeads, groups = problem.shape.numGroups;
  int64_t groupHeads = h / groups;
  mqa_head_reduction reduction = problem.format.headReduction;
  const float *weights = problem.weights.data() + m * h;
  Reference reference;
  reference.value = getNeutralTerm<double>(reduction);
  for (int64_t g = 0; g < groups; ++g) {
    double scale = keys.scales[slot * groups + g];
    double ofGroup = getNeutralTerm<double>(reduction);
    for (int64_t head = 0; head < groupHeads; ++head) {
      double score = scores.getSum(g, head, key);
      double queryScale = problem.getQueryScale(m * h + g * groupHeads + head);
      if (std::isnan(queryScale)) {
        score = queryScale;
        queryScale = 1;
      }
      double weight = queryScale * weights[g * groupHeads + head];
      double activated = activate(problem.format.activation, score);
      double term = weight * activated;
      ofGroup = combineHeads(reduction, ofGroup, term);
      reference.magnitude =
          combineHeads(reduction, reference.magnitude, std::fabs(scale * term));
      // Nothing is left of a score of NaN that counts as 0.
      weight *= scale;
      if (!std::isnan(score) || std::isnan(activated))
        reference.cancelled =
            combineHeads(reduction, reference.cancelled,
                         weight * weight * scores.getSquares(g, head, key));
    }
    reference.value = combineHeads(reduction, reference.value, scale * ofGroup);
  }
  reference.size = getSize(reduction, reference);
  return reference;
}

/// Compares one cell with what it should be.
static void checkCell(const Reference &expected, double value,
                      mqa_element_type input, mqa_element_type type,
                      double tolerance, Sums &sums) {
  double reference = expected.value;
  if (std::isnan(reference) || std::isnan(value)) {
    sums.elementErrors += std::isnan(reference) != std::isnan(value);
    return;
  }
  if (std::isinf(reference) || std::isinf(value)) {
    // What the type cannot hold; how near to its largest value is no matter.
    double largest = getMax(type) * (1 - 0x1p-7);
    sums.elementErrors += std::signbit(reference) != std::signbit(value) ||
                          std::fabs(reference) < largest ||
                          std::fabs(value) < largest;
    return;
  }
  double dotError = getBytes(input) == 1 ? 0x1p-9 : 0x1p-19;
  double error = value - reference;
  double bound =
      tolerance * expected.magnitude + dotError * std::sqrt(expected.cancelled);
  // The step of a subnormal number does not shrink with the value.
  double step = getBytes(type) == 4 ? 0 : type == MQA_F16 ? 0x1p-25 : 0x1p-134;
  if (getBytes(type) < 4)
    bound += 0x1p-8 * std::fabs(reference) + step;
  sums.elementErrors += !(std::fabs(error) <= bound);
  ++sums.numCells;
  double beyond = std::max(0.0, std::fabs(error) - step);
  sums.error += beyond * beyond;
  sums.reference += expected.size * expected.size;
  sums.squares += value * value + expected.size * expected.size;
}

/// What a column has of the keys [first, end), which are all of it: the logit
/// of one, or the greatest.
class Column {
public:
  void add(const Reference &key) {
    bool isGreater = !isFirst && !std::isnan(greatest.value) &&
                     !(key.value <= greatest.value);
    if (isFirst || isGreater)
      greatest.value = key.value;
    isFirst = false;
    // The maximum is no further off than the one of its keys that is furthest.
    greatest.magnitude = std::max(greatest.magnitude, key.magnitude);
    greatest.cancelled = std::max(greatest.cancelled, key.cancelled);
    greatest.size = std::max(greatest.size, key.size);
  }
  const Reference &get() const { return greatest; }

private:
  bool isFirst = true;
  Reference greatest;
};

static Sums checkRow(const Problem &problem, const Output &output, int64_t m,
                     const Keys &keys, double tolerance) {
  Scores scores(problem, m);
  Sums sums;
  Column column;
  int64_t slots[Scores::kKeys], seen[Scores::kKeys];
  for (int64_t n = problem.begin(m), end = problem.end(m); n < end;) {
    // The last ones may be fewer.
    int64_t count = 0;
    for (; n < end && count < Scores::kKeys; ++n)
      if (problem.sees(m, n))
        seen[count++] = n;
    if (count == 0)
      break;
    for (int64_t i = 0; i < Scores::kKeys; ++i)
      slots[i] = problem.getSlot(m, seen[std::min(i, count - 1)]);
    scores.compute(keys.values, slots);
    for (int64_t i = 0; i < count; ++i) {
      column.add(computeReference(problem, keys, scores, m, slots[i], i));
      int64_t own = problem.getColumn(m, seen[i]);
      if (seen[i] + 1 < end && problem.getColumn(m, seen[i] + 1) == own)
        continue;
      checkCell(column.get(), output.get(output.getIndex(m, own)),
                problem.format.input, output.type, tolerance, sums);
      column = Column();
    }
  }
  return sums;
}

static void checkValues(const Problem &problem, const Output &output,
                        int64_t maxPairs, CheckResult &result) {
  Keys keys{problem.decodeKeys(), problem.getKeyScales()};
  int64_t m = problem.shape.numQueries;
  int64_t pairs = problem.countPairs();
  // Every step'th row, and always the last one.
  int64_t step = std::max<int64_t>(1, pairs / std::max<int64_t>(1, maxPairs));
  std::vector<int64_t> rows;
  for (int64_t i = 0; i < m; i += step)
    rows.push_back(i);
  if (m > 0 && rows.back() != m - 1)
    rows.push_back(m - 1);
  result.sampledRows = static_cast<int64_t>(rows.size());

  // Added in the order of the rows: the result does not depend on the threads.
  std::vector<Sums> parts(rows.size());
  parallelFor(rows.size(), 1, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i)
      parts[i] = checkRow(problem, output, rows[i], keys,
                          result.fast ? 0x1p-7 : 0x1p-9);
  });
  Sums sums;
  for (const Sums &part : parts)
    sums.add(part);
  result.relativeError = sums.reference > 0
                             ? std::sqrt(sums.error / sums.reference)
                             : std::sqrt(sums.error);
  result.difference = sums.squares > 0 ? sums.error / sums.squares : 0;
  result.elementErrors = sums.elementErrors;
  result.numLogits = sums.numCells;
}

CheckResult mqa::tools::checkOutput(const Problem &problem,
                                    const Output &output, bool clean,
                                    int64_t maxPairs, bool fast) {
  CheckResult result;
  result.fast = fast;
  result.narrow = getBytes(output.type) < 4;
  checkMask(problem, output, clean, result);
  checkValues(problem, output, maxPairs, result);
  return result;
}
