//===- SpecializeWarps.cpp - Splits a staged kernel by roles --------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "mqa/Dialect/MQA/Transforms/Passes.h"
#include "mqa/Dialect/MQA/Transforms/TilePlan.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/GPU/IR/GPUDialect.h"
#include "mlir/Dialect/LLVMIR/NVVMDialect.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Transforms/RegionUtils.h"

namespace mlir {
namespace mqa {
#define GEN_PASS_DEF_MQASPECIALIZEWARPSPASS
#include "mqa/Dialect/MQA/Transforms/Passes.h.inc"
} // namespace mqa
} // namespace mlir

using namespace mlir;
using namespace mlir::mqa;
using namespace mlir::mqa::hopper;

namespace {
/// What is needed to write one role's clone of the loop.
class Specializer {
public:
  Specializer(gpu::GPUFuncOp kernel, scf::ForOp loop, int64_t warpgroups)
      : rewriter(kernel.getContext()), loc(loop.getLoc()), loop(loop),
        warpgroups(warpgroups) {}

  LogicalResult run();

private:
  Value constant(int64_t value) {
    return arith::ConstantIndexOp::create(rewriter, loc, value);
  }
  Value compare(arith::CmpIPredicate predicate, Value lhs, int64_t rhs) {
    return arith::CmpIOp::create(rewriter, loc, predicate, lhs, constant(rhs));
  }
  /// Clones the loop at the insertion point without the ops of other roles.
  template <typename... ForeignOps> scf::ForOp cloneWithout();
  void buildConsumers(Value threadId);
  void narrowToWarpgroup(TileLogitsOp op, Value warpgroup);
  void buildCleaner(Value threadId);

  IRRewriter rewriter;
  Location loc;
  scf::ForOp loop;
  int64_t warpgroups;
};
} // namespace

template <typename... ForeignOps> scf::ForOp Specializer::cloneWithout() {
  // Each role reads block and grid itself: nothing is kept in registers across
  // the branch for the sake of another role.
  IRMapping mapping;
  for (Value operand : {loop.getLowerBound(), loop.getStep()})
    if (operand.getDefiningOp<gpu::BlockIdOp>() ||
        operand.getDefiningOp<gpu::GridDimOp>())
      rewriter.clone(*operand.getDefiningOp(), mapping);
  auto clone = cast<scf::ForOp>(rewriter.clone(*loop, mapping));
  SmallVector<Operation *> foreign;
  clone.walk([&](Operation *op) {
    if (isa<ForeignOps...>(op))
      foreign.push_back(op);
  });
  for (Operation *op : llvm::reverse(foreign))
    rewriter.eraseOp(op);
  (void)runRegionDCE(rewriter, clone->getRegions());
  return clone;
}

/// Restricts a stage's tile to the 64 keys of one warpgroup.
void Specializer::narrowToWarpgroup(TileLogitsOp op, Value warpgroup) {
  OpBuilder::InsertionGuard guard(rewriter);
  rewriter.setInsertionPoint(op);
  OpFoldResult zero = rewriter.getIndexAttr(0), one = rewriter.getIndexAttr(1);
  OpFoldResult rows = rewriter.getIndexAttr(kWgmmaRows);
  OpFoldResult headDim =
      rewriter.getIndexAttr(op.getK().getType().getDimSize(1));
  Value first =
      arith::MulIOp::create(rewriter, loc, warpgroup, constant(kWgmmaRows));
  Value k = memref::SubViewOp::create(
      rewriter, loc, op.getK(), ArrayRef<OpFoldResult>{first, zero},
      ArrayRef<OpFoldResult>{rows, headDim}, ArrayRef<OpFoldResult>{one, one});
  Value scale = memref::SubViewOp::create(
      rewriter, loc, op.getKScale(), ArrayRef<OpFoldResult>{first},
      ArrayRef<OpFoldResult>{rows}, ArrayRef<OpFoldResult>{one});
  Value firstKey =
      arith::AddIOp::create(rewriter, loc, op.getFirstKey(), first);
  TileLogitsOp::create(rewriter, loc, op.getQ(), k, scale, op.getWeights(),
                       op.getKs(), op.getKe(), firstKey, op.getOut());
  rewriter.eraseOp(op);
}

void Specializer::buildConsumers(Value threadId) {
  NVVM::SetMaxRegisterOp::create(rewriter, loc,
                                 getConsumerRegisters(warpgroups),
                                 NVVM::SetMaxRegisterAction::increase);
  // Read from lane 0, so that ptxas knows it to be the same in the whole warp.
  Type i32 = rewriter.getI32Type();
  Value index = arith::DivUIOp::create(rewriter, loc, threadId,
                                       constant(kWarpgroupThreads));
  Value own = arith::IndexCastOp::create(rewriter, loc, i32, index);
  auto uniform = gpu::ShuffleOp::create(rewriter, loc, own, 0, kWarpThreads,
                                        gpu::ShuffleMode::IDX);
  Value warpgroup = arith::IndexCastOp::create(
      rewriter, loc, rewriter.getIndexType(), uniform.getShuffleResult());
  scf::ForOp clone = cloneWithout<RingPutOp, CleanRowsOp>();
  SmallVector<TileLogitsOp> tiles;
  clone.walk([&](TileLogitsOp op) { tiles.push_back(op); });
  for (TileLogitsOp op : tiles)
    narrowToWarpgroup(op, warpgroup);
}

void Specializer::buildCleaner(Value threadId) {
  int64_t firstThread = warpgroups * kWarpgroupThreads + kWarpThreads;
  Value thread =
      arith::SubIOp::create(rewriter, loc, threadId, constant(firstThread));
  Value numThreads = constant(kWarpgroupThreads - kWarpThreads);
  scf::ForOp clone =
      cloneWithout<RingPutOp, RingGetOp, RingReleaseOp, TileLogitsOp>();
  // The loops over keys now only count ring positions, which nobody reads.
  SmallVector<scf::ForOp> counting;
  clone.getBody()->walk([&](scf::ForOp inner) {
    if (isMemoryEffectFree(inner))
      counting.push_back(inner);
  });
  for (scf::ForOp inner : counting)
    rewriter.replaceOp(inner, inner.getInitArgs());
  clone.walk([&](CleanRowsOp op) {
    rewriter.modifyOpInPlace(op, [&] {
      op.getThreadMutable().assign(thread);
      op.getNumThreadsMutable().assign(numThreads);
    });
  });
}

LogicalResult Specializer::run() {
  auto kernel = loop->getParentOfType<gpu::GPUFuncOp>();
  kernel.walk(
      [&](RingCreateOp op) { op.setConsumers(warpgroups * kWarpgroupWarps); });
  bool cleans = loop.walk([](CleanRowsOp) { return WalkResult::interrupt(); })
                    .wasInterrupted();

  rewriter.setInsertionPoint(loop);
  Value threadId = gpu::ThreadIdOp::create(rewriter, loc, gpu::Dimension::x);
  int64_t producer = warpgroups * kWarpgroupThreads;
  Value isConsumer = compare(arith::CmpIPredicate::ult, threadId, producer);
  auto roles = scf::IfOp::create(rewriter, loc, isConsumer,
                                 /*withElseRegion=*/true);
  rewriter.setInsertionPointToStart(roles.thenBlock());
  buildConsumers(threadId);

  rewriter.setInsertionPointToStart(roles.elseBlock());
  NVVM::SetMaxRegisterOp::create(rewriter, loc, kProducerRegisters,
                                 NVVM::SetMaxRegisterAction::decrease);
  Value isProducer = compare(arith::CmpIPredicate::eq, threadId, producer);
  auto loads =
      scf::IfOp::create(rewriter, loc, isProducer, /*withElseRegion=*/false);
  rewriter.setInsertionPointToStart(loads.thenBlock());
  cloneWithout<RingGetOp, RingReleaseOp, TileLogitsOp, CleanRowsOp>();
  if (cleans) {
    rewriter.setInsertionPointAfter(loads);
    Value isCleaner =
        compare(arith::CmpIPredicate::uge, threadId, producer + kWarpThreads);
    auto cleaner =
        scf::IfOp::create(rewriter, loc, isCleaner, /*withElseRegion=*/false);
    rewriter.setInsertionPointToStart(cleaner.thenBlock());
    buildCleaner(threadId);
  }
  rewriter.eraseOp(loop);
  return success();
}

namespace {
struct SpecializeWarpsPass
    : mqa::impl::MQASpecializeWarpsPassBase<SpecializeWarpsPass> {
  void runOnOperation() override {
    gpu::GPUFuncOp kernel = getOperation();
    SmallVector<scf::ForOp> loops;
    for (auto loop : kernel.getBody().front().getOps<scf::ForOp>())
      if (loop.walk([](RingPutOp) { return WalkResult::interrupt(); })
              .wasInterrupted())
        loops.push_back(loop);
    if (loops.empty())
      return;
    if (loops.size() != 1) {
      kernel.emitOpError("has more than one loop over rings");
      return signalPassFailure();
    }
    auto schedule = kernel->getAttrOfType<ScheduleAttr>("mqa.schedule");
    if (!schedule) {
      kernel.emitOpError("needs the attribute 'mqa.schedule'");
      return signalPassFailure();
    }
    if (!loops.front()->use_empty()) {
      kernel.emitOpError("reads a result of the loop over rings");
      return signalPassFailure();
    }
    WalkResult result = kernel.walk([&](TileLogitsOp op) {
      int64_t keys = op.getK().getType().getDimSize(0);
      if (keys == schedule.getWarpgroups() * kWgmmaRows)
        return WalkResult::advance();
      op.emitOpError() << "has a stage of " << keys << " keys, but "
                       << schedule.getWarpgroups() << " warpgroups take "
                       << schedule.getWarpgroups() * kWgmmaRows;
      return WalkResult::interrupt();
    });
    if (result.wasInterrupted())
      return signalPassFailure();
    Specializer specializer(kernel, loops.front(), schedule.getWarpgroups());
    if (failed(specializer.run()))
      signalPassFailure();
  }
};
} // namespace
