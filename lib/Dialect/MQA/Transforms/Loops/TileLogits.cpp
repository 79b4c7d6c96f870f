//===- TileLogits.cpp - Makes a persistent kernel of each logits op -------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

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

/// `type` in global memory of the device. What has no element gets any number
/// of them: a kernel for none is not another one.
static MemRefType getGlobalType(MemRefType type) {
  SmallVector<int64_t> shape(type.getShape());
  llvm::replace(shape, int64_t(0), ShapedType::kDynamic);
  auto global =
      gpu::AddressSpaceAttr::get(type.getContext(), gpu::AddressSpace::Global);
  return MemRefType::get(shape, type.getElementType(), type.getLayout(),
                         global);
}

/// What the runtime must know of the op, and what its operands are.
static void setKernelAttributes(gpu::GPUFuncOp kernel, LogitsOpInterface logits,
                                const TilePlan &plan) {
  Builder b(kernel.getContext());
  kernel->setAttr(gpu::GPUDialect::getKernelFuncAttrName(), b.getUnitAttr());
  kernel.setKnownBlockSizeAttr(
      b.getDenseI32ArrayAttr({static_cast<int32_t>(plan.numThreads), 1, 1}));
  kernel->setAttr(
      KernelAttr::getAttrName(),
      KernelAttr::get(b.getContext(), logits->getName().getStringRef(),
                      logits.getActivation(), logits.getClean(),
                      logits.getCompressed(), plan.schedule,
                      /*dynamicSharedMemory=*/0, /*overlapsLaunches=*/false,
                      /*taskSizes=*/{}));
  for (auto [value, name] :
       llvm::zip_equal(logits.getDataOperands(), logits.getDataOperandNames()))
    if (value)
      kernel.setArgAttr(cast<BlockArgument>(value).getArgNumber(),
                        OperandAttr::getAttrName(),
                        OperandAttr::get(name, value.getType()));
}

/// Gives a compressed op, whose rows do not say how many keys there are, and
/// whose k will not, as a tensor map, that number: a constant, or an argument
/// behind those of the function.
static void setNumKeys(RewriterBase &rewriter, gpu::GPUFuncOp kernel,
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
  op.getNumKeysMutable().assign(numKeys);
}

static LogicalResult makeKernel(RewriterBase &rewriter, gpu::GPUModuleOp module,
                                func::FuncOp func) {
  FailureOr<LogitsOpInterface> found = verifyKernelFunction(func);
  if (failed(found))
    return failure();
  LogitsOpInterface logits = *found;
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
  OpBuilder::InsertionGuard guard(rewriter);
  rewriter.setInsertionPointToEnd(module.getBody());
  SmallVector<Type> argTypes;
  for (Type type : func.getArgumentTypes())
    argTypes.push_back(getGlobalType(cast<MemRefType>(type)));
  auto contiguous = dyn_cast<LogitsOp>(*logits);
  if (contiguous && contiguous.getCompressed() &&
      getGlobalType(cast<MemRefType>(contiguous.getK().getType()))
          .isDynamicDim(0))
    argTypes.push_back(rewriter.getIndexType());
  auto kernel = gpu::GPUFuncOp::create(rewriter, func.getLoc(), func.getName(),
                                       rewriter.getFunctionType(argTypes, {}));
  setKernelAttributes(kernel, logits, *plan);

  rewriter.setInsertionPointToStart(&kernel.getBody().front());
  IRMapping mapping;
  mapping.map(func.getArguments(),
              kernel.getArguments().take_front(func.getNumArguments()));
  Operation *onDevice = rewriter.clone(*logits, mapping);
  LogicalResult built = failure();
  if (auto op = dyn_cast<LogitsOp>(onDevice)) {
    if (op.getCompressed())
      setNumKeys(rewriter, kernel, op);
    built = buildLogitsLoops(rewriter, op, *plan);
  } else {
    built =
        buildPagedLogitsLoops(rewriter, cast<PagedLogitsOp>(onDevice), *plan);
  }
  if (failed(built))
    return failure();
  rewriter.eraseOp(onDevice);
  rewriter.setInsertionPointToEnd(&kernel.getBody().front());
  gpu::ReturnOp::create(rewriter, func.getLoc());
  rewriter.eraseOp(func);
  return success();
}

namespace {
struct TileLogitsPass : mqa::impl::MQATileLogitsPassBase<TileLogitsPass> {
  void runOnOperation() override {
    SmallVector<func::FuncOp> funcs;
    for (auto func : getOperation().getOps<func::FuncOp>())
      if (!func.isExternal() &&
          func.walk([](LogitsOpInterface) { return WalkResult::interrupt(); })
              .wasInterrupted())
        funcs.push_back(func);
    if (funcs.empty())
      return;
    IRRewriter rewriter(&getContext());
    OpBuilder detached(&getContext());
    auto module =
        gpu::GPUModuleOp::create(detached, getOperation().getLoc(), "kernels");
    // Gives it another name where something has that one.
    SymbolTable(getOperation())
        .insert(module, getOperation().getBody()->begin());
    getOperation()->setAttr(gpu::GPUDialect::getContainerModuleAttrName(),
                            rewriter.getUnitAttr());
    for (func::FuncOp func : funcs)
      if (failed(makeKernel(rewriter, module, func)))
        return signalPassFailure();
  }
};
} // namespace
