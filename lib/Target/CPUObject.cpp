//===- CPUObject.cpp - Task functions to a loadable object ----------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "mqa/Target/CPUObject.h"
#include "CodeGenerators.h"
#include "mqa/Target/ExternalTool.h"

#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/ExecutionEngine/OptUtils.h"
#include "mlir/IR/Diagnostics.h"
#include "mlir/Target/LLVMIR/Export.h"
#include "llvm/BinaryFormat/ELF.h"
#include "llvm/IR/LegacyPassManager.h"
#include "llvm/IR/Module.h"
#include "llvm/MC/TargetRegistry.h"
#include "llvm/Support/Program.h"
#include "llvm/Target/TargetMachine.h"
#include "llvm/TargetParser/Host.h"

using namespace mlir;
using namespace mlir::mqa;

/// LLVM's message, as a diagnostic of the module.
static LogicalResult reportError(ModuleOp module, llvm::Error error) {
  return module.emitError() << llvm::toString(std::move(error));
}

static FailureOr<std::unique_ptr<llvm::TargetMachine>>
createTargetMachine(ModuleOp module, const CPUTarget &target) {
  registerCodeGenerators();
  std::string error;
  llvm::Triple triple(target.triple);
  const llvm::Target *found = llvm::TargetRegistry::lookupTarget(triple, error);
  if (!found)
    return module.emitError() << error;
  return std::unique_ptr<llvm::TargetMachine>(found->createTargetMachine(
      triple, target.cpu, target.getFeatureString(), llvm::TargetOptions(),
      llvm::Reloc::PIC_, std::nullopt, llvm::CodeGenOptLevel::Aggressive));
}

/// What LLVM must know of the functions of a kernel.
static void prepareFunctions(llvm::Module &module, const CPUTarget &target) {
  for (llvm::Function &function : module) {
    function.addFnAttr("target-cpu", target.cpu);
    function.addFnAttr("tune-cpu", target.tune);
    function.addFnAttr("target-features", target.getFeatureString());
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

/// Without tiles if nothing uses them: a machine that has none, or a process
/// that may not use them, can run the rest.
static CPUTarget dropUnusedTiles(ModuleOp module, CPUTarget target) {
  WalkResult found = module.walk([](LLVM::CallIntrinsicOp op) {
    return op.getIntrin().starts_with("llvm.x86.tile") ? WalkResult::interrupt()
                                                       : WalkResult::advance();
  });
  if (!found.wasInterrupted())
    llvm::erase_if(target.features,
                   [](StringRef name) { return name.starts_with("amx-"); });
  return target;
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

std::optional<std::string> mqa::findLinker(StringRef name) {
  llvm::Triple triple(name), host(llvm::sys::getDefaultTargetTriple());
  SmallVector<std::string> names{"ld"};
  if (triple.getArch() != host.getArch())
    names = {(triple.getArchName() + "-linux-gnu-ld").str(), "ld.lld"};
  for (const std::string &name : names)
    if (auto path = llvm::sys::findProgramByName(name))
      return *path;
  return std::nullopt;
}

FailureOr<CPUObject> mqa::translateToSharedObject(ModuleOp module,
                                                  const CPUTarget &target) {
  FailureOr<CPUObject> object =
      translateToObject(module, dropUnusedTiles(module, target));
  if (failed(object))
    return failure();
  std::optional<std::string> linker = findLinker(target.triple);
  if (!linker)
    return module.emitError("no linker found: 'ld' (binutils) must be on PATH")
           << "; for another machine's code, its own or 'ld.lld'";
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
