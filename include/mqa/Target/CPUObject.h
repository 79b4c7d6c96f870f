//===- CPUObject.h - Task functions to a loadable object --------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef MQA_TARGET_CPUOBJECT_H
#define MQA_TARGET_CPUOBJECT_H

#include "mlir/IR/BuiltinOps.h"

#include <optional>
#include <string>

namespace mlir {
namespace mqa {

/// The processor for which code is made.
struct CPUTarget {
  /// This machine's.
  static CPUTarget getHost();

  std::string triple, cpu, features;
  /// The features that the code relies on, by the names of /proc/cpuinfo.
  SmallVector<std::string> required;
  /// Rows and columns of f32 that a contraction can keep in vector registers.
  SmallVector<int64_t> registerTile;
};

/// Gives each task function a C entry point `mqa_task_<name>(const memref
/// descriptors[], i64, i64)`: one signature for all kernels.
LogicalResult addTaskEntryPoints(ModuleOp module);

/// Where the linker `ld` is on PATH.
std::optional<std::string> findLinker();

/// Compiles a module in the LLVM dialect to a shared object.
FailureOr<std::string> translateToSharedObject(ModuleOp module,
                                               const CPUTarget &target);

} // namespace mqa
} // namespace mlir

#endif // MQA_TARGET_CPUOBJECT_H
