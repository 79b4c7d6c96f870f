//===- CaseSummary.h - What runs of many cases share ------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef MQA_TOOLS_MQA_BENCH_CASESUMMARY_H
#define MQA_TOOLS_MQA_BENCH_CASESUMMARY_H

#include "Session.h"
#include "Terminal.h"

#include <nlohmann/json_fwd.hpp>

#include <string>
#include <vector>

namespace mqa::tools {

struct CaseSummary {
  int cases = 0, wrong = 0;
  double worstError = 0;
};

/// Writes the counts, and `others` of the options, to `path`; does nothing if
/// that is empty.
void writeCounts(const std::string &path, const CaseSummary &summary,
                 nlohmann::json others);

/// Calls `run(Device &, const LoadedKernel &, const mqa_bundle *)` for every
/// kernel of the bundles, on the device that the bundle is for.
template <typename Run>
void forEachKernel(const std::vector<std::string> &bundles, Run run) {
  for (size_t i = 0; i < bundles.size(); ++i) {
    const std::string &path = bundles[i];
    mqa_bundle *bundle;
    require(mqa_bundle_load_file(path.c_str(), &bundle));
    std::unique_ptr<Device> device = createDevice(bundle);
    for (const mqa_kernel_info &info : listKernels(bundle)) {
      showProgress("bundle " + std::to_string(i + 1) + " of " +
                   std::to_string(bundles.size()) + ": " + info.name + " of " +
                   path);
      run(*device, LoadedKernel(bundle, info.name), bundle);
    }
    mqa_bundle_destroy(bundle);
  }
  hideProgress();
}

} // namespace mqa::tools

#endif // MQA_TOOLS_MQA_BENCH_CASESUMMARY_H
