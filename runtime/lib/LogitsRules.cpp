//===- LogitsRules.cpp - The rules of mqa.logits --------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "LogitsFields.h"

#include <algorithm>

using namespace mqa::runtime;

namespace {
class LogitsRules final : public LogitsOpRules {
public:
  constexpr LogitsRules()
      : LogitsOpRules(MQA_OP_LOGITS, "mqa.logits", "mqa_logits_launch") {}

  Ranks getRanks(Operand operand,
                 const KernelDescription &kernel) const override;
  bool takesIndex(const KernelDescription &, bool isCpu) const override {
    return !isCpu;
  }
  bool hasWork(const KernelDescription &kernel,
               const Tensors &tensors) const override;
  int64_t getGrid(const KernelDescription &kernel, const Tensors &tensors,
                  int numMultiprocessors) const override;
  std::pair<int64_t, int64_t> getTasks(const KernelDescription &kernel,
                                       const Tensors &tensors) const override;

private:
  void readSizes(Fields &fields, KernelDescription &kernel) const override;
  Form getFormOfSizes(const KernelDescription &kernel) const override {
    return {{"num_keys", kernel.numKeys},
            {"key_block_size", kernel.keyBlockSize},
            {"max_key_blocks", kernel.maxKeyBlocks},
            {"has_key_groups", kernel.hasKeyGroups},
            {"num_groups", kernel.numGroups}};
  }
};
} // namespace

static constexpr LogitsRules kRules;

const OpRules &mqa::runtime::getLogitsRules() { return kRules; }

const LogitsOpRules &mqa::runtime::getLogitsOpRules() { return kRules; }

//===----------------------------------------------------------------------===//
// Manifest
//===----------------------------------------------------------------------===//

void LogitsRules::readSizes(Fields &fields, KernelDescription &kernel) const {
  kernel.numKeys = readSize(fields, "num_keys");
  kernel.hasKeyGroups = fields.boolean("has_key_groups");
  kernel.numGroups = fields.integer("num_groups", 1, kernel.numHeads);
  if (kernel.numHeads % kernel.numGroups)
    fields.refuse("num_groups", "a divisor of num_heads");
  if (!kernel.hasKeyGroups && kernel.numGroups != 1)
    fields.refuse("num_groups", "1 where has_key_groups is false");
  if (fields.has("key_block_size"))
    return readKeyBlocks(fields, kernel);
  if (kernel.blockMax) {
    // Columns do not say how many keys the last block has.
    if (kernel.numKeys >= 0 &&
        !unite(kernel.numColumns, kernel.countColumns(kernel.numKeys)))
      fields.refuse("num_columns", "ceil(num_keys / block_max)");
  } else if (!kernel.compressed && !unite(kernel.numKeys, kernel.numColumns)) {
    fields.refuse("num_columns", "num_keys where compressed is false");
  }
}

Ranks LogitsRules::getRanks(Operand operand,
                            const KernelDescription &kernel) const {
  bool hasKeyGroups = kernel.hasKeyGroups;
  auto only = [](int rank) { return Ranks(rank, rank); };
  switch (operand) {
  case Operand::Q:
    return only(3);
  case Operand::K:
    return only(2 + hasKeyGroups);
  case Operand::KScale:
    return only(1 + hasKeyGroups);
  case Operand::Weights:
  case Operand::QScale:
  case Operand::Out:
    return only(2);
  case Operand::Ks:
  case Operand::Ke:
    return only(1);
  case Operand::KeyBlocks:
    return only(kernel.keyBlockSize ? 2 : 0);
  case Operand::NumKeyBlocks:
    return only(kernel.keyBlockSize ? 1 : 0);
  default:
    return {0, 0};
  }
}

//===----------------------------------------------------------------------===//
// Launches
//===----------------------------------------------------------------------===//

/// Without a key, only rows whose columns are no keys are cleaned: others have
/// no column.
bool LogitsRules::hasWork(const KernelDescription &kernel,
                          const Tensors &tensors) const {
  const Tensor &out = tensors[Operand::Out];
  bool hasKeys = tensors[Operand::K].sizes[0] > 0;
  return out.sizes[0] > 0 && out.sizes[1] > 0 &&
         (hasKeys ||
          (kernel.clean && (kernel.compressed || kernel.keyBlockSize)));
}

/// The kernel is persistent: one block per multiprocessor, or one per piece of
/// work where there are fewer of those.
int64_t LogitsRules::getGrid(const KernelDescription &kernel,
                             const Tensors &tensors,
                             int numMultiprocessors) const {
  int64_t pieces = ceilDiv(tensors[Operand::Out].sizes[0], kernel.blockQueries);
  if (kernel.splitsKeys() && kernel.keyBlockSize)
    pieces *= std::max<int64_t>(
        ceilDiv(tensors[Operand::Out].sizes[1], kernel.tileKeys), 1);
  else if (kernel.splitsKeys())
    pieces *= std::max<int64_t>(
        ceilDiv(tensors[Operand::K].sizes[0], kernel.blockKeys), 1);
  return std::min<int64_t>(pieces, numMultiprocessors);
}

std::pair<int64_t, int64_t>
LogitsRules::getTasks(const KernelDescription &kernel,
                      const Tensors &tensors) const {
  int64_t keys = tensors[kernel.keyBlockSize ? Operand::Out : Operand::K]
                     .sizes[kernel.keyBlockSize ? 1 : 0];
  // Compressed rows are cleaned by the first task, without a key too.
  if (kernel.compressed && kernel.clean)
    keys = std::max<int64_t>(keys, 1);
  return {ceilDiv(tensors[Operand::Q].sizes[0], kernel.taskQueries),
          ceilDiv(keys, kernel.taskKeys)};
}

mqa_status mqa::runtime::describeLogits(const KernelDescription &kernel,
                                        const mqa_logits_args &args,
                                        Tensors &tensors) {
  int64_t m = args.num_queries, n = args.num_keys;
  int64_t h = kernel.numHeads, d = kernel.headDim, groups = kernel.numGroups;
  MQA_RETURN_IF_FAILED(checkSize("num_queries", m, kernel.numQueries));
  MQA_RETURN_IF_FAILED(checkSize("num_keys", n, kernel.numKeys));
  MQA_RETURN_IF_FAILED(
      setMaxMultiprocessors(args.max_multiprocessors, tensors));
  int64_t columns = kernel.countColumns(n);
  if (kernel.blockMax)
    MQA_RETURN_IF_FAILED(
        checkSize("ceil(num_keys / block_max)", columns, kernel.numColumns));
  if (kernel.compressed) {
    columns = args.max_seqlen_k;
    MQA_RETURN_IF_FAILED(checkSize("max_seqlen_k", columns, kernel.numColumns));
  }
  if (kernel.keyBlockSize)
    MQA_RETURN_IF_FAILED(describeKeyBlocks(kernel, args, m, columns, tensors));
  mqa_element_type input = kernel.getElementType(Operand::Q);
  tensors.numKeys = n;
  mqa_element_type keys = kernel.getElementType(Operand::K);
  tensors.set(Operand::Q, args.q, input, m, args.q_stride,
              {h, kernel.getQueryRow()});
  if (kernel.hasMxKeys()) {
    tensors.set(Operand::K, args.k, keys, n, args.k_stride,
                {kernel.getKeyRow()});
    tensors.set(Operand::KScale, args.k_scale, MQA_I32, n, args.k_scale_stride,
                {});
  } else if (kernel.hasKeyGroups) {
    tensors.set(Operand::K, args.k, keys, n, args.k_stride, {groups, d});
    tensors.set(Operand::KScale, args.k_scale, MQA_F32, n, args.k_scale_stride,
                {groups});
  } else {
    tensors.set(Operand::K, args.k, keys, n, args.k_stride, {d});
    tensors.set(Operand::KScale, args.k_scale, MQA_F32, n, args.k_scale_stride,
                {});
  }
  tensors.set(Operand::Weights, args.weights,
              kernel.getElementType(Operand::Weights), m, args.weights_stride,
              {h});
  tensors.set(Operand::QScale, args.q_scale, MQA_I32, m, args.q_scale_stride,
              {h});
  tensors.set(Operand::Ks, args.ks, MQA_I32, m, 1, {});
  tensors.set(Operand::Ke, args.ke, MQA_I32, m, 1, {});
  tensors.set(Operand::Out, args.out, kernel.getElementType(Operand::Out), m,
              args.out_stride, {columns});
  return MQA_SUCCESS;
}

mqa_status mqa::runtime::checkLogits(const KernelDescription &kernel,
                                     const mqa_logits_args &args,
                                     const Tensors &tensors, unsigned unread) {
  int64_t n = args.num_keys;
  // Rows may be cleaned, or padded, without a key.
  if (n == 0)
    unread |= getBit(Operand::K) | getBit(Operand::KScale);
  MQA_RETURN_IF_FAILED(checkTensors(kernel, tensors, unread));
  if (n > 0 && args.k_scale_stride != 1 && kernel.find(Operand::KScale) &&
      !kernel.acceptsStridedScales())
    return fail(MQA_ERROR_INVALID_ARGUMENT,
                "k_scale_stride must be 1 for this kernel, which was compiled "
                "for contiguous scales, found " +
                    std::to_string(args.k_scale_stride));
  return MQA_SUCCESS;
}

mqa_status mqa::runtime::checkArguments(const KernelDescription &kernel,
                                        const mqa_logits_args &args,
                                        Tensors &tensors) {
  MQA_RETURN_IF_FAILED(checkOp(kernel, kRules));
  MQA_RETURN_IF_FAILED(describeLogits(kernel, args, tensors));
  // Nothing is read or written then: pointers may be null.
  if (!kRules.hasWork(kernel, tensors))
    return MQA_SUCCESS;
  return checkLogits(kernel, args, tensors);
}
