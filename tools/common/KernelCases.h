//===- KernelCases.h - What the cases of a kernel's enums are ---*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Each is a switch without a default: a new case of mqa_kernel_info does not
// compile until somebody has said what the oracles make of it.
//
//===----------------------------------------------------------------------===//

#ifndef MQA_TOOLS_COMMON_KERNELCASES_H
#define MQA_TOOLS_COMMON_KERNELCASES_H

#include "mqa/Runtime.h"

#include <limits>

namespace mqa::tools {

/// The names that ops and manifests have for them.
const char *getName(mqa_op op);
const char *getName(mqa_activation activation);
const char *getName(mqa_head_reduction reduction);
const char *getName(mqa_tie_break tieBreak);
const char *getName(mqa_order order);
const char *getName(mqa_base base);

/// What becomes of a score before it is weighted. NaN stays, but for the
/// activation that says otherwise.
template <typename T> T activate(mqa_activation activation, T score) {
  switch (activation) {
  case MQA_ACTIVATION_RELU:
    return score < 0 ? T(0) : score;
  case MQA_ACTIVATION_RELU_NAN_AS_ZERO:
    return score > 0 ? score : T(0);
  case MQA_ACTIVATION_NONE:
    break;
  }
  return score;
}

/// Whether heads are added up.
inline bool isSum(mqa_head_reduction reduction) {
  switch (reduction) {
  case MQA_HEAD_REDUCTION_SUM:
    return true;
  case MQA_HEAD_REDUCTION_MAX:
    break;
  }
  return false;
}

/// `first` and the term of another head as one. NaN wins.
template <typename T>
T combineHeads(mqa_head_reduction reduction, T first, T term) {
  switch (reduction) {
  case MQA_HEAD_REDUCTION_SUM:
    break;
  case MQA_HEAD_REDUCTION_MAX:
    return first != first || term < first ? first : term;
  }
  return first + term;
}

/// The term that changes no other.
template <typename T> T getNeutralTerm(mqa_head_reduction reduction) {
  switch (reduction) {
  case MQA_HEAD_REDUCTION_SUM:
    break;
  case MQA_HEAD_REDUCTION_MAX:
    return -std::numeric_limits<T>::infinity();
  }
  return T(0);
}

/// Whether key `a` is better than key `b` where their logits are equal.
template <typename T> bool isBetterKey(T a, T b, mqa_tie_break tieBreak) {
  switch (tieBreak) {
  case MQA_TIE_BREAK_SMALLEST:
    break;
  case MQA_TIE_BREAK_GREATEST:
    return a > b;
  }
  return a < b;
}

/// Whether logits decide where a key stands.
inline bool isByScore(mqa_order order) {
  switch (order) {
  case MQA_ORDER_SCORE:
    return true;
  case MQA_ORDER_KEY:
  case MQA_ORDER_ANY:
    break;
  }
  return false;
}

/// Whether only the set of keys is known.
inline bool isInAnyOrder(mqa_order order) {
  switch (order) {
  case MQA_ORDER_ANY:
    return true;
  case MQA_ORDER_KEY:
  case MQA_ORDER_SCORE:
    break;
  }
  return false;
}

/// Whether an index is a place in a paged cache.
inline bool needsBlockTable(mqa_base base) {
  switch (base) {
  case MQA_BASE_SLOT:
    return true;
  case MQA_BASE_RELATIVE:
  case MQA_BASE_ABSOLUTE:
    break;
  }
  return false;
}

} // namespace mqa::tools

#endif // MQA_TOOLS_COMMON_KERNELCASES_H
