//===- LogitsMatcher.h - How logits are matched -----------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef MQA_LIB_CONVERSION_LINALGTOMQA_LOGITSMATCHER_H
#define MQA_LIB_CONVERSION_LINALGTOMQA_LOGITSMATCHER_H

#include "MatchLogits.h"
#include "UnrolledSums.h"

namespace mlir {
namespace mqa {

/// Matches a formula for one choice of q and k.
class LogitsMatcher {
public:
  LogitsMatcher(ExprBuilder &exprs, FreeVariables &free,
                const RolledSums &rolled, const Contraction &contraction,
                RaiseAssumptions assumptions, Mismatch &mismatch)
      : exprs(exprs), free(free), rolled(rolled), mismatch(mismatch),
        assumptions(assumptions),
        mask(contraction, exprs.vars, free, mismatch) {
    result.contraction = contraction;
  }
  bool match();

  LogitsMatch result;

private:
  bool matchLogits(const ExprRef &expr);
  bool matchSelect(const ExprRef &expr);
  bool matchAddedMask(const ExprRef &expr);
  bool matchHeads(const ExprRef &expr);
  bool matchScores(const ExprRef &expr);
  bool takeFactor(const ExprRef &factor, const ExprRef &product, bool isCutOff,
                  bool isScale = false);
  bool takeInputs();
  bool takeInput(const ExprRef &factor, StringRef name, ExprRef &taken);
  bool hasFiniteScores() const;
  bool orderHeads(const ExprRef &root);
  bool checkSizes();
  bool checkBounds();
  bool canCompute(const ExprRef &expr, ArrayRef<int> atoms);

  bool contains(const ExprRef &expr);
  std::optional<ExprRef> takeAllBut(const ExprRef &product, bool isCutOff);
  bool fail(const ExprRef &expr, const Twine &why) {
    return mismatch.note(expr, why);
  }
  bool failAt(const ExprRef &expr, StringRef wanted);

  ExprBuilder &exprs;
  FreeVariables &free;
  const RolledSums &rolled;
  Mismatch &mismatch;
  RaiseAssumptions assumptions;
  MaskMatcher mask;
  /// Over which all sums are that are not q times k.
  SmallVector<int> summed;
  SmallVector<ExprRef> scalars;
  DenseMap<const ElementExpr *, std::pair<ExprRef, bool>> containing;
};

} // namespace mqa
} // namespace mlir

#endif // MQA_LIB_CONVERSION_LINALGTOMQA_LOGITSMATCHER_H
