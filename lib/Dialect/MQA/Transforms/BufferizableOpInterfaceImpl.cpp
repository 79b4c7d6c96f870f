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

namespace {
struct LogitsOpInterface
    : DstBufferizableOpInterfaceExternalModel<LogitsOpInterface, LogitsOp> {
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
    SmallVector<Value> buffers;
    for (Value operand : logits.getDataOperands()) {
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
    LogitsOp::create(rewriter, op->getLoc(), /*result=*/Type(), buffers[0],
                     buffers[1], buffers[2], buffers[3], buffers[4], buffers[5],
                     logits.getKeyOffset(), logits.getNumKeys(), buffers[6],
                     logits.getCleanAttr(), logits.getCompressedAttr(),
                     logits.getActivationAttr(), logits.getScheduleAttr());
    replaceOpWithBufferizedValues(rewriter, op, buffers[6]);
    return success();
  }
};
} // namespace

void mqa::registerBufferizableOpInterfaceExternalModels(
    DialectRegistry &registry) {
  registry.addExtension(+[](MLIRContext *context, MQADialect *) {
    LogitsOp::attachInterface<LogitsOpInterface>(*context);
  });
}
