//===- TensorMap.h - Tensor maps for TMA loads ------------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef MQA_RUNTIME_LIB_TENSORMAP_H
#define MQA_RUNTIME_LIB_TENSORMAP_H

#include "Arguments.h"
#include "CudaDriver.h"

#include <mutex>
#include <vector>

namespace mqa::runtime {

/// Encodes tensor maps of one kernel, each once: a model launches on the same
/// buffers again and again, every layer on its own.
class TensorMapCache {
public:
  /// The map by which the kernel's parameter `recipe` loads `tensor`.
  mqa_status encode(const CudaDriver &driver, const Parameter &recipe,
                    const Tensor &tensor, CUtensorMap &map);

private:
  struct Entry {
    const Parameter *recipe = nullptr;
    const void *data;
    std::array<int64_t, kMaxRank> sizes, strides;
    CUtensorMap map;
  };
  std::mutex mutex;
  /// By hash; what comes later takes the place of what was there.
  std::vector<Entry> entries;
};

} // namespace mqa::runtime

#endif // MQA_RUNTIME_LIB_TENSORMAP_H
