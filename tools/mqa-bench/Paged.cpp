//===- Paged.cpp - The paged table on a GPU -------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Paged.h"
#include "CaseShapes.h"
#include "Ceiling.h"
#include "Rounds.h"
#include "Sessions.h"
#include "Table.h"
#include "Terminal.h"
#include "Units.h"

#include <nlohmann/json.hpp>

#include <cmath>
#include <fstream>
#include <iterator>
#include <map>

using namespace mqa::tools;
using nlohmann::json;

namespace {
struct Cell {
  int64_t batch, nextN, averageLength;
};

struct Candidate {
  std::string name;
  std::unique_ptr<LoadedKernel> kernel;
};

/// Medians of one cell's rounds, in microseconds.
struct Times {
  double copy, read;
  /// Of each candidate: after a read of other memory, which leaves nothing of
  /// the cache in L2; again, with what fits there; on empty sequences; and each
  /// of several in a row, with nothing between them, as a stream has them.
  std::vector<double> cold, warm, empty, inARow;
};
} // namespace

static const Cell kCells[] = {
    {1, 1, 4096},   {16, 1, 4096},  {64, 1, 4096},   {64, 2, 4096},
    {128, 1, 4096}, {128, 2, 4096}, {1, 1, 32768},   {16, 1, 32768},
    {64, 1, 32768}, {64, 2, 32768}, {128, 1, 32768}, {128, 2, 32768},
    {1, 1, 131072}, {4, 2, 131072},
};

/// Of kernels whose rows name their sequences, with rows of a sequence in the
/// place of next_n (0: from 1 to 4, as they come): prefill, and decoding.
static const Cell kRowCells[] = {
    {1, 2048, 2048}, {1, 2048, 8192}, {1, 2048, 32768}, {1, 2048, 131072},
    {16, 128, 8192}, {64, 0, 4096},   {64, 0, 32768},   {64, 1, 32768},
    {64, 2, 32768},  {64, 4, 32768},  {64, 8, 32768},   {2048, 1, 4096},
};

/// Lengths of prefill are as asked for, so that they are those of a causal
/// mask.
static Problem makeRowCell(const Cell &cell, const mqa_kernel_info &info) {
  constexpr int64_t kPrefillRows = 100;
  PagedShape shape{
      cell.batch,     1,
      info.num_heads, info.head_dim,
      info.block_kv,  drawLengths(cell.batch, cell.averageLength, 1)};
  if (cell.nextN >= kPrefillRows)
    shape.lens.assign(cell.batch, static_cast<int32_t>(cell.averageLength));
  makeRows(info, shape,
           [&](int64_t b) { return cell.nextN ? cell.nextN : 1 + b * 3 % 4; });
  return makePagedProblem(shape, /*seed=*/1, /*wide=*/false, getFormat(info));
}

static Problem makeCell(const Cell &cell, const mqa_kernel_info &info) {
  if (info.has_sequence)
    return makeRowCell(cell, info);
  PagedShape shape{
      cell.batch,     cell.nextN,
      info.num_heads, info.head_dim,
      info.block_kv,  drawLengths(cell.batch, cell.averageLength, 1)};
  if (info.lens_per_query) {
    std::vector<int32_t> lengths;
    for (int32_t length : shape.lens)
      for (int64_t t = 0; t < cell.nextN; ++t)
        lengths.push_back(length - cell.nextN + t + 1);
    shape.lens = lengths;
  }
  return makePagedProblem(shape, /*seed=*/1, /*wide=*/false, getFormat(info));
}

static constexpr int kRow = 20;

static Times measure(Device &device, const Sessions &sessions,
                     const std::vector<Candidate> &candidates,
                     Ceilings &ceilings, int repeat) {
  std::vector<Device::Work> round{[&] { ceilings.launchRead(); },
                                  [&] { ceilings.launchCopy(); }};
  for (const Candidate &candidate : candidates) {
    Session &session = sessions.get(*candidate.kernel);
    auto launch = [&] { session.launch(*candidate.kernel); };
    round.push_back([&] { ceilings.launchRead(); });
    round.push_back(launch);
    round.push_back(launch);
    round.push_back([&] { session.launchEmpty(*candidate.kernel); });
  }
  std::vector<std::unique_ptr<mqa_launch, void (*)(mqa_launch *)>> prepared;
  for (const Candidate &candidate : candidates) {
    prepared.push_back(
        sessions.get(*candidate.kernel).prepare(*candidate.kernel));
    auto launch = [own = prepared.back().get()] {
      require(mqa_launch_run(own, nullptr));
    };
    // The read is what the device does while the row is enqueued; the first
    // launch then finds of the cache what those behind it do.
    round.push_back([&] { ceilings.launchRead(); });
    round.push_back(launch);
    round.push_back([launch] {
      for (int i = 0; i < kRow; ++i)
        launch();
    });
  }
  std::vector<double> times = measureRounds(device, round, repeat);
  Times result;
  // Not the first, which also shows the time of its launch.
  result.copy = times[1];
  result.read = times[2];
  for (size_t i = 0; i < candidates.size(); ++i) {
    result.cold.push_back(times[4 * i + 3]);
    result.warm.push_back(times[4 * i + 4]);
    result.empty.push_back(times[4 * i + 5]);
    result.inARow.push_back(times[4 * candidates.size() + 3 * i + 4] / kRow);
  }
  return result;
}

/// The peer's entry for a cell; null if it has none.
static const json *findPeer(const json &peer, const Cell &cell,
                            const mqa_kernel_info &info) {
  if (!peer.contains("paged") || info.num_heads != 64 || info.head_dim != 128 ||
      info.block_kv != 64 || info.has_sequence)
    return nullptr;
  for (const json &entry : peer["paged"])
    if (entry["batch"] == cell.batch && entry["next_n"] == cell.nextN &&
        entry["context_len"] == cell.averageLength)
      return &entry;
  return nullptr;
}

static bool runCell(Device &device, const Cell &cell,
                    const std::vector<Candidate> &candidates,
                    Ceilings &ceilings, const json &peer, int repeat,
                    const Table &table, json &rows) {
  const mqa_kernel_info &info = candidates.front().kernel->getInfo();
  Problem problem = makeCell(cell, info);
  Slack slack;
  // As engines have it.
  slack.fused = true;
  Sessions sessions(device, slack);
  std::vector<CheckResult> checks;
  for (const Candidate &candidate : candidates) {
    sessions.add(problem, *candidate.kernel);
    Session &session = sessions.get(*candidate.kernel);
    session.poison();
    session.launch(*candidate.kernel);
    checks.push_back(session.check(*candidate.kernel, /*maxPairs=*/1 << 17));
  }
  Times times = measure(device, sessions, candidates, ceilings, repeat);
  double copyRate = ceilings.getCopyBytes() / times.copy * 1e-3;
  double readRate = ceilings.getReadBytes() / times.read * 1e-3;
  const json *peerCell = findPeer(peer, cell, info);
  // Times of another run, at the copy bandwidth of this one.
  double peerScale =
      peerCell ? peer["copy_gb_per_s"].get<double>() / copyRate : 0;
  bool pass = true;
  for (size_t i = 0; i < candidates.size(); ++i) {
    const CheckResult &check = checks[i];
    double rate = countBytes(sessions.getProblem(*candidates[i].kernel),
                             candidates[i].kernel->getInfo().clean) /
                  times.cold[i] * 1e-3;
    double kernel = 0, both = 0;
    if (peerCell && !candidates[i].kernel->getInfo().block_max) {
      double own = (*peerCell)["kernel_us"],
             schedule = (*peerCell)["schedule_us"];
      kernel = own * peerScale / times.cold[i];
      both = (own + schedule) * peerScale / times.cold[i];
    }
    table.printRow(
        candidates[i].name,
        {std::to_string(cell.batch), std::to_string(cell.nextN),
         std::to_string(cell.averageLength),
         check.passes() ? formatError(check.relativeError) : "WRONG",
         formatNumber(times.cold[i], 1), formatNumber(times.warm[i], 1),
         formatNumber(times.inARow[i], 1), formatNumber(times.empty[i], 1),
         formatNumber(rate, 0), formatNumber(copyRate, 0),
         formatNumber(readRate, 0), formatNumber(rate / copyRate, 3),
         kernel ? formatNumber(kernel, 2) : "",
         both ? formatNumber(both, 2) : ""});
    printIfWrong(candidates[i].name, check);
    rows.push_back({{"kernel", candidates[i].name},
                    {"schedule", candidates[i].kernel->getInfo().schedule},
                    {"batch", cell.batch},
                    {"next_n", cell.nextN},
                    {"context_len", cell.averageLength},
                    {"relative_error", check.relativeError},
                    {"element_errors", check.elementErrors},
                    {"mask_mismatches", check.maskMismatches},
                    {"outside_writes", check.outsideWrites},
                    {"time_us", times.cold[i]},
                    {"warm_us", times.warm[i]},
                    {"in_a_row_us", times.inARow[i]},
                    {"empty_us", times.empty[i]},
                    {"gb_per_s", rate},
                    {"copy_gb_per_s", copyRate},
                    {"read_gb_per_s", readRate},
                    {"peer_kernel_ratio", kernel},
                    {"peer_ratio", both},
                    {"pass", check.passes()}});
    pass = pass && check.passes();
  }
  return pass;
}

int mqa::tools::runPaged(const PagedOptions &options) {
  std::unique_ptr<Device> device = Device::create("gpu");
  Ceilings ceilings(*device, options.ceiling);
  // Kernels of the same problems; of a bundle, those that clean too.
  std::map<std::tuple<int64_t, int64_t, int64_t, int64_t, int, int, int, int,
                      int, int, int>,
           std::vector<Candidate>>
      groups;
  OpenBundles bundles;
  for (const std::string &path : options.bundles)
    bundles.open(path, [&](const std::string &name, mqa_bundle *bundle,
                           const mqa_kernel_info &info) {
      // A bundle may have kernels that select beside those of the logits, and
      // kernels of chosen blocks.
      if (isFused(info) || info.key_block_size)
        return;
      if (!isPaged(info))
        fatal("'" + path + "' has a kernel that is not of mqa.paged_logits");
      groups[{info.next_n, info.num_heads, info.head_dim, info.block_kv,
              info.lens_per_query, info.out_type, info.key_type,
              info.k_scale_type, info.has_sequence, info.input_type,
              info.has_q_scale}]
          .push_back({name, std::make_unique<LoadedKernel>(bundle, info.name)});
    });
  json peer = readPeer(options.peer, "paged"), rows = json::array();
  std::printf("device: %s, median of %d interleaved rounds\n\n",
              device->getName().c_str(), options.repeat);
  std::vector<std::string> names;
  for (const auto &[key, group] : groups)
    for (const Candidate &candidate : group)
      names.push_back(candidate.name);
  Table table(names,
              {{"batch", 5},
               {"next_n", 6},
               {"length", 6},
               {"error", 8},
               {"us", 7},
               {"again, us", 7, true},
               {"in a row, us", 7},
               {"empty us", 5, true},
               {"GB/s", 5, true},
               {"copy GB/s", 5, true},
               {"read GB/s", 5, true},
               {"of copy", 5},
               {"x peer's kernel", 5, true},
               {"x peer", 5}},
              options.wide);
  table.printHead();
  bool pass = true;
  for (auto &[key, group] : groups) {
    bool ofRows = group.front().kernel->getInfo().has_sequence != 0;
    std::vector<Cell> cells(std::begin(kCells), std::end(kCells));
    if (ofRows)
      cells.assign(std::begin(kRowCells), std::end(kRowCells));
    for (const Cell &cell : cells) {
      if (!ofRows && cell.nextN != std::get<0>(key))
        continue;
      showProgress("cell of " + std::to_string(cell.batch) + " x " +
                   std::to_string(cell.averageLength) +
                   (ofRows ? ", rows " : ", next_n ") +
                   std::to_string(cell.nextN) + ", " +
                   std::to_string(group.size()) + " kernels");
      pass &= runCell(*device, cell, group, ceilings, peer, options.repeat,
                      table, rows);
    }
  }
  if (!options.json.empty())
    writeFile(options.json,
              makeReport(*device, options.repeat, rows).dump(1) + "\n");
  return pass ? 0 : 1;
}
