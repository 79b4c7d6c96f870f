//===- TopkArguments.cpp - The operands of a launch of mqa.topk -----------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "LogitsFields.h"
#include "SelectionRules.h"

using namespace mqa::runtime;

static mqa_status invalid(const std::string &message) {
  return fail(MQA_ERROR_INVALID_ARGUMENT, message);
}

/// How much of it a launch needs, the device says.
static mqa_status checkScratch(const mqa_topk_args &args) {
  if (!args.scratch && args.scratch_size > 0)
    return invalid("scratch is null, and scratch_size is " +
                   std::to_string(args.scratch_size));
  constexpr uintptr_t kAlignment = 16;
  auto address = reinterpret_cast<uintptr_t>(args.scratch);
  if (address % kAlignment)
    return invalid("scratch must be aligned to 16 bytes, found address " +
                   std::to_string(address));
  return MQA_SUCCESS;
}

mqa_status mqa::runtime::checkSequences(const KernelDescription &kernel,
                                        const mqa_topk_args &args,
                                        int64_t &batch) {
  bool hasTable = kernel.find(Operand::BlockTable);
  if (hasTable) {
    MQA_RETURN_IF_FAILED(
        checkSize("num_sequences", args.num_sequences, kernel.numSequences));
    MQA_RETURN_IF_FAILED(
        checkSize("max_blocks", args.max_blocks, kernel.maxBlocks));
  }
  if (kernel.nextN == 0)
    return MQA_SUCCESS;
  if (args.num_queries % kernel.nextN)
    return invalid("num_queries must be a multiple of next_n = " +
                   std::to_string(kernel.nextN) + ", found " +
                   std::to_string(args.num_queries));
  batch = args.num_queries / kernel.nextN;
  MQA_RETURN_IF_FAILED(checkSize("num_queries / next_n", batch, kernel.batch));
  if (hasTable && args.num_sequences != batch)
    return invalid("num_sequences must be num_queries / next_n = " +
                   std::to_string(batch) + ", found " +
                   std::to_string(args.num_sequences));
  return MQA_SUCCESS;
}

void mqa::runtime::setTable(const mqa_topk_args &args, Tensors &tensors) {
  tensors.set(Operand::BlockTable, args.block_table, MQA_I32,
              args.num_sequences, args.block_table_stride, {args.max_blocks});
  tensors.set(Operand::Sequence, args.sequence, MQA_I32, args.num_queries, 1,
              {});
}

mqa_status mqa::runtime::describeRows(const KernelDescription &kernel,
                                      const mqa_topk_args &args,
                                      Tensors &tensors) {
  int64_t m = args.num_queries, k = kernel.selection.k;
  MQA_RETURN_IF_FAILED(checkSize("k", args.k, k));
  MQA_RETURN_IF_FAILED(checkScratch(args));
  tensors.set(Operand::Offset, args.offset, MQA_I32, m, 1, {});
  tensors.set(Operand::Indices, args.indices, MQA_I32, m, args.indices_stride,
              {k});
  tensors.set(Operand::Values, args.values, MQA_F32, m, args.values_stride,
              {k});
  tensors.scratchSize = args.scratch_size;
  tensors.set(Operand::Scratch, args.scratch, MQA_I32,
              static_cast<int64_t>(args.scratch_size / sizeof(int32_t)), 1, {});
  return MQA_SUCCESS;
}

mqa_status mqa::runtime::checkArguments(const KernelDescription &kernel,
                                        const mqa_topk_args &args,
                                        Tensors &tensors) {
  MQA_RETURN_IF_FAILED(checkOp(kernel, getTopkRules()));
  int64_t m = args.num_queries, n = args.num_columns;
  MQA_RETURN_IF_FAILED(checkSize("num_queries", m, kernel.numQueries));
  MQA_RETURN_IF_FAILED(checkSize("num_columns", n, kernel.numColumns));
  if (kernel.hasIndex()) {
    MQA_RETURN_IF_FAILED(checkSize("num_keys", args.num_keys, -1));
    tensors.numKeys = args.num_keys;
  }
  // Where rows name their sequences, each has a length.
  int64_t batch = m;
  MQA_RETURN_IF_FAILED(checkSequences(kernel, args, batch));
  MQA_RETURN_IF_FAILED(describeRows(kernel, args, tensors));
  setTable(args, tensors);
  if (kernel.keyBlockSize) {
    int64_t columns = 0;
    MQA_RETURN_IF_FAILED(describeKeyBlocks(kernel, args, m, columns, tensors));
    if (n != columns)
      return invalid("num_columns must be max_key_blocks * key_block_size = " +
                     std::to_string(columns) + ", found " + std::to_string(n));
  }
  tensors.set(Operand::Logits, args.logits,
              kernel.getElementType(Operand::Logits), m, args.logits_stride,
              {n});
  tensors.set(Operand::Ks, args.ks, MQA_I32, m, 1, {});
  tensors.set(Operand::Ke, args.ke, MQA_I32, m, 1, {});
  if (kernel.hasLengthPerQuery())
    tensors.set(Operand::ContextLens, args.context_lens, MQA_I32, batch,
                args.context_lens_stride, {kernel.nextN});
  else
    tensors.set(Operand::ContextLens, args.context_lens, MQA_I32, batch, 1, {});
  // Nothing is read or written then: pointers may be null.
  if (m == 0)
    return MQA_SUCCESS;
  unsigned unread = 0;
  if (n == 0)
    unread |= getBit(Operand::Logits) | getBit(Operand::KeyBlocks);
  if (args.num_sequences == 0 || args.max_blocks == 0)
    unread |= getBit(Operand::BlockTable);
  MQA_RETURN_IF_FAILED(checkTensors(kernel, tensors, unread));
  return checkOutputs(kernel, tensors);
}
