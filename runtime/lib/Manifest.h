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

/// Reads a kernel, or one step of a kernel. Throws InvalidBundle.
KernelDescription readKernel(Fields &fields, bool isCpu);

/// The parameters of `kernel`, by the rules of its op. Throws InvalidBundle.
void readParameters(Fields &fields, bool isCpu, KernelDescription &kernel);

//===----------------------------------------------------------------------===//
// Fields that several ops have
//===----------------------------------------------------------------------===//

/// A size, or -1: it is given at launch.
int64_t readSize(Fields &fields, const char *key);

/// A power of two; `allowed` says so, and its limits, in words.
int64_t readPowerOfTwo(Fields &fields, const char *key, int64_t min,
                       int64_t max);

/// Two operands' word for one size, which one of them may not know: what the
/// kernel was compiled for is what either knows. False if they disagree.
bool unite(int64_t &size, int64_t other);

/// Of rows that lie in the order of their sequences: what `num_queries`,
/// `batch` and `next_n` know of each other.
void uniteSequences(Fields &fields, KernelDescription &kernel);

/// What the driver is given at a launch, on every GPU.
void readBlock(Fields &fields, KernelDescription &kernel);

} // namespace mqa::runtime

#endif // MQA_RUNTIME_LIB_MANIFEST_H
