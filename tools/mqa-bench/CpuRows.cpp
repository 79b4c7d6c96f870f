//===- CpuRows.cpp - How the CPU table is written -------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "CpuRows.h"
#include "Table.h"
#include "Terminal.h"

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

/// Decode shapes have bytes of keys where others have products.
static void printLine(const CpuCell &cell, const std::string &first, int width,
                      const std::vector<std::string> &decode,
                      const std::vector<std::string> &prefill) {
  std::printf("| %-*s |", width, shorten(first, width).c_str());
  for (const std::string &text : cell.isDecode() ? decode : prefill) {
    int pad = std::max(0, 7 - static_cast<int>(text.size()));
    std::string shown = text == "WRONG" ? paint(text, Paint::Bad) : text;
    std::printf(" %*s%s |", pad, "", shown.c_str());
  }
  std::printf("\n");
}

void mqa::tools::printCpuHead(const CpuCell &cell, double operations,
                              int threads, const CpuYardsticks &yardsticks,
                              int width) {
  hideProgress();
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
  std::printf("\n");
  std::string all = "ms on " + std::to_string(threads);
  printLine(cell, "kernel", width,
            {"error", "ms on 1", all, "of peak", "GB/s", "of read", "x first"},
            {"error", "ms on 1", "of peak", all, "of peak", "GFLOP/s",
             "x first", "x loop"});
  const std::vector<std::string> rule(8, "---");
  printLine(cell, "---", width, {rule.begin(), rule.end() - 1}, rule);
}

void mqa::tools::printCpuRow(const CpuRow &row, const CpuCell &cell,
                             int width) {
  const CpuFigures &figures = row.figures;
  const CheckResult &check = row.verdict.check;
  bool pass = row.verdict.passes();
  std::string error = pass ? format("%.1e", check.relativeError) : "WRONG";
  std::string oneThread = format("%.2f", row.times.oneThread * 1e-3),
              allThreads = format("%.2f", row.times.allThreads * 1e-3),
              share = format("%.3f", figures.share),
              toFirst = format("%.2f", figures.toFirst);
  printLine(cell, row.name, width,
            {error, oneThread, allThreads, share,
             format("%.1f", figures.keyRate), format("%.3f", figures.readShare),
             toFirst},
            {error, oneThread, format("%.3f", figures.shareOneThread),
             allThreads, share, format("%.1f", figures.rate), toFirst,
             format("%.1f", figures.toLoopNest)});
  if (!pass)
    std::printf("%s is wrong: error %.2e, difference %.2e, %ld wrong elements, "
                "%ld wrong cells, %ld writes outside, %ld bytes that differ by "
                "the threads\n",
                row.name.c_str(), check.relativeError, check.difference,
                static_cast<long>(check.elementErrors),
                static_cast<long>(check.maskMismatches),
                static_cast<long>(check.outsideWrites),
                static_cast<long>(row.verdict.changedBytes));
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
