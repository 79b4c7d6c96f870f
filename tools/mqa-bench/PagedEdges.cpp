//===- PagedEdges.cpp - Edge cases of paged kernels -----------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "CaseShapes.h"
#include "EdgeChanges.h"

#include <algorithm>
#include <limits>

using namespace mqa::tools;

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
  bool perQuery =
      !shape.ofRows && static_cast<int64_t>(shape.lens.size()) != shape.batch;
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
    {"block scales far apart", 5, [](int64_t) { return 300; }, keepShape,
     spreadScales},
    {"great scales of queries, small ones of keys", 5,
     [](int64_t) { return 300; }, keepShape, offsetScales},
    {"NaN", 5, [](int64_t) { return 300; }, keepShape, plantNaN},
};

/// On a CPU, 8192 sequences of the largest ops take a minute. No kernel there
/// does anything else with so many, and 16 MB of queries are enough.
static int64_t limitBatch(const mqa_kernel_info &info, int64_t batch) {
  constexpr int64_t kMostBytes = int64_t(1) << 24;
  int64_t bytes =
      info.next_n * info.num_heads * info.head_dim * getBytes(info.input_type);
  return isForCpu(info)
             ? std::min(batch, std::max(kMostBytes / bytes, int64_t(100)))
             : batch;
}

void mqa::tools::runPagedEdges(const EdgeRun &run) {
  const mqa_kernel_info &info = run.kernel.getInfo();
  for (const PagedEdge &edge : kPagedEdges) {
    int64_t batch = limitBatch(info, edge.batch);
    PagedShape shape = getPagedShape(info, batch, edge.length);
    Slack slack;
    edge.change(shape, slack);
    setStaticSizes(info, shape);
    Problem problem =
        makePagedProblem(shape, 1, /*wide=*/false, getFormat(info));
    setKeyBlocks(info, problem, 40, BlockLists::Any, /*seed=*/1);
    if (edge.plant)
      edge.plant(problem, slack);
    std::string name = edge.name;
    if (batch != edge.batch)
      name += ", on this CPU " + std::to_string(batch);
    run.check(name.c_str(), problem, slack);
  }
}

void mqa::tools::runLargeCache(const EdgeRun &run) {
  const mqa_kernel_info &info = run.kernel.getInfo();
  PagedShape shape = getPagedShape(
      info, 20, [](int64_t b) { return static_cast<int32_t>(100 * b); });
  setStaticSizes(info, shape);
  constexpr int64_t kBytes = (int64_t(1) << 31) + (int64_t(1) << 28);
  shape.numBlocks =
      kBytes / (info.block_kv * info.head_dim * getBytes(info.input_type));
  Problem problem = makePagedProblem(shape, 1, /*wide=*/false, getFormat(info));
  setKeyBlocks(info, problem, 100, BlockLists::Ascending, /*seed=*/1);
  run.check("more than 2^31 bytes of cache", problem, Slack());
}
