//===- Bundle.h - The file that the compiler hands the runtime --*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// One or more parts, each for one target, one behind the other. A part,
// little-endian:
//
//   0   8 bytes  magic "MQABNDL1"
//   8   u64      size of the manifest
//   16  u32      CRC-32 of the manifest
//   20  u32      0
//   24  ...      the manifest: JSON, described in docs/bundle.md
//   ... ...      the sections, one behind the other
//
//===----------------------------------------------------------------------===//

#ifndef MQA_RUNTIME_LIB_BUNDLE_H
#define MQA_RUNTIME_LIB_BUNDLE_H

#include "KernelDescription.h"

#include <memory>

namespace mqa::runtime {

/// The version of the manifest that this runtime reads.
constexpr int kBundleVersion = 18;

constexpr size_t kHeaderBytes = 24;

/// Bytes of a bundle and of its manifest at most.
constexpr uint64_t kMaxBundleBytes = uint64_t(1) << 30;
constexpr uint64_t kMaxManifestBytes = uint64_t(1) << 24;
/// Parts that one may say are behind it: more than there are targets.
constexpr int64_t kMaxPartsBehind = 15;

/// Why some bytes are no bundle. Thrown, so that nothing reads on behind the
/// first error; readBundle makes a status of it.
struct InvalidBundle {
  std::string message;
};

/// One part of a bundle: what was compiled for one target.
struct Bundle {
  std::string target;
  /// How many parts are at least behind this one.
  int64_t partsBehind = 0;
  /// CPU: what the processor must have, by LLVM's names.
  std::vector<std::string> cpuFeatures;
  std::vector<KernelDescription> kernels;
  /// Empty where the bundle has no such section.
  std::vector<char> ptx, cubin, object;
  /// What the object is for, as ELF numbers machines.
  uint16_t objectMachine = 0;
};

/// The parts in the order of the file, each of another target. Kernels keep
/// their own part alone.
using BundleParts = std::vector<std::shared_ptr<const Bundle>>;

/// "a", "a and b", "a, b and c".
std::string listNames(const std::vector<std::string> &names);

/// Parses and checks all parts; throws InvalidBundle.
BundleParts parseBundle(const char *data, uint64_t size);

/// Parses and checks the part at the start of `data`, as far as it can be
/// alone, and gives its size. Throws InvalidBundle.
uint64_t parsePart(const char *data, uint64_t size, Bundle &bundle);

/// Checks the first kHeaderBytes of a bundle of `size` bytes, which may be all
/// that is there of it; throws InvalidBundle.
void checkHeader(const char *data, uint64_t size);

/// Parses a bundle that is in memory.
mqa_status readBundle(const void *data, size_t size, BundleParts &parts);

/// Reads a bundle from a regular file. What is none is not read further than to
/// its header.
mqa_status readBundle(const std::string &path, BundleParts &parts);

} // namespace mqa::runtime

#endif // MQA_RUNTIME_LIB_BUNDLE_H
