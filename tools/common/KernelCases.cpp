//===- KernelCases.cpp - What the cases of a kernel's enums are -----------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "KernelCases.h"

using namespace mqa;

/// Of a runtime that is newer than this tool.
static const char *const kUnknown = "unknown";

const char *tools::getName(mqa_op op) {
  switch (op) {
  case MQA_OP_LOGITS:
    return "mqa.logits";
  case MQA_OP_PAGED_LOGITS:
    return "mqa.paged_logits";
  case MQA_OP_TOPK:
    return "mqa.topk";
  case MQA_OP_MERGE_TOPK:
    return "mqa.merge_topk";
  case MQA_OP_LOGITS_TOPK:
    return "mqa.logits_topk";
  case MQA_OP_PAGED_LOGITS_TOPK:
    return "mqa.paged_logits_topk";
  }
  return kUnknown;
}

const char *tools::getName(mqa_activation activation) {
  switch (activation) {
  case MQA_ACTIVATION_RELU:
    return "relu";
  case MQA_ACTIVATION_NONE:
    return "none";
  case MQA_ACTIVATION_RELU_NAN_AS_ZERO:
    return "relu_nan_as_zero";
  }
  return kUnknown;
}

const char *tools::getName(mqa_head_reduction reduction) {
  switch (reduction) {
  case MQA_HEAD_REDUCTION_SUM:
    return "sum";
  case MQA_HEAD_REDUCTION_MAX:
    return "max";
  }
  return kUnknown;
}

const char *tools::getName(mqa_tie_break tieBreak) {
  switch (tieBreak) {
  case MQA_TIE_BREAK_SMALLEST:
    return "smallest";
  case MQA_TIE_BREAK_GREATEST:
    return "greatest";
  }
  return kUnknown;
}

const char *tools::getName(mqa_order order) {
  switch (order) {
  case MQA_ORDER_KEY:
    return "key";
  case MQA_ORDER_SCORE:
    return "score";
  case MQA_ORDER_ANY:
    return "any";
  }
  return kUnknown;
}

const char *tools::getName(mqa_base base) {
  switch (base) {
  case MQA_BASE_RELATIVE:
    return "relative";
  case MQA_BASE_ABSOLUTE:
    return "absolute";
  case MQA_BASE_SLOT:
    return "slot";
  }
  return kUnknown;
}
