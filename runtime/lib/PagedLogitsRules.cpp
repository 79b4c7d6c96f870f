//===- PagedLogitsRules.cpp - The rules of mqa.paged_logits ---------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "LogitsFields.h"

#include <algorithm>

using namespace mqa::runtime;

namespace {
class PagedLogitsRules final : public LogitsOpRules {
public:
  constexpr PagedLogitsRules()
      : LogitsOpRules(MQA_OP_PAGED_LOGITS, "mqa.paged_logits",
                      "mqa_paged_logits_launch") {}

  Ranks getRanks(Operand operand,
                 const KernelDescription &kernel) const override;
  bool takesIndex(const KernelDescription &, bool) const override {
    return false;
  }
  bool hasWork(const KernelDescription &kernel,
               const Tensors &tensors) const override;
  int64_t getGrid(const KernelDescription &kernel, const Tensors &tensors,
                  int numMultiprocessors) const override;
  std::pair<int64_t, int64_t> getTasks(const KernelDescription &kernel,
                                       const Tensors &tensors) const override;

private:
  void readSizes(Fields &fields, KernelDescription &kernel) const override;
  void checkSizes(Fields &fields, KernelDescription &kernel) const override;
  Form getFormOfSizes(const KernelDescription &kernel) const override {
    return {{"batch", kernel.batch},
            {"next_n", kernel.nextN},
            {"num_blocks", kernel.numBlocks},
            {"block_kv", kernel.blockKv},
            {"max_blocks", kernel.maxBlocks},
            {"key_block_size", kernel.keyBlockSize},
            {"max_key_blocks", kernel.maxKeyBlocks},
            {"rows_per_sequence", kernel.rowsPerSequence}};
  }
};
} // namespace

static constexpr PagedLogitsRules kRules;

const OpRules &mqa::runtime::getPagedLogitsRules() { return kRules; }

const LogitsOpRules &mqa::runtime::getPagedLogitsOpRules() { return kRules; }

//===----------------------------------------------------------------------===//
// Manifest
//===----------------------------------------------------------------------===//

void PagedLogitsRules::readSizes(Fields &fields,
                                 KernelDescription &kernel) const {
  kernel.batch = readSize(fields, "batch");
  kernel.nextN = fields.integer("next_n", 1, 8);
  kernel.numBlocks = readSize(fields, "num_blocks");
  kernel.blockKv = readPowerOfTwo(fields, "block_kv", 16, 256);
  kernel.maxBlocks = readSize(fields, "max_blocks");
  if (fields.has("rows_per_sequence"))
    kernel.rowsPerSequence = fields.integer("rows_per_sequence", 1, 8);
  if (kernel.compressed)
    fields.refuse("compressed", std::string("false for ") + kernel.rules->name);
  if (!fields.has("key_block_size"))
    return;
  if (kernel.blockMax || kernel.rowsPerSequence)
    fields.refuse("key_block_size",
                  "absent with block_max or rows_per_sequence");
  readKeyBlocks(fields, kernel);
}

/// Where rows name their sequences, a sequence may have any number of them.
void PagedLogitsRules::checkSizes(Fields &fields,
                                  KernelDescription &kernel) const {
  bool ofRows = kernel.find(Operand::Sequence) != nullptr;
  const Parameter &q = *kernel.find(Operand::Q);
  int rank = ofRows ? 3 : 4;
  if (q.rank != rank)
    fields.refuse("parameters",
                  "q of " + std::to_string(rank) + " dimensions " +
                      (ofRows ? "with" : "without") + " sequence");
  if (ofRows && (kernel.nextN != 1 || kernel.hasLengthPerQuery()))
    fields.refuse("next_n", "1, and context_lens of one dimension, with "
                            "sequence");
  if (!ofRows && kernel.rowsPerSequence)
    fields.refuse("rows_per_sequence", "left out without sequence");
  if (!ofRows)
    uniteSequences(fields, kernel);
}

Ranks PagedLogitsRules::getRanks(Operand operand,
                                 const KernelDescription &kernel) const {
  auto only = [](int rank) { return Ranks(rank, rank); };
  switch (operand) {
  case Operand::Q:
    return {3, 4};
  case Operand::K:
    return only(3);
  case Operand::Sequence:
    return only(1);
  case Operand::KScale:
  case Operand::Weights:
  case Operand::QScale:
  case Operand::BlockTable:
  case Operand::Out:
    return only(2);
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

//===----------------------------------------------------------------------===//
// Launches
//===----------------------------------------------------------------------===//

bool PagedLogitsRules::hasWork(const KernelDescription &kernel,
                               const Tensors &tensors) const {
  const Tensor &out = tensors[Operand::Out];
  // Whether there are any keys, the lengths say too.
  bool hasKeys = tensors[Operand::K].sizes[0] > 0 &&
                 tensors[Operand::BlockTable].sizes[0] > 0 &&
                 tensors[Operand::BlockTable].sizes[1] > 0;
  return out.sizes[0] > 0 && out.sizes[1] > 0 && (hasKeys || kernel.clean);
}

/// As mqa.logits, by sequences, or by rows that name theirs or have blocks of
/// their own; how many keys there are, only the device knows.
int64_t PagedLogitsRules::getGrid(const KernelDescription &kernel,
                                  const Tensors &tensors,
                                  int numMultiprocessors) const {
  int64_t pieces =
      tensors[kernel.keyBlockSize ? Operand::Out : Operand::Q].sizes[0];
  if (kernel.splitsKeys())
    pieces *= std::max<int64_t>(
        ceilDiv(tensors[Operand::Out].sizes[1] * kernel.getColumnKeys(),
                kernel.tileKeys),
        1);
  return std::min<int64_t>(pieces, numMultiprocessors);
}

std::pair<int64_t, int64_t>
PagedLogitsRules::getTasks(const KernelDescription &kernel,
                           const Tensors &tensors) const {
  return {ceilDiv(tensors[Operand::Q].sizes[0], kernel.taskQueries),
          ceilDiv(tensors[Operand::Out].sizes[1] * kernel.getColumnKeys(),
                  kernel.taskKeys)};
}

mqa_status mqa::runtime::describeLogits(const KernelDescription &kernel,
                                        const mqa_paged_logits_args &args,
                                        Tensors &tensors) {
  int64_t batch = args.batch, numBlocks = args.num_blocks;
  int64_t maxBlocks = args.max_blocks;
  int64_t maxLength = kernel.keyBlockSize ? 0 : args.max_context_len;
  int64_t columns = kernel.countColumns(maxLength);
  int64_t t = kernel.nextN, p = kernel.blockKv;
  int64_t h = kernel.numHeads, d = kernel.getQueryRow();
  bool ofRows = kernel.find(Operand::Sequence) != nullptr;
  int64_t rows = ofRows ? args.num_rows : batch * t;
  MQA_RETURN_IF_FAILED(checkSize("batch", batch, kernel.batch));
  MQA_RETURN_IF_FAILED(checkSize(ofRows ? "num_rows" : "batch * next_n", rows,
                                 kernel.numQueries));
  MQA_RETURN_IF_FAILED(checkSize("num_blocks", numBlocks, kernel.numBlocks));
  MQA_RETURN_IF_FAILED(checkSize("max_blocks", maxBlocks, kernel.maxBlocks));
  // Kernels count these blocks with 32 bits.
  if (int64_t size = kernel.keyBlockSize;
      size && numBlocks > kMaxSize / (p / size))
    return fail(
        MQA_ERROR_INVALID_ARGUMENT,
        "num_blocks must be at most " + std::to_string(kMaxSize / (p / size)) +
            " for this kernel, which counts blocks of " + std::to_string(size) +
            " keys, found " + std::to_string(numBlocks));
  MQA_RETURN_IF_FAILED(checkSize("max_context_len", maxLength, -1));
  if (kernel.keyBlockSize)
    MQA_RETURN_IF_FAILED(
        describeKeyBlocks(kernel, args, rows, columns, tensors));
  else
    MQA_RETURN_IF_FAILED(checkSize(kernel.blockMax
                                       ? "ceil(max_context_len / block_max)"
                                       : "max_context_len",
                                   columns, kernel.numColumns));
  MQA_RETURN_IF_FAILED(
      setMaxMultiprocessors(args.max_multiprocessors, tensors));
  mqa_element_type input = kernel.getElementType(Operand::Q);
  tensors.numKeys = maxLength;
  if (ofRows)
    tensors.set(Operand::Q, args.q, input, rows, args.q_stride, {h, d});
  else
    tensors.set(Operand::Q, args.q, input, batch, args.q_stride, {t, h, d});
  tensors.set(Operand::K, args.k, kernel.getElementType(Operand::K), numBlocks,
              args.k_stride, {p, kernel.getKeyRow()});
  tensors.set(Operand::KScale, args.k_scale,
              kernel.getElementType(Operand::KScale), numBlocks,
              args.k_scale_stride, {p});
  tensors.set(Operand::Weights, args.weights,
              kernel.getElementType(Operand::Weights), rows,
              args.weights_stride, {h});
  tensors.set(Operand::QScale, args.q_scale, MQA_I32, rows, args.q_scale_stride,
              {h});
  if (kernel.hasLengthPerQuery())
    tensors.set(Operand::ContextLens, args.context_lens, MQA_I32, batch,
                args.context_lens_stride, {t});
  else
    tensors.set(Operand::ContextLens, args.context_lens, MQA_I32,
                ofRows ? rows : batch, 1, {});
  tensors.set(Operand::BlockTable, args.block_table, MQA_I32, batch,
              args.block_table_stride, {maxBlocks});
  if (ofRows)
    tensors.set(Operand::Sequence, args.sequence, MQA_I32, rows, 1, {});
  tensors.set(Operand::Out, args.out, kernel.getElementType(Operand::Out), rows,
              args.out_stride, {columns});
  return MQA_SUCCESS;
}

mqa_status mqa::runtime::checkLogits(const KernelDescription &kernel,
                                     const mqa_paged_logits_args &args,
                                     const Tensors &tensors, unsigned unread) {
  int64_t numBlocks = args.num_blocks, maxBlocks = args.max_blocks;
  // Without a line of the table, no row sees a key.
  bool hasTable = maxBlocks > 0 && args.batch > 0;
  if (numBlocks == 0 || !hasTable)
    unread |= getBit(Operand::K) | getBit(Operand::KScale);
  if (!hasTable)
    unread |= getBit(Operand::BlockTable);
  return checkTensors(kernel, tensors, unread);
}

mqa_status mqa::runtime::checkArguments(const KernelDescription &kernel,
                                        const mqa_paged_logits_args &args,
                                        Tensors &tensors) {
  MQA_RETURN_IF_FAILED(checkOp(kernel, kRules));
  MQA_RETURN_IF_FAILED(describeLogits(kernel, args, tensors));
  // Nothing is read or written then: pointers may be null.
  if (!kRules.hasWork(kernel, tensors))
    return MQA_SUCCESS;
  return checkLogits(kernel, args, tensors);
}
