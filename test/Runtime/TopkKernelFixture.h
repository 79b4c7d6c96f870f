//===- TopkKernelFixture.h - Kernels of mqa.topk ----------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef MQA_TEST_RUNTIME_TOPKKERNELFIXTURE_H
#define MQA_TEST_RUNTIME_TOPKKERNELFIXTURE_H

#include "FakeCuda.h"
#include "TopkManifest.h"

#include <gtest/gtest.h>

namespace mqa::test {

/// 300 rows of 1000 logits; no operand reaches the next.
inline mqa_topk_args makeTopkArgs() {
  mqa_topk_args args = {};
  args.logits = address<void>(0x10000000);
  args.logits_stride = 1008;
  args.ks = address<int32_t>(0x20000000);
  args.ke = address<int32_t>(0x30000000);
  args.context_lens = address<int32_t>(0x40000000);
  args.context_lens_stride = 2;
  args.block_table = address<int32_t>(0x50000000);
  args.block_table_stride = 20;
  args.sequence = address<int32_t>(0x60000000);
  args.offset = address<int32_t>(0x70000000);
  args.indices = address<int32_t>(0x80000000);
  args.indices_stride = 6;
  args.values = address<float>(0x90000000);
  args.values_stride = 7;
  args.num_queries = 300;
  args.num_columns = 1000;
  args.num_keys = 5000;
  args.k = 5;
  args.num_sequences = 150;
  args.max_blocks = 16;
  return args;
}

struct TopkKernelFixture : testing::Test {
  void SetUp() override { getFake() = FakeCudaState(); }
  void TearDown() override {
    mqa_kernel_destroy(kernel);
    mqa_bundle_destroy(bundle);
  }
  void loadKernel(const nlohmann::json &manifest) {
    bool isCpu = manifest["target"] == "cpu";
    mqa_kernel_destroy(kernel);
    mqa_bundle_destroy(bundle);
    kernel = nullptr;
    ASSERT_EQ(load(makeBundle(manifest, isCpu ? "object" : "ptx",
                              isCpu ? readFakeTask() : "// PTX"),
                   &bundle),
              MQA_SUCCESS)
        << mqa_last_error();
    ASSERT_EQ(mqa_kernel_load(bundle, nullptr, 0, &kernel), MQA_SUCCESS)
        << mqa_last_error();
    ASSERT_EQ(mqa_kernel_get_info(kernel, &info), MQA_SUCCESS);
  }
  void launch(const mqa_topk_args &args) {
    ASSERT_EQ(mqa_topk_launch(kernel, &args, nullptr), MQA_SUCCESS)
        << mqa_last_error();
  }
  template <typename Change>
  void expectInvalid(Change change, const std::string &message) {
    mqa_topk_args args = makeTopkArgs();
    size_t launches = getFake().launches.size();
    change(args);
    EXPECT_EQ(mqa_topk_launch(kernel, &args, nullptr),
              MQA_ERROR_INVALID_ARGUMENT)
        << message;
    EXPECT_EQ(std::string(mqa_last_error()), message);
    mqa_launch *launch = nullptr;
    EXPECT_EQ(mqa_topk_prepare(kernel, &args, &launch),
              MQA_ERROR_INVALID_ARGUMENT);
    EXPECT_EQ(launch, nullptr);
    EXPECT_EQ(getFake().launches.size(), launches);
  }
  /// What the driver got last: 32 bits of parameter `i`, or its address.
  uint32_t getNumber(size_t i) const {
    return static_cast<uint32_t>(getFake().launches.back().parameters[i]);
  }
  uint64_t getAddress(size_t i) const {
    return getFake().launches.back().parameters[i];
  }
  mqa_bundle *bundle = nullptr;
  mqa_kernel *kernel = nullptr;
  mqa_kernel_info info;
};

} // namespace mqa::test

#endif // MQA_TEST_RUNTIME_TOPKKERNELFIXTURE_H
