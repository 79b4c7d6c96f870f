//===- List.cpp - What is in a bundle -------------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "List.h"
#include "KernelCases.h"
#include "TopkSession.h"

#include <nlohmann/json.hpp>

#include <iostream>

using namespace mqa::tools;
using nlohmann::ordered_json;

/// A size that is given at launch is null.
static ordered_json toJson(int64_t size) {
  return size < 0 ? ordered_json() : ordered_json(size);
}

static void addKeyBlocks(const mqa_kernel_info &info, ordered_json &kernel) {
  if (!info.key_block_size)
    return;
  kernel["key_block_size"] = info.key_block_size;
  kernel["max_key_blocks"] = toJson(info.max_key_blocks);
}

static void addLogits(const mqa_kernel_info &info, ordered_json &kernel) {
  kernel["input_type"] = getTypeName(info.input_type);
  if (info.key_type != info.input_type)
    kernel["key_type"] = getTypeName(info.key_type);
  // Queries of MQA_I8 have no other.
  if (info.has_q_scale && info.input_type != MQA_I8)
    kernel["q_scale_type"] = getTypeName(MQA_I32);
  kernel["weights_type"] =
      info.has_weights ? getTypeName(info.weights_type) : "none";
  kernel["logits_type"] = getTypeName(info.logits_type);
  kernel["activation"] = getName(info.activation);
  if (!isSum(info.head_reduction))
    kernel["head_reduction"] = getName(info.head_reduction);
  kernel["has_k_scale"] = info.has_k_scale != 0;
  // Keys of MQA_I8 have no other.
  if (info.has_k_scale && info.k_scale_type != MQA_F32 &&
      info.key_type != MQA_I8)
    kernel["k_scale_type"] = getTypeName(info.k_scale_type);
  kernel["clean"] = info.clean != 0;
  if (info.block_max)
    kernel["block_max"] = info.block_max;
  kernel["num_queries"] = toJson(info.num_queries);
  kernel["num_heads"] = info.num_heads;
  kernel["head_dim"] = info.head_dim;
  if (isPaged(info)) {
    kernel["batch"] = toJson(info.batch);
    kernel["next_n"] = info.next_n;
    kernel["num_blocks"] = toJson(info.num_blocks);
    kernel["block_kv"] = info.block_kv;
    kernel["max_blocks"] = toJson(info.max_blocks);
    kernel["max_context_len"] = toJson(info.max_context_len);
    kernel["lens_per_query"] = info.lens_per_query != 0;
    kernel["has_sequence"] = info.has_sequence != 0;
    if (info.rows_per_sequence)
      kernel["rows_per_sequence"] = info.rows_per_sequence;
    addKeyBlocks(info, kernel);
    return;
  }
  kernel["num_keys"] = toJson(info.num_keys);
  addKeyBlocks(info, kernel);
  kernel["num_groups"] = info.num_groups;
  kernel["has_ks"] = info.has_ks != 0;
  kernel["compressed"] = info.compressed != 0;
  if (info.compressed)
    kernel["max_seqlen_k"] = toJson(info.max_seqlen_k);
}

static void addSelection(const mqa_kernel_info &info, ordered_json &kernel) {
  if (!isFused(info)) {
    kernel["input_type"] = getTypeName(info.input_type);
    kernel["num_queries"] = toJson(info.num_queries);
    kernel["has_ks"] = info.has_ks != 0;
  }
  if (isTopk(info)) {
    kernel["num_keys"] = toJson(info.num_keys);
    kernel["compressed"] = info.compressed != 0;
    kernel["has_context_lens"] = info.has_context_lens != 0;
    addKeyBlocks(info, kernel);
  }
  kernel["k"] = info.k;
  kernel["tie_break"] = getName(info.tie_break);
  kernel["order"] = getName(info.order);
  kernel["base"] = getName(info.base);
  kernel["has_values"] = info.has_values != 0;
  if (info.op == MQA_OP_MERGE_TOPK) {
    kernel["num_lists"] = toJson(info.num_lists);
    return;
  }
  kernel["force_first"] = info.force_first;
  kernel["force_last"] = info.force_last;
  kernel["has_offset"] = info.has_offset != 0;
  kernel["has_sequence"] = info.has_sequence != 0;
}

/// What a caller must know to launch it, and what its target makes of it.
static ordered_json describe(const mqa_kernel_info &info) {
  ordered_json kernel = {
      {"name", info.name}, {"op", getName(info.op)}, {"target", info.target}};
  if (!selectsKeys(info))
    addLogits(info, kernel);
  if (selectsKeys(info) || isFused(info))
    addSelection(info, kernel);
  if (isFused(info) && !isForCpu(info))
    kernel["needs_zeroed_scratch"] = info.needs_zeroed_scratch != 0;
  if (isForCpu(info)) {
    kernel["scratch_bytes"] = info.scratch_bytes;
  } else if (!selectsKeys(info)) {
    kernel["fast"] = info.fast != 0;
    kernel["schedule"] = info.schedule;
  }
  return kernel;
}

/// "a=1", "b=?" or "c".
static std::string toText(const std::string &key, const ordered_json &value) {
  if (value.is_null())
    return key + "=?";
  if (value.is_boolean())
    return key;
  if (!value.is_string())
    return key + "=" + value.dump();
  auto text = value.get<std::string>();
  bool hasSpaces = text.find(' ') != std::string::npos;
  return key + "=" + (hasSpaces ? '"' + text + '"' : text);
}

/// Fields side by side, in lines that fit a terminal: "a=1 b=? c".
static std::string toText(const ordered_json &kernel) {
  constexpr size_t kMaxColumns = 100;
  std::string text, line = " ";
  for (const auto &[key, value] : kernel.items()) {
    if (value.is_boolean() && !value.get<bool>())
      continue;
    std::string field = toText(key, value);
    if (line.size() + 1 + field.size() > kMaxColumns && line != " ") {
      text += line + "\n";
      line = " ";
    }
    line += " " + field;
  }
  return text + line + "\n";
}

void mqa::tools::listBundle(const mqa_bundle *bundle, bool asJson) {
  ordered_json kernels = ordered_json::array();
  for (size_t i = 0, e = mqa_bundle_num_kernels(bundle); i < e; ++i) {
    mqa_kernel_info info;
    require(mqa_bundle_kernel_info(bundle, i, &info));
    kernels.push_back(describe(info));
  }
  if (asJson) {
    std::cout << ordered_json{{"kernels", kernels}}.dump(2) << "\n";
    return;
  }
  for (ordered_json &kernel : kernels) {
    std::cout << kernel["name"].get<std::string>() << ": "
              << kernel["op"].get<std::string>() << " for "
              << kernel["target"].get<std::string>() << "\n";
    for (const char *key : {"name", "op", "target"})
      kernel.erase(key);
    std::cout << toText(kernel);
  }
}
