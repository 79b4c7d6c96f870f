//===- TopkManifestTest.cpp - Fields of kernels of mqa.topk ---------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "TopkManifest.h"
#include "ManifestChecks.h"

using namespace mqa::test;
using nlohmann::json;

TEST(TopkManifestTest, FieldsOfEveryKernel) {
  const char *selected = "must be an integer from 1 to 4096, found ";
  std::vector<BadValue> values = {
      {"k", 0, selected},
      {"k", 4097, selected},
      {"k", 2, "force_last' must be at most k - force_first, found 2"},
      {"compressed", 1, "'kernels[0].compressed' must be true or false"},
      {"tie_break", "first", "must be 'smallest' or 'greatest', found"},
      {"order", "logit", "must be 'key', 'score' or 'any', found \"logit\""},
      {"base", "cache", "must be 'relative', 'absolute' or 'slot', found"},
      {"force_first", 6, "must be an integer from 0 to 5, found 6"},
      {"force_last", -1, "must be an integer from 0 to 5, found -1"},
      {"force_last", 5, "must be at most k - force_first, found 5"},
      {"num_queries", -2, "must be an integer from -1 to 2147482623"},
      {"num_columns", INT64_C(1) << 31, "an integer from -1 to 2147482623"},
      {"batch", 1, "'kernels[0].batch' is none of version 18"},
      {"block_kv", 64, "'kernels[0].block_kv' is none of version 18"},
      {"num_heads", 64, "'kernels[0].num_heads' is none of version 18"},
      {"activation", "relu", "'kernels[0].activation' is none of version 18"},
      {"split", "tiles", "'kernels[0].split' is none of version 18"},
      {"task_keys", 1, "'kernels[0].task_keys' is none of version 18"},
      {"base", "slot", "must have the parameter 'block_table' if base is"}};
  for (const json &manifest : {makeTopkManifest(), makeTopkManifest("cpu")})
    expectRefused(manifest, values);
  expectRefused(makeTopkManifest(),
                {{"block_threads", 100, "must be a multiple of 32, found 100"},
                 {"block_queries", 0, "must be an integer from 1 to 32"},
                 {"block_queries", 33, "must be an integer from 1 to 32"},
                 {"shared_memory_bytes", 232449, "integer from 0 to 232448"},
                 {"overlaps_launches", 1, "must be true or false"},
                 {"schedule", 1, "must be a string of 0 to 1024 bytes"}});
  expectRefused(makeTopkManifest("cpu"),
                {{"task_queries", 0, "must be an integer from 1 to"},
                 {"scratch_bytes", -1, "must be an integer from 0 to"}});
}

TEST(TopkManifestTest, FieldsOfSequences) {
  expectRefused(
      makeSlotManifest(),
      {{"next_n", 0, "must be an integer from 1 to 2147482623, found 0"},
       {"batch", -2, "must be an integer from -1 to 2147482623, found -2"},
       {"block_kv", 0, "must be an integer from 1 to 65536, found 0"},
       {"block_kv", 48, "must be a power of two from 1 to 65536, found 48"},
       {"num_sequences", -2, "must be an integer from -1 to 2147482623"},
       {"max_blocks", -2, "must be an integer from -1 to 2147482623"},
       {"num_queries", 3, "must be batch * next_n, found 3"},
       {"base", "absolute", "must have the parameter 'block_table' if base"},
       {"parameters/1/rank", 3, "must be an integer from 1 to 2, found 3"}});
  json manifest = makeSlotManifest();
  json &kernel = manifest["kernels"][0];
  kernel["batch"] = kernel["num_sequences"] = 5;
  kernel["num_queries"] = 10;
  expectRefused(manifest, {{"num_queries", 8, "must be batch * next_n"},
                           {"num_sequences", 4, "must be batch, found 4"},
                           {"next_n", 5, "must be batch * next_n, found 10"}});
  // Each row of the table is one of context_lens.
  kernel["batch"] = -1;
  expectRefused(manifest, {{"num_queries", 8, "must be batch * next_n"}});
  // Without lengths, rows are in the order of the table; or in none.
  manifest = makeSequenceManifest();
  expectRefused(manifest, {{"next_n", 1, "next_n' is none of version 18"},
                           {"batch", 3, "batch' is none of version 18"}});
  json &rows = manifest["kernels"][0];
  rows["parameters"].erase(4);
  expectRefused(manifest, "next_n' is missing", "rows in order");
  rows["next_n"] = 3;
  expectRefused(manifest, {{"batch", 3, "batch' is none of version 18"}});
}

TEST(TopkManifestTest, Parameters) {
  json map = {{"kind", "tensor_map"},  {"operand", "logits"},
              {"element_type", "f32"}, {"box", {1, 64}},
              {"dims", {0, 1}},        {"swizzle_bytes", 0}};
  const char *one = "must have one of the parameters 'ke' and 'context_lens'";
  json lens = makeMemref("context_lens", "i32", 1);
  expectRefused(
      makeTopkManifest(),
      {{"parameters/0", map, "must be 'memref' for logits"},
       {"parameters/0/element_type", "i32", "a type that logits may have"},
       {"parameters/0/element_type", "f8E4M3FN", "a type that logits may"},
       {"parameters/0/rank", 1, "must be an integer from 2 to 2, found 1"},
       {"parameters/3/element_type", "f32", "a type that offset may have"},
       {"parameters/3/rank", 2, "must be an integer from 1 to 1, found 2"},
       {"parameters/4/element_type", "f32", "a type that indices may have"},
       {"parameters/5/element_type", "bf16", "a type that values may have"},
       {"parameters/1/operand", "q", "must be an operand of mqa.topk ('ks', "},
       {"parameters/1/operand", "x", "'offset', 'indices', 'values'), found"},
       {"parameters/1/operand", "ke", "must be no other parameter's"},
       {"parameters/2", lens, "and must not have 'ks'"},
       {"parameters/1", lens, one},
       {"parameters/2", makeMemref("sequence", "i32", 1), one},
       {"parameters/3", makeMemref("sequence", "i32", 1),
        "has the parameter 'sequence', and must have 'block_table'"},
       {"parameters/3", makeMemref("block_table", "i32", 2),
        "must have the parameter 'block_table' if base is 'slot', and only"},
       {"parameters/6", makeIndex(), "'tensor_map' or 'memref' for mqa.topk"}});
  expectRefused(makeTopkManifest("cpu"),
                {{"parameters/0", map, "must be 'memref' for target 'cpu'"},
                 {"parameters/6", makeIndex(), "'memref' for target 'cpu'"}});
  for (const char *target : {"sm_90a", "cpu"})
    expectRefused(makeCompressedTopkManifest(target),
                  {{"parameters/3/operand", "ke", "must be 'num_keys' for an"},
                   {"parameters/7", makeIndex(), "be no other parameter's"}});
  expectRefused(
      makeSlotManifest(),
      {{"parameters/4", makeMemref("sequence", "i32", 1),
        "'sequence', and must have 'context_lens' of one dimension"}});
  expectValid(makeCompressedTopkManifest("sm_90a", /*hasNumKeys=*/false));
  expectValid(makeSlotManifest(1));
  // All but logits, ke and indices may be left out.
  json manifest = makeTopkManifest();
  const char *messages[] = {"has no parameter 'logits'", "", one, "",
                            "has no parameter 'indices'"};
  for (int missing = 0; missing < 5; ++missing) {
    json altered = manifest;
    altered["kernels"][0]["parameters"].erase(missing);
    if (*messages[missing])
      expectRefused(altered, messages[missing], "left out");
    else
      expectValid(altered);
  }
}

TEST(TopkManifestTest, EveryFieldIsChecked) {
  for (const json &manifest :
       {makeTopkManifest(), makeTopkManifest("cpu"), makeSlotManifest(),
        makeCompressedTopkManifest(), makeSequenceManifest()})
    expectEveryFieldChecked(manifest);
}

// Who asks for a kernel by its name gets the same for every device.
TEST(TopkManifestTest, KernelsOfOneNameAreTheSame) {
  auto load = [](json first, json second) {
    first["target"] = "sm_80";
    second["target"] = "sm_86";
    mqa_bundle *bundle = nullptr;
    std::string parts = makeBundle(first, "ptx", "// PTX") +
                        makeBundle(second, "ptx", "// PTX");
    mqa_status status = mqa::test::load(parts, &bundle);
    mqa_bundle_destroy(bundle);
    return status;
  };
  auto expectOther = [&](const json &first, const json &second,
                         const std::string &field) {
    EXPECT_EQ(load(first, second), MQA_ERROR_INVALID_BUNDLE) << field;
    EXPECT_EQ(std::string(mqa_last_error()),
              "bundle: part 2 (sm_86): kernel 'topk' has other " + field +
                  " than for target 'sm_80'");
  };
  json plain = makeTopkManifest(), slot = makeSlotManifest();
  for (const auto &[field, value] : {std::pair<const char *, json>{"k", 6},
                                     {"compressed", true},
                                     {"tie_break", "greatest"},
                                     {"order", "any"},
                                     {"base", "absolute"},
                                     {"force_first", 0},
                                     {"force_last", 0},
                                     {"num_queries", 7},
                                     {"num_columns", 9}}) {
    json other = plain;
    other["kernels"][0][field] = value;
    expectOther(plain, other, field);
  }
  for (const auto &[field, value] : {std::pair<const char *, json>{"batch", 6},
                                     {"next_n", 1},
                                     {"block_kv", 16},
                                     {"max_blocks", 3}}) {
    json other = slot;
    other["kernels"][0][field] = value;
    expectOther(slot, other, field);
  }
  expectOther(makeCompressedTopkManifest("", true),
              makeCompressedTopkManifest("", false), "parameters");
  json other = makeGpuManifest();
  other["kernels"][0]["name"] = "topk";
  expectOther(plain, other, "op");
  // How it is launched is its own.
  other = plain;
  other["kernels"][0]["block_threads"] = 1024;
  EXPECT_EQ(load(plain, other), MQA_SUCCESS) << mqa_last_error();
}
