//===- GpuKernelFixture.h - A kernel on the fake driver ---------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef MQA_TEST_RUNTIME_GPUKERNELFIXTURE_H
#define MQA_TEST_RUNTIME_GPUKERNELFIXTURE_H

#include "FakeCuda.h"
#include "TestBundle.h"

#include <gtest/gtest.h>

namespace mqa::test {

/// 301 queries and 4097 keys of the kernel of makeGpuManifest.
struct GpuKernelFixture : testing::Test {
  void SetUp() override {
    getFake() = FakeCudaState();
    ASSERT_EQ(load(makeBundle(makeGpuManifest(), "ptx", "// PTX"), &bundle),
              MQA_SUCCESS);
  }
  void TearDown() override {
    mqa_kernel_destroy(kernel);
    mqa_bundle_destroy(bundle);
    EXPECT_EQ(getFake().liveModules, 0);
    EXPECT_EQ(getFake().retainedContexts, 0);
    EXPECT_EQ(getFake().pushedContexts, 0);
  }
  void loadKernel() {
    ASSERT_EQ(mqa_kernel_load(bundle, nullptr, 0, &kernel), MQA_SUCCESS)
        << mqa_last_error();
  }
  static mqa_logits_args makeArgs() {
    return {address<void>(0x10000),
            8192,
            address<void>(0x20000),
            128,
            address<float>(0x30000),
            1,
            address<float>(0x40000),
            64,
            address<int32_t>(0x50000),
            address<int32_t>(0x60000),
            address<float>(0x70000),
            5000,
            301,
            4097,
            0,
            0};
  }
  mqa_bundle *bundle = nullptr;
  mqa_kernel *kernel = nullptr;
};

} // namespace mqa::test

#endif // MQA_TEST_RUNTIME_GPUKERNELFIXTURE_H
