//===- WorkgroupMemory.cpp - What a block's threads share -----------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "WorkgroupMemory.h"

#include "mlir/Analysis/DataFlow/IntegerRangeAnalysis.h"
#include "mlir/Analysis/DataFlow/Utils.h"
#include "mlir/Dialect/LLVMIR/NVVMDialect.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"
#include "llvm/ADT/BitVector.h"

using namespace mlir;
using namespace mlir::mqa;

bool mqa::mayWriteWorkgroupMemory(Operation *op) {
  std::optional<SmallVector<MemoryEffects::EffectInstance>> effects =
      getEffectsRecursively(op);
  return !effects || llvm::any_of(*effects, [](const auto &effect) {
    Value memory = effect.getValue();
    auto type = memory ? dyn_cast<MemRefType>(memory.getType()) : MemRefType();
    bool isElsewhere =
        type && !gpu::GPUDialect::hasWorkgroupMemoryAddressSpace(type);
    return !isElsewhere && !isa<MemoryEffects::Read>(effect.getEffect());
  });
}

/// The named barriers of a block (PTX ISA, "barrier").
static constexpr unsigned kNumBarriers = 16;

/// The numbers of barriers that the ops of `kernel` have, or may have.
static llvm::BitVector findUsedBarriers(gpu::GPUFuncOp kernel) {
  llvm::BitVector used(kNumBarriers);
  used.set(0);
  SmallVector<Value> numbers;
  kernel.walk([&](Operation *op) {
    if (auto barrier = dyn_cast<NVVM::BarrierOp>(op)) {
      if (Value number = barrier.getBarrierId())
        numbers.push_back(number);
    } else if (auto arrive = dyn_cast<NVVM::BarrierArriveOp>(op)) {
      if (Value number = arrive.getBarrierId())
        numbers.push_back(number);
    }
  });
  if (numbers.empty())
    return used;
  DataFlowSolver solver;
  dataflow::loadBaselineAnalyses(solver);
  solver.load<dataflow::IntegerRangeAnalysis>();
  bool hasRanges = succeeded(solver.initializeAndRun(kernel));
  for (Value number : numbers) {
    uint64_t first = 0, last = kNumBarriers - 1;
    auto *range =
        solver.lookupState<dataflow::IntegerValueRangeLattice>(number);
    if (hasRanges && range && !range->getValue().isUninitialized()) {
      const ConstantIntRanges &bounds = range->getValue().getValue();
      first = std::min(bounds.umin().getZExtValue(), last);
      last = std::min(bounds.umax().getZExtValue(), last);
    }
    used.set(first, last + 1);
  }
  return used;
}

FailureOr<int64_t> NamedBarriers::take(int64_t count, Operation *user) {
  if (taken)
    return *taken;
  llvm::BitVector used = findUsedBarriers(kernel);
  for (int64_t first = 1; first + count <= kNumBarriers; ++first)
    if (used.find_first_in(first, first + count) < 0) {
      taken = first;
      return first;
    }
  return user->emitOpError()
         << "needs " << count << " named barriers that nothing else uses; the "
         << kNumBarriers << " of a block are taken";
}
