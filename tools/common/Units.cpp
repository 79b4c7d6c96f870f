//===- Units.cpp - Figures in units that suit them ------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Units.h"

#include <cstdio>

using namespace mqa::tools;

std::string mqa::tools::formatNumber(double value, int digits) {
  char text[64];
  std::snprintf(text, sizeof(text), "%.*f", digits, value);
  return text;
}

std::string mqa::tools::formatError(double value) {
  char text[64];
  std::snprintf(text, sizeof(text), "%.2e", value);
  return text;
}

/// Three digits; no more of them are sure.
static std::string format(double value, const char *unit) {
  int digits = value >= 99.95 ? 0 : value >= 9.995 ? 1 : 2;
  return formatNumber(value, digits) + " " + unit;
}

std::string mqa::tools::formatTime(double microseconds) {
  if (microseconds < 999.5)
    return format(microseconds, "us");
  if (microseconds < 999.5e3)
    return format(microseconds * 1e-3, "ms");
  return format(microseconds * 1e-6, "s");
}

std::string mqa::tools::formatRate(double gflops) {
  if (gflops >= 9999.5)
    return format(gflops * 1e-3, "TFLOP/s");
  if (gflops >= 0.9995)
    return format(gflops, "GFLOP/s");
  return format(gflops * 1e3, "MFLOP/s");
}

std::string mqa::tools::formatBandwidth(double gbPerSecond) {
  if (gbPerSecond >= 0.9995)
    return format(gbPerSecond, "GB/s");
  return format(gbPerSecond * 1e3, "MB/s");
}
