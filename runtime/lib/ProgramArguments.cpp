//===- ProgramArguments.cpp - Operands of a program's launches ------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "ProgramArguments.h"

#include <cstring>

using namespace mqa::runtime;

const mqa_program_operand *ProgramArguments::find(const char *name) const {
  for (size_t i = 0; i < names->size(); ++i)
    if ((*names)[i] == name)
      return &operands[i];
  return nullptr;
}

template <typename T> T *ProgramArguments::getAddress(const char *name) const {
  const mqa_program_operand *operand = find(name);
  return operand ? reinterpret_cast<T *>(operand->address) : nullptr;
}

int64_t ProgramArguments::getSize(const char *name, int dim) const {
  const mqa_program_operand *operand = find(name);
  return operand ? operand->sizes[dim] : 0;
}

int64_t ProgramArguments::getStride(const char *name, int dim) const {
  const mqa_program_operand *operand = find(name);
  if (!operand)
    return 0;
  if (operand->sizes[dim] > 1)
    return operand->strides[dim];
  // Nobody takes such a step, and a memref may have any number there.
  int64_t stride = 1;
  for (int64_t i = dim + 1; i < operand->rank; ++i)
    stride *= operand->sizes[i];
  return stride;
}

namespace {
/// A letter for each dimension of an operand. A letter has one size.
struct Dims {
  const char *name, *dims;
};
} // namespace

/// K and S of logits are those of a selection; R and M of paged ones are
/// products, and not compared.
static std::vector<Dims> getDims(const mqa_kernel_info &info) {
  switch (info.op) {
  case MQA_OP_LOGITS:
  case MQA_OP_LOGITS_TOPK:
    return {{"q", "M"},       {"k", "N"},          {"k_scale", "N"},
            {"weights", "M"}, {"ks", "M"},         {"ke", "M"},
            {"out", "MC"},    {"offset", "M"},     {"indices", "MK"},
            {"values", "MK"}, {"key_blocks", "M"}, {"num_key_blocks", "M"},
            {"q_scale", "M"}};
  case MQA_OP_PAGED_LOGITS:
  case MQA_OP_PAGED_LOGITS_TOPK:
    // Each row of a query names one of any number of sequences.
    if (info.has_sequence)
      return {{"q", "R"},          {"k", "C"},
              {"k_scale", "C"},    {"context_lens", "R"},
              {"weights", "R"},    {"sequence", "R"},
              {"out", "R"},        {"offset", "R"},
              {"indices", "RK"},   {"values", "RK"},
              {"key_blocks", "R"}, {"num_key_blocks", "R"},
              {"q_scale", "R"}};
    return {{"q", "B"},           {"k", "C"},
            {"k_scale", "C"},     {"context_lens", "B"},
            {"block_table", "B"}, {"weights", "R"},
            {"out", "R"},         {"offset", "R"},
            {"indices", "RK"},    {"values", "RK"},
            {"key_blocks", "R"},  {"num_key_blocks", "R"},
            {"q_scale", "R"}};
  case MQA_OP_TOPK:
    return {{"logits", "M"},   {"ks", "M"},         {"ke", "M"},
            {"sequence", "M"}, {"offset", "M"},     {"indices", "MK"},
            {"values", "MK"},  {"key_blocks", "M"}, {"num_key_blocks", "M"}};
  case MQA_OP_MERGE_TOPK:
    return {{"list_indices", "RMK"},
            {"list_values", "RMK"},
            {"ks", "M"},
            {"ke", "M"},
            {"indices", "MK"},
            {"values", "MK"}};
  }
  return {};
}

mqa_status ProgramArguments::checkSizes() const {
  struct Known {
    char dim;
    int64_t size;
    const char *name;
  };
  std::vector<Known> known;
  auto check = [&](char dim, int64_t size, const char *name,
                   int place) -> mqa_status {
    for (const Known &other : known)
      if (other.dim == dim && other.size != size)
        return fail(MQA_ERROR_INVALID_ARGUMENT,
                    "dimension " + std::to_string(place) + " of '" + name +
                        "' is " + std::to_string(size) + ", but '" +
                        other.name + "' has " + std::to_string(other.size));
    known.push_back({dim, size, name});
    return MQA_SUCCESS;
  };
  for (const Dims &operand : getDims(info))
    if (find(operand.name))
      for (int i = 0; operand.dims[i]; ++i)
        MQA_RETURN_IF_FAILED(
            check(operand.dims[i], getSize(operand.name, i), operand.name, i));
  if (info.key_block_size) {
    int64_t columns = getSize("key_blocks", 1) * info.key_block_size;
    for (const char *name : {"out", "logits"})
      if (find(name) && getSize(name, 1) != columns)
        return fail(MQA_ERROR_INVALID_ARGUMENT,
                    std::string("dimension 1 of '") + name + "' is " +
                        std::to_string(getSize(name, 1)) + ", but must be " +
                        std::to_string(columns) + ": key_block_size = " +
                        std::to_string(info.key_block_size) + " for each of " +
                        std::to_string(getSize("key_blocks", 1)) +
                        " blocks of a row");
    if (info.op == MQA_OP_LOGITS)
      return MQA_SUCCESS;
  }
  // Columns are keys, unless rows begin with their ranges, or maxima are taken.
  if (int64_t size = info.op == MQA_OP_LOGITS ? info.block_max : 0) {
    int64_t keys = getSize("k", 0), columns = getSize("out", 1);
    if (columns != keys / size + (keys % size != 0))
      return fail(MQA_ERROR_INVALID_ARGUMENT,
                  "dimension 1 of 'out' is " + std::to_string(columns) +
                      ", but must be one for each " + std::to_string(size) +
                      " of the " + std::to_string(keys) + " keys of 'k'");
    return MQA_SUCCESS;
  }
  if (info.op == MQA_OP_LOGITS && !info.compressed)
    return check('N', getSize("out", 1), "out", 1);
  if (info.op == MQA_OP_PAGED_LOGITS || info.op == MQA_OP_PAGED_LOGITS_TOPK)
    for (const char *name :
         {"weights", "q_scale", "out", "indices", "key_blocks"})
      if (find(name) && getSize(name, 0) != getSize("q", 0) * info.next_n)
        return fail(MQA_ERROR_INVALID_ARGUMENT,
                    std::string("dimension 0 of '") + name + "' is " +
                        std::to_string(getSize(name, 0)) +
                        ", but must be next_n = " +
                        std::to_string(info.next_n) + " for each of " +
                        std::to_string(getSize("q", 0)) + " sequences");
  return MQA_SUCCESS;
}

mqa_status ProgramArguments::read(const std::vector<std::string> &operandNames,
                                  const mqa_program_operand *given,
                                  int64_t size) {
  names = &operandNames;
  operands = given;
  constexpr int64_t kWords = sizeof(mqa_program_operand) / sizeof(int64_t);
  if (size != static_cast<int64_t>(names->size()) * kWords)
    return fail(MQA_ERROR_INVALID_ARGUMENT,
                "the program has " + std::to_string(size) + " words for " +
                    std::to_string(names->size()) + " operands of " +
                    std::to_string(kWords));
  return checkSizes();
}

template <typename Args> Args ProgramArguments::getInputsAndOut() const {
  Args args = {};
  args.q = getAddress<void>("q");
  args.q_stride = getStride("q");
  args.k = getAddress<void>("k");
  args.k_stride = getStride("k");
  args.k_scale = getAddress<float>("k_scale");
  args.k_scale_stride = getStride("k_scale");
  args.weights = getAddress<void>("weights");
  args.weights_stride = getStride("weights");
  args.q_scale = getAddress<int32_t>("q_scale");
  args.q_scale_stride = getStride("q_scale");
  args.out = getAddress<void>("out");
  args.out_stride = getStride("out");
  return args;
}

mqa_logits_args ProgramArguments::getLogits() const {
  auto args = getInputsAndOut<mqa_logits_args>();
  args.ks = getAddress<int32_t>("ks");
  args.ke = getAddress<int32_t>("ke");
  args.num_queries = getSize("q", 0);
  args.num_keys = getSize("k", 0);
  args.max_seqlen_k = getSize("out", 1);
  args.key_blocks = getAddress<int32_t>("key_blocks");
  args.key_blocks_stride = getStride("key_blocks");
  args.num_key_blocks = getAddress<int32_t>("num_key_blocks");
  args.max_key_blocks = getSize("key_blocks", 1);
  return args;
}

mqa_paged_logits_args ProgramArguments::getPagedLogits() const {
  auto args = getInputsAndOut<mqa_paged_logits_args>();
  args.context_lens = getAddress<int32_t>("context_lens");
  args.context_lens_stride = getStride("context_lens");
  args.block_table = getAddress<int32_t>("block_table");
  args.block_table_stride = getStride("block_table");
  args.batch = getSize(info.has_sequence ? "block_table" : "q", 0);
  args.sequence = getAddress<int32_t>("sequence");
  args.num_rows = getSize("q", 0);
  args.num_blocks = getSize("k", 0);
  args.max_blocks = getSize("block_table", 1);
  args.key_blocks = getAddress<int32_t>("key_blocks");
  args.key_blocks_stride = getStride("key_blocks");
  args.num_key_blocks = getAddress<int32_t>("num_key_blocks");
  args.max_key_blocks = getSize("key_blocks", 1);
  // Of a fused kernel: the number that it is told or knows, or all that the
  // table has room for.
  if (find("out"))
    args.max_context_len =
        getSize("out", 1) * std::max<int64_t>(info.block_max, 1);
  else if (const mqa_program_operand *told = find("num_keys"))
    args.max_context_len = told->address;
  else
    args.max_context_len = info.max_context_len >= 0
                               ? info.max_context_len
                               : args.max_blocks * info.block_kv;
  return args;
}

mqa_topk_args ProgramArguments::getTopk() const {
  mqa_topk_args args = {};
  args.logits = getAddress<void>("logits");
  args.logits_stride = getStride("logits");
  args.ks = getAddress<int32_t>("ks");
  args.ke = getAddress<int32_t>("ke");
  args.context_lens = getAddress<int32_t>("context_lens");
  args.context_lens_stride = getStride("context_lens");
  args.block_table = getAddress<int32_t>("block_table");
  args.block_table_stride = getStride("block_table");
  args.sequence = getAddress<int32_t>("sequence");
  args.offset = getAddress<int32_t>("offset");
  args.indices = getAddress<int32_t>("indices");
  args.indices_stride = getStride("indices");
  args.values = getAddress<float>("values");
  args.values_stride = getStride("values");
  args.num_queries = getSize("indices", 0);
  args.num_columns = getSize("logits", 1);
  if (const mqa_program_operand *numKeys = find("num_keys"))
    args.num_keys = numKeys->address;
  args.k = getSize("indices", 1);
  args.num_sequences = getSize("block_table", 0);
  args.max_blocks = getSize("block_table", 1);
  args.key_blocks = getAddress<int32_t>("key_blocks");
  args.key_blocks_stride = getStride("key_blocks");
  args.num_key_blocks = getAddress<int32_t>("num_key_blocks");
  args.max_key_blocks = getSize("key_blocks", 1);
  return args;
}

mqa_merge_topk_args ProgramArguments::getMergeTopk() const {
  mqa_merge_topk_args args = {};
  args.list_indices = getAddress<int32_t>("list_indices");
  args.list_indices_stride = getStride("list_indices");
  args.list_indices_row_stride = getStride("list_indices", 1);
  args.list_values = getAddress<float>("list_values");
  args.list_values_stride = getStride("list_values");
  args.list_values_row_stride = getStride("list_values", 1);
  args.ks = getAddress<int32_t>("ks");
  args.ke = getAddress<int32_t>("ke");
  args.indices = getAddress<int32_t>("indices");
  args.indices_stride = getStride("indices");
  args.values = getAddress<float>("values");
  args.values_stride = getStride("values");
  args.num_lists = getSize("list_indices", 0);
  args.num_queries = getSize("indices", 0);
  args.k = getSize("indices", 1);
  return args;
}
