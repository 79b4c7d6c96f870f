//===- TopkRules.cpp - The rules of mqa.topk ------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "LogitsFields.h"
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
  /// Columns of compressed logits, and of those of key blocks, do not say
  /// how many keys there are.
  bool takesIndex(const KernelDescription &kernel, bool) const override {
    return kernel.compressed || kernel.keyBlockSize;
  }
  Form getForm(const KernelDescription &kernel) const override;
  mqa_status checkForGpu(const KernelDescription &kernel,
                         const Tensors &tensors) const override;

private:
  /// Which operands go together.
  static void checkOperands(const KernelDescription &kernel);
};
} // namespace

static constexpr TopkRules kRules;

const OpRules &mqa::runtime::getTopkRules() { return kRules; }

Ranks TopkRules::getRanks(Operand operand,
                          const KernelDescription &kernel) const {
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
  case Operand::KeyBlocks:
    return only(kernel.keyBlockSize ? 2 : 0);
  case Operand::NumKeyBlocks:
    return only(kernel.keyBlockSize ? 1 : 0);
  default:
    return {0, 0};
  }
}

void TopkRules::checkOperands(const KernelDescription &kernel) {
  auto has = [&](Operand operand) { return kernel.find(operand) != nullptr; };
  bool hasLens = has(Operand::ContextLens);
  if (has(Operand::Ke) == hasLens)
    refuse(kernel, "must have one of the parameters 'ke' and 'context_lens'");
  if (hasLens && has(Operand::Ks))
    refuse(kernel, "has the parameter 'context_lens', and must not have 'ks'");
  if (kernel.hasLengthPerQuery() && has(Operand::Sequence))
    refuse(kernel, "has the parameter 'sequence', and must have 'context_lens' "
                   "of one dimension");
  for (Operand operand : {Operand::KeyBlocks, Operand::NumKeyBlocks})
    if (has(operand) != (kernel.keyBlockSize > 0))
      refuse(kernel, "must have key_block_size, key_blocks and num_key_blocks "
                     "together");
  checkTable(kernel);
}

void TopkRules::readFields(Fields &fields, bool isCpu,
                           KernelDescription &kernel) const {
  kernel.compressed = fields.boolean("compressed");
  kernel.numQueries = readSize(fields, "num_queries");
  kernel.numColumns = readSize(fields, "num_columns");
  if (fields.has("key_block_size"))
    LogitsOpRules::readKeyBlocks(fields, kernel);
  readTopkSelection(fields, kernel.selection);
  readRows(fields, isCpu, kernel);
  readParameters(fields, isCpu, kernel);
  checkOperands(kernel);
  readSequences(fields, kernel);
}

Form TopkRules::getForm(const KernelDescription &kernel) const {
  Form form = {{"compressed", kernel.compressed},
               {"num_queries", kernel.numQueries},
               {"num_columns", kernel.numColumns}};
  for (const auto &field : getTopkForm(kernel.selection))
    form.push_back(field);
  form.insert(form.end(), {{"batch", kernel.batch},
                           {"next_n", kernel.nextN},
                           {"block_kv", kernel.blockKv},
                           {"num_sequences", kernel.numSequences},
                           {"max_blocks", kernel.maxBlocks},
                           {"key_block_size", kernel.keyBlockSize},
                           {"max_key_blocks", kernel.maxKeyBlocks},
                           {"parameters", kernel.hasIndex()}});
  return form;
}

/// Kernels count columns with 32 bits, and step past the last one by less than
/// 2^14. (KernelOperands.cpp refuses such static sizes.)
mqa_status TopkRules::checkForGpu(const KernelDescription &,
                                  const Tensors &tensors) const {
  int64_t columns = tensors[Operand::Logits].sizes[1];
  if (columns <= kMaxTopkColumns)
    return MQA_SUCCESS;
  return fail(MQA_ERROR_INVALID_ARGUMENT,
              "num_columns must be at most " + std::to_string(kMaxTopkColumns) +
                  " for this kernel, found " + std::to_string(columns));
}
