//===- Cpu.cpp - The table of logits on a CPU -----------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Cpu.h"
#include "CpuBaseline.h"
#include "CpuPeak.h"
#include "CpuRead.h"
#include "CpuRows.h"
#include "Rounds.h"
#include "Table.h"
#include "Terminal.h"

#include <nlohmann/json.hpp>

#include <cmath>
#include <map>
#include <set>

using namespace mqa::tools;
using mqa::runtime::ThreadPool;
using nlohmann::json;

namespace {
/// A kernel of a bundle, on one thread and on all.
struct Candidate {
  std::string name;
  std::unique_ptr<LoadedKernel> oneThread, allThreads;
  /// Logarithms of what the cells so far had.
  std::vector<double> toFirst, rates;
  bool passes = true;
};

/// Kernels that are measured on the same problems.
using Group = std::vector<Candidate>;

/// All that the cells share.
struct Bench {
  Device &device;
  ThreadPool &pool;
  PeakLoop peak;
  /// Only where there are decode shapes: it takes much memory.
  std::optional<MemoryRead> memory;
  int repeat;
};
} // namespace

//===----------------------------------------------------------------------===//
// Checks
//===----------------------------------------------------------------------===//

/// Rows of about so many pairs are compared with the oracle.
static constexpr int64_t kMaxPairs = 1 << 17;

static CpuVerdict checkCandidate(Session &session, const Candidate &candidate) {
  CpuVerdict verdict;
  session.poison();
  session.launch(*candidate.oneThread);
  verdict.check = session.check(*candidate.oneThread, kMaxPairs);
  std::vector<uint8_t> expected = session.getOutput().data;
  session.poison();
  session.launch(*candidate.allThreads);
  const std::vector<uint8_t> &found = session.download().data;
  for (size_t i = 0; i < expected.size(); ++i)
    verdict.changedBytes += found[i] != expected[i];
  return verdict;
}

static CpuVerdict checkLoopNest(const Problem &problem,
                                const DecodedProblem &decoded) {
  // It writes f32, whatever the kernels do.
  Problem plain = problem;
  plain.format.out = MQA_F32;
  Output output(plain, std::max<int64_t>(1, plain.countColumns()), /*guard=*/0);
  runCpuBaseline(decoded, reinterpret_cast<float *>(output.data.data()));
  return {checkOutput(plain, output, /*clean=*/false, kMaxPairs)};
}

//===----------------------------------------------------------------------===//
// Times
//===----------------------------------------------------------------------===//

/// Of each candidate, and of what else is in a round. `decoded` is null where
/// the loop nest would take too long.
static std::vector<CpuTimes> measure(Bench &bench, Session &session,
                                     const Group &group, bool isDecode,
                                     MemoryRead *keys,
                                     const DecodedProblem *decoded,
                                     CpuYardsticks &yardsticks) {
  std::vector<float> plain;
  if (decoded)
    plain.resize(decoded->problem.shape.numQueries *
                 decoded->problem.countColumns());
  std::vector<Device::Work> round;
  auto add = [&](Device::Work work) {
    round.push_back(std::move(work));
    return round.size() - 1;
  };
  size_t memory = isDecode ? add([&] { bench.memory->launch(); }) : 0;
  size_t peakOneThread = add([&] { bench.peak.launchOneThread(); });
  size_t peak = add([&] { bench.peak.launch(); });
  size_t loopNest =
      decoded ? add([&] { runCpuBaseline(*decoded, plain.data()); }) : 0;
  // Brings the keys back that the read of memory put out of the caches: each
  // kernel finds what the one ahead of it left.
  add([&] { session.launch(*group.front().allThreads); });
  size_t first = round.size();
  for (const Candidate &candidate : group) {
    add([&] { session.launch(*candidate.oneThread); });
    add([&] { session.launch(*candidate.allThreads); });
  }
  // Likewise the second read of the buffer counts.
  size_t read = 0;
  for (int i = 0; keys && i < 2; ++i)
    read = add([keys] { keys->launch(); });

  std::vector<double> times = measureRounds(bench.device, round, bench.repeat);
  yardsticks.peakOneThread =
      bench.peak.getOneThreadOperations() / times[peakOneThread] * 1e-3;
  yardsticks.peak = bench.peak.getOperations() / times[peak] * 1e-3;
  if (isDecode)
    yardsticks.memory = bench.memory->getBytes() / times[memory] * 1e-3;
  if (keys)
    yardsticks.keys = keys->getBytes() / times[read] * 1e-3;
  if (decoded)
    yardsticks.loopNest = times[loopNest];
  std::vector<CpuTimes> result;
  for (size_t i = 0; i < group.size(); ++i)
    result.push_back({times[first + 2 * i], times[first + 2 * i + 1]});
  return result;
}

//===----------------------------------------------------------------------===//
// Cells
//===----------------------------------------------------------------------===//

/// One cell of all candidates. False: a result was wrong.
static bool runCell(Bench &bench, const CpuCell &cell, Group &group, int width,
                    json &rows) {
  const mqa_kernel_info &info = group.front().oneThread->getInfo();
  Problem problem = makeProblem(
      getShape(info, cell.numQueries, cell.numKeys), cell.mask,
      /*seed=*/cell.numQueries + cell.numKeys, /*wide=*/false, getFormat(info));
  double operations = countOperations(problem);
  Session session(bench.device, problem);
  std::vector<CpuVerdict> verdicts;
  for (const Candidate &candidate : group)
    verdicts.push_back(checkCandidate(session, candidate));

  // A loop nest that takes a second would be most of a round.
  constexpr double kLongestLoopNest = 1e6;
  std::optional<DecodedProblem> decoded;
  if (estimateCpuBaseline(bench.device, info, operations) <= kLongestLoopNest)
    decoded.emplace(problem);
  std::optional<MemoryRead> keys;
  auto keyBytes = static_cast<int64_t>(problem.k.size());
  if (cell.isDecode() && keyBytes <= getCacheBytes())
    keys.emplace(bench.device, bench.pool, keyBytes, keyBytes);
  CpuYardsticks yardsticks;
  std::vector<CpuTimes> times =
      measure(bench, session, group, cell.isDecode(), keys ? &*keys : nullptr,
              decoded ? &*decoded : nullptr, yardsticks);

  printCpuHead(cell, operations, bench.pool.getNumThreads(), yardsticks, width);
  bool pass = true;
  auto addRow = [&](const std::string &name, const char *target,
                    const CpuVerdict &verdict, const CpuTimes &ownTimes,
                    const CpuTimes &firstTimes) {
    CpuRow row{name, target, verdict, ownTimes,
               getCpuFigures(operations, cell.isDecode() ? keyBytes : 0,
                             ownTimes, firstTimes, yardsticks)};
    printCpuRow(row, cell, width);
    rows.push_back(makeCpuRow(row, problem, cell, yardsticks));
    pass &= verdict.passes();
    return row.figures;
  };
  if (decoded)
    addRow("loop nest", "", checkLoopNest(problem, *decoded),
           {yardsticks.loopNest, 0}, {0, 0});
  for (size_t i = 0; i < group.size(); ++i) {
    Candidate &candidate = group[i];
    CpuFigures figures =
        addRow(candidate.name, candidate.oneThread->getInfo().target,
               verdicts[i], times[i], times.front());
    candidate.passes &= verdicts[i].passes();
    candidate.toFirst.push_back(std::log(figures.toFirst));
    candidate.rates.push_back(std::log(figures.rate));
  }
  return pass;
}

//===----------------------------------------------------------------------===//
// Kernels
//===----------------------------------------------------------------------===//

/// Adds the first kernel of mqa.logits of each kind and target of a bundle.
/// What this machine cannot run is said, and listed in `leftOut`.
static void addKernels(std::map<Problems, Group> &groups, OpenBundles &bundles,
                       const std::string &path, int threads, json &leftOut) {
  mqa_bundle *bundle;
  std::string stem = bundles.open(path, bundle);
  std::set<std::pair<Problems, std::string>> seen;
  for (size_t i = 0, e = mqa_bundle_num_kernels(bundle); i < e; ++i) {
    mqa_kernel_info info;
    require(mqa_bundle_kernel_info(bundle, i, &info));
    if (info.op != MQA_OP_LOGITS || !isForCpu(info) ||
        !seen.emplace(getProblems(info), info.target).second)
      continue;
    std::string name = stem;
    if (std::string(info.target) != "cpu")
      name += std::string(" ") + info.target;
    if (info.clean)
      name += " clean";
    auto oneThread = LoadedKernel::tryLoad(bundle, i, 1);
    if (!oneThread) {
      leftOut.push_back({{"kernel", name}, {"reason", mqa_last_error()}});
      std::printf("left out: %s: %s\n", name.c_str(), mqa_last_error());
      // Before an error says that nothing else is there.
      std::fflush(stdout);
      continue;
    }
    auto allThreads = LoadedKernel::tryLoad(bundle, i, threads);
    groups[getProblems(info)].push_back(
        {name, std::move(oneThread), std::move(allThreads), {}, {}});
  }
}

/// The cells as a kernel's own sizes have them, each once.
static std::vector<CpuCell> fitCells(const std::vector<CpuCell> &cells,
                                     const mqa_kernel_info &info) {
  std::vector<CpuCell> fitted;
  for (const CpuCell &cell : cells) {
    Shape shape = getShape(info, cell.numQueries, cell.numKeys);
    CpuCell own{shape.numQueries, shape.numKeys, cell.mask};
    if (std::find(fitted.begin(), fitted.end(), own) == fitted.end())
      fitted.push_back(own);
  }
  return fitted;
}

static bool runGroup(Bench &bench, Group &group,
                     const std::vector<CpuCell> &cells, json &rows) {
  const mqa_kernel_info &info = group.front().oneThread->getInfo();
  std::printf("\nH = %ld, D = %ld, %s to %s\n",
              static_cast<long>(info.num_heads),
              static_cast<long>(info.head_dim), getTypeName(info.input_type),
              getTypeName(info.out_type));
  int width = static_cast<int>(std::string("loop nest").size());
  for (const Candidate &candidate : group)
    width = std::max(width, static_cast<int>(candidate.name.size()));
  // Eight columns of ten stand behind it.
  width = std::min(width, kMaxColumns - 84);
  bool pass = true;
  std::vector<CpuCell> own = fitCells(cells, info);
  size_t done = 0;
  for (const CpuCell &cell : own) {
    if (cell.isDecode() && !bench.memory)
      bench.memory.emplace(makeColdRead(bench.device, bench.pool));
    showProgress("cell " + std::to_string(++done) + " of " +
                 std::to_string(own.size()) + ": " +
                 std::to_string(cell.numQueries) + " x " +
                 std::to_string(cell.numKeys) + ", " +
                 std::to_string(group.size()) + " kernels");
    pass &= runCell(bench, cell, group, width, rows);
  }
  std::printf("\n");
  for (const Candidate &candidate : group)
    std::printf("%s: geometric mean %.1f GFLOP/s, %.2f x the first%s\n",
                candidate.name.c_str(), getGeometricMean(candidate.rates),
                getGeometricMean(candidate.toFirst),
                candidate.passes ? "" : ", WRONG");
  return pass;
}

int mqa::tools::runCpu(const CpuOptions &options) {
  std::vector<CpuCell> cells;
  std::string error = parseCpuCells(options.shapes, options.mask, cells);
  if (!error.empty())
    fatal(error);
  std::unique_ptr<Device> device = Device::create("cpu");
  const PeakUnit &unit = choosePeakUnit(options.peak);
  std::map<Problems, Group> groups;
  OpenBundles bundles;
  json rows = json::array(), leftOut = json::array();
  for (const std::string &path : options.bundles)
    addKernels(groups, bundles, path, options.threads, leftOut);
  if (groups.empty())
    fatal("the bundles have no kernel of mqa.logits for this CPU");
  ThreadPool pool;
  require(pool.start(options.threads));
  Bench bench{*device, pool, PeakLoop(unit, pool), {}, options.repeat};
  std::printf("device: %s, median of %d interleaved rounds\npeak: %s, products "
              "out of registers\n",
              device->getName().c_str(), options.repeat, unit.name);
  bool pass = true;
  for (auto &[problems, group] : groups)
    pass &= runGroup(bench, group, cells, rows);
  if (!options.json.empty()) {
    json report = makeReport(*device, options.repeat, rows);
    report["threads"] = pool.getNumThreads();
    report["peak"] = unit.name;
    report["left_out"] = leftOut;
    writeFile(options.json, report.dump(1) + "\n");
  }
  return pass ? 0 : 1;
}
