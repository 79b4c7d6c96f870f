//===- LogitsTopkKernelFixture.h - Kernels of both ops ----------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef MQA_TEST_RUNTIME_LOGITSTOPKKERNELFIXTURE_H
#define MQA_TEST_RUNTIME_LOGITSTOPKKERNELFIXTURE_H

#include "LogitsTopkManifest.h"
#include "TopkKernelFixture.h"

namespace mqa::test {

/// What is selected in all launches; scratch is as large as any needs.
inline mqa_topk_args makeSelectionArgs() {
  mqa_topk_args args = {};
  args.sequence = address<int32_t>(0x160000000);
  args.offset = address<int32_t>(0x170000000);
  args.indices = address<int32_t>(0x180000000);
  args.indices_stride = 6;
  args.values = address<float>(0x190000000);
  args.values_stride = 7;
  args.block_table = address<int32_t>(0x150000000);
  args.block_table_stride = 20;
  args.num_sequences = 100;
  args.max_blocks = 16;
  args.k = 5;
  args.scratch = address<void>(0x200000000);
  args.scratch_size = 1 << 20;
  // What is not looked at.
  args.num_queries = args.num_columns = args.num_keys = -1;
  args.logits_stride = args.context_lens_stride = -1;
  return args;
}

/// 300 queries and 4097 keys.
inline mqa_logits_args makeFusedLogitsArgs() {
  mqa_logits_args args = {};
  args.q = address<void>(0x10000000);
  args.q_stride = 8192;
  args.k = address<void>(0x20000000);
  args.k_stride = 128;
  args.k_scale = address<float>(0x30000000);
  args.k_scale_stride = 1;
  args.weights = address<void>(0x40000000);
  args.weights_stride = 64;
  args.ks = address<int32_t>(0x50000000);
  args.ke = address<int32_t>(0x60000000);
  // Not looked at.
  args.out_stride = args.max_seqlen_k = -1;
  args.num_queries = 300;
  args.num_keys = 4097;
  return args;
}

/// 150 sequences of two queries.
inline mqa_paged_logits_args makeFusedPagedArgs() {
  mqa_paged_logits_args args = {};
  args.q = address<void>(0x10000000);
  args.q_stride = 2 * 8192;
  args.k = address<void>(0x20000000);
  args.k_stride = 64 * 132;
  args.k_scale = address<float>(0x20000000 + 64 * 128);
  args.k_scale_stride = 64 * 132 / 4;
  args.weights = address<void>(0x40000000);
  args.weights_stride = 64;
  args.context_lens = address<int32_t>(0x50000000);
  args.context_lens_stride = 2;
  args.block_table = address<int32_t>(0x60000000);
  args.block_table_stride = 20;
  args.out_stride = -1;
  args.batch = 150;
  args.num_blocks = 100;
  args.max_blocks = 16;
  args.max_context_len = 1000;
  return args;
}

struct LogitsTopkKernelFixture : TopkKernelFixture {
  static mqa_status run(mqa_kernel *kernel, const mqa_logits_args *args,
                        const mqa_topk_args *selection) {
    return mqa_logits_topk_launch(kernel, args, selection, nullptr);
  }
  static mqa_status run(mqa_kernel *kernel, const mqa_paged_logits_args *args,
                        const mqa_topk_args *selection) {
    return mqa_paged_logits_topk_launch(kernel, args, selection, nullptr);
  }
  static mqa_status prepare(mqa_kernel *kernel, const mqa_logits_args *args,
                            const mqa_topk_args *selection,
                            mqa_launch **launch) {
    return mqa_logits_topk_prepare(kernel, args, selection, launch);
  }
  static mqa_status prepare(mqa_kernel *kernel,
                            const mqa_paged_logits_args *args,
                            const mqa_topk_args *selection,
                            mqa_launch **launch) {
    return mqa_paged_logits_topk_prepare(kernel, args, selection, launch);
  }
  template <typename Args>
  void launch(const Args &args,
              const mqa_topk_args &selection = makeSelectionArgs()) {
    ASSERT_EQ(run(kernel, &args, &selection), MQA_SUCCESS) << mqa_last_error();
  }
  template <typename Args, typename Change>
  void expectInvalidArgs(Args args, Change change, const std::string &message) {
    mqa_topk_args selection = makeSelectionArgs();
    size_t launches = getFake().launches.size();
    change(args, selection);
    EXPECT_EQ(run(kernel, &args, &selection), MQA_ERROR_INVALID_ARGUMENT)
        << message;
    EXPECT_EQ(std::string(mqa_last_error()), message);
    mqa_launch *launch = nullptr;
    EXPECT_EQ(prepare(kernel, &args, &selection, &launch),
              MQA_ERROR_INVALID_ARGUMENT);
    EXPECT_EQ(launch, nullptr);
    EXPECT_EQ(getFake().launches.size(), launches);
  }
  template <typename Change>
  void expectInvalid(Change change, const std::string &message) {
    expectInvalidArgs(makeFusedLogitsArgs(), change, message);
  }
  template <typename Change>
  void expectPagedInvalid(Change change, const std::string &message) {
    expectInvalidArgs(makeFusedPagedArgs(), change, message);
  }
  size_t getScratchSize(int64_t queries, int64_t columns = 4097) {
    size_t size = 1;
    EXPECT_EQ(mqa_topk_scratch_size(kernel, queries, columns, &size),
              MQA_SUCCESS)
        << mqa_last_error();
    return size;
  }
};

} // namespace mqa::test

#endif // MQA_TEST_RUNTIME_LOGITSTOPKKERNELFIXTURE_H
