//===- CpuRows.h - How the CPU table is written ------------------*- C++
//-*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef MQA_TOOLS_MQA_BENCH_CPUROWS_H
#define MQA_TOOLS_MQA_BENCH_CPUROWS_H

#include "Check.h"
#include "CpuCells.h"

#include <nlohmann/json_fwd.hpp>

namespace mqa::tools {

/// Whether a kernel is right about a cell.
struct CpuVerdict {
  CheckResult check;
  /// Bytes of logits that differ on all threads from those on one.
  int64_t changedBytes = 0;
  bool passes() const { return check.passes() && changedBytes == 0; }
};

struct CpuRow {
  std::string name;
  /// Empty for the loop nest.
  std::string target;
  CpuVerdict verdict;
  CpuTimes times;
  CpuFigures figures;
};

/// The cell, what was measured beside its kernels, and the head of its table.
/// `width` is that of the first column.
void printCpuHead(const CpuCell &cell, double operations, int threads,
                  const CpuYardsticks &yardsticks, int width);
/// A number that is 0 was not measured, and is a dash.
void printCpuRow(const CpuRow &row, const CpuCell &cell, int width);

nlohmann::json makeCpuRow(const CpuRow &row, const Problem &problem,
                          const CpuCell &cell, const CpuYardsticks &yardsticks);

} // namespace mqa::tools

#endif // MQA_TOOLS_MQA_BENCH_CPUROWS_H
