//===- PartsBundle.h - Parts for several targets ----------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef MQA_TEST_RUNTIME_PARTSBUNDLE_H
#define MQA_TEST_RUNTIME_PARTSBUNDLE_H

#include "HandMade.h"

namespace mqa::test {

inline nlohmann::json makeManifest(const std::string &target,
                                   int sharedMemory = 90000) {
  nlohmann::json manifest = makeGpuManifest();
  manifest["target"] = target;
  manifest["kernels"][0]["shared_memory_bytes"] = sharedMemory;
  return manifest;
}

/// Its PTX says which it is.
inline std::string makePartOf(const nlohmann::json &manifest) {
  return makeBundle(manifest, "ptx",
                    "// " + manifest["target"].get<std::string>());
}
inline std::string makePart(const std::string &target) {
  return makePartOf(makeManifest(target));
}

inline std::string makeCpuPart(const std::vector<std::string> &features = {}) {
  nlohmann::json manifest = makeCpuManifest();
  manifest["cpu_features"] = features;
  // As the task that it has is called, and of the same op as the others.
  manifest["kernels"][0]["name"] = "any";
  return makeBundle(manifest, "object", readFakeTask());
}

} // namespace mqa::test

#endif // MQA_TEST_RUNTIME_PARTSBUNDLE_H
