//===- GpuCode.h - Which code a GPU is given --------------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Pure functions: what they decide needs no driver.
//
//===----------------------------------------------------------------------===//

#ifndef MQA_RUNTIME_LIB_GPUCODE_H
#define MQA_RUNTIME_LIB_GPUCODE_H

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace mqa::runtime {

/// What one part of a bundle has of a kernel.
struct GpuCode {
  /// "sm_86"; with the suffix 'a' it is for that capability alone.
  std::string target;
  bool hasCubin = false, hasPtx = false;
  int64_t sharedMemoryBytes = 0;
};

/// A device: 10 * major + minor, and what a block may have.
struct GpuLimits {
  int capability = 0;
  int64_t sharedMemoryBytes = 0;
};

enum class GpuImage { None, Ptx, Cubin };

/// What of `code` a device can load, whatever memory it has.
GpuImage chooseImage(const GpuCode &code, int capability);

/// The best of `codes` that the device can load and has the memory for: the one
/// that was made for the newest chip, since it uses most of what the device
/// has. None if there is none.
std::optional<size_t> chooseCode(const std::vector<GpuCode> &codes,
                                 const GpuLimits &device);

} // namespace mqa::runtime

#endif // MQA_RUNTIME_LIB_GPUCODE_H
