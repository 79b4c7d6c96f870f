//===- UnrolledSums.h - Sums that a program writes term by term -*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef MQA_LIB_CONVERSION_LINALGTOMQA_UNROLLEDSUMS_H
#define MQA_LIB_CONVERSION_LINALGTOMQA_UNROLLEDSUMS_H

#include "ElementExpr.h"

namespace mlir {
namespace mqa {

/// A formula with sums in the place of additions of terms that differ in
/// nothing but which slice of a tensor they read: x[0] + x[1] + x[2] is the sum
/// of x[h] over h, if x has three. So a loop over heads that a front end has
/// unrolled is a reduction.
class RolledSums {
public:
  RolledSums(const ExprRef &expr, ExprBuilder &exprs);
  const ExprRef &get() const { return expr; }
  /// `part` of the formula as the program wrote it. No tensor of the program
  /// has a new sum, so who needs a tensor asks for this.
  ExprRef getOriginal(const ExprRef &part) const;

private:
  friend class SumRoller;
  /// Ahead of `expr`, which fills it. Parts that are asked for are added, and
  /// `asked` keeps them.
  mutable DenseMap<const ElementExpr *, ExprRef> originals;
  mutable std::vector<ExprRef> asked;
  ExprRef expr;
};

/// Whether `expr` reads many slices of one tensor, as a long sum does that is
/// written term by term.
bool readsManySlices(const ExprRef &expr);

} // namespace mqa
} // namespace mlir

#endif // MQA_LIB_CONVERSION_LINALGTOMQA_UNROLLEDSUMS_H
