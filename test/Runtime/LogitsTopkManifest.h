//===- LogitsTopkManifest.h - Kernels of logits and top-k -------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef MQA_TEST_RUNTIME_LOGITSTOPKMANIFEST_H
#define MQA_TEST_RUNTIME_LOGITSTOPKMANIFEST_H

#include "PagedRowsManifest.h"
#include "TopkManifest.h"

namespace mqa::test {

/// Turns the kernel of a manifest of logits into one that selects k = 5 keys by
/// them, and does not store them: `out` gives way to offsets, indices and
/// values. On a GPU the number of keys and scratch come last.
inline nlohmann::json makeFused(nlohmann::json manifest) {
  nlohmann::json &kernel = manifest["kernels"][0];
  bool isCpu = manifest["target"] == "cpu";
  bool isPaged = kernel["op"] == "mqa.paged_logits";
  kernel["name"] = "topk";
  kernel["op"] = isPaged ? "mqa.paged_logits_topk" : "mqa.logits_topk";
  kernel["logits_type"] = "bf16";
  kernel["k"] = 5;
  kernel["tie_break"] = "greatest";
  kernel["order"] = "score";
  kernel["base"] = "absolute";
  kernel["force_first"] = 1;
  kernel["force_last"] = 2;
  nlohmann::json &parameters = kernel["parameters"];
  parameters.erase(parameters.size() - 1);
  parameters.push_back(makeMemref("offset", "i32", 1));
  parameters.push_back(makeMemref("indices", "i32", 2));
  parameters.push_back(makeMemref("values", "f32", 2));
  if (isPaged || !isCpu)
    parameters.push_back(makeIndex());
  if (!isCpu) {
    kernel["list_places"] = 64;
    parameters.push_back(makeMemref("scratch", "i32", 1));
  }
  return manifest;
}

inline nlohmann::json
makeLogitsTopkManifest(const std::string &target = "sm_90a") {
  return makeFused(target == "cpu" ? makeCpuManifest() : makeGpuManifest());
}

/// Of the cache of makePagedManifest; a query has a length of its own where
/// `lensRank` is 2.
inline nlohmann::json makePagedTopkManifest(int lensRank = 2) {
  return makeFused(makePagedManifest(lensRank));
}

/// Likewise for a CPU, with tasks of 2 sequences.
inline nlohmann::json makePagedCpuTopkManifest() {
  using nlohmann::json;
  json manifest = makeCpuManifest(), paged = makePagedManifest(2);
  json &kernel = manifest["kernels"][0];
  for (const char *name : {"num_keys", "num_groups", "has_key_groups"})
    kernel.erase(name);
  for (const char *name : {"op", "batch", "next_n", "num_blocks", "block_kv",
                           "max_blocks", "parameters"})
    kernel[name] = paged["kernels"][0][name];
  for (json &parameter : kernel["parameters"])
    if (parameter["kind"] == "tensor_map") {
      bool isScale = parameter["operand"] == "k_scale";
      std::string name = parameter["operand"], type = parameter["element_type"];
      parameter = makeMemref(name.c_str(), type.c_str(),
                             static_cast<int>(parameter["box"].size()));
      if (isScale)
        parameter["strided"] = false;
    }
  return makeFused(manifest);
}

/// Slots of a cache instead of keys: rows are in the order of sequences, 3 of
/// each, or say which sequence is theirs.
inline nlohmann::json makeLogitsSlotManifest(bool hasSequence = false) {
  nlohmann::json manifest = makeLogitsTopkManifest();
  nlohmann::json &kernel = manifest["kernels"][0];
  kernel["base"] = "slot";
  kernel["block_kv"] = 64;
  kernel["num_sequences"] = -1;
  kernel["max_blocks"] = -1;
  // Before the number of keys.
  auto add = [&](const nlohmann::json &parameter) {
    nlohmann::json &parameters = kernel["parameters"];
    parameters.insert(parameters.end() - 2, parameter);
  };
  add(makeMemref("block_table", "i32", 2));
  if (hasSequence)
    add(makeMemref("sequence", "i32", 1));
  else
    kernel["next_n"] = 3;
  return manifest;
}

/// Two kernels in the place of one: logits of f32 that are stored, and their
/// selection.
inline nlohmann::json makeStepsManifest() {
  nlohmann::json manifest = makeGpuManifest();
  nlohmann::json logits = manifest["kernels"][0];
  nlohmann::json topk = makeTopkManifest()["kernels"][0];
  logits["name"] = "topk$logits";
  topk["name"] = "topk$topk";
  manifest["kernels"][0] = {
      {"name", "topk"}, {"op", "mqa.logits_topk"}, {"steps", {logits, topk}}};
  return manifest;
}

/// Likewise of a cache: slots of sequences of two queries, with a length each.
inline nlohmann::json makePagedStepsManifest() {
  nlohmann::json manifest = makePagedManifest(2);
  nlohmann::json logits = manifest["kernels"][0];
  nlohmann::json topk = makeSlotManifest()["kernels"][0];
  logits["name"] = "topk$logits";
  topk["name"] = "topk$topk";
  topk["parameters"][0]["element_type"] = "f32";
  manifest["kernels"][0] = {{"name", "topk"},
                            {"op", "mqa.paged_logits_topk"},
                            {"steps", {logits, topk}}};
  return manifest;
}

/// Likewise of rows that name their sequences.
inline nlohmann::json makeRowStepsManifest() {
  nlohmann::json manifest = makeRowsManifest();
  nlohmann::json logits = manifest["kernels"][0];
  nlohmann::json topk = makeRowLengthsManifest()["kernels"][0];
  logits["name"] = "topk$logits";
  topk["name"] = "topk$topk";
  topk["parameters"][0]["element_type"] = "f32";
  manifest["kernels"][0] = {{"name", "topk"},
                            {"op", "mqa.paged_logits_topk"},
                            {"steps", {logits, topk}}};
  return manifest;
}

/// Likewise of blocks of 8 keys, not of a cache.
inline nlohmann::json makeBlockStepsManifest() {
  nlohmann::json manifest = makeStepsManifest();
  nlohmann::json &steps = manifest["kernels"][0]["steps"];
  std::string name = steps[1]["name"];
  steps[1] = makeTopkBlocksManifest()["kernels"][0];
  steps[1]["name"] = name;
  steps[0]["key_block_size"] = 8;
  steps[0]["max_key_blocks"] = -1;
  steps[0]["block_queries"] = 1;
  nlohmann::json &parameters = steps[0]["parameters"];
  parameters.push_back(makeMemref("key_blocks", "i32", 2));
  parameters.push_back(makeMemref("num_key_blocks", "i32", 1));
  parameters.push_back(makeIndex());
  return manifest;
}

} // namespace mqa::test

#endif // MQA_TEST_RUNTIME_LOGITSTOPKMANIFEST_H
