//===- LLVMTool.h - What the tools with LLVM share --------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef MQA_TOOLS_COMMON_LLVMTOOL_H
#define MQA_TOOLS_COMMON_LLVMTOOL_H

#include "llvm/ADT/StringRef.h"

namespace mqa::tools {

/// For the start of `main`: guards the standard streams, those of LLVM too, and
/// gives `--version` our version beside LLVM's.
void startLLVMTool(const char *name);

/// Writes an output file; "-" is standard output. Prints an error and returns
/// false if it could not.
bool writeToolOutput(llvm::StringRef toolName, llvm::StringRef path,
                     llvm::StringRef data);

} // namespace mqa::tools

#endif // MQA_TOOLS_COMMON_LLVMTOOL_H
