//===- ManifestChecks.h - Expectations of altered manifests -----*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef MQA_TEST_RUNTIME_MANIFESTCHECKS_H
#define MQA_TEST_RUNTIME_MANIFESTCHECKS_H

#include "TestBundle.h"

#include <gtest/gtest.h>

namespace mqa::test {

/// The bundle of a manifest, for either target.
inline std::string makeBundleFor(const nlohmann::json &manifest) {
  static const std::string object = readFakeTask();
  if (manifest.value("target", nlohmann::json()) == "cpu")
    return makeBundle(manifest, "object", object);
  return makeBundle(manifest, "ptx", "// PTX");
}

inline void expectValid(const nlohmann::json &manifest) {
  mqa_bundle *bundle = nullptr;
  EXPECT_EQ(load(makeBundleFor(manifest), &bundle), MQA_SUCCESS)
      << mqa_last_error();
  mqa_bundle_destroy(bundle);
}

inline void expectRefused(const nlohmann::json &manifest,
                          const std::string &message, const std::string &what) {
  mqa_bundle *bundle = nullptr;
  EXPECT_EQ(load(makeBundleFor(manifest), &bundle), MQA_ERROR_INVALID_BUNDLE)
      << what;
  EXPECT_EQ(bundle, nullptr);
  EXPECT_NE(std::string(mqa_last_error()).find(message), std::string::npos)
      << what << ": " << mqa_last_error() << "\nexpected " << message;
  mqa_bundle_destroy(bundle);
}

/// A value that a field of the first kernel must not have, and what is said of
/// it. A field that begins with '/' is one of the manifest itself.
struct BadValue {
  const char *field;
  nlohmann::json value;
  const char *message;
};

inline void expectRefused(const nlohmann::json &manifest,
                          const std::vector<BadValue> &values) {
  expectValid(manifest);
  for (const BadValue &bad : values) {
    bool isTop = bad.field[0] == '/';
    std::string pointer =
        isTop ? bad.field : "/kernels/0/" + std::string(bad.field);
    nlohmann::json altered = manifest;
    altered[nlohmann::json::json_pointer(pointer)] = bad.value;
    expectRefused(altered, bad.message, pointer + " = " + bad.value.dump());
  }
}

/// Every leaf and every object of a manifest.
inline void expectEveryFieldChecked(const nlohmann::json &manifest) {
  const nlohmann::json leaves = manifest.flatten();
  for (const auto &[pointer, value] : leaves.items()) {
    nlohmann::json::json_pointer field(pointer);
    std::vector<nlohmann::json> wrong = {nullptr, nlohmann::json::object(), 1.5,
                                         -9, UINT64_MAX};
    if (value.is_string())
      wrong.insert(wrong.end(), {"two\nlines", std::string(2000, 'x')});
    if (!value.is_boolean())
      wrong.push_back(true);
    for (const nlohmann::json &bad : wrong) {
      nlohmann::json altered = manifest;
      altered[field] = bad;
      expectRefused(altered, "manifest field '", pointer + " = " + bad.dump());
    }
    nlohmann::json &parent =
        const_cast<nlohmann::json &>(manifest)[field.parent_pointer()];
    if (!parent.is_object())
      continue;
    nlohmann::json altered = manifest;
    altered[field.parent_pointer()].erase(field.back());
    expectRefused(altered, field.back() + "' is missing", pointer);
    altered = manifest;
    altered[field.parent_pointer()]["unheard_of"] = value;
    expectRefused(altered, "unheard_of' is none of version 18", pointer);
  }
}

} // namespace mqa::test

#endif // MQA_TEST_RUNTIME_MANIFESTCHECKS_H
