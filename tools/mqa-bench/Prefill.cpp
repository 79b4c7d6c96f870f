//===- Prefill.cpp - The prefill table ------------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Prefill.h"
#include "Ceiling.h"
#include "Session.h"

#include <nlohmann/json.hpp>

#include <cmath>
#include <fstream>

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
  /// Logarithms of the ratios to the peer.
  std::vector<double> ratios;
};
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

static json readPeer(const std::string &path) {
  if (path.empty())
    return json::object();
  std::ifstream file(path);
  json peer = json::parse(file, nullptr, /*allow_exceptions=*/false);
  if (!peer.is_object() || !peer.contains("cells"))
    fatal("cannot read the peer's times from '" + path + "'");
  return peer;
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

static double getGeometricMean(const std::vector<double> &logarithms) {
  double sum = 0;
  for (double value : logarithms)
    sum += value;
  return logarithms.empty() ? 0 : std::exp(sum / logarithms.size());
}

/// Checks one cell, then measures every candidate and the ceiling, round after
/// round, so that all see the same clocks. Returns false if a result is wrong.
static bool runCell(Device &device, const Cell &cell,
                    std::vector<Candidate> &candidates, WgmmaCeiling &ceiling,
                    std::optional<PeerTimes> peer, int repeat, json &rows) {
  const mqa_kernel_info &info = candidates.front().kernel->getInfo();
  Shape shape{cell.numQueries, info.num_heads, info.head_dim, cell.numKeys};
  Problem problem =
      makeProblem(shape, cell.mask, /*seed=*/cell.numQueries + cell.numKeys);
  Session session(device, problem);
  std::vector<CheckResult> checks;
  for (Candidate &candidate : candidates) {
    session.poison();
    session.launch(*candidate.kernel);
    checks.push_back(session.check(*candidate.kernel, /*maxPairs=*/1 << 19));
  }

  // The ceiling comes first: the kernels are then launched while it runs, and
  // no launch shows in their times. It runs at the end again, since it is
  // measured against kernels that follow each other.
  std::vector<Device::Work> round{[&] { ceiling.launch(); }};
  for (Candidate &candidate : candidates)
    round.push_back([&] { session.launch(*candidate.kernel); });
  round.push_back([&] { ceiling.launch(); });
  std::vector<std::vector<double>> times(candidates.size());
  std::vector<double> ceilingTimes;
  for (int i = -2; i < repeat; ++i) {
    std::vector<double> measured = device.timeQueue(round);
    if (i < 0)
      continue;
    for (size_t c = 0; c < candidates.size(); ++c)
      times[c].push_back(measured[c + 1]);
    ceilingTimes.push_back(measured.back());
  }

  double ceilingRate = ceiling.getOperations() / getMedian(ceilingTimes) * 1e-6;
  double operations =
      2.0 * shape.numHeads * shape.headDim * problem.countPairs();
  bool pass = true;
  for (size_t i = 0; i < candidates.size(); ++i) {
    Candidate &candidate = candidates[i];
    const CheckResult &check = checks[i];
    bool clean = candidate.kernel->getInfo().clean;
    double time = getMedian(times[i]), rate = operations / time * 1e-6;
    double ratio = 0;
    if (peer) {
      ratio = (peer->kernel + (clean ? peer->clean : 0)) / time;
      candidate.ratios.push_back(std::log(ratio));
    }
    std::printf("| %-20s | %-6s | %4ld | %6ld | %.2e | %6ld | %8.1f | %6.0f | "
                "%6.0f | %.3f | %.3f | %s |\n",
                candidate.name.c_str(), cell.maskName,
                static_cast<long>(cell.numQueries),
                static_cast<long>(cell.numKeys), check.relativeError,
                static_cast<long>(check.maskMismatches + check.outsideWrites +
                                  check.elementErrors),
                time, rate, ceilingRate, rate / ceilingRate, ratio,
                check.passes() ? "ok" : "WRONG");
    std::fflush(stdout);
    rows.push_back({{"kernel", candidate.name},
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
                    {"peer_ratio", ratio},
                    {"pass", check.passes()}});
    pass = pass && check.passes();
  }
  return pass;
}

int mqa::tools::runPrefill(const PrefillOptions &options) {
  std::unique_ptr<Device> device = Device::create("gpu");
  WgmmaCeiling ceiling(*device, options.ceiling);
  std::vector<Candidate> candidates;
  std::vector<mqa_bundle *> bundles;
  for (const std::string &path : options.bundles) {
    mqa_bundle *bundle;
    require(mqa_bundle_load_file(path.c_str(), &bundle));
    bundles.push_back(bundle);
    std::string stem = path.substr(path.rfind('/') + 1);
    stem = stem.substr(0, stem.rfind('.'));
    for (size_t i = 0; i < mqa_bundle_num_kernels(bundle); ++i) {
      mqa_kernel_info info;
      require(mqa_bundle_kernel_info(bundle, i, &info));
      bool clean = info.clean;
      candidates.push_back({stem + (clean ? " clean" : ""),
                            std::make_unique<LoadedKernel>(bundle, clean),
                            {}});
    }
  }
  json peer = readPeer(options.peer), rows = json::array();
  std::printf("device: %s, median of %d interleaved rounds\n\n",
              device->getName().c_str(), options.repeat);
  std::printf("| kernel | mask | M | N | rel. error | wrong cells | us | "
              "TFLOP/s | ceiling | share | x peer | |\n");
  std::printf("| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | "
              "--- | --- |\n");
  bool pass = true;
  for (const Cell &cell : getCells(options.maxKeys))
    pass &= runCell(*device, cell, candidates, ceiling, findPeer(peer, cell),
                    options.repeat, rows);
  std::printf("\n");
  for (const Candidate &candidate : candidates)
    if (!candidate.ratios.empty())
      std::printf(
          "geometric mean against the peer's times, %s: %.3f (least %.3f)\n",
          candidate.name.c_str(), getGeometricMean(candidate.ratios),
          std::exp(*std::min_element(candidate.ratios.begin(),
                                     candidate.ratios.end())));
  if (!options.json.empty())
    std::ofstream(options.json)
        << json{{"device", device->getName()}, {"rows", rows}}.dump(1) << "\n";
  candidates.clear();
  for (mqa_bundle *bundle : bundles)
    mqa_bundle_destroy(bundle);
  return pass ? 0 : 1;
}
