//===- PTX.h - Kernels to PTX and cubin -------------------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef MQA_TARGET_PTX_H
#define MQA_TARGET_PTX_H

#include "mlir/IR/BuiltinOps.h"

#include <optional>
#include <string>

namespace mlir {
namespace mqa {

/// The PTX of the module's one gpu.module (level 7, with an NVVM target).
FailureOr<std::string> translateToPTX(ModuleOp module);

/// Where ptxas is: on PATH, or in the toolkit's usual place.
std::optional<std::string> findPtxas();

/// Assembles PTX. Spills, and warnings that a kernel became slow (wgmma
/// serialised, setmaxnreg ignored), are reported as warnings at `loc`.
FailureOr<std::string> assemblePTX(Location loc, StringRef ptxas,
                                   StringRef chip, StringRef ptx);

} // namespace mqa
} // namespace mlir

#endif // MQA_TARGET_PTX_H
