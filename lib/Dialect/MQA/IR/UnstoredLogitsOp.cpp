//===- UnstoredLogitsOp.cpp - mqa.unstored_logits: verifier, shapes -------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "mqa/Dialect/MQA/IR/MQA.h"

#include "mlir/Dialect/Utils/StaticValueUtils.h"

using namespace mlir;
using namespace mlir::mqa;

SmallVector<OpFoldResult> UnstoredLogitsOp::getMixedSizes() {
  Builder b(getContext());
  return mlir::getMixedValues(getShapedType().getShape(), getSizes(), b);
}

LogicalResult UnstoredLogitsOp::verify() {
  ShapedType type = getShapedType();
  int64_t numSizes = getSizes().size(), numDynamic = type.getNumDynamicDims();
  if (numSizes != numDynamic)
    return emitOpError("must have one size for each dynamic dimension of ")
           << type << ", found " << numSizes;
  if (auto tensor = dyn_cast<RankedTensorType>(type))
    if (tensor.getEncoding())
      return emitOpError("must be a tensor without an encoding, found ")
             << tensor.getEncoding();
  if (auto memref = dyn_cast<MemRefType>(type))
    if (!memref.getLayout().isIdentity() || memref.getMemorySpace())
      return emitOpError("must be a contiguous memref in the default memory "
                         "space, found ")
             << memref;
  return success();
}

LogicalResult UnstoredLogitsOp::reifyResultShapes(
    OpBuilder &, ReifiedRankedShapedTypeDims &reifiedReturnShapes) {
  reifiedReturnShapes.push_back(getMixedSizes());
  return success();
}
