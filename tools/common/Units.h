//===- Units.h - Figures in units that suit them ----------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef MQA_TOOLS_COMMON_UNITS_H
#define MQA_TOOLS_COMMON_UNITS_H

#include <string>

namespace mqa::tools {

/// With so many digits behind the point.
std::string formatNumber(double value, int digits);

/// "1.23e-07".
std::string formatError(double value);

/// Of microseconds: "85.3 us", "25.4 ms" or "1.07 s".
std::string formatTime(double microseconds);

/// Of 10^9 operations a second: "163 GFLOP/s", from 10^4 on "12.1 TFLOP/s".
std::string formatRate(double gflops);

/// Of 10^9 bytes a second: "93.1 MB/s", "1.94 GB/s" or "3010 GB/s".
std::string formatBandwidth(double gbPerSecond);

/// That of all times of a table: kernels take microseconds on a GPU, and
/// milliseconds on a CPU.
struct TimeUnit {
  const char *name;
  double microseconds;
  int digits;

  explicit TimeUnit(bool isCpu)
      : name(isCpu ? "ms" : "us"), microseconds(isCpu ? 1e3 : 1),
        digits(isCpu ? 3 : 1) {}
  std::string format(double time) const {
    return formatNumber(time / microseconds, digits);
  }
};

} // namespace mqa::tools

#endif // MQA_TOOLS_COMMON_UNITS_H
