//===- XlaArguments.cpp - The operands of a custom call -------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "XlaArguments.h"
#include "OpRules.h"
#include "XlaCallReader.h"

#include <algorithm>
#include <limits>
#include <vector>

using namespace mqa::runtime;

static mqa_status invalid(const std::string &message) {
  return fail(MQA_ERROR_INVALID_ARGUMENT, message);
}

//===----------------------------------------------------------------------===//
// Attributes
//===----------------------------------------------------------------------===//

static mqa_status readInteger(const xla::Attributes &attributes, int64_t index,
                              std::string_view name, int64_t &integer) {
  auto *scalar = static_cast<const xla::Scalar *>(attributes.values[index]);
  if (attributes.types[index] != xla::kScalar ||
      scalar->type != xla::DataType::S64)
    return invalid("attribute '" + std::string(name) +
                   "' must be a 64-bit integer");
  integer = *static_cast<const int64_t *>(scalar->value);
  return MQA_SUCCESS;
}

mqa_status mqa::runtime::readAttributes(const xla::Attributes &attributes,
                                        XlaAttributes &read) {
  for (int64_t i = 0; i < attributes.count; ++i) {
    std::string_view name(attributes.names[i]->data, attributes.names[i]->size);
    if (name == "op") {
      if (attributes.types[i] != xla::kString)
        return invalid("attribute 'op' must be a string");
      auto *text = static_cast<const xla::Text *>(attributes.values[i]);
      read.op = {text->data, text->size};
    } else if (name == "size") {
      MQA_RETURN_IF_FAILED(readInteger(attributes, i, name, read.size));
    } else if (name == "max_multiprocessors") {
      MQA_RETURN_IF_FAILED(
          readInteger(attributes, i, name, read.maxMultiprocessors));
    }
  }
  return read.op.empty() ? invalid("the call has no attribute 'op'")
                         : MQA_SUCCESS;
}

//===----------------------------------------------------------------------===//
// Ops
//===----------------------------------------------------------------------===//

/// Lists of key blocks for `rows` rows, where the kernel has them.
template <typename ArgsT>
static mqa_status readKeyBlocks(XlaCallReader &reader,
                                const KernelDescription &kernel, int64_t rows,
                                ArgsT &args) {
  if (!kernel.keyBlockSize)
    return MQA_SUCCESS;
  args.max_key_blocks = args.key_blocks_stride = reader.peekSize(1);
  MQA_RETURN_IF_FAILED(reader.read(
      Operand::KeyBlocks, {rows, args.max_key_blocks}, args.key_blocks));
  return reader.read(Operand::NumKeyBlocks, {rows}, args.num_key_blocks);
}

/// Block scales of the queries of `rows` rows, where the kernel has them.
template <typename ArgsT>
static mqa_status readQueryScales(XlaCallReader &reader,
                                  const KernelDescription &kernel, int64_t rows,
                                  ArgsT &args) {
  args.q_scale_stride = kernel.numHeads;
  return reader.read(Operand::QScale, {rows, kernel.numHeads}, args.q_scale);
}

static mqa_status readLogits(XlaCallReader &reader,
                             const KernelDescription &kernel,
                             mqa_logits_args &args) {
  int64_t h = kernel.numHeads, groups = kernel.numGroups;
  int64_t queryRow = kernel.getQueryRow();
  int64_t m = args.num_queries = reader.peekSize(0);
  MQA_RETURN_IF_FAILED(reader.read(Operand::Q, {m, h, queryRow}, args.q));
  int64_t n = args.num_keys = reader.peekSize(0), keyRow = kernel.getKeyRow();
  std::vector<int64_t> keys{n, keyRow}, scales{n};
  if (kernel.hasKeyGroups)
    keys = {n, groups, keyRow}, scales = {n, groups};
  MQA_RETURN_IF_FAILED(reader.read(Operand::K, keys, args.k));
  MQA_RETURN_IF_FAILED(reader.read(Operand::KScale, scales, args.k_scale));
  MQA_RETURN_IF_FAILED(reader.read(Operand::Weights, {m, h}, args.weights));
  MQA_RETURN_IF_FAILED(reader.read(Operand::Ks, {m}, args.ks));
  args.q_stride = h * queryRow;
  args.k_stride = groups * keyRow;
  args.k_scale_stride = groups;
  args.weights_stride = h;
  MQA_RETURN_IF_FAILED(reader.read(Operand::Ke, {m}, args.ke));
  MQA_RETURN_IF_FAILED(readKeyBlocks(reader, kernel, m, args));
  return readQueryScales(reader, kernel, m, args);
}

static mqa_status readPagedLogits(XlaCallReader &reader,
                                  const KernelDescription &kernel,
                                  mqa_paged_logits_args &args) {
  int64_t h = kernel.numHeads, queryRow = kernel.getQueryRow();
  int64_t t = kernel.nextN, p = kernel.blockKv;
  bool ofRows = kernel.find(Operand::Sequence) != nullptr;
  int64_t b = args.batch = args.num_rows = reader.peekSize(0);
  std::vector<int64_t> queries{b, t, h, queryRow};
  if (ofRows)
    queries = {b, h, queryRow};
  MQA_RETURN_IF_FAILED(reader.read(Operand::Q, queries, args.q));
  args.num_blocks = reader.peekSize(0);
  if (reader.isNextBytes()) {
    MQA_RETURN_IF_FAILED(reader.readCache(p, kernel.getKeyRow(), args));
  } else {
    int64_t keyRow = kernel.getKeyRow();
    MQA_RETURN_IF_FAILED(
        reader.read(Operand::K, {args.num_blocks, p, keyRow}, args.k));
    MQA_RETURN_IF_FAILED(
        reader.read(Operand::KScale, {args.num_blocks, p}, args.k_scale));
    args.k_stride = p * keyRow;
    args.k_scale_stride = p;
  }
  MQA_RETURN_IF_FAILED(reader.read(Operand::Weights, {b * t, h}, args.weights));
  std::vector<int64_t> lengths{b};
  if (kernel.hasLengthPerQuery())
    lengths.push_back(t);
  MQA_RETURN_IF_FAILED(
      reader.read(Operand::ContextLens, lengths, args.context_lens));
  if (ofRows)
    args.batch = reader.peekSize(0);
  args.max_blocks = args.block_table_stride = reader.peekSize(1);
  args.q_stride = t * h * queryRow;
  args.weights_stride = h;
  args.context_lens_stride = t;
  MQA_RETURN_IF_FAILED(reader.read(Operand::BlockTable, {args.batch, kAnySize},
                                   args.block_table));
  MQA_RETURN_IF_FAILED(reader.read(Operand::Sequence, {b}, args.sequence));
  MQA_RETURN_IF_FAILED(readKeyBlocks(reader, kernel, b * t, args));
  return readQueryScales(reader, kernel, b * t, args);
}

/// What is selected by, but for ranges. A kernel of a paged cache has the table
/// and the sequences from its logits.
static mqa_status readRows(XlaCallReader &reader,
                           const KernelDescription &kernel, int64_t rows,
                           bool hasOwnTable, mqa_topk_args &args) {
  if (hasOwnTable && kernel.find(Operand::BlockTable)) {
    args.num_sequences = reader.peekSize(0);
    args.max_blocks = args.block_table_stride = reader.peekSize(1);
    MQA_RETURN_IF_FAILED(reader.read(Operand::BlockTable, {kAnySize, kAnySize},
                                     args.block_table));
  }
  if (hasOwnTable)
    MQA_RETURN_IF_FAILED(reader.read(Operand::Sequence, {rows}, args.sequence));
  MQA_RETURN_IF_FAILED(reader.read(Operand::Offset, {rows}, args.offset));
  args.k = args.indices_stride = args.values_stride = kernel.selection.k;
  MQA_RETURN_IF_FAILED(
      reader.write(Operand::Indices, {rows, args.k}, args.indices));
  return reader.write(Operand::Values, {rows, args.k}, args.values);
}

static mqa_status readTopk(XlaCallReader &reader,
                           const KernelDescription &kernel,
                           const XlaAttributes &attributes,
                           mqa_topk_args &args) {
  int64_t m = args.num_queries = reader.peekSize(0);
  args.num_columns = args.logits_stride = reader.peekSize(1);
  args.num_keys = attributes.size;
  MQA_RETURN_IF_FAILED(
      reader.read(Operand::Logits, {m, args.num_columns}, args.logits));
  MQA_RETURN_IF_FAILED(reader.read(Operand::Ks, {m}, args.ks));
  MQA_RETURN_IF_FAILED(reader.read(Operand::Ke, {m}, args.ke));
  std::vector<int64_t> lengths{kAnySize};
  if (kernel.hasLengthPerQuery())
    lengths.push_back(kernel.nextN);
  args.context_lens_stride = kernel.nextN;
  MQA_RETURN_IF_FAILED(
      reader.read(Operand::ContextLens, lengths, args.context_lens));
  MQA_RETURN_IF_FAILED(readRows(reader, kernel, m, /*hasOwnTable=*/true, args));
  return readKeyBlocks(reader, kernel, m, args);
}

static mqa_status readMergeTopk(XlaCallReader &reader,
                                const KernelDescription &kernel,
                                mqa_merge_topk_args &args) {
  int64_t r = args.num_lists = reader.peekSize(0);
  int64_t m = args.num_queries = reader.peekSize(1);
  int64_t k = args.k = kernel.selection.k;
  MQA_RETURN_IF_FAILED(
      reader.read(Operand::ListIndices, {r, m, k}, args.list_indices));
  MQA_RETURN_IF_FAILED(
      reader.read(Operand::ListValues, {r, m, k}, args.list_values));
  args.list_indices_stride = args.list_values_stride = m * k;
  args.list_indices_row_stride = args.list_values_row_stride = k;
  args.indices_stride = args.values_stride = k;
  MQA_RETURN_IF_FAILED(reader.read(Operand::Ks, {m}, args.ks));
  MQA_RETURN_IF_FAILED(reader.read(Operand::Ke, {m}, args.ke));
  MQA_RETURN_IF_FAILED(reader.write(Operand::Indices, {m, k}, args.indices));
  return reader.write(Operand::Values, {m, k}, args.values);
}

mqa_status mqa::runtime::readArguments(const xla::CallFrame &frame,
                                       const XlaAttributes &attributes,
                                       const KernelDescription &kernel,
                                       XlaArguments &arguments) {
  XlaCallReader reader(frame, kernel);
  mqa_logits_args &logits = arguments.logits;
  mqa_paged_logits_args &paged = arguments.paged;
  mqa_topk_args &selection = arguments.selection;
  constexpr int64_t kMost = std::numeric_limits<int>::max();
  // Columns of a row: those of key blocks, or `others`.
  auto count = [&](int64_t maxKeyBlocks, int64_t others) {
    return kernel.keyBlockSize ? kernel.countKeyBlockColumns(maxKeyBlocks)
                               : others;
  };
  logits.max_multiprocessors = paged.max_multiprocessors =
      static_cast<int>(std::min(attributes.maxMultiprocessors, kMost));
  switch (kernel.rules->op) {
  case MQA_OP_LOGITS:
    MQA_RETURN_IF_FAILED(readLogits(reader, kernel, logits));
    logits.out_stride = logits.max_seqlen_k = reader.peekColumns();
    MQA_RETURN_IF_FAILED(reader.write(
        Operand::Out,
        {logits.num_queries, kernel.compressed
                                 ? kAnySize
                                 : count(logits.max_key_blocks,
                                         kernel.countColumns(logits.num_keys))},
        logits.out));
    break;
  case MQA_OP_PAGED_LOGITS:
    MQA_RETURN_IF_FAILED(readPagedLogits(reader, kernel, paged));
    paged.out_stride = reader.peekColumns();
    paged.max_context_len = paged.out_stride * kernel.getColumnKeys();
    MQA_RETURN_IF_FAILED(reader.write(
        Operand::Out,
        {paged.num_rows * kernel.nextN, count(paged.max_key_blocks, kAnySize)},
        paged.out));
    break;
  case MQA_OP_TOPK:
    MQA_RETURN_IF_FAILED(readTopk(reader, kernel, attributes, selection));
    arguments.numQueries = selection.num_queries;
    arguments.numColumns = selection.num_columns;
    break;
  case MQA_OP_MERGE_TOPK:
    MQA_RETURN_IF_FAILED(readMergeTopk(reader, kernel, arguments.merge));
    break;
  case MQA_OP_LOGITS_TOPK:
    MQA_RETURN_IF_FAILED(readLogits(reader, kernel, logits));
    arguments.numQueries = logits.num_queries;
    arguments.numColumns = count(logits.max_key_blocks, logits.num_keys);
    MQA_RETURN_IF_FAILED(readRows(reader, kernel, logits.num_queries,
                                  /*hasOwnTable=*/true, selection));
    break;
  case MQA_OP_PAGED_LOGITS_TOPK:
    MQA_RETURN_IF_FAILED(readPagedLogits(reader, kernel, paged));
    paged.max_context_len = attributes.size;
    arguments.numQueries = paged.num_rows * kernel.nextN;
    arguments.numColumns = count(paged.max_key_blocks, attributes.size);
    MQA_RETURN_IF_FAILED(readRows(reader, kernel, arguments.numQueries,
                                  /*hasOwnTable=*/false, selection));
    break;
  }
  return reader.finish();
}

mqa_status mqa::runtime::checkArguments(const KernelDescription &kernel,
                                        const XlaArguments &arguments,
                                        Tensors &tensors) {
  switch (kernel.rules->op) {
  case MQA_OP_LOGITS:
    return checkArguments(kernel, arguments.logits, tensors);
  case MQA_OP_PAGED_LOGITS:
    return checkArguments(kernel, arguments.paged, tensors);
  case MQA_OP_TOPK:
    return checkArguments(kernel, arguments.selection, tensors);
  case MQA_OP_MERGE_TOPK:
    return checkArguments(kernel, arguments.merge, tensors);
  case MQA_OP_LOGITS_TOPK:
    return checkArguments(kernel, arguments.logits, arguments.selection,
                          tensors);
  case MQA_OP_PAGED_LOGITS_TOPK:
    return checkArguments(kernel, arguments.paged, arguments.selection,
                          tensors);
  }
  return invalid("the kernel is of no op that is known");
}
