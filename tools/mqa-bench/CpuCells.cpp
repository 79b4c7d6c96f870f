//===- CpuCells.cpp - Shapes and figures of the CPU table -----------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "CpuCells.h"

#include <charconv>
#include <limits>

using namespace mqa::tools;

/// A size that ranges of 32 bits can count; 0 if it is none.
static int64_t parseSize(const std::string &text) {
  int64_t size = 0;
  auto [end, error] =
      std::from_chars(text.data(), text.data() + text.size(), size);
  bool isSize = error == std::errc() && end == text.data() + text.size() &&
                size >= 1 && size <= std::numeric_limits<int32_t>::max();
  return isSize ? size : 0;
}

std::string mqa::tools::parseCpuCells(const std::string &shapes,
                                      std::optional<Mask> mask,
                                      std::vector<CpuCell> &cells) {
  for (size_t begin = 0; begin <= shapes.size();) {
    size_t end = std::min(shapes.find(',', begin), shapes.size());
    std::string shape = shapes.substr(begin, end - begin);
    size_t cross = std::min(shape.find('x'), shape.size());
    CpuCell cell{parseSize(shape.substr(0, cross)),
                 parseSize(shape.substr(std::min(cross + 1, shape.size())))};
    if (cell.numQueries == 0 || cell.numKeys == 0)
      return "shapes must be MxN, separated by ',', with M and N from 1 to "
             "2147483647, found '" +
             shape + "' in '" + shapes + "'";
    for (Mask own : {Mask::Full, Mask::Causal}) {
      cell.mask = own;
      if (mask ? own == *mask : own == Mask::Full || !cell.isDecode())
        cells.push_back(cell);
    }
    begin = end + 1;
  }
  return "";
}

static double divide(double value, double by) {
  return by > 0 ? value / by : 0;
}

CpuFigures mqa::tools::getCpuFigures(double operations, double keyBytes,
                                     const CpuTimes &times,
                                     const CpuTimes &first,
                                     const CpuYardsticks &yardsticks) {
  CpuFigures figures{};
  figures.rateOneThread = divide(operations, times.oneThread) * 1e-3;
  figures.rate = divide(operations, times.allThreads) * 1e-3;
  figures.shareOneThread =
      divide(figures.rateOneThread, yardsticks.peakOneThread);
  figures.share = divide(figures.rate, yardsticks.peak);
  figures.keyRate = divide(keyBytes, times.allThreads) * 1e-3;
  figures.readShare = divide(figures.keyRate, yardsticks.getRead());
  figures.boundShare = std::max(figures.share, figures.readShare);
  figures.toFirst = divide(first.allThreads, times.allThreads);
  figures.toLoopNest = divide(yardsticks.loopNest, times.oneThread);
  return figures;
}
