//===- TightenSlots.cpp - Late waits for slots, early releases ------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "mqa/Dialect/MQA/IR/MQA.h"
#include "mqa/Dialect/MQA/Transforms/Passes.h"

#include "mlir/Dialect/GPU/IR/GPUDialect.h"
#include "mlir/Dialect/LLVMIR/NVVMDialect.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/NVGPU/IR/NVGPUDialect.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/IR/Remarks.h"

namespace mlir {
namespace mqa {
#define GEN_PASS_DEF_MQATIGHTENSLOTSPASS
#include "mqa/Dialect/MQA/Transforms/Passes.h.inc"
} // namespace mqa
} // namespace mlir

using namespace mlir;
using namespace mlir::mqa;

static constexpr auto kRemark =
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

/// Whether the reads of `op` are over, or known by its results, when it is:
/// others are copies that go on by themselves.
static bool readsAtOnce(Operation *op) {
  return !isa_and_nonnull<nvgpu::NVGPUDialect, NVVM::NVVMDialect>(
      op->getDialect());
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
  void follow(ValueRange values) {
    for (Value value : values)
      if (seen.insert(value).second)
        worklist.push_back(value);
  }
  void followUser(Operation *user);

  Block *block;
  Operation *last = nullptr;
  bool isKnown = true;
  DenseSet<Value> seen;
  SmallVector<Value> worklist;
};
} // namespace

void SlotUses::add(RingGetOp get) {
  if (get->getBlock() == block && (!last || last->isBeforeInBlock(get)))
    last = get;
  follow(get.getResults());
  while (!worklist.empty())
    for (Operation *user : worklist.pop_back_val().getUsers())
      followUser(user);
}

void SlotUses::followUser(Operation *user) {
  Operation *inBlock = block->findAncestorOpInBlock(*user);
  if (inBlock && (!last || last->isBeforeInBlock(inBlock)))
    last = inBlock;
  if (llvm::any_of(user->getOperands(), [&](Value operand) {
        return seen.contains(operand) && isa<MemRefType>(operand.getType());
      }))
    isKnown &= readsAtOnce(user);
  if (isa<WgmmaWaitOp>(user))
    return;
  // The values of an op with regions are what those yield, or begin with.
  Operation *parent = user->getParentOp();
  if (user->hasTrait<OpTrait::IsTerminator>() && !isa<gpu::GPUFuncOp>(parent)) {
    follow(parent->getResults());
    user = parent;
  }
  for (Region &region : user->getRegions())
    for (Block &nested : region)
      follow(nested.getArguments());
  follow(user->getResults());
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
      if (Operation *first = findFirstLoad(get))
        get->moveBefore(first);
    SmallVector<RingReleaseOp> releases;
    getOperation().walk([&](RingReleaseOp op) { releases.push_back(op); });
    for (RingReleaseOp release : releases) {
      RingGetOp get = findGet(release);
      if (!get) {
        remark::missed(release.getLoc(), kRemark)
            << "no get of this position is ahead of the release";
        continue;
      }
      Operation *last = findLastUse(get, release);
      if (!last)
        remark::missed(release.getLoc(), kRemark)
            << "the last read of the slot is not known";
      if (!last || !last->isBeforeInBlock(release))
        continue;
      release->moveAfter(last);
      remark::passed(release.getLoc(), kRemark) << remark::add(
          "released behind '{0}'", last->getName().getStringRef());
    }
  }
};
} // namespace
