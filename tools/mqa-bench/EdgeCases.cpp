//===- EdgeCases.cpp - Problems that broke other kernels ------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "EdgeCases.h"
#include "CaseSummary.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <limits>
#include <tuple>

using namespace mqa::tools;

namespace {
/// One edge: a problem's size, and what is done to it and to its layout.
struct Edge {
  const char *name;
  int64_t numQueries, numKeys;
  Mask mask;
  void (*change)(Problem &problem, Slack &slack);
};
} // namespace

/// Sets the range of every query to what `get` says of it.
template <typename Get> static void setRanges(Problem &problem, Get get) {
  for (size_t m = 0; m < problem.ks.size(); ++m)
    std::tie(problem.ks[m], problem.ke[m]) =
        std::pair<int32_t, int32_t>(get(static_cast<int32_t>(m)));
}

static void makeEmpty(Problem &problem, Slack &) {
  setRanges(problem, [](int32_t m) { return std::pair(m, m); });
}

static void makeReversed(Problem &problem, Slack &) {
  setRanges(problem, [](int32_t m) { return std::pair(200 - m, m); });
}

static void startAnywhere(Problem &problem, Slack &) {
  setRanges(problem, [](int32_t m) { return std::pair(m + 1, m + 150); });
}

static void endAnywhere(Problem &problem, Slack &) {
  constexpr int32_t kMin = std::numeric_limits<int32_t>::min();
  constexpr int32_t kMax = std::numeric_limits<int32_t>::max();
  setRanges(problem, [=](int32_t m) {
    return m % 4 == 0   ? std::pair(kMin, kMax)
           : m % 4 == 1 ? std::pair(kMax, kMin)
           : m % 4 == 2 ? std::pair(kMin, kMin)
                        : std::pair(300 - m, 301 + m);
  });
}

static void makeUnequal(Problem &problem, Slack &) {
  setRanges(problem, [](int32_t m) { return std::pair(m, m + (m * m) % 271); });
}

static void makeSingle(Problem &problem, Slack &) {
  setRanges(problem, [](int32_t m) { return std::pair(m * 7, m * 7 + 1); });
}

static void addSlack(Problem &problem, Slack &slack) {
  int64_t step = 16 / getBytes(problem.format.input);
  slack = {step, 3 * step, 0, 4, 5, 0};
}

static void addRowsBefore(Problem &, Slack &slack) { slack.rowsBefore = 4; }

/// Zeros of both signs, the largest and smallest magnitudes, subnormals.
static void makeExtreme(Problem &problem, Slack &) {
  mqa_element_type type = problem.format.input;
  // Sums of the largest bf16 would not be finite.
  float largest = std::min(getMax(type), getMax(MQA_F8E5M2));
  const float values[] = {0.0f, -0.0f,     largest, -largest, 0x1p-9f,
                          1.0f, -0x1p-9f,  0x1p-6f, -1.0f,    0x1p-7f,
                          0.5f, -0x1p-16f, 0x1p-16f};
  constexpr size_t kCount = std::size(values);
  for (std::vector<uint8_t> *data : {&problem.q, &problem.k})
    for (size_t i = 0; i < data->size() / getBytes(type); ++i)
      storeBits(type, data->data(), i,
                encode(type, values[(i * i + i / 7) % kCount]));
  for (size_t i = 0; i < problem.kScale.size(); ++i)
    if (problem.format.hasKScale)
      problem.kScale[i] = i % 5 == 0   ? -0.0f
                          : i % 5 == 1 ? -0x1p-30f
                                       : 0x1p-20f;
  for (size_t i = 0; i < problem.weights.size(); ++i)
    if (problem.format.hasWeights)
      problem.weights[i] = i % 3 == 0 ? -0.0f : i % 3 == 1 ? -1.0f : 0x1p-10f;
}

/// NaN in q, k, k_scale and weights, of both signs.
static void plantNaN(Problem &problem, Slack &) {
  mqa_element_type type = problem.format.input;
  float nan = std::numeric_limits<float>::quiet_NaN();
  for (std::vector<uint8_t> *data : {&problem.q, &problem.k}) {
    size_t size = data->size() / getBytes(type);
    storeBits(type, data->data(), size / 3, encode(type, nan));
    storeBits(type, data->data(), size / 2,
              encode(type, std::copysign(nan, -1)));
  }
  if (problem.format.hasKScale)
    problem.kScale[problem.kScale.size() / 5] = nan;
  if (problem.format.hasWeights)
    problem.weights[problem.weights.size() / 7] = nan;
}

static void keep(Problem &, Slack &) {}

static const Edge kEdges[] = {
    {"ke == ks, all empty", 100, 300, Mask::Full, makeEmpty},
    {"ks > ke", 100, 300, Mask::Full, makeReversed},
    {"ks not a multiple of 4", 100, 300, Mask::Full, startAnywhere},
    {"ke > N, extreme bounds", 100, 300, Mask::Full, endAnywhere},
    {"ranges of unequal lengths", 100, 300, Mask::Full, makeUnequal},
    {"ranges of one key", 40, 300, Mask::Full, makeSingle},
    {"M not a multiple of the query tile", 37, 512, Mask::Causal, keep},
    {"N not a multiple of the key tile", 64, 517, Mask::Full, keep},
    {"one query", 1, 1000, Mask::Full, keep},
    {"one key", 50, 1, Mask::Full, keep},
    {"no query", 0, 100, Mask::Full, keep},
    {"no key", 50, 0, Mask::Full, keep},
    {"strided q, k, weights and out", 50, 333, Mask::Random, addSlack},
    {"sliced q, k, k_scale and weights", 50, 333, Mask::Random, addRowsBefore},
    {"-0, largest values, subnormals", 33, 400, Mask::Full, makeExtreme},
    {"NaN", 33, 400, Mask::Full, plantNaN},
};

//===----------------------------------------------------------------------===//
// Paged edges
//===----------------------------------------------------------------------===//

namespace {
struct PagedEdge {
  const char *name;
  int64_t batch;
  /// Of sequence b; those of its queries end there, each one key later than the
  /// one before.
  int32_t (*length)(int64_t b);
  /// What else there is to the case.
  void (*change)(PagedShape &shape, Slack &slack);
  /// Changes of the problem itself.
  void (*plant)(Problem &problem, Slack &slack) = nullptr;
};
} // namespace

static void keepShape(PagedShape &, Slack &) {}

static void addPagedSlack(PagedShape &shape, Slack &slack) {
  bool perQuery = static_cast<int64_t>(shape.lens.size()) != shape.batch;
  // Multiples of 16 bytes for every type.
  slack.q = slack.k = 16;
  slack.kScale = slack.weights = 4;
  slack.out = 5;
  slack.table = 3;
  slack.lens = perQuery ? 1 : 0;
}

static void fuse(PagedShape &, Slack &slack) {
  slack.fused = true;
  slack.k = 64;
}

static void shuffleLengths(PagedShape &shape, Slack &) {
  for (size_t i = 0; i < shape.lens.size(); ++i)
    shape.lens[i] = static_cast<int32_t>(i * 7919 % 500);
}

static void widenOutput(PagedShape &shape, Slack &) {
  shape.maxContextLen = 3000;
}

static void narrowOutput(PagedShape &shape, Slack &) {
  shape.maxContextLen = 100;
}

static void narrowTable(PagedShape &shape, Slack &) { shape.maxBlocks = 1; }

static void shareBlocks(PagedShape &shape, Slack &) { shape.numBlocks = 3; }

static const PagedEdge kPagedEdges[] = {
    {"no sequence", 0, [](int64_t) { return 0; }, keepShape},
    {"all lengths 0, a batch of 32", 32, [](int64_t) { return 0; },
     widenOutput},
    {"all lengths 0, a batch of 96", 96, [](int64_t) { return 0; },
     widenOutput},
    {"negative and zero lengths beside others", 9,
     [](int64_t b) { return static_cast<int32_t>(b % 3 * 90 - 90); },
     keepShape},
    {"a batch of 1", 1, [](int64_t) { return 1000; }, keepShape},
    {"a length of 1", 5, [](int64_t) { return 1; }, keepShape},
    {"fewer tiles than multiprocessors", 3, [](int64_t) { return 200; },
     keepShape},
    {"a batch of 8192", 8192,
     [](int64_t b) { return static_cast<int32_t>(b % 40); }, keepShape},
    {"one of 20000 keys beside 63 of 100", 64,
     [](int64_t b) { return b == 17 ? 20000 : 100; }, keepShape},
    {"lengths that end with a block", 6,
     [](int64_t b) { return static_cast<int32_t>(256 * b); }, keepShape},
    {"lengths in any order within a sequence", 8, [](int64_t) { return 500; },
     shuffleLengths},
    {"more columns than keys", 4, [](int64_t) { return 300; }, widenOutput},
    {"lengths past the columns", 4, [](int64_t) { return 300; }, narrowOutput},
    {"lengths past the table", 4, [](int64_t) { return 300; }, narrowTable},
    {"repeated blocks", 6, [](int64_t) { return 400; }, shareBlocks},
    {"strided q, cache, table, lengths and out", 7, [](int64_t) { return 333; },
     addPagedSlack},
    {"scales behind their keys, strided", 7, [](int64_t) { return 333; }, fuse},
    {"-0, largest values, subnormals", 5, [](int64_t) { return 300; },
     keepShape, makeExtreme},
    {"NaN", 5, [](int64_t) { return 300; }, keepShape, plantNaN},
};

/// The shape of an edge case, of the sizes that the kernel knows.
static PagedShape getPagedShape(const mqa_kernel_info &info, int64_t batch,
                                int32_t (*length)(int64_t)) {
  PagedShape shape{info.batch < 0 ? batch : info.batch,
                   info.next_n,
                   info.num_heads,
                   info.head_dim,
                   info.block_kv,
                   {}};
  for (int64_t b = 0; b < shape.batch; ++b)
    for (int64_t t = 0, e = info.lens_per_query ? info.next_n : 1; t < e; ++t)
      shape.lens.push_back(static_cast<int32_t>(length(b) - e + t + 1));
  return shape;
}

static void setStaticSizes(const mqa_kernel_info &info, PagedShape &shape) {
  if (info.max_context_len >= 0)
    shape.maxContextLen = info.max_context_len;
  if (info.max_blocks >= 0)
    shape.maxBlocks = info.max_blocks;
  if (info.num_blocks >= 0)
    shape.numBlocks = info.num_blocks;
}

/// Compares one launch with the oracle.
static void runCase(Device &device, const LoadedKernel &kernel,
                    const char *name, const Problem &problem,
                    const Slack &slack, bool verbose, CaseSummary &summary) {
  constexpr int64_t kMaxPairs = 1 << 20;
  const mqa_kernel_info &info = kernel.getInfo();
  Session session(device, problem, slack);
  session.launch(kernel);
  CheckResult check = session.check(kernel, kMaxPairs);
  ++summary.cases;
  summary.worstError = std::max(summary.worstError, check.relativeError);
  bool wrong = !check.passes();
  summary.wrong += wrong;
  if (wrong || verbose)
    std::printf("%s: %s, %s: error %.2e, elements %ld, mask %ld, outside %ld\n",
                wrong ? "WRONG" : "right", info.name, name, check.relativeError,
                static_cast<long>(check.elementErrors),
                static_cast<long>(check.maskMismatches),
                static_cast<long>(check.outsideWrites));
}

static void runPagedEdges(Device &device, const LoadedKernel &kernel,
                          bool verbose, CaseSummary &summary) {
  const mqa_kernel_info &info = kernel.getInfo();
  for (const PagedEdge &edge : kPagedEdges) {
    PagedShape shape = getPagedShape(info, edge.batch, edge.length);
    Slack slack;
    edge.change(shape, slack);
    setStaticSizes(info, shape);
    Problem problem =
        makePagedProblem(shape, 1, /*wide=*/false, getFormat(info));
    if (edge.plant)
      edge.plant(problem, slack);
    runCase(device, kernel, edge.name, problem, slack, verbose, summary);
  }
}

/// More than 2^31 bytes of cache: the blocks that are used lie at its end.
static void runLargeCache(Device &device, const LoadedKernel &kernel,
                          bool verbose, CaseSummary &summary) {
  const mqa_kernel_info &info = kernel.getInfo();
  PagedShape shape = getPagedShape(
      info, 20, [](int64_t b) { return static_cast<int32_t>(100 * b); });
  setStaticSizes(info, shape);
  constexpr int64_t kBytes = (int64_t(1) << 31) + (int64_t(1) << 28);
  shape.numBlocks =
      kBytes / (info.block_kv * info.head_dim * getBytes(info.input_type));
  runCase(device, kernel, "more than 2^31 bytes of cache",
          makePagedProblem(shape, 1, /*wide=*/false, getFormat(info)), Slack(),
          verbose, summary);
}

/// Replays of one captured launch while lengths, table and cache are others
/// each time: what an engine does that decodes with a graph.
static void runChangingReplays(Device &device, const LoadedKernel &kernel,
                               int reruns, CaseSummary &summary) {
  const mqa_kernel_info &info = kernel.getInfo();
  std::unique_ptr<Stream> stream = device.createStream();
  if (!stream || info.batch >= 0)
    return;
  // The longest that there will be, so that every replay has room.
  PagedShape shape = getPagedShape(info, 40, [](int64_t) { return 2000; });
  setStaticSizes(info, shape);
  Problem problem = makePagedProblem(shape, 1, /*wide=*/false, getFormat(info));
  Session session(device, problem);
  std::unique_ptr<Graph> graph =
      device.capture(*stream, [&] { session.launch(kernel, stream->get()); });
  int wrong = 0;
  for (int i = 0; i < reruns; ++i) {
    Paging &paging = problem.paging;
    for (size_t j = 0; j < paging.contextLens.size(); ++j)
      paging.contextLens[j] =
          static_cast<int32_t>((j * 7919 + i * 104729) % 2001 / (i % 5 + 1));
    std::rotate(paging.blockTable.begin(), paging.blockTable.begin() + 1,
                paging.blockTable.end());
    setPagedRanges(problem);
    session.updatePaging(paging);
    session.poison();
    graph->launch(*stream);
    stream->synchronize();
    wrong += !session.check(kernel, 1 << 14).passes();
  }
  ++summary.cases;
  summary.wrong += wrong != 0;
  if (wrong)
    std::printf("WRONG: %s, replays with other lengths and another table: %d "
                "of %d\n",
                info.name, wrong, reruns);
}

/// Launches again in every way there is: the bits must not change.
static void runReruns(Device &device, const LoadedKernel &kernel, int reruns,
                      CaseSummary &summary) {
  const mqa_kernel_info &info = kernel.getInfo();
  Problem problems[2];
  if (info.paged) {
    PagedShape shape = getPagedShape(info, 50, [](int64_t b) {
      return static_cast<int32_t>(b * 7919 % 1500);
    });
    setStaticSizes(info, shape);
    problems[0] = makePagedProblem(shape, 1, false, getFormat(info));
    problems[1] = makePagedProblem(shape, 2, false, getFormat(info));
  } else {
    Shape shape = getShape(info, 300, 2000);
    problems[0] = makeProblem(shape, Mask::Random, 1, false, getFormat(info));
    problems[1] = makeProblem(shape, Mask::Causal, 2, false, getFormat(info));
  }
  Session first(device, problems[0]), second(device, problems[1]);
  first.launch(kernel);
  second.launch(kernel);
  std::vector<uint8_t> firstBits = first.download().data;
  std::vector<uint8_t> secondBits = second.download().data;

  auto repeat = [&](const char *what, const Device::Work &launch) {
    int changed = 0;
    for (int i = 0; i < reruns; ++i) {
      first.poison();
      second.poison();
      launch();
      changed += first.download().data != firstBits ||
                 second.download().data != secondBits;
    }
    ++summary.cases;
    summary.wrong += changed != 0;
    if (changed)
      std::printf("WRONG: %s, %s: %d of %d differ\n", info.name, what, changed,
                  reruns);
  };
  repeat("reruns", [&] {
    first.launch(kernel);
    second.launch(kernel);
  });
  auto firstLaunch = first.prepare(kernel),
       secondLaunch = second.prepare(kernel);
  repeat("prepared launches", [&] {
    require(mqa_launch_run(firstLaunch.get(), nullptr));
    require(mqa_launch_run(secondLaunch.get(), nullptr));
  });
  std::unique_ptr<Stream> streams[2] = {device.createStream(),
                                        device.createStream()};
  if (!streams[0])
    return;
  repeat("two streams", [&] {
    first.launch(kernel, streams[0]->get());
    second.launch(kernel, streams[1]->get());
  });
  std::unique_ptr<Graph> graph = device.capture(*streams[0], [&] {
    first.launch(kernel, streams[0]->get());
    second.launch(kernel, streams[0]->get());
  });
  repeat("graph replays", [&] { graph->launch(*streams[0]); });
}

int mqa::tools::runEdges(const EdgeOptions &options) {
  CaseSummary summary;
  forEachKernel(options.bundles, [&](Device &device,
                                     const LoadedKernel &kernel) {
    const mqa_kernel_info &info = kernel.getInfo();
    if (info.paged) {
      runPagedEdges(device, kernel, options.verbose, summary);
      if (options.large)
        runLargeCache(device, kernel, options.verbose, summary);
      if (options.reruns) {
        runReruns(device, kernel, options.reruns, summary);
        runChangingReplays(device, kernel, options.reruns, summary);
      }
      return;
    }
    for (const Edge &edge : kEdges) {
      Shape shape =
          getShape(info, edge.numQueries, edge.numKeys, edge.numKeys / 2 + 10);
      Problem problem =
          makeProblem(shape, edge.mask, 1, /*wide=*/false, getFormat(info));
      Slack slack;
      if (shape.numQueries && shape.numKeys)
        edge.change(problem, slack);
      runCase(device, kernel, edge.name, problem, slack, options.verbose,
              summary);
    }
    if (options.large) {
      Shape shape = getShape(info, 66000, 33000);
      runCase(device, kernel, "more than 2^31 elements",
              makeProblem(shape, Mask::Random, 1, false, getFormat(info)),
              Slack(), options.verbose, summary);
    }
    if (options.reruns)
      runReruns(device, kernel, options.reruns, summary);
  });
  std::printf("edge cases: %d, %d reruns each way, worst relative error %.2e, "
              "%d wrong\n",
              summary.cases, options.reruns, summary.worstError, summary.wrong);
  return summary.wrong ? 1 : 0;
}
