//===- TightenSlots.cpp - Late waits for slots, early releases ------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "mqa/Dialect/MQA/IR/MQA.h"
#include "mqa/Dialect/MQA/IR/Target.h"

#include "mlir/Dialect/GPU/IR/GPUDialect.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/LLVMIR/NVVMDialect.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/NVGPU/IR/NVGPUDialect.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/IR/Remarks.h"
#include "mlir/Interfaces/CallInterfaces.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"
#include "mlir/Pass/Pass.h"
#include "llvm/Support/DebugLog.h"

#define DEBUG_TYPE "mqa-tighten-slots"

namespace mlir {
namespace mqa {
#define GEN_PASS_DEF_MQATIGHTENSLOTSPASS
#include "mqa/Dialect/MQA/Transforms/Passes/MQATightenSlotsPass.h.inc"
} // namespace mqa
} // namespace mlir

using namespace mlir;
using namespace mlir::mqa;

static constexpr auto kSlotsRemark =
    remark::RemarkOpts::name("release").category("mqa-tighten-slots");

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

/// Whether `op`, which is given the address of a slot, has read it, or says by
/// its results when it has, once it is over. Others start copies that go on by
/// themselves, or may, as nothing says what they do.
static bool readsAtOnce(Operation *op) {
  if (isa_and_nonnull<nvgpu::NVGPUDialect, NVVM::NVVMDialect,
                      LLVM::LLVMDialect>(op->getDialect()))
    return isMemoryEffectFree(op);
  if (isa<RingPutOp, FillTileOp, AsyncCopyOp, memref::DmaStartOp,
          CallOpInterface>(op))
    return false;
  return isa<WgmmaOp>(op) || op->hasTrait<OpTrait::IsTerminator>() ||
         !hasUnknownEffects(op);
}

/// Whether each time that `wgmma` is started something waits for it. Another
/// one's wait may do so too, but it may be anywhere.
static bool isAwaited(WgmmaOp wgmma) {
  return llvm::any_of(wgmma->getUsers(), [&](Operation *user) {
    return isa<WgmmaWaitOp>(user) &&
           user->getBlock()->findAncestorOpInBlock(*wgmma);
  });
}

namespace {
/// Follows the contents of a slot to the last op in a block that needs them.
/// What was loaded is followed to where it is stored: a load that nothing has
/// waited for yet may still be on its way when the release gets there (seen in
/// kernels that spill, whose loads queue for long). A contraction on the tensor
/// cores likewise reads until it is waited for, and so does the vector that it
/// will read when it is one.
class SlotUses {
public:
  explicit SlotUses(Block *block) : block(block) {}

  /// Follows what `get` returns.
  void add(RingGetOp get);
  /// The last op of the block that needs a slot; null if none does, or if that
  /// is not known.
  Operation *getLast() const { return isKnown ? last : nullptr; }

private:
  void follow(ValueRange values, bool areAddresses) {
    for (Value value : values) {
      bool isNew = seen.insert(value).second;
      if (areAddresses)
        isNew |= addresses.insert(value).second;
      if (isNew)
        worklist.push_back(value);
    }
  }
  void followUser(Operation *user);

  Block *block;
  Operation *last = nullptr;
  bool isKnown = true;
  /// What comes from a slot, and what of that says where it is: views of it,
  /// and what is computed from those.
  DenseSet<Value> seen, addresses;
  SmallVector<Value> worklist;
};
} // namespace

void SlotUses::add(RingGetOp get) {
  if (get->getBlock() == block && (!last || last->isBeforeInBlock(get)))
    last = get;
  follow(get.getResults(), /*areAddresses=*/true);
  while (!worklist.empty())
    for (Operation *user : worklist.pop_back_val().getUsers())
      followUser(user);
}

void SlotUses::followUser(Operation *user) {
  Operation *inBlock = block->findAncestorOpInBlock(*user);
  if (inBlock && (!last || last->isBeforeInBlock(inBlock)))
    last = inBlock;
  bool hasAddress = llvm::any_of(user->getOperands(), [&](Value operand) {
    return addresses.contains(operand);
  });
  auto wgmma = dyn_cast<WgmmaOp>(user);
  if (isKnown &&
      ((hasAddress && !readsAtOnce(user)) || (wgmma && !isAwaited(wgmma)))) {
    LDBG() << "not known when this has read the slot: "
           << OpWithFlags(user, OpPrintingFlags().skipRegions());
    isKnown = false;
  }
  if (isa<WgmmaWaitOp>(user))
    return;
  // What is loaded, or computed by reading, is no address any more.
  bool passesOn = hasAddress && isMemoryEffectFree(user);
  // The values of an op with regions are what those yield, or begin with.
  Operation *parent = user->getParentOp();
  if (user->hasTrait<OpTrait::IsTerminator>() && !isa<gpu::GPUFuncOp>(parent)) {
    follow(parent->getResults(), hasAddress);
    user = parent;
  }
  passesOn |= hasAddress && user->getNumRegions() != 0;
  for (Region &region : user->getRegions())
    for (Block &nested : region)
      follow(nested.getArguments(), passesOn);
  for (Block *successor : user->getSuccessors())
    follow(successor->getArguments(), hasAddress);
  follow(user->getResults(), passesOn);
}

/// The last op in the block of `release` that needs the slot that `get` got.
/// Another get of the ring may be of the same slot.
static Operation *findLastUse(RingGetOp get, RingReleaseOp release) {
  SlotUses uses(release->getBlock());
  uses.add(get);
  for (Operation *user : get.getRing().getUsers()) {
    auto other = dyn_cast<RingGetOp>(user);
    if (!other || other == get)
      continue;
    // Also one from outside of the block may be needed in it.
    Operation *inBlock = release->getBlock()->findAncestorOpInBlock(*other);
    if (!inBlock || inBlock->isBeforeInBlock(release))
      uses.add(other);
  }
  return uses.getLast();
}

/// The first op of the get's block that loads from the slot; null where the
/// slot has other uses: between a WGMMA and the fence before it there can be no
/// wait.
static Operation *findFirstLoad(RingGetOp get) {
  Operation *first = nullptr;
  for (Operation *user : get->getUsers()) {
    Operation *inBlock = get->getBlock()->findAncestorOpInBlock(*user);
    if (!isa<memref::LoadOp, vector::LoadOp>(user) || !inBlock)
      return nullptr;
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
      if (Operation *first = findFirstLoad(get)) {
        LDBG() << "waits ahead of the first load: "
               << OpWithFlags(first, OpPrintingFlags().skipRegions());
        get->moveBefore(first);
      }
    SmallVector<RingReleaseOp> releases;
    getOperation().walk([&](RingReleaseOp op) { releases.push_back(op); });
    for (RingReleaseOp release : releases) {
      RingGetOp get = findGet(release);
      if (!get) {
        remark::missed(release.getLoc(), kSlotsRemark)
            << "no get of this position is ahead of the release";
        continue;
      }
      Operation *last = findLastUse(get, release);
      if (!last)
        remark::missed(release.getLoc(), kSlotsRemark)
            << "the last read of the slot is not known";
      if (!last || !last->isBeforeInBlock(release))
        continue;
      release->moveAfter(last);
      remark::passed(release.getLoc(), kSlotsRemark) << remark::add(
          "released behind '{0}'", last->getName().getStringRef());
    }
  }
};
} // namespace
