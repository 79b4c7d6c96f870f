//===- CaseSummary.h - What runs of many cases share ------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef MQA_TOOLS_MQA_BENCH_CASESUMMARY_H
#define MQA_TOOLS_MQA_BENCH_CASESUMMARY_H

#include "Session.h"

#include <string>
#include <vector>

namespace mqa::tools {

struct CaseSummary {
  int cases = 0, wrong = 0;
  double worstError = 0;
};

/// Calls `run(Device &, const LoadedKernel &, const mqa_bundle *)` for every
/// kernel of the bundles, on the device that the bundle is for.
template <typename Run>
void forEachKernel(const std::vector<std::string> &bundles, Run run) {
  for (const std::string &path : bundles) {
    mqa_bundle *bundle;
    require(mqa_bundle_load_file(path.c_str(), &bundle));
    std::unique_ptr<Device> device = createDevice(bundle);
    for (const mqa_kernel_info &info : listKernels(bundle))
      run(*device, LoadedKernel(bundle, info.name), bundle);
    mqa_bundle_destroy(bundle);
  }
}

} // namespace mqa::tools

#endif // MQA_TOOLS_MQA_BENCH_CASESUMMARY_H
