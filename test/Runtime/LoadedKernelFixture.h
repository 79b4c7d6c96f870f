//===- LoadedKernelFixture.h - A kernel of a made-up bundle -----*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef MQA_TEST_RUNTIME_LOADEDKERNELFIXTURE_H
#define MQA_TEST_RUNTIME_LOADEDKERNELFIXTURE_H

#include "FakeCuda.h"
#include "TestBundle.h"

#include <gtest/gtest.h>

namespace mqa::test {

/// The first kernel of a bundle for a GPU that does not exist.
struct LoadedKernelFixture : testing::Test {
  void SetUp() override { getFake() = FakeCudaState(); }
  void TearDown() override {
    mqa_kernel_destroy(kernel);
    mqa_bundle_destroy(bundle);
  }
  void loadKernel(const nlohmann::json &manifest) {
    ASSERT_EQ(load(makeBundle(manifest, "ptx", "// PTX"), &bundle), MQA_SUCCESS)
        << mqa_last_error();
    ASSERT_EQ(mqa_kernel_load(bundle, nullptr, 0, &kernel), MQA_SUCCESS)
        << mqa_last_error();
    ASSERT_EQ(mqa_bundle_kernel_info(bundle, 0, &info), MQA_SUCCESS);
  }

  mqa_bundle *bundle = nullptr;
  mqa_kernel *kernel = nullptr;
  mqa_kernel_info info;
};

} // namespace mqa::test

#endif // MQA_TEST_RUNTIME_LOADEDKERNELFIXTURE_H
