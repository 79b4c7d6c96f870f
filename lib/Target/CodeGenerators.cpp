//===- CodeGenerators.cpp - LLVM's code generators ------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "CodeGenerators.h"

#include "llvm/Support/TargetSelect.h"

#include <mutex>

using namespace mlir;

/// Those of CPUTarget and of GPUs, and no others: a library that contains LLVM
/// needs no code generators but these. MLIR registers that of GPUs under a lock
/// of its own, but finds it registered here.
static void registerAll() {
  LLVMInitializeX86TargetInfo();
  LLVMInitializeX86Target();
  LLVMInitializeX86TargetMC();
  LLVMInitializeX86AsmPrinter();
  LLVMInitializeAArch64TargetInfo();
  LLVMInitializeAArch64Target();
  LLVMInitializeAArch64TargetMC();
  LLVMInitializeAArch64AsmPrinter();
  LLVMInitializeNVPTXTargetInfo();
  LLVMInitializeNVPTXTarget();
  LLVMInitializeNVPTXTargetMC();
  LLVMInitializeNVPTXAsmPrinter();
}

void mqa::registerCodeGenerators() {
  static std::once_flag once;
  std::call_once(once, registerAll);
}
