//===- TilePermission.h - The right to use matrix tiles ---------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef MQA_RUNTIME_LIB_TILEPERMISSION_H
#define MQA_RUNTIME_LIB_TILEPERMISSION_H

#include "CpuFeatures.h"

#include <atomic>

namespace mqa::runtime {

/// Linux lets a process use the tiles of AMX only when the process has asked:
/// signal frames are 8 KB larger from then on, for which a program's alternate
/// signal stacks may be too small.
class TilePermission {
public:
  /// That of this process, which its forked children inherit.
  static TilePermission &getOfProcess();

  /// Asks, once, if one of the features is AMX's. What was refused is asked for
  /// again at the next call: the process may have changed what was in the way.
  mqa_status require(const std::string &kernel,
                     const std::vector<std::string> &features,
                     const CpuIdentity &identity);

private:
  /// No lock: in a forked child it might be taken for ever, and asking twice
  /// does no harm.
  std::atomic<bool> granted{false};
};

} // namespace mqa::runtime

#endif // MQA_RUNTIME_LIB_TILEPERMISSION_H
