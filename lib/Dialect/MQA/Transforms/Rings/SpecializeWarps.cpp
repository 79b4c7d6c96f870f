//===- SpecializeWarps.cpp - Splits a staged kernel by roles --------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Kernels/ModuleTargets.h"
#include "SlotFills.h"
#include "SlotOps.h"
#include "WarpRoles.h"
#include "mqa/Dialect/MQA/IR/MQA.h"
#include "mqa/Dialect/MQA/IR/Shapes.h"
#include "mqa/Dialect/MQA/IR/Target.h"

#include "mlir/Dialect/LLVMIR/NVVMDialect.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/IR/Remarks.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"
#include "mlir/Pass/Pass.h"
#include "mlir/Transforms/RegionUtils.h"
#include "llvm/Support/DebugLog.h"
#include "llvm/Support/FormatVariadic.h"

#define DEBUG_TYPE "mqa-specialize-warps"

namespace mlir {
namespace mqa {
#define GEN_PASS_DEF_MQASPECIALIZEWARPSPASS
#include "mqa/Dialect/MQA/Transforms/Passes/MQASpecializeWarpsPass.h.inc"
} // namespace mqa
} // namespace mlir

using namespace mlir;
using namespace mlir::mqa;
using namespace mlir::mqa::shapes;

static constexpr auto kWarpsRemark =
    remark::RemarkOpts::name("roles").category("mqa-specialize-warps");

scf::ForOp
WarpRoles::cloneWithout(function_ref<bool(RoleOpInterface)> isForeign) {
  // Each role reads block and grid itself: nothing is kept in registers across
  // the branch for the sake of another role.
  IRMapping mapping;
  for (Value operand : {loop.getLowerBound(), loop.getStep()})
    if (operand.getDefiningOp<gpu::BlockIdOp>() ||
        operand.getDefiningOp<gpu::GridDimOp>())
      rewriter.clone(*operand.getDefiningOp(), mapping);
  auto clone = cast<scf::ForOp>(rewriter.clone(*loop, mapping));
  OpBuilder::InsertionGuard guard(rewriter);
  SetVector<Operation *> foreign;
  clone.walk([&](RoleOpInterface op) {
    if (!isForeign(op))
      return;
    foreign.insert(op);
    if (isa<RingGetOp, RingAcquireOp>(op))
      addSlotOps(op, foreign);
  });
  // Users go ahead of what they use; what is in an op goes with it.
  SmallVector<Operation *> inOrder;
  clone.walk<WalkOrder::PreOrder>([&](Operation *op) {
    if (!foreign.contains(op))
      return WalkResult::advance();
    inOrder.push_back(op);
    return WalkResult::skip();
  });
  for (Operation *op : llvm::reverse(inOrder)) {
    auto ofRole = dyn_cast<RoleOpInterface>(op);
    Value carried = ofRole ? ofRole.getCarried() : Value();
    // A loop that only carried tiles from one to the next carries none.
    if (carried) {
      rewriter.replaceAllUsesWith(op->getResult(0), carried);
    } else if (auto tile = dyn_cast<TileLogitsOp>(op);
               tile && !tile->use_empty()) {
      rewriter.setInsertionPoint(tile);
      Value onto = arith::ConstantOp::create(
          rewriter, loc, rewriter.getZeroAttr(tile.getLogits().getType()));
      rewriter.replaceAllUsesWith(tile.getLogits(), onto);
    }
    rewriter.eraseOp(op);
  }
  (void)runRegionDCE(rewriter, clone->getRegions());
  return clone;
}

/// Builds `body` for the threads `first` <= threadId < `first` + `count`.
void WarpRoles::buildRole(Value threadId, int64_t first, int64_t count,
                          function_ref<void(Value own)> body) {
  OpBuilder::InsertionGuard guard(rewriter);
  Value own = arith::SubIOp::create(rewriter, loc, threadId, constant(first));
  Value number = own;
  if (rolesAreUniform) {
    number = getUniform(
        arith::DivUIOp::create(rewriter, loc, own, constant(kWarpThreads)));
    count /= kWarpThreads;
  }
  // Threads before the first wrap around.
  Value isOwn = compare(arith::CmpIPredicate::ult, number, count);
  auto role = scf::IfOp::create(rewriter, loc, isOwn, /*withElseRegion=*/false);
  rewriter.setInsertionPointToStart(role.thenBlock());
  body(own);
}

/// Moves the cleaning loop here, its rows shared by the role's threads.
void WarpRoles::buildCleaner(Value threadId, int64_t first, int64_t count) {
  Value thread =
      arith::SubIOp::create(rewriter, loc, threadId, constant(first));
  Value numThreads = constant(count);
  rewriter.moveOpBefore(cleaning, rewriter.getInsertionBlock(),
                        rewriter.getInsertionPoint());
  cleaning.walk([&](CleanRowsOp op) {
    rewriter.modifyOpInPlace(op, [&] {
      op.getThreadMutable().assign(thread);
      op.getNumThreadsMutable().assign(numThreads);
    });
  });
}

void WarpRoles::setRegisters(int64_t count) {
  if (chip.movesRegisters)
    NVVM::SetMaxRegisterOp::create(rewriter, loc, count,
                                   NVVM::SetMaxRegisterAction::decrease);
}

/// The roles of the group of warps from thread `first` on: producers, and
/// behind them cleaners.
void WarpRoles::buildOthers(Value threadId, int64_t first) {
  setRegisters(kProducerRegisters);
  int64_t cleaner =
      chip.copyEngine->usesTensorMaps
          ? buildProducers(threadId, first)
          : buildSharedProducers(threadId, first,
                                 cleaning ? kGroupWarps / 2 : kGroupWarps);
  int64_t numCleaners = first + kGroupThreads - cleaner;
  remark::passed(loc, kWarpsRemark)
      << llvm::formatv("{0} consumer groups compute, {1} warps load, {2} warps "
                       "convert, {3} threads clean",
                       numConsumerGroups, (cleaner - first) / kWarpThreads,
                       groups.converterGroups * kGroupWarps,
                       cleaning ? numCleaners : 0)
             .str();
  if (cleaning)
    buildRole(threadId, cleaner, numCleaners,
              [&](Value) { buildCleaner(threadId, cleaner, numCleaners); });
}

LogicalResult WarpRoles::run() {
  auto kernel = loop->getParentOfType<gpu::GPUFuncOp>();
  // A slot of keys has the readers of one turn, one of queries all.
  kernel.walk([&](RingCreateOp op) {
    op.setConsumers(numConsumerGroups * kGroupWarps);
  });
  loop.walk([&](RingGetOp op) {
    if (op->getParentOp() == loop)
      return;
    auto create = op.getRing().getDefiningOp<RingCreateOp>();
    if (!create || op.getRole() != Role::Consumer)
      return;
    create.setConsumers(groups.queryGroups * kGroupWarps);
    create.setTurns(groups.keyGroups);
    LDBG() << groups.keyGroups << " groups take the slots in turn of "
           << create;
  });

  rewriter.setInsertionPoint(loop);
  Value threadId = gpu::ThreadIdOp::create(rewriter, loc, gpu::Dimension::x);
  int64_t producer = numConsumerGroups * kGroupThreads;
  Value isConsumer = compare(arith::CmpIPredicate::ult, threadId, producer);
  auto roles = scf::IfOp::create(rewriter, loc, isConsumer,
                                 /*withElseRegion=*/true);
  rewriter.setInsertionPointToStart(roles.thenBlock());
  buildConsumers(threadId);

  rewriter.setInsertionPointToStart(roles.elseBlock());
  if (!groups.converterGroups) {
    buildOthers(threadId, producer);
  } else {
    buildRole(threadId, producer, kGroupThreads,
              [&](Value) { buildOthers(threadId, producer); });
    buildConverter(threadId, producer + kGroupThreads);
  }
  rewriter.eraseOp(loop);
  return success();
}

/// As many as fill the rings that have them as fillers; 0 if nobody converts.
static int64_t countConverterGroups(gpu::GPUFuncOp kernel) {
  bool converts = false;
  int64_t groups = 1;
  kernel.walk([&](Operation *op) {
    converts |= hasRole(op, Role::Converter);
    auto create = dyn_cast<RingCreateOp>(op);
    if (create && create.getFiller() == Role::Converter)
      groups = std::max<int64_t>(groups, create.getProducers() / kGroupWarps);
  });
  return converts ? groups : 0;
}

/// What the kernel's tiles and threads say: behind the consumers' groups of
/// warps is the producers', and behind that the converters' if there are any;
/// what the tiles' groups of queries leave over of the first goes along the
/// keys.
static FailureOr<ConsumerGroups> getConsumerGroups(gpu::GPUFuncOp kernel) {
  DenseI32ArrayAttr size = kernel.getKnownBlockSizeAttr();
  int64_t converterGroups = countConverterGroups(kernel);
  int64_t others = 1 + converterGroups;
  int64_t numConsumerGroups = size ? size[0] / kGroupThreads - others : 0;
  if (numConsumerGroups < 1 || size[0] % kGroupThreads || size[1] != 1 ||
      size[2] != 1)
    return kernel.emitOpError("needs a 'known_block_size' of groups of ")
           << kGroupThreads << " threads: one or more for consumers, one for "
           << "producers, and " << converterGroups << " for converters";
  std::optional<ConsumerGroups> groups;
  WalkResult result = kernel.walk([&](TileLogitsOp op) {
    int64_t queryGroups = op.getQueryGroups();
    int64_t tileQueries = op.getTileQueries();
    if (numConsumerGroups % queryGroups) {
      op.emitOpError() << "has " << queryGroups << " groups of queries, but "
                       << numConsumerGroups
                       << " consumer groups cannot share them evenly";
      return WalkResult::interrupt();
    }
    if (groups && (groups->queryGroups != queryGroups ||
                   groups->tileQueries != tileQueries)) {
      op.emitOpError() << "has " << queryGroups << " x " << tileQueries
                       << " queries, but another tile of the kernel "
                       << groups->queryGroups << " x " << groups->tileQueries;
      return WalkResult::interrupt();
    }
    groups = {queryGroups, numConsumerGroups / queryGroups, tileQueries,
              converterGroups};
    return WalkResult::advance();
  });
  if (result.wasInterrupted())
    return failure();
  // Without a tile, there is nothing that queries are needed for.
  return groups.value_or(
      ConsumerGroups{1, numConsumerGroups, 1, converterGroups});
}

/// A loop that fills and gives back slots would be left to all warps.
static LogicalResult verifyNoNestedLoop(gpu::GPUFuncOp kernel) {
  WalkResult result = kernel.walk([](scf::ForOp loop) {
    bool fills = false, releases = false;
    loop.walk([&](Operation *op) {
      fills |= isa<RingPutOp, RingAcquireOp>(op);
      releases |= isa<RingReleaseOp>(op);
    });
    if (!fills || !releases)
      return WalkResult::advance();
    loop.emitOpError("over rings must be at the top of the kernel, so that "
                     "warps can get roles");
    return WalkResult::interrupt();
  });
  return failure(result.wasInterrupted());
}

namespace {
/// What a loop has ops for.
struct LoopRoles {
  bool fills = false, cleans = false;
};
} // namespace

/// A role that is not here has no warps, and its ops would be in no clone.
static LoopRoles findRoles(scf::ForOp loop) {
  LoopRoles roles;
  loop.walk([&](RoleOpInterface op) {
    switch (op.getRole()) {
    case Role::Producer:
    case Role::Converter:
      roles.fills = true;
      break;
    case Role::Cleaner:
      roles.cleans = true;
      break;
    case Role::Consumer:
      break;
    }
  });
  return roles;
}

namespace {
struct SpecializeWarpsPass
    : mqa::impl::MQASpecializeWarpsPassBase<SpecializeWarpsPass> {
  void runOnOperation() override {
    gpu::GPUFuncOp kernel = getOperation();
    SmallVector<scf::ForOp> loops, cleaning;
    for (auto loop : kernel.getBody().front().getOps<scf::ForOp>()) {
      LoopRoles roles = findRoles(loop);
      if (roles.fills)
        loops.push_back(loop);
      else if (roles.cleans)
        cleaning.push_back(loop);
    }
    if (loops.empty() && failed(verifyNoNestedLoop(kernel)))
      return signalPassFailure();
    if (loops.empty()) {
      remark::missed(kernel.getLoc(), kWarpsRemark)
          << "no loop at the top of the kernel fills rings";
      return;
    }
    if (loops.size() != 1 || cleaning.size() > 1) {
      kernel.emitOpError("has more than one loop over rings, or that cleans");
      return signalPassFailure();
    }
    FailureOr<const ChipInfo *> chip = requireGpu(kernel);
    if (failed(chip))
      return signalPassFailure();
    if (failed(verifyModuleTargets(kernel)))
      return signalPassFailure();
    FailureOr<ConsumerGroups> groups = getConsumerGroups(kernel);
    if (failed(groups))
      return signalPassFailure();
    scf::ForOp cleaningLoop =
        cleaning.empty() ? scf::ForOp() : cleaning.front();
    if (failed(verifyRoles(kernel, loops.front(), cleaningLoop, *groups)) ||
        failed(WarpRoles(kernel, loops.front(), cleaningLoop, *groups, **chip)
                   .run()))
      signalPassFailure();
  }
};
} // namespace
