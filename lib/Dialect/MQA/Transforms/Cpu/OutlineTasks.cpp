//===- OutlineTasks.cpp - Makes a scf.forall callable, one task a call ----===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "mqa/Dialect/MQA/IR/MQA.h"
#include "mqa/Dialect/MQA/IR/Target.h"
#include "mqa/Dialect/MQA/Transforms/KernelFunctions.h"

#include "mlir/Dialect/Affine/IR/AffineOps.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Arith/Utils/Utils.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Pass/Pass.h"
#include "llvm/ADT/SmallBitVector.h"

namespace mlir {
namespace mqa {
#define GEN_PASS_DEF_MQAOUTLINETASKSPASS
#include "mqa/Dialect/MQA/Transforms/Passes/MQAOutlineTasksPass.h.inc"
} // namespace mqa
} // namespace mlir

using namespace mlir;
using namespace mlir::mqa;

/// What `kernel`, on the operands of one task, is as a whole.
static KernelAttr describeKernel(Builder &b, KernelFunction kernel,
                                 SmallVector<int64_t> sizes) {
  auto logits = dyn_cast<LogitsOpInterface>(*kernel.op);
  auto topk = kernel.topk ? kernel.topk : dyn_cast<TopkOp>(*kernel.op);
  // A step over sequences is one over the rows of each. That of
  // mqa.paged_logits is of sequences.
  bool isPaged = isa<PagedLogitsOp>(*kernel.op);
  if (topk && topk.hasSequencesInOrder() && !isPaged)
    sizes[0] *= topk.getRowsOfSequence();
  if (kernel.topk)
    sizes.push_back(getFusedTileKeys(logits));
  else if (logits)
    sizes[1] *= logits.getColumnKeys();
  return KernelAttr::get(kernel.op, /*schedule=*/{},
                         b.getDenseI64ArrayAttr(sizes), kernel.topk);
}

/// Says which operand of the op each argument of `func` is sliced for, and what
/// the function computes. The caller hands over the operands by their names:
/// each argument is one of them.
static LogicalResult nameArguments(func::FuncOp func, KernelFunction kernel,
                                   ArrayRef<int64_t> steps) {
  Builder b(func.getContext());
  llvm::SmallBitVector named(func.getNumArguments());
  for (auto [value, name] : llvm::zip_equal(kernel.getDataOperands(),
                                            kernel.getDataOperandNames())) {
    if (!value)
      continue;
    Operation *op = kernel.getOwner(name);
    auto type = cast<ShapedType>(value.getType());
    while (auto view = value.getDefiningOp<ViewLikeOpInterface>())
      value = view.getViewSource();
    auto argument = dyn_cast<BlockArgument>(value);
    if (!argument || argument.getOwner() != &func.getBody().front() ||
        named.test(argument.getArgNumber()))
      return op->emitOpError()
             << "operand '" << name
             << "' must be of an argument of the function, and of its own";
    auto whole = dyn_cast<MemRefType>(argument.getType());
    if (!whole || whole.getRank() != type.getRank() ||
        whole.getElementType() != type.getElementType())
      return op->emitOpError()
             << "operand '" << name << "' of type " << type
             << " must be of an argument of its rank and element type, found "
             << argument.getType();
    named.set(argument.getArgNumber());
    func.setArgAttr(argument.getArgNumber(), OperandAttr::getAttrName(),
                    OperandAttr::get(name, argument.getType()));
  }
  if (auto numKeys =
          dyn_cast_if_present<BlockArgument>(kernel.getNumKeysOperand());
      numKeys && numKeys.getOwner() == &func.getBody().front())
    func.setArgAttr(numKeys.getArgNumber(), OperandAttr::getAttrName(),
                    OperandAttr::get("num_keys", numKeys.getType()));
  for (BlockArgument argument : func.getArguments())
    if (isa<ShapedType>(argument.getType()) &&
        !named.test(argument.getArgNumber()))
      return func.emitError("argument #")
             << argument.getArgNumber() << " is of no operand of its "
             << kernel.op->getName();
  bool selects = kernel.topk || !isa<LogitsOpInterface>(*kernel.op);
  if (steps.size() != (selects ? 1 : 2))
    return func.emitError("tasks of ")
           << kernel.getLast()->getName() << " are the steps of "
           << (selects ? "one loop, over rows,"
                       : "two loops, over queries and keys,")
           << " found " << steps.size();
  func->setAttr(KernelAttr::getAttrName(),
                describeKernel(b, kernel, SmallVector<int64_t>(steps)));
  return success();
}

static LogicalResult outline(func::FuncOp func, scf::ForallOp forall) {
  auto returnOp = cast<func::ReturnOp>(func.getBody().front().getTerminator());
  for (Value value : returnOp.getOperands())
    if (!isa<BlockArgument>(value))
      return func.emitError("a task cannot return what it computes; results "
                            "must be arguments");
  if (forall.getNumResults())
    return forall.emitOpError("must be bufferized before it is outlined");
  SmallVector<int64_t> steps;
  for (OpFoldResult step : forall.getMixedStep()) {
    std::optional<int64_t> value = getConstantIntValue(step);
    if (!value)
      return forall.emitOpError("needs constant steps");
    steps.push_back(*value);
  }
  KernelFunction computed;
  forall.walk([&](KernelOpInterface op) {
    computed.op = op;
    return WalkResult::interrupt();
  });
  if (auto logits = dyn_cast_if_present<LogitsOpInterface>(
          computed.op ? computed.op.getOperation() : nullptr))
    computed.topk = getFusedTopk(logits);
  if (!computed.op)
    return forall.emitOpError("holds no op that kernels are made of");
  if (failed(verifyNobodyRefersTo(func)) ||
      failed(nameArguments(func, computed, steps)))
    return failure();

  IRRewriter b(func.getContext());
  Location loc = forall.getLoc();
  b.setInsertionPoint(forall);
  SmallVector<Value> offsets;
  for (auto [lower, step] :
       llvm::zip_equal(forall.getMixedLowerBound(), steps)) {
    unsigned position = func.getNumArguments();
    if (failed(func.insertArgument(position, b.getIndexType(), {}, loc)))
      return failure();
    AffineExpr task, start;
    bindDims(b.getContext(), task);
    bindSymbols(b.getContext(), start);
    OpFoldResult offset = affine::makeComposedFoldedAffineApply(
        b, loc, start + task * step,
        {OpFoldResult(func.getArgument(position)), lower});
    offsets.push_back(getValueOrCreateConstantIndexOp(b, loc, offset));
  }
  b.eraseOp(forall.getTerminator());
  b.inlineBlockBefore(forall.getBody(), forall, offsets);
  b.eraseOp(forall);

  func->setAttr("llvm.emit_c_interface", b.getUnitAttr());
  BitVector results(func.getNumResults(), true);
  b.modifyOpInPlace(returnOp, [&] { returnOp->setOperands({}); });
  return func.eraseResults(results);
}

static LogicalResult outlineTasks(func::FuncOp func) {
  auto foralls = llvm::to_vector(func.getOps<scf::ForallOp>());
  if (foralls.empty())
    return success();
  if (!func.getBody().hasOneBlock())
    return func.emitError("needs one block to be outlined, found ")
           << func.getBody().getBlocks().size();
  if (foralls.size() != 1)
    return func.emitError("holds more than one scf.forall");
  for (Operation &op : func.getBody().front().without_terminator())
    if (&op != foralls.front() && !isMemoryEffectFree(&op))
      return op.emitError("does work beside the tasks of the function");
  return outline(func, foralls.front());
}

namespace {
struct OutlineTasksPass : mqa::impl::MQAOutlineTasksPassBase<OutlineTasksPass> {
  void runOnOperation() override {
    for (auto func : getOperation().getOps<func::FuncOp>())
      if (!func.isExternal() && failed(outlineTasks(func)))
        return signalPassFailure();
  }
};
} // namespace
