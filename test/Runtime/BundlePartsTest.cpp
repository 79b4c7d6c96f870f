//===- BundlePartsTest.cpp - Bundles of several targets -------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What such a bundle must be.
//
//===----------------------------------------------------------------------===//

#include "PartsBundle.h"

using namespace mqa::test;
using nlohmann::json;

TEST(BundlePartsTest, EveryKernelIsListed) {
  mqa_bundle *bundle;
  ASSERT_EQ(
      load(makePart("sm_80") + makePart("sm_90a") + makeCpuPart(), &bundle),
      MQA_SUCCESS)
      << mqa_last_error();
  ASSERT_EQ(mqa_bundle_num_kernels(bundle), 3u);
  const char *targets[] = {"sm_80", "sm_90a", "cpu"};
  for (size_t i = 0; i < 3; ++i) {
    mqa_kernel_info info;
    ASSERT_EQ(mqa_bundle_kernel_info(bundle, i, &info), MQA_SUCCESS);
    EXPECT_STREQ(info.target, targets[i]);
    EXPECT_STREQ(info.name, i == 2 ? "any" : "logits");
  }
  mqa_kernel_info info;
  EXPECT_EQ(mqa_bundle_kernel_info(bundle, 3, &info), MQA_ERROR_NOT_FOUND);
  mqa_bundle_destroy(bundle);
}

// What one part may have wrong, another may: the message says which it was.
TEST(BundlePartsTest, DamagedParts) {
  std::string first = makePart("sm_80"), second = makePart("sm_90a");
  expectLoads(first + second);
  auto alter = [&](size_t at) {
    std::string both = first + second;
    both[first.size() + at] ^= 1;
    return both;
  };
  expectRefused(alter(0),
                std::to_string(second.size()) +
                    " bytes behind the last section",
                "magic");
  expectRefused(alter(7), "bundle: part 2: layout MQABNDL", "layout");
  expectRefused(alter(14), "bundle: part 2: the manifest ends behind the file",
                "size");
  expectRefused(alter(16), "bundle: part 2: the manifest is altered", "CRC");
  expectRefused(alter(20), "bundle: part 2: reserved", "reserved");
  expectRefused(alter(40), "bundle: part 2: the manifest is altered",
                "manifest");
  expectRefused(alter(second.size() - 1),
                "bundle: part 2 (sm_90a): section 'ptx' is altered", "section");
  expectRefused(first + second.substr(0, 5),
                "bundle: part 2: not an MQA "
                "bundle: it has 5 bytes",
                "header");
  expectRefused(first + second.substr(0, second.size() - 1),
                "bundle: part 2 (sm_90a): section 'ptx' ends behind the file: "
                "truncated?",
                "section");
  expectRefused(first + second + "x",
                "bundle: part 2 (sm_90a): 1 bytes behind the last", "x");
  expectRefused(first + "\n" + second, " bytes behind the last section", "gap");
  json manifest = makeManifest("sm_90a");
  manifest["kernels"][0]["head_dim"] = 24;
  expectRefused(first + makePartOf(manifest),
                "bundle: part 2 (sm_90a): manifest field 'kernels[0].head_dim' "
                "must be a multiple of 16",
                "field");
  manifest = makeManifest("sm_90a");
  manifest["version"] = 7;
  expectRefused(first + makePartOf(manifest), "bundle: part 2: version 7",
                "version");
}

TEST(BundlePartsTest, EveryFlippedBitIsRefused) {
  std::string both = makePart("sm_80") + makePart("sm_86");
  for (size_t i = 0; i < both.size() * 8; ++i) {
    std::string altered = both;
    altered[i / 8] = static_cast<char>(altered[i / 8] ^ (1 << (i % 8)));
    mqa_bundle *bundle;
    ASSERT_EQ(load(altered, &bundle), MQA_ERROR_INVALID_BUNDLE) << "bit " << i;
  }
}

// As the compiler writes it: the first part says how many are behind it.
TEST(BundlePartsTest, EveryTruncationIsRefused) {
  json manifest = makeManifest("sm_80");
  manifest["parts_behind"] = 1;
  std::string both = makePartOf(manifest) + makePart("sm_86");
  expectLoads(both);
  for (size_t size = 0; size < both.size(); ++size) {
    mqa_bundle *bundle;
    ASSERT_EQ(load(both.substr(0, size), &bundle), MQA_ERROR_INVALID_BUNDLE)
        << size;
  }
}

TEST(BundlePartsTest, PartsBehind) {
  auto make = [](const char *target, int behind) {
    json manifest = makeManifest(target);
    manifest["parts_behind"] = behind;
    return makePartOf(manifest);
  };
  std::string two = make("sm_80", 1) + makePart("sm_86");
  expectLoads(two + makePart("sm_89"));
  expectLoads(makePart("sm_89") + two);
  expectLoads(two + make("sm_89", 1) + makePart("sm_90a"));
  expectLoads(make("sm_80", 2) + make("sm_86", 1) + makePart("sm_89"));
  expectRefused(make("sm_80", 1), "bundle: it has 1 of 2 parts: truncated?",
                "1 of 2");
  expectRefused(two + make("sm_89", 2),
                "bundle: it has 3 of 5 parts: truncated?", "3 of 5");
}

TEST(BundlePartsTest, TargetsDiffer) {
  expectRefused(makePart("sm_80") + makePart("sm_86") + makePart("sm_80"),
                "bundle: part 3 (sm_80): another part is for the same target",
                "repeated");
  // Of a CPU, a target is its instruction sets.
  expectLoads(makeCpuPart() + makeCpuPart({"a"}) + makeCpuPart({"a", "b"}));
  expectRefused(makeCpuPart({"a", "b"}) + makeCpuPart({"b", "a"}),
                "bundle: part 2 (cpu): another part is for the same target",
                "repeated CPU");
}

// Who asks for a kernel by its name gets the same for every device.
TEST(BundlePartsTest, KernelsOfOneNameAreTheSame) {
  auto expectOther = [](const json &manifest, const char *field) {
    expectRefused(makePart("sm_80") + makePartOf(manifest),
                  std::string("part 2 (sm_86): kernel 'logits' has other ") +
                      field + " than for target 'sm_80'",
                  field);
  };
  for (const auto &[field, value] :
       {std::pair<const char *, json>{"clean", true},
        {"compressed", true},
        {"activation", "none"},
        {"head_reduction", "max"},
        {"num_queries", 5},
        {"num_heads", 32},
        {"head_dim", 64},
        {"num_keys", 5},
        {"has_key_groups", true}}) {
    json manifest = makeManifest("sm_86");
    manifest["kernels"][0][field] = value;
    if (std::string(field) == "has_key_groups")
      for (int i : {1, 2}) {
        json &parameter = manifest["kernels"][0]["parameters"][i];
        parameter["box"].insert(parameter["box"].begin(), 1);
        parameter["dims"] = i == 1 ? json{0, 1, 2} : json{0, 1};
      }
    expectOther(manifest, field);
  }
  json paged = makePagedManifest(2);
  paged["target"] = "sm_86";
  expectOther(paged, "op");
  json other = makeManifest("sm_86");
  other["kernels"][0]["parameters"].erase(3);
  expectOther(other, "parameters");
  other = makeManifest("sm_86");
  other["kernels"][0]["parameters"][6]["element_type"] = "bf16";
  expectOther(other, "parameters");
  // How it is launched is its own, and so is another name.
  other = makeManifest("sm_86");
  other["kernels"][0]["block_threads"] = 128;
  other["kernels"][0]["reduction"] = "f16";
  expectLoads(makePart("sm_80") + makePartOf(other));
  other["kernels"][0]["name"] = "other";
  other["kernels"][0]["clean"] = true;
  expectLoads(makePart("sm_80") + makePartOf(other));
}
