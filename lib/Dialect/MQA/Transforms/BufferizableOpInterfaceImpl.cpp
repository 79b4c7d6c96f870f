//===- BufferizableOpInterfaceImpl.cpp - Bufferization of mqa -------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "mqa/Dialect/MQA/Transforms/BufferizableOpInterfaceImpl.h"

#include "mlir/Dialect/Bufferization/IR/DstBufferizableOpInterfaceImpl.h"
#include "mlir/IR/Dialect.h"
#include "mqa/Dialect/MQA/IR/MQA.h"

using namespace mlir;
using namespace mlir::bufferization;
using namespace mlir::mqa;

/// The buffers of the op's data operands; null where one is left out.
static FailureOr<SmallVector<Value>>
getBuffers(LogitsOpInterface op, RewriterBase &rewriter,
           const BufferizationOptions &options, BufferizationState &state) {
  SmallVector<Value> buffers;
  for (Value operand : op.getDataOperands()) {
    if (!operand) {
      buffers.push_back(Value());
      continue;
    }
    FailureOr<Value> buffer = getBuffer(rewriter, operand, options, state);
    if (failed(buffer))
      return failure();
    buffers.push_back(*buffer);
  }
  rewriter.setInsertionPoint(op);
  return buffers;
}

namespace {
struct LogitsModel
    : DstBufferizableOpInterfaceExternalModel<LogitsModel, LogitsOp> {
  bool bufferizesToMemoryRead(Operation *op, OpOperand &operand,
                              const AnalysisState &) const {
    // Without `clean`, elements outside the ranges keep what `out` had; and a
    // compressed tile cleans only where it is the first.
    auto logits = cast<LogitsOp>(op);
    return !logits.isDpsInit(&operand) || !logits.getClean() ||
           logits.getNumKeys();
  }

  LogicalResult bufferize(Operation *op, RewriterBase &rewriter,
                          const BufferizationOptions &options,
                          BufferizationState &state) const {
    auto logits = cast<LogitsOp>(op);
    if (!logits.getResult())
      return success();
    FailureOr<SmallVector<Value>> found =
        getBuffers(logits, rewriter, options, state);
    if (failed(found))
      return failure();
    ArrayRef<Value> buffers = *found;
    LogitsOp::create(rewriter, op->getLoc(), /*result=*/Type(), buffers[0],
                     buffers[1], buffers[2], buffers[3], buffers[4], buffers[5],
                     logits.getKeyOffset(), logits.getNumKeys(), buffers[6],
                     logits.getCleanAttr(), logits.getCompressedAttr(),
                     logits.getCausalAttr(), logits.getActivationAttr(),
                     logits.getScheduleAttr());
    replaceOpWithBufferizedValues(rewriter, op, buffers[6]);
    return success();
  }
};

struct PagedLogitsModel
    : DstBufferizableOpInterfaceExternalModel<PagedLogitsModel, PagedLogitsOp> {
  bool bufferizesToMemoryRead(Operation *op, OpOperand &operand,
                              const AnalysisState &) const {
    auto logits = cast<PagedLogitsOp>(op);
    return !logits.isDpsInit(&operand) || !logits.getClean();
  }

  LogicalResult bufferize(Operation *op, RewriterBase &rewriter,
                          const BufferizationOptions &options,
                          BufferizationState &state) const {
    auto logits = cast<PagedLogitsOp>(op);
    if (!logits.getResult())
      return success();
    FailureOr<SmallVector<Value>> found =
        getBuffers(logits, rewriter, options, state);
    if (failed(found))
      return failure();
    ArrayRef<Value> buffers = *found;
    PagedLogitsOp::create(rewriter, op->getLoc(), /*result=*/Type(), buffers[0],
                          buffers[1], buffers[2], buffers[3], buffers[4],
                          buffers[5], logits.getKeyOffset(), buffers[6],
                          logits.getCleanAttr(), logits.getActivationAttr(),
                          logits.getScheduleAttr());
    replaceOpWithBufferizedValues(rewriter, op, buffers[6]);
    return success();
  }
};
} // namespace

void mqa::registerBufferizableOpInterfaceExternalModels(
    DialectRegistry &registry) {
  registry.addExtension(+[](MLIRContext *context, MQADialect *) {
    LogitsOp::attachInterface<LogitsModel>(*context);
    PagedLogitsOp::attachInterface<PagedLogitsModel>(*context);
  });
}
