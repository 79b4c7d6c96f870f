//===- MatchLogits.h - The logits computation in linalg ---------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef MQA_LIB_CONVERSION_LINALGTOMQA_MATCHLOGITS_H
#define MQA_LIB_CONVERSION_LINALGTOMQA_MATCHLOGITS_H

#include "mlir/Dialect/Utils/ReshapeOpsUtils.h"
#include "mlir/IR/Value.h"

#include <optional>

namespace mlir {
namespace mqa {

/// A tensor, and the order in which it has the dimensions that are wanted.
struct PermutedTensor {
  Value tensor;
  SmallVector<int64_t> permutation;
  /// How its dimensions are to be expanded first, and to what; else empty.
  SmallVector<ReassociationIndices> expansion;
  SmallVector<int64_t> expandedShape;

  /// The size of the dimension that is wanted as number `i`.
  int64_t getDimSize(unsigned i) const;
};

/// What was found: the operands of an mqa.logits.
struct LogitsOperands {
  PermutedTensor q, k, kScale, weights, ks, ke;
  bool relu = false, clean = false;
};

/// What is known of the numbers.
struct RaiseAssumptions {
  /// No scale is negative or NaN: it may also be inside of the maximum.
  bool positiveScales;
  /// No score is NaN: a maximum may also drop it.
  bool noNaNs;
};

/// The operands if `root`, a tensor of M x N, is the logits of something.
std::optional<LogitsOperands> matchLogits(Value root,
                                          RaiseAssumptions assumptions);

} // namespace mqa
} // namespace mlir

#endif // MQA_LIB_CONVERSION_LINALGTOMQA_MATCHLOGITS_H
