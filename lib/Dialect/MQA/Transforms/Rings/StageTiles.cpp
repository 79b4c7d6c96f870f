//===- StageTiles.cpp - Stages the tiles of mqa.logits in rings -----------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Kernels/AllOrNothing.h"
#include "Kernels/WorkgroupMemory.h"
#include "TileStager.h"
#include "mqa/Dialect/MQA/IR/Target.h"

#include "mlir/Pass/Pass.h"
#include "llvm/Support/DebugLog.h"

#define DEBUG_TYPE "mqa-stage-tiles"

namespace mlir {
namespace mqa {
#define GEN_PASS_DEF_MQASTAGETILESPASS
#include "mqa/Dialect/MQA/Transforms/Passes/MQAStageTilesPass.h.inc"
} // namespace mqa
} // namespace mlir

using namespace mlir;
using namespace mlir::mqa;

/// Queries and weights are staged ahead of the loop over keys: nothing in it
/// may write them. Tiles write `out` alone.
static LogicalResult verifyLoop(LogitsOp logits, scf::ForOp keys) {
  auto verify = [&](Operation *op) {
    // What consumers do together writes lists of candidates.
    if (isa<MeetOp>(op))
      return WalkResult::skip();
    bool mayWrite =
        op->getNumRegions() == 0 &&
        llvm::any_of(ArrayRef<Value>{logits.getQ(), logits.getWeights(),
                                     logits.getQScale()},
                     [&](Value staged) {
                       return staged && mayWriteGlobalMemory(op, staged);
                     });
    if (!mayWrite)
      return WalkResult::advance();
    InFlightDiagnostic error = logits.emitOpError(
        "is in a loop that may write what would be staged ahead of it");
    error.attachNote(op->getLoc()) << "by this";
    return WalkResult::interrupt();
  };
  return failure(
      keys.getBody()->walk<WalkOrder::PreOrder>(verify).wasInterrupted());
}

/// Checks that `logits` is a tile in two loops, and stages it.
static LogicalResult stage(RewriterBase &rewriter, LogitsOp logits) {
  auto inner = dyn_cast<scf::ForOp>(logits->getParentOp());
  auto outer = inner ? dyn_cast<scf::ForOp>(inner->getParentOp()) : nullptr;
  if (!outer)
    return logits.emitOpError("must be in the inner of two nested scf.for");
  if (!inner.getInductionVar().getType().isIndex())
    return logits.emitOpError()
           << "must be in a loop over keys that are index, "
           << "found " << inner.getInductionVar().getType();
  if (logits.getResult())
    return logits.emitOpError("must be on memrefs before it is staged");
  // Positions in the rings are counted from the kernel's start on.
  auto kernel = logits->getParentOfType<gpu::GPUFuncOp>();
  if (outer->getParentOfType<LoopLikeOpInterface>() ||
      !kernel.getBody().front().findAncestorOpInBlock(*outer))
    return logits.emitOpError("must be in loops that are entered once");
  ScheduleAttr schedule = logits.getScheduleAttr();
  if (!schedule)
    return logits.emitOpError("needs a schedule before it is staged");
  auto emitPlanError = [&] {
    return logits.emitOpError() << "schedule " << schedule << " does not fit: ";
  };
  FailureOr<const ChipInfo *> chip = requireGpu(logits);
  if (failed(chip))
    return failure();
  FailureOr<TilePlan> plan =
      TilePlan::get(logits, **chip, schedule, emitPlanError);
  if (failed(plan))
    return failure();
  for (auto [value, name] : {std::pair<Value, StringRef>{logits.getQ(), "q"},
                             {logits.getWeights(), "weights"},
                             {logits.getQScale(), "q_scale"},
                             {logits.getKs(), "ks"},
                             {logits.getKe(), "ke"},
                             {logits.getRanges(), "ranges"}})
    if (value && !inner.isDefinedOutsideOfLoop(value))
      return logits.emitOpError()
             << "operand '" << name << "' must be defined outside the key loop";
  if (!logits.getKeyOffset())
    return logits.emitOpError("a tile needs 'key_offset'");
  if (logits.getCompressed())
    return logits.emitOpError("a compressed tile needs 'ranges', which say how "
                              "many keys there are");
  if (logits.getBlockMax())
    return logits.emitOpError("a tile with 'block_max' needs 'ranges', which "
                              "say how many keys there are");
  if (logits.getClean() && !logits.hasBlockRanges())
    return logits.emitOpError(
        "a tile cannot have 'clean': mqa.clean_rows cleans "
        "whole rows");
  if (failed(verifyLoop(logits, inner)))
    return failure();
  LDBG() << "stages " << logits << "\n  with " << plan->numHeadBlocks
         << " head blocks, " << plan->schedule;
  return TileStager(rewriter, logits, std::move(*plan)).stage(outer);
}

namespace {
struct StageTilesPass : mqa::impl::MQAStageTilesPassBase<StageTilesPass> {
  void runOnOperation() override {
    gpu::GPUFuncOp kernel = getOperation();
    SmallVector<LogitsOp> ops;
    kernel.walk([&](LogitsOp op) { ops.push_back(op); });
    IRRewriter rewriter(&getContext());
    auto stageAll = [&] {
      return failure(llvm::any_of(
          ops, [&](LogitsOp op) { return failed(stage(rewriter, op)); }));
    };
    if (!ops.empty() && failed(changeOrRestore(kernel, stageAll)))
      signalPassFailure();
  }
};
} // namespace
