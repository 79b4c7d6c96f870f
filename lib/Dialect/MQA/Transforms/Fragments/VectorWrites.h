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

/// What a written vector is computed from: a reduction, the contractions behind
/// it, and the result of a loop that carries it, if there is one. A maximum
/// over blocks of columns may stand behind it.
struct VectorOrigin {
  vector::MultiDimReductionOp reduction, maximum;
  SmallVector<vector::ContractionOp> contracts;
  OpResult carried;
};

/// Of `vector`, which `write` writes.
FailureOr<VectorOrigin> findOrigin(Operation *write, Value vector);

} // namespace mqa
} // namespace mlir

#endif // MQA_LIB_DIALECT_MQA_TRANSFORMS_VECTORWRITES_H
