//===- MatchMask.h - Ranges of keys in a mask -------------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef MQA_LIB_CONVERSION_LINALGTOMQA_MATCHMASK_H
#define MQA_LIB_CONVERSION_LINALGTOMQA_MATCHMASK_H

#include "Contraction.h"

#include "mlir/Interfaces/InferIntRangeInterface.h"

#include <string>

namespace mlir {
namespace mqa {

/// What stopped a match, and where: the first that is noted.
struct Mismatch {
  std::optional<Location> loc;
  std::string why;
  /// The sum of products of q and k, and whether what stopped the match only
  /// uses what may be logits.
  Operation *contraction = nullptr;
  bool isUser = false;

  bool note(const ExprRef &expr, const Twine &reason) {
    if (!loc) {
      loc = expr->getLoc();
      why = reason.str();
    }
    return false;
  }
};

/// A bound of the keys that a query sees: a sum of integers, each negated or
/// not, and an offset, divided by `divisor` and rounded up.
struct Bound {
  SmallVector<std::pair<ExprRef, bool>> terms;
  int64_t offset = 0, divisor = 1;
};

/// The keys n with lower <= n < upper for all bounds, where all conditions,
/// each negated or not, hold for the query.
struct KeyRange {
  std::vector<Bound> lower, upper;
  SmallVector<std::pair<ExprRef, bool>> conditions;
};

/// The integers that `expr` may be; nothing if it is no integer.
std::optional<ConstantIntRanges> getIntRange(const ExprRef &expr,
                                             const IndexVariables &vars);

/// Finds the ranges of keys in conditions on an element of the logits.
class MaskMatcher {
public:
  MaskMatcher(const Contraction &contraction, const IndexVariables &vars,
              FreeVariables &free, Mismatch &mismatch)
      : contraction(contraction), vars(vars), free(free), mismatch(mismatch) {}
  /// Adds the condition `expr`, or, if negated, that it is false.
  bool match(const ExprRef &expr, bool isNegated);

  KeyRange range;

private:
  struct LinearExpr;
  bool matchBoth(const ExprRef &a, bool isNegatedA, const ExprRef &b,
                 bool isNegatedB);
  bool matchSelect(const ExprRef &expr, bool isNegated);
  std::optional<bool> matchFolded(const ExprRef &expr, bool isNegated);
  bool matchCompare(const ExprRef &expr, bool isNegated);
  bool matchBoolCompare(const ExprRef &expr, bool isNegated);
  bool addLinear(const ExprRef &expr, int64_t factor, LinearExpr &result);
  bool mayWrap(const ExprRef &expr);

  const Contraction &contraction;
  const IndexVariables &vars;
  FreeVariables &free;
  Mismatch &mismatch;
};

} // namespace mqa
} // namespace mlir

#endif // MQA_LIB_CONVERSION_LINALGTOMQA_MATCHMASK_H
