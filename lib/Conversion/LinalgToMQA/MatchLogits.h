//===- MatchLogits.h - The logits computation in linalg ---------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef MQA_LIB_CONVERSION_LINALGTOMQA_MATCHLOGITS_H
#define MQA_LIB_CONVERSION_LINALGTOMQA_MATCHLOGITS_H

#include "mlir/IR/Value.h"

#include <optional>

namespace mlir {
namespace mqa {

/// A tensor, and the order in which it has the dimensions that are wanted.
struct PermutedTensor {
  Value tensor;
  SmallVector<int64_t> permutation;
};

/// What was found: the operands of an mqa.logits.
struct LogitsOperands {
  PermutedTensor q, k, kScale, weights, ks, ke;
  bool relu = false, clean = false;
};

/// The operands if `root`, a tensor of M x N, is the logits of something. With
/// `positiveScales` a scale may also be inside of the maximum.
std::optional<LogitsOperands> matchLogits(Value root, bool positiveScales);

} // namespace mqa
} // namespace mlir

#endif // MQA_LIB_CONVERSION_LINALGTOMQA_MATCHLOGITS_H
