//===- TileLogits.cpp - Makes a persistent kernel of each logits op -------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "FusedSelection.h"
#include "KernelBody.h"
#include "PersistentLoops.h"
#include "mqa/Dialect/MQA/IR/Target.h"
#include "mqa/Dialect/MQA/Transforms/KernelFunctions.h"
#include "mqa/Dialect/MQA/Transforms/TilePlan.h"

#include "mlir/Dialect/Affine/IR/AffineOps.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Arith/Utils/Utils.h"
#include "mlir/Dialect/GPU/IR/GPUDialect.h"
#include "mlir/Dialect/LLVMIR/NVVMDialect.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Pass/Pass.h"
#include "llvm/Support/DebugLog.h"

#define DEBUG_TYPE "mqa-tile-logits"

namespace mlir {
namespace mqa {
#define GEN_PASS_DEF_MQATILELOGITSPASS
#include "mqa/Dialect/MQA/Transforms/Passes/MQATileLogitsPass.h.inc"
} // namespace mqa
} // namespace mlir

using namespace mlir;
using namespace mlir::mqa;

/// Whether the number of keys becomes an argument that the function does not
/// have: nothing else says it where k becomes a tensor map, and `out` has no
/// column for each key, or is not there. (The block table of a paged cache may
/// have room for more keys than the caller says that a row has.)
static bool needsNumKeys(KernelFunction found) {
  KernelOpInterface op = found.op;
  bool isFused = static_cast<bool>(found.topk);
  if (auto contiguous = dyn_cast<LogitsOp>(*op))
    return (!contiguous.hasKeyColumns() || isFused) &&
           getGlobalType(cast<MemRefType>(contiguous.getK().getType()))
               .isDynamicDim(0);
  return isFused && !found.getNumKeysOperand() &&
         cast<LogitsOpInterface>(*op).getOutType().isDynamicDim(1);
}

/// Argument number `position`, which is the number of keys.
static Value takeNumKeys(gpu::GPUFuncOp kernel, unsigned position) {
  Value numKeys = kernel.getArgument(position);
  kernel.setArgAttr(position, OperandAttr::getAttrName(),
                    OperandAttr::get("num_keys", numKeys.getType()));
  return numKeys;
}

/// The number of keys: a constant, or argument number `position`.
static Value getNumKeys(RewriterBase &rewriter, gpu::GPUFuncOp kernel,
                        LogitsOp op, unsigned position) {
  if (op.getKeyType().isDynamicDim(0))
    return takeNumKeys(kernel, position);
  OpBuilder::InsertionGuard guard(rewriter);
  rewriter.setInsertionPoint(op);
  return arith::ConstantIndexOp::create(rewriter, op.getLoc(),
                                        op.getKeyType().getDimSize(0));
}

/// The most keys that a row of a paged op has: a constant, an argument of the
/// function's, `argument`, or argument number `position`.
static Value getNumKeys(RewriterBase &rewriter, gpu::GPUFuncOp kernel,
                        PagedLogitsOp op, Value argument, unsigned position) {
  if (argument)
    return argument;
  int64_t size = op.getOutType().getDimSize(1);
  if (ShapedType::isDynamic(size))
    return takeNumKeys(kernel, position);
  return arith::ConstantIndexOp::create(rewriter, op.getLoc(), size);
}

/// What `op`, of a fused pair, writes on the device. Its sizes are all that
/// there is of it.
static Value createUnstoredLogits(RewriterBase &rewriter, LogitsOpInterface op,
                                  TopkOp topk, Value numKeys) {
  auto out = cast<MemRefType>(op.getOutType());
  // As of arguments: a kernel for no key is not another one.
  SmallVector<int64_t> shape(out.getShape());
  llvm::replace(shape, int64_t(0), ShapedType::kDynamic);
  auto type = MemRefType::get(shape, out.getElementType());
  SmallVector<Value> sizes;
  if (type.isDynamicDim(0))
    sizes.push_back(
        memref::DimOp::create(rewriter, op.getLoc(), topk.getIndices(), 0));
  if (type.isDynamicDim(1))
    sizes.push_back(numKeys);
  return UnstoredLogitsOp::create(rewriter, op.getLoc(), type, sizes);
}

/// Removes it, once nothing but its sizes is used.
static void eraseUnstoredLogits(RewriterBase &rewriter, UnstoredLogitsOp op) {
  SmallVector<OpFoldResult> sizes = op.getMixedSizes();
  for (Operation *user : llvm::make_early_inc_range(op->getUsers())) {
    auto dim = cast<memref::DimOp>(user);
    rewriter.setInsertionPoint(dim);
    rewriter.replaceOp(
        dim, getValueOrCreateConstantIndexOp(rewriter, dim.getLoc(),
                                             sizes[*dim.getConstantIndex()]));
  }
  rewriter.eraseOp(op);
}

static LogicalResult makeLogitsKernel(RewriterBase &rewriter,
                                      gpu::GPUModuleOp module,
                                      func::FuncOp func) {
  FailureOr<KernelFunction> found = verifyKernelFunction(func);
  if (failed(found))
    return failure();
  auto logits = cast<LogitsOpInterface>(found->op.getOperation());
  if (logits->getNumResults())
    return logits->emitOpError("must be bufferized before it is tiled");
  if (found->topk && (logits.hasKeyBlocks() || logits.hasRowsOfSequences()))
    return logits->emitOpError(
        "of key blocks, or of rows that name their sequences, cannot be "
        "one kernel with mqa.topk: mqa-split-topk makes two");
  ScheduleAttr schedule = logits.getScheduleAttr();
  if (!schedule)
    return logits->emitOpError("needs a schedule before it is tiled");
  FailureOr<const ChipInfo *> chip = requireGpu(logits);
  if (failed(chip))
    return failure();
  FailureOr<TilePlan> plan = TilePlan::get(logits, **chip, schedule, [&] {
    return logits->emitOpError()
           << "schedule " << schedule << " does not fit: ";
  });
  if (failed(plan))
    return failure();

  auto describe = [](bool isLoaded) {
    return isLoaded ? "whole rows, which TMA may load" : "row blocks";
  };
  LDBG() << "'" << func.getName() << "' becomes a kernel of "
         << plan->numThreads << " threads by " << plan->schedule
         << "\n  weights come as " << describe(plan->loadsWeightsByTma)
         << "\n  scales come as " << describe(plan->loadsScalesByTma);
  SmallVector<Type> moreTypes;
  bool isFused = static_cast<bool>(found->topk);
  if (needsNumKeys(*found))
    moreTypes.push_back(rewriter.getIndexType());
  if (isFused)
    moreTypes.push_back(getGlobalType(
        MemRefType::get({ShapedType::kDynamic}, rewriter.getI32Type())));
  gpu::GPUFuncOp kernel =
      createKernel(rewriter, module, func, *found, plan->schedule,
                   plan->numThreads, moreTypes);

  OpBuilder::InsertionGuard guard(rewriter);
  rewriter.setInsertionPointToStart(&kernel.getBody().front());
  IRMapping mapping;
  mapping.map(func.getArguments(),
              kernel.getArguments().take_front(func.getNumArguments()));
  auto onDevice = cast<LogitsOpInterface>(rewriter.clone(*logits, mapping));
  unsigned numArguments = func.getNumArguments();
  auto op = dyn_cast<LogitsOp>(*onDevice);
  Value numKeys;
  if (op && (!op.hasKeyColumns() || isFused))
    numKeys = getNumKeys(rewriter, kernel, op, numArguments);
  rewriter.setInsertionPoint(onDevice);
  TopkOp topk;
  UnstoredLogitsOp unstored;
  std::unique_ptr<FusedSelection> selection;
  if (isFused) {
    if (!op)
      numKeys = getNumKeys(rewriter, kernel, cast<PagedLogitsOp>(*onDevice),
                           mapping.lookupOrNull(found->getNumKeysOperand()),
                           numArguments);
    topk = cast<TopkOp>(rewriter.clone(*found->topk, mapping));
    unstored = createUnstoredLogits(rewriter, onDevice, topk, numKeys)
                   .getDefiningOp<UnstoredLogitsOp>();
    cast<DestinationStyleOpInterface>(*onDevice).setDpsInitOperand(0, unstored);
    rewriter.moveOpAfter(topk, onDevice);
    topk.getLogitsMutable().assign(unstored);
    unsigned position = kernel.getNumArguments() - 1;
    Value scratch = kernel.getArgument(position);
    kernel.setArgAttr(position, OperandAttr::getAttrName(),
                      OperandAttr::get("scratch", scratch.getType()));
    selection = FusedSelection::create(onDevice, topk, scratch, *plan);
    StringRef name = KernelAttr::getAttrName();
    kernel->setAttr(
        name, selection->describe(kernel->getAttrOfType<KernelAttr>(name)));
  }
  FusedSelection *selects = selection.get();
  auto build = [&]() -> LogicalResult {
    if (onDevice.hasKeyBlocks()) {
      buildKeyBlockLoops(rewriter, onDevice, *plan, numKeys);
      return success();
    }
    if (op)
      return buildLogitsLoops(rewriter, op, *plan, numKeys, selects);
    auto paged = cast<PagedLogitsOp>(*onDevice);
    if (paged.hasRowsOfSequences())
      return buildRowRunLoops(rewriter, paged, *plan);
    return buildPagedLogitsLoops(rewriter, paged, *plan, selects);
  };
  if (failed(build()))
    return failure();
  if (topk)
    rewriter.eraseOp(topk);
  rewriter.eraseOp(onDevice);
  if (unstored)
    eraseUnstoredLogits(rewriter, unstored);
  rewriter.eraseOp(func);
  return success();
}

namespace {
struct TileLogitsPass : mqa::impl::MQATileLogitsPassBase<TileLogitsPass> {
  void runOnOperation() override {
    if (failed(makeKernels(getOperation(), llvm::IsaPred<LogitsOpInterface>,
                           makeLogitsKernel)))
      signalPassFailure();
  }
};
} // namespace
