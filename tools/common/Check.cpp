//===- Check.cpp - Compares logits with a float64 oracle ------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Check.h"
#include "Fp8.h"
#include "Parallel.h"

#include <cmath>
#include <cstring>
#include <limits>
#include <mutex>

using namespace mqa::tools;

static uint32_t getBits(float value) {
  uint32_t bits;
  std::memcpy(&bits, &value, sizeof(bits));
  return bits;
}

static float getPoison() {
  float value;
  std::memcpy(&value, &kPoison, sizeof(value));
  return value;
}

Output::Output(const Shape &shape, int64_t stride, size_t guard)
    : data(2 * guard + shape.numQueries * stride, getPoison()),
      numQueries(shape.numQueries), numKeys(shape.numKeys), stride(stride),
      guard(guard) {}

//===----------------------------------------------------------------------===//
// Mask
//===----------------------------------------------------------------------===//

static void checkMask(const Problem &problem, const Output &output, bool clean,
                      CheckResult &result) {
  const uint32_t inf = getBits(-std::numeric_limits<float>::infinity());
  std::atomic<int64_t> mismatches{0}, outside{0};
  parallelFor(output.numQueries, 4, [&](int64_t first, int64_t last) {
    int64_t wrong = 0, written = 0;
    for (int64_t m = first; m < last; ++m) {
      const float *row = output.data.data() + output.guard + m * output.stride;
      int64_t begin = problem.begin(m), end = problem.end(m);
      uint32_t expected = clean ? inf : kPoison;
      for (int64_t n = 0; n < begin; ++n)
        wrong += getBits(row[n]) != expected;
      for (int64_t n = begin; n < end; ++n)
        wrong += getBits(row[n]) == kPoison || getBits(row[n]) == inf;
      for (int64_t n = end; n < output.numKeys; ++n)
        wrong += getBits(row[n]) != expected;
      for (int64_t n = output.numKeys; n < output.stride; ++n)
        written += getBits(row[n]) != kPoison;
    }
    mismatches += wrong;
    outside += written;
  });
  for (size_t i = 0; i < output.guard; ++i) {
    outside += getBits(output.data[i]) != kPoison;
    outside += getBits(output.data[output.data.size() - 1 - i]) != kPoison;
  }
  result.maskMismatches = mismatches;
  result.outsideWrites = outside;
}

//===----------------------------------------------------------------------===//
// Values
//===----------------------------------------------------------------------===//

namespace {
struct Sums {
  double error = 0, reference = 0, product = 0, squares = 0;
  int64_t elementErrors = 0;
  void add(const Sums &other) {
    error += other.error;
    reference += other.reference;
    product += other.product;
    squares += other.squares;
    elementErrors += other.elementErrors;
  }
};
} // namespace

/// Compares one row with the formula of mqa.logits in float64.
static Sums checkRow(const Problem &problem, const Output &output, int64_t m,
                     const float *decode, double tolerance) {
  const Shape &shape = problem.shape;
  int64_t h = shape.numHeads, d = shape.headDim;
  // Heads innermost: the loop over them has no dependence and vectorizes.
  std::vector<double> query(d * h), scores(h);
  for (int64_t head = 0; head < h; ++head)
    for (int64_t i = 0; i < d; ++i)
      query[i * h + head] = decode[problem.q[(m * h + head) * d + i]];
  const float *weights = problem.weights.data() + m * h;
  const float *row = output.data.data() + output.guard + m * output.stride;
  Sums sums;
  for (int64_t n = problem.begin(m), end = problem.end(m); n < end; ++n) {
    std::fill(scores.begin(), scores.end(), 0.0);
    for (int64_t i = 0; i < d; ++i) {
      double key = decode[problem.k[n * d + i]];
      for (int64_t head = 0; head < h; ++head)
        scores[head] += query[i * h + head] * key;
    }
    double logit = 0, magnitude = 0;
    for (int64_t head = 0; head < h; ++head) {
      // Not std::max: NaN must reach the logit.
      double relu = scores[head] < 0 ? 0.0 : scores[head];
      logit += weights[head] * relu;
      magnitude += std::fabs(weights[head] * relu);
    }
    double scale = problem.kScale[n];
    double reference = scale * logit, value = row[n];
    if (std::isnan(reference) || std::isnan(value)) {
      sums.elementErrors += std::isnan(reference) != std::isnan(value);
      continue;
    }
    double error = value - reference;
    double bound = tolerance * std::fabs(scale) * magnitude;
    sums.elementErrors += !(std::fabs(error) <= bound);
    sums.error += error * error;
    sums.reference += reference * reference;
    sums.product += value * reference;
    sums.squares += value * value + reference * reference;
  }
  return sums;
}

static void checkValues(const Problem &problem, const Output &output,
                        int64_t maxPairs, CheckResult &result) {
  float decode[256];
  for (int i = 0; i < 256; ++i)
    decode[i] = decodeFp8(static_cast<uint8_t>(i));
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
      parts[i] = checkRow(problem, output, rows[i], decode,
                          result.fast ? 0x1p-7 : 0x1p-9);
  });
  Sums sums;
  for (const Sums &part : parts)
    sums.add(part);
  result.relativeError = sums.reference > 0
                             ? std::sqrt(sums.error / sums.reference)
                             : std::sqrt(sums.error);
  result.difference =
      sums.squares > 0 ? 1 - 2 * sums.product / sums.squares : 0;
  result.elementErrors = sums.elementErrors;
}

CheckResult mqa::tools::checkOutput(const Problem &problem,
                                    const Output &output, bool clean,
                                    int64_t maxPairs, bool fast) {
  CheckResult result;
  result.fast = fast;
  checkMask(problem, output, clean, result);
  checkValues(problem, output, maxPairs, result);
  return result;
}
