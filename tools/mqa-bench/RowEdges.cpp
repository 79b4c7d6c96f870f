//===- RowEdges.cpp - Edge cases of rows that name their sequences --------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "CaseShapes.h"
#include "EdgeChanges.h"

using namespace mqa::tools;

namespace {
/// Of a kernel whose rows name their sequences.
struct RowEdge {
  const char *name;
  int64_t batch;
  int32_t (*length)(int64_t b);
  /// Rows of sequence b.
  int64_t (*rows)(int64_t b);
  void (*change)(PagedShape &shape);
};
} // namespace

static void keepRows(PagedShape &) {}

static void mixRows(PagedShape &shape) { shuffleRows(shape, /*seed=*/1); }

/// Each third row sees no key, and names no sequence.
static void emptyRows(PagedShape &shape) {
  for (size_t i = 0; i < shape.sequence.size(); i += 3) {
    shape.lens[i] = -static_cast<int32_t>(i % 2);
    shape.sequence[i] = i % 2 ? 0x7fffffff : -0x7fffffff;
  }
}

/// Each third row names none, but has a length.
static void misnameRows(PagedShape &shape) {
  for (size_t i = 0; i < shape.sequence.size(); i += 3)
    shape.sequence[i] = i % 2 ? static_cast<int32_t>(shape.batch) : -1;
}

/// Rows of two sequences in turn.
static void interleaveRows(PagedShape &shape) {
  for (size_t i = 0; i < shape.sequence.size(); ++i)
    shape.sequence[i] = i % 2;
}

static const RowEdge kRowEdges[] = {
    {"no row", 3, [](int64_t) { return 100; },
     [](int64_t) { return int64_t(0); }, keepRows},
    {"one row of each sequence", 40, [](int64_t b) { return int32_t(b * 30); },
     [](int64_t) { return int64_t(1); }, keepRows},
    {"all rows of one sequence", 1, [](int64_t) { return 700; },
     [](int64_t) { return int64_t(300); }, keepRows},
    {"some sequences without a row", 30,
     [](int64_t b) { return int32_t(b * 20); },
     [](int64_t b) { return b % 4 * 5; }, keepRows},
    {"unsorted rows of sequences", 12,
     [](int64_t b) { return int32_t(60 * b); },
     [](int64_t b) { return 1 + b % 9; }, mixRows},
    {"two sequences in turn", 2, [](int64_t b) { return 500 + int32_t(b); },
     [](int64_t) { return int64_t(20); }, interleaveRows},
    {"rows of length 0 that name no sequence", 9,
     [](int64_t b) { return int32_t(90 * b); },
     [](int64_t b) { return 1 + b % 12; }, emptyRows},
    {"rows that name no sequence", 9, [](int64_t b) { return int32_t(90 * b); },
     [](int64_t b) { return 1 + b % 12; }, misnameRows},
    // Few keys, since the oracle takes its time for each of 4209 rows.
    {"more rows than threads", 3, [](int64_t b) { return 90 + int32_t(b); },
     [](int64_t b) { return 1400 + 3 * b; }, keepRows},
};

void mqa::tools::runRowEdges(const EdgeRun &run) {
  const mqa_kernel_info &info = run.kernel.getInfo();
  for (const RowEdge &edge : kRowEdges) {
    PagedShape shape{info.batch < 0 ? edge.batch : info.batch,
                     info.next_n,
                     info.num_heads,
                     info.head_dim,
                     info.block_kv,
                     {}};
    for (int64_t b = 0; b < shape.batch; ++b)
      shape.lens.push_back(edge.length(b));
    makeRows(info, shape, edge.rows);
    edge.change(shape);
    setStaticSizes(info, shape);
    Problem problem =
        makePagedProblem(shape, 1, /*wide=*/false, getFormat(info));
    setKeyBlocks(info, problem, 40, BlockLists::Any, /*seed=*/1);
    run.check(edge.name, problem, Slack());
  }
}
