//===- CPUObject.cpp - Task functions to a loadable object ----------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "mqa/Target/CPUObject.h"
#include "mqa/Target/ExternalTool.h"

#include "mlir/ExecutionEngine/OptUtils.h"
#include "mlir/IR/Diagnostics.h"
#include "mlir/Target/LLVMIR/Export.h"
#include "llvm/BinaryFormat/ELF.h"
#include "llvm/IR/LegacyPassManager.h"
#include "llvm/IR/Module.h"
#include "llvm/MC/TargetRegistry.h"
#include "llvm/Support/Program.h"
#include "llvm/Support/TargetSelect.h"
#include "llvm/Target/TargetMachine.h"

using namespace mlir;
using namespace mlir::mqa;

/// LLVM's message, as a diagnostic of the module.
static LogicalResult reportError(ModuleOp module, llvm::Error error) {
  return module.emitError() << llvm::toString(std::move(error));
}

static FailureOr<std::unique_ptr<llvm::TargetMachine>>
createTargetMachine(ModuleOp module, const CPUTarget &target) {
  llvm::InitializeNativeTarget();
  llvm::InitializeNativeTargetAsmPrinter();
  std::string error;
  llvm::Triple triple(target.triple);
  const llvm::Target *found = llvm::TargetRegistry::lookupTarget(triple, error);
  if (!found)
    return module.emitError() << error;
  return std::unique_ptr<llvm::TargetMachine>(found->createTargetMachine(
      triple, target.cpu, target.features, llvm::TargetOptions(),
      llvm::Reloc::PIC_, std::nullopt, llvm::CodeGenOptLevel::Aggressive));
}

/// What LLVM must know of the functions of a kernel.
static void prepareFunctions(llvm::Module &module, const CPUTarget &target) {
  for (llvm::Function &function : module) {
    function.addFnAttr("target-cpu", target.cpu);
    function.addFnAttr("tune-cpu", target.tune);
    function.addFnAttr("target-features", target.features);
    // Let LLVM use the widest vectors there are.
    function.addFnAttr("prefer-vector-width", "512");
    // A loop that fills or copies stays one: a call of memset or memcpy would
    // be to whatever the host has of that name.
    function.addFnAttr("no-builtins");
    // For the same reason, a kernel that is called like a function of libc is
    // not taken for it.
    if (function.hasLocalLinkage())
      function.setName("mqa.task." + function.getName());
  }
}

static FailureOr<CPUObject> translateToObject(ModuleOp module,
                                              const CPUTarget &target) {
  llvm::LLVMContext context;
  std::unique_ptr<llvm::Module> llvmModule =
      translateModuleToLLVMIR(module, context);
  if (!llvmModule)
    return module.emitError("cannot be translated to LLVM IR");
  auto machine = createTargetMachine(module, target);
  if (failed(machine))
    return failure();
  llvmModule->setTargetTriple((*machine)->getTargetTriple());
  llvmModule->setDataLayout((*machine)->createDataLayout());
  prepareFunctions(*llvmModule, target);
  auto optimize = makeOptimizingTransformer(/*optLevel=*/3, /*sizeLevel=*/0,
                                            machine->get());
  if (llvm::Error error = optimize(llvmModule.get()))
    return reportError(module, std::move(error));
  SmallVector<char> data;
  llvm::raw_svector_ostream os(data);
  llvm::legacy::PassManager passes;
  if ((*machine)->addPassesToEmitFile(passes, os, nullptr,
                                      llvm::CodeGenFileType::ObjectFile))
    return module.emitError("the target cannot emit objects");
  passes.run(*llvmModule);
  return CPUObject{std::string(data.begin(), data.end()),
                   getRequiredFeatures(**machine)};
}

std::optional<std::string> mqa::findLinker() {
  if (auto path = llvm::sys::findProgramByName("ld"))
    return *path;
  return std::nullopt;
}

FailureOr<CPUObject> mqa::translateToSharedObject(ModuleOp module,
                                                  const CPUTarget &target) {
  FailureOr<CPUObject> object = translateToObject(module, target);
  if (failed(object))
    return failure();
  std::optional<std::string> linker = findLinker();
  if (!linker)
    return module.emitError("no linker found: 'ld' (binutils) must be on PATH");
  auto getArguments = [](const std::string &input, const std::string &output) {
    return std::vector<std::string>{"-shared", "--no-undefined", "-z",  "now",
                                    "-z",      "noexecstack",    input, "-o",
                                    output};
  };
  llvm::ELF::Elf64_Ehdr header;
  std::memcpy(&header, object->data.data(), sizeof(header));
  FailureOr<ToolOutput> result = runExternalTool(
      module.getLoc(),
      {"ld", *linker, ".o", getArguments, header.e_machine, llvm::ELF::ET_DYN},
      object->data);
  if (failed(result))
    return failure();
  object->data = std::move(result->file);
  return object;
}
