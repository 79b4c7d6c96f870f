//===- FusedTable.cpp - The table of logits and top-k in one --------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "FusedTable.h"
#include "Rounds.h"
#include "Table.h"
#include "Terminal.h"
#include "Units.h"

#include <nlohmann/json.hpp>

#include <cmath>

using namespace mqa::tools;
using nlohmann::json;

namespace {
/// Queries of a prefill cell and keys; or sequences and their average length.
struct Cell {
  int64_t rows, keys;
};

/// Medians, in microseconds. `selected`: on a CPU, of std::nth_element on the
/// logits, for each row.
struct Times {
  double logits = 0, topk = 0, selected = 0;
};
} // namespace

static const Cell kPrefillCells[] = {{2048, 16384},
                                     {2048, 65536},
                                     {2048, 131072},
                                     {4096, 32768},
                                     {4096, 131072}};
static const Cell kPagedCells[] = {{1, 4096},   {1, 32768},  {1, 131072},
                                   {64, 4096},  {16, 32768}, {64, 32768},
                                   {128, 32768}};
static const Cell kCpuCells[] = {
    {128, 2048}, {128, 8192}, {1024, 4096}, {4, 32768}, {1, 131072}};
static const Cell kCpuPagedCells[] = {{1, 4096}, {1, 32768}, {16, 4096}};

static std::vector<Cell> getCells(bool isCpu, bool paged) {
  auto list = [](const auto &cells) {
    return std::vector<Cell>(std::begin(cells), std::end(cells));
  };
  if (isCpu)
    return paged ? list(kCpuPagedCells) : list(kCpuCells);
  return paged ? list(kPagedCells) : list(kPrefillCells);
}

/// Prefill is causal, and fewer queries see all keys. Lengths of a paged cache
/// are drawn, and so is where its blocks lie.
static Problem makeCell(const Cell &cell, const mqa_kernel_info &info) {
  if (!isPaged(info)) {
    Mask mask = cell.rows >= 1024 ? Mask::Causal : Mask::Full;
    return makeProblem(getShape(info, cell.rows, cell.keys), mask,
                       /*seed=*/cell.rows + cell.keys,
                       /*wide=*/false, getFormat(info));
  }
  PagedShape shape{cell.rows,      info.next_n,
                   info.num_heads, info.head_dim,
                   info.block_kv,  drawLengths(cell.rows, cell.keys, 1)};
  if (info.lens_per_query) {
    std::vector<int32_t> lengths;
    for (int32_t length : shape.lens)
      for (int64_t t = 0; t < info.next_n; ++t)
        lengths.push_back(static_cast<int32_t>(length - info.next_n + t + 1));
    shape.lens = lengths;
  }
  return makePagedProblem(shape, /*seed=*/1, /*wide=*/false, getFormat(info));
}

static constexpr int kRow = 20;

/// The companion and the kernel in turn, twice in a round, of which the second
/// time counts: the first work of a round shows its launch.
static Times measure(Device &device, FusedSession &session, int repeat) {
  auto logits = [&] { session.launchLogits(); };
  auto topk = [&] { session.getTopk().launch(); };
  std::vector<double> times =
      measureRounds(device, {logits, topk, logits, topk}, repeat);
  return {times[2], times[3]};
}

/// As a decoding engine runs them: of a graph that has each 20 times in a row.
static Times measureRow(Device &device, FusedSession &session, int repeat) {
  std::unique_ptr<Stream> stream = device.createStream();
  auto capture = [&](const std::function<void(void *)> &launch) {
    return device.capture(*stream, [&] {
      for (int i = 0; i < kRow; ++i)
        launch(stream->get());
    });
  };
  auto logits = capture([&](void *on) { session.launchLogits(on); });
  auto topk = capture([&](void *on) { session.getTopk().launch(on); });
  auto runLogits = [&] { logits->launch(); };
  auto runTopk = [&] { topk->launch(); };
  std::vector<double> times =
      measureRounds(device, {runLogits, runTopk, runLogits, runTopk}, repeat);
  return {times[2] / kRow, times[3] / kRow};
}

static Times measureOnCpu(Device &device, FusedSession &session, int repeat) {
  const TopkProblem &selection = session.getSelection();
  std::vector<float> logits =
      decodeAll(selection.info.input_type, selection.logits);
  std::vector<double> times = measureRounds(
      device,
      {[&] { session.launchLogits(); }, [&] { session.getTopk().launch(); },
       [&] { selectPlainly(selection, logits); }},
      repeat);
  return {times[0], times[1], times[2]};
}

static bool runCell(Device &device, const FusedKernel &own, const Cell &cell,
                    const TopkPattern *planted, int repeat,
                    std::vector<double> &logarithms, const Table &table,
                    json &rows) {
  const mqa_kernel_info &info = own.kernel->getInfo();
  bool isCpu = isForCpu(info), paged = isPaged(info);
  Problem problem = makeCell(cell, info);
  if (planted)
    plantLogits(problem, *planted, info.k, /*seed=*/1);
  Slack slack;
  // As engines have it.
  slack.fused = paged;
  FusedSession session(device, *own.kernel, *own.companion, problem,
                       /*seed=*/1, slack);
  CheckResult logits = session.computeLogits(planted ? 0 : 1 << 18);
  TopkCheckResult check = session.check(/*maxLogits=*/int64_t(1) << 26);
  Times times = isCpu   ? measureOnCpu(device, session, repeat)
                : paged ? measureRow(device, session, repeat)
                        : measure(device, session, repeat);
  // What the caller has without the kernel: on a CPU, selection too.
  double ratio = times.topk / (times.logits + times.selected);
  logarithms.push_back(std::log(ratio));
  bool pass = logits.passes() && check.passes();
  int64_t wrongLogits =
      logits.elementErrors + logits.maskMismatches + logits.outsideWrites;
  TimeUnit unit(isCpu);
  table.printRow(own.name, {std::to_string(cell.rows),
                            std::to_string(cell.keys), std::to_string(info.k),
                            pass ? formatError(logits.relativeError) : "WRONG",
                            unit.format(times.logits),
                            isCpu ? unit.format(times.selected) : "",
                            unit.format(times.topk), formatNumber(ratio, 3)});
  if (!pass)
    std::printf("%s is wrong: %ld wrong logits, %ld wrong entries\n",
                own.name.c_str(), static_cast<long>(wrongLogits),
                static_cast<long>(check.countWrong()));
  rows.push_back({{"kernel", own.name},
                  {paged ? "batch" : "seq_len", cell.rows},
                  {paged ? "context_len" : "seq_len_kv", cell.keys},
                  {"k", info.k},
                  {"fast", info.fast != 0},
                  {"pattern", planted ? planted->name : "normal"},
                  {"relative_error", logits.relativeError},
                  {"wrong_logits", wrongLogits},
                  {"wrong", check.countWrong()},
                  {"checked_rows", check.checkedRows},
                  {"logits_us", times.logits},
                  {"nth_element_us", times.selected},
                  {"time_us", times.topk},
                  {"ratio", ratio},
                  {"pass", pass}});
  return pass;
}

bool mqa::tools::runFusedTable(Device &device,
                               const std::vector<FusedKernel> &kernels,
                               const TopkPattern &pattern,
                               const TopkOptions &options, json &rows) {
  const TopkPattern *planted =
      &pattern == &getTopkPatterns().front() ? nullptr : &pattern;
  std::printf("logits and top-k in one kernel, beside the logits alone; plain: "
              "std::nth_element on a CPU.\nOf a paged cache, M is sequences, N "
              "their average length, and times are of one of %d in a row\n\n",
              kRow);
  std::vector<std::string> names;
  for (const FusedKernel &own : kernels)
    names.push_back(own.name);
  std::string unit = TimeUnit(isForCpu(kernels.front().kernel->getInfo())).name;
  Table table(names,
              {{"M", 4},
               {"N", 6},
               {"k", 4},
               {"error", 8},
               {"logits, " + unit, 9},
               {"plain, " + unit, 9},
               {unit, 9},
               {"ratio", 5}},
              options.wide);
  table.printHead();
  bool pass = true;
  std::vector<std::pair<std::string, double>> means;
  for (const FusedKernel &own : kernels) {
    const mqa_kernel_info &info = own.kernel->getInfo();
    std::vector<double> logarithms;
    for (const Cell &cell : getCells(isForCpu(info), isPaged(info)))
      if (cell.keys <= options.maxKeys) {
        showProgress(own.name + ": " + std::to_string(cell.rows) + " x " +
                     std::to_string(cell.keys));
        pass &= runCell(device, own, cell, planted, options.repeat, logarithms,
                        table, rows);
      }
    double sum = 0;
    for (double logarithm : logarithms)
      sum += logarithm;
    if (!logarithms.empty())
      means.emplace_back(own.name, std::exp(sum / logarithms.size()));
  }
  std::printf("\n");
  for (const auto &[name, mean] : means)
    std::printf("%s: geometric mean of the ratios %.3f\n", name.c_str(), mean);
  return pass;
}
