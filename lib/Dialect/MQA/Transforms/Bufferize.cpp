//===- Bufferize.cpp - One-Shot Bufferize with strided rows ---------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "mqa/Dialect/MQA/Transforms/Passes.h"

#include "mlir/Dialect/Bufferization/IR/Bufferization.h"
#include "mlir/Dialect/Bufferization/Transforms/OneShotAnalysis.h"
#include "mlir/Dialect/Bufferization/Transforms/OneShotModuleBufferize.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"

namespace mlir {
namespace mqa {
#define GEN_PASS_DEF_MQABUFFERIZEPASS
#include "mqa/Dialect/MQA/Transforms/Passes.h.inc"
} // namespace mqa
} // namespace mlir

using namespace mlir;
using namespace mlir::bufferization;

/// A memref like `tensor` whose rows (everything behind dimension 0) are
/// contiguous, at any stride from each other and at any offset.
static BufferLikeType getStridedRowsType(TensorLikeType tensor,
                                         Attribute memorySpace, func::FuncOp,
                                         const BufferizationOptions &) {
  auto type = dyn_cast<RankedTensorType>(tensor);
  if (!type)
    return cast<BufferLikeType>(Type(UnrankedMemRefType::get(
        cast<TensorType>(tensor).getElementType(), memorySpace)));
  SmallVector<int64_t> strides(type.getRank(), 1);
  for (int64_t i = type.getRank() - 2; i >= 0; --i) {
    int64_t inner = type.getDimSize(i + 1);
    bool known = i > 0 && !ShapedType::isDynamic(inner) &&
                 !ShapedType::isDynamic(strides[i + 1]);
    strides[i] = known ? strides[i + 1] * inner : ShapedType::kDynamic;
  }
  auto layout =
      StridedLayoutAttr::get(type.getContext(), ShapedType::kDynamic, strides);
  return cast<BufferLikeType>(Type(MemRefType::get(
      type.getShape(), type.getElementType(), layout, memorySpace)));
}

namespace {
struct BufferizePass : mqa::impl::MQABufferizePassBase<BufferizePass> {
  void runOnOperation() override {
    OneShotBufferizationOptions options;
    options.bufferizeFunctionBoundaries = true;
    options.functionArgTypeConverterFn = getStridedRowsType;
    options.inferFunctionResultLayout = true;
    BufferizationState state;
    if (failed(runOneShotModuleBufferize(getOperation(), options, state)))
      signalPassFailure();
  }
};
} // namespace
