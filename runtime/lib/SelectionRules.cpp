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

static void readForced(Fields &fields, Selection &selection) {
  selection.forceFirst = fields.integer("force_first", 0, selection.k);
  selection.forceLast = fields.integer("force_last", 0, selection.k);
  if (selection.forceFirst + selection.forceLast > selection.k)
    fields.refuse("force_last", "at most k - force_first");
}

void SelectionRules::readTopkSelection(Fields &fields, Selection &selection) {
  static const Fields::Choice<mqa_base> bases[] = {
      {"relative", MQA_BASE_RELATIVE},
      {"absolute", MQA_BASE_ABSOLUTE},
      {"slot", MQA_BASE_SLOT}};
  readSelection(fields, selection);
  selection.base = fields.choice("base", bases);
  readForced(fields, selection);
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

void SelectionRules::readSequences(Fields &fields, KernelDescription &kernel) {
  bool hasLens = kernel.find(Operand::ContextLens);
  bool hasTable = kernel.find(Operand::BlockTable);
  bool namesSequences = kernel.find(Operand::Sequence);
  bool inOrder = !namesSequences && (hasLens || hasTable);
  if (hasLens && inOrder)
    kernel.batch = readSize(fields, "batch");
  // A length for each row.
  if (hasLens && !inOrder &&
      !unite(kernel.numQueries, readSize(fields, "batch")))
    fields.refuse("batch", "num_queries with sequence");
  if (hasTable) {
    constexpr int64_t kMaxBlockKv = 65536;
    kernel.blockKv = readPowerOfTwo(fields, "block_kv", 1, kMaxBlockKv);
    kernel.numSequences = readSize(fields, "num_sequences");
    kernel.maxBlocks = readSize(fields, "max_blocks");
  }
  if (!inOrder)
    return;
  // Rows of the table are then those of context_lens.
  if (hasTable && !unite(kernel.batch, kernel.numSequences))
    fields.refuse("num_sequences", "batch");
  kernel.nextN = fields.integer("next_n", 1, kMaxSize);
  uniteSequences(fields, kernel);
}

void SelectionRules::refuse(const KernelDescription &kernel, const char *what) {
  throw InvalidBundle{"kernel '" + kernel.name + "' " + what};
}

void SelectionRules::checkTable(const KernelDescription &kernel) {
  bool hasTable = kernel.find(Operand::BlockTable) != nullptr;
  // With key blocks, it says how many keys there are.
  if (hasTable != kernel.selection.needsBlockTable() &&
      !(hasTable && kernel.keyBlockSize))
    refuse(kernel, "must have the parameter 'block_table' if base is 'slot', "
                   "and only then, or with key_block_size");
  if (kernel.find(Operand::Sequence) && !hasTable)
    refuse(kernel, "has the parameter 'sequence', and must have 'block_table'");
}

Form SelectionRules::getTopkForm(const Selection &selection) {
  return {{"k", selection.k},
          {"tie_break", selection.tieBreak},
          {"order", selection.order},
          {"base", selection.base},
          {"force_first", selection.forceFirst},
          {"force_last", selection.forceLast}};
}
