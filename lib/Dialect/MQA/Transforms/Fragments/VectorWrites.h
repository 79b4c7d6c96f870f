//===- VectorWrites.h - What is written, and from what ----------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef MQA_LIB_DIALECT_MQA_TRANSFORMS_VECTORWRITES_H
#define MQA_LIB_DIALECT_MQA_TRANSFORMS_VECTORWRITES_H

#include "mlir/Dialect/Vector/IR/VectorOps.h"

namespace mlir {
namespace mqa {

/// A write of a vector [query, key].
struct VectorWrite {
  Operation *op;
  Value vector, base, mask;
  /// Of a vector.transfer_write: where it begins, and in which dims it ends
  /// with the memref.
  SmallVector<Value> indices;
  SmallVector<bool> inBounds;
  /// Of an mqa.scatter_columns.
  Value columns;
};

/// What a transfer_write, scatter_columns or append_logits writes.
FailureOr<VectorWrite> getWrite(Operation *op);

/// What a written vector is computed from: sums over heads, the contractions
/// behind them, and the result of a loop that carries it, if there is one. A
/// maximum over blocks of columns may stand behind it.
struct VectorOrigin {
  /// A reduction, or those that are joined: of products of other keys each.
  SmallVector<vector::MultiDimReductionOp, 1> reductions;
  /// The result of the reduction, or all of them joined.
  Value sums;
  vector::MultiDimReductionOp maximum;
  SmallVector<vector::ContractionOp> contracts;
  OpResult carried;
};

/// Of `vector`, which `write` writes.
FailureOr<VectorOrigin> findOrigin(Operation *write, Value vector);

} // namespace mqa
} // namespace mlir

#endif // MQA_LIB_DIALECT_MQA_TRANSFORMS_VECTORWRITES_H
