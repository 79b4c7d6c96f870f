//===- AlteredManifestTest.cpp - Manifests that were tampered with --------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Behind a checksum that is right, anything may be in a manifest. Those of
// Manifests/ are as mqa-compile writes them (version 18); each is altered in
// thousands of ways. What comes out is refused with a message, or it is loaded
// and launched: on the fake driver, which refuses what a driver refuses, or
// on the CPU, with a task that looks at nothing but its first descriptor.
//
//===----------------------------------------------------------------------===//

#include "ManifestLaunches.h"

#include <iterator>
#include <random>

using namespace mqa::test;
using nlohmann::json;

namespace {
class Mutator {
public:
  explicit Mutator(uint64_t seed) : random(seed) {}
  std::string mutate(const json &manifest);

private:
  size_t draw(size_t count) { return random() % count; }
  void alterValues(json &manifest);
  void alterText(std::string &text);
  json drawValue();
  std::mt19937_64 random;
};
} // namespace

json Mutator::drawValue() {
  static const json values[] = {nullptr,
                                true,
                                false,
                                -2,
                                -1,
                                0,
                                1,
                                2,
                                3,
                                4,
                                7,
                                8,
                                16,
                                17,
                                32,
                                64,
                                100,
                                128,
                                256,
                                257,
                                1024,
                                100000,
                                INT32_MAX,
                                INT64_MAX,
                                INT64_MIN,
                                UINT64_MAX,
                                0.5,
                                1e300,
                                "",
                                "x",
                                "q",
                                "k",
                                "k_scale",
                                "weights",
                                "ks",
                                "ke",
                                "out",
                                "context_lens",
                                "block_table",
                                "logits",
                                "sequence",
                                "offset",
                                "indices",
                                "values",
                                "list_indices",
                                "list_values",
                                "num_keys",
                                "f8E4M3FN",
                                "f8E5M2",
                                "bf16",
                                "f16",
                                "f32",
                                "i32",
                                "index",
                                "memref",
                                "tensor_map",
                                "mqa.logits",
                                "mqa.paged_logits",
                                "mqa.topk",
                                "mqa.merge_topk",
                                "slot",
                                "greatest",
                                "any",
                                std::string("a\0b", 3),
                                json::array(),
                                json::object(),
                                {1},
                                {0, 1},
                                {1, 0, 2},
                                {64, 2, 128},
                                {1, 16, 1, 128}};
  return values[draw(std::size(values))];
}

/// Fields that change, go, or come from elsewhere.
void Mutator::alterValues(json &manifest) {
  json flat = manifest.flatten();
  auto drawField = [&] {
    auto it = flat.begin();
    std::advance(it, draw(flat.size()));
    return json::json_pointer(it.key());
  };
  json::json_pointer field = drawField(), parent = field.parent_pointer();
  // A whole parameter or array.
  if (draw(4) == 0 && !parent.empty())
    field = parent, parent = parent.parent_pointer();
  if (!manifest.contains(field))
    return;
  json other = manifest.value(drawField(), json());
  switch (draw(5)) {
  case 0:
    manifest[field] = other;
    return;
  case 1:
    if (json &object = manifest[parent]; object.is_object())
      object.erase(field.back());
    else
      object.erase(std::stoul(field.back()));
    return;
  case 2:
    if (json &array = manifest[parent]; array.is_array())
      array.push_back(json(array[draw(array.size())]));
    return;
  default:
    manifest[field] = drawValue();
  }
}

void Mutator::alterText(std::string &text) {
  static const std::string characters = "0123456789-.eE\"{}[],:tfn \\\n";
  size_t at = draw(text.size());
  char c = characters[draw(characters.size())];
  switch (draw(4)) {
  case 0:
    text.erase(at, 1 + draw(8));
    return;
  case 1:
    text.insert(at, 1, c);
    return;
  case 2:
    text.insert(at, text.substr(at, draw(40)));
    return;
  default:
    text[at] = draw(4) ? c : static_cast<char>(random());
  }
}

std::string Mutator::mutate(const json &manifest) {
  json altered = manifest;
  bool values = draw(4) != 0;
  size_t count = 1 + draw(3);
  for (size_t i = 0; values && i < count; ++i)
    alterValues(altered);
  std::string text = altered.dump();
  for (size_t i = 0; !values && i < count; ++i)
    alterText(text);
  return text;
}

namespace {
struct AlteredManifestTest : testing::TestWithParam<const char *> {};
} // namespace

TEST_P(AlteredManifestTest, IsRefusedOrRight) {
  getFake() = FakeCudaState();
  json manifest = json::parse(
      readFile(std::string(MQA_TEST_MANIFESTS) + "/" + GetParam() + ".json"));
  bool isCpu = manifest["target"] == "cpu";
  // Any machine's.
  if (isCpu)
    manifest["cpu_features"] = json::array();
  // The tasks that there are.
  for (size_t k = 0; isCpu && k < manifest["kernels"].size(); ++k)
    manifest["kernels"][k]["name"] = k == 0 ? "any" : "any_clean";
  const std::string code = isCpu ? readFakeTask() : "// PTX";
  manifest["sections"] = {{{"name", isCpu ? "object" : "ptx"},
                           {"offset", 0},
                           {"size", code.size()},
                           {"crc32", checksum(code)}}};
  Mutator mutator(checksum(GetParam()));
  int refused = 0, launched = 0;
  for (int i = 0; i < 2000; ++i) {
    std::string text = i == 0 ? manifest.dump() : mutator.mutate(manifest);
    mqa_bundle *bundle = nullptr;
    mqa_status status = load(makeBundleOfText(text, code), &bundle);
    if (status != MQA_SUCCESS) {
      ++refused;
      ASSERT_NE(i, 0) << mqa_last_error();
      ASSERT_EQ(status, MQA_ERROR_INVALID_BUNDLE) << text;
      ASSERT_EQ(bundle, nullptr);
      std::string message = mqa_last_error();
      ASSERT_GT(message.size(), 8u);
      ASSERT_EQ(message.find('\n'), std::string::npos) << message;
      continue;
    }
    json altered = json::parse(text);
    ASSERT_EQ(mqa_bundle_num_kernels(bundle), altered["kernels"].size());
    for (size_t k = 0; k < altered["kernels"].size(); ++k) {
      status = launchKernel(bundle, k, altered["kernels"][k]);
      launched += status == MQA_SUCCESS;
      // A driver that refuses would mean that the runtime did not.
      ASSERT_TRUE(status == MQA_SUCCESS ||
                  status == MQA_ERROR_INVALID_ARGUMENT ||
                  (isCpu && status == MQA_ERROR_INVALID_BUNDLE))
          << mqa_last_error() << "\n"
          << text;
    }
    mqa_bundle_destroy(bundle);
  }
  RecordProperty("refused", refused);
  RecordProperty("launched", launched);
  EXPECT_GT(refused, 1000);
  EXPECT_GT(launched, 100);
}

INSTANTIATE_TEST_SUITE_P(
    Manifests, AlteredManifestTest,
    testing::Values("logits-gpu", "compressed-gpu", "groups-gpu", "paged-gpu",
                    "logits-cpu", "paged-cpu", "topk-gpu", "topk-cpu",
                    "merge-gpu", "merge-cpu", "fused-gpu", "fused-cpu",
                    "rows-gpu", "rows-cpu", "blocks-gpu", "blocks-cpu",
                    "paged_blocks-gpu", "paged_blocks-cpu"),
    [](const auto &info) {
      std::string name = info.param;
      name[name.find('-')] = '_';
      return name;
    });
