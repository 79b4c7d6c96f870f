//===- BufferizableOpInterfaceImpl.cpp - Bufferization of mqa -------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "mqa/Dialect/MQA/Transforms/BufferizableOpInterfaceImpl.h"

#include "FitLayout.h"
#include "mqa/Dialect/MQA/IR/MQA.h"
#include "mqa/Dialect/MQA/IR/OperandStrides.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Bufferization/IR/DstBufferizableOpInterfaceImpl.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/IR/Dialect.h"

using namespace mlir;
using namespace mlir::bufferization;
using namespace mlir::mqa;

/// Whether an op keeps some of what an init had.
using ReadsInitFn = llvm::function_ref<bool(OpOperand &)>;

/// The same op on the buffers of its operands, or on copies of those whose
/// layout it does not take.
static LogicalResult bufferizeOnBuffers(DestinationStyleOpInterface op,
                                        RewriterBase &rewriter,
                                        const BufferizationOptions &options,
                                        BufferizationState &state,
                                        ReadsInitFn readsInit) {
  if (op.hasPureBufferSemantics())
    return success();
  auto kernelOp = cast<KernelOpInterface>(*op);
  Location loc = op.getLoc();
  // Data operands stand in this order, and each that is there is a tensor.
  SmallVector<unsigned> numStrided;
  for (auto [operand, dims] :
       llvm::zip_equal(kernelOp.getDataOperands(), getNumStridedDims(kernelOp)))
    if (operand)
      numStrided.push_back(dims);
  auto nextStrided = numStrided.begin();
  SmallVector<Value> operands, initBuffers;
  SmallVector<FittingBuffer> inits;
  for (OpOperand &operand : op->getOpOperands()) {
    if (!isa<TensorType>(operand.get().getType())) {
      operands.push_back(operand.get());
      continue;
    }
    FailureOr<Value> buffer =
        getBuffer(rewriter, operand.get(), options, state);
    if (failed(buffer))
      return failure();
    rewriter.setInsertionPoint(op);
    bool isInit = op.isDpsInit(&operand);
    FailureOr<FittingBuffer> fitting =
        fitLayout(rewriter, loc, *buffer, *nextStrided++,
                  !isInit || readsInit(operand), options);
    if (failed(fitting))
      return failure();
    operands.push_back(fitting->buffer);
    if (isInit) {
      initBuffers.push_back(*buffer);
      inits.push_back(*fitting);
    }
  }
  rewriter.setInsertionPoint(op);
  clone(rewriter, op, /*newResultTypes=*/{}, operands);
  for (auto [buffer, fitting] : llvm::zip_equal(initBuffers, inits))
    if (failed(copyBack(rewriter, loc, fitting, buffer, options)))
      return failure();
  replaceOpWithBufferizedValues(rewriter, op, initBuffers);
  return success();
}

namespace {
template <typename OpTy>
struct LogitsModel
    : DstBufferizableOpInterfaceExternalModel<LogitsModel<OpTy>, OpTy> {
  bool bufferizesToMemoryRead(Operation *op, OpOperand &operand,
                              const AnalysisState &) const {
    return !cast<OpTy>(op).isDpsInit(&operand) || keepsSome(cast<OpTy>(op));
  }

  /// Without `clean`, elements outside the ranges keep what `out` had; and
  /// compressed rows are cleaned only with the first key.
  static bool keepsSome(OpTy logits) {
    if constexpr (std::is_same_v<OpTy, LogitsOp>)
      if (logits.getCompressed() && logits.getKeyOffset())
        return true;
    return !logits.getClean();
  }

  LogicalResult bufferize(Operation *op, RewriterBase &rewriter,
                          const BufferizationOptions &options,
                          BufferizationState &state) const {
    return bufferizeOnBuffers(
        cast<OpTy>(op), rewriter, options, state,
        [&](OpOperand &) { return keepsSome(cast<OpTy>(op)); });
  }
};

/// Every element of the inits is written.
template <typename OpTy>
struct SelectionModel
    : DstBufferizableOpInterfaceExternalModel<SelectionModel<OpTy>, OpTy> {
  bool bufferizesToMemoryRead(Operation *op, OpOperand &operand,
                              const AnalysisState &) const {
    return !cast<OpTy>(op).isDpsInit(&operand);
  }

  LogicalResult bufferize(Operation *op, RewriterBase &rewriter,
                          const BufferizationOptions &options,
                          BufferizationState &state) const {
    return bufferizeOnBuffers(cast<OpTy>(op), rewriter, options, state,
                              [](OpOperand &) { return false; });
  }
};

/// No memory backs it, and nothing is in it that anybody reads.
struct UnstoredLogitsModel
    : BufferizableOpInterface::ExternalModel<UnstoredLogitsModel,
                                             UnstoredLogitsOp> {
  bool resultBufferizesToMemoryWrite(Operation *, OpResult,
                                     const AnalysisState &) const {
    return false;
  }

  FailureOr<BufferLikeType> getBufferType(Operation *, Value value,
                                          const BufferizationOptions &,
                                          const BufferizationState &,
                                          SmallVector<Value> &) const {
    return cast<BufferLikeType>(Type(getMemRefTypeWithStaticIdentityLayout(
        cast<TensorType>(value.getType()))));
  }

  LogicalResult bufferize(Operation *op, RewriterBase &rewriter,
                          const BufferizationOptions &options,
                          BufferizationState &state) const {
    auto unstored = cast<UnstoredLogitsOp>(op);
    if (isa<MemRefType>(unstored.getType()))
      return success();
    FailureOr<BufferLikeType> type =
        bufferization::getBufferType(unstored.getResult(), options, state);
    if (failed(type))
      return failure();
    replaceOpWithNewBufferizedOp<UnstoredLogitsOp>(rewriter, op, *type,
                                                   unstored.getSizes());
    return success();
  }
};
} // namespace

void mqa::registerBufferizableOpInterfaceExternalModels(
    DialectRegistry &registry) {
  registry.addExtension(+[](MLIRContext *context, MQADialect *) {
    // Of copies.
    context->loadDialect<arith::ArithDialect, memref::MemRefDialect,
                         scf::SCFDialect>();
    LogitsOp::attachInterface<LogitsModel<LogitsOp>>(*context);
    PagedLogitsOp::attachInterface<LogitsModel<PagedLogitsOp>>(*context);
    TopkOp::attachInterface<SelectionModel<TopkOp>>(*context);
    MergeTopkOp::attachInterface<SelectionModel<MergeTopkOp>>(*context);
    UnstoredLogitsOp::attachInterface<UnstoredLogitsModel>(*context);
  });
}
