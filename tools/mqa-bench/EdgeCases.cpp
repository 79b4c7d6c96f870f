//===- EdgeCases.cpp - Problems that broke other kernels ------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "EdgeCases.h"
#include "CaseShapes.h"
#include "FusedCases.h"
#include "MxKeys.h"
#include "Reruns.h"
#include "TopkCases.h"
#include "TopkSession.h"

#include <nlohmann/json.hpp>

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
  slack = {step, problem.format.hasMxKeys ? 48 : 3 * step, 0, 4, 5, 0};
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
  // Any byte is two numbers of MXFP4.
  for (size_t i = 0; i < problem.blockScales.size(); ++i) {
    int byte = i % 5 == 0 ? 0 : i % 5 == 1 ? 97 : 107;
    for (int64_t block = 0; block < kMxBlocks; ++block)
      storeMxScale(problem, i, block, byte + static_cast<int>(i + block) % 4);
  }
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
    if (size == 0)
      continue;
    storeBits(type, data->data(), size / 3, encode(type, nan));
    storeBits(type, data->data(), size / 2,
              encode(type, std::copysign(nan, -1)));
  }
  if (!problem.blockScales.empty())
    storeMxScale(problem, problem.blockScales.size() / 5, 0, kMxNaN);
  if (problem.format.hasKScale && !problem.kScale.empty())
    problem.kScale[problem.kScale.size() / 5] = nan;
  if (problem.format.hasWeights && !problem.weights.empty())
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
// Edges of blocks whose maxima are taken
//===----------------------------------------------------------------------===//

/// Sets the range of every query to what `get` says of it and of the keys of a
/// block.
template <typename Get>
static void setRangesOfBlocks(Problem &problem, Get get) {
  auto size = static_cast<int32_t>(problem.format.blockMax);
  setRanges(problem, [&](int32_t m) { return get(m, size); });
}

/// The last key of a block and the first of the next one.
static void crossBlocks(Problem &problem, Slack &) {
  setRangesOfBlocks(problem, [](int32_t m, int32_t size) {
    return std::pair(m % 3 * size + size - 1, m % 3 * size + size + 1);
  });
}

static void takeOneKey(Problem &problem, Slack &) {
  setRangesOfBlocks(problem, [](int32_t m, int32_t size) {
    int32_t key = m % 2 ? m * size : m * size + size - 1;
    return std::pair(key % 300, key % 300 + 1);
  });
}

/// Whole blocks, most of which are in no range.
static void leaveBlocksEmpty(Problem &problem, Slack &) {
  setRangesOfBlocks(problem, [](int32_t m, int32_t size) {
    int32_t first = m % 4 * size;
    return std::pair(first, m % 5 ? first + size : first);
  });
}

/// In the first and in the last key of blocks; ranges take one of them, both or
/// none.
static void plantNaNInBlocks(Problem &problem, Slack &) {
  const Format &format = problem.format;
  int64_t size = format.blockMax;
  float nan = std::numeric_limits<float>::quiet_NaN();
  int64_t row = problem.shape.numGroups * problem.shape.headDim;
  for (int64_t n = 0; n < problem.shape.numKeys; n += 2 * size)
    for (int64_t key : {n, std::min(n + size, problem.shape.numKeys) - 1}) {
      if (format.hasMxKeys)
        storeMxScale(problem, key, 0, kMxNaN);
      else
        storeBits(format.input, problem.k.data(), key * row,
                  encode(format.input, nan));
    }
  setRangesOfBlocks(problem, [](int32_t m, int32_t size) {
    return std::pair(m % 3, 2 * size * (m % 3) + size - m % 2);
  });
}

static const Edge kBlockEdges[] = {
    {"ranges that cross blocks by a key", 40, 500, Mask::Full, crossBlocks},
    {"one key in a block", 40, 500, Mask::Full, takeOneKey},
    {"blocks without a key", 60, 700, Mask::Full, leaveBlocksEmpty},
    {"NaN in a block", 45, 600, Mask::Full, plantNaNInBlocks},
    {"N not a multiple of a block", 20, 257, Mask::Random, keep},
    {"fewer keys than a block", 20, 5, Mask::Random, keep},
};

//===----------------------------------------------------------------------===//
// Edges of blocks of keys
//===----------------------------------------------------------------------===//

namespace {
/// One edge of a kernel with blocks of keys: `change` makes the lists of a
/// problem whose lists are ascending.
struct KeyBlockEdge {
  const char *name;
  int64_t numQueries, numKeys, maxBlocks;
  Mask mask;
  void (*change)(Problem &problem, Slack &slack);
};
} // namespace

/// Sets block j of each row to what `get` says of row and j.
template <typename Get> static void setBlocks(Problem &problem, Get get) {
  KeyBlocks &own = problem.keyBlocks;
  for (size_t i = 0; i < own.blocks.size(); ++i)
    own.blocks[i] = static_cast<int32_t>(
        get(static_cast<int64_t>(i) / own.maxBlocks, i % own.maxBlocks));
}

static void makeNoBlocks(Problem &problem, Slack &) {
  std::fill(problem.keyBlocks.counts.begin(), problem.keyBlocks.counts.end(),
            0);
}

static void makeAnyCounts(Problem &problem, Slack &) {
  constexpr int32_t kMin = std::numeric_limits<int32_t>::min();
  constexpr int32_t kMax = std::numeric_limits<int32_t>::max();
  std::vector<int32_t> &counts = problem.keyBlocks.counts;
  for (size_t m = 0; m < counts.size(); ++m)
    counts[m] = m % 5 == 0   ? kMin
                : m % 5 == 1 ? kMax
                : m % 5 == 2 ? -1
                             : static_cast<int32_t>(m % 7);
}

static void makeDuplicates(Problem &problem, Slack &) {
  setBlocks(problem, [](int64_t m, int64_t j) { return (m + j / 3) % 30; });
}

static void makeDescending(Problem &problem, Slack &) {
  setBlocks(problem, [](int64_t m, int64_t j) { return 34 - j + m % 3; });
}

static void leaveKeys(Problem &problem, Slack &) {
  // About as far as an i32, and as the product with a block's keys, goes.
  constexpr int64_t kFar[] = {-1,
                              int64_t(1) << 28,
                              int64_t(1) << 29,
                              -(int64_t(1) << 29),
                              std::numeric_limits<int32_t>::max(),
                              std::numeric_limits<int32_t>::min(),
                              40,
                              1000};
  setBlocks(problem, [&](int64_t m, int64_t j) {
    return j % 2 ? kFar[(m + j / 2) % 8] : j;
  });
}

static void cutRanges(Problem &problem, Slack &) {
  setRanges(problem, [](int32_t m) { return std::pair(m + 3, m + 3 + m % 9); });
}

static void addBlockSlack(Problem &problem, Slack &slack) {
  addSlack(problem, slack);
  slack.table = 3;
}

static const KeyBlockEdge kKeyBlockEdges[] = {
    {"num_key_blocks 0", 60, 300, 20, Mask::Full, makeNoBlocks},
    {"any num_key_blocks", 60, 300, 20, Mask::Full, makeAnyCounts},
    {"blocks twice", 60, 300, 40, Mask::Full, makeDuplicates},
    {"unsorted blocks", 60, 300, 30, Mask::Causal, makeDescending},
    {"blocks past N, negative ones", 60, 300, 40, Mask::Full, leaveKeys},
    {"candidates outside of the range", 60, 300, 36, Mask::Full, cutRanges},
    {"empty ranges", 60, 300, 20, Mask::Full, makeEmpty},
    {"extreme bounds", 60, 300, 20, Mask::Full, endAnywhere},
    {"N not a multiple of a block", 60, 301, 40, Mask::Full, keep},
    {"N less than a block", 60, 5, 4, Mask::Full, keep},
    {"no key", 60, 0, 10, Mask::Full, keep},
    {"no block", 60, 300, 0, Mask::Full, keep},
    {"no query", 0, 300, 10, Mask::Full, keep},
    {"one query", 1, 3000, 200, Mask::Full, keep},
    {"one block", 60, 300, 1, Mask::Full, keep},
    {"more columns than keys", 60, 200, 100, Mask::Full, keep},
    {"strided q, k, weights, lists and out", 60, 333, 30, Mask::Random,
     addBlockSlack},
    {"sliced q, k, k_scale and weights", 60, 333, 30, Mask::Random,
     addRowsBefore},
    {"-0, largest values, subnormals", 33, 400, 40, Mask::Full, makeExtreme},
    {"NaN", 33, 400, 40, Mask::Full, plantNaN},
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

static void runKeyBlockEdges(Device &device, const LoadedKernel &kernel,
                             bool verbose, CaseSummary &summary) {
  const mqa_kernel_info &info = kernel.getInfo();
  for (const KeyBlockEdge &edge : kKeyBlockEdges) {
    Shape shape = getShape(info, edge.numQueries, edge.numKeys);
    Problem problem =
        makeProblem(shape, edge.mask, 1, /*wide=*/false, getFormat(info));
    setKeyBlocks(info, problem, edge.maxBlocks, BlockLists::Ascending, 1);
    Slack slack;
    if (shape.numQueries)
      edge.change(problem, slack);
    runCase(device, kernel, edge.name, problem, slack, verbose, summary);
  }
}

int mqa::tools::runEdges(const EdgeOptions &options) {
  CaseSummary summary;
  forEachKernel(options.bundles, [&](Device &device, const LoadedKernel &kernel,
                                     const mqa_bundle *bundle) {
    const mqa_kernel_info &info = kernel.getInfo();
    if (selectsKeys(info))
      return runTopkEdges(device, kernel, options.reruns, options.large,
                          options.verbose, summary);
    if (isFused(info))
      return runFusedEdges(device, kernel, bundle, options, summary);
    if (isPaged(info)) {
      runPagedEdges(device, kernel, options.verbose, summary);
      if (options.large)
        runLargeCache(device, kernel, options.verbose, summary);
      runReruns(device, kernel, options.reruns, options.lateCopy, summary);
      return;
    }
    if (info.key_block_size) {
      runKeyBlockEdges(device, kernel, options.verbose, summary);
      runReruns(device, kernel, options.reruns, options.lateCopy, summary);
      return;
    }
    std::vector<Edge> edges(std::begin(kEdges), std::end(kEdges));
    if (info.block_max)
      edges.insert(edges.end(), std::begin(kBlockEdges), std::end(kBlockEdges));
    for (const Edge &edge : edges) {
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
    runReruns(device, kernel, options.reruns, options.lateCopy, summary);
  });
  writeCounts(options.json, summary,
              {{"reruns", options.reruns}, {"large", options.large}});
  std::printf("edge cases: %d, %d reruns each way, worst relative error %.2e, "
              "%d wrong\n",
              summary.cases, options.reruns, summary.worstError, summary.wrong);
  return summary.wrong ? 1 : 0;
}
