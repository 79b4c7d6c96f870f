//===- LogitsTopkManifestTest.cpp - Fields of kernels of both ops ---------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "LogitsTopkManifest.h"
#include "ManifestChecks.h"

#include <set>

using namespace mqa::test;
using nlohmann::json;

TEST(LogitsTopkManifestTest, FieldsOfEveryKernel) {
  std::vector<BadValue> values = {
      {"clean", true, "clean' must be false for mqa."},
      {"compressed", true, "compressed' must be false for mqa."},
      {"block_max", 8, "block_max' must be 0 where logits are not stored"},
      {"logits_type", "f64", "must be 'f32', 'bf16' or 'f16', found \"f64\""},
      {"k", 0, "must be an integer from 1 to 4096, found 0"},
      {"k", 4097, "must be an integer from 1 to 4096, found 4097"},
      {"tie_break", "first", "must be 'smallest' or 'greatest', found"},
      {"order", "logit", "must be 'key', 'score' or 'any', found \"logit\""},
      {"base", "cache", "must be 'relative', 'absolute' or 'slot', found"},
      {"force_first", 6, "must be an integer from 0 to 5, found 6"},
      {"force_last", 5, "must be at most k - force_first, found 5"},
      {"head_dim", 24, "must be a multiple of 16 up to 256, found 24"},
      {"num_lists", 1, "'kernels[0].num_lists' is none of version 18"},
      {"num_sequences", 1, "'kernels[0].num_sequences' is none of version 18"}};
  for (const json &manifest :
       {makeLogitsTopkManifest(), makeLogitsTopkManifest("cpu"),
        makePagedTopkManifest(), makePagedCpuTopkManifest()})
    expectRefused(manifest, values);
  for (const json &manifest :
       {makeLogitsTopkManifest(), makePagedTopkManifest()})
    expectRefused(manifest,
                  {{"list_places", 4, "must be an integer from 5 to 65536"},
                   {"list_places", 65537, "an integer from 5 to 65536, found"},
                   {"block_queries", 0, "must be an integer from 1 to 32"},
                   {"tile_keys", 0, "must be an integer from 1 to 256"}});
  for (const json &manifest :
       {makeLogitsTopkManifest("cpu"), makePagedCpuTopkManifest()})
    expectRefused(manifest,
                  {{"list_places", 64, "list_places' is none of version 18"},
                   {"task_queries", 0, "must be an integer from 1 to"}});
}

// 0 places are rows of logits instead of lists, of a paged cache.
TEST(LogitsTopkManifestTest, NoLists) {
  json rows = makePagedTopkManifest();
  rows["kernels"][0]["list_places"] = 0;
  rows["kernels"][0]["block_threads"] = 256;
  rows["kernels"][0]["order"] = "key";
  expectValid(rows);
  const char *message = "list_places' must be an integer from 5 to 65536";
  json contiguous = makeLogitsTopkManifest();
  contiguous["kernels"][0]["list_places"] = 0;
  expectRefused(contiguous, message, "not paged");
  json other = rows;
  other["kernels"][0]["order"] = "score";
  expectRefused(other, message, "in the order of logits");
  other = rows;
  other["kernels"][0]["block_threads"] = 128;
  expectRefused(other, message, "without consumers");
}

TEST(LogitsTopkManifestTest, FieldsOfSequences) {
  expectRefused(
      makeLogitsSlotManifest(),
      {{"next_n", 0, "must be an integer from 1 to 2147482623, found 0"},
       {"batch", 3, "'kernels[0].batch' is none of version 18"},
       {"block_kv", 48, "must be a power of two from 1 to 65536, found 48"},
       {"num_sequences", -2, "must be an integer from -1 to 2147482623"},
       {"max_blocks", -2, "must be an integer from -1 to 2147482623"},
       {"num_queries", 4, "must be batch * next_n, found 4"},
       {"base", "absolute", "must have the parameter 'block_table' if base"}});
  expectRefused(makeLogitsSlotManifest(/*hasSequence=*/true),
                {{"next_n", 1, "next_n' is none of version 18"}});
  expectRefused(makeLogitsTopkManifest(),
                {{"base", "slot", "must have the parameter 'block_table' if"},
                 {"next_n", 1, "next_n' is none of version 18"}});
  // The table of a paged cache is there, whatever is selected.
  json paged = makePagedTopkManifest();
  expectValid(paged);
  paged["kernels"][0]["base"] = "slot";
  expectValid(paged);
}

TEST(LogitsTopkManifestTest, Parameters) {
  json out = makeMemref("out", "f32", 2),
       logits = makeMemref("logits", "f32", 2);
  json sequence = makeMemref("sequence", "i32", 1);
  expectRefused(
      makeLogitsTopkManifest(),
      {{"parameters/7", out, "must be an operand of mqa.logits_topk ('q', "},
       {"parameters/7", logits, "'values', 'scratch'), found \"logits\""},
       {"parameters/7/element_type", "f32", "a type that indices may have"},
       {"parameters/8/element_type", "i32", "a type that values may have"},
       {"parameters/10/element_type", "f32", "a type that scratch may have"},
       {"parameters/10/rank", 2, "must be an integer from 1 to 1, found 2"},
       {"parameters/10/operand", "ke", "must be no other parameter's"},
       {"parameters/6", sequence, "and must have 'block_table'"},
       {"parameters/6", makeMemref("block_table", "i32", 2),
        "must have the parameter 'block_table' if base is 'slot', and only"},
       {"parameters/11", makeIndex(), "must be no other parameter's"}});
  expectRefused(
      makePagedTopkManifest(),
      {{"parameters/6", sequence, "must have steps where rows name their"},
       {"parameters/6", out, "an operand of mqa.paged_logits_topk"},
       {"parameters/4", makeMemref("ke", "i32", 1), "an operand of"}});
  json scratch = makeMemref("scratch", "i32", 1);
  expectRefused(makeLogitsTopkManifest("cpu"),
                {{"parameters/9", scratch, "an operand of mqa.logits_topk ('q"},
                 {"parameters/9", makeIndex(), "'memref' for target 'cpu'"},
                 {"parameters/1/element_type", "bf16",
                  "must have one element_type for q and k"}});
  expectRefused(
      makePagedCpuTopkManifest(),
      {{"parameters/10", scratch, "an operand of mqa.paged_logits_"}});
}

TEST(LogitsTopkManifestTest, ParametersThatMayBeLeftOut) {
  auto check = [](const json &manifest, const std::set<std::string> &optional) {
    const json &parameters = manifest["kernels"][0]["parameters"];
    for (size_t i = 0; i < parameters.size(); ++i) {
      json altered = manifest;
      altered["kernels"][0]["parameters"].erase(i);
      std::string name = parameters[i]["operand"];
      if (optional.count(name))
        expectValid(altered);
      else
        expectRefused(altered, "has no parameter '" + name + "'", name);
    }
  };
  std::set<std::string> optional = {"k_scale", "weights", "ks",
                                    "offset",  "values",  "num_keys"};
  check(makeLogitsTopkManifest(), optional);
  check(makeLogitsTopkManifest("cpu"), optional);
  check(makePagedTopkManifest(), optional);
  check(makePagedCpuTopkManifest(), optional);
}

TEST(LogitsTopkManifestTest, EveryFieldIsChecked) {
  for (const json &manifest :
       {makeLogitsTopkManifest(), makeLogitsTopkManifest("cpu"),
        makePagedTopkManifest(), makePagedCpuTopkManifest(),
        makeLogitsSlotManifest()})
    expectEveryFieldChecked(manifest);
}

// Who asks for a kernel by its name gets the same for every device.
TEST(LogitsTopkManifestTest, KernelsOfOneNameAreTheSame) {
  auto load = [](json first, json second) {
    first["target"] = "sm_80";
    bool isCpu = second["target"] == "cpu";
    if (!isCpu)
      second["target"] = "sm_86";
    mqa_bundle *bundle = nullptr;
    std::string parts =
        makeBundle(first, "ptx", "// PTX") + makeBundleFor(second);
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
  json plain = makeLogitsTopkManifest();
  for (const auto &[field, value] : {std::pair<const char *, json>{"k", 6},
                                     {"tie_break", "smallest"},
                                     {"order", "any"},
                                     {"base", "relative"},
                                     {"force_first", 0},
                                     {"force_last", 0},
                                     {"logits_type", "f32"},
                                     {"activation", "none"},
                                     {"num_heads", 32},
                                     {"num_queries", 7}}) {
    json other = plain;
    other["kernels"][0][field] = value;
    expectOther(plain, other, field);
  }
  json slot = makeLogitsSlotManifest(), other = slot;
  other["kernels"][0]["next_n"] = 4;
  expectOther(slot, other, "next_n");
  other = makeGpuManifest();
  other["kernels"][0]["name"] = "topk";
  expectOther(plain, other, "op");
  // How it is launched is its own: places, scratch, and the number of keys.
  other = plain;
  other["kernels"][0]["list_places"] = 128;
  EXPECT_EQ(load(plain, other), MQA_SUCCESS) << mqa_last_error();
  other = makeLogitsTopkManifest("cpu");
  other["kernels"][0]["num_heads"] = 64;
  other["kernels"][0]["head_dim"] = 128;
  EXPECT_EQ(load(plain, other), MQA_SUCCESS) << mqa_last_error();
}
