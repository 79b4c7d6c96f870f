//===- FusedCases.cpp - Random problems of logits and top-k ---------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "FusedCases.h"
#include "CaseShapes.h"
#include "RandomCases.h"
#include "TopkCases.h"

#include <algorithm>
#include <cstdio>

using namespace mqa::tools;

std::unique_ptr<LoadedKernel>
mqa::tools::requireCompanion(const mqa_bundle *bundle,
                             const mqa_kernel_info &info) {
  auto companion = loadCompanion(bundle, info);
  if (!companion)
    fatal("the bundle has no kernel that stores the logits of '" +
          std::string(info.name) + "', to compare it with");
  return companion;
}

int64_t mqa::tools::roundQueries(const mqa_kernel_info &info,
                                 int64_t numQueries) {
  if (info.num_queries >= 0)
    return info.num_queries;
  int64_t step = std::max<int64_t>(1, info.next_n);
  return (numQueries + step - 1) / step * step;
}

void mqa::tools::setRanges(Problem &problem, const mqa_kernel_info &info,
                           const GetRange &get) {
  auto toInt = [](int64_t value) {
    return static_cast<int32_t>(
        std::clamp<int64_t>(value, std::numeric_limits<int32_t>::min(),
                            std::numeric_limits<int32_t>::max()));
  };
  for (size_t m = 0; m < problem.ks.size(); ++m) {
    auto [first, last] = get(static_cast<int64_t>(m));
    problem.ks[m] = info.has_ks ? toInt(first) : 0;
    problem.ke[m] = toInt(last);
  }
}

void mqa::tools::runFusedCase(Device &device, const LoadedKernel &kernel,
                              const LoadedKernel &companion, const FusedCase &c,
                              int reruns, bool verbose, CaseSummary &summary) {
  constexpr int64_t kMaxLogits = int64_t(1) << 26;
  const mqa_kernel_info &info = kernel.getInfo();
  FusedSession session(device, kernel, companion, c.problem, /*seed=*/1,
                       c.slack, c.topkSlack);
  // What the oracle computes of each pair.
  constexpr int64_t kMaxProducts = int64_t(1) << 29;
  CheckResult logits = session.computeLogits(
      std::min(c.maxPairs, kMaxProducts / (info.num_heads * info.head_dim)));
  summary.worstError = std::max(summary.worstError, logits.relativeError);
  if (!logits.passes()) {
    ++summary.cases;
    ++summary.wrong;
    std::printf("WRONG: %s, %s: its logits: error %.2e, elements %ld, mask "
                "%ld, outside %ld\n",
                companion.getInfo().name, c.description.c_str(),
                logits.relativeError, static_cast<long>(logits.elementErrors),
                static_cast<long>(logits.maskMismatches),
                static_cast<long>(logits.outsideWrites));
  }
  TopkCheckResult check = session.check(kMaxLogits);
  TopkSession &topk = session.getTopk();
  TopkOutput first = topk.download();
  int changed = 0;
  for (int i = 0; i < reruns; ++i) {
    topk.poison();
    topk.launch();
    changed += !(topk.download() == first);
  }
  reportTopk(info, c.description, check, changed, verbose, summary);
}

//===----------------------------------------------------------------------===//
// Random cases
//===----------------------------------------------------------------------===//

namespace {
class Random {
public:
  explicit Random(uint64_t seed) : engine(seed) {}
  /// From 0 to `count` - 1.
  int64_t draw(int64_t count) {
    return static_cast<int64_t>(engine() % std::max<int64_t>(1, count));
  }
  std::mt19937_64 engine;
};

/// What the values of a problem are, and their name.
struct Values {
  const TopkPattern *pattern = nullptr;
  bool integers = false, nan = false, wide = false;
  const char *name = "";
};
} // namespace

static Values drawValues(Random &random) {
  const auto &patterns = getTopkPatterns();
  Values values;
  if (random.draw(2)) {
    values.pattern = &patterns[random.draw(patterns.size())];
    values.name = values.pattern->name;
    return values;
  }
  int64_t kind = random.draw(4);
  values.integers = kind == 0;
  values.nan = kind == 1;
  values.wide = kind == 2;
  values.name = kind == 0   ? "integers"
                : kind == 1 ? "NaN"
                : kind == 2 ? "wide"
                            : "any";
  return values;
}

/// Makes them those of the problem.
static void applyValues(FusedCase &c, const Values &values, int64_t k,
                        Random &random) {
  if (values.pattern) {
    plantLogits(c.problem, *values.pattern, k, random.engine());
    c.maxPairs = 0;
  }
  if (values.nan)
    plantNaN(c.problem, random.engine);
}

/// As many keys as show something about k.
static int64_t drawKeys(Random &random, int64_t k, const Values &values) {
  const int64_t numbers[] = {k - 1,
                             k,
                             k + 1,
                             random.draw(k),
                             random.draw(300),
                             k + 1 + random.draw(k + 500),
                             random.draw(9000),
                             3 * k + random.draw(20000)};
  int64_t keys = numbers[random.draw(std::size(numbers))];
  if (values.pattern && random.draw(2))
    keys = values.pattern->countKeys(k) + random.draw(100);
  return keys;
}

static std::string describe(const std::string &shape, const Values &values,
                            uint64_t seed) {
  return shape + ", " + values.name + ", seed " + std::to_string(seed);
}

/// Gives each query a list of ascending blocks, of which some may be no blocks,
/// and some may be outside of its range.
static void drawKeyBlocks(const mqa_kernel_info &info, Problem &problem,
                          int64_t maxBlocks, Random &random) {
  if (info.max_key_blocks >= 0)
    maxBlocks = info.max_key_blocks;
  setKeyBlocks(info, problem, maxBlocks, BlockLists::Ascending,
               random.engine());
  KeyBlocks &own = problem.keyBlocks;
  constexpr int64_t kNone = 3;
  int64_t numBlocks = problem.shape.numKeys / own.blockSize + 1;
  for (size_t m = 0; m < own.counts.size(); ++m) {
    int64_t count = random.draw(4) ? maxBlocks : random.draw(maxBlocks + 1);
    count = std::min(count, numBlocks + 2 * kNone);
    // Of the numbers from the first one on, as many as there are to choose.
    int64_t number = random.draw(2) ? -kNone : 0, left = numBlocks + kNone;
    int64_t wanted = std::min(count, left - number), place = 0;
    for (; place < wanted; ++number)
      if (random.draw(left - number) < wanted - place)
        own.blocks[m * maxBlocks + place++] = static_cast<int32_t>(number);
    int64_t kind = random.draw(8);
    own.counts[m] =
        static_cast<int32_t>(kind == 0 && place == maxBlocks ? place + 5
                             : kind == 1                     ? -1
                                                             : place);
  }
}

/// Blocks for about so many columns.
static int64_t countBlocks(const mqa_kernel_info &info, int64_t columns) {
  return std::max<int64_t>(1, (columns + info.key_block_size - 1) /
                                  info.key_block_size);
}

static FusedCase drawCase(const mqa_kernel_info &info,
                          const mqa_kernel_info &companion, uint64_t seed) {
  Random random(seed);
  Values values = drawValues(random);
  int64_t k = info.k, numKeys = drawKeys(random, k, values);
  int64_t numQueries = numKeys > 20000 ? 1 + random.draw(12) : random.draw(70);
  int64_t numColumns = numKeys;
  if (info.key_block_size)
    numKeys *= 1 + random.draw(3);
  Shape shape = getShape(info, roundQueries(info, numQueries), numKeys);
  auto mask = static_cast<Mask>(random.draw(4));
  FusedCase c;
  c.problem =
      values.integers
          ? makeIntegerProblem(shape, mask, seed, getFormat(info))
          : makeProblem(shape, mask, seed, values.wide, getFormat(info));
  // Those of the mask, or ranges around k.
  bool isAroundK = random.draw(3) == 0;
  setRanges(c.problem, info, [&](int64_t m) {
    if (!isAroundK)
      return std::pair<int64_t, int64_t>(c.problem.ks[m], c.problem.ke[m]);
    int64_t first = random.draw(40) - 20;
    return std::pair(first,
                     std::max<int64_t>(first, 0) + k + random.draw(7) - 3);
  });
  if (info.key_block_size)
    drawKeyBlocks(info, c.problem, countBlocks(info, numColumns), random);
  applyValues(c, values, k, random);
  if (random.draw(2)) {
    int64_t step = 16 / getBytes(info.input_type);
    c.slack.q = step * random.draw(4);
    c.slack.k = getKeyStep(info) * random.draw(4);
    c.slack.weights = 4 * random.draw(3);
    c.slack.kScale =
        info.strided_k_scale && companion.strided_k_scale ? random.draw(5) : 0;
    c.topkSlack.table = random.draw(3);
    c.topkSlack.indices = random.draw(7);
    c.topkSlack.values = random.draw(7);
  }
  c.description = describe("M=" + std::to_string(shape.numQueries) +
                               " N=" + std::to_string(shape.numKeys) +
                               (isAroundK ? " ranges around k" : ""),
                           values, seed);
  return c;
}

static FusedCase drawPagedCase(const mqa_kernel_info &info, uint64_t seed) {
  Random random(seed);
  Values values = drawValues(random);
  int64_t k = info.k,
          longest = std::max<int64_t>(1, drawKeys(random, k, values));
  const int64_t batches[] = {0, 1, 2, 7, 32};
  int64_t batch = batches[random.draw(longest > 20000 ? 3 : 5)];
  PagedShape shape{info.batch < 0 ? batch : info.batch,
                   info.next_n,
                   info.num_heads,
                   info.head_dim,
                   info.block_kv,
                   {}};
  int64_t perSequence = info.lens_per_query ? info.next_n : 1;
  if (info.has_sequence)
    perSequence = 1;
  int64_t numColumns = longest;
  if (info.key_block_size)
    longest *= 1 + random.draw(3);
  for (int64_t b = 0; b < shape.batch; ++b) {
    const int64_t lengths[] = {longest, random.draw(longest + 1),
                               k + random.draw(7) - 3, random.draw(3) - 1};
    int64_t length = lengths[b == 0 ? 0 : random.draw(std::size(lengths))];
    bool causal = random.draw(2);
    for (int64_t t = 0; t < perSequence; ++t)
      shape.lens.push_back(static_cast<int32_t>(
          causal ? length - perSequence + t + 1 : random.draw(longest + 1)));
  }
  if (info.has_sequence) {
    makeRows(info, shape, [&](int64_t) { return random.draw(12); });
    if (random.draw(2))
      shuffleRows(shape, random.engine());
  }
  shape.maxContextLen = info.max_context_len;
  if (info.max_context_len < 0 && !info.key_block_size && random.draw(2))
    shape.maxContextLen = random.draw(2) ? longest + random.draw(200)
                                         : random.draw(longest + 200);
  if (info.max_blocks >= 0 || random.draw(4) == 0)
    shape.maxBlocks = info.max_blocks >= 0
                          ? info.max_blocks
                          : 1 + random.draw(longest / info.block_kv + 2);
  shape.numBlocks = info.num_blocks;
  FusedCase c;
  c.slack.fused = random.draw(2);
  if (random.draw(2)) {
    int64_t step = 16 / getBytes(info.input_type);
    c.slack.q = step * random.draw(4);
    // Of a fused cache in bytes.
    c.slack.k = (c.slack.fused ? 16 : getKeyStep(info)) * random.draw(4);
    c.slack.kScale = 4 * random.draw(3);
    c.slack.weights = 4 * random.draw(3);
    c.slack.lens = info.lens_per_query ? random.draw(3) : 0;
    c.slack.table = random.draw(3);
    c.topkSlack.indices = random.draw(7);
    c.topkSlack.values = random.draw(7);
  }
  c.problem = makePagedProblem(shape, seed, values.wide, getFormat(info),
                               values.integers);
  if (info.key_block_size)
    drawKeyBlocks(info, c.problem, countBlocks(info, numColumns), random);
  applyValues(c, values, k, random);
  c.description = describe("batch " + std::to_string(shape.batch) +
                               ", lengths up to " + std::to_string(longest) +
                               ", " + std::to_string(c.problem.shape.numKeys) +
                               " columns" + (c.slack.fused ? ", fused" : ""),
                           values, seed);
  return c;
}

void mqa::tools::runRandomFused(Device &device, const LoadedKernel &kernel,
                                const mqa_bundle *bundle, int cases, int reruns,
                                uint64_t seed, CaseSummary &summary) {
  const mqa_kernel_info &info = kernel.getInfo();
  auto companion = requireCompanion(bundle, info);
  for (int i = 0; i < cases; ++i)
    runFusedCase(device, kernel, *companion,
                 isPaged(info) ? drawPagedCase(info, seed + i)
                               : drawCase(info, companion->getInfo(), seed + i),
                 reruns, /*verbose=*/false, summary);
}
