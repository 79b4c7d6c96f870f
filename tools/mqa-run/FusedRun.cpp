//===- FusedRun.cpp - Launches logits and top-k in one, and checks them ---===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "FusedSession.h"
#include "TopkRun.h"

#include <nlohmann/json.hpp>

#include <algorithm>

using namespace mqa::tools;

/// The kernel that stores the logits. Without it nobody can say which keys are
/// the best ones: those of equal logits, and of logits that differ by less than
/// a tolerance, depend on the last bit.
static std::unique_ptr<LoadedKernel>
requireCompanion(const mqa_bundle *bundle, const Options &options,
                 const mqa_kernel_info &info) {
  std::optional<mqa_device_kind> kind;
  if (options.cpu)
    kind = MQA_DEVICE_CPU;
  auto companion = loadCompanion(bundle, info, kind);
  if (!companion)
    fatal("cannot verify '" + std::string(info.name) +
          "': the bundle has no kernel of " +
          (isPaged(info) ? "mqa.paged_logits" : "mqa.logits") +
          " beside it with the same sizes, types and schedule");
  return companion;
}

static void checkOptions(const Options &options, const mqa_kernel_info &info,
                         const Problem &problem) {
  if (options.outStride)
    fatal("--out-stride is for a kernel that stores its logits");
  if (!isPaged(info) && info.next_n > 0 &&
      problem.shape.numQueries % info.next_n)
    fatal("--seq-len must be a multiple of next_n = " +
          std::to_string(info.next_n) + ", found " +
          std::to_string(problem.shape.numQueries));
}

bool mqa::tools::runFused(Device &device, const mqa_bundle *bundle,
                          const LoadedKernel &kernel, const Options &options,
                          Problem &problem, nlohmann::json &report) {
  const mqa_kernel_info &info = kernel.getInfo();
  checkOptions(options, info, problem);
  bool isPlanted = !options.pattern.empty() && options.pattern != "normal";
  for (const TopkPattern &pattern : getTopkPatterns())
    if (isPlanted && pattern.name == options.pattern)
      plantLogits(problem, pattern, info.k, options.seed);
  if (isPaged(info)) {
    report["batch"] = problem.paging.getBatch();
    report["next_n"] = info.next_n;
  }
  report["seq_len"] = problem.shape.numQueries;
  report["seq_len_kv"] = problem.shape.numKeys;
  report["num_heads"] = info.num_heads;
  report["head_dim"] = info.head_dim;
  report["k"] = info.k;
  Slack slack;
  // As engines have it.
  slack.fused = true;
  bool isCpu = isForCpu(info), pass = true;
  if (!options.verify) {
    Session inputs(device, problem, slack);
    TopkProblem selection = makeSelection(info, problem, options.seed);
    TopkSession session(device, kernel, selection, {}, &inputs);
    session.launch();
    pass = rerunTopk(session, options, report);
    timeTopk(device, session, options, isCpu, report);
    return pass;
  }
  auto companion = requireCompanion(bundle, options, info);
  FusedSession session(device, kernel, *companion, problem, options.seed,
                       slack);
  // What is planted the oracle does not judge: it need not be finite.
  constexpr int64_t kMaxPairs = 1 << 20, kMaxLogits = int64_t(1) << 28;
  CheckResult logits = session.computeLogits(isPlanted ? 0 : kMaxPairs);
  report["companion"] = companion->getInfo().name;
  report["relative_error"] = logits.relativeError;
  report["wrong_logits"] =
      logits.elementErrors + logits.maskMismatches + logits.outsideWrites;
  pass = reportCheck(session.check(kMaxLogits), report) && logits.passes();
  pass &= rerunTopk(session.getTopk(), options, report);
  timeTopk(device, session.getTopk(), options, isCpu, report);
  report["logits_us"] =
      getMedian(device.time(options.repeat, [&] { session.launchLogits(); }));
  return pass;
}
