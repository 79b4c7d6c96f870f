//===- ModuleTargets.cpp - What a kernel's module is compiled for ---------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "ModuleTargets.h"

#include "mqa/Dialect/MQA/IR/MQA.h"
#include "mqa/Dialect/MQA/IR/Target.h"

#include "mlir/Dialect/LLVMIR/NVVMDialect.h"

using namespace mlir;
using namespace mlir::mqa;

LogicalResult mqa::verifyModuleTargets(gpu::GPUFuncOp kernel) {
  auto module = kernel->getParentOfType<gpu::GPUModuleOp>();
  ArrayAttr targets = module ? module.getTargetsAttr() : ArrayAttr();
  if (!targets)
    return success();
  TargetAttr attached = getTarget(kernel);
  StringRef chip = attached && attached.getInfo().isGpu()
                       ? StringRef(attached.getChip())
                       : StringRef(kDefaultChip);
  using Version = NVVM::NVVMCheckSMVersion;
  Version needed = Version::getTargetSMVersionFromStr(chip);
  for (auto target : targets.getAsRange<Attribute>()) {
    auto nvvm = dyn_cast<NVVM::NVVMTargetAttr>(target);
    if (nvvm && !needed.isCompatibleWith(
                    Version::getTargetSMVersionFromStr(nvvm.getChip())))
      return kernel.emitOpError()
             << "needs instructions of " << chip << ", but its module is for "
             << nvvm.getChip();
  }
  return success();
}
