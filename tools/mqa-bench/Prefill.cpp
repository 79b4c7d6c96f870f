//===- Prefill.cpp - The prefill table ------------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Prefill.h"
#include "Ceiling.h"
#include "ElementType.h"
#include "Rounds.h"
#include "Sessions.h"
#include "Table.h"
#include "Terminal.h"
#include "Units.h"

#include <nlohmann/json.hpp>

#include <cmath>
#include <fstream>
#include <map>

using namespace mqa::tools;
using nlohmann::json;

namespace {
struct Cell {
  const char *maskName;
  Mask mask;
  int64_t numQueries, numKeys;
};

/// Times of the peer's kernel and of its second one, which cleans.
struct PeerTimes {
  double kernel, clean;
};

/// A kernel of a bundle, and what it did on the cells so far.
struct Candidate {
  std::string name;
  std::unique_ptr<LoadedKernel> kernel;
  /// Logarithms of the ratios to the peer, and of the rates.
  std::vector<double> ratios, rates;
  bool passes = true;
};

/// Candidates of one H and D: they are measured on the same problems.
using Group = std::vector<Candidate>;
} // namespace

static std::vector<Cell> getCells(int64_t maxKeys) {
  std::vector<Cell> cells;
  for (auto [name, mask] :
       {std::pair<const char *, Mask>{"causal", Mask::Causal},
        {"cp", Mask::Cp}})
    for (int64_t m : {2048, 4096})
      for (int64_t n = 4096; n <= std::min<int64_t>(maxKeys, 131072); n *= 2)
        cells.push_back({name, mask, m, n});
  return cells;
}

static std::optional<PeerTimes> findPeer(const json &peer, const Cell &cell) {
  if (!peer.contains("cells"))
    return std::nullopt;
  for (const json &entry : peer["cells"])
    if (entry["mask"] == cell.maskName && entry["m"] == cell.numQueries &&
        entry["n"] == cell.numKeys)
      return PeerTimes{entry["kernel_us"], entry["clean_us"]};
  return std::nullopt;
}

/// Checks one cell, then measures every candidate and the ceiling, round after
/// round, so that all see the same clocks. Returns false if a result is wrong.
static bool runCell(Device &device, const Cell &cell, Group &candidates,
                    Ceilings &ceilings, std::optional<PeerTimes> peer,
                    int repeat, int64_t maxPairs, const Table &table,
                    json &rows) {
  const mqa_kernel_info &info = candidates.front().kernel->getInfo();
  Shape shape = getShape(info, cell.numQueries, cell.numKeys);
  Problem problem =
      makeProblem(shape, cell.mask, /*seed=*/cell.numQueries + cell.numKeys,
                  /*wide=*/false, getFormat(info));
  Sessions sessions(device);
  std::vector<CheckResult> checks;
  for (Candidate &candidate : candidates) {
    sessions.add(problem, *candidate.kernel);
    Session &session = sessions.get(*candidate.kernel);
    session.poison();
    session.launch(*candidate.kernel);
    checks.push_back(session.check(*candidate.kernel, maxPairs));
  }

  // The ceiling comes first: the kernels are then launched while it runs, and
  // no launch shows in their times. What follows it is 3 % slower: that is the
  // last candidate, which does not count there. It runs at the end again, since
  // it is measured against kernels that follow each other. Then each kernel on
  // the same problem with empty ranges, and the copy.
  std::vector<Device::Work> round{[&] { ceilings.launchMatrixUnit(); },
                                  [&] {
                                    sessions.get(*candidates.back().kernel)
                                        .launch(*candidates.back().kernel);
                                  }};
  for (Candidate &candidate : candidates)
    round.push_back(
        [&] { sessions.get(*candidate.kernel).launch(*candidate.kernel); });
  round.push_back([&] { ceilings.launchMatrixUnit(); });
  for (Candidate &candidate : candidates)
    round.push_back([&] {
      sessions.get(*candidate.kernel).launchEmpty(*candidate.kernel);
    });
  round.push_back([&] { ceilings.launchCopy(); });
  std::vector<double> times = measureRounds(device, round, repeat);
  // Where these are in a round.
  size_t first = 2, lastCeiling = first + candidates.size(),
         firstEmpty = lastCeiling + 1;
  double ceilingRate =
      ceilings.getMatrixUnitOperations() / times[lastCeiling] * 1e-6;
  double copyRate = ceilings.getCopyBytes() / times.back() * 1e-3;
  double operations = countOperations(problem);
  bool pass = true;
  for (size_t i = 0; i < candidates.size(); ++i) {
    Candidate &candidate = candidates[i];
    const CheckResult &check = checks[i];
    bool clean = candidate.kernel->getInfo().clean;
    double time = times[first + i], rate = operations / time * 1e-6;
    double emptyTime = times[firstEmpty + i];
    double bandwidth =
        countBytes(sessions.getProblem(*candidate.kernel), clean) / time * 1e-3;
    double ratio = 0;
    candidate.rates.push_back(std::log(rate));
    candidate.passes &= check.passes();
    if (peer && !candidate.kernel->getInfo().block_max &&
        shape.numHeads == 64 && shape.headDim == 128 &&
        info.input_type == MQA_F8E4M3FN && info.out_type == MQA_F32) {
      ratio = (peer->kernel + (clean ? peer->clean : 0)) / time;
      candidate.ratios.push_back(std::log(ratio));
    }
    table.printRow(
        candidate.name,
        {cell.maskName, std::to_string(cell.numQueries),
         std::to_string(cell.numKeys),
         check.passes() ? formatError(check.relativeError) : "WRONG",
         formatNumber(time, 1), formatNumber(rate, 0),
         formatNumber(ceilingRate, 0), formatNumber(rate / ceilingRate, 3),
         formatNumber(bandwidth, 0), formatNumber(bandwidth / copyRate, 3),
         formatNumber(emptyTime, 1), ratio ? formatNumber(ratio, 3) : ""});
    printIfWrong(candidate.name, check);
    rows.push_back({{"kernel", candidate.name},
                    {"schedule", candidate.kernel->getInfo().schedule},
                    {"num_heads", shape.numHeads},
                    {"head_dim", shape.headDim},
                    {"mask", cell.maskName},
                    {"m", cell.numQueries},
                    {"n", cell.numKeys},
                    {"clean", clean},
                    {"relative_error", check.relativeError},
                    {"difference", check.difference},
                    {"element_errors", check.elementErrors},
                    {"mask_mismatches", check.maskMismatches},
                    {"outside_writes", check.outsideWrites},
                    {"time_us", time},
                    {"tflops", rate},
                    {"ceiling_tflops", ceilingRate},
                    {"share", rate / ceilingRate},
                    {"gb_per_s", bandwidth},
                    {"copy_gb_per_s", copyRate},
                    {"empty_us", emptyTime},
                    {"peer_ratio", ratio},
                    {"peer_us", ratio * time},
                    {"pass", check.passes()}});
    pass = pass && check.passes();
  }
  return pass;
}

/// The entries of the schedule table that the measurements speak for.
static json makeTable(const std::map<Problems, Group> &groups) {
  json table = json::object();
  for (const auto &[problems, group] : groups) {
    auto [numHeads, headDim] = std::pair(problems[0], problems[1]);
    for (bool fast : {false, true}) {
      const Candidate *best = nullptr;
      for (const Candidate &candidate : group)
        if (candidate.passes && candidate.kernel->getInfo().fast == fast &&
            (!best ||
             getGeometricMean(candidate.rates) > getGeometricMean(best->rates)))
          best = &candidate;
      if (!best)
        continue;
      const mqa_kernel_info &info = best->kernel->getInfo();
      json entry = {{"name", fast ? "fast" : "exact"},
                    {"num_heads", numHeads},
                    {"head_dim", headDim},
                    {"schedule", info.schedule},
                    {"tflops", std::round(getGeometricMean(best->rates))}};
      // What an entry is for if it does not say so is left out.
      if (info.input_type != MQA_F8E4M3FN)
        entry["input_type"] = getTypeName(info.input_type);
      if (std::optional<mqa_element_type> keys = getFormat(info).mxKeys)
        entry["mx_keys"] = keys == MQA_I8 ? "MXFP4" : "MXFP8";
      if (!info.has_weights)
        entry["weights"] = 0;
      table[info.target].push_back(std::move(entry));
    }
  }
  return table;
}

int mqa::tools::runPrefill(const PrefillOptions &options) {
  std::unique_ptr<Device> device = Device::create("gpu");
  Ceilings ceilings(*device, options.ceiling);
  std::map<Problems, Group> groups;
  OpenBundles bundles;
  for (const std::string &path : options.bundles)
    bundles.open(path, [&](const std::string &name, mqa_bundle *bundle,
                           const mqa_kernel_info &info) {
      // A bundle may have selections beside the logits that they are of.
      // Key blocks are other work.
      if (info.op != MQA_OP_LOGITS || info.key_block_size ||
          (info.clean && !options.table.empty()))
        return;
      // Maxima are measured beside the logits that they are of.
      Problems problems = getProblems(info);
      problems.back() = 0;
      groups[problems].push_back(
          {name, std::make_unique<LoadedKernel>(bundle, info.name), {}, {}});
    });
  if (groups.empty())
    fatal("the bundles have no kernel of mqa.logits");
  json peer = readPeer(options.peer, "cells"), rows = json::array();
  std::printf("device: %s, median of %d interleaved rounds\n\n",
              device->getName().c_str(), options.repeat);
  std::vector<std::string> names;
  for (const auto &[problems, group] : groups)
    for (const Candidate &candidate : group)
      names.push_back(candidate.name);
  Table table(names,
              {{"mask", 6},
               {"M", 4},
               {"N", 6},
               {"error", 8},
               {"us", 8},
               {"TFLOP/s", 7},
               {"ceiling", 7, true},
               {"share", 5},
               {"GB/s", 5, true},
               {"of copy", 7, true},
               {"empty us", 8, true},
               {"x peer", 6}},
              options.wide);
  table.printHead();
  // A search has many candidates: of each it looks at fewer rows, but at every
  // cell of the mask.
  int64_t maxPairs = options.table.empty() ? 1 << 19 : 1 << 15;
  bool pass = true;
  std::vector<Cell> cells = getCells(options.maxKeys);
  size_t done = 0;
  for (auto &[problems, group] : groups)
    for (const Cell &cell : cells) {
      showProgress("cell " + std::to_string(++done) + " of " +
                   std::to_string(groups.size() * cells.size()) + ": " +
                   cell.maskName + ", " + std::to_string(cell.numQueries) +
                   " x " + std::to_string(cell.numKeys) + ", " +
                   std::to_string(group.size()) + " kernels");
      pass &= runCell(*device, cell, group, ceilings, findPeer(peer, cell),
                      options.repeat, maxPairs, table, rows);
    }
  std::printf("\n");
  for (const auto &[problems, group] : groups) {
    for (const Candidate &candidate : group) {
      std::printf("%s (H = %ld, D = %ld): geometric mean %.0f TFLOP/s",
                  candidate.name.c_str(), static_cast<long>(problems[0]),
                  static_cast<long>(problems[1]),
                  getGeometricMean(candidate.rates));
      if (!candidate.ratios.empty())
        std::printf(", %.3f x the peer's times (least %.3f)",
                    getGeometricMean(candidate.ratios),
                    std::exp(*std::min_element(candidate.ratios.begin(),
                                               candidate.ratios.end())));
      std::printf("%s\n", candidate.passes ? "" : ", WRONG");
    }
  }
  if (!options.json.empty())
    writeFile(options.json,
              makeReport(*device, options.repeat, rows).dump(1) + "\n");
  if (!options.table.empty()) {
    json winners = makeTable(groups);
    writeFile(options.table, winners.dump(1) + "\n");
    std::printf("\nwinners, for schedules.json:\n%s\n",
                winners.dump(1).c_str());
  }
  return pass ? 0 : 1;
}
