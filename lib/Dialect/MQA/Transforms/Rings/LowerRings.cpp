//===- LowerRings.cpp - Rings to shared memory, mbarriers and copies ------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Kernels/AllOrNothing.h"
#include "Kernels/ModuleTargets.h"
#include "RingLowering.h"
#include "mqa/Dialect/MQA/IR/Target.h"
#include "mqa/Dialect/MQA/Transforms/TilePlan.h"

#include "mlir/Dialect/Arith/Utils/Utils.h"
#include "mlir/Dialect/GPU/IR/GPUDialect.h"
#include "mlir/Dialect/LLVMIR/NVVMDialect.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/NVGPU/IR/NVGPUDialect.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/IR/Remarks.h"
#include "mlir/Pass/Pass.h"
#include "llvm/Support/DebugLog.h"
#include "llvm/Support/MathExtras.h"

#define DEBUG_TYPE "mqa-lower-rings"

namespace mlir {
namespace mqa {
#define GEN_PASS_DEF_MQALOWERRINGSPASS
#include "mqa/Dialect/MQA/Transforms/Passes/MQALowerRingsPass.h.inc"
} // namespace mqa
} // namespace mlir

using namespace mlir;
using namespace mlir::mqa;
using namespace mlir::mqa::shapes;

static constexpr auto kRingsRemark =
    remark::RemarkOpts::name("rings").category("mqa-lower-rings");

void RingLowering::create(RingCreateOp op) {
  RingType ringType = op.getRing().getType();
  LoweredRing ring{ringType,
                   {},
                   {},
                   {},
                   ringType.getStages() % op.getTurns() != 0,
                   arrivals.lookup(op.getRing()),
                   static_cast<int64_t>(op.getProducers()) * kWarpThreads};
  auto workgroup =
      gpu::AddressSpaceAttr::get(b.getContext(), gpu::AddressSpace::Workgroup);
  b.setInsertionPoint(op);
  if (!sharedMemory)
    sharedMemory = gpu::DynamicSharedMemoryOp::create(
        b, loc,
        MemRefType::get({ShapedType::kDynamic}, b.getI8Type(),
                        MemRefLayoutAttrInterface{}, workgroup));
  [[maybe_unused]] int64_t ringStart = sharedMemoryBytes;
  for (MemRefType tile : ring.type.getTiles()) {
    SmallVector<int64_t> shape{ring.type.getStages()};
    llvm::append_range(shape, getLayout(tile).getShape());
    auto type = MemRefType::get(shape, tile.getElementType(),
                                MemRefLayoutAttrInterface{}, workgroup);
    ring.buffers.push_back(memref::ViewOp::create(
        b, loc, type, sharedMemory, constant(sharedMemoryBytes), ValueRange()));
    sharedMemoryBytes += getAlignedTileBytes(type);
  }
  auto group = nvgpu::MBarrierGroupType::get(b.getContext(), workgroup,
                                             ring.type.getStages());
  ring.full = nvgpu::MBarrierCreateOp::create(b, loc, group);
  ring.empty = nvgpu::MBarrierCreateOp::create(b, loc, group);
  LDBG() << op << "\n  lies from byte " << ringStart << " to "
         << sharedMemoryBytes << ", changes hands: " << ring.changesHands
         << ", made full by " << ring.arrivals.count(ring.threads)
         << " arrivals";
  rings[op.getRing()] = ring;
  created.push_back({op, ring});
}

/// A barrier of the block that all threads reach before any of them touches a
/// ring; null if there is none.
gpu::BarrierOp RingLowering::findBarrier() {
  for (Operation *op = created.back().first->getNextNode(); op;
       op = op->getNextNode()) {
    if (auto barrier = dyn_cast<gpu::BarrierOp>(op))
      return barrier;
    bool usesRing = false;
    op->walk([&](Operation *nested) { usesRing |= isRingOp(nested); });
    if (usesRing)
      return {};
  }
  return {};
}

/// One thread initialises all barriers; the fence shows them to the TMA unit.
/// It is of the last warp, which has the least to do before the next barrier of
/// the block.
void RingLowering::initBarriers() {
  gpu::BarrierOp barrier = findBarrier();
  LDBG() << (barrier ? "all threads meet before they touch a ring"
                     : "adds a barrier ahead of the first use of a ring");
  b.setInsertionPointAfter(created.back().first);
  Value thread = gpu::ThreadIdOp::create(b, loc, gpu::Dimension::x);
  DenseI32ArrayAttr size = kernel.getKnownBlockSizeAttr();
  Value own = constant(size ? (size[0] - 1) / kWarpThreads * kWarpThreads : 0);
  Value isOwn =
      arith::CmpIOp::create(b, loc, arith::CmpIPredicate::eq, thread, own);
  auto init = scf::IfOp::create(b, loc, isOwn, /*withElseRegion=*/false);
  b.setInsertionPointToStart(init.thenBlock());
  // The first load need not wait for its tensor map.
  for (BlockArgument argument : kernel.getArguments())
    if (isa<nvgpu::TensorMapDescriptorType>(argument.getType()))
      nvgpu::TmaPrefetchOp::create(b, loc, argument, Value());
  for (auto &[op, ring] : created) {
    for (int64_t i = 0; i < ring.type.getStages(); ++i) {
      Value index = constant(i);
      nvgpu::MBarrierInitOp::create(b, loc, ring.full,
                                    constant(ring.arrivals.count(ring.threads)),
                                    index, Value());
      int64_t releases =
          op.getConsumers() * (ring.arrivals.areOfThreads() ? kWarpThreads : 1);
      nvgpu::MBarrierInitOp::create(b, loc, ring.empty, constant(releases),
                                    index, Value());
    }
  }
  if (usesTensorMaps())
    NVVM::FenceMbarrierInitOp::create(b, loc);
  if (barrier)
    return;
  remark::missed(loc, kRingsRemark)
      << "no barrier of the block is ahead of the "
         "first use of a ring: one more "
         "is needed";
  b.setInsertionPointAfter(init);
  gpu::BarrierOp::create(b, loc);
}

Slot RingLowering::getSlot(const LoweredRing &ring, Value position) {
  Value stages =
      arith::ConstantIntOp::create(b, loc, ring.type.getStages(), 32);
  Value slot = arith::RemUIOp::create(b, loc, position, stages);
  Value round = arith::DivUIOp::create(b, loc, position, stages);
  return {arith::IndexCastUIOp::create(b, loc, b.getIndexType(), slot),
          arith::TruncIOp::create(b, loc, b.getI1Type(), round)};
}

Value RingLowering::getTile(const LoweredRing &ring, unsigned tile, Value slot,
                            MemRefType type) {
  auto layout = dyn_cast<StagedLayoutAttr>(type.getLayout());
  SmallVector<OpFoldResult> offsets{slot}, sizes{b.getIndexAttr(1)};
  for (int64_t size : getLayout(ring.type.getTiles()[tile]).getShape()) {
    offsets.push_back(b.getIndexAttr(0));
    sizes.push_back(b.getIndexAttr(size));
  }
  SmallVector<OpFoldResult> strides(sizes.size(), b.getIndexAttr(1));
  Value memory = memref::SubViewOp::create(
      b, loc, layout ? layout.getMemoryType(type) : type, ring.buffers[tile],
      offsets, sizes, strides);
  return layout ? LayoutCastOp::create(b, loc, type, memory) : memory;
}

void RingLowering::wait(Value barriers, Slot slot, Value parity) {
  // The time limit of one try; the op tries again until the phase is over.
  constexpr int64_t kTicks = 10000000;
  nvgpu::MBarrierTryWaitParityOp::create(b, loc, barriers, parity,
                                         constant(kTicks), slot.index);
}

Value RingLowering::isFirstLane() {
  Value thread = gpu::ThreadIdOp::create(b, loc, gpu::Dimension::x);
  Value lane = arith::RemUIOp::create(b, loc, thread, constant(kWarpThreads));
  return arith::CmpIOp::create(b, loc, arith::CmpIPredicate::eq, lane,
                               constant(0));
}

/// Until the slot was released in the round before.
void RingLowering::waitForEmpty(const LoweredRing &ring, Slot slot) {
  // A fresh barrier counts as past its phase of parity 1: the first round does
  // not wait.
  Value one = arith::ConstantIntOp::create(b, loc, 1, 1);
  wait(ring.empty, slot, arith::XOrIOp::create(b, loc, slot.parity, one));
}

void RingLowering::get(RingGetOp op) {
  const LoweredRing &ring = rings[op.getRing()];
  b.setInsertionPoint(op);
  Slot slot = getSlot(ring, op.getPosition());
  if (ring.changesHands)
    waitForEmpty(ring, slot);
  wait(ring.full, slot, slot.parity);
  // An asynchronous unit reads by another proxy than cp.async writes by. Who
  // starts such copies does not wait for them: their readers have the fence.
  auto isRead = [&](MemRefType tile) { return isOperand(op.getRing(), tile); };
  if (ring.arrivals.ofAsyncCopies && chip->matrixUnit->isAsync &&
      llvm::any_of(ring.type.getTiles(), isRead))
    fenceAsyncProxy();
  SmallVector<Value> tiles;
  for (auto [i, result] : llvm::enumerate(op.getTiles()))
    tiles.push_back(
        getTile(ring, i, slot.index, cast<MemRefType>(result.getType())));
  b.replaceOp(op, tiles);
}

/// One lane arrives for its warp, once all lanes are there. Where threads fill
/// the slot, all arrive: each says itself that it has read. (One arrival orders
/// the same, but compute-sanitizer's racecheck does not see that.)
void RingLowering::release(RingReleaseOp op) {
  const LoweredRing &ring = rings[op.getRing()];
  b.setInsertionPoint(op);
  Slot slot = getSlot(ring, op.getPosition());
  if (!ring.arrivals.areOfThreads()) {
    syncWarp();
    auto first =
        scf::IfOp::create(b, loc, isFirstLane(), /*withElseRegion=*/false);
    b.setInsertionPointToStart(first.thenBlock());
  }
  arrive(ring.empty, slot);
  b.eraseOp(op);
}

/// Moves the rings that are made behind the first use of one up to the others:
/// their barriers are initialised together.
static void gatherCreates(RewriterBase &b, ArrayRef<RingCreateOp> creates) {
  bool isUsed = false;
  for (Operation *op = creates.front(); op && op != creates.back();
       op = op->getNextNode())
    op->walk([&](Operation *nested) { isUsed |= isRingOp(nested); });
  for (auto [first, second] : llvm::zip(creates, creates.drop_front()))
    if (isUsed)
      b.moveOpAfter(second, first);
}

/// What must hold before anything is changed.
LogicalResult RingLowering::verify(ArrayRef<RingCreateOp> creates,
                                   ArrayRef<RingGetOp> gets) {
  // Of a get and an acquire alike.
  auto verifySlotTypes = [](auto op) -> LogicalResult {
    for (auto [i, tile] : llvm::enumerate(op.getTiles()))
      if (MemRefType slot = op.getRing().getType().getSlotType(i);
          tile.getType() != slot)
        return op.emitOpError() << "result " << i << " must be " << slot
                                << ", found " << tile.getType();
    return success();
  };
  for (RingGetOp op : gets)
    if (failed(verifySlotTypes(op)))
      return failure();
  SmallVector<FillTileOp> byTensorMaps, byChunks;
  for (const SlotFills &slot : slots) {
    if (failed(verifySlotTypes(slot.acquire)))
      return failure();
    for (FillTileOp op : slot.fills)
      switch (op.getKind()) {
      case FillKind::TensorMap:
        byTensorMaps.push_back(op);
        break;
      case FillKind::AsyncChunks:
      case FillKind::Chunks:
        byChunks.push_back(op);
        break;
      case FillKind::Elements:
        break;
      }
  }
  return failure(failed(verifyRings(kernel, creates)) ||
                 failed(verifyRingBytes(kernel, creates, *chip)) ||
                 failed(verifyProducers(kernel, creates, arrivals, *chip)) ||
                 failed(verifyFills(slots, *chip)) ||
                 failed(makeTensorMaps(byTensorMaps)) ||
                 failed(checkSources(byChunks)));
}

LogicalResult RingLowering::run() {
  SmallVector<RingCreateOp> creates;
  SmallVector<RingGetOp> gets;
  SmallVector<RingReleaseOp> releases;
  SmallVector<RingPutOp> puts;
  WalkResult result = kernel.walk([&](Operation *op) {
    if (auto create = dyn_cast<RingCreateOp>(op))
      creates.push_back(create);
    else if (auto get = dyn_cast<RingGetOp>(op))
      gets.push_back(get);
    else if (auto release = dyn_cast<RingReleaseOp>(op))
      releases.push_back(release);
    else if (auto put = dyn_cast<RingPutOp>(op))
      puts.push_back(put);
    if (isRingOp(op) && !op->getOperand(0).getDefiningOp<RingCreateOp>()) {
      op->emitOpError("must be of a ring that an mqa.ring_create makes");
      return WalkResult::interrupt();
    }
    return WalkResult::advance();
  });
  if (result.wasInterrupted())
    return failure();
  if (creates.empty())
    return success();
  FailureOr<const ChipInfo *> found = requireGpu(kernel);
  if (failed(found))
    return failure();
  if (failed(verifyModuleTargets(kernel)))
    return failure();
  if (!puts.empty())
    return puts.front().emitOpError("must be expanded (mqa-expand-puts) before "
                                    "rings are lowered");
  chip = *found;
  FailureOr<SmallVector<SlotFills>> foundSlots = findSlotFills(kernel);
  if (failed(foundSlots))
    return failure();
  slots = std::move(*foundSlots);
  arrivals = countArrivals(slots);
  if (failed(verify(creates, gets)))
    return failure();
  gatherCreates(b, creates);
  for (RingCreateOp op : creates)
    create(op);
  initBarriers();
  for (const SlotFills &slot : slots)
    fill(slot);
  for (RingGetOp op : gets)
    get(op);
  for (RingReleaseOp op : releases)
    release(op);
  for (RingCreateOp op : creates)
    b.eraseOp(op);
  remark::analysis(loc, kRingsRemark)
      << remark::metric("SharedMemoryBytes", sharedMemoryBytes);
  StringRef name = KernelAttr::getAttrName();
  if (auto attr = kernel->getAttrOfType<KernelAttr>(name))
    kernel->setAttr(name, attr.withDynamicSharedMemory(sharedMemoryBytes));
  return success();
}

namespace {
/// On a module, as other functions of it may launch the kernels.
struct LowerRingsPass : mqa::impl::MQALowerRingsPassBase<LowerRingsPass> {
  void runOnOperation() override {
    ModuleOp module = getOperation();
    auto lowerAll = [&] {
      WalkResult result = module.walk([](gpu::GPUFuncOp kernel) {
        return failed(RingLowering(kernel).run()) ? WalkResult::interrupt()
                                                  : WalkResult::skip();
      });
      return failure(result.wasInterrupted() || failed(verifyLaunches(module)));
    };
    if (failed(changeOrRestore(module, lowerAll)))
      signalPassFailure();
  }
};
} // namespace
