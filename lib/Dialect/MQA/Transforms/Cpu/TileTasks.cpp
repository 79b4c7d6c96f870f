//===- TileTasks.cpp - Tiles mqa.logits into tasks for CPU cores ----------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "mqa/Dialect/MQA/IR/EmptyOperands.h"
#include "mqa/Dialect/MQA/IR/MQA.h"
#include "mqa/Dialect/MQA/IR/Target.h"
#include "mqa/Dialect/MQA/Transforms/KernelFunctions.h"

#include "mlir/Dialect/Affine/IR/AffineOps.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/SCF/Transforms/TileUsingInterface.h"
#include "mlir/Dialect/Utils/StaticValueUtils.h"
#include "mlir/Pass/Pass.h"
#include "llvm/Support/DebugLog.h"

#define DEBUG_TYPE "mqa-tile-tasks"

namespace mlir {
namespace mqa {
#define GEN_PASS_DEF_MQATILETASKSPASS
#include "mqa/Dialect/MQA/Transforms/Passes/MQATileTasksPass.h.inc"
} // namespace mqa
} // namespace mlir

using namespace mlir;
using namespace mlir::mqa;

static FailureOr<scf::SCFTilingResult>
tile(RewriterBase &rewriter, Operation *op, ArrayRef<int64_t> sizes) {
  rewriter.setInsertionPoint(op);
  scf::SCFTilingOptions options;
  options.setTileSizes(getAsIndexOpFoldResult(op->getContext(), sizes));
  options.setLoopType(scf::SCFTilingOptions::LoopType::ForallOp);
  FailureOr<scf::SCFTilingResult> tiled =
      scf::tileUsingSCF(rewriter, cast<TilingInterface>(op), options);
  if (failed(tiled)) {
    op->emitOpError("cannot be tiled");
    return failure();
  }
  return tiled;
}

/// Tiles a fused pair on memrefs by rows: a task has all keys of its rows.
static LogicalResult tileFused(RewriterBase &rewriter, LogitsOpInterface logits,
                               TopkOp topk) {
  if (topk.getNumResults())
    return topk.emitOpError("fused with logits must be bufferized before it is "
                            "tiled");
  UnstoredLogitsOp unstored = getUnstoredLogits(logits);
  // Of a paged cache a sequence, or some rows that name theirs.
  auto paged = dyn_cast<PagedLogitsOp>(*logits);
  bool isOfSequences = paged && !paged.namesSequences();
  int64_t steps = 1;
  if (!isOfSequences)
    steps = topk.hasSequencesInOrder()
                ? std::max<int64_t>(
                      getFusedTaskRows() / topk.getRowsOfSequence(), 1)
                : getFusedTaskRows();
  FailureOr<scf::SCFTilingResult> tiled = tile(rewriter, topk, {steps});
  if (failed(tiled))
    return failure();
  auto topkTile = cast<TopkOp>(tiled->tiledOps.front());
  auto slice = topkTile.getLogits().getDefiningOp<memref::SubViewOp>();
  rewriter.setInsertionPoint(topkTile);
  OpFoldResult zero = rewriter.getIndexAttr(0);
  OpFoldResult row = slice.getMixedOffsets()[0],
               rows = slice.getMixedSizes()[0];
  // There are as many columns as keys. A launch says how many these are, but
  // not what the function computes from sizes.
  OpFoldResult columns = unstored.getMixedSizes()[1];
  if (topk.hasKeyBlocks())
    columns = affine::makeComposedFoldedAffineApply(
        rewriter, logits.getLoc(),
        rewriter.getAffineDimExpr(0) * logits.getBlockKv(),
        {memref::getMixedSize(rewriter, logits.getLoc(), topk.getKeyBlocks(),
                              1)});
  else if (auto contiguous = dyn_cast<LogitsOp>(*logits))
    columns =
        memref::getMixedSize(rewriter, logits.getLoc(), contiguous.getK(), 0);
  SmallVector<OpFoldResult> offsets{row, zero}, sizes{rows, columns};
  if (isOfSequences) {
    auto forall = cast<scf::ForallOp>(tiled->loops.front());
    offsets[0] = forall.getInductionVar(0);
    sizes[0] = rewriter.getIndexAttr(1);
  }
  FailureOr<TilingResult> logitsTile =
      cast<TilingInterface>(*logits).getTiledImplementation(rewriter, offsets,
                                                            sizes);
  if (failed(logitsTile))
    return logits->emitOpError("cannot be tiled");
  // The tile's logits are not stored either.
  Operation *tileOp = logitsTile->tiledOps.front();
  rewriter.setInsertionPoint(tileOp);
  auto [shape, dynamicSizes] = decomposeMixedValues({rows, columns});
  auto own = UnstoredLogitsOp::create(
      rewriter, logits.getLoc(),
      MemRefType::get(shape, logits.getOutType().getElementType()),
      dynamicSizes);
  cast<DestinationStyleOpInterface>(tileOp).getDpsInitOperand(0)->set(own);
  topkTile.getLogitsMutable().assign(own);
  rewriter.eraseOp(topk);
  rewriter.eraseOp(logits);
  resolveSizes(rewriter, unstored);
  return success();
}

namespace {
struct TileTasksPass : mqa::impl::MQATileTasksPassBase<TileTasksPass> {
  using MQATileTasksPassBase::MQATileTasksPassBase;

  void runOnOperation() override {
    SmallVector<int64_t> sizes(tileSizes.begin(), tileSizes.end());
    // A matrix unit wants each query in a layout of its own. The faster it is,
    // the more keys make that worth it.
    const MatrixUnit *unit = getCpuMatrixUnit(getOperation());
    bool hasDefaults = sizes.empty();
    if (hasDefaults)
      sizes = {16, !unit ? 128 : unit == &kAmx ? 1024 : 256};
    if (sizes.size() != 2 || sizes[0] < 1 || sizes[1] < 1) {
      getOperation().emitError("'tile-sizes' needs two positive sizes: queries "
                               "and keys");
      return signalPassFailure();
    }
    IRRewriter rewriter(&getContext());
    SmallVector<KernelFunction> kernels;
    getOperation().walk([&](KernelOpInterface op) {
      auto logits = dyn_cast<LogitsOpInterface>(*op);
      TopkOp topk = logits ? getFusedTopk(logits) : TopkOp();
      // Of a pair, both ops are tiled together.
      if (auto second = dyn_cast<TopkOp>(*op); second && getFusedLogits(second))
        return;
      kernels.push_back({op, topk});
    });
    for (KernelFunction kernel : kernels) {
      KernelOpInterface op = kernel.op;
      // There is next to no work in it.
      if (hasEmptyOperand(op) ||
          (kernel.topk && hasEmptyOperand(kernel.topk))) {
        LDBG() << "leaves, as an operand has no element: " << *op;
        continue;
      }
      auto logits = dyn_cast<LogitsOpInterface>(*op);
      if (kernel.topk) {
        if (failed(tileFused(rewriter, logits, kernel.topk)))
          return signalPassFailure();
        continue;
      }
      SmallVector<int64_t> own = sizes;
      // A sequence has keys of its own: a task is for one, and as many keys
      // more. Rows that name their sequences may share keys.
      if (logits && logits.hasRowsOfSequences()) {
        own[1] = hasDefaults ? 2048 : own[1];
      } else if (logits && logits.getNextN()) {
        own[1] = hasDefaults ? 2048 : own[0] * own[1];
        own[0] = 1;
      }
      // A column may be a block of keys.
      if (logits)
        own[1] = std::max<int64_t>(own[1] / logits.getColumnKeys(), 1);
      // A row is selected from as a whole, and takes as long as a task of
      // logits.
      if (!logits)
        own = {1};
      FailureOr<scf::SCFTilingResult> tiled = tile(rewriter, op, own);
      if (failed(tiled))
        return signalPassFailure();
      rewriter.replaceOp(op, tiled->replacements);
    }
  }
};
} // namespace
