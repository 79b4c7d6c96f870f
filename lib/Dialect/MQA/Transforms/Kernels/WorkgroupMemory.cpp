//===- WorkgroupMemory.cpp - What a block's threads share -----------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "WorkgroupMemory.h"
#include "mqa/Dialect/MQA/IR/MQA.h"

#include "mlir/Analysis/DataFlow/IntegerRangeAnalysis.h"
#include "mlir/Analysis/DataFlow/Utils.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/LLVMIR/NVVMDialect.h"
#include "mlir/Interfaces/CallInterfaces.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"
#include "llvm/Support/DebugLog.h"

#define DEBUG_TYPE "mqa-workgroup-memory"

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

bool mqa::mayWriteGlobalMemory(Operation *op, Value memref) {
  if (isa_and_nonnull<MQADialect>(op->getDialect()))
    return false;
  std::optional<SmallVector<MemoryEffects::EffectInstance>> effects =
      getEffectsRecursively(op);
  Type element = cast<MemRefType>(memref.getType()).getElementType();
  return !effects || llvm::any_of(*effects, [&](const auto &effect) {
    if (isa<MemoryEffects::Read>(effect.getEffect()))
      return false;
    Value written = effect.getValue();
    auto type =
        written ? dyn_cast<MemRefType>(written.getType()) : MemRefType();
    return !type || (type.getElementType() == element &&
                     !gpu::GPUDialect::hasWorkgroupMemoryAddressSpace(type));
  });
}

/// Whether `isWanted` holds for an op without regions in `op`, or for `op`.
/// What consumers do together writes lists of candidates and results, which
/// tiles do not read.
static bool containsIf(Operation *op,
                       function_ref<bool(Operation *)> isWanted) {
  return op
      ->walk<WalkOrder::PreOrder>([&](Operation *nested) {
        if (isa<MeetOp>(nested))
          return WalkResult::skip();
        return nested->getNumRegions() == 0 && isWanted(nested)
                   ? WalkResult::interrupt()
                   : WalkResult::advance();
      })
      .wasInterrupted();
}

void mqa::setInsertionPointBehindWrites(
    OpBuilder &b, Value memref, Operation *user,
    function_ref<bool(Operation *)> mayWrite) {
  b.setInsertionPointAfterValue(memref);
  Operation *end = b.getInsertionBlock()->findAncestorOpInBlock(*user);
  if (!end || (end != user && containsIf(end, mayWrite)))
    return b.setInsertionPoint(user);
  Operation *last = nullptr;
  for (auto it = b.getInsertionPoint(); &*it != end; ++it)
    if (containsIf(&*it, mayWrite))
      last = &*it;
  if (!last)
    return;
  LDBG() << "reads " << memref << "\n  behind what may write it: "
         << OpWithFlags(last, OpPrintingFlags().skipRegions());
  b.setInsertionPointAfter(last);
}

/// The named barriers of a block (PTX ISA, "barrier").
static constexpr unsigned kNumBarriers = 16;

/// Whether `op` may meet other threads at a barrier of a number that it does
/// not show: by what it calls, or as text.
static bool hidesBarriers(Operation *op) {
  auto mayName = [](StringRef text) {
    text.consume_front("llvm.nvvm.");
    for (size_t at = text.find("bar"); at != StringRef::npos;
         at = text.find("bar", at + 1)) {
      // mbarrier and membar are other things.
      bool isOther = text.take_front(at).ends_with("m") ||
                     text.take_front(at).ends_with("mem");
      if (!isOther)
        return true;
    }
    return false;
  };
  if (auto text = dyn_cast<LLVM::InlineAsmOp>(op))
    return mayName(text.getAsmString());
  if (auto text = dyn_cast<NVVM::InlinePtxOp>(op))
    return mayName(text.getPtxCode());
  if (auto intrinsic = dyn_cast<LLVM::CallIntrinsicOp>(op))
    return mayName(intrinsic.getIntrin());
  return isa<CallOpInterface>(op);
}

/// The numbers of barriers that the ops of `kernel` have, or may have.
static llvm::BitVector findUsedBarriers(gpu::GPUFuncOp kernel) {
  llvm::BitVector used(kNumBarriers);
  used.set(0);
  SmallVector<Value> numbers;
  kernel.walk([&](Operation *op) {
    if (hidesBarriers(op)) {
      LDBG() << "may use any named barrier: " << *op;
      used.set();
    }
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

Value mqa::addWorkgroupVariable(gpu::GPUFuncOp kernel, ArrayRef<int64_t> shape,
                                Type element, Location loc) {
  StringRef count = gpu::GPUFuncOp::getNumWorkgroupAttributionsAttrName();
  if (!kernel->hasAttr(count))
    kernel->setAttr(
        count, IntegerAttr::get(IntegerType::get(kernel.getContext(), 64), 0));
  auto workgroup = gpu::AddressSpaceAttr::get(kernel.getContext(),
                                              gpu::AddressSpace::Workgroup);
  Value variable = kernel.addWorkgroupAttribution(
      MemRefType::get(shape, element, MemRefLayoutAttrInterface{}, workgroup),
      loc);
  // LLVM reads and writes neighbours together, as vectors.
  constexpr int64_t kAlignment = 16;
  Builder b(kernel.getContext());
  kernel.setWorkgroupAttributionAttr(
      kernel.getNumWorkgroupAttributions() - 1,
      b.getStringAttr(LLVM::LLVMDialect::getAlignAttrName()),
      b.getI64IntegerAttr(kAlignment));
  return variable;
}

FailureOr<int64_t> NamedBarriers::take(int64_t count, Operation *user) {
  if (!used)
    used = findUsedBarriers(kernel);
  for (int64_t first = 1; first + count <= kNumBarriers; ++first)
    if (used->find_first_in(first, first + count) < 0) {
      LDBG() << "'" << user->getName() << "' takes " << count
             << " named barriers from number " << first << " on";
      used->set(first, first + count);
      return first;
    }
  return user->emitOpError()
         << "needs " << count << " named barriers that nothing else uses; the "
         << kNumBarriers << " of a block are taken";
}

FailureOr<int64_t> NamedBarriers::take(int64_t count, Operation *user,
                                       void *sharers) {
  auto it = shared.find(sharers);
  if (it != shared.end())
    return it->second;
  FailureOr<int64_t> first = take(count, user);
  if (succeeded(first))
    shared[sharers] = *first;
  return first;
}
