//===- GpuCode.cpp - Which code a GPU is given ----------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "GpuCode.h"

using namespace mqa::runtime;

namespace {
struct Chip {
  int capability;
  /// Whether it is for this capability alone.
  bool isSpecific;
};
} // namespace

static constexpr int kOrin = 87;

static Chip parseTarget(const std::string &target) {
  std::string version = target.substr(sizeof("sm_") - 1);
  return {std::stoi(version), version.back() == 'a'};
}

/// Machine code runs on devices of its major version, from its minor one on,
/// except on Orin (8.7), which is no device of its family; the driver compiles
/// PTX for its own and every later device.
GpuImage mqa::runtime::chooseImage(const GpuCode &code, int capability) {
  Chip chip = parseTarget(code.target);
  bool isOwn = capability == chip.capability;
  bool isLater = !chip.isSpecific && capability > chip.capability;
  bool runsCubin =
      isOwn || (isLater && capability / 10 == chip.capability / 10 &&
                capability != kOrin);
  if (runsCubin && code.hasCubin)
    return GpuImage::Cubin;
  if ((isOwn || isLater) && code.hasPtx)
    return GpuImage::Ptx;
  return GpuImage::None;
}

std::optional<size_t>
mqa::runtime::chooseCode(const std::vector<GpuCode> &codes,
                         const GpuLimits &device) {
  std::optional<size_t> best;
  // What runs is not newer than the device, so the newest is the closest. What
  // is for this capability alone uses what others of it may not.
  auto isBetter = [&](const GpuCode &code) {
    if (!best)
      return true;
    Chip chip = parseTarget(code.target);
    Chip other = parseTarget(codes[*best].target);
    return chip.capability != other.capability
               ? chip.capability > other.capability
               : chip.isSpecific && !other.isSpecific;
  };
  for (size_t i = 0; i < codes.size(); ++i)
    if (chooseImage(codes[i], device.capability) != GpuImage::None &&
        codes[i].sharedMemoryBytes <= device.sharedMemoryBytes &&
        isBetter(codes[i]))
      best = i;
  return best;
}
