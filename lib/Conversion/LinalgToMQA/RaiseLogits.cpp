//===- RaiseLogits.cpp - Finds mqa.logits in linalg on tensors ------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "MatchLogits.h"
#include "mqa/Conversion/Passes.h"
#include "mqa/Dialect/MQA/IR/MQA.h"

#include "mlir/Dialect/Affine/IR/AffineOps.h"
#include "mlir/Dialect/Arith/Utils/Utils.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "llvm/Support/DebugLog.h"

#define DEBUG_TYPE "mqa-raise"

namespace mlir {
namespace mqa {
#define GEN_PASS_DEF_MQARAISEPASS
#include "mqa/Conversion/Passes.h.inc"
} // namespace mqa
} // namespace mlir

using namespace mlir;
using namespace mlir::mqa;

/// The input with its dimensions in order.
static Value getInOrder(OpBuilder &b, Location loc,
                        const PermutedTensor &input) {
  Value tensor = input.tensor;
  if (!tensor)
    return tensor;
  Type elementType = getElementTypeOrSelf(tensor);
  if (!input.expansion.empty())
    tensor = tensor::ExpandShapeOp::create(
        b, loc, RankedTensorType::get(input.expandedShape, elementType), tensor,
        input.expansion);
  if (llvm::is_sorted(input.permutation))
    return tensor;
  SmallVector<OpFoldResult> sizes = tensor::getMixedSizes(b, loc, tensor),
                            inOrder;
  for (int64_t dim : input.permutation)
    inOrder.push_back(sizes[dim]);
  Value empty = tensor::EmptyOp::create(b, loc, inOrder, elementType);
  return linalg::TransposeOp::create(b, loc, tensor, empty, input.permutation)
      ->getResult(0);
}

/// A bound that the program does not have: the same number for every query.
static Value makeBound(OpBuilder &b, Location loc, OpFoldResult numQueries,
                       Value number) {
  Value empty = tensor::EmptyOp::create(b, loc, {numQueries}, b.getI32Type());
  return linalg::FillOp::create(b, loc, number, empty).getResult(0);
}

/// Replaces `root`; false where mqa.logits does not take the sizes.
static bool replace(IRRewriter &b, OpResult root, const LogitsOperands &found) {
  auto out = cast<RankedTensorType>(root.getType());
  int64_t heads = found.q.getDimSize(1), headDim = found.q.getDimSize(2);
  if (heads < 1 || heads > 128 || headDim < 16 || headDim > 256 || headDim % 16)
    return false;
  // What came from bytecode may have a negative size.
  auto isNegative = [](int64_t size) {
    return size < 0 && !ShapedType::isDynamic(size);
  };
  if (llvm::any_of(out.getShape(), isNegative))
    return false;
  for (const PermutedTensor *input : {&found.q, &found.k, &found.kScale,
                                      &found.weights, &found.ks, &found.ke})
    if (input->tensor &&
        llvm::any_of(cast<ShapedType>(input->tensor.getType()).getShape(),
                     isNegative))
      return false;
  Location loc = root.getLoc();
  b.setInsertionPoint(root.getOwner());
  Value q = getInOrder(b, loc, found.q), k = getInOrder(b, loc, found.k);
  OpFoldResult numQueries = tensor::getMixedSize(b, loc, q, 0);
  OpFoldResult numKeys = tensor::getMixedSize(b, loc, k, 0);
  Value ks = found.ks.tensor, ke = found.ke.tensor;
  if (!ks)
    ks = makeBound(b, loc, numQueries,
                   arith::ConstantIntOp::create(b, loc, 0, 32));
  if (!ke)
    ke = makeBound(b, loc, numQueries,
                   arith::IndexCastOp::create(
                       b, loc, b.getI32Type(),
                       getValueOrCreateConstantIndexOp(b, loc, numKeys)));
  Value init = tensor::EmptyOp::create(
      b, loc, ArrayRef<OpFoldResult>{numQueries, numKeys},
      out.getElementType());
  auto activation = ActivationAttr::get(
      b.getContext(), found.relu ? Activation::Relu : Activation::None);
  auto logits = LogitsOp::create(
      b, loc, init.getType(), q, k, getInOrder(b, loc, found.kScale),
      getInOrder(b, loc, found.weights), ks, ke, /*ranges=*/Value(),
      /*key_offset=*/Value(), init, found.clean ? b.getUnitAttr() : UnitAttr(),
      /*compressed=*/UnitAttr(), activation, /*schedule=*/ScheduleAttr());
  Value result = logits.getResult();
  if (result.getType() != out)
    result = tensor::CastOp::create(b, loc, out, result);
  b.replaceAllUsesWith(root, result);
  return true;
}

namespace {
struct RaisePass : mqa::impl::MQARaisePassBase<RaisePass> {
  using MQARaisePassBase::MQARaisePassBase;

  void runOnOperation() override {
    // From the last op on: the whole of a computation comes before its parts,
    // which are then without use.
    SmallVector<Operation *> ops;
    getOperation().walk([&](linalg::LinalgOp op) { ops.push_back(op); });
    IRRewriter rewriter(&getContext());
    for (Operation *op : llvm::reverse(ops)) {
      if (op->use_empty()) {
        if (isOpTriviallyDead(op))
          rewriter.eraseOp(op);
        continue;
      }
      auto type = op->getNumResults() == 1
                      ? dyn_cast<RankedTensorType>(op->getResult(0).getType())
                      : RankedTensorType();
      if (!type || type.getRank() != 2)
        continue;
      std::optional<LogitsOperands> found =
          matchLogits(op->getResult(0), {positiveScales, noNaNs});
      LDBG() << (found ? "these are logits: " : "these are no logits: ") << *op;
      if (found && replace(rewriter, op->getResult(0), *found) &&
          isOpTriviallyDead(op))
        rewriter.eraseOp(op);
    }
  }
};
} // namespace
