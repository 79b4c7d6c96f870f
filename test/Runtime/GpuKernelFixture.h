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
    mqa_logits_args args = {};
    args.q = address<void>(0x10000);
    args.q_stride = 8192;
    args.k = address<void>(0x20000);
    args.k_stride = 128;
    args.k_scale = address<float>(0x30000);
    args.k_scale_stride = 1;
    args.weights = address<float>(0x40000);
    args.weights_stride = 64;
    args.ks = address<int32_t>(0x50000);
    args.ke = address<int32_t>(0x60000);
    args.out = address<float>(0x70000);
    args.out_stride = 5000;
    args.num_queries = 301;
    args.num_keys = 4097;
    return args;
  }
  mqa_bundle *bundle = nullptr;
  mqa_kernel *kernel = nullptr;
};

} // namespace mqa::test

#endif // MQA_TEST_RUNTIME_GPUKERNELFIXTURE_H
