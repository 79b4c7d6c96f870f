//===- TightenSlots.cpp - Late waits for slots, early releases ------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "mqa/Dialect/MQA/IR/MQA.h"
#include "mqa/Dialect/MQA/Transforms/Passes.h"

#include "mlir/Dialect/GPU/IR/GPUDialect.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"
#include "mlir/Interfaces/ViewLikeInterface.h"

namespace mlir {
namespace mqa {
#define GEN_PASS_DEF_MQATIGHTENSLOTSPASS
#include "mqa/Dialect/MQA/Transforms/Passes.h.inc"
} // namespace mqa
} // namespace mlir

using namespace mlir;
using namespace mlir::mqa;

/// The get whose slot `release` gives back, in its block or in one around it.
static RingGetOp findGet(RingReleaseOp release) {
  for (Operation *from = release; from && !isa<gpu::GPUFuncOp>(from);
       from = from->getParentOp())
    for (Operation *op = from->getPrevNode(); op; op = op->getPrevNode())
      if (auto get = dyn_cast<RingGetOp>(op))
        if (get.getRing() == release.getRing() &&
            get.getPosition() == release.getPosition())
          return get;
  return nullptr;
}

/// The last op in `block` that still needs the slot's contents; null if none.
/// What was loaded from it is followed to where it is stored: a load that
/// nothing has waited for yet may still be on its way when the release gets
/// there (seen in kernels that spill, whose loads queue for long).
static Operation *findLastUse(RingGetOp get, Block *block) {
  Operation *last = get->getBlock() == block ? get.getOperation() : nullptr;
  SmallVector<Value> worklist(get->result_begin(), get->result_end());
  DenseSet<Value> seen, loaded;
  while (!worklist.empty()) {
    for (Operation *user : worklist.pop_back_val().getUsers()) {
      // A view is the slot under another name; an accumulator that is not
      // waited for is a read under way, and so is a value that was loaded.
      bool isLoad = isa<memref::LoadOp, vector::LoadOp>(user);
      bool isLoaded = llvm::any_of(user->getOperands(), [&](Value operand) {
        return loaded.contains(operand);
      });
      if (isLoad || isLoaded)
        loaded.insert_range(user->getResults());
      if (isa<ViewLikeOpInterface, WgmmaOp>(user) || isLoad ||
          (isLoaded && isPure(user)))
        for (Value result : user->getResults())
          if (seen.insert(result).second)
            worklist.push_back(result);
      Operation *inBlock = block->findAncestorOpInBlock(*user);
      if (inBlock && (!last || last->isBeforeInBlock(inBlock)))
        last = inBlock;
    }
  }
  return last;
}

/// The first op of the get's block that loads from the slot; null where the
/// slot has other uses: between a WGMMA and the fence before it there can be no
/// wait.
static Operation *findFirstLoad(RingGetOp get) {
  Operation *first = nullptr;
  for (Operation *user : get->getUsers()) {
    if (!isa<memref::LoadOp, vector::LoadOp>(user))
      return nullptr;
    Operation *inBlock = get->getBlock()->findAncestorOpInBlock(*user);
    if (!first || inBlock->isBeforeInBlock(first))
      first = inBlock;
  }
  return first;
}

namespace {
struct TightenSlotsPass : mqa::impl::MQATightenSlotsPassBase<TightenSlotsPass> {
  void runOnOperation() override {
    SmallVector<RingGetOp> gets;
    getOperation().walk([&](RingGetOp op) { gets.push_back(op); });
    for (RingGetOp get : gets)
      if (Operation *first = findFirstLoad(get))
        get->moveBefore(first);
    SmallVector<RingReleaseOp> releases;
    getOperation().walk([&](RingReleaseOp op) { releases.push_back(op); });
    for (RingReleaseOp release : releases) {
      RingGetOp get = findGet(release);
      if (!get)
        continue;
      Operation *last = findLastUse(get, release->getBlock());
      if (last && last->isBeforeInBlock(release))
        release->moveAfter(last);
    }
  }
};
} // namespace
