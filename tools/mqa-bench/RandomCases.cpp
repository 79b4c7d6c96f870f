//===- RandomCases.cpp - Many small problems ------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "RandomCases.h"
#include "CaseShapes.h"
#include "CaseSummary.h"
#include "FusedCases.h"
#include "MxKeys.h"
#include "TopkCases.h"
#include "TopkSession.h"

#include <nlohmann/json.hpp>

#include <cstdio>
#include <cstring>
#include <limits>
#include <random>

using namespace mqa::tools;

namespace {
struct Case {
  Problem problem;
  Slack slack;
  bool integers;
  std::string description;
};
} // namespace

void mqa::tools::plantNaN(Problem &problem, std::mt19937_64 &random) {
  auto plant = [&](std::vector<uint8_t> &data, mqa_element_type type,
                   float sign) {
    uint32_t bits = encode(
        type, std::copysign(std::numeric_limits<float>::quiet_NaN(), sign));
    uint32_t infinite = encode(
        type, std::copysign(std::numeric_limits<float>::infinity(), sign));
    size_t size = data.size() / getBytes(type);
    if (size == 0)
      return;
    storeBits(type, data.data(), random() % size, bits);
    if (type != MQA_F8E4M3FN)
      storeBits(type, data.data(), random() % size, infinite);
  };
  for (float sign : {1.0f, -1.0f}) {
    plant(problem.q, getTypeOfQueryBytes(problem.format), sign);
    plant(problem.k, getTypeOfBytes(problem.format), sign);
  }
  if (!problem.blockScales.empty())
    storeMxScale(getMxKeys(problem), random() % problem.blockScales.size(), 0,
                 kMxNaN);
  if (!problem.queryScales.empty())
    storeMxScale(getMxQueries(problem), random() % problem.queryScales.size(),
                 0, kMxNaN);
  if (!problem.kScale.empty() && problem.format.hasKScale)
    problem.kScale[random() % problem.kScale.size()] =
        std::numeric_limits<float>::quiet_NaN();
}

static Case drawCase(const mqa_kernel_info &info, uint64_t seed) {
  std::mt19937_64 random(seed);
  auto draw = [&](int64_t count) {
    return static_cast<int64_t>(random() % count);
  };
  int64_t numQueries = draw(130), numKeys = draw(1500);
  Shape shape = getShape(info, numQueries, numKeys, draw(numKeys + 100));
  auto mask = static_cast<Mask>(draw(4));
  int64_t kind = draw(4);
  Slack slack;
  slack.out = draw(7);
  // Half of the problems have tight rows. TMA wants strides of 16 bytes.
  if (draw(2)) {
    int64_t step = 16 / getBytes(info.input_type);
    slack.q = step * draw(4);
    slack.k = getKeyStep(info) * draw(4);
    slack.weights = 4 * draw(3);
    slack.kScale = info.strided_k_scale ? draw(5) : 0;
  }
  bool integers = kind == 0, nan = kind == 1, wide = kind == 2;
  Problem problem = integers
                        ? makeIntegerProblem(shape, mask, seed, getFormat(info))
                        : makeProblem(shape, mask, seed, wide, getFormat(info));
  if (nan)
    plantNaN(problem, random);
  if (info.key_block_size) {
    slack.table = draw(5);
    setKeyBlocks(info, problem, draw(80),
                 draw(4) ? BlockLists::Any : BlockLists::Ascending, seed);
  }
  std::string description = "M=" + std::to_string(shape.numQueries) +
                            " N=" + std::to_string(shape.numKeys) + " mask " +
                            std::to_string(static_cast<int>(mask)) +
                            (integers ? ", integers"
                             : nan    ? ", NaN"
                             : wide   ? ", wide"
                                      : "") +
                            ", seed " + std::to_string(seed);
  if (info.compressed)
    description += ", " + std::to_string(shape.maxSeqlenK) + " columns";
  if (info.key_block_size)
    description +=
        ", " + std::to_string(problem.keyBlocks.maxBlocks) + " blocks";
  return {std::move(problem), slack, integers, description};
}

/// Rows of any number and order: of a few sequences or of many, with lengths of
/// their own or those of the last rows of a sequence, without a key, and that
/// name no sequence.
static void drawRows(const mqa_kernel_info &info, PagedShape &shape,
                     int64_t longest, std::mt19937_64 &random) {
  auto draw = [&](int64_t count) {
    return static_cast<int64_t>(random() % count);
  };
  for (int64_t b = 0; b < shape.batch; ++b)
    shape.lens.push_back(static_cast<int32_t>(draw(4) ? draw(longest + 1) : 0));
  int64_t most = shape.batch > 30 ? 9 : 1 + draw(40);
  makeRows(info, shape, [&](int64_t) { return draw(most + 1); });
  if (draw(2))
    for (int32_t &length : shape.lens)
      length = static_cast<int32_t>(draw(longest + 1));
  constexpr int32_t kStrange[] = {-1, 0x7fffffff, -0x7fffffff, 1 << 20};
  for (size_t i = 0; i < shape.lens.size() && draw(2); ++i) {
    size_t row = draw(static_cast<int64_t>(shape.lens.size()));
    shape.sequence[row] = kStrange[draw(4)];
    if (draw(2))
      shape.lens[row] = static_cast<int32_t>(-draw(3));
  }
  if (draw(3) == 0)
    shuffleRows(shape, random());
}

/// Lengths of any kind: none, of a few keys, far apart within a sequence or
/// past the end of the table, and few sequences or many.
static Case drawPagedCase(const mqa_kernel_info &info, uint64_t seed) {
  std::mt19937_64 random(seed);
  auto draw = [&](int64_t count) {
    return static_cast<int64_t>(random() % count);
  };
  constexpr int64_t kBatches[] = {0, 1, 2, 7, 32, 150};
  PagedShape shape{info.batch < 0 ? kBatches[draw(6)] : info.batch,
                   info.next_n,
                   info.num_heads,
                   info.head_dim,
                   info.block_kv,
                   {}};
  int64_t longest = 1 + draw(shape.batch > 100 ? 300 : 2000);
  if (info.has_sequence)
    drawRows(info, shape, longest, random);
  int64_t perSequence = info.lens_per_query ? info.next_n : 1;
  for (int64_t b = 0; b < shape.batch && !info.has_sequence; ++b) {
    int64_t length = draw(4) ? draw(longest + 1) : 0;
    bool causal = draw(2);
    for (int64_t t = 0; t < perSequence; ++t)
      shape.lens.push_back(static_cast<int32_t>(
          causal ? length - perSequence + t + 1 : draw(longest + 1)));
  }
  shape.maxContextLen =
      info.max_context_len < 0 ? draw(longest + 200) : info.max_context_len;
  if (info.max_blocks >= 0 || draw(4) == 0)
    shape.maxBlocks = info.max_blocks >= 0
                          ? info.max_blocks
                          : 1 + draw(longest / info.block_kv + 2);
  shape.numBlocks = info.num_blocks;
  int64_t kind = draw(4);
  bool integers = kind == 0, nan = kind == 1, wide = kind == 2;
  Slack slack;
  slack.out = draw(7);
  slack.fused = draw(2);
  if (draw(2)) {
    int64_t step = 16 / getBytes(info.input_type);
    slack.q = step * draw(4);
    // Of a fused cache in bytes.
    slack.k = (slack.fused ? 16 : getKeyStep(info)) * draw(4);
    slack.kScale = 4 * draw(3);
    slack.weights = 4 * draw(3);
    slack.lens = info.lens_per_query ? draw(3) : 0;
    slack.table = draw(3);
  }
  if (info.key_block_size)
    shape.maxContextLen = -1;
  Problem problem =
      makePagedProblem(shape, seed, wide, getFormat(info), integers);
  if (nan)
    plantNaN(problem, random);
  if (info.key_block_size)
    setKeyBlocks(info, problem, draw(80),
                 draw(4) ? BlockLists::Any : BlockLists::Ascending, seed);
  std::string description = "batch " + std::to_string(shape.batch) +
                            ", lengths up to " + std::to_string(longest) +
                            ", " + std::to_string(problem.countColumns()) +
                            " columns" + (slack.fused ? ", fused" : "") +
                            (integers ? ", integers"
                             : nan    ? ", NaN"
                             : wide   ? ", wide"
                                      : "") +
                            ", seed " + std::to_string(seed);
  return {std::move(problem), slack, integers, description};
}

/// 2048 queries x 8192 keys, or the kernel's own sizes.
static Case makeLargeCase(const mqa_kernel_info &info, uint64_t seed) {
  if (isPaged(info)) {
    PagedShape shape{info.batch < 0 ? 100 : info.batch,
                     info.next_n,
                     info.num_heads,
                     info.head_dim,
                     info.block_kv,
                     {}};
    for (int64_t i = 0;
         i < shape.batch * (info.lens_per_query ? info.next_n : 1); ++i)
      shape.lens.push_back(static_cast<int32_t>(3000 + i * 37 % 5000));
    if (info.has_sequence)
      makeRows(info, shape, [](int64_t b) { return 1 + b % 20; });
    shape.maxContextLen = info.max_context_len;
    shape.maxBlocks = info.max_blocks;
    shape.numBlocks = info.num_blocks;
    Problem problem =
        makePagedProblem(shape, seed, /*wide=*/false, getFormat(info));
    setKeyBlocks(info, problem, 300, BlockLists::Ascending, seed);
    return {std::move(problem), Slack(), /*integers=*/false,
            "large, seed " + std::to_string(seed)};
  }
  Shape shape = getShape(info, 2048, 8192);
  bool isMultiple = shape.numQueries && shape.numKeys % shape.numQueries == 0;
  Problem problem = makeProblem(shape, isMultiple ? Mask::Cp : Mask::Full, seed,
                                /*wide=*/false, getFormat(info));
  setKeyBlocks(info, problem, 300, BlockLists::Ascending, seed);
  return {std::move(problem), Slack(), /*integers=*/false,
          "large, seed " + std::to_string(seed)};
}

static void runCase(Device &device, const LoadedKernel &kernel, const Case &c,
                    int reruns, int64_t maxPairs, CaseSummary &summary) {
  Session session(device, c.problem, c.slack);
  session.launch(kernel);
  CheckResult check = session.check(kernel, maxPairs);
  bool exact = c.integers && !kernel.getInfo().fast && !check.narrow;
  bool pass = check.passes() && (!exact || check.relativeError == 0);
  std::vector<uint8_t> first = session.download().data;
  int changed = 0;
  for (int i = 0; i < reruns; ++i) {
    session.poison();
    session.launch(kernel);
    changed += session.download().data != first;
  }
  ++summary.cases;
  summary.worstError = std::max(summary.worstError, check.relativeError);
  if (pass && changed == 0)
    return;
  ++summary.wrong;
  std::printf("WRONG: %s, %s: error %.2e, elements %ld, mask %ld, outside %ld, "
              "changed reruns %d\n",
              kernel.getInfo().name, c.description.c_str(), check.relativeError,
              static_cast<long>(check.elementErrors),
              static_cast<long>(check.maskMismatches),
              static_cast<long>(check.outsideWrites), changed);
}

int mqa::tools::runRandom(const RandomOptions &options) {
  CaseSummary summary;
  forEachKernel(options.bundles, [&](Device &device, const LoadedKernel &kernel,
                                     const mqa_bundle *bundle) {
    const mqa_kernel_info &info = kernel.getInfo();
    if (selectsKeys(info))
      return runRandomTopk(device, kernel, options.cases, options.reruns,
                           options.largeReruns, options.seed, summary);
    if (isFused(info))
      return runRandomFused(device, kernel, bundle, options.cases,
                            options.reruns, options.seed, summary);
    for (int c = 0; c < options.cases; ++c)
      runCase(device, kernel,
              isPaged(info) ? drawPagedCase(info, options.seed + c)
                            : drawCase(info, options.seed + c),
              options.reruns,
              /*maxPairs=*/1 << 22, summary);
    if (options.largeReruns)
      runCase(device, kernel, makeLargeCase(info, options.seed),
              options.largeReruns, /*maxPairs=*/1 << 17, summary);
  });
  writeCounts(options.json, summary,
              {{"cases_per_kernel", options.cases},
               {"reruns", options.reruns},
               {"large_reruns", options.largeReruns},
               {"seed", options.seed}});
  std::printf("random shapes: %d cases (seeds from %lu), %d reruns each, worst "
              "relative error %.2e, %d wrong\n",
              summary.cases, static_cast<unsigned long>(options.seed),
              options.reruns, summary.worstError, summary.wrong);
  return summary.wrong ? 1 : 0;
}
