//===- MQAToLinalg.cpp - mqa.logits to linalg on scratch ------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "ExpandKeyBlocks.h"
#include "ExpandPages.h"
#include "LogitsToLinalg.h"

#include "mqa/Dialect/MQA/IR/MxOperands.h"

#include "mlir/Dialect/Affine/IR/AffineOps.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Pass/Pass.h"

namespace mlir {
namespace mqa {
#define GEN_PASS_DEF_CONVERTMQATOLINALGPASS
#include "mqa/Conversion/Passes/ConvertMQAToLinalgPass.h.inc"
} // namespace mqa
} // namespace mlir

using namespace mlir;
using namespace mlir::mqa;

namespace {
struct ConvertMQAToLinalgPass
    : mqa::impl::ConvertMQAToLinalgPassBase<ConvertMQAToLinalgPass> {
  void runOnOperation() override {
    WalkResult result = getOperation().walk([&](LogitsOpInterface op) {
      if (failed(verifyPackedOperands(op)))
        return WalkResult::interrupt();
      if (op->getNumResults() == 0)
        return WalkResult::advance();
      op->emitOpError("must be bufferized before it is converted to linalg");
      return WalkResult::interrupt();
    });
    if (result.wasInterrupted())
      return signalPassFailure();
    IRRewriter rewriter(&getContext());
    // Where there is no logit, there is nothing to do.
    getOperation().walk([&](LogitsOpInterface op) {
      if (llvm::is_contained(op.getOutType().getShape(), 0))
        rewriter.eraseOp(op);
    });
    SmallVector<LogitsOpInterface> ofKeyBlocks;
    SmallVector<PagedLogitsOp> paged;
    getOperation().walk([&](LogitsOpInterface op) {
      if (op.hasKeyBlocks())
        ofKeyBlocks.push_back(op);
      else if (auto own = dyn_cast<PagedLogitsOp>(*op))
        paged.push_back(own);
    });
    for (PagedLogitsOp op : paged)
      expandPages(rewriter, op);
    for (LogitsOpInterface op : ofKeyBlocks)
      expandKeyBlocks(rewriter, op);
    SmallVector<LogitsOp> ops;
    getOperation().walk([&](LogitsOp op) { ops.push_back(op); });
    for (LogitsOp op : ops) {
      rewriter.setInsertionPoint(op);
      const MatrixUnit *unit = getCpuMatrixUnit(op);
      if (!unit || failed(convertToPairs(rewriter, op, *unit)))
        convertToF32(rewriter, op);
    }
    eraseUnusedRanges(rewriter, getOperation());
    getOperation().walk([&](GatherPagesOp op) {
      if (op->use_empty())
        rewriter.eraseOp(op);
    });
  }
};
} // namespace
