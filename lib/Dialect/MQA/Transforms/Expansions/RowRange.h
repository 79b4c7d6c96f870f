//===- RowRange.h - The keys that a query may see ---------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef MQA_LIB_DIALECT_MQA_TRANSFORMS_ROWRANGE_H
#define MQA_LIB_DIALECT_MQA_TRANSFORMS_ROWRANGE_H

#include "mlir/IR/Builders.h"

namespace mlir {
namespace mqa {

/// bounds[row] as an index; of a matrix, its rows laid end to end.
Value loadBound(OpBuilder &b, Location loc, Value bounds, Value row);

/// [max(ks[row], 0), min(ke[row], numKeys)), with ks null for 0, or [numKeys,
/// 0) where that is empty: an empty or reversed range must not widen those of
/// other rows.
std::pair<Value, Value> emitRowRange(OpBuilder &b, Location loc, Value ks,
                                     Value ke, Value row, Value numKeys);

/// The start of `mqa.key_range`, from the least start and the greatest end of
/// its rows.
Value emitAlignedStart(OpBuilder &b, Location loc, Value lo, Value hi,
                       int64_t align);

} // namespace mqa
} // namespace mlir

#endif // MQA_LIB_DIALECT_MQA_TRANSFORMS_ROWRANGE_H
