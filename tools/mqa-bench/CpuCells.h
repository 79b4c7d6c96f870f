//===- CpuCells.h - Shapes and figures of the CPU table ---------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef MQA_TOOLS_MQA_BENCH_CPUCELLS_H
#define MQA_TOOLS_MQA_BENCH_CPUCELLS_H

#include "Problem.h"

#include <optional>

namespace mqa::tools {

struct CpuCell {
  int64_t numQueries, numKeys;
  Mask mask = Mask::Full;

  /// Few queries against many keys: the keys' bytes may bind, not arithmetic.
  bool isDecode() const { return numQueries <= 8; }
  bool operator==(const CpuCell &other) const {
    return numQueries == other.numQueries && numKeys == other.numKeys &&
           mask == other.mask;
  }
};

/// The default of --shapes. The first is small enough for the loop nest.
constexpr const char *kCpuShapes =
    "16x1024,128x2048,128x8192,1024x4096,4x32768,1x131072,8x131072";

/// Reads "MxN,...", with the masks that are asked for, or with both where there
/// are more queries than a decode shape has and no mask is asked for. Returns
/// what is wrong, or an empty string.
std::string parseCpuCells(const std::string &shapes, std::optional<Mask> mask,
                          std::vector<CpuCell> &cells);

/// Microseconds of a kernel.
struct CpuTimes {
  double oneThread, allThreads;
};

/// What the same rounds measured besides kernels: GFLOP/s of products out of
/// registers, GB/s of memory, and of a buffer of the keys' size where that fits
/// the last-level cache, and microseconds of the loop nest. 0: not measured.
struct CpuYardsticks {
  double peakOneThread = 0, peak = 0, memory = 0, keys = 0, loopNest = 0;

  /// What bounds the reading of keys.
  double getRead() const { return keys > 0 ? keys : memory; }
};

/// What the table says of a kernel. 0: nothing to compare with.
struct CpuFigures {
  /// GFLOP/s, and of the peak.
  double rateOneThread, rate, shareOneThread, share;
  /// GB/s of keys, and of what is read so fast.
  double keyRate, readShare;
  /// Of what binds: the greater share.
  double boundShare;
  /// How many times as fast as the first kernel, on all threads, and as the
  /// loop nest, on one.
  double toFirst, toLoopNest;
};

CpuFigures getCpuFigures(double operations, double keyBytes,
                         const CpuTimes &times, const CpuTimes &first,
                         const CpuYardsticks &yardsticks);

} // namespace mqa::tools

#endif // MQA_TOOLS_MQA_BENCH_CPUCELLS_H
