//===- BufferizableOpInterfaceImpl.cpp - Bufferization of mqa -------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "mqa/Dialect/MQA/Transforms/BufferizableOpInterfaceImpl.h"

#include "mlir/Dialect/Bufferization/IR/DstBufferizableOpInterfaceImpl.h"
#include "mlir/Dialect/Utils/StructuredOpsUtils.h"
#include "mlir/IR/Dialect.h"
#include "mqa/Dialect/MQA/IR/MQA.h"

using namespace mlir;
using namespace mlir::bufferization;
using namespace mlir::mqa;

/// The same op on the buffers of its operands.
static LogicalResult bufferizeOnBuffers(DestinationStyleOpInterface op,
                                        RewriterBase &rewriter,
                                        const BufferizationOptions &options,
                                        BufferizationState &state) {
  if (op.hasPureBufferSemantics())
    return success();
  SmallVector<Value> operands;
  for (Value operand : op->getOperands()) {
    if (!isa<TensorType>(operand.getType())) {
      operands.push_back(operand);
      continue;
    }
    FailureOr<Value> buffer = getBuffer(rewriter, operand, options, state);
    if (failed(buffer))
      return failure();
    operands.push_back(*buffer);
  }
  rewriter.setInsertionPoint(op);
  auto onBuffers = cast<DestinationStyleOpInterface>(
      clone(rewriter, op, /*newResultTypes=*/{}, operands));
  replaceOpWithBufferizedValues(rewriter, op,
                                llvm::to_vector(onBuffers.getDpsInits()));
  return success();
}

namespace {
template <typename OpTy>
struct LogitsModel
    : DstBufferizableOpInterfaceExternalModel<LogitsModel<OpTy>, OpTy> {
  bool bufferizesToMemoryRead(Operation *op, OpOperand &operand,
                              const AnalysisState &) const {
    // Without `clean`, elements outside the ranges keep what `out` had; and
    // compressed rows are cleaned only with the first key.
    auto logits = cast<OpTy>(op);
    bool keepsSome = !logits.getClean();
    if constexpr (std::is_same_v<OpTy, LogitsOp>)
      keepsSome |= logits.getCompressed() && logits.getKeyOffset();
    return !logits.isDpsInit(&operand) || keepsSome;
  }

  LogicalResult bufferize(Operation *op, RewriterBase &rewriter,
                          const BufferizationOptions &options,
                          BufferizationState &state) const {
    return bufferizeOnBuffers(cast<OpTy>(op), rewriter, options, state);
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
    return bufferizeOnBuffers(cast<OpTy>(op), rewriter, options, state);
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
    LogitsOp::attachInterface<LogitsModel<LogitsOp>>(*context);
    PagedLogitsOp::attachInterface<LogitsModel<PagedLogitsOp>>(*context);
    TopkOp::attachInterface<SelectionModel<TopkOp>>(*context);
    MergeTopkOp::attachInterface<SelectionModel<MergeTopkOp>>(*context);
    UnstoredLogitsOp::attachInterface<UnstoredLogitsModel>(*context);
  });
}
