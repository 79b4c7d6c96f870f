//===- ModuleTargets.cpp - What a kernel's module is compiled for ---------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "ModuleTargets.h"

#include "mlir/Dialect/LLVMIR/NVVMDialect.h"

using namespace mlir;

LogicalResult mqa::verifyModuleTargets(gpu::GPUFuncOp kernel,
                                       bool archAccelerated) {
  auto module = kernel->getParentOfType<gpu::GPUModuleOp>();
  ArrayAttr targets = module ? module.getTargetsAttr() : ArrayAttr();
  NVVM::NVVMCheckSMVersion needed(archAccelerated, 90);
  if (!targets)
    return success();
  for (Attribute attribute : targets) {
    auto target = dyn_cast<NVVM::NVVMTargetAttr>(attribute);
    if (target && !needed.isCompatibleWith(
                      NVVM::NVVMCheckSMVersion::getTargetSMVersionFromStr(
                          target.getChip())))
      return kernel.emitOpError()
             << "needs instructions of "
             << (archAccelerated ? "sm_90a" : "sm_90")
             << ", but its module is for " << target.getChip();
  }
  return success();
}
