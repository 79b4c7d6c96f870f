//===- mqa-opt.cpp - Runs passes over MLIR --------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "LLVMTool.h"
#include "PrintLevels.h"
#include "mqa/InitAll.h"

#include "mlir/IR/Dialect.h"
#include "mlir/Pass/PassManager.h"
#include "mlir/Support/FileUtilities.h"
#include "mlir/Tools/mlir-opt/MlirOptMain.h"
#include "llvm/Support/CommandLine.h"
#include "llvm/Support/Debug.h"
#include "llvm/Support/InitLLVM.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/Process.h"
#include "llvm/Support/WithColor.h"

using namespace mlir;

static constexpr const char *kName = "mqa-opt";

static llvm::cl::opt<std::string> levelsFolder(
    "mqa-print-levels", llvm::cl::value_desc("folder"),
    llvm::cl::desc("Write each kernel at each level to a file of this folder, "
                   "for instance logits.4-rings.mlir"));

#ifndef NDEBUG
// LLVM's own options are not there where LLVM is built without assertions.
static llvm::cl::list<std::string> debugTypes(
    "mqa-debug-only", llvm::cl::CommaSeparated,
    llvm::cl::desc("Print what these passes of ours decide (their names)"));
#endif

/// As upstream's main, but for how the output is written: upstream opens the
/// file before it knows whether there will be an output, and replaces or
/// removes what is there.
int main(int argc, char **argv) {
  llvm::InitLLVM init(argc, argv, /*InstallPipeSignalExitHandler=*/false);
  // Behind LLVM's, which takes a file that is too large for a crash.
  ::mqa::tools::startLLVMTool(kName);
  DialectRegistry registry;
  mlir::mqa::registerAllDialects(registry);
  mlir::mqa::registerAllPasses();
  auto [inputFile, outputFile] = registerAndParseCLIOptions(
      argc, argv, "MQA optimizer driver\n", registry);
#ifndef NDEBUG
  if (!debugTypes.empty()) {
    llvm::DebugFlag = true;
    SmallVector<const char *> types;
    for (const std::string &type : debugTypes)
      types.push_back(type.c_str());
    llvm::setCurrentDebugTypes(types.data(), types.size());
  }
#endif
  MlirOptMainConfig config = MlirOptMainConfig::createFromCLOptions();
  if (!levelsFolder.empty())
    config.setPassPipelineSetupFn([config](PassManager &pm) {
      pm.addInstrumentation(::mqa::tools::createLevelPrinter(levelsFolder));
      return config.setupPassPipeline(pm);
    });
  std::unique_ptr<llvm::MemoryBuffer> input;
  if (config.shouldShowDialects() || config.shouldListPasses()) {
    // Needs no input.
    input = llvm::MemoryBuffer::getMemBuffer("");
  } else {
    if (inputFile == "-" && llvm::sys::Process::StandardInIsUserInput())
      llvm::errs() << "(processing input from stdin now, hit ctrl-c/ctrl-d to "
                      "interrupt)\n";
    std::string message;
    input = openInputFile(inputFile, &message);
    if (!input) {
      llvm::WithColor::error(llvm::errs(), kName) << message << "\n";
      return 1;
    }
  }
  // Standard output also shows what came before an error.
  if (outputFile == "-")
    return asMainReturnCode(
        MlirOptMain(llvm::outs(), std::move(input), registry, config));
  std::string output;
  llvm::raw_string_ostream os(output);
  if (failed(MlirOptMain(os, std::move(input), registry, config)))
    return 1;
  return !::mqa::tools::writeToolOutput(kName, outputFile, output);
}
