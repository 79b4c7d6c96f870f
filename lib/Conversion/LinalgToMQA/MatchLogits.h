//===- MatchLogits.h - The logits computation in linalg ---------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef MQA_LIB_CONVERSION_LINALGTOMQA_MATCHLOGITS_H
#define MQA_LIB_CONVERSION_LINALGTOMQA_MATCHLOGITS_H

#include "MatchMask.h"
#include "TensorEmitter.h"

namespace mlir {
namespace mqa {

/// What was found: logits of which the operands are elements of tensors.
struct LogitsMatch {
  std::unique_ptr<ExprBuilder> exprs;
  Contraction contraction;
  /// Narrow floats, or f32 that is to be rounded; and the type of both in the
  /// op.
  ExprRef q, k;
  Type inputType;
  /// Factors of f32: of a query and a head, and of a key and its group.
  SmallVector<ExprRef> weights, scales;
  /// A factor of all logits.
  double constant = 1;
  KeyRange range;
  bool relu = false, clean = false;
  /// The variables of each dimension of the root.
  DimGroups rootGroups;
};

/// What is known of the numbers.
struct RaiseAssumptions {
  /// No scale is negative, infinite or NaN: it may also be inside of the
  /// maximum.
  bool positiveScales;
  /// No score is NaN, and none becomes NaN: a maximum may also drop it.
  bool noNaNs;
  /// To what q and k of f32 may be rounded; null: they may not.
  Type operandType;
};

/// What `root` is if it is the logits of something. If it nearly is, `mismatch`
/// says what stopped the match.
std::optional<LogitsMatch> matchLogits(Value root, RaiseAssumptions assumptions,
                                       Mismatch &mismatch);

/// What `expr` is as an f32, if it is a narrower float; null if not.
ExprRef getDecoded(ExprRef expr);

/// Whether the cast `expr` to a narrower float rounds to the nearest number,
/// ties to even.
bool roundsToNearest(const ExprRef &expr);

/// Whether `expr` has a sum of maxima of sums with 0, which may be logits.
bool hasCutSum(const ExprRef &expr);

/// A reshape that is not seen through, in a sum of maxima of sums with 0, which
/// may be logits; null if there is none.
ExprRef findHidingReshape(const ExprRef &expr);

/// The constant that `expr` is, if it is one, or one divided by it.
std::optional<double> getConstant(const ExprRef &expr);

/// x if `expr` is max(x, 0); null if it is something else, or what becomes of
/// NaN is something else. Without NaNs there are more such maxima. `mayBeInf`
/// is of x: x * (x > 0) is NaN for -inf.
ExprRef getCutOff(const ExprRef &expr, bool noNaNs, bool mayBeInf = true);

} // namespace mqa
} // namespace mlir

#endif // MQA_LIB_CONVERSION_LINALGTOMQA_MATCHLOGITS_H
