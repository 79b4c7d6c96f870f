//===- GpuLaunch.h - What the driver is given -------------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef MQA_RUNTIME_LIB_GPULAUNCH_H
#define MQA_RUNTIME_LIB_GPULAUNCH_H

#include "GpuKernel.h"

namespace mqa::runtime {

/// The parameters of one launch: room for every parameter's value, and the
/// pointers to them that the driver wants. Stays where it is.
class ParameterPack {
public:
  ParameterPack() = default;
  ParameterPack(const ParameterPack &) = delete;
  void addPointer(const void *pointer) {
    add(reinterpret_cast<uint64_t>(pointer));
  }
  /// Kernels index with 32 bits.
  void addIndex(int64_t index) { add(static_cast<uint32_t>(index)); }
  void addTensorMap(CUtensorMap *map) { pointers[count++] = map; }
  void **getPointers() const { return const_cast<void **>(pointers); }

private:
  void add(uint64_t value) {
    values[count] = value;
    pointers[count] = &values[count];
    ++count;
  }
  // A memref of rank r takes 3 + 2r parameters.
  static constexpr int kMax = kNumOperands * (3 + 2 * kMaxRank) + 1;
  uint64_t values[kMax];
  void *pointers[kMax];
  int count = 0;
};

/// What the driver is given at each launch on the same arguments.
class GpuLaunch final : public PreparedLaunch {
public:
  explicit GpuLaunch(const GpuKernel &kernel) : kernel(kernel) {}
  mqa_status encode(const Tensors &tensors);
  mqa_status run(void *stream) const override;

private:
  mqa_status placeScratch(const Tensors &tensors, Tensor &scratch) const;

  const GpuKernel &kernel;
  CUtensorMap maps[kNumTiledOperands];
  ParameterPack pack;
  unsigned grid = 0;
};

} // namespace mqa::runtime

#endif // MQA_RUNTIME_LIB_GPULAUNCH_H
