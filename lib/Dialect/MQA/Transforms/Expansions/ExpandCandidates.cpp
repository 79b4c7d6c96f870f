//===- ExpandCandidates.cpp - Expands the candidate ops -------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Candidates.h"
#include "mqa/Dialect/MQA/IR/Shapes.h"
#include "mqa/Dialect/MQA/Transforms/Passes.h"

#include "mlir/Dialect/LLVMIR/NVVMDialect.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "llvm/ADT/TypeSwitch.h"

namespace mlir {
namespace mqa {
#define GEN_PASS_DEF_MQAEXPANDCANDIDATESPASS
#include "mqa/Dialect/MQA/Transforms/Passes.h.inc"
} // namespace mqa
} // namespace mlir

using namespace mlir;
using namespace mlir::mqa;

/// All threads must come to `op`, and a list must not be counted in more than
/// the half of a word that there is for it.
static LogicalResult verify(gpu::GPUFuncOp kernel, Operation *op) {
  DenseI32ArrayAttr size = kernel.getKnownBlockSizeAttr();
  constexpr int64_t kMaxThreads = shapes::kWarpThreads * shapes::kWarpThreads;
  if (!size || size[0] % shapes::kWarpThreads || size[0] <= 0 ||
      size[0] > kMaxThreads || size[1] != 1 || size[2] != 1)
    return op->emitOpError(
        "needs a kernel whose 'known_block_size' is whole warps");
  constexpr int64_t kMaxCandidates = 1 << 15;
  for (Type operand : op->getOperandTypes()) {
    auto type = dyn_cast<MemRefType>(operand);
    if (!type || type.getDimSize(0) <= kMaxCandidates)
      continue;
    return op->emitOpError() << "needs a list of at most " << kMaxCandidates
                             << " candidates, found " << type;
  }
  return success();
}

namespace {
struct ExpandCandidatesPass
    : mqa::impl::MQAExpandCandidatesPassBase<ExpandCandidatesPass> {
  void runOnOperation() override {
    gpu::GPUFuncOp kernel = getOperation();
    SmallVector<Operation *> ops;
    kernel.walk([&](Operation *op) {
      if (isa<AppendCandidatesOp, CutCandidatesOp, SortCandidatesOp>(op))
        ops.push_back(op);
    });
    for (Operation *op : ops)
      if (failed(verify(kernel, op)))
        return signalPassFailure();
    CandidateScratch scratch(kernel);
    for (Operation *op : ops) {
      BlockBuilder b(kernel, kernel.getKnownBlockSizeAttr()[0], op);
      llvm::TypeSwitch<Operation *>(op)
          .Case([&](AppendCandidatesOp op) { expandAppend(b, scratch, op); })
          .Case([&](CutCandidatesOp op) { expandCut(b, scratch, op); })
          .Case([&](SortCandidatesOp op) { expandSort(b, op); });
    }
  }
};
} // namespace
