//===- MxFolding.h - Weights that take scales of queries --------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A head with block scales is divided by the greatest of them, and its weight
// is multiplied by it: a folded weight. What all targets compute for that is
// here, as ops of arith on exponents (i32) and weights (f32).
//
//===----------------------------------------------------------------------===//

#ifndef MQA_DIALECT_MQA_IR_MXFOLDING_H
#define MQA_DIALECT_MQA_IR_MXFOLDING_H

#include "mlir/IR/Builders.h"

#include <utility>

namespace mlir {
namespace mqa {
namespace mx {

/// The exponent of `weight` times the block scale whose byte is `greatest`;
/// kNoExponent where the product is zero, or NaN because of the scale.
Value emitWeightExponent(OpBuilder &b, Location loc, Value weight,
                         Value greatest);

/// What goes out of the weights of a query, so that their greatest product with
/// a block scale, of exponent `most`, is a number that sums have room for.
Value emitQueryExponent(OpBuilder &b, Location loc, Value most);

/// 2^exponent as two factors, each of about half of it: a single power of two
/// could be too great for an f32.
std::pair<Value, Value> emitFactors(OpBuilder &b, Location loc, Value exponent);

/// weight * 2^(greatest - kScaleBias - exponent); `ofNaN` where the scale is
/// NaN.
Value emitFoldedWeight(OpBuilder &b, Location loc, Value weight, Value greatest,
                       Value exponent, double ofNaN);

} // namespace mx
} // namespace mqa
} // namespace mlir

#endif // MQA_DIALECT_MQA_IR_MXFOLDING_H
