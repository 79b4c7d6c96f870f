//===- FusedEdges.cpp - Edge cases of logits and top-k --------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "CaseShapes.h"
#include "FusedCases.h"
#include "FusedProblems.h"
#include "Reruns.h"
#include "TopkCases.h"

#include <algorithm>
#include <limits>

using namespace mqa::tools;

static const TopkPattern &getPattern(size_t i) {
  const auto &patterns = getTopkPatterns();
  return patterns[i % patterns.size()];
}

/// The problem that a pattern is planted in.
static FusedCase makeEdge(const mqa_kernel_info &info,
                          const TopkPattern &pattern) {
  int64_t n = pattern.countKeys(info.k);
  FusedCase c;
  c.problem = isPaged(info)
                  ? makePagedEdge(info, makeEdgeShape(info, 10,
                                                      [&](int64_t b) {
                                                        return getEdgeLength(
                                                            b, info.k, n);
                                                      }))
                  : makeEdgeRanges(info, n);
  plantLogits(c.problem, pattern, info.k, /*seed=*/1);
  c.description = pattern.name;
  c.maxPairs = 0;
  return c;
}

//===----------------------------------------------------------------------===//
// Shapes
//===----------------------------------------------------------------------===//

static std::vector<FusedCase> makeShapes(const mqa_kernel_info &info) {
  int64_t k = info.k;
  int64_t step = 16 / getBytes(info.input_type);
  Slack slack;
  slack.q = step;
  slack.k = 3 * step;
  slack.weights = 4;
  const std::tuple<const char *, int64_t, int64_t, Slack, TopkSlack> shapes[] =
      {{"no query", 0, 1000, {}, {}},
       {"no key", kNumEdgeRanges, 0, {}, {}},
       {"one key", kNumEdgeRanges, 1, {}, {}},
       {"k - 1 keys", kNumEdgeRanges, k - 1, {}, {}},
       {"k keys", kNumEdgeRanges, k, {}, {}},
       {"k + 1 keys", kNumEdgeRanges, k + 1, {}, {}},
       {"strided operands", 37, 2 * k + 100, slack, {0, 0, 5, 7, 9}},
       {"one query, many keys", 1, 70000, {}, {}},
       {"more queries than run at once", 3000, 50, {}, {}},
       {"rows in several parts", 300, 3 * k + 7000, {}, {}}};
  std::vector<FusedCase> cases;
  for (const auto &[name, queries, keys, own, topk] : shapes)
    cases.push_back({makeEdgeRanges(info, keys, queries), name, own, topk});
  return cases;
}

namespace {
struct PagedEdge {
  const char *name;
  int64_t batch;
  int64_t (*length)(int64_t b, int64_t k);
  void (*change)(PagedShape &shape, Slack &slack, TopkSlack &topkSlack) =
      [](PagedShape &, Slack &, TopkSlack &) {};
};
} // namespace

static void widen(PagedShape &shape, Slack &, TopkSlack &) {
  shape.maxContextLen = 3000;
}

static void addSlack(PagedShape &shape, Slack &slack, TopkSlack &topkSlack) {
  slack.q = slack.k = 16;
  slack.kScale = slack.weights = 4;
  slack.table = 3;
  bool perQuery = static_cast<int64_t>(shape.lens.size()) != shape.batch;
  slack.lens = perQuery ? 1 : 0;
  topkSlack.indices = 7;
  topkSlack.values = 9;
}

static const PagedEdge kPagedEdges[] = {
    {"no sequence", 0, [](int64_t, int64_t) { return int64_t(0); }},
    {"all lengths 0, a batch of 32", 32,
     [](int64_t, int64_t) { return int64_t(0); }, widen},
    {"a batch of 1", 1, [](int64_t, int64_t k) { return 3 * k + 20000; }},
    {"lengths around k", 40,
     [](int64_t b, int64_t k) { return k - 4 + b % 9; }},
    {"a batch of 2000", 2000, [](int64_t b, int64_t) { return b % 40; }},
    {"one long sequence beside 63 short ones", 64,
     [](int64_t b, int64_t k) { return b == 17 ? 5 * k + 20000 : 100; }},
    {"lengths in any order within a sequence", 8,
     [](int64_t, int64_t k) { return k + 500; },
     [](PagedShape &shape, Slack &, TopkSlack &) {
       int32_t longest = shape.lens.empty() ? 0 : shape.lens.back();
       for (size_t i = 0; i < shape.lens.size(); ++i)
         shape.lens[i] = static_cast<int32_t>(i * 7919 % (longest + 1));
     }},
    {"lengths past the columns", 4, [](int64_t, int64_t k) { return 2 * k; },
     [](PagedShape &shape, Slack &, TopkSlack &) {
       shape.maxContextLen = 100;
     }},
    {"lengths past the table", 4,
     [](int64_t, int64_t k) { return 2 * k + 300; },
     [](PagedShape &shape, Slack &, TopkSlack &) { shape.maxBlocks = 1; }},
    {"repeated blocks", 6, [](int64_t, int64_t k) { return k + 400; },
     [](PagedShape &shape, Slack &, TopkSlack &) { shape.numBlocks = 3; }},
    {"strided operands", 7, [](int64_t b, int64_t k) { return k + 99 * b; },
     addSlack},
    {"scales behind their keys", 7,
     [](int64_t b, int64_t k) { return k + 99 * b; },
     [](PagedShape &, Slack &slack, TopkSlack &) { slack.fused = true; }},
};

static std::vector<FusedCase> makePagedShapes(const mqa_kernel_info &info) {
  std::vector<FusedCase> cases;
  for (const PagedEdge &edge : kPagedEdges) {
    PagedShape shape = makeEdgeShape(
        info, edge.batch, [&](int64_t b) { return edge.length(b, info.k); });
    FusedCase c;
    c.description = edge.name;
    edge.change(shape, c.slack, c.topkSlack);
    setStaticSizes(info, shape);
    c.problem = makePagedEdge(info, shape);
    cases.push_back(std::move(c));
  }
  return cases;
}

/// More than 2^31 logits, which nobody stores but the companion.
static FusedCase makeLarge(const mqa_kernel_info &info) {
  constexpr int64_t kQueries = 17000, kKeys = 131072;
  Shape shape = getShape(info, roundQueries(info, kQueries), kKeys);
  FusedCase c;
  c.problem = makeProblem(shape, Mask::Full, /*seed=*/1, /*wide=*/false,
                          getFormat(info));
  setRanges(c.problem, info, [](int64_t m) {
    return std::pair<int64_t, int64_t>(m % 100, kKeys - 2 * m);
  });
  c.description = "more than 2^31 logits";
  return c;
}

//===----------------------------------------------------------------------===//
// Reruns
//===----------------------------------------------------------------------===//

/// Replays of one captured launch while ranges, or lengths and table, are
/// others each time.
static void runChangingReplays(Device &device, const LoadedKernel &kernel,
                               const LoadedKernel &companion, Stream &stream,
                               int reruns, CaseSummary &summary) {
  const mqa_kernel_info &info = kernel.getInfo();
  // The table has no blocks for what is behind a known number of columns.
  if (isPaged(info) && info.max_context_len >= 0)
    return;
  int64_t n = 3 * info.k + 5000;
  Problem problem =
      isPaged(info)
          ? makePagedEdge(info,
                          makeEdgeShape(info, 40, [&](int64_t) { return n; }))
          : makeEdgeRanges(info, n, 40);
  FusedSession session(device, kernel, companion, problem, /*seed=*/1);
  TopkSession &topk = session.getTopk();
  std::unique_ptr<Graph> graph =
      device.capture(stream, [&] { topk.launch(stream.get()); });
  TopkCheckResult all;
  for (int i = 0; i < reruns; ++i) {
    Paging &paging = problem.paging;
    for (size_t j = 0; j < paging.contextLens.size(); ++j)
      paging.contextLens[j] =
          static_cast<int32_t>(std::min(n, getEdgeLength(j + i, info.k, n)));
    if (paging.nextN) {
      std::rotate(paging.blockTable.begin(), paging.blockTable.begin() + 1,
                  paging.blockTable.end());
      setPagedRanges(problem);
    } else {
      setRanges(problem, info, [&](int64_t m) {
        return getEdgeRange(m + i, info.k, problem.shape.numKeys);
      });
    }
    session.updateRanges();
    session.computeLogits(/*maxPairs=*/0);
    topk.poison();
    graph->launch(stream);
    stream.synchronize();
    TopkCheckResult check = topk.check(int64_t(1) << 26);
    all.wrongIndices += check.wrongIndices;
    all.wrongValues += check.wrongValues;
    all.outsideWrites += check.outsideWrites;
  }
  reportTopk(info, "replays with other ranges", all, 0, false, summary);
}

/// A problem of some queries, and one of fewer, which may work in the same
/// memory.
static void runFusedReruns(Device &device, const LoadedKernel &kernel,
                           const LoadedKernel &companion, int reruns,
                           const std::string &lateCopy, CaseSummary &summary) {
  const mqa_kernel_info &info = kernel.getInfo();
  int64_t n = 2 * info.k + 9000;
  auto make = [&](int64_t queries) {
    return isPaged(info)
               ? makePagedEdge(info, makeEdgeShape(info, queries,
                                                   [&](int64_t b) {
                                                     return getEdgeLength(
                                                         b, info.k, n);
                                                   }))
               : makeEdgeRanges(info, n, queries);
  };
  Problem problems[2] = {make(90), make(11)};
  plantLogits(problems[1], getPattern(6), info.k, /*seed=*/2);
  FusedSession sessions[2] = {
      {device, kernel, companion, problems[0], /*seed=*/1},
      {device, kernel, companion, problems[1], /*seed=*/2}};
  TopkSession &first = sessions[0].getTopk(), &second = sessions[1].getTopk();
  const void *weights = sessions[0].getInputs().getWeights();
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
  {
    auto firstLaunch = first.prepare(), secondLaunch = second.prepare();
    repeat("prepared launches", [&] {
      require(mqa_launch_run(firstLaunch.get(), nullptr));
      require(mqa_launch_run(secondLaunch.get(), nullptr));
    });
  }
  std::unique_ptr<Stream> streams[2] = {device.createStream(),
                                        device.createStream()};
  if (streams[0]) {
    repeat("two streams", [&] {
      first.launch(streams[0]->get());
      second.launch(streams[1]->get());
    });
    std::unique_ptr<Graph> graph = device.capture(*streams[0], [&] {
      first.launch(streams[0]->get());
      second.launch(streams[0]->get());
    });
    repeat("graph replays", [&] { graph->launch(*streams[0]); });
    runChangingReplays(device, kernel, companion, *streams[0], reruns, summary);
  }
  if (!lateCopy.empty() && streams[0] && info.has_weights) {
    LateWeights late(device, sessions[0].getInputs(), lateCopy);
    repeat("behind a kernel that writes the weights late", [&] {
      late.launch();
      first.launch();
      second.launch();
    });
    sessions[0].getInputs().setWeights(weights);
  }
  // From here on both work in the memory of the first.
  second.shareScratch(first);
  repeat("other numbers of queries in the same scratch", [&] {
    second.launch();
    first.launch();
  });
}

void mqa::tools::runFusedEdges(Device &device, const LoadedKernel &kernel,
                               const mqa_bundle *bundle,
                               const EdgeOptions &options,
                               CaseSummary &summary) {
  const mqa_kernel_info &info = kernel.getInfo();
  auto companion = requireCompanion(bundle, info);
  auto run = [&](const FusedCase &c, int again) {
    runFusedCase(device, kernel, *companion, c, again, options.verbose,
                 summary);
  };
  for (const TopkPattern &pattern : getTopkPatterns())
    run(makeEdge(info, pattern), options.reruns);
  for (const FusedCase &c :
       isPaged(info) ? makePagedShapes(info) : makeShapes(info))
    run(c, 0);
  if (info.key_block_size)
    for (const FusedCase &c : makeFusedBlockEdges(info))
      run(c, 0);
  for (const FusedCase &c : makeFusedHeadEdges(info))
    run(c, 0);
  if (options.large && !isPaged(info))
    run(makeLarge(info), 1);
  if (options.reruns)
    runFusedReruns(device, kernel, *companion, options.reruns, options.lateCopy,
                   summary);
}
