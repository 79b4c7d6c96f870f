//===- EmitBounds.h - The bounds of ranges of keys --------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef MQA_LIB_CONVERSION_LINALGTOMQA_EMITBOUNDS_H
#define MQA_LIB_CONVERSION_LINALGTOMQA_EMITBOUNDS_H

#include "MatchLogits.h"

namespace mlir {
namespace mqa {

/// Makes the tensors of bounds, of i32. `numKeys` are those of a sequence. With
/// `isCompressed`, bounds count the keys of all sequences of a batch.
class BoundEmitter {
public:
  BoundEmitter(OpBuilder &b, Location loc, LogitsMatch &match,
               TensorEmitter &tensors, bool isCompressed, OpFoldResult numKeys)
      : b(b), loc(loc), match(match), c(match.contraction), tensors(tensors),
        isCompressed(isCompressed), numKeys(numKeys) {}

  /// The first key of each query; null if that is key 0. `groups` are the
  /// dimensions of the tensor.
  Value getLower(const DimGroups &groups) {
    return getBound(match.range.lower, /*isUpper=*/false, groups, {});
  }
  /// The key behind the last one of each query; `sizes` are those of `groups`.
  Value getUpper(const DimGroups &groups, ArrayRef<OpFoldResult> sizes) {
    return getBound(match.range.upper, /*isUpper=*/true, groups, sizes);
  }

private:
  Value getBound(ArrayRef<Bound> bounds, bool isUpper, const DimGroups &groups,
                 ArrayRef<OpFoldResult> rowSizes);
  Value emitBound(OpBuilder &inner, const Bound &bound, ArrayRef<Value> terms);
  Value clamp(OpBuilder &inner, Value value, Value low, Value high);
  Value getInt(OpBuilder &inner, int64_t value) {
    return arith::ConstantIntOp::create(inner, loc, value, 64);
  }
  Value toInt64(OpBuilder &inner, OpFoldResult index);

  OpBuilder &b;
  Location loc;
  LogitsMatch &match;
  const Contraction &c;
  TensorEmitter &tensors;
  bool isCompressed;
  OpFoldResult numKeys;
};

} // namespace mqa
} // namespace mlir

#endif // MQA_LIB_CONVERSION_LINALGTOMQA_EMITBOUNDS_H
