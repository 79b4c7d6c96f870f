//===- VectorizeStore.h - Writes mqa.store_logits as vectors ----*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef MQA_LIB_DIALECT_MQA_TRANSFORMS_VECTORIZESTORE_H
#define MQA_LIB_DIALECT_MQA_TRANSFORMS_VECTORIZESTORE_H

#include "mqa/Dialect/MQA/IR/Ranges.h"

#include "mlir/IR/PatternMatch.h"

namespace mlir {
namespace mqa {

/// Reads a vector of `shape` from `memref`, from `column` on; zero past its
/// end.
Value readVector(OpBuilder &b, Location loc, Value memref,
                 ArrayRef<int64_t> shape, int64_t column = 0);

/// Replaces `op` by a masked write.
void vectorizeStore(IRRewriter &b, StoreLogitsOp op);

} // namespace mqa
} // namespace mlir

#endif // MQA_LIB_DIALECT_MQA_TRANSFORMS_VECTORIZESTORE_H
