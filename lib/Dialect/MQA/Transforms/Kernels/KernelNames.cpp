//===- KernelNames.cpp - Names of kernel functions ------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "KernelFunctionChecks.h"

#include "llvm/ADT/StringExtras.h"
#include "llvm/Analysis/TargetLibraryInfo.h"
#include "llvm/TargetParser/Triple.h"

using namespace mlir;
using namespace mlir::mqa;

/// What the compiler puts before a kernel's name to make symbols of its own.
static constexpr StringLiteral kOwnPrefixes[] = {"mqa_task_", "_mlir_ciface_"};

/// Whether the C library has a function of that name. Code for a CPU may call
/// it, and would reach the kernel.
static bool isLibraryFunction(StringRef name) {
  static const llvm::TargetLibraryInfoImpl library(
      llvm::Triple("x86_64-unknown-linux-gnu"));
  llvm::LibFunc function;
  return library.getLibFunc(name, function);
}

/// The name of a kernel is a symbol of PTX and of an ELF object. Names that
/// begin with '_' are those of compilers, linkers and C libraries, and labels
/// of PTX begin with '$'.
LogicalResult mqa::verifyKernelName(func::FuncOp func) {
  StringRef name = func.getName();
  auto emitNameError = [&]() -> InFlightDiagnostic {
    std::string escaped;
    llvm::raw_string_ostream os(escaped);
    llvm::printEscapedString(name, os);
    return func.emitError("kernel name '") << escaped << "' ";
  };
  auto isInner = [](char c) {
    return llvm::isAlnum(c) || c == '_' || c == '$';
  };
  if (name.empty() || !llvm::isAlpha(name.front()) ||
      !llvm::all_of(name, isInner))
    return emitNameError()
           << "must be a letter followed by letters, digits, '_' and '$'";
  for (StringRef prefix : kOwnPrefixes)
    if (name.starts_with(prefix))
      return emitNameError() << "must not begin with '" << prefix
                             << "', which the compiler uses";
  // A buffer of every kernel for a GPU, and a constant of PTX.
  if (name == "mqa_dynamic_shared_memory" || name == "WARP_SZ")
    return emitNameError() << "is a symbol of the compiler or of PTX";
  if (isLibraryFunction(name))
    return emitNameError() << "is a function of the C library";
  return success();
}

LogicalResult mqa::verifyNobodyRefersTo(func::FuncOp func) {
  auto module = func->getParentOfType<ModuleOp>();
  std::optional<SymbolTable::UseRange> uses =
      SymbolTable::getSymbolUses(func, module);
  // Nobody knows the uses that an op of an unknown dialect makes of symbols.
  if (!uses)
    return func.emitError("kernel function '")
           << func.getName()
           << "' stands beside an op of an unknown dialect with a region, "
              "which may refer to it";
  if (uses->empty())
    return success();
  return uses->begin()->getUser()->emitError("refers to kernel function '")
         << func.getName() << "', which only the runtime can launch";
}

/// Nobody calls `func`, and nothing has a name that is made of its.
LogicalResult mqa::verifyKernelSymbols(func::FuncOp func) {
  auto module = func->getParentOfType<ModuleOp>();
  for (StringRef prefix : kOwnPrefixes)
    if (Operation *other = module.lookupSymbol((prefix + func.getName()).str()))
      return other->emitError("symbol '")
             << prefix << func.getName()
             << "' has the name that the compiler makes for kernel function '"
             << func.getName() << "'";
  // PTX has such a name for each parameter.
  StringRef owner = func.getName().rtrim("0123456789");
  if (owner != func.getName() && owner.consume_back("_param_") &&
      module.lookupSymbol<func::FuncOp>(owner))
    return func.emitError("kernel name '")
           << func.getName() << "' is that of a parameter of kernel '" << owner
           << "'";
  return verifyNobodyRefersTo(func);
}
