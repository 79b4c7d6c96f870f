//===- HandMade.h - Expectations of hand-made bundles -----------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef MQA_TEST_RUNTIME_HANDMADE_H
#define MQA_TEST_RUNTIME_HANDMADE_H

#include "TestBundle.h"

#include <gtest/gtest.h>

namespace mqa::test {

inline void expectLoads(const std::string &bundle) {
  mqa_bundle *handle = nullptr;
  EXPECT_EQ(load(bundle, &handle), MQA_SUCCESS) << mqa_last_error();
  mqa_bundle_destroy(handle);
}

inline void expectRefused(const std::string &bundle, const std::string &message,
                          const std::string &what) {
  mqa_bundle *handle = nullptr;
  EXPECT_EQ(load(bundle, &handle), MQA_ERROR_INVALID_BUNDLE) << what;
  EXPECT_EQ(handle, nullptr) << what;
  std::string found = mqa_last_error();
  EXPECT_NE(found.find(message), std::string::npos)
      << what << ": " << found << "\nexpected " << message;
  EXPECT_EQ(found.find('\n'), std::string::npos) << found;
  EXPECT_LT(found.size(), 2500u) << what;
  mqa_bundle_destroy(handle);
}

} // namespace mqa::test

#endif // MQA_TEST_RUNTIME_HANDMADE_H
