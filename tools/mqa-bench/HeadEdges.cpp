//===- HeadEdges.cpp - Edge cases of a maximum over the heads -------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "CaseShapes.h"
#include "EdgeChanges.h"
#include "FusedProblems.h"
#include "MxKeys.h"

#include <algorithm>
#include <cmath>
#include <limits>

using namespace mqa::tools;

/// Makes all elements of a row of q or k the same.
static void fillRow(Problem &problem, bool isQuery, int64_t row, float value) {
  const Format &format = problem.format;
  int64_t d = problem.shape.headDim;
  if (isQuery ? format.hasMxQueries() : format.hasMxKeys()) {
    MxRows rows = isQuery ? getMxQueries(problem) : getMxKeys(problem);
    for (int64_t i = 0; i < d; ++i)
      storeMxElement(rows, row, i, value);
    for (int64_t block = 0; block < kMxBlocks; ++block)
      storeMxScale(rows, row, block, kMxBias);
    return;
  }
  std::vector<uint8_t> &data = isQuery ? problem.q : problem.k;
  for (int64_t i = row * d; i < (row + 1) * d; ++i)
    storeBits(format.input, data.data(), i, encode(format.input, value));
}

/// Heads of all queries, or vectors of all keys.
static int64_t countRows(const Problem &problem, bool isQuery) {
  const Format &format = problem.format;
  size_t size = isQuery ? problem.q.size() : problem.k.size();
  int64_t bytes = format.getKeyBytes(problem.shape.headDim);
  if (isQuery)
    bytes = format.getQueryRow(problem.shape.headDim) *
            getBytes(format.getQueryType());
  return static_cast<int64_t>(size) / bytes;
}

/// No head has more than what a head of padding would have.
static void makeNegative(Problem &problem, Slack &) {
  bool hasWeights = problem.format.hasWeights;
  for (int64_t i = 0, e = countRows(problem, true); i < e; ++i)
    fillRow(problem, true, i, hasWeights ? 1.0f : -0.5f - 0.5f * (i % 3));
  for (int64_t i = 0, e = countRows(problem, false); i < e; ++i)
    fillRow(problem, false, i, 0.5f + 0.5f * (i % 2));
  for (size_t i = 0; hasWeights && i < problem.weights.size(); ++i)
    problem.weights[i] = -1.0f - i % 5;
}

static void negateScales(Problem &problem, Slack &) {
  if (problem.format.hasMxKeys() || !problem.format.hasKScale)
    return;
  for (size_t i = 0; i < problem.kScale.size(); i += 2)
    problem.kScale[i] = -problem.kScale[i];
}

/// Every second query has NaN in one head, and another head for each query.
static void plantNaNInHeads(Problem &problem, Slack &) {
  const Format &format = problem.format;
  float nan = std::numeric_limits<float>::quiet_NaN();
  int64_t heads = problem.shape.numHeads;
  for (int64_t m = 0; m < problem.shape.numQueries; m += 2) {
    int64_t head = m * heads + m / 2 * 7 % heads;
    if (format.hasMxQueries())
      storeMxScale(getMxQueries(problem), head, 0, kMxNaN);
    else
      storeBits(format.input, problem.q.data(), head * problem.shape.headDim,
                encode(format.input, nan));
  }
}

/// Where scales of queries take scores past the limits of f32, scales of keys
/// bring logits back.
static void balanceScales(Problem &problem, Slack &) {
  const Format &format = problem.format;
  if (!format.hasMxQueries() || format.hasMxKeys() || !format.hasKScale)
    return;
  MxRows queries = getMxQueries(problem);
  for (int64_t i = 0, e = queries.words.size(); i < e; ++i)
    for (int64_t block = 0; block < kMxBlocks; ++block)
      storeMxScale(queries, i, block, 250 - static_cast<int>(i + block) % 5);
  for (size_t i = 0; i < problem.kScale.size(); ++i)
    problem.kScale[i] *= i % 2 ? 0x1p-118f : -0x1p-118f;
}

static const Edge kEdges[] = {
    {"all heads negative", 40, 300, Mask::Full, makeNegative},
    {"negative scales of keys", 40, 300, Mask::Full, negateScales},
    {"NaN in a head", 40, 300, Mask::Full, plantNaNInHeads},
    {"great scales of queries, small ones of keys in f32", 40, 300, Mask::Full,
     balanceScales},
};

static Problem makeEdge(const mqa_kernel_info &info, const Edge &edge) {
  if (!isPaged(info)) {
    Shape shape =
        getShape(info, edge.numQueries, edge.numKeys, edge.numKeys / 2 + 10);
    return makeProblem(shape, edge.mask, 1, /*wide=*/false, getFormat(info));
  }
  PagedShape shape =
      getPagedShape(info, (edge.numQueries + info.next_n - 1) / info.next_n,
                    [](int64_t) { return int32_t(0); });
  std::fill(shape.lens.begin(), shape.lens.end(),
            static_cast<int32_t>(edge.numKeys));
  setStaticSizes(info, shape);
  return makePagedProblem(shape, 1, /*wide=*/false, getFormat(info));
}

std::vector<FusedCase>
mqa::tools::makeFusedHeadEdges(const mqa_kernel_info &info) {
  std::vector<FusedCase> cases;
  if (isSum(info.head_reduction))
    return cases;
  int64_t n = 2 * info.k + 300;
  for (const Edge &edge : kEdges) {
    FusedCase c;
    c.problem = isPaged(info)
                    ? makePagedEdge(info, makeEdgeShape(info, 10,
                                                        [&](int64_t b) {
                                                          return getEdgeLength(
                                                              b, info.k, n);
                                                        }))
                    : makeEdgeRanges(info, n);
    c.description = edge.name;
    edge.change(c.problem, c.slack);
    cases.push_back(std::move(c));
  }
  return cases;
}

void mqa::tools::runHeadEdges(const EdgeRun &run) {
  const mqa_kernel_info &info = run.kernel.getInfo();
  if (isSum(info.head_reduction))
    return;
  for (const Edge &edge : kEdges) {
    Problem problem = makeEdge(info, edge);
    if (info.key_block_size)
      setKeyBlocks(info, problem, /*maxBlocks=*/20, BlockLists::Ascending, 1);
    Slack slack;
    if (problem.shape.numQueries && problem.shape.numKeys)
      edge.change(problem, slack);
    run.check(edge.name, problem, slack);
  }
}
