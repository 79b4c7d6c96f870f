//===- HandMadeBundleTest.cpp - Bundles that no compiler writes -----------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Headers, manifests and sections that are wrong in one place each, behind
// right checksums: each is refused for that place.
//
//===----------------------------------------------------------------------===//

#include "HandMade.h"

#include <gtest/gtest.h>

using namespace mqa::test;
using nlohmann::json;

static const std::string kPtx = "// PTX";

//===----------------------------------------------------------------------===//
// The header
//===----------------------------------------------------------------------===//

static std::string putNumber(std::string bundle, size_t at, size_t bytes,
                             uint64_t value) {
  for (size_t i = 0; i < bytes; ++i)
    bundle[at + i] = static_cast<char>(value >> (8 * i));
  return bundle;
}

TEST(HandMadeBundleTest, Headers) {
  std::string valid = makeBundle(makeGpuManifest(), "ptx", kPtx);
  uint64_t size = valid.size() - 24 - kPtx.size();
  expectLoads(valid);
  for (uint64_t bytes :
       {uint64_t(0), uint64_t(1), size - 1, size + 1, size + kPtx.size()})
    expectRefused(putNumber(valid, 8, 8, bytes), "checksum differs", "size");
  for (uint64_t bytes :
       {size + kPtx.size() + 1, uint64_t(1) << 31, uint64_t(1) << 32,
        uint64_t(1) << 63, UINT64_MAX, UINT64_MAX - 23, UINT64_MAX - 24})
    expectRefused(putNumber(valid, 8, 8, bytes), "ends behind the file",
                  "size");
  for (uint32_t crc : {0u, 1u, UINT32_MAX})
    expectRefused(putNumber(valid, 16, 4, crc), "checksum differs", "CRC");
  for (uint32_t reserved : {1u, 0x80000000u, UINT32_MAX})
    expectRefused(putNumber(valid, 20, 4, reserved), "reserved", "reserved");
  for (size_t i = 0; i < 7; ++i)
    expectRefused(putNumber(valid, i, 1, 'm'), "not an MQA bundle", "magic");
  for (char version : {'0', '2', '\0', '\xff'})
    expectRefused(putNumber(valid, 7, 1, version), "bundle: layout MQABNDL",
                  "layout");
  std::string large = makeBundleOfText(std::string((1 << 24) + 1, ' '), "");
  expectRefused(large, "the manifest has 16777217 bytes, at most 16777216",
                "large manifest");
}

//===----------------------------------------------------------------------===//
// The manifest's text
//===----------------------------------------------------------------------===//

static std::string repeat(const std::string &text, size_t count) {
  std::string result;
  for (size_t i = 0; i < count; ++i)
    result += text;
  return result;
}

TEST(HandMadeBundleTest, WhatIsNotJson) {
  const std::string texts[] = {"",
                               " ",
                               "\n",
                               "{",
                               "}",
                               "{]",
                               "[",
                               "]",
                               "{\"version\":}",
                               "{\"version\":18,}",
                               "{\"version\":06}",
                               "{\"version\":+6}",
                               "{\"version\":0x6}",
                               "{\"version\":18.}",
                               "{\"version\":.6}",
                               "{\"version\":14e}",
                               "{\"version\":NaN}",
                               "{\"version\":Infinity}",
                               "{\"version\":-}",
                               "{\"version\":1e999}",
                               "{\"version\":-1e999}",
                               "{'version':6}",
                               "{version:6}",
                               "{\"version\":18} {}",
                               "{\"version\":18}x",
                               "{\"version\":18 \"target\":\"cpu\"}",
                               "// comment\n{\"version\":18}",
                               "/* comment */{\"version\":18}",
                               "{\"version\":18",
                               "{\"vers",
                               "{\"version\":\"\\",
                               "{\"version\":\"\\u12",
                               "{\"a\":\"\\ud800\"}",
                               "{\"a\":\"\\udc00\"}",
                               "{\"a\":\"\\x41\"}",
                               "{\"a\":\"\xff\"}",
                               "{\"a\":\"\xc0\x80\"}",
                               "{\"a\":\"\xed\xa0\x80\"}",
                               "{\"a\":\"\xf4\x90\x80\x80\"}",
                               "{\"a\":\"\xe2\x82\"}",
                               "{\"\xff\":6}",
                               "{\"a\":\"\n\"}",
                               "{\"a\":\"\t\"}",
                               "tru",
                               "nul",
                               std::string("{\"a\":6}\0", 8),
                               std::string("\0", 1),
                               std::string("{\"a\":\"\0\"}", 9),
                               "\xff\xfe{\0}\0",
                               "\xef\xbb{}"};
  for (const std::string &text : texts)
    expectRefused(makeBundleOfText(text, kPtx),
                  "the manifest is not JSON at its byte ", text);
}

TEST(HandMadeBundleTest, WhatIsNotAnObject) {
  for (const char *text : {"[]", "6", "-0", "1.5", "true", "null", "\"{}\"",
                           "[{}]", "[[[]]]", "1e300"})
    expectRefused(makeBundleOfText(text, kPtx),
                  "the manifest is not a JSON object", text);
}

TEST(HandMadeBundleTest, DeepNesting) {
  for (size_t depth : {17, 18, 100, 10000, 1000000})
    for (const char *open : {"[", "{\"a\":", "[{\"a\":"})
      expectRefused(makeBundleOfText(repeat(open, depth), kPtx),
                    "the manifest is nested more than 16 deep",
                    open + std::to_string(depth));
  expectRefused(makeBundleOfText(repeat("[", 16) + repeat("]", 16), kPtx),
                "not a JSON object", "16 deep");
}

/// The text of the valid manifest, in which `from` is replaced once.
static std::string replaceOnce(const std::string &from, const std::string &to) {
  json manifest = makeGpuManifest();
  manifest["sections"] = {{{"name", "ptx"},
                           {"offset", 0},
                           {"size", kPtx.size()},
                           {"crc32", checksum(kPtx)}}};
  std::string text = manifest.dump();
  size_t at = text.find(from);
  EXPECT_NE(at, std::string::npos) << from;
  return makeBundleOfText(text.replace(at, from.size(), to), kPtx);
}

TEST(HandMadeBundleTest, OddTexts) {
  expectLoads(replaceOnce("\"version\":18", "\"version\"\t:\r\n 18 "));
  expectLoads(replaceOnce("\"version\"", "\"\\u0076ersion\""));
  const char *integer = "must be an integer from ";
  std::string longName(3000, 'x');
  std::tuple<const char *, std::string, const char *> replacements[] = {
      // The first or the last would count.
      {"\"version\":18", "\"version\":18,\"version\":18", "'version' twice in"},
      {"\"version\":18", "\"version\":18,\"\\u0076ersion\":11", "twice in one"},
      {"\"clean\":false", "\"clean\":false,\"clean\":true", "'clean' twice"},
      {"\"rank\":1", "\"rank\":1,\"rank\":2", "'rank' twice in one object"},
      {"\"version\":18", "\"version\":18.0", integer},
      {"\"version\":18", "\"version\":14e0", integer},
      {"\"version\":18", "\"version\":-11", integer},
      {"\"version\":18", "\"version\":\"11\"", integer},
      {"\"version\":18", "\"version\":[11]", integer},
      {"\"version\":18", "\"version\":4294967305", integer},
      {"\"version\":18", "\"version\":18446744073709551625", integer},
      {"\"version\":18", "\"version\":" + repeat("9", 300), integer},
      {"\"version\":18", "\"version\":1e300", integer},
      {"\"num_keys\":-1", "\"num_keys\":18446744073709551615", integer},
      {"\"num_keys\":-1", "\"num_keys\":-9223372036854775808", integer},
      {"\"num_keys\":-1", "\"num_keys\":-9223372036854775809", integer},
      {"\"num_keys\":-1", "\"num_keys\":-1.0", integer},
      {"\"head_dim\":128", "\"head_dim\":4294967424", integer},
      {"\"name\":\"logits\"", "\"name\":\"a\\u0000b\"", "control characters"},
      {"\"name\":\"logits\"", "\"name\":\"a\\nb\"", "control characters"},
      {"\"name\":\"logits\"", "\"name\":\"\"", "must be a string of 1 to 1024"},
      {"\"name\":\"logits\"", "\"name\":\"" + longName + "\"", "1 to 1024"},
      {"\"target\":\"sm_90a\"", "\"target\":\"sm_90a\\u0000\"", "control"},
      {"\"target\":\"sm_90a\"", "\"target\":\"SM_90A\"", "'sm_120' or 'cpu'"},
      {"\"activation\"", "\"Activation\"",
       "'kernels[0].activation' is missing"},
      {"\"activation\"", "\"activation \"",
       "'kernels[0].activation' is missing"},
      {"\"activation\"", "\"activation\\u0000\"",
       "'kernels[0].activation' is missing"},
      {"\"version\":18", "\"version\":18,\"" + longName + "\":1", "is none of"},
      {"\"version\":18", "\"version\":18,\"\":1", "'' is none of version 18"},
      {"\"version\":18", "\"version\":18,\"a\\nb\":1", "'a b' is none of"}};
  for (const auto &[from, to, message] : replacements)
    expectRefused(replaceOnce(from, to), message, to);
  std::string fields;
  for (int i = 0; i < 200; ++i)
    fields += "\"a" + std::to_string(i) + "\":0,";
  expectRefused(replaceOnce("\"version\":18", fields + "\"version\":18"),
                "an object of more than 100 fields", "many fields");
}

TEST(HandMadeBundleTest, ManyKernels) {
  json manifest = makeGpuManifest(), kernel = manifest["kernels"][0];
  for (int i = 1; i < 1000; ++i) {
    kernel["name"] = "logits" + std::to_string(i);
    manifest["kernels"].push_back(kernel);
  }
  expectLoads(makeBundle(manifest, "ptx", kPtx));
  manifest["kernels"].push_back(kernel);
  expectRefused(makeBundle(manifest, "ptx", kPtx),
                "'kernels[1000].name' must be no other kernel's", "twice");
}

//===----------------------------------------------------------------------===//
// Sections
//===----------------------------------------------------------------------===//

static json makeSection(const char *name, json offset, json size, json crc) {
  return {{"name", name}, {"offset", offset}, {"size", size}, {"crc32", crc}};
}

static void expectSectionsRefused(const json &sections,
                                  const std::string &message) {
  json manifest = makeGpuManifest();
  manifest["sections"] = sections;
  expectRefused(makeBundleOfText(manifest.dump(), kPtx), message,
                sections.dump());
}

TEST(HandMadeBundleTest, Sections) {
  uint32_t crc = checksum(kPtx), crcOfHalf = checksum(kPtx.substr(0, 3));
  json good = makeSection("ptx", 0, 6, crc);
  for (json offset : {json(1), json(5), json(6), json(7), json(1 << 30)})
    expectSectionsRefused(json::array({makeSection("ptx", offset, 6, crc)}),
                          "'sections[0].offset' must be 0, where the section");
  for (json offset : {json(-1), json((1 << 30) + 1), json(INT64_MAX),
                      json(UINT64_MAX), json(0.0), json(nullptr), json("0")})
    expectSectionsRefused(json::array({makeSection("ptx", offset, 6, crc)}),
                          "'sections[0].offset' must be an integer from 0");
  for (json size : {json(0), json(-1), json((1 << 30) + 1), json(INT64_MAX),
                    json(UINT64_MAX), json(6.0), json(true), json({6})})
    expectSectionsRefused(json::array({makeSection("ptx", 0, size, crc)}),
                          "'sections[0].size' must be an integer from 1 to");
  for (int size : {7, 100, 1 << 30})
    expectSectionsRefused(json::array({makeSection("ptx", 0, size, crc)}),
                          "section 'ptx' ends behind the file: truncated?");
  for (json other : {json(-1), json(INT64_C(1) << 32), json(UINT64_MAX),
                     json(1.5), json("x"), json(nullptr)})
    expectSectionsRefused(json::array({makeSection("ptx", 0, 6, other)}),
                          "'sections[0].crc32' must be an integer from 0 to");
  for (uint32_t other : {0u, crc ^ 1, crcOfHalf, UINT32_MAX})
    expectSectionsRefused(json::array({makeSection("ptx", 0, 6, other)}),
                          "section 'ptx' is altered: its checksum differs");
  expectSectionsRefused(json::array({makeSection("ptx", 0, 3, crcOfHalf)}),
                        "3 bytes behind the last section are under no");
  for (const char *name : {"PTX", "ptx ", " ptx", "object", "manifest", "p"})
    expectSectionsRefused(json::array({makeSection(name, 0, 6, crc)}),
                          std::string("unknown section '") + name + "' for");
  expectSectionsRefused(json::array({makeSection("", 0, 6, crc)}),
                        "a string of 1 to 1024");
  // The same bytes twice, a gap, the same name twice, and none.
  json half = makeSection("ptx", 0, 3, crcOfHalf);
  uint32_t rest = checksum(kPtx.substr(3));
  expectSectionsRefused(json::array({good, makeSection("cubin", 0, 6, crc)}),
                        "'sections[1].offset' must be 6, where the section");
  expectSectionsRefused(json::array({half, makeSection("cubin", 2, 4, 0)}),
                        "'sections[1].offset' must be 3, where the section");
  expectSectionsRefused(json::array({half, makeSection("cubin", 4, 2, 0)}),
                        "'sections[1].offset' must be 3, where the section");
  expectSectionsRefused(json::array({makeSection("ptx", 3, 3, rest), half}),
                        "'sections[0].offset' must be 0, where the section");
  expectSectionsRefused(json::array({half, makeSection("ptx", 3, 3, rest)}),
                        "section 'ptx' comes twice");
  expectSectionsRefused(json::array(), "bytes behind the last section");
  for (json sections : {json(nullptr), json::object(), json(6), json("ptx")})
    expectSectionsRefused(sections, "'sections' must be an array");
  for (json section : {json(nullptr), json::array(), json(6), json("ptx")})
    expectSectionsRefused(json::array({section}),
                          "'sections[0]' must be an object");
  for (const char *field : {"name", "offset", "size", "crc32"}) {
    json section = good;
    section.erase(field);
    expectSectionsRefused(json::array({section}), std::string("'sections[0].") +
                                                      field + "' is missing");
  }
  good["align"] = 16;
  expectSectionsRefused(json::array({good}),
                        "'sections[0].align' is none of version 18");
}
