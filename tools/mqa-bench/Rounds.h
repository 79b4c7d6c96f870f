//===- Rounds.h - What the tables have in common ----------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef MQA_TOOLS_MQA_BENCH_ROUNDS_H
#define MQA_TOOLS_MQA_BENCH_ROUNDS_H

#include "Session.h"

#include <nlohmann/json_fwd.hpp>

#include <array>

namespace mqa::tools {

/// What kernels have in common that can be measured on the same problems:
/// heads, head dim, the format, and sizes that they know.
using Problems = std::array<int64_t, 18>;
Problems getProblems(const mqa_kernel_info &info);

/// Of values that are given as their logarithms; 0 if there are none.
double getGeometricMean(const std::vector<double> &logarithms);

/// Runs `works` round after round, so that all see the same clocks, two times
/// to warm up and then `repeat` times. Returns the median of each, in
/// microseconds; the first also shows the time of its launch.
std::vector<double> measureRounds(Device &device,
                                  const std::vector<Device::Work> &works,
                                  int repeat);

/// The peer's times in `path`, which must have `member`; empty without a path.
nlohmann::json readPeer(const std::string &path, const char *member);

/// Says, below its row, what is wrong about a kernel; nothing if it is right.
void printIfWrong(const std::string &name, const CheckResult &check);

/// What every file of --json says: where and when its rows were measured.
nlohmann::json makeReport(Device &device, int repeat, nlohmann::json rows);

/// Bundles that stay open, with all of their kernels.
class OpenBundles {
public:
  OpenBundles() = default;
  OpenBundles(const OpenBundles &) = delete;
  ~OpenBundles();
  /// Opens `path` and calls `visit` for each kernel, with a name for the table:
  /// that of the file, and "clean" for one that cleans.
  using Visitor = std::function<void(const std::string &name, mqa_bundle *,
                                     const mqa_kernel_info &)>;
  void open(const std::string &path, const Visitor &visit);
  /// Opens `path` and returns the name for the table. The caller looks for its
  /// kernels.
  std::string open(const std::string &path, mqa_bundle *&bundle);

private:
  std::vector<mqa_bundle *> bundles;
};

} // namespace mqa::tools

#endif // MQA_TOOLS_MQA_BENCH_ROUNDS_H
