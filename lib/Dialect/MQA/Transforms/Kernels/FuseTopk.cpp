//===- FuseTopk.cpp - Logits that only mqa.topk reads are not stored ------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "mqa/Dialect/MQA/IR/Target.h"
#include "mqa/Dialect/MQA/Transforms/KernelFunctions.h"

#include "mlir/Dialect/Arith/Utils/Utils.h"
#include "mlir/Dialect/Bufferization/IR/Bufferization.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/PatternMatch.h"
#include "mlir/IR/Remarks.h"
#include "mlir/Interfaces/FunctionInterfaces.h"
#include "mlir/Pass/Pass.h"

namespace mlir {
namespace mqa {
#define GEN_PASS_DEF_MQAFUSETOPKPASS
#include "mqa/Dialect/MQA/Transforms/Passes/MQAFuseTopkPass.h.inc"
} // namespace mqa
} // namespace mlir

using namespace mlir;
using namespace mlir::mqa;

static const remark::RemarkOpts kFusionRemark =
    remark::RemarkOpts::name("fuse").category("mqa-fuse-topk");

/// The sizes of what `op`, which leaves it uninitialised, makes.
static SmallVector<OpFoldResult> getSizes(Operation *op, ValueRange dynamic) {
  auto type = cast<ShapedType>(op->getResult(0).getType());
  Builder b(op->getContext());
  return getMixedValues(type.getShape(), dynamic, b);
}

static SmallVector<OpFoldResult> getSizes(Operation *op) {
  if (auto empty = dyn_cast<tensor::EmptyOp>(op))
    return empty.getMixedSizes();
  if (auto alloc = dyn_cast<bufferization::AllocTensorOp>(op))
    return getSizes(op, alloc.getDynamicSizes());
  if (auto alloc = dyn_cast<memref::AllocOp>(op))
    return getSizes(op, alloc.getDynamicSizes());
  return getSizes(op, cast<memref::AllocaOp>(op).getDynamicSizes());
}

/// Erases what makes `value`, as far as nothing uses it.
static void eraseUnused(RewriterBase &b, Value value) {
  while (Operation *op = value ? value.getDefiningOp() : nullptr) {
    if (!op->use_empty())
      return;
    auto cast = dyn_cast<tensor::CastOp>(op);
    value = cast ? cast.getSource() : Value();
    b.eraseOp(op);
  }
}

/// Puts an op in the place of the destination of `logits`.
static void fuse(RewriterBase &b, LogitsOpInterface logits, TopkOp topk) {
  OpOperand &out =
      *cast<DestinationStyleOpInterface>(*logits).getDpsInitOperand(0);
  Value source = out.get();
  while (auto cast = source.getDefiningOp<tensor::CastOp>())
    source = cast.getSource();
  Operation *made = source.getDefiningOp();
  // The sizes are there where `made` is.
  b.setInsertionPointAfter(made);
  auto type = cast<ShapedType>(out.get().getType());
  SmallVector<Value> sizes;
  for (auto [dim, size] : llvm::enumerate(getSizes(made)))
    if (type.isDynamicDim(dim))
      sizes.push_back(
          getValueOrCreateConstantIndexOp(b, logits.getLoc(), size));
  auto unstored = UnstoredLogitsOp::create(b, logits.getLoc(), type, sizes);
  if (isa<MemRefType>(type)) {
    for (Operation *user : llvm::make_early_inc_range(made->getUsers()))
      if (isa<memref::DeallocOp>(user))
        b.eraseOp(user);
    b.replaceOp(made, unstored);
  } else {
    Value oldOut = out.get(), oldLogits = topk.getLogits();
    b.modifyOpInPlace(logits, [&] { out.set(unstored); });
    b.modifyOpInPlace(
        topk, [&] { topk.getLogitsMutable().assign(logits->getResult(0)); });
    eraseUnused(b, oldLogits);
    eraseUnused(b, oldOut);
    // So that nothing is bufferized to a write of what they read in between.
    b.moveOpBefore(logits, topk);
  }
}

/// Nobody sees what lies outside of the ranges.
static void dropClean(RewriterBase &b, LogitsOpInterface logits) {
  b.modifyOpInPlace(logits, [&] {
    if (auto op = dyn_cast<LogitsOp>(*logits))
      op.setClean(false);
    else
      cast<PagedLogitsOp>(*logits).setClean(false);
  });
}

namespace {
struct FuseTopkPass : mqa::impl::MQAFuseTopkPassBase<FuseTopkPass> {
  void runOnOperation() override {
    SmallVector<TopkOp> ops;
    getOperation()->walk([&](TopkOp op) { ops.push_back(op); });
    IRRewriter rewriter(&getContext());
    for (TopkOp topk : ops) {
      LogitsOpInterface logits = getLogitsOf(topk);
      if (!logits)
        continue;
      if (getUnstoredLogits(logits)) {
        dropClean(rewriter, logits);
        continue;
      }
      std::string with = "fused with " + logits->getName().getStringRef().str();
      std::string reason = explainNotFused(logits, topk);
      if (!reason.empty()) {
        remark::missed(topk.getLoc(), kFusionRemark)
            << "not " + with + ": " + reason;
        continue;
      }
      remark::passed(topk.getLoc(), kFusionRemark) << with;
      fuse(rewriter, logits, topk);
      dropClean(rewriter, logits);
    }
  }
};
} // namespace
