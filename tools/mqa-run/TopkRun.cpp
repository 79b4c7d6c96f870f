//===- TopkRun.cpp - Launches a kernel that selects and checks it ---------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "TopkRun.h"

#include "Terminal.h"
#include "Units.h"

#include <nlohmann/json.hpp>

#include <algorithm>

using namespace mqa::tools;

/// Options that mean something for logits alone.
static void checkOptions(const Options &options, const mqa_kernel_info &info) {
  if (options.integers || options.outStride || options.blockKv >= 0 ||
      options.nextN >= 0 || options.maxContextLen >= 0 ||
      options.contextLen >= 0 || options.batch >= 0 ||
      !options.contextLens.empty())
    fatal(isTopk(info)
              ? "this kernel is of mqa.topk: its options are --seq-len, "
                "--seq-len-kv, --max-seqlen-k, --max-key-blocks, --mask and "
                "--pattern"
              : "this kernel is of mqa.merge_topk: its options are --seq-len, "
                "--seq-len-kv, --num-lists, --mask and --pattern");
  if (isTopk(info) && options.numLists >= 0)
    fatal("--num-lists is for mqa.merge_topk; this kernel is of mqa.topk");
  if (!info.compressed && options.maxSeqlenK >= 0)
    fatal("--max-seqlen-k is for a kernel with compressed logits");
  if (!info.key_block_size && options.maxKeyBlocks >= 0)
    fatal("--max-key-blocks is for a kernel with key blocks");
  if (info.key_block_size && options.seqLenKv >= 0)
    fatal("--seq-len-kv is for a kernel without key blocks, whose keys follow "
          "from --max-key-blocks");
}

/// Ranges by the mask, as those of makeProblem.
static TopkProblem makeProblem(const Options &options,
                               const mqa_kernel_info &info) {
  checkOptions(options, info);
  int64_t rows = getSize("--seq-len", info.num_queries, options.seqLen, 256);
  int64_t keys = options.seqLenKv;
  if (info.key_block_size)
    keys =
        info.key_block_size * getSize("--max-key-blocks", info.max_key_blocks,
                                      options.maxKeyBlocks, 64);
  else if (!info.compressed)
    keys = getSize("--seq-len-kv", info.num_keys, keys, 4096);
  else if (keys < 0)
    keys = 4096;
  int64_t columns = keys;
  if (info.compressed)
    columns =
        getSize("--max-seqlen-k", info.max_seqlen_k, options.maxSeqlenK, keys);
  if (info.next_n > 0 && rows % info.next_n)
    fatal("--seq-len must be a multiple of next_n = " +
          std::to_string(info.next_n) + ", found " + std::to_string(rows));
  // One head of one element is the least that has these ranges.
  Problem ranges =
      mqa::tools::makeProblem({rows, 1, 16, keys}, options.mask, options.seed);
  TopkProblem problem =
      makeTopkProblem(info, rows, columns, keys, options.seed, [&](int64_t m) {
        return std::pair<int64_t, int64_t>(ranges.ks[m], ranges.ke[m]);
      });
  if (!isTopk(info))
    problem.numLists =
        getSize("--num-lists", info.num_lists, options.numLists, 8);
  const auto &patterns = getTopkPatterns();
  auto pattern = std::find_if(
      patterns.begin(), patterns.end(),
      [&](const TopkPattern &own) { return own.name == options.pattern; });
  fillLogits(problem, pattern == patterns.end() ? patterns.front() : *pattern,
             options.seed);
  return problem;
}

bool mqa::tools::reportCheck(const TopkCheckResult &check,
                             nlohmann::json &report) {
  report["wrong_indices"] = check.wrongIndices;
  report["wrong_values"] = check.wrongValues;
  report["outside_writes"] = check.outsideWrites;
  report["checked_rows"] = check.checkedRows;
  report["first_wrong_row"] = check.firstWrongRow;
  return check.passes();
}

bool mqa::tools::rerunTopk(TopkSession &session, const Options &options,
                           nlohmann::json &report) {
  if (!options.reruns)
    return true;
  TopkOutput first = session.download();
  int64_t changed = 0;
  for (int i = 0; i < options.reruns; ++i) {
    session.poison();
    session.launch();
    changed += !(session.download() == first);
  }
  report["reruns"] = options.reruns;
  report["changed_reruns"] = changed;
  return changed == 0;
}

void mqa::tools::timeTopk(Device &device, TopkSession &session,
                          const Options &options, bool isCpu,
                          nlohmann::json &report) {
  device.synchronize();
  report["repeat"] = options.repeat;
  report["time_us"] =
      getMedian(device.time(options.repeat, [&] { session.launch(); }));
  if (isCpu)
    return;
  report["host_us"] = measureHostTime(device, [&] { session.launch(); });
  auto launch = session.prepare();
  report["host_prepared_us"] = measureHostTime(
      device, [&] { require(mqa_launch_run(launch.get(), nullptr)); });
}

bool mqa::tools::runTopk(Device &device, const LoadedKernel &kernel,
                         const Options &options, nlohmann::json &report) {
  const mqa_kernel_info &info = kernel.getInfo();
  TopkProblem problem = makeProblem(options, info);
  report["seq_len"] = problem.numQueries;
  report["seq_len_kv"] = problem.numKeys;
  report["columns"] = problem.numColumns;
  report["k"] = info.k;
  if (!isTopk(info))
    report["num_lists"] = problem.numLists;
  TopkSession session(device, kernel, problem);
  session.launch();
  bool pass = true;
  if (options.verify) {
    constexpr int64_t kMaxLogits = int64_t(1) << 28;
    pass = reportCheck(session.check(kMaxLogits), report);
  }
  pass &= rerunTopk(session, options, report);
  timeTopk(device, session, options, isForCpu(info), report);
  report["gb_per_s"] =
      session.countBytes() / report["time_us"].get<double>() * 1e-3;
  return pass;
}

void mqa::tools::printTopk(const nlohmann::json &report) {
  auto integer = [&](const char *name) { return report[name].get<long>(); };
  auto number = [&](const char *name) { return report[name].get<double>(); };
  std::printf("device:          %s\n",
              report["device"].get<std::string>().c_str());
  std::printf("kernel:          %s (%s)\n",
              report["kernel"].get<std::string>().c_str(),
              report["target"].get<std::string>().c_str());
  if (report.contains("batch"))
    std::printf("shape:           B=%ld T=%ld H=%ld D=%ld, at most %ld keys, "
                "k=%ld\n",
                integer("batch"), integer("next_n"), integer("num_heads"),
                integer("head_dim"), integer("seq_len_kv"), integer("k"));
  else if (report.contains("num_heads"))
    std::printf("shape:           M=%ld H=%ld D=%ld N=%ld, k=%ld\n",
                integer("seq_len"), integer("num_heads"), integer("head_dim"),
                integer("seq_len_kv"), integer("k"));
  else
    std::printf("shape:           M=%ld N=%ld, %ld columns, k=%ld\n",
                integer("seq_len"), integer("seq_len_kv"), integer("columns"),
                integer("k"));
  if (report.contains("num_lists"))
    std::printf("lists:           %ld\n", integer("num_lists"));
  if (report.contains("relative_error")) {
    std::printf("relative error:  %.3g (logits of '%s')\n",
                number("relative_error"),
                report["companion"].get<std::string>().c_str());
    std::printf("wrong logits:    %ld\n", integer("wrong_logits"));
  }
  if (report.contains("wrong_indices")) {
    std::printf("wrong indices:   %ld (%ld rows checked)\n",
                integer("wrong_indices"), integer("checked_rows"));
    std::printf("wrong values:    %ld\n", integer("wrong_values"));
    std::printf("outside writes:  %ld\n", integer("outside_writes"));
  }
  if (report.contains("changed_reruns"))
    std::printf("changed reruns:  %ld of %ld\n", integer("changed_reruns"),
                integer("reruns"));
  if (report.contains("gb_per_s"))
    std::printf("time:            %s (median of %ld), %s\n",
                formatTime(number("time_us")).c_str(), integer("repeat"),
                formatBandwidth(number("gb_per_s")).c_str());
  else
    std::printf("time:            %s (median of %ld)\n",
                formatTime(number("time_us")).c_str(), integer("repeat"));
  if (report.contains("logits_us"))
    std::printf("logits alone:    %s\n",
                formatTime(number("logits_us")).c_str());
  if (report.contains("host_us"))
    std::printf("host, a launch:  %.1f us, prepared %.1f us\n",
                number("host_us"), number("host_prepared_us"));
  printResult(report["pass"]);
}

void mqa::tools::printResult(bool pass) {
  std::printf("result:          %s\n", pass
                                           ? paint("pass", Paint::Good).c_str()
                                           : paint("FAIL", Paint::Bad).c_str());
}
