//===- EdgeCases.cpp - Problems that broke other kernels ------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "EdgeCases.h"
#include "EdgeChanges.h"
#include "FusedCases.h"
#include "Reruns.h"
#include "TopkCases.h"
#include "TopkSession.h"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <cstdio>
#include <limits>

using namespace mqa::tools;

static void makeReversed(Problem &problem, Slack &) {
  setRanges(problem, [](int32_t m) { return std::pair(200 - m, m); });
}

static void startAnywhere(Problem &problem, Slack &) {
  setRanges(problem, [](int32_t m) { return std::pair(m + 1, m + 150); });
}

static void makeUnequal(Problem &problem, Slack &) {
  setRanges(problem, [](int32_t m) { return std::pair(m, m + (m * m) % 271); });
}

static void makeSingle(Problem &problem, Slack &) {
  setRanges(problem, [](int32_t m) { return std::pair(m * 7, m * 7 + 1); });
}

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
    {"block scales far apart", 33, 400, Mask::Full, spreadScales},
    {"great scales of queries, small ones of keys", 33, 400, Mask::Full,
     offsetScales},
    {"NaN", 33, 400, Mask::Full, plantNaN},
};

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
    EdgeRun run{device, kernel, options.verbose, summary};
    runHeadEdges(run);
    if (isPaged(info)) {
      runPagedEdges(run);
      if (info.has_sequence)
        runRowEdges(run);
      if (info.key_block_size)
        runKeyBlockEdges(run);
      if (options.large)
        runLargeCache(run);
      runReruns(device, kernel, options.reruns, options.lateCopy, summary);
      return;
    }
    if (info.key_block_size) {
      runKeyBlockEdges(run);
      runReruns(device, kernel, options.reruns, options.lateCopy, summary);
      return;
    }
    std::vector<Edge> edges(std::begin(kEdges), std::end(kEdges));
    if (info.block_max)
      for (const Edge &edge : getBlockMaxEdges())
        edges.push_back(edge);
    for (const Edge &edge : edges) {
      Shape shape =
          getShape(info, edge.numQueries, edge.numKeys, edge.numKeys / 2 + 10);
      Problem problem =
          makeProblem(shape, edge.mask, 1, /*wide=*/false, getFormat(info));
      Slack slack;
      if (shape.numQueries && shape.numKeys)
        edge.change(problem, slack);
      run.check(edge.name, problem, slack);
    }
    if (options.large) {
      Shape shape = getShape(info, 66000, 33000);
      run.check("more than 2^31 elements",
                makeProblem(shape, Mask::Random, 1, false, getFormat(info)),
                Slack());
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