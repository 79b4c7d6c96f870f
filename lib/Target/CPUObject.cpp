//===- CPUObject.cpp - Task functions to a loadable object ----------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "mqa/Target/CPUObject.h"
#include "mqa/Target/ExternalTool.h"

#include "mqa/Dialect/MQA/IR/MQA.h"

#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/ExecutionEngine/OptUtils.h"
#include "mlir/IR/Diagnostics.h"
#include "mlir/Target/LLVMIR/Export.h"
#include "llvm/IR/LegacyPassManager.h"
#include "llvm/IR/Module.h"
#include "llvm/MC/TargetRegistry.h"
#include "llvm/Support/Program.h"
#include "llvm/Support/TargetSelect.h"
#include "llvm/Target/TargetMachine.h"
#include "llvm/TargetParser/Host.h"

using namespace mlir;
using namespace mlir::mqa;

CPUTarget CPUTarget::getHost() {
  CPUTarget target;
  target.triple = llvm::sys::getDefaultTargetTriple();
  target.cpu = llvm::sys::getHostCPUName().str();
  llvm::StringMap<bool> features = llvm::sys::getHostCPUFeatures();
  for (const auto &feature : features)
    target.features +=
        (feature.second ? "+" : "-") + feature.first().str() + ",";
  // Vector extensions, whose names LLVM and Linux share: what a foreign machine
  // may lack.
  for (StringRef name : {"avx", "avx2", "f16c", "fma", "avx512f", "avx512bw",
                         "avx512dq", "avx512vl"})
    if (features.lookup(name))
      target.required.push_back(name.str());
  // 32 registers of 16 elements, or 16 of 8: accumulators, the key's columns,
  // and the query's broadcast element.
  target.registerTile = features.lookup("avx512f")
                            ? SmallVector<int64_t>{8, 32}
                            : SmallVector<int64_t>{4, 16};
  return target;
}

LogicalResult mqa::addTaskEntryPoints(ModuleOp module) {
  OpBuilder b(module.getContext());
  auto pointer = LLVM::LLVMPointerType::get(b.getContext());
  SmallVector<LLVM::LLVMFuncOp> tasks;
  for (auto func : module.getOps<LLVM::LLVMFuncOp>()) {
    // The translation to LLVM IR does not know our attributes.
    for (unsigned i = 0, e = func.getNumArguments(); i < e; ++i)
      func.removeArgAttr(i, OperandAttr::getAttrName());
    if (func->hasAttr(KernelAttr::getAttrName()) &&
        !func.getName().starts_with("_mlir_ciface_"))
      tasks.push_back(func);
  }
  for (LLVM::LLVMFuncOp task : tasks) {
    Location loc = task.getLoc();
    auto callee = module.lookupSymbol<LLVM::LLVMFuncOp>(
        ("_mlir_ciface_" + task.getName()).str());
    if (!callee)
      return task.emitError("has no C interface");
    ArrayRef<Type> parameters = callee.getFunctionType().getParams();
    size_t numOperands =
        llvm::count_if(parameters, llvm::IsaPred<LLVM::LLVMPointerType>);
    b.setInsertionPointToEnd(module.getBody());
    auto type =
        LLVM::LLVMFunctionType::get(LLVM::LLVMVoidType::get(b.getContext()),
                                    {pointer, b.getI64Type(), b.getI64Type()});
    auto entry = LLVM::LLVMFuncOp::create(
        b, loc, ("mqa_task_" + task.getName()).str(), type);
    Block *block = entry.addEntryBlock(b);
    b.setInsertionPointToStart(block);
    SmallVector<Value> arguments;
    for (size_t i = 0; i < numOperands; ++i) {
      Value slot =
          LLVM::GEPOp::create(b, loc, pointer, pointer, block->getArgument(0),
                              ArrayRef<LLVM::GEPArg>{static_cast<int32_t>(i)});
      arguments.push_back(LLVM::LoadOp::create(b, loc, pointer, slot));
    }
    arguments.push_back(block->getArgument(1));
    arguments.push_back(block->getArgument(2));
    LLVM::CallOp::create(b, loc, callee, arguments);
    LLVM::ReturnOp::create(b, loc, ValueRange());
  }
  return success();
}

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

static FailureOr<SmallVector<char>> translateToObject(ModuleOp module,
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
  for (llvm::Function &function : *llvmModule) {
    function.addFnAttr("target-cpu", target.cpu);
    function.addFnAttr("target-features", target.features);
    // Let LLVM use the widest vectors there are.
    function.addFnAttr("prefer-vector-width", "512");
  }
  auto optimize = makeOptimizingTransformer(/*optLevel=*/3, /*sizeLevel=*/0,
                                            machine->get());
  if (llvm::Error error = optimize(llvmModule.get()))
    return reportError(module, std::move(error));
  SmallVector<char> object;
  llvm::raw_svector_ostream os(object);
  llvm::legacy::PassManager passes;
  if ((*machine)->addPassesToEmitFile(passes, os, nullptr,
                                      llvm::CodeGenFileType::ObjectFile))
    return module.emitError("the target cannot emit objects");
  passes.run(*llvmModule);
  return object;
}

std::optional<std::string> mqa::findLinker() {
  if (auto path = llvm::sys::findProgramByName("ld"))
    return *path;
  return std::nullopt;
}

FailureOr<std::string> mqa::translateToSharedObject(ModuleOp module,
                                                    const CPUTarget &target) {
  FailureOr<SmallVector<char>> object = translateToObject(module, target);
  if (failed(object))
    return failure();
  std::optional<std::string> linker = findLinker();
  if (!linker)
    return module.emitError("no linker found: 'ld' (binutils) must be on PATH");
  auto getArguments = [](const std::string &input, const std::string &output) {
    return std::vector<std::string>{"-shared", input, "-o", output};
  };
  FailureOr<ToolOutput> result =
      runExternalTool(module.getLoc(), {"ld", *linker, ".o", getArguments},
                      StringRef(object->data(), object->size()));
  if (failed(result))
    return failure();
  return std::move(result->file);
}
