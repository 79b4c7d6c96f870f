//===- LLVMTool.cpp - What the tools with LLVM share ----------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "LLVMTool.h"

#include "mqa/Support/Output.h"

#include "llvm/Config/llvm-config.h"
#include "llvm/Support/CommandLine.h"
#include "llvm/Support/WithColor.h"
#include "llvm/Support/raw_ostream.h"

#include <cstdlib>
#include <unistd.h>

/// Runs at exit with the tool's exit code and its name. LLVM's streams end the
/// program themselves when they are destroyed with an error nobody looked at.
static void checkLLVMStreams(int code, void *toolName) {
  llvm::outs().flush();
  std::error_code outError = llvm::outs().error();
  llvm::outs().clear_error();
  std::error_code errError = llvm::errs().error();
  llvm::errs().clear_error();
  if (code || !(outError || errError))
    return;
  if (outError)
    llvm::WithColor::error(llvm::errs(), static_cast<const char *>(toolName))
        << "cannot write to standard output: " << outError.message() << "\n";
  llvm::errs().clear_error();
  _exit(1);
}

void mqa::tools::startLLVMTool(const char *name) {
  support::guardStandardStreams(name);
  // These are destroyed after the check has run.
  (void)llvm::outs();
  (void)llvm::errs();
  on_exit(checkLLVMStreams, const_cast<char *>(name));
  llvm::cl::SetVersionPrinter([name](llvm::raw_ostream &os) {
    os << name << " " << MQA_VERSION << " (LLVM " << LLVM_VERSION_STRING
       << ")\n";
  });
}

bool mqa::tools::writeToolOutput(llvm::StringRef toolName, llvm::StringRef path,
                                 llvm::StringRef data) {
  std::string error = support::writeOutput(path.str(), data);
  if (error.empty())
    return true;
  std::string where =
      path == "-" ? "to standard output" : ("'" + path + "'").str();
  llvm::WithColor::error(llvm::errs(), toolName)
      << "cannot write " << where << ": " << error << "\n";
  return false;
}
