//===- TopkCases.cpp - Selections that are checked ------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "TopkCases.h"
#include "TopkSession.h"

#include <algorithm>
#include <cstdio>
#include <limits>

using namespace mqa::tools;

static constexpr int64_t kMaxLogits = int64_t(1) << 26;

namespace {
struct Case {
  TopkProblem problem;
  TopkSlack slack;
  std::string description;
};
} // namespace

std::pair<int64_t, int64_t> mqa::tools::getEdgeRange(int64_t i, int64_t k,
                                                     int64_t n) {
  constexpr int64_t kMin = std::numeric_limits<int32_t>::min();
  constexpr int64_t kMax = std::numeric_limits<int32_t>::max();
  const std::pair<int64_t, int64_t> ranges[] = {
      {0, n},      {0, -1},          {0, 0},       {0, 1},         {0, k - 1},
      {0, k},      {0, k + 1},       {3, k + 2},   {5, k + 5},     {7, k + 8},
      {0, n + 1},  {n - 1, n + 100}, {kMin, kMax}, {n, n},         {kMax, kMin},
      {-9, n / 2}, {n / 3, n - 1},   {k, 1},       {n - k - 1, n}, {1, n}};
  static_assert(std::size(ranges) == kNumEdgeRanges);
  return ranges[i % kNumEdgeRanges];
}

static Case drawCase(const mqa_kernel_info &info, uint64_t seed) {
  std::mt19937_64 random(seed);
  auto draw = [&](int64_t count) {
    return static_cast<int64_t>(random() % std::max<int64_t>(1, count));
  };
  int64_t k = info.k;
  const int64_t columns[] = {k - 1,      k,
                             k + 1,      draw(k),
                             draw(300),  k + 1 + draw(k + 500),
                             draw(9000), 3 * k + draw(20000)};
  const TopkPattern &pattern =
      getTopkPatterns()[draw(getTopkPatterns().size())];
  int64_t numColumns = columns[draw(std::size(columns))];
  if (draw(3) == 0)
    numColumns = pattern.countKeys(k) + draw(100);
  int64_t numQueries = numColumns > 20000 ? 1 + draw(12) : draw(70);
  int64_t numKeys = numColumns + draw(200);
  int64_t kind = draw(3);
  TopkProblem problem = makeTopkProblem(
      info, numQueries, numColumns, numKeys, seed, [&](int64_t) {
        // Whole rows, any ranges, and ranges around k.
        int64_t first = kind == 0 ? 0 : draw(numColumns + 50) - 20;
        int64_t length = draw(numColumns + 50) - 10;
        if (kind == 2)
          first = draw(40) - 20, length = k + draw(7) - 3;
        return kind == 0
                   ? std::pair<int64_t, int64_t>(0, numKeys)
                   : std::pair(first, std::max<int64_t>(first, 0) + length);
      });
  fillLogits(problem, pattern, seed);
  TopkSlack slack;
  if (draw(2))
    slack = {draw(4), info.lens_per_query ? draw(3) : 0,
             draw(3), draw(7),
             draw(7), draw(2) != 0};
  std::string description = "M=" + std::to_string(problem.numQueries) +
                            " columns=" + std::to_string(problem.numColumns) +
                            ", " + pattern.name + ", seed " +
                            std::to_string(seed);
  if (problem.numLists)
    description += ", " + std::to_string(problem.numLists) + " lists";
  return {std::move(problem), slack, description};
}

void mqa::tools::reportTopk(const mqa_kernel_info &info,
                            const std::string &name,
                            const TopkCheckResult &check, int changed,
                            bool verbose, CaseSummary &summary) {
  bool wrong = !check.passes() || changed;
  ++summary.cases;
  summary.wrong += wrong;
  if (wrong || verbose)
    std::printf("%s: %s, %s: indices %ld, values %ld, outside %ld, first row "
                "%ld, changed reruns %d\n",
                wrong ? "WRONG" : "right", info.name, name.c_str(),
                static_cast<long>(check.wrongIndices),
                static_cast<long>(check.wrongValues),
                static_cast<long>(check.outsideWrites),
                static_cast<long>(check.firstWrongRow), changed);
}

/// Launches, compares with the oracle, and launches again for the same bits.
static void runCase(Device &device, const LoadedKernel &kernel, const Case &c,
                    int reruns, bool verbose, CaseSummary &summary) {
  TopkSession session(device, kernel, c.problem, c.slack);
  session.launch();
  TopkCheckResult check = session.check(kMaxLogits);
  TopkOutput first = session.download();
  int changed = 0;
  for (int i = 0; i < reruns; ++i) {
    session.poison();
    session.launch();
    changed += !(session.download() == first);
  }
  reportTopk(kernel.getInfo(), c.description, check, changed, verbose, summary);
}

void mqa::tools::runRandomTopk(Device &device, const LoadedKernel &kernel,
                               int cases, int reruns, int largeReruns,
                               uint64_t seed, CaseSummary &summary) {
  const mqa_kernel_info &info = kernel.getInfo();
  for (int c = 0; c < cases; ++c)
    runCase(device, kernel, drawCase(info, seed + c), reruns,
            /*verbose=*/false, summary);
  if (!largeReruns)
    return;
  Case large{makeTopkProblem(info, 1024, 16384, 16384, seed,
                             [](int64_t m) {
                               return std::pair<int64_t, int64_t>(
                                   0, 16384 - 1023 + m);
                             }),
             TopkSlack(), "large, seed " + std::to_string(seed)};
  fillLogits(large.problem, getTopkPatterns().front(), seed);
  runCase(device, kernel, large, largeReruns, /*verbose=*/false, summary);
}

//===----------------------------------------------------------------------===//
// Edges
//===----------------------------------------------------------------------===//

static Case makeEdge(const mqa_kernel_info &info, const TopkPattern &pattern,
                     uint64_t seed) {
  int64_t n = pattern.countKeys(info.k);
  TopkProblem problem =
      makeTopkProblem(info, kNumEdgeRanges, n, n, seed,
                      [&](int64_t m) { return getEdgeRange(m, info.k, n); });
  fillLogits(problem, pattern, seed);
  return {std::move(problem), TopkSlack(), pattern.name};
}

/// No row, no column, fewer columns than k, rows that are far apart.
static void runShapes(Device &device, const LoadedKernel &kernel, bool verbose,
                      CaseSummary &summary) {
  const mqa_kernel_info &info = kernel.getInfo();
  const TopkPattern &pattern = getTopkPatterns().front();
  const std::tuple<const char *, int64_t, int64_t, TopkSlack> shapes[] = {
      {"no row", 0, 1000, {}},
      {"no column", kNumEdgeRanges, 0, {}},
      {"one column", kNumEdgeRanges, 1, {}},
      {"k - 1 columns", kNumEdgeRanges, info.k - 1, {}},
      {"k columns", kNumEdgeRanges, info.k, {}},
      {"k + 1 columns", kNumEdgeRanges, info.k + 1, {}},
      {"strided operands", kNumEdgeRanges, 2 * info.k + 100, {3, 1, 5, 7, 9}},
      {"lists of a row side by side",
       kNumEdgeRanges,
       2 * info.k + 100,
       {1, 0, 0, 0, 0, /*rowsFirst=*/true}},
      {"more rows than blocks run at once", 3000, 50, {}}};
  for (auto [name, rows, columns, slack] : shapes) {
    if (!info.lens_per_query)
      slack.lens = 0;
    Case c{makeTopkProblem(info, rows, columns, columns, 1,
                           [&, columns = columns](int64_t m) {
                             return getEdgeRange(m, info.k, columns);
                           }),
           slack, name};
    fillLogits(c.problem, pattern, 1);
    runCase(device, kernel, c, 0, verbose, summary);
  }
}

/// More than 2^31 entries of lists.
static void runManyLists(Device &device, const LoadedKernel &kernel,
                         bool verbose, CaseSummary &summary) {
  const mqa_kernel_info &info = kernel.getInfo();
  constexpr int64_t kRows = 17000;
  int64_t n = 2 * info.k;
  Case c{makeTopkProblem(info, kRows, n, n, 1,
                         [&](int64_t m) {
                           return std::pair<int64_t, int64_t>(m % 100, n);
                         }),
         TopkSlack(), "more than 2^31 entries"};
  if (info.num_lists < 0)
    c.problem.numLists =
        (int64_t(1) << 31) / (c.problem.numQueries * info.k) + 2;
  fillLogits(c.problem, getTopkPatterns().front(), 1);
  runCase(device, kernel, c, 1, verbose, summary);
}

/// More than 2^31 logits: the last rows are the ones that count.
static void runLarge(Device &device, const LoadedKernel &kernel, bool verbose,
                     CaseSummary &summary) {
  const mqa_kernel_info &info = kernel.getInfo();
  constexpr int64_t kRows = 17000, kColumns = 131072;
  Case c{makeTopkProblem(info, kRows, kColumns, kColumns, 1,
                         [](int64_t m) {
                           return std::pair<int64_t, int64_t>(m % 100,
                                                              kColumns - 2 * m);
                         }),
         TopkSlack(), "more than 2^31 logits"};
  fillLogits(c.problem, getTopkPatterns().front(), 1);
  runCase(device, kernel, c, 1, verbose, summary);
}

/// Replays of one captured launch while ranges, tables and logits are others
/// each time.
static void runChangingReplays(Device &device, const LoadedKernel &kernel,
                               Stream &stream, int reruns,
                               CaseSummary &summary) {
  const mqa_kernel_info &info = kernel.getInfo();
  const auto &patterns = getTopkPatterns();
  int64_t n = 3 * info.k + 5000;
  auto make = [&](int i) {
    TopkProblem problem = makeTopkProblem(info, 40, n, n, i, [&](int64_t m) {
      return getEdgeRange(m + i, info.k, n);
    });
    fillLogits(problem, patterns[i % patterns.size()], i);
    return problem;
  };
  TopkProblem problem = make(0);
  TopkSession session(device, kernel, problem);
  std::unique_ptr<Graph> graph =
      device.capture(stream, [&] { session.launch(stream.get()); });
  TopkCheckResult all;
  for (int i = 0; i < reruns; ++i) {
    problem = make(i);
    session.update();
    session.poison();
    graph->launch(stream);
    stream.synchronize();
    TopkCheckResult check = session.check(kMaxLogits);
    all.wrongIndices += check.wrongIndices;
    all.wrongValues += check.wrongValues;
    all.outsideWrites += check.outsideWrites;
  }
  reportTopk(info, "replays with other inputs", all, 0, false, summary);
}

static void runReruns(Device &device, const LoadedKernel &kernel, int reruns,
                      CaseSummary &summary) {
  const mqa_kernel_info &info = kernel.getInfo();
  Case cases[2] = {makeEdge(info, getTopkPatterns()[0], 1),
                   makeEdge(info, getTopkPatterns()[6], 2)};
  TopkSession first(device, kernel, cases[0].problem),
      second(device, kernel, cases[1].problem);
  first.launch();
  second.launch();
  TopkOutput firstBits = first.download(), secondBits = second.download();
  auto repeat = [&](const char *what, const Device::Work &launch) {
    int changed = 0;
    for (int i = 0; i < reruns; ++i) {
      first.poison();
      second.poison();
      launch();
      changed += !(first.download() == firstBits) ||
                 !(second.download() == secondBits);
    }
    reportTopk(info, what, {}, changed, false, summary);
  };
  auto firstLaunch = first.prepare(), secondLaunch = second.prepare();
  repeat("prepared launches", [&] {
    require(mqa_launch_run(firstLaunch.get(), nullptr));
    require(mqa_launch_run(secondLaunch.get(), nullptr));
  });
  std::unique_ptr<Stream> streams[2] = {device.createStream(),
                                        device.createStream()};
  if (!streams[0])
    return;
  repeat("two streams", [&] {
    first.launch(streams[0]->get());
    second.launch(streams[1]->get());
  });
  std::unique_ptr<Graph> graph = device.capture(*streams[0], [&] {
    first.launch(streams[0]->get());
    second.launch(streams[0]->get());
  });
  repeat("graph replays", [&] { graph->launch(*streams[0]); });
  runChangingReplays(device, kernel, *streams[0], reruns, summary);
}

void mqa::tools::runTopkEdges(Device &device, const LoadedKernel &kernel,
                              int reruns, bool large, bool verbose,
                              CaseSummary &summary) {
  const mqa_kernel_info &info = kernel.getInfo();
  for (const TopkPattern &pattern : getTopkPatterns())
    runCase(device, kernel, makeEdge(info, pattern, 1), reruns, verbose,
            summary);
  runShapes(device, kernel, verbose, summary);
  if (large && isTopk(info))
    runLarge(device, kernel, verbose, summary);
  if (large && !isTopk(info))
    runManyLists(device, kernel, verbose, summary);
  if (reruns)
    runReruns(device, kernel, reruns, summary);
}
