//===- ManifestTest.cpp - Every field of a manifest is checked ------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "ManifestChecks.h"

using namespace mqa::test;
using nlohmann::json;

TEST(ManifestTest, FieldsOfEveryKernel) {
  const char *heads = "must be an integer from 1 to 128, found ";
  std::string longName(1025, 'x');
  std::vector<BadValue> values = {
      {"/version", 0, "'version' must be an integer from 1 to 2147482623"},
      {"/compiler", "", "'compiler' must be a string of 1 to 1024 bytes"},
      {"/target", "sm_100a",
       "'target' must be 'sm_80', 'sm_86', 'sm_89', 'sm_90a', 'sm_120' or "
       "'cpu', found "},
      {"/target", "", "'sm_120' or 'cpu', found \"\""},
      {"/parts_behind", 0, "'parts_behind' must be an integer from 1 to 15"},
      {"/parts_behind", 16, "'parts_behind' must be an integer from 1 to 15"},
      {"/kernels", json::array(), "'kernels' must be an array of at least one"},
      {"/kernels/0", 7, "'kernels[0]' must be an object"},
      {"name", "", "'kernels[0].name' must be a string of 1 to 1024 bytes"},
      {"name", longName, "'kernels[0].name' must be a string of 1 to 1024"},
      {"name", "a\nb", "bytes without control characters, found \"a\\nb\""},
      {"name", std::string("a\0b", 3), "found \"a\\u0000b\""},
      {"op", "mqa.values",
       "'mqa.logits_topk' or 'mqa.paged_logits_topk', found"},
      {"clean", 1, "'kernels[0].clean' must be true or false, found 1"},
      {"compressed", "no", "'kernels[0].compressed' must be true or false"},
      {"block_max", -1, "'kernels[0].block_max' must be an integer from 0 to"},
      {"block_max", 32, "'kernels[0].block_max' must be 0, 8, 64 or 128"},
      {"activation", nullptr, "'kernels[0].activation' must be"},
      {"activation", "gelu",
       "'kernels[0].activation' must be 'relu', 'none' or 'relu_nan_as_zero', "
       "found \"gelu\""},
      {"head_reduction", "mean",
       "'kernels[0].head_reduction' must be 'sum' or 'max', found \"mean\""},
      {"num_heads", 0, heads},
      {"num_heads", 129, heads},
      {"num_heads", 2.0, heads},
      {"head_dim", 3, "'kernels[0].head_dim' must be an integer from 16 to"},
      {"head_dim", 24, "must be a multiple of 16 up to 256, found 24"},
      {"head_dim", 272, "must be an integer from 16 to 256, found 272"},
      {"num_queries", -2, "must be an integer from -1 to 2147482623, found -2"},
      {"num_queries", INT64_C(2147482624), "an integer from -1 to 2147482623"},
      // As a signed number this is -1.
      {"num_queries", UINT64_MAX, "found 18446744073709551615"},
      {"num_columns", -2, "must be an integer from -1 to 2147482623"},
      {"parameters", json::object(),
       "'kernels[0].parameters' must be an array"},
  };
  for (const json &manifest :
       {makeGpuManifest(), makePagedManifest(2), makeCpuManifest()})
    expectRefused(manifest, values);
}

TEST(ManifestTest, FieldsOfLogits) {
  std::vector<BadValue> values = {
      {"num_keys", INT64_C(1) << 31, "'kernels[0].num_keys' must be"},
      {"num_groups", 0, "must be an integer from 1 to "},
      {"num_groups", 129, "must be an integer from 1 to "},
      {"num_groups", 2, "must be 1 where has_key_groups is false, found 2"},
      {"has_key_groups", 0, "must be true or false"},
  };
  for (json manifest : {makeGpuManifest(), makeCpuManifest()}) {
    expectRefused(manifest, values);
    manifest["kernels"][0]["num_keys"] = 100;
    expectRefused(manifest,
                  {{"num_columns", 99, "must be num_keys where compressed"}});
    manifest["kernels"][0]["block_max"] = 8;
    expectRefused(manifest,
                  {{"num_columns", 12, "must be ceil(num_keys / block_max)"},
                   {"compressed", true, "must be 0 where compressed is true"}});
  }
  expectRefused(makeGpuManifest(),
                {{"num_groups", 3, "must be a divisor of num_heads, found 3"}});
}

TEST(ManifestTest, FieldsOfPagedLogits) {
  std::vector<BadValue> values = {
      {"batch", -2, "'kernels[0].batch' must be an integer from -1"},
      {"next_n", 0, "must be an integer from 1 to 8, found 0"},
      {"next_n", 9, "must be an integer from 1 to 8, found 9"},
      {"num_blocks", -2, "'kernels[0].num_blocks' must be"},
      {"block_kv", 17, "must be a power of two from 16 to 256, found 17"},
      {"block_kv", 8, "must be an integer from 16 to 256, found 8"},
      {"block_kv", 512, "must be an integer from 16 to 256, found 512"},
      {"max_blocks", true, "'kernels[0].max_blocks' must be an integer"},
      {"compressed", true, "must be false for mqa.paged_logits, found true"},
      {"num_queries", 3, "must be batch * next_n, found 3"},
      {"next_n", 3, "'kernels[0].block_queries' must be at least next_n"},
      {"num_keys", 1, "'kernels[0].num_keys' is none of version 18"},
      {"parameters/4/rank", 3, "must be an integer from 1 to 2, found 3"},
      {"parameters/4/operand", "ks", "must be an operand of mqa."},
  };
  expectRefused(makePagedManifest(2), values);
  json manifest = makePagedManifest(2);
  manifest["kernels"][0]["batch"] = 5;
  manifest["kernels"][0]["num_queries"] = 10;
  expectRefused(manifest, {{"num_queries", 8, "must be batch * next_n"}});
}

TEST(ManifestTest, FieldsOfTheLaunch) {
  const char *threads = "must be an integer from 32 to 1024, found ";
  expectRefused(
      makeGpuManifest(),
      {{"block_threads", 0, threads},
       {"block_threads", 1056, threads},
       {"block_threads", 100, "must be a multiple of 32, found 100"},
       {"shared_memory_bytes", -1, "must be an integer from 0 to 232448"},
       {"shared_memory_bytes", 232449, "must be an integer from 0 to 232448"},
       {"block_queries", 0, "must be an integer from 1 to 32"},
       {"block_queries", 33, "must be an integer from 1 to 32"},
       {"tile_keys", 0, "must be an integer from 1 to 256"},
       {"block_keys", 0, "must be an integer from 1 to 4096"},
       {"block_keys", 300, "must be a multiple of tile_keys, found 300"},
       {"schedule", json::array(), "must be a string of 0 to 1024 bytes"},
       {"reduction", "bf16", "must be 'f32' or 'f16'"},
       {"split", "heads", "must be 'tiles' or 'blocks'"},
       {"overlaps_launches", json(), "must be true or false"}});
  expectRefused(
      makeCpuManifest(),
      {{"task_queries", 0, "must be an integer from 1 to 2147482623"},
       {"task_keys", -3, "must be an integer from 1 to 2147482623"},
       {"scratch_bytes", -1, "must be an integer from 0 to 2147482623"},
       {"block_threads", 32,
        "'kernels[0].block_threads' is none of version 18"},
       {"/cpu", json(), "'cpu' must be a string of 1 to 1024 bytes"},
       {"/cpu_features", "avx", "'cpu_features' must be an array"},
       {"/cpu_features", {7}, "'cpu_features' must be a string of 1 to"},
       {"/cpu_features", {""}, "'cpu_features' must be a string of 1 to"},
       {"/cpu_features", {"avx avx2"}, "'cpu_features' must be names of"}});
}

TEST(ManifestTest, Parameters) {
  const char *rows = "must be of rows of a multiple of 16 bytes, no longer";
  const char *dims = "must be the operand's dimensions in some order, rows";
  json index = {
      {"kind", "index"}, {"operand", "num_keys"}, {"element_type", "index"}};
  json emptyMap = {{"kind", "tensor_map"},  {"operand", "block_table"},
                   {"element_type", "i32"}, {"box", json::array()},
                   {"dims", json::array()}, {"swizzle_bytes", 0}};
  expectRefused(
      makeGpuManifest(),
      {{"parameters/0", json::array(), "'kernels[0].parameters[0]' must be an"},
       {"parameters/0/kind", "x", "'tensor_map', 'memref' or 'index', found"},
       {"parameters/0/operand", "v",
        "must be an operand of mqa.logits ('q', 'k', 'k_scale'"},
       {"parameters/4/operand", "block_table", "must be an operand of mqa."},
       {"parameters/4/operand", "ke", "must be no other parameter's"},
       {"parameters/0/element_type", "f64", "must be 'f8E4M3FN', 'f8E5M2', "},
       {"parameters/0/element_type", "f32", "must be a type that q may have"},
       {"parameters/2/element_type", "bf16", "a type that k_scale may have"},
       {"parameters/3/element_type", "f16", "a type that weights may have"},
       {"parameters/4/element_type", "f32", "a type that ks may have"},
       {"parameters/6/element_type", "i32", "a type that out may have"},
       {"parameters/0/element_type", "f8E5M2", "one element_type for q and k"},
       {"parameters/0/box", {64, 128}, "one size for each of the operand's 3"},
       {"parameters/0/box", {0, 2, 128}, "must be an integer from 1 to 256"},
       {"parameters/0/box", {257, 2, 128}, "must be an integer from 1 to 256"},
       {"parameters/0/box", {64, 2, 8}, rows},
       {"parameters/0/box", {64, 2, 144}, rows},
       {"parameters/0/box", {256, 256, 128}, "than shared_memory_bytes"},
       {"parameters/0/dims", {0, 0, 2}, dims},
       {"parameters/0/dims", {0, 2, 1}, dims},
       {"parameters/0/dims", {0, 1}, dims},
       {"parameters/0/dims", json::array(), dims},
       {"parameters/0/dims", {0, 1, 3}, "must be an integer from 0 to 2"},
       {"parameters/0/swizzle_bytes", 48, "must be 0, 32, 64 or 128, found 48"},
       {"parameters/0/swizzle_bytes", 256, "must be an integer from 0 to 128"},
       {"parameters/6/rank", 1, "must be an integer from 2 to 2, found 1"},
       {"parameters/7", emptyMap, "must be an operand of mqa.logits ("}});
  // What is loaded by tiles is q, k, k_scale, weights and q_scale.
  json manifest = makeGpuManifest();
  json &parameters = manifest["kernels"][0]["parameters"];
  json ks = {{"kind", "tensor_map"}, {"operand", "ks"}, {"element_type", "i32"},
             {"box", {4}},           {"dims", {0}},     {"swizzle_bytes", 0}};
  expectRefused(manifest, {{"parameters/4", ks, "must be 'memref' for ks"}});
  // One index.
  parameters.push_back(index);
  expectRefused(
      manifest,
      {{"parameters/7/operand", "k", "must be 'num_keys' for an index"},
       {"parameters/7/element_type", "i32", "must be 'index' for an index"},
       {"parameters/8", index, "must be no other parameter's"}});
  manifest = makePagedManifest(1);
  expectRefused(manifest,
                {{"parameters/7", index, "'tensor_map' or 'memref' for mqa"}});
  manifest = makeCpuManifest();
  expectRefused(
      manifest,
      {{"parameters/7", index, "must be 'memref' for target 'cpu'"},
       {"parameters/2/strided", 1, "must be true or false"},
       {"parameters/1/strided", false, "[1].strided' is none of version 18"}});
}

// Weights, scales and ks may be left out, and nothing else.
TEST(ManifestTest, OperandsThatAreLeftOut) {
  json manifest = makeGpuManifest();
  const char *names[] = {"q", "k", "", "", "", "ke", "out"};
  for (int missing = 0; missing < 7; ++missing) {
    json altered = manifest;
    altered["kernels"][0]["parameters"].erase(missing);
    if (std::string name = names[missing]; name.empty())
      expectValid(altered);
    else
      expectRefused(altered, "kernel 'logits' has no parameter '" + name + "'",
                    name);
  }
}

// Words of block scales say that keys are MXFP4 or MXFP8.
TEST(ManifestTest, BlockScales) {
  json manifest = makeGpuManifest();
  json &kernel = manifest["kernels"][0];
  kernel["parameters"][2]["element_type"] = "i32";
  expectValid(manifest);
  kernel["parameters"][0]["element_type"] = "bf16";
  kernel["parameters"][0]["box"] = {64, 2, 64};
  expectValid(manifest);
  const char *types = "k_scale of i32 where k is of i8 or, with block scales, "
                      "of f8E4M3FN, and of f32 elsewhere";
  expectRefused(manifest,
                {{"parameters/2/element_type", "f32", "one element_type for q"},
                 {"parameters/1/element_type", "f8E5M2", types},
                 {"head_dim", 144, "a head_dim of 32, 64, 96 or 128 with"}});
  kernel["parameters"][1]["element_type"] = "i8";
  kernel["parameters"][1]["box"] = {256, 64};
  expectValid(manifest);
  expectRefused(manifest, {{"parameters/2/element_type", "f32", types}});
  kernel["parameters"].erase(2);
  expectRefused(manifest, std::string("must have ") + types, "no scales");
}

TEST(ManifestTest, NamesOfKernelsDiffer) {
  json manifest = makeGpuManifest();
  manifest["kernels"].push_back(manifest["kernels"][0]);
  expectRefused(manifest,
                "'kernels[1].name' must be no other kernel's, found \"logits\"",
                "two kernels");
  manifest["kernels"][1]["name"] = "other";
  expectValid(manifest);
}

TEST(ManifestTest, OtherVersions) {
  json manifest = makeGpuManifest();
  manifest["version"] = 5;
  manifest["compiler"] = "mqa 0.0.9";
  std::string reads = std::string("; this runtime, mqa ") +
                      mqa_runtime_version() + ", reads version 18: ";
  expectRefused(manifest,
                "bundle: version 5, written by mqa 0.0.9" + reads +
                    "compile it again",
                "older");
  // What else is in it, nobody knows.
  expectRefused({{"version", 19}},
                "bundle: version 19, written by another compiler" + reads +
                    "it needs a newer runtime",
                "newer");
}

TEST(ManifestTest, EveryFieldIsChecked) {
  for (json manifest :
       {makeGpuManifest(), makePagedManifest(2), makeCpuManifest()})
    expectEveryFieldChecked(manifest);
  json manifest = makeGpuManifest();
  manifest["kernels"][0]["parameters"].push_back(
      {{"kind", "index"}, {"operand", "num_keys"}, {"element_type", "index"}});
  expectEveryFieldChecked(manifest);
}
