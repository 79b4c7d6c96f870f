//===- TestBundle.h - Bundles made by hand ----------------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef MQA_TEST_RUNTIME_TESTBUNDLE_H
#define MQA_TEST_RUNTIME_TESTBUNDLE_H

#include "mqa/Runtime.h"

#include <nlohmann/json.hpp>
#include <zlib.h>

#include <fstream>
#include <iterator>
#include <string>

namespace mqa::test {

inline uint32_t checksum(const std::string &data) {
  return static_cast<uint32_t>(
      crc32_z(0, reinterpret_cast<const Bytef *>(data.data()), data.size()));
}

/// A manifest of one GPU kernel: H = 64, D = 128, blocks of two queries.
inline nlohmann::json makeGpuManifest() {
  using nlohmann::json;
  json parameters = {{{"kind", "tensor_map"},
                      {"operand", "q"},
                      {"element_type", "f8E4M3FN"},
                      {"box", {64, 2, 128}},
                      {"dims", {1, 0, 2}},
                      {"swizzle_bytes", 128}},
                     {{"kind", "tensor_map"},
                      {"operand", "k"},
                      {"element_type", "f8E4M3FN"},
                      {"box", {256, 128}},
                      {"dims", {0, 1}},
                      {"swizzle_bytes", 128}},
                     {{"kind", "tensor_map"},
                      {"operand", "k_scale"},
                      {"element_type", "f32"},
                      {"box", {256}},
                      {"dims", {0}},
                      {"swizzle_bytes", 0}},
                     {{"kind", "tensor_map"},
                      {"operand", "weights"},
                      {"element_type", "f32"},
                      {"box", {2, 64}},
                      {"dims", {0, 1}},
                      {"swizzle_bytes", 0}},
                     {{"kind", "memref"},
                      {"operand", "ks"},
                      {"element_type", "i32"},
                      {"rank", 1}},
                     {{"kind", "memref"},
                      {"operand", "ke"},
                      {"element_type", "i32"},
                      {"rank", 1}},
                     {{"kind", "memref"},
                      {"operand", "out"},
                      {"element_type", "f32"},
                      {"rank", 2}}};
  json kernel = {{"name", "logits"},
                 {"op", "mqa.logits"},
                 {"clean", false},
                 {"compressed", false},
                 {"block_max", 0},
                 {"num_queries", -1},
                 {"num_heads", 64},
                 {"head_dim", 128},
                 {"num_groups", 1},
                 {"has_key_groups", false},
                 {"num_keys", -1},
                 {"num_columns", -1},
                 {"block_threads", 640},
                 {"shared_memory_bytes", 168960},
                 {"block_queries", 2},
                 {"block_keys", 256},
                 {"tile_keys", 256},
                 {"split", "tiles"},
                 {"overlaps_launches", true},
                 {"reduction", "f32"},
                 {"activation", "relu"},
                 {"head_reduction", "sum"},
                 {"schedule", "block_q = 2"},
                 {"parameters", parameters}};
  return {{"version", 18},
          {"compiler", "a test"},
          {"target", "sm_90a"},
          {"kernels", {kernel}}};
}

/// Likewise of mqa.paged_logits: next_n = 2, blocks of 64 keys.
inline nlohmann::json makePagedManifest(int lensRank) {
  using nlohmann::json;
  auto map = [](const char *operand, const char *type, json box, json dims,
                int swizzle) {
    return json{{"kind", "tensor_map"},    {"operand", operand},
                {"element_type", type},    {"box", std::move(box)},
                {"dims", std::move(dims)}, {"swizzle_bytes", swizzle}};
  };
  auto memref = [](const char *operand, const char *type, int rank) {
    return json{{"kind", "memref"},
                {"operand", operand},
                {"element_type", type},
                {"rank", rank}};
  };
  nlohmann::json manifest = makeGpuManifest();
  json &kernel = manifest["kernels"][0];
  kernel["op"] = "mqa.paged_logits";
  kernel["batch"] = -1;
  kernel["next_n"] = 2;
  kernel["num_blocks"] = -1;
  kernel["block_kv"] = 64;
  kernel["max_blocks"] = -1;
  kernel["block_queries"] = 2;
  kernel["block_keys"] = 512;
  kernel["tile_keys"] = 128;
  for (const char *name : {"num_keys", "num_groups", "has_key_groups"})
    kernel.erase(name);
  kernel["parameters"] = {
      map("q", "f8E4M3FN", {1, 16, 1, 128}, {0, 2, 1, 3}, 128),
      map("k", "f8E4M3FN", {1, 64, 128}, {0, 1, 2}, 128),
      map("k_scale", "f32", {1, 64}, {0, 1}, 0),
      map("weights", "f32", {2, 64}, {0, 1}, 0),
      memref("context_lens", "i32", lensRank),
      memref("block_table", "i32", 2),
      memref("out", "f32", 2)};
  return manifest;
}

/// A manifest of one CPU kernel: H = 4, D = 16, tasks of 2 queries x 3 keys.
inline nlohmann::json makeCpuManifest() {
  nlohmann::json manifest = makeGpuManifest();
  manifest["target"] = "cpu";
  manifest["cpu"] = "a processor";
  manifest["cpu_features"] = nlohmann::json::array();
  nlohmann::json &kernel = manifest["kernels"][0];
  kernel["num_heads"] = 4;
  kernel["head_dim"] = 16;
  kernel["task_queries"] = 2;
  kernel["task_keys"] = 3;
  kernel["scratch_bytes"] = 100;
  for (const char *name :
       {"block_threads", "shared_memory_bytes", "block_queries", "block_keys",
        "tile_keys", "split", "overlaps_launches", "reduction", "schedule"})
    kernel.erase(name);
  for (nlohmann::json &parameter : kernel["parameters"]) {
    if (parameter["kind"] == "tensor_map")
      parameter = {{"kind", "memref"},
                   {"operand", parameter["operand"]},
                   {"element_type", parameter["element_type"]},
                   {"rank", parameter["box"].size()}};
    if (parameter["operand"] == "k_scale")
      parameter["strided"] = false;
  }
  return manifest;
}

/// The bundle with this text as its manifest, and its checksum.
inline std::string makeBundleOfText(const std::string &text,
                                    const std::string &data) {
  std::string bundle = "MQABNDL1";
  auto append = [&](uint64_t value, int bytes) {
    for (int i = 0; i < bytes; ++i)
      bundle.push_back(static_cast<char>(value >> (8 * i)));
  };
  append(text.size(), 8);
  append(checksum(text), 4);
  append(0, 4);
  return bundle + text + data;
}

/// The bundle with this manifest, to which one section is added.
inline std::string makeBundle(nlohmann::json manifest,
                              const std::string &section,
                              const std::string &data) {
  manifest["sections"] = {{{"name", section},
                           {"offset", 0},
                           {"size", data.size()},
                           {"crc32", checksum(data)}}};
  return makeBundleOfText(manifest.dump(), data);
}

inline std::string readFile(const std::string &path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

#ifdef MQA_FAKE_TASK
/// A shared object with tasks, as a CPU bundle holds it.
inline std::string readFakeTask() { return readFile(MQA_FAKE_TASK); }
#endif

inline mqa_status load(const std::string &bundle, mqa_bundle **handle) {
  return mqa_bundle_load_memory(bundle.data(), bundle.size(), handle);
}

} // namespace mqa::test

#endif // MQA_TEST_RUNTIME_TESTBUNDLE_H
