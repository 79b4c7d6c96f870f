//===- Rounds.cpp - What the tables have in common ------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Rounds.h"
#include "CaseSummary.h"

#include <nlohmann/json.hpp>

#include <cmath>
#include <ctime>
#include <fstream>

using namespace mqa::tools;
using nlohmann::json;

Problems mqa::tools::getProblems(const mqa_kernel_info &info) {
  return {info.num_heads,   info.head_dim,     info.input_type,
          info.key_type,    info.k_scale_type, info.out_type,
          info.activation,  info.weights_type, info.has_weights,
          info.has_k_scale, info.num_groups,   info.compressed,
          info.num_queries, info.num_keys,     info.max_seqlen_k,
          info.block_max,   info.has_q_scale,  info.head_reduction};
}

double mqa::tools::getGeometricMean(const std::vector<double> &logarithms) {
  double sum = 0;
  for (double value : logarithms)
    sum += value;
  return logarithms.empty() ? 0 : std::exp(sum / logarithms.size());
}

std::vector<double>
mqa::tools::measureRounds(Device &device,
                          const std::vector<Device::Work> &works, int repeat) {
  std::vector<std::vector<double>> times(works.size());
  for (int i = -2; i < repeat; ++i) {
    std::vector<double> measured = device.timeQueue(works);
    for (size_t w = 0; i >= 0 && w < works.size(); ++w)
      times[w].push_back(measured[w]);
  }
  std::vector<double> medians;
  for (std::vector<double> &own : times)
    medians.push_back(getMedian(std::move(own)));
  return medians;
}

json mqa::tools::readPeer(const std::string &path, const char *member) {
  if (path.empty())
    return json::object();
  std::ifstream file(path);
  json peer = json::parse(file, nullptr, /*allow_exceptions=*/false);
  if (!peer.is_object() || !peer.contains(member))
    fatal("cannot read the peer's '" + std::string(member) + "' from '" + path +
          "'");
  return peer;
}

void mqa::tools::printIfWrong(const std::string &name,
                              const CheckResult &check) {
  if (check.passes())
    return;
  std::printf("%s is wrong: error %.2e, difference %.2e, %ld wrong elements, "
              "%ld wrong cells, %ld writes outside\n",
              name.c_str(), check.relativeError, check.difference,
              static_cast<long>(check.elementErrors),
              static_cast<long>(check.maskMismatches),
              static_cast<long>(check.outsideWrites));
  std::fflush(stdout);
}

void mqa::tools::writeCounts(const std::string &path,
                             const CaseSummary &summary, json others) {
  if (path.empty())
    return;
  others["cases"] = summary.cases;
  others["wrong"] = summary.wrong;
  others["worst_relative_error"] = summary.worstError;
  others["pass"] = summary.wrong == 0;
  writeFile(path, others.dump(1) + "\n");
}

json mqa::tools::makeReport(Device &device, int repeat, json rows) {
  std::time_t now = std::time(nullptr);
  char date[32];
  std::strftime(date, sizeof(date), "%Y-%m-%d", std::gmtime(&now));
  return {{"device", device.getName()},
          {"date", date},
          {"version", MQA_VERSION},
          {"repeat", repeat},
          {"rows", std::move(rows)}};
}

OpenBundles::~OpenBundles() {
  for (mqa_bundle *bundle : bundles)
    mqa_bundle_destroy(bundle);
}

std::string OpenBundles::open(const std::string &path, mqa_bundle *&bundle) {
  require(mqa_bundle_load_file(path.c_str(), &bundle));
  bundles.push_back(bundle);
  std::string stem = path.substr(path.rfind('/') + 1);
  return stem.substr(0, stem.rfind('.'));
}

void OpenBundles::open(const std::string &path, const Visitor &visit) {
  mqa_bundle *bundle;
  std::string stem = open(path, bundle);
  for (const mqa_kernel_info &info : listKernels(bundle))
    visit(stem + (info.clean ? " clean" : ""), bundle, info);
}
