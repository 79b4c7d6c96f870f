//===- OverlapLaunches.cpp - Lets a kernel start before the last one ends -===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "ModuleTargets.h"
#include "mqa/Dialect/MQA/IR/MQA.h"
#include "mqa/Dialect/MQA/IR/Target.h"

#include "mlir/Dialect/GPU/IR/GPUDialect.h"
#include "mlir/Dialect/LLVMIR/NVVMDialect.h"
#include "mlir/Dialect/NVGPU/IR/NVGPUDialect.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"
#include "mlir/Pass/Pass.h"
#include "llvm/Support/DebugLog.h"

#define DEBUG_TYPE "mqa-overlap-launches"

namespace mlir::mqa {
#define GEN_PASS_DEF_MQAOVERLAPLAUNCHESPASS
#include "mqa/Dialect/MQA/Transforms/Passes/MQAOverlapLaunchesPass.h.inc"
} // namespace mlir::mqa

using namespace mlir;
using namespace mlir::mqa;

static bool isWait(Operation *op) {
  auto control = dyn_cast<NVVM::GriddepcontrolOp>(op);
  return control && control.getKind() == NVVM::GridDepActionKind::wait;
}

/// Whether an op itself may read or write what another kernel wrote or reads:
/// anything but shared memory and parameters.
static bool mayTouchGlobalMemory(Operation *op) {
  // What these touch is shared memory or, of a tensor map, a parameter; an op
  // that does what is nested in it touches nothing of its own.
  if (op->hasTrait<OpTrait::HasRecursiveMemoryEffects>() ||
      isa<gpu::BarrierOp, nvgpu::MBarrierCreateOp, nvgpu::MBarrierInitOp,
          nvgpu::TmaPrefetchOp, NVVM::FenceMbarrierInitOp>(op))
    return false;
  // That followers may start is nothing that the memory has to wait for.
  if (isa<NVVM::GriddepcontrolOp>(op))
    return isWait(op);
  std::optional<SmallVector<MemoryEffects::EffectInstance>> effects =
      getEffectsRecursively(op);
  return !effects || llvm::any_of(*effects, [](const auto &effect) {
    Value memory = effect.getValue();
    auto type = memory ? dyn_cast<MemRefType>(memory.getType()) : MemRefType();
    return !type || !gpu::GPUDialect::hasWorkgroupMemoryAddressSpace(type);
  });
}

namespace {
struct OverlapLaunchesPass
    : mqa::impl::MQAOverlapLaunchesPassBase<OverlapLaunchesPass> {
  using MQAOverlapLaunchesPassBase::MQAOverlapLaunchesPassBase;

  void runOnOperation() override {
    gpu::GPUFuncOp kernel = getOperation();
    if (kernel.isExternal() || !kernel.isKernel())
      return;
    FailureOr<const ChipInfo *> chip = requireGpu(kernel);
    if (failed(chip))
      return signalPassFailure();
    if (!(*chip)->overlapsLaunches)
      return;
    Block &entry = kernel.getBody().front();
    auto first = llvm::find_if(entry, [](Operation &op) {
      return op
          .walk([](Operation *nested) {
            return mayTouchGlobalMemory(nested) ? WalkResult::interrupt()
                                                : WalkResult::advance();
          })
          .wasInterrupted();
    });
    if (first == entry.end())
      first = Block::iterator(entry.getTerminator());
    // A wait touches what it waits for: waiting once is enough, where nothing
    // comes ahead of it. Other kinds of the op do not wait.
    if (isWait(&*first)) {
      LDBG() << kernel.getName() << " waits already";
    } else {
      if (failed(verifyModuleTargets(kernel)))
        return signalPassFailure();
      LDBG() << kernel.getName() << " waits ahead of "
             << OpWithFlags(&*first, OpPrintingFlags().skipRegions());
      OpBuilder b(&entry, first);
      // No launch_dependents here: blocks that are launched while this kernel
      // works wait longer than those that are launched when it ends.
      NVVM::GriddepcontrolOp::create(b, kernel.getLoc(),
                                     NVVM::GridDepActionKind::wait);
    }
    StringRef name = KernelAttr::getAttrName();
    if (auto attr = kernel->getAttrOfType<KernelAttr>(name))
      kernel->setAttr(name, attr.withOverlappingLaunches());
  }
};
} // namespace
