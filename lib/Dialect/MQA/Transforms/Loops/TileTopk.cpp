//===- TileTopk.cpp - Makes a kernel of each op that selects --------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "CandidateList.h"
#include "KernelBody.h"
#include "RegisterSelection.h"
#include "StreamSelection.h"
#include "mqa/Dialect/MQA/IR/Steps.h"
#include "mqa/Dialect/MQA/IR/Target.h"
#include "mqa/Dialect/MQA/Transforms/KernelFunctions.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/LLVMIR/NVVMDialect.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/Pass/Pass.h"
#include "llvm/Support/DebugLog.h"

#define DEBUG_TYPE "mqa-tile-topk"

namespace mlir {
namespace mqa {
#define GEN_PASS_DEF_MQATILETOPKPASS
#include "mqa/Dialect/MQA/Transforms/Passes/MQATileTopkPass.h.inc"
} // namespace mqa
} // namespace mlir

using namespace mlir;
using namespace mlir::mqa;

/// Of the histogram and of the words of warps, beside the list.
static constexpr int64_t kScratchBytes = 9 * 1024;
static constexpr int64_t kWordBytes = sizeof(int32_t);
/// Of shared memory, for each block.
static constexpr int64_t kReservedBytes = 1024;

/// Whether `logits`, a kernel of mqa.paged_logits, is made for more than some
/// queries for each sequence.
static bool isForManyRows(gpu::GPUFuncOp logits) {
  auto attr = logits->getAttrOfType<KernelAttr>(KernelAttr::getAttrName());
  bool namesSequences = false;
  for (unsigned i = 0, e = logits.getNumArguments(); i < e; ++i) {
    auto operand =
        logits.getArgAttrOfType<OperandAttr>(i, OperandAttr::getAttrName());
    namesSequences |= operand && operand.getName() == "sequence";
  }
  return attr && namesSequences && !attr.getRowsPerSequence();
}

/// Whether the kernel `name` of `op` selects from many rows: from logits that
/// another kernel stores for it, of more than some queries for each sequence,
/// unless the rows are known to be few.
static bool hasManyRows(gpu::GPUModuleOp kernels, StringRef name, TopkOp op) {
  auto steps =
      kernels->getParentOfType<ModuleOp>()->getAttrOfType<DictionaryAttr>(
          kStepsAttrName);
  int64_t numRows = cast<ShapedType>(op.getIndices().getType()).getDimSize(0);
  bool areFew =
      !ShapedType::isDynamic(numRows) && numRows <= StreamSelection::kManyRows;
  if (!steps || areFew)
    return false;
  for (NamedAttribute entry : steps) {
    auto names = cast<ArrayAttr>(entry.getValue());
    if (cast<StringAttr>(names[1]) != name)
      continue;
    auto logits =
        kernels.lookupSymbol<gpu::GPUFuncOp>(cast<StringAttr>(names[0]));
    return !op.getContextLens() || (logits && isForManyRows(logits));
  }
  return false;
}

static LogicalResult makeSelectionKernel(RewriterBase &rewriter,
                                         gpu::GPUModuleOp module,
                                         func::FuncOp func) {
  FailureOr<KernelFunction> found = verifyKernelFunction(func);
  if (failed(found))
    return failure();
  if (found->topk)
    return found->topk.emitOpError("is fused with ")
           << found->op->getName()
           << ", of which mqa-tile-logits makes a kernel";
  Operation *op = found->op;
  if (op->getNumResults())
    return op->emitOpError("must be bufferized before it is tiled");
  FailureOr<const ChipInfo *> chip = requireGpu(op);
  if (failed(chip))
    return failure();
  auto topk = dyn_cast<TopkOp>(op);
  int64_t numSelected =
      topk ? topk.getNumSelected() : cast<MergeTopkOp>(op).getNumSelected();
  constexpr int64_t kMost = CandidateList::kMostSelected;
  if (numSelected > kMost)
    return op->emitOpError()
           << "must select at most " << kMost << " keys, found " << numSelected;
  // Two blocks hide each other's barriers. Where they leave too few registers,
  // as ties by keys do, one is quicker than spills.
  StreamSelection::Shape shape{CandidateList::kThreads, topk ? 2 : 1,
                               CandidateList::kCapacity};
  auto fits = [&](const StreamSelection::Shape &shape, int64_t bytes) {
    bytes += 2 * shape.capacity * kWordBytes + kReservedBytes;
    if (shape.threads == CandidateList::kThreads)
      bytes += RegisterSelection::kBytes;
    return shape.blocks * bytes <= (*chip)->blockSharedMemory + kReservedBytes;
  };
  bool hasStream = false;
  if (topk) {
    auto streamed = StreamSelection::getShape(
        numSelected, hasManyRows(module, func.getName(), topk));
    hasStream = fits(streamed, StreamSelection::kBytes);
    if (hasStream)
      shape = streamed;
    // Rows of a cache's sequences are few, mostly no more than there are
    // multiprocessors: one block has twice the registers, and spills nothing.
    if (topk.getContextLens() || !fits(shape, kScratchBytes))
      shape.blocks = 1;
  }
  LDBG() << func.getName() << ": " << shape.blocks << " blocks of "
         << shape.threads << " threads for a multiprocessor of "
         << (*chip)->name;
  gpu::GPUFuncOp kernel = createKernel(rewriter, module, func, *found,
                                       /*schedule=*/{}, shape.threads);
  StringRef name = KernelAttr::getAttrName();
  kernel->setAttr(
      name, kernel->getAttrOfType<KernelAttr>(name).withDynamicSharedMemory(
                2 * shape.capacity * kWordBytes));
  if (shape.blocks > 1)
    kernel->setAttr(NVVM::NVVMDialect::getMinctasmAttrName(),
                    rewriter.getI32IntegerAttr(shape.blocks));

  OpBuilder::InsertionGuard guard(rewriter);
  rewriter.setInsertionPointToStart(&kernel.getBody().front());
  IRMapping mapping;
  mapping.map(func.getArguments(), kernel.getArguments());
  Operation *onDevice = rewriter.clone(*op, mapping);
  DeviceBuilder b(op->getLoc(), onDevice);
  if (topk)
    buildTopkBody(b, cast<TopkOp>(onDevice), kernel, shape, hasStream);
  else
    buildMergeTopkBody(b, cast<MergeTopkOp>(onDevice));
  rewriter.eraseOp(onDevice);
  rewriter.eraseOp(func);
  return success();
}

namespace {
struct TileTopkPass : mqa::impl::MQATileTopkPassBase<TileTopkPass> {
  void runOnOperation() override {
    if (failed(makeKernels(getOperation(), llvm::IsaPred<TopkOp, MergeTopkOp>,
                           makeSelectionKernel)))
      signalPassFailure();
  }
};
} // namespace
