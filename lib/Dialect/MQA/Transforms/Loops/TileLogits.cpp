//===- TileLogits.cpp - Makes a persistent kernel of each logits op -------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "KernelBody.h"
#include "PersistentLoops.h"
#include "mqa/Dialect/MQA/Transforms/KernelFunctions.h"
#include "mqa/Dialect/MQA/Transforms/Passes.h"
#include "mqa/Dialect/MQA/Transforms/TilePlan.h"

#include "mlir/Dialect/Affine/IR/AffineOps.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/GPU/IR/GPUDialect.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "llvm/Support/DebugLog.h"

#define DEBUG_TYPE "mqa-tile-logits"

namespace mlir {
namespace mqa {
#define GEN_PASS_DEF_MQATILELOGITSPASS
#include "mqa/Dialect/MQA/Transforms/Passes.h.inc"
} // namespace mqa
} // namespace mlir

using namespace mlir;
using namespace mlir::mqa;

/// The number of keys of a compressed op, whose rows do not say it, and whose k
/// will not, as a tensor map: a constant, or an argument behind those of the
/// function.
static Value getNumKeys(RewriterBase &rewriter, gpu::GPUFuncOp kernel,
                        LogitsOp op) {
  OpBuilder::InsertionGuard guard(rewriter);
  rewriter.setInsertionPoint(op);
  Value numKeys;
  if (op.getKeyType().isDynamicDim(0)) {
    unsigned position = kernel.getNumArguments() - 1;
    numKeys = kernel.getArgument(position);
    kernel.setArgAttr(position, OperandAttr::getAttrName(),
                      OperandAttr::get("num_keys", numKeys.getType()));
  } else {
    numKeys = arith::ConstantIndexOp::create(rewriter, op.getLoc(),
                                             op.getKeyType().getDimSize(0));
  }
  return numKeys;
}

static LogicalResult makeKernel(RewriterBase &rewriter, gpu::GPUModuleOp module,
                                func::FuncOp func) {
  FailureOr<KernelFunction> found = verifyKernelFunction(func);
  if (failed(found))
    return failure();
  auto logits = cast<LogitsOpInterface>(found->op.getOperation());
  if (found->topk)
    return logits->emitOpError("fused with mqa.topk has no GPU kernel yet");
  if (logits->getNumResults())
    return logits->emitOpError("must be bufferized before it is tiled");
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
  auto contiguous = dyn_cast<LogitsOp>(*logits);
  if (contiguous && contiguous.getCompressed() &&
      getGlobalType(cast<MemRefType>(contiguous.getK().getType()))
          .isDynamicDim(0))
    moreTypes.push_back(rewriter.getIndexType());
  gpu::GPUFuncOp kernel =
      createKernel(rewriter, module, func, *found, plan->schedule,
                   plan->numThreads, moreTypes);

  OpBuilder::InsertionGuard guard(rewriter);
  rewriter.setInsertionPointToStart(&kernel.getBody().front());
  IRMapping mapping;
  mapping.map(func.getArguments(),
              kernel.getArguments().take_front(func.getNumArguments()));
  Operation *onDevice = rewriter.clone(*logits, mapping);
  LogicalResult built = failure();
  if (auto op = dyn_cast<LogitsOp>(onDevice)) {
    Value numKeys;
    if (op.getCompressed())
      numKeys = getNumKeys(rewriter, kernel, op);
    built = buildLogitsLoops(rewriter, op, *plan, numKeys);
  } else {
    built =
        buildPagedLogitsLoops(rewriter, cast<PagedLogitsOp>(onDevice), *plan);
  }
  if (failed(built))
    return failure();
  rewriter.eraseOp(onDevice);
  rewriter.eraseOp(func);
  return success();
}

namespace {
struct TileLogitsPass : mqa::impl::MQATileLogitsPassBase<TileLogitsPass> {
  void runOnOperation() override {
    if (failed(makeKernels(getOperation(), llvm::IsaPred<LogitsOpInterface>,
                           makeKernel)))
      signalPassFailure();
  }
};
} // namespace
