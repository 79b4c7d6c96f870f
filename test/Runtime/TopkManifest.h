//===- TopkManifest.h - Kernels that select, made by hand -------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef MQA_TEST_RUNTIME_TOPKMANIFEST_H
#define MQA_TEST_RUNTIME_TOPKMANIFEST_H

#include "TestBundle.h"

namespace mqa::test {

inline nlohmann::json makeMemref(const char *operand, const char *type,
                                 int rank) {
  return {{"kind", "memref"},
          {"operand", operand},
          {"element_type", type},
          {"rank", rank}};
}

inline nlohmann::json makeIndex() {
  return {
      {"kind", "index"}, {"operand", "num_keys"}, {"element_type", "index"}};
}

/// k = 5 keys of each row of logits, with their logits.
inline nlohmann::json makeTopkManifest(const std::string &target = "sm_90a") {
  using nlohmann::json;
  bool isCpu = target == "cpu";
  json kernel = {
      {"name", "topk"},          {"op", "mqa.topk"}, {"num_queries", -1},
      {"num_columns", -1},       {"k", 5},           {"compressed", false},
      {"tie_break", "smallest"}, {"order", "key"},   {"base", "relative"},
      {"force_first", 1},        {"force_last", 2}};
  if (isCpu) {
    kernel["task_queries"] = 2;
    kernel["scratch_bytes"] = 100;
  } else {
    kernel["block_threads"] = 512;
    kernel["shared_memory_bytes"] = 40000;
    kernel["block_queries"] = 1;
    kernel["overlaps_launches"] = true;
    kernel["schedule"] = "";
  }
  kernel["parameters"] = {
      makeMemref("logits", "f32", 2),  makeMemref("ks", "i32", 1),
      makeMemref("ke", "i32", 1),      makeMemref("offset", "i32", 1),
      makeMemref("indices", "i32", 2), makeMemref("values", "f32", 2)};
  json manifest = {{"version", 18},
                   {"compiler", "a test"},
                   {"target", target},
                   {"kernels", {kernel}}};
  if (isCpu) {
    manifest["cpu"] = "a processor";
    manifest["cpu_features"] = json::array();
  }
  return manifest;
}

/// Likewise of compressed logits, with or without the number of keys.
inline nlohmann::json
makeCompressedTopkManifest(const std::string &target = "sm_90a",
                           bool hasNumKeys = true) {
  nlohmann::json manifest = makeTopkManifest(target);
  nlohmann::json &kernel = manifest["kernels"][0];
  kernel["compressed"] = true;
  nlohmann::json &parameters = kernel["parameters"];
  if (hasNumKeys)
    parameters.insert(parameters.begin() + 3, makeIndex());
  return manifest;
}

/// Likewise of a paged cache with blocks of 64 keys: next_n = 2 queries of a
/// sequence, with a length each.
inline nlohmann::json makeSlotManifest(int lensRank = 2) {
  nlohmann::json manifest = makeTopkManifest();
  nlohmann::json &kernel = manifest["kernels"][0];
  kernel["base"] = "slot";
  kernel["batch"] = -1;
  kernel["next_n"] = 2;
  kernel["block_kv"] = 64;
  kernel["num_sequences"] = -1;
  kernel["max_blocks"] = -1;
  kernel["parameters"] = {makeMemref("logits", "bf16", 2),
                          makeMemref("context_lens", "i32", lensRank),
                          makeMemref("block_table", "i32", 2),
                          makeMemref("indices", "i32", 2)};
  return manifest;
}

/// Likewise of rows that say which sequence is theirs.
inline nlohmann::json makeSequenceManifest() {
  nlohmann::json manifest = makeSlotManifest();
  nlohmann::json &kernel = manifest["kernels"][0];
  kernel.erase("batch");
  kernel.erase("next_n");
  kernel["parameters"][1] = makeMemref("ke", "i32", 1);
  kernel["parameters"].push_back(makeMemref("sequence", "i32", 1));
  return manifest;
}

/// Likewise, with a length for each row.
inline nlohmann::json makeRowLengthsManifest() {
  nlohmann::json manifest = makeSequenceManifest();
  nlohmann::json &kernel = manifest["kernels"][0];
  kernel["batch"] = -1;
  kernel["parameters"][1] = makeMemref("context_lens", "i32", 1);
  return manifest;
}

/// Likewise of columns of blocks of 8 keys, with the number of keys.
inline nlohmann::json
makeTopkBlocksManifest(const std::string &target = "sm_90a") {
  nlohmann::json manifest = makeTopkManifest(target);
  nlohmann::json &kernel = manifest["kernels"][0];
  kernel["key_block_size"] = 8;
  kernel["max_key_blocks"] = -1;
  nlohmann::json &parameters = kernel["parameters"];
  parameters.insert(parameters.begin() + 3, makeMemref("key_blocks", "i32", 2));
  parameters.insert(parameters.begin() + 4,
                    makeMemref("num_key_blocks", "i32", 1));
  parameters.push_back(makeIndex());
  return manifest;
}

/// k = 5 keys of the lists of each row, with their logits.
inline nlohmann::json makeMergeManifest(const std::string &target = "sm_90a") {
  nlohmann::json manifest = makeTopkManifest(target);
  nlohmann::json &kernel = manifest["kernels"][0];
  for (const char *field :
       {"compressed", "force_first", "force_last", "num_columns"})
    kernel.erase(field);
  kernel["name"] = "merge";
  kernel["op"] = "mqa.merge_topk";
  kernel["num_lists"] = -1;
  kernel["order"] = "score";
  kernel["base"] = "absolute";
  if (target != "cpu") {
    kernel["block_threads"] = 1024;
    kernel["shared_memory_bytes"] = 65536;
  }
  kernel["parameters"] = {
      makeMemref("list_indices", "i32", 3), makeMemref("list_values", "f32", 3),
      makeMemref("ks", "i32", 1),           makeMemref("ke", "i32", 1),
      makeMemref("indices", "i32", 2),      makeMemref("values", "f32", 2)};
  return manifest;
}

} // namespace mqa::test

#endif // MQA_TEST_RUNTIME_TOPKMANIFEST_H
