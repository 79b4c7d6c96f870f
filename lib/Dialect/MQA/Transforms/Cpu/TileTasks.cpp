//===- TileTasks.cpp - Tiles mqa.logits into tasks for CPU cores ----------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "mqa/Dialect/MQA/IR/EmptyOperands.h"
#include "mqa/Dialect/MQA/IR/MQA.h"
#include "mqa/Dialect/MQA/Transforms/KernelFunctions.h"
#include "mqa/Dialect/MQA/Transforms/Passes.h"

#include "mlir/Dialect/Affine/IR/AffineOps.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/SCF/Transforms/TileUsingInterface.h"
#include "mlir/Dialect/Utils/StaticValueUtils.h"
#include "llvm/Support/DebugLog.h"

#define DEBUG_TYPE "mqa-tile-tasks"

namespace mlir {
namespace mqa {
#define GEN_PASS_DEF_MQATILETASKSPASS
#include "mqa/Dialect/MQA/Transforms/Passes.h.inc"
} // namespace mqa
} // namespace mlir

using namespace mlir;
using namespace mlir::mqa;

namespace {
struct TileTasksPass : mqa::impl::MQATileTasksPassBase<TileTasksPass> {
  using MQATileTasksPassBase::MQATileTasksPassBase;

  void runOnOperation() override {
    SmallVector<int64_t> sizes(tileSizes.begin(), tileSizes.end());
    if (sizes.empty())
      sizes = {16, 128};
    if (sizes.size() != 2 || sizes[0] < 1 || sizes[1] < 1) {
      getOperation().emitError("'tile-sizes' needs two positive sizes: queries "
                               "and keys");
      return signalPassFailure();
    }
    IRRewriter rewriter(&getContext());
    SmallVector<KernelOpInterface> ops;
    getOperation().walk([&](KernelOpInterface op) { ops.push_back(op); });
    for (KernelOpInterface op : ops) {
      // There is next to no work in it.
      if (hasEmptyOperand(op)) {
        LDBG() << "leaves, as an operand has no element: " << *op;
        continue;
      }
      if (auto topk = dyn_cast<TopkOp>(*op); topk && getFusedLogits(topk)) {
        op->emitOpError("fused with logits has no tasks for a CPU yet");
        return signalPassFailure();
      }
      rewriter.setInsertionPoint(op);
      SmallVector<int64_t> own = sizes;
      // A sequence has keys of its own: a task is for one, and as many keys
      // more.
      auto logits = dyn_cast<LogitsOpInterface>(*op);
      if (logits && logits.getNextN()) {
        own[1] *= own[0];
        own[0] = 1;
      }
      // A row is selected from as a whole, and takes as long as a task of
      // logits.
      if (!logits)
        own = {1};
      scf::SCFTilingOptions options;
      options.setTileSizes(getAsIndexOpFoldResult(&getContext(), own));
      options.setLoopType(scf::SCFTilingOptions::LoopType::ForallOp);
      FailureOr<scf::SCFTilingResult> tiled = scf::tileUsingSCF(
          rewriter, cast<TilingInterface>(op.getOperation()), options);
      if (failed(tiled)) {
        op->emitOpError("cannot be tiled");
        return signalPassFailure();
      }
      rewriter.replaceOp(op, tiled->replacements);
    }
  }
};
} // namespace
