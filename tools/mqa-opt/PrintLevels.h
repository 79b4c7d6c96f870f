//===- PrintLevels.h - A file for each level of a kernel --------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef MQA_TOOLS_MQA_OPT_PRINTLEVELS_H
#define MQA_TOOLS_MQA_OPT_PRINTLEVELS_H

#include "mlir/Pass/PassInstrumentation.h"

#include <memory>

namespace mqa::tools {

/// Writes each kernel at each level, as the passes of the level leave it, to
/// `folder`/<kernel>.<level>.mlir.
std::unique_ptr<mlir::PassInstrumentation>
createLevelPrinter(llvm::StringRef folder);

} // namespace mqa::tools

#endif // MQA_TOOLS_MQA_OPT_PRINTLEVELS_H
