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

/// Queries of 64 heads of 128 and keys, densely packed.
inline mqa_logits_args makeDenseArgs(int64_t numQueries, int64_t numKeys) {
  mqa_logits_args args = {};
  args.q = address<void>(0x10000);
  args.q_stride = 64 * 128;
  args.k = address<void>(0x20000);
  args.k_stride = 128;
  args.k_scale = address<float>(0x30000);
  args.k_scale_stride = 1;
  args.weights = address<float>(0x40000);
  args.weights_stride = 64;
  args.ks = address<int32_t>(0x50000);
  args.ke = address<int32_t>(0x60000);
  args.out = address<void>(0x70000);
  args.out_stride = numKeys;
  args.num_queries = numQueries;
  args.num_keys = numKeys;
  return args;
}

/// 3 sequences of two queries, and 100 blocks of 64 keys.
inline mqa_paged_logits_args makePagedArgs() {
  mqa_paged_logits_args args = {};
  args.q = address<void>(0x10000);
  args.q_stride = 2 * 64 * 128;
  // One cache: the scales of a block lie behind its keys.
  args.k = address<void>(0x20000);
  args.k_stride = 64 * 132;
  args.k_scale = address<float>(0x20000 + 64 * 128);
  args.k_scale_stride = 64 * 132 / 4;
  args.weights = address<float>(0x40000);
  args.weights_stride = 64;
  args.context_lens = address<int32_t>(0x50000);
  args.context_lens_stride = 2;
  args.block_table = address<int32_t>(0x60000);
  args.block_table_stride = 20;
  args.out = address<void>(0x70000);
  args.out_stride = 1000;
  args.batch = 3;
  args.num_blocks = 100;
  args.max_blocks = 16;
  args.max_context_len = 1000;
  return args;
}

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
  void expectRefused(const nlohmann::json &manifest, const char *message) {
    EXPECT_EQ(load(makeBundle(manifest, "ptx", "// PTX"), &bundle),
              MQA_ERROR_INVALID_BUNDLE);
    EXPECT_NE(std::string(mqa_last_error()).find(message), std::string::npos)
        << mqa_last_error();
  }

  mqa_bundle *bundle = nullptr;
  mqa_kernel *kernel = nullptr;
  mqa_kernel_info info;
};

} // namespace mqa::test

#endif // MQA_TEST_RUNTIME_LOADEDKERNELFIXTURE_H
