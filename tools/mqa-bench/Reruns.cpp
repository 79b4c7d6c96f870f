//===- Reruns.cpp - Launches again, in every way there is -----------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Reruns.h"
#include "CaseShapes.h"

#include <algorithm>
#include <cstdio>

using namespace mqa::tools;

/// One way to launch, of which `wrong` of `reruns` launches were.
static void report(const mqa_kernel_info &info, const char *way, int wrong,
                   int reruns, CaseSummary &summary) {
  ++summary.cases;
  summary.wrong += wrong != 0;
  if (wrong)
    std::printf("WRONG: %s, %s: %d of %d\n", info.name, way, wrong, reruns);
}

/// Replays of one captured launch while lengths, table and cache are others
/// each time: what an engine does that decodes with a graph.
static void runChangingReplays(Device &device, const LoadedKernel &kernel,
                               int reruns, CaseSummary &summary) {
  const mqa_kernel_info &info = kernel.getInfo();
  std::unique_ptr<Stream> stream = device.createStream();
  // With a number of columns that is known, the table has no blocks for what is
  // behind these, and cannot be turned.
  if (!stream || info.batch >= 0 || info.max_context_len >= 0)
    return;
  // The longest that there will be, so that every replay has room.
  PagedShape shape = getPagedShape(info, 40, [](int64_t) { return 2000; });
  setStaticSizes(info, shape);
  Problem problem = makePagedProblem(shape, 1, /*wide=*/false, getFormat(info));
  setKeyBlocks(info, problem, 90, BlockLists::Any, /*seed=*/1);
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
    if (!paging.sequence.empty())
      std::rotate(paging.sequence.begin(), paging.sequence.begin() + 1,
                  paging.sequence.end());
    setPagedRanges(problem);
    session.updatePaging(paging);
    session.poison();
    graph->launch(*stream);
    stream->synchronize();
    wrong += !session.check(kernel, 1 << 14).passes();
  }
  report(info, "replays with other lengths and another table", wrong, reruns,
         summary);
}

/// Two of them, by seed, with other ranges where the op has any.
static Problem makeRerunProblem(const mqa_kernel_info &info, uint64_t seed) {
  if (!isPaged(info)) {
    Problem problem = makeProblem(getShape(info, 300, 2000),
                                  seed == 1 ? Mask::Random : Mask::Causal, seed,
                                  false, getFormat(info));
    setKeyBlocks(info, problem, 90, BlockLists::Any, seed);
    return problem;
  }
  PagedShape shape = getPagedShape(info, 50, [](int64_t b) {
    return static_cast<int32_t>(b * 7919 % 1500);
  });
  setStaticSizes(info, shape);
  Problem problem = makePagedProblem(shape, seed, false, getFormat(info));
  setKeyBlocks(info, problem, 90, BlockLists::Any, seed);
  return problem;
}

static void runSameLaunches(Device &device, const LoadedKernel &kernel,
                            int reruns, CaseSummary &summary) {
  const mqa_kernel_info &info = kernel.getInfo();
  Problem problems[2] = {makeRerunProblem(info, 1), makeRerunProblem(info, 2)};
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
    report(info, what, changed, reruns, summary);
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

LateWeights::LateWeights(Device &device, Session &session,
                         const std::string &path)
    : late(path), copy(late.getFunction("late_copy")),
      zeros((session.getWeightBytes() + 3) / 4 * 4),
      target(device.upload(zeros)) {
  auto count = static_cast<uint32_t>(zeros.size() / 4);
  from = {const_cast<void *>(session.getWeights()), count};
  to = {target->get(), count};
  session.setWeights(target->get());
}

void LateWeights::launch() {
  target->copyFrom(zeros.data(), zeros.size());
  std::vector<void *> parameters;
  from.append(parameters);
  to.append(parameters);
  late.launch(copy, 16, 512, 0, parameters);
}

/// Launches behind a kernel that lets them start at once, and writes their
/// weights later: they must wait for its end.
static void runLateWeights(Device &device, const LoadedKernel &kernel,
                           const std::string &lateCopy, int reruns,
                           CaseSummary &summary) {
  const mqa_kernel_info &info = kernel.getInfo();
  if (!info.has_weights)
    return;
  Problem problem = makeRerunProblem(info, /*seed=*/1);
  Session session(device, problem);
  session.launch(kernel);
  std::vector<uint8_t> bits = session.download().data;
  LateWeights late(device, session, lateCopy);
  int changed = 0;
  for (int i = 0; i < reruns; ++i) {
    session.poison();
    late.launch();
    session.launch(kernel);
    changed += session.download().data != bits;
  }
  report(info, "behind a kernel that writes the weights late", changed, reruns,
         summary);
}

void mqa::tools::runReruns(Device &device, const LoadedKernel &kernel,
                           int reruns, const std::string &lateCopy,
                           CaseSummary &summary) {
  if (!reruns)
    return;
  runSameLaunches(device, kernel, reruns, summary);
  if (!lateCopy.empty() && !isForCpu(kernel.getInfo()))
    runLateWeights(device, kernel, lateCopy, reruns, summary);
  if (isPaged(kernel.getInfo()))
    runChangingReplays(device, kernel, reruns, summary);
}
