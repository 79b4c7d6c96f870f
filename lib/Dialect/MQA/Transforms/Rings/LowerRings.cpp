//===- LowerRings.cpp - Rings to shared memory, mbarriers and TMA ---------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Kernels/AllOrNothing.h"
#include "Kernels/ModuleTargets.h"
#include "RingLowering.h"
#include "mqa/Dialect/MQA/Transforms/Passes.h"
#include "mqa/Dialect/MQA/Transforms/TilePlan.h"

#include "mlir/Dialect/Arith/Utils/Utils.h"
#include "mlir/Dialect/GPU/IR/GPUDialect.h"
#include "mlir/Dialect/LLVMIR/NVVMDialect.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/NVGPU/IR/NVGPUDialect.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/IR/Remarks.h"
#include "llvm/Support/DebugLog.h"
#include "llvm/Support/MathExtras.h"

#define DEBUG_TYPE "mqa-lower-rings"

namespace mlir {
namespace mqa {
#define GEN_PASS_DEF_MQALOWERRINGSPASS
#include "mqa/Dialect/MQA/Transforms/Passes.h.inc"
} // namespace mqa
} // namespace mlir

using namespace mlir;
using namespace mlir::mqa;
using namespace mlir::mqa::shapes;

static constexpr auto kRemark =
    remark::RemarkOpts::name("rings").category("mqa-lower-rings");

void RingLowering::create(RingCreateOp op) {
  RingType ringType = op.getRing().getType();
  LoweredRing ring{ringType,
                   {},
                   {},
                   {},
                   ringType.getStages() % op.getTurns() != 0,
                   false,
                   false,
                   static_cast<int64_t>(op.getProducers()) * kWarpThreads};
  for (Operation *user : op.getRing().getUsers())
    if (auto put = dyn_cast<RingPutOp>(user))
      for (auto [i, source] : llvm::enumerate(put.getSources()))
        (RingPutOp::isCopiedByLanes(source) || isConverted(put, i)
             ? ring.copiedByLanes
             : ring.copiedByEngine) = true;
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
         << ", by lanes: " << ring.copiedByLanes;
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
    op->walk([&](Operation *nested) {
      usesRing |= isa<RingPutOp, RingGetOp, RingReleaseOp>(nested);
    });
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
      nvgpu::MBarrierInitOp::create(
          b, loc, ring.full, constant(countArrivals(ring)), index, Value());
      int64_t releases =
          op.getConsumers() * (ring.copiedByLanes ? kWarpThreads : 1);
      nvgpu::MBarrierInitOp::create(b, loc, ring.empty, constant(releases),
                                    index, Value());
    }
  }
  if (usesTensorMaps())
    NVVM::FenceMbarrierInitOp::create(b, loc);
  if (barrier)
    return;
  remark::missed(loc, kRemark) << "no barrier of the block is ahead of the "
                                  "first use of a ring: one more "
                                  "is needed";
  b.setInsertionPointAfter(init);
  gpu::BarrierOp::create(b, loc);
}

/// Arrivals that make a slot full: of the lane that expects what tensor maps
/// bring, or of each lane, when its copies are there; and of each lane for what
/// it copies by plain loads and stores.
int64_t RingLowering::countArrivals(const LoweredRing &ring) {
  int64_t byEngine = usesTensorMaps()      ? 1
                     : ring.copiedByEngine ? ring.threads
                                           : 0;
  int64_t arrivals = byEngine + (ring.copiedByLanes ? ring.threads : 0);
  // A barrier that nobody arrives at has one as well.
  return std::max<int64_t>(arrivals, 1);
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

void RingLowering::put(RingPutOp op) {
  if (usesTensorMaps())
    putByTensorMaps(op);
  else
    putByLanes(op);
}

/// Fills the tiles that lanes copy by plain loads and stores, for which each of
/// them arrives.
void RingLowering::putPlainTiles(const LoweredRing &ring, RingPutOp op,
                                 Slot slot) {
  for (auto [i, source] : llvm::enumerate(op.getSources()))
    if (RingPutOp::isCopiedByLanes(source))
      copyByLanes(getTile(ring, i, slot.index, ring.type.getSlotType(i)),
                  source, ring.threads);
  if (ring.copiedByLanes)
    nvgpu::MBarrierArriveOp::create(
        b, loc, nvgpu::MBarrierTokenType::get(b.getContext()), ring.full,
        slot.index);
}

void RingLowering::putByTensorMaps(RingPutOp op) {
  const LoweredRing &ring = rings[op.getRing()];
  b.setInsertionPoint(op);
  Slot slot = getSlot(ring, op.getPosition());
  SmallVector<SmallVector<Value>> blockIds(op.getSources().size());
  for (auto [i, source] : llvm::enumerate(op.getSources()))
    if (auto pages = source.getDefiningOp<GatherBlocksOp>();
        pages && !RingPutOp::isCopiedByLanes(source))
      blockIds[i] = spreadBlockIds(pages, ring.type.getTiles()[i]);
  waitForEmpty(ring, slot);
  auto start =
      scf::IfOp::create(b, loc, isFirstLane(), /*withElseRegion=*/false);
  b.setInsertionPointToStart(start.thenBlock());
  int64_t bytes = ring.type.getSlotBytes();
  for (auto [source, tile] :
       llvm::zip_equal(op.getSources(), ring.type.getTiles()))
    if (RingPutOp::isCopiedByLanes(source))
      bytes -= tile.getNumElements() * tile.getElementTypeBitWidth() / 8;
  nvgpu::MBarrierArriveExpectTxOp::create(b, loc, ring.full, constant(bytes),
                                          slot.index, Value());
  // Two sources may be one view.
  SetVector<Operation *> views;
  for (auto [i, source] : llvm::enumerate(op.getSources())) {
    if (RingPutOp::isCopiedByLanes(source))
      continue;
    Operation *view = source.getDefiningOp();
    views.insert(view);
    if (auto pages = dyn_cast<GatherBlocksOp>(view))
      loadPages(ring, i, pages, blockIds[i], slot);
    else
      load(ring, i, cast<memref::SubViewOp>(view), slot);
  }
  // Otherwise LLVM lets the first lane go on by itself, through the waits
  // behind this put: the other lanes then wait in a copy of them, and while
  // they do, the first lane may not get to start its loads.
  b.setInsertionPointAfter(start);
  syncWarp();
  putPlainTiles(ring, op, slot);
  b.eraseOp(op);
  for (Operation *view : views)
    if (view->use_empty())
      b.eraseOp(view);
}

void RingLowering::get(RingGetOp op) {
  const LoweredRing &ring = rings[op.getRing()];
  b.setInsertionPoint(op);
  Slot slot = getSlot(ring, op.getPosition());
  if (ring.changesHands)
    waitForEmpty(ring, slot);
  wait(ring.full, slot, slot.parity);
  SmallVector<Value> tiles;
  for (auto [i, result] : llvm::enumerate(op.getTiles()))
    tiles.push_back(
        getTile(ring, i, slot.index, cast<MemRefType>(result.getType())));
  b.replaceOp(op, tiles);
}

/// One lane arrives for its warp, once all lanes are there. Where lanes write
/// the slot, all arrive: each says itself that it has read.
void RingLowering::release(RingReleaseOp op) {
  const LoweredRing &ring = rings[op.getRing()];
  b.setInsertionPoint(op);
  Slot slot = getSlot(ring, op.getPosition());
  auto arrive = [&](OpBuilder &nested) {
    nvgpu::MBarrierArriveOp::create(
        nested, loc, nvgpu::MBarrierTokenType::get(nested.getContext()),
        ring.empty, slot.index);
  };
  if (ring.copiedByLanes) {
    arrive(b);
  } else {
    syncWarp();
    scf::IfOp::create(b, loc, isFirstLane(),
                      [&](OpBuilder &nested, Location loc) {
                        arrive(nested);
                        scf::YieldOp::create(nested, loc);
                      });
  }
  b.eraseOp(op);
}

/// Moves the rings that are made behind the first use of one up to the others:
/// their barriers are initialised together.
static void gatherCreates(RewriterBase &b, ArrayRef<RingCreateOp> creates) {
  bool isUsed = false;
  for (Operation *op = creates.front(); op && op != creates.back();
       op = op->getNextNode())
    op->walk([&](Operation *nested) {
      isUsed |= isa<RingPutOp, RingGetOp, RingReleaseOp>(nested);
    });
  for (auto [first, second] : llvm::zip(creates, creates.drop_front()))
    if (isUsed)
      b.moveOpAfter(second, first);
}

LogicalResult RingLowering::run() {
  SmallVector<RingCreateOp> creates;
  SmallVector<RingPutOp> puts;
  SmallVector<RingGetOp> gets;
  SmallVector<RingReleaseOp> releases;
  kernel.walk([&](Operation *op) {
    if (auto create = dyn_cast<RingCreateOp>(op))
      creates.push_back(create);
    else if (auto put = dyn_cast<RingPutOp>(op))
      puts.push_back(put);
    else if (auto get = dyn_cast<RingGetOp>(op))
      gets.push_back(get);
    else if (auto release = dyn_cast<RingReleaseOp>(op))
      releases.push_back(release);
  });
  auto verifyRing = [](auto op) -> LogicalResult {
    if (op.getRing().template getDefiningOp<RingCreateOp>())
      return success();
    return op.emitOpError("must be of a ring that an mqa.ring_create makes");
  };
  if (llvm::any_of(puts, [&](auto op) { return failed(verifyRing(op)); }) ||
      llvm::any_of(gets, [&](auto op) { return failed(verifyRing(op)); }) ||
      llvm::any_of(releases, [&](auto op) { return failed(verifyRing(op)); }))
    return failure();
  if (creates.empty())
    return success();
  FailureOr<const ChipInfo *> found = requireGpu(kernel);
  if (failed(found))
    return failure();
  if (failed(verifyModuleTargets(kernel)))
    return failure();
  for (RingGetOp op : gets)
    for (auto [i, tile] : llvm::enumerate(op.getTiles()))
      if (MemRefType slot = op.getRing().getType().getSlotType(i);
          tile.getType() != slot)
        return op.emitOpError() << "result " << i << " must be " << slot
                                << ", found " << tile.getType();
  chip = *found;
  if (failed(verifyRings(kernel, creates)) ||
      failed(verifyRingBytes(kernel, creates, *chip)) ||
      failed(verifyProducers(kernel, creates, *chip)) ||
      (usesTensorMaps() ? failed(makeTensorMaps(puts))
                        : failed(checkSources(puts))))
    return failure();
  gatherCreates(b, creates);
  for (RingCreateOp op : creates)
    create(op);
  initBarriers();
  for (RingPutOp op : puts)
    put(op);
  for (RingGetOp op : gets)
    get(op);
  for (RingReleaseOp op : releases)
    release(op);
  for (RingCreateOp op : creates)
    b.eraseOp(op);
  remark::analysis(loc, kRemark)
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
