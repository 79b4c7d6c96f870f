//===- RangeValues.h - Values that ranges are computed from -----*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef MQA_DIALECT_MQA_IR_RANGEVALUES_H
#define MQA_DIALECT_MQA_IR_RANGEVALUES_H

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Arith/Utils/Utils.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"

namespace mlir::mqa::range_values {

inline Value constant(OpBuilder &b, Location loc, int64_t value) {
  return arith::ConstantIndexOp::create(b, loc, value);
}

inline Value toValue(OpBuilder &b, Location loc, OpFoldResult value) {
  return getValueOrCreateConstantIndexOp(b, loc, value);
}

/// An integer of `memref` as an index.
inline Value loadIndex(OpBuilder &b, Location loc, Value memref,
                       ValueRange indices) {
  Value bound = memref::LoadOp::create(b, loc, memref, indices);
  return arith::IndexCastOp::create(b, loc, b.getIndexType(), bound);
}

} // namespace mlir::mqa::range_values

#endif // MQA_DIALECT_MQA_IR_RANGEVALUES_H
