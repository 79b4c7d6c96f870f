//===- Contraction.h - Where a formula multiplies q and k -------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef MQA_LIB_CONVERSION_LINALGTOMQA_CONTRACTION_H
#define MQA_LIB_CONVERSION_LINALGTOMQA_CONTRACTION_H

#include "ElementExpr.h"

#include "llvm/ADT/BitVector.h"

namespace mlir {
namespace mqa {

/// Which variables a formula depends on. It is asked when all formulas are
/// written, because a reshape may still give a variable parts before.
class FreeVariables {
public:
  explicit FreeVariables(const IndexVariables &vars) : vars(vars) {}
  const llvm::BitVector &get(const ExprRef &expr);
  llvm::BitVector getSet(ArrayRef<int> dims) const;
  bool isSubset(const ExprRef &expr, const llvm::BitVector &allowed);

private:
  const IndexVariables &vars;
  /// Formulas that are known stay alive, so that none takes another's place.
  DenseMap<const ElementExpr *, std::pair<ExprRef, llvm::BitVector>> known;
};

/// A sum of products of an element of q and one of k, and what the variables
/// index. Several variables index one dimension of the op together.
struct Contraction {
  ExprRef sum, q, k;
  /// Further factors in the sum.
  SmallVector<ExprRef> others;
  /// `groups` are those of `heads` that k has too.
  SmallVector<int> batch, query, key, heads, groups, headDim;

  /// What indexes the queries, or the keys, of all sequences of a batch.
  SmallVector<int> getRows() const { return getBatchAnd(query); }
  SmallVector<int> getKeys() const { return getBatchAnd(key); }

private:
  SmallVector<int> getBatchAnd(ArrayRef<int> vars) const {
    SmallVector<int> all(batch);
    llvm::append_range(all, vars);
    return all;
  }
};

/// What may be q times k of logits of which `root` is the element at
/// `rootDims`, of outer sums first: two ways if q and k may be either. Empty if
/// `root` is nothing like logits.
std::vector<Contraction> findContractions(const ExprRef &root,
                                          ArrayRef<int> rootDims,
                                          const IndexVariables &vars,
                                          FreeVariables &free);

/// The factors of a product, each of which `keep` is true for or is no product.
SmallVector<ExprRef> getFactors(const ExprRef &expr,
                                llvm::function_ref<bool(const ExprRef &)> keep);

} // namespace mqa
} // namespace mlir

#endif // MQA_LIB_CONVERSION_LINALGTOMQA_CONTRACTION_H
