//===- TopkRules.cpp - The rules of mqa.topk ------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "SelectionRules.h"

using namespace mqa::runtime;

namespace {
class TopkRules final : public SelectionRules {
public:
  constexpr TopkRules()
      : SelectionRules(MQA_OP_TOPK, "mqa.topk", "mqa_topk_launch") {}

  void readFields(Fields &fields, bool isCpu,
                  KernelDescription &kernel) const override;
  Ranks getRanks(Operand operand, const KernelDescription &) const override;
  bool isOptional(Operand operand) const override {
    return operand != Operand::Logits && operand != Operand::Indices;
  }
  /// Columns of compressed logits do not say how many keys there are.
  bool takesIndex(const KernelDescription &kernel, bool) const override {
    return kernel.compressed;
  }
  Form getForm(const KernelDescription &kernel) const override;
};
} // namespace

static constexpr TopkRules kRules;

const OpRules &mqa::runtime::getTopkRules() { return kRules; }

Ranks TopkRules::getRanks(Operand operand, const KernelDescription &) const {
  auto only = [](int rank) { return Ranks(rank, rank); };
  switch (operand) {
  case Operand::Logits:
  case Operand::BlockTable:
  case Operand::Indices:
  case Operand::Values:
    return only(2);
  case Operand::Ks:
  case Operand::Ke:
  case Operand::Sequence:
  case Operand::Offset:
    return only(1);
  case Operand::ContextLens:
    return {1, 2};
  default:
    return {0, 0};
  }
}

static void readForced(Fields &fields, Selection &selection) {
  selection.forceFirst = fields.integer("force_first", 0, selection.k);
  selection.forceLast = fields.integer("force_last", 0, selection.k);
  if (selection.forceFirst + selection.forceLast > selection.k)
    fields.refuse("force_last", "at most k - force_first");
}

/// Which operands go together.
static void checkOperands(const KernelDescription &kernel) {
  auto has = [&](Operand operand) { return kernel.find(operand) != nullptr; };
  auto refuse = [&](const char *what) {
    throw InvalidBundle{"kernel '" + kernel.name + "' " + what};
  };
  bool hasLens = has(Operand::ContextLens);
  if (has(Operand::Ke) == hasLens)
    refuse("must have one of the parameters 'ke' and 'context_lens'");
  if (hasLens && has(Operand::Ks))
    refuse("has the parameter 'context_lens', and must not have 'ks'");
  if (hasLens && has(Operand::Sequence))
    refuse("has the parameter 'context_lens', and must not have 'sequence'");
  if (has(Operand::BlockTable) != (kernel.selection.base == MQA_BASE_SLOT))
    refuse("must have the parameter 'block_table' if base is 'slot', and only "
           "then");
  if (has(Operand::Sequence) && !has(Operand::BlockTable))
    refuse("has the parameter 'sequence', and must have 'block_table'");
}

/// Of rows that belong to sequences.
static void readSequences(Fields &fields, KernelDescription &kernel) {
  bool hasLens = kernel.find(Operand::ContextLens);
  bool isSlot = kernel.selection.base == MQA_BASE_SLOT;
  bool inOrder = hasLens || (isSlot && !kernel.find(Operand::Sequence));
  if (hasLens)
    kernel.batch = readSize(fields, "batch");
  if (isSlot) {
    constexpr int64_t kMaxBlockKv = 65536;
    kernel.blockKv = readPowerOfTwo(fields, "block_kv", 1, kMaxBlockKv);
    kernel.numSequences = readSize(fields, "num_sequences");
    kernel.maxBlocks = readSize(fields, "max_blocks");
  }
  if (!inOrder)
    return;
  // Rows of the table are then those of context_lens.
  if (isSlot && !unite(kernel.batch, kernel.numSequences))
    fields.refuse("num_sequences", "batch");
  kernel.nextN = fields.integer("next_n", 1, kMaxSize);
  uniteSequences(fields, kernel);
}

void TopkRules::readFields(Fields &fields, bool isCpu,
                           KernelDescription &kernel) const {
  kernel.compressed = fields.boolean("compressed");
  kernel.numQueries = readSize(fields, "num_queries");
  kernel.numColumns = readSize(fields, "num_columns");
  static const Fields::Choice<mqa_base> bases[] = {
      {"relative", MQA_BASE_RELATIVE},
      {"absolute", MQA_BASE_ABSOLUTE},
      {"slot", MQA_BASE_SLOT}};
  readSelection(fields, kernel.selection);
  kernel.selection.base = fields.choice("base", bases);
  readForced(fields, kernel.selection);
  readRows(fields, isCpu, kernel);
  readParameters(fields, isCpu, kernel);
  checkOperands(kernel);
  readSequences(fields, kernel);
}

Form TopkRules::getForm(const KernelDescription &kernel) const {
  const Selection &selection = kernel.selection;
  return {{"compressed", kernel.compressed},
          {"num_queries", kernel.numQueries},
          {"num_columns", kernel.numColumns},
          {"k", selection.k},
          {"tie_break", selection.tieBreak},
          {"order", selection.order},
          {"base", selection.base},
          {"force_first", selection.forceFirst},
          {"force_last", selection.forceLast},
          {"batch", kernel.batch},
          {"next_n", kernel.nextN},
          {"block_kv", kernel.blockKv},
          {"num_sequences", kernel.numSequences},
          {"max_blocks", kernel.maxBlocks},
          {"parameters", kernel.hasIndex()}};
}
