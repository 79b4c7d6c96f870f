//===- Check.h - Compares logits with a float64 oracle ----------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef MQA_TOOLS_COMMON_CHECK_H
#define MQA_TOOLS_COMMON_CHECK_H

#include "Problem.h"

#include <algorithm>
#include <cmath>
#include <cstddef>

namespace mqa::tools {

/// What a cell holds that nobody wrote: a NaN that no computation gives.
uint32_t getPoison(mqa_element_type type);

/// An output on the host: rows of `stride` elements, and `guard` elements
/// before and behind them, all poisoned before the launch.
struct Output {
  mqa_element_type type;
  std::vector<uint8_t> data;
  int64_t numQueries, numColumns, stride;
  size_t guard;

  Output(const Problem &problem, int64_t stride, size_t guard);
  size_t getSize() const { return data.size() / tools::getBytes(type); }
  /// Which element is in row m and column n.
  size_t getIndex(int64_t m, int64_t n) const { return guard + m * stride + n; }
  uint32_t getBits(size_t i) const { return loadBits(type, data.data(), i); }
  float get(size_t i) const { return decode(type, getBits(i)); }
  void set(size_t i, float value) {
    storeBits(type, data.data(), i, encode(type, value));
  }
};

struct CheckResult {
  /// ||out - ref|| / ||ref|| over the sampled rows' ranges.
  double relativeError = 0;
  /// sum((out - ref)^2) / sum(out^2 + ref^2): the peer's measure, which has it
  /// as 1 - 2 sum(out ref) / sum(out^2 + ref^2).
  double difference = 0;
  /// Cells further from the reference than 2^-9 k_scale sum |w max(.,0)|; 2^-7
  /// for a fast kernel: its worst case, 20 roundings to 11 bits, is 2^-6.7.
  /// With 16-bit logits 2^-8 of the reference more. On top of that comes what
  /// the products of a score lose while they are added up, where they cancel
  /// out: k_scale e sqrt(sum_h w^2 sum_d (q k)^2), with e = 2^-9 for fp8
  /// (WGMMA keeps about 14 bits, and cuts off) and 2^-19 for 16-bit inputs. Of
  /// many heads that is little; of one head with a score near 0 it is all there
  /// is.
  int64_t elementErrors = 0;
  /// Cells inside a range that are unwritten or -inf, or outside one that are
  /// not -inf (clean) or not untouched (not clean). All cells are looked at.
  int64_t maskMismatches = 0;
  /// Elements written outside of the M x N (or M x max_seqlen_k) window.
  int64_t outsideWrites = 0;
  int64_t sampledRows = 0;
  /// Cells of the sampled rows' ranges that the norms are of: finite ones.
  int64_t numLogits = 0;
  /// Whether it is held to the tolerances of a reduction in half precision, and
  /// of 16-bit logits.
  bool fast = false, narrow = false;

  /// 5e-4 for the exact (f32) reduction, 1e-3 for the fast one, 4e-3 for 16-bit
  /// logits. These are for many cells. The fewer there are, the more their mean
  /// scatters, by 1 / sqrt(n). So the bound is wider below 64; each cell is
  /// held to its own bound anyway.
  bool passes() const {
    constexpr int64_t kMany = 64;
    double few = std::max<double>(1, static_cast<double>(kMany) /
                                         std::max<int64_t>(1, numLogits));
    double tolerance = narrow ? 4e-3 : fast ? 1e-3 : 5e-4;
    return relativeError <= tolerance * std::sqrt(few) &&
           difference < (narrow ? 3e-5 : 5e-6) * few && elementErrors == 0 &&
           maskMismatches == 0 && outsideWrites == 0;
  }
};

/// Compares at most about `maxPairs` (query, key) pairs in whole rows, spread
/// over the problem; all rows if they are fewer.
CheckResult checkOutput(const Problem &problem, const Output &output,
                        bool clean, int64_t maxPairs, bool fast = false);

} // namespace mqa::tools

#endif // MQA_TOOLS_COMMON_CHECK_H
