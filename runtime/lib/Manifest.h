//===- Manifest.h - Reads the manifest of a bundle --------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef MQA_RUNTIME_LIB_MANIFEST_H
#define MQA_RUNTIME_LIB_MANIFEST_H

#include "Fields.h"

namespace mqa::runtime {

/// Where a section lies behind the manifest.
struct Section {
  std::string name;
  uint64_t offset, size;
  uint32_t crc32;
};

/// Target and kernels of `bundle`, and its sections. Throws InvalidBundle.
std::vector<Section> readManifest(const nlohmann::json &manifest,
                                  Bundle &bundle);

/// The parameters of `kernel`, whose sizes are known. Throws InvalidBundle.
void readParameters(Fields &fields, bool isCpu, KernelDescription &kernel);

} // namespace mqa::runtime

#endif // MQA_RUNTIME_LIB_MANIFEST_H
