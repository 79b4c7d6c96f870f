//===- TileLogits.cpp - Makes a persistent kernel of each logits op
//--------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "PersistentLoops.h"
#include "mqa/Dialect/MQA/Transforms/Passes.h"
#include "mqa/Dialect/MQA/Transforms/TilePlan.h"

#include "mlir/Dialect/Affine/IR/AffineOps.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/GPU/IR/GPUDialect.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"

namespace mlir {
namespace mqa {
#define GEN_PASS_DEF_MQATILELOGITSPASS
#include "mqa/Dialect/MQA/Transforms/Passes.h.inc"
} // namespace mqa
} // namespace mlir

using namespace mlir;
using namespace mlir::mqa;

/// Whether `logits` is a tile of an op, which cannot become a kernel.
static bool isTile(LogitsOpInterface logits) {
  if (auto op = dyn_cast<LogitsOp>(*logits))
    return op.getKeyOffset() || op.getNumKeys();
  return static_cast<bool>(cast<PagedLogitsOp>(*logits).getKeyOffset());
}

/// The one op of `func`, where `func` has the form that becomes a kernel.
static FailureOr<LogitsOpInterface> getKernelBody(func::FuncOp func) {
  LogitsOpInterface logits;
  for (Operation &op : func.getBody().front().without_terminator()) {
    auto candidate = dyn_cast<LogitsOpInterface>(op);
    if (!candidate || logits)
      return op.emitError("a function that becomes a kernel must consist of "
                          "one mqa.logits or mqa.paged_logits on its "
                          "arguments, found also '")
             << op.getName() << "'";
    logits = candidate;
  }
  if (logits->getNumResults())
    return logits->emitOpError("must be bufferized before it is tiled");
  if (isTile(logits))
    return logits->emitOpError(
        "with 'key_offset' or 'num_keys' cannot become a kernel");
  SmallPtrSet<Value, 8> seen;
  for (auto [value, name] : llvm::zip_equal(logits.getDataOperands(),
                                            logits.getDataOperandNames())) {
    if (!value)
      continue;
    auto argument = dyn_cast<BlockArgument>(value);
    if (!argument || !seen.insert(value).second)
      return logits->emitOpError()
             << "operand '" << name
             << "' must be an argument of the function, and of its own";
  }
  if (seen.size() != func.getNumArguments())
    return func.emitError("every argument of a kernel must be an operand of "
                          "its ")
           << logits->getName();
  for (Value value : func.getBody().front().getTerminator()->getOperands())
    if (value != logits.getDataOperands().back())
      return func.emitError("a kernel can only return its 'out' argument");
  return logits;
}

/// `type` in global memory of the device.
static MemRefType getGlobalType(MemRefType type) {
  auto global =
      gpu::AddressSpaceAttr::get(type.getContext(), gpu::AddressSpace::Global);
  return MemRefType::get(type.getShape(), type.getElementType(),
                         type.getLayout(), global);
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
  FailureOr<LogitsOpInterface> found = getKernelBody(func);
  if (failed(found))
    return failure();
  LogitsOpInterface logits = *found;
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

  OpBuilder::InsertionGuard guard(rewriter);
  rewriter.setInsertionPointToEnd(module.getBody());
  SmallVector<Type> argTypes;
  for (Type type : func.getArgumentTypes())
    argTypes.push_back(getGlobalType(cast<MemRefType>(type)));
  auto contiguous = dyn_cast<LogitsOp>(*logits);
  if (contiguous && contiguous.getCompressed() &&
      contiguous.getKeyType().isDynamicDim(0))
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
    rewriter.setInsertionPointToStart(getOperation().getBody());
    auto module =
        gpu::GPUModuleOp::create(rewriter, getOperation().getLoc(), "kernels");
    getOperation()->setAttr(gpu::GPUDialect::getContainerModuleAttrName(),
                            rewriter.getUnitAttr());
    for (func::FuncOp func : funcs)
      if (failed(makeKernel(rewriter, module, func)))
        return signalPassFailure();
  }
};
} // namespace
