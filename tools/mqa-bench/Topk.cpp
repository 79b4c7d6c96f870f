//===- Topk.cpp - The table of selections ---------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Topk.h"
#include "Ceiling.h"
#include "FusedTable.h"
#include "Parallel.h"
#include "Rounds.h"
#include "Table.h"
#include "Terminal.h"
#include "TopkSession.h"
#include "Units.h"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <optional>

using namespace mqa::tools;
using nlohmann::json;

namespace {
struct Cell {
  int64_t numQueries, numKeys;
};

/// Medians, in microseconds.
struct Times {
  /// Of the kernel: after other memory was read, which leaves no logit in L2;
  /// and again.
  double cold = 0, again = 0;
  /// What as many bytes take at the rate of a copy (GPU), or std::nth_element
  /// and std::sort on all threads (CPU).
  double yardstick = 0;
};
} // namespace

/// Prefill is causal; few queries see all keys.
static const Cell kGpuCells[] = {{2048, 16384}, {2048, 65536},  {2048, 131072},
                                 {4096, 32768}, {4096, 131072}, {1, 4096},
                                 {1, 32768},    {1, 131072},    {64, 4096},
                                 {64, 32768},   {128, 32768},   {128, 131072}};
static const Cell kCpuCells[] = {
    {128, 2048}, {128, 8192}, {1024, 4096}, {4, 32768}, {1, 131072}};

static TopkProblem makeCell(const Cell &cell, const mqa_kernel_info &info,
                            const TopkPattern &pattern) {
  bool isCausal = cell.numQueries >= 1024;
  TopkProblem problem = makeTopkProblem(
      info, cell.numQueries, cell.numKeys, cell.numKeys, /*seed=*/1,
      [&](int64_t m) {
        int64_t end =
            isCausal ? cell.numKeys - cell.numQueries + m + 1 : cell.numKeys;
        return std::pair<int64_t, int64_t>(0, end);
      });
  fillLogits(problem, pattern, /*seed=*/1);
  return problem;
}

void mqa::tools::selectPlainly(const TopkProblem &problem,
                               const std::vector<float> &logits) {
  int64_t columns = problem.numColumns, k = problem.info.k;
  parallelFor(problem.numQueries, 1, [&](int64_t first, int64_t last) {
    std::vector<int32_t> keys;
    for (int64_t m = first; m < last; ++m) {
      const float *row = logits.data() + m * columns;
      int64_t begin = problem.begin(m);
      int64_t count = problem.countKeys(m), kept = std::min(count, k);
      keys.resize(count);
      for (int64_t n = 0; n < count; ++n)
        keys[n] = static_cast<int32_t>(begin + n);
      if (count > k)
        std::nth_element(keys.begin(), keys.begin() + k, keys.end(),
                         [&](int32_t a, int32_t b) {
                           return row[a] > row[b] ||
                                  (row[a] == row[b] && a < b);
                         });
      std::sort(keys.begin(), keys.begin() + kept);
    }
  });
}

static Times measure(Device &device, TopkSession &session,
                     const TopkProblem &problem, Ceilings *ceilings,
                     int repeat) {
  auto launch = [&] { session.launch(); };
  if (!ceilings) {
    std::vector<float> logits =
        decodeAll(problem.info.input_type, problem.logits);
    std::vector<double> medians = measureRounds(
        device, {launch, launch, [&] { selectPlainly(problem, logits); }},
        repeat);
    return {medians[0], medians[1], medians[2]};
  }
  std::vector<double> medians =
      measureRounds(device,
                    {[&] { ceilings->launchCopy(); },
                     [&] { ceilings->launchRead(); }, launch, launch},
                    repeat);
  double copy = medians[0] / ceilings->getCopyBytes();
  return {medians[2], medians[3], session.countBytes() * copy};
}

/// One kernel on one cell. False: an entry was wrong.
static bool runCell(Device &device, const LoadedKernel &kernel,
                    const std::string &name, const Cell &cell,
                    const TopkPattern &pattern, Ceilings *ceilings, int repeat,
                    const Table &table, json &rows) {
  const mqa_kernel_info &info = kernel.getInfo();
  TopkProblem problem = makeCell(cell, info, pattern);
  TopkSession session(device, kernel, problem);
  session.launch();
  TopkCheckResult check = session.check(/*maxLogits=*/int64_t(1) << 26);
  Times times = measure(device, session, problem, ceilings, repeat);
  TimeUnit unit(/*isCpu=*/!ceilings);
  table.printRow(name, {std::to_string(problem.numQueries),
                        std::to_string(cell.numKeys), std::to_string(info.k),
                        check.passes() ? "0" : "WRONG", unit.format(times.cold),
                        unit.format(times.again), unit.format(times.yardstick),
                        formatNumber(times.yardstick / times.cold, 2)});
  if (!check.passes())
    std::printf("%s is wrong: %ld wrong entries\n", name.c_str(),
                static_cast<long>(check.countWrong()));
  rows.push_back({{"kernel", name},
                  {"seq_len", problem.numQueries},
                  {"seq_len_kv", cell.numKeys},
                  {"k", info.k},
                  {"pattern", pattern.name},
                  {"wrong", check.countWrong()},
                  {"checked_rows", check.checkedRows},
                  {"time_us", times.cold},
                  {"again_us", times.again},
                  {ceilings ? "copy_us" : "nth_element_us", times.yardstick},
                  {"pass", check.passes()}});
  return check.passes();
}

namespace {
/// The kernels of all bundles, which are for one device.
struct Kernels {
  std::unique_ptr<Device> device;
  std::optional<Ceilings> ceilings;
  std::vector<std::pair<std::string, std::unique_ptr<LoadedKernel>>> topk;
  std::vector<FusedKernel> fused;
};
} // namespace

/// Adds kernel `info` of a bundle, if it is one that selects from logits.
static void addKernel(Kernels &kernels, const TopkOptions &options,
                      const std::string &name, const mqa_bundle *bundle,
                      const mqa_kernel_info &info) {
  if (!isTopk(info) && !isFused(info))
    return;
  if (!kernels.device)
    kernels.device = createDevice(bundle);
  auto kernel = std::make_unique<LoadedKernel>(bundle, info.name);
  bool isCpu = isForCpu(kernel->getInfo());
  for (const auto &[other, own] : kernels.topk)
    if (isForCpu(own->getInfo()) != isCpu)
      fatal("the bundles are for a GPU and for the CPU: measure them apart");
  for (const FusedKernel &own : kernels.fused)
    if (isForCpu(own.kernel->getInfo()) != isCpu)
      fatal("the bundles are for a GPU and for the CPU: measure them apart");
  std::string full = name + " " + info.name;
  if (isFused(info)) {
    auto companion = loadCompanion(bundle, info);
    if (!companion)
      fatal("the bundle '" + name +
            "' has no kernel that stores the logits of "
            "'" +
            info.name + "', to measure it beside");
    kernels.fused.push_back({full, std::move(kernel), std::move(companion)});
    return;
  }
  if (!isCpu && options.ceiling.empty())
    fatal("--ceiling is needed for a GPU");
  if (!isCpu && !kernels.ceilings)
    kernels.ceilings.emplace(*kernels.device, options.ceiling);
  kernels.topk.emplace_back(full, std::move(kernel));
}

/// The table of kernels that select from logits in memory.
static bool runTable(Kernels &kernels, const TopkPattern &pattern,
                     const TopkOptions &options, json &rows) {
  Ceilings *ceilings = kernels.ceilings ? &*kernels.ceilings : nullptr;
  std::vector<std::string> names;
  for (const auto &[name, kernel] : kernels.topk)
    names.push_back(name);
  std::string unit = TimeUnit(!ceilings).name;
  std::printf("%s\n\n",
              ceilings
                  ? "copy: what as many bytes take at the rate of a copy"
                  : "plain: std::nth_element and std::sort on all threads");
  Table table(names,
              {{"M", 4},
               {"N", 6},
               {"k", 4},
               {"wrong", 5},
               {unit, 8},
               {"again, " + unit, 8},
               {(ceilings ? "copy, " : "plain, ") + unit, 8},
               {ceilings ? "share" : "x plain", 5}},
              options.wide);
  table.printHead();
  bool pass = true;
  std::vector<Cell> cells(std::begin(kCpuCells), std::end(kCpuCells));
  if (ceilings)
    cells.assign(std::begin(kGpuCells), std::end(kGpuCells));
  for (const auto &[name, kernel] : kernels.topk)
    for (const Cell &cell : cells)
      if (cell.numKeys <= options.maxKeys) {
        showProgress(name + ": " + std::to_string(cell.numQueries) + " x " +
                     std::to_string(cell.numKeys));
        pass &= runCell(*kernels.device, *kernel, name, cell, pattern, ceilings,
                        options.repeat, table, rows);
      }
  return pass;
}

int mqa::tools::runTopkTable(const TopkOptions &options) {
  const auto &patterns = getTopkPatterns();
  auto pattern = std::find_if(
      patterns.begin(), patterns.end(),
      [&](const TopkPattern &own) { return own.name == options.pattern; });
  if (pattern == patterns.end())
    fatal("--pattern has no '" + options.pattern +
          "'; mqa-run --help lists the patterns");
  OpenBundles bundles;
  Kernels kernels;
  for (const std::string &path : options.bundles)
    bundles.open(path, [&](const std::string &name, mqa_bundle *bundle,
                           const mqa_kernel_info &info) {
      addKernel(kernels, options, name, bundle, info);
    });
  if (kernels.topk.empty() && kernels.fused.empty())
    fatal("the bundles have no kernel of mqa.topk");
  Device &device = *kernels.device;
  std::printf("device: %s, median of %d interleaved rounds, logits: %s\n\n",
              device.getName().c_str(), options.repeat, pattern->name);
  json rows = json::array();
  bool pass = true;
  if (!kernels.topk.empty())
    pass &= runTable(kernels, *pattern, options, rows);
  if (!kernels.fused.empty())
    pass &= runFusedTable(device, kernels.fused, *pattern, options, rows);
  if (!options.json.empty())
    writeFile(options.json,
              makeReport(device, options.repeat, rows).dump(1) + "\n");
  return pass ? 0 : 1;
}
