//===- BundleTest.cpp - What is and what is not a bundle ------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "TestBundle.h"

#include <gtest/gtest.h>

#include <functional>
#include <random>

using namespace mqa::test;

static std::string makeValid() {
  return makeBundle(makeGpuManifest(), "ptx", "// PTX");
}

/// Expects that the bundle is refused with a message that holds `message`.
static void expectInvalid(const std::string &bundle,
                          const std::string &message) {
  mqa_bundle *handle = nullptr;
  EXPECT_EQ(load(bundle, &handle), MQA_ERROR_INVALID_BUNDLE);
  EXPECT_EQ(handle, nullptr);
  EXPECT_NE(std::string(mqa_last_error()).find(message), std::string::npos)
      << mqa_last_error();
}

static void
expectInvalidManifest(const std::function<void(nlohmann::json &)> &change,
                      const std::string &message) {
  nlohmann::json manifest = makeGpuManifest();
  change(manifest);
  expectInvalid(makeBundle(manifest, "ptx", "// PTX"), message);
}

TEST(BundleTest, DescribesItsKernels) {
  mqa_bundle *bundle;
  ASSERT_EQ(load(makeValid(), &bundle), MQA_SUCCESS) << mqa_last_error();
  EXPECT_STREQ(mqa_last_error(), "");
  EXPECT_EQ(mqa_bundle_num_kernels(bundle), 1u);
  mqa_kernel_info info;
  ASSERT_EQ(mqa_bundle_kernel_info(bundle, 0, &info), MQA_SUCCESS);
  EXPECT_STREQ(info.name, "logits");
  EXPECT_STREQ(info.target, "sm_90a");
  EXPECT_EQ(info.num_queries, -1);
  EXPECT_EQ(info.num_heads, 64);
  EXPECT_EQ(info.head_dim, 128);
  EXPECT_EQ(info.num_keys, -1);
  EXPECT_EQ(info.clean, 0);
  EXPECT_EQ(mqa_bundle_kernel_info(bundle, 1, &info), MQA_ERROR_NOT_FOUND);
  EXPECT_STREQ(mqa_last_error(), "the bundle has 1 kernels, index is 1");
  mqa_bundle_destroy(bundle);
}

TEST(BundleTest, NullArguments) {
  mqa_bundle *bundle;
  mqa_kernel_info info;
  EXPECT_EQ(mqa_bundle_load_memory(nullptr, 10, &bundle),
            MQA_ERROR_INVALID_ARGUMENT);
  EXPECT_STREQ(mqa_last_error(), "data is null");
  EXPECT_EQ(mqa_bundle_load_memory("x", 1, nullptr),
            MQA_ERROR_INVALID_ARGUMENT);
  EXPECT_STREQ(mqa_last_error(), "bundle is null");
  EXPECT_EQ(mqa_bundle_load_file(nullptr, &bundle), MQA_ERROR_INVALID_ARGUMENT);
  EXPECT_STREQ(mqa_last_error(), "path is null");
  EXPECT_EQ(mqa_bundle_kernel_info(nullptr, 0, &info),
            MQA_ERROR_INVALID_ARGUMENT);
  EXPECT_EQ(mqa_bundle_num_kernels(nullptr), 0u);
  mqa_bundle_destroy(nullptr);
}

TEST(BundleTest, MissingFile) {
  mqa_bundle *bundle;
  EXPECT_EQ(mqa_bundle_load_file("/nonexistent/x.mqa", &bundle),
            MQA_ERROR_SYSTEM);
  EXPECT_STREQ(mqa_last_error(),
               "cannot read '/nonexistent/x.mqa': No such file or directory");
}

TEST(BundleTest, EveryTruncationIsRefused) {
  std::string valid = makeValid();
  for (size_t size = 0; size < valid.size(); ++size) {
    mqa_bundle *bundle;
    ASSERT_EQ(load(valid.substr(0, size), &bundle), MQA_ERROR_INVALID_BUNDLE)
        << size;
  }
}

TEST(BundleTest, EveryFlippedBitIsRefused) {
  std::string valid = makeValid();
  for (size_t i = 0; i < valid.size() * 8; ++i) {
    std::string altered = valid;
    altered[i / 8] = static_cast<char>(altered[i / 8] ^ (1 << (i % 8)));
    mqa_bundle *bundle;
    ASSERT_EQ(load(altered, &bundle), MQA_ERROR_INVALID_BUNDLE) << "bit " << i;
  }
}

// Behind a checksum that is right, anything may be in a manifest: it is refused
// with a message, or describes kernels.
TEST(BundleTest, AlteredManifestsAreReadOrRefused) {
  const std::string data = "// PTX";
  nlohmann::json manifest = makeGpuManifest();
  manifest["sections"] = {{{"name", "ptx"},
                           {"offset", 0},
                           {"size", data.size()},
                           {"crc32", checksum(data)}}};
  const std::string text = manifest.dump();
  const std::string characters = "0123456789-.eE\"{}[],:tfn \\\n";
  std::mt19937_64 random(0);
  int refused = 0;
  for (int i = 0; i < 10000; ++i) {
    std::string altered = text;
    for (size_t j = 0, e = 1 + random() % 4; j < e; ++j) {
      size_t at = random() % altered.size();
      char c = characters[random() % characters.size()];
      switch (random() % 4) {
      case 0:
        altered.erase(at, 1 + random() % 8);
        break;
      case 1:
        altered.insert(at, 1, c);
        break;
      case 2:
        altered.insert(at, altered.substr(at, random() % 40));
        break;
      default:
        altered[at] = random() % 4 ? c : static_cast<char>(random());
      }
    }
    mqa_bundle *bundle = nullptr;
    mqa_status status = load(makeBundleOfText(altered, data), &bundle);
    if (status != MQA_SUCCESS) {
      ++refused;
      ASSERT_EQ(status, MQA_ERROR_INVALID_BUNDLE) << altered;
      ASSERT_EQ(bundle, nullptr);
      ASSERT_STRNE(mqa_last_error(), "");
      continue;
    }
    for (size_t k = 0; k < mqa_bundle_num_kernels(bundle); ++k) {
      mqa_kernel_info info;
      ASSERT_EQ(mqa_bundle_kernel_info(bundle, k, &info), MQA_SUCCESS);
      ASSERT_GE(info.num_heads, 1);
    }
    mqa_bundle_destroy(bundle);
  }
  EXPECT_GT(refused, 5000);
}

TEST(BundleTest, ManifestFields) {
  // Only weights, scales and ks may be left out, and nothing comes twice.
  for (int missing : {0, 1, 5, 6})
    expectInvalidManifest(
        [&](auto &m) { m["kernels"][0]["parameters"].erase(missing); },
        "'parameters' must be every operand of the op once");
  expectInvalidManifest(
      [](auto &m) {
        auto &parameters = m["kernels"][0]["parameters"];
        parameters.push_back(parameters[2]);
      },
      "'parameters' must be every operand of the op once");
  expectInvalidManifest(
      [](auto &m) {
        m["kernels"][0]["parameters"][0]["element_type"] = "bf16";
      },
      "'element_type' must be the same for q and k");
  expectInvalidManifest(
      [](auto &m) { m["kernels"][0]["parameters"][2]["element_type"] = "f16"; },
      "'element_type' must be one that the operand may have");
  expectInvalidManifest([](auto &m) { m["kernels"][0]["op"] = "mqa.values"; },
                        "'op' must be 'mqa.logits' or 'mqa.paged_logits'");
  expectInvalidManifest(
      [](auto &m) {
        m["kernels"][0]["parameters"][4]["operand"] = "block_table";
      },
      "'operand' must be one of the op");
  expectInvalidManifest([](auto &m) { m["version"] = 1; },
                        "'version' must be 7, found 1");
  expectInvalidManifest([](auto &m) { m.erase("target"); },
                        "'target' must be a string");
  expectInvalidManifest([](auto &m) { m["kernels"] = nlohmann::json::array(); },
                        "'kernels' must be");
  expectInvalidManifest([](auto &m) { m["kernels"][0]["num_heads"] = 0; },
                        "'num_heads' must be an integer from 1 to 128");
  expectInvalidManifest([](auto &m) { m["kernels"][0]["head_dim"] = "x"; },
                        "'head_dim' must be an integer");
  expectInvalidManifest([](auto &m) { m["kernels"][0]["num_keys"] = 1e30; },
                        "'num_keys' must be an integer");
  expectInvalidManifest([](auto &m) { m["kernels"][0]["clean"] = 1; },
                        "'clean' must be true or false");
  expectInvalidManifest(
      [](auto &m) { m["kernels"][0]["parameters"][0]["operand"] = "v"; },
      "'operand' must be the name of an operand");
  expectInvalidManifest(
      [](auto &m) { m["kernels"][0]["parameters"][0]["kind"] = "x"; },
      "'kind' must be");
  expectInvalidManifest(
      [](auto &m) {
        m["kernels"][0]["parameters"][0]["box"] = {1, 2};
      },
      "'box' must be of the operand's rank");
  expectInvalidManifest(
      [](auto &m) {
        m["kernels"][0]["parameters"][1]["box"] = {512, 128};
      },
      "'box' must be an integer from 1 to 256");
  for (auto dims :
       {nlohmann::json{0, 0, 2}, nlohmann::json{0, 2, 1}, nlohmann::json{0, 1}})
    expectInvalidManifest(
        [&](auto &m) { m["kernels"][0]["parameters"][0]["dims"] = dims; },
        "'dims' must be the operand's dimensions in some order, rows last");
  expectInvalidManifest(
      [](auto &m) {
        m["kernels"][0]["parameters"][0]["dims"] = {0, 1, 3};
      },
      "'dims' must be an integer from 0 to 2");
  expectInvalidManifest(
      [](auto &m) { m["kernels"][0]["parameters"][6]["rank"] = 1; },
      "'rank' must be the operand's rank");
  expectInvalidManifest(
      [](auto &m) { m["kernels"][0]["block_threads"] = 4096; },
      "'block_threads' must be");
  expectInvalid(makeBundle(makeGpuManifest(), "nonsense", "x"),
                "unknown section 'nonsense'");
  expectInvalid(makeBundle(makeGpuManifest(), "object", "x"),
                "holds no code for target 'sm_90a'");
}
