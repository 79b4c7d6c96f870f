//===- SelectionRules.cpp - What ops that select keys share ---------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "SelectionRules.h"

using namespace mqa::runtime;

void SelectionRules::readSelection(Fields &fields, Selection &selection) {
  static const Fields::Choice<mqa_tie_break> tieBreaks[] = {
      {"smallest", MQA_TIE_BREAK_SMALLEST},
      {"greatest", MQA_TIE_BREAK_GREATEST}};
  static const Fields::Choice<mqa_order> orders[] = {{"key", MQA_ORDER_KEY},
                                                     {"score", MQA_ORDER_SCORE},
                                                     {"any", MQA_ORDER_ANY}};
  constexpr int64_t kMaxSelected = 4096;
  selection.k = fields.integer("k", 1, kMaxSelected);
  selection.tieBreak = fields.choice("tie_break", tieBreaks);
  selection.order = fields.choice("order", orders);
}

void SelectionRules::readRows(Fields &fields, bool isCpu,
                              KernelDescription &kernel) {
  if (isCpu) {
    kernel.taskQueries = fields.integer("task_queries", 1, kMaxSize);
    kernel.scratchBytes = fields.integer("scratch_bytes", 0, kMaxSize);
  } else {
    readBlock(fields, kernel);
    kernel.blockQueries = fields.integer("block_queries", 1, 32);
  }
}
