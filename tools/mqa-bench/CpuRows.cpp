//===- CpuRows.cpp - How the CPU table is written -------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "CpuRows.h"

#include <nlohmann/json.hpp>

using namespace mqa::tools;
using nlohmann::json;

static const char *getName(Mask mask) {
  return mask == Mask::Causal ? "causal" : "full";
}

/// A number, or a dash where there is none.
static std::string format(const char *form, double value) {
  char text[64];
  std::snprintf(text, sizeof(text), form, value);
  return value > 0 ? text : "-";
}

void mqa::tools::printCpuHead(const CpuCell &cell, double operations,
                              int threads, const CpuYardsticks &yardsticks,
                              int width) {
  std::printf("\nM x N = %ld x %ld, %s: %.2f GFLOP; peak, GFLOP/s: %.1f on 1 "
              "thread, %.1f on %d\n",
              static_cast<long>(cell.numQueries),
              static_cast<long>(cell.numKeys), getName(cell.mask),
              operations * 1e-9, yardsticks.peakOneThread, yardsticks.peak,
              threads);
  if (yardsticks.memory > 0)
    std::printf(
        "read, GB/s: %.1f of memory%s\n", yardsticks.memory,
        yardsticks.keys > 0
            ? format(", %.1f of a buffer as large as the keys", yardsticks.keys)
                  .c_str()
            : "");
  std::string ownThreads = "ms on " + std::to_string(threads);
  std::printf("\n| %-*s | %-7s | %8s | %8s | %7s | %7s | %5s | %7s | %7s | "
              "%6s |\n| --- | --- | --- | --- | --- | --- | --- | --- | --- | "
              "--- |\n",
              width, "kernel", "error", "ms on 1", ownThreads.c_str(),
              "GFLOP/s", "of peak", "GB/s", "of read", "x first", "x loop");
}

void mqa::tools::printCpuRow(const CpuRow &row, int width) {
  const auto &[name, target, verdict, times, figures] = row;
  bool pass = verdict.passes();
  std::printf(
      "| %-*s | %-7s | %8.2f | %8s | %7.1f | %7s | %5s | %7s | %7s | "
      "%6s |\n",
      width, name.c_str(),
      pass ? format("%.1e", verdict.check.relativeError).c_str() : "WRONG",
      times.oneThread * 1e-3, format("%.2f", times.allThreads * 1e-3).c_str(),
      times.allThreads > 0 ? figures.rate : figures.rateOneThread,
      format("%.3f", figures.share).c_str(),
      format("%.1f", figures.keyRate).c_str(),
      format("%.3f", figures.readShare).c_str(),
      format("%.2f", figures.toFirst).c_str(),
      format("%.1f", figures.toLoopNest).c_str());
  if (!pass)
    std::printf("%s is wrong: error %.2e, difference %.2e, %ld wrong elements, "
                "%ld wrong cells, %ld writes outside, %ld bytes that differ by "
                "the threads\n",
                name.c_str(), verdict.check.relativeError,
                verdict.check.difference,
                static_cast<long>(verdict.check.elementErrors),
                static_cast<long>(verdict.check.maskMismatches),
                static_cast<long>(verdict.check.outsideWrites),
                static_cast<long>(verdict.changedBytes));
  std::fflush(stdout);
}

json mqa::tools::makeCpuRow(const CpuRow &row, const Problem &problem,
                            const CpuCell &cell,
                            const CpuYardsticks &yardsticks) {
  const auto &[name, target, verdict, times, figures] = row;
  const Shape &shape = problem.shape;
  return {{"kernel", name},
          {"target", target},
          {"input_type", getTypeName(problem.format.input)},
          {"num_heads", shape.numHeads},
          {"head_dim", shape.headDim},
          {"seq_len", shape.numQueries},
          {"seq_len_kv", shape.numKeys},
          {"mask", getName(cell.mask)},
          {"relative_error", verdict.check.relativeError},
          {"difference", verdict.check.difference},
          {"checked_rows", verdict.check.sampledRows},
          {"element_errors", verdict.check.elementErrors},
          {"mask_mismatches", verdict.check.maskMismatches},
          {"outside_writes", verdict.check.outsideWrites},
          {"changed_bytes", verdict.changedBytes},
          {"one_thread_us", times.oneThread},
          {"time_us", times.allThreads},
          {"one_thread_gflops", figures.rateOneThread},
          {"gflops", figures.rate},
          {"one_thread_peak_gflops", yardsticks.peakOneThread},
          {"peak_gflops", yardsticks.peak},
          {"share_of_one_thread_peak", figures.shareOneThread},
          {"share_of_peak", figures.share},
          {"keys_gb_per_s", figures.keyRate},
          {"memory_gb_per_s", yardsticks.memory},
          {"read_gb_per_s", yardsticks.getRead()},
          {"share_of_read", figures.readShare},
          {"share_of_bound", figures.boundShare},
          {"ratio_to_first", figures.toFirst},
          {"loop_nest_us", yardsticks.loopNest},
          {"ratio_to_loop_nest", figures.toLoopNest},
          {"pass", verdict.passes()}};
}
