//===- RaiseLogits.cpp - Finds mqa.logits in linalg on tensors ------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "EmitLogits.h"
#include "mqa/Dialect/MQA/IR/MQA.h"

#include "mlir/Dialect/Affine/IR/AffineOps.h"
#include "mlir/Dialect/Affine/IR/ValueBoundsOpInterfaceImpl.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Arith/IR/ValueBoundsOpInterfaceImpl.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Dialect/Tensor/IR/ValueBoundsOpInterfaceImpl.h"
#include "mlir/IR/Remarks.h"
#include "mlir/Pass/Pass.h"
#include "llvm/ADT/DenseSet.h"
#include "llvm/Support/DebugLog.h"

#include <set>

#define DEBUG_TYPE "mqa-raise"

namespace mlir {
namespace mqa {
#define GEN_PASS_DEF_MQARAISEPASS
#include "mqa/Conversion/Passes/MQARaisePass.h.inc"
} // namespace mqa
} // namespace mlir

using namespace mlir;
using namespace mlir::mqa;

static const remark::RemarkOpts kRemark =
    remark::RemarkOpts::name("logits").category("mqa-raise");

/// Whether `op` may make logits in the form in which others read them.
static bool isRoot(Operation *op) {
  return isa<linalg::LinalgOp, tensor::CollapseShapeOp, tensor::ExpandShapeOp,
             tensor::ExtractSliceOp, tensor::ReshapeOp>(op) ||
         (op->hasTrait<OpTrait::Elementwise>() && op->getNumResults() == 1 &&
          isa<RankedTensorType>(op->getResult(0).getType()));
}

namespace {
struct RaisePass : mqa::impl::MQARaisePassBase<RaisePass> {
  using MQARaisePassBase::MQARaisePassBase;

  void getDependentDialects(DialectRegistry &registry) const override {
    MQARaisePassBase::getDependentDialects(registry);
    // Sizes are compared by these.
    affine::registerValueBoundsOpInterfaceExternalModels(registry);
    arith::registerValueBoundsOpInterfaceExternalModels(registry);
    tensor::registerValueBoundsOpInterfaceExternalModels(registry);
  }

  LogicalResult initialize(MLIRContext *context) override {
    if (operandTypeName.empty())
      return success();
    if (operandTypeName == "bf16")
      operandType = BFloat16Type::get(context);
    else if (operandTypeName == "f16")
      operandType = Float16Type::get(context);
    else
      return emitError(UnknownLoc::get(context))
             << "option 'operand-type' of mqa-raise must be bf16 or f16, found "
                "'"
             << operandTypeName << "'";
    return success();
  }

  void runOnOperation() override {
    // From the last op on: the whole of a computation comes before its parts,
    // which are then without use.
    SmallVector<Operation *> ops;
    getOperation().walk<WalkOrder::PreOrder>([&](Operation *op) {
      if (isRoot(op))
        ops.push_back(op);
      // The body goes with its op.
      return isa<linalg::LinalgOp>(op) ? WalkResult::skip()
                                       : WalkResult::advance();
    });
    IRRewriter rewriter(&getContext());
    for (Operation *op : llvm::reverse(ops)) {
      if (op->use_empty()) {
        if (isOpTriviallyDead(op))
          rewriter.eraseOp(op);
        continue;
      }
      for (OpResult root : op->getResults())
        raise(rewriter, root);
      if (isOpTriviallyDead(op))
        rewriter.eraseOp(op);
    }
    report();
  }

private:
  void raise(IRRewriter &rewriter, OpResult root) {
    auto type = dyn_cast<RankedTensorType>(root.getType());
    if (!type || !isa<FloatType>(type.getElementType()) || root.use_empty())
      return;
    Mismatch mismatch;
    auto match =
        matchLogits(root, {positiveScales, noNaNs, operandType}, mismatch);
    LDBG() << (match ? "these are logits: " : "these are no logits: ")
           << *root.getOwner();
    if (match) {
      raised.insert(match->contraction.sum->op);
      rewriter.setInsertionPoint(root.getOwner());
      rewriter.replaceAllUsesWith(
          root, emitLogits(rewriter, root.getLoc(), *match, type));
      return;
    }
    if (mismatch.loc)
      mismatches.push_back(std::move(mismatch));
  }

  void report() {
    // One mismatch stops the parts of a computation too.
    std::set<std::pair<const void *, std::string>> reported;
    for (const Mismatch &mismatch : mismatches) {
      if (mismatch.isUser && raised.contains(mismatch.contraction))
        continue;
      if (reported.insert({mismatch.loc->getAsOpaquePointer(), mismatch.why})
              .second)
        remark::missed(*mismatch.loc, kRemark)
            << "no mqa.logits: " + mismatch.why;
    }
    mismatches.clear();
    raised.clear();
  }

  Type operandType;
  std::vector<Mismatch> mismatches;
  /// Sums of products of q and k that became part of an op. They may be erased.
  llvm::DenseSet<Operation *> raised;
};
} // namespace
