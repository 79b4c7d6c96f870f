//===- MQATopkToLoops.cpp - The pass --------------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "SelectionToLoops.h"
#include "mqa/Dialect/MQA/Transforms/KernelFunctions.h"

#include "mlir/Dialect/Affine/IR/AffineOps.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Pass/Pass.h"

namespace mlir {
namespace mqa {
#define GEN_PASS_DEF_CONVERTMQATOPKTOLOOPSPASS
#include "mqa/Conversion/Passes/ConvertMQATopkToLoopsPass.h.inc"
} // namespace mqa
} // namespace mlir

using namespace mlir;
using namespace mlir::mqa;

namespace {
struct ConvertMQATopkToLoopsPass
    : mqa::impl::ConvertMQATopkToLoopsPassBase<ConvertMQATopkToLoopsPass> {
  void runOnOperation() override {
    SmallVector<Operation *> ops;
    getOperation().walk([&](Operation *op) {
      if (isa<TopkOp, MergeTopkOp>(op))
        ops.push_back(op);
    });
    for (Operation *op : ops)
      if (!cast<DestinationStyleOpInterface>(op).hasPureBufferSemantics()) {
        op->emitOpError("must be bufferized before it is converted to loops");
        return signalPassFailure();
      }
    IRRewriter rewriter(&getContext());
    for (Operation *op : ops) {
      auto topk = dyn_cast<TopkOp>(op);
      if (!topk) {
        convertMergeTopk(rewriter, cast<MergeTopkOp>(op));
      } else if (LogitsOpInterface logits = getFusedLogits(topk)) {
        if (failed(convertFusedTopk(rewriter, topk, logits)))
          return signalPassFailure();
      } else {
        convertTopk(rewriter, topk);
      }
    }
  }
};
} // namespace
