//===- AlteredManifestTest.cpp - Manifests that were tampered with --------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Behind a checksum that is right, anything may be in a manifest. Those of
// Manifests/ are as mqa-compile writes them (version 9); each is altered in
// thousands of ways. What comes out is refused with a message, or it is loaded
// and launched: on the fake driver, which refuses what a driver refuses, or
// on the CPU, with a task that looks at nothing but its first descriptor.
//
//===----------------------------------------------------------------------===//

#include "FakeCuda.h"
#include "TestBundle.h"

#include <gtest/gtest.h>

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

//===----------------------------------------------------------------------===//
// Launches
//===----------------------------------------------------------------------===//

/// A size as the kernel has it, or `otherwise`.
static int64_t getSize(int64_t size, int64_t otherwise) {
  return size < 0 ? otherwise : size;
}

/// What both ops have.
template <typename Args> static Args makeArgs(const mqa_kernel_info &info) {
  Args args = {};
  args.q = address<void>(0x10000);
  args.k = address<void>(0x20000);
  args.k_scale = address<float>(0x30000);
  args.weights = address<void>(0x40000);
  args.weights_stride = info.num_heads;
  args.out = address<void>(0x70000);
  return args;
}

static mqa_status launch(mqa_kernel *kernel, const mqa_kernel_info &info) {
  auto args = makeArgs<mqa_logits_args>(info);
  args.q_stride = info.num_heads * info.head_dim;
  args.k_stride = info.num_groups * info.head_dim;
  args.k_scale_stride = info.num_groups;
  args.ks = address<int32_t>(0x50000);
  args.ke = address<int32_t>(0x60000);
  args.num_queries = getSize(info.num_queries, 3);
  args.num_keys = getSize(info.num_keys, 5);
  args.max_seqlen_k = getSize(info.max_seqlen_k, 7);
  args.out_stride = info.compressed ? args.max_seqlen_k : args.num_keys;
  return mqa_logits_launch(kernel, &args, nullptr);
}

static mqa_status launchPaged(mqa_kernel *kernel, const mqa_kernel_info &info) {
  auto args = makeArgs<mqa_paged_logits_args>(info);
  args.q_stride = info.next_n * info.num_heads * info.head_dim;
  args.k_stride = info.block_kv * info.head_dim;
  args.k_scale_stride = info.block_kv;
  args.context_lens = address<int32_t>(0x50000);
  args.context_lens_stride = info.next_n;
  args.block_table = address<int32_t>(0x60000);
  args.batch = getSize(info.batch, getSize(info.num_queries, 6) / info.next_n);
  args.num_blocks = getSize(info.num_blocks, 9);
  args.max_blocks = getSize(info.max_blocks, 4);
  args.block_table_stride = args.max_blocks;
  args.max_context_len = getSize(info.max_context_len, 11);
  args.out_stride = args.max_context_len;
  return mqa_paged_logits_launch(kernel, &args, nullptr);
}

static mqa_status launchTopk(mqa_kernel *kernel, const mqa_kernel_info &info) {
  mqa_topk_args args = {};
  args.num_columns =
      getSize(info.compressed ? info.max_seqlen_k : info.num_keys, 700);
  args.num_keys = 900;
  args.num_sequences = getSize(info.num_sequences, getSize(info.batch, 3));
  args.num_queries = getSize(
      info.num_queries, info.next_n ? args.num_sequences * info.next_n : 5);
  args.max_blocks = getSize(info.max_blocks, 4);
  args.k = info.k;
  // No operand reaches the next one.
  args.logits = address<void>(UINT64_C(1) << 36);
  args.ks = address<int32_t>(UINT64_C(2) << 36);
  args.ke = address<int32_t>(UINT64_C(3) << 36);
  args.context_lens = address<int32_t>(UINT64_C(4) << 36);
  args.block_table = address<int32_t>(UINT64_C(5) << 36);
  args.sequence = address<int32_t>(UINT64_C(6) << 36);
  args.offset = address<int32_t>(UINT64_C(7) << 36);
  args.indices = address<int32_t>(UINT64_C(8) << 36);
  args.values = address<float>(UINT64_C(9) << 36);
  args.logits_stride = (args.num_columns + 31) / 32 * 32;
  args.context_lens_stride = info.next_n;
  args.block_table_stride = args.max_blocks;
  args.indices_stride = args.values_stride = info.k;
  return mqa_topk_launch(kernel, &args, nullptr);
}

static mqa_status launchMerge(mqa_kernel *kernel, const mqa_kernel_info &info) {
  mqa_merge_topk_args args = {};
  args.num_lists = getSize(info.num_lists, 3);
  args.num_queries = getSize(info.num_queries, 5);
  args.k = info.k;
  // No operand reaches the next one.
  args.list_indices = address<int32_t>(UINT64_C(1) << 36);
  args.list_values = address<float>(UINT64_C(2) << 36);
  args.ks = address<int32_t>(UINT64_C(3) << 36);
  args.ke = address<int32_t>(UINT64_C(4) << 36);
  args.indices = address<int32_t>(UINT64_C(5) << 36);
  args.values = address<float>(UINT64_C(6) << 36);
  args.list_indices_stride = args.list_values_stride = info.k;
  args.list_indices_row_stride = args.list_values_row_stride =
      info.k * args.num_lists;
  args.indices_stride = args.values_stride = info.k;
  return mqa_merge_topk_launch(kernel, &args, nullptr);
}

static mqa_status launchAny(mqa_kernel *kernel, const mqa_kernel_info &info) {
  switch (info.op) {
  case MQA_OP_LOGITS:
    return launch(kernel, info);
  case MQA_OP_PAGED_LOGITS:
    return launchPaged(kernel, info);
  case MQA_OP_TOPK:
    return launchTopk(kernel, info);
  case MQA_OP_MERGE_TOPK:
    return launchMerge(kernel, info);
  }
  return MQA_ERROR_NOT_FOUND;
}

/// What the driver reads at a launch: a pointer to each parameter.
static size_t countParameters(const json &kernel) {
  size_t count = 0;
  for (const json &parameter : kernel["parameters"])
    count += parameter["kind"] == "memref"
                 ? 3 + 2 * parameter["rank"].get<size_t>()
                 : 1;
  return count;
}

/// Launches kernel `index`, which may be one of another object.
static mqa_status launchKernel(const mqa_bundle *bundle, size_t index,
                               const json &description) {
  mqa_kernel_info info;
  EXPECT_EQ(mqa_bundle_kernel_info(bundle, index, &info), MQA_SUCCESS);
  mqa_kernel *kernel = nullptr;
  // The task's name may have been altered.
  if (mqa_kernel_load(bundle, info.name, 1, &kernel)) {
    EXPECT_STREQ(info.target, "cpu") << mqa_last_error();
    return MQA_ERROR_INVALID_BUNDLE;
  }
  // Tasks that do nothing still take their time.
  constexpr int64_t kMaxSize = 1000;
  bool isSmall = true;
  for (int64_t size :
       {info.num_queries, info.num_keys, info.batch, info.max_context_len,
        info.max_seqlen_k, info.next_n, info.num_sequences, info.num_lists})
    isSmall &= size <= kMaxSize;
  // A name may have become that of a task of the object that writes.
  isSmall &= std::string(info.name).rfind("any", 0) == 0;
  mqa_status status = MQA_SUCCESS;
  FakeCudaState &fake = getFake();
  fake.maps.clear();
  fake.launches.clear();
  fake.calls.clear();
  fake.parameterCount = countParameters(description);
  if (isSmall || std::string(info.target) != "cpu")
    status = launchAny(kernel, info);
  mqa_kernel_destroy(kernel);
  return status;
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
  for (json &kernel : manifest["kernels"])
    if (isCpu)
      kernel["name"] =
          std::string("any") + (kernel.value("clean", false) ? "_clean" : "");
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

INSTANTIATE_TEST_SUITE_P(Manifests, AlteredManifestTest,
                         testing::Values("logits-gpu", "compressed-gpu",
                                         "groups-gpu", "paged-gpu",
                                         "logits-cpu", "paged-cpu", "topk-gpu",
                                         "topk-cpu", "merge-gpu", "merge-cpu"),
                         [](const auto &info) {
                           std::string name = info.param;
                           name[name.find('-')] = '_';
                           return name;
                         });
