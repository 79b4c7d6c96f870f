//===- SharedFolds.h - What mqa.logits and mqa.paged_logits fold to *- C++ -*-//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef MQA_LIB_DIALECT_MQA_IR_SHAREDFOLDS_H
#define MQA_LIB_DIALECT_MQA_IR_SHAREDFOLDS_H

#include "mqa/Dialect/MQA/IR/MQA.h"

#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/Matchers.h"

namespace mlir {
namespace mqa {

/// The result has the sizes of `out`.
template <typename OpTy>
LogicalResult reifyShapeOfOut(OpTy op, OpBuilder &b,
                              ReifiedRankedShapedTypeDims &shapes) {
  shapes.resize(op->getNumResults());
  if (op.getResult())
    shapes[0] = tensor::getMixedSizes(b, op.getLoc(), op.getOut());
  return success();
}

template <typename OpTy>
LogicalResult foldLogits(OpTy op, Attribute keyOffset,
                         SmallVectorImpl<OpFoldResult> &) {
  // Not where there is no query or no key: a function of such an op is a kernel
  // too, which does nothing.
  if (op.getKeyOffset() && matchPattern(keyOffset, m_Zero())) {
    op.getKeyOffsetMutable().clear();
    return success();
  }
  return memref::foldMemRefCast(op);
}

} // namespace mqa
} // namespace mlir

#endif // MQA_LIB_DIALECT_MQA_IR_SHAREDFOLDS_H
